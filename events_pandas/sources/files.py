"""CSV and Parquet files as frames of at most a chunk of rows, with identifiers as they are written."""

import glob
import lzma
import os
import zipfile
import zlib
from collections.abc import Collection, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.convert.cells import TEXT_TYPE, Rows
from events_pandas.convert.codes import CODES
from events_pandas.convert.problems import VALUES_KEPT, Finding, noted, shown
from events_pandas.errors import SourceError
from events_pandas.filesystem import DIRECTORY, odd_kind
from events_pandas.mapping import EventMapping, is_computing, named_labels
from events_pandas.mapping.arrow_types import sliceable_table
from events_pandas.sources.csv_form import OTHER_SEPARATORS, CsvHead, csv_form, separator_fault
from events_pandas.sources.csv_records import CsvRecords, OddRow, with_nuls
from events_pandas.sources.csv_structure import CSV_OPTIONS, CsvForm
from events_pandas.sources.opening import KeptFile, decompressed, file_stamp, opened

_CSV_SUFFIXES: Final = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
_PARQUET_SUFFIXES: Final = (".parquet", ".pq")
_KNOWN_SUFFIXES: Final = "use .csv (also compressed: .csv.gz) or .parquet"
_INSTEAD: Final = "its rows are read more than once, so write them to a file and give its name"
_INSTEAD_OF_DIRECTORY: Final = "name its files, as in 'orders/*.csv'"

# The errors of the libraries at a bad file; many are a ValueError, such as that of decoding text.
_ARCHIVE_ERRORS: Final = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_READING_ERRORS: Final = (ValueError, OSError, RuntimeError, pa.ArrowException, *_ARCHIVE_ERRORS)

_COUNTED_ROWS: Final = 100_000
"""Rows that are read at a time if their cells are only counted."""

TypedDtype: TypeAlias = Literal["bool", "int64", "float64"]
"""The dtype that a callable gets for a column of a CSV file; text has none."""

PathOrPaths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChunk:
    """Some rows of a file."""

    path: Path
    frame: pd.DataFrame  # its index counts the rows from the file's first
    # Odd rows, whose cells are all empty in the frame, and decisions about the file; rows count from the frame's start.
    refused: tuple[Finding, ...] = ()


def is_parquet(path: Path) -> bool:
    """Tell by its name whether a file is Parquet and has types, or CSV."""
    return path.name.lower().endswith(_PARQUET_SUFFIXES)


