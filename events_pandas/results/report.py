"""A check's report: facts in words, then all of it as lines of text or as HTML.

=================  ==========================================================
event_facts        contacts, event names, times
duplicate_facts    how many duplicates have other metadata
spread_facts       how many rows get another second
unlisted_fact      how many findings are counted, but not listed
workspace_fact     name, id and region of the workspace
request_fact       requests, and the seconds that they take
no_rows_warning    files without rows
mapping_warnings   a placeholder for the event name, unconfirmed guesses
shown_causes       the causes that a report has room for
report_lines       the report as text
report_html        the report as an HTML fragment
=================  ==========================================================
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from events_pandas.check import Spread
from events_pandas.convert import Cause
from events_pandas.convert.problems import is_of_file
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.mapping import EventMapping
from events_pandas.mapping.guesses import PLACEHOLDER_NAME, guess_faults, is_unnamed
from events_pandas.results.budget import FURTHER_NAMES
from events_pandas.results.fragment import LEFT, LONG, RIGHT, UNBROKEN, cell, fragment, paragraph, table
from events_pandas.words import counted, escaped, file_words, listed, quoted

NAMES_SHOWN = 3
FILES_NAMED = 3
CAUSES_SHOWN = 40
"""Lines for causes; errors are shown in any case."""
KEYS_SHOWN = 20

Span: TypeAlias = tuple[pd.Timestamp, pd.Timestamp]
Fact: TypeAlias = tuple[str, str]
"""A line of a report: what it is about, in a word or two, and what it says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportContent:
    """What a report says, in the order in which it is shown, as text and as HTML."""

    heading: str
    facts: Sequence[Fact] = ()
    warnings: Sequence[str] = ()
    causes: Sequence[Cause] = ()


def event_facts(*, contacts: int, names: "pd.Series[int]", span: Span | None) -> Iterator[Fact]:
    """Yield contacts, event names and times; nothing if there are no events."""
    if span is None:
        return
    yield "contacts", f"{contacts:,}"
    yield _name_fact(names)
    first, last = (np.datetime_as_string(time.to_numpy(), unit="s").replace("T", " ") for time in span)
    yield "created_at", f"{first} UTC" if first == last else f"{first} to {last} UTC"


def _name_fact(names: "pd.Series[int]") -> Fact:
    if len(names) == 1:
        return "event name", quoted(names.index[0])
    texts = [f"{quoted(str(name))} ({counted(count, 'row')})" for name, count in names.items()]
    if names.index[-1] == FURTHER_NAMES:
        count, rest = f"more than {len(names) - 1:,}", "others"
    else:
        count, rest = f"{len(names):,}", None
    return "event names", f"{count}: {listed(texts, most=NAMES_SHOWN, rest=rest)}"


def duplicate_facts(*, identical: int, others: int) -> Iterator[Fact]:
    """Yield how many duplicates have the metadata of the row that they repeat; nothing without duplicates."""
    if identical or others:
        yield "duplicates", _by_metadata(identical, others, than="an earlier row")


def _by_metadata(identical: int, others: int, *, than: str) -> str:
    if not identical:
        return f"{others:,} with other metadata than {than}"
    same = f"{identical:,} with the same metadata as {than}"
    return f"{same}, {others:,} with other metadata" if others else same


def spread_facts(spread: Spread) -> Iterator[Fact]:
    """Yield how many rows get another second, and how many of them have other metadata; nothing if none does."""
    if spread.rows:
        by = counted(spread.most_seconds, "second")
        rows = counted(spread.rows, "row is", "rows are")
        yield "spread", f"{rows} given a later second, by {by} at most"
        others = spread.rows - spread.identical
        yield "spread", _by_metadata(spread.identical, others, than="the row that keeps the second")


def unlisted_fact(unlisted: int, *, listed: int) -> Fact:
    """Return how many findings a report counts, but does not list."""
    return "problems", f"the first {listed:,} rows of each are listed, and {unlisted:,} more are only counted"


def request_fact(requests: int, *, limit: int | None, seconds: float | None) -> Fact:
    """Return the number of requests and, if it is known, how many seconds they take.

    `limit` counts the requests that a window of ten seconds allows.
    """
    if limit is None or seconds is None:
        return "requests", f"{requests:,}"
    clock = pd.Timedelta(seconds=round(seconds)).to_pytimedelta()
    return "requests", f"{requests:,}, which take {clock} at {limit:,} in ten seconds"


def workspace_fact(workspace: WorkspaceIdentity) -> Fact:
    """Return name, id and region of the workspace, as far as Intercom names them."""
    known = [] if workspace.name is None else [quoted(workspace.name)]
    known += [] if workspace.id_code is None else [f"id {workspace.id_code}"]
    known += [] if workspace.region is None else [f"region {workspace.region}"]
    return "workspace", listed(known) or "Intercom does not name it"


def mapping_warnings(mapping: EventMapping) -> list[str]:
    """Return a warning if the event name is still the placeholder of `suggest_mapping`, and one for each guess."""
    if not is_unnamed(mapping):
        return guess_faults(mapping)
    cure = "name the event, such as 'placed-order', or nothing can be submitted"
    return [f"event_name is still the placeholder {PLACEHOLDER_NAME!r}: {cure}", *guess_faults(mapping)]


