"""Where files of rows are: what paths, patterns, directories and addresses name, kept as it is when a run begins."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Final, TypeAlias
from urllib.request import url2pathname

from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.errors import SourceError
from events_pandas.filesystem import PIPE, odd_kind
from events_pandas.mapping.source_format import AS_DETECTED, SourceFormat
from events_pandas.sources.bad_files import BadFile, bad, together
from events_pandas.sources.copies import Copies
from events_pandas.sources.listing import FoundFile, found_files, stands_for
from events_pandas.sources.opening import file_stamp, format_cure, named_format
from events_pandas.sources.partitions import partitions
from events_pandas.sources.pipes import STANDARD_INPUT
from events_pandas.sources.remote import (
    RemoteFile,
    is_chain,
    is_in_web,
    is_like_address,
    remote_files,
    scheme_of,
    shown_address,
)
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import SourceFile
from events_pandas.sources.spool import Spool
from events_pandas.words import file_words, path_text

_INSTEAD: Final = "its rows are read more than once, so write them to a file and give its name"
_FILE_SCHEME: Final = "file"

_HELD_FILES: Final = 100
"""The most files of a run that are held open: an operating system allows one process about a thousand."""

PathOrPaths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Places: TypeAlias = PathOrPaths | Sequence[SourceFile]
"""The names of files, or files that are open already: these stay as they are, and are not copied again."""


@contextmanager
def opened_files(
    paths: Places,
    written: SourceFormat = AS_DETECTED,
    *,
    are_held: bool = False,
    progress: ProgressChoice = "auto",
    bad_files: list[BadFile] | None = None,
) -> Iterator[list[SourceFile]]:
    """Find the files that paths, patterns, directories and addresses name, and note how they are when a run begins.

    What can be read only once, or is elsewhere, is copied until the end; files are held open if `are_held`, so that
    they can be read again. Files that are missing or have an unknown format are added to `bad_files`; without it they
    are a `SourceError`.
    """
    with ExitStack() as handles:
        copies = Copies(handles.enter_context(Spool()), progress=progress)
        found = _without_bad(_Places(written, copies=copies, progress=progress).sources(paths), bad_files)
        kept: dict[SourceFile, SourceFile] = {}
        for file in dict.fromkeys(found):
            # A scratch may hold a file open, too.
            scratch = handles.enter_context(Scratch(progress)) if len(kept) < _HELD_FILES else None
            kept[file] = replace(file, scratch=file.scratch or scratch)
            with suppress(OSError):
                is_held = are_held and len(kept) <= _HELD_FILES
                handle = handles.enter_context(file.path.open("rb")) if is_held else None
                kept[file] = replace(kept[file], stamp=file.stamp or file_stamp(handle or file.path), handle=handle)
        yield [kept[file] for file in found]


def source_files(paths: PathOrPaths, written: SourceFormat = AS_DETECTED) -> list[SourceFile]:
    """Return the files of this machine that paths, patterns or directories name, in the order of their names.

    What must be copied before it is read is a `SourceError`, as is a file that is missing or has an unknown format.
    """
    return _without_bad(_Places(written).sources(paths), None)


def name_of(path: Path, sources: Places) -> str | None:
    """Return the name among sources that would stand for a file at a path, if it were there; None if there is none."""
    for source in [sources] if isinstance(sources, str | os.PathLike) else sources:
        name = None if isinstance(source, SourceFile) else os.fspath(source)
        if name is not None and scheme_of(name) == _FILE_SCHEME:
            name = url2pathname(name[len("file://") :])
        if name and name not in STANDARD_INPUT and scheme_of(name) is None and stands_for(name, path):
            return name
    return None


def _without_bad(found: Iterable[SourceFile | BadFile], bad_files: list[BadFile] | None) -> list[SourceFile]:
    """Return the good files, and add the bad ones to a list; without it they are an error."""
    files: list[SourceFile] = []
    faults = [] if bad_files is None else bad_files
    firsts: dict[Path, SourceFile] = {}
    for file in found:
        if isinstance(file, BadFile):
            faults.append(file)
        else:
            # A file that is named twice has the same partitions each time.
            files.append(firsts.setdefault(file.path, file))
    if faults and bad_files is None:
        raise together(faults)
    ends = _distinct_ends({file.name for file in files})
    return [replace(file, short_name=file_words(ends[file.name])) for file in files]


def _distinct_ends(names: set[str]) -> dict[str, str]:
    """Return the shortest end of each name, in whole folders, that no other name has: notes tell files apart by it."""
    ends: dict[str, str] = {}
    length = 1
    while len(ends) < len(names):
        alike: dict[str, list[str]] = {}
        for name in names - ends.keys():
            alike.setdefault("/".join(PurePath(name).parts[-length:]), []).append(name)
        for end, same in alike.items():
            ends |= dict.fromkeys(same, end) if len(same) == 1 else {}
            # A name may be the end of another one, and has no more folders then.
            ends |= {name: name for name in same if length >= len(PurePath(name).parts)}
        length += 1
    return ends


class _Places:
    """Turns names into files; without `copies` only into those that can be read where they are."""

    def __init__(
        self, written: SourceFormat, *, copies: Copies | None = None, progress: ProgressChoice = False
    ) -> None:
        self._written = written
        self._copies = copies
        self._progress = progress

    def sources(self, paths: Places) -> Iterator[SourceFile | BadFile]:
        """Yield the files of names, in order."""
        for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
            if isinstance(path, SourceFile):
                yield path
            else:
                yield from self._named(os.fspath(path))

    def _named(self, given: str) -> Iterator[SourceFile | BadFile]:
        # Blanks come with an address that was pasted.
        name = given if scheme_of(given.strip()) is None else given.strip()
        scheme = scheme_of(name)
        if is_chain(name):
            yield bad(shown_address(name), "addresses joined by '::' are not read: give the address of the file itself")
        elif scheme is None and is_like_address(name) and not os.path.lexists(name.partition("/")[0]):
            yield bad(shown_address(name), "is neither an address nor a file: write https://host/file.csv or the like")
        elif not name:
            # pathlib takes it for the current directory.
            yield bad("''", "is not the name of a file: a variable may be empty")
        elif name in STANDARD_INPUT:
            yield _tried(file_words(name), self._standard_input, name)
        elif scheme is None or scheme == _FILE_SCHEME:
            yield from self._local(name if scheme is None else url2pathname(name[len("file://") :]))
        else:
            yield from self._remote(name)

    def _local(self, name: str) -> Iterator[SourceFile | BadFile]:
        description = f"listing {path_text(name)}"
        with progress_bar(self._progress, total=None, description=description, delay_seconds=2.0) as bar:
            listed = []
            for found in found_files(name):
                listed.append(found)
                bar.advance()
        for found in listed:
            yield found if isinstance(found, BadFile) else _tried(str(found.path), self._found, found)

    def _remote(self, address: str) -> Iterator[SourceFile | BadFile]:
        if self._copies is None:
            raise SourceError(f"{shown_address(address)}: is not on this machine: {_INSTEAD}")
        for found in remote_files(address, progress=self._progress):
            yield found if isinstance(found, BadFile) else _tried(found.name, self._fetched, found)

    def _standard_input(self, name: str) -> SourceFile:
        if self._copies is None:
            raise SourceError(f"{name}: is standard input: {_INSTEAD}")
        return self._source(self._copies.standard_input(name), name=name)

    def _found(self, found: FoundFile) -> SourceFile:
        path, name = found.path, str(found.path)
        kind = odd_kind(path)
        if kind == PIPE and self._copies is not None and found.directory is None:
            path = self._copies.pipe(path)
        elif kind is not None:
            raise SourceError(f"{name}: is {kind}: {_INSTEAD}")
        return self._source(path, name=name, folders=found.folders, directory=found.directory)

    def _fetched(self, found: RemoteFile) -> SourceFile:
        assert self._copies is not None  # noqa: S101  # Otherwise nothing is looked for.
        there = PurePath(found.name)
        is_known = named_format(there) is not None
        if not is_known and not is_in_web(found):
            # Before it is downloaded.
            raise _unknown(there, name=found.name, directory=found.directory)
        path = self._copies.remote(found, is_known=is_known)
        return self._source(path, name=found.name, folders=found.folders, directory=found.directory)

    def _source(
        self, path: Path, *, name: str, folders: Sequence[str] = (), directory: str | None = None
    ) -> SourceFile:
        """Return the file of rows at a path; raise `SourceError` if its format is unknown."""
        file_format = named_format(path)
        if file_format is None:
            raise _unknown(path, name=file_words(name), directory=directory)
        keys = partitions(folders, name=name)
        return SourceFile(path=path, name=name, format=file_format, written=self._written, partitions=keys)


def _tried(name: str, step: Callable[..., SourceFile], place: object) -> SourceFile | BadFile:
    """Turn a place into a file, or into a bad file."""
    try:
        return step(place)
    except SourceError as error:
        return BadFile(name=name, error=error)


def _unknown(path: PurePath, *, name: str, directory: str | None) -> SourceError:
    others = "" if directory is None else f", or give a pattern such as '{directory}/*.csv'"
    return SourceError(f"{name}: files of this format cannot be read: {format_cure(path)}{others}")
