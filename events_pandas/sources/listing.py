"""Files on this machine: those that a name, a pattern or a directory stands for, in the order of their names."""

# ruff: noqa: PTH110, PTH112, PTH114  # They answer False where pathlib raises PermissionError.
import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from events_pandas.errors import SourceError
from events_pandas.manifest import MANIFEST, STAGE, Manifest, run_folders
from events_pandas.sources.bad_files import BadFile, bad

LEFT_OUT: Final = (".", "_")
"""Names in a directory that begin so are not rows: hidden files, and those of Hive and Spark such as _SUCCESS."""
ANY_FOLDERS: Final = "**"
_NOT_THERE: Final = "there is no such file"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """A file that was found: its path, and the names of the folders above it that may be partitions."""

    path: Path
    folders: tuple[str, ...] = ()
    directory: str | None = None  # that it was found in, without being named


def found_files(name: str) -> Iterator[FoundFile | BadFile]:
    """Find the files of a path or a pattern such as ``"orders/**/*.parquet"``; a directory stands for those below it.

    Each file is found once. What cannot be read is a `BadFile`.
    """
    path = _at_home(Path(name))
    base, is_missing = path, not os.path.lexists(path)
    matches: Sequence[Path] = () if is_missing else (path,)
    # A file's own name may have brackets in it, and is not a pattern then.
    if is_missing and glob.has_magic(str(path)):
        base = _base(path)
        matches = sorted(set(_matches(base, path.parts[len(base.parts) :])), key=str)
    if not matches:
        yield bad(str(path), _NOT_THERE)
    seen: set[Path] = set()
    for match in matches:
        for found in _expanded(match, base):
            where = Path(found.name) if isinstance(found, BadFile) else found.path
            if where not in seen:
                seen.add(where)
                yield found


def _at_home(path: Path) -> Path:
    try:
        return path if os.path.lexists(path) else path.expanduser()
    except (RuntimeError, ValueError):
        # There is no home, or a NUL in the name.
        return path


