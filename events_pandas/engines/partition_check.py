"""Rows of an engine are checked here: workers bring them out in parts, which are in a temporary folder until then."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow as pa

from events_pandas.deliver import IntercomClient
from events_pandas.engines.part_count import PartCount
from events_pandas.engines.part_files import ARROW, PartWriter, common_schema, open_arrow, with_types
from events_pandas.engines.stage import Partitions
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport
from events_pandas.run.stream_check import check_batches
from events_pandas.sources.spool import copy_fault

CHECKED: Final = "checked"
"""What is to be done with the rows, as messages say it."""


def check_partitions(
    partitions: Partitions, names: Sequence[str], mapping: EventMapping, *, client: IntercomClient | None
) -> CheckReport:
    """Check the columns of all partitions, in their order and with the types that a stage of them would have."""
    with TemporaryDirectory(prefix="events-pandas-") as folder:
        writer = PartWriter(names=names, folder=Path(folder), file_name=_file_name, verb=CHECKED, fault=_fault)
        with PartCount(writer.folder, "auto").step("reading partitions", files=f"*{ARROW}", total=None):
            facts = partitions.written(writer)
        parts = [part for part in facts if part.rows] or list(facts[:1])
        schema = common_schema(parts, CHECKED)

        def batches(most_rows: int) -> Iterator[pa.Table]:
            for part in parts:
                # What is used of its rows is read from the file each time.
                table = with_types(open_arrow(writer.path(part.partition)), schema, CHECKED)
                for start in range(0, max(len(table), 1), most_rows):
                    yield table.slice(start, most_rows)

        return check_batches(batches, mapping, client=client)


def _file_name(number: int) -> str:
    return f"{number}{ARROW}"


def _fault(folder: Path, error: OSError) -> SourceError:
    """Return the fault of a part that cannot be written: nobody asked for a stage."""
    del folder
    return copy_fault(
        "rows of the partitions", OSError(error.errno, os.strerror(error.errno)) if error.errno else error
    )
