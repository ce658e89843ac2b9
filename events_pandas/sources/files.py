"""CSV and Parquet files as frames of at most a chunk of rows, identifiers kept as they are written."""

import glob
import lzma
import os
import warnings
import zipfile
import zlib
from collections.abc import Collection, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.convert.cells import TEXT_TYPE, Rows
from events_pandas.convert.codes import CODES
from events_pandas.convert.problems import Finding
from events_pandas.errors import SourceError
from events_pandas.filesystem import DIRECTORY, odd_kind
from events_pandas.mapping import Constant, EventMapping
from events_pandas.mapping.arrow_types import sliceable_table
from events_pandas.mapping.rules import is_computed, rule_sources
from events_pandas.sources.computed_columns import typed_columns
from events_pandas.sources.csv_blocks import CSV_FORM, CsvForm
from events_pandas.sources.csv_form import OTHER_SEPARATORS, CsvHead, csv_form, separator_fault
from events_pandas.sources.csv_records import CsvRecords, Refusal, with_nuls
from events_pandas.sources.opening import KeptFile, decompressed, mark_of, opened

CSV_SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
PARQUET_SUFFIXES = (".parquet", ".pq")
KNOWN_SUFFIXES = "use .csv (also compressed: .csv.gz) or .parquet"
_INSTEAD = "its rows are read more than once, so write them to a file and give its name"
_INSTEAD_OF_DIRECTORY = "name its files, as in 'orders/*.csv'"

# What the libraries say of a bad file; much of it is a ValueError, the failure to decode text among the rest.
_ARCHIVE_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_READING_ERRORS = (ValueError, OSError, RuntimeError, pa.ArrowException, *_ARCHIVE_ERRORS)

COUNTED_ROWS = 100_000
"""Rows read at a time whose cells are only counted."""

CHOSEN_FROM = 10_000
"""Rows read at a time of which some are chosen."""

Read = TypeVar("Read")
PathOrPaths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChunk:
    """Some rows of a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    frame : pandas.DataFrame
        The rows; its index counts them from the file's first.
    refused : tuple of Finding
        Rows that cannot be read as they were meant, of which all cells are empty in the frame, and what was decided
        about the file; rows are counted from the start of the frame.
    """

    path: Path
    frame: pd.DataFrame
    refused: tuple[Finding, ...] = ()


def is_parquet(path: Path) -> bool:
    """Tell whether a file has types of its own.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.

    Returns
    -------
    bool
        By its name.
    """
    return path.name.lower().endswith(PARQUET_SUFFIXES)


