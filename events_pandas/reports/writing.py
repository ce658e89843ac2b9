"""`write_report`: checks, results and verifications become one HTML file."""

import datetime as dt
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pandas as pd

from events_pandas.errors import SourceError
from events_pandas.reports.page import BEGINNING, page
from events_pandas.reports.sections import Content, section_of
from events_pandas.results import CheckReport, Verification
from events_pandas.results.leftovers import partial_paths
from events_pandas.results.new_file import as_source_error, created, require_not_read
from events_pandas.results.results_summary import COLUMNS, require_columns
from events_pandas.words import kind_of

_SUFFIXES: Final = (".html", ".htm")
TITLE: Final = "Report on events for Intercom"


def write_report(
    content: Content | Sequence[Content],
    path: str | os.PathLike[str],
    *,
    title: str = TITLE,
    include_examples: bool = False,
) -> None:
    """Write a check, results or a verification to one HTML file, to hand on and to print.

    Parameters
    ----------
    content : CheckReport, pandas.DataFrame or Verification, or a sequence of them
        What `check_events`, `submit_events`, `verify` and their sisters returned, also results that were read from a
        file. Several become sections of one file, in their order.
    path : str or path-like
        The file, such as ``"run.html"``; its name ends in .html or .htm. It is written beside its place and moved
        there. An existing file is replaced if it is such a report, and otherwise an error.
    title : str, default "Report on events for Intercom"
        The title of the page.
    include_examples : bool, default False
        Whether to show the cell and the label of each example. They may hold personal data: by default an example is
        the number of a row, or its file and line, and email addresses and the names of home folders are hidden
        wherever else they stand. The cells of identifiers are never shown; a label is shown as it stands in the index,
        unless it holds an email address.

    Raises
    ------
    TypeError
        If there is something else in the content.
    ValueError
        If the content is empty, or the results lack a column that submitting returns, or the file would be larger than
        300 kB.
    SourceError
        If its name has another ending, the file cannot be written there, or another file is there already.

    See Also
    --------
    summarize, explain : What the file says of results.
    plot_check, plot_results : Its plots.

    Notes
    -----
    The file has at most 300 kB. It loads nothing and has no script; it is right in light and dark mode, and prints
    without cut tables. Each section shows at most 40 causes and says how many more there are. Plots that would make the
    file too large are left out, and named. Without matplotlib there are no plots, and a sentence says so.

    The names of columns, events, metadata keys and files are shown, and of the journal the name of its file.

    Examples
    --------
    >>> import pandas as pd
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client())
    >>> ep.write_report([ep.check_events(orders, mapping), results], "run.html", title="Orders of January")
    """
    contents = [content] if isinstance(content, CheckReport | Verification | pd.DataFrame) else [*_items(content)]
    if not contents:
        raise ValueError("content: there is nothing to report: give a check, results or a verification")
    for each in contents:
        _require_content(each)
    write_file(contents, Path(path), title=title, include_examples=include_examples)


def write_file(contents: Sequence[Content], path: Path, *, title: str, include_examples: bool) -> None:
    """Write the file of `write_report`."""
    # Before the plots are drawn.
    require_report_place(path)
    sections = [section_of(content, include_examples=include_examples) for content in contents]
    made_at = f"Made by events-pandas on {dt.datetime.now(dt.UTC):%Y-%m-%d at %H:%M} UTC."
    _write(path, page(title, sections, made_at=made_at))


def _items(content: object) -> Sequence[Content]:
    if not isinstance(content, Sequence) or isinstance(content, str | bytes):
        _require_content(content)
    return content  # type: ignore[return-value]  # Each item is checked next.


def _require_content(content: object) -> None:
    if isinstance(content, CheckReport | Verification):
        return
    if not isinstance(content, pd.DataFrame):
        raise TypeError(f"content: expected a CheckReport, results or a Verification, got {kind_of(content)}")
    require_columns(content, (*COLUMNS, "created_at", "submitted_at"))


def require_report_place(path: Path, sources: Iterable[Path] = ()) -> None:
    """Raise `SourceError` if a report cannot be written at a path, or would replace anything but a report."""
    if os.fspath(path) == "-":
        raise SourceError("-: a report is a file: give its name, such as run.html")
    require_not_read(path, sources)
    if path.suffix.lower() not in _SUFFIXES:
        raise SourceError(f"{path}: a report is an HTML file: let its name end in .html (a browser prints it to PDF)")
    with as_source_error(path, "a report"):
        if not path.parent.exists():
            raise SourceError(
                f"{path}: a report cannot be written there: there is no folder '{path.parent}': make it first"
            )
        if os.path.lexists(path) and not _is_report(path):
            raise SourceError(f"{path}: is another file than a report, and is not replaced: choose another name")


def _is_report(path: Path) -> bool:
    with suppress(FileNotFoundError), path.open("rb") as stream:
        return stream.read(len(BEGINNING)) == BEGINNING.encode()
    return False


def _write(path: Path, text: str) -> None:
    """Write the file beside its place, for readers of the file that it replaces alone, and move it there."""
    with as_source_error(path, "a report"):
        *_, partial = partial_paths(path)
        with created(partial, [path], place=path) as stream:
            try:
                stream.write(text.encode())
                stream.close()
                partial.replace(path)
            except BaseException:
                with suppress(OSError):
                    partial.unlink()
                raise
