"""The counts of the page: submissions by outcome, name and second, and events by day."""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events_pandas.sandbox.workspace.store import EARLIEST, Store

_CALENDAR_DAYS: Final = 47_482
"""Days from 1970 to 2099. Times outside are mistakes rather than dates, and would flatten the rest of the chart."""

_SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeCount:
    """The number of submissions with one outcome and one status; status 0: nothing was answered."""

    outcome: str
    http_status: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NameCount:
    """The number of submissions with one event name, whatever their outcome."""

    number: int
    name: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFilter:
    """Which events to count; None for all. `since` is the earliest second, for the events of one contact only."""

    contact: int | None = None
    name: int | None = None
    since: int | None = None


def read_change(store: Store) -> tuple[int, int]:
    """Return the last numbers of submissions and contacts: one of them differs after every change of the workspace."""
    query = "SELECT (SELECT max(number) FROM submissions), (SELECT max(number) FROM contacts)"
    ((submissions, contacts),) = store.read(query)
    return submissions or 0, contacts or 0


def read_outcome_counts(store: Store) -> list[OutcomeCount]:
    """Count all submissions by outcome and status."""
    rows = store.read("SELECT outcome, http_status, sum(count) FROM tallies GROUP BY outcome, http_status")
    return [OutcomeCount(outcome=outcome, http_status=status, count=count) for outcome, status, count in rows]


def read_names(store: Store, limit: int) -> list[NameCount]:
    """Count submissions by event name, the most frequent first."""
    # The limit comes before the join: if identifiers are sent as names, there are as many names as submissions.
    query = (
        "SELECT number, names.name, count FROM ("
        " SELECT name, sum(count) AS count FROM tallies WHERE name > 0 GROUP BY name ORDER BY count DESC, name LIMIT ?"
        ") AS counted JOIN names ON names.number = counted.name ORDER BY count DESC, number"
    )
    rows = store.read(query, (limit,))
    return [NameCount(number=number, name=name, count=count) for number, name, count in rows]


def find_name(store: Store, name: str) -> int | None:
    """Return the number of a normalized event name; None if nobody ever submitted it."""
    rows = store.read("SELECT number FROM names WHERE name = ?", (name,))
    return rows[0][0] if rows else None


def read_name(store: Store, number: int) -> str:
    """Return the normalized event name of a number."""
    ((name,),) = store.read("SELECT name FROM names WHERE number = ?", (number,))
    return str(name)


def read_last_arrival(store: Store) -> float:
    """Return the sandbox's time at the last submission; 0 if there is none."""
    rows = store.read("SELECT received_at FROM submissions ORDER BY number DESC LIMIT 1")
    return float(rows[0][0]) if rows else 0.0


def read_arrivals(store: Store, now: float, *, spans: int, span_seconds: int) -> list[int]:
    """Count the last submissions in `spans` spans, the earliest first. The last span ends before the present second."""
    end, _ = read_change(store)
    edges = []
    for place in range(spans + 1):
        end = _received_before(store, math.floor(now) - place * span_seconds, end=end)
        edges.append(end)
    return [later - earlier for later, earlier in itertools.pairwise(edges)][::-1]


def read_span(store: Store, events: EventFilter) -> tuple[int, int] | None:
    """Return the first and the last day with events from 1970 to 2099, as days since 1970; None if there is none."""
    table = _event_table(events)
    query = (
        f"SELECT min({table.time}), max({table.time}) FROM {table.table}"  # noqa: S608  # Written below.
        f" WHERE {table.time} >= ? AND {table.time} < ? {table.condition}"
    )
    first_unit, end = max(table.earliest, 0), _CALENDAR_DAYS * table.units_a_day
    ((first, last),) = store.read(query, (first_unit, end, *table.values))
    return None if first is None else (first // table.units_a_day, last // table.units_a_day)


def read_outside(store: Store, events: EventFilter) -> int:
    """Count the events before 1970 and after 2099."""
    table = _event_table(events)
    query = (
        f"SELECT coalesce(sum({table.count}), 0) FROM {table.table}"  # noqa: S608  # Written below.
        f" WHERE {table.time} >= ? AND ({table.time} < 0 OR {table.time} >= ?) {table.condition}"
    )
    ((count,),) = store.read(query, (table.earliest, _CALENDAR_DAYS * table.units_a_day, *table.values))
    return int(count)


def read_bins(store: Store, events: EventFilter, edges: Sequence[int]) -> dict[tuple[int, int], int]:
    """Count events by the place of their bin and the number of their name. `edges` are ascending days since 1970."""
    table = _event_table(events)
    bins = ", ".join(["(?, ?, ?)"] * (len(edges) - 1))
    # The bins come first in the join: each is a range of an index.
    query = (
        f"WITH bins (place, first, after) AS (VALUES {bins})"  # noqa: S608  # Written below.
        f" SELECT place, name, sum({table.count}) FROM bins CROSS JOIN {table.table}"
        f" WHERE {table.time} >= first AND {table.time} < after {table.condition} GROUP BY place, name"
    )
    units = [max(edge * table.units_a_day, table.earliest) for edge in edges]
    ranges = [value for place, span in enumerate(itertools.pairwise(units)) for value in (place, *span)]
    return {(place, name): count for place, name, count in store.read(query, (*ranges, *table.values))}


def _received_before(store: Store, second: float, *, end: int) -> int:
    """Return how many of the first submissions came before a second."""
    # Times have no index, but rise with the numbers. In a quiet workspace one look is enough.
    if end == 0 or _received_at(store, end) < second:
        return end
    return bisect.bisect_left(range(1, end), second, key=lambda number: _received_at(store, number))


def _received_at(store: Store, number: int) -> float:
    ((received_at,),) = store.read("SELECT received_at FROM submissions WHERE number = ?", (number,))
    return float(received_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class _EventTable:
    """The table to count: the days of the workspace, or the events of one contact."""

    table: str
    time: str
    count: str
    units_a_day: int
    condition: str
    values: tuple[int, ...]
    earliest: int


def _event_table(events: EventFilter) -> _EventTable:
    given = {"contact": events.contact, "name": events.name}
    parameters = {column: value for column, value in given.items() if value is not None}
    condition = " ".join(f"AND {column} = ?" for column in parameters)
    values = tuple(parameters.values())
    if events.contact is None:
        return _EventTable(
            table="event_days",
            time="day",
            count="count",
            units_a_day=1,
            condition=condition,
            values=values,
            earliest=EARLIEST,
        )
    return _EventTable(
        table="events",
        time="created_at",
        count="1",
        units_a_day=_SECONDS_A_DAY,
        condition=condition,
        values=values,
        earliest=EARLIEST if events.since is None else events.since,
    )
