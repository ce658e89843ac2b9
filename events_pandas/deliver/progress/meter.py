"""The meter: counts every event, and shows the facts a few times a second at most."""

import math
from collections.abc import Callable

from events_pandas.deliver.clock import REAL_SURROUNDINGS, Surroundings
from events_pandas.deliver.outcomes import Outcome
from events_pandas.deliver.pace.state import Standing
from events_pandas.deliver.progress.facts import Progress
from events_pandas.deliver.progress.tally import Tally


class Meter:
    """Shows how far the work has come.

    Parameters
    ----------
    show : callable
        Is given the facts.
    total : int or None
        Rows to come, if that is known.
    interval_seconds : float
        The time between two showings, at least.
    delay_seconds : float, default 0.0
        Nothing is shown before this time.
    say : callable, optional
        Is given lines of text; by default they are dropped.
    surroundings : Surroundings, optional
        The clocks.
    """

    def __init__(
        self,
        show: Callable[[Progress], object],
        *,
        total: int | None,
        interval_seconds: float,
        delay_seconds: float = 0.0,
        say: Callable[[str], object] | None = None,
        surroundings: Surroundings = REAL_SURROUNDINGS,
    ) -> None:
        self._show = show
        self._say = say
        self._interval_seconds = interval_seconds
        self._clock = surroundings.clock
        self._tally = Tally(total, surroundings)
        self._due_at = self._clock() + delay_seconds
        self._has_failed = False

    def watch(self, standing: Callable[[], Standing]) -> None:
        """Take the facts of delivery from a run.

        Parameters
        ----------
        standing : callable
            Says where the run stands; asked whenever something is shown.
        """
        self._tally.watch(standing)

    def update(self, outcome: Outcome) -> None:
        """Count one event by its outcome.

        Parameters
        ----------
        outcome : Outcome
            What became of it.
        """
        self._tally.count(outcome)
        if self._clock() >= self._due_at:
            self._look()

    def advance(self, n: int = 1) -> None:
        """Count rows of which nothing more is to be said.

        Parameters
        ----------
        n : int, default 1
            How many.
        """
        self._tally.advance(n)
        if self._clock() >= self._due_at:
            self._look()

    def tick(self) -> None:
        """Show what has changed by itself, such as the time."""
        if self._clock() >= self._due_at:
            self._look()

    def say(self, text: str) -> None:
        """Show a line of text, where there is a place for it.

        Parameters
        ----------
        text : str
            What is to be known while the work goes on.
        """
        if self._say is not None:
            self._say(text)

    def close(self) -> None:
        """Show the last facts."""
        if not self._has_failed:
            self._look(is_final=True)

    def _look(self, *, is_final: bool = False) -> None:
        try:
            self._show(self._tally.look(is_final=is_final))
        except Exception:
            # What failed once is not asked again: its error is on its way, and a second one would hide it.
            self._has_failed = True
            self._due_at = math.inf
            raise
        # After it and not before: what takes long to show must not be all that is done.
        self._due_at = self._clock() + self._interval_seconds
