"""The summary of results for Python: text as the command line prints it, HTML for notebooks, and counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from events_pandas.deliver import Status
from events_pandas.results.fragment import LEFT, LONG, RIGHT, UNBROKEN, cell, fragment, paragraph, table
from events_pandas.results.next_steps import last_step
from events_pandas.results.summary import Summary
from events_pandas.wording import in_python
from events_pandas.words import full_kind_of, pandas_cure

_COUNTED: Final = (f"{RIGHT}; {UNBROKEN}", LEFT, LONG)
_NAMED: Final = (LEFT, LONG)

COLUMNS: Final = ("row", "status", "error_code", "error_message")
"""The columns of results that a summary reads."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False, slots=True)
class ResultsSummary:
    """What became of the rows of results, in a few lines.

    Printed it is the text that the command line prints at the end of a run; in a notebook it is shown as tables.

    Parameters
    ----------
    counts : Summary
        What was counted in the results.

    Examples
    --------
    >>> import pandas as pd
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client(), journal=None)
    >>> summary = ep.summarize(results)
    >>> summary.statuses.loc[["accepted", "invalid"]].to_dict()
    {'accepted': 1, 'invalid': 1}
    >>> summary.next_steps[-1]
    'submit all rows again: Intercom ignores the repeats of accepted ones'
    """

    counts: Summary

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.counts.count(*Status)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is to be done: every row is accepted, was accepted before, or is a duplicate."""
        return self.counts.is_complete

    @property
    def statuses(self) -> "pd.Series[int]":
        """How many rows have each status: all eight in their order, int64; they add up to `rows`."""
        return pd.Series({status.value: self.counts.count(status) for status in Status}, name="rows", dtype="int64")

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What to do next, a sentence for each status that needs work; empty if nothing is to be done."""
        steps = self.counts.steps
        said = (f"{rows:,} {what}: {in_python(step)}" for rows, what, step in steps)
        return (*said, last_step(self.run)) if steps else ()

    @property
    def run(self) -> dict[str, Any]:
        """The facts of the run, such as ``workspace``, ``journal``, ``requests`` and ``notes``; empty if not known.

        They are ``results.attrs["run"]``: a CSV file does not have them, and a Parquet file that pandas wrote does.
        """
        return dict(self.counts.run)

    def __str__(self) -> str:
        return str(self.counts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return fragment(self._parts())

    def _parts(self) -> Iterator[str]:
        counts = self.counts
        yield paragraph(strong=counts.heading)
        yield from _table(_COUNTED, [(f"{rows:,}", *texts) for rows, *texts in counts.status_lines()])
        if causes := [(code, in_python(text)) for code, text in counts.cause_lines()]:
            yield paragraph(strong="causes")
            yield from _table(_NAMED, causes)
        yield from map(paragraph, counts.note_lines())
        if counts.steps:
            yield paragraph(strong="what to do next")
            yield from _table(_COUNTED, [(f"{rows:,}", what, in_python(step)) for rows, what, step in counts.steps])
            yield paragraph(f"then {last_step(self.run)}")
        yield from _table(_NAMED, list(counts.run_lines()))


def _table(styles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = ("".join(cell("td", *shown) for shown in zip(row, styles, strict=True)) for row in rows)
    return table(lines) if rows else iter(())


def summarize(results: pd.DataFrame) -> ResultsSummary:
    """Summarize results: how many rows have each status, why, and what to do next.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned, or some of its rows: also the `results` of an exception, the parts that `iter_submit`
        yields, put together with ``pandas.concat``, or a file of results that was read back.

    Returns
    -------
    ResultsSummary
        As text, in a notebook as tables, and as counts.

    Raises
    ------
    TypeError
        If the results are not a DataFrame.
    ValueError
        If they lack a column that submitting returns, or a row has no status.

    Notes
    -----
    The counts add up to the rows that are given. Journal, workspace and notes are shown if ``results.attrs["run"]`` has
    them. A CSV file does not have them, and ``pandas.concat`` drops those of parts that differ. The notes are those of
    all rows of the run: if the results are some of the rows, a line says so.

    Examples
    --------
    >>> import pandas as pd
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30", "2024-03-31"], "who": ["00042", "00043", "00999"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox(unknown_contacts=["00999"]) as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client())
    >>> ep.summarize(results)
    3 rows
      1 accepted          Intercom has them
      1 invalid           break a rule of Intercom's, and were not sent
      1 unknown_contact   Intercom does not know the contact
    time_unreadable: 1 row, such as row 1: created_at: '2024-02-30' in column 'day' cannot be read as a time: ...
    not_found: 1 row, such as row 2: Intercom does not know the contact (404 Not Found, not_found: User Not Found): ...
    what to do next:
      1 invalid           fix these rows; ep.explain(results, frame) has an example of each cause
      1 unknown_contact   ep.create_contacts(ep.unknown_contacts(results, frame, mapping), client=client), or ...
      then submit all rows again: the journal skips the accepted ones
    workspace: 'Sandbox', id sandbox_..., region US
    journal: ...
    """
    require_columns(results, COLUMNS)
    counts = Summary()
    counts.add(results)
    return ResultsSummary(counts=counts)


def require_columns(results: object, columns: Sequence[str]) -> None:
    """Raise `TypeError` if results are not a DataFrame, `ValueError` if they lack a column or a row has no status."""
    if not isinstance(results, pd.DataFrame):
        cure = pandas_cure(results, "give what submitting returned")
        raise TypeError(f"results: expected a DataFrame, got {full_kind_of(results)}: {cure}")
    for column in columns:
        found = int((results.columns == column).sum())
        if found != 1:
            have = f"{found} columns have the name {column!r}" if found else f"no column {column!r}"
            raise ValueError(f"results: {have}: give what submitting returned")
    if "status" in columns:
        _require_statuses(results)


def _require_statuses(results: pd.DataFrame) -> None:
    """Raise `ValueError` if a row has no status or one that there is not: counts would not add up."""
    statuses = results["status"]
    is_other = ~statuses.isin([status.value for status in Status]).to_numpy(bool)
    if is_other.any():
        place = int(is_other.argmax())
        row = results["row"].iloc[place] if "row" in results else place
        other = statuses.iloc[place]
        have = "no status" if pd.isna(other) or other == "" else f"the unknown status {other!r}"
        raise ValueError(f"results: row {row} has {have}: give what submitting returned")


def one_line(results: pd.DataFrame) -> str:
    """Return the counts of results in one line, and where to find more if there is something to do."""
    counts = Summary()
    counts.add(results)
    statuses = ", ".join(f"{rows:,} {status}" for rows, status, _ in counts.status_lines())
    line = f"{counts.heading}: {statuses}" if statuses else counts.heading
    return line if counts.is_complete else f"{line}; ep.summarize(results) says what to do next"
