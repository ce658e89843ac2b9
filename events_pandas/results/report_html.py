"""A check's report as a fragment of HTML, for notebooks: no script, no colours of its own, everything escaped."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from events_pandas.convert import Cause
from events_pandas.results.report_facts import Fact, told_causes
from events_pandas.words import quoted

KEYS_SHOWN = 20

# Names, keys and messages may hold dollar signs, which a notebook would set as formulas.
_OPENING = '<div class="tex2jax_ignore mathjax_ignore" style="color: inherit; line-height: 1.4">'
_TABLE = "margin-left: 0"
_LEFT = "text-align: left; vertical-align: top"
_RIGHT = "text-align: right; vertical-align: top"
_LONG = f"{_LEFT}; white-space: normal; overflow-wrap: anywhere"
"""Of text that may be longer than a line."""

_UNBROKEN = "white-space: nowrap"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Column:
    """A column of a table: its style, and what is said where one points at its name."""

    style: str
    meaning: str


_CAUSE_COLUMNS = {
    "severity": _Column(style=_LEFT, meaning="an error makes the row invalid; with a note it is sent"),
    "code": _Column(style=_LEFT, meaning="stands for what was found, in report.problems too"),
    "rows": _Column(style=f"{_RIGHT}; {_UNBROKEN}", meaning="how many it concerns"),
    "example": _Column(style=_LONG, meaning="the first of the rows"),
}
_BUDGET_COLUMNS = {
    "position": _Column(style=_RIGHT, meaning="place in the order sent"),
    "key": _Column(style=_LONG, meaning="metadata key"),
    "type": _Column(style=f"{_LEFT}; {_UNBROKEN}", meaning="what Intercom shows the value as"),
    "present": _Column(style=_RIGHT, meaning="valid rows of this event name that have a value"),
    "share": _Column(style=_RIGHT, meaning="of all valid rows of this event name"),
    "ignored": _Column(
        style=_RIGHT,
        meaning="rows that are sent without the value, since it comes after as many others as Intercom keeps",
    ),
    "drift": _Column(
        style=_LONG, meaning="types of the column's cells, in all rows: Intercom shows a key of mixed types as text"
    ),
}
_EXPLAINED = ("ignored", "drift")
"""Columns that are there only where something is to be said, and whose names do not say what."""


def report_html(
    heading: str,
    *,
    facts: Sequence[Fact],
    warnings: Sequence[str] = (),
    causes: Sequence[Cause] = (),
    budget: pd.DataFrame,
) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    heading : str
        The first line.
    facts : sequence of Fact
        The rows of a table.
    warnings : sequence of str
        A line each.
    causes : sequence of Cause
        The rows of a table; notes only as far as there is room for them.
    budget : pandas.DataFrame
        As `CheckReport.metadata`; the keys of the most frequent event name are shown.

    Returns
    -------
    str
        A ``div`` element that needs nothing from outside.
    """
    parts = [f"<p><strong>{html.escape(heading)}</strong></p>", _fact_table(facts)]
    parts += [f"<p><strong>warning</strong>: {html.escape(warning)}</p>" for warning in warnings]
    if causes:
        parts += _cause_parts(causes)
    if len(budget):
        parts += _budget_parts(budget)
    return "\n".join([_OPENING, *parts, "</div>"])


def _cause_parts(causes: Sequence[Cause]) -> Iterator[str]:
    told, rest = told_causes(causes)
    yield "<p><strong>problems</strong></p>"
    yield _table(_CAUSE_COLUMNS, map(_cause_texts, told))
    if rest:
        yield f"<p>{html.escape(rest)}</p>"


def _budget_parts(budget: pd.DataFrame) -> Iterator[str]:
    """Yield the keys of the most frequent event name, and where the others are."""
    names = budget["event_name"].unique()
    keys = budget[budget["event_name"] == names[0]]
    texts = _budget_texts(keys.head(KEYS_SHOWN))
    columns = {name: column for name, column in _BUDGET_COLUMNS.items() if (texts[name] != "").any()}
    yield f"<p><strong>metadata</strong> of {html.escape(quoted(names[0]))}</p>"
    yield _table(columns, texts[list(columns)].itertuples(index=False, name=None))
    explained = [name for name in _EXPLAINED if name in columns]
    yield from (f"<p><strong>{name}</strong>: {html.escape(columns[name].meaning)}</p>" for name in explained)
    further = [*_more(len(keys) - KEYS_SHOWN, "key"), *_more(len(names) - 1, "event name")]
    if further:
        yield f"<p>{' and '.join(further)}: see <code>report.metadata</code></p>"


def _more(count: int, noun: str) -> Iterator[str]:
    if count > 0:
        yield f"{count:,} more {noun}{'' if count == 1 else 's'}"


def _fact_table(facts: Sequence[Fact]) -> str:
    rows = (f"<tr>{_cell('th', fact.label, _LEFT)}{_cell('td', fact.text, _LONG)}</tr>" for fact in facts)
    return "\n".join([f'<table style="{_TABLE}">', "<tbody>", *rows, "</tbody>", "</table>"])


def _table(columns: Mapping[str, _Column], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(_cell("th", name, column.style, title=column.meaning) for name, column in columns.items())
    styles = [column.style for column in columns.values()]
    lines = ("".join(_cell("td", *cell) for cell in zip(row, styles, strict=True)) for row in rows)
    body = [f"<tr>{line}</tr>" for line in lines]
    opening = [f'<table style="{_TABLE}">', f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    return "\n".join([*opening, *body, "</tbody>", "</table>"])


def _cell(tag: str, text: str, style: str, *, title: str = "") -> str:
    told = f' title="{html.escape(title)}"' if title else ""
    return f'<{tag} style="{style}"{told}>{html.escape(text)}</{tag}>'


def _cause_texts(cause: Cause) -> Sequence[str]:
    return cause.severity, cause.code, cause.extent, f"row {cause.first_row}: {cause.message}"


def _budget_texts(budget: pd.DataFrame) -> pd.DataFrame:
    """Return what stands in each cell; nothing where nothing is to be said."""
    counted = {column: budget[column].map("{:,}".format) for column in ("position", "present")}
    ignored = budget["ignored"].map(lambda rows: f"{rows:,}" if rows else "")
    words = {column: budget[column].fillna("") for column in ("type", "drift")}
    return budget.assign(**counted, **words, ignored=ignored, share=budget["share"].map(_percent))


def _percent(share: float) -> str:
    """Write a share so that only all is 100 %, and only nothing is 0 %."""
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"
