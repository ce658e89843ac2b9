"""A check's report: facts in words, then all of it as lines of text.

=================  ==========================================================
event_facts        contacts, event names, times
duplicate_facts    how many duplicates have other metadata
spread_facts       how many rows get another second
unlisted_fact      how many findings are counted, but not listed
workspace_fact     name, id and region of the workspace
request_fact       requests, and the seconds that they take
no_rows_warning    files without rows
mapping_warnings   a placeholder for the event name, unconfirmed guesses
shown_causes       the causes that a report has room for
report_lines       the report as text
=================  ==========================================================
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from events_pandas.check import Spread
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.mapping import EventMapping
from events_pandas.mapping.guesses import PLACEHOLDER_NAME, guess_faults, is_unnamed
from events_pandas.results.budget import FURTHER_NAMES
from events_pandas.results.cause_groups import CauseGroup
from events_pandas.results.summary import workspace_words
from events_pandas.words import counted, escaped, file_words, listed, quoted

NAMES_SHOWN = 3
FILES_NAMED = 3
CAUSES_SHOWN = 40
"""Lines for causes; errors are shown in any case."""

Span: TypeAlias = tuple[pd.Timestamp, pd.Timestamp]
Fact: TypeAlias = tuple[str, str]
"""A line of a report: what it is about, in a word or two, and what it says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportContent:
    """What a report says, in the order in which it is shown, as text and as HTML."""

    heading: str
    facts: Sequence[Fact] = ()
    warnings: Sequence[str] = ()
    causes: Sequence[CauseGroup] = ()


def event_facts(*, contacts: int, names: "pd.Series[int]", span: Span | None, invalid: int = 0) -> Iterator[Fact]:
    """Yield contacts, event names and times; nothing if there are no events."""
    if span is None:
        return
    # `check_contacts` also counts the contacts of invalid rows.
    yield "contacts", f"{contacts:,} of valid rows" if invalid else f"{contacts:,}"
    yield _name_fact(names)
    first, last = (np.datetime_as_string(time.to_numpy(), unit="s").replace("T", " ") for time in span)
    yield "created_at", f"{first} UTC" if first == last else f"{first} to {last} UTC"


def _name_fact(names: "pd.Series[int]") -> Fact:
    if len(names) == 1:
        return "event name", quoted(names.index[0])
    texts = [f"{quoted(str(name))} ({counted(count, 'row')})" for name, count in names.items()]
    if names.index[-1] == FURTHER_NAMES:
        count, rest = f"more than {len(names) - 1:,}", "others"
    else:
        count, rest = f"{len(names):,}", None
    return "event names", f"{count}: {listed(texts, most=NAMES_SHOWN, rest=rest)}"


def duplicate_facts(*, identical: int, others: int) -> Iterator[Fact]:
    """Yield how many duplicates have the metadata of the row that they repeat; nothing without duplicates."""
    if identical or others:
        yield "duplicates", _by_metadata(identical, others, than="an earlier row")


def _by_metadata(identical: int, others: int, *, than: str) -> str:
    if not identical:
        return f"{others:,} with other metadata than {than}"
    same = f"{identical:,} with the same metadata as {than}"
    return f"{same}, {others:,} with other metadata" if others else same


def spread_facts(spread: Spread) -> Iterator[Fact]:
    """Yield how many rows get another second, and how many of them have other metadata; nothing if none does."""
    if spread.rows:
        by = counted(spread.most_seconds, "second")
        rows = counted(spread.rows, "row is", "rows are")
        yield "spread", f"{rows} given a later second, by {by} at most"
        others = spread.rows - spread.identical
        yield "spread", _by_metadata(spread.identical, others, than="the row that keeps the second")


def unlisted_fact(unlisted: int, *, listed: int) -> Fact:
    """Return how many findings a report counts, but does not list."""
    return "problems", f"the first {listed:,} rows of each are listed, and {unlisted:,} more are only counted"


def request_fact(requests: int, *, limit: int | None, seconds: float | None) -> Fact:
    """Return the number of requests and, if it is known, how many seconds they take.

    `limit` counts the requests that a window of ten seconds allows.
    """
    if limit is None or seconds is None:
        return "requests", f"{requests:,}"
    clock = pd.Timedelta(seconds=round(seconds)).to_pytimedelta()
    return "requests", f"{requests:,}, which take {clock} at {limit:,} in ten seconds"


def workspace_fact(workspace: WorkspaceIdentity) -> Fact:
    """Return name, id and region of the workspace, as far as Intercom names them."""
    return "workspace", workspace_words(id_code=workspace.id_code, name=workspace.name, region=workspace.region)


def mapping_warnings(mapping: EventMapping) -> list[str]:
    """Return a warning if the event name is still the placeholder of `suggest_mapping`, and one for each guess."""
    if not is_unnamed(mapping):
        return guess_faults(mapping)
    cure = "name the event, such as 'placed-order', or nothing can be submitted"
    return [f"event_name is still the placeholder {PLACEHOLDER_NAME!r}: {cure}", *guess_faults(mapping)]


def no_rows_warning(files: Sequence[str]) -> str:
    """Return a warning about files that have no rows, or only a header."""
    names = listed([escaped(file_words(file)) for file in files], most=FILES_NAMED)
    return f"{names}: {'has' if len(files) == 1 else 'have'} no rows"


def shown_causes(causes: Sequence[CauseGroup]) -> tuple[list[CauseGroup], str]:
    """Return the causes that a report shows (all errors, and notes up to `CAUSES_SHOWN` lines), and a line on the rest.

    The line is empty if there is no rest.
    """
    errors = sum(group.first.severity == "error" for group in causes)
    shown = list(causes[: max(errors, CAUSES_SHOWN)])
    further = len(causes) - len(shown)
    return shown, f"and {further:,} more: see report.problems, or --problems of the command" if further else ""


def report_lines(content: ReportContent) -> Iterator[str]:
    """Yield a report line by line; notes are left out beyond `CAUSES_SHOWN` lines."""
    yield content.heading
    width = max((len(label) for label, _ in content.facts), default=0)
    yield from (f"  {label:<{width}}  {text}" for label, text in content.facts)
    yield from (f"warning: {warning}" for warning in content.warnings)
    shown, rest = shown_causes(content.causes)
    yield from map(str, shown)
    if rest:
        yield rest
