"""Why rows did not arrive: a table with a line for each cause, however many fields and messages it shows in."""

from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from events_pandas.convert.codes import CODES
from events_pandas.convert.cures import shared_cure
from events_pandas.deliver import Status
from events_pandas.deliver.stops import EARLY_ENDS, StopReason
from events_pandas.mapping import Table, read_table
from events_pandas.results.contacts import positions_in, require_results
from events_pandas.results.frame import STATUS_DTYPE
from events_pandas.results.next_steps import REPEATS_UNSENT, STEPS
from events_pandas.results.results_summary import COLUMNS, require_columns
from events_pandas.results.summary import MEANINGS, labelled, place_of, present_texts
from events_pandas.wording import in_python
from events_pandas.words import escaped, listed

FIELDS_NAMED: Final = 3
IDS_NAMED: Final = 3

Words: TypeAlias = tuple[str, str]
"""The cause and what to do."""

_TEXT: Final = pd.StringDtype("pyarrow")
_DTYPES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "cause": _TEXT,
        "error_code": _TEXT,
        "status": STATUS_DTYPE,
        "rows": "int64",
        "share": "float64",
        "example": _TEXT,
        "what_to_do": _TEXT,
        "request_ids": _TEXT,
    }
)
"""The columns of the table, with their dtypes."""
_READ_TOO: Final = ("request_id", "source_file", "line")
_READ: Final = (*COLUMNS, *_READ_TOO)
_TEXTS: Final = frozenset({"error_code", "error_message", "request_id", "line"})
"""Columns whose empty texts are absent."""
_ARRIVED: Final = (Status.ACCEPTED.value, Status.ALREADY_SUBMITTED.value)
_AGAIN: Final = "submit these rows again: if an event has arrived, Intercom ignores the repeat"
_LATER: Final = "submit these rows again later"
_ONE_EVENT: Final = "nothing, if both rows are one event; otherwise set duplicates to 'spread' in the mapping"
_AS_SAID: Final = "fix these rows as their error_message says, then submit them again"
_HIDDEN: Final[Words] = (MEANINGS[Status.INVALID], _AS_SAID)
_NOT_KNOWN: Final = "Intercom does not know the contact"
_SAME: Final = "the same contact, event name and second"

_WORDS: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "duplicate": (f"an earlier row has {_SAME}, and the same metadata", _ONE_EVENT),
        "duplicate_with_other_metadata": (f"an earlier row has {_SAME}, and other metadata", _ONE_EVENT),
        "accepted_with_other_metadata": (
            f"an event with {_SAME}, and other metadata, was accepted before",
            "nothing, if the first metadata is right: Intercom keeps it",
        ),
        REPEATS_UNSENT: (f"an earlier row with {_SAME} was not accepted", "fix that row, then submit both again"),
        "no_answer": ("no answer came, so that the event may have arrived", _AGAIN),
        "server_error": ("Intercom answered with an error of its own, so that the event may have arrived", _AGAIN),
        "not_recorded": ("Intercom accepted the event, and the journal could not be written", _AGAIN),
        "not_connected": ("Intercom could not be reached", _LATER),
        "rate_limited": ("the rate limit refused every attempt", _LATER),
        "request_timeout": ("Intercom answered that the request took too long", _LATER),
        "forbidden": (
            "the run ended before this row, as Intercom refused the permissions of the access token",
            "check the permissions of the token's app, then submit these rows again",
        ),
    }
)
_LEFT_BEHIND: Final[Mapping[str, str]] = MappingProxyType(
    # A stream that is closed gives no results.
    {end.error_code: end.left_behind for reason, end in EARLY_ENDS.items() if reason is not StopReason.CLOSED}
)


