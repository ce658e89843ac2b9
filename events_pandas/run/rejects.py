"""The rejects of a run over files: their rows as they stand in the files, with the reason of each."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.deliver import Status
from events_pandas.errors import EventsPandasError, SourceError
from events_pandas.mapping import EventMapping, is_computing
from events_pandas.results.rejects import (
    NO_REASONS,
    REASONS,
    RejectsWriter,
    is_rejected,
    n_own_columns,
    reason_names,
    with_reasons,
)
from events_pandas.sources import (
    COMPARED_ROWS,
    KeptFile,
    other_reading,
    payloads_of,
    read_chosen_rows,
    read_first_row,
    source_schema,
)
from events_pandas.words import path_text

NAMED_ROWS: Final = 10
"""How many rejects a message names if they cannot be written."""


class FileRejects:
    """Collects the reasons of rejects as results come, and reads their rows a second time at the end.

    Parameters
    ----------
    mapping : EventMapping
        The mapping as it was given.
    typed : EventMapping
        The mapping with the types that bare columns have in these files.
    warn : callable
        Called with a sentence if a row would be submitted otherwise from the file of rejects.
    """

    def __init__(
        self,
        writer: RejectsWriter,
        *,
        files: Sequence[Path],
        mapping: EventMapping,
        typed: EventMapping,
        warn: Callable[[str], object],
        kept: Mapping[Path, KeptFile],
    ) -> None:
        self.writer = writer
        self._files = files
        self._mapping = mapping
        self._typed = typed
        self._warn = warn
        self._kept = kept
        self._is_begun = False
        self._reasons: dict[int, pd.DataFrame] = {}

    def keep(self, results: pd.DataFrame) -> None:
        """Keep the reasons of rejects among some results, whose index counts the rows of each file.

        Results that come a second time begin with the same row.
        """
        self._is_begun = True
        rejected = is_rejected(results)
        if rejected.any():
            self._reasons[int(results["row"].iloc[0])] = results.loc[rejected, [*REASONS, "source_file"]]

    def write(self, look: Callable[[], object] = bool) -> None:
        """Write the rejects if there are results; an existing file is replaced even if there are no rejects.

        `look` is called for each chunk, and may raise. Raise `SourceError` if rows cannot be read again or be written.
        """
        if not self._is_begun:
            return
        visits = list(self._visits(pd.concat(self._reasons.values()))) if self._reasons else []
        for path, reasons in visits:
            self._require_readable(path, reasons)
        columns = _Columns.of([path for path, _ in visits] or self._files[:1], self._kept)
        schema = None if self.writer.is_csv else columns.schema(self.writer.path)
        self.writer.write(columns.no_rows(), schema=schema)
        first: list[pd.DataFrame] = []
        for visit, (path, reasons) in enumerate(visits):
            done = 0
            for rows in read_chosen_rows(path, reasons.index.to_numpy(np.int64), kept=self._kept.get(path)):
                look()
                beside = reasons.iloc[done : done + len(rows)]
                self.writer.write(columns.with_reasons(path, rows, beside), schema=schema)
                if visit == 0 and done < COMPARED_ROWS:
                    first.append(rows)
                done += len(rows)
        self.writer.finish()
        # The run reported the faults of the mapping, and the rejects are written.
        with suppress(EventsPandasError):
            self._compare(first)

    def _visits(self, reasons: pd.DataFrame) -> Iterator[tuple[Path, pd.DataFrame]]:
        """Yield the reasons file by file, in the order of the run."""
        paths = {path_text(path): path for path in self._files}
        files, rows = reasons["source_file"].to_numpy(object), reasons.index.to_numpy(np.int64)
        # A file may be read twice in one run.
        begins = np.flatnonzero((files[1:] != files[:-1]) | (rows[1:] <= rows[:-1])) + 1
        for start, stop in pairwise([0, *begins.tolist(), len(reasons)]):
            yield paths[files[start]], reasons.iloc[start:stop]

    def _require_readable(self, path: Path, reasons: pd.DataFrame) -> None:
        """Refuse to read rejects from a file that was changed: other rows may stand in their place."""
        kept = self._kept.get(path)
        if kept is None or kept.is_readable():
            return
        rows = reasons["row"].tolist()
        named = f"row {rows[0]}" if len(rows) == 1 else f"rows {', '.join(map(str, rows[:NAMED_ROWS]))}"
        more = f" and {len(rows) - NAMED_ROWS:,} more" if len(rows) > NAMED_ROWS else ""
        raise SourceError(
            f"{path}: was changed during the run, so that its rejects cannot be read again: the results have them as "
            f"{named}{more}"
        )

    def _compare(self, first: list[pd.DataFrame]) -> None:
        """Report the first row that would be sent otherwise from the file of rejects: its types may differ."""
        # Columns that callables read have types in the run, but are text here.
        if not first or is_computing(self._mapping):
            return
        frame = pd.concat(first, ignore_index=True).head(COMPARED_ROWS)
        reasons = pd.concat(self._reasons.values()).head(len(frame))
        made = payloads_of(frame, self._typed, np.arange(len(frame)))
        # Rows that were refused when they were read would look valid here.
        is_invalid = (reasons["status"] == Status.INVALID.value).tolist()
        payloads = [None if invalid else payload for invalid, payload in zip(is_invalid, made, strict=True)]
        other = other_reading(self.writer.path, self._mapping, payloads=payloads, rows=reasons["row"].tolist())
        if other is not None:
            self._warn(other)


def file_rejects(
    path: str | os.PathLike[str] | None,
    *,
    results_path: str | os.PathLike[str] | None,
    files: Sequence[Path],
    mapping: EventMapping,
    typed: EventMapping,
    warn: Callable[[str], object],
    kept: Mapping[Path, KeptFile],
) -> FileRejects | None:
    """Return what writes the rejects of a run, or None without a path. Nothing is replaced yet.

    Raise `SourceError` if nothing can be written there, or if something else is read or written there.
    """
    if path is None:
        return None
    if results_path is not None and Path(path).resolve() == Path(results_path).resolve():
        raise SourceError(f"{path}: is where the results go: choose another name for the rejects")
    writer = RejectsWriter(path, sources=files)
    return FileRejects(writer, files=files, mapping=mapping, typed=typed, warn=warn, kept=kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """The columns of each file, without the reasons of an earlier run. Rejects have the columns of all files."""

    own: Mapping[Path, list[str]]
    kept: Mapping[Path, KeptFile]

    @classmethod
    def of(cls, paths: Iterable[Path], kept: Mapping[Path, KeptFile]) -> Self:
        return cls(own={path: _own_columns(path, kept.get(path)) for path in paths}, kept=kept)

    @property
    def together(self) -> list[str]:
        first, *others = self.own.values()
        if all(names == first for names in others):
            return first
        for path, names in self.own.items():
            if len(set(names)) < len(names):
                raise SourceError(f"{path}: has two columns of the same name, and the other files have other columns")
        return list(dict.fromkeys(chain.from_iterable(self.own.values())))

    def with_reasons(self, path: Path, rows: pd.DataFrame, reasons: pd.DataFrame) -> pd.DataFrame:
        own, together = self.own[path], self.together
        rows = rows.iloc[:, : len(own)].set_axis(own, axis="columns")
        return with_reasons(rows if own == together else rows.reindex(columns=together), reasons[list(REASONS)])

    def no_rows(self) -> pd.DataFrame:
        return with_reasons(pd.DataFrame(columns=self.together, dtype=object), NO_REASONS)

    def schema(self, rejects_path: Path) -> pa.Schema:
        """Return the types of all columns in Parquet."""
        kinds = [
            pa.schema(list(source_schema(path, kept=self.kept.get(path)))[: len(names)])
            for path, names in self.own.items()
        ]
        try:
            together = pa.unify_schemas(kinds, promote_options="permissive")
        except (pa.ArrowException, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise SourceError(
                f"{rejects_path}: the columns of the files do not fit into one Parquet file ({reason}): "
                "choose a name that ends in .csv"
            ) from error
        beside = NO_REASONS.set_axis(reason_names(together.names), axis="columns")
        return pa.schema([*together, *pa.Schema.from_pandas(beside, preserve_index=False)])


def _own_columns(path: Path, kept: KeptFile | None) -> list[str]:
    first = read_first_row(path, kept=kept)
    return [str(name) for name in first.columns[: n_own_columns(first)]]
