"""The form of a CSV file, found before it is read: its header, how quotes are escaped, how many rows it has."""

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import numpy as np

from events_pandas.errors import SourceError
from events_pandas.mapping.source_format import SourceFormat
from events_pandas.sources.csv_structure import (
    BLANKS,
    BLOCK_BYTES,
    BYTE_ORDER_MARK,
    END_OF_FILE_OF_DOS,
    ESCAPED_QUOTE,
    Block,
    CsvForm,
    Records,
    UnclosedQuoteError,
    cells_of,
    find_records,
    line_ends_in,
    odd_records,
    quoted_text,
    read_blocks,
)
from events_pandas.sources.source_file import FileStamp, SourceFile

OTHER_SEPARATORS: Final = {";": "';'", "\t": "tabs", "|": "'|'"}
_SEPARATOR_LINE: Final = re.compile(rb'"?sep=(.)"?', re.IGNORECASE)

_DOUBLED_QUOTE: Final = re.compile(rb'(?<=[^,\r\n])""(?=[^,\r\n])|(?:\A|(?<=[,\r\n]))"""')

_SEARCHED_LINES: Final = 100
"""The most records of a file that are searched for a header below the first line."""

_SETTLED_SECONDS: Final = 2.0
_FORMS_KEPT: Final = 256

OpenStream: TypeAlias = Callable[[], AbstractContextManager[BinaryIO]]

_known_forms: dict[tuple[Path, SourceFormat, FileStamp], CsvForm] = {}


def csv_form(file: SourceFile, stamp: FileStamp, open_stream: OpenStream) -> CsvForm:
    """Find out the form of a CSV file by reading all of it once; a run asks several times.

    A missing header, a quote that is not closed, and quotes that can be read in two ways are a `SourceError`; a file
    that is not UTF-8 is a `UnicodeDecodeError`.
    """
    key = file.path, file.written, stamp
    form = _known_forms.get(key) or _inspected(file, open_stream)
    # A file that was written just now may be written again within the resolution of its time stamp.
    if time.time() - stamp.modified_ns / 1e9 >= _SETTLED_SECONDS:
        _known_forms[key] = form
        while len(_known_forms) > _FORMS_KEPT:
            _known_forms.pop(next(iter(_known_forms)), None)
    return form


def _inspected(file: SourceFile, open_stream: OpenStream) -> CsvForm:
    with open_stream() as stream:
        form = CsvHead.read(file, stream).form()
    doubled = _survey(form, open_stream, escapes=False)
    escaped = doubled if doubled.escaped_line is None else _survey(form, open_stream, escapes=True)
    if doubled.unclosed_line is not None and doubled.unclosed_line == escaped.unclosed_line:
        raise SourceError(unclosed_fault(file, doubled.unclosed_line))
    chosen = doubled if escaped is doubled else _chosen(doubled, escaped)
    if chosen is None:
        raise SourceError(f"{file}: {_undecided(doubled, escaped)}")
    if chosen is doubled:
        return replace(form, rows=doubled.rows, is_regular=doubled.is_regular)
    return replace(form, rows=escaped.rows, escaped_line=doubled.escaped_line)


@dataclass(kw_only=True, slots=True)
class _QuoteSurvey:
    """The findings in a file if its quotes are read in one of the two ways; lines count from 1."""

    rows: int = 0
    has_odd_widths: bool = False
    is_regular: bool = True
    escaped_line: int | None = None
    faulty_line: int | None = None
    unclosed_line: int | None = None

    @property
    def is_clean(self) -> bool:
        return self.faulty_line is None and self.unclosed_line is None

    def look_at(self, block: Block, form: CsvForm, *, escapes: bool) -> None:
        if not block.text.isascii():
            block.text.decode()
        records = block.records
        self.is_regular = self.is_regular and not odd_records(block, form).any()
        self.rows += int((~block.is_blank).sum())
        is_odd = ~block.is_blank & ((records.cells < form.least) | (records.cells > form.width))
        self.has_odd_widths = self.has_odd_widths or bool(is_odd.any())
        if self.faulty_line is None:
            self.faulty_line = _faulty_line(block, escapes=escapes)
        if not escapes and self.escaped_line is None:
            self.escaped_line = _line_with(ESCAPED_QUOTE, block)


