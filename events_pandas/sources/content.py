"""What a file is, by its first bytes: for files whose name does not say it."""

import re
import zipfile
from collections.abc import Mapping
from typing import BinaryIO, Final

from events_pandas.byte_order_marks import without_marks
from events_pandas.sources.decompression import DECOMPRESSORS

HEAD_BYTES: Final = 512
"""This many first bytes are enough to recognize a file."""

_SUFFIXES_BY_START: Final[Mapping[bytes, str]] = {
    b"PAR1": ".parquet",
    b"ARROW1": ".arrow",
    b"PK\x03\x04": ".zip",
    b"PK\x05\x06": ".zip",  # empty
    b"\x1f\x8b": ".gz",
    b"\x28\xb5\x2f\xfd": ".zst",
    # Programs that pack in parallel begin with a frame that is skipped.
    **{bytes([kind]) + b"\x2a\x4d\x18": ".zst" for kind in range(0x50, 0x60)},
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
    b"\xd0\xcf\x11\xe0": ".xls",
    b"%PDF-": ".pdf",
    b"{\\rtf": ".rtf",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"7z\xbc\xaf": ".7z",
    b"Rar!": ".rar",
    b"SQLite format 3\0": ".sqlite",
    b"Obj\x01": ".avro",
    b"ORC": ".orc",
}
_TAR: Final = slice(257, 262), b"ustar"

_EXPORT: Final = "export its rows as .csv or .xlsx"
_UNPACK: Final = "unpack it, and give the file itself"
FOREIGN: Final[Mapping[str, tuple[str, str]]] = {
    ".html": ("a web page", "check its address, and download the file itself"),
    ".xml": ("an XML file", _EXPORT),
    ".json": ("a JSON array", "write one JSON object a line, as jq -c '.[]' does, to a file that ends in .jsonl"),
    ".pdf": ("a PDF file", _EXPORT),
    **dict.fromkeys((".rtf", ".odf"), ("a document", _EXPORT)),
    **dict.fromkeys((".png", ".jpg", ".gif"), ("a picture", _EXPORT)),
    ".sqlite": ("an SQLite database", _EXPORT),
    **dict.fromkeys((".avro", ".orc"), ("a file of another format", "export its rows as .parquet")),
    **dict.fromkeys((".7z", ".rar", ".tar"), ("an archive", _UNPACK)),
}
"""What files are that have no rows that can be read, and what to do, by suffix."""

# Some programs write names such as <DATE> into the header of a CSV file.
_WEB_PAGE: Final = re.compile(rb"(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html|head|body|table)[\s>]|<!--", re.IGNORECASE)
_JSON_ARRAY: Final = re.compile(rb"\[\s*[\[{\]]")
_PARTS_OF_WORKBOOKS: Final = "xl/"
_PARTS_OF_DOCUMENTS: Final = ("word/", "ppt/", "mimetype")
_IS_ENCRYPTED: Final = 0x1


def recognized(first_bytes: bytes) -> str:
    """Return the suffix of the files that begin so, such as ``".parquet"`` or ``".gz"``; ``".csv"`` for any other text.

    A web page has the suffix ``".html"``, and an Excel file that of its archive, ``".zip"``. ``first_bytes`` are
    `HEAD_BYTES` bytes, or the whole file.
    """
    for start, suffix in _SUFFIXES_BY_START.items():
        if first_bytes.startswith(start):
            return suffix
    place, mark = _TAR
    if first_bytes[place] == mark:
        return ".tar"
    text = without_marks(first_bytes).lstrip()
    if _WEB_PAGE.match(text):
        return ".html"
    if text.startswith(b"<?xml"):
        return ".xml"
    if _JSON_ARRAY.match(text):
        return ".json"
    return ".jsonl" if text.startswith(b"{") else ".csv"


def recognized_suffixes(content: BinaryIO) -> str:
    """Return the suffixes that an open file should have, such as ``".csv.gz"`` or ``".xlsx"``.

    A broken archive raises the error of its library.
    """
    content.seek(0)
    suffix = recognized(content.read(HEAD_BYTES))
    content.seek(0)
    if suffix == ".zip":
        return _of_archive(content)
    if suffix not in DECOMPRESSORS:
        return suffix
    with DECOMPRESSORS[suffix](content) as stream:
        return f"{recognized(stream.read(HEAD_BYTES))}{suffix}"


def _of_archive(content: BinaryIO) -> str:
    with zipfile.ZipFile(content) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if any(member.filename.startswith(_PARTS_OF_WORKBOOKS) for member in members):
            return ".xlsx"
        if any(member.filename.startswith(_PARTS_OF_DOCUMENTS) for member in members):
            return ".odf"
        # Opening an archive of several files is an error of its own.
        if not members or members[0].flag_bits & _IS_ENCRYPTED:
            return ".csv.zip"
        with archive.open(members[0]) as member:
            return f"{recognized(member.read(HEAD_BYTES))}.zip"
