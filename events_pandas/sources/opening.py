"""Files opened for reading: decompressed, and checked for changes since the run began."""

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePath, PurePosixPath
from tempfile import gettempdir
from typing import BinaryIO, Final, cast

from events_pandas.byte_order_marks import as_utf8
from events_pandas.errors import SourceError
from events_pandas.sources.decompression import COMPRESSIONS, DECOMPRESSORS
from events_pandas.sources.joined import require_one_archive
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import REFUSED_SUFFIXES, SUFFIXES, FileFormat, FileStamp, SourceFile
from events_pandas.words import listed

_KNOWN_SUFFIXES: Final = "use .csv, .jsonl, .parquet, .feather or .xlsx, also compressed (.csv.gz)"
_UNPACKED_BYTES: Final = 1 << 20
# macOS and Windows add these to archives and folders by themselves.
_FOLDERS_OF_SYSTEMS: Final = "__MACOSX"
_FILES_OF_SYSTEMS: Final = (".DS_Store", "Thumbs.db", "desktop.ini")
_IS_ENCRYPTED: Final = 0x1
_NAMED_MEMBERS: Final = 3


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


def without_compression(name: str) -> tuple[str, str]:
    """Return a file's name without the suffix of its compression, and this suffix, which may be empty."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  # A name, not a path.
    return (stem, suffix.lower()) if suffix.lower() in COMPRESSIONS else (name, "")


def named_format(path: PurePath) -> FileFormat | None:
    """Return the format that a file's name tells, also if it is compressed; None for an unknown one."""
    return SUFFIXES.get(_own_suffix(path))


def format_cure(path: PurePath) -> str:
    """Say how to save a file whose format is unknown."""
    return REFUSED_SUFFIXES.get(_own_suffix(path), _KNOWN_SUFFIXES)


def _own_suffix(path: PurePath) -> str:
    # A name such as ".csv" has no suffix for pathlib.
    name, _ = without_compression(path.name.lower())
    return name[name.rfind(".") :] if "." in name else ""


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
    with uncompressed(file, content) as stream:
        yield as_utf8(stream)


@contextmanager
def uncompressed(file: SourceFile, content: BinaryIO) -> Iterator[BinaryIO]:
    """Decompress an open file as its name says."""
    content.seek(0)
    _, compression = without_compression(file.path.name)
    if compression == ".zip":
        with zipfile.ZipFile(content) as archive, archive.open(_only_member(file, archive)) as member:
            yield cast("BinaryIO", member)
        return
    with DECOMPRESSORS.get(compression, nullcontext)(content) as stream:
        yield cast("BinaryIO", stream)


def unpacked(file: SourceFile, content: BinaryIO, scratch: Scratch) -> BinaryIO:
    """Return the decompressed content of an open file, in which a reader may go anywhere.

    It is written to a temporary file once, and kept in the scratch. A full disk is a `SourceError`.
    """
    if not without_compression(file.path.name)[1]:
        return content

    def write(stream: BinaryIO) -> None:
        with uncompressed(file, content) as source, scratch.progress(f"unpacking {file.short_name} (MB)") as advance:
            while block := source.read(_UNPACKED_BYTES):
                try:
                    stream.write(block)
                    stream.flush()
                except OSError as error:
                    fault = f"cannot be unpacked into {gettempdir()} ({error.strerror})"
                    raise SourceError(f"{file}: {fault}: unpack it, and give the file itself") from error
                advance(1)

    return scratch.kept("content", lambda: scratch.temporary(write))


def _only_member(file: SourceFile, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the only file in an archive; beside a file of the named format, other files do not count."""
    require_one_archive(file, archive)
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_of_a_system(member)]
    suffixes = tuple(suffix for suffix, known in SUFFIXES.items() if known is file.format)
    tables = [member for member in members if member.filename.lower().endswith(suffixes)]
    chosen = tables or members
    if not chosen:
        raise SourceError(f"{file}: holds no file: put one {file.format.value} file into the archive")
    if len(chosen) > 1:
        named = listed([repr(member.filename) for member in chosen], most=_NAMED_MEMBERS, longest=math.inf)
        raise SourceError(f"{file}: holds {len(chosen)} files ({named}): unpack it, and give the files themselves")
    if chosen[0].flag_bits & _IS_ENCRYPTED:
        raise SourceError(f"{file}: is encrypted: unpack it with its password, and give the file itself")
    return chosen[0]


def _is_of_a_system(member: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(member.filename)
    return _FOLDERS_OF_SYSTEMS in place.parts or place.name.startswith("._") or place.name in _FILES_OF_SYSTEMS
