"""Every row of a frame checked before anything is sent: valid or not, new or a repeat."""

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
from events_pandas.check.row_counts import RowCounts, row_count_findings
from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows
from events_pandas.convert.codes import CODES, RANKS
from events_pandas.convert.keys import EventKeys, Seconds
from events_pandas.convert.problems import VALUES_KEPT, Finding, merged

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedRows:
    """What is known of each row before anything is sent.

    Parameters
    ----------
    valid : numpy.ndarray of bool, shape (n_rows,)
        Rows without an error.
    is_sent : numpy.ndarray of bool, shape (n_rows,)
        Rows that become events: valid, and neither held back as duplicates nor sent by an earlier run.
    created_at : numpy.ndarray of datetime64[s], shape (n_rows,)
        The second that is sent, or was by an earlier run; NaT where none can be read.
    repeats : Repeats
        Valid rows that are the same event as an earlier one.
    moved : Repeats
        Valid rows that had to give way to another, and are sent with a later second.
    added : numpy.ndarray of int64
        How many seconds later that is.
    findings : tuple of Finding
        What was found, with rows counted from the start of the frame.
    row_counts : RowCounts
        Counts over the valid rows.
    contacts : numpy.ndarray of uint64, shape (n_rows,)
        A digest of each row's contact.
    offset : int
        The position of the frame's first row in its stream.
    submitted : EarlierSubmissions
        What earlier runs have made of the rows.
    own : KeyIndex
        The events of the run's rows so far; of a frame that stands alone, those of rows that hold the same as others.
    """

    valid: Mask
    is_sent: Mask
    created_at: npt.NDArray[np.datetime64]
    repeats: Repeats
    moved: Repeats
    added: Seconds
    findings: tuple[Finding, ...]
    row_counts: RowCounts
    contacts: npt.NDArray[np.uint64]
    offset: int = 0
    submitted: EarlierSubmissions = NO_SUBMISSIONS
    own: KeyIndex = field(default_factory=KeyIndex)

    def seconds(self, start: int, stop: int) -> Seconds:
        """Return the seconds that are sent.

        Parameters
        ----------
        start, stop : int
            Positions of rows.

        Returns
        -------
        numpy.ndarray of int64
            Meaningless for rows that are not sent.
        """
        return self.created_at[start:stop].astype(np.int64)


@dataclass(slots=True)
class EarlierFrames:
    """What a stream of frames has held so far.

    Parameters
    ----------
    index : KeyIndex
        Its events.
    row_counts : RowCounts
        Counts over its valid rows.
    n_rows : int
        The number of its rows.
    """

    index: KeyIndex = field(default_factory=KeyIndex)
    row_counts: RowCounts = field(default_factory=RowCounts)
    n_rows: int = 0


def unjudged_rows(n_rows: int, offset: int) -> CheckedRows:
    """Return the judgement of rows of which nothing is known.

    Parameters
    ----------
    n_rows : int
        The number of rows.
    offset : int
        The position of the first of them in their stream.

    Returns
    -------
    CheckedRows
        None of them is said to be invalid.
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
    """Check the rows of a frame.

    Parameters
    ----------
    converter : Converter
        The frame's converter.
    n_rows : int
        Its number of rows.
    now : float
        The time in Unix seconds: later events are noted.
    earlier : EarlierFrames, optional
        The frames before this one, which is added to them. A frame that stands alone has none.
    advance : callable, optional
        Told how many rows have been checked since it was told last.
    chunksize : int
        Rows checked at a time; what is found does not depend on it.

    Returns
    -------
    CheckedRows
        One for each row.
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
    """Read the rows of a frame one by one; what they are together is judged later.

    Parameters
    ----------
    converter : Converter
        The frame's converter.
    n_rows : int
        Its number of rows.
    earlier : EarlierFrames, optional
        The frames before this one. A frame that stands alone has none.
    advance : callable, optional
        Told how many rows have been read since it was told last.
    chunksize : int
        Rows read at a time; what is found does not depend on it.

    Returns
    -------
    FrameCheck
        To be judged once.
    """
    frame_check = FrameCheck(converter, n_rows, earlier)
    for batch in in_order(frame_check.read_chunk, chunk_bounds(n_rows, chunksize)):
        frame_check.add(batch)
        if advance is not None:
            advance(len(batch.rows))
    return frame_check


