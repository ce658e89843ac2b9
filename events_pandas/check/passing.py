"""Rows that pass frame by frame and are not held: what is counted and found in them, and their first events."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from events_pandas.check.checking import FrameCheck, chunk_bounds, future_findings
from events_pandas.check.collisions import BLOCK_ROWS, KeyedRows, KeyIndex, blocks, key_parts, sharing_rows
from events_pandas.check.day_counts import Days, days_of
from events_pandas.check.duplicates import Resolution, resolve
from events_pandas.check.facts import CheckFacts
from events_pandas.check.in_order import in_order
from events_pandas.check.row_counts import COUNT_CODES, RowCounts, count_findings
from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.cells import Mask, Rows, mask_at
from events_pandas.convert.keys import EventKeys, Seconds, Words
from events_pandas.convert.problems import Finding, GatheredFindings
from events_pandas.free_memory import give_back_memory

FINDINGS_LISTED: Final = 10_000
"""How many rows with one code in one field are listed; all of them are counted."""
PAYLOADS_KEPT: Final = 1_000

Frames: TypeAlias = Iterable[tuple[int, FrameCheck]]
"""Frames that are bound, each with the position of its first row."""
Bound: TypeAlias = Iterable[tuple[int, Converter]]
"""Frames of which each row is judged by itself, each with the position of its first row."""
Again: TypeAlias = Callable[[Rows], Iterator[tuple[Converter, Rows]]]
"""Reads chosen rows again, which ascend: yields the converter of each frame with some, and their places in it."""
Advance: TypeAlias = Callable[[int], object]
FirstWords: TypeAlias = npt.NDArray[np.uint64]

_SECOND_WORD: Final = slice(1, 2)

_FIRST_ROWS: Final = 2**22
"""Room for so many rows is made at once: memory that is not written to yet is not taken."""


@dataclass(kw_only=True, slots=True)
class PassedRows:
    """What is kept of rows that have passed."""

    facts: CheckFacts = field(default_factory=lambda: CheckFacts(row_counts=RowCounts()))
    payloads: list[bytes] = field(default_factory=list)  # the first events that are sent, at most `PAYLOADS_KEPT`
    first_events: dict[int, bytes] = field(default_factory=dict)  # those of the first valid rows, by row
    text_keys: tuple[str, ...] = ()  # metadata keys that are sent as text
    policy: str = ""  # what happens to rows that are one event: "skip", "spread" or "send"
    _labels: dict[str, str] = field(default_factory=dict)
    _found: GatheredFindings = field(default_factory=lambda: GatheredFindings(FINDINGS_LISTED))

    def begin(self, converter: Converter) -> None:
        """Begin a frame. A bare column may have its type only now."""
        self.text_keys, self._labels = converter.text_keys, converter.labels
        self.policy = converter.mapping.duplicates

    def add_findings(self, findings: Iterable[Finding], *, offset: int = 0) -> None:
        """Add findings; `offset` is the position of the row from which they count."""
        self._found.add(findings, offset=offset)

    def add_events(self, batch: EventBatch, *, offset: int) -> None:
        """Keep the events of valid rows of a chunk, if they are among the first."""
        if len(self.first_events) < PAYLOADS_KEPT:
            rows = _first_rows(batch.valid, PAYLOADS_KEPT - len(self.first_events))
            made = batch.payloads(mask_at(rows, len(batch.valid)))
            self.first_events |= zip((batch.rows[rows] + offset).tolist(), made.to_pylist(), strict=True)

    def add_payloads(self, converter: Converter, rows: Rows, seconds: Seconds | None = None) -> None:
        """Keep the events of rows of a frame, if they are among the first."""
        rows = rows[: PAYLOADS_KEPT - len(self.payloads)]
        if len(rows):
            self.payloads += first_payloads(converter, rows, seconds)

    def close(self) -> None:
        """Add what is odd about all rows taken together, and order the findings."""
        counts = self.facts.row_counts
        counts.reported.clear()
        self.add_findings(count_findings(counts, self._labels, self.text_keys))
        self.facts.findings = tuple(self._found.joined(list(self._labels)))
        # Their digests are no longer needed.
        self.facts.contacts()


def first_payloads(converter: Converter, rows: Rows, seconds: Seconds | None = None) -> list[bytes]:
    """Make the request bodies of valid rows of a frame; `seconds` replaces the rows' own."""
    made: list[bytes] = []
    for places in blocks(np.arange(len(rows))):
        batch = converter.convert_rows(rows[places])
        own = None if seconds is None else seconds[places]
        made += batch.payloads(np.ones(len(places), dtype=bool), own).to_pylist()
    return made


