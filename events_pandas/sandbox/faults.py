"""Chosen faults: what may go wrong in a sandbox, and the plan that says which request fails."""

import hashlib
import itertools
import math
import random
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NoReturn, TypeAlias, get_args

from events_pandas import intercom
from events_pandas.sandbox_settings import FAULT_SETTINGS, SHARE, STATUS, checked

FaultName: TypeAlias = Literal[
    "drop_before", "drop_after", "lose", "garbage", "trickle_body", "trickle_headers", "no_answer"
]
"""Ways in which an answer does not arrive, is hard to read, or promises too much."""

Fault: TypeAlias = int | FaultName
"""A status that is answered instead of storing the event, or another way in which an answer goes wrong."""

FAULT_NAMES: Final[tuple[FaultName, ...]] = get_args(FaultName)
SUBMIT: Final = ("POST", intercom.EVENTS_PATH)

_FAULT: Final = replace(STATUS, must_be=f"a status from 400 to 599 or one of {', '.join(FAULT_NAMES)}")
_DIGEST_BYTES: Final = 8
_GARBAGE_BYTES: Final = 64
# Neither UTF-8 nor a byte order mark begins with it.
_INVALID_START: Final = b"\x80"


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What goes wrong in a sandbox, how often, and how slow it is.

    Parameters
    ----------
    latency_seconds : float, default 0.0
        How long an answer takes. Half of it passes before the request is counted, half after it.
    jitter : float, default 0.0
        How far a latency varies, as a share of it: 0.5 means from half of it to one and a half times.
    statuses : mapping of int to float, optional
        Statuses from 400 to 599, each with the share of the submissions that is answered with it, *before* anything is
        stored. A 502 has a body in HTML and no rate-limit headers, a 429 comes while the window has room, a 401 has no
        rate-limit headers.
    drop_before : float, default 0.0
        The share of the submissions whose connection is closed before the event is stored.
    drop_after : float, default 0.0
        The share of the submissions whose connection is closed after the event was stored.
    lose : float, default 0.0
        The share of the submissions that are judged and answered with the right status, but whose event is not stored:
        an event is lost although it was answered 202. `verify` finds out.
    garbage : float, default 0.0
        The share of the submissions that are judged and answered with the right status, but with a body of random
        bytes: the header says JSON, the body is not.
    trickle_body : float, default 0.0
        The share of the submissions that are judged and answered with the headers at once, and then the body byte by
        byte. An empty body is replaced by white space.
    trickle_headers : float, default 0.0
        The share of the submissions that are judged and answered byte by byte, from the status line on.
    no_answer : float, default 0.0
        The share of the submissions that are judged and not answered: the connection stays open.
    trickle_seconds : float, default 1.0
        The pause before each byte of a trickling answer.
    outage_after_seconds : float, default 0.0
        When an outage begins, counted from the moment that the faults are set, or that the sandbox starts with them.
    outage_seconds : float, default 0.0
        How long the outage lasts: every request is answered 503.
    clock_skew_seconds : float, default 0.0
        How far the server's clock is ahead; a negative number sets it back. Dates, windows and resets follow it.
    search_lag_seconds : float, default 0.0
        How long ``POST /contacts/search`` does not show a contact that was made while the sandbox runs.
    rate_headers : bool, default True
        False leaves out the rate-limit headers, as some proxies do.
    token_revoked : bool, default False
        Whether the access token is answered 401 ``token_revoked``.
    seed : int, default 0
        Another seed chooses other submissions.

    Raises
    ------
    ValueError
        If a value makes no sense: a share that is not between 0 and 1, shares whose sum is over 1, a status that is not
        from 400 to 599, a negative time.

    Notes
    -----
    Which submission fails follows from the seed, the bytes of its body and the number of the attempt, and not from the
    order of arrival: the same rows fail in the same way in every run, however many threads send them. Attempts are
    counted from the moment that the faults are set.

    Shares concern submissions (``POST /events``) only. Latency, an outage, the clock, missing headers and a revoked
    token concern every request; `Sandbox.fail_next` makes requests to any path fail.

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
    lose: float = 0.0
    garbage: float = 0.0
    trickle_body: float = 0.0
    trickle_headers: float = 0.0
    no_answer: float = 0.0
    trickle_seconds: float = 1.0
    outage_after_seconds: float = 0.0
    outage_seconds: float = 0.0
    clock_skew_seconds: float = 0.0
    search_lag_seconds: float = 0.0
    rate_headers: bool = True
    token_revoked: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in FAULT_SETTINGS:
            object.__setattr__(self, name, checked(name, getattr(self, name)))
        statuses = {STATUS.checked("statuses", status): share for status, share in self.statuses.items()}
        statuses = {status: SHARE.checked(f"statuses[{status}]", share) for status, share in statuses.items()}
        object.__setattr__(self, "statuses", _ReadOnlyDict(statuses))
        # The exact sum: 0.1, 0.1, 0.1 and 0.7 make 1.
        total = math.fsum(share for _, share in self.shares)
        if total > 1:
            names = (f"statuses[{fault}]" if isinstance(fault, int) else fault for fault, share in self.shares if share)
            raise ValueError(f"the shares of {', '.join(names)} sum up to {total:g}: at most 1 is allowed")

    @property
    def shares(self) -> list[tuple[Fault, float]]:
        """Return the share of the submissions that each fault has.

        Returns
        -------
        list of tuple
            The fault and its share, which may be 0.
        """
        return [*self.statuses.items(), *((name, getattr(self, name)) for name in FAULT_NAMES)]


