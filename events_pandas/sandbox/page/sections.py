"""The sections of the page. Each is read and rendered by itself, so that the browser can replace it alone."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from events_pandas.sandbox.page.charts import HEIGHT, Chart, draw_chart, make_bins
from events_pandas.sandbox.page.counts import (
    EventFilter,
    read_arrivals,
    read_bins,
    read_change,
    read_name,
    read_names,
    read_outcome_counts,
    read_outside,
    read_span,
)
from events_pandas.sandbox.page.filters import ResolvedFilters
from events_pandas.sandbox.page.overview import (
    PACE_SPANS,
    SPAN_SECONDS,
    WorkspaceFacts,
    count_outcomes,
    draw_pace,
    python_lines,
    read_gauge,
    shell_lines,
    status_choices,
)
from events_pandas.sandbox.page.queries import (
    MOST_COUNTED,
    EventRow,
    SubmissionFilter,
    SubmissionRow,
    count_submissions,
    find_submission,
    first_submission_of,
    read_counts,
    read_since,
    read_submissions,
    read_timeline,
)
from events_pandas.sandbox.page.rendering import read_moment, render
from events_pandas.sandbox.page.values import ShownSubmission, show_event, show_submission
from events_pandas.sandbox.rules.events import read_sent
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.store import Store
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome

_PAGE_ROWS: Final = 50
"""Rows of a table on one page."""

# A workspace accepts 120 names, but clients may send any number.
_MOST_NAMES: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSources:
    """The sources of the sections. `trouble` is why the sandbox cannot write; empty if it can."""

    store: Store
    window: RateWindow
    facts: WorkspaceFacts
    now: float
    resolved: ResolvedFilters
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the page as HTML. The version differs whenever the HTML does."""

    name: str
    html: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPage:
    """A page of the submissions that match, the last received first.

    `matching` counts them on all pages, None if that would take long. The next page has lower numbers than `older`,
    None if there is none; `is_cut`: others may match that were not looked at yet, and follow on the next page.
    """

    rows: tuple[ShownSubmission, ...]
    matching: int | None
    older: int | None
    is_cut: bool = False


def render_section(name: str, sources: PageSources) -> Section:
    """Render one of `SECTIONS` as it is now."""
    html = _SECTIONS[name](sources)
    return Section(name=name, html=html, version=f"{zlib.crc32(html.encode()):08x}")


def _facts(sources: PageSources) -> str:
    return render("facts.html", facts=sources.facts, trouble=sources.trouble)


def _totals(sources: PageSources) -> str:
    outcome_counts = read_outcome_counts(sources.store)
    arrivals = read_arrivals(sources.store, sources.now, spans=PACE_SPANS, span_seconds=SPAN_SECONDS)
    return render(
        "totals.html",
        received=sum(one.count for one in outcome_counts),
        outcomes=count_outcomes(outcome_counts),
        gauge=read_gauge(sources.window, sources.now),
        now=sources.now,
        pace=draw_pace(arrivals),
    )


def _chart(sources: PageSources) -> str:
    resolved = sources.resolved
    since = read_since(sources.store, resolved.contact.number, MOST_COUNTED) if resolved.contact else None
    events = EventFilter(contact=resolved.contact.number if resolved.contact else None, name=resolved.name, since=since)
    # An unknown contact or name has no chart, rather than a chart of all events.
    is_drawn = resolved.is_known and (resolved.contact is not None or not resolved.filters.contact)
    return render(
        "chart.html",
        chart=_drawn(sources.store, events) if is_drawn else None,
        height=HEIGHT,
        filters=resolved.filters,
        outside=read_outside(sources.store, events) if is_drawn else 0,
        most_counted=None if since is None else MOST_COUNTED,
    )


def _drawn(store: Store, events: EventFilter) -> Chart | None:
    span = read_span(store, events)
    if span is None:
        return None
    bins = make_bins(*span)
    counts = read_bins(store, events, bins.edges)
    names = {name: read_name(store, name) for name in {name for _, name in counts}}
    return draw_chart(bins, counts, names)


