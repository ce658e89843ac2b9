"""What of the workspace is asked for: the parameters of the page's address, read from strangers, and written again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, Self
from urllib.parse import urlencode

from events_pandas import intercom
from events_pandas.sandbox.page.counts import find_name
from events_pandas.sandbox.page.queries import find_contact, was_named
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.store import Store
from events_pandas.sandbox.workspace.workspace import Outcome

UNANSWERED: Final = "unanswered"
"""In place of a status: nothing was answered."""

_OUTCOMES: Final = frozenset(map(str, Outcome))
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")
# Eighteen digits fit into SQLite's integers whatever they are.
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
# As long as the largest body that the sandbox takes, so that whatever came in one can be asked for.
_LONGEST: Final = 1_000_000
_PAGES: Final = ("before", "until", "submission")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Choose what is shown.

    Parameters
    ----------
    name : str, default ""
        A normalized event name; empty for all.
    contact : str, default ""
        An identifier of a contact, of whichever kind; empty for all.
    status : str, default ""
        An outcome, an HTTP status, or `UNANSWERED`; empty for all.
    before : int, optional
        Only submissions with lower numbers.
    until : int, optional
        Of a contact's timeline, only what comes before the event of this number.
    submission : int, optional
        Only the submission of this number.
    """

    name: str = ""
    contact: str = ""
    status: str = ""
    before: int | None = None
    until: int | None = None
    submission: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read the parameters of an address.

        Parameters
        ----------
        query : mapping of str to str
            Anything; what makes no sense is ignored.

        Returns
        -------
        Filters
            What can be understood of it; texts as they stand there, blanks at their ends included.
        """
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
        """Return the outcome that is asked for.

        Returns
        -------
        str or None
            None for any.
        """
        return self.status if self.status in _OUTCOMES else None

    @property
    def http_status(self) -> int | None:
        """Return the HTTP status that is asked for.

        Returns
        -------
        int or None
            0 where nothing was answered, None for any.
        """
        if self.status == UNANSWERED:
            return 0
        return int(self.status) if self.status.isdigit() else None

    @property
    def is_empty(self) -> bool:
        """Return whether everything is asked for.

        Returns
        -------
        bool
            True also when only pages were turned.
        """
        return not (self.name or self.contact or self.status or self.submission)

    def query(self, **changes: str | int | None) -> str:
        """Return the parameters of an address that asks for the same, with changes.

        Parameters
        ----------
        **changes
            Fields with their new values. The result begins at the first page of what it asks for, unless one is named.

        Returns
        -------
        str
            Empty, or beginning with a question mark.
        """
        asked = {field.name: getattr(self, field.name) for field in fields(self)}
        if changes:
            asked |= dict.fromkeys(_PAGES) | changes
        parameters = {name: value for name, value in asked.items() if value}
        return f"?{urlencode(parameters)}" if parameters else ""


def _text(text: str) -> str:
    return text[:_LONGEST].encode(errors="replace").decode()


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


# A text that is longer is not repeated in every link of a page where there is a shorter one.
_LONG: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Hold what is asked for, found in the workspace.

    Parameters
    ----------
    filters : Filters
        As the address has them, but for blanks at the ends of a text that only stands for itself without them, and
        Intercom's identifier for a very long one.
    name : int or None
        The number of the event name; None when none is asked for, or nobody submitted it.
    contact : Contact or None
        The contact; None when none is asked for, or there is none.
    """

    filters: Filters
    name: int | None
    contact: Contact | None

    @classmethod
    def find(cls, filters: Filters, store: Store) -> Self:
        """Look up what filters name.

        Parameters
        ----------
        filters : Filters
            As the address has them.
        store : Store
            The workspace.

        Returns
        -------
        Asked
            With what there is.
        """
        filters = _as_meant(filters, store)
        contact = find_contact(store, filters.contact) if filters.contact else None
        if contact is not None and len(filters.contact) > _LONG:
            filters = replace(filters, contact=contact.fields.id or "")
        return cls(filters=filters, name=find_name(store, filters.name) if filters.name else None, contact=contact)

    @property
    def is_known(self) -> bool:
        """Return whether the event name that is asked for was ever submitted.

        Returns
        -------
        bool
            True also when none is asked for.
        """
        return self.name is not None or not self.filters.name


def _as_meant(filters: Filters, store: Store) -> Filters:
    """Return filters without the blanks that were typed beside a text; those that belong to it are kept."""
    name, contact = filters.name.strip(), filters.contact.strip()
    if name != filters.name and find_name(store, filters.name) is None:
        filters = replace(filters, name=name)
    if contact != filters.contact and not _is_there(store, filters.contact):
        filters = replace(filters, contact=contact)
    return filters


def _is_there(store: Store, contact: str) -> bool:
    return find_contact(store, contact) is not None or was_named(store, contact)
