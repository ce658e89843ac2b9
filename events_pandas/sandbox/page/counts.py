"""What the page counts: submissions by outcome, name and second, and events by day."""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events_pandas.sandbox.workspace.store import EARLIEST, Store

CALENDAR_DAYS: Final = 47_482
"""Days from 1970 to 2099. What lies outside is a mistake rather than a date, and would flatten everything else."""

_SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many submissions ended alike.

    Parameters
    ----------
    outcome : str
        What became of them.
    http_status : int
        What was answered; 0 when nothing was.
    count : int
        How many.
    """

    outcome: str
    http_status: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NameCount:
    """How many submissions had an event name.

    Parameters
    ----------
    number : int
        The name's number.
    name : str
        The normalized name.
    count : int
        All of them, whatever became of them.
    """

    number: int
    name: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """Which events to count.

    Parameters
    ----------
    contact : int, optional
        The number of their contact; None for all contacts.
    name : int, optional
        The number of their name; None for all names.
    since : int, optional
        Of a contact, only events of this second and later; None for all.
    """

    contact: int | None = None
    name: int | None = None
    since: int | None = None


def read_change(store: Store) -> tuple[int, int]:
    """Return what differs after every change of the workspace.

    Parameters
    ----------
    store : Store
        The workspace.

    Returns
    -------
    submissions : int
        The number of the last one.
    contacts : int
        Likewise.
    """
    query = "SELECT (SELECT max(number) FROM submissions), (SELECT max(number) FROM contacts)"
    ((submissions, contacts),) = store.read(query)
    return submissions or 0, contacts or 0


def read_tallies(store: Store) -> list[Tally]:
    """Count submissions by what became of them.

    Parameters
    ----------
    store : Store
        The workspace.

    Returns
    -------
    list of Tally
        Of the whole workspace.
    """
    rows = store.read("SELECT outcome, http_status, sum(count) FROM tallies GROUP BY outcome, http_status")
    return [Tally(outcome=outcome, http_status=status, count=count) for outcome, status, count in rows]


def read_names(store: Store, limit: int) -> list[NameCount]:
    """Count submissions by their event name.

    Parameters
    ----------
    store : Store
        The workspace.
    limit : int
        How many names at most.

    Returns
    -------
    list of NameCount
        The most frequent first.
    """
    # Limited before the names are looked up: mistaken for identifiers, there are as many names as submissions.
    query = (
        "SELECT number, names.name, count FROM ("
        " SELECT name, sum(count) AS count FROM tallies WHERE name > 0 GROUP BY name ORDER BY count DESC, name LIMIT ?"
        ") AS counted JOIN names ON names.number = counted.name ORDER BY count DESC, number"
    )
    rows = store.read(query, (limit,))
    return [NameCount(number=number, name=name, count=count) for number, name, count in rows]


def find_name(store: Store, name: str) -> int | None:
    """Return the number of an event name.

    Parameters
    ----------
    store : Store
        The workspace.
    name : str
        The normalized name.

    Returns
    -------
    int or None
        None when nobody ever submitted it.
    """
    rows = store.read("SELECT number FROM names WHERE name = ?", (name,))
    return rows[0][0] if rows else None


def read_name(store: Store, number: int) -> str:
    """Return an event name.

    Parameters
    ----------
    store : Store
        The workspace.
    number : int
        The name's number.

    Returns
    -------
    str
        The normalized name.
    """
    ((name,),) = store.read("SELECT name FROM names WHERE number = ?", (number,))
    return str(name)


def read_last_arrival(store: Store) -> float:
    """Return when the last submission came.

    Parameters
    ----------
    store : Store
        The workspace.

    Returns
    -------
    float
        The sandbox's time; 0 when there is none.
    """
    rows = store.read("SELECT received_at FROM submissions ORDER BY number DESC LIMIT 1")
    return float(rows[0][0]) if rows else 0.0


def read_arrivals(store: Store, now: float, *, spans: int, span_seconds: int) -> list[int]:
    """Count the submissions of the last seconds.

    Parameters
    ----------
    store : Store
        The workspace.
    now : float
        The sandbox's time.
    spans : int
        For how many spans of time.
    span_seconds : int
        How long each of them is.

    Returns
    -------
    list of int
        The earliest span first; the last one ends where the present second begins.
    """
    end, _ = read_change(store)
    edges = []
    for place in range(spans + 1):
        end = _received_before(store, math.floor(now) - place * span_seconds, end=end)
        edges.append(end)
    return [later - earlier for later, earlier in itertools.pairwise(edges)][::-1]


def _received_before(store: Store, second: float, *, end: int) -> int:
    """Return how many of the first submissions came before a second."""
    # Times are not indexed, but rise with the numbers. In a quiet workspace the first look is the only one.
    if end == 0 or _received_at(store, end) < second:
        return end
    return bisect.bisect_left(range(1, end), second, key=lambda number: _received_at(store, number))


def _received_at(store: Store, number: int) -> float:
    ((received_at,),) = store.read("SELECT received_at FROM submissions WHERE number = ?", (number,))
    return float(received_at)


def read_span(store: Store, whose: Whose) -> tuple[int, int] | None:
    """Return the days between which events lie.

    Parameters
    ----------
    store : Store
        The workspace.
    whose : Whose
        Which events.

    Returns
    -------
    tuple of int, or None
        The first and the last day from 1970 to 2099; None when there is no event.
    """
    source = _source(whose)
    query = (
        f"SELECT min({source.time}), max({source.time}) FROM {source.table}"  # noqa: S608  # Written below.
        f" WHERE {source.time} >= ? AND {source.time} < ? {source.condition}"
    )
    first_unit, end = max(source.earliest, 0), CALENDAR_DAYS * source.units_a_day
    ((first, last),) = store.read(query, (first_unit, end, *source.values))
    return None if first is None else (first // source.units_a_day, last // source.units_a_day)


def read_outside(store: Store, whose: Whose) -> int:
    """Count the events that lie outside of the calendar.

    Parameters
    ----------
    store : Store
        The workspace.
    whose : Whose
        Which events.

    Returns
    -------
    int
        Those before 1970 and after 2099.
    """
    source = _source(whose)
    query = (
        f"SELECT coalesce(sum({source.count}), 0) FROM {source.table}"  # noqa: S608  # Written below.
        f" WHERE {source.time} >= ? AND ({source.time} < 0 OR {source.time} >= ?) {source.condition}"
    )
    ((count,),) = store.read(query, (source.earliest, CALENDAR_DAYS * source.units_a_day, *source.values))
    return int(count)


def read_bins(store: Store, whose: Whose, edges: Sequence[int]) -> dict[tuple[int, int], int]:
    """Count events between days.

    Parameters
    ----------
    store : Store
        The workspace.
    whose : Whose
        Which events.
    edges : sequence of int
        Days since 1970, ascending: where each bin begins, and the last one ends.

    Returns
    -------
    dict of tuple of int to int
        By the bin's place and the number of the event name.
    """
    source = _source(whose)
    bins = ", ".join(["(?, ?, ?)"] * (len(edges) - 1))
    # The bins come first: each of them is a range of an index.
    query = (
        f"WITH bins (place, first, after) AS (VALUES {bins})"  # noqa: S608  # Written below.
        f" SELECT place, name, sum({source.count}) FROM bins CROSS JOIN {source.table}"
        f" WHERE {source.time} >= first AND {source.time} < after {source.condition} GROUP BY place, name"
    )
    units = [max(edge * source.units_a_day, source.earliest) for edge in edges]
    ranges = [value for place, span in enumerate(itertools.pairwise(units)) for value in (place, *span)]
    return {(place, name): count for place, name, count in store.read(query, (*ranges, *source.values))}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """Where events are counted: days of the workspace, or the events of one contact."""

    table: str
    time: str
    count: str
    units_a_day: int
    condition: str
    values: tuple[int, ...]
    earliest: int


def _source(whose: Whose) -> _Source:
    given = {"contact": whose.contact, "name": whose.name}
    asked = {column: value for column, value in given.items() if value is not None}
    condition = " ".join(f"AND {column} = ?" for column in asked)
    values = tuple(asked.values())
    if whose.contact is None:
        return _Source(
            table="event_days",
            time="day",
            count="count",
            units_a_day=1,
            condition=condition,
            values=values,
            earliest=EARLIEST,
        )
    return _Source(
        table="events",
        time="created_at",
        count="1",
        units_a_day=_SECONDS_A_DAY,
        condition=condition,
        values=values,
        earliest=EARLIEST if whose.since is None else whose.since,
    )