@dataclass(frozen=True, kw_only=True, slots=True)
class NextFault:
    """A fault for the next requests to one path, as `fail_next` takes it.

    A status from 400 to 599, or the name of a share of `Faults`. Raises ValueError for another fault, for `times`
    below 1, and for ``"lose"`` at a path that takes no events.
    """

    fault: Fault
    times: int = 1
    path: str = intercom.EVENTS_PATH

    def __post_init__(self) -> None:
        if self.fault not in FAULT_NAMES:
            object.__setattr__(self, "fault", _FAULT.checked("fault", self.fault))
        object.__setattr__(self, "times", checked("times", self.times))
        if self.fault == "lose" and self.path != intercom.EVENTS_PATH:
            raise ValueError(
                f"fault lose is for the path {intercom.EVENTS_PATH}, not for {self.path}: only events are lost"
            )


def checked_faults(faults: object) -> Faults:
    """Return the faults; raise TypeError for anything but `Faults`, such as a dict."""
    if not isinstance(faults, Faults):
        raise TypeError(f"faults must be Faults, such as Faults(latency_seconds=0.1), not {faults!r}")
    return faults


class FaultPlan:
    """Decide what goes wrong with each request.

    Only submissions have faults by share. Faults that `fail_next` asked for come first.
    """

    # Any thread may set faults and ask for them; the server's thread asks which request fails. Every `now` is the
    # time by a clock that is never set.

    def __init__(self, faults: Faults, *, now: float) -> None:
        # One reference: another thread sees either all the old faults or all the new ones.
        self._active = _ActiveFaults(faults, outage_from=now)
        # Deques: different threads may use both ends.
        self._next: dict[str, deque[NextFault]] = {}

    @property
    def faults(self) -> Faults:
        """The faults that were set last."""
        return self._active.faults

    def set_faults(self, faults: Faults, *, outage_from: float | None = None) -> None:
        """Replace all faults. An outage is counted from `outage_from`; by default from the same time as before."""
        since = self._active.outage_from if outage_from is None else outage_from
        self._active = _ActiveFaults(faults, outage_from=since)

    def fail_next(self, fault: NextFault) -> None:
        """Make the next requests to a path fail."""
        self._next.setdefault(fault.path, deque()).append(fault)

    def pending(self) -> list[NextFault]:
        """Return the faults of `fail_next` still to come, with the times left; for each path in their order."""
        # Copies: other threads may add faults meanwhile.
        return [fault for queue in list(self._next.values()) for fault in list(queue)]

    def forget_next(self) -> None:
        """Take back the faults of `fail_next`."""
        # A new dictionary rather than an emptied one: the server's thread may be using the old one.
        self._next = {}

    def is_outage(self, now: float) -> bool:
        """Return whether every request is answered 503 now."""
        active = self._active
        begin = active.outage_from + active.faults.outage_after_seconds
        return begin <= now < begin + active.faults.outage_seconds

    def next_fault(self, method: str, path: str, body: bytes) -> Fault | None:
        """Return the fault of a request, or None."""
        fault = self._take_next(path)
        if fault is None and (method, path) == SUBMIT:
            return self._active.draw(body)
        return fault

    def server_time(self, now: float) -> float:
        """Return the server's time for a time in Unix seconds: the skew of the clock is added."""
        return now + self._active.faults.clock_skew_seconds

    def latency_seconds(self) -> float:
        """Return how long the next answer takes: the latency with its jitter."""
        active = self._active
        if not active.faults.jitter:
            return active.faults.latency_seconds
        return active.faults.latency_seconds * (1 + active.faults.jitter * active.jitter.uniform(-1, 1))

    def garbage(self, body: bytes) -> bytes:
        """Return a body that is not JSON. It is the same for the same seed and the same body of the request."""
        chance = random.Random(f"{self._active.faults.seed}/{_digest(body).hex()}")  # noqa: S311  # It has to repeat.
        return _INVALID_START + chance.randbytes(_GARBAGE_BYTES - len(_INVALID_START))

    def _take_next(self, path: str) -> Fault | None:
        queue = self._next.get(path)
        if not queue:
            return None
        first = queue[0]
        if first.times > 1:
            queue[0] = replace(first, times=first.times - 1)
        else:
            queue.popleft()
        return first.fault


class _ActiveFaults:
    """The faults in force, with the attempts counted since they were set."""

    def __init__(self, faults: Faults, *, outage_from: float) -> None:
        self.faults = faults
        self.outage_from = outage_from
        self.jitter = random.Random(faults.seed)  # noqa: S311  # It has to repeat.
        self._chosen = [(fault, share) for fault, share in faults.shares if share]
        # Each fault has a part of the line from 0 to 1.
        self._ends = list(itertools.accumulate(share for _, share in self._chosen))
        self._attempts: Counter[bytes] = Counter()

    def draw(self, body: bytes) -> Fault | None:
        if not self._chosen:
            return None
        # Eight bytes stand for a body of any length: a collision only counts an attempt too many.
        key = _digest(body)
        self._attempts[key] += 1
        turn = f"{self.faults.seed}/{self._attempts[key]}".encode()
        digest = hashlib.blake2b(key, digest_size=_DIGEST_BYTES, key=turn).digest()
        place = int.from_bytes(digest) / 256**_DIGEST_BYTES
        return next((fault for end, (fault, _) in zip(self._ends, self._chosen, strict=True) if place < end), None)


class _ReadOnlyDict(dict[int, float]):
    """Statuses that nobody can change after they were checked.

    Not a MappingProxyType: `dataclasses.asdict`, `copy.deepcopy` and pickle refuse one.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[type[Mapping[int, float]], tuple[dict[int, float]]]:
        # With all items at once: a copy cannot be filled key by key.
        return type(self), (dict(self),)

    def _refuse(self, *_arguments: object, **_options: object) -> NoReturn:
        raise TypeError("the statuses of Faults cannot be changed: use dataclasses.replace")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
