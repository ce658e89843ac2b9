"""What every format offers: the columns of a file, the number of its rows, and the rows part by part."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from events_pandas.sources.source_file import Part


class TableReader(Protocol):
    """Reads one file, again and again. Its methods may raise the errors of a reading library."""

    def schema(self) -> pa.Schema:
        """Return the names and types of the columns; text has the type string. A name may be there twice."""

    def count(self) -> int:
        """Return the number of rows, and read only as much as that needs."""

    def parts(
        self, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool = False
    ) -> Iterator[Part]:
        """Yield some columns of the rows, at most `chunksize` rows at a time; a file without rows gives one empty part.

        All columns are read for None, and if one of them is not there: the error names those that are. With
        `keeps_odd_rows`, odd rows stand in the frame as far as they can, otherwise their cells are all empty.
        """


def known_columns(columns: frozenset[Hashable] | None, names: Iterable[Hashable]) -> frozenset[Hashable] | None:
    """Return the columns to read; None, which stands for all, if one of them is not among the names."""
    return columns if columns is not None and columns <= set(names) else None


def chosen_columns(columns: frozenset[Hashable] | None, names: Sequence[str]) -> list[str]:
    """Return the names of the columns to read, in the order of the file."""
    chosen = known_columns(columns, names)
    return [name for name in names if chosen is None or name in chosen]
