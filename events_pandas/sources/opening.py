"""Files opened for reading: decompressed, and known again if they change."""

import bz2
import gzip
import lzma
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from events_pandas.byte_order_marks import as_utf8
from events_pandas.errors import SourceError

# What macOS and Windows put into archives and folders by themselves.
_FOLDERS_OF_SYSTEMS: Final = "__MACOSX"
_FILES_OF_SYSTEMS: Final = (".DS_Store", "Thumbs.db", "desktop.ini")
_IS_ENCRYPTED: Final = 0x1
_NAMED_MEMBERS: Final = 3

# None of them closes what it reads from.
_DECOMPRESSORS: Final[dict[str, Callable[[BinaryIO], Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

HELD_FILES: Final = 100
"""So many files of a run are held open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What tells a file from the one that it was: another file in its place, or one that was written to.

    Parameters
    ----------
    device, inode : int
        Which file it is.
    size : int
        Bytes.
    modified_ns : int
        When it was written to last, in nanoseconds since 1970.
    """

    device: int
    inode: int
    size: int
    modified_ns: int


def mark_of(file: "Path | BinaryIO") -> Mark:
    """Return the mark of a file.

    Parameters
    ----------
    file : pathlib.Path or binary file
        What stands at a path, or what was opened there once.

    Returns
    -------
    Mark
        As it is now.
    """
    facts = os.stat(file) if isinstance(file, Path) else os.fstat(file.fileno())  # noqa: PTH116  # One call for both.
    return Mark(device=facts.st_dev, inode=facts.st_ino, size=facts.st_size, modified_ns=facts.st_mtime_ns)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file as it stood when a run began.

    Parameters
    ----------
    path : pathlib.Path
        Where it stood.
    mark : Mark
        How it is known again.
    handle : binary file, optional
        The file, held open: it can be read even if another one has taken its place.
    """

    path: Path
    mark: Mark
    handle: BinaryIO | None = None

    def is_in_place(self) -> bool:
        """Tell whether it stands there still, as it was.

        Returns
        -------
        bool
            False also if there is no file any more.
        """
        return self._is(self.path)

    def is_readable(self) -> bool:
        """Tell whether it can be read as it was.

        Returns
        -------
        bool
            True also of a file that is held open, when another one has taken its place.
        """
        return self._is(self.path if self.handle is None else self.handle)

    def _is(self, file: "Path | BinaryIO") -> bool:
        try:
            return mark_of(file) == self.mark
        except OSError:
            return False


@contextmanager
def kept_files(files: Iterable[Path], *, are_held: bool) -> Iterator[dict[Path, KeptFile]]:
    """Know files again during a run.

    Parameters
    ----------
    files : iterable of pathlib.Path
        The files of the run.
    are_held : bool
        Whether they are held open, so that they can be read again when others have taken their places.

    Yields
    ------
    dict of pathlib.Path to KeptFile
        Without files that cannot be opened: reading them tells why.
    """
    kept: dict[Path, KeptFile] = {}
    with ExitStack() as handles:
        for path in dict.fromkeys(files):
            with suppress(OSError):
                # An operating system opens a thousand files or so for one process.
                is_held = are_held and len(kept) < HELD_FILES
                handle = handles.enter_context(path.open("rb")) if is_held else None
                kept[path] = KeptFile(path=path, mark=mark_of(path if handle is None else handle), handle=handle)
        yield kept


@contextmanager
def opened(path: Path, kept: KeptFile | None = None) -> Iterator[BinaryIO]:
    """Open a file as it is, compressed or not.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    kept : KeptFile, optional
        The same file as it stood when the run began.

    Yields
    ------
    binary file
        At its start.

    Raises
    ------
    SourceError
        If it is not the file that stood there when the run began.
    """
    if kept is not None and kept.handle is not None:
        _require_same(path, kept.handle, kept)
        kept.handle.seek(0)
        yield kept.handle
        return
    with path.open("rb") as file:
        _require_same(path, file, kept)
        yield file


def _require_same(path: Path, file: BinaryIO, kept: KeptFile | None) -> None:
    if kept is not None and mark_of(file) != kept.mark:
        raise SourceError(f"{path}: was changed after the run had begun: submit it again when nothing writes to it")


@contextmanager
def decompressed(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """Read a file of text whose name says how it is compressed, and whose first bytes may say how it is encoded.

    Parameters
    ----------
    path : pathlib.Path
        Its name.
    file : binary file
        The file, at its start; it stays open.

    Yields
    ------
    binary file
        Its content, in UTF-8 unless it has another encoding without saying so.

    Raises
    ------
    SourceError
        If it is an archive without one file to be read.
    """
    with _uncompressed(path, file) as stream:
        yield as_utf8(stream)


@contextmanager
def _uncompressed(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    name = path.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(file) as archive, archive.open(_only_member(path, archive)) as member:
            yield cast("BinaryIO", member)
        return
    opening = next((opening for suffix, opening in _DECOMPRESSORS.items() if name.endswith(suffix)), None)
    if opening is None:
        yield file
        return
    with opening(file) as stream:
        yield cast("BinaryIO", stream)


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the file in an archive; beside a CSV file, others than CSV files do not count."""
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_of_a_system(member)]
    tables = [member for member in members if member.filename.lower().endswith(".csv")]
    chosen = tables or members
    if not chosen:
        raise SourceError(f"{path}: holds no file: put one CSV file into the archive")
    if len(chosen) > 1:
        named = ", ".join(repr(member.filename) for member in chosen[:_NAMED_MEMBERS])
        named += f" and {len(chosen) - _NAMED_MEMBERS} more" if len(chosen) > _NAMED_MEMBERS else ""
        raise SourceError(f"{path}: holds {len(chosen)} files ({named}): unpack it, and give the files themselves")
    if chosen[0].flag_bits & _IS_ENCRYPTED:
        raise SourceError(f"{path}: is encrypted: unpack it with its password, and give the file itself")
    return chosen[0]


def _is_of_a_system(member: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(member.filename)
    return _FOLDERS_OF_SYSTEMS in place.parts or place.name.startswith("._") or place.name in _FILES_OF_SYSTEMS