def check_in_turn(frames: Frames, *, now: float, advance: Advance) -> PassedRows:
    """Check frames as a stream does, so that spread rows get the seconds that submitting gives them."""
    passed = PassedRows()
    for offset, frame in frames:
        passed.begin(frame.converter)
        frame.read(advance=advance)
        checked = frame.checked(now=now)
        passed.facts.row_counts = checked.row_counts
        passed.facts.add(checked)
        # Counts are complete after the last frame only.
        found = (finding for finding in checked.findings if finding.code not in COUNT_CODES)
        passed.add_findings(found, offset=offset)
        sent = np.flatnonzero(checked.is_sent)[:PAYLOADS_KEPT]
        passed.add_payloads(frame.converter, sent, checked.seconds(sent))
    passed.close()
    return passed


def check_together(frames: Bound, again: Again, *, now: float, advance: Advance) -> PassedRows:
    """Check frames as one frame that stands alone. Rows that share their event with others are read again."""
    passed, keys = PassedRows(), _PassedKeys()
    for chunk, batch, first_words in in_order(_converted, _chunks(passed, frames)):
        mapping, first = chunk.converter.mapping, int(batch.rows[0])
        seconds = batch.seconds()
        passed.facts.row_counts.add(batch, limit=mapping.metadata_limit, offset=chunk.offset)
        passed.facts.add_rows(batch.valid, seconds)
        passed.facts.add_contacts(batch.contacts.first_words[0][batch.valid])
        passed.add_findings(batch.findings, offset=chunk.offset)
        label = chunk.converter.labels["created_at"]
        passed.add_findings(future_findings(seconds.view("datetime64[s]"), now, label), offset=chunk.offset + first)
        passed.add_events(batch, offset=chunk.offset)
        keys.add(batch, first_words)
        advance(len(batch.rows))
    # Judging needs memory, too: neither the digests of contacts nor what reading has left behind are needed now.
    passed.facts.contacts()
    # What few rows need is less than the time to take memory again is worth.
    if passed.facts.rows > _FIRST_ROWS:
        give_back_memory()
    valid = keys.valid.taken()
    for resolution, days in _resolutions(keys, valid, again, policy=passed.policy):
        passed.facts.add_repeats(resolution.repeats, days)
        passed.add_findings(resolution.findings(passed.policy))
        if passed.policy == "skip":
            valid[resolution.repeats.rows] = False
    passed.facts.sent = int(np.count_nonzero(valid))
    sent = _first_rows(valid, PAYLOADS_KEPT)
    passed.payloads = [passed.first_events[row] for row in sent.tolist() if row in passed.first_events]
    # Where some of the first rows repeat others, the events of later ones are shown in their place.
    for converter, rows in again(sent[len(passed.payloads) :]):
        passed.add_payloads(converter, rows)
    passed.close()
    return passed


@dataclass(frozen=True, kw_only=True, slots=True)
class _PassingChunk:
    converter: Converter
    offset: int  # the position of the frame's first row
    bounds: tuple[int, int]  # within the frame


def _chunks(passed: PassedRows, frames: Bound) -> Iterator[_PassingChunk]:
    for offset, converter in frames:
        passed.begin(converter)
        for bounds in chunk_bounds(converter.bound.n_rows, BLOCK_ROWS):
            yield _PassingChunk(converter=converter, offset=offset, bounds=bounds)


