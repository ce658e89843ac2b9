"""Contacts looked up before events are sent: fifty in each search, and those that it does not find one by one."""

import json
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.check import chunk_bounds
from events_pandas.convert.cells import Mask
from events_pandas.deliver import Answer
from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.questions import QuestionReply
from events_pandas.free_memory import give_back_memory
from events_pandas.intercom import CONTACT_FIELDS, SEARCHED_AT_ONCE
from events_pandas.run.asking import AT_A_TIME, Asking


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
    # A question about one contact has the number of its position. The numbers after these are the searches.
    _searches: list[range] = field(init=False)
    # Questions that follow from answers, how many there are in all, and how many are not answered yet.
    _following: deque[int] = field(default_factory=deque, init=False)
    _total: int = field(default=0, init=False)
    _under_way: int = field(default=0, init=False)
    # The halves of searches that were refused.
    _refused: list[range] = field(default_factory=list, init=False)
    # Whether a search was ever answered.
    _can_search: bool = field(default=False, init=False)

    def run(self) -> None:
        """Ask for every contact whose status is not known. The asking ends if Intercom does not answer for one."""
        self._cut_searches()
        self.asking.ask(
            self._questions(),
            total=lambda: self._total,
            send=self._send,
            read=self._read,
            take=self._take,
            description="checking contacts",
        )
        self.asking.require_answers(int((self.codes == NOT_ASKED).sum()), last=self._last)

    def is_unknown(self) -> Mask:
        """Return which contacts Intercom does not know."""
        are_unknown: Mask = self.codes == _CODES[ContactStatus.UNKNOWN]
        return are_unknown

    def _cut_searches(self) -> None:
        """Put contacts of one kind of identifier after those of another, and cut them into searches."""
        identifiers, is_left = self.contacts["identifier"], self.codes == NOT_ASKED
        kinds, begin = [], 0
        self._searches = []
        for identifier in CONTACT_FIELDS:
            of_kind = np.flatnonzero(is_left & identifiers.eq(identifier).to_numpy(bool)).astype(np.int32)
            bounds = chunk_bounds(len(of_kind), SEARCHED_AT_ONCE)
            self._searches += [range(begin + first, begin + end) for first, end in bounds]
            kinds.append(of_kind)
            begin += len(of_kind)
        self._asked = np.concatenate(kinds)
        self._total = len(self._searches)
        give_back_memory()

    def _questions(self) -> Iterator[list[int] | None]:
        """Yield the numbers of some questions at a time, and None while only answers can bring more.

        A contact that a search has not found is asked for before the next search, so that most contacts that were
        searched for have a status whenever the end comes.
        """
        n_contacts = len(self.contacts)
        searches = iter(range(n_contacts, n_contacts + len(self._searches)))
        while True:
            following = min(len(self._following), AT_A_TIME)
            numbers = [self._following.popleft() for _ in range(following)]
            numbers += islice(searches, AT_A_TIME - following)
            self._under_way += len(numbers)
            if numbers:
                yield numbers
            elif self._under_way:
                yield None
            elif not self._search_refused():
                return

    def _search_refused(self) -> bool:
        """Search again for the halves of searches that were refused, if that can help. Return whether it does so."""
        halves, self._refused = self._refused, []
        # One contact may be the cause. If no search is answered, all of them are refused for another reason.
        can_help = self._can_search or sum(map(len, halves)) <= SEARCHED_AT_ONCE
        if can_help:
            self._follow_with(halves)
        return can_help and bool(halves)

    def _follow_with(self, searches: Sequence[range]) -> None:
        first = len(self.contacts) + len(self._searches)
        self._searches += searches
        self._follow_by(range(first, first + len(searches)))

    def _follow_by(self, numbers: Sequence[int]) -> None:
        self._following.extend(numbers)
        self._total += len(numbers)

    def _search(self, number: int) -> range | None:
        """Return the search with a number; None if the question is about one contact."""
        place = number - len(self.contacts)
        return self._searches[place] if place >= 0 else None

    def _send(self, number: int) -> Answer:
        if (search := self._search(number)) is not None:
            return self.asking.client.search_contacts(self._query(search))
        contact = self.contacts.iloc[number]
        return self.asking.client.find_contact(contact["identifier"], contact["contact"])

    def _read(self, number: int, attempt: Attempt) -> "_SearchPage | _ContactAnswer | None":
        return _read_contact(attempt) if self._search(number) is None else _read_page(attempt)

    def _take(self, number: int, reply: "QuestionReply[_SearchPage | _ContactAnswer]") -> None:
        """Enter what a reply says. A search that found more than a page is made again for its halves."""
        self._under_way -= 1
        search = self._search(number)
        match reply.read:
            case _SearchPage() as page if search is not None:
                self._can_search = True
                if page.is_whole or len(search) == 1:
                    self._enter(search, page.found)
                else:
                    self._follow_with(_halves(search))
            case _ContactAnswer() as answer:
                self.codes[number] = _CODES[answer.status]
                if answer.merged_into is not None:
                    self.merged_into[number] = answer.merged_into
            case _:
                self._last = reply
                if search is not None and reply.is_refusal and len(search) > 1:
                    self._refused += _halves(search)

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
            if not counts[text] and _can_be_looked_up(identifier, text):
                # The search finds neither merged contacts nor those of the last minutes.
                self._follow_by([position])
                continue
            status = ContactStatus.KNOWN if counts[text] else ContactStatus.UNKNOWN
            self.codes[position] = _CODES[ContactStatus.AMBIGUOUS if is_email and counts[text] > 1 else status]


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
