"""Bytes as text: UUIDs of 16 bytes, and bytes that are UTF-8."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

UUID_BYTES = 16
UUID_TYPE = pa.binary(UUID_BYTES)
"""What older versions of pyarrow have for the UUIDs of a Parquet file."""

_HEX = np.array([f"{byte:02x}".encode() for byte in range(256)], "S2").view(np.uint8).reshape(256, 2)
_UUID_LETTERS = 36
_UUID_DASHES = (8, 13, 18, 23)
_UUID_DIGITS = np.setdiff1d(np.arange(_UUID_LETTERS), _UUID_DASHES)

Booleans = npt.NDArray[np.bool_]


def uuid_text(array: pa.Array) -> pa.Array:
    """Write UUIDs as their text.

    Parameters
    ----------
    array : pyarrow.FixedSizeBinaryArray
        16 bytes each.

    Returns
    -------
    pyarrow.LargeStringArray
        In lower case, with four dashes.

    Examples
    --------
    >>> uuid_text(pa.array([bytes(range(16)), None], pa.binary(16))).to_pylist()
    ['00010203-0405-0607-0809-0a0b0c0d0e0f', None]
    """
    _, memory = array.buffers()
    n_cells = len(array)
    start = array.offset * UUID_BYTES
    octets = np.frombuffer(memory or b"", np.uint8)[start : start + n_cells * UUID_BYTES]
    letters = np.full((n_cells, _UUID_LETTERS), ord("-"), np.uint8)
    letters[:, _UUID_DIGITS] = _HEX[octets].reshape(n_cells, 2 * UUID_BYTES)
    offsets = np.arange(n_cells + 1, dtype=np.int64) * _UUID_LETTERS
    texts = pa.LargeStringArray.from_buffers(n_cells, pa.py_buffer(offsets), pa.py_buffer(letters))
    return pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.large_string())) if array.null_count else texts


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether cells of a type are bytes, of which nobody says what they are.

    Parameters
    ----------
    kind : pyarrow.DataType
        Any type.

    Returns
    -------
    bool
        False for text and for UUIDs.
    """
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def decoded(array: pa.Array) -> tuple[pa.Array, Booleans]:
    """Read bytes as text in UTF-8.

    Parameters
    ----------
    array : pyarrow.Array
        Bytes of any length.

    Returns
    -------
    texts : pyarrow.LargeStringArray
        Null where nothing stands or where the bytes are not UTF-8.
    unreadable : numpy.ndarray of bool
        Where the bytes are not UTF-8.
    """
    try:
        return array.cast(pa.large_string()), np.zeros(len(array), dtype=bool)
    except pa.ArrowInvalid:
        # Arrow refuses the whole column for one cell.
        cells = array.to_pylist()
    texts = list(_texts(cells))
    lost = [text is None and cell is not None for text, cell in zip(texts, cells, strict=True)]
    return pa.array(texts, pa.large_string()), np.array(lost, dtype=bool)


def _texts(cells: Iterable[bytes | None]) -> Iterable[str | None]:
    for cell in cells:
        yield None if cell is None else text_of(cell)


def text_of(cell: bytes | bytearray | memoryview) -> str | None:
    """Read bytes as text in UTF-8.

    Parameters
    ----------
    cell : bytes, bytearray or memoryview
        Any bytes.

    Returns
    -------
    str or None
        None where they are not UTF-8.
    """
    try:
        return bytes(cell).decode()
    except UnicodeDecodeError:
        return None
