"""Contacts looked up before events are sent: fifty in each search, and those that it does not find one by one."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.check import chunk_bounds
from events_pandas.deliver import Answer
from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.questions import QuestionReply
from events_pandas.free_memory import give_back_memory
from events_pandas.intercom import CONTACT_FIELDS, SEARCHED_AT_ONCE
from events_pandas.run.asking import Asking

Positions = npt.NDArray[np.int64]


class ContactStatus(StrEnum):
    """What Intercom knows of a contact. The members stand in the order in which results show them."""

    # An event finds it.
    KNOWN = "known"
    UNKNOWN = "unknown"
    # Several users share the email address.
    AMBIGUOUS = "ambiguous"
    # It was merged into another contact.
    MERGED = "merged"


CONTACT_STATUS_DTYPE: Final = pd.CategoricalDtype([status.value for status in ContactStatus], ordered=True)
NOT_ASKED: Final = -1
"""The code of a contact whose status is not known yet."""
_NOT_FOUND: Final = -2

_CODES: Final = {status: code for code, status in enumerate(ContactStatus)}
_USER: Final = "user"
_EMAIL: Final = "email"
# Intercom's ids have 24 hexadecimal digits; older ones are UUIDs.
_ID: Final = re.compile(r"(?=.*[0-9])[A-Za-z0-9_-]+")
# The most that a page has. More contacts than identifiers may be found: users may share an address.
_PER_PAGE: Final = 150
# In an address these stand for folders, however they are written.
_NOT_IN_ADDRESSES: Final = (".", "..")


class _Found(NamedTuple):
    """A contact in the page of a search."""

    id: str
    external_id: str
    email: str
    role: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _SearchPage:
    """The first contacts that a search has found, and whether these are all."""

    found: Sequence[_Found]
    is_whole: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _ContactAnswer:
    """What the answer to a question about one contact says."""

    status: ContactStatus
    merged_into: str | None = None


class _Named(NamedTuple):
    """The contacts that are searched for together: their kind of identifier, their positions and identifiers."""

    identifier: str
    positions: list[int]
    texts: list[str]


@dataclass(kw_only=True, slots=True)
class ContactCheck:
    """Finds out which contacts exist.

    Parameters
    ----------
    contacts : pandas.DataFrame
        The columns ``identifier`` and ``contact``, each contact once.
    codes : numpy.ndarray of int8
        The status of each contact as a position in `ContactStatus`, or `NOT_ASKED`.
    merged_into : dict of int to str
        Intercom's ids of the contacts that took the places of merged ones, by position.
    """

    contacts: pd.DataFrame
    codes: npt.NDArray[np.int8]
    asking: Asking
    merged_into: dict[int, str] = field(default_factory=dict)
    # The last reply that is no answer.
    _last: QuestionReply[Any] | None = field(default=None, init=False)
    # The positions of the contacts to search for, those of one kind of identifier after those of another. A search is
    # a range of places here: there are many searches, and memory is short.
    _asked: npt.NDArray[np.int32] = field(init=False)
    # Whether a search was ever answered.
    _can_search: bool = field(default=False, init=False)

    def run(self) -> None:
        """Ask for every contact whose status is not known. The asking ends if Intercom does not answer for one."""
        self._search(self._searches())
        self._look_up(np.flatnonzero(self.codes == _NOT_FOUND))
        # The end came before they were looked up.
        self.codes[self.codes == _NOT_FOUND] = NOT_ASKED
        self.asking.require_answers(int((self.codes == NOT_ASKED).sum()), last=self._last)

    def statuses(self) -> list[ContactStatus | None]:
        """Return what is known of each contact."""
        by_code = dict(enumerate(ContactStatus))
        return [by_code.get(code) for code in self.codes.tolist()]

    def _searches(self) -> list[range]:
        """Put contacts of one kind of identifier after those of another, and return their places, cut into searches."""
        identifiers, is_left = self.contacts["identifier"], self.codes == NOT_ASKED
        kinds, searches, begin = [], [], 0
        for identifier in CONTACT_FIELDS:
            of_kind = np.flatnonzero(is_left & identifiers.eq(identifier).to_numpy(bool)).astype(np.int32)
            bounds = chunk_bounds(len(of_kind), SEARCHED_AT_ONCE)
            searches += [range(begin + first, begin + end) for first, end in bounds]
            kinds.append(of_kind)
            begin += len(of_kind)
        self._asked = np.concatenate(kinds)
        give_back_memory()
        return searches

    def _search(self, searches: list[range]) -> None:
        """Search for contacts, and again for the halves of a search that found more than a page or was refused."""
        while searches and self.asking.stop is None:
            searches = self._search_once(searches)

    def _search_once(self, searches: list[range]) -> list[range]:
        """Search for contacts. Return the searches that are still to be made."""
        again: list[range] = []
        refused: list[range] = []

        def take(number: int, reply: QuestionReply[_SearchPage]) -> None:
            search, page = searches[number], reply.read
            self._can_search = self._can_search or page is not None
            if page is None:
                self._last = reply
                if reply.is_refusal and len(search) > 1:
                    refused.extend(_halves(search))
            elif page.is_whole or len(search) == 1:
                self._enter(search, page.found)
            else:
                again.extend(_halves(search))

        def send(number: int) -> Answer:
            return self.asking.client.search_contacts(self._query(searches[number]))

        self.asking.ask(len(searches), send=send, read=_read_page, take=take, description="searching for contacts")
        # One contact may be the cause. If no search is answered, all of them are refused for another reason.
        is_little = sum(map(len, refused)) <= SEARCHED_AT_ONCE
        return [*again, *refused] if self._can_search or is_little else again

    def _named(self, search: range) -> _Named:
        """Name the contacts of a search. Addresses ignore case."""
        positions, column = self._asked[search.start : search.stop].tolist(), self.contacts["contact"].array
        identifier: str = self.contacts["identifier"].array[positions[0]]
        # One by one: Arrow would keep memory in every thread for those that it takes at once.
        texts: list[str] = [column[position] for position in positions]
        if identifier == _EMAIL:
            texts = [text.lower() for text in texts]
        return _Named(identifier=identifier, positions=positions, texts=texts)

    def _query(self, search: range) -> bytes:
        named = self._named(search)
        query: dict[str, object] = {"field": CONTACT_FIELDS[named.identifier], "operator": "IN", "value": named.texts}
        if named.identifier == _EMAIL:
            # Leads may share the address of a user, and fill its page.
            query = {"operator": "AND", "value": [query, {"field": "role", "operator": "=", "value": _USER}]}
        return json.dumps({"query": query, "pagination": {"per_page": _PER_PAGE}}).encode()

    def _enter(self, search: range, found: Sequence[_Found]) -> None:
        """Enter what a search has found. A contact that it has not found is still to be looked up, if that can be."""
        identifier, positions, texts = self._named(search)
        is_email, field_name = identifier == _EMAIL, CONTACT_FIELDS[identifier]
        # A lead is found by its id only.
        which = [getattr(one, field_name) for one in found if one.role == _USER or identifier == "id"]
        counts = Counter(text.lower() for text in which) if is_email else Counter(which)
        for position, text in zip(positions, texts, strict=True):
            if not counts[text]:
                can_be = _can_be_looked_up(identifier, text)
                self.codes[position] = _NOT_FOUND if can_be else _CODES[ContactStatus.UNKNOWN]
                continue
            status = ContactStatus.AMBIGUOUS if is_email and counts[text] > 1 else ContactStatus.KNOWN
            self.codes[position] = _CODES[status]

    def _look_up(self, positions: Positions) -> None:
        """Ask for contacts one by one: the search finds neither merged contacts nor those of the last minutes."""

        def take(number: int, reply: QuestionReply[_ContactAnswer]) -> None:
            position = int(positions[number])
            if reply.read is None:
                self._last = reply
                return
            self.codes[position] = _CODES[reply.read.status]
            if reply.read.merged_into is not None:
                self.merged_into[position] = reply.read.merged_into

        def send(number: int) -> Answer:
            contact = self.contacts.iloc[int(positions[number])]
            return self.asking.client.find_contact(contact["identifier"], contact["contact"])

        self.asking.ask(len(positions), send=send, read=_read_contact, take=take, description="looking up contacts")


def _halves(search: range) -> tuple[range, range]:
    middle = (len(search) + 1) // 2
    return search[:middle], search[middle:]


def _can_be_looked_up(identifier: str, text: str) -> bool:
    """Whether a question can name one contact. Emails are searched for only; some texts would be another address."""
    if identifier == "id":
        return _ID.fullmatch(text) is not None
    return identifier == "user_id" and "/" not in text and text not in _NOT_IN_ADDRESSES


def may_be_new(identifier: str, text: str) -> bool:
    """Whether a contact that seems unknown may be one of the last minutes, as it could only be searched for."""
    return identifier != "id" and not _can_be_looked_up(identifier, text)


def _read_page(attempt: Attempt) -> _SearchPage | None:
    """Read the answer to a search; None if it is not a page of contacts."""
    listed, total = attempt.content.get("data"), attempt.content.get("total_count")
    if attempt.status != HTTPStatus.OK or not isinstance(listed, list):
        return None
    found = [_found(one) for one in listed if isinstance(one, dict)]
    return _SearchPage(found=found, is_whole=not isinstance(total, int) or total <= len(found))


def _found(contact: dict[str, object]) -> _Found:
    fields = {name: value if isinstance(value := contact.get(name), str) else "" for name in _Found._fields}
    return _Found(**{**fields, "role": fields["role"] or _USER})


def _read_contact(attempt: Attempt) -> _ContactAnswer | None:
    """Read the answer to a question about one contact; None if it does not answer it."""
    match attempt.status:
        case HTTPStatus.OK if attempt.content.get("type") == "contact":
            return _ContactAnswer(status=ContactStatus.KNOWN)
        case HTTPStatus.NOT_FOUND if attempt.speaks_of_contact:
            return _ContactAnswer(status=ContactStatus.UNKNOWN)
        case HTTPStatus.GONE:
            return _ContactAnswer(status=ContactStatus.MERGED, merged_into=attempt.merged_into)
    return None
