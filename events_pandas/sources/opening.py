"""Files opened for reading: decompressed, and checked for changes since the run began."""

import bz2
import gzip
import lzma
import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from events_pandas.byte_order_marks import as_utf8
from events_pandas.errors import SourceError
from events_pandas.words import listed

# macOS and Windows add these to archives and folders by themselves.
_FOLDERS_OF_SYSTEMS: Final = "__MACOSX"
_FILES_OF_SYSTEMS: Final = (".DS_Store", "Thumbs.db", "desktop.ini")
_IS_ENCRYPTED: Final = 0x1
_NAMED_MEMBERS: Final = 3

# None of them closes what it reads from.
_DECOMPRESSORS: Final[dict[str, Callable[[BinaryIO], Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

_HELD_FILES: Final = 100
"""The most files of a run that are held open: an operating system allows one process about a thousand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileStamp:
    """The facts that differ if another file has taken the place of a file, or if it was written to."""

    device: int
    inode: int
    size: int  # bytes
    modified_ns: int  # since 1970


def file_stamp(file: "Path | BinaryIO") -> FileStamp:
    """Return the stamp of the file at a path, or of an open file."""
    facts = os.stat(file) if isinstance(file, Path) else os.fstat(file.fileno())  # noqa: PTH116  # One call for both.
    return FileStamp(device=facts.st_dev, inode=facts.st_ino, size=facts.st_size, modified_ns=facts.st_mtime_ns)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file as it was when a run began."""

    path: Path
    stamp: FileStamp
    handle: BinaryIO | None = None  # held open: it can be read even if another file has taken its place

    def is_in_place(self) -> bool:
        """Tell whether the same file, unchanged, is still at its path."""
        return self._is(self.path)

    def is_readable(self) -> bool:
        """Tell whether it can be read as it was, from its handle or from its path."""
        return self._is(self.path if self.handle is None else self.handle)

    def _is(self, file: "Path | BinaryIO") -> bool:
        try:
            return file_stamp(file) == self.stamp
        except OSError:
            return False


@contextmanager
def kept_files(files: Iterable[Path], *, are_held: bool) -> Iterator[dict[Path, KeptFile]]:
    """Note how files are at the start of a run, and hold them open if `are_held`, so that they can be read again.

    Files that cannot be opened are left out: reading them raises the error.
    """
    kept: dict[Path, KeptFile] = {}
    with ExitStack() as handles:
        for path in dict.fromkeys(files):
            with suppress(OSError):
                is_held = are_held and len(kept) < _HELD_FILES
                handle = handles.enter_context(path.open("rb")) if is_held else None
                kept[path] = KeptFile(path=path, stamp=file_stamp(path if handle is None else handle), handle=handle)
        yield kept


@contextmanager
def opened(path: Path, kept: KeptFile | None = None) -> Iterator[BinaryIO]:
    """Open a file, still compressed; a file that has changed since the run began is a `SourceError`."""
    held = None if kept is None else kept.handle
    with path.open("rb") if held is None else nullcontext(held) as file:
        if kept is not None and file_stamp(file) != kept.stamp:
            fault = "was changed after the run had begun: submit it again when nothing writes to it"
            raise SourceError(f"{path}: {fault}")
        file.seek(0)
        yield file


@contextmanager
def decompressed(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """Decompress an open file as its name says, and decode it to UTF-8 if a byte order mark names another encoding.

    It is read from its start, and stays open. An archive without exactly one file to read is a `SourceError`.
    """
    file.seek(0)
    with _uncompressed(path, file) as stream:
        yield as_utf8(stream)


@contextmanager
def _uncompressed(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(file) as archive, archive.open(_only_member(path, archive)) as member:
            yield cast("BinaryIO", member)
        return
    with _DECOMPRESSORS.get(suffix, nullcontext)(file) as stream:
        yield cast("BinaryIO", stream)


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the only file in an archive; beside a CSV file, other files do not count."""
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_of_a_system(member)]
    tables = [member for member in members if member.filename.lower().endswith(".csv")]
    chosen = tables or members
    if not chosen:
        raise SourceError(f"{path}: holds no file: put one CSV file into the archive")
    if len(chosen) > 1:
        named = listed([repr(member.filename) for member in chosen], most=_NAMED_MEMBERS, longest=math.inf)
        raise SourceError(f"{path}: holds {len(chosen)} files ({named}): unpack it, and give the files themselves")
    if chosen[0].flag_bits & _IS_ENCRYPTED:
        raise SourceError(f"{path}: is encrypted: unpack it with its password, and give the file itself")
    return chosen[0]


def _is_of_a_system(member: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(member.filename)
    return _FOLDERS_OF_SYSTEMS in place.parts or place.name.startswith("._") or place.name in _FILES_OF_SYSTEMS
