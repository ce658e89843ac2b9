"""Counts over the valid rows of a frame: event names, contacts, and how often each metadata key has a value."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from events_pandas.convert.batch import EventBatch
from events_pandas.convert.cells import CellKind, Mask, Rows
from events_pandas.convert.identifiers import DigitRange
from events_pandas.convert.problems import Finding, noted
from events_pandas.convert.reading import Kinds
from events_pandas.intercom import EVENT_NAME_LIMIT, normalized_event_name
from events_pandas.mapping.rule_parts import metadata_key

SPELLINGS_SHOWN = 5
NAMES_KEPT = 1_000
"""How many event names are counted one by one: a column of identifiers taken for names must not fill the memory."""

_OTHERS = NAMES_KEPT
"""The place that counts the rows with further names."""

Counts = npt.NDArray[np.int64]

COUNT_CODES: Final = frozenset({"event_name_spellings", "many_event_names", "leading_zeros", "type_drift"})
"""The codes of `count_findings`."""

TYPE_WORDS = {
    CellKind.TEXT: "text",
    CellKind.INTEGER: "number",
    CellKind.FLOAT: "number",
    CellKind.DECIMAL: "number",
    CellKind.BOOLEAN: "boolean",
    CellKind.DATE: "date",
    CellKind.NAIVE_TIME: "date",
    CellKind.AWARE_TIME: "date",
}


def _zeros() -> Counts:
    return np.zeros(NAMES_KEPT + 1, np.int64)


@dataclass(slots=True)
class KeyUse:
    """How the event names use one metadata key."""

    present: Counts = field(default_factory=_zeros)  # by name: valid rows in which the key has a value
    ignored: Counts = field(default_factory=_zeros)  # of these: rows in which it comes after as many as Intercom keeps
    kinds: Kinds = field(default_factory=dict)  # of the cells from which it is made, in all rows

    def add_kinds(self, kinds: Kinds, rows: Rows) -> None:
        """Count the cells of a chunk; `rows` (int64) are the positions of the chunk's rows."""
        for kind, (count, first) in kinds.items():
            known, earlier = self.kinds.get(kind, (0, int(rows[first])))
            self.kinds[kind] = known + count, earlier


@dataclass(slots=True)
class RowCounts:
    """Counts over the valid rows of a frame, or of all frames of a stream, added up chunk by chunk."""

    # The place of each event name in all counts, as it is spelled, in order of appearance.
    names: dict[str, int] = field(default_factory=dict)
    # By name: the number of valid rows; last, the number for all further names.
    rows: Counts = field(default_factory=_zeros)
    # By name: the first valid row; -1 where there is none.
    first_rows: Counts = field(default_factory=lambda: np.full(NAMES_KEPT + 1, -1))
    # By metadata key, in the order sent.
    keys: dict[str, KeyUse] = field(default_factory=dict)
    # By identifier that is present in some row; None: not only whole numbers.
    digits: dict[str, DigitRange | None] = field(default_factory=dict)
    # The notes that were made, each once in a stream of frames.
    reported: set[str] = field(default_factory=set)

    def add(self, batch: EventBatch, *, limit: int, offset: int = 0) -> None:
        """Count the rows of a chunk.

        `limit` is how many metadata values of an event Intercom keeps; `offset` is the position of the frame's first
        row in its stream.
        """
        places = self._places(batch)
        rows = batch.rows + offset
        self.rows += _counted(places, batch.valid)
        self._enter_first_rows(places, rows, batch.valid)
        for identifier, chunk_digits in batch.contacts.digits.items():
            digits = chunk_digits and replace(chunk_digits, row=chunk_digits.row + offset)
            earlier = self.digits.get(identifier, digits)
            self.digits[identifier] = digits and earlier and digits.joined(earlier)
        counts = np.zeros(len(batch.valid), np.int64)
        for path, member in batch.metadata.items():
            use = self.keys.setdefault(metadata_key(path), KeyUse())
            use.add_kinds(member.kinds, rows)
            present = member.is_present() & batch.valid
            use.present += _counted(places, present)
            if len(batch.metadata) > limit:
                counts += present
                use.ignored += _counted(places, present & (counts > limit))

    def _enter_first_rows(self, places: Counts, rows: Rows, valid: Mask) -> None:
        # Written from the last row to the first, so that each name keeps its first row.
        last_to_first = np.flatnonzero(valid)[::-1]
        first_rows = np.full(NAMES_KEPT + 1, -1)
        first_rows[np.broadcast_to(places, valid.shape)[last_to_first]] = rows[last_to_first]
        self.first_rows = np.where(self.first_rows < 0, first_rows, self.first_rows)

    def _places(self, batch: EventBatch) -> Counts:
        """Return the place of each row's name, or of the one name of all rows."""
        is_one = len(batch.names) == 1 != len(batch.valid)
        # Names of invalid rows are not counted and take no place.
        valid = np.array([batch.valid.any()]) if is_one else batch.valid
        distinct = batch.names.filter(pa.array(valid)).dictionary_encode()
        for name in distinct.dictionary.to_pylist():
            if name not in self.names and len(self.names) < NAMES_KEPT:
                self.names[name] = len(self.names)
        known = [self.names.get(name, _OTHERS) for name in distinct.dictionary.to_pylist()]
        places = np.full(len(valid), _OTHERS)
        places[valid] = np.array(known, np.int64)[distinct.indices.to_numpy(zero_copy_only=False)]
        return places


