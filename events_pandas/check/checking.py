"""Every row of a frame is checked before anything is sent: valid or not, new or a repeat."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.check.collisions import BLOCK_ROWS, FIRST_WORD, KeyIndex
from events_pandas.check.duplicates import KeyedRows, Repeats, Resolution, resolve
from events_pandas.check.earlier_runs import CLAIMED, NO_SUBMISSIONS, EarlierRuns, EarlierSubmissions, content_digests
from events_pandas.check.in_order import in_order
from events_pandas.check.row_counts import RowCounts, count_findings
from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows
from events_pandas.convert.codes import CODES, RANKS
from events_pandas.convert.keys import EventKeys, Seconds
from events_pandas.convert.problems import VALUES_KEPT, Finding, merged

Texts = npt.NDArray[np.object_]


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

    def seconds(self, start: int, stop: int) -> Seconds:
        """Return the seconds (int64) that are sent for a range of rows; meaningless for rows that are not sent."""
        return self.created_at[start:stop].astype(np.int64)


@dataclass(slots=True)
class EarlierFrames:
    """The events, counts and number of rows of a stream's frames so far."""

    index: KeyIndex = field(default_factory=KeyIndex)
    row_counts: RowCounts = field(default_factory=RowCounts)
    n_rows: int = 0


def unjudged_rows(n_rows: int, offset: int) -> CheckedRows:
    """Return a result for rows of which nothing is known: none of them is invalid.

    `offset` is the position of the first of them in their stream.
    """
    none, nowhere = np.zeros(0, np.int64), np.zeros(0, dtype=bool)
    no_repeats = Repeats(rows=none, firsts=none, are_identical=nowhere)
    return CheckedRows(
        valid=np.ones(n_rows, dtype=bool),
        is_sent=np.ones(n_rows, dtype=bool),
        created_at=np.full(n_rows, np.datetime64("NaT", "s")),
        repeats=no_repeats,
        moved=no_repeats,
        added=none,
        findings=(),
        row_counts=RowCounts(),
        contacts=np.zeros(n_rows, np.uint64),
        offset=offset,
    )


def check_rows(
    converter: Converter,
    n_rows: int,
    *,
    now: float,
    earlier: EarlierFrames | None = None,
    advance: Callable[[int], None] | None = None,
    chunksize: int = BLOCK_ROWS,
) -> CheckedRows:
    """Check the rows of a frame: read them with `read_rows`, then judge them together.

    `now` is in Unix seconds: later events get a note.
    """
    return read_rows(converter, n_rows, earlier=earlier, advance=advance, chunksize=chunksize).checked(now=now)


def read_rows(
    converter: Converter,
    n_rows: int,
    *,
    earlier: EarlierFrames | None = None,
    advance: Callable[[int], None] | None = None,
    chunksize: int = BLOCK_ROWS,
) -> "FrameCheck":
    """Read the rows of a frame, to be judged together later; the result does not depend on `chunksize`.

    The frame is added to the `earlier` frames of its stream; a frame that stands alone has none. `advance` is called
    with the number of rows read since its last call.
    """
    frame_check = FrameCheck(converter, n_rows, earlier)
    for batch in in_order(frame_check.read_chunk, chunk_bounds(n_rows, chunksize)):
        frame_check.add(batch)
        if advance is not None:
            advance(len(batch.rows))
    return frame_check