def source_paths(paths: PathOrPaths) -> list[Path]:
    """Return the files that paths or patterns name.

    Parameters
    ----------
    paths : str, os.PathLike or sequence of them
        A file, a pattern such as ``"orders/*.parquet"``, or several of these.

    Returns
    -------
    list of pathlib.Path
        In the order given, and for a pattern in the order of names.

    Raises
    ------
    SourceError
        If there is no such file, or if it is of no known format.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return [file for name in named for file in _found(os.fspath(name))]


def _found(name: str) -> list[Path]:
    # A file whose own name has brackets in it is no pattern.
    matches = [name] if Path(name).exists() else sorted(glob.glob(name))  # noqa: PTH207  # Path.glob takes no absolute patterns.
    found = [Path(match) for match in matches]
    if not found:
        raise SourceError(f"{name}: there is no such file")
    for file in found:
        if kind := odd_kind(file):
            raise SourceError(f"{file}: is {kind}: {_INSTEAD_OF_DIRECTORY if kind == DIRECTORY else _INSTEAD}")
        if not file.name.lower().endswith((*CSV_SUFFIXES, *PARQUET_SUFFIXES)):
            raise SourceError(f"{file}: files of this format cannot be read: {KNOWN_SUFFIXES}")
    return found


def read_chunks(
    path: Path,
    mapping: EventMapping,
    *,
    chunksize: int,
    kept: KeptFile | None = None,
    computed: Mapping[Hashable, str] | None = None,
) -> Iterator[FileChunk]:
    """Read a file, chunk by chunk.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    mapping : EventMapping
        Its columns are read: those of a CSV file as text, so that ``00042`` stays as it is.
    chunksize : int
        Rows at a time.
    kept : KeptFile, optional
        The file as it stood when the run began.
    computed : mapping of hashable to str, optional
        The dtypes in which callables get other columns of CSV files. By default each chunk tells them.

    Yields
    ------
    FileChunk
        The rows in the file's order; one empty chunk for a file without rows.

    Raises
    ------
    SourceError
        If the file cannot be read, or is changed meanwhile.
    """
    labels = frozenset(named_labels(mapping))
    # Nobody knows what a callable reads.
    selection = _Selection(texts=labels, columns=None if is_computing(mapping) else labels)
    if computed is not None and not is_parquet(path):
        selection = _Selection()
    start = 0
    for part in _frames(path, selection, chunksize, kept=kept):
        frame, odd = (part.frame, ()) if selection.texts is not None else typed_columns(part.frame, computed or {})
        frame.index = pd.RangeIndex(start, start + len(frame))
        refused = (*_findings(path, part, start), *odd)
        start += len(frame)
        yield FileChunk(path=path, frame=frame, refused=refused)


def _findings(path: Path, part: "_Part", start: int) -> Iterator[Finding]:
    codes = dict.fromkeys(refusal.code for refusal in part.refused)
    for code in codes:
        chosen = [refusal for refusal in part.refused if refusal.code == code]
        yield Finding(
            code=code,
            rows=np.array([refusal.row - start for refusal in chosen], np.int64),
            values=pa.array([refusal.subject for refusal in chosen], TEXT_TYPE),
            field="row",
        )
    if part.escaped_line is not None and start == 0 and len(part.frame):
        # A field for each file: of each field a run tells the same once.
        yield Finding(
            code="backslash_quotes",
            rows=np.zeros(1, np.int64),
            values=pa.array([f"line {part.escaped_line}"], TEXT_TYPE),
            field=f"file {path.name}",
        )


def read_columns(path: Path, labels: Collection[Hashable], *, kept: KeptFile | None = None) -> Iterator[pd.DataFrame]:
    """Read some columns of a CSV file, a part of its rows at a time.

    Parameters
    ----------
    path : pathlib.Path
        A CSV file.
    labels : collection of hashable
        The columns; one that the file does not have, or has twice, is left out.
    kept : KeptFile, optional
        The file as it stood when the run began.

    Yields
    ------
    pandas.DataFrame
        The cells as text, of which only empty ones are absent; those of rows that cannot be read are absent, too.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    names = source_schema(path, kept=kept).names
    chosen = frozenset(label for label in labels if names.count(label) == 1)
    if chosen:
        selection = _Selection(texts=chosen, columns=chosen)
        yield from (part.frame for part in _frames(path, selection, COUNTED_ROWS, kept=kept))


def read_first_rows(path: Path, n_rows: int) -> pd.DataFrame:
    """Read the first rows of a file, with all columns.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    n_rows : int
        The most rows to read.

    Returns
    -------
    pandas.DataFrame
        The rows, counted from 0: the cells of a CSV file as text, of which only empty ones are absent; those of a
        Parquet file in Arrow's dtypes. Rows that cannot be read as they were meant are left out.

    Raises
    ------
    SourceError
        If the file cannot be read, or if no row of a CSV file can be read as it was meant.
    """
    parts: list[_Part] = []
    with closing(_frames(path, _Selection(), n_rows, kept=None)) as read:
        # Of a Parquet file a chunk may be shorter than asked for.
        while sum(len(part.frame) for part in parts) < n_rows and (part := next(read, None)) is not None:
            parts.append(part)
    rows = pd.concat([part.frame for part in parts], ignore_index=True).head(n_rows)
    refused = [refusal for part in parts for refusal in part.refused if refusal.row < len(rows)]
    if refused and len(refused) == len(rows):
        raise SourceError(f"{path}: no row can be read: {refused[0].subject} {CODES[refused[0].code]}")
    return rows.drop([refusal.row for refusal in refused]).reset_index(drop=True)


