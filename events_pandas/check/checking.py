"""Every row of a frame is checked before anything is sent: valid or not, new or a repeat."""

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from events_pandas.check.collisions import BLOCK_ROWS, KeyedRows, KeyIndex, blocks
from events_pandas.check.duplicates import Repeats, Resolution, resolve
from events_pandas.check.earlier_runs import CLAIMED, NO_SUBMISSIONS, EarlierRuns, EarlierSubmissions, content_digests
from events_pandas.check.in_order import in_order
from events_pandas.check.row_counts import RowCounts, count_findings
from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows
from events_pandas.convert.keys import FIRST_WORD, EventKeys, Seconds, Words
from events_pandas.convert.problems import VALUES_KEPT, Finding, merged
from events_pandas.errors import MappingError
from events_pandas.mapping import EventMapping, Number, bind
from events_pandas.mapping.column_types import Remark
from events_pandas.mapping.rule_parts import is_bare_column
from events_pandas.mapping.rules import Rule
from events_pandas.mapping.source_format import DecimalSign


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedRows:
    """What is known about each row before anything is sent."""

    valid: Mask  # rows without an error
    is_sent: Mask  # rows that become events: valid, not held back as duplicates, not sent by an earlier run
    created_at: npt.NDArray[np.datetime64]  # [s]: the second that is sent, or was by an earlier run; NaT: unreadable
    repeats: Repeats  # valid rows that are the same event as an earlier one
    moved: Repeats  # valid rows that are sent with a later second, because another row has theirs
    added: Seconds  # how many seconds later, for each of `moved`
    findings: tuple[Finding, ...]  # with rows counted from the start of the frame
    row_counts: RowCounts
    contacts: npt.NDArray[np.uint64]  # a digest of each row's contact
    offset: int = 0  # the position of the frame's first row in its stream
    submitted: EarlierSubmissions = NO_SUBMISSIONS  # what earlier runs did with the rows
    # The events of the run's rows so far. For a frame that stands alone, only those of rows with identical content.
    own: KeyIndex = field(default_factory=KeyIndex)

    def seconds(self, rows: "Rows | slice" = slice(None)) -> Seconds:
        """Return the seconds (int64) that are sent for some rows; meaningless for rows that are not sent."""
        return self.created_at[rows].astype(np.int64)


@dataclass(slots=True)
class EarlierFrames:
    """The events, counts and number of rows of a stream's frames so far."""

    index: KeyIndex = field(default_factory=KeyIndex)
    row_counts: RowCounts = field(default_factory=RowCounts)
    n_rows: int = 0


def no_rows() -> CheckedRows:
    """Return the result for a frame without rows."""
    none, nowhere = np.zeros(0, np.int64), np.zeros(0, dtype=bool)
    no_repeats = Repeats(rows=none, firsts=none, are_identical=nowhere)
    return CheckedRows(
        valid=nowhere,
        is_sent=nowhere,
        created_at=none.view("datetime64[s]"),
        repeats=no_repeats,
        moved=no_repeats,
        added=none,
        findings=(),
        row_counts=RowCounts(),
        contacts=none.view(np.uint64),
    )


def check_rows(
    converter: Converter,
    n_rows: int,
    *,
    now: float,
    earlier: EarlierFrames | None = None,
    chunksize: int = BLOCK_ROWS,
) -> CheckedRows:
    """Check the rows of a frame whose mapping is bound: see `FrameCheck`."""
    frame_check = FrameCheck(converter, pd.RangeIndex(n_rows), earlier)
    frame_check.read(chunksize=chunksize)
    return frame_check.checked(now=now)


