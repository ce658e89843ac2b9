"""JSON Lines files: one object a line, whose keys are columns and whose values keep their types."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.convert.codes import CODES
from events_pandas.errors import SourceError
from events_pandas.sources.json_lines import JsonLine, read_json_lines
from events_pandas.sources.opening import decompressed
from events_pandas.sources.reader import chosen_columns
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import OddRow, Part, SourceFile
from events_pandas.sources.value_columns import ObjectTypes, text_column, value_column

_SURVEYED_ROWS: Final = 10_000
_PART_BYTES: Final = 1 << 25
"""A part has fewer rows than asked for if their lines have more bytes."""

_ONE_OBJECT_A_LINE: Final = "write one object a line, as jq -c"


@dataclass(kw_only=True, slots=True)
class _KeySurvey:
    """What all lines of a file show."""

    rows: int = 0
    types: ObjectTypes = field(default_factory=ObjectTypes)
    odd: JsonLine | None = None  # the first odd line
    has_object: bool = False


class JsonLinesReader:
    """Reads a JSON Lines file, whose keys it finds first."""

    def __init__(self, file: SourceFile, content: BinaryIO, scratch: Scratch) -> None:
        self._file = file
        self._content = content
        self._scratch = scratch

    def schema(self) -> pa.Schema:
        """Return the keys of all objects, in the order in which they come.

        A column has the type of its values if they are all whole numbers or booleans, and otherwise that of text.
        """
        types = self._survey().types
        return pa.schema([(name, types.arrow_type(name) or pa.string()) for name in types.names])

    def count(self) -> int:
        """Return the number of lines that are not blank."""
        return self._survey().rows

    def parts(
        self, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool = False
    ) -> Iterator[Part]:
        """Yield the rows of some columns; a key that an object lacks is an absent cell.

        With `keeps_odd_rows`, values of different types in one column are written as text, as JSON has them. An odd
        line has no cells in either case.
        """
        types = self._survey().types
        names = chosen_columns(columns, types.names)
        row = 0
        for lines in self._batches(chunksize):
            odd_rows = [
                OddRow(row=row + place, code=line.code, subject=line.subject)
                for place, line in enumerate(lines)
                if line.code
            ]
            row += len(lines)
            cells = {name: _column(lines, name, types, is_written=keeps_odd_rows) for name in names}
            numbers = np.fromiter((line.number for line in lines), np.int64, len(lines))
            yield Part(frame=pd.DataFrame(cells, index=range(len(lines))), odd_rows=odd_rows, lines=numbers)

    def _batches(self, most: int) -> Iterator[list[JsonLine]]:
        with decompressed(self._file, self._content) as stream:
            batch: list[JsonLine] = []
            size = 0
            for line in read_json_lines(stream):
                batch.append(line)
                size += line.size
                if len(batch) == most or size >= _PART_BYTES:
                    yield batch
                    batch, size = [], 0
            if batch:
                yield batch

    def _survey(self) -> _KeySurvey:
        """Read all lines once for their keys; a file that is not JSON Lines is a `SourceError`."""
        return self._scratch.kept("keys", self._found_keys)

    def _found_keys(self) -> _KeySurvey:
        found = _KeySurvey()
        with self._scratch.progress(f"finding the keys of {self._file.path.name}") as advance:
            for lines in self._batches(_SURVEYED_ROWS):
                if found.rows == 0:
                    self._require_lines(lines[0])
                self._add(found, lines)
                advance(len(lines))
        if not found.rows:
            raise SourceError(f"{self._file}: is empty: it has no object, whose keys would name the columns")
        if not found.types.names and found.odd is not None:
            raise SourceError(f"{self._file}: no row can be read: {found.odd.subject} {CODES[found.odd.code]}")
        return found

    def _add(self, found: _KeySurvey, lines: Sequence[JsonLine]) -> None:
        found.rows += len(lines)
        found.odd = found.odd or next((line for line in lines if line.code), None)
        for name in dict.fromkeys(chain.from_iterable(line.cells for line in lines)):
            found.types.add(name, (line.cells.get(name) for line in lines))

    def _require_lines(self, first: JsonLine) -> None:
        with decompressed(self._file, self._content) as stream:
            start = stream.read(_PART_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
        if start.startswith(b"["):
            raise SourceError(f"{self._file}: is one JSON array, and not JSON Lines: {_ONE_OBJECT_A_LINE} '.[]' does")
        if first.code == "line_not_json" and start.partition(b"\n")[0].strip() == b"{":
            raise SourceError(f"{self._file}: its first object has more than one line: {_ONE_OBJECT_A_LINE} . does")


def _column(lines: Sequence[JsonLine], name: str, types: ObjectTypes, *, is_written: bool) -> object:
    values = [line.cells.get(name) for line in lines]
    kind = types.arrow_type(name)
    return text_column(values) if is_written and kind is None else value_column(values, kind)
