"""Where files of rows are: the files that paths and patterns name, kept as they are when a run begins."""

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from events_pandas.deliver import ProgressChoice
from events_pandas.errors import SourceError
from events_pandas.filesystem import DIRECTORY, odd_kind
from events_pandas.mapping.source_format import AS_DETECTED, SourceFormat
from events_pandas.sources.opening import file_stamp, format_cure, named_format
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import SourceFile

_INSTEAD: Final = "its rows are read more than once, so write them to a file and give its name"
_INSTEAD_OF_DIRECTORY: Final = "name its files, as in 'orders/*.csv'"

_HELD_FILES: Final = 100
"""The most files of a run that are held open: an operating system allows one process about a thousand."""

PathOrPaths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@contextmanager
def opened_files(
    paths: PathOrPaths,
    written: SourceFormat = AS_DETECTED,
    *,
    are_held: bool = False,
    progress: ProgressChoice = "auto",
) -> Iterator[list[SourceFile]]:
    """Find the files that paths or patterns name, and note how they are at the start of a run.

    Files are held open if `are_held`, so that they can be read again. A file that does not exist or has an unknown
    format is a `SourceError`; reading a file that cannot be opened raises its error.
    """
    with ExitStack() as handles:
        kept: dict[SourceFile, SourceFile] = {}
        found = source_files(paths, written)
        for file in dict.fromkeys(found):
            # A scratch may hold a file open, too.
            scratch = handles.enter_context(Scratch(progress)) if len(kept) < _HELD_FILES else None
            kept[file] = replace(file, scratch=file.scratch or scratch)
            with suppress(OSError):
                is_held = are_held and len(kept) <= _HELD_FILES
                handle = handles.enter_context(file.path.open("rb")) if is_held else None
                kept[file] = replace(kept[file], stamp=file_stamp(handle or file.path), handle=handle)
        yield [kept[file] for file in found]


def source_files(paths: PathOrPaths, written: SourceFormat = AS_DETECTED) -> list[SourceFile]:
    """Return the files that paths or patterns such as ``"orders/*.parquet"`` name; those of a pattern by name.

    A file that does not exist or has an unknown format is a `SourceError`.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return [_source_file(path, written) for name in named for path in _found(os.fspath(name))]


def _source_file(path: Path, written: SourceFormat) -> SourceFile:
    file_format = named_format(path)
    if file_format is None:
        raise SourceError(f"{path}: files of this format cannot be read: {format_cure(path)}")
    return SourceFile(path=path, name=str(path), format=file_format, written=written)


def _found(name: str) -> list[Path]:
    # A file's own name may have brackets in it, and is not a pattern then.
    matches = [name] if Path(name).exists() else sorted(glob.glob(name))  # noqa: PTH207  # Path.glob takes no absolute patterns.
    found = [Path(match) for match in matches]
    if not found:
        raise SourceError(f"{name}: there is no such file")
    for file in found:
        if kind := odd_kind(file):
            raise SourceError(f"{file}: is {kind}: {_INSTEAD_OF_DIRECTORY if kind == DIRECTORY else _INSTEAD}")
    return found