def source_paths(paths: PathOrPaths) -> list[Path]:
    """Return the files that paths or patterns such as ``"orders/*.parquet"`` name; those of a pattern by name.

    A file that does not exist or has an unknown format is a `SourceError`.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return [file for name in named for file in _found(os.fspath(name))]


def _found(name: str) -> list[Path]:
    # A file's own name may have brackets in it, and is not a pattern then.
    matches = [name] if Path(name).exists() else sorted(glob.glob(name))  # noqa: PTH207  # Path.glob takes no absolute patterns.
    found = [Path(match) for match in matches]
    if not found:
        raise SourceError(f"{name}: there is no such file")
    for file in found:
        if kind := odd_kind(file):
            raise SourceError(f"{file}: is {kind}: {_INSTEAD_OF_DIRECTORY if kind == DIRECTORY else _INSTEAD}")
        if not file.name.lower().endswith((*_CSV_SUFFIXES, *_PARQUET_SUFFIXES)):
            raise SourceError(f"{file}: files of this format cannot be read: {_KNOWN_SUFFIXES}")
    return found


def read_chunks(
    path: Path,
    mapping: EventMapping,
    *,
    chunksize: int,
    kept: KeptFile | None = None,
    computed: Mapping[Hashable, TypedDtype] | None = None,
) -> Iterator[FileChunk]:
    """Read the columns of a mapping from a file, chunk by chunk; a file without rows gives one empty chunk.

    `kept` is the file as it was when the run began. A file that cannot be read, or that changes meanwhile, is a
    `SourceError`.
    """
    # The cells of a CSV file are text, so that 00042 stays as it is. `computed` holds the dtypes that callables get
    # for other columns of a CSV file, by label.
    dtypes = {} if is_parquet(path) else computed or {}
    # Nobody knows which columns a callable reads.
    columns = None if is_computing(mapping) else frozenset(named_labels(mapping))
    start = 0
    for part in _parts(path, columns, chunksize=chunksize, kept=kept):
        frame, odd = _typed(part.frame, dtypes)
        frame.index = pd.RangeIndex(start, start + len(frame))
        refused = (*_findings(path, part, start), *odd)
        start += len(frame)
        yield FileChunk(path=path, frame=frame, refused=refused)


def _findings(path: Path, part: "_Part", start: int) -> Iterator[Finding]:
    for code in dict.fromkeys(odd.code for odd in part.odd_rows):
        chosen = [odd for odd in part.odd_rows if odd.code == code]
        yield Finding(
            code=code,
            rows=np.array([odd.row - start for odd in chosen], np.int64),
            values=pa.array([odd.subject for odd in chosen], TEXT_TYPE),
            field="row",
        )
    if part.escaped_line is not None and start == 0 and len(part.frame):
        # The field names the file: a run gives a note once for each field.
        yield noted("backslash_quotes", 0, f"line {part.escaped_line}", field=f"file {path.name}")


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


def read_columns(path: Path, labels: Collection[Hashable], *, kept: KeptFile | None = None) -> Iterator[pd.DataFrame]:
    """Read some columns of a CSV file as text, a part of its rows at a time.

    Only empty cells and cells of odd rows are absent. A file that cannot be read is a `SourceError`.
    """
    return (part.frame for part in _parts(path, frozenset(labels), chunksize=_COUNTED_ROWS, kept=kept))


def read_first_rows(path: Path, n_rows: int) -> pd.DataFrame:
    """Read at most the first `n_rows` rows of a file with all columns, without odd rows.

    The cells of a CSV file are text, of which only empty ones are absent; those of a Parquet file have Arrow's dtypes.
    A file that cannot be read, and a CSV file with odd rows only, are a `SourceError`.
    """
    parts: list[_Part] = []
    with closing(_parts(path, chunksize=n_rows)) as read:
        # A chunk of a Parquet file may be shorter than asked for.
        while sum(len(part.frame) for part in parts) < n_rows and (part := next(read, None)) is not None:
            parts.append(part)
    rows = pd.concat([part.frame for part in parts], ignore_index=True).head(n_rows)
    odd_rows = [odd for part in parts for odd in part.odd_rows if odd.row < len(rows)]
    if odd_rows and len(odd_rows) == len(rows):
        raise SourceError(f"{path}: no row can be read: {odd_rows[0].subject} {CODES[odd_rows[0].code]}")
    return rows.drop([odd.row for odd in odd_rows]).reset_index(drop=True)


def read_first_row(path: Path, *, kept: KeptFile | None = None) -> pd.DataFrame:
    """Read all columns of a file, and its first row if it has one; the cells of an odd row are empty."""
    with closing(_parts(path, chunksize=1, kept=kept)) as read:
        return next(read).frame


def read_chosen_rows(
    path: Path, rows: Rows, *, kept: KeptFile | None = None, chunksize: int = 10_000
) -> Iterator[pd.DataFrame]:
    """Read at least one row of a file with all columns; `rows` counts from the file's first, and ascends.

    The rows are as `read_first_rows` reads them, `chunksize` rows of the file at a time, and no further than the last.
    A file that no longer has these rows is a `SourceError`.
    """
    # Odd rows of a CSV file stand there as far as they can: missing cells are empty, and cells beyond the last column
    # stand in that column, with their commas.
    start = 0
    with closing(_parts(path, chunksize=chunksize, kept=kept, keeps_odd_rows=True)) as read:
        for part in read:
            frame = _with_nuls(part, start)
            chosen = rows[(rows >= start) & (rows < start + len(frame))]
            if len(chosen):
                yield frame.iloc[chosen - start].set_axis(chosen)
            start += len(frame)
            if start > rows[-1]:
                return
    raise SourceError(f"{path}: has {start:,} rows now, and had more when it was submitted")


def source_schema(path: Path, *, kept: KeptFile | None = None) -> pa.Schema:
    """Return the names and types of a file's columns: those of a CSV file are text. A name may be there twice."""
    with _as_source_error(path), opened(path, kept) as file:
        if is_parquet(path):
            return pq.read_schema(file).remove_metadata()
        return pa.schema([(str(name), pa.string()) for name in _csv_form(path, file).labels()])


def row_count(path: Path, *, kept: KeptFile | None = None) -> int:
    """Count the rows of a file, and read only as much as that needs."""
    with _as_source_error(path), opened(path, kept) as file:
        return pq.read_metadata(file).num_rows if is_parquet(path) else _csv_form(path, file).rows