def read_first_row(path: Path, *, kept: KeptFile | None = None) -> pd.DataFrame:
    """Read all columns of a file, and its first row if it has one.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    kept : KeptFile, optional
        The file as it stood when the run began.

    Returns
    -------
    pandas.DataFrame
        One row or none; its cells are empty if it cannot be read as it was meant.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    with closing(_frames(path, _Selection(), 1, kept=kept)) as read:
        return next(read).frame


def read_chosen_rows(path: Path, rows: Rows, *, kept: KeptFile | None = None) -> Iterator[pd.DataFrame]:
    """Read some rows of a file, with all columns.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    rows : numpy.ndarray of int64
        Which, counted from the file's first and in its order; at least one.
    kept : KeptFile, optional
        The file as it stood when the run began.

    Yields
    ------
    pandas.DataFrame
        Rows as `read_first_rows` reads them, a part of the file at a time; nothing is read beyond the last of them.
        Those of a CSV file that cannot be read as they were meant stand there as far as they can: missing cells are
        empty, and cells beyond the last column stand in that column, with their commas.

    Raises
    ------
    SourceError
        If the file cannot be read, or no longer has these rows.
    """
    start = 0
    with closing(_frames(path, _Selection(keeps_refused=True), CHOSEN_FROM, kept=kept)) as read:
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
    """Return the names and types of a file's columns.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    kept : KeptFile, optional
        The file as it stood when the run began.

    Returns
    -------
    pyarrow.Schema
        Those of a CSV file are text. A name may be there twice.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    schema = _next(_read_schema(path, kept), path)
    return pa.schema([]) if schema is None else schema


def _read_schema(path: Path, kept: KeptFile | None) -> Iterator[pa.Schema]:
    with opened(path, kept) as file:
        if is_parquet(path):
            yield pq.read_schema(file).remove_metadata()
        else:
            yield pa.schema([(str(name), pa.string()) for name in _csv_form(path, file).labels()])


def header_hint(path: Path, mapping: EventMapping, *, kept: KeptFile | None = None) -> str:
    """Say why the columns of a mapping may not be among those of a CSV file.

    Parameters
    ----------
    path : pathlib.Path
        A file that lacks a column of the mapping.
    mapping : EventMapping
        The mapping.
    kept : KeptFile, optional
        The file as it stood when the run began.

    Returns
    -------
    str
        What is odd about the file's first lines, and how to fix it; empty if nothing is, or for a Parquet file.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    return "" if is_parquet(path) else _next(_read_hint(path, mapping, kept), path) or ""


def _read_hint(path: Path, mapping: EventMapping, kept: KeptFile | None) -> Iterator[str]:
    names = frozenset(label for label in named_labels(mapping) if isinstance(label, str))
    with opened(path, kept) as file, decompressed(path, file) as stream:
        head = CsvHead.read(path, stream)
        _require_commas(path, head.form().labels())
        yield head.hint(names)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Selection:
    """Which columns are kept, and which of those of a CSV file are read as text; None stands for all."""

    texts: frozenset[Hashable] | None = None
    columns: frozenset[Hashable] | None = None
    keeps_refused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """Some rows of a file as they were read, and what was decided about them."""

    frame: pd.DataFrame
    refused: Sequence[Refusal] = ()
    escaped_line: int | None = None


def _frames(path: Path, selection: _Selection, chunksize: int, *, kept: KeptFile | None) -> Generator[_Part]:
    parts = _read(path, selection, chunksize, kept=kept)
    while (part := _next(parts, path)) is not None:
        yield part


def _read(path: Path, selection: _Selection, chunksize: int, *, kept: KeptFile | None) -> Iterator[_Part]:
    read = _read_parquet if is_parquet(path) else _read_csv
    with opened(path, kept) as file:
        mark = mark_of(file)
        for part in read(path, file, selection, chunksize=chunksize):
            if mark_of(file) != mark:
                raise SourceError(f"{path}: was changed while it was read: submit it again when nothing writes to it")
            yield part


def _with_nuls(part: _Part, start: int) -> pd.DataFrame:
    """Put NULs back into the rows that were refused for them: another text might pass when it is submitted again."""
    rows = [refusal.row - start for refusal in part.refused if refusal.code == "nul_character"]
    if not rows:
        return part.frame
    frame = part.frame.astype(object)
    cells = frame.to_numpy()
    cells[rows] = [[with_nuls(cell) if isinstance(cell, str) else cell for cell in row] for row in cells[rows]]
    return pd.DataFrame(cells, index=frame.index, columns=frame.columns)


def row_counts(path: Path, *, kept: KeptFile | None = None) -> Iterator[int]:
    """Count the rows of a file, without reading more of it than that takes.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    kept : KeptFile, optional
        The file as it stood when the run began.

    Yields
    ------
    int
        The rows counted since the last number.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    counts = _counts(path, kept)
    while (count := _next(counts, path)) is not None:
        yield count


