"""The encoding of a file of text: given, named by a byte order mark, or shown by all of its bytes."""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeAlias

from events_pandas.byte_order_marks import recoded, recoded_from
from events_pandas.errors import SourceError
from events_pandas.sources.csv_grammar import line_ends_in
from events_pandas.sources.source_file import FileRemark, SourceFile
from events_pandas.sources.western_words import WordReading, has_a_sign, reading_of
from events_pandas.wording import Phrase
from events_pandas.words import quoted

OpenStream: TypeAlias = Callable[[], AbstractContextManager[BinaryIO]]

Place: TypeAlias = tuple[int, str]
"""A line, and a word in it."""

UTF_8: Final = "utf-8"
WINDOWS_1252: Final = "cp1252"

# They have letters where Windows-1252 has signs and rare letters.
_ALIKE: Final = ("mac_roman", "cp850")
_CENTRAL_EUROPEAN: Final = "cp1250"
_CODE: Final = "encoding_detected"
_READ_BYTES: Final = 1024 * 1024
_START_BYTES: Final = 1024
_SEEN_WORDS: Final = 100_000
_WIDE: Final = ("utf-16", "utf-32")

# What ASCII looks like in these encodings, four bytes at a time; UTF-16 without a mark is else not to be told apart.
_UNMARKED: Final = {
    "utf-32-le": re.compile(rb"(?:[^\0]\0\0\0){4}"),
    "utf-32-be": re.compile(rb"(?:\0\0\0[^\0]){4}"),
    "utf-16-le": re.compile(rb"(?:[^\0]\0){4}"),
    "utf-16-be": re.compile(rb"(?:\0[^\0]){4}"),
}

_WORDS_ONLY: Final = bytes(byte if bytes([byte]).isalpha() or byte >= 0x80 else ord(" ") for byte in range(256))  # noqa: PLR2004  # ASCII ends there.
"""Bytes of words as they are, and a blank for each other byte."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextEncoding:
    """How the text of a file is decoded."""

    codec: str  # UTF_8 if the stream is UTF-8 without being recoded here
    remark: FileRemark | None = None
    is_open: bool = False  # UTF-8 is assumed, until a byte shows something else


@contextmanager
def opened_text(open_stream: OpenStream, codec: str) -> Iterator[BinaryIO]:
    """Open a file as UTF-8, given its encoding."""
    with open_stream() as stream:
        yield stream if codec == UTF_8 else recoded(stream, codec)


def known_encoding(file: SourceFile, open_stream: OpenStream) -> TextEncoding:
    """Return the encoding that is given, or that the start of a file shows; UTF-8 is assumed otherwise.

    A given encoding that does not exist, or that the bytes of the file contradict, is a `SourceError`. A mark of UTF-8
    comes first: a program that saves as UTF-8 wrote it, as for a file of rejects.
    """
    with open_stream() as stream:
        marked, start = recoded_from(stream), stream.read(_START_BYTES)
    given = file.written.encoding
    if marked is None and start.startswith(codecs.BOM_UTF8):
        _codec_name(file, given or UTF_8)
        return TextEncoding(codec=UTF_8)
    if given is not None:
        return TextEncoding(codec=_confirmed(file, open_stream, given=given, marked=marked, start=start))
    if marked is not None:
        subject = f"{_family(marked)} (by its byte order mark)"
        return TextEncoding(codec=UTF_8, remark=FileRemark(code=_CODE, subject=subject))
    if (shown := _shown_by_nuls(start)) is not None:
        codec, text = shown
        subject = f"{codec.upper()} ({quoted(text)} at its start)"
        return TextEncoding(codec=codec, remark=FileRemark(code=_CODE, subject=subject))
    return TextEncoding(codec=UTF_8, is_open=True)


def _codec_name(file: SourceFile, given: str) -> str:
    """Return Python's own name for an encoding; one that does not exist is a `SourceError`."""
    try:
        # Some codecs are not for text.
        "a".encode(given)
    except (LookupError, ValueError) as error:
        fault = f"Python has no encoding {given!r}: give one such as 'cp1252'"
        raise SourceError(f"{file}: {fault}") from error
    return codecs.lookup(given).name.removesuffix("-sig")


