"""What a check's report says beside its problems: facts with a label each, in words, for text and HTML alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from events_pandas.convert import Cause
from events_pandas.deliver import Workspace
from events_pandas.mapping import EventMapping
from events_pandas.mapping.event_mapping import PLACEHOLDER_NAME, is_unnamed
from events_pandas.mapping.guesses import guess_faults
from events_pandas.results.budget import FURTHER_NAMES
from events_pandas.results.summary import count_of_rows
from events_pandas.words import listed, quoted

NAMES_SHOWN = 3
CAUSES_SHOWN = 40
"""Lines that are given to causes; errors have theirs in any case."""

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
    identical : int
        How many of them have the same metadata as the row that they give way to.
    """

    rows: int
    most_seconds: int
    identical: int


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
    told = [f"{quoted(str(name))} ({count_of_rows(count)})" for name, count in names.items()]
    if names.index[-1] == FURTHER_NAMES:
        count, rest = f"more than {len(names) - 1:,}", "others"
    else:
        count, rest = f"{len(names):,}", None
    return Fact(label="event names", text=f"{count}: {listed(told, most=NAMES_SHOWN, rest=rest)}")


def duplicate_facts(*, identical: int, others: int) -> Iterator[Fact]:
    """Say how many duplicates hold something of their own.

    Parameters
    ----------
    identical : int
        How many have the same metadata as the row that they repeat.
    others : int
        How many have other metadata.

    Yields
    ------
    Fact
        None if there are no duplicates.
    """
    if identical or others:
        yield Fact(label="duplicates", text=_by_metadata(identical, others, than="an earlier row"))


def _by_metadata(identical: int, others: int, *, than: str) -> str:
    if not identical:
        return f"{others:,} with other metadata than {than}"
    same = f"{identical:,} with the same metadata as {than}"
    return f"{same}, {others:,} with other metadata" if others else same


def spread_facts(spread: Spread) -> Iterator[Fact]:
    """Say how many rows are given another second, and how many of these hold something of their own.

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
        others = spread.rows - spread.identical
        yield Fact(label="spread", text=_by_metadata(spread.identical, others, than="the row that keeps the second"))


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


def mapping_warnings(mapping: EventMapping) -> list[str]:
    """Say whether the events are yet to be named, and what is guessed.

    Parameters
    ----------
    mapping : EventMapping
        Names them.

    Returns
    -------
    list of str
        A warning where the placeholder of `suggest_mapping` stands for the name, and one for each guess.
    """
    if not is_unnamed(mapping):
        return guess_faults(mapping)
    cure = "nothing is submitted until it says what happened, such as 'placed-order'"
    return [f"event_name is still the placeholder {PLACEHOLDER_NAME!r}: {cure}", *guess_faults(mapping)]


def told_causes(causes: Sequence[Cause]) -> tuple[list[Cause], str]:
    """Choose the causes that a report has room for.

    Parameters
    ----------
    causes : sequence of Cause
        Errors first.

    Returns
    -------
    told : list of Cause
        All errors, and as many notes as there is room for beside them.
    rest : str
        What is said of the others; empty if there are none.
    """
    errors = sum(cause.severity == "error" for cause in causes)
    told = list(causes[: max(errors, CAUSES_SHOWN)])
    further = len(causes) - len(told)
    return told, f"and {further:,} more: see report.problems" if further else ""
