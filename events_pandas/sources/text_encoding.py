"""The encoding of a file of text: given, named by a byte order mark, or shown by all of its bytes."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeAlias

from events_pandas.byte_order_marks import recoded, recoded_from
from events_pandas.errors import SourceError
from events_pandas.sources.csv_grammar import line_ends_in
from events_pandas.sources.source_file import FileRemark, SourceFile
from events_pandas.words import quoted

OpenStream: TypeAlias = Callable[[], AbstractContextManager[BinaryIO]]

Place: TypeAlias = tuple[int, str]
"""A line, and a word in it."""

UTF_8: Final = "utf-8"
WINDOWS_1252: Final = "cp1252"

_CODE: Final = "encoding_detected"
_READ_BYTES: Final = 1024 * 1024
_START_BYTES: Final = 1024
_SEEN_WORDS: Final = 100_000
_UNDEFINED: Final = "\N{REPLACEMENT CHARACTER}"
_UTF_8_MARK: Final = b"\xef\xbb\xbf"
_NAMES: Final = {"utf-8": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}

# What ASCII looks like in these encodings, four bytes at a time; UTF-16 without a mark is else not to be told apart.
_UNMARKED: Final = {
    "utf-32-le": re.compile(rb"(?:[^\0]\0\0\0){4}"),
    "utf-32-be": re.compile(rb"(?:\0\0\0[^\0]){4}"),
    "utf-16-le": re.compile(rb"(?:[^\0]\0){4}"),
    "utf-16-be": re.compile(rb"(?:\0[^\0]){4}"),
}

_WORDS_ONLY: Final = bytes(byte if bytes([byte]).isalpha() or byte >= 0x80 else ord(" ") for byte in range(256))  # noqa: PLR2004  # ASCII ends there.
"""Bytes of words as they are, and a blank for each other byte."""

_LETTER: Final = "A-Za-zªºÀ-ÖØ-öø-ÿŒœŠšŽžŸƒ"
# What does not occur in a word of a Western language: the bytes of another encoding are read as Windows-1252 then.
_ODD_IN_A_WORD: Final = re.compile(
    rf"(?<=[{_LETTER}])[^{_LETTER}\u2019\u2013\u2014·®™\xa0\xad](?=[{_LETTER}])"  # a sign between letters, as in z³oty
    "|(?<=[a-zß-öø-ÿœšž])[À-ÖØ-ÞŒŠŽŸ]"  # a capital behind a small letter
    "|[À-ÖØ-öø-ÿŒœŠšŽžŸƒ]{3}"  # Cyrillic, Greek and Asian words have none of the letters of ASCII
    "|[ÐðÝýÞþ]"  # Icelandic; or the Turkish or Baltic letters that have the same bytes
    "|¤"  # in ISO 8859-15 the sign of the euro
)
# Signs within a word are a reason to look at it.
_SIGN: Final = re.compile(rf"[^{_LETTER}]")


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

    A given encoding that does not exist, or that a byte order mark of UTF-16 or UTF-32 contradicts, is a `SourceError`.
    A mark of UTF-8 comes first: a program that saves as UTF-8 wrote it, as for a file of rejects.
    """
    with open_stream() as stream:
        marked, start = recoded_from(stream), stream.read(_START_BYTES)
    if marked is None and start.startswith(_UTF_8_MARK):
        marked = UTF_8
    given = file.written.encoding
    if given is not None and marked == UTF_8:
        _require_codec(file, given)
        is_other = _family(given) != UTF_8
        remark = FileRemark(code=_CODE, subject="UTF-8 (by its byte order mark)") if is_other else None
        return TextEncoding(codec=UTF_8, remark=remark)
    if given is not None:
        return TextEncoding(codec=_given_codec(file, given, marked))
    if marked is not None:
        name = _NAMES[marked[:6].rstrip("-")]
        remark = None if marked == UTF_8 else FileRemark(code=_CODE, subject=f"{name} (by its byte order mark)")
        return TextEncoding(codec=UTF_8, remark=remark)
    for codec, pattern in _UNMARKED.items():
        if (found := pattern.match(start)) is not None:
            subject = f"{codec.upper()} ({quoted(found[0].decode(codec))} at its start)"
            return TextEncoding(codec=codec, remark=FileRemark(code=_CODE, subject=subject))
    return TextEncoding(codec=UTF_8, is_open=True)


def _require_codec(file: SourceFile, given: str) -> None:
    try:
        # Some codecs are not for text.
        "a".encode(given)
    except (LookupError, ValueError) as error:
        fault = f"Python has no encoding {given!r}: give one such as 'cp1252'"
        raise SourceError(f"{file}: {fault}") from error


def _family(given: str) -> str:
    return given.lower().replace("_", "-").replace("utf-8-sig", UTF_8).replace("utf8", UTF_8)


def _given_codec(file: SourceFile, given: str, marked: str | None) -> str:
    _require_codec(file, given)
    family = _family(given)
    if marked is None:
        return UTF_8 if family == UTF_8 else given
    name = _NAMES[marked[:6].rstrip("-")]
    if not family.replace("utf16", "utf-16").replace("utf32", "utf-32").startswith(name.lower()):
        fault = f"its byte order mark says {name}, and the encoding that is given is {given!r}: leave it out"
        raise SourceError(f"{file}: {fault}")
    return UTF_8


def undecodable_fault(line: int, encoding: str) -> str:
    """Say that a line, counted from 1, is not in the encoding that is given, or that a byte order mark names."""
    cure = "correct the line, or set encoding in the mapping's source to the file's encoding"
    return f"line {line} has bytes that are not {encoding.upper()}: {cure}"


def encoding_of_bytes(file: SourceFile, open_stream: OpenStream) -> TextEncoding:
    """Decide the encoding of a file that is not UTF-8 as a whole, by all of its bytes.

    It is Windows-1252 if every word may be one of a Western language. Otherwise, and if some lines are UTF-8, the
    encoding must be given: a `SourceError`.
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
        if _UNDEFINED in place[1] or _ODD_IN_A_WORD.search(place[1]):
            self.odd = self.odd or place
        elif _SIGN.search(place[1]):
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