def _survey(form: CsvForm, open_stream: OpenStream, *, escapes: bool) -> _QuoteSurvey:
    found = _QuoteSurvey()
    with open_stream() as stream:
        try:
            for block in read_blocks(stream, form, escapes=escapes):
                found.look_at(block, form, escapes=escapes)
        except UnclosedQuoteError as error:
            found.unclosed_line = error.line + 1
            if not escapes and found.escaped_line is None and error.escaped_line is not None:
                found.escaped_line = error.escaped_line + 1
    return found


def _faulty_line(block: Block, *, escapes: bool) -> int | None:
    """Return the first line with a quote that does not fit this way of reading."""
    stray = np.flatnonzero(block.records.is_stray)
    if len(stray):
        return block.line_of(int(stray[0]))
    return _line_with(_DOUBLED_QUOTE, block) if escapes else None


def _line_with(pattern: "re.Pattern[bytes]", block: Block) -> int | None:
    """Return the line of the first record that has, within the quotes of a cell, what a pattern finds."""
    records, position = block.records, 0
    # Found at once, and without it neither pattern is.
    if (b'\\"' if pattern is ESCAPED_QUOTE else b'""') not in block.shown:
        return None
    while (match := pattern.search(block.shown, position)) is not None:
        record = int(np.searchsorted(records.starts, match.end() - 1, side="right")) - 1
        shown = block.shown[records.span(record)]
        if any(
            # The match lies within the quotes, or ends with the closing one.
            quoted_text(raw) is not None and pattern.search(raw, 1)
            for raw in (shown[left:right] for left, right in cells_of(shown))
        ):
            return block.line_of(record)
        position = int(records.nexts[record])
    return None


def _chosen(doubled: _QuoteSurvey, escaped: _QuoteSurvey) -> _QuoteSurvey | None:
    """Decide between the two ways of reading quotes; None if both or neither fit."""
    if doubled.is_clean != escaped.is_clean:
        return doubled if doubled.is_clean else escaped
    if doubled.is_clean and doubled.has_odd_widths != escaped.has_odd_widths:
        return escaped if doubled.has_odd_widths else doubled
    return None