def _converted(chunk: _PassingChunk) -> tuple[_PassingChunk, EventBatch, FirstWords]:
    batch = chunk.converter.convert(*chunk.bounds)
    return chunk, batch, batch.first_words()


def _first_rows(where: Mask, most: int) -> Rows:
    """Return the first of some rows, and look no further."""
    found = np.zeros(0, np.int64)
    for start in range(0, len(where), BLOCK_ROWS):
        found = np.append(found, np.flatnonzero(where[start : start + BLOCK_ROWS]) + start)
        if len(found) >= most:
            break
    return found[:most]


class _GrowingColumn:
    """Values that grow in place: with arrays for each chunk, joining them would take their memory twice."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._values: npt.NDArray[Any] = np.empty(_FIRST_ROWS, dtype)
        self._n = 0

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Add values at the end."""
        end = self._n + len(values)
        if end > len(self._values):
            self._values.resize(end + end // 8, refcheck=False)
        self._values[self._n : end] = values
        self._n = end

    def taken(self) -> npt.NDArray[Any]:
        """Return all values, and forget them."""
        values, self._values = self._values, np.zeros(0, self._values.dtype)
        values.resize(self._n, refcheck=False)
        return values


class _PassedKeys:
    """What judging takes of each row that has passed: 10 bytes."""

    def __init__(self) -> None:
        self.first_words = _GrowingColumn(np.uint64)
        self.has_key, self.valid = _GrowingColumn(bool), _GrowingColumn(bool)

    def add(self, batch: EventBatch, first_words: FirstWords) -> None:
        """Add the rows of a chunk."""
        self.first_words.extend(first_words)
        self.has_key.extend(batch.has_key())
        self.valid.extend(batch.valid)


def _resolutions(keys: _PassedKeys, valid: Mask, again: Again, *, policy: str) -> Iterator[tuple[Resolution, Days]]:
    """Decide what happens to the rows that are one event with others, one part of the events at a time.

    Also yield the days of those that repeat another one.
    """
    all_first_words = keys.first_words.taken()
    rows = sharing_rows(all_first_words, keys.has_key.taken())
    first_words = all_first_words[rows]
    del all_first_words
    is_valid = valid[rows]
    reads = _GrowingColumn(np.uint64), _GrowingColumn(np.uint64), _GrowingColumn(np.int32)
    for compared in in_order(_compared, again(rows)):
        for read, values in zip(reads, compared, strict=True):
            read.extend(values)
    second_words, all_digests, all_days = (read.taken() for read in reads)
    for where in key_parts(first_words):
        chosen, words = rows[where], np.stack([first_words[where], second_words[where]])
        sharing = KeyedRows(
            policy=policy,
            digests=partial(_twice, all_digests[where]),
            # Words of keys serve as keys: they differ if the events differ.
            keys=EventKeys(streams=words, seconds=np.zeros(len(chosen), np.int64)),
            first_words=words[0].copy(),
            valid=is_valid[where],
            has_key=np.ones(len(chosen), dtype=bool),
            offset=0,
            index=KeyIndex(),
        )
        found = resolve(sharing, None)
        placed = replace(found, repeats=found.repeats.placed(chosen), would_be=found.would_be.placed(chosen))
        yield placed, all_days[where][found.repeats.rows]


def _compared(chosen: tuple[Converter, Rows]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Days]:
    """Return the second word of each row's key, a digest of its event, and its day."""
    converter, rows = chosen
    second_words, digests, days = [], [], []
    for block in blocks(rows):
        batch = converter.convert_rows(block)
        second_words.append(batch.keys().words(slice(None), _SECOND_WORD)[0])
        # The second digest matters only where rows are spread.
        digests.append(batch.digests()[0])
        days.append(days_of(batch.seconds()))
    return np.concatenate(second_words), np.concatenate(digests), np.concatenate(days)


def _twice(digests: npt.NDArray[np.uint64], rows: Rows) -> Words:
    return np.stack([digests[rows]] * 2)
