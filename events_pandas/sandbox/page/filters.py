"""What of the workspace is asked for: the parameters of the page's address, read from strangers, and written again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self
from urllib.parse import urlencode

from events_pandas import intercom
from events_pandas.sandbox.workspace.ledger import Outcome

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
