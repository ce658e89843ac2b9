"""The meter: counts every event, and shows the facts a few times a second at most."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, Protocol, TypeAlias

from events_pandas.deliver.clock import REAL_CLOCK, Clock
from events_pandas.deliver.outcomes import Outcome
from events_pandas.deliver.pace.state import RunState
from events_pandas.deliver.progress.displays import NOTEBOOK_WIDTH, Bar, Lines, find_bar_class, is_notebook
from events_pandas.deliver.progress.tally import Progress, Tally
from events_pandas.words import escaped

BRIEF_SECONDS: Final = 2.0
"""What takes less time leaves no line behind."""
CALL_SECONDS: Final = 0.1
"""The time between two calls of a callable, at least."""
DRAW_SECONDS: Final = 0.25
"""The time between two drawings of a bar, at least."""
LOOK_SECONDS: Final = 1.0
"""How often lines look at the run: the speed is measured between two looks."""
ProgressChoice: TypeAlias = Literal["auto"] | bool | Callable[[Progress], object]
"""What the option `progress` may be."""


class ProgressBar(Protocol):
    """Something that shows how far the work has come."""

    def watch(self, read_state: Callable[[], RunState]) -> None:
        """Take the facts of delivery from a run.

        Parameters
        ----------
        read_state : callable
            Says where the run stands; asked whenever something is shown.
        """

    def update(self, outcome: Outcome) -> None:
        """Count one event by its outcome.

        Parameters
        ----------
        outcome : Outcome
            What became of it.
        """

    def advance(self, n: int = 1) -> None:
        """Count rows of which nothing more is to be said, since they are not sent.

        Parameters
        ----------
        n : int, default 1
            How many.
        """

    def tick(self) -> None:
        """Show what has changed by itself; to be called at least once a second while nothing comes in."""

    def say(self, text: str) -> None:
        """Show a line of text.

        Parameters
        ----------
        text : str
            What is to be known while the work goes on.
        """


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
    clock : Clock, optional
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
        clock: Clock = REAL_CLOCK,
    ) -> None:
        self._show = show
        self._say = say
        self._interval_seconds = interval_seconds
        self._monotonic = clock.monotonic
        self._tally = Tally(total, clock)
        self._due_at = self._monotonic() + delay_seconds
        self._has_failed = False

    def watch(self, read_state: Callable[[], RunState]) -> None:
        """Take the facts of delivery from a run.

        Parameters
        ----------
        read_state : callable
            Says where the run stands; asked whenever something is shown.
        """
        self._tally.watch(read_state)

    def update(self, outcome: Outcome) -> None:
        """Count one event by its outcome.

        Parameters
        ----------
        outcome : Outcome
            What became of it.
        """
        self._tally.count(outcome)
        if self._monotonic() >= self._due_at:
            self._look()

    def advance(self, n: int = 1) -> None:
        """Count rows of which nothing more is to be said.

        Parameters
        ----------
        n : int, default 1
            How many.
        """
        self._tally.advance(n)
        if self._monotonic() >= self._due_at:
            self._look()

    def tick(self) -> None:
        """Show what has changed by itself, such as the time."""
        if self._monotonic() >= self._due_at:
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
        self._due_at = self._monotonic() + self._interval_seconds


class Silence:
    """Shows nothing."""

    def watch(self, read_state: Callable[[], RunState]) -> None:
        """Show nothing.

        Parameters
        ----------
        read_state : callable
            Never asked.
        """

    def update(self, outcome: Outcome) -> None:
        """Show nothing.

        Parameters
        ----------
        outcome : Outcome
            Any.
        """

    def advance(self, n: int = 1) -> None:
        """Show nothing.

        Parameters
        ----------
        n : int, default 1
            Any.
        """

    def tick(self) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Show nothing.

        Parameters
        ----------
        text : str
            Any.
        """

    def close(self) -> None:
        """Show nothing."""


@contextmanager
def progress_bar(
    progress: ProgressChoice,
    *,
    total: int | None,
    description: str,
    delay_seconds: float = 0.0,
) -> Iterator[ProgressBar]:
    """Show progress on standard error, or tell it to a callable.

    Parameters
    ----------
    progress : {"auto"} or bool or callable
        False shows nothing. A callable is called with a `Progress` at most ten times a second, and once at the end.
        Otherwise there is a bar on a terminal, and in a notebook that has ipywidgets; elsewhere a line after two
        seconds, every ten seconds from then on, whenever a long pause begins or has ended, and at the end, which
        ``"auto"`` omits for what took less than two seconds.
    total : int or None
        Rows to come; None if that is not known.
    description : str
        The work in a word, such as ``"submitting"``.
    delay_seconds : float, default 0.0
        A bar appears after this time only.

    Yields
    ------
    ProgressBar
        To be told of the progress.

    Notes
    -----
    An exception of the callable leaves the method that called it, or the end of the block; then it is not called again.
    If the block ends in an exception of its own, that one is raised, and one that follows is told in a note.
    """
    meter = _meter(progress, total, description=description, delay_seconds=delay_seconds)
    try:
        meter.tick()
        yield meter
    except BaseException as error:
        _close_after(error, meter)
        raise
    meter.close()


def _meter(progress: ProgressChoice, total: int | None, *, description: str, delay_seconds: float) -> Meter | Silence:
    if callable(progress):
        return Meter(progress, total=total, interval_seconds=CALL_SECONDS)
    # A program without a console has no standard error.
    if progress is False or sys.stderr is None:
        return Silence()
    bar_class = find_bar_class()
    if bar_class is None:
        lines = Lines(description, brief_seconds=BRIEF_SECONDS if progress == "auto" else 0.0)
        return Meter(lines.show, total=total, interval_seconds=LOOK_SECONDS, say=lines.say)
    bar = Bar(bar_class, description=description, width=NOTEBOOK_WIDTH if is_notebook() else None)
    return Meter(bar.show, total=total, interval_seconds=DRAW_SECONDS, delay_seconds=delay_seconds, say=bar.say)


def _close_after(error: BaseException, meter: Meter | Silence) -> None:
    try:
        meter.close()
    except Exception as fault:  # noqa: BLE001  # why the work ended comes first, whatever the display says
        error.add_note(f"and showing the progress failed: {type(fault).__name__}: {escaped(fault)}")
