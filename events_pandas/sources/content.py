"""What a file is, by its first bytes: for files whose name does not say it."""

import zipfile
from collections.abc import Mapping
from typing import BinaryIO, Final

from events_pandas.sources.decompression import DECOMPRESSORS

HEAD_BYTES: Final = 64
"""This many first bytes are enough to recognize a file."""

_SUFFIXES_BY_START: Final[Mapping[bytes, str]] = {
    b"PAR1": ".parquet",
    b"ARROW1": ".arrow",
    b"PK\x03\x04": ".zip",
    b"PK\x05\x06": ".zip",  # empty
    b"\x1f\x8b": ".gz",
    b"\x28\xb5\x2f\xfd": ".zst",
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
    b"\xd0\xcf\x11\xe0": ".xls",
}
_MARK: Final = b"\xef\xbb\xbf"
_WEB_PAGES: Final = (b"<!doctype html", b"<html")
_PARTS_OF_WORKBOOKS: Final = "xl/"
_IS_ENCRYPTED: Final = 0x1


def recognized(first_bytes: bytes) -> str:
    """Return the suffix of the files that begin so, such as ``".parquet"`` or ``".gz"``; ``".csv"`` for any other text.

    A web page has the suffix ``".html"``, and an Excel file that of its archive, ``".zip"``.
    """
    for start, suffix in _SUFFIXES_BY_START.items():
        if first_bytes.startswith(start):
            return suffix
    text = first_bytes.removeprefix(_MARK).lstrip()
    if text.lower().startswith(_WEB_PAGES):
        return ".html"
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
        # Opening an archive of several files is an error of its own.
        if not members or members[0].flag_bits & _IS_ENCRYPTED:
            return ".csv.zip"
        with archive.open(members[0]) as member:
            return f"{recognized(member.read(HEAD_BYTES))}.zip"
