"""Cells of one kind, and the Arrow arrays and numpy masks that hold them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.int64]

TEXT_TYPE = pa.large_string()

WORD_BYTES = 8
"""Text is read so many bytes at a time."""

_BEYOND_ASCII = 0x80

DOUBLE_EXACT = 2**53
"""From here on, a float cannot hold every whole number."""

BYTES_NOTE = "text_in_bytes"


class CellKind(StrEnum):
    """What a cell holds. The comments name the Arrow type of `Cells.values`."""

    TEXT = "text"  # large_string
    INTEGER = "integer"  # int64
    FLOAT = "float"  # double
    DECIMAL = "decimal"  # large_string, as written; also integers beyond int64
    BOOLEAN = "boolean"  # bool
    DATE = "date"  # date32
    NAIVE_TIME = "naive_time"  # timestamp without zone
    AWARE_TIME = "aware_time"  # timestamp in UTC
    FAR_TIME = "far_time"  # a time that nobody can write: large_string, the words for it
    BYTES = "bytes"  # bytes that are not UTF-8: large_string, the name of the type
    SURROGATE = "surrogate"  # text that UTF-8 cannot hold: large_string, with the character replaced
    NESTED = "nested"  # large_string, the name of the type
    OTHER = "other"  # large_string, the name of the type


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """The cells of one kind in a column."""

    kind: CellKind
    values: pa.Array  # null where a cell is absent
    rows: Rows | None = None  # the cells' positions in the column; None: they are the whole column
    exact_below: int = DOUBLE_EXACT  # from here on, the column's float type cannot hold every whole number
    note: str = ""  # the code to report for the column if a cell can be read; "": none
    written: pa.Array | None = None  # the cells as they stand, if their ends were stripped

    def mask(self) -> Mask:
        """Return where a value is present, as long as `values`."""
        return valid_mask(self.values)


def absent_cells(rows: Rows) -> list[Cells]:
    """Return absent cells as a part of text, so that the parts of a column cover all its rows."""
    return [Cells(kind=CellKind.TEXT, values=pa.nulls(len(rows), TEXT_TYPE), rows=rows)]


def valid_mask(values: pa.Array) -> Mask:
    """Return where an Arrow array has a value."""
    return to_mask(values.is_valid()) if values.null_count else np.ones(len(values), dtype=bool)


def to_mask(booleans: pa.BooleanArray) -> Mask:
    """Return a pyarrow.BooleanArray as a mask; null becomes False."""
    filled = pc.fill_null(booleans, False) if booleans.null_count else booleans
    mask: Mask = filled.to_numpy(zero_copy_only=False)
    return mask


def matches(text: pa.Array, pattern: str) -> Mask:
    """Return where text matches a regular expression; not where it is null."""
    return to_mask(pc.match_substring_regex(text, pattern))


def mask_at(rows: Rows, length: int) -> Mask:
    """Return a mask of `length` rows that is True at `rows`."""
    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return mask


def without(values: pa.Array, rows: Mask) -> pa.Array:
    """Return the array with some rows made null; the values are not copied.

    Parameters
    ----------
    values : pyarrow.LargeStringArray, pyarrow.Int64Array or pyarrow.DoubleArray
        Each value or offset takes eight bytes.
    rows : numpy.ndarray of bool
        The rows to make null.
    """
    if not rows.any():
        return values
    is_valid = pa.py_buffer(np.packbits(valid_mask(values) & ~rows, bitorder="little"))
    # The array may be a slice of another, which has its own validity: all buffers must begin where the slice does.
    _, numbers, *letters = values.buffers()
    return pa.Array.from_buffers(
        values.type, len(values), [is_valid, numbers.slice(values.offset * WORD_BYTES), *letters]
    )


def text_bytes(text: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return the bounds of each text, and the bytes of all texts, without copying them.

    `bounds` (int64, shape (n + 1,)) has where each of the n texts of a LargeStringArray begins, and last where the last
    one ends. `letters` (uint8) is UTF-8, also under a null.
    """
    _, offsets, letters = text.buffers()
    if not len(text) or letters is None:
        return np.zeros(len(text) + 1, np.int64), np.zeros(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]
    return bounds - bounds[0], np.frombuffer(letters, np.uint8)[bounds[0] : bounds[-1]]


def is_utf8(text: pa.Array) -> bool:
    """Tell whether each text of a LargeStringArray is UTF-8. Bytes of ASCII are, and are told apart in little time."""
    _, letters = text_bytes(text)
    if letters.max(initial=0) < _BEYOND_ASCII:
        return True
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def words_at_each_byte(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return the eight bytes that begin at each byte as one number: uint64, shape (n + 1,).

    The first byte is the lowest. Bytes beyond the end count as zero.
    """
    padded = np.concatenate([letters, np.zeros(WORD_BYTES, np.uint8)])
    return np.ndarray((len(letters) + 1,), "<u8", padded, strides=(1,))


def holds_any(text: pa.Array, *patterns: bytes) -> bool:
    """Tell whether any text holds one of the patterns; False is certain, True is not.

    All texts are searched as one, so a pattern may be found across the border of two texts.
    """
    _, letters = text_bytes(text)
    # Python searches bytes many times faster than numpy compares them.
    memory = letters.tobytes()
    return any(pattern in memory for pattern in patterns)


def time_text(times: pa.Array) -> pa.Array:
    """Write timestamps, without a zone or in UTC, as ISO 8601.

    UTC gets a ``Z`` at the end; zeros at the end of a fraction are left out.
    """
    text = pc.replace_substring(times.cast(TEXT_TYPE), " ", "T", max_replacements=1)
    return pc.replace_substring_regex(text, r"(?:\.0+|(\.[0-9]*[1-9])0*)(Z?)$", r"\1\2")