def _counted(places: Counts, where: Mask) -> Counts:
    """Count some rows by the place of their name; there may be one place for all rows."""
    if len(places) > 1:
        return np.bincount(places[where], minlength=NAMES_KEPT + 1)
    counts = _zeros()
    counts[places[0]] = np.count_nonzero(where)
    return counts


def count_findings(
    row_counts: RowCounts, labels: Mapping[str, str], text_keys: Iterable[str], *, offset: int = 0
) -> Iterator[Finding]:
    """Note what is odd about the rows of a frame, or of a stream's frames so far, taken together.

    `labels` are the columns in words, by field; `text_keys` are the metadata keys that are always sent as text;
    `offset` is the position of the frame's first row in its stream.
    """
    # Odd are names that are the same to Intercom, more names than a workspace may have active, numbers that may have
    # lost zeros, and keys of mixed types. Each note is made once in a stream; if it began in an earlier frame, at the
    # first row of this one.
    for finding in (*_name_findings(row_counts), *_digit_findings(row_counts), *_drift_findings(row_counts, text_keys)):
        subject = finding.all_values()[0].as_py() if finding.code == "event_name_spellings" else finding.field
        if f"{finding.code} {subject}" not in row_counts.reported:
            row_counts.reported.add(f"{finding.code} {subject}")
            rows = np.maximum(finding.rows - offset, 0)
            yield replace(finding, rows=rows, label=labels[finding.field])


def _name_findings(row_counts: RowCounts) -> Iterator[Finding]:
    spellings: dict[str, list[str]] = {}
    for name, place in row_counts.names.items():
        if row_counts.rows[place]:
            spellings.setdefault(normalized_event_name(name), []).append(name)
    for names in spellings.values():
        if len(names) > 1:
            row = row_counts.first_rows[row_counts.names[names[1]]]
            yield noted("event_name_spellings", row, _listed(names), field="event_name")
    if len(spellings) > EVENT_NAME_LIMIT:
        (name, *_) = list(spellings.values())[EVENT_NAME_LIMIT]
        count = f"{len(spellings):,}{' or more' if row_counts.rows[_OTHERS] else ''} distinct names"
        yield noted("many_event_names", row_counts.first_rows[row_counts.names[name]], count, field="event_name")


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:SPELLINGS_SHOWN])
    return f"{len(names)} spellings ({shown}{', ...' if len(names) > SPELLINGS_SHOWN else ''})"


def _digit_findings(row_counts: RowCounts) -> Iterator[Finding]:
    for field_name, digits in row_counts.digits.items():
        if digits is not None and digits.fewest < digits.most:
            numbers = f"numbers of {digits.fewest} to {digits.most} digits"
            yield noted("leading_zeros", digits.row, numbers, field=field_name)


def _drift_findings(row_counts: RowCounts, text_keys: Iterable[str]) -> Iterator[Finding]:
    for key in row_counts.keys.keys() & set(text_keys):
        words = key_types(row_counts.keys[key].kinds)
        if len(words) > 1:
            rows = sorted(row for _, row in words.values())
            yield noted("type_drift", rows[1], counted_types(words), field=f"metadata.{key}")


def key_types(kinds: Kinds) -> dict[str, tuple[int, int]]:
    """Return the types of a key's cells in an analyst's words, most frequent first, each with its count and first row.

    Cells that cannot be sent are left out.
    """
    types: dict[str, tuple[int, int]] = {}
    for kind, (count, row) in kinds.items():
        if kind in TYPE_WORDS:
            known, first = types.get(TYPE_WORDS[kind], (0, row))
            types[TYPE_WORDS[kind]] = known + count, min(first, row)
    # Equally frequent types come in order of appearance.
    return dict(sorted(types.items(), key=lambda entry: (-entry[1][0], entry[1][1])))


def counted_types(types: Mapping[str, tuple[int, int]]) -> str:
    """Return types from `key_types` in words, such as ``"990 text, 10 number"``."""
    return ", ".join(f"{count:,} {word}" for word, (count, _) in types.items())
