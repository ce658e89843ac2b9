"""A name for the rows of a Dask DataFrame: another process gives the same one as long as the sources are the same."""

import os
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import dask.dataframe as dd
from dask.dataframe.dask_expr.io import FromMap, FromPandas, ReadParquet
from dask.tokenize import TokenizationError, tokenize
from fsspec.core import OpenFile

from events_pandas.errors import SourceError
from events_pandas.manifest import part_name
from events_pandas.sources import name_of
from events_pandas.words import escaped

# Dask's own names do not do. That of Parquet files differs between processes, whose number their file system has. That
# of CSV files stays the same if their content changes.
_LOOKED_UP: Final = frozenset({"_dataset_info_cache", "_pq_length_stats", "_pd_length_stats"})
"""Parameters that hold facts about the others."""


def rows_name(frame: dd.DataFrame) -> str | None:
    """Return a name that differs if the frame or its files do; None if nobody knows whether they do.

    Pandas frames are known, and files that Dask itself reads from Parquet and CSV. A function of the caller may read
    something else the next time.
    """
    try:
        return _named(frame.expr, {})
    except (LookupError, TokenizationError):
        return None


def require_apart(frame: dd.DataFrame, place: str | os.PathLike[str]) -> None:
    """Raise `SourceError` if a frame that is made in the same way would read Parquet files at a place."""
    for source in frame.expr.walk():
        if isinstance(source, ReadParquet):
            paths = source.path if isinstance(source.path, list | tuple) else [source.path]
            if (name := name_of(Path(place) / part_name(0, "0" * 8), list(map(str, paths)))) is not None:
                fault = f"the next run would read it, since {name!r} stands for it, too"
                raise SourceError(f"{escaped(place)}: {fault}: choose another folder")


def _named(expression: Any, names: dict[int, str]) -> str:
    """Return the name of an expression. Raise `LookupError` for a source that is not known."""
    if id(expression) not in names:
        content = _content(expression)
        operands = zip_longest(type(expression)._parameters, expression.operands)  # noqa: SLF001
        others = [
            _named(operand, names) if hasattr(operand, "operands") else operand
            for parameter, operand in operands
            if parameter not in _LOOKED_UP and not (parameter == "iterables" and isinstance(expression, FromMap))
        ]
        names[id(expression)] = tokenize(type(expression).__qualname__, content, others, ensure_deterministic=True)
    return names[id(expression)]


def _content(source: Any) -> object:
    """Return what differs if the content of a source does, unless its operands do."""
    if source.dependencies() or isinstance(source, FromPandas):
        return None
    if isinstance(source, ReadParquet):
        # The frame may be older than its files: it keeps what it knew of them, and reads them as they are.
        known = zip(type(source)._parameters, source.operands, strict=True)  # noqa: SLF001
        return type(source)(*(None if name == "_dataset_info_cache" else operand for name, operand in known)).checksum
    if isinstance(source, FromMap):
        blocks, *others = source.iterables
        return list(map(_block, blocks)), others
    raise LookupError(source)


def _block(task: Any) -> object:
    """Return where a block of a file is, and what differs if the file has changed."""
    file, *where = getattr(task, "args", (None,))
    if isinstance(file, OpenFile):
        return file.fs.ukey(file.path), where, file.compression
    raise LookupError(task)
