"""Files as frames of at most a chunk of rows, with identifiers as they are written."""

import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Collection, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from events_pandas.byte_order_marks import UndecodableError
from events_pandas.convert.cells import TEXT_TYPE, Rows
from events_pandas.convert.codes import CODES
from events_pandas.convert.problems import VALUES_KEPT, Finding, noted, shown
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping, absent_columns, is_computing, named_labels
from events_pandas.mapping.column_types import Remark
from events_pandas.mapping.rules import Values
from events_pandas.mapping.source_format import DecimalSign, SourceFormat, set_parts, with_parts
from events_pandas.mapping.written_numbers import ambiguous_numbers, plain_numbers
from events_pandas.sources.arrow_reader import ArrowReader, ParquetReader
from events_pandas.sources.csv_reader import CsvReader
from events_pandas.sources.excel_reader import ExcelReader
from events_pandas.sources.joined import require_one_file
from events_pandas.sources.json_lines_reader import JsonLinesReader
from events_pandas.sources.misnamed import require_named_content
from events_pandas.sources.opening import file_stamp, opened, unpacked, without_compression
from events_pandas.sources.partitions import with_keys, without_keys
from events_pandas.sources.reader import TableReader
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import STREAMED_FORMATS, USED_PARTS, FileFormat, FileRemark, Part, SourceFile
from events_pandas.sources.text_encoding import undecodable_fault
from events_pandas.sources.value_columns import with_floats

# The errors of the libraries at a bad file; many are a ValueError, such as that of decoding text.
_ARCHIVE_ERRORS: Final = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)
_READING_ERRORS: Final = (ValueError, OSError, RuntimeError, pa.ArrowException, *_ARCHIVE_ERRORS)

_ENCRYPTION: Final = re.compile("encrypt|decrypt", re.IGNORECASE)
_DAMAGED: Final = "is damaged or incomplete: copy or export it again"

_COUNTED_ROWS: Final = 100_000
"""Rows that are read at a time if their cells are only counted."""

