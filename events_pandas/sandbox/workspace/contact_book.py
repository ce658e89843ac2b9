"""The contacts of a workspace: found by their identifiers, and made."""

import sqlite3
import time
import uuid
from dataclasses import replace
from typing import Final

from events_pandas.sandbox.rules.refusals import AMBIGUOUS_EMAIL, USER_NOT_FOUND, Refusal, already_exists
from events_pandas.sandbox.workspace.contacts import Contact, ContactFields, Contacts
from events_pandas.sandbox.workspace.store import Row, Store

FIELDS: Final = (
    "id",
    "role",
    "external_id",
    "email",
    "name",
    "phone",
    "signed_up_at",
    "last_seen_at",
    "unsubscribed_from_emails",
    "custom_attributes",
)
"""The columns of a contact that are fields of it as well, in their order."""

SELECT_CONTACTS: Final = f"SELECT number, created_at, updated_at, {', '.join(FIELDS)} FROM contacts"  # noqa: S608  # All written here.
"""The beginning of a query for `contact_of_row`."""

# By the field that names the contact in an event.
_COLUMNS: Final = {"user_id": "external_id", "id": "id", "email": "email"}
# Users come first; two of them are enough to tell that an address is ambiguous.
_MATCHES: Final = {
    identifier: f"SELECT number, role FROM contacts WHERE {column} = ? ORDER BY role DESC LIMIT 2"  # noqa: S608  # Likewise.
    for identifier, column in _COLUMNS.items()
}
_INSERT: Final = (
    f"INSERT INTO contacts (number, created_at, updated_at, {', '.join(FIELDS)})"  # noqa: S608  # Likewise.
    f" VALUES ({', '.join('?' * (len(FIELDS) + 3))})"
)


class ContactBook:
    """Find contacts, and make them.

    Parameters
    ----------
    store : Store
        Where they are kept.
    contacts : Contacts
        Who exists from the start.
    """

    def __init__(self, store: Store, contacts: Contacts) -> None:
        self._store = store
        self._contacts = contacts
        # An identifier that Intercom gives is 24 digits of base 16; a workspace's share a middle.
        self._id_middle = store.id_code.rpartition("_")[2].rjust(8, "0")[:8]
        with store.writing() as connection:
            for fields in contacts.given:
                if _twin(connection, fields) is None:
                    self._add(connection, fields)

    def resolve(self, connection: sqlite3.Connection, identifier: str, text: str) -> int | Refusal:
        """Return the contact that an identifier names.

        Parameters
        ----------
        connection : sqlite3.Connection
            Inside `Store.writing`: a contact that exists, and was never named before, is made.
        identifier : {"user_id", "id", "email"}
            The field.
        text : str
            Its value.

        Returns
        -------
        int or Refusal
            The contact's number; 404 when there is none, 409 when an address belongs to several users.

        Notes
        -----
        A lead is found by its `id` only.
        """
        matches = connection.execute(_MATCHES[identifier], (text,)).fetchall()
        numbers: list[int] = [number for number, role in matches if role == "user" or identifier == "id"]
        if len(numbers) > 1:
            return AMBIGUOUS_EMAIL
        if numbers:
            return numbers[0]
        if matches or text not in self._contacts:
            return USER_NOT_FOUND
        return self._add(connection, _named(identifier, text))

    def find(self, identifier: str, text: str) -> Contact | Refusal:
        """Return the contact that an identifier names, with its fields.

        Parameters
        ----------
        identifier : {"user_id", "id", "email"}
            The field, as events call it.
        text : str
            Its value.

        Returns
        -------
        Contact or Refusal
            The contact, or the refusal that an event of this contact would get.
        """
        with self._store.writing() as connection:
            number = self.resolve(connection, identifier, text)
            return number if isinstance(number, Refusal) else _contact(connection, number)

    def create(self, fields: ContactFields) -> Contact | Refusal:
        """Make a contact.

        Parameters
        ----------
        fields : ContactFields
            What is known of it.

        Returns
        -------
        Contact or Refusal
            The contact, or 409 when there is one with the same external identifier, or with the same address and no
            external identifier to tell the two apart.
        """
        with self._store.writing() as connection:
            for identifier, text in (("user_id", fields.external_id), ("email", fields.email)):
                if text is not None and self._contacts.names(text):
                    # It exists, and is written down when it is first named: now.
                    self.resolve(connection, identifier, text)
            twin = _twin(connection, fields)
            if twin is not None:
                return already_exists(twin)
            return _contact(connection, self._add(connection, fields))

    def _add(self, connection: sqlite3.Connection, fields: ContactFields) -> int:
        ((number,),) = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM contacts")
        now = int(time.time())
        fields = replace(fields, id=fields.id or f"{now:08x}{self._id_middle}{number:08x}")
        if fields.role == "lead" and fields.external_id is None:
            # As Intercom does for leads, whose identifier is not the caller's.
            fields = replace(fields, external_id=str(uuid.uuid4()))
        connection.execute(_INSERT, (number, now, now, *(getattr(fields, field) for field in FIELDS)))
        return int(number)


def contact_of_row(row: Row) -> Contact:
    """Return a contact as it was read.

    Parameters
    ----------
    row : tuple
        A row of a query that begins with `SELECT_CONTACTS`.

    Returns
    -------
    Contact
        The contact.
    """
    number, created_at, updated_at, *values = row
    fields = dict(zip(FIELDS, values, strict=True))
    fields["unsubscribed_from_emails"] = bool(fields["unsubscribed_from_emails"])
    return Contact(number=number, created_at=created_at, updated_at=updated_at, fields=ContactFields(**fields))


def _named(identifier: str, text: str) -> ContactFields:
    """Return what is known of a contact that nobody made, but that exists."""
    if identifier == "user_id":
        return ContactFields(external_id=text)
    # Who is known by Intercom's identifier alone is taken for a lead.
    return ContactFields(email=text) if identifier == "email" else ContactFields(id=text, role="lead")


def _contact(connection: sqlite3.Connection, number: int) -> Contact:
    return contact_of_row(connection.execute(f"{SELECT_CONTACTS} WHERE number = ?", (number,)).fetchone())


def _twin(connection: sqlite3.Connection, fields: ContactFields) -> str | None:
    """Return the `id` of the contact that is there already."""
    # Users may share an address if their external identifiers tell them apart; and a lead may have a user's address.
    query = (
        "SELECT id FROM contacts WHERE id = :id OR external_id = :external_id"
        " OR (:external_id IS NULL AND role = :role AND role = 'user' AND email = :email)"
    )
    named = {field: getattr(fields, field) for field in ("id", "external_id", "role", "email")}
    found = connection.execute(query, named).fetchone()
    return None if found is None else str(found[0])
