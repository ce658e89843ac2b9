"""What a check's report says beside its problems: facts with a label each, in words, for text and HTML alike."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from events_pandas.deliver import Workspace
from events_pandas.results.budget import FURTHER_NAMES
from events_pandas.results.phrases import listed, quoted
from events_pandas.results.summary import count_of_rows

NAMES_SHOWN = 3

Span = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """Something that a report says.

    Parameters
    ----------
    label : str
        What it is about, in a word or two.
    text : str
        What it says.
    """

    label: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """What rows had to give way to others of the same contact, event name and second.

    Parameters
    ----------
    rows : int
        The number of rows that are sent with another second than their own.
    most_seconds : int
        By how many seconds they are moved at most; 0 if there are none.
    """

    rows: int
    most_seconds: int


def event_facts(*, contacts: int, names: "pd.Series[int]", span: Span | None) -> Iterator[Fact]:
    """Say what the events are.

    Parameters
    ----------
    contacts : int
        How many contacts they have.
    names : pandas.Series
        Rows by event name, the most frequent first.
    span : tuple of pandas.Timestamp or None
        The first and the last time; None where there are no events.

    Yields
    ------
    Fact
        Contacts, event names and time; nothing where there are no events.
    """
    if span is None:
        return
    yield Fact(label="contacts", text=f"{contacts:,}")
    yield _name_fact(names)
    first, last = (np.datetime_as_string(time.to_numpy(), unit="s").replace("T", " ") for time in span)
    yield Fact(label="created_at", text=f"{first} UTC" if first == last else f"{first} to {last} UTC")


def _name_fact(names: "pd.Series[int]") -> Fact:
    if len(names) == 1:
        return Fact(label="event name", text=quoted(names.index[0]))
    told = ", ".join(f"{quoted(str(name))} ({count_of_rows(count)})" for name, count in names.head(NAMES_SHOWN).items())
    more = len(names) - NAMES_SHOWN
    if names.index[-1] == FURTHER_NAMES:
        return Fact(label="event names", text=f"more than {len(names) - 1:,}: {told} and others")
    return Fact(label="event names", text=f"{len(names):,}: {told}{f' and {more:,} more' if more > 0 else ''}")


def spread_facts(spread: Spread) -> Iterator[Fact]:
    """Say how many rows are given another second.

    Parameters
    ----------
    spread : Spread
        How many, and by how much.

    Yields
    ------
    Fact
        None if there are no such rows.
    """
    if spread.rows:
        by = "1 second" if spread.most_seconds == 1 else f"{spread.most_seconds:,} seconds"
        verb = "is" if spread.rows == 1 else "are"
        yield Fact(label="spread", text=f"{count_of_rows(spread.rows)} {verb} given a later second, by {by} at most")


def request_fact(requests: int, *, limit: int | None, seconds: float | None) -> Fact:
    """Say what submitting takes.

    Parameters
    ----------
    requests : int
        How many requests.
    limit : int or None
        Requests that a window of ten seconds allows; None where it is not known.
    seconds : float or None
        How long they take; None where it is not known.

    Returns
    -------
    Fact
        The number of requests and, where it is known, the time.
    """
    if limit is None or seconds is None:
        return Fact(label="requests", text=f"{requests:,}")
    clock = pd.Timedelta(seconds=round(seconds)).to_pytimedelta()
    return Fact(label="requests", text=f"{requests:,}, which take {clock} at {limit:,} in ten seconds")


def workspace_fact(workspace: Workspace) -> Fact:
    """Say where the events would go.

    Parameters
    ----------
    workspace : Workspace
        As far as Intercom names it.

    Returns
    -------
    Fact
        Its name, id and region.
    """
    known = [] if workspace.name is None else [quoted(workspace.name)]
    known += [] if workspace.id_code is None else [f"id {workspace.id_code}"]
    known += [] if workspace.region is None else [f"region {workspace.region}"]
    return Fact(label="workspace", text=listed(known) or "one that Intercom does not name")
