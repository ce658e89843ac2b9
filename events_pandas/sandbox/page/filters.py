"""The filters of the page: read from the parameters of its address, looked up in the workspace, and written again."""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, Self
from urllib.parse import urlencode

from events_pandas import intercom
from events_pandas.sandbox.page.questions import SubmissionFilter, find_contact, find_name, was_named
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome

UNANSWERED: Final = "unanswered"
"""Stands for a status: nothing was answered."""

_OUTCOMES: Final = frozenset(map(str, SubmissionOutcome))
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")
# Any eighteen digits fit into SQLite's integers.
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
# As long as the largest body that the sandbox takes: any text that came in a body can be a filter.
_LONGEST: Final = 1_000_000
# The links of a page do not repeat a longer identifier if the contact has a shorter one.
_LONG: Final = 1_000
_PAGES: Final = ("before", "until", "submission")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """The filters of the page; empty and None stand for all.

    `contact` is an identifier of any kind; `status` an outcome, an HTTP status, or `UNANSWERED`. `before` leaves only
    submissions with lower numbers, `until` only the part of a contact's timeline before the event of this number.
    """

    name: str = ""
    contact: str = ""
    status: str = ""
    before: int | None = None
    until: int | None = None
    submission: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read the parameters of an address: senseless ones are ignored, blanks at the ends of a text are kept."""
        status = query.get("status", "").strip().lower()
        return cls(
            name=intercom.normalized_event_name(_text(query.get("name", ""))),
            contact=_text(query.get("contact", "")),
            status=status if status in _OUTCOMES | {UNANSWERED} or _STATUS.fullmatch(status) else "",
            before=_number(query.get("before", "")),
            until=_number(query.get("until", "")),
            submission=_number(query.get("submission", "")),
        )

    @property
    def outcome(self) -> str | None:
        """The outcome in `status`, or None."""
        return self.status if self.status in _OUTCOMES else None

    @property
    def http_status(self) -> int | None:
        """The HTTP status in `status`, 0 for no answer, or None."""
        if self.status == UNANSWERED:
            return 0
        return int(self.status) if self.status.isdigit() else None

    @property
    def is_empty(self) -> bool:
        """Whether everything is shown; also when only pages were turned."""
        return not (self.name or self.contact or self.status or self.submission)

    def query(self, **changes: str | int | None) -> str:
        """Return the query of an address with these filters and some changes; empty, or with its question mark.

        With changes it begins at the first page, unless they name one.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if changes:
            values |= dict.fromkeys(_PAGES) | changes
        parameters = {name: value for name, value in values.items() if value}
        return f"?{urlencode(parameters)}" if parameters else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedFilters:
    """Filters, looked up in the workspace; None: not asked for, or not there.

    Blanks at the ends of a text are removed if only the trimmed text is known. Intercom's identifier replaces a very
    long one.
    """

    filters: Filters
    name: int | None  # the number of the event name
    contact: Contact | None

    @classmethod
    def find(cls, filters: Filters, connection: sqlite3.Connection) -> Self:
        """Look up the filters of an address."""
        filters = _as_meant(filters, connection)
        contact = find_contact(connection, filters.contact) if filters.contact else None
        if contact is not None and len(filters.contact) > _LONG:
            filters = replace(filters, contact=contact.fields.id or "")
        name = find_name(connection, filters.name) if filters.name else None
        return cls(filters=filters, name=name, contact=contact)

    @property
    def is_known(self) -> bool:
        """Whether the event name was ever submitted; also True if no name is asked for."""
        return self.name is not None or not self.filters.name

    @property
    def selection(self) -> SubmissionFilter:
        """The submissions to show; those of a contact have any of its identifiers, or the text that was asked for."""
        filters = self.filters
        identifiers = self.contact.identifiers if self.contact else ()
        return SubmissionFilter(
            name=self.name,
            contacts=tuple(dict.fromkeys((filters.contact, *identifiers))) if filters.contact else (),
            outcome=filters.outcome,
            http_status=filters.http_status,
        )


def _text(text: str) -> str:
    return text[:_LONGEST].encode(errors="replace").decode()


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _as_meant(filters: Filters, connection: sqlite3.Connection) -> Filters:
    """Drop the blanks that were typed beside a text, and keep blanks that belong to it."""
    name, contact = filters.name.strip(), filters.contact.strip()
    if name != filters.name and find_name(connection, filters.name) is None:
        filters = replace(filters, name=name)
    if contact != filters.contact and not _is_there(connection, filters.contact):
        filters = replace(filters, contact=contact)
    return filters


def _is_there(connection: sqlite3.Connection, contact: str) -> bool:
    return find_contact(connection, contact) is not None or was_named(connection, contact)