def header_hint(path: Path, mapping: EventMapping, *, kept: KeptFile | None = None) -> str:
    """Say what in the first lines of a CSV file may hide the columns of a mapping, and how to fix it; or nothing."""
    if is_parquet(path):
        return ""
    with _as_source_error(path), opened(path, kept) as file, decompressed(path, file) as stream:
        head = CsvHead.read(path, stream)
        _require_commas(path, head.form().labels())
        return head.hint(frozenset(label for label in named_labels(mapping) if isinstance(label, str)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """Some rows of a file as they were read, and the odd ones among them."""

    frame: pd.DataFrame
    odd_rows: Sequence[OddRow] = ()
    escaped_line: int | None = None


def _parts(
    path: Path,
    columns: frozenset[Hashable] | None = None,
    *,
    chunksize: int,
    kept: KeptFile | None = None,
    keeps_odd_rows: bool = False,
) -> Generator[_Part]:
    """Read some columns of a file, or all: also if it lacks one of them, since the error names the columns it has."""
    with _as_source_error(path), opened(path, kept) as file:
        stamp = file_stamp(file)
        if is_parquet(path):
            parts = _parquet_parts(file, columns, chunksize=chunksize)
        else:
            parts = _csv_parts(path, file, columns, chunksize=chunksize, keeps_odd_rows=keeps_odd_rows)
        for part in parts:
            if file_stamp(file) != stamp:
                raise SourceError(f"{path}: was changed while it was read: submit it again when nothing writes to it")
            yield part


def _with_nuls(part: _Part, start: int) -> pd.DataFrame:
    """Put NULs back into the rows that are odd for them: another text might be valid when it is submitted again."""
    rows = [odd.row - start for odd in part.odd_rows if odd.code == "nul_character"]
    if not rows:
        return part.frame
    frame = part.frame.astype(object)
    cells = frame.to_numpy()
    cells[rows] = [[with_nuls(cell) if isinstance(cell, str) else cell for cell in row] for row in cells[rows]]
    return pd.DataFrame(cells, index=frame.index, columns=frame.columns)


@contextmanager
def _as_source_error(path: Path) -> Iterator[None]:
    """Turn the error of a reading library into a `SourceError` of one line."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: is not UTF-8: save it as UTF-8 and try again") from error
    except _READING_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(f"{path}: cannot be read: {reason}") from error


def _csv_form(path: Path, file: BinaryIO) -> CsvForm:
    return csv_form(path, file_stamp(file), partial(decompressed, path, file))


def _csv_parts(
    path: Path, file: BinaryIO, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool
) -> Iterator[_Part]:
    form = _csv_form(path, file)
    header = form.labels()
    chosen = _known(columns, header)
    if chosen is None:
        _require_commas(path, header)
    places = [place for place, name in enumerate(header) if chosen is None or name in chosen]
    with decompressed(path, file) as stream:
        records: Any = CsvRecords(path, stream, form, keeps=keeps_odd_rows)
        n_rows = 0
        with pd.read_csv(
            records, chunksize=chunksize, usecols=places, dtype=str, na_values=[""], low_memory=False, **CSV_OPTIONS
        ) as reader:
            for frame in reader:
                frame.columns = [header[place] for place in places]
                n_rows += len(frame)
                yield _Part(frame=frame, odd_rows=records.odd_rows(n_rows), escaped_line=form.escaped_line)
    if n_rows != form.rows:
        raise SourceError(f"{path}: cannot be read: it has {form.rows:,} rows, and {n_rows:,} were found")


def _known(columns: frozenset[Hashable] | None, names: Iterable[Hashable]) -> frozenset[Hashable] | None:
    """Return the columns to read; None, which stands for all, if one of them is not among the names."""
    return columns if columns is not None and columns <= set(names) else None


def _require_commas(path: Path, header: Sequence[object]) -> None:
    """Raise a `SourceError` if a file has one column, and its name holds another separator than a comma."""
    separators = (name for mark, name in OTHER_SEPARATORS.items() if mark in str(header[0]))
    if len(header) == 1 and (separator := next(separators, None)):
        raise SourceError(separator_fault(path, separator))


def _parquet_parts(content: BinaryIO, columns: frozenset[Hashable] | None, *, chunksize: int) -> Iterator[_Part]:
    with pq.ParquetFile(content) as file:
        names = file.schema_arrow.names
        if file.metadata.num_rows == 0:
            yield _Part(frame=_as_frame(file.schema_arrow.empty_table()))
        chosen = _known(columns, names)
        read = [name for name in names if chosen is None or name in chosen]
        for batch in file.iter_batches(batch_size=chunksize, columns=read):
            yield _Part(frame=_as_frame(pa.Table.from_batches([batch])))


def _as_frame(table: pa.Table) -> pd.DataFrame:
    # Arrow's own dtypes: an integer column with a gap stays an integer column.
    frame: pd.DataFrame = sliceable_table(table).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame
