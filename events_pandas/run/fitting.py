"""The files that a run reads: each one is looked at before the first row, and bad ones are reported together."""

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

import pandas as pd

from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.errors import MappingError, SourceError
from events_pandas.mapping import EventMapping, named_labels, require_columns
from events_pandas.run.options import step_progress
from events_pandas.sources import (
    BadFile,
    Places,
    SourceFile,
    absent_keys,
    header_hint,
    opened_files,
    source_schema,
    together,
)
from events_pandas.warned import warn_caller
from events_pandas.words import escaped, listed, path_text


@dataclass(frozen=True, kw_only=True, slots=True)
class FittingFiles:
    """Files that can be read and have all columns of a run, and those that are left out because they do not."""

    files: Sequence[SourceFile]
    skipped: Sequence[BadFile] = ()

    @property
    def reasons(self) -> dict[str, str]:
        """The files that are left out, each with its reason."""
        return {path_text(file.name): file.reason for file in self.skipped}


@contextmanager
def fitting_files(
    paths: Places,
    mapping: EventMapping,
    *,
    keys: Sequence[Hashable] = (),
    progress: ProgressChoice,
    are_held: bool = False,
    skips_bad: bool = False,
    warn: Callable[[str], object] = warn_caller,
) -> Iterator[FittingFiles]:
    """Find and open the files of a run, each once, and read their headers; `warn` gets a sentence on repeated files.

    A file that is missing, cannot be read or lacks a column of the mapping or a key is left out if `skips_bad`.
    Otherwise, and if no file is good, raise `SourceError` or `MappingError` with the faults of all files.
    """
    bad: list[BadFile] = []
    shown = step_progress(progress)
    with opened_files(paths, mapping.source, are_held=are_held, progress=shown, bad_files=bad) as found:
        if not found and not bad:
            raise SourceError("no file was given: name at least one")
        distinct = _distinct(found, warn)
        is_alone = not bad and [file.name for file in distinct] == _given_names(paths)
        misfits = _misfits(distinct, mapping, keys, progress=shown, is_alone=is_alone)
        files = [file for file in distinct if file not in misfits]
        skipped = [*bad, *misfits.values()]
        if skipped and not (skips_bad and files):
            raise together(skipped)
        yield FittingFiles(files=files, skipped=skipped)


def _given_names(paths: Places) -> list[str]:
    """Return the names that were given: those of patterns and directories are not the names of their files."""
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    return [path.name if isinstance(path, SourceFile) else os.fspath(path) for path in given]


def _distinct(files: Sequence[SourceFile], warn: Callable[[str], object]) -> list[SourceFile]:
    """Return each file once. Its rows would be duplicates the second time, or with ``duplicates="spread"`` be sent."""
    # Folders of partitions may give its rows other values, if a link to it stands there.
    firsts: dict[tuple[str, object], SourceFile] = {}
    repeated: list[str] = []
    for file in files:
        place = os.path.realpath(file.path), file.partitions
        if place in firsts:
            first = firsts[place].name
            repeated.append(file.name if file.name == first else f"{file.name} (the file {first})")
        firsts.setdefault(place, file)
    if repeated:
        names = list(dict.fromkeys(map(path_text, repeated)))
        warn(f"{escaped(listed(names))}: {'is' if len(names) == 1 else 'are'} given more than once, and read once")
    return list(firsts.values())


def _misfits(
    files: Sequence[SourceFile],
    mapping: EventMapping,
    keys: Sequence[Hashable],
    *,
    progress: ProgressChoice,
    is_alone: bool,
) -> dict[SourceFile, BadFile]:
    """Return the files that cannot be read or lack a column of the mapping or a key.

    If the only file `is_alone`, the user has named it, and it is not named again.
    """
    misfits: dict[SourceFile, BadFile] = {}
    with progress_bar(progress, total=len(files), description="looking at files", delay_seconds=2.0) as bar:
        for file in files:
            try:
                _require_columns(file, mapping, keys, is_alone=is_alone and len(files) == 1)
            except (MappingError, SourceError) as error:
                misfits[file] = BadFile(name=file.name, error=error)
            bar.advance(1)
    return misfits


def _require_columns(file: SourceFile, mapping: EventMapping, keys: Sequence[Hashable], *, is_alone: bool) -> None:
    names = [*source_schema(file).names, *absent_keys(file, mapping)]
    is_fit = all(names.count(label) == 1 for label in named_labels(mapping) if isinstance(label, str))
    hint = "" if is_fit else _partition_hint(file, mapping, names) or header_hint(file, mapping)
    try:
        frame = pd.DataFrame([], columns=pd.Index(names, dtype=object))
        require_columns(frame, mapping, keys=keys, is_explained=bool(hint))
    except MappingError as error:
        raise error.in_file(None if is_alone else file, hint) from None


def _partition_hint(file: SourceFile, mapping: EventMapping, names: Sequence[str]) -> str:
    """Say what is odd about the folders ``key=value`` above a file, and how to fix it; or nothing."""
    labels = named_labels(mapping)
    for key, value in file.partitions:
        if key in labels and names.count(key) > 1:
            folder = f"{key}={value or ''}"
            return f"a folder {folder!r} and a column of the file have this name: give the files by a pattern below it"
    for folder in PurePath(file.name).parts[:-1]:
        key, is_key, _ = folder.partition("=")
        if is_key and key in labels and key not in names:
            return f"the folder {folder!r} is read if the directory above it is given, or a pattern that begins there"
    return ""
