"""The headers of all files of a run: compared with the mapping before the first event is sent."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.errors import MappingError, SourceError
from events_pandas.mapping import EventMapping, require_columns
from events_pandas.run.options import step_progress
from events_pandas.sources import KeptFile, header_hint, source_schema


def require_fitting(
    files: Sequence[Path], mapping: EventMapping, *, kept: Mapping[Path, KeptFile], progress: ProgressChoice
) -> None:
    """Refuse the files of a run if one cannot be read or lacks a column of the mapping.

    Raise `SourceError` or `MappingError` with the faults of all files.
    """
    distinct = list(dict.fromkeys(files))
    faults: list[MappingError | SourceError] = []
    shown = step_progress(progress)
    with progress_bar(shown, total=len(distinct), description="looking at files", delay_seconds=2.0) as bar:
        for file in distinct:
            try:
                _require_columns(file, mapping, kept.get(file), is_alone=len(distinct) == 1)
            except (MappingError, SourceError) as error:
                faults.append(error)
            bar.advance(1)
    if len(faults) > 1:
        raise _together(faults)
    if faults:
        raise faults[0]


def _require_columns(file: Path, mapping: EventMapping, kept: KeptFile | None, *, is_alone: bool) -> None:
    names = source_schema(file, kept=kept).names
    try:
        require_columns(pd.DataFrame([], columns=pd.Index(names, dtype=object)), mapping)
    except MappingError as error:
        raise error.in_file(None if is_alone else file, header_hint(file, mapping, kept=kept)) from None


def _together(faults: Sequence[MappingError | SourceError]) -> MappingError | SourceError:
    lines = [line for error in faults for line in (error.faults if isinstance(error, MappingError) else [str(error)])]
    if all(isinstance(error, MappingError) for error in faults):
        return MappingError(lines)
    return SourceError(f"{len(faults)} files cannot be submitted:", lines=lines)


def require_unchanged(kept: Mapping[Path, KeptFile]) -> None:
    """Raise `SourceError` if a file was replaced or written to since it was first read."""
    for file in kept.values():
        if not file.is_in_place():
            raise SourceError(f"{file.path}: was changed while the run began: submit it when nothing writes to it")
