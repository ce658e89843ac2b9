"""The tally of a run: what is counted as it comes, and what follows from it when somebody looks."""

import datetime as dt
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from events_pandas.deliver.clock import Surroundings
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.pace.state import Pause, Standing, Window
from events_pandas.deliver.progress.facts import Progress
from events_pandas.deliver.progress.forecast import Forecast, forecast

SPEED_SECONDS: Final = 10.0
"""The time over which the present speed is measured: a window's, so that what happens within one evens out."""
LEAST_SPEED_SECONDS: Final = 2.0
"""What is measured over less says little of the speed."""
LEAST_PAUSE_SECONDS: Final = 1.0
"""A shorter pause for the rate limit is part of the pace, and one for the first answer is usual."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sample:
    """What a look at the run found."""

    at: float
    done: int
    left_share: float


class Tally:
    """Counts what becomes of rows.

    Parameters
    ----------
    total : int or None
        Rows to come, if that is known.
    surroundings : Surroundings
        The clocks.
    """

    def __init__(self, total: int | None, surroundings: Surroundings) -> None:
        self._total = total
        self._clock = surroundings.clock
        self._unix_time = surroundings.unix_time
        self._began_at = surroundings.clock()
        self._standing: Callable[[], Standing] | None = None
        self._rows = 0
        self._counts = dict.fromkeys(Status, 0)
        self._was_stopped = False
        self._samples: deque[_Sample] = deque()
        self._first_window_ends_at: float | None = None

    def watch(self, standing: Callable[[], Standing]) -> None:
        """Take the facts of delivery from a run.

        Parameters
        ----------
        standing : callable
            Says where the run stands.
        """
        self._standing = standing

    def count(self, outcome: Outcome) -> None:
        """Count one event.

        Parameters
        ----------
        outcome : Outcome
            What became of it.
        """
        if outcome.status is Status.NOT_SUBMITTED:
            # What a run that has ended leaves over is no progress, and not all of it is told.
            self._was_stopped = True
            return
        self._rows += 1
        self._counts[outcome.status] += 1

    def advance(self, n: int) -> None:
        """Count rows of which nothing more is to be said.

        Parameters
        ----------
        n : int
            How many.
        """
        self._rows += n

    def look(self, *, is_final: bool = False) -> Progress:
        """Say how far the work has come.

        Parameters
        ----------
        is_final : bool, default False
            Whether it is over.

        Returns
        -------
        Progress
            The facts of this moment.
        """
        now = self._clock()
        standing = Standing() if self._standing is None else self._standing()
        pause = None if standing.pause is None or _is_brief(standing.pause) else standing.pause
        self._sample(now, standing.window, is_paused=pause is not None)
        speed = None if self._was_stopped else self._per_second()
        ahead = Forecast() if is_final or self._was_stopped or pause else self._forecast(standing, speed)
        # Counted at every look, shown or not: the first window is the first that any answer showed.
        number = None if standing.window is None else self._window_number(now, standing.window)
        at = dt.datetime.fromtimestamp(self._unix_time(), dt.UTC)
        return Progress(
            rows=self._rows,
            total=self._total,
            counts={status.value: n for status, n in self._counts.items() if n},
            at=at,
            elapsed_seconds=now - self._began_at,
            events_per_second=speed,
            window=standing.window if ahead.is_paced else None,
            window_number=number if ahead.is_paced else None,
            windows=None if number is None or ahead.windows_to_come is None else number + ahead.windows_to_come,
            done_at=at if is_final else _later(at, ahead.seconds),
            pause=None if is_final or self._was_stopped else pause,
            in_flight=standing.in_flight,
            ended_early=self._was_stopped or (is_final and self._rows < (self._total or 0)),
            is_final=is_final,
        )

    def _sample(self, now: float, window: Window | None, *, is_paused: bool) -> None:
        # Rows that are not sent come by the thousand, and say nothing of the speed of delivery.
        done = self._rows if self._standing is None else sum(self._counts.values())
        left_share = 1.0 if window is None else window.left / window.limit
        if is_paused or not done:
            # Neither what came before a pause nor the wait for the first answer belongs to the present speed.
            self._samples.clear()
        self._samples.append(_Sample(at=now, done=done, left_share=left_share))
        while len(self._samples) > 1 and self._samples[1].at <= now - SPEED_SECONDS:
            self._samples.popleft()

    def _per_second(self) -> float | None:
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        return (last.done - first.done) / seconds if seconds >= LEAST_SPEED_SECONDS else None

    def _forecast(self, standing: Standing, speed: float | None) -> Forecast:
        left = None if self._total is None else max(self._total - self._rows - standing.in_flight, 0)
        least = min(sample.left_share for sample in self._samples)
        return forecast(left, window=standing.window, per_second=speed, least_left_share=least)

    def _window_number(self, now: float, window: Window) -> int:
        ends_at = now + window.ends_in_seconds
        if self._first_window_ends_at is None:
            self._first_window_ends_at = ends_at
        # Rounded, since what is known of the server's clock grows more exact as answers come.
        return max(1 + round((ends_at - self._first_window_ends_at) / window.seconds), 1)


def _is_brief(pause: Pause) -> bool:
    is_usual = pause.reason in ("preflight", "rate_limit")
    return is_usual and pause.since_seconds + pause.next_in_seconds < LEAST_PAUSE_SECONDS


def _later(at: dt.datetime, seconds: float | None) -> dt.datetime | None:
    if seconds is None:
        return None
    try:
        return at + dt.timedelta(seconds=seconds)
    except OverflowError:
        # At next to no speed the end lies beyond the calendar's.
        return None
