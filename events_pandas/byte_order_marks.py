"""Text files that say by their first bytes how they are encoded, as those of Windows do: read as UTF-8."""

import codecs
import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO, Final, cast

# The marks of UTF-32 begin with those of UTF-16, or with zeros.
_ENCODINGS: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        codecs.BOM_UTF32_LE: "utf-32-le",
        codecs.BOM_UTF32_BE: "utf-32-be",
        codecs.BOM_UTF16_LE: "utf-16-le",
        codecs.BOM_UTF16_BE: "utf-16-be",
    }
)
_LONGEST_MARK: Final = 4
_READ_BYTES: Final = 1 << 18


def marked_encoding(start: bytes) -> tuple[str, int]:
    """Tell how a text is encoded.

    Parameters
    ----------
    start : bytes
        Its first four bytes at least, or all of it.

    Returns
    -------
    encoding : str
        The name for Python; ``"utf-8"`` without a mark.
    length : int
        Bytes of the mark; that of UTF-8 is not counted, as readers of UTF-8 know it.

    Examples
    --------
    >>> marked_encoding("id".encode("utf-16-le")), marked_encoding(codecs.BOM_UTF16_LE + "id".encode("utf-16-le"))
    (('utf-8', 0), ('utf-16-le', 2))
    """
    return next(((name, len(mark)) for mark, name in _ENCODINGS.items() if start.startswith(mark)), ("utf-8", 0))


def as_utf8(stream: BinaryIO) -> BinaryIO:
    """Read a text as UTF-8, however its mark says that it is encoded.

    Parameters
    ----------
    stream : binary file
        At its start; one that can be sought.

    Returns
    -------
    binary file
        The same one if it has no mark, or that of UTF-8.

    Raises
    ------
    UnicodeDecodeError
        When it is read, if it is not encoded as it says.
    """
    encoding, length = marked_encoding(stream.read(_LONGEST_MARK))
    stream.seek(length)
    if encoding == "utf-8":
        return stream
    return cast("BinaryIO", io.BufferedReader(_Recoded(stream, encoding), _READ_BYTES))


class _Recoded(io.RawIOBase):
    """Bytes of one encoding as those of UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # What io passes.
        """Read into a buffer; 0 bytes are the end."""
        while not self._rest:
            block = self._stream.read(_READ_BYTES)
            self._rest = memoryview(self._decoder.decode(block, final=not block).encode())
            if not block and not self._rest:
                return 0
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)