def _confirmed(file: SourceFile, open_stream: OpenStream, *, given: str, marked: str | None, start: bytes) -> str:
    """Return the codec for a given encoding, unless the bytes of the file contradict it."""
    name = _codec_name(file, given)
    shown = _shown_by_nuls(start)
    if marked is not None and name.startswith(_family(marked).lower()):
        return UTF_8
    if marked is None and shown is not None and shown[0].startswith(name):
        return shown[0]
    stated = f"the encoding that is given is {given!r}"
    if marked is not None:
        family = _family(marked)
        raise SourceError((f"{file}: its byte order mark says {family}, and {stated}: ", _given(family.lower())))
    found, shown_by = _contradiction(open_stream, given, name=name, start=start)
    if found:
        cure = _given(shown_by) if shown_by else "leave the encoding out"
        raise SourceError((f"{file}: {found}, and {stated}: ", cure, f", or save the file as {given!r}"))
    if name in _WIDE:
        cure = f"give '{name}-le' or '{name}-be'"
        raise SourceError(f"{file}: has no byte order mark, and {stated}: {cure}")
    return UTF_8 if name == UTF_8 else given


def _given(encoding: str) -> Phrase:
    """Return how to give an encoding. A mapping that `suggest` wrote for another file may name another one."""
    return Phrase(f"set encoding in the mapping's source to {encoding!r}", f"give --encoding {encoding}")


def _contradiction(open_stream: OpenStream, given: str, *, name: str, start: bytes) -> tuple[str, str]:
    """Say how a file without a mark contradicts an encoding, whose name is also Python's own; or nothing.

    The second text is the encoding that the file shows, if it shows one.
    """
    if (shown := _shown_by_nuls(start)) is not None:
        return f"its first characters are {shown[0].upper()} ({quoted(shown[1])})", shown[0]
    if name.startswith(_WIDE):
        return (f"has none of the NULs of {_family(name)}" if start and b"\0" not in start else ""), ""
    return ("" if name == UTF_8 else _utf_8_words(open_stream, given)), UTF_8


def _family(codec: str) -> str:
    return codec[: len("utf-16")].upper()


def _shown_by_nuls(start: bytes) -> tuple[str, str] | None:
    """Return the encoding that the first characters show by their NULs, and these characters."""
    for codec, pattern in _UNMARKED.items():
        if (found := pattern.match(start)) is not None:
            return codec, found[0].decode(codec)
    return None


def _utf_8_words(open_stream: OpenStream, given: str) -> str:
    """Say which word shows that a file is UTF-8, and not the given encoding; empty unless all words are UTF-8."""
    found = _Words()
    with open_stream() as stream:
        for block in _blocks(stream):
            found.look_at(block)
            if found.first is not None:
                return ""
    if found.utf_8 is None:
        return ""
    line, word = found.utf_8
    other = quoted(word.encode().decode(given, errors="replace"))
    return f"is UTF-8, such as line {line:,} ({quoted(word)}, which would be read as {other})"


def header_fault(found: Iterable[str], names: frozenset[str], codec: str) -> str:
    """Say which of the found columns is one of the names in another encoding than the one that was read; or nothing."""
    for label in found if codec != UTF_8 else ():
        for other in (WINDOWS_1252, *_ALIKE, _CENTRAL_EUROPEAN):
            word = label.encode(codec, errors="replace").decode(other, errors="replace")
            if word != label and word in names:
                cure = f"set encoding in the mapping's source to {other!r}"
                return f"in the file's header {quoted(label)} is {quoted(word)} in another encoding: {cure}"
    return ""


def undecodable_fault(line: int, encoding: str) -> str:
    """Say that a line, counted from 1, is not in the encoding that is given, or that a byte order mark names."""
    cure = "correct the line, or set encoding in the mapping's source to the file's encoding"
    return f"line {line} has bytes that are not {encoding.upper()}: {cure}"


