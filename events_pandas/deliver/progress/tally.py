"""The tally of a run: what is counted as it comes, and what follows from it.

That is the speed, the windows and the end of the run.
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from events_pandas.deliver.clock import Clock
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.pace.state import Pause, RunState, Window, count_windows, duration_seconds

LEAST_PACE_SHARE: Final = 0.8
"""From this part of the limit's pace on, the limit decides: a run that it bounds uses nearly all of it."""
SPENT_SHARE: Final = 0.2
"""A window with no more than this left at its end was used up, by this run or also by others."""
REACHABLE_PER_SECOND: Final = 2_000.0
"""More requests a second than a run can make. A limit above that does not decide."""
SPEED_SECONDS: Final = 10.0
"""The present speed is measured over the length of a window, so that changes within a window even out."""
LEAST_SPEED_SECONDS: Final = 2.0
"""A shorter measurement says little about the speed."""
LEAST_PAUSE_SECONDS: Final = 1.0
"""A shorter pause for the rate limit is part of the pace, and for the first answer it is usual."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run has come.

    Parameters
    ----------
    rows : int
        Rows that are finished, also rows that are not sent. Rows that are ``not_submitted`` are not counted, as the
        run ended before their turn.
    total : int or None
        Rows of the whole run; None if that is not known, as in a stream.
    counts : mapping of str to int
        Events by status, such as ``{"accepted": 990, "rejected": 10}``. Rows that are not sent are not counted, nor are
        those that are ``not_submitted``: the results count them.
    at : datetime.datetime
        The time of this progress, in UTC.
    elapsed_seconds : float
        Since the run began.
    events_per_second : float or None
        The rate of the last ten seconds; None in the first two of a run, and while it is paused.
    window : Window or None
        The current window of the rate limit: ``limit``, ``left``, ``ends_in_seconds`` and ``seconds``. None where the
        limit is not known, or does not decide the pace.
    window_number : int or None
        The number of the current window in this run, from 1; None without a window.
    windows : int or None
        How many windows the run takes in all; None without a window or a total.
    done_at : datetime.datetime or None
        When the last request leaves, in UTC: computed from the limit and its reset where the limit decides the pace,
        otherwise from the rate. None if that is not known, and while the run is paused.
    pause : Pause or None
        Why nothing is sent: ``reason`` (``"preflight"``, ``"other_run"``, ``"outage"``, ``"rate_limit"`` or
        ``"stopping"``),
        ``since_seconds``, ``next_in_seconds`` and ``gives_up_in_seconds``.
    in_flight : int
        Requests that are under way.
    ended_early : bool
        Whether the run has ended before all of its rows were done.
    is_final : bool
        Whether this is the last progress of the run, however it ended.

    Examples
    --------
    >>> import pandas as pd
    >>> import events_pandas as ep
    >>> def show(progress):
    ...     if progress.is_final:
    ...         print(progress.rows, dict(progress.counts))
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client(), progress=show)
    2 {'accepted': 2}
    """

    rows: int
    total: int | None
    counts: Mapping[str, int] = field(default_factory=dict)
    at: dt.datetime
    elapsed_seconds: float
    events_per_second: float | None = None
    window: Window | None = None
    window_number: int | None = None
    windows: int | None = None
    done_at: dt.datetime | None = None
    pause: Pause | None = None
    in_flight: int = 0
    ended_early: bool = False
    is_final: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """When a run ends, and what decides that."""

    # Until the last request leaves; None if that is not known.
    seconds: float | None = None
    # Whether the rate limit decides the pace.
    is_paced: bool = False
    # Windows after the current one; None where the limit does not decide, or the end is not known.
    windows_to_come: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sample:
    """What a look at the run found."""

    at: float
    done: int
    left_share: float


