"""A chunk of rows becomes an EventBatch: payloads, keys and findings, column by column."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows, to_mask, without_views
from events_pandas.convert.json_text import Pieces, joined, listed, quoted
from events_pandas.convert.keys import Words, event_keys
from events_pandas.convert.members import Member, finding_at, metadata_member, read_part
from events_pandas.convert.problems import NOTE_CODES, Finding
from events_pandas.convert.readers import Reading
from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS, METADATA_LIMIT
from events_pandas.mapping import BoundMapping, BoundRule, Constant


@dataclass(frozen=True, kw_only=True, slots=True)
class EventBatch:
    """A chunk of rows as events.

    Parameters
    ----------
    start : int
        The position of the first row.
    valid : numpy.ndarray of bool, shape (n_rows,)
        Rows without an error.
    contacts : pyarrow.LargeStringArray
        ``"user_id":"314159"``, as it stands in the payload; null where no identifier can be read.
    created_at : pyarrow.Int64Array
        Unix seconds; null where no time can be read.
    keys : numpy.ndarray of uint64, shape (n_rows, 2)
        What Intercom knows each event by; meaningless for rows that have none, see `has_key`.
    findings : tuple of Finding
        What is wrong, with rows counted from the start of the frame.
    names : tuple of pyarrow.LargeStringArray or str
        The pieces of the event names as JSON.
    metadata : tuple of tuple
        For each key the pieces of ``"key":value``, of which one is null where there is no value.
    """

    start: int
    valid: Mask
    contacts: pa.Array
    created_at: pa.Array
    keys: Words
    findings: tuple[Finding, ...]
    names: Pieces
    metadata: tuple[Pieces, ...]

    def rows(self) -> Rows:
        """Return the positions of the rows.

        Returns
        -------
        numpy.ndarray of int64, shape (n_rows,)
            Counted from the start of the frame.
        """
        return np.arange(self.start, self.start + len(self.valid))

    def has_key(self) -> Mask:
        """Return where contact, name and time can be read, whatever else may be wrong.

        Returns
        -------
        numpy.ndarray of bool, shape (n_rows,)
            True for rows that are valid.
        """
        has_name = Member(pieces=self.names, findings=()).mask()
        return has_name & to_mask(self.contacts.is_valid()) & to_mask(self.created_at.is_valid())

    def payloads(self, where: Mask) -> pa.Array:
        """Return the bytes of request bodies.

        Parameters
        ----------
        where : numpy.ndarray of bool, shape (n_rows,)
            The rows wanted; all of them valid.

        Returns
        -------
        pyarrow.LargeBinaryArray
            One JSON object for each, UTF-8.
        """
        length = int(where.sum())
        chosen = partial(_chosen, where=where)
        texts = joined(
            '{"event_name":',
            *map(chosen, self.names),
            ',"created_at":',
            chosen(self.created_at.cast(TEXT_TYPE)),
            ",",
            chosen(self.contacts),
            *_ending([tuple(map(chosen, pieces)) for pieces in self.metadata], length),
            length=length,
        )
        return texts.cast(pa.large_binary())


def _chosen(piece: "pa.Array | str", where: Mask) -> "pa.Array | str":
    if isinstance(piece, str) or len(piece) != len(where) or where.all():
        return piece
    return piece.filter(pa.array(where))


def _ending(members: list[Pieces], length: int) -> Pieces:
    """Return what closes each event: its metadata, if it has any, and a brace."""
    if not members:
        return ("}",)
    if not any(isinstance(piece, pa.Array) and piece.null_count for pieces in members for piece in pieces):
        # Every value is present in every row: its pieces are joined once, with the rest of the payload.
        first, *others = members
        return (',"metadata":{', *first, *(piece for pieces in others for piece in (",", *pieces)), "}}")
    metadata = listed([joined(*pieces, length=length) for pieces in members])
    return (pc.fill_null(joined(',"metadata":{', metadata, "}}", length=length), "}"),)


class Converter:
    """Converts the rows of one frame, chunk by chunk.

    Parameters
    ----------
    bound : BoundMapping
        A mapping with the columns that it reads.

    Raises
    ------
    MappingError
        If a constant is not what its rule takes.
    """

    def __init__(self, bound: BoundMapping) -> None:
        self._bound = bound
        faults = _constant_faults(bound)
        if faults:
            raise MappingError(faults)

    def convert(self, start: int, stop: int) -> EventBatch:
        """Convert some rows.

        Parameters
        ----------
        start, stop : int
            Positions, as in ``frame.iloc[start:stop]``.

        Returns
        -------
        EventBatch
            The rows as events.
        """
        rules = {rule.path: _sliced(rule, start, stop) for rule in self._bound.rules}
        n_rows = stop - start
        name = _required(rules["event_name"], read_part(rules["event_name"]))
        timezone = self._bound.mapping.timezone
        time = _required(rules["created_at"], read_part(rules["created_at"], timezone=timezone))
        seconds = _spread(time.values, n_rows)
        contacts = _contacts([rules[name] for name in IDENTIFIERS if name in rules], n_rows)
        (contact_texts,) = contacts.pieces
        metadata = [self._member(rule) for path, rule in rules.items() if path.startswith("metadata.")]
        findings = [*name.findings, *time.findings, *contacts.findings, *_overflow(metadata, n_rows)]
        findings += [finding for member in metadata for finding in member.findings]
        valid = np.ones(n_rows, dtype=bool)
        for finding in findings:
            if finding.severity == "error":
                valid[finding.rows] = False
        return EventBatch(
            start=start,
            valid=valid,
            contacts=contact_texts,
            created_at=seconds,
            keys=event_keys(contact_texts, name.values, seconds),
            findings=tuple(finding.moved(start) for finding in findings),
            names=quoted(name.values),
            metadata=tuple(member.pieces for member in metadata),
        )

    def _member(self, rule: BoundRule) -> Member:
        """Make a metadata value with its key before it."""
        mapping = self._bound.mapping
        member = metadata_member(rule, timezone=mapping.timezone)
        key = json.dumps(rule.path.partition(".")[2], ensure_ascii=False)
        findings = _omitted(member.findings) if mapping.on_invalid_metadata == "omit" else member.findings
        return Member(pieces=(f"{key}:", *member.pieces), findings=tuple(findings))


def _sliced(bound: BoundRule, start: int, stop: int) -> BoundRule:
    parts = {
        part: values if isinstance(values, Constant) else without_views(values.iloc[start:stop])
        for part, values in bound.parts.items()
    }
    return replace(bound, parts=parts)


def _spread(values: pa.Array, n_rows: int) -> pa.Array:
    """Give every row its value, where one stands for all."""
    return pa.repeat(values[0], n_rows) if len(values) == 1 != n_rows else values


def _required(bound: BoundRule, reading: Reading) -> Reading:
    """Note where a field that every event needs is absent."""
    missing = {f"{bound.path}_missing": ~reading.present}
    return replace(reading, findings=[*reading.findings, *finding_at(bound, "", missing)])


def _contacts(bounds: list[BoundRule], n_rows: int) -> Member:
    """Choose each row's first identifier that is present."""
    findings: list[Finding] = []
    chosen = pa.nulls(n_rows, TEXT_TYPE)
    taken = np.zeros(n_rows, dtype=bool)
    for bound in bounds:
        reading = read_part(bound)
        present = np.broadcast_to(reading.present, (n_rows,))
        findings += reading.findings
        findings += finding_at(bound, "", {"several_identifiers": present & taken})
        members = joined(f'"{bound.path}":', *quoted(reading.values), length=n_rows)
        # An identifier that is present but bad makes the row invalid: it is not passed over for the next one.
        chosen = pc.if_else(pa.array(taken), chosen, members)
        taken = taken | present
    findings += finding_at(bounds[0], "", {"identifier_missing": ~taken})
    return Member(pieces=(chosen,), findings=tuple(findings))


