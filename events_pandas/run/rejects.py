"""The rejects of a run over files: their rows as they stand in the files, with the reason of each."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.deliver import Status
from events_pandas.errors import EventsPandasError, SourceError
from events_pandas.mapping import EventMapping, is_computing
from events_pandas.results.reject_numbers import (
    found_signs,
    given_signs,
    number_signs,
    with_found_signs,
    with_known_signs,
)
from events_pandas.results.rejects import (
    FILE_REASONS,
    NO_REASONS,
    is_left_to_next_run,
    is_rejected,
    left_out,
    n_own_columns,
    reason_names,
    rejects_kind,
    with_reasons,
)
from events_pandas.results.table_file import TableFile
from events_pandas.sources import (
    COMPARED_ROWS,
    SourceFile,
    file_delimiter,
    is_readable,
    other_readings,
    payloads_of,
    read_chosen_rows,
    read_first_row,
    source_schema,
)
from events_pandas.words import listed, path_text

NAMED_ROWS: Final = 10
"""How many rejects a message names if they cannot be written."""


class FileRejects:
    """Collects the reasons of rejects as results come, and reads their rows a second time at the end.

    Raise `SourceError` if nothing can be written at the path, or if something else is read there.

    Parameters
    ----------
    mapping : EventMapping
        The mapping as it was given.
    typed : EventMapping
        The mapping with the types that bare columns have in these files.
    warn : callable
        Called with a sentence if rows are left out, or if one would be submitted otherwise from the file of rejects.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        files: Sequence[SourceFile],
        mapping: EventMapping,
        typed: EventMapping,
        warn: Callable[[str], object],
    ) -> None:
        # Every delimiter that is not given is found again, but programs expect no tabs in a file of this name.
        found = next((file_delimiter(file) for file in files if file.is_text), None)
        kind = rejects_kind(mapping.source, None if found == "\t" else found)
        self.writer = TableFile(path, kind, sources=[file.path for file in files], warn=warn)
        self._given_signs, self._found_signs = given_signs(mapping), found_signs(mapping, typed)
        # A file that is changed during the run has them no more.
        self._first_columns = _own_columns(files[0], mapping)
        self._files = files
        self._mapping = mapping
        self._typed = typed
        self._warn = warn
        self._parts: list[pd.DataFrame] = []
        self._left_out = 0

    def keep(self, results: pd.DataFrame) -> None:
        """Keep the reasons of rejects among some results, whose index counts the rows of each file."""
        rejected = is_rejected(results)
        self._left_out += int(is_left_to_next_run(results).sum())
        # The first part shows that there are results, even if it has no rejects.
        if rejected.any() or not self._parts:
            self._parts.append(results.loc[rejected, list(FILE_REASONS)])

    def write(self, look: Callable[[], object] = bool) -> None:
        """Write the rejects if there are results; an existing file is replaced even if there are no rejects.

        `look` is called for each chunk, and may raise. Raise `SourceError` if rows cannot be read again or be written.
        """
        if not self._parts:
            return
        reasons = pd.concat(self._parts)
        visits = list(self._visits(reasons))
        for file, part in visits:
            _require_readable(file, part)
        own = {file: _own_columns(file, self._mapping) for file, _ in visits} or {self._files[0]: self._first_columns}
        together = _together(own)
        schema = None if self.writer.is_csv else self._schema(own)
        self.writer.write(with_reasons(pd.DataFrame(columns=together, dtype=object), NO_REASONS), schema=schema)
        first: dict[SourceFile, list[pd.DataFrame]] = {}
        n_first = 0
        for file, part in visits:
            for read, beside in _read_rejects(file, part):
                look()
                rows = read.iloc[:, : len(own[file])].set_axis(own[file], axis="columns")
                rows = rows if own[file] == together else rows.reindex(columns=together)
                self.writer.write(with_reasons(self._readable(file, rows), beside), schema=schema)
                if n_first < COMPARED_ROWS:
                    first.setdefault(file, []).append(read)
                    n_first += len(read)
        self.writer.finish()
        if self._left_out:
            self._warn(left_out(self.writer.path, self._left_out))
        self._compare(first, reasons)

    def _readable(self, file: SourceFile, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows with numbers that the mapping reads again as they were read."""
        if file.is_text:
            return with_found_signs(rows, self._found_signs, is_csv=self.writer.is_csv)
        return with_known_signs(rows, number_signs(self._mapping)) if self.writer.is_csv else rows

    def _visits(self, reasons: pd.DataFrame) -> Iterator[tuple[SourceFile, pd.DataFrame]]:
        """Yield the reasons file by file, in the order of the run."""
        by_name = {path_text(file.name): file for file in self._files}
        for name, part in reasons.groupby("source_file", sort=False):
            yield by_name[str(name)], part

    def _schema(self, own: Mapping[SourceFile, list[str]]) -> pa.Schema:
        """Return the types of all columns in Parquet."""
        schemas = {file: source_schema(file) for file in own}
        try:
            together = pa.unify_schemas(
                [pa.schema(list(schema)[: len(own[file])]) for file, schema in schemas.items()],
                promote_options="permissive",
            )
        except (pa.ArrowException, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise SourceError(
                f"{self.writer.path}: the columns of the files do not fit into one Parquet file ({reason}): "
                "choose a name that ends in .csv"
            ) from error
        beside = NO_REASONS.set_axis(reason_names(together.names, FILE_REASONS), axis="columns")
        return pa.schema([*together, *pa.Schema.from_pandas(beside, preserve_index=False)])

    def _compare(self, first: Mapping[SourceFile, list[pd.DataFrame]], reasons: pd.DataFrame) -> None:
        """Report rows that would be sent otherwise from the file of rejects: its types may differ."""
        # Columns that callables read have types in the run, but are text here.
        if is_computing(self._mapping):
            return
        made: list[dict[str, object] | None] = []
        # The run reported the faults of the mapping, and the rejects are written.
        with suppress(EventsPandasError):
            for parts in first.values():
                frame = pd.concat(parts, ignore_index=True).head(COMPARED_ROWS - len(made))
                made += payloads_of(frame, self._typed, np.arange(len(frame)))
        reasons = reasons.head(len(made))
        # Rows that were refused when they were read would look valid here.
        is_invalid = (reasons["status"] == Status.INVALID.value).tolist()
        payloads = [None if invalid else payload for invalid, payload in zip(is_invalid, made, strict=True)]
        signs = {**self._given_signs, **self._found_signs}
        with suppress(EventsPandasError):
            for other in other_readings(
                self.writer.path, self._mapping, payloads=payloads, rows=reasons["row"].tolist(), signs=signs
            ):
                self._warn(other)


def _read_rejects(file: SourceFile, reasons: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the rejects of a file, chunk by chunk, each chunk with its reasons."""
    done = 0
    for rows in read_chosen_rows(file, reasons.index.to_numpy(np.int64)):
        yield rows, reasons.iloc[done : done + len(rows)][list(FILE_REASONS)]
        done += len(rows)


def _own_columns(file: SourceFile, mapping: EventMapping) -> list[str]:
    """Return the columns of a file, without the reasons of an earlier run."""
    first = read_first_row(file)
    return [str(name) for name in first.columns[: n_own_columns(first, mapping)]]


def _require_readable(file: SourceFile, reasons: pd.DataFrame) -> None:
    """Refuse to read rejects from a file that was changed: other rows may stand in their place."""
    if is_readable(file):
        return
    rows = listed(reasons["row"].astype(str).tolist(), most=NAMED_ROWS, longest=math.inf)
    raise SourceError(
        f"{file}: was changed during the run, so that its rejects cannot be read again: the results have them as "
        f"{'row' if len(reasons) == 1 else 'rows'} {rows}"
    )


def _together(own: Mapping[SourceFile, list[str]]) -> list[str]:
    """Return the columns of all files."""
    first, *others = own.values()
    if all(names == first for names in others):
        return first
    for file, names in own.items():
        if len(set(names)) < len(names):
            raise SourceError(f"{file}: has two columns of the same name, and the other files have other columns")
    return list(dict.fromkeys(chain.from_iterable(own.values())))
