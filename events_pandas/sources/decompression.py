"""Compressed content becomes a stream: gzip, bzip2, xz and Zstandard."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

import pyarrow as pa

_READ_BYTES: Final = 1 << 18


def open_zstandard(content: BinaryIO) -> BinaryIO:
    """Open content that was compressed with Zstandard, from its start; closing the stream leaves the content open."""
    return io.BufferedReader(_Zstandard(content), _READ_BYTES)


# They begin to read at the start of what they decompress, and leave it open.
DECOMPRESSORS: Final[Mapping[str, Callable[[BinaryIO], Any]]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": open_zstandard,
}
COMPRESSIONS: Final = frozenset({".zip", *DECOMPRESSORS})


class _Zstandard(io.RawIOBase):
    """Decompressed bytes; like `gzip.GzipFile`, it seeks by reading from the start once more."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._rewind()

    def _rewind(self) -> None:
        self._content.seek(0)
        # Arrow would close the content.
        source = pa.PythonFile(_LeftOpen(self._content), mode="r")
        self._stream = pa.CompressedInputStream(source, "zstd")
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the number of bytes before the next one."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte counted from the start, or from here."""
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if target < self._position:
            self._rewind()
        while self._position < target and self._skip(min(target - self._position, _READ_BYTES)):
            pass
        return self._position

    def _skip(self, size: int) -> int:
        return self.readinto(memoryview(bytearray(size)))

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # What io passes.
        """Fill a buffer; 0 bytes are the end."""
        read = self._stream.read(len(buffer))
        buffer[: len(read)] = read
        self._position += len(read)
        return len(read)


class _LeftOpen:
    """A stream that another stream cannot close."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)

    def close(self) -> None:
        pass