def explain(results: pd.DataFrame, frame: Table | None = None) -> pd.DataFrame:
    """Group the rows that were not accepted by cause, as a person would.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned, or some of its rows; a file of results that was read back will do.
    frame : pandas.DataFrame or table, optional
        All rows that were submitted. Examples then have the labels of its rows, also if the results come from a file
        or were put together.

    Returns
    -------
    pandas.DataFrame
        One row for each cause, the most frequent first: ``cause`` (string; it begins with the fields of the event, and
        one cause in several fields is one row), ``error_code`` (string; NA if the results have none), ``status``
        (ordered categorical), ``rows`` (int64), ``share`` (float64, of all rows of the results, above 0 and at most 1),
        ``example`` (string: the first row by its position, its label or its file and line, and the cell of an invalid
        row), ``what_to_do`` (string) and ``request_ids`` (string: up to three of Intercom's ids, NA if there are none).
        ``rows`` add up to the rows that are neither ``accepted`` nor ``already_submitted``.

    Raises
    ------
    TypeError
        If results or frame are not a DataFrame.
    ValueError
        If the results lack a column that submitting returns or have one twice, a row has no status, or the frame is too
        short for them.

    Notes
    -----
    Rows with the same status and error code have the same cause. A row that breaks several rules counts for the first
    one: `CheckReport.problems` has them all.

    An example shows the cell that breaks a rule, as `error_message` does. If the mapping reads the cell's column as the
    identifier of a contact, the cell is not shown, whatever else reads it. The label of a row is shown as it stands in
    the index, which may hold personal data, such as the identifier itself; a label with an email address is not shown.

    Examples
    --------
    >>> import pandas as pd
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame(
    ...     {"day": "2024-01-31", "who": ["00042", "00043", "00044"], "total": [0, 9, 7], "tax": [2, -1, 3]},
    ...     index=["a", "b", "c"],
    ... )
    >>> euros = {key: ep.MonetaryAmount(key, currency=ep.Constant("eur")) for key in ("total", "tax")}
    >>> mapping = ep.EventMapping(
    ...     event_name="placed-order", created_at="day", user_id="who", metadata=euros, timezone="UTC"
    ... )
    >>> with ep.Sandbox(unknown_contacts=["00044"]) as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client())
    >>> causes = ep.explain(results)
    >>> causes[["error_code", "rows", "example"]]
                error_code  rows                                            example
    0  amount_not_positive     2  row 0 ('a'): metadata.total.amount: 0 in colum...
    1            not_found     1                                        row 2 ('c')
    >>> print(causes["cause"][0])
    metadata.total.amount, metadata.tax.amount: a value is not above zero, and Intercom accepts only positive amounts
    """
    require_columns(results, COLUMNS)
    require_columns(results, [name for name in _READ_TOO if name in results])
    if frame is None:
        return explained(results, labels=labels_of(results))
    submitted = read_table(frame)
    require_results(results, submitted, columns=COLUMNS)
    return explained(results, labels=submitted.index[positions_in(submitted, results, results["row"])])


def labels_of(results: pd.DataFrame) -> "pd.Index[Any] | None":
    """Return the caller's labels of results; None if these have lost the caller's index."""
    # Results that were put together or read from a file may have an index of their own.
    if "run" not in results.attrs:
        return None
    index = results.index
    if not (isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(index)))):
        return index
    # Some of the rows, or all in another order, were given a new index; of a whole frame it may be the caller's.
    frame = results.attrs["run"].get("frame")
    is_whole = frame is not None and np.array_equal(results["row"], frame["first_row"] + np.arange(frame["rows"]))
    return index if is_whole else None


