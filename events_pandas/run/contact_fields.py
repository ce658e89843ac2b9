"""Further fields of contacts that are to be created: columns read as the rules of a mapping read them, as JSON."""

import json
from collections.abc import Hashable, Mapping
from typing import Any, Final

import pandas as pd

from events_pandas.convert.cells import CellKind
from events_pandas.convert.codes import CODES
from events_pandas.convert.column_cells import read_cells
from events_pandas.convert.json_text import joined, json_strings
from events_pandas.convert.link_readers import read_url
from events_pandas.convert.number_readers import read_number
from events_pandas.convert.readers import read_email, read_identifier, read_text
from events_pandas.convert.reading import Reader, Reading, read, without_sheet_errors
from events_pandas.convert.times import TimeReader
from events_pandas.intercom import CONTACT_FIELDS
from events_pandas.mapping import Date, Number
from events_pandas.mapping.arrow_types import readable
from events_pandas.mapping.column_types import decide_type_by_values
from events_pandas.mapping.frame_sources import named_values
from events_pandas.words import did_you_mean, kind_of

JsonTexts = list[str | None]
"""The value of a field for each contact, as JSON; None if a contact does not have it."""

RESULT_COLUMNS: Final = ("status", "id", "error_code", "error_message", "request_id")
"""What results have beside the columns that were given."""
ATTRIBUTE: Final = "custom_attributes."

_TRUTH: Final = "unsubscribed_from_emails"
_TIMES: Final = TimeReader(format=None, unit=None, timezone=None)
_READERS: Final[Mapping[str, Reader]] = {
    "external_id": read_identifier,
    "email": read_email,
    "name": read_text,
    "phone": read_text,
    "avatar": read_url,
    "signed_up_at": _TIMES,
    "last_seen_at": _TIMES,
    "owner_id": read_number,
    _TRUTH: read_text,
}
_TEXT_READERS: Final = (read_identifier, read_email, read_text, read_url)
_IDENTIFIERS: Final = {field: identifier for identifier, field in CONTACT_FIELDS.items()}


def require_fields(fields: object, contacts: pd.DataFrame) -> None:
    """Raise an error for a field that a contact does not have, or that is its identifier already."""
    if not isinstance(fields, Mapping):
        raise TypeError(f"fields: expected a mapping such as {{'name': 'full_name'}}, got {kind_of(fields)}")
    named_by = set(contacts["identifier"])
    for name, label in fields.items():
        if name == ATTRIBUTE or not (isinstance(name, str) and (name in _READERS or name.startswith(ATTRIBUTE))):
            names = [*_READERS, f"{ATTRIBUTE}NAME"]
            hint = f"use '{CONTACT_FIELDS[name]}'" if name == "user_id" else did_you_mean(name, names)
            raise ValueError(f"fields: a contact has no field {name!r}: {hint}")
        if _IDENTIFIERS.get(name) in named_by:
            raise ValueError(
                f"fields: {name!r} is the identifier of contacts that are named by {_IDENTIFIERS[name]}: "
                "leave it out, or create those contacts by themselves"
            )
        if isinstance(label, str) and label in RESULT_COLUMNS:
            raise ValueError(f"fields.{name}: results have a column {label!r} of their own: rename the one of contacts")


def field_texts(fields: Mapping[str, Hashable], contacts: pd.DataFrame) -> dict[str, JsonTexts]:
    """Return the values of each field.

    Raise `UnknownColumnError` or `MappingError` if there is not one column, `ValueError` for a cell that cannot be
    sent.
    """
    texts: dict[str, JsonTexts] = {}
    for name, label in fields.items():
        column = readable(named_values(contacts, label, path=f"fields.{name}"))
        if (reader := _reader(name, column)) is not None:
            reading = read(read_cells(column), without_sheet_errors(reader))
            _require_sendable(reading, name=name, label=label)
            is_truth = reading.kinds.keys() == {CellKind.BOOLEAN} and (name == _TRUTH or name.startswith(ATTRIBUTE))
            is_quoted = reader in _TEXT_READERS and not is_truth
            pieces = json_strings(reading.values) if is_quoted else (reading.values,)
            texts[name] = joined(*pieces, length=len(column)).to_pylist()
    return texts


def _reader(name: str, column: "pd.Series[Any]") -> Reader | None:
    """Return how a column is read: an attribute like a bare column of metadata; None if it has no value."""
    if name in _READERS:
        return _READERS[name]
    decided = decide_type_by_values(column, name.removeprefix(ATTRIBUTE), None)
    match None if decided is None else decided.rule:
        case None:
            return None
        case Number():
            return read_number
        case Date(unit=unit):
            return TimeReader(format=None, unit=unit, timezone=None)
    return read_text


def _require_sendable(reading: Reading, *, name: str, label: Hashable) -> None:
    for finding in reading.findings:
        if finding.severity == "error":
            # Neither the value nor the contact: the message may be logged.
            where = f"contacts: row {finding.rows.min()}: fields.{name}: the cell in column {label!r}"
            raise ValueError(f"{where} {CODES[finding.code].cause}: correct or empty it")
    if name == _TRUTH and reading.kinds.keys() - {CellKind.BOOLEAN}:
        raise ValueError(f"fields.{name}: column {label!r} has other values than True and False: convert it to boolean")


def contact_payload(named: Mapping[str, str], values: Mapping[str, str | None]) -> bytes:
    """Return the body of a request for a contact: the fields in `named`, and those in `values`, which are JSON."""
    members = {key: json.dumps(text) for key, text in named.items()}
    attributes = {}
    for name, value in values.items():
        if value is not None and name.startswith(ATTRIBUTE):
            attributes[name.removeprefix(ATTRIBUTE)] = value
        elif value is not None:
            members[name] = value
    if attributes:
        members["custom_attributes"] = _json_object(attributes)
    return _json_object(members).encode()


def _json_object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in members.items()) + "}"
