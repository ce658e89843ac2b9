"""What the page reads of the submissions: short queries, since the server waits while one runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from events_pandas.sandbox.workspace.store import Row, Store

LARGEST_SHOWN_BODY: Final = 65_536
"""Bytes of a body that is read to be shown; of a larger one only the beginning is."""

_BEGINNING: Final = 4_096
SHOWN_BODY: Final = (
    f"CASE WHEN length(body) <= {LARGEST_SHOWN_BODY} THEN body ELSE substr(body, 1, {_BEGINNING}) END AS body"
)
"""The body of a submission in SQL, so that a page does not read fifty of a megabyte."""

_SUBMISSION: Final = (
    "SELECT submissions.number, received_at, http_status, outcome, names.name, contact, error_code, error_message,"  # noqa: S608  # All written here.
    f" length(body), {SHOWN_BODY} FROM submissions LEFT JOIN names ON names.number = submissions.name"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionRow:
    """A submission, as the log has it.

    Parameters
    ----------
    number : int
        Its place in the log, from 1.
    received_at : float
        The sandbox's time, in Unix seconds.
    http_status : int or None
        None when the connection was closed instead.
    outcome : str
        What became of it.
    name : str or None
        The normalized event name, where one could be read.
    contact : str or None
        The identifier's text, where one could be read.
    error_code : str or None
        Intercom's word for the error.
    error_message : str or None
        The same for people.
    size : int
        Bytes of the body.
    body : bytes
        The body as it arrived; of a large one the beginning.
    """

    number: int
    received_at: float
    http_status: int | None
    outcome: str
    name: str | None
    contact: str | None
    error_code: str | None
    error_message: str | None
    size: int
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which submissions to read.

    Parameters
    ----------
    name : int, optional
        The number of an event name.
    contacts : tuple of str, default ()
        The identifiers of one contact, one of which is named; empty for all contacts.
    outcome : str, optional
        What became of them.
    http_status : int, optional
        What was answered; 0 for closed connections.
    before : int, optional
        Only lower numbers.
    """

    name: int | None = None
    contacts: tuple[str, ...] = ()
    outcome: str | None = None
    http_status: int | None = None
    before: int | None = None


def find_submission(store: Store, number: int) -> list[SubmissionRow]:
    """Return the submission of a number.

    Parameters
    ----------
    store : Store
        The workspace.
    number : int
        Any.

    Returns
    -------
    list of SubmissionRow
        One, or none.
    """
    return _rows(store.read(f"{_SUBMISSION} WHERE submissions.number = ?", (number,)))


def read_body(store: Store, number: int) -> bytes | None:
    """Return the body of a submission.

    Parameters
    ----------
    store : Store
        The workspace.
    number : int
        The submission's.

    Returns
    -------
    bytes or None
        All of it; None when there is no such submission.
    """
    rows = store.read("SELECT body FROM submissions WHERE number = ?", (number,))
    return rows[0][0] if rows else None


def read_submissions(store: Store, selection: Selection, limit: int) -> list[SubmissionRow]:
    """Return submissions.

    Parameters
    ----------
    store : Store
        The workspace.
    selection : Selection
        Which.
    limit : int
        How many at most.

    Returns
    -------
    list of SubmissionRow
        The last received first.
    """
    conditions = _conditions(store, selection)
    named = [{"contact": contact, **conditions} for contact in selection.contacts] or [conditions]
    # One query for each identifier walks its index backwards; all at once would be sorted first.
    found = {row[0]: row for one in named for row in _matching(store, one, before=selection.before, limit=limit)}
    return _rows([found[number] for number in sorted(found, reverse=True)[:limit]])


def count_submissions(store: Store, selection: Selection) -> int:
    """Count submissions, on all pages.

    Parameters
    ----------
    store : Store
        The workspace.
    selection : Selection
        Which; its contacts are left out of account.

    Returns
    -------
    int
        From the tallies, which are few.
    """
    conditions = _conditions(store, selection)
    where = " AND ".join([f"{column} = ?" for column in conditions] or ["TRUE"])
    query = f"SELECT coalesce(sum(count), 0) FROM tallies WHERE {where}"  # noqa: S608  # Three columns at most.
    ((count,),) = store.read(query, [*conditions.values()])
    return int(count)


def _conditions(store: Store, selection: Selection) -> dict[str, str | int]:
    """Return what columns have to be, the rarest first: its index is the one to walk."""
    asked = {"name": selection.name, "outcome": selection.outcome, "http_status": selection.http_status}
    given = {column: value for column, value in asked.items() if value is not None}
    if len(given) < 2:  # noqa: PLR2004  # There is nothing to compare.
        return given
    return dict(sorted(given.items(), key=lambda condition: _tallied(store, *condition)))


def _tallied(store: Store, column: str, value: str | int) -> int:
    query = f"SELECT coalesce(sum(count), 0) FROM tallies WHERE {column} = ?"  # noqa: S608  # One of three columns.
    ((count,),) = store.read(query, (value,))
    return int(count)


def _matching(store: Store, conditions: Mapping[str, str | int], *, before: int | None, limit: int) -> list[Row]:
    # The plus sign keeps SQLite from choosing another index than the first condition's.
    wheres = [
        f"{'+' if place else ''}submissions.{column} {_comparison(column, value)}"
        for place, (column, value) in enumerate(conditions.items())
    ]
    values = list(conditions.values())
    if before is not None:
        wheres.append("submissions.number < ?")
        values.append(before)
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    return store.read(f"{_SUBMISSION} {where} ORDER BY submissions.number DESC LIMIT ?", [*values, limit])


def _comparison(column: str, value: str | int) -> str:
    # A closed connection has no status; the tallies say 0 for it.
    return "IS nullif(?, 0)" if (column, value) == ("http_status", 0) else "= ?"


def _rows(rows: Sequence[Row]) -> list[SubmissionRow]:
    names = [field.name for field in fields(SubmissionRow)]
    return [SubmissionRow(**dict(zip(names, row, strict=True))) for row in rows]
