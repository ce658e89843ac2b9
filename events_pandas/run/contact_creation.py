"""Contacts created on demand: one request for each, with the columns that the caller names."""

import datetime as dt
import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import numpy as np
import pandas as pd

from events_pandas.deliver import Answer, Status
from events_pandas.deliver.client.answers import Attempt
from events_pandas.errors import UnknownColumnError
from events_pandas.intercom import CONTACT_FIELDS
from events_pandas.results.frame import text_column
from events_pandas.run.asking import Asking, QuestionEnd
from events_pandas.words import did_you_mean, kind_of


class CreationStatus(StrEnum):
    """What became of a contact that was to be created. The members stand in the order in which results show them."""

    CREATED = "created"
    # Intercom had it already.
    EXISTS = "exists"
    REJECTED = "rejected"


CREATION_STATUS_DTYPE: Final = pd.CategoricalDtype([status.value for status in CreationStatus], ordered=True)
CONTACT_ROLES: Final = ("user", "lead")

_DONE: Final = ("created", "exists")
_FIELDS: Final = (
    "external_id",
    "email",
    "name",
    "phone",
    "avatar",
    "signed_up_at",
    "last_seen_at",
    "owner_id",
    "unsubscribed_from_emails",
)
_ATTRIBUTE: Final = "custom_attributes."
_EXISTING: Final = re.compile(r"\bid=([A-Za-z0-9_-]+)")
_NO_ID: Final = "Intercom gives a contact its id: give its user_id or email instead"


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
    """

    contacts: pd.DataFrame
    role: str
    fields: Mapping[str, Hashable]
    asking: Asking
    # Why a question has no answer; the last one.
    refusal: str = field(default="", init=False)
    _results: dict[str, list[str | None]] = field(init=False)

    def __post_init__(self) -> None:
        rows = len(self.contacts)
        names = ("status", "id", "error_code", "error_message", "request_id")
        self._results = {name: [None] * rows for name in names}
        if "status" in self.contacts and "id" in self.contacts:
            is_done = self.contacts["status"].isin(_DONE).to_numpy(bool)
            for row in np.flatnonzero(is_done).tolist():
                self._enter(row, status=str(self.contacts["status"].iloc[row]), id=self.contacts["id"].iloc[row])

    def _enter(self, row: int, **facts: Any) -> None:
        for name, fact in facts.items():
            self._results[name][row] = fact

    def run(self) -> None:
        """Create every contact that is left."""
        identifiers = self.contacts["identifier"].tolist()
        left = [row for row, status in enumerate(self._results["status"]) if status is None]
        for row in left:
            if identifiers[row] == "id":
                self._enter(row, status=CreationStatus.REJECTED, error_code="id_given", error_message=_NO_ID)
        left = [row for row in left if identifiers[row] != "id"]

        def send(number: int) -> Answer:
            return self.asking.client.create_contact(self._payload(left[number]))

        def take(reply: QuestionEnd[_Created]) -> None:
            row, outcome = left[reply.number], reply.outcome
            if reply.read is not None:
                self._enter(row, status=reply.read.status, id=reply.read.id)
            elif outcome.status in (Status.REJECTED, Status.UNKNOWN_CONTACT):
                message = f"Intercom rejected the contact ({reply.refusal}): fix its row, then create it again"
                facts = {"error_code": outcome.error_code, "request_id": outcome.request_id}
                self._enter(row, status=CreationStatus.REJECTED, error_message=message, **facts)
            else:
                self.refusal = reply.refusal or self.refusal

        self.asking.ask(len(left), send=send, read=_read_created, take=take, description="creating contacts")

    def _payload(self, row: int) -> bytes:
        contact: dict[str, Any] = {"role": self.role}
        attributes: dict[str, Any] = {}
        for name, label in self.fields.items():
            value = _json_value(self.contacts[label].iloc[row])
            if value is None:
                continue
            if name.startswith(_ATTRIBUTE):
                attributes[name.removeprefix(_ATTRIBUTE)] = value
            else:
                contact[name] = value if isinstance(value, int) else str(value)
        named = self.contacts[["identifier", "contact"]].iloc[row]
        contact[CONTACT_FIELDS[named["identifier"]]] = named["contact"]
        return json.dumps(contact | ({"custom_attributes": attributes} if attributes else {})).encode()

    def results(self) -> pd.DataFrame:
        """Return a row for each contact, on the caller's index; a status is missing where none was reached."""
        status = pd.Categorical(self._results["status"], dtype=CREATION_STATUS_DTYPE)
        texts = {name: text_column(values) for name, values in self._results.items() if name != "status"}
        return self.contacts[["identifier", "contact"]].assign(status=status, **texts)


def require_contacts(contacts: object) -> None:
    """Raise an error for anything but a table of contacts."""
    if not isinstance(contacts, pd.DataFrame):
        raise TypeError(f"contacts: expected a DataFrame, got {kind_of(contacts)}: give rows of check_contacts")
    for column in ("identifier", "contact"):
        if column not in contacts:
            raise ValueError(f"contacts: no column {column!r}: give rows of check_contacts or unknown_contacts")
    is_named = contacts["identifier"].isin(list(CONTACT_FIELDS)) & contacts["contact"].notna()
    if not is_named.all():
        row = int(np.flatnonzero(~is_named.to_numpy(bool))[0])
        raise ValueError(f"contacts: row {row} needs an identifier (user_id, id or email) and a contact")


def require_fields(fields: Mapping[str, Hashable], contacts: pd.DataFrame) -> None:
    """Raise an error for a field that a contact does not have, or a column that is missing."""
    for name, label in fields.items():
        if name not in _FIELDS and not name.startswith(_ATTRIBUTE):
            raise ValueError(f"fields: a contact has no field {name!r}: {did_you_mean(name, _FIELDS)}")
        if label not in contacts:
            raise UnknownColumnError(label, path=f"fields.{name}", available=contacts.columns)


def _read_created(attempt: Attempt) -> _Created | None:
    """Read the answer to a contact that was to be created; None if Intercom does not have it."""
    if attempt.status == HTTPStatus.OK and attempt.content.get("type") == "contact":
        return _Created(status=CreationStatus.CREATED, id=_text(attempt.content.get("id")))
    if attempt.status == HTTPStatus.CONFLICT and (existing := _EXISTING.search(attempt.message or "")):
        return _Created(status=CreationStatus.EXISTS, id=existing[1])
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _json_value(value: Any) -> str | bool | int | float | None:
    """Return a cell as JSON has it: a time as Unix seconds, and None for a missing value."""
    if pd.isna(value):
        return None
    if isinstance(value, dt.datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    return str(value)
