"""A page of the log: submissions that match, the last received first."""

from collections.abc import Sequence
from dataclasses import dataclass

from events_pandas.sandbox.page.asked import Asked
from events_pandas.sandbox.page.contact_queries import first_submission_of
from events_pandas.sandbox.page.queries import (
    Selection,
    SubmissionRow,
    count_submissions,
    find_submission,
    read_submissions,
)
from events_pandas.sandbox.page.shown import ShownSubmission, show_submission
from events_pandas.sandbox.rules.events import read_sent
from events_pandas.sandbox.workspace.ledger import Outcome
from events_pandas.sandbox.workspace.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPage:
    """Some of the submissions that match.

    Parameters
    ----------
    rows : tuple of ShownSubmission
        The last received first.
    matching : int or None
        How many match on all pages; None where counting them would take long.
    older : int or None
        The next page has lower numbers than this; None when there is none.
    is_cut : bool
        Whether others may match that were not looked at yet: they follow on the next page.
    """

    rows: tuple[ShownSubmission, ...]
    matching: int | None
    older: int | None
    is_cut: bool = False


def read_log(store: Store, asked: Asked, *, limit: int) -> LogPage:
    """Return a page of the log.

    Parameters
    ----------
    store : Store
        The workspace.
    asked : Asked
        Which submissions.
    limit : int
        How many at most.

    Returns
    -------
    LogPage
        What matches.
    """
    if asked.filters.submission is not None:
        one = find_submission(store, asked.filters.submission)
        return LogPage(rows=_shown(store, one), matching=len(one), older=None)
    if not asked.is_known:
        return LogPage(rows=(), matching=0, older=None)
    selection = _selection(asked)
    # One more than is shown tells whether there are older ones.
    found = read_submissions(store, selection, limit + 1)
    rows = found.rows[:limit]
    matching = None if selection.contacts else count_submissions(store, selection)
    if len(found.rows) > limit:
        return LogPage(rows=_shown(store, rows), matching=matching, older=rows[-1].number)
    older = found.floor + 1 if found.floor else None
    return LogPage(rows=_shown(store, rows), matching=matching, older=older, is_cut=older is not None)


def _selection(asked: Asked) -> Selection:
    filters = asked.filters
    identifiers = asked.contact.identifiers if asked.contact else ()
    named = dict.fromkeys((filters.contact, *identifiers)) if filters.contact else {}
    return Selection(
        name=asked.name,
        contacts=tuple(named),
        outcome=filters.outcome,
        http_status=filters.http_status,
        before=filters.before,
    )


def _shown(store: Store, rows: Sequence[SubmissionRow]) -> tuple[ShownSubmission, ...]:
    return tuple(show_submission(row, repeated=_repeated(store, row)) for row in rows)


def _repeated(store: Store, row: SubmissionRow) -> int | None:
    if row.outcome != Outcome.DUPLICATE:
        return None
    sent = read_sent(row.body)
    if sent.identifier is None or sent.contact is None or sent.created_at is None or row.name is None:
        return None
    return first_submission_of(
        store, identifier=sent.identifier, contact=sent.contact, created_at=sent.created_at, name=row.name
    )
