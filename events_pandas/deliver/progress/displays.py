"""What progress is shown on: a bar of tqdm's, lines in a log."""

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
"""Characters that a notebook's cell has room for, a short bar included."""
TERMINAL_SIZE: Final = os.terminal_size((80, 24))
"""The size of a terminal that does not tell its own."""
LONG_PAUSE_SECONDS: Final = 2.0
"""A pause that is longer has lines of its own: one when it begins, and one when it has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _ReportedPause:
    """A pause that a line has reported of."""

    reason: str
    began_at: float


class Lines:
    """Progress as lines of a log, on standard error.

    Parameters
    ----------
    description : str
        The work in a word.
    brief_seconds : float
        What takes less time leaves no line.
    """

    def __init__(self, description: str, *, brief_seconds: float) -> None:
        self._description = description
        self._brief_seconds = brief_seconds
        self._due_at = FIRST_LINE_SECONDS
        self._pause: _ReportedPause | None = None

    def show(self, progress: Progress) -> None:
        """Write a line if it is time for one.

        Parameters
        ----------
        progress : Progress
            The facts.
        """
        is_news, paused_seconds = self._look_at_pause(progress)
        is_due = progress.elapsed_seconds >= (self._brief_seconds if progress.is_final else self._due_at)
        if is_due or is_news:
            self._due_at = progress.elapsed_seconds + LINE_SECONDS
            # Whoever has read a line is reported of the end too.
            self._brief_seconds = 0.0
            _write(format_line(progress, description=self._description, paused_seconds=paused_seconds) + "\n")

    def say(self, text: str) -> None:
        """Write a line of text.

        Parameters
        ----------
        text : str
            Without a line break.
        """
        _write(f"{self._description}: {text}\n")

    def _look_at_pause(self, progress: Progress) -> tuple[bool, float | None]:
        """Say whether a long pause has just begun or ended, and in the latter case how long it was."""
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
    """Progress as a bar of tqdm's.

    Parameters
    ----------
    bar_class : type
        The class of bar that fits where we are, one of tqdm's.
    description : str
        The work in a word.
    width : int or None
        Characters for all of it; what the terminal has when None.
    """

    def __init__(self, bar_class: Any, *, description: str, width: int | None) -> None:
        self._bar_class = bar_class
        self._description = description
        self._width = width
        self._bar: Any = None

    def show(self, progress: Progress) -> None:
        """Draw the bar.

        Parameters
        ----------
        progress : Progress
            The facts.
        """
        size = _terminal_size()
        # A terminal that is full to its last column may begin a new line.
        width = self._width or size.columns - 1
        text = format_bar(progress, description=self._description, width=width)
        # A notebook's bar has the width of its cell.
        ncols = width if self._width is None else None
        if self._bar is not None:
            self._redraw(progress, text, ncols)
        elif not progress.is_final:
            # tqdm's own look at a terminal that does not tell its size would find no room for anything.
            first: dict[str, Any] = {"total": progress.total, "initial": progress.rows, "bar_format": text}
            self._bar = self._bar_class(**first, file=sys.stderr, ncols=ncols, nrows=size.lines)

    def say(self, text: str) -> None:
        """Write a line of text above the bar.

        Parameters
        ----------
        text : str
            Without a line break.
        """
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
    """Say whether this is the kernel of a notebook.

    Returns
    -------
    bool
        False in a terminal, also in IPython's.
    """
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def find_bar_class() -> Any | None:
    """Return the class of bar that fits where we are.

    Returns
    -------
    type or None
        What `tqdm.auto` chooses; None where only lines can be shown.
    """
    # Imported here: whoever wants no bar need not wait for it.
    if is_notebook():
        # Asked before tqdm.auto, which warns where ipywidgets are missing or too old.
        if importlib.import_module("tqdm.notebook").IProgress is None:
            return None
    elif not sys.stderr.isatty():
        return None
    auto = importlib.import_module("tqdm.auto").tqdm
    # tqdm starts a thread that looks after bars which are not drawn for long, and never ends it: this one is drawn.
    return type("tqdm", (auto,), {"monitor_interval": 0})


def _terminal_size() -> os.terminal_size:
    # Without a file descriptor it is no terminal of the system's, such as an editor's console.
    with suppress(OSError, ValueError, AttributeError):
        size = os.get_terminal_size(sys.stderr.fileno())
        if size.columns and size.lines:
            return size
    return TERMINAL_SIZE


def _write(text: str) -> None:
    # Who started the run may have closed the terminal: that ends the lines, and not the run. tqdm does alike.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