def _base(pattern: Path) -> Path:
    """Return the part of a pattern before its first wildcard."""
    parts = pattern.parts
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _matches(base: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Yield what the parts of a pattern match below a path."""
    if not parts:
        yield base
        return
    part, rest = parts[0], parts[1:]
    if not glob.has_magic(part):
        if os.path.lexists(base / part):
            yield from _matches(base / part, rest)
        return
    try:
        names = _names(base)
    except OSError:
        # It is read again when it is expanded, and is a fault then.
        yield base
        return
    if part == ANY_FOLDERS:
        yield from _matches(base, rest)
        for folder in filter(_is_entered, (base / name for name in names)):
            yield from _matches(folder, parts)
        return
    for name in filter(partial(_stands_for, part), names):
        yield from _matches(base / name, rest)


def _stands_for(part: str, name: str) -> bool:
    # As in a shell, a wildcard does not stand for the first dot of a name.
    return fnmatch.fnmatch(name, part) and (not name.startswith(".") or part.startswith("."))


def fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Tell whether names match the parts of a pattern: those of folders and a file below some place."""
    if not parts or not names:
        return not names and all(part == ANY_FOLDERS for part in parts)
    if parts[0] == ANY_FOLDERS:
        return fits(names, parts[1:]) or (not names[0].startswith(LEFT_OUT) and fits(names[1:], parts))
    return _stands_for(parts[0], names[0]) and fits(names[1:], parts[1:])


def stands_for(name: str, path: Path) -> bool:
    """Tell whether a path or a pattern would stand for a file, if it were there."""
    source = _at_home(Path(name))
    is_pattern = not os.path.lexists(source) and glob.has_magic(str(source))
    base = _base(source) if is_pattern else source
    place, top = Path(os.path.realpath(path.parent), path.name), Path(os.path.realpath(base))
    if not place.is_relative_to(top) or (not is_pattern and not os.path.isdir(source)):
        return False
    names, parts = place.relative_to(top).parts, source.parts[len(base.parts) :]
    # A match may be a directory above the file.
    return any(
        fits(names[:n], parts) and not any(each.startswith(LEFT_OUT) for each in names[n:])
        for n in range(len(names) + 1)
    )


def _is_entered(path: Path) -> bool:
    """Tell whether ``**`` stands for a path: for folders that are neither hidden nor links."""
    return not path.name.startswith(LEFT_OUT) and os.path.isdir(path) and not os.path.islink(path)


def _names(directory: Path) -> list[str]:
    """Return what is in a directory, in order; nothing for a file."""
    return sorted(entry.name for entry in directory.iterdir()) if os.path.isdir(directory) else []


def _expanded(path: Path, base: Path) -> Iterator[FoundFile | BadFile]:
    if not os.path.isdir(path):
        is_manifest = path.name == MANIFEST and next(_staged(path.parent), None) is not None
        cure = f"name its folder, '{path.parent}{os.sep}'"
        file = FoundFile(path=path, folders=path.parts[len(base.parts) : -1])
        yield bad(str(path), f"is the manifest of a stage: {cure}") if is_manifest else _checked(file)
        return
    n_found = 0
    for found in _below(path, path, frozenset()):
        n_found += 1
        if isinstance(found, BadFile):
            yield found
        else:
            yield FoundFile(path=found.path, folders=found.path.parts[len(base.parts) : -1], directory=str(path))
    if not n_found:
        yield bad(str(path), "is a directory without files of rows: put files there, or name another directory")


def _below(directory: Path, top: Path, entered: frozenset[str]) -> Iterator[FoundFile | BadFile]:
    yield from list(_staged(directory)) or _listed(directory, top, entered)


def _listed(directory: Path, top: Path, entered: frozenset[str]) -> Iterator[FoundFile | BadFile]:
    real = os.path.realpath(directory)
    if real in entered:
        return
    try:
        paths = [directory / name for name in _names(directory) if not name.startswith(LEFT_OUT)]
    except OSError as error:
        yield bad(str(directory), f"cannot be read: {error.strerror}")
        return
    for path in paths:
        places = _places(path, top) if os.path.islink(path) else None
        if not os.path.exists(path):
            yield _checked(FoundFile(path=path))
        elif places == ():
            yield bad(str(path), f"is a link to a place outside of {top}: name that place itself")
        elif places is not None and not any(place.startswith(LEFT_OUT) for place in places):
            # What is not hidden is read under its own name.
            continue
        elif os.path.isdir(path):
            yield from _below(path, top, entered | {real})
        else:
            yield _checked(FoundFile(path=path))


def _staged(directory: Path) -> Iterator[FoundFile | BadFile]:
    """Yield the parts of a stage in the order of its manifest; nothing if the directory is not a stage."""
    manifest = None
    # Any other directory: its fault is said when it is read.
    with suppress(SourceError, OSError):
        manifest = Manifest.read(directory, holds=STAGE)
        if manifest is None and any(Manifest.read(place, holds=STAGE) for place in run_folders(directory)):
            yield bad(
                str(directory), "is a stage that is not complete: call stage_events again, which writes all of it"
            )
    if manifest is None:
        return
    for path in manifest.paths(directory):
        if path.exists():
            yield FoundFile(path=path)
        else:
            again = "call stage_events again with overwrite=True"
            yield bad(str(directory), f"is a stage without its part {path.name}: {again}")


def _places(link: Path, top: Path) -> tuple[str, ...]:
    """Return the names from a directory to what a link in it leads to; none if that is outside."""
    real, real_top = Path(os.path.realpath(link)), Path(os.path.realpath(top))
    if real == real_top:
        return (".",)
    return real.relative_to(real_top).parts if real.is_relative_to(real_top) else ()


def _checked(found: FoundFile) -> FoundFile | BadFile:
    if os.path.islink(found.path) and not os.path.exists(found.path):
        return bad(str(found.path), f"is a link to '{found.path.readlink()}', which cannot be found")
    return found