def encoding_of_bytes(file: SourceFile, open_stream: OpenStream) -> TextEncoding:
    """Decide the encoding of a file that is not UTF-8 as a whole, by all of its bytes.

    It is Windows-1252 if every word may be one of a Western language, and one of them is in no other encoding if some
    may be. Otherwise, and if some lines are UTF-8, the encoding must be given: a `SourceError`.
    """
    found = _Words()
    with open_stream() as stream:
        for block in _blocks(stream):
            found.look_at(block)
    if found.utf_8 is not None:
        line, word = found.utf_8
        other, _ = found.first or found.utf_8
        fault = (
            f"line {other:,} is not UTF-8, and others are, such as line {line:,} ({quoted(word)}): "
            f"correct line {other:,}, or set encoding in the mapping's source"
        )
        raise SourceError(f"{file}: {fault}")
    if found.odd is not None:
        line, word = found.odd
        fault = (
            f"is not UTF-8, and its encoding is not clear: as Windows-1252, line {line:,} has {quoted(word)}: "
            "set encoding in the mapping's source, such as 'cp1250' or 'mac_roman', or save it as UTF-8"
        )
        raise SourceError(f"{file}: {fault}")
    if found.unsure is not None and not found.is_certain:
        line, word = found.unsure
        others = [f"{quoted(word.encode(WINDOWS_1252).decode(codec))} as {codec!r}" for codec in _ALIKE]
        fault = (
            f"is not UTF-8, and its encoding is not clear: line {line:,} has {quoted(word)} as {WINDOWS_1252!r}, "
            f"{' and '.join(others)}: set encoding in the mapping's source to the right one, or save it as UTF-8"
        )
        raise SourceError(f"{file}: {fault}")
    line, word = found.sign or found.first or (1, "")
    return TextEncoding(
        codec=WINDOWS_1252,
        remark=FileRemark(code=_CODE, subject=f"Windows-1252 ({quoted(word)} in line {line:,})"),
    )


class _Words:
    """The first words of a file, with their lines, that show something about its encoding; none of them is ASCII."""

    def __init__(self) -> None:
        self.utf_8: Place | None = None
        self.first: Place | None = None  # that is not UTF-8
        self.odd: Place | None = None  # that is not a word in Windows-1252 either
        self.unsure: Place | None = None  # that may be a word in another encoding too
        self.is_certain = False  # a word is one in Windows-1252 only
        self.sign: Place | None = None  # that has more than letters
        self._line = 0
        self._seen: set[bytes] = set()

    def look_at(self, block: bytes) -> None:
        """Look at the words of some lines."""
        words = set() if block.isascii() else _words_beyond_ascii(block) - self._seen
        for place, word in sorted((block.index(word), word) for word in words):
            self._judge(word, self._line + line_ends_in(block[:place]) + 1)
        # Bounded, since a file may have any number of words.
        self._seen = words if len(self._seen) > _SEEN_WORDS else self._seen | words
        self._line += line_ends_in(block)

    def _judge(self, word: bytes, line: int) -> None:
        with suppress(UnicodeDecodeError):
            place = line, word.decode()
            self.utf_8 = self.utf_8 or place
            return
        place = line, word.decode(WINDOWS_1252, errors="replace")
        self.first = self.first or place
        match reading_of(place[1]):
            case WordReading.IMPOSSIBLE:
                self.odd = self.odd or place
                return
            case WordReading.UNSURE:
                self.unsure = self.unsure or place
            case WordReading.CERTAIN:
                self.is_certain = True
        if has_a_sign(place[1]):
            self.sign = self.sign or place


def _words_beyond_ascii(text: bytes) -> set[bytes]:
    # A regular expression for them would look at every byte, which takes five times as long.
    return {word for word in set(text.translate(_WORDS_ONLY).split()) if not word.isascii()}


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, many at a time."""
    rest = b""
    while block := stream.read(_READ_BYTES):
        text = rest + block
        end = (text.rfind(b"\n") + 1) or (text.rfind(b"\r") + 1) or len(text)
        yield text[:end]
        rest = text[end:]
    yield rest
