"""Files that are recognized by their first bytes."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from events_pandas.sources.content import recognized, recognized_suffixes

CSV = b"who,day\n1,2024-01-31\n"


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        (b"PAR1\x15\x04", ".parquet"),
        (b"ARROW1\x00\x00", ".arrow"),
        (b"PK\x03\x04", ".zip"),
        (b"\x1f\x8b\x08", ".gz"),
        (b"\x28\xb5\x2f\xfd", ".zst"),
        (b"BZh9", ".bz2"),
        (b"\xfd7zXZ\x00", ".xz"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", ".xls"),
        (b'{"who": 1}', ".jsonl"),
        (b'\xef\xbb\xbf \n{"who": 1}', ".jsonl"),
        (b"<!DOCTYPE html><html>", ".html"),
        (b"\n<html lang=en>", ".html"),
        (b"who,day", ".csv"),
        (b"<who>,day", ".csv"),
        (b"\xff\xfew\x00h\x00o\x00", ".csv"),
        (b"", ".csv"),
    ],
)
def test_first_bytes_tell_the_suffix(start, suffix):
    """Formats and compressions have bytes of their own; any other file is text with cells."""
    assert recognized(start) == suffix


@pytest.mark.parametrize(
    ("content", "suffixes"),
    [
        (CSV, ".csv"),
        (gzip.compress(CSV), ".csv.gz"),
        (bz2.compress(b'{"who": 1}'), ".jsonl.bz2"),
        (lzma.compress(CSV), ".csv.xz"),
        (gzip.compress(b"PAR1"), ".parquet.gz"),
        (zipped(orders=CSV), ".csv.zip"),
        (zipped(orders=b'{"who": 1}'), ".jsonl.zip"),
        (zipped(xl__workbook="<xml>"), ".xlsx"),
        (zipped(), ".csv.zip"),
    ],
    ids=["CSV", "gz", "bz2", "xz", "Parquet", "zip", "zip of JSON", "Excel", "empty zip"],
)
def test_compressed_content_is_recognized_too(content, suffixes):
    """The suffix of a compression stands behind that of the format inside."""
    assert recognized_suffixes(io.BytesIO(content)) == suffixes
