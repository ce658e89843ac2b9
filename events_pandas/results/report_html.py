"""A check's report as an HTML fragment: facts, warnings, problems and metadata in tables; long lists are folded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from events_pandas.convert.problems import is_of_file
from events_pandas.results.cause_groups import FIELDS_NAMED, CauseGroup
from events_pandas.results.fragment import (
    LEFT,
    LONG,
    RIGHT,
    UNBROKEN,
    badge,
    cell,
    folded,
    fragment,
    markup_cell,
    name_lines,
    paragraph,
    table,
    text_lines,
)
from events_pandas.results.report import ReportContent, shown_causes
from events_pandas.words import counted, escaped, quoted

LINES_UNFOLDED: Final = 10
"""Lines of a table that are shown at once; the others are folded."""
KEYS_SHOWN: Final = 20
FIELDS_LISTED: Final = 10
"""Fields of one finding whose rows are listed, after the first three."""
LONGEST_UNBROKEN: Final = 40
"""Characters of a field whose line does not break beside the others."""

# The style of each column, and the tooltip of its name.
_CAUSE_COLUMNS: Final = {
    "severity": (f"{LEFT}; {UNBROKEN}", "an error makes the row invalid; with a note it is sent"),
    "code": (f"{LEFT}; min-width: 10em", "the kind of finding, as in report.problems"),
    "field": (f"{LONG}; min-width: 8em", "the field of the event"),
    "rows": (f"{RIGHT}; {UNBROKEN}", "the number of rows with this finding, in each field"),
    "first row": (f"{LONG}; min-width: 5em", "the first of the rows of the first field, and its label"),
    "finding": (f"{LONG}; min-width: 20em", "what was found in it, and how to fix it"),
}
_BUDGET_COLUMNS: Final = {
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
_EXPLAINED: Final = ("ignored", "drift")
"""Columns that appear only if a key needs them, and whose names need an explanation."""


def report_html(content: ReportContent, budget: pd.DataFrame) -> str:
    """Return a report as a ``div`` element that loads nothing.

    `budget` is `CheckReport.metadata`; the keys of the most frequent event name are shown.
    """
    return fragment([paragraph(strong=content.heading), *report_parts(content, budget)])


def report_parts(content: ReportContent, budget: pd.DataFrame, *, is_open: bool = False) -> Iterator[str]:
    """Yield a report without its heading; `is_open` shows long lists whole, as on paper."""
    lines = (_row_head(label) + cell("td", text, LONG) for label, text in content.facts)
    yield from table(lines)
    yield from (f"<p>{badge('warning')} {text_lines([warning])}</p>" for warning in content.warnings)
    yield from _cause_parts(content.causes, is_open=is_open) if content.causes else ()
    yield from _budget_parts(budget, is_open=is_open) if len(budget) else ()


def _row_head(label: str) -> str:
    return markup_cell("th", text_lines([label]), LEFT, scope="row")


def _cause_parts(causes: Sequence[CauseGroup], *, is_open: bool) -> Iterator[str]:
    shown, rest = shown_causes(causes)
    rows = [_cause_row(group, is_open=is_open) for group in shown]
    yield from _folding_table(_CAUSE_COLUMNS, rows, caption="problems", is_open=is_open)
    if rest:
        yield paragraph(rest)


def _cause_row(group: CauseGroup, *, is_open: bool) -> list[str]:
    first, extents = group.first, list(group.extents())
    named, others = extents[:FIELDS_NAMED], extents[FIELDS_NAMED:]
    fields = name_lines(field for _, field in named)
    if len(named) > 1 and all(len(field) <= LONGEST_UNBROKEN for _, field in named):
        # A line for each field, beside the line with its number.
        fields = f'<span style="{UNBROKEN}">{text_lines(field for _, field in named)}</span>'
    rows = [rows for rows, _ in named]
    if others:
        listed = [f"{field}: {rows}" for rows, field in others[:FIELDS_LISTED]]
        if further := len(others) - len(listed):
            listed.append(f"and {further:,} more: see report.problems")
        lines = text_lines(listed)
        fields += "".join(folded(counted(len(others), "more field"), [lines], is_open=is_open))
    row = "" if is_of_file(first.code) else group.first_row or first.place or f"row {first.first_row}"
    return [
        badge(first.severity),
        name_lines([first.code]),
        fields,
        text_lines(rows if len(set(rows)) > 1 else rows[:1]),
        text_lines([row]),
        text_lines([first.message.removeprefix(f"{extents[0][1]}: ")]),
    ]


def _budget_parts(budget: pd.DataFrame, *, is_open: bool) -> Iterator[str]:
    """Yield the keys of the most frequent event name, and where to find the others."""
    names = budget["event_name"].unique()
    keys = budget[budget["event_name"] == names[0]]
    texts = _budget_texts(keys.head(KEYS_SHOWN))
    columns = {name: column for name, column in _BUDGET_COLUMNS.items() if (texts[name] != "").any()}
    rows = [[text_lines([text]) for text in line] for line in texts[list(columns)].itertuples(index=False, name=None)]
    yield from _folding_table(columns, rows, caption=f"metadata of {quoted(names[0])}", is_open=is_open)
    for name in _EXPLAINED:
        if name in columns:
            yield paragraph(f": {columns[name][1]}", strong=name)
    counts = {"more key": len(keys) - KEYS_SHOWN, "more event name": len(names) - 1}
    further = [counted(count, noun) for noun, count in counts.items() if count > 0]
    if further:
        yield f"<p>{' and '.join(further)}: see <code>report.metadata</code></p>"


def _folding_table(
    columns: Mapping[str, tuple[str, str]], rows: Sequence[Sequence[str]], *, caption: str, is_open: bool
) -> Iterator[str]:
    """Yield a table of cells of our own markup, with a head that explains each column; lines beyond ten are folded."""
    unfolded = len(rows) if is_open else LINES_UNFOLDED
    first, others = rows[:unfolded], rows[unfolded:]
    yield from _explained_table(columns, first, caption=caption)
    if others:
        further = f"{len(others):,} more"
        yield from folded(further, _explained_table(columns, others, caption=f"{caption}: {further}"))


def _explained_table(
    columns: Mapping[str, tuple[str, str]], rows: Sequence[Sequence[str]], *, caption: str
) -> Iterator[str]:
    head = "".join(
        markup_cell("th", name, style, title=meaning, scope="col") for name, (style, meaning) in columns.items()
    )
    styles = [style for style, _ in columns.values()]
    lines = ("".join(markup_cell("td", *shown) for shown in zip(row, styles, strict=True)) for row in rows)
    return table(lines, head=[f"<thead><tr>{head}</tr></thead>"], caption=caption)


def _budget_texts(budget: pd.DataFrame) -> pd.DataFrame:
    """Return the text of each cell; empty where there is nothing to say."""
    counts = {column: budget[column].map("{:,}".format) for column in ("position", "present")}
    ignored = budget["ignored"].map(lambda rows: f"{rows:,}" if rows else "")
    words = {column: budget[column].fillna("").map(escaped) for column in ("key", "type", "drift")}
    return budget.assign(**counts, **words, ignored=ignored, share=budget["share"].map(percent))


def percent(share: float) -> str:
    """Write a share so that only 1 becomes 100 %, and only 0 becomes 0 %."""
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"
