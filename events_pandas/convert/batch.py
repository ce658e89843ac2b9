"""A chunk of rows becomes an EventBatch: payloads, keys and findings, column by column."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, WORD_BYTES, Mask, Rows, valid_mask
from events_pandas.convert.codes import CODES
from events_pandas.convert.decimal_signs import SIGN_CURES, sign_cure
from events_pandas.convert.identifiers import Contacts, choose_contacts
from events_pandas.convert.json_text import Pieces, comma_joined, filtered, joined, json_strings
from events_pandas.convert.keys import (
    FIRST_WORD,
    NO_TIME,
    EventKeys,
    Seconds,
    Words,
    event_streams,
    event_words,
    normalized_names,
    text_words,
)
from events_pandas.convert.members import Member, expand, finding_at, metadata_member, read_part
from events_pandas.convert.problems import VALUES_KEPT, Finding, noted
from events_pandas.convert.reading import Reading
from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping import BoundMapping, BoundRule, Constant, Text
from events_pandas.mapping.arrow_types import readable
from events_pandas.mapping.rule_parts import metadata_key, part_path
from events_pandas.words import escaped

if TYPE_CHECKING:
    from events_pandas.mapping.rules import Values

Made = TypeVar("Made")

KEPT_ROWS: Final = 256
"""A frame of so few rows is converted only once: a conversion takes a millisecond or two, however few the rows are."""

_ODD_CELLS = {"number_unreadable": "sent_as_numbers", "time_unreadable": "sent_as_dates"}
"""The note for the first cell of a bare column that is not of the column's type."""
_OF_COLUMNS = ("sent_as_text", "type_kept")
"""Notes on a column as a whole, whose message shows no cell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventBatch:
    """A chunk of rows as events."""

    rows: Rows  # positions, counted from the start of the frame
    valid: Mask  # rows without an error
    names: pa.Array  # large_string: the event names, or one for all rows; null where none can be read
    created_at: pa.Array  # int64 Unix seconds; null where no time can be read
    contacts: "Contacts"
    findings: tuple[Finding, ...]  # with rows counted from the start of the frame
    metadata: dict[str, Member]  # by path, the pieces of ``"key":value``; one is null where there is no value
    _made: dict[str, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def has_key(self) -> Mask:
        """Return where contact, name and time can be read, whatever else is wrong."""
        return valid_mask(self.names) & self.contacts.mask() & valid_mask(self.created_at)

    def seconds(self) -> Seconds:
        """Return the second of each event; `NO_TIME` where none can be read."""
        seconds: Seconds = pc.fill_null(self.created_at, NO_TIME).to_numpy(zero_copy_only=False)
        return seconds

    def keys(self) -> EventKeys:
        """Return the keys by which Intercom knows the events; meaningless where `has_key` is False."""
        return self._once("keys", self._keys)

    def _keys(self) -> EventKeys:
        return EventKeys(streams=event_streams(self.contacts.words, self.names), seconds=self.seconds())

    def first_words(self) -> npt.NDArray[np.uint64]:
        """Return the first word of each key: if it differs, the events do."""
        streams = event_streams(self.contacts.first_words, self.names, FIRST_WORD)
        first_words: npt.NDArray[np.uint64] = event_words(streams, self.seconds(), FIRST_WORD)[0]
        return first_words

    def _once(self, name: str, make: Callable[[], Made]) -> Made:
        # Python 3.11's cached_property has one lock for all batches: threads would wait for each other.
        if name not in self._made:
            self._made[name] = make()
        return cast("Made", self._made[name])

    def digests(self) -> Words:
        """Return two digests of each event besides contact and second, shape (2, n_rows); meaningless for invalid rows.

        The first is of the metadata, in any order of keys and however numbers are written or typed. The second is of
        the event name as it is spelled.
        """
        # Both stay the same in every version, because journals keep them.
        return self._once("digests", self._digests)

    def _digests(self) -> Words:
        n_rows = len(self.rows)
        members = [member.canonical() for _, member in sorted(self.metadata.items())]
        endings = joined(*_ending(members, n_rows), length=n_rows).cast(pa.large_binary()).to_pylist()
        digests = b"".join(blake2b(ending or b"", digest_size=WORD_BYTES).digest() for ending in endings)
        return np.stack([np.frombuffer(digests, "<u8"), np.broadcast_to(text_words(self.names)[0], (n_rows,))])

    def normalized_names(self, where: Mask) -> list[str]:
        """Return the names under which Intercom counts events, for the chosen rows, all of them valid.

        Equal names are one object, since there may be many.
        """
        spelled, length = self.names, int(where.sum())
        if len(spelled) == len(where):
            spelled = spelled.filter(pa.array(where))
        names, codes = normalized_names(spelled)
        chosen: list[str] = np.array([*names, ""], object)[np.broadcast_to(codes, length)].tolist()
        return chosen

    def payloads(self, where: Mask, seconds: Seconds | None = None) -> pa.Array:
        """Return the request bodies of the chosen rows, all of them valid: UTF-8 JSON objects as a LargeBinaryArray.

        `seconds` (int64, shape (n_rows,)) replaces the events' own seconds.
        """
        length = int(where.sum())
        chosen = partial(filtered, where=where)
        texts = joined(
            '{"event_name":',
            *map(chosen, json_strings(self.names)),
            ',"created_at":',
            chosen(self.created_at if seconds is None else pa.array(seconds)),
            ",",
            *map(chosen, self.contacts.pieces),
            *_ending([tuple(map(chosen, member.pieces)) for member in self.metadata.values()], length),
            length=length,
        )
        return texts.cast(pa.large_binary())


def _ending(members: list[Pieces], length: int) -> Pieces:
    """Return the pieces that close each event: its metadata, if it has any, and a brace."""
    if not members:
        return ("}",)
    if not any(isinstance(piece, pa.Array) and piece.null_count for pieces in members for piece in pieces):
        # Every row has every value: the pieces are joined once, with the rest of the payload.
        first, *others = members
        return (',"metadata":{', *first, *(piece for pieces in others for piece in (",", *pieces)), "}}")
    metadata = comma_joined([joined(*pieces, length=length) for pieces in members])
    return (pc.fill_null(joined(',"metadata":{', metadata, "}}", length=length), "}"),)


class Converter:
    """Converts the rows of one frame, chunk by chunk. A constant that its rule does not take raises a MappingError.

    `refused` are findings from reading the rows: a row with an error in them is invalid, whatever its cells hold, and
    gets no other finding.
    """

    def __init__(self, bound: BoundMapping, refused: Sequence[Finding] = ()) -> None:
        self.bound, self.refused = bound, tuple(refused)
        self._kept: tuple[tuple[int, int], EventBatch] | None = None
        self.mapping = bound.mapping
        # The columns in words, by field, in the order sent.
        self.labels = {part_path(rule.path, part): label for rule in bound.rules for part, label in rule.labels.items()}
        self._contact_labels = {
            label for rule in bound.rules if rule.path in IDENTIFIERS for label in rule.labels.values()
        }
        self.text_keys = tuple(
            key for rule in bound.rules if (key := metadata_key(rule.path)) and isinstance(rule.rule, Text)
        )
        self.has_one_name = isinstance(bound.rules[0].parts[""], Constant)
        found = [finding for rule in bound.rules for finding in _constant_findings(rule, bound.mapping.timezone)]
        faults = [finding for finding in found if finding.severity == "error"]
        if faults:
            raise MappingError([_fault(finding) for finding in faults])

    def convert(self, start: int, stop: int) -> EventBatch:
        """Convert the rows of ``frame.iloc[start:stop]``."""
        if self._kept is not None and self._kept[0] == (start, stop):
            return self._kept[1]
        batch = self._converted(slice(start, stop), np.arange(start, stop))
        if stop - start <= KEPT_ROWS:
            self._kept = (start, stop), batch
        return batch

    def convert_rows(self, rows: Rows) -> EventBatch:
        """Convert the rows at any positions."""
        return self._converted(rows, rows)

    def contacts(self, start: int, stop: int) -> Contacts:
        """Return the contacts of ``frame.iloc[start:stop]`` without converting anything else."""
        chosen = slice(start, stop)
        rules = {rule.path: _cut(rule, chosen) for rule in self.bound.rules if rule.path in IDENTIFIERS}
        return choose_contacts([rules[name] for name in IDENTIFIERS if name in rules], np.arange(start, stop))

    def _converted(self, chosen: "slice | Rows", rows: Rows) -> EventBatch:
        rules = {rule.path: _cut(rule, chosen) for rule in self.bound.rules}
        n_rows = len(rows)
        timezone = self.mapping.timezone
        name = _required(rules["event_name"], read_part(rules["event_name"]))
        time = _required(rules["created_at"], read_part(rules["created_at"], timezone=timezone))
        contacts = choose_contacts([rules[name] for name in IDENTIFIERS if name in rules], rows)
        metadata = {path: self._member(rule, n_rows) for path, rule in rules.items() if metadata_key(path)}
        findings = [*name.findings, *_of_every_row(rules["created_at"], time.findings, n_rows), *contacts.findings]
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
            created_at=expand(time.values, n_rows),
            contacts=contacts,
            findings=tuple(self._located(finding, rows) for finding in findings),
            metadata=metadata,
        )

    def _located(self, finding: Finding, rows: Rows) -> Finding:
        """Return a finding with rows counted from the start of the frame, and say whether its cells name contacts."""
        is_of_contacts = finding.label in self._contact_labels and finding.field not in IDENTIFIERS
        names_contacts = is_of_contacts and finding.code not in _OF_COLUMNS
        return replace(finding, rows=rows[finding.rows], names_contacts=names_contacts)

    def _with_refused(self, findings: list[Finding], rows: Rows) -> list[Finding]:
        """Add the findings from reading the rows; a refused row keeps no other findings."""
        refused = [found for finding in self.refused if (found := finding.among(rows)) is not None]
        errors = [finding.rows for finding in refused if finding.severity == "error"]
        if not errors:
            return [*refused, *findings]
        gone = np.concatenate(errors)
        others = [finding.chosen(~np.isin(finding.rows, gone)) for finding in findings]
        return [*refused, *(finding for finding in others if len(finding.rows))]

    def _member(self, rule: BoundRule, n_rows: int) -> Member:
        """Make a metadata value, with its key before it."""
        member = metadata_member(rule, timezone=self.mapping.timezone)
        key = json.dumps(metadata_key(rule.path), ensure_ascii=False)
        findings = member.findings
        if self.mapping.on_invalid_metadata == "omit":
            findings = tuple(replace(finding, is_omission=finding.severity == "error") for finding in findings)
        findings = tuple(_of_every_row(rule, findings, n_rows))
        return replace(member, pieces=(f"{key}:", *member.pieces), findings=(*findings, *_type_notes(rule, member)))

    def _within_limit(self, metadata: dict[str, Member], n_rows: int) -> tuple[dict[str, Member], list[Finding]]:
        """Find the rows with more metadata than Intercom keeps, and leave the excess out if the mapping says so."""
        limit, drops = self.mapping.metadata_limit, self.mapping.metadata_overflow == "drop"
        counts = np.zeros(n_rows, np.int64)
        kept = {}
        for path, member in metadata.items():
            present = np.broadcast_to(member.mask(), (n_rows,)).copy()
            # A value that cannot be sent counts too: fixing it must not make the row overflow.
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


def _of_every_row(rule: BoundRule, findings: Iterable[Finding], n_rows: int) -> Iterator[Finding]:
    """Yield the findings of a rule; a note about constants holds for every row."""
    is_constant = all(isinstance(values, Constant) for values in rule.parts.values())
    for finding in findings:
        yield replace(finding, like_rows=max(n_rows - 1, 0)) if is_constant and len(finding.rows) == 1 else finding


def _type_notes(bound: BoundRule, member: Member) -> Iterator[Finding]:
    """Note the type of a bare column that has cells of another type."""
    part, column = next(iter(bound.parts.items()))
    if bound.remark is not None and not isinstance(column, Constant) and len(column):
        field, remark = part_path(bound.path, part), bound.remark
        if (row := remark.row(column)) is not None:
            yield noted(remark.code, row, remark.value, field=field, label=bound.labels[part])
    if bound.is_bare:
        for finding in member.findings:
            if finding.code in _ODD_CELLS:
                odd = finding.once()
                # How a number is written is not yet what to do about a cell that may be none.
                cures = None if odd.cure() in SIGN_CURES else odd.cures
                yield replace(odd, code=_ODD_CELLS[finding.code], cures=cures)


def _cut(bound: BoundRule, rows: "slice | Rows") -> BoundRule:
    return replace(bound, parts={part: _cut_column(values, rows) for part, values in bound.parts.items()})


def _cut_column(values: "Values | Constant", rows: "slice | Rows") -> "Values | Constant":
    if isinstance(values, Constant):
        return values
    if isinstance(rows, slice):
        return readable(values if rows.stop - rows.start == len(values) else values.iloc[rows])
    # Arrow cannot take single rows from view and run-length types.
    return readable(values).iloc[rows]


def _required(bound: BoundRule, reading: Reading) -> Reading:
    """Report the rows in which a field that every event needs is absent."""
    missing = {f"{bound.path}_missing": ~reading.present}
    return replace(reading, findings=[*reading.findings, *finding_at(bound, "", missing)])


def _fault(finding: Finding) -> str:
    """Say what is wrong with a constant. Its label shows the value, and it is not written as the cells are."""
    cure = sign_cure(finding.code, None) or CODES[finding.code].cure
    return f"{escaped(finding.field)}: {finding.label} {CODES[finding.code].cause}: {cure}"


def _constant_findings(rule: BoundRule, timezone: str | None) -> Iterable[Finding]:
    constants = [part for part, values in rule.parts.items() if isinstance(values, Constant)]
    if constants and len(constants) == len(rule.parts) and metadata_key(rule.path):
        return metadata_member(rule, timezone=timezone).findings
    return [finding for part in constants for finding in read_part(rule, part, timezone=timezone).findings]
