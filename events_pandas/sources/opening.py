"""Files opened for reading: decompressed, and checked for changes since the run began."""

import bz2
import gzip
import lzma
import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from events_pandas.byte_order_marks import as_utf8
from events_pandas.errors import SourceError
from events_pandas.sources.source_file import FileStamp, SourceFile
from events_pandas.words import listed

# macOS and Windows add these to archives and folders by themselves.
_FOLDERS_OF_SYSTEMS: Final = "__MACOSX"
_FILES_OF_SYSTEMS: Final = (".DS_Store", "Thumbs.db", "desktop.ini")
_IS_ENCRYPTED: Final = 0x1
_NAMED_MEMBERS: Final = 3

# None of them closes what it reads from.
_DECOMPRESSORS: Final[dict[str, Callable[[BinaryIO], Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_COMPRESSIONS: Final = frozenset({".zip", *_DECOMPRESSORS})


def file_stamp(file: "Path | BinaryIO") -> FileStamp:
    """Return the stamp of the file at a path, or of an open file."""
    facts = os.stat(file) if isinstance(file, Path) else os.fstat(file.fileno())  # noqa: PTH116  # One call for both.
    return FileStamp(device=facts.st_dev, inode=facts.st_ino, size=facts.st_size, modified_ns=facts.st_mtime_ns)


def is_in_place(file: SourceFile) -> bool:
    """Tell whether the same file, unchanged, is still at its path."""
    return _is_as_kept(file, file.path)


def is_readable(file: SourceFile) -> bool:
    """Tell whether a file can be read as it was, from its handle or from its path."""
    return _is_as_kept(file, file.handle or file.path)


def _is_as_kept(file: SourceFile, content: "Path | BinaryIO") -> bool:
    try:
        return file.stamp is None or file_stamp(content) == file.stamp
    except OSError:
        return False


def without_compression(name: str) -> tuple[str, bool]:
    """Return a file's name without the suffix of its compression, and whether it had one."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  # A name, not a path.
    return (stem, True) if suffix in _COMPRESSIONS else (name, False)


@contextmanager
def opened(file: SourceFile) -> Iterator[BinaryIO]:
    """Open a file, still compressed; a file that has changed since the run began is a `SourceError`."""
    with file.path.open("rb") if file.handle is None else nullcontext(file.handle) as content:
        if file.stamp is not None and file_stamp(content) != file.stamp:
            fault = "was changed after the run had begun: submit it again when nothing writes to it"
            raise SourceError(f"{file}: {fault}")
        content.seek(0)
        yield content


@contextmanager
def decompressed(file: SourceFile, content: BinaryIO) -> Iterator[BinaryIO]:
    """Decompress an open file as its name says, and decode it to UTF-8 if a byte order mark names another encoding.

    It is read from its start, and stays open. An archive without exactly one file to read is a `SourceError`.
    """
    content.seek(0)
    with _uncompressed(file, content) as stream:
        yield as_utf8(stream)


@contextmanager
def _uncompressed(file: SourceFile, content: BinaryIO) -> Iterator[BinaryIO]:
    suffix = file.path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(content) as archive, archive.open(_only_member(file, archive)) as member:
            yield cast("BinaryIO", member)
        return
    with _DECOMPRESSORS.get(suffix, nullcontext)(content) as stream:
        yield cast("BinaryIO", stream)


def _only_member(file: SourceFile, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the only file in an archive; beside a CSV file, other files do not count."""
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_of_a_system(member)]
    tables = [member for member in members if member.filename.lower().endswith(".csv")]
    chosen = tables or members
    if not chosen:
        raise SourceError(f"{file}: holds no file: put one CSV file into the archive")
    if len(chosen) > 1:
        named = listed([repr(member.filename) for member in chosen], most=_NAMED_MEMBERS, longest=math.inf)
        raise SourceError(f"{file}: holds {len(chosen)} files ({named}): unpack it, and give the files themselves")
    if chosen[0].flag_bits & _IS_ENCRYPTED:
        raise SourceError(f"{file}: is encrypted: unpack it with its password, and give the file itself")
    return chosen[0]


def _is_of_a_system(member: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(member.filename)
    return _FOLDERS_OF_SYSTEMS in place.parts or place.name.startswith("._") or place.name in _FILES_OF_SYSTEMS