class Tally:
    """Counts what becomes of rows."""

    def __init__(self, total: int | None, clock: Clock) -> None:
        self._total = total
        self._clock = clock
        self._began_at = clock.monotonic()
        self._read_state: Callable[[], RunState] | None = None
        self._rows = 0
        self._counts = dict.fromkeys(Status, 0)
        self._was_stopped = False
        self._samples: deque[_Sample] = deque()
        self._first_window_ends_at: float | None = None

    def watch(self, read_state: Callable[[], RunState]) -> None:
        """Read the state of a run at every look."""
        self._read_state = read_state

    def count(self, outcome: Outcome) -> None:
        """Count one event by its outcome."""
        if outcome.status is Status.NOT_SUBMITTED:
            # Rows that an ended run leaves over are not progress, and not all of them come.
            self._was_stopped = True
            return
        self._rows += 1
        self._counts[outcome.status] += 1

    def advance(self, n: int) -> None:
        """Count rows that are not sent."""
        self._rows += n

    def expect(self, total: int) -> None:
        """Set the rows of the whole run, of which more may have become known."""
        self._total = total

    def look(self, *, is_final: bool = False) -> Progress:
        """Return the progress at this moment."""
        now = self._clock.monotonic()
        state = RunState() if self._read_state is None else self._read_state()
        pause = None if state.pause is None or _is_brief(state.pause) else state.pause
        self._sample(now, state.window, is_paused=pause is not None)
        speed = None if self._was_stopped else self._per_second()
        ahead = Forecast() if is_final or self._was_stopped or pause else self._forecast(state, speed)
        # Counted at every look, shown or not, as the first window is the first that any answer showed.
        number = None if state.window is None else self._window_number(now, state.window)
        at = dt.datetime.fromtimestamp(self._clock.unix_time(), dt.UTC)
        return Progress(
            rows=self._rows,
            total=self._total,
            counts={status.value: n for status, n in self._counts.items() if n},
            at=at,
            elapsed_seconds=now - self._began_at,
            events_per_second=speed,
            window=state.window if ahead.is_paced else None,
            window_number=number if ahead.is_paced else None,
            windows=None if number is None or ahead.windows_to_come is None else number + ahead.windows_to_come,
            done_at=at if is_final else _later(at, ahead.seconds),
            pause=None if is_final or self._was_stopped else pause,
            in_flight=state.in_flight,
            ended_early=self._was_stopped or (is_final and self._rows < (self._total or 0)),
            is_final=is_final,
        )

    def _sample(self, now: float, window: Window | None, *, is_paused: bool) -> None:
        # Rows that are not sent come by the thousand, and say nothing about the speed of delivery.
        done = self._rows if self._read_state is None else sum(self._counts.values())
        left_share = 1.0 if window is None else window.left / window.limit
        if is_paused or not done:
            # The time before a pause, and the wait for the first answer, do not belong to the present speed.
            self._samples.clear()
        self._samples.append(_Sample(at=now, done=done, left_share=left_share))
        while len(self._samples) > 1 and self._samples[1].at <= now - SPEED_SECONDS:
            self._samples.popleft()

    def _per_second(self) -> float | None:
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        return (last.done - first.done) / seconds if seconds >= LEAST_SPEED_SECONDS else None

    def _forecast(self, state: RunState, speed: float | None) -> Forecast:
        left = None if self._total is None else max(self._total - self._rows - state.in_flight, 0)
        least = min(sample.left_share for sample in self._samples)
        return forecast(left, window=state.window, per_second=speed, least_left_share=least)

    def _window_number(self, now: float, window: Window) -> int:
        ends_at = now + window.ends_in_seconds
        if self._first_window_ends_at is None:
            self._first_window_ends_at = ends_at
        # Rounded, as the bounds on the server's clock grow more exact with the answers.
        return max(1 + round((ends_at - self._first_window_ends_at) / window.seconds), 1)


def forecast(
    requests: int | None, *, window: Window | None, per_second: float | None, least_left_share: float = 1.0
) -> Forecast:
    """Return when a run ends.

    It ends by the limit if it is about as fast as the limit allows, else by the later of the times that limit and speed
    give. `least_left_share` is the smallest part of a window that was left in the last ten seconds.
    """
    by_speed = requests / per_second if requests is not None and per_second else None
    if window is None:
        return Forecast(seconds=by_speed)
    is_at_pace = _is_at_pace(window, per_second)
    is_paced = is_at_pace or (per_second is not None and least_left_share <= SPENT_SHARE)
    if requests is None:
        return Forecast(is_paced=is_paced)
    by_limit = duration_seconds(
        requests,
        limit=window.limit,
        remaining=window.left,
        seconds_left=window.ends_in_seconds,
        window_seconds=window.seconds,
    )
    if is_at_pace:
        seconds: float | None = by_limit
    else:
        seconds = None if by_speed is None else max(by_limit, by_speed)
    to_come = count_windows(seconds, window=window) if is_paced and seconds is not None else None
    return Forecast(seconds=seconds, is_paced=is_paced, windows_to_come=to_come)


def _is_at_pace(window: Window, per_second: float | None) -> bool:
    """Return whether a run is about as fast as the limit allows.

    If its speed is not known, return whether it can be.
    """
    pace = window.limit / window.seconds
    return pace <= REACHABLE_PER_SECOND if per_second is None else per_second >= LEAST_PACE_SHARE * pace


def _is_brief(pause: Pause) -> bool:
    is_usual = pause.reason in ("preflight", "rate_limit")
    return is_usual and pause.since_seconds + pause.next_in_seconds < LEAST_PAUSE_SECONDS


def _later(at: dt.datetime, seconds: float | None) -> dt.datetime | None:
    if seconds is None:
        return None
    try:
        return at + dt.timedelta(seconds=seconds)
    except OverflowError:
        # At next to no speed the end lies beyond the calendar.
        return None
