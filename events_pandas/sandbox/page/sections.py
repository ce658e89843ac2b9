"""The sections of the page. Each is read and rendered by itself, so that the browser can replace it alone."""

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple

from markupsafe import Markup

from events_pandas.sandbox.page.charts import HEIGHT, PACE_SPANS, SPAN_SECONDS, draw_chart, draw_pace
from events_pandas.sandbox.page.filters import ResolvedFilters
from events_pandas.sandbox.page.overview import (
    OutcomeCount,
    WorkspaceFacts,
    python_lines,
    read_gauge,
    shell_lines,
    status_choices,
    sum_outcomes,
)
from events_pandas.sandbox.page.questions import (
    SubmissionRow,
    count_arrivals,
    count_days,
    count_names,
    count_outcomes,
    count_submissions,
    find_submission,
    first_submission_of,
    read_submissions,
    read_timeline,
)
from events_pandas.sandbox.page.rendering import read_moment, render
from events_pandas.sandbox.page.shown import ShownSubmission, show_event, show_submission
from events_pandas.sandbox.rules.events import read_sent
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import EVENT_COUNTS, SubmissionOutcome

_PAGE_ROWS: Final = 50
"""Rows of a table on one page."""

# A workspace accepts 120 names, but clients may send any number.
_MOST_NAMES: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSources:
    """The sources of the sections. `trouble` is why the sandbox cannot write; empty if it can."""

    connection: sqlite3.Connection
    window: RateWindow
    facts: WorkspaceFacts
    now: float
    resolved: ResolvedFilters
    trouble: str
    outcomes: Sequence[OutcomeCount] = ()  # of all submissions, counted once for the sections


class LogPage(NamedTuple):
    """A page of the submissions that match, the last received first.

    `matching` counts them on all pages, None for those of a contact. The next page has lower numbers than `older`, None
    if there is none.
    """

    rows: list[ShownSubmission]
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
        return LogPage(_shown(connection, one), matching=len(one), older=None)
    if not resolved.is_known:
        return LogPage([], matching=0, older=None)
    # One more than is shown tells whether there are older ones.
    rows = read_submissions(connection, selection, before=filters.before, limit=limit + 1)
    return LogPage(
        _shown(connection, rows[:limit]),
        matching=None if selection.contacts else count_submissions(connection, selection),
        older=rows[limit - 1].number if len(rows) > limit else None,
    )


def _versioned(name: str, html: Markup) -> Markup:
    """Return a section with a version that differs whenever its HTML does."""
    return render("section.html", name=name, version=f"{zlib.crc32(html.encode()):08x}", html=html)


def _facts(sources: PageSources) -> Markup:
    return render("facts.html", facts=sources.facts, trouble=sources.trouble)


def _totals(sources: PageSources) -> Markup:
    arrivals = count_arrivals(sources.connection, sources.now, spans=PACE_SPANS, span_seconds=SPAN_SECONDS)
    return render(
        "totals.html",
        received=sum(count for *_, count in sources.outcomes),
        outcomes=sum_outcomes(sources.outcomes),
        gauge=read_gauge(sources.window, sources.now),
        now=sources.now,
        pace=draw_pace(arrivals),
    )


def _chart(sources: PageSources) -> Markup:
    resolved = sources.resolved
    counts = []
    # An unknown contact or name has no chart, rather than a chart of all events.
    if resolved.is_known and (resolved.contact is not None or not resolved.filters.contact):
        contact = None if resolved.contact is None else resolved.contact.number
        counts = count_days(sources.connection, contact=contact, name=resolved.name)
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
        return render("no_contact.html", filters=resolved.filters)
    rows = []
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
        created_at=read_moment(contact.created_at),
        counts=[
            (name, count, read_moment(first), read_moment(last))
            for name, count, first, last in sources.connection.execute(EVENT_COUNTS, {"contact": contact.number})
        ],
        events=[show_event(row, now=sources.now) for row in rows[:_PAGE_ROWS]],
        filters=resolved.filters,
        has_older=len(rows) > _PAGE_ROWS,
    )


def _log(sources: PageSources) -> Markup:
    return render(
        "log.html",
        page=read_log(sources.connection, sources.resolved, limit=_PAGE_ROWS),
        filters=sources.resolved.filters,
        is_empty=not sources.outcomes,
        python=python_lines(sources.facts),
        shell=shell_lines(sources.facts, created_at=int(sources.now)),
    )


def _shown(connection: sqlite3.Connection, rows: Iterable[SubmissionRow]) -> list[ShownSubmission]:
    return [show_submission(row, repeated=_repeated(connection, row)) for row in rows]


def _repeated(connection: sqlite3.Connection, row: SubmissionRow) -> int | None:
    """Return the submission that a duplicate repeats; None if it is not a duplicate, or too long to be read."""
    if row.outcome != SubmissionOutcome.DUPLICATE:
        return None
    sent = read_sent(row.body)
    if sent.identifier is None or sent.created_at is None:
        return None
    return first_submission_of(
        connection, identifier=sent.identifier, contact=row.contact, created_at=sent.created_at, name=row.name
    )


_SECTIONS: Final[Mapping[str, Callable[[PageSources], Markup]]] = MappingProxyType(
    {"facts": _facts, "totals": _totals, "filters": _filters, "chart": _chart, "contact": _contact, "log": _log}
)
