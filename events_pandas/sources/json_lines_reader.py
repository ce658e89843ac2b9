"""JSON Lines files: one object a line, whose keys are columns and whose values keep their types."""

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import BinaryIO, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.convert.codes import CODES
from events_pandas.errors import SourceError
from events_pandas.sources.json_lines import JsonBatch, OddLine, read_json_lines
from events_pandas.sources.opening import decompressed
from events_pandas.sources.reader import chosen_columns
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import OddRow, Part, SourceFile
from events_pandas.sources.text_encoding import TextEncoding, known_encoding, opened_text
from events_pandas.sources.value_columns import ObjectTypes, column_of
from events_pandas.words import quoted

_SURVEYED_ROWS: Final = 10_000
_START_BYTES: Final = 1 << 16
MOST_COLUMNS: Final = 5_000
"""Objects with more keys have values for keys, such as the identifiers of contacts."""

_ONE_OBJECT_A_LINE: Final = "write one object a line, as jq -c"


@dataclass(kw_only=True, slots=True)
class _KeySurvey:
    """What all lines of a file show."""

    rows: int = 0
    types: ObjectTypes = field(default_factory=ObjectTypes)
    odd: OddLine | None = None  # the first one
    has_columns: bool = True  # the keys are few enough to be columns

    def add(self, batch: JsonBatch) -> None:
        """Take note of some lines."""
        self.rows += len(batch.rows)
        self.odd = self.odd or next(iter(batch.odd.values()), None)
        keys = dict.fromkeys(chain.from_iterable(batch.rows))
        self.has_columns = len({*keys, *self.types.names}) <= MOST_COLUMNS
        for name in keys if self.has_columns else ():
            self.types.add(name, [row.get(name) for row in batch.rows])


class JsonLinesReader:
    """Reads a JSON Lines file, whose keys it finds first."""

    def __init__(self, file: SourceFile, content: BinaryIO, scratch: Scratch) -> None:
        self._file = file
        self._open_stream = partial(decompressed, file, content)
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
        survey = self._survey()
        names = chosen_columns(columns, survey.types.names)
        kinds = {name: survey.types.arrow_type(name) for name in names}
        remark, start = self._encoding().remark, 0
        remarks = [remark] if remark else []
        for batch in self._batches(chunksize):
            odd_rows = [OddRow(row=start + row, code=odd.code, subject=odd.subject) for row, odd in batch.odd.items()]
            cells = {
                name: column_of(
                    [row.get(name) for row in batch.rows],
                    kind,
                    is_written=keeps_odd_rows,
                    decimal=self._file.written.decimal,
                )
                for name, kind in kinds.items()
            }
            start += len(batch.rows)
            frame = pd.DataFrame(cells, index=range(len(batch.rows)))
            lines = np.array(batch.numbers, np.int64)
            yield Part(frame=frame, odd_rows=odd_rows, remarks=remarks, lines=lines)
        if start != survey.rows:
            fault = f"cannot be read: it has {survey.rows:,} rows, and {start:,} were found"
            raise SourceError(f"{self._file}: {fault}")

    def _batches(self, most: int) -> Iterator[JsonBatch]:
        with self._opened() as stream:
            yield from read_json_lines(stream, most)

    def _opened(self) -> AbstractContextManager[BinaryIO]:
        """Open the file as UTF-8."""
        return opened_text(self._open_stream, self._encoding().codec)

    def _encoding(self) -> TextEncoding:
        return self._scratch.kept("encoding", lambda: known_encoding(self._file, self._open_stream))

    def _survey(self) -> _KeySurvey:
        """Read all lines once for their keys; a file that is not JSON Lines is a `SourceError`."""
        return self._scratch.kept("keys", self._found_keys)

    def _found_keys(self) -> _KeySurvey:
        self._require_lines()
        found = _KeySurvey()
        with self._scratch.progress(f"finding the keys of {self._file.short_name}") as advance:
            for batch in self._batches(_SURVEYED_ROWS):
                found.add(batch)
                if not found.has_columns:
                    fault = f"has more than {MOST_COLUMNS:,} different keys, which would be columns"
                    raise SourceError(f"{self._file}: {fault}: write values as values, and not as keys")
                advance(len(batch.rows))
        self._require_keys(found)
        return found

    def _require_keys(self, found: _KeySurvey) -> None:
        """Raise a `SourceError` if a file has no object, or a key that is not text."""
        if not found.rows:
            raise SourceError(f"{self._file}: is empty: it has no object, whose keys would name the columns")
        if not found.types.names and found.odd is not None:
            raise SourceError(f"{self._file}: no row can be read: {found.odd.subject} {CODES[found.odd.code]}")
        for name in found.types.names:
            if name != name.encode(errors="replace").decode():
                fault = f"the key {quoted(name)} holds half of a character (a lone surrogate): correct it"
                raise SourceError(f"{self._file}: {fault}")

    def _require_lines(self) -> None:
        """Raise a `SourceError` if the file holds JSON, but not an object in its first line."""
        with self._opened() as stream:
            start = stream.read(_START_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
        first = start.partition(b"\n")[0].rstrip()
        if first.startswith(b"[") and not (first.endswith(b"]") and len(first) < len(start.rstrip())):
            raise SourceError(f"{self._file}: is one JSON array, and not JSON Lines: {_ONE_OBJECT_A_LINE} '.[]' does")
        if first == b"{":
            raise SourceError(f"{self._file}: its first object has more than one line: {_ONE_OBJECT_A_LINE} . does")
