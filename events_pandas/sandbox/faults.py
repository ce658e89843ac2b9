"""Faults that somebody chose: slow answers, failures, lost connections."""

import hashlib
import random
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from events_pandas import intercom

Fault: TypeAlias = int | Literal["drop_before", "drop_after"]
"""A status that is answered instead of storing, or a connection that closes before or after storing."""

_STATUSES: Final = range(400, 600)
_DROPS: Final = ("drop_before", "drop_after")
_DIGEST_BYTES: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What goes wrong in a sandbox, how often, and how slow it is.

    Parameters
    ----------
    latency_seconds : float, default 0.0
        How long an answer takes; half of it passes before the request is counted, half after it.
    jitter : float, default 0.0
        How far a latency strays, as a share of it: 0.5 means from half of it to one and a half.
    statuses : mapping of int to float, optional
        Statuses from 400 to 599 and the share of the submissions that is answered so, *before* anything is stored. A
        502 has a body in HTML and no rate-limit headers, a 429 comes while the window has room, a 401 has no
        rate-limit headers.
    drop_before : float, default 0.0
        The share of the submissions whose connection is closed before the event is stored.
    drop_after : float, default 0.0
        The share of the submissions whose connection is closed after the event was stored.
    seed : int, default 0
        Another seed strikes other submissions.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, the shares sum up to more than 1, a status is not from 400 to 599, or the
        latency is negative.

    Notes
    -----
    Which submission fails follows from the seed, the bytes of its body and the number of the attempt, and not from the
    order of arrival: the same rows fail in the same way in every run, however many threads send them.

    Examples
    --------
    >>> Faults(statuses={500: 0.05, 429: 0.05}, drop_after=0.01).drop_after
    0.01
    >>> Faults(drop_before=1.2)
    Traceback (most recent call last):
        ...
    ValueError: drop_before must be a share between 0 and 1, not 1.2
    """

    latency_seconds: float = 0.0
    jitter: float = 0.0
    statuses: Mapping[int, float] = field(default_factory=dict)
    drop_before: float = 0.0
    drop_after: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.latency_seconds < 0:
            raise ValueError(f"latency_seconds must not be negative, and is {self.latency_seconds}")
        for status in self.statuses:
            _check_status(status)
        shares = {f"statuses[{status}]": share for status, share in self.statuses.items()}
        shares |= {"drop_before": self.drop_before, "drop_after": self.drop_after}
        for name, share in {"jitter": self.jitter, **shares}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be a share between 0 and 1, not {share}")
        if sum(shares.values()) > 1:
            raise ValueError(
                f"the shares of {', '.join(shares)} sum up to {sum(shares.values()):g}, at most 1 is possible"
            )


class FaultPlan:
    """Decide what happens to each request.

    Parameters
    ----------
    faults : Faults
        What is wished for.

    Notes
    -----
    Faults by share strike submissions only; faults that were asked for one by one (`fail_next`) come first. `fail_next`
    may be called from any thread, the rest from the server's.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._edges = _edges(faults)
        self._attempts: Counter[bytes] = Counter()
        self._jitter = random.Random(faults.seed)  # noqa: S311  # No secret: the sequence has to repeat.
        # Deques, since both ends are safe to use from different threads.
        self._scripted: Mapping[str, deque[Fault]] = {intercom.EVENTS_PATH: deque(), intercom.ME_PATH: deque()}

    def fail_next(self, fault: Fault, *, times: int, path: str) -> None:
        """Let the next requests to a path fail.

        Parameters
        ----------
        fault : int, "drop_before" or "drop_after"
            The status to answer, or when to close the connection.
        times : int
            How many requests fail.
        path : {"/events", "/me"}
            Where.

        Raises
        ------
        ValueError
            If there is no such fault or path, or `times` is less than 1.
        """
        if fault not in _DROPS:
            _check_status(fault)
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        if path not in self._scripted:
            raise ValueError(f"no path {path!r}: faults are possible at {' and '.join(self._scripted)}")
        self._scripted[path].extend([fault] * times)

    def next_fault(self, path: str, body: bytes) -> Fault | None:
        """Return what is to go wrong with a request.

        Parameters
        ----------
        path : {"/events", "/me"}
            Where the request goes.
        body : bytes
            Its body.

        Returns
        -------
        int, "drop_before", "drop_after" or None
            The fault; None when all goes well.
        """
        if self._scripted[path]:
            return self._scripted[path].popleft()
        if path != intercom.EVENTS_PATH or not self._edges:
            return None
        draw = self._draw(body)
        return next((fault for edge, fault in self._edges if draw < edge), None)

    def latency_seconds(self) -> float:
        """Return how long the next answer takes.

        Returns
        -------
        float
            Seconds: the latency, and its jitter.
        """
        if not self._faults.jitter:
            return self._faults.latency_seconds
        return self._faults.latency_seconds * (1 + self._faults.jitter * self._jitter.uniform(-1, 1))

    def _draw(self, body: bytes) -> float:
        # Bodies of any length are counted by eight bytes: a collision would merely count an attempt too many.
        key = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
        self._attempts[key] += 1
        turn = f"{self._faults.seed}/{self._attempts[key]}".encode()
        digest = hashlib.blake2b(key, digest_size=_DIGEST_BYTES, key=turn).digest()
        return int.from_bytes(digest) / 256**_DIGEST_BYTES


def _check_status(status: object) -> None:
    if not isinstance(status, int) or status not in _STATUSES:
        raise ValueError(f"a fault is a status from 400 to 599, 'drop_before' or 'drop_after', not {status!r}")


def _edges(faults: Faults) -> list[tuple[float, Fault]]:
    """Return each fault with the end of its part of the line from 0 to 1."""
    shares: list[tuple[Fault, float]] = [*faults.statuses.items()]
    shares += [("drop_before", faults.drop_before), ("drop_after", faults.drop_after)]
    edges: list[tuple[float, Fault]] = []
    edge = 0.0
    for fault, share in shares:
        if share:
            edge += share
            edges.append((edge, fault))
    return edges
