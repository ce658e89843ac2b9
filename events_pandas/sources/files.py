"""Files as frames of at most a chunk of rows, with identifiers as they are written."""

import lzma
import zipfile
import zlib
from collections.abc import Collection, Generator, Hashable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE, Rows
from events_pandas.convert.codes import CODES
from events_pandas.convert.problems import VALUES_KEPT, Finding, noted, shown
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping, is_computing, named_labels
from events_pandas.sources.arrow_reader import ParquetReader
from events_pandas.sources.csv_reader import CsvReader
from events_pandas.sources.opening import file_stamp, opened
from events_pandas.sources.reader import TableReader
from events_pandas.sources.source_file import FileFormat, Part, SourceFile

# The errors of the libraries at a bad file; many are a ValueError, such as that of decoding text.
_ARCHIVE_ERRORS: Final = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_READING_ERRORS: Final = (ValueError, OSError, RuntimeError, pa.ArrowException, *_ARCHIVE_ERRORS)

_COUNTED_ROWS: Final = 100_000
"""Rows that are read at a time if their cells are only counted."""

TypedDtype: TypeAlias = Literal["bool", "int64", "float64"]
"""The dtype that a callable gets for a column of a CSV file; text has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChunk:
    """Some rows of a file."""

    file: SourceFile
    frame: pd.DataFrame  # its index counts the rows from the file's first
    # Odd rows, whose cells are all empty in the frame, and decisions about the file; rows count from the frame's start.
    refused: tuple[Finding, ...] = ()
    lines: npt.NDArray[np.int64] | None = None  # where each row begins in the file, counted from 1


def read_chunks(
    file: SourceFile,
    mapping: EventMapping,
    *,
    chunksize: int,
    computed: Mapping[Hashable, TypedDtype] | None = None,
) -> Iterator[FileChunk]:
    """Read the columns of a mapping from a file, chunk by chunk; a file without rows gives one empty chunk.

    A file that cannot be read, or that changes meanwhile, is a `SourceError`.
    """
    # `computed` holds the dtypes that callables get for columns of text that the mapping does not name, by label.
    dtypes = computed or {} if file.is_text else {}
    # Nobody knows which columns a callable reads.
    columns = None if is_computing(mapping) else frozenset(named_labels(mapping))
    start = 0
    for part in _parts(file, columns, chunksize=chunksize):
        frame, odd = _typed(part.frame, dtypes)
        frame.index = pd.RangeIndex(start, start + len(frame))
        refused = (*_findings(file, part, start), *odd)
        start += len(frame)
        yield FileChunk(file=file, frame=frame, refused=refused, lines=part.lines)


def _findings(file: SourceFile, part: Part, start: int) -> Iterator[Finding]:
    for code in dict.fromkeys(odd.code for odd in part.odd_rows):
        chosen = [odd for odd in part.odd_rows if odd.code == code]
        yield Finding(
            code=code,
            rows=np.array([odd.row - start for odd in chosen], np.int64),
            values=pa.array([odd.subject for odd in chosen], TEXT_TYPE),
            field="row",
        )
    for remark in part.remarks if start == 0 and len(part.frame) else ():
        # The field names the file: a run gives a note once for each field.
        yield noted(remark.code, 0, remark.subject, field=f"file {file.path.name}")


def _typed(frame: pd.DataFrame, dtypes: Mapping[Hashable, TypedDtype]) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Give columns of text, by label, the dtypes that callables get.

    A cell that is not a number becomes absent in a column of numbers, and is a finding; its row counts from the frame's
    start.
    """
    typed, findings = frame.copy(deep=False), []
    for label in [label for label in dtypes if (frame.columns == label).sum() == 1]:
        texts = frame[label]
        if dtypes[label] == "bool":
            typed[label] = texts.str.lower() == "true"
            continue
        numbers = pd.to_numeric(texts, errors="coerce")
        odd = np.flatnonzero((texts.notna() & numbers.isna()).to_numpy())
        typed[label] = numbers.astype(dtypes[label])
        if len(odd):
            values = shown(pa.array(texts.iloc[odd[:VALUES_KEPT]], TEXT_TYPE, from_pandas=True))
            findings.append(
                Finding(code="computed_as_empty", rows=odd, values=values, field="callables", label=f"column {label!r}")
            )
    return typed, tuple(findings)


def read_columns(file: SourceFile, labels: Collection[Hashable]) -> Iterator[pd.DataFrame]:
    """Read some columns of a CSV file as text, a part of its rows at a time.

    Only empty cells and cells of odd rows are absent. A file that cannot be read is a `SourceError`.
    """
    return (part.frame for part in _parts(file, frozenset(labels), chunksize=_COUNTED_ROWS))


def read_first_rows(file: SourceFile, n_rows: int) -> pd.DataFrame:
    """Read at most the first `n_rows` rows of a file with all columns, without odd rows.

    The cells of a CSV file are text, of which only empty ones are absent; those of a Parquet file have Arrow's dtypes.
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
    with _as_source_error(file), opened(file) as content:
        return _reader(file, content).schema()


def row_count(file: SourceFile) -> int:
    """Count the rows of a file, and read only as much as that needs."""
    with _as_source_error(file), opened(file) as content:
        return _reader(file, content).count()


def header_hint(file: SourceFile, mapping: EventMapping) -> str:
    """Say what in the first lines of a CSV file may hide the columns of a mapping, and how to fix it; or nothing."""
    with _as_source_error(file), opened(file) as content:
        reader = _reader(file, content)
        if not isinstance(reader, CsvReader):
            return ""
        return reader.hint(frozenset(label for label in named_labels(mapping) if isinstance(label, str)))


def _reader(file: SourceFile, content: BinaryIO) -> TableReader:
    return ParquetReader(content) if file.format is FileFormat.PARQUET else CsvReader(file, content)


def _parts(
    file: SourceFile,
    columns: frozenset[Hashable] | None = None,
    *,
    chunksize: int,
    keeps_odd_rows: bool = False,
) -> Generator[Part]:
    """Read some columns of a file, or all: also if it lacks one of them, since the error names the columns it has."""
    with _as_source_error(file), opened(file) as content:
        stamp = file_stamp(content)
        for part in _reader(file, content).parts(columns, chunksize=chunksize, keeps_odd_rows=keeps_odd_rows):
            if file_stamp(content) != stamp:
                raise SourceError(f"{file}: was changed while it was read: submit it again when nothing writes to it")
            yield part


@contextmanager
def _as_source_error(file: SourceFile) -> Iterator[None]:
    """Turn the error of a reading library into a `SourceError` of one line."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: is not UTF-8: save it as UTF-8 and try again") from error
    except _READING_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(f"{file}: cannot be read: {reason}") from error
