"""A chunk of rows becomes an EventBatch: payloads, keys and findings, column by column."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import Final, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, WORD_BYTES, Kind, Mask, Rows, valid_mask
from events_pandas.convert.codes import CODES
from events_pandas.convert.json_text import Pieces, joined, listed, quoted
from events_pandas.convert.keys import NO_TIME, EventKeys, Seconds, Words, event_streams, normalized_names, text_words
from events_pandas.convert.members import Member, finding_at, metadata_member, only_where, read_part, spread
from events_pandas.convert.problems import VALUES_KEPT, Finding
from events_pandas.convert.readers import Reading
from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping import BoundMapping, BoundRule, Constant, Text
from events_pandas.mapping.arrow_types import readable
from events_pandas.mapping.rules import Values, part_path

Made = TypeVar("Made")

KEPT_ROWS: Final = 256
"""A frame of so few rows is converted once: each conversion takes a millisecond or two, however few they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventBatch:
    """A chunk of rows as events.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (n_rows,)
        The positions of the rows, counted from the start of the frame.
    valid : numpy.ndarray of bool, shape (n_rows,)
        Rows without an error.
    names : pyarrow.LargeStringArray
        The event names, or one for all rows; null where none can be read.
    created_at : pyarrow.Int64Array
        Unix seconds; null where no time can be read.
    contacts : Contacts
        Who did it.
    findings : tuple of Finding
        What is wrong, with rows counted from the start of the frame.
    metadata : mapping of str to Member
        For each path the pieces of ``"key":value``, of which one is null where there is no value.
    """

    rows: Rows
    valid: Mask
    names: pa.Array
    created_at: pa.Array
    contacts: "Contacts"
    findings: tuple[Finding, ...]
    metadata: dict[str, Member]
    _made: dict[str, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def has_key(self) -> Mask:
        """Return where contact, name and time can be read, whatever else may be wrong.

        Returns
        -------
        numpy.ndarray of bool, shape (n_rows,)
            True for rows that are valid.
        """
        return valid_mask(self.names) & self.contacts.mask() & valid_mask(self.created_at)

    def seconds(self) -> Seconds:
        """Return the second of each event.

        Returns
        -------
        numpy.ndarray of int64, shape (n_rows,)
            `NO_TIME` where none can be read.
        """
        seconds: Seconds = pc.fill_null(self.created_at, NO_TIME).to_numpy(zero_copy_only=False)
        return seconds

    def keys(self) -> EventKeys:
        """Return what Intercom knows each event by.

        Returns
        -------
        EventKeys
            Meaningless for rows that have no key, see `has_key`.
        """
        return self._once("keys", self._keys)

    def _keys(self) -> EventKeys:
        return EventKeys(streams=event_streams(self.contacts.words, self.names), seconds=self.seconds())

    def _once(self, name: str, make: Callable[[], Made]) -> Made:
        """Make something of a batch that is kept once only."""
        if name in self._made:
            return cast("Made", self._made[name])
        made = make()
        if len(self.rows) <= KEPT_ROWS:
            self._made[name] = made
        return made

    def digests(self) -> Words:
        """Return digests of what each event holds besides contact and second.

        Returns
        -------
        numpy.ndarray of uint64, shape (2, n_rows)
            One of the metadata, in whatever order the mapping has its keys and however its numbers are written or
            typed, and one of the event name as it is spelled; meaningless for rows that are not valid. The same in
            every version: journals keep them.
        """
        return self._once("digests", self._digests)

    def _digests(self) -> Words:
        n_rows = len(self.rows)
        members = [member.canonical() for _, member in sorted(self.metadata.items())]
        endings = joined(*_ending(members, n_rows), length=n_rows).cast(pa.large_binary()).to_pylist()
        digests = b"".join(blake2b(ending or b"", digest_size=WORD_BYTES).digest() for ending in endings)
        return np.stack([np.frombuffer(digests, "<u8"), np.broadcast_to(text_words(self.names)[0], (n_rows,))])

    def normalized_names(self, where: Mask) -> list[str]:
        """Return the names under which Intercom counts events.

        Parameters
        ----------
        where : numpy.ndarray of bool, shape (n_rows,)
            The rows wanted; all of them valid.

        Returns
        -------
        list of str
            One for each of them; equal names are one object, as there may be many.
        """
        spelled, length = self.names, int(where.sum())
        if len(spelled) == len(where):
            spelled = spelled.filter(pa.array(where))
        names, codes = normalized_names(spelled)
        chosen: list[str] = np.array([*names, ""], object)[np.broadcast_to(codes, length)].tolist()
        return chosen

    def payloads(self, where: Mask, seconds: Seconds | None = None) -> pa.Array:
        """Return the bytes of request bodies.

        Parameters
        ----------
        where : numpy.ndarray of bool, shape (n_rows,)
            The rows wanted; all of them valid.
        seconds : numpy.ndarray of int64, shape (n_rows,), optional
            The seconds that are sent, where they are not the events' own.

        Returns
        -------
        pyarrow.LargeBinaryArray
            One JSON object for each, UTF-8.
        """
        length = int(where.sum())
        chosen = partial(_chosen, where=where)
        texts = joined(
            '{"event_name":',
            *map(chosen, quoted(self.names)),
            ',"created_at":',
            chosen(self.created_at if seconds is None else pa.array(seconds)),
            ",",
            *map(chosen, self.contacts.pieces),
            *_ending([tuple(map(chosen, member.pieces)) for member in self.metadata.values()], length),
            length=length,
        )
        return texts.cast(pa.large_binary())


@dataclass(frozen=True, kw_only=True, slots=True)
class Digits:
    """How long the numbers of a column are.

    Parameters
    ----------
    fewest, most : int
        The fewest and the most digits.
    row : int
        The first row with the fewest.
    """

    fewest: int
    most: int
    row: int

    def joined(self, earlier: "Digits") -> "Digits":
        """Return the same of this chunk and of those before it.

        Parameters
        ----------
        earlier : Digits
            Of the chunks before it.

        Returns
        -------
        Digits
            Of all of them.
        """
        shorter = self if self.fewest < earlier.fewest else earlier
        return Digits(fewest=shorter.fewest, most=max(self.most, earlier.most), row=shorter.row)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identifier:
    """One of the fields that may name the contact, in each row.

    Parameters
    ----------
    name : {"user_id", "id", "email"}
        The field.
    values : pyarrow.LargeStringArray
        What it says; null where it is absent or cannot be sent.
    where : numpy.ndarray of bool, shape (n_rows,)
        The rows whose contact it names: an earlier field is absent.
    """

    name: str
    values: pa.Array
    where: Mask

    def pieces(self) -> Pieces:
        """Return what stands in a payload.

        Returns
        -------
        tuple of pyarrow.LargeStringArray or str
            The pieces of ``"user_id":"314159"``.
        """
        return (f'"{self.name}":', *quoted(self.values))


@dataclass(frozen=True, kw_only=True, slots=True)
class Contacts:
    """Who did it, in each row.

    Parameters
    ----------
    pieces : tuple of pyarrow.LargeStringArray or str
        The pieces of ``"user_id":"314159"``, of which one is null where no identifier can be read.
    words : numpy.ndarray of uint64, shape (2, n_rows)
        A digest of the contact.
    findings : tuple of Finding
        What is wrong with identifiers.
    digits : dict of str to Digits or None
        For each field that is present in some row; None where it does not come in whole numbers only.
    identifiers : tuple of Identifier
        The fields, in the order in which they are looked at.
    """

    pieces: Pieces
    words: Words
    findings: tuple[Finding, ...]
    digits: "dict[str, Digits | None]"
    identifiers: "tuple[Identifier, ...]"

    def mask(self) -> Mask:
        """Return where there is a contact.

        Returns
        -------
        numpy.ndarray of bool, shape (n_rows,)
            For each row.
        """
        return Member(pieces=self.pieces, findings=(), kinds={}).mask()

    def texts(self, where: Mask) -> pa.Array:
        """Return the contacts as text.

        Parameters
        ----------
        where : numpy.ndarray of bool, shape (n_rows,)
            The rows wanted.

        Returns
        -------
        pyarrow.LargeStringArray
            ``"user_id":"314159"`` for each of them, as it stands in the payload.
        """
        return joined(*(_chosen(piece, where) for piece in self.pieces), length=int(where.sum()))


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
    refused : sequence of Finding
        What was found when the rows were read from their source: those with an error are invalid, whatever their cells
        hold, and nothing else is said of them.

    Attributes
    ----------
    mapping : EventMapping
        The mapping.
    labels : dict of str to str
        How to speak of the column of each field, in the order sent.
    text_keys : tuple of str
        The metadata keys that are sent as text, whatever their cells are.
    has_one_name : bool
        Whether all events have the same name.

    Raises
    ------
    MappingError
        If a constant is not what its rule takes.
    """

    def __init__(self, bound: BoundMapping, refused: Sequence[Finding] = ()) -> None:
        self._bound = bound
        self._kept: tuple[tuple[int, int], EventBatch] | None = None
        self._refused = tuple(refused)
        self.mapping = bound.mapping
        self.labels = {part_path(rule.path, part): label for rule in bound.rules for part, label in rule.labels.items()}
        self.text_keys = tuple(
            rule.path.partition(".")[2]
            for rule in bound.rules
            if rule.path.startswith("metadata.") and isinstance(rule.rule, Text)
        )
        self.has_one_name = isinstance(bound.rules[0].parts[""], Constant)
        found = [finding for rule in bound.rules for finding in _constant_findings(rule, bound.mapping.timezone)]
        faults = [finding for finding in found if finding.severity == "error"]
        if faults:
            raise MappingError([replace(fault, values=None).messages()[0].as_py() for fault in faults])

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
        if self._kept is not None and self._kept[0] == (start, stop):
            return self._kept[1]
        batch = self._converted(slice(start, stop), np.arange(start, stop))
        if stop - start <= KEPT_ROWS:
            self._kept = (start, stop), batch
        return batch

    def convert_rows(self, rows: Rows) -> EventBatch:
        """Convert rows that need not stand side by side.

        Parameters
        ----------
        rows : numpy.ndarray of int64, shape (n_rows,)
            Their positions.

        Returns
        -------
        EventBatch
            The rows as events.
        """
        return self._converted(rows, rows)

    def _converted(self, chosen: "slice | Rows", rows: Rows) -> EventBatch:
        rules = {rule.path: _cut(rule, chosen) for rule in self._bound.rules}
        n_rows = len(rows)
        timezone = self.mapping.timezone
        name = _required(rules["event_name"], read_part(rules["event_name"]))
        time = _required(rules["created_at"], read_part(rules["created_at"], timezone=timezone))
        contacts = _contacts([rules[name] for name in IDENTIFIERS if name in rules], rows)
        metadata = {path: self._member(rule, n_rows) for path, rule in rules.items() if path.startswith("metadata.")}
        findings = [*name.findings, *time.findings, *contacts.findings]
        findings += [finding for member in metadata.values() for finding in member.findings]
        if len(metadata) > self.mapping.metadata_limit:
            metadata, overflow = self._within_limit(metadata, n_rows)
            findings += overflow
        findings = self._with_refused(findings, rows)
        valid = np.ones(n_rows, dtype=bool)
        for finding in findings:
            if finding.severity == "error":
                valid[finding.rows] = False
        return EventBatch(
            rows=rows,
            valid=valid,
            names=name.values,
            created_at=spread(time.values, n_rows),
            contacts=contacts,
            findings=tuple(finding.moved(rows) for finding in findings),
            metadata=metadata,
        )

    def _with_refused(self, findings: list[Finding], rows: Rows) -> list[Finding]:
        """Add what the source found in some rows; of a row that it refused, nothing else is told."""
        refused = [found for finding in self._refused if (found := finding.among(rows)) is not None]
        errors = [finding.rows for finding in refused if finding.severity == "error"]
        if not errors:
            return [*refused, *findings]
        gone = np.concatenate(errors)
        others = [finding.chosen(~np.isin(finding.rows, gone)) for finding in findings]
        return [*refused, *(finding for finding in others if len(finding.rows))]

    def _member(self, rule: BoundRule, n_rows: int) -> Member:
        """Make a metadata value with its key before it."""
        member = metadata_member(rule, timezone=self.mapping.timezone)
        key = json.dumps(rule.path.partition(".")[2], ensure_ascii=False)
        omits = self.mapping.on_invalid_metadata == "omit"
        findings = tuple(_omitted(member.findings)) if omits else member.findings
        if all(isinstance(values, Constant) for values in rule.parts.values()):
            # What is noted of constants is found in every row.
            findings = tuple(replace(finding, like_rows=max(n_rows - 1, 0)) for finding in findings)
        return replace(member, pieces=(f"{key}:", *member.pieces), findings=(*findings, *_type_notes(rule, member)))

    def _within_limit(self, metadata: dict[str, Member], n_rows: int) -> tuple[dict[str, Member], list[Finding]]:
        """Find the rows that have more metadata than Intercom keeps, and leave out of them what is too much."""
        limit, drops = self.mapping.metadata_limit, self.mapping.metadata_overflow == "drop"
        counts = np.zeros(n_rows, np.int64)
        kept = {}
        for path, member in metadata.items():
            present = np.broadcast_to(member.mask(), (n_rows,)).copy()
            # What cannot be sent yet counts too: mending it must not make the row overflow.
            for finding in member.findings:
                present[finding.rows] |= finding.severity == "error"
            counts += present
            beyond = present & (counts > limit)
            kept[path] = member.without(beyond) if drops and beyond.any() else member
        rows = np.flatnonzero(counts > limit)
        if not len(rows):
            return metadata, []
        values = pa.array(counts[rows[:VALUES_KEPT]]).cast(TEXT_TYPE)
        code = "metadata_dropped" if drops else "metadata_overflow"
        return kept, [Finding(code=code, rows=rows, values=values, field="metadata")]


def _type_notes(bound: BoundRule, member: Member) -> Iterator[Finding]:
    """Tell of a bare column which type it has, where some of its cells are of another."""
    column = next(iter(bound.parts.values()))
    if bound.remark is not None and not isinstance(column, Constant) and len(column):
        value = pa.array([bound.remark.value], TEXT_TYPE)
        yield Finding(
            code=bound.remark.code, rows=np.zeros(1, np.int64), values=value, field=bound.path, label=bound.labels[""]
        )
    if bound.is_bare:
        for finding in member.findings:
            if finding.code in _ODD_CELLS:
                yield replace(finding.at(int(finding.rows.argmin())), code=_ODD_CELLS[finding.code])


_ODD_CELLS = {"number_unreadable": "sent_as_numbers", "time_unreadable": "sent_as_dates"}
"""What the first cell of a bare column tells that is not of the column's type."""


def _cut(bound: BoundRule, rows: "slice | Rows") -> BoundRule:
    parts = {
        part: values if isinstance(values, Constant) else _cut_column(values, rows)
        for part, values in bound.parts.items()
    }
    return replace(bound, parts=parts)


def _cut_column(values: Values, rows: "slice | Rows") -> Values:
    if isinstance(rows, slice):
        is_whole = rows.stop - rows.start == len(values)
        return readable(values if is_whole else values.iloc[rows])
    # Arrow takes no single rows of views and runs.
    return readable(values).iloc[rows]


def _required(bound: BoundRule, reading: Reading) -> Reading:
    """Note where a field that every event needs is absent."""
    missing = {f"{bound.path}_missing": ~reading.present}
    return replace(reading, findings=[*reading.findings, *finding_at(bound, "", missing)])


def _contacts(bounds: list[BoundRule], rows: Rows) -> Contacts:
    """Choose each row's first identifier that is present."""
    n_rows = len(rows)
    findings: list[Finding] = []
    taken = np.zeros(n_rows, dtype=bool)
    identifiers: list[Identifier] = []
    words: list[Words] = []
    digits: dict[str, Digits | None] = {}
    for bound in bounds:
        reading = read_part(bound)
        present = np.broadcast_to(reading.present, (n_rows,))
        is_sent = present & ~taken
        findings += _of_sent(bound, reading.findings, is_sent)
        findings += finding_at(bound, "", {"several_identifiers": present & taken})
        values = spread(reading.values, n_rows)
        # Texts that are the same in two fields name two contacts.
        words.append(text_words(_named(bound.path, values), seed=IDENTIFIERS.index(bound.path)))
        identifiers.append(Identifier(name=bound.path, values=values, where=is_sent))
        taken = taken | present
        if reading.kinds and not isinstance(bound.parts[""], Constant):
            # A number is no email address.
            is_whole = reading.kinds.keys() == {Kind.INTEGER} and values.null_count < n_rows
            digits[bound.path] = _digits(values, rows) if is_whole else None
    findings += finding_at(bounds[0], "", {"identifier_missing": ~taken})
    return Contacts(
        pieces=_merged_pieces(identifiers),
        words=_merged_words(identifiers, words),
        findings=tuple(findings),
        digits=digits,
        identifiers=tuple(identifiers),
    )


def _of_sent(bound: BoundRule, findings: list[Finding], is_sent: Mask) -> Iterator[Finding]:
    """Leave out what is wrong with identifiers that are not sent; what is told once is told of their column."""
    for finding in findings:
        if CODES[finding.code].is_told_once or is_sent[finding.rows].all():
            yield finding
        else:
            yield from only_where([finding], bound.parts[""], is_sent)


def _named(identifier: str, values: pa.Array) -> pa.Array:
    """Return what tells contacts apart: addresses do so without regard to case."""
    return pc.utf8_lower(values) if identifier == "email" else values


def _digits(numbers: pa.Array, rows: Rows) -> Digits:
    lengths = pc.binary_length(numbers)
    extent = pc.min_max(lengths)
    fewest, most = extent["min"].as_py(), extent["max"].as_py()
    return Digits(fewest=fewest, most=most, row=int(rows[pc.index(lengths, extent["min"]).as_py()]))


def _merged_pieces(identifiers: list[Identifier]) -> Pieces:
    first, *others = identifiers
    if not others:
        return first.pieces()
    length = len(first.where)
    texts = pa.nulls(length, TEXT_TYPE)
    # An identifier that is present but bad makes the row invalid: it is not passed over for the next one.
    for identifier in identifiers:
        texts = pc.if_else(pa.array(identifier.where), joined(*identifier.pieces(), length=length), texts)
    return (texts,)


def _merged_words(identifiers: list[Identifier], words: list[Words]) -> Words:
    merged, *others = words
    for identifier, other in zip(identifiers[1:], others, strict=True):
        merged = np.where(identifier.where, other, merged)
    return merged


def _omitted(findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding if finding.severity == "note" else replace(finding, is_omission=True)


def _constant_findings(rule: BoundRule, timezone: str | None) -> Iterable[Finding]:
    constants = [part for part, values in rule.parts.items() if isinstance(values, Constant)]
    if constants and len(constants) == len(rule.parts) and rule.path.startswith("metadata."):
        return metadata_member(rule, timezone=timezone).findings
    return [finding for part in constants for finding in read_part(rule, part, timezone=timezone).findings]
