"""Every row of a frame checked before anything is sent: valid or not, new or a repeat."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows
from events_pandas.convert.keys import KeyIndex
from events_pandas.convert.problems import CODES, ONCE_CODES, Finding

CHECKED_ROWS = 2**16
"""Rows checked at a time: enough that what each call of Arrow costs by itself matters little."""

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedRows:
    """What is known of each row before anything is sent.

    Parameters
    ----------
    valid : numpy.ndarray of bool, shape (n_rows,)
        Rows without an error.
    first_rows : numpy.ndarray of int64, shape (n_rows,)
        The earliest row, counted over all frames of a stream, with the same contact, name and second; a row's own
        position where it is the first. Rows that are not valid are their own first.
    created_at : numpy.ndarray of datetime64[s], shape (n_rows,)
        The second that is sent; NaT where none can be read.
    findings : tuple of Finding
        What was found, with rows counted from the start of the frame.
    offset : int
        The position of the frame's first row in its stream.
    """

    valid: Mask
    first_rows: Rows
    created_at: npt.NDArray[np.datetime64]
    findings: tuple[Finding, ...]
    offset: int = 0

    def repeats(self) -> Mask:
        """Return where an earlier row has the same contact, name and second.

        Returns
        -------
        numpy.ndarray of bool, shape (n_rows,)
            False for rows that are not valid.
        """
        own = np.arange(self.offset, self.offset + len(self.first_rows))
        return np.not_equal(self.first_rows, own)

    def is_sent(self, *, skips_duplicates: bool) -> Mask:
        """Return which rows become events.

        Parameters
        ----------
        skips_duplicates : bool
            Whether rows that repeat an earlier one are held back.

        Returns
        -------
        numpy.ndarray of bool, shape (n_rows,)
            False for rows that are not valid.
        """
        return self.valid & ~self.repeats() if skips_duplicates else self.valid


def check_rows(
    converter: Converter,
    n_rows: int,
    *,
    keys: KeyIndex,
    offset: int = 0,
    advance: Callable[[int], None] | None = None,
    chunksize: int = CHECKED_ROWS,
) -> CheckedRows:
    """Check the rows of a frame.

    Parameters
    ----------
    converter : Converter
        The frame's converter.
    n_rows : int
        Its number of rows.
    keys : KeyIndex
        The keys of earlier frames; those of this one are added.
    offset : int
        The position of the frame's first row in its stream.
    advance : callable, optional
        Told how many rows have been checked since it was told last.
    chunksize : int
        Rows checked at a time; what is found does not depend on it.

    Returns
    -------
    CheckedRows
        One for each row.
    """
    valid = np.ones(n_rows, dtype=bool)
    first_rows = np.arange(offset, offset + n_rows)
    created_at = np.full(n_rows, np.datetime64("NaT", "s"), "datetime64[s]")
    findings: list[Finding] = []
    for start, stop in chunk_bounds(n_rows, chunksize):
        batch = converter.convert(start, stop)
        chunk = slice(start, stop)
        valid[chunk] = batch.valid
        created_at[chunk] = batch.created_at.cast(pa.timestamp("s")).to_numpy(zero_copy_only=False)
        # A row that is not valid is not sent, and so claims no key.
        rows = batch.rows()[batch.valid]
        first_rows[rows] = keys.first_rows(batch.keys[batch.valid], rows + offset)
        findings += [*batch.findings, *_would_be_duplicates(batch, keys, offset)]
        if advance is not None:
            advance(stop - start)
    once = tuple(_each_once(findings))
    return CheckedRows(valid=valid, first_rows=first_rows, created_at=created_at, findings=once, offset=offset)


def _would_be_duplicates(batch: EventBatch, keys: KeyIndex, offset: int) -> list[Finding]:
    """Note which invalid rows are the same event as an earlier row that is valid."""
    rows = batch.rows()[~batch.valid & batch.has_key()]
    known = keys.known_rows(batch.keys[rows - batch.start])
    is_repeat = (known >= 0) & (known < rows + offset)
    if not is_repeat.any():
        return []
    values = pa.array([f"row {row}" for row in known[is_repeat]], TEXT_TYPE)
    return [Finding(code="would_be_duplicate", rows=rows[is_repeat], values=values, field="event")]


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


def _each_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Keep the first of the notes that concern a whole column."""
    told: set[tuple[str, str]] = set()
    for finding in findings:
        if finding.code in ONCE_CODES:
            if (finding.field, finding.code) in told:
                continue
            told.add((finding.field, finding.code))
            yield finding.at(0)
        else:
            yield finding


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
    ranks = {code: rank for rank, code in enumerate(CODES)}
    table = pd.DataFrame(
        {
            "row": np.concatenate([finding.rows for finding in errors] or [np.zeros(0, np.int64)]),
            "rank": np.repeat([ranks[finding.code] for finding in errors], [len(finding.rows) for finding in errors]),
        }
    )
    chosen = table.sort_values(["row", "rank"], kind="stable").drop_duplicates("row")
    messages = pa.chunked_array([finding.messages() for finding in errors], TEXT_TYPE)
    chosen_messages = pc.take(messages, pa.array(chosen.index.to_numpy()))
    codes = np.array(list(CODES), dtype=object)[chosen["rank"].to_numpy(dtype=np.int64)]
    return chosen["row"].to_numpy(), codes, chosen_messages.to_numpy()