def _undecided(doubled: _QuoteSurvey, escaped: _QuoteSurvey) -> str:
    cure = 'write every quote within a text twice (""), and no backslash before it'
    if doubled.is_clean:
        return f"a backslash before a quote in line {doubled.escaped_line} can be read in two ways: {cure}"
    other = escaped.faulty_line or escaped.unclosed_line
    escaped_line = doubled.escaped_line
    return f"quotes are escaped with a backslash in line {escaped_line}, and in another way in line {other}: {cure}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvHead:
    """The start of a CSV file, and the record in it that names the columns."""

    file: SourceFile
    text: bytes  # without a byte order mark
    mark_bytes: int  # the length of that mark
    records: Records  # the complete records of the text
    header: int  # the record that names the columns

    @classmethod
    def read(cls, file: SourceFile, stream: BinaryIO) -> "CsvHead":
        """Read the start of a file from its content; a file without a header is a `SourceError`."""
        text, is_last = b"", False
        while not is_last:
            block = stream.read(max(BLOCK_BYTES, len(text)))
            is_last, text = not block, text + block
            mark_bytes = len(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0
            content = text[mark_bytes:].rstrip(END_OF_FILE_OF_DOS) if is_last else text[mark_bytes:]
            records = _found(file, content, is_last=is_last)
            header = _header_record(file, content, records)
            if header is not None and (is_last or len(text) >= BLOCK_BYTES):
                return cls(file=file, text=content, mark_bytes=mark_bytes, records=records, header=header)
        raise SourceError(f"{file}: is empty: its first line must name the columns")

    def form(self) -> CsvForm:
        """Return what the start tells of the form; a first line that does not name the columns is a `SourceError`."""
        header = self._record(self.header)
        if b"\0" in header:
            raise SourceError(f"{self.file}: is not UTF-8: save it as UTF-8 and try again")
        self._require_no_header_below()
        names = tuple(_texts(header))
        offset = self.mark_bytes + int(self.records.nexts[self.header])
        lines = int(self.records.lines[self.header]) + 1 + line_ends_in(header)
        return CsvForm(header=header, names=names, offset=offset, lines=lines)

    def _record(self, record: int) -> bytes:
        return self.text[self.records.span(record)]

    def hint(self, names: frozenset[str]) -> str:
        """Say why one of the named columns may not be found, and how to fix it; empty if nothing is odd."""
        for record in self._below():
            if names <= {text.decode(errors="replace").strip() for text in self._names(record)}:
                return self._header_fault(record)
        found = [text.decode(errors="replace") for text in self._names(self.header)]
        padded = [name for name in found if name != name.strip() and name.strip() in names]
        if padded:
            shown = ", ".join(map(repr, padded))
            return f"in the file's header line blanks surround {shown}: remove them there"
        if names.isdisjoint(found) and not all(_is_name(name.encode()) for name in found):
            return "the file's first line seems to be a row: write a line above it that names the columns"
        return ""

    def _names(self, record: int) -> list[bytes]:
        return [text for text in _texts(self._record(record)) if text.strip()]

    def _below(self) -> list[int]:
        """Return the first records below the header that are not blank."""
        records = range(self.header + 1, min(len(self.records), self.header + _SEARCHED_LINES))
        return [record for record in records if self._record(record).strip(BLANKS)]

    def _header_fault(self, record: int) -> str:
        line = int(self.records.lines[record]) + 1
        return f"the header seems to be in line {line}: delete the lines above it"

    def _require_no_header_below(self) -> None:
        """Raise a `SourceError` if the first line is the title of a report, and a line below names the columns."""
        below = self._below()
        if not below:
            return
        n_named = len(self._names(self.header))
        usual, _ = Counter(self.records.cells[below].tolist()).most_common(1)[0]
        wide = [record for record in below if self.records.cells[record] == usual]
        may_name = [len(names) == usual and all(map(_is_name, names)) for names in map(self._names, wide)]
        # The last line of names above the first line of values is the header.
        record = wide[max(may_name.index(False) - 1, 0)] if False in may_name else wide[0]
        # A last column may have no name.
        is_narrow = n_named < usual - (self.records.cells[self.header] == usual)
        if usual > 1 and is_narrow and may_name[0]:
            raise SourceError(
                f"{self.file}: its first line names {n_named} of {usual} columns: {self._header_fault(record)}"
            )


def _found(file: SourceFile, text: bytes, *, is_last: bool) -> Records:
    try:
        return find_records(text, is_last=is_last)
    except UnclosedQuoteError as error:
        # How quotes are escaped is not known yet, and so neither whether this one is closed.
        records = find_records(text, is_last=False)
        if not len(records):
            raise SourceError(unclosed_fault(file, error.line + 1)) from error
        return records


def _header_record(file: SourceFile, text: bytes, records: Records) -> int | None:
    """Return which record names the columns: the first that is not blank, or the one below Excel's ``sep=,``."""
    may_be_separator = True
    for record in range(len(records)):
        line = text[records.span(record)]
        if not line.strip(BLANKS):
            continue
        separator = _SEPARATOR_LINE.fullmatch(line) if may_be_separator else None
        if separator is None:
            return record
        if separator[1] != b",":
            mark = separator[1].decode(errors="replace")
            raise SourceError(separator_fault(file, OTHER_SEPARATORS.get(mark, repr(mark))))
        may_be_separator = False
    return None


def unclosed_fault(file: SourceFile, line: int) -> str:
    """Say that the quote that is opened in a line, counted from 1, is not closed."""
    return f"{file}: a quote is opened in line {line} and not closed: close it, or write it twice"


def separator_fault(file: SourceFile, name: str) -> str:
    """Say that the columns are separated by something other than commas."""
    return f"{file}: its columns are separated by {name}, and a CSV file's by commas: save it with commas"


def _texts(record: bytes) -> list[bytes]:
    return [cell_text(record[start:end]) for start, end in cells_of(record)]


def _is_name(text: bytes) -> bool:
    """Tell whether a cell may name a column: numbers, times and addresses are values."""
    return not re.match(rb"\s*[-+]?[0-9]", text) and b"@" not in text and b"://" not in text


def cell_text(raw: bytes) -> bytes:
    """Return the text of a cell without its quotes."""
    quoted = quoted_text(raw)
    return raw if quoted is None else quoted.replace(b'""', b'"')