TypedDtype: TypeAlias = Literal["bool", "int64", "float64"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComputedType:
    """What a callable gets for a column of a CSV file, if it is not text."""

    dtype: TypedDtype
    decimal: DecimalSign | None = None
    remark: Remark | None = None  # the note on the decimal sign


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChunk:
    """Some rows of a file."""

    file: SourceFile
    frame: pd.DataFrame  # its index counts the rows from the file's first
    cells: pd.DataFrame  # the same rows as they were read, without the types that only callables get
    # Odd rows, whose cells are all empty in the frame, and decisions about the file; rows count from the frame's start.
    refused: tuple[Finding, ...] = ()
    lines: npt.NDArray[np.int64] | None = None  # where each row begins in the file, counted from 1


def read_chunks(
    file: SourceFile,
    mapping: EventMapping,
    *,
    chunksize: int,
    computed: Mapping[Hashable, ComputedType] | None = None,
    keys: Collection[Hashable] = (),
) -> Iterator[FileChunk]:
    """Read the columns of a mapping and `keys` from a file, by chunks; a file without rows gives one empty chunk.

    A file that cannot be read, or that changes meanwhile, is a `SourceError`.
    """
    # `computed` holds the types that callables get for columns of text that the mapping does not name, by label.
    folders = dict(file.partitions)
    types = {label: kind for label, kind in (computed or {}).items() if file.is_text or label in folders}
    # Nobody knows which columns a callable reads.
    absent = absent_keys(file, mapping)
    columns = None if is_computing(mapping) else frozenset(named_labels(mapping)).difference(absent).union(keys)
    remarks = [*_unused_parts(file), *(FileRemark(code="key_absent", subject=f"the key {key!r}") for key in absent)]
    start = 0
    for part in _parts(file, columns, chunksize=chunksize):
        cells = part.frame.assign(**dict.fromkeys(absent))
        frame, odd = _typed(cells, types)
        if columns is None and file.has_values:
            frame = with_floats(frame, named_labels(mapping))
        frame.index = pd.RangeIndex(start, start + len(frame))
        noticed = _type_notes(types, part.frame)
        refused = (*_findings(file, part, remarks, start=start), *noticed, *odd)
        start += len(frame)
        yield FileChunk(file=file, frame=frame, cells=cells, refused=refused, lines=part.lines)


def absent_keys(file: SourceFile, mapping: EventMapping) -> list[str]:
    """Return the columns of a mapping that no object of a JSON Lines file has: some programs write no empty values."""
    if file.format is not FileFormat.JSON_LINES:
        return []
    return absent_columns(mapping, source_schema(file).names)


def _findings(file: SourceFile, part: Part, remarks: Sequence[FileRemark], *, start: int) -> Iterator[Finding]:
    for code in dict.fromkeys(odd.code for odd in part.odd_rows):
        chosen = [odd for odd in part.odd_rows if odd.code == code]
        yield Finding(
            code=code,
            rows=np.array([odd.row - start for odd in chosen], np.int64),
            values=pa.array([odd.subject for odd in chosen], TEXT_TYPE),
            field="row",
        )
    for remark in (*part.remarks, *remarks) if start == 0 and len(part.frame) else ():
        # The field names the file: a run gives a note once for each field.
        yield noted(remark.code, 0, remark.subject, field=f"file {file.short_name}")


def _unused_parts(file: SourceFile) -> Iterator[FileRemark]:
    """Yield a note on each part of the source that is given, and that files of this format do not need."""
    for name, value in set_parts(file.written).items():
        if name not in USED_PARTS[file.format]:
            yield FileRemark(code="source_unused", subject=f"{name} {value!r}")


def _type_notes(types: Mapping[Hashable, ComputedType], frame: pd.DataFrame) -> Iterator[Finding]:
    for label, kind in types.items():
        remark = kind.remark
        if remark is None or (frame.columns == label).sum() != 1:
            continue
        if (row := remark.row(frame[label])) is not None:
            yield noted(remark.code, row, remark.value, field="callables", label=f"column {label!r}")


def _typed(frame: pd.DataFrame, types: Mapping[Hashable, ComputedType]) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Give columns of text, by label, the types that callables get.

    A cell that is not a number becomes absent in a column of numbers, and is a finding; its row counts from the frame's
    start.
    """
    typed, findings = frame.copy(deep=False), []
    for label in [label for label in types if (frame.columns == label).sum() == 1]:
        texts, kind = frame[label], types[label]
        if kind.dtype == "bool":
            typed[label] = texts.str.lower() == "true"
            continue
        numbers = pd.to_numeric(_plain(texts, kind.decimal), errors="coerce")
        odd = np.flatnonzero((texts.notna() & numbers.isna()).to_numpy())
        typed[label] = numbers.astype(kind.dtype)
        if len(odd):
            values = shown(pa.array(texts.iloc[odd[:VALUES_KEPT]], TEXT_TYPE, from_pandas=True))
            findings.append(
                Finding(code="computed_as_empty", rows=odd, values=values, field="callables", label=f"column {label!r}")
            )
    return typed, tuple(findings)


def _plain(texts: Values, sign: DecimalSign | None) -> Values:
    """Write numbers plainly; without a known sign, those that can be read in two ways are absent."""
    written = pa.array(texts, TEXT_TYPE, from_pandas=True)
    if sign is None:
        return texts.mask(ambiguous_numbers(written).to_numpy(zero_copy_only=False).astype(bool))
    plain = plain_numbers(written, sign)
    return pd.Series(plain.to_numpy(zero_copy_only=False), index=texts.index, dtype=object)


def read_columns(file: SourceFile, labels: Collection[Hashable]) -> Iterator[pd.DataFrame]:
    """Read some columns of a file, those of a CSV file as text, a part of its rows at a time.

    Only empty cells and cells of odd rows are absent. A file that cannot be read is a `SourceError`.
    """
    return (part.frame for part in read_column_parts(file, labels))


def read_column_parts(file: SourceFile, labels: Collection[Hashable]) -> Iterator[Part]:
    """Read some columns of a file as `read_columns` does, with the lines of the rows."""
    return _parts(file, frozenset(labels), chunksize=_COUNTED_ROWS)


def read_first_rows(file: SourceFile, n_rows: int) -> pd.DataFrame:
    """Read at most the first `n_rows` rows of a file with all columns, without odd rows.

    The cells of a CSV file are text, of which only empty ones are absent; those of other files have types.
    A file that cannot be read, and a CSV file with odd rows only, are a `SourceError`.
    """
    parts: list[Part] = []
    with closing(_parts(file, chunksize=n_rows)) as read:
        # A chunk of a Parquet file may be shorter than asked for.
        while sum(len(part.frame) for part in parts) < n_rows and (part := next(read, None)) is not None:
            parts.append(part)
    rows = pd.concat([part.frame for part in parts], ignore_index=True).head(n_rows)
    odd_rows = [odd for part in parts for odd in part.odd_rows if odd.row < len(rows)]
    if odd_rows and len(odd_rows) == len(rows):
        raise SourceError(f"{file}: no row can be read: {odd_rows[0].subject} {CODES[odd_rows[0].code]}")
    return rows.drop([odd.row for odd in odd_rows]).reset_index(drop=True)


def read_first_row(file: SourceFile) -> pd.DataFrame:
    """Read all columns of a file, and its first row if it has one; the cells of an odd row are empty."""
    with closing(_parts(file, chunksize=1)) as read:
        return next(read).frame


def read_chosen_rows(file: SourceFile, rows: Rows, *, chunksize: int = 10_000) -> Iterator[pd.DataFrame]:
    """Read at least one row of a file with all columns; `rows` counts from the file's first, and ascends.

    The rows are as `read_first_rows` reads them, `chunksize` rows of the file at a time, and no further than the last.
    A file that no longer has these rows is a `SourceError`.
    """
    # Odd rows of a CSV file stand there as far as they can: missing cells are empty, and cells beyond the last column
    # stand in that column, with their commas.
    start = 0
    with closing(_parts(file, chunksize=chunksize, keeps_odd_rows=True)) as read:
        for part in read:
            frame = part.frame
            chosen = rows[(rows >= start) & (rows < start + len(frame))]
            if len(chosen):
                yield frame.iloc[chosen - start].set_axis(chosen)
            start += len(frame)
            if start > rows[-1]:
                return
    raise SourceError(f"{file}: has {start:,} rows now, and had more when it was submitted")


def source_schema(file: SourceFile) -> pa.Schema:
    """Return the names and types of a file's columns: those of a CSV file are text. A name may be there twice."""
    with _opened_reader(file) as (reader, _):
        schema = reader.schema()
    if not schema.names:
        raise SourceError(f"{file}: has no columns: export it again, with the columns that the mapping names")
    return pa.schema([*schema, *(pa.field(key, pa.string()) for key, _ in file.partitions)])


def row_count(file: SourceFile) -> int:
    """Count the rows of a file, and read only as much as that needs."""
    with _opened_reader(file) as (reader, _):
        return reader.count()


def may_need_sign(file: SourceFile) -> bool:
    """Tell whether a cell of a CSV file may be a number that only a known decimal sign tells; False is certain."""
    with _opened_reader(file) as (reader, _):
        return isinstance(reader, CsvReader) and reader.may_need_sign()


def file_delimiter(file: SourceFile) -> str | None:
    """Return the character between the cells of a CSV file; None for other formats."""
    with _opened_reader(file) as (reader, _):
        return reader.delimiter() if isinstance(reader, CsvReader) else None


def found_format(file: SourceFile) -> SourceFormat:
    """Return how a file is written, as far as it was given or is neither usual nor in the file's name."""
    with _opened_reader(file) as (reader, _):
        found = reader.found_format() if isinstance(reader, CsvReader | ExcelReader) else SourceFormat()
    return with_parts(found, file.written)


def header_hint(file: SourceFile, mapping: EventMapping) -> str:
    """Say what in a file may hide the columns of a mapping, and how to fix it; or nothing.

    These are the first lines of a CSV file, and the other sheets of an Excel file.
    """
    with _opened_reader(file) as (reader, _):
        if not isinstance(reader, CsvReader | ExcelReader):
            return ""
        return reader.hint(frozenset(label for label in named_labels(mapping) if isinstance(label, str)))


def sheet_hint(file: SourceFile) -> str:
    """Say in which other sheets of an Excel file the rows may be, and how to choose one; or nothing."""
    with _opened_reader(file) as (reader, _):
        return reader.sheet_hint() if isinstance(reader, ExcelReader) else ""


@contextmanager
def _opened_reader(file: SourceFile) -> Iterator[tuple[TableReader, BinaryIO]]:
    """Open a file and its reader. What the reader keeps is deleted at the end, if no run keeps it."""
    with (
        _as_source_error(file),
        opened(file) as content,
        nullcontext(file.scratch) if file.scratch is not None else Scratch() as scratch,
    ):
        scratch.kept("name", lambda: require_named_content(file, content))
        if file.format not in STREAMED_FORMATS:
            scratch.kept("joined", lambda: require_one_file(file, unpacked(file, content, scratch)))
        yield _reader(file, content, scratch), content


def _reader(file: SourceFile, content: BinaryIO, scratch: Scratch) -> TableReader:
    match file.format:
        case FileFormat.CSV:
            return CsvReader(file, content)
        case FileFormat.JSON_LINES:
            return JsonLinesReader(file, content, scratch)
        case FileFormat.PARQUET:
            return ParquetReader(unpacked(file, content, scratch))
        case FileFormat.ARROW:
            return ArrowReader(file, unpacked(file, content, scratch))
        case FileFormat.EXCEL:
            return ExcelReader(file, unpacked(file, content, scratch), scratch)


def _parts(
    file: SourceFile,
    columns: frozenset[Hashable] | None = None,
    *,
    chunksize: int,
    keeps_odd_rows: bool = False,
) -> Generator[Part]:
    """Read some columns of a file, or all: also if it lacks one of them, since the error names the columns it has."""
    with _opened_reader(file) as (reader, content):
        stamp = file_stamp(content)
        own = without_keys(file, columns)
        for part in reader.parts(own, chunksize=chunksize, keeps_odd_rows=keeps_odd_rows):
            if file_stamp(content) != stamp:
                raise SourceError(f"{file}: was changed while it was read: submit it again when nothing writes to it")
            yield replace(part, frame=with_keys(file, part.frame, columns))


@contextmanager
def _as_source_error(file: SourceFile) -> Iterator[None]:
    """Turn the error of a reading library into a `SourceError` of one line."""
    try:
        yield
    except UndecodableError as error:
        raise SourceError(f"{file}: {undecodable_fault(error.line, error.encoding)}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: is not UTF-8: save it as UTF-8 and try again") from error
    except _ARCHIVE_ERRORS as error:
        raise SourceError(f"{file}: {_DAMAGED}") from error
    except _READING_ERRORS as error:
        # The whole text of a system's error names a path, which may be that of a copy.
        text = str(getattr(error, "strerror", None) or error).strip()
        reason = text.splitlines()[0] if text else type(error).__name__
        raise SourceError(f"{file}: {_reading_fault(file, error, reason)}") from error


def _reading_fault(file: SourceFile, error: Exception, reason: str) -> str:
    """Say what the error of a library means, and how to fix it."""
    if _ENCRYPTION.search(reason):
        return "is encrypted: decrypt it, and give the decrypted file"
    # The operating system numbers its own errors, such as that of a folder that nobody may read.
    is_text = file.format in STREAMED_FORMATS and not without_compression(file.path.name)[1]
    if is_text or getattr(error, "errno", None) is not None:
        return f"cannot be read: {reason}"
    return f"{_DAMAGED} ({reason})"
