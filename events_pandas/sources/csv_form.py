"""The form of a CSV file, found before it is read: its header, how quotes are escaped, how many rows it has."""

import re
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from events_pandas.byte_order_marks import UndecodableError
from events_pandas.errors import SourceError
from events_pandas.mapping.source_format import SourceFormat
from events_pandas.sources.blank_rows import BlankRows
from events_pandas.sources.csv_blocks import Block, CsvForm, LongRecordError, PlainBlock, read_blocks
from events_pandas.sources.csv_grammar import ESCAPED_QUOTE, CsvGrammar, line_ends_in
from events_pandas.sources.csv_head import CsvHead, long_fault, unclosed_fault
from events_pandas.sources.csv_structure import UnclosedQuoteError
from events_pandas.sources.source_file import FileRemark, FileStamp, SourceFile
from events_pandas.sources.text_encoding import (
    UTF_8,
    OpenStream,
    TextEncoding,
    encoding_of_bytes,
    known_encoding,
    opened_text,
    undecodable_fault,
)

_SETTLED_SECONDS: Final = 2.0
_FORMS_KEPT: Final = 256

_known_forms: dict[tuple[Path, SourceFormat, FileStamp], CsvForm] = {}


def csv_form(file: SourceFile, stamp: FileStamp, open_stream: OpenStream) -> CsvForm:
    """Find out the form of a CSV file by reading all of it once; a run asks several times.

    A missing header, a quote that is not closed, an encoding that is not clear, and quotes that can be read in two
    ways are a `SourceError`.
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
    try:
        encoding = known_encoding(file, open_stream)
        try:
            return _surveyed(file, open_stream, encoding)
        except _NotUtf8Error:
            if not encoding.is_open:
                raise
        return _surveyed(file, open_stream, encoding_of_bytes(file, open_stream))
    except (_NotUtf8Error, UndecodableError) as error:
        # The encoding is given, or named by a byte order mark.
        raise SourceError(f"{file}: {undecodable_fault(error.line, error.encoding)}") from error


def _surveyed(file: SourceFile, open_stream: OpenStream, encoding: TextEncoding) -> CsvForm:
    open_text = partial(opened_text, open_stream, encoding.codec)
    with open_text() as stream:
        form = CsvHead.read(file, stream).form(encoding)
    _require_utf_8(b" ".join(form.names), form.lines - 1)
    try:
        doubled = _survey(form, open_text, escapes=False)
        escaped = doubled if doubled.escaped_line is None else _survey(form, open_text, escapes=True)
    except LongRecordError as error:
        raise SourceError(long_fault(file, error.line + 1)) from error
    if doubled.unclosed_line is not None and doubled.unclosed_line == escaped.unclosed_line:
        raise SourceError(unclosed_fault(file, doubled.unclosed_line))
    chosen = doubled if escaped is doubled else _chosen(doubled, escaped)
    if chosen is None:
        raise SourceError(f"{file}: {_undecided(doubled, escaped)}")
    remarks = (*form.remarks, *chosen.blank.remarks("line"))
    form = replace(form, rows=chosen.rows, plain_lines=chosen.plain_lines, remarks=remarks)
    if chosen is doubled:
        return form
    remark = FileRemark(code="backslash_quotes", subject=f"line {doubled.escaped_line}")
    return replace(form, has_escapes=True, remarks=(*form.remarks, remark))


class _NotUtf8Error(ValueError):
    """Bytes in a line, counted from 1, are not UTF-8."""

    encoding = UTF_8

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


@dataclass(kw_only=True, slots=True)
class _QuoteSurvey:
    """The findings in a file if its quotes are read in one of the two ways; lines count from 1."""

    rows: int = 0
    plain_lines: int  # as in `CsvForm`
    blank: BlankRows = field(default_factory=BlankRows)
    has_odd_widths: bool = False
    escaped_line: int | None = None
    faulty_line: int | None = None
    unclosed_line: int | None = None

    @property
    def is_clean(self) -> bool:
        return self.faulty_line is None and self.unclosed_line is None

    def look_at(self, block: PlainBlock | Block, form: CsvForm, *, escapes: bool) -> None:
        """Add the findings in some rows."""
        self.rows += block.rows
        if isinstance(block, PlainBlock):
            # A block that is not plain leaves a gap.
            self.plain_lines += block.rows if block.line == self.plain_lines else 0
            return
        self.blank.add(block.blank_rows())
        cells = block.records.cells
        is_odd = ~block.is_blank & ((cells < form.least) | (cells > form.width))
        self.has_odd_widths = self.has_odd_widths or bool(is_odd.any())
        if self.faulty_line is None:
            self.faulty_line = _faulty_line(block, form.grammar, escapes=escapes)
        if not escapes and self.escaped_line is None:
            self.escaped_line = _line_with(ESCAPED_QUOTE, block, form.grammar)


def _require_utf_8(text: bytes, line: int) -> None:
    """Raise an error if a text, which has `line` lines of the file before it, is not UTF-8."""
    if text.isascii():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise _NotUtf8Error(line + line_ends_in(text[: error.start]) + 1) from error


def _survey(form: CsvForm, open_stream: OpenStream, *, escapes: bool) -> _QuoteSurvey:
    found = _QuoteSurvey(plain_lines=form.lines)
    with open_stream() as stream:
        try:
            for block in read_blocks(stream, form, escapes=escapes):
                _require_utf_8(block.text, block.line)
                found.look_at(block, form, escapes=escapes)
        except UnclosedQuoteError as error:
            found.unclosed_line = error.line + 1
            if not escapes and found.escaped_line is None and error.escaped_line is not None:
                found.escaped_line = error.escaped_line + 1
    return found


def _faulty_line(block: Block, grammar: CsvGrammar, *, escapes: bool) -> int | None:
    """Return the first line with a quote that does not fit this way of reading."""
    lines = [block.line_of(int(record)) for record in np.flatnonzero(block.records.is_stray)[:1]]
    if escapes and (doubled := _line_with(grammar.doubled_quote, block, grammar)) is not None:
        lines.append(doubled)
    return min(lines, default=None)


def _line_with(pattern: "re.Pattern[bytes]", block: Block, grammar: CsvGrammar) -> int | None:
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
            grammar.quoted_text(raw) is not None and pattern.search(raw, 1)
            for raw in (shown[left:right] for left, right in grammar.cells_of(shown))
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
