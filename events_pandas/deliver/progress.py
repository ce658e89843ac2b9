"""What a person sees while rows are checked or submitted: a bar, lines in a log, or nothing."""

import importlib.util
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, Protocol

from events_pandas.deliver.outcomes import Outcome, Status

LINE_SECONDS: Final = 10.0
"""The time between two lines where there is no bar."""
BRIEF_SECONDS: Final = 2.0
"""What takes less time leaves no line behind."""


class ProgressBar(Protocol):
    """Something that shows how far the work has come."""

    def update(self, outcome: Outcome) -> None:
        """Count one event by its outcome.

        Parameters
        ----------
        outcome : Outcome
            What became of it.
        """

    def advance(self, n: int = 1) -> None:
        """Count rows of which nothing more is to be said.

        Parameters
        ----------
        n : int, default 1
            How many.
        """


@contextmanager
def progress_bar(
    progress: Literal["auto"] | bool,  # noqa: FBT001  # one of three answers, not a switch
    *,
    total: int | None,
    description: str,
    delay_seconds: float = 0.0,
) -> Iterator[ProgressBar]:
    """Show progress on standard error.

    Parameters
    ----------
    progress : {"auto"} or bool
        False shows nothing. Otherwise there is a bar on a terminal, and in a notebook that has ipywidgets; elsewhere a
        line every ten seconds and one at the end, which ``"auto"`` omits for what took less than two seconds.
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
    """
    if progress is False:
        yield _Silence()
        return
    bar_class = _bar_class()
    if bar_class is None:
        lines = Lines(total, description=description, brief_seconds=BRIEF_SECONDS if progress == "auto" else 0.0)
        try:
            yield lines
        finally:
            lines.close()
        return
    with bar_class(total=total, desc=description, delay=delay_seconds, file=sys.stderr, dynamic_ncols=True) as bar:
        yield _Bar(bar)


class Lines:
    """Progress as lines of a log.

    Parameters
    ----------
    total : int or None
        Rows to come.
    description : str
        The work in a word.
    brief_seconds : float
        What takes less time leaves no line.
    clock : callable, optional
        Seconds that never jump.
    """

    def __init__(
        self,
        total: int | None,
        *,
        description: str,
        brief_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._description = description
        self._brief_seconds = brief_seconds
        self._clock = clock
        self._started_at = self._line_at = clock()
        self._n = 0
        self._counts: Counter[Status] = Counter()

    def update(self, outcome: Outcome) -> None:
        """Count one event by its outcome.

        Parameters
        ----------
        outcome : Outcome
            What became of it.
        """
        self._counts[outcome.status] += 1
        self.advance()

    def advance(self, n: int = 1) -> None:
        """Count rows.

        Parameters
        ----------
        n : int, default 1
            How many.
        """
        self._n += n
        if self._clock() - self._line_at >= LINE_SECONDS:
            self._line_at = self._clock()
            self._write()

    def close(self) -> None:
        """Write the last line."""
        if self._clock() - self._started_at >= self._brief_seconds:
            self._write()

    def _write(self) -> None:
        share = f" of {self._total:,} ({self._n / self._total:.0%})" if self._total else ""
        seconds = self._clock() - self._started_at
        counts = f": {_shown(self._counts)}" if self._counts else ""
        sys.stderr.write(f"{self._description}: {self._n:,}{share} after {seconds:.0f} s{counts}\n")
        sys.stderr.flush()


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._counts: Counter[Status] = Counter()

    def update(self, outcome: Outcome) -> None:
        self._counts[outcome.status] += 1
        # Not redrawn here: `advance` does that, ten times a second at most.
        self._bar.set_postfix_str(_shown(self._counts), refresh=False)
        self.advance()

    def advance(self, n: int = 1) -> None:
        self._bar.update(n)


class _Silence:
    def update(self, outcome: Outcome) -> None:
        """Show nothing."""

    def advance(self, n: int = 1) -> None:
        """Show nothing."""


def _shown(counts: Counter[Status]) -> str:
    return ", ".join(f"{counts[status]:,} {status}" for status in Status if status in counts)


def _bar_class() -> Any | None:
    """Return the class of bar that fits where we are, or None where only lines do."""
    # Imported here: whoever wants no bar need not wait for it.
    if _is_notebook():
        # Without ipywidgets a bar in a notebook is a warning and then garbage.
        if importlib.util.find_spec("ipywidgets") is None:
            return None
        from tqdm.notebook import tqdm as notebook_bar  # noqa: PLC0415  # see above

        return notebook_bar
    if not sys.stderr.isatty():
        return None
    from tqdm import tqdm as terminal_bar  # noqa: PLC0415  # see above

    return terminal_bar


def _is_notebook() -> bool:
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return type(shell).__name__ == "ZMQInteractiveShell"