def _counts(path: Path, kept: KeptFile | None) -> Iterator[int]:
    with opened(path, kept) as file:
        yield pq.read_metadata(file).num_rows if is_parquet(path) else _csv_form(path, file).rows


def _next(frames: Iterator[Read], path: Path) -> Read | None:
    """Read on; what the reading library says of a bad file becomes one line."""
    try:
        with warnings.catch_warnings():
            # pandas only warns when a row has more cells than there are columns, and cuts them off.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return next(frames, None)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: is not UTF-8: save it as UTF-8 and try again") from error
    except _READING_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(f"{path}: cannot be read: {reason}") from error


def _csv_form(path: Path, file: BinaryIO) -> CsvForm:
    @contextmanager
    def content() -> Iterator[BinaryIO]:
        file.seek(0)
        with decompressed(path, file) as stream:
            yield stream

    return csv_form(path, mark_of(file), content)


def _read_csv(path: Path, file: BinaryIO, selection: _Selection, *, chunksize: int) -> Iterator[_Part]:
    form = _csv_form(path, file)
    header = form.labels()
    texts, columns = selection.texts, selection.columns
    is_known = texts is not None and texts <= set(header)
    if not is_known:
        _require_commas(path, header)
    dtype: Any = str if texts is None else dict.fromkeys(texts, str)
    file.seek(0)
    with decompressed(path, file) as stream:
        records: Any = CsvRecords(path, stream, form, keeps=selection.keeps_refused)
        delivered = 0
        with pd.read_csv(
            records, chunksize=chunksize, dtype=dtype, na_values=[""], low_memory=False, **CSV_FORM
        ) as reader:
            for frame in reader:
                frame.columns = header
                delivered += len(frame)
                # All columns, if one is missing: the error names those that there are.
                chosen = frame.loc[:, frame.columns.isin(columns)] if is_known and columns is not None else frame
                yield _Part(frame=chosen, refused=records.refused(delivered), escaped_line=form.escaped_line)
    if delivered != form.rows:
        raise SourceError(f"{path}: cannot be read: it has {form.rows:,} rows, and {delivered:,} were found")


def _require_commas(path: Path, header: Sequence[Any]) -> None:
    """Refuse a file whose only column has a name in which something else separates names."""
    separators = (name for mark, name in OTHER_SEPARATORS.items() if mark in str(header[0]))
    if len(header) == 1 and (separator := next(separators, None)):
        raise SourceError(separator_fault(path, separator))


def _read_parquet(_: Path, content: BinaryIO, selection: _Selection, *, chunksize: int) -> Iterator[_Part]:
    with pq.ParquetFile(content) as file:
        names, kept = file.schema_arrow.names, selection.columns
        # All columns, if one is missing: the error names those that there are.
        columns = names if kept is None or not kept <= set(names) else [name for name in names if name in kept]
        if file.metadata.num_rows == 0:
            yield _Part(frame=_as_frame(file.schema_arrow.empty_table()))
        for batch in file.iter_batches(batch_size=chunksize, columns=columns):
            yield _Part(frame=_as_frame(pa.Table.from_batches([batch])))


def _as_frame(table: pa.Table) -> pd.DataFrame:
    # Arrow's own dtypes: an integer column with a gap stays an integer column.
    frame: pd.DataFrame = sliceable_table(table).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame


def _sources(mapping: EventMapping) -> Iterator[Any]:
    for rule in mapping.rules().values():
        yield from rule_sources(rule).values()


def is_computing(mapping: EventMapping) -> bool:
    """Tell whether a mapping has a source that is computed from the frame.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.

    Returns
    -------
    bool
        True for callables and ``pd.col`` expressions: nobody knows which columns they read.
    """
    return any(is_computed(source) for source in _sources(mapping))


def named_labels(mapping: EventMapping) -> set[Hashable]:
    """Return the columns that a mapping names.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.

    Returns
    -------
    set of hashable
        Their labels.
    """
    return {source for source in _sources(mapping) if not is_computed(source) and not isinstance(source, Constant)}
