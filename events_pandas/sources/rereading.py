"""What a mapping makes of rows that were written to a file, held against what it made of them before."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from events_pandas.convert import Converter
from events_pandas.convert.cells import Rows
from events_pandas.errors import MappingError
from events_pandas.mapping import EventMapping, bind
from events_pandas.sources.csv_types import column_types, with_types
from events_pandas.sources.files import read_chunks
from events_pandas.words import escaped

COMPARED_ROWS = 10_000
"""So many rows of a file are held against what they were before."""

Payload: TypeAlias = dict[str, Any]


def payloads_of(frame: pd.DataFrame, mapping: EventMapping, rows: Rows) -> list[Payload | None]:
    """Return what would be sent of some rows.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    mapping : EventMapping
        Which column becomes which field.
    rows : numpy.ndarray of int64
        Positions in the frame.

    Returns
    -------
    list of dict or None
        The payload of each; None where the row is invalid.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame.
    """
    batch = Converter(bind(frame, mapping)).convert_rows(rows)
    made = iter(batch.payloads(batch.valid).to_pylist())
    return [json.loads(next(made)) if is_valid else None for is_valid in batch.valid.tolist()]


def other_reading(path: Path, mapping: EventMapping, *, payloads: list[Payload | None], rows: list[int]) -> str | None:
    """Say what a mapping would make otherwise of rows, now that they stand in a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    mapping : EventMapping
        The mapping with which it will be read.
    payloads : list of dict or None
        What it made of the file's first rows before they were written; None where a row was invalid.
    rows : list of int
        How these rows are called.

    Returns
    -------
    str or None
        One difference, and what to do; None if there is none. A row that was invalid and would be sent is one.
    """
    if not payloads:
        return None
    try:
        typed = with_types(mapping, column_types(mapping, [path]).rules)
        frame = next(read_chunks(path, typed, chunksize=len(payloads))).frame
        read = payloads_of(frame, typed, np.arange(len(frame)))
    except MappingError as error:
        return f"{escaped(path)}: cannot be submitted with this mapping: {'; '.join(error.faults)}"
    for row, before, after in zip(rows, payloads, read, strict=False):
        if before is None and after is not None:
            return (
                f"{escaped(path)}: row {row} was invalid, and would be sent when it is submitted from there as it is: "
                "correct it first"
            )
        if before is not None and before != after:
            return f"{escaped(path)}: {escaped(_difference(row, before, after))}: {_CURE}"
    return None


_CURE = (
    "a CSV file has no types, so say in the mapping what the column is (Text, Number, Date with its unit=), "
    "or export to .parquet"
)


def _difference(row: int, before: Payload, after: Payload | None) -> str:
    if after is None:
        return f"row {row} would be invalid when it is submitted from there"
    old, new = dict(_fields(before)), dict(_fields(after))
    field = next(name for name in [*old, *new] if old.get(name) != new.get(name))
    found = f"{field} of row {row} would be {new[field]!r}" if field in new else f"row {row} would have no {field}"
    return f"{found} when it is submitted from there" + (f", and not {old[field]!r}" if field in old else "")


def _fields(payload: Payload) -> Iterator[tuple[str, Any]]:
    yield from ((name, value) for name, value in payload.items() if name != "metadata")
    yield from ((f"metadata.{key}", value) for key, value in payload.get("metadata", {}).items())
