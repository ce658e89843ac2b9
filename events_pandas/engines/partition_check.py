"""Rows of an engine are checked here: workers bring them out in parts, which are kept until then."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa

from events_pandas.deliver import IntercomClient
from events_pandas.engines.part_count import count_files, counted_step
from events_pandas.engines.part_files import ARROW, PartWriter, common_schema, open_arrow, with_types
from events_pandas.engines.stage import Partitions
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport
from events_pandas.run.stream_check import check_batches
from events_pandas.sources import KeptTables
from events_pandas.sources.spool import copy_fault

CHECKED: Final = "checked"
"""What is to be done with the rows, as messages say it."""
_ROWS: Final = "rows of the partitions"


def check_partitions(
    partitions: Partitions, names: Sequence[str], mapping: EventMapping, *, client: IntercomClient | None
) -> CheckReport:
    """Check the columns of all partitions, in their order and with the types that a stage of them would have.

    The workers write them to a temporary folder.
    """
    with TemporaryDirectory(prefix="events-pandas-") as folder:
        writer = PartWriter(names=names, folder=Path(folder), file_name=_file_name, verb=CHECKED, fault=_fault)
        with counted_step(
            "auto", "reading partitions", total=None, count=partial(count_files, writer.folder, f"*{ARROW}")
        ):
            facts = partitions.written(writer)
        parts = [part for part in facts if part.rows] or list(facts[:1])
        schema = common_schema(parts, CHECKED)

        def batches(most_rows: int) -> Iterator[pa.Table]:
            for part in parts:
                # What is used of its rows is read from the file each time.
                yield from _cut(with_types(open_arrow(writer.path(part.partition)), schema, CHECKED), most_rows)

        return check_batches(batches, mapping, client=client)


def check_pieces(
    pieces: Iterable[tuple[int, bytes]], schema: pa.Schema, mapping: EventMapping, *, client: IntercomClient | None
) -> CheckReport:
    """Check rows that come in pieces, each a stream of Arrow's own format, in the order of the pieces' numbers."""
    with KeptTables(_ROWS) as kept:
        numbers: list[int] = []
        with counted_step("auto", "reading pieces", total=None, count=numbers.__len__):
            for number, content in pieces:
                kept.add_packed(content)
                numbers.append(number)
        if not numbers:
            kept.add(schema.empty_table())
        places = np.argsort(numbers).tolist() or [0]

        def batches(most_rows: int) -> Iterator[pa.Table]:
            for place in places:
                yield from _cut(kept[place], most_rows)

        return check_batches(batches, mapping, client=client)


def _cut(table: pa.Table, most_rows: int) -> Iterator[pa.Table]:
    """Yield at most so many rows of a table at a time, or one table without rows."""
    for start in range(0, max(len(table), 1), most_rows):
        yield table.slice(start, most_rows)


def _file_name(number: int) -> str:
    return f"{number}{ARROW}"


def _fault(folder: Path, error: OSError) -> SourceError:
    """Return the fault of a part that cannot be written: nobody asked for a stage."""
    del folder
    return copy_fault(_ROWS, OSError(error.errno, os.strerror(error.errno)) if error.errno else error)
