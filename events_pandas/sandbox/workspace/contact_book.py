"""The contacts of a workspace in its database: found by their identifiers, made, changed and merged."""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final, NamedTuple

from events_pandas.sandbox.rules.events import Payload
from events_pandas.sandbox.rules.refusals import (
    AMBIGUOUS_EMAIL,
    USER_NOT_FOUND,
    Refusal,
    already_exists,
    invalid,
    merged_into,
)
from events_pandas.sandbox.workspace.contacts import Contact, ContactFields, InitialContacts
from events_pandas.sandbox.workspace.store import Row, Store

SELECT_CONTACTS: Final = f"SELECT number, created_at, updated_at, {', '.join(ContactFields._fields)} FROM contacts"  # noqa: S608  # All written here.
"""The beginning of a query for `contact_of_row`."""

IDENTIFIER_COLUMNS: Final = MappingProxyType({"user_id": "external_id", "id": "id", "email": "email"})
"""The columns that identify a contact, by the names of these fields in an event; the most usual first."""

# Users come first, merged contacts last. Two rows are enough to see that an address is ambiguous.
_MATCHES: Final = {
    identifier: (
        "SELECT number, role, named, (SELECT id FROM contacts AS other WHERE other.number = contacts.merged_into)"  # noqa: S608  # As above.
        f" FROM contacts WHERE {column} = ? ORDER BY merged_into IS NOT NULL, role DESC LIMIT 2"
    )
    for identifier, column in IDENTIFIER_COLUMNS.items()
}
_INSERT: Final = (
    f"INSERT INTO contacts (named, number, created_at, updated_at, {', '.join(ContactFields._fields)})"  # noqa: S608  # As above.
    f" VALUES ({', '.join('?' * (len(ContactFields._fields) + 4))})"
)


_CHANGES: Final = ", ".join(f"{field} = ?" for field in ContactFields._fields)
_UPDATE: Final = f"UPDATE contacts SET {_CHANGES}, updated_at = ?, named = NULL WHERE number = ?"  # noqa: S608  # As above.


class _Existing(NamedTuple):
    """A contact that is there already."""

    number: int
    id: str
    named: str | None


class ContactBook:
    """Find contacts in the database, make and change them. Every `now` is the server's time in Unix seconds."""

    def __init__(self, store: Store, contacts: InitialContacts) -> None:
        self._store = store
        self._contacts = contacts
        # Intercom's identifiers have 24 hexadecimal digits; those of one workspace share the middle.
        self._id_middle = store.id_code.rpartition("_")[2].rjust(8, "0")[:8]
        with store.writing() as connection:
            for fields in contacts.given:
                self._make(connection, fields, now=time.time())
            for texts in contacts.merged.items():
                number, into = (self._number_of(connection, text, now=time.time()) for text in texts)
                _merge(connection, number, into)
            ((last,),) = connection.execute("SELECT coalesce(max(number), 0) FROM contacts")
        # The number of the first contact that is made, or first named, while the sandbox runs.
        self.first_new: int = last + 1

    def name(self, identifiers: Iterable[tuple[str, str]], *, now: float) -> None:
        """Write down contacts that exist, but that nobody has named yet."""
        with self._store.writing() as connection:
            for identifier, text in identifiers:
                if "\0" not in text:
                    self.resolve(connection, identifier, text, now=now)

    def resolve(self, connection: sqlite3.Connection, identifier: str, text: str, *, now: float) -> int | Refusal:
        """Return the number of the contact that an identifier names, or the refusal.

        A lead is found by its `id` only.
        """
        # Inside `Store.writing`: a contact that exists is made when it is first named. 404: there is none. 409:
        # several users share the address. 410: the contact was merged into another.
        matches = connection.execute(_MATCHES[identifier], (text,)).fetchall()
        numbers: list[int] = [
            number
            for number, role, named, canonical in matches
            if canonical is None and (role == "user" or identifier == "id") and self._exists(named)
        ]
        if len(numbers) > 1:
            return AMBIGUOUS_EMAIL
        if numbers:
            return numbers[0]
        merged = [canonical for *_, canonical in matches if canonical is not None]
        if merged:
            return merged_into(merged[0])
        if matches or text not in self._contacts:
            return USER_NOT_FOUND
        return self._add(connection, _named(identifier, text), now=now, named=text)

    def find(self, identifier: str, text: str, *, now: float) -> Contact | Refusal:
        """Return the contact that an identifier names, or the refusal that an event of this contact would get."""
        if "\0" in text:
            return USER_NOT_FOUND
        with self._store.writing() as connection:
            number = self.resolve(connection, identifier, text, now=now)
            return number if isinstance(number, Refusal) else _contact(connection, number)

    def create(self, fields: ContactFields, *, now: float) -> Contact | Refusal:
        """Make a contact, or refuse it.

        409: another contact has the same external identifier, or the same address and no external identifier tells the
        two apart.
        """
        with self._store.writing() as connection:
            existing = self._find_existing(connection, fields, now=now)
            if existing is not None and self._exists(existing.named):
                return already_exists(existing.id)
            return _contact(connection, self._make(connection, fields, now=now))

    def update(self, contact_id: str, changes: Payload, *, now: float) -> Contact | Refusal:
        """Change a contact, found by Intercom's id; return it as it is now, or the refusal.

        `changes` are the fields that `read_changes` gives; custom attributes that it does not name stay. Refusals are
        those of `find`, and 409 as from `create`.
        """
        with self._store.writing() as connection:
            number = self.resolve(connection, "id", contact_id, now=now)
            if isinstance(number, Refusal):
                return number
            fields = _changed(_contact(connection, number).fields, changes)
            existing = self._find_existing(connection, fields, now=now, number=number)
            if existing is not None:
                return already_exists(existing.id)
            _write(connection, number, fields, now=now)
            return _contact(connection, number)

    def merge(self, contact_id: str, into_id: str, *, now: float) -> Contact | Refusal:
        """Merge a contact into another, both by Intercom's id; return the one that stays, or the refusal."""
        with self._store.writing() as connection:
            number, into = (self.resolve(connection, "id", one, now=now) for one in (contact_id, into_id))
            if isinstance(number, Refusal):
                return number
            if isinstance(into, Refusal):
                return into
            if number == into:
                return invalid("into", "is the contact itself")
            _merge(connection, number, into)
            return _contact(connection, into)

    def _find_existing(
        self, connection: sqlite3.Connection, fields: ContactFields, *, now: float, number: int | None = None
    ) -> _Existing | None:
        """Find another contact that has the identifiers of these fields already."""
        for identifier, text in (("user_id", fields.external_id), ("email", fields.email)):
            if text is not None and self._contacts.is_listed(text):
                # The contact exists, and is written down when it is first named: now.
                self.resolve(connection, identifier, text, now=now)
        return _existing_contact(connection, fields, number=number)

    def _exists(self, named: str | None) -> bool:
        # An event may have named a contact that a later run of a kept workspace lists as unknown.
        return named is None or named in self._contacts

    def _make(self, connection: sqlite3.Connection, fields: ContactFields, *, now: float) -> int:
        """Write a contact that exists, even if its identifier is unknown; an existing one is overwritten."""
        existing = _existing_contact(connection, fields)
        if existing is None:
            return self._add(connection, fields, now=now)
        _write(connection, existing.number, fields._replace(id=existing.id), now=now)
        return existing.number

    def _number_of(self, connection: sqlite3.Connection, text: str, *, now: float) -> int:
        """Return the contact with an identifier of any kind; if there is none, make a user."""
        query = "SELECT number FROM contacts WHERE ? IN (id, external_id) OR email = ? LIMIT 1"
        found = connection.execute(query, (text, text)).fetchone()
        if found:
            return int(found[0])
        return self._add(connection, _named("email" if "@" in text else "user_id", text), now=now)

    def _add(
        self, connection: sqlite3.Connection, fields: ContactFields, *, now: float, named: str | None = None
    ) -> int:
        ((number,),) = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM contacts")
        second = int(now)
        # A fault may set the clock to any time: keep eight digits.
        fields = fields._replace(id=fields.id or f"{second % 2**32:08x}{self._id_middle}{number:08x}")
        if fields.role == "lead" and fields.external_id is None:
            # Intercom gives a lead its external identifier.
            fields = fields._replace(external_id=str(uuid.uuid4()))
        connection.execute(_INSERT, (named, number, second, second, *fields))
        return int(number)