@dataclass(kw_only=True, slots=True)
class StreamCheck:
    """Binds frames one after another, each with the types and the events of the frames before it."""

    mapping: EventMapping
    types: Mapping[str, Rule] = field(default_factory=dict)  # what bare columns became, by path
    remarks: Mapping[str, Remark] = field(default_factory=dict)  # the notes on these types, by path
    signs: Mapping[str, DecimalSign] = field(default_factory=dict)  # that the cells of columns of text show, by path
    sign_faults: Mapping[str, str] = field(default_factory=dict)  # why no sign is known for others, by path
    earlier: EarlierFrames | None = None  # None: there is one frame only
    keys: Sequence[Hashable] = ()  # the labels of columns that are only carried into the results

    def bound(self, rows: pd.DataFrame, refused: Sequence[Finding] = ()) -> "FrameCheck":
        """Bind the next frame, whose rows are to be read next."""
        return self.next_check(self.converter(rows, refused), rows.index)

    def converter(
        self, rows: pd.DataFrame, refused: Sequence[Finding] = (), cells: pd.DataFrame | None = None
    ) -> Converter:
        """Bind a frame, while one before it may be read. Callables of the mapping are called here, and only here.

        `refused` is what was found when the rows were read from a file, and `cells` has the keys as they were read.
        """
        bound = bind(rows, self.mapping, resolved=self.types, remarks=self.remarks, keys=self.keys, cells=cells)
        self.types = bound.resolved
        return Converter(bound, refused)

    def next_check(self, converter: Converter, index: "pd.Index[Any]") -> "FrameCheck":
        """Begin with a frame that was bound, after the frame before it was judged."""
        return FrameCheck(converter, index, self.earlier)

    @property
    def has_all_types(self) -> bool:
        """Whether every bare column has its type, so that later frames do not decide any."""
        bare = {path for path, rule in self.mapping.rules().items() if is_bare_column(rule)}
        return bare <= self.types.keys()

    def retyped(self, first: "FrameCheck", types: Mapping[str, Rule]) -> "FrameCheck":
        """Hold bare columns to the types that earlier runs sent, by path.

        Return the first frame, or if a type differs the same frame again, whose rows are to be read once more. Numbers
        whose decimal sign is not known are a `MappingError`.
        """
        own = first.converter.bound
        bound = own.retyped(types, self.signs)
        changed = {rule.path for rule, known in zip(bound.rules, own.rules, strict=True) if rule.rule != known.rule}
        numbers = {rule.path for rule in bound.rules if rule.path in changed and isinstance(rule.rule, Number)}
        if faults := [fault for path, fault in self.sign_faults.items() if path in numbers]:
            raise MappingError(faults)
        self.types = bound.resolved
        self.remarks = {path: remark for path, remark in self.remarks.items() if path not in changed}
        if not changed:
            return first
        if self.earlier is not None:
            # The rows of the frame are counted again.
            self.earlier = EarlierFrames()
        return FrameCheck(Converter(bound, first.converter.refused), first.index, self.earlier)


