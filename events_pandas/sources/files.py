"""CSV and Parquet files as frames of at most a chunk of rows, identifiers kept as they are written."""

import glob
import lzma
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Collection, Generator, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.convert.cells import Rows
from events_pandas.errors import SourceError
from events_pandas.mapping import Constant, EventMapping
from events_pandas.mapping.rules import is_computed, rule_sources
from events_pandas.mapping.views import sliceable_table

CSV_SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
PARQUET_SUFFIXES = (".parquet", ".pq")
KNOWN_SUFFIXES = "use .csv (also compressed: .csv.gz) or .parquet"

# What the libraries say of a bad file; much of it is a ValueError, the failure to decode text among the rest.
_ARCHIVE_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_READING_ERRORS = (ValueError, OSError, pa.ArrowException, pd.errors.ParserWarning, *_ARCHIVE_ERRORS)

COUNTED_ROWS = 100_000
CHOSEN_FROM = 10_000
"""Rows read at a time of which some are chosen."""

CSV_FORM: dict[str, Any] = {
    # Without this a file whose rows have one cell too many would take its first column for an index.
    "index_col": False,
    "encoding": "utf-8-sig",
    # Only an empty cell is absent: "NA" is Namibia, and "None" may be somebody's name.
    "keep_default_na": False,
}

_OTHER_SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}

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
    """

    path: Path
    frame: pd.DataFrame


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
        if not file.name.lower().endswith((*CSV_SUFFIXES, *PARQUET_SUFFIXES)):
            raise SourceError(f"{file}: files of this format cannot be read: {KNOWN_SUFFIXES}")
    return found


def read_chunks(path: Path, mapping: EventMapping, *, chunksize: int) -> Iterator[FileChunk]:
    """Read a file, chunk by chunk.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    mapping : EventMapping
        Its columns are read: those of a CSV file as text, so that ``00042`` stays as it is.
    chunksize : int
        Rows at a time.

    Yields
    ------
    FileChunk
        The rows in the file's order; one empty chunk for a file without rows.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    labels = frozenset(_labels(mapping))
    # Nobody knows what a callable reads.
    selection = _Selection(texts=labels, columns=None if is_computing(mapping) else labels)
    start = 0
    for frame in _frames(path, selection, chunksize):
        frame.index = pd.RangeIndex(start, start + len(frame))
        start += len(frame)
        yield FileChunk(path=path, frame=frame)


def read_columns(path: Path, labels: Collection[Hashable]) -> Iterator[pd.DataFrame]:
    """Read some columns of a CSV file, a part of its rows at a time.

    Parameters
    ----------
    path : pathlib.Path
        A CSV file.
    labels : collection of hashable
        The columns; one that the file does not have, or has twice, is left out.

    Yields
    ------
    pandas.DataFrame
        The cells as text, of which only empty ones are absent.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    names = source_schema(path).names
    chosen = frozenset(label for label in labels if names.count(label) == 1)
    if chosen:
        yield from _frames(path, _Selection(texts=chosen, columns=chosen), COUNTED_ROWS)


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
        Parquet file in Arrow's dtypes.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    frames: list[pd.DataFrame] = []
    with closing(_frames(path, _Selection(), n_rows)) as read:
        # Of a Parquet file a chunk may be shorter than asked for.
        while sum(map(len, frames)) < n_rows and (frame := next(read, None)) is not None:
            frames.append(frame)
    return pd.concat(frames, ignore_index=True).head(n_rows)


def read_chosen_rows(path: Path, rows: Rows) -> Iterator[pd.DataFrame]:
    """Read some rows of a file, with all columns.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.
    rows : numpy.ndarray of int64
        Which, counted from the file's first and in its order; at least one.

    Yields
    ------
    pandas.DataFrame
        Rows as `read_first_rows` reads them, a part of the file at a time; nothing is read beyond the last of them.

    Raises
    ------
    SourceError
        If the file cannot be read, or no longer has these rows.
    """
    start = 0
    with closing(_frames(path, _Selection(), CHOSEN_FROM)) as read:
        for frame in read:
            chosen = rows[(rows >= start) & (rows < start + len(frame))]
            if len(chosen):
                yield frame.iloc[chosen - start].set_axis(chosen)
            start += len(frame)
            if start > rows[-1]:
                return
    raise SourceError(f"{path}: has {start:,} rows now, and had more when it was submitted")


def source_schema(path: Path) -> pa.Schema:
    """Return the names and types of a file's columns.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.

    Returns
    -------
    pyarrow.Schema
        Those of a CSV file are text. A name may be there twice.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    schema = _next(_read_schema(path), path)
    return pa.schema([]) if schema is None else schema