def contact_of_row(row: Row) -> Contact:
    """Return the contact in a row of a query that begins with `SELECT_CONTACTS`."""
    number, created_at, updated_at, *values = row
    fields = ContactFields(*values)
    fields = fields._replace(unsubscribed_from_emails=bool(fields.unsubscribed_from_emails))
    return Contact(number=number, created_at=created_at, updated_at=updated_at, fields=fields)


def _named(identifier: str, text: str) -> ContactFields:
    """Return the fields of a contact that exists, but that nobody has made."""
    if identifier == "user_id":
        return ContactFields(external_id=text)
    # A contact that is known only by Intercom's identifier counts as a lead.
    return ContactFields(email=text) if identifier == "email" else ContactFields(id=text, role="lead")


def _contact(connection: sqlite3.Connection, number: int) -> Contact:
    return contact_of_row(connection.execute(f"{SELECT_CONTACTS} WHERE number = ?", (number,)).fetchone())


def _write(connection: sqlite3.Connection, number: int, fields: ContactFields, *, now: float) -> None:
    connection.execute(_UPDATE, (*fields, int(now), number))


def _changed(fields: ContactFields, changes: Payload) -> ContactFields:
    changed = json.loads(fields.custom_attributes) | changes.get("custom_attributes", {})
    return fields._replace(**{**changes, "custom_attributes": json.dumps(changed, ensure_ascii=False)})


def _merge(connection: sqlite3.Connection, number: int, into: int) -> None:
    # Contacts that were merged into this one before move along: each link leads to a contact that exists.
    query = (
        "UPDATE contacts SET merged_into = nullif(:into, number)"
        " WHERE :number IN (number, merged_into) OR number = :into"
    )
    connection.execute(query, {"number": number, "into": into})


def _existing_contact(
    connection: sqlite3.Connection, fields: ContactFields, *, number: int | None = None
) -> _Existing | None:
    # Users may share an address if their external identifiers differ; a lead may have a user's address.
    query = (
        "SELECT number, id, named FROM contacts WHERE number IS NOT :number AND (id = :id OR external_id = :external_id"
        " OR (:external_id IS NULL AND role = :role AND role = 'user' AND email = :email))"
    )
    found = connection.execute(query, {"number": number, **fields._asdict()}).fetchone()
    return None if found is None else _Existing(*found)
