"""Files whose content is not what their name says, recognized by their first bytes."""

import re
from pathlib import PurePath
from typing import BinaryIO, Final

from events_pandas.errors import SourceError
from events_pandas.sources.content import FOREIGN, HEAD_BYTES, recognized, recognized_suffixes
from events_pandas.sources.decompression import DECOMPRESSORS
from events_pandas.sources.opening import uncompressed, without_compression
from events_pandas.sources.source_file import STREAMED_FORMATS, FileFormat, SourceFile

# The reader of JSON Lines says more about an array, and a first line may be one by mistake.
_TEXT_SUFFIXES: Final = (".csv", ".jsonl", ".json")
_PARQUET_STARTS: Final = (b"PAR1", b"PARE")  # the second one is encrypted
_ARROW_STARTS: Final = (b"ARROW1", b"\xff\xff\xff\xff")  # the second one is a stream
_FIRST_FEATHER: Final = b"FEA1"
_OBJECT: Final = re.compile(rb'(?:\xef\xbb\xbf)*\s*\{\s*"[^"]*"\s*:')

_FOUND: Final = {
    ".parquet": "a Parquet file",
    ".arrow": "an Arrow file",
    ".xlsx": "an Excel file",
    ".xls": "an old Excel file",
    ".jsonl": "a JSON Lines file",
    ".csv": "a text file",
    ".zip": "an archive",
    **{suffix: words for suffix, (words, _) in FOREIGN.items()},
}
_NAMED: Final = {
    FileFormat.CSV: "a CSV file",
    FileFormat.JSON_LINES: "a JSON Lines file",
    FileFormat.PARQUET: "a Parquet file",
    FileFormat.ARROW: "an Arrow file",
    FileFormat.EXCEL: "an Excel file",
}
_COMPRESSED: Final = {
    ".gz": " in gzip",
    ".bz2": " in bzip2",
    ".xz": " in xz",
    ".zst": " in Zstandard",
    ".zip": " in a ZIP archive",
    "": "",
}
_CURES: Final = {
    ".xls": "save it as .xlsx",
    ".zip": "unpack it, and give the file itself",
    **{suffix: cure for suffix, (_, cure) in FOREIGN.items()},
}


def require_named_content(file: SourceFile, content: BinaryIO) -> None:
    """Raise a `SourceError` if the first bytes of an open file show that it is not what its name says."""
    _, named = without_compression(file.path.name)
    content.seek(0)
    start = content.read(HEAD_BYTES)
    is_packed = recognized(start) == named
    if is_packed or not named:
        with uncompressed(file, content) as stream:
            inner = stream.read(HEAD_BYTES)
        if not inner and file.format not in STREAMED_FORMATS:
            raise SourceError(f"{file}: is empty: export it again")
        if not inner or _fits(recognized_suffixes(content) if not named else recognized(inner), inner, file.format):
            return
    if start:
        raise SourceError(f"{file}: {_fault(file, start, recognized_suffixes(content))}")


def _fits(suffix: str, start: bytes, named: FileFormat) -> bool:
    match named:
        case FileFormat.CSV:
            return suffix == ".csv" or (suffix == ".jsonl" and not _OBJECT.match(start))
        case FileFormat.PARQUET:
            return start.startswith(_PARQUET_STARTS)
        case FileFormat.ARROW:
            return start.startswith(_ARROW_STARTS)
        case FileFormat.EXCEL:
            # In an archive an Excel file is an archive in an archive.
            return suffix in {".xlsx", ".zip"}
        case _:
            return suffix in _TEXT_SUFFIXES


def _fault(file: SourceFile, start: bytes, suffixes: str) -> str:
    stem, named = without_compression(file.path.name)
    suffix = repr(PurePath(stem).suffix + named)
    found, packed = without_compression(suffixes)
    if file.format is FileFormat.EXCEL and found == ".xls":
        return "is protected with a password, or an old Excel file: save it as .xlsx without a password"
    if start.startswith(_FIRST_FEATHER):
        return "is a Feather file of version 1: save it again, as pandas.read_feather(path).to_feather(path) does"
    if found in DECOMPRESSORS:
        return "is compressed twice: unpack it once"
    if found == ".csv" and not packed:
        kind = _NAMED[file.format] + _COMPRESSED[named]
        return f"is not {kind}, although its name ends in {suffix}: export it again, or correct its name"
    cure = _CURES.get(found, f"let its name end in {suffixes!r}")
    return f"is {_FOUND[found]}{_COMPRESSED[packed]}, although its name ends in {suffix}: {cure}"