class FrameCheck:
    """The rows of a frame, put together from its chunks, and then judged."""

    def __init__(self, converter: Converter, n_rows: int, earlier: EarlierFrames | None) -> None:
        self._converter, self._earlier = converter, earlier
        self._offset = 0 if earlier is None else earlier.n_rows
        self._valid, self._has_key = (np.zeros(n_rows, dtype=bool) for _ in range(2))
        self._keys = EventKeys(streams=np.zeros((2, n_rows), np.uint64), seconds=np.zeros(n_rows, np.int64))
        self._first_words = np.zeros(n_rows, np.uint64)
        # With one name for all events, the digests of contact and name serve as digests of the contact.
        self._contacts = None if converter.has_one_name else np.zeros(n_rows, np.uint64)
        # Later frames are compared with this one by the content of its events; a frame that stands alone has none.
        self._digests = None if earlier is None else np.zeros(n_rows, np.uint64)
        self._findings: deque[Finding] = deque()
        self._own = KeyIndex() if earlier is None else earlier.index
        self._row_counts = RowCounts() if earlier is None else earlier.row_counts

    @property
    def invalid(self) -> int:
        """The number of rows that have an error."""
        return int((~self._valid).sum())

    def read_chunk(self, bounds: tuple[int, int]) -> EventBatch:
        """Convert a chunk and enter its keys; several threads do this at once, each for its own rows."""
        start, stop = bounds
        batch = self._converter.convert(start, stop)
        chunk, keys = slice(start, stop), batch.keys()
        self._valid[chunk], self._has_key[chunk] = batch.valid, batch.has_key()
        self._keys.streams[:, chunk], self._keys.seconds[chunk] = keys.streams, keys.seconds
        self._first_words[chunk] = keys.words(slice(None), FIRST_WORD)[0]
        if self._contacts is not None:
            self._contacts[chunk] = batch.contacts.words[0]
        if self._digests is not None:
            self._digests[chunk] = batch.digests()[0]
        return batch

    def add(self, batch: EventBatch) -> None:
        """Enter the findings and counts of a chunk; chunks come in order."""
        self._findings += batch.findings
        self._row_counts.add(batch, limit=self._converter.mapping.metadata_limit, offset=self._offset)

    def checked(self, *, now: float, runs: EarlierRuns | None = None, resubmits: bool = False) -> CheckedRows:
        """Judge the rows together, once. `now` is in Unix seconds: later events get a note.

        With `resubmits`, rows that earlier `runs` sent are sent again; where rows are spread, each under the second
        that it had.
        """
        resolution = self._resolved(runs if self._policy == "spread" or not resubmits else None)
        submitted = resolution.submitted
        if resubmits:
            submitted = replace(submitted, accepted_at=np.full_like(submitted.accepted_at, CLAIMED))
        created_at = self._keys.seconds.view("datetime64[s]")
        self._findings += [
            *count_findings(self._row_counts, self._converter.labels, self._converter.text_keys, offset=self._offset),
            *_future_findings(created_at, now, self._converter),
            *resolution.findings(),
        ]
        return CheckedRows(
            valid=self._valid,
            is_sent=self._is_sent(resolution, submitted),
            created_at=created_at,
            repeats=resolution.repeats,
            moved=resolution.moved,
            added=resolution.added,
            findings=tuple(merged(self._emptied_findings(), list(self._converter.labels))),
            row_counts=self._row_counts,
            contacts=self._keys.streams[0].copy() if self._contacts is None else self._contacts,
            offset=self._offset,
            submitted=submitted,
            own=self._own,
        )

    def _resolved(self, runs: EarlierRuns | None) -> Resolution:
        """Decide what happens to rows that are one event, and give each row its second."""
        resolution = resolve(
            KeyedRows(
                converter=self._converter,
                keys=self._keys,
                first_words=self._first_words,
                valid=self._valid,
                has_key=self._has_key,
                offset=self._offset,
                earlier=None if self._earlier is None else self._earlier.index,
                runs=runs,
            )
        )
        # Free memory: the next arrays are as large.
        self._first_words = np.zeros(0, np.uint64)
        submitted, seconds = resolution.submitted, self._keys.seconds
        added = np.zeros_like(seconds)
        if self._policy == "spread":
            added[resolution.moved.rows] = resolution.added
            added[submitted.rows] = submitted.seconds - seconds[submitted.rows]
            seconds += added
        # Without spreading, later frames find a row by its own second, whatever second an earlier run gave it.
        self._remember(resolution, added)
        seconds[submitted.rows] = submitted.seconds
        return resolution

    def _is_sent(self, resolution: Resolution, submitted: EarlierSubmissions) -> Mask:
        is_sent = self._valid.copy()
        is_sent[submitted.rows[submitted.accepted_at != CLAIMED]] = False
        is_sent[submitted.blocked] = False
        if self._policy == "skip":
            is_sent[resolution.repeats.rows] = False
        return is_sent

    def _emptied_findings(self) -> Iterator[Finding]:
        """Yield the findings and drop them, so that those of a wholly bad frame are not in memory twice."""
        while self._findings:
            yield self._findings.popleft()

    @property
    def _policy(self) -> str:
        return self._converter.mapping.duplicates

    def _remember(self, resolution: Resolution, added: Seconds) -> None:
        """Enter this frame's events, for later frames and for the claims of this one."""
        rows, digests = resolution.identical, resolution.identical_digests
        if self._earlier is not None and self._digests is not None:
            is_new = self._valid.copy()
            is_new[resolution.repeats.rows] = False
            is_new[resolution.submitted.blocked] = False
            rows = np.flatnonzero(is_new)
            digests = self._digests[rows]
            self._earlier.n_rows += len(self._valid)
        self._own.add(self._keys.words(rows), rows + self._offset, content_digests(digests, added[rows]))


def _future_findings(created_at: npt.NDArray[np.datetime64], now: float, converter: Converter) -> list[Finding]:
    rows = np.flatnonzero(created_at > np.datetime64(int(now), "s"))
    if not len(rows):
        return []
    shown = pa.array(np.datetime_as_string(created_at[rows[:VALUES_KEPT]], timezone="UTC").tolist(), TEXT_TYPE)
    return [
        Finding(code="in_the_future", rows=rows, values=shown, field="created_at", label=converter.labels["created_at"])
    ]


def chunk_bounds(n_rows: int, chunksize: int) -> Iterator[tuple[int, int]]:
    """Cut rows into chunks of `chunksize`: yield the start and the stop of each."""
    for start in range(0, n_rows, chunksize):
        yield start, min(start + chunksize, n_rows)


def first_errors(findings: Sequence[Finding]) -> tuple[Rows, Texts, Texts]:
    """Return the invalid rows, ascending, each with the code and message of its first error in the order of `CODES`."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        none = np.zeros(0, object)
        return np.zeros(0, np.int64), none, none
    table = pd.DataFrame(
        {
            "row": np.concatenate([finding.rows for finding in errors] or [np.zeros(0, np.int64)]),
            "rank": np.repeat([RANKS[finding.code] for finding in errors], [len(finding.rows) for finding in errors]),
        }
    )
    chosen = table.sort_values(["row", "rank"], kind="stable").drop_duplicates("row")
    messages = pa.chunked_array([finding.messages() for finding in errors], TEXT_TYPE)
    chosen_messages = pc.take(messages, pa.array(chosen.index.to_numpy()))
    codes = np.array(list(CODES), dtype=object)[chosen["rank"].to_numpy(dtype=np.int64)]
    return chosen["row"].to_numpy(), codes, chosen_messages.to_numpy()
