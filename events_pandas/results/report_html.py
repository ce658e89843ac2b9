"""A check's report as a fragment of HTML, for notebooks: no script, no colours of its own, everything escaped."""

import html
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from events_pandas.convert import Cause
from events_pandas.results.report_facts import Fact

BUDGET_ROWS_SHOWN = 20

# Names, keys and messages may hold dollar signs, which a notebook would set as formulas.
_OPENING = '<div class="tex2jax_ignore mathjax_ignore" style="color: inherit; line-height: 1.4">'
_TABLE = "margin-left: 0"
_LEFT = "text-align: left; vertical-align: top"
_RIGHT = "text-align: right; vertical-align: top"
_LONG = f"{_LEFT}; white-space: normal; overflow-wrap: anywhere"
"""Of text that may be longer than a line."""

_CAUSE_COLUMNS = {"severity": _LEFT, "code": _LEFT, "rows": _RIGHT, "example": _LONG}
_BUDGET_COLUMNS = {
    "event_name": _LONG,
    "position": _RIGHT,
    "key": _LONG,
    "type": f"{_LEFT}; white-space: nowrap",
    "present": _RIGHT,
    "share": _RIGHT,
    "ignored": _RIGHT,
    "drift": _LONG,
}


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
        The rows of a table.
    budget : pandas.DataFrame
        As `CheckReport.metadata`; of a long one the first rows are shown.

    Returns
    -------
    str
        A ``div`` element that needs nothing from outside.
    """
    parts = [f"<p><strong>{html.escape(heading)}</strong></p>", _fact_table(facts)]
    parts += [f"<p><strong>warning</strong>: {html.escape(warning)}</p>" for warning in warnings]
    if causes:
        parts += ["<p><strong>problems</strong></p>", _table(_CAUSE_COLUMNS, map(_cause_texts, causes))]
    if len(budget):
        shown = budget.head(BUDGET_ROWS_SHOWN)
        parts += ["<p><strong>metadata</strong></p>", _table(_BUDGET_COLUMNS, _budget_texts(shown))]
    if len(budget) > BUDGET_ROWS_SHOWN:
        parts.append(f"<p>and {len(budget) - BUDGET_ROWS_SHOWN:,} more rows in <code>report.metadata</code></p>")
    return "\n".join([_OPENING, *parts, "</div>"])


def _fact_table(facts: Sequence[Fact]) -> str:
    rows = (f"<tr>{_cell('th', fact.label, _LEFT)}{_cell('td', fact.text, _LONG)}</tr>" for fact in facts)
    return "\n".join([f'<table style="{_TABLE}">', "<tbody>", *rows, "</tbody>", "</table>"])


def _table(columns: Mapping[str, str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, given the style of each column."""
    head = "".join(_cell("th", column, style) for column, style in columns.items())
    lines = ("".join(_cell("td", *cell) for cell in zip(row, columns.values(), strict=True)) for row in rows)
    body = [f"<tr>{line}</tr>" for line in lines]
    opening = [f'<table style="{_TABLE}">', f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    return "\n".join([*opening, *body, "</tbody>", "</table>"])


def _cell(tag: str, text: str, style: str) -> str:
    return f'<{tag} style="{style}">{html.escape(text)}</{tag}>'


def _cause_texts(cause: Cause) -> Sequence[str]:
    return cause.severity, cause.code, f"{cause.rows:,}", f"row {cause.first_row}: {cause.message}"


def _budget_texts(budget: pd.DataFrame) -> Iterable[Sequence[str]]:
    counted = {column: budget[column].map("{:,}".format) for column in ("position", "present", "ignored")}
    words = {column: budget[column].fillna("") for column in ("type", "drift")}
    texts = budget.assign(**counted, **words, share=budget["share"].map(_percent))
    return texts[list(_BUDGET_COLUMNS)].itertuples(index=False, name=None)


def _percent(share: float) -> str:
    """Write a share so that only all is 100 %, and only nothing is 0 %."""
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"