class FrameCheck:
    """The rows of a frame, put together from its chunks.

    Parameters
    ----------
    converter : Converter
        The frame's converter.
    n_rows : int
        Its number of rows.
    earlier : EarlierFrames or None
        The frames before this one.
    """

    def __init__(self, converter: Converter, n_rows: int, earlier: EarlierFrames | None) -> None:
        self._converter, self._earlier = converter, earlier
        self._offset = 0 if earlier is None else earlier.n_rows
        self._valid, self._has_key = (np.zeros(n_rows, dtype=bool) for _ in range(2))
        self._keys = EventKeys(streams=np.zeros((2, n_rows), np.uint64), seconds=np.zeros(n_rows, np.int64))
        self._first_words = np.zeros(n_rows, np.uint64)
        # With one name, contacts differ exactly where contact and name do.
        self._contacts = None if converter.has_one_name else np.zeros(n_rows, np.uint64)
        # Later frames are told from this one by what its events hold; a frame that stands alone has none.
        self._digests = None if earlier is None else np.zeros(n_rows, np.uint64)
        self._findings: deque[Finding] = deque()
        self._own = KeyIndex() if earlier is None else earlier.index
        self._row_counts = RowCounts() if earlier is None else earlier.row_counts

    @property
    def invalid(self) -> int:
        """The number of rows that have an error."""
        return int((~self._valid).sum())

    def read_chunk(self, bounds: tuple[int, int]) -> EventBatch:
        """Convert a chunk, and enter in its own rows what takes time to be made: several threads do it at once.

        Parameters
        ----------
        bounds : tuple of int
            The positions at which it starts and stops.

        Returns
        -------
        EventBatch
            The chunk.
        """
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
        """Enter what is known of a chunk besides.

        Parameters
        ----------
        batch : EventBatch
            The chunk; chunks come in their order.
        """
        self._findings += batch.findings
        self._row_counts.add(batch, limit=self._converter.mapping.metadata_limit, offset=self._offset)

    def checked(self, *, now: float, runs: EarlierRuns | None = None, resubmits: bool = False) -> CheckedRows:
        """Judge the rows together.

        Parameters
        ----------
        now : float
            The time in Unix seconds: later events are noted.
        runs : EarlierRuns, optional
            What earlier runs sent.
        resubmits : bool, default False
            Whether that is sent again: where rows are spread, each under the second that it had.

        Returns
        -------
        CheckedRows
            One for each row; it can be asked for once.
        """
        resolution = self._resolved(runs if self._policy == "spread" or not resubmits else None)
        submitted = resolution.submitted
        if resubmits:
            submitted = replace(submitted, accepted_at=np.full_like(submitted.accepted_at, CLAIMED))
        created_at = self._keys.seconds.view("datetime64[s]")
        self._findings += [
            *row_count_findings(
                self._row_counts, self._converter.labels, self._converter.text_keys, offset=self._offset
            ),
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
        """Decide what becomes of rows that are one event, and give each row its second."""
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
        # No longer needed, and as large as what is made next.
        self._first_words = np.zeros(0, np.uint64)
        submitted, seconds = resolution.submitted, self._keys.seconds
        added = np.zeros_like(seconds)
        if self._policy == "spread":
            added[resolution.moved.rows] = resolution.added
            added[submitted.rows] = submitted.seconds - seconds[submitted.rows]
            seconds += added
        # Else no other row of a row's own second is an event, whatever second an earlier run gave it.
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
        """Yield the findings, and keep none: those of a frame that is wholly bad are not there twice."""
        while self._findings:
            yield self._findings.popleft()

    @property
    def _policy(self) -> str:
        return self._converter.mapping.duplicates

    def _remember(self, resolution: Resolution, added: Seconds) -> None:
        """Tell later frames, and the claims of this one, which events it has."""
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
        Finding(
            code="in_the_future",
            rows=rows,
            values=shown,
            field="created_at",
            label=converter.labels["created_at"],
        )
    ]


def chunk_bounds(n_rows: int, chunksize: int) -> Iterator[tuple[int, int]]:
    """Cut rows into chunks.

    Parameters
    ----------
    n_rows : int
        The number of rows.
    chunksize : int
        The most rows in a chunk.

    Yields
    ------
    tuple of int
        The positions at which a chunk starts and stops.
    """
    for start in range(0, n_rows, chunksize):
        yield start, min(start + chunksize, n_rows)


def first_errors(findings: Sequence[Finding]) -> tuple[Rows, Texts, Texts]:
    """Return the error that stands for each invalid row: the first in the order of `CODES`.

    Parameters
    ----------
    findings : sequence of Finding
        Of one frame.

    Returns
    -------
    rows : numpy.ndarray of int64
        The invalid rows, ascending.
    codes, messages : numpy.ndarray of object
        The code and the message for each of them.
    """
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
