"""The payloads of rows compared with those of the same rows after they were written to a file and read again."""

import json
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from events_pandas.convert import Converter
from events_pandas.convert.cells import Rows
from events_pandas.errors import MappingError, SourceError
from events_pandas.intercom import JsonObject
from events_pandas.mapping import EventMapping, MonetaryAmount, Number, Rule, bind
from events_pandas.mapping.rule_parts import rule_sources
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.sources.csv_types import with_types
from events_pandas.sources.files import FileChunk, read_chunks
from events_pandas.sources.places import source_files
from events_pandas.sources.value_types import column_types
from events_pandas.words import escaped

COMPARED_ROWS: Final = 10_000
"""The most rows of a file that are compared."""

_CURE: Final = (
    "a CSV file has no types, so give the column a rule in the mapping (text, number with its decimal, date with "
    "its unit), "
    "or export to .parquet"
)


def payloads_of(frame: pd.DataFrame, mapping: EventMapping, rows: Rows) -> list[JsonObject | None]:
    """Return the payloads of some rows of a frame, given by their positions; an invalid row has None."""
    batch = Converter(bind(frame, mapping)).convert_rows(rows)
    made = iter(batch.payloads(batch.valid).to_pylist())
    return [json.loads(next(made)) if is_valid else None for is_valid in batch.valid.tolist()]


def other_readings(
    path: Path,
    mapping: EventMapping,
    *,
    payloads: list[JsonObject | None],
    rows: list[int],
    signs: Mapping[Hashable, DecimalSign] | None = None,
) -> list[str]:
    """Say how a mapping would send the first rows of a file in another way than before; nothing if it would not.

    `payloads` are the earlier ones, with None for an invalid row; `rows` are the numbers of these rows in the messages,
    which count the invalid rows that would be sent, and name one other difference and what to do. Another decimal sign
    than those in `signs` is a difference, which invalid rows would have once they are corrected.
    """
    if not payloads:
        return []
    try:
        files = source_files(path, mapping.source)
        types = column_types(mapping, files)
        typed = with_types(mapping, types.rules)
        chunk = next(read_chunks(files[0], typed, chunksize=len(payloads), computed=types.computed))
        read = payloads_of(chunk.frame, typed, np.arange(len(chunk.frame)))
    except MappingError as error:
        return [f"{escaped(path)}: cannot be submitted with this mapping: {'; '.join(error.faults)}"]
    except SourceError as error:
        return [escaped(str(error))]
    places = _places(rows, chunk)
    compared = list(zip(places, payloads, read, strict=False))
    revived = [place for place, before, after in compared if before is None and after is not None]
    changed = (
        _difference(place, before, after) for place, before, after in compared if before is not None and before != after
    )
    other = next(changed, None) or (None if signs is None else _sign_difference(types.rules, signs))
    return [f"{escaped(path)}: {found}" for found in (_revival(revived), other) if found is not None]


def _places(rows: list[int], chunk: FileChunk) -> list[str]:
    """Name rows by their lines in the file, if it has lines, and by their numbers in the run."""
    if chunk.lines is None:
        return [f"row {row} of the run" for row in rows]
    return [f"line {line} (row {row} of the run)" for row, line in zip(rows, chunk.lines.tolist(), strict=False)]


def _revival(places: list[str]) -> str | None:
    """Count invalid rows that would be sent."""
    if not places:
        return None
    is_one = len(places) == 1
    subject = f"{places[0]} was" if is_one else f"{len(places):,} rows, such as {places[0]}, were"
    sent = "invalid, but would be sent if this file is submitted as it is"
    return f"{subject} {sent}: correct {'it' if is_one else 'them'} first"


def _sign_difference(rules: Mapping[str, Rule], signs: Mapping[Hashable, DecimalSign]) -> str | None:
    for field, rule in rules.items():
        source = next(iter(rule_sources(rule).values()))
        sign = rule.decimal if isinstance(rule, Number | MonetaryAmount) else None
        if sign is not None and sign != signs.get(source, "."):
            name = "comma" if sign == "," else "point"
            found = (
                f"{escaped(field)}: the cells of column {source!r} show a decimal {name}, and those of all rows did not"
            )
            return f"{found}: set decimal in the mapping's source"
    return None


def _difference(place: str, before: JsonObject, after: JsonObject | None) -> str:
    if after is None:
        return f"{place} would be invalid when this file is submitted: {_CURE}"
    old, new = dict(_fields(before)), dict(_fields(after))
    field = next(name for name in [*old, *new] if old.get(name) != new.get(name))
    found = f"{field} of {place} would be {new[field]!r}" if field in new else f"{place} would have no {field}"
    found = f"{found} when this file is submitted" + (f", and not {old[field]!r}" if field in old else "")
    return f"{escaped(found)}: {_CURE}"


def _fields(payload: JsonObject) -> Iterator[tuple[str, object]]:
    yield from ((name, value) for name, value in payload.items() if name != "metadata")
    yield from ((f"metadata.{key}", value) for key, value in payload.get("metadata", {}).items())
