"""What progress is shown on: a bar of tqdm's, or lines in a log."""

import importlib
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from events_pandas.deliver.progress.tally import Progress
from events_pandas.deliver.progress.wording import format_bar, format_line

FIRST_LINE_SECONDS: Final = 2.0
"""The time after which a first line shows that the work goes on."""
LINE_SECONDS: Final = 10.0
"""The time between two lines where there is no bar."""
NOTEBOOK_WIDTH: Final = 110
"""Characters that fit in a notebook's cell, with a short bar."""
TERMINAL_SIZE: Final = os.terminal_size((80, 24))
"""The assumed size of a terminal that does not know its own."""
LONG_PAUSE_SECONDS: Final = 2.0
"""A longer pause has lines of its own: one at its begin and one at its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _ReportedPause:
    """A pause that a line has reported."""

    reason: str
    began_at: float


class Lines:
    """Progress as lines of a log, on standard error. Work that takes less than `brief_seconds` leaves no line."""

    def __init__(self, description: str, *, brief_seconds: float) -> None:
        self._description = description
        self._brief_seconds = brief_seconds
        self._due_at = FIRST_LINE_SECONDS
        self._pause: _ReportedPause | None = None

    def show(self, progress: Progress) -> None:
        """Write a line if it is time for one."""
        is_news, paused_seconds = self._look_at_pause(progress)
        is_due = progress.elapsed_seconds >= (self._brief_seconds if progress.is_final else self._due_at)
        if is_due or is_news:
            self._due_at = progress.elapsed_seconds + LINE_SECONDS
            # After a first line, always write the last one.
            self._brief_seconds = 0.0
            _write(format_line(progress, description=self._description, paused_seconds=paused_seconds) + "\n")

    def say(self, text: str) -> None:
        """Write a line of text."""
        _write(f"{self._description}: {text}\n")

    def _look_at_pause(self, progress: Progress) -> tuple[bool, float | None]:
        """Return whether a long pause has just begun or ended, and how long it was if it has ended."""
        reported, pause = self._pause, progress.pause
        if pause is None:
            self._pause = None
            is_over = reported is not None and not (progress.ended_early or progress.is_final)
            return is_over, progress.elapsed_seconds - reported.began_at if reported and is_over else None
        is_long = pause.since_seconds + pause.next_in_seconds > LONG_PAUSE_SECONDS
        if not is_long or (reported and reported.reason == pause.reason):
            return False, None
        self._pause = _ReportedPause(reason=pause.reason, began_at=progress.elapsed_seconds - pause.since_seconds)
        return True, None


class Bar:
    """Progress as a bar of tqdm's. Without a `width` it is as wide as the terminal."""

    def __init__(self, bar_class: Any, *, description: str, width: int | None) -> None:
        self._bar_class = bar_class
        self._description = description
        self._width = width
        self._bar: Any = None

    def show(self, progress: Progress) -> None:
        """Draw the bar."""
        size = _terminal_size()
        # A terminal may begin a new line when its last column is full.
        width = self._width or size.columns - 1
        text = format_bar(progress, description=self._description, width=width)
        # A notebook's bar is as wide as its cell.
        ncols = width if self._width is None else None
        if self._bar is not None:
            self._redraw(progress, text, ncols)
        elif not progress.is_final:
            # tqdm itself would find no room in a terminal that does not know its size.
            first: dict[str, Any] = {"total": progress.total, "initial": progress.rows, "bar_format": text}
            self._bar = self._bar_class(**first, file=sys.stderr, ncols=ncols, nrows=size.lines)

    def say(self, text: str) -> None:
        """Write a line of text above the bar."""
        with suppress(OSError, ValueError):
            self._bar_class.write(f"{self._description}: {text}", file=sys.stderr)

    def _redraw(self, progress: Progress, text: str, ncols: int | None) -> None:
        bar = self._bar
        bar.n, bar.bar_format, bar.ncols = progress.rows, text, ncols
        if progress.is_final:
            bar.close()
        else:
            bar.refresh()


def is_notebook() -> bool:
    """Return whether this is the kernel of a notebook. IPython in a terminal is not."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def find_bar_class() -> Any | None:
    """Return the class of bar that `tqdm.auto` chooses here, or None where only lines can be shown."""
    # Imported here, so that a program without a bar does not wait for it.
    if is_notebook():
        # Asked before tqdm.auto, which warns where ipywidgets are missing or too old.
        if importlib.import_module("tqdm.notebook").IProgress is None:
            return None
    elif not sys.stderr.isatty():
        return None
    auto = importlib.import_module("tqdm.auto").tqdm
    # tqdm would start a thread for bars that are seldom drawn, and never end it. This bar is drawn often.
    return type("tqdm", (auto,), {"monitor_interval": 0})


def _terminal_size() -> os.terminal_size:
    # A stream without a file descriptor, such as an editor's console, is not a terminal of the system.
    with suppress(OSError, ValueError, AttributeError):
        size = os.get_terminal_size(sys.stderr.fileno())
        if size.columns and size.lines:
            return size
    return TERMINAL_SIZE


def _write(text: str) -> None:
    # The user may have closed the terminal: that ends the lines, not the run. tqdm does the same.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
