"""The grammar of CSV files with a certain delimiter: where a cell ends, and what stands within its quotes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from events_pandas.convert.cells import Mask

QUOTE, LINE_FEED, CARRIAGE_RETURN = b'"\n\r'
NUL: Final = b"\0"
BLANKS: Final = b" \t"

# A backslash escapes a quote if an odd number of them stands before it: in an even number each escapes the next.
ESCAPED_QUOTE: Final = re.compile(rb'(?<!\\)(?:\\\\)*\\"')
ESCAPE_PAIR: Final = re.compile(rb'\\["\\]')

# A cell with its end. A quote that does not begin its cell is a character like any other, and so is everything after a
# closing quote.
_CELL: Final = rb'(?:"(?P<quoted>(?:[^"]++|"")*+)"(?P<stray>[^%b\r\n]*)|(?!")[^%b\r\n]*)(?P<end>%b|\r\n|\r|\n|\Z)'
_DOUBLED_QUOTE: Final = rb'(?<=[^%b\r\n])""(?=[^%b\r\n])|(?:\A|(?<=[%b\r\n]))"""'
# No cell has a value: blanks in one cell, or cells with nothing but blanks, also in quotes.
_BLANK_CELL: Final = rb'(?:[%s]*|"[%s]*")'
_BLANK: Final = rb"[ \t]*|%c(?:%b%c)+"
_QUOTED_CELL: Final = rb'(?:\A|(?<=[%b\r\n]))"([^"\\]*+(?:\\[\s\S][^"\\]*+)*+)"'


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CsvGrammar:
    """How cells are told apart if a certain byte stands between them."""

    delimiter: bytes  # one byte of ASCII
    cell: "re.Pattern[bytes]"
    doubled_quote: "re.Pattern[bytes]"
    quoted_cell: "re.Pattern[bytes]"  # in which a backslash escapes a quote
    blank: "re.Pattern[bytes]"  # a whole record without a value in any cell
    may_stand_beside_a_quote: Mask  # by byte
    others: bytes  # all bytes that neither structure a file nor are odd in it

    @classmethod
    @cache
    def of(cls, delimiter: bytes) -> "CsvGrammar":
        """Return the grammar of a delimiter, which is one byte of ASCII."""
        mark, structure = re.escape(delimiter), delimiter + b'"\n\r'
        blank_cell = _BLANK_CELL.replace(b"%s", BLANKS.replace(delimiter, b""))
        return cls(
            delimiter=delimiter,
            cell=re.compile(_CELL.replace(b"%b", mark)),
            doubled_quote=re.compile(_DOUBLED_QUOTE.replace(b"%b", mark)),
            quoted_cell=re.compile(_QUOTED_CELL.replace(b"%b", mark)),
            blank=re.compile(_BLANK.replace(b"%c", blank_cell).replace(b"%b", mark)),
            may_stand_beside_a_quote=np.isin(np.arange(256), list(structure)),
            others=bytes(byte for byte in range(256) if byte not in structure + NUL),
        )

    def cells_of(self, record: bytes) -> list[tuple[int, int]]:
        """Return where each cell of a record begins and ends, with its quotes; the record has no line end."""
        spans, position = [], 0
        while (cell := self.cell.match(record, position)) is not None:
            spans.append((cell.start(), cell.start("end")))
            position = cell.end()
            if cell["end"] != self.delimiter:
                break
        return spans

    def texts_of(self, record: bytes) -> list[bytes]:
        """Return the texts of a record's cells, without their quotes."""
        return [self.text_of(record[start:end]) for start, end in self.cells_of(record)]

    def quoted_text(self, raw: bytes) -> bytes | None:
        """Return the text within the quotes of a cell, as it is written; None for a cell without quotes."""
        cell = self.cell.match(raw)
        return None if cell is None else cell["quoted"]

    def text_of(self, raw: bytes) -> bytes:
        """Return the text of a cell without its quotes."""
        quoted = self.quoted_text(raw)
        return raw if quoted is None else quoted.replace(b'""', b'"')

    def plain_quotes(self, text: bytes) -> bytes:
        r"""Double the quotes that a backslash escapes within quotes, as others do; two backslashes become one."""
        return self.quoted_cell.sub(lambda cell: b'"' + ESCAPE_PAIR.sub(_plain, cell[1]) + b'"', text)

    def records(self, text: bytes, *, is_last: bool) -> Iterator[list["re.Match[bytes]"]]:
        """Yield the cells of each complete record, cell by cell; end at a quote that is not closed.

        If nothing follows (`is_last`), the end of the text ends a record.
        """
        record: list[re.Match[bytes]] = []
        start = position = 0
        while start < len(text):
            cell = self.cell.match(text, position)
            if cell is None or not (is_last or is_complete(cell)):
                return
            record.append(cell)
            position = cell.end()
            if cell["end"] != self.delimiter:
                yield record
                record, start = [], position


def is_complete(cell: "re.Match[bytes]") -> bool:
    """Tell whether a cell has ended, even if the file goes on."""
    return bool(cell["end"]) and not (cell["end"] == b"\r" and cell.end() == len(cell.string))


def quoted_cell(text: bytes) -> bytes:
    """Put the text of a cell in quotes, and double its own quotes."""
    return b'"' + text.replace(b'"', b'""') + b'"'


def line_ends_in(text: bytes) -> int:
    """Count the line ends in a text: line feeds, carriage returns, and pairs of both as one."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def _plain(pair: "re.Match[bytes]") -> bytes:
    return b'""' if pair[0] == b'\\"' else b"\\"
