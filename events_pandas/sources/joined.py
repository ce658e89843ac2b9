"""Files that were joined, as ``cat`` does, in formats whose index stands at the end: it knows the last file only."""

import struct
import zipfile
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.errors import SourceError
from events_pandas.sources.source_file import FileFormat, SourceFile

_JOINED: Final = "is made of files that were joined, of which only the last one can be read: give each file itself"
_PARQUET: Final = b"PAR1"
_ARROW: Final = b"ARROW1"
_START_OF_ARROW: Final = b"ARROW1\0\0"
_LENGTH: Final = struct.Struct("<i")
_READ_BYTES: Final = 1 << 20

# Places in the table of fields of Arrow's footer (Footer in File.fbs), and the blocks that they list (Block).
_FIELDS_WITH_BLOCKS: Final = (8, 10)
_BLOCK: Final = struct.Struct("<qi4xq")


def require_one_archive(file: SourceFile, archive: zipfile.ZipFile) -> None:
    """Raise a `SourceError` if an archive has something before its first file."""
    places = [member.header_offset for member in archive.infolist()]
    if places and min(places) > 0:
        raise SourceError(f"{file}: {_JOINED}")


def require_one_file(file: SourceFile, content: BinaryIO) -> None:
    """Raise a `SourceError` if the content of an Excel, Parquet or Arrow file is that of several files."""
    is_joined = False
    match file.format:
        case FileFormat.EXCEL:
            with zipfile.ZipFile(content) as archive:
                require_one_archive(file, archive)
        case FileFormat.PARQUET:
            is_joined = _has_seam(content, _PARQUET + _PARQUET, most=_bytes_without_rows_in_parquet(content))
        case FileFormat.ARROW if _starts_with(content, _START_OF_ARROW):
            is_joined = _has_seam(content, _ARROW + _START_OF_ARROW, most=_bytes_without_rows_in_arrow(content))
    if is_joined:
        raise SourceError(f"{file}: {_JOINED}")


def _starts_with(content: BinaryIO, start: bytes) -> bool:
    content.seek(0)
    return content.read(len(start)) == start


def _has_seam(content: BinaryIO, seam: bytes, *, most: int) -> bool:
    """Tell whether one file ends, and another begins, within so many bytes from the start."""
    content.seek(0)
    rest = b""
    # The files before the last one are among the bytes in which the index of the last one knows no rows.
    for _ in range(0, most, _READ_BYTES):
        block = rest + content.read(_READ_BYTES)
        if seam in block:
            return True
        rest = block[-len(seam) :]
    return False


def _bytes_without_rows_in_parquet(content: BinaryIO) -> int:
    footer = pq.read_metadata(content)
    end = len(_PARQUET)
    for place in range(footer.num_row_groups)[-1:]:
        group = footer.row_group(place)
        for column in map(group.column, range(group.num_columns)):
            starts = (column.dictionary_page_offset, column.data_page_offset)
            end = max(end, min(filter(None, starts), default=0) + column.total_compressed_size)
    return _footer(content, _PARQUET)[0] - end


def _bytes_without_rows_in_arrow(content: BinaryIO) -> int:
    # A damaged footer is an error of Arrow's.
    with pa.ipc.open_file(content):
        pass
    start, footer = _footer(content, _ARROW)
    end = len(_START_OF_ARROW)
    # In a flatbuffer, numbers lead from the root to its table of fields, to a field, to a list.
    (root,) = struct.unpack_from("<I", footer)
    table = root - _LENGTH.unpack_from(footer, root)[0]
    (table_bytes,) = struct.unpack_from("<H", footer, table)
    for field in _FIELDS_WITH_BLOCKS:
        offset = struct.unpack_from("<H", footer, table + field)[0] if field < table_bytes else 0
        if offset:
            place = root + offset
            place += struct.unpack_from("<I", footer, place)[0]
            (count,) = struct.unpack_from("<I", footer, place)
            blocks = _BLOCK.iter_unpack(footer[place + 4 :][: count * _BLOCK.size])
            end = max([end, *map(sum, blocks)])
    return start - end


def _footer(content: BinaryIO, mark: bytes) -> tuple[int, bytes]:
    """Return where the index of a file begins, which its length and a mark end, and the index itself."""
    size = content.seek(-_LENGTH.size - len(mark), 2)
    (length,) = _LENGTH.unpack(content.read(_LENGTH.size))
    content.seek(max(size - length, 0))
    return size - length, content.read(max(length, 0))
