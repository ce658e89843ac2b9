"""What a frame's valid rows are, counted: event names, contacts, and how often each metadata key is there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from events_pandas.convert.batch import EventBatch
from events_pandas.convert.cells import TEXT_TYPE, CellKind, Mask, Rows
from events_pandas.convert.identifiers import DigitRange
from events_pandas.convert.problems import Finding
from events_pandas.convert.readers import Kinds
from events_pandas.intercom import EVENT_NAME_LIMIT, normalized_event_name

SPELLINGS_SHOWN = 5
NAMES_KEPT = 1_000
"""Event names that are counted one by one: a column of identifiers taken for names shall not fill the memory."""

_OTHERS = NAMES_KEPT
"""The place where rows with further names are counted."""

Counts = npt.NDArray[np.int64]


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
    """How the event names use one metadata key.

    Parameters
    ----------
    present : numpy.ndarray of int64
        For each name, in how many valid rows the key has a value.
    ignored : numpy.ndarray of int64
        In how many of them it comes after as many others as Intercom keeps.
    kinds : dict of CellKind to (int, int)
        How many cells of each kind it is made from, in all rows, and the row of the first of them.
    """

    present: Counts = field(default_factory=_zeros)
    ignored: Counts = field(default_factory=_zeros)
    kinds: Kinds = field(default_factory=dict)

    def add_kinds(self, kinds: Kinds, rows: Rows) -> None:
        """Count the cells of a chunk.

        Parameters
        ----------
        kinds : dict of CellKind to (int, int)
            How many cells of each kind there are, and the row of the first of them in the chunk.
        rows : numpy.ndarray of int64
            The positions of the chunk's rows.
        """
        for kind, (count, first) in kinds.items():
            known, earlier = self.kinds.get(kind, (0, int(rows[first])))
            self.kinds[kind] = known + count, earlier


@dataclass(slots=True)
class RowCounts:
    """Counts over the valid rows of a frame, added up chunk by chunk.

    Parameters
    ----------
    names : dict of str to int
        The place of each event name in all counts, in the order in which they came, as they are spelled.
    rows : numpy.ndarray of int64
        For each name the number of valid rows; last, that of all further names.
    first_rows : numpy.ndarray of int64
        For each name the first valid row; -1 where there is none.
    keys : dict of str to KeyUse
        By metadata key, in the order sent.
    digits : dict of str to DigitRange or None
        By identifier that is present in some row; None where it does not come in whole numbers only.
    told : set of str
        What has been noted of them, each once in a stream of frames.

    Notes
    -----
    Rows are counted over all frames of a stream.
    """

    names: dict[str, int] = field(default_factory=dict)
    rows: Counts = field(default_factory=_zeros)
    first_rows: Counts = field(default_factory=lambda: np.full(NAMES_KEPT + 1, -1))
    keys: dict[str, KeyUse] = field(default_factory=dict)
    digits: dict[str, DigitRange | None] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)

    def add(self, batch: EventBatch, *, limit: int, offset: int = 0) -> None:
        """Count the rows of a chunk.

        Parameters
        ----------
        batch : EventBatch
            The chunk.
        limit : int
            Metadata values that Intercom keeps of one event.
        offset : int
            The position of the frame's first row in its stream.
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
            use = self.keys.setdefault(path.partition(".")[2], KeyUse())
            use.add_kinds(member.kinds, rows)
            present = member.is_present() & batch.valid
            use.present += _counted(places, present)
            if len(batch.metadata) > limit:
                counts += present
                use.ignored += _counted(places, present & (counts > limit))

    def _enter_first_rows(self, places: Counts, rows: Rows, valid: Mask) -> None:
        # From the last to the first: what is written last stays.
        last_to_first = np.flatnonzero(valid)[::-1]
        first_rows = np.full(NAMES_KEPT + 1, -1)
        first_rows[np.broadcast_to(places, valid.shape)[last_to_first]] = rows[last_to_first]
        self.first_rows = np.where(self.first_rows < 0, first_rows, self.first_rows)

    def _places(self, batch: EventBatch) -> Counts:
        """Return the place of each row's name, or of the one name of all rows."""
        is_one = len(batch.names) == 1 != len(batch.valid)
        # The names of rows that are not valid count nowhere, and take no place.
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


