"""The sections of the page. Each is read and rendered by itself, so that the browser can replace it alone."""

import json
import math
import shlex
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from markupsafe import Markup

from events_pandas.sandbox.endpoints.history import LISTED_SECONDS
from events_pandas.sandbox.page.charts import HEIGHT, PACE_SPANS, SPAN_SECONDS, draw_chart, draw_pace
from events_pandas.sandbox.page.filters import UNANSWERED, ResolvedFilters
from events_pandas.sandbox.page.questions import (
    EventRow,
    SubmissionRow,
    count_arrivals,
    count_days,
    count_names,
    count_outcomes,
    count_recovered,
    count_submissions,
    find_submission,
    first_submission_of,
    read_submissions,
    read_timeline,
)
from events_pandas.sandbox.page.rendering import render
from events_pandas.sandbox.rules.events import read_sent
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import EVENT_COUNTS, SubmissionOutcome, Workspace

_PAGE_ROWS: Final = 50
"""Rows of a table on one page."""

# A workspace accepts 120 names, but clients may send any number.
_MOST_NAMES: Final = 200
# Of more failed submissions, the page does not count how many recovered: that would take seconds.
_MOST_FAILED: Final = 10_000


OutcomeCount: TypeAlias = tuple[str, int, int]
"""An outcome, a status, or 0 if nothing was answered, and how many submissions had both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSources:
    """The sources of the sections. `url` is the address by which the browser knows the sandbox."""

    connection: sqlite3.Connection
    workspace: Workspace
    window: RateWindow
    url: str
    access_token: str = field(repr=False)
    now: float
    resolved: ResolvedFilters
    outcomes: Sequence[OutcomeCount] = ()  # of all submissions, counted once for the sections


class LogPage(NamedTuple):
    """A page of the submissions that match, the last received first.

    `matching` counts them on all pages, None for those of a contact. The next page has lower numbers than `older`, None
    if there is none.
    """

    rows: list[SubmissionRow]
    matching: int | None
    older: int | None


def render_sections(sources: PageSources) -> dict[str, Markup]:
    """Render all sections as they are now, by their names in their order."""
    sources = replace(sources, outcomes=count_outcomes(sources.connection))
    return {name: _versioned(name, section(sources)) for name, section in _SECTIONS.items()}


def read_log(connection: sqlite3.Connection, resolved: ResolvedFilters, *, limit: int) -> LogPage:
    """Return a page of the log with at most `limit` submissions."""
    filters, selection = resolved.filters, resolved.selection
    if filters.submission is not None:
        one = find_submission(connection, filters.submission)
        return LogPage(one, matching=len(one), older=None)
    if not resolved.is_known:
        return LogPage([], matching=0, older=None)
    # One more than is shown tells whether there are older ones.
    rows = read_submissions(connection, selection, before=filters.before, limit=limit + 1)
    return LogPage(
        rows[:limit],
        matching=None if selection.contacts else count_submissions(connection, selection),
        older=rows[limit - 1].number if len(rows) > limit else None,
    )


def repeated_submission(connection: sqlite3.Connection, row: SubmissionRow) -> int | None:
    """Return the submission that a duplicate repeats; None if it is not a duplicate, or too long to be read."""
    if row.outcome != SubmissionOutcome.DUPLICATE:
        return None
    sent = read_sent(row.body)
    if sent.identifier is None or sent.created_at is None:
        return None
    return first_submission_of(
        connection, identifier=sent.identifier, contact=row.contact, created_at=sent.created_at, name=row.name
    )


def sum_outcomes(counts: Iterable[OutcomeCount]) -> dict[str, int]:
    """Sum up submissions by outcome; zeros included."""
    sums = dict.fromkeys(map(str, SubmissionOutcome), 0)
    for outcome, _, count in counts:
        sums[outcome] += count
    return sums


def status_choices(counts: Iterable[OutcomeCount]) -> list[tuple[str, str, int]]:
    """Return the statuses to filter by, in order: the value in an address, the label, and how many it would show.

    No answer comes last.
    """
    sums: dict[int, int] = {}
    for _, status, count in counts:
        sums[status] = sums.get(status, 0) + count
    order = sorted(sums, key=lambda status: status or math.inf)
    return [(str(status or UNANSWERED), status_label(status), sums[status]) for status in order]


def status_label(status: int) -> str:
    """Return the label of an HTTP status, such as ``"404 Not Found"``; 0 stands for no answer."""
    if status == 0:
        return "not answered"
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def python_lines(url: str, access_token: str) -> str:
    """Return two lines of Python that submit a frame with this package."""
    return (
        f"client = ep.IntercomClient({json.dumps(access_token)}, base_url={json.dumps(url)}, allow_http=True)\n"
        "results = ep.submit_events(orders, mapping, client=client)"
    )


def shell_lines(url: str, access_token: str, *, created_at: int) -> str:
    """Return two lines for a shell that submit one event of this second with curl."""
    event = {"event_name": "placed-order", "created_at": created_at, "user_id": "42"}
    address, token = shlex.quote(f"{url}/events"), shlex.quote(f"Authorization: Bearer {access_token}")
    return (
        f"curl {address} -H {token} \\\n"
        f"  -H 'Accept: application/json' -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(event))}"
    )


def _versioned(name: str, html: Markup) -> Markup:
    """Return a section with a version that differs whenever its HTML does."""
    return render("section.html", name=name, version=f"{zlib.crc32(html.encode()):08x}", html=html)


def _facts(sources: PageSources) -> Markup:
    return render("facts.html", sources=sources, store=sources.workspace.store)


def _totals(sources: PageSources) -> Markup:
    arrivals = count_arrivals(sources.connection, sources.now, spans=PACE_SPANS, span_seconds=SPAN_SECONDS)
    outcomes = sum_outcomes(sources.outcomes)
    is_counted = 0 < outcomes[SubmissionOutcome.FAILED] <= _MOST_FAILED
    return render(
        "totals.html",
        received=sum(count for *_, count in sources.outcomes),
        outcomes=outcomes,
        recovered=count_recovered(sources.connection) if is_counted else 0,
        window=sources.window,
        allowance=sources.window.state(sources.now),
        now=sources.now,
        pace=draw_pace(arrivals),
    )


def _chart(sources: PageSources) -> Markup:
    resolved = sources.resolved
    counts = []
    # An unknown contact or name has no chart, rather than a chart of all events.
    if resolved.is_known and (resolved.contact is not None or not resolved.filters.contact):
        contact = None if resolved.contact is None else resolved.contact.number
        counts = count_days(sources.connection, contact=contact, selection=resolved.selection)
    days = [(day, name, count) for day, name, count in counts if day is not None]
    return render(
        "chart.html",
        chart=draw_chart(days) if days else None,
        height=HEIGHT,
        filters=resolved.filters,
        outside=sum(count for day, _, count in counts if day is None),
    )


def _filters(sources: PageSources) -> Markup:
    return render(
        "filters.html",
        filters=sources.resolved.filters,
        names=count_names(sources.connection, _MOST_NAMES),
        outcomes=sum_outcomes(sources.outcomes),
        statuses=status_choices(sources.outcomes),
    )


def _contact(sources: PageSources) -> Markup:
    resolved, contact = sources.resolved, sources.resolved.contact
    if contact is None:
        is_named = bool(resolved.filters.contact and read_log(sources.connection, resolved, limit=1).rows)
        return render("no_contact.html", filters=resolved.filters, is_named=is_named)
    rows: list[EventRow] = []
    # The timeline has only events that were kept: it does not belong to a filter by status.
    if resolved.is_known and not resolved.filters.status:
        # One more than is shown tells whether there are older ones.
        rows = read_timeline(
            sources.connection,
            contact.number,
            name=resolved.name,
            until=resolved.filters.until,
            limit=_PAGE_ROWS + 1,
        )
    return render(
        "contact.html",
        contact=contact,
        counts=sources.connection.execute(EVENT_COUNTS, {"contact": contact.number}).fetchall(),
        events=rows[:_PAGE_ROWS],
        now=sources.now,
        oldest_listed=sources.now - LISTED_SECONDS,
        filters=resolved.filters,
        has_older=len(rows) > _PAGE_ROWS,
    )


def _log(sources: PageSources) -> Markup:
    return render(
        "log.html",
        page=read_log(sources.connection, sources.resolved, limit=_PAGE_ROWS),
        filters=sources.resolved.filters,
        is_empty=not sources.outcomes,
        python=python_lines(sources.url, sources.access_token),
        repeated_submission=partial(repeated_submission, sources.connection),
        shell=shell_lines(sources.url, sources.access_token, created_at=int(sources.now)),
    )


_SECTIONS: Final[Mapping[str, Callable[[PageSources], Markup]]] = MappingProxyType(
    {"facts": _facts, "totals": _totals, "filters": _filters, "chart": _chart, "contact": _contact, "log": _log}
)
