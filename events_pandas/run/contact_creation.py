"""Contacts created on demand: one request for each, with the columns that the caller names."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import numpy as np
import pandas as pd

from events_pandas.deliver import Answer
from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.questions import QuestionReply
from events_pandas.intercom import CONTACT_FIELDS
from events_pandas.results.frame import text_column
from events_pandas.run.asking import Asking, numbered
from events_pandas.run.contact_fields import RESULT_COLUMNS, JsonTexts, contact_payload
from events_pandas.words import counted, full_kind_of, kind_of, pandas_cure


class CreationStatus(StrEnum):
    """What became of a contact that was to be created. The members stand in the order in which results show them."""

    CREATED = "created"
    # Intercom had it already.
    EXISTS = "exists"
    REJECTED = "rejected"


CREATION_STATUS_DTYPE: Final = pd.CategoricalDtype([status.value for status in CreationStatus], ordered=True)
CONTACT_ROLES: Final = ("user", "lead")
MAY_EXIST: Final = "may_exist"
"""The error code of a contact without a status that Intercom may have created: sent again, it might be there twice."""

_EXISTING: Final = re.compile(r"\bid=([A-Za-z0-9_-]+)")
_SORT_OUT: Final = "drop the rows of those that it has, and empty the error code of the others"
_GIVE_ROWS: Final = "give rows of check_contacts or unknown_contacts"


@dataclass(frozen=True, kw_only=True, slots=True)
class _End:
    """What became of a contact. It has neither a status nor an error code if nobody knows."""

    status: CreationStatus | None = None
    id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None


_NOTHING: Final = _End()
_ID_GIVEN: Final = _End(
    status=CreationStatus.REJECTED,
    error_code="id_given",
    error_message="Intercom gives a contact its id: give its user_id or email instead",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Created:
    """A contact that Intercom has, and whether it had it before."""

    status: CreationStatus
    id: str | None


@dataclass(kw_only=True, slots=True)
class ContactCreation:
    """Creates contacts.

    Parameters
    ----------
    contacts : pandas.DataFrame
        The columns ``identifier`` and ``contact``, and those that `fields` names. Rows whose column ``status`` says
        that they were created, or existed, are left as they are.
    fields : mapping of str to hashable
        The columns of further fields of a contact, such as ``{"name": "full_name"}``.
    values : mapping of str to list
        What is in these columns.
    """

    contacts: pd.DataFrame
    role: str
    fields: Mapping[str, Hashable]
    values: Mapping[str, JsonTexts]
    asking: Asking
    # The last reply that is no answer.
    _last: QuestionReply[_Created] | None = field(default=None, init=False)
    _ends: list[_End] = field(init=False)

    def __post_init__(self) -> None:
        self._ends = [_ID_GIVEN if identifier == "id" else _NOTHING for identifier in self.contacts["identifier"]]
        if "status" in self.contacts and "id" in self.contacts:
            status, ids = self.contacts["status"], self.contacts["id"]
            for done in (CreationStatus.CREATED, CreationStatus.EXISTS):
                for row in np.flatnonzero(status.eq(done.value).fillna(False).to_numpy(bool)).tolist():
                    self._ends[row] = _End(status=done, id=_text(ids.iloc[row]))

    def run(self) -> None:
        """Create every contact that is left. The asking ends if Intercom does not answer for one."""
        identifiers = self.contacts["identifier"].tolist()
        left = [row for row, end in enumerate(self._ends) if end.status is None]

        def send(number: int) -> Answer:
            return self.asking.client.create_contact(self._payload(left[number]))

        def is_repeatable(number: int) -> bool:
            # Intercom answers 409 to a second one; leads may share an address.
            return self.role == "user" or identifiers[left[number]] == "user_id"

        def take(number: int, reply: QuestionReply[_Created]) -> None:
            self._ends[left[number]] = _end(reply, is_repeatable=is_repeatable(number))
            if self._ends[left[number]].status is None:
                self._last = reply if reply.said else self._last

        self.asking.ask(
            numbered(len(left)),
            total=lambda: len(left),
            send=send,
            read=lambda _, attempt: _read_created(attempt),
            take=take,
            description="creating contacts",
            is_repeatable=is_repeatable,
        )
        self.asking.require_answers(sum(end.status is None for end in self._ends), last=self._last)

    def next_step(self) -> str:
        """Return what helps if some contacts have no status."""
        again = "create the results of this error again"
        doubtful = sum(end.error_code == MAY_EXIST for end in self._ends)
        if not doubtful:
            return again
        leads = counted(doubtful, "lead")
        return f"look in Intercom for the {leads} with the error code '{MAY_EXIST}', {_SORT_OUT}; then {again}"

    def _payload(self, row: int) -> bytes:
        identifier, contact = self.contacts[["identifier", "contact"]].iloc[row]
        values = {name: texts[row] for name, texts in self.values.items()}
        return contact_payload({"role": self.role, CONTACT_FIELDS[identifier]: contact}, values)

    def results(self) -> pd.DataFrame:
        """Return a row for each contact, on the caller's index; a status is missing where none was reached.

        The columns that `fields` names are kept, so that the results can be given again.
        """
        named = dict.fromkeys(label for label in self.fields.values() if label in self.contacts)
        kept = dict.fromkeys(["identifier", "contact", *named])
        status = pd.Categorical([end.status for end in self._ends], dtype=CREATION_STATUS_DTYPE)
        texts = {name: text_column([getattr(end, name) for end in self._ends]) for name in RESULT_COLUMNS[1:]}
        return self.contacts[list(kept)].assign(status=status, **texts)


def require_contacts(contacts: object) -> None:
    """Raise an error for anything but a table of contacts with one column of each name, or for odd cells in it."""
    if not isinstance(contacts, pd.DataFrame):
        cure = pandas_cure(contacts, "give rows of check_contacts")
        raise TypeError(f"contacts: expected a pandas DataFrame, got {full_kind_of(contacts)}: {cure}")
    _require_columns(contacts)
    require_named(contacts, "contacts")
    for row, contact in enumerate(contacts["contact"]):
        if contact != contact.strip():
            cure = "remove it, since rows with it are invalid and could not name the contact"
            raise ValueError(f"contacts: row {row}: the contact has a blank at its beginning or end: {cure}")


def require_named(contacts: pd.DataFrame, argument: str) -> None:
    """Raise `ValueError` for a row that does not name a contact; a number has lost the zeros at its beginning."""
    for row, (identifier, contact) in enumerate(zip(contacts["identifier"], contacts["contact"], strict=True)):
        is_text = isinstance(contact, str)
        is_missing = not contact.strip() if is_text else pd.api.types.is_scalar(contact) and pd.isna(contact)
        if not isinstance(identifier, str) or identifier not in CONTACT_FIELDS or is_missing:
            raise ValueError(f"{argument}: row {row} needs an identifier (user_id, id or email) and a contact")
        if not is_text:
            cure = "read a file of contacts with dtype={'contact': str}"
            raise ValueError(f"{argument}: row {row}: the contact is {kind_of(contact)}, not text: {cure}")


def require_single_columns(contacts: pd.DataFrame, columns: Iterable[str], *, argument: str) -> None:
    """Raise `ValueError` if several columns have one of the names."""
    for column in columns:
        if (count := int((contacts.columns == column).sum())) > 1:
            raise ValueError(f"{argument}: {count} columns have the name {column!r}: rename or drop all but one")


def _require_columns(contacts: pd.DataFrame) -> None:
    for column in ("identifier", "contact"):
        if column not in contacts:
            raise ValueError(f"contacts: no column {column!r}: {_GIVE_ROWS}")
    require_single_columns(contacts, ("identifier", "contact", "status", "id", "error_code"), argument="contacts")
    if "error_code" in contacts and "status" in contacts:
        # A file has an empty text where a status is missing.
        doubtful = contacts["error_code"].isin([MAY_EXIST]) & ~contacts["status"].isin(CREATION_STATUS_DTYPE.categories)
        if doubtful.any():
            named = counted(int(doubtful.sum()), "contact")
            raise ValueError(
                f"contacts: Intercom may have {named} with the error code '{MAY_EXIST}': look for them, {_SORT_OUT}"
            )


def _end(reply: QuestionReply[_Created], *, is_repeatable: bool) -> _End:
    """Return what became of a contact."""
    attempt = reply.attempt
    if reply.read is not None:
        return _End(status=reply.read.status, id=reply.read.id)
    if reply.may_have_arrived and not is_repeatable:
        message = "the request may have arrived, and nobody knows if the contact was created: look for it in Intercom"
        return _End(error_code=MAY_EXIST, error_message=message)
    if attempt is None or not reply.is_refusal:
        return _NOTHING
    return _End(
        status=CreationStatus.REJECTED,
        error_code=attempt.code or f"http_{attempt.status}",
        error_message=f"Intercom rejected the contact ({reply.said}): fix its row, then create it again",
        request_id=attempt.request_id,
    )


def _read_created(attempt: Attempt) -> _Created | None:
    """Read the answer to a contact that was to be created; None if it does not say that Intercom has it."""
    if attempt.status == HTTPStatus.OK and attempt.content.get("type") == "contact":
        return _Created(status=CreationStatus.CREATED, id=_text(attempt.content.get("id")))
    if attempt.status == HTTPStatus.CONFLICT and (existing := _EXISTING.search(attempt.message or "")):
        return _Created(status=CreationStatus.EXISTS, id=existing[1])
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
