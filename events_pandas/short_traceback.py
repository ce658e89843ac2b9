"""How IPython and Jupyter show an error of this package: its message, the caller's line, and what to look at."""

import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from events_pandas.words import counted, escaped

_WIDTH: Final = 100  # a notebook cuts longer lines in the middle of a word
_PACKAGE: Final = Path(__file__).parent
_LOOK_AT: Final = {"results": "the results so far", "problems": "the findings"}
"""Frames that an error may have, and what they hold."""


def short_traceback(error: BaseException) -> list[str]:
    """Return the lines that are shown for an error, which may have been raised or not."""
    return [
        _wrapped(f"{type(error).__name__}: {error}"),
        *map(escaped, getattr(error, "__notes__", ())),
        *_callers_line(error),
        *_counts(getattr(error, "results", None)),
        *(
            f"{what}: sys.last_value.{name} ({counted(len(frame), 'row')})"
            for name, what in _LOOK_AT.items()
            if (frame := getattr(error, name, None)) is not None
        ),
        *_cause(error.__cause__),
    ]


def _wrapped(text: str) -> str:
    """Return a text with line breaks between words."""
    wrapper = textwrap.TextWrapper(
        _WIDTH, subsequent_indent="  ", replace_whitespace=False, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.fill(line) for line in text.split("\n"))


def _counts(results: Any) -> Iterator[str]:
    if results is None or "status" not in results:
        return
    # Contacts that were not asked for have no status.
    counts = results["status"].astype(object).fillna("without a status").value_counts()
    width = max((len(f"{rows:,}") for rows in counts), default=0)
    yield from (f"  {rows:>{width},} {escaped(status)}" for status, rows in counts.items())


def _callers_line(error: BaseException) -> Iterator[str]:
    """Yield the line that called this package."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [place for place, frame in enumerate(frames) if _is_ours(frame)]
    if ours and ours[0]:
        yield f"  {_place(frames[ours[0] - 1])}"


def _cause(cause: BaseException | None) -> Iterator[str]:
    """Yield the first line of the error behind an error, and its last place that is not of this package."""
    if cause is None:
        return
    # Below it, errors of Spark have the traceback of Java.
    first, _, _ = str(cause).strip().partition("\n")
    yield f"caused by {type(cause).__name__}: {escaped(first)}"
    others = [frame for frame in traceback.extract_tb(cause.__traceback__) if not _is_ours(frame)]
    if others:
        yield f"  {_place(others[-1])}"


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return Path(frame.filename).is_relative_to(_PACKAGE)


def _place(frame: traceback.FrameSummary) -> str:
    # A cell of a notebook has the name of a file that does not exist.
    where = f"{escaped(frame.filename)}, " if Path(frame.filename).exists() else ""
    return f"{where}line {frame.lineno}: {escaped(frame.line or '')}"