def no_rows_warning(files: Sequence[str]) -> str:
    """Return a warning about files that have no rows, or only a header."""
    names = listed([escaped(file_words(file)) for file in files], most=FILES_NAMED)
    return f"{names}: {'has' if len(files) == 1 else 'have'} no rows"


def shown_causes(causes: Sequence[Cause]) -> tuple[list[Cause], str]:
    """Return the causes that a report shows (all errors, and notes up to `CAUSES_SHOWN` lines), and a line on the rest.

    The line is empty if there is no rest.
    """
    errors = sum(cause.severity == "error" for cause in causes)
    shown = list(causes[: max(errors, CAUSES_SHOWN)])
    further = len(causes) - len(shown)
    return shown, f"and {further:,} more: see report.problems, or --problems of the command" if further else ""


def report_lines(content: ReportContent) -> Iterator[str]:
    """Yield a report line by line; notes are left out beyond `CAUSES_SHOWN` lines."""
    yield content.heading
    width = max((len(label) for label, _ in content.facts), default=0)
    yield from (f"  {label:<{width}}  {text}" for label, text in content.facts)
    yield from (f"warning: {warning}" for warning in content.warnings)
    shown, rest = shown_causes(content.causes)
    yield from map(str, shown)
    if rest:
        yield rest


# The style of each column, and the tooltip of its name.
_CAUSE_COLUMNS = {
    "severity": (LEFT, "an error makes the row invalid; with a note it is sent"),
    "code": (LEFT, "the kind of finding, as in report.problems"),
    "rows": (f"{RIGHT}; {UNBROKEN}", "the number of rows with this finding"),
    "example": (LONG, "the first of the rows"),
}
_BUDGET_COLUMNS = {
    "position": (RIGHT, "place in the order sent"),
    "key": (LONG, "metadata key"),
    "type": (f"{LEFT}; {UNBROKEN}", "how Intercom shows the value"),
    "present": (RIGHT, "valid rows of this event name that have a value"),
    "share": (RIGHT, "of all valid rows of this event name"),
    "ignored": (
        RIGHT,
        "rows that are sent without the value, since it comes after as many others as Intercom keeps",
    ),
    "drift": (LONG, "types of the column's cells, in all rows: Intercom shows a key of mixed types as text"),
}
_EXPLAINED = ("ignored", "drift")
"""Columns that appear only if a key needs them, and whose names need an explanation."""


def report_html(content: ReportContent, budget: pd.DataFrame) -> str:
    """Return a report as a ``div`` element that loads nothing.

    `budget` is `CheckReport.metadata`; the keys of the most frequent event name are shown.
    """
    lines = (cell("th", label, LEFT) + cell("td", text, LONG) for label, text in content.facts)
    parts = [paragraph(strong=content.heading), *table(lines)]
    parts += [paragraph(f": {warning}", strong="warning") for warning in content.warnings]
    parts += _cause_parts(content.causes) if content.causes else ()
    parts += _budget_parts(budget) if len(budget) else ()
    return fragment(parts)


def _cause_parts(causes: Sequence[Cause]) -> Iterator[str]:
    shown, rest = shown_causes(causes)
    yield paragraph(strong="problems")
    texts = (
        (
            cause.severity,
            cause.code,
            cause.extent,
            cause.message if is_of_file(cause.code) else f"row {cause.first_row}: {cause.message}",
        )
        for cause in shown
    )
    yield from _explained_table(_CAUSE_COLUMNS, texts)
    if rest:
        yield paragraph(rest)


def _budget_parts(budget: pd.DataFrame) -> Iterator[str]:
    """Yield the keys of the most frequent event name, and where to find the others."""
    names = budget["event_name"].unique()
    keys = budget[budget["event_name"] == names[0]]
    texts = _budget_texts(keys.head(KEYS_SHOWN))
    columns = {name: column for name, column in _BUDGET_COLUMNS.items() if (texts[name] != "").any()}
    yield paragraph(f" of {quoted(names[0])}", strong="metadata")
    yield from _explained_table(columns, texts[list(columns)].itertuples(index=False, name=None))
    for name in _EXPLAINED:
        if name in columns:
            yield paragraph(f": {columns[name][1]}", strong=name)
    counts = {"more key": len(keys) - KEYS_SHOWN, "more event name": len(names) - 1}
    further = [counted(count, noun) for noun, count in counts.items() if count > 0]
    if further:
        yield f"<p>{' and '.join(further)}: see <code>report.metadata</code></p>"


def _explained_table(columns: Mapping[str, tuple[str, str]], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose head explains each column."""
    head = "".join(cell("th", name, style, title=meaning) for name, (style, meaning) in columns.items())
    styles = [style for style, _ in columns.values()]
    lines = ("".join(cell("td", *shown) for shown in zip(row, styles, strict=True)) for row in rows)
    return table(lines, head=[f"<thead><tr>{head}</tr></thead>"])


def _budget_texts(budget: pd.DataFrame) -> pd.DataFrame:
    """Return the text of each cell; empty where there is nothing to say."""
    counts = {column: budget[column].map("{:,}".format) for column in ("position", "present")}
    ignored = budget["ignored"].map(lambda rows: f"{rows:,}" if rows else "")
    words = {column: budget[column].fillna("") for column in ("type", "drift")}
    return budget.assign(**counts, **words, ignored=ignored, share=budget["share"].map(_percent))


def _percent(share: float) -> str:
    """Write a share so that only 1 becomes 100 %, and only 0 becomes 0 %."""
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"
