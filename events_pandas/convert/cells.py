"""Cells of one kind, and the Arrow arrays and numpy masks that hold them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.int64]

TEXT_TYPE = pa.large_string()

WORD_BYTES = 8
"""Text is looked at so many bytes at a time."""

DOUBLE_EXACT = 2**53
"""From here on a float holds no longer every whole number."""

BYTES_NOTE = "text_in_bytes"


class CellKind(StrEnum):
    """What a cell holds, and the Arrow type in which `Cells.values` has it."""

    TEXT = "text"  # large_string
    INTEGER = "integer"  # int64
    FLOAT = "float"  # double
    DECIMAL = "decimal"  # large_string, as written; integers beyond int64 too
    BOOLEAN = "boolean"  # bool
    DATE = "date"  # date32
    NAIVE_TIME = "naive_time"  # timestamp without zone
    AWARE_TIME = "aware_time"  # timestamp in UTC
    BYTES = "bytes"  # large_string, a word for the type: bytes that are not UTF-8
    SURROGATE = "surrogate"  # large_string, with the character replaced: text that UTF-8 cannot hold
    NESTED = "nested"  # large_string, a word for the type
    OTHER = "other"  # large_string, a word for the type


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """Cells of one kind.

    Parameters
    ----------
    kind : CellKind
        What they hold.
    values : pyarrow.Array
        Null where the cell is absent.
    rows : numpy.ndarray of int64, optional
        Where the cells stand in their column; not given where they are all of it.
    exact_below : int
        From here on floats hold no longer every whole number, in the type that they came in.
    note : str
        The code of what is to be said of the column, where something can be made of its cells; none if empty.
    """

    kind: CellKind
    values: pa.Array
    rows: Rows | None = None
    exact_below: int = DOUBLE_EXACT
    note: str = ""

    def mask(self) -> Mask:
        """Return where a value is present.

        Returns
        -------
        numpy.ndarray of bool
            As long as `values`.
        """
        return valid_mask(self.values)


def absent_cells(rows: Rows) -> list[Cells]:
    """Return cells of no kind: a part for them lets the column have all its rows."""
    return [Cells(kind=CellKind.TEXT, values=pa.nulls(len(rows), TEXT_TYPE), rows=rows)]


def valid_mask(values: pa.Array) -> Mask:
    """Return where an Arrow array has a value.

    Parameters
    ----------
    values : pyarrow.Array
        Any values.

    Returns
    -------
    numpy.ndarray of bool
        As long as the array.
    """
    return to_mask(values.is_valid()) if values.null_count else np.ones(len(values), dtype=bool)


def to_mask(booleans: Any) -> Mask:
    """Return an Arrow array of booleans as a mask, in which null is false.

    Parameters
    ----------
    booleans : pyarrow.BooleanArray
        May hold nulls.

    Returns
    -------
    numpy.ndarray of bool
        As long as the array.
    """
    filled = pc.fill_null(booleans, False) if booleans.null_count else booleans
    mask: Mask = filled.to_numpy(zero_copy_only=False)
    return mask


def mask_at(rows: Rows, length: int) -> Mask:
    """Return a mask that is true at some rows."""
    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return mask


def without(values: pa.Array, rows: Mask) -> pa.Array:
    """Return values with some taken out.

    Parameters
    ----------
    values : pyarrow.LargeStringArray, pyarrow.Int64Array or pyarrow.DoubleArray
        The values.
    rows : numpy.ndarray of bool
        Which of them are null in the result.

    Returns
    -------
    pyarrow.Array
        Of the same type; the values themselves are not copied.
    """
    if not rows.any():
        return values
    is_valid = pa.py_buffer(np.packbits(valid_mask(values) & ~rows, bitorder="little"))
    # What the array is a slice of has its own validity: all buffers begin where the slice does.
    _, numbers, *letters = values.buffers()
    return pa.Array.from_buffers(
        values.type, len(values), [is_valid, numbers.slice(values.offset * WORD_BYTES), *letters]
    )


def text_bytes(text: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return where each text begins and ends, and the bytes of all, without copying them.

    Parameters
    ----------
    text : pyarrow.LargeStringArray, length n
        The texts; of what stands under a null nothing is known.

    Returns
    -------
    bounds : numpy.ndarray of int64, shape (n + 1,)
        Where each begins, and last where the last one ends.
    letters : numpy.ndarray of uint8
        UTF-8.
    """
    _, offsets, letters = text.buffers()
    if not len(text) or letters is None:
        return np.zeros(len(text) + 1, np.int64), np.zeros(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]
    return bounds - bounds[0], np.frombuffer(letters, np.uint8)[bounds[0] : bounds[-1]]


def words_at_each_byte(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return the eight bytes that begin at each byte, as one number.

    Parameters
    ----------
    letters : numpy.ndarray of uint8, shape (n,)
        As `text_bytes` gives them.

    Returns
    -------
    numpy.ndarray of uint64, shape (n + 1,)
        The first byte is the lowest; beyond the end there are zeros.
    """
    padded = np.concatenate([letters, np.zeros(WORD_BYTES, np.uint8)])
    return np.ndarray((len(letters) + 1,), "<u8", padded, strides=(1,))


def holds_any(text: pa.Array, *patterns: bytes) -> bool:
    """Tell whether any text holds one of some bytes or words, without looking at the texts one by one.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        The texts.
    *patterns : bytes
        What is looked for; a word may be found across the border of two texts.

    Returns
    -------
    bool
        False only if none of the texts holds any of the patterns.
    """
    _, letters = text_bytes(text)
    # Python finds a pattern in bytes many times faster than numpy compares them.
    memory = letters.tobytes()
    return any(pattern in memory for pattern in patterns)


def time_text(times: pa.Array) -> pa.Array:
    """Write times as ISO 8601 has them.

    Parameters
    ----------
    times : pyarrow.TimestampArray
        Without a zone or in UTC, in any unit.

    Returns
    -------
    pyarrow.LargeStringArray
        ``2024-01-31T12:00:00``, with ``Z`` at the end for UTC; a fraction of a second without closing zeros.
    """
    text = pc.replace_substring(times.cast(TEXT_TYPE), " ", "T", max_replacements=1)
    return pc.replace_substring_regex(text, r"(?:\.0+|(\.[0-9]*[1-9])0*)(Z?)$", r"\1\2")
