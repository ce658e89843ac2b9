"""The head of a CSV file: the record that names its columns, and what stands above and below it."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO, Final

from events_pandas.byte_order_marks import without_marks
from events_pandas.errors import SourceError
from events_pandas.sources.csv_blocks import BLOCK_BYTES, END_OF_FILE_OF_DOS, LONGEST_RECORD, CsvForm
from events_pandas.sources.csv_delimiter import Delimiter, decide_delimiter, is_separator_line
from events_pandas.sources.csv_grammar import BLANKS, NUL, CsvGrammar, line_ends_in
from events_pandas.sources.csv_structure import Records, UnclosedQuoteError, find_records
from events_pandas.sources.source_file import SourceFile
from events_pandas.sources.text_encoding import TextEncoding

_SEARCHED_LINES: Final = 100
"""The most records of a file that are searched for a header below the first line."""

_RUN_OF_BLANKS: Final = re.compile(rb"[ \t]{2,}")
_SEPARATORS: Final = (r"\s+", r"\s{2,}")
"""What may stand between columns that are aligned; with the second one, cells may hold single blanks."""
_CONVERSION: Final = 'pandas.read_csv(path, sep=r"{}", dtype=str).to_csv("converted.csv", index=False)'


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvHead:
    """The start of a CSV file, and the record in it that names the columns."""

    file: SourceFile
    delimiter: Delimiter
    text: bytes  # without byte order marks
    mark_bytes: int  # the length of these marks
    records: Records  # the complete records of the text
    header: int  # the record that names the columns

    @classmethod
    def read(cls, file: SourceFile, stream: BinaryIO) -> "CsvHead":
        """Read the start of a file from its content; a file without a header is a `SourceError`."""
        text, is_last = b"", False
        while not is_last:
            block = stream.read(max(BLOCK_BYTES, len(text)))
            is_last, text = not block, text + block
            mark_bytes = len(text) - len(without_marks(text))
            content = text[mark_bytes:].rstrip(END_OF_FILE_OF_DOS) if is_last else text[mark_bytes:]
            if not is_last and len(text) < BLOCK_BYTES:
                continue
            delimiter = decide_delimiter(file, content, is_last=is_last)
            records = _found(file, content, CsvGrammar.of(delimiter.byte), is_last=is_last)
            header = _header_record(content, records, CsvGrammar.of(delimiter.byte))
            if header is not None:
                return cls(
                    file=file,
                    delimiter=delimiter,
                    text=content,
                    mark_bytes=mark_bytes,
                    records=records,
                    header=header,
                )
            if len(text) > LONGEST_RECORD:
                raise SourceError(long_fault(file, 1))
        raise SourceError(f"{file}: is empty: its first line must name the columns")

    @property
    def grammar(self) -> CsvGrammar:
        """The grammar of the file's delimiter."""
        return CsvGrammar.of(self.delimiter.byte)

    def form(self, encoding: TextEncoding) -> CsvForm:
        """Return what the start tells of the form; a first line that does not name the columns is a `SourceError`."""
        header = self._record(self.header)
        line = int(self.records.lines[self.header]) + 1
        if NUL in header:
            raise SourceError(f"{self.file}: line {line} names the columns, and holds NUL characters: remove them")
        self._require_double_quotes()
        self._require_no_aligned_columns()
        self._require_no_header_below()
        remarks = (self.delimiter.remark, encoding.remark)
        return CsvForm(
            grammar=self.grammar,
            encoding=encoding.codec,
            names=tuple(self.grammar.texts_of(header)),
            offset=self.mark_bytes + int(self.records.nexts[self.header]),
            lines=line + line_ends_in(header),
            ends_with_return=bool(self.records.is_returned(self.text)[self.header]),
            remarks=tuple(remark for remark in remarks if remark is not None),
        )

    def _record(self, record: int) -> bytes:
        return self.text[self.records.span(record)]

    def hint(self, names: frozenset[str]) -> str:
        """Say why one of the named columns may not be found, and how to fix it; empty if nothing is odd."""
        for record in self._below():
            if names <= {text.decode(errors="replace").strip() for text in self._names(record)}:
                return self._header_fault(record)
        found = [text.decode(errors="replace") for text in self._names(self.header)]
        padded = [name for name in found if name != name.strip() and name.strip(' \t"') in names]
        if padded:
            shown = ", ".join(map(repr, padded))
            return f"in the file's header line blanks surround {shown}: remove them there"
        if names.isdisjoint(found) and not all(_is_name(name.encode()) for name in found):
            return "the file's first line seems to be a row: write a line above it that names the columns"
        if len(found) == 1 and all(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", found[0]) for name in names):
            return self._joined_names_fault()
        return ""

    def _joined_names_fault(self) -> str:
        """Say why all names may be one."""
        if self._record(self.header).startswith(b'"'):
            return "each line as a whole is in quotes: remove these quotes"
        return "other characters seem to separate the file's cells: set delimiter in the mapping's source"

    def _names(self, record: int) -> list[bytes]:
        return [text for text in self.grammar.texts_of(self._record(record)) if text.strip()]

    def _below(self) -> list[int]:
        """Return the first records below the header that are not blank."""
        records = range(self.header + 1, min(len(self.records), self.header + _SEARCHED_LINES))
        return [record for record in records if not self.grammar.blank.fullmatch(self._record(record))]

    def _header_fault(self, record: int) -> str:
        line = int(self.records.lines[record]) + 1
        return f"the header seems to be in line {line}: delete the lines above it"

    def _require_double_quotes(self) -> None:
        """Raise a `SourceError` if most rows have a cell in single quotes, which would be sent with them."""
        below = self._below()
        quoted = [record for record in below if self._has_single_quotes(record)]
        if quoted and 2 * len(quoted) >= len(below):
            line = int(self.records.lines[quoted[0]]) + 1
            fault = f'its cells are in single quotes, as line {line} shows: put them in double quotes (")'
            raise SourceError(f"{self.file}: {fault}")

    def _has_single_quotes(self, record: int) -> bool:
        """Tell whether a single quote opens a cell, and one closes it, which may hold delimiters."""
        text = self._record(record)
        cells = [text[start:end] for start, end in self.grammar.cells_of(text)]
        opened = next((place for place, cell in enumerate(cells) if cell.startswith(b"'")), len(cells))
        return any(cell.endswith(b"'") and cell != b"'" for cell in cells[opened:])

    def _require_no_aligned_columns(self) -> None:
        """Raise a `SourceError` if runs of blanks stand between the columns, of which there are equally many."""
        if self.delimiter.byte != b" " and len(self._names(self.header)) > 1:
            return
        lines = [self._record(record).strip(BLANKS) for record in (self.header, *self._below())]
        n_with_runs = sum(_RUN_OF_BLANKS.search(line) is not None for line in lines)
        if len(lines) == 1 or 2 * n_with_runs < len(lines):
            return
        for separator in _SEPARATORS:
            widths = {len(re.split(separator.encode(), line)) for line in lines}
            if len(widths) == 1 and widths != {1}:
                fault = "runs of blanks stand between its columns, and are not a delimiter"
                raise SourceError(f"{self.file}: {fault}: convert it, such as with {_CONVERSION.format(separator)}")

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
        cure = (
            self._header_fault(wide[max(may_name.index(False) - 1, 0)])
            if False in may_name
            else "delete it if it is a title, or set delimiter in the mapping's source if other characters separate it"
        )
        # A last column may have no name.
        is_narrow = n_named < usual - (self.records.cells[self.header] == usual)
        if usual > 1 and is_narrow and may_name[0]:
            raise SourceError(f"{self.file}: its first line names {n_named} of {usual} columns: {cure}")


def _found(file: SourceFile, text: bytes, grammar: CsvGrammar, *, is_last: bool) -> Records:
    try:
        return find_records(text, grammar, is_last=is_last)
    except UnclosedQuoteError as error:
        # How quotes are escaped is not known yet, and so neither whether this one is closed.
        records = find_records(text, grammar, is_last=False)
        if not len(records):
            raise SourceError(unclosed_fault(file, error.line + 1)) from error
        return records


def _header_record(text: bytes, records: Records, grammar: CsvGrammar) -> int | None:
    """Return which record names the columns: the first that is not blank, or the one below Excel's ``sep=,``."""
    may_be_separator = True
    for record in range(len(records)):
        line = text[records.span(record)]
        if grammar.blank.fullmatch(line):
            continue
        if not (may_be_separator and is_separator_line(line)):
            return record
        may_be_separator = False
    return None


def unclosed_fault(file: SourceFile, line: int) -> str:
    """Say that the quote that is opened in a line, counted from 1, is not closed."""
    return f"{file}: a quote is opened in line {line} and not closed: close it, or write it twice"


def long_fault(file: SourceFile, line: int) -> str:
    """Say that the row that begins in a line, counted from 1, does not end."""
    size = f"{LONGEST_RECORD // 2**20} MB"
    return f"{file}: the row or quote that begins in line {line} does not end within {size}: close the quote"


def _is_name(text: bytes) -> bool:
    """Tell whether a cell may name a column: numbers, times and addresses are values."""
    return not re.match(rb"\s*[-+]?[0-9]", text) and b"@" not in text and b"://" not in text
