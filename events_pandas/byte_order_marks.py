"""Text files in another encoding than UTF-8, which a byte order mark or somebody names: read as UTF-8."""

import codecs
import io
import re
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
_CONTROL: Final = re.compile("[\x80-\x9f]")
_LONGEST_MARK: Final = 4
_READ_BYTES: Final = 1 << 18


class UndecodableError(UnicodeDecodeError):
    """A text is not in its encoding: `line`, counted from 1, holds the first bytes that are not."""

    def __init__(self, error: UnicodeDecodeError, encoding: str, line: int) -> None:
        super().__init__(encoding, error.object, error.start, error.end, error.reason)
        self.line = line


def marked_encoding(start: bytes) -> tuple[str, int]:
    """Return the encoding of a text by its mark (``"utf-8"`` without one), and the length of the mark in bytes.

    The length of a UTF-8 mark is 0: readers of UTF-8 know it. `start` is at least the first four bytes, or the whole
    text.
    """
    return next(((name, len(mark)) for mark, name in _ENCODINGS.items() if start.startswith(mark)), ("utf-8", 0))


def without_marks(start: bytes) -> bytes:
    """Return the start of a UTF-8 text without its byte order marks: a program may have added one to another's."""
    while start.startswith(codecs.BOM_UTF8):
        start = start[len(codecs.BOM_UTF8) :]
    return start


def as_utf8(stream: BinaryIO) -> BinaryIO:
    """Return a stream as UTF-8, whatever encoding its mark names; without such a mark, the stream itself.

    The stream is at its start, and seekable. Reading raises `UndecodableError` if the text is not in its encoding.
    """
    encoding, length = marked_encoding(stream.read(_LONGEST_MARK))
    stream.seek(length)
    return stream if encoding == "utf-8" else recoded(stream, encoding)


def recoded(stream: BinaryIO, encoding: str) -> BinaryIO:
    """Return a stream as UTF-8, given the encoding of its text.

    Reading raises `UndecodableError` if the text is not in this encoding, or has control characters that only the
    encodings of one byte for a character have: they would be signs such as the euro in Windows-1252.
    """
    return cast("BinaryIO", io.BufferedReader(_Recoded(stream, encoding), _READ_BYTES))


def recoded_from(stream: BinaryIO) -> str | None:
    """Return the encoding from which a stream is recoded, such as its mark names it; None if it is read as it is."""
    raw = getattr(stream, "raw", None)
    return raw.encoding if isinstance(raw, _Recoded) else None


class _Recoded(io.RawIOBase):
    """The bytes of a stream, recoded as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.encoding = encoding
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = memoryview(b"")
        self._lines = 0  # handed out so far; a lone carriage return counts as the line feed after it

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # What io passes.
        """Fill a buffer; 0 bytes are the end."""
        while not self._rest:
            block = self._stream.read(_READ_BYTES)
            text = self._decoded(block)
            self._rest = memoryview(text.encode())
            if not block and not self._rest:
                return 0
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)

    def _decoded(self, block: bytes) -> str:
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(self.encoding, errors="replace")
            raise UndecodableError(error, self.encoding, self._lines + _line_ends(good) + 1) from error
        control = None if text.isascii() or self.encoding.lower().startswith("utf") else _CONTROL.search(text)
        if control is not None:
            fault = UnicodeDecodeError(self.encoding, block, 0, len(block), "control character")
            raise UndecodableError(fault, self.encoding, self._lines + _line_ends(text[: control.start()]) + 1)
        self._lines += _line_ends(text)
        return text


def _line_ends(text: str) -> int:
    return text.count("\n") or text.count("\r")