class FrameCheck:
    """The rows of a frame: first read one by one, then judged together.

    The frame is added to the `earlier` frames of its stream; a frame that stands alone has none.
    """

    def __init__(self, converter: Converter, index: "pd.Index[Any]", earlier: EarlierFrames | None) -> None:
        self.converter, self.index, n_rows = converter, index, len(index)
        self._stream = EarlierFrames() if earlier is None else earlier
        # Later frames are compared with this one by the content of its events; a frame that stands alone has none.
        self._digests = None if earlier is None else np.zeros((2, n_rows), np.uint64)
        self._rows = KeyedRows(
            policy=converter.mapping.duplicates,
            # Not a method of this object: a cycle would keep the frame in memory.
            digests=partial(digests_of, converter)
            if self._digests is None
            else partial(np.take, self._digests, axis=1),
            keys=EventKeys(streams=np.zeros((2, n_rows), np.uint64), seconds=np.zeros(n_rows, np.int64)),
            first_words=np.zeros(n_rows, np.uint64),
            valid=np.zeros(n_rows, dtype=bool),
            has_key=np.zeros(n_rows, dtype=bool),
            offset=self._stream.n_rows,
            index=self._stream.index,
        )
        # With one name for all events, the digests of contact and name serve as digests of the contact.
        self._contacts = None if converter.has_one_name else np.zeros(n_rows, np.uint64)
        self._findings: deque[Finding] = deque()

    @property
    def invalid(self) -> int:
        """The number of rows that have an error."""
        return int((~self._rows.valid).sum())

    def read(self, *, advance: Callable[[int], object] | None = None, chunksize: int = BLOCK_ROWS) -> None:
        """Read every row; the result does not depend on `chunksize`.

        `advance` is called with the number of rows read since its last call.
        """
        limit = self.converter.mapping.metadata_limit
        for batch in in_order(self._read_chunk, chunk_bounds(len(self.index), chunksize)):
            self._findings += batch.findings
            self._stream.row_counts.add(batch, limit=limit, offset=self._rows.offset)
            if advance is not None:
                advance(len(batch.rows))

    def _read_chunk(self, bounds: tuple[int, int]) -> EventBatch:
        """Convert a chunk and enter its keys; several threads do this at once, each for its own rows."""
        batch = self.converter.convert(*bounds)
        rows, chunk, keys = self._rows, slice(*bounds), batch.keys()
        rows.valid[chunk], rows.has_key[chunk] = batch.valid, batch.has_key()
        rows.keys.streams[:, chunk], rows.keys.seconds[chunk] = keys.streams, keys.seconds
        rows.first_words[chunk] = keys.words(slice(None), FIRST_WORD)[0]
        if self._contacts is not None:
            self._contacts[chunk] = batch.contacts.words[0]
        if self._digests is not None:
            self._digests[:, chunk] = batch.digests()
        return batch

    def checked(self, *, now: float, runs: EarlierRuns | None = None, resubmits: bool = False) -> CheckedRows:
        """Judge the rows together, once. `now` is in Unix seconds: later events get a note.

        With `resubmits`, rows that earlier `runs` sent are sent again; where rows are spread, each under the second
        that it had.
        """
        rows, labels = self._rows, self.converter.labels
        resolution = resolve(rows, runs if rows.is_spread or not resubmits else None)
        self._give_seconds(resolution)
        submitted = resolution.submitted
        if resubmits:
            submitted = replace(submitted, accepted_at=np.full_like(submitted.accepted_at, CLAIMED))
        created_at, row_counts = rows.keys.seconds.view("datetime64[s]"), self._stream.row_counts
        self._findings += [
            *count_findings(row_counts, labels, self.converter.text_keys, offset=rows.offset),
            *future_findings(created_at, now, labels["created_at"]),
            *resolution.findings(rows.policy),
        ]
        return CheckedRows(
            valid=rows.valid,
            is_sent=self._is_sent(resolution.repeats, submitted),
            created_at=created_at,
            repeats=resolution.repeats,
            moved=resolution.moved,
            added=resolution.added,
            findings=tuple(merged(self._emptied_findings(), list(labels))),
            row_counts=row_counts,
            contacts=rows.keys.streams[0].copy() if self._contacts is None else self._contacts,
            offset=rows.offset,
            submitted=submitted,
            own=rows.index,
        )

    def _give_seconds(self, resolution: Resolution) -> None:
        """Give each row its second, and enter the frame's events: for later frames, and for the claims of this one."""
        # Free memory: the next arrays are as large.
        self._rows.first_words = np.zeros(0, np.uint64)
        submitted, seconds = resolution.submitted, self._rows.keys.seconds
        added = np.zeros_like(seconds)
        if self._rows.is_spread:
            added[resolution.moved.rows] = resolution.added
            added[submitted.rows] = submitted.seconds - seconds[submitted.rows]
            seconds += added
        # Without spreading, later frames find a row by its own second, whatever second an earlier run gave it.
        self._remember(resolution, added)
        seconds[submitted.rows] = submitted.seconds

    def _remember(self, resolution: Resolution, added: Seconds) -> None:
        rows, digests = resolution.identical, resolution.identical_digests
        if self._digests is not None:
            is_new = self._rows.valid.copy()
            is_new[resolution.repeats.rows] = False
            is_new[resolution.submitted.blocked] = False
            rows = np.flatnonzero(is_new)
            digests = self._digests[0, rows]
            self._stream.n_rows += len(is_new)
        events = self._rows.keys.words(rows)
        self._rows.index.add(events, rows + self._rows.offset, content_digests(digests, added[rows]))

    def _is_sent(self, repeats: Repeats, submitted: EarlierSubmissions) -> Mask:
        is_sent = self._rows.valid.copy()
        is_sent[submitted.rows[submitted.accepted_at != CLAIMED]] = False
        is_sent[submitted.blocked] = False
        if self._rows.policy == "skip":
            is_sent[repeats.rows] = False
        return is_sent

    def _emptied_findings(self) -> Iterator[Finding]:
        """Yield the findings and drop them, so that those of a wholly bad frame are not in memory twice."""
        while self._findings:
            yield self._findings.popleft()


def digests_of(converter: Converter, rows: Rows) -> Words:
    """Return two digests of each of some rows besides contact and second, shape (2, n)."""
    digests = [converter.convert_rows(block).digests() for block in blocks(rows)]
    return np.concatenate([np.zeros((2, 0), np.uint64), *digests], axis=1)


def future_findings(created_at: npt.NDArray[np.datetime64], now: float, label: str) -> Iterator[Finding]:
    """Note the times after `now`, in Unix seconds; `label` is their column in words."""
    rows = np.flatnonzero(created_at > np.datetime64(int(now), "s"))
    if len(rows):
        shown = pa.array(np.datetime_as_string(created_at[rows[:VALUES_KEPT]], timezone="UTC").tolist(), TEXT_TYPE)
        yield Finding(code="in_the_future", rows=rows, values=shown, field="created_at", label=label)


def chunk_bounds(n_rows: int, chunksize: int) -> Iterator[tuple[int, int]]:
    """Cut rows into chunks of `chunksize`: yield the start and the stop of each."""
    for start in range(0, n_rows, chunksize):
        yield start, min(start + chunksize, n_rows)