def _read_schema(path: Path) -> Iterator[pa.Schema]:
    if is_parquet(path):
        yield pq.read_schema(path).remove_metadata()
    else:
        yield pa.schema([(str(name), pa.string()) for name in _csv_header(path)])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Selection:
    """Which columns are kept, and which of those of a CSV file are read as text; None stands for all."""

    texts: frozenset[Hashable] | None = None
    columns: frozenset[Hashable] | None = None


def _frames(path: Path, selection: _Selection, chunksize: int) -> Generator[pd.DataFrame]:
    read = _read_parquet if is_parquet(path) else _read_csv
    frames = read(path, selection, chunksize)
    while (frame := _next(frames, path)) is not None:
        yield frame


def row_counts(path: Path) -> Iterator[int]:
    """Count the rows of a file, without reading more of it than that takes.

    Parameters
    ----------
    path : pathlib.Path
        A CSV or a Parquet file.

    Yields
    ------
    int
        The rows counted since the last number.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    counts = _count_parquet(path) if is_parquet(path) else _count_csv(path)
    while (count := _next(counts, path)) is not None:
        yield count


def _count_parquet(path: Path) -> Iterator[int]:
    yield pq.read_metadata(path).num_rows


def _count_csv(path: Path) -> Iterator[int]:
    with pd.read_csv(path, usecols=[0], chunksize=COUNTED_ROWS, dtype=str, **CSV_FORM) as reader:
        yield from map(len, reader)


def _next(frames: Iterator[Read], path: Path) -> Read | None:
    """Read on; what the reading library says of a bad file becomes one line."""
    try:
        with warnings.catch_warnings():
            # pandas only warns when a row has more cells than there are columns, and cuts them off.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return next(frames, None)
    except pd.errors.EmptyDataError as error:
        raise SourceError(f"{path}: is empty: its first line must name the columns") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise SourceError(f"{path}: {_parser_fault(str(error))}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: is not UTF-8: save it as UTF-8 and try again") from error
    except _READING_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(f"{path}: cannot be read: {reason}") from error


def _parser_fault(reason: str) -> str:
    """Say in a user's words what pandas says of a CSV file's form."""
    cells = re.search(r"Expected \d+ fields in line (\d+)|Length of header or names does not match", reason)
    if cells is not None:
        where = "a row" if cells[1] is None else f"line {cells[1]}"
        return f"{where} has more cells than the first line names columns: put cells with commas in quotes"
    quote = re.search(r"EOF inside string starting at row (\d+)", reason)
    if quote is not None:
        # pandas counts from 0 here.
        return f"a quote is opened in line {int(quote[1]) + 1} and not closed: close it, or write it twice"
    return f"cannot be read: {reason.strip().splitlines()[0]}"


def _read_csv(path: Path, selection: _Selection, chunksize: int) -> Iterator[pd.DataFrame]:
    header = _csv_header(path)
    texts, columns = selection.texts, selection.columns
    is_known = texts is not None and texts <= set(header)
    if not is_known and len(header) == 1 and (separator := _separator(str(header[0]))):
        raise SourceError(
            f"{path}: its columns are separated by {separator}, and a CSV file's by commas: save it with commas"
        )
    dtype: Any = str if texts is None else dict.fromkeys(texts, str)
    with pd.read_csv(path, chunksize=chunksize, dtype=dtype, na_values=[""], low_memory=False, **CSV_FORM) as reader:
        for frame in reader:
            frame.columns = header
            # All columns, if one is missing: the error names those that there are.
            yield frame.loc[:, frame.columns.isin(columns)] if is_known and columns is not None else frame


def _csv_header(path: Path) -> list[Any]:
    # pandas makes "a.1" of a second column "a", and so would hide which of them is meant.
    return list(pd.read_csv(path, header=None, nrows=1, dtype=str, **CSV_FORM).iloc[0])


def _separator(line: str) -> str | None:
    """Return what stands in a comma's place, as a message names it."""
    return next((name for mark, name in _OTHER_SEPARATORS.items() if mark in line), None)


def _read_parquet(path: Path, selection: _Selection, chunksize: int) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        names, kept = file.schema_arrow.names, selection.columns
        # All columns, if one is missing: the error names those that there are.
        columns = names if kept is None or not kept <= set(names) else [name for name in names if name in kept]
        if file.metadata.num_rows == 0:
            yield _as_frame(file.schema_arrow.empty_table())
        for batch in file.iter_batches(batch_size=chunksize, columns=columns):
            yield _as_frame(pa.Table.from_batches([batch]))


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


def _labels(mapping: EventMapping) -> set[Hashable]:
    return {source for source in _sources(mapping) if not is_computed(source) and not isinstance(source, Constant)}
