"""Who is struck by the faults that somebody chose."""

import hashlib
import itertools
import operator
import random
import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from events_pandas import intercom
from events_pandas.sandbox.faults import Fault, Faults, NextFault

_SUBMIT: Final = ("POST", intercom.EVENTS_PATH)
_DIGEST_BYTES: Final = 8
_GARBAGE_BYTES: Final = 64
# No text in UTF-8 begins so, and no byte order mark either.
_NO_TEXT: Final = b"\x80"


class FaultPlan:
    """Decide what happens to each request.

    Parameters
    ----------
    faults : Faults
        What is wished for.
    now : float
        The time, by a clock that is never set.

    Notes
    -----
    Faults by share strike submissions only; faults that were asked for one by one (`fail_next`) come first. Faults may
    be set and asked for from any thread; the server's asks who is struck.
    """

    def __init__(self, faults: Faults, *, now: float) -> None:
        # One reference, so that another thread sees all of the old faults or all of the new ones.
        self._state = _State(faults=faults, outage_from=now)
        # Deques, since both ends are safe to use from different threads.
        self._next: dict[str, deque[tuple[NextFault, Iterator[Fault]]]] = {}

    @property
    def faults(self) -> Faults:
        """Return what is wished for at present.

        Returns
        -------
        Faults
            As it was set last.
        """
        return self._state.faults

    def set_faults(self, faults: Faults, *, outage_from: float | None = None) -> None:
        """Wish for other faults from now on.

        Parameters
        ----------
        faults : Faults
            All of them, the old ones included that are to stay.
        outage_from : float, optional
            The time from which an outage is counted; by default as before.
        """
        since = self._state.outage_from if outage_from is None else outage_from
        self._state = _State(faults=faults, outage_from=since)

    def fail_next(self, fault: NextFault) -> None:
        """Let the next requests to a path fail.

        Parameters
        ----------
        fault : NextFault
            What, how often, and where.
        """
        times = min(fault.times, sys.maxsize)
        self._next.setdefault(fault.path, deque()).append((fault, itertools.repeat(fault.fault, times)))

    def pending(self) -> list[NextFault]:
        """Return what was asked for one by one and has not happened yet.

        Returns
        -------
        list of NextFault
            With the times that are left; at each path in the order in which they come.
        """
        # Copies, since other threads may ask for more meanwhile.
        waiting = [entry for queue in list(self._next.values()) for entry in list(queue)]
        return [replace(fault, times=times) for fault, turns in waiting if (times := operator.length_hint(turns))]

    def forget_next(self) -> None:
        """Take back what was asked for one by one."""
        # Another dictionary instead of an empty one: the server's thread may be at the old one.
        self._next = {}

    def is_out(self, now: float) -> bool:
        """Return whether there is an outage.

        Parameters
        ----------
        now : float
            The time, by the clock of the constructor.

        Returns
        -------
        bool
            True while every request is answered 503.
        """
        state = self._state
        begin = state.outage_from + state.faults.outage_after_seconds
        return begin <= now < begin + state.faults.outage_seconds

    def next_fault(self, method: str, path: str, body: bytes) -> Fault | None:
        """Return what is to go wrong with a request.

        Parameters
        ----------
        method : str
            How the request is made.
        path : str
            Where it goes.
        body : bytes
            Its body.

        Returns
        -------
        int, str or None
            The fault; None when all goes well.
        """
        fault = self._asked_for(path)
        if fault is None and (method, path) == _SUBMIT:
            return self._state.draw(body)
        return fault

    def server_time(self, now: float) -> float:
        """Return what the server takes the time to be.

        Parameters
        ----------
        now : float
            The time, in Unix seconds.

        Returns
        -------
        float
            Seconds: the time, and the skew of the clock.
        """
        return now + self._state.faults.clock_skew_seconds

    def latency_seconds(self) -> float:
        """Return how long the next answer takes.

        Returns
        -------
        float
            Seconds: the latency, and its jitter.
        """
        state = self._state
        if not state.faults.jitter:
            return state.faults.latency_seconds
        return state.faults.latency_seconds * (1 + state.faults.jitter * state.jitter.uniform(-1, 1))

    def garbage(self, body: bytes) -> bytes:
        """Return a body that is no JSON.

        Parameters
        ----------
        body : bytes
            The body of the request.

        Returns
        -------
        bytes
            The same for the same seed and request.
        """
        chance = random.Random(f"{self._state.faults.seed}/{_digest(body).hex()}")  # noqa: S311  # It has to repeat.
        return _NO_TEXT + chance.randbytes(_GARBAGE_BYTES - len(_NO_TEXT))

    def _asked_for(self, path: str) -> Fault | None:
        queue = self._next.get(path)
        while queue:
            _, turns = queue[0]
            fault = next(turns, None)
            if fault is not None:
                return fault
            queue.popleft()
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """Faults, and what was drawn of them so far."""

    faults: Faults
    outage_from: float
    edges: list[tuple[float, Fault]] = field(init=False)
    attempts: Counter[bytes] = field(default_factory=Counter)
    jitter: random.Random = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", _edges(self.faults))
        object.__setattr__(self, "jitter", random.Random(self.faults.seed))  # noqa: S311  # It has to repeat.

    def draw(self, body: bytes) -> Fault | None:
        if not self.edges:
            return None
        # Bodies of any length are counted by eight bytes: a collision would merely count an attempt too many.
        key = _digest(body)
        self.attempts[key] += 1
        turn = f"{self.faults.seed}/{self.attempts[key]}".encode()
        digest = hashlib.blake2b(key, digest_size=_DIGEST_BYTES, key=turn).digest()
        place = int.from_bytes(digest) / 256**_DIGEST_BYTES
        return next((fault for edge, fault in self.edges if place < edge), None)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def _edges(faults: Faults) -> list[tuple[float, Fault]]:
    """Return each fault with the end of its part of the line from 0 to 1."""
    struck = [(fault, share) for fault, share in faults.shares if share]
    ends = itertools.accumulate(share for _, share in struck)
    return [(end, fault) for end, (fault, _) in zip(ends, struck, strict=True)]