def explained(results: pd.DataFrame, *, labels: "pd.Index[Any] | None", shows_cells: bool = True) -> pd.DataFrame:
    """Return the table of `explain`. `labels` are those of all rows; without them, examples show none."""
    is_troubled = ~results["status"].isin(_ARRIVED).to_numpy(bool)
    read = results[[name for name in _READ if name in results]].assign(position=np.arange(len(results)))
    for name in _TEXTS.intersection(read):
        read[name] = present_texts(read[name])
    # Both are read from files as texts, or as NaN where a whole column is empty.
    keys = [read["status"].astype(str).to_numpy(object), read["error_code"].astype(object).to_numpy()]
    # Files may be read with numbers as texts, of which "10" comes before "9".
    read["order"] = pd.to_numeric(read["row"], errors="coerce").astype(float)
    groups = read[is_troubled].groupby([key[is_troubled] for key in keys], sort=False, dropna=False)
    lines = [_line(group, n_rows=len(results), labels=labels, shows_cell=shows_cells) for _, group in groups]
    table = pd.DataFrame([dict(zip(_DTYPES, line, strict=True)) for line in lines], columns=list(_DTYPES))
    return table.astype(_DTYPES).sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _line(group: pd.DataFrame, *, n_rows: int, labels: "pd.Index[Any] | None", shows_cell: bool) -> tuple[Any, ...]:
    """Return the cells of one cause, in the order of the columns."""
    place = int(group["order"].argmin())
    first: Any = next(group.iloc[place : place + 1].itertuples())
    code = "" if pd.isna(first.error_code) else str(first.error_code)
    messages = group["error_message"].dropna().unique().tolist()
    # The message of an invalid row shows its cell, and only known codes have words of their own.
    is_hidden = first.status == Status.INVALID.value and code not in CODES and not shows_cell
    cause, what_to_do = _HIDDEN if is_hidden else _words(Status(first.status), code, messages, shows_cells=shows_cell)
    # As a list, so that numbers are Python's and not numpy's.
    label = None if labels is None else labels[first.position : first.position + 1].tolist()[0]
    example = _place(first, label)
    if shows_cell and (cell := _cell(first, code)) is not None:
        example = f"{example}: {cell}"
    ids = group["request_id"].dropna().unique()[:IDS_NAMED] if "request_id" in group else ()
    request_ids = ", ".join(map(escaped, ids)) or None
    return (cause, code or None, first.status, len(group), len(group) / n_rows, example, what_to_do, request_ids)


def _words(status: Status, code: str, messages: Sequence[str], *, shows_cells: bool) -> Words:
    """Return the cause and what to do."""
    if status is Status.UNKNOWN_CONTACT:
        return _NOT_KNOWN, in_python(STEPS[status])
    if status is Status.INVALID and code in CODES:
        fields = list(dict.fromkeys(message.partition(": ")[0] for message in messages))
        cause = f"{listed(fields, most=FIELDS_NAMED)}: {CODES[code].subject} {CODES[code].cause}"
        return cause, shared_cure(code, messages, shows_cells=shows_cells)
    # Intercom has codes of its own for what it refuses.
    if status is not Status.REJECTED:
        if code in _WORDS:
            return _WORDS[code]
        if code in _LEFT_BEHIND:
            cause, _, what_to_do = _LEFT_BEHIND[code].partition(": ")
            return cause, what_to_do
    return _said(status, messages)


def _said(status: Status, messages: Sequence[str]) -> Words:
    """Return the cause and what to do as messages say it, or in general words if they say several things."""
    if not messages:
        return MEANINGS[status], "submit these rows again"
    # What Intercom says may have colons, too: the last one stands before what to do.
    parts = [message.rpartition(": ") for message in messages]
    causes = list(dict.fromkeys(head or tail for head, _, tail in parts))
    cures = list(dict.fromkeys(tail if head else _AS_SAID for head, _, tail in parts))
    # Words in parentheses differ from answer to answer.
    cause = causes[0] if len(causes) == 1 else causes[0].partition(" (")[0]
    return cause, cures[0] if len(cures) == 1 else _AS_SAID


def _place(result: Any, label: Hashable) -> str:
    """Return a row in words, with its label if that says more."""
    place = place_of(result)
    return place if label is None or hasattr(result, "source_file") else labelled(place, label, row=result.row)


def _cell(result: Any, code: str) -> str | None:
    """Return the field, the cell and the column of an invalid row, as its message shows them."""
    if code not in CODES or result.status != Status.INVALID.value:
        return None
    shown, is_found, _ = str(result.error_message).partition(f" {CODES[code].cause}")
    return escaped(shown) if is_found else None