def _filters(sources: PageSources) -> str:
    outcome_counts = read_outcome_counts(sources.store)
    return render(
        "filters.html",
        filters=sources.resolved.filters,
        names=read_names(sources.store, _MOST_NAMES),
        outcomes=count_outcomes(outcome_counts),
        statuses=status_choices(outcome_counts),
    )


def _contact(sources: PageSources) -> str:
    resolved, contact = sources.resolved, sources.resolved.contact
    if contact is None:
        return render("no_contact.html", filters=resolved.filters)
    # The timeline has only events that were kept: it does not belong to a filter by status.
    is_shown = resolved.is_known and not resolved.filters.status
    rows = _timeline(sources.store, resolved, contact) if is_shown else []
    since = read_since(sources.store, contact.number, MOST_COUNTED)
    return render(
        "contact.html",
        contact=contact,
        created_at=read_moment(contact.created_at),
        counts=[
            (counted.name, counted.count, read_moment(counted.first), read_moment(counted.last))
            for counted in read_counts(sources.store, contact.number, since)
        ],
        since=None if since is None else read_moment(since),
        most_counted=MOST_COUNTED,
        events=[show_event(row, now=sources.now) for row in rows[:_PAGE_ROWS]],
        filters=resolved.filters,
        has_older=len(rows) > _PAGE_ROWS,
    )


def _timeline(store: Store, resolved: ResolvedFilters, contact: Contact) -> list[EventRow]:
    # One more than is shown tells whether there are older ones.
    return read_timeline(store, contact.number, name=resolved.name, until=resolved.filters.until, limit=_PAGE_ROWS + 1)


def _log(sources: PageSources) -> str:
    page = read_log(sources.store, sources.resolved, limit=_PAGE_ROWS)
    last, _ = read_change(sources.store)
    return render(
        "log.html",
        page=page,
        filters=sources.resolved.filters,
        is_empty=last == 0,
        python=python_lines(sources.facts),
        shell=shell_lines(sources.facts, created_at=int(sources.now)),
    )


def read_log(store: Store, resolved: ResolvedFilters, *, limit: int) -> LogPage:
    """Return a page of the log with at most `limit` submissions."""
    if resolved.filters.submission is not None:
        one = find_submission(store, resolved.filters.submission)
        return LogPage(rows=_shown(store, one), matching=len(one), older=None)
    if not resolved.is_known:
        return LogPage(rows=(), matching=0, older=None)
    selection = _selection(resolved)
    # One more than is shown tells whether there are older ones.
    found = read_submissions(store, selection, limit + 1)
    rows = found.rows[:limit]
    matching = None if selection.contacts else count_submissions(store, selection)
    if len(found.rows) > limit:
        return LogPage(rows=_shown(store, rows), matching=matching, older=rows[-1].number)
    older = found.floor + 1 if found.floor else None
    return LogPage(rows=_shown(store, rows), matching=matching, older=older, is_cut=older is not None)


def _selection(resolved: ResolvedFilters) -> SubmissionFilter:
    filters = resolved.filters
    identifiers = resolved.contact.identifiers if resolved.contact else ()
    named = dict.fromkeys((filters.contact, *identifiers)) if filters.contact else {}
    return SubmissionFilter(
        name=resolved.name,
        contacts=tuple(named),
        outcome=filters.outcome,
        http_status=filters.http_status,
        before=filters.before,
    )


def _shown(store: Store, rows: Sequence[SubmissionRow]) -> tuple[ShownSubmission, ...]:
    return tuple(show_submission(row, repeated=_repeated(store, row)) for row in rows)


def _repeated(store: Store, row: SubmissionRow) -> int | None:
    if row.outcome != SubmissionOutcome.DUPLICATE:
        return None
    sent = read_sent(row.body)
    if sent.identifier is None or sent.contact is None or sent.created_at is None or row.name is None:
        return None
    return first_submission_of(
        store, identifier=sent.identifier, contact=sent.contact, created_at=sent.created_at, name=row.name
    )


_SECTIONS: Final[Mapping[str, Callable[[PageSources], str]]] = MappingProxyType(
    {"facts": _facts, "totals": _totals, "filters": _filters, "chart": _chart, "contact": _contact, "log": _log}
)

SECTIONS: Final = tuple(_SECTIONS)
"""The names of all sections, in their order."""
