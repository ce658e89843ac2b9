"""The rows of a CSV file as they are written, some at a time, and which of them are odd."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import pandas as pd

from events_pandas.convert.cells import Mask, Rows
from events_pandas.sources.csv_structure import Records, UnclosedQuoteError, find_records

BLOCK_BYTES: Final = 512 * 1024
"""Bytes that are looked at together: enough for numpy, few enough for a processor's cache."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
END_OF_FILE_OF_DOS: Final = b"\x1a"
BLANKS: Final = b" \t"

CSV_FORM: dict[str, Any] = {
    # Without this a file whose rows have one cell too many would take its first column for an index.
    "index_col": False,
    "encoding": "utf-8-sig",
    # Only an empty cell is absent: "NA" is Namibia, and "None" may be somebody's name.
    "keep_default_na": False,
}

# An odd number of backslashes before a quote: of an even number each one may escape the next.
ESCAPED_QUOTE: Final = re.compile(rb'(?<!\\)(?:\\\\)*\\"')
_ESCAPE_PAIR = re.compile(rb'\\["\\]')
_QUOTED_CELL = re.compile(rb'(?:\A|(?<=[,\r\n]))"([^"\\]*+(?:\\[\s\S][^"\\]*+)*+)"')

_NUL: Final = b"\0"
_PREFIX_BYTES: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvForm:
    """The form of a CSV file.

    Parameters
    ----------
    header : bytes
        The line that names the columns, without its end.
    names : tuple of bytes
        The names as they are written, without quotes.
    offset : int
        Where the first row begins, in bytes.
    lines : int
        The number of lines before it.
    escaped_line : int or None
        Where quotes are escaped with a backslash: the first line with such a quote, counted from 1.
    rows : int
        The number of rows.
    is_regular : bool
        Whether every line is a row that pandas can read as it stands.
    """

    header: bytes
    names: tuple[bytes, ...]
    offset: int
    lines: int
    escaped_line: int | None = None
    rows: int = 0
    is_regular: bool = False

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)

    @property
    def least(self) -> int:
        """The number of columns up to the last one that has a name: a row may lack the cells beyond."""
        return max((place for place, name in enumerate(self.names, start=1) if name.strip()), default=self.width)

    def labels(self) -> list[Any]:
        """Return the names of the columns as pandas reads them, also one that stands there twice.

        Returns
        -------
        list
            Text; NaN for an empty name.
        """
        # pandas makes "a.1" of a second column "a", and so would hide which of them is meant.
        return list(pd.read_csv(io.BytesIO(self.header), header=None, nrows=1, dtype=str, **CSV_FORM).iloc[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Some rows of a CSV file as they are written.

    Parameters
    ----------
    text : bytes
        Complete records.
    shown : bytes
        The same with escaped quotes made letters: their structure can be read without knowing of backslashes.
    records : Records
        Where each one stands in both.
    line : int
        The number of lines of the file before them.
    is_blank : numpy.ndarray of bool, shape (n_records,)
        The lines that are no rows: empty, or of nothing but blanks.
    """

    text: bytes
    shown: bytes
    records: Records
    line: int
    is_blank: Mask


def read_blocks(stream: BinaryIO, form: CsvForm, *, escapes: bool) -> Iterator[Block]:
    """Read the rows of a CSV file, some at a time.

    Parameters
    ----------
    stream : binary file
        The content, from its start.
    form : CsvForm
        Where the rows begin.
    escapes : bool
        Whether quotes are escaped with a backslash.

    Yields
    ------
    Block
        In the order of the file.

    Raises
    ------
    UnclosedQuoteError
        If a quote is opened and not closed: with its line in the file, counted from 0.
    """
    stream.read(form.offset)
    rest, line, is_last = b"", form.lines, False
    while not is_last:
        # A record that is longer than a block is not looked at again for every block of it.
        block = stream.read(max(BLOCK_BYTES, len(rest)))
        is_last = not block
        text = (rest + block).rstrip(END_OF_FILE_OF_DOS) if is_last else rest + block
        shown = _ESCAPE_PAIR.sub(b"xx", text) if escapes and b"\\" in text else text
        try:
            records = find_records(shown, is_last=is_last)
        except UnclosedQuoteError as error:
            escaped = ESCAPED_QUOTE.search(text)
            before = None if escaped is None else line + line_ends_in(text[: escaped.start()])
            raise UnclosedQuoteError(line + error.line, before) from error
        whole, rest = text[: records.length], text[records.length :]
        if len(records):
            shown = shown[: records.length]
            yield Block(text=whole, shown=shown, records=records, line=line, is_blank=_blank(whole, records))
        line += records.n_lines


def _blank(text: bytes, records: Records) -> Mask:
    lengths = records.ends - records.starts
    is_blank: Mask = lengths == 0
    single = np.flatnonzero((records.cells == 1) & ~is_blank)
    firsts = np.frombuffer(text, np.uint8)[records.starts[single]]
    for record in single[np.isin(firsts, list(BLANKS))].tolist():
        is_blank[record] = not text[records.starts[record] : records.ends[record]].strip(BLANKS)
    return is_blank


def plain_quotes(text: bytes) -> bytes:
    r"""Write quotes that a backslash escapes twice, as other CSV files do.

    Parameters
    ----------
    text : bytes
        Complete records, or cells.

    Returns
    -------
    bytes
        Within quotes ``\"`` has become ``""``, and two backslashes one; nothing else has changed.
    """
    return _QUOTED_CELL.sub(lambda cell: b'"' + _ESCAPE_PAIR.sub(_plain, cell[1]) + b'"', text)


def _plain(pair: "re.Match[bytes]") -> bytes:
    return b'""' if pair[0] == b'\\"' else b"\\"


def odd_records(block: Block, form: CsvForm) -> Mask:
    """Find the records of a block that pandas must not read as they stand.

    Parameters
    ----------
    block : Block
        Some rows.
    form : CsvForm
        What a row looks like.

    Returns
    -------
    numpy.ndarray of bool, shape (n_records,)
        True also for lines that are no rows, and for those that may repeat the header.
    """
    records = block.records
    is_odd: Mask = block.is_blank | records.is_stray | _with_nul(block)
    is_odd |= (records.cells < form.least) | (records.cells > form.width)
    for prefix in _prefixes(form):
        is_odd[_beginning_with(prefix, block)] = True
    return is_odd


def _beginning_with(prefix: bytes, block: Block) -> Rows:
    content, starts = np.frombuffer(block.text, np.uint8), block.records.starts
    found = np.arange(len(starts))
    for place, byte in enumerate(prefix):
        positions = starts[found] + place
        is_inside = positions < len(content)
        found = found[is_inside][content[positions[is_inside]] == byte]
    return found


def _prefixes(form: CsvForm) -> Iterator[bytes]:
    """Yield how a line that repeats the header may begin, whether it is quoted or not."""
    first = form.names[0]
    for begin in (first + b"," if form.width > 1 else first, quoted(first)):
        yield begin[:_PREFIX_BYTES]
        yield (BYTE_ORDER_MARK + begin)[:_PREFIX_BYTES]


def _with_nul(block: Block) -> Mask:
    has_nul = np.zeros(len(block.records), dtype=bool)
    if _NUL in block.text:
        places = np.flatnonzero(np.frombuffer(block.text, np.uint8) == 0)
        has_nul[np.searchsorted(block.records.starts, places, side="right") - 1] = True
    return has_nul


def line_ends_in(text: bytes) -> int:
    """Count the line ends in a text.

    Parameters
    ----------
    text : bytes
        Of any kind: line feeds, carriage returns or pairs of both.

    Returns
    -------
    int
        A pair is one.
    """
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def quoted(text: bytes) -> bytes:
    """Put the text of a cell in quotes.

    Parameters
    ----------
    text : bytes
        The text.

    Returns
    -------
    bytes
        Its own quotes are written twice.
    """
    return b'"' + text.replace(b'"', b'""') + b'"'
