"""The events of a contact, listed and counted as Intercom does it."""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from events_pandas import intercom
from events_pandas.sandbox.endpoints.replies import RefusedError, granted
from events_pandas.sandbox.rules.events import Payload, is_unix_seconds, judge, read_payload
from events_pandas.sandbox.rules.refusals import Refusal, invalid, missing
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.store import Row
from events_pandas.sandbox.workspace.workspace import EVENT_COUNTS, Workspace, add_summary

LISTED_SECONDS: Final = 90 * 86_400
"""Older events are counted, but not listed."""

_PER_PAGE: Final = 15
_LARGEST_PAGE: Final = 150
_NEWEST: Final = "999999999999999999.0"
_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_LARGEST_COUNT: Final = 1_000_000_000
_POSITION: Final = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
# The parameters that name a contact, with the fields of an event that do the same.
_IDENTIFIERS: Final = {"user_id": "user_id", "email": "email", "intercom_user_id": "id"}

_LISTED: Final = """
SELECT events.number, events.created_at, names.name, body
FROM events JOIN names ON names.number = events.name JOIN submissions ON submissions.number = events.number
WHERE events.contact = ? AND events.created_at > ? AND (events.created_at, events.number) < (?, ?)
ORDER BY events.created_at DESC, events.number DESC LIMIT ?
"""


def contact_events(workspace: Workspace, query: Mapping[str, str], *, url: str, now: float) -> dict[str, object]:
    """List the events of a contact, or count them, in Intercom's form.

    `query` has `type`, one of `user_id`, `email` and `intercom_user_id`, and perhaps `summary`, `per_page` and
    `before`. `url` is the address of the list without a query.
    """
    # A list leaves out events older than 90 days, a summary counts all. `before` is a place between two events, not a
    # time: two events in the same second are never lost between two pages.
    if query.get("type") != "user":
        raise RefusedError(invalid("type", "must be user") if query.get("type") else missing("type"))
    per_page, before = _per_page(query), _before(query)
    contact = _contact(workspace, query, now=now)
    if query.get("summary", "").lower() in {"true", "1"}:
        return {"type": "event.summary", "events": _counted(workspace, contact), **_identifiers(contact)}
    rows = workspace.store.read(_LISTED, (contact.number, int(now) - LISTED_SECONDS, *before, per_page + 1))
    events = [_event(workspace, contact, row) for row in rows[:per_page]]
    is_last = len(rows) <= per_page
    pages = {} if is_last else {"next": f"{url}?{_next_query(contact, per_page, rows[per_page - 1])}"}
    return {"type": "event.list", "events": events, "pages": pages, **_identifiers(contact)}


def add_summaries(workspace: Workspace, body: bytes, *, now: float) -> None:
    """Add the counts in the body of a request to those of a contact.

    Intercom's description speaks of a list of summaries and shows a single one: the sandbox takes both.
    """
    payload = granted(read_payload(body))
    summaries = _summaries(payload)
    # A name that is refused undoes what was written before it.
    with workspace.store.writing() as connection:
        contact = granted(workspace.contacts.resolve(connection, "user_id", payload["user_id"], now=now))
        for summary in summaries:
            event_name = intercom.normalized_event_name(summary["event_name"])
            name = granted(workspace.name_for_writing(connection, event_name))
            counts = {field: summary[field] for field in ("count", "first", "last")}
            add_summary(connection, contact=contact, name=name, **counts)


def _per_page(query: Mapping[str, str]) -> int:
    per_page = query.get("per_page", str(_PER_PAGE))
    if not (_NUMBER.fullmatch(per_page) and 1 <= int(per_page) <= _LARGEST_PAGE):
        raise RefusedError(invalid("per_page", f"is not a number from 1 to {_LARGEST_PAGE}"))
    return int(per_page)


def _before(query: Mapping[str, str]) -> tuple[int, int]:
    """Return the second and the number of the event before which a part of the list begins."""
    before = query.get("before", _NEWEST)
    if not _POSITION.fullmatch(before):
        raise RefusedError(invalid("before", "is not a place in this list: use pages.next"))
    second, number = before.split(".")
    return int(second), int(number)


def _contact(workspace: Workspace, query: Mapping[str, str], *, now: float) -> Contact:
    named = next((parameter for parameter in _IDENTIFIERS if query.get(parameter)), None)
    if named is None:
        raise RefusedError(missing("user_id", "one of user_id, email and intercom_user_id is required"))
    return granted(workspace.contacts.find(_IDENTIFIERS[named], query[named], now=now))


def _event(workspace: Workspace, contact: Contact, row: Row) -> dict[str, object]:
    number, created_at, event_name, body = row
    event = judge(body)
    metadata = {} if isinstance(event, Refusal) else event.metadata
    return {
        "type": "event",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{workspace.store.id_code}/{number}")),
        "created_at": created_at,
        "event_name": event_name,
        **_identifiers(contact),
        "metadata": metadata,
    }


def _counted(workspace: Workspace, contact: Contact) -> list[dict[str, object]]:
    return [
        {"name": name, "first": _iso(first), "last": _iso(last), "count": count}
        for name, count, first, last in workspace.store.read(EVENT_COUNTS, {"contact": contact.number})
    ]


def _identifiers(contact: Contact) -> dict[str, object]:
    fields = contact.fields
    return {"email": fields.email, "intercom_user_id": fields.id, "user_id": fields.external_id}


def _next_query(contact: Contact, per_page: int, last: Row) -> str:
    number, created_at, *_ = last
    query = {
        "type": "user",
        "intercom_user_id": contact.fields.id,
        "per_page": per_page,
        "before": f"{created_at}.{number}",
    }
    return urlencode(query)


def _iso(seconds: int) -> str:
    try:
        time = datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        # Milliseconds that were sent as seconds are beyond Python's years.
        return str(seconds)
    # Not strftime, which writes a year before 1000 without its zeros on some systems.
    return time.isoformat(timespec="milliseconds")


def _summaries(payload: Payload) -> list[Any]:
    """Return the summaries in a body; raise `RefusedError` for the first thing that is wrong."""
    if not isinstance(payload.get("user_id"), str):
        raise RefusedError(invalid("user_id", "is not a string") if payload.get("user_id") else missing("user_id"))
    given = payload.get("event_summaries")
    summaries = given if isinstance(given, list) else [given]
    if not summaries or summaries == [None]:
        raise RefusedError(missing("event_summaries"))
    for refusal in filter(None, map(_summary_refusal, summaries)):
        raise RefusedError(refusal)
    return summaries


def _summary_refusal(summary: object) -> Refusal | None:
    if not isinstance(summary, Mapping):
        return invalid("event_summaries", "is not an object")
    event_name = summary.get("event_name")
    if not isinstance(event_name, str) or not event_name.strip():
        return missing("event_summaries.event_name")
    for field in ("count", "first", "last"):
        if not is_unix_seconds(summary.get(field)):
            return invalid(f"event_summaries.{field}", "is not an integer")
    if not 1 <= summary["count"] <= _LARGEST_COUNT:
        return invalid("event_summaries.count", f"is not a number from 1 to {_LARGEST_COUNT:,}")
    return None if summary["first"] <= summary["last"] else invalid("event_summaries.last", "is before the first")
