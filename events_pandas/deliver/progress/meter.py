"""The meter of a run: it counts every event, and shows the progress a few times a second at most."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Literal, TypeAlias

from events_pandas.deliver.clock import REAL_CLOCK, Clock
from events_pandas.deliver.outcomes import Outcome
from events_pandas.deliver.pace.state import RunState
from events_pandas.deliver.progress.displays import (
    NOTEBOOK_WIDTH,
    Bar,
    Lines,
    NotebookText,
    find_bar_class,
    is_notebook,
)
from events_pandas.deliver.progress.tally import Progress, Tally
from events_pandas.words import escaped

BRIEF_SECONDS: Final = 2.0
"""Work that takes less time leaves no line."""
CALL_SECONDS: Final = 0.1
"""The least time between two calls of a callable."""
DRAW_SECONDS: Final = 0.25
"""The least time between two drawings of a bar."""
LOOK_SECONDS: Final = 1.0
"""The time between two looks of lines at the run. The speed is measured between looks."""
ProgressChoice: TypeAlias = Literal["auto"] | bool | Callable[[Progress], object]
"""The values of the option `progress`."""


class ProgressBar:
    """Counts rows, and passes the progress to `show`: at most once in `interval_seconds`, not before `delay_seconds`.

    Without `say`, lines of text are dropped.
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
        """Read the state of a run whenever something is shown."""
        self._tally.watch(read_state)

    def update(self, outcome: Outcome) -> None:
        """Count one event by its outcome."""
        self._tally.count(outcome)
        self.tick()

    def advance(self, n: int = 1) -> None:
        """Count rows that are not sent."""
        self._tally.advance(n)
        self.tick()

    def expect(self, total: int) -> None:
        """Set the rows of the whole work, of which more may have become known."""
        self._tally.expect(total)

    def tick(self) -> None:
        """Show changes that come with time. Call it at least once a second while nothing comes in."""
        if self._monotonic() >= self._due_at:
            self._look()

    def say(self, text: str) -> None:
        """Show a line of text if there is a place for it."""
        if self._say is not None:
            self._say(text)

    def close(self) -> None:
        """Show the progress for the last time."""
        if not self._has_failed:
            self._look(is_final=True)

    def _look(self, *, is_final: bool = False) -> None:
        try:
            self._show(self._tally.look(is_final=is_final))
        except Exception:
            # A display that failed is not called again: a second error would hide the first.
            self._has_failed = True
            self._due_at = math.inf
            raise
        # Counted from the end of the showing, so that a slow display leaves time for the work.
        self._due_at = self._monotonic() + self._interval_seconds


def _call(show: Callable[..., object], *facts: object) -> None:
    show(*facts)


@contextmanager
def progress_bar(
    progress: ProgressChoice,
    *,
    total: int | None,
    description: str,
    delay_seconds: float = 0.0,
    call: Callable[..., object] = _call,
) -> Iterator[ProgressBar]:
    """Show progress on standard error or in a notebook, or pass it to a callable: ten times a second, and at the end.

    False shows nothing. A bar appears only after `delay_seconds`; `call` makes every call that shows something.
    """
    # There is a bar on a terminal, and in a notebook that has ipywidgets; without them a notebook has text that is
    # replaced in place. Elsewhere there is a line after two seconds, then every ten seconds, whenever a long pause
    # begins or ends, and at the end; "auto" omits the last line of work that took less than two seconds. An exception
    # of the callable leaves the method that called it, or the end of the block; then it is not called again. If the
    # block ends in an exception of its own, that one is raised, with a note about a later one.
    bar = _progress_bar(progress, total, description=description, delay_seconds=delay_seconds, call=call)
    try:
        bar.tick()
        yield bar
    except BaseException as error:
        try:
            bar.close()
        except Exception as fault:  # noqa: BLE001  # The reason why the work ended comes first.
            error.add_note(f"and showing the progress failed: {type(fault).__name__}: {escaped(fault)}")
        raise
    bar.close()


def _progress_bar(
    progress: ProgressChoice, total: int | None, *, description: str, delay_seconds: float, call: Callable[..., object]
) -> ProgressBar:
    if callable(progress):
        return ProgressBar(partial(call, progress), total=total, interval_seconds=CALL_SECONDS)
    # A program without a console has no standard error.
    if progress is False or sys.stderr is None:
        return ProgressBar(lambda _: None, total=total, interval_seconds=math.inf, delay_seconds=math.inf)
    bar_class = find_bar_class()
    display: Bar | NotebookText | Lines
    if bar_class is not None:
        display = Bar(bar_class, description=description, width=NOTEBOOK_WIDTH if is_notebook() else None)
    elif is_notebook():
        display = NotebookText(description)
    else:
        display = Lines(description, brief_seconds=BRIEF_SECONDS if progress == "auto" else 0.0)
    show, say = partial(call, display.show), partial(call, display.say)
    if isinstance(display, Lines):
        return ProgressBar(show, total=total, interval_seconds=LOOK_SECONDS, say=say)
    return ProgressBar(show, total=total, interval_seconds=DRAW_SECONDS, delay_seconds=delay_seconds, say=say)
