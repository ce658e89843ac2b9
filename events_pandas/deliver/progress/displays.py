"""What progress is shown on: a bar of tqdm's, text in a notebook that is replaced in place, or lines in a log."""

import importlib
import os
import sys
from contextlib import suppress
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


class Lines:
    """Progress as lines of a log, on standard error. Work that takes less than `brief_seconds` leaves no line."""

    def __init__(self, description: str, *, brief_seconds: float) -> None:
        self._description = description
        self._brief_seconds = brief_seconds
        self._due_at = FIRST_LINE_SECONDS
        # The reason of the pause that a line has reported, and when this pause began.
        self._pause: str | None = None
        self._paused_at = 0.0

    def show(self, progress: Progress) -> None:
        """Write a line if it is time for one."""
        has_begun = self._notice_pause(progress)
        paused_seconds = None if progress.pause else self._notice_end_of_pause(progress)
        is_due = progress.elapsed_seconds >= (self._brief_seconds if progress.is_final else self._due_at)
        if is_due or has_begun or paused_seconds is not None:
            self._due_at = progress.elapsed_seconds + LINE_SECONDS
            # After a first line, always write the last one.
            self._brief_seconds = 0.0
            _write(format_line(progress, description=self._description, paused_seconds=paused_seconds) + "\n")

    def say(self, text: str) -> None:
        """Write a line of text."""
        _write(f"{self._description}: {text}\n")

    def _notice_pause(self, progress: Progress) -> bool:
        """Return whether a long pause has just begun."""
        pause = progress.pause
        if pause is None or pause.reason == self._pause:
            return False
        if pause.since_seconds + pause.next_in_seconds <= LONG_PAUSE_SECONDS:
            return False
        self._pause, self._paused_at = pause.reason, progress.elapsed_seconds - pause.since_seconds
        return True

    def _notice_end_of_pause(self, progress: Progress) -> float | None:
        """Return how long a reported pause was if the run goes on after it."""
        was_paused, self._pause = self._pause is not None, None
        if was_paused and not (progress.ended_early or progress.is_final):
            return progress.elapsed_seconds - self._paused_at
        return None


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
        if self._bar is None:
            if not progress.is_final:
                # tqdm itself would find no room in a terminal that does not know its size.
                options = {"bar_format": text, "ncols": ncols, "nrows": size.lines, "file": sys.stderr}
                self._bar = self._bar_class(total=progress.total, initial=progress.rows, **options)
            return
        self._bar.n, self._bar.bar_format, self._bar.ncols = progress.rows, text, ncols
        if progress.is_final:
            self._bar.close()
        else:
            self._bar.refresh()

    def say(self, text: str) -> None:
        """Write a line of text above the bar."""
        with suppress(OSError, ValueError):
            self._bar_class.write(f"{self._description}: {text}", file=sys.stderr)


class NotebookText:
    """Progress as text below a notebook's cell, which is replaced in place. What was said stays above it."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._said: list[str] = []
        self._progress = ""
        self._handle: Any = None

    def show(self, progress: Progress) -> None:
        """Show the text; work that was over before it was shown leaves none."""
        if self._handle is not None or not progress.is_final:
            self._progress = format_line(progress, description=self._description)
            self._draw()

    def say(self, text: str) -> None:
        """Show a line of text above the progress."""
        self._said.append(f"{self._description}: {text}")
        self._draw()

    def _draw(self) -> None:
        text = "\n".join(filter(None, [*self._said, self._progress]))
        self._handle = show_in_notebook(text, handle=self._handle)


def show_in_notebook(text: str, *, handle: Any = None) -> Any:
    """Show plain text below the cell, or in the place of an earlier text. Return what replaces it."""
    content = {"text/plain": text}
    if handle is None:
        return importlib.import_module("IPython.display").display(content, raw=True, display_id=True)
    handle.update(content, raw=True)
    return handle


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