def row_count_findings(
    row_counts: RowCounts, labels: Mapping[str, str], text_keys: Iterable[str], *, offset: int = 0
) -> Iterator[Finding]:
    """Note what is odd about the rows of a frame, or of the frames of a stream so far, taken together.

    Parameters
    ----------
    row_counts : RowCounts
        Of the whole frame, and of those before it.
    labels : mapping of str to str
        How to speak of the column of each field.
    text_keys : iterable of str
        The metadata keys that are sent as text, whatever their cells are.
    offset : int
        The position of the frame's first row in its stream.

    Yields
    ------
    Finding
        Names that are one to Intercom, and names beyond those that a workspace may have active; numbers that may have
        lost zeros; keys of mixed types. Nothing is told twice in a stream; what began in an earlier frame is told of
        the first row of the frame in which it shows.
    """
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
            yield _finding("event_name_spellings", row, _listed(names), field="event_name")
    if len(spellings) > EVENT_NAME_LIMIT:
        (name, *_) = list(spellings.values())[EVENT_NAME_LIMIT]
        count = f"{len(spellings):,}{' or more' if row_counts.rows[_OTHERS] else ''} distinct names"
        yield _finding("many_event_names", row_counts.first_rows[row_counts.names[name]], count, field="event_name")


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:SPELLINGS_SHOWN])
    return f"{len(names)} spellings ({shown}{', ...' if len(names) > SPELLINGS_SHOWN else ''})"


def _digit_findings(row_counts: RowCounts) -> Iterator[Finding]:
    for field_name, digits in row_counts.digits.items():
        if digits is not None and digits.fewest < digits.most:
            numbers = f"numbers of {digits.fewest} to {digits.most} digits"
            yield _finding("leading_zeros", digits.row, numbers, field=field_name)


def _drift_findings(row_counts: RowCounts, text_keys: Iterable[str]) -> Iterator[Finding]:
    for key in row_counts.keys.keys() & set(text_keys):
        words = key_types(row_counts.keys[key].kinds)
        if len(words) > 1:
            rows = sorted(row for _, row in words.values())
            yield _finding("type_drift", rows[1], counted_types(words), field=f"metadata.{key}")


def key_types(kinds: Kinds) -> dict[str, tuple[int, int]]:
    """Return of which types the cells of a key are, as an analyst would call them.

    Parameters
    ----------
    kinds : dict of CellKind to (int, int)
        How many cells of each kind there are, and the row of the first.

    Returns
    -------
    dict of str to (int, int)
        The same by type, the most frequent first; cells that cannot be sent are left out.
    """
    types: dict[str, tuple[int, int]] = {}
    for kind, (count, row) in kinds.items():
        if kind in TYPE_WORDS:
            known, first = types.get(TYPE_WORDS[kind], (0, row))
            types[TYPE_WORDS[kind]] = known + count, min(first, row)
    # Of types that are equally frequent the first to appear comes first.
    return dict(sorted(types.items(), key=lambda entry: (-entry[1][0], entry[1][1])))


def counted_types(types: Mapping[str, tuple[int, int]]) -> str:
    """Return types in words.

    Parameters
    ----------
    types : mapping of str to (int, int)
        As `key_types` gives them.

    Returns
    -------
    str
        Such as ``"990 text, 10 number"``.
    """
    return ", ".join(f"{count:,} {word}" for word, (count, _) in types.items())


def _finding(code: str, row: int, value: str, *, field: str) -> Finding:
    return Finding(code=code, rows=np.array([row]), values=pa.array([value], TEXT_TYPE), field=field)