def _omitted(findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding if finding.severity == "note" else replace(finding, is_omission=True)


def _overflow(members: list[Member], n_rows: int) -> list[Finding]:
    if len(members) <= METADATA_LIMIT:
        return []
    counts = np.zeros(n_rows, np.int64)
    for member in members:
        counts += member.mask()
    rows = np.flatnonzero(counts > METADATA_LIMIT)
    if not len(rows):
        return []
    values = pa.array(counts[rows]).cast(TEXT_TYPE)
    return [Finding(code="metadata_overflow", rows=rows, values=values, field="metadata")]


def _constant_faults(bound: BoundMapping) -> list[str]:
    """Judge each constant once, as a column of one row."""
    return [
        replace(finding, values=None).messages()[0].as_py()
        for rule in bound.rules
        for finding in _constant_findings(rule, bound.mapping.timezone)
        if finding.code not in NOTE_CODES
    ]


def _constant_findings(rule: BoundRule, timezone: str | None) -> Iterable[Finding]:
    constants = [part for part, values in rule.parts.items() if isinstance(values, Constant)]
    if constants and len(constants) == len(rule.parts) and rule.path.startswith("metadata."):
        return metadata_member(rule, timezone=timezone).findings
    return [finding for part in constants for finding in read_part(rule, part, timezone=timezone).findings]
