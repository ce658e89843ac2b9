"""Files that are not what their name says, that are damaged, or that nobody but their owner can read."""

import bz2
import gzip
import io
import lzma
import zipfile

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import read_chunks, row_count, source_files, source_schema

FRAME = pd.DataFrame({"who": ["1"] * 1_000, "day": ["2024-01-31"] * 1_000})


def written(method, **options):
    stream = io.BytesIO()
    getattr(FRAME, method)(stream, **options)
    return stream.getvalue()


def in_zip(name, content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def in_zstandard(content):
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, "zstd") as compressed:
        compressed.write(content)
    return stream.getvalue().to_pybytes()


CSV = written("to_csv", index=False)
JSON_LINES = written("to_json", orient="records", lines=True)
PARQUET = written("to_parquet")
FEATHER = written("to_feather")
EXCEL = written("to_excel", index=False)
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
FILES = {
    "CSV": CSV,
    "JSON Lines": JSON_LINES,
    "Parquet": PARQUET,
    "Feather": FEATHER,
    "Excel": EXCEL,
    "old Excel": OLD_EXCEL,
    "first Feather": b"FEA1" + bytes(60),
    "encrypted Parquet": b"PARE" + bytes(60) + b"PARE",
    "HTML": b"<!DOCTYPE html>",
    "nothing": b"",
    "nothing in gzip": gzip.compress(b""),
    "CSV in gzip": gzip.compress(CSV),
    "CSV in bzip2": bz2.compress(CSV),
    "CSV in Zstandard": in_zstandard(CSV),
    "CSV in ZIP": in_zip("a.csv", CSV),
    "JSON Lines in gzip": gzip.compress(JSON_LINES),
    "Parquet in gzip": gzip.compress(PARQUET),
    "CSV in gzip in gzip": gzip.compress(gzip.compress(CSV)),
    "CSV in bzip2 in gzip": gzip.compress(bz2.compress(CSV)),
    "CSV in gzip in ZIP": in_zip("a.csv.gz", gzip.compress(CSV)),
    "CSV in xz in ZIP": in_zip("a.csv.xz", lzma.compress(CSV)),
    "CSV in Zstandard in ZIP": in_zip("a.csv.zst", in_zstandard(CSV)),
    "Parquet in gzip in gzip": gzip.compress(gzip.compress(PARQUET)),
    "Excel in ZIP": in_zip("a.xlsx", EXCEL),
    "workbook without parts": in_zip("xl/workbook.xml", b"<workbook/>"),
}


@pytest.fixture
def fault(write):
    """Write a file, and return what its error says of it."""

    def fault(name, content):
        path = write(name, content)
        with pytest.raises(SourceError) as caught:
            source_schema(*source_files(path))
        return str(caught.value).removeprefix(f"{path}: ")

    return fault


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("a.csv", "Parquet", "is a Parquet file, although its name ends in '.csv': let its name end in '.parquet'"),
        ("a.csv", "Feather", "is an Arrow file, although its name ends in '.csv': let its name end in '.arrow'"),
        ("a.csv", "Excel", "is an Excel file, although its name ends in '.csv': let its name end in '.xlsx'"),
        ("a.csv", "JSON Lines", "is a JSON Lines file, although its name ends in '.csv': let its name end in '.jsonl'"),
        (
            "a.csv",
            "CSV in gzip",
            "is a text file in gzip, although its name ends in '.csv': let its name end in '.csv.gz'",
        ),
        (
            "a.csv",
            "CSV in Zstandard",
            "is a text file in Zstandard, although its name ends in '.csv': let its name end in '.csv.zst'",
        ),
        (
            "a.csv",
            "Excel in ZIP",
            "is an archive in a ZIP archive, although its name ends in '.csv': unpack it, and give the file itself",
        ),
        (
            "a.csv",
            "HTML",
            "is a web page, although its name ends in '.csv': check its address, and download the file itself",
        ),
        ("a.csv", "old Excel", "is an old Excel file, although its name ends in '.csv': save it as .xlsx"),
        (
            "a.csv.gz",
            "CSV",
            "is not a CSV file in gzip, although its name ends in '.csv.gz': export it again, or correct its name",
        ),
        (
            "a.csv.gz",
            "CSV in bzip2",
            "is a text file in bzip2, although its name ends in '.csv.gz': let its name end in '.csv.bz2'",
        ),
        (
            "a.csv.gz",
            "Parquet in gzip",
            "is a Parquet file in gzip, although its name ends in '.csv.gz': let its name end in '.parquet.gz'",
        ),
        ("a.jsonl", "Excel", "is an Excel file, although its name ends in '.jsonl': let its name end in '.xlsx'"),
        (
            "a.parquet",
            "CSV",
            "is not a Parquet file, although its name ends in '.parquet': export it again, or correct its name",
        ),
        ("a.parquet", "nothing", "is empty: export it again"),
        ("a.parquet.gz", "nothing in gzip", "is empty: export it again"),
        ("a.parquet", "encrypted Parquet", "is encrypted: decrypt it, and give the decrypted file"),
        (
            "a.feather",
            "first Feather",
            "is a Feather file of version 1: save it again, as pandas.read_feather(path).to_feather(path) does",
        ),
        (
            "a.xlsx",
            "CSV",
            "is not an Excel file, although its name ends in '.xlsx': export it again, or correct its name",
        ),
        (
            "a.xlsx",
            "old Excel",
            "is protected with a password, or an old Excel file: save it as .xlsx without a password",
        ),
    ],
)
def test_file_that_is_not_what_its_name_says_is_refused(fault, name, kind, message):
    """The first bytes tell what a file is, and the error says what to do about its name."""
    assert fault(name, FILES[kind]) == message


EXPORT, UNPACK = "export its rows as .csv or .xlsx", "unpack it, and give the file itself"
ADDRESS = "check its address, and download the file itself"


@pytest.mark.parametrize(
    ("content", "words", "cure"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF file", EXPORT),
        (b'\n<?xml version="1.0"?>\n<rows/>', "an XML file", EXPORT),
        (b'<?xml version="1.0"?>\n<html xmlns="x">', "a web page", ADDRESS),
        (b"<table>\n<tr><td>who</td></tr>", "a web page", ADDRESS),
        (b"<!-- made by a program -->\n<p>", "a web page", ADDRESS),
        (b"\x89PNG\r\n\x1a\n\0\0", "a picture", EXPORT),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture", EXPORT),
        (b"{\\rtf1\\ansi who,day}", "a document", EXPORT),
        (in_zip("word/document.xml", b"<w/>"), "a document", EXPORT),
        (b"SQLite format 3\0", "an SQLite database", EXPORT),
        (b"Obj\x01\x04\x14avro.codec", "a file of another format", "export its rows as .parquet"),
        (b"7z\xbc\xaf\x27\x1c", "an archive", UNPACK),
        (bytes(257) + b"ustar\x0000", "an archive", UNPACK),
        (in_zip("a.png", b"\x89PNG\r\n\x1a\n"), "a picture in a ZIP archive", EXPORT),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_file_without_rows_that_can_be_read_is_refused(fault, name, content, words, cure):
    """A file of another kind is named: it does not pass for a text that lacks the columns."""
    suffix = name.removeprefix("a")

    assert fault(name, content) == f"is {words}, although its name ends in '{suffix}': {cure}"


@pytest.mark.parametrize("text", ['[{"who": "1"}]', "\ufeff [\n  {", "[[1, 2],\n[3, 4]]", "[]"])
def test_json_array_with_the_name_of_a_csv_file_is_refused(fault, text):
    """The error has the command that writes its objects as lines."""
    assert fault("a.csv", text) == (
        "is a JSON array, although its name ends in '.csv': write one JSON object a line, as jq -c '.[]' does, to a "
        "file that ends in .jsonl"
    )


@pytest.mark.parametrize("header", ["<DATE>,<TIME>", "[who],[day]", "<TICKER>,<PER>", "{who},b", "%PDF,b", "#who,b"])
def test_csv_file_whose_header_is_odd_is_read(write, header):
    """A name may begin like a file of another kind, and is a name."""
    assert source_schema(*source_files(write("a.csv", f"{header}\n1,2\n"))).names == header.split(",")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "CSV in gzip in gzip"),
        ("a.csv.gz", "CSV in gzip in gzip"),
        ("a.csv.gz", "CSV in bzip2 in gzip"),
        ("a.csv.zip", "CSV in gzip in ZIP"),
        ("a.csv.zip", "CSV in xz in ZIP"),
        ("a.jsonl.zip", "CSV in Zstandard in ZIP"),
        ("a.parquet.gz", "Parquet in gzip in gzip"),
        ("a.parquet.zip", "CSV in gzip in ZIP"),
        ("a.xlsx.gz", "CSV in gzip in gzip"),
    ],
)
def test_file_that_is_compressed_twice_is_refused(fault, name, kind):
    """A file is unpacked once: compressed content inside of compression is a fault with its own cure."""
    assert fault(name, FILES[kind]) == "is compressed twice: unpack it once"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv.gz", "CSV in gzip"),
        ("a.csv.bz2", "CSV in bzip2"),
        ("a.csv.zst", "CSV in Zstandard"),
        ("a.csv.zip", "CSV in ZIP"),
        ("a.jsonl.gz", "JSON Lines in gzip"),
        ("a.parquet", "Parquet"),
        ("a.parquet.gz", "Parquet in gzip"),
        ("a.feather", "Feather"),
        ("a.xlsx", "Excel"),
    ],
)
def test_file_that_is_cut_off_is_refused(write, name, kind):
    """The end of a file is missing after a transfer that broke off: nothing of it is read as if it were all."""
    path = write(name, FILES[kind][:-4])

    with pytest.raises(SourceError) as caught:
        row_count(*source_files(path))

    assert str(caught.value).startswith(f"{path}: is damaged or incomplete: copy or export it again")


def test_excel_file_without_its_parts_is_refused(fault):
    """What openpyxl cannot read is damaged."""
    assert fault("a.xlsx", FILES["workbook without parts"]) == "is damaged or incomplete: copy or export it again"


def test_archive_whose_content_does_not_fit_its_checksum_is_refused(write, make_mapping):
    """A changed byte within the compressed content is found at the latest when the last row is read."""
    content = bytearray(gzip.compress(CSV, mtime=0))
    content[-6] ^= 0xFF
    path = write("a.csv.gz", bytes(content))

    with pytest.raises(SourceError) as caught:
        list(read_chunks(*source_files(path), make_mapping(), chunksize=100))

    assert str(caught.value) == f"{path}: is damaged or incomplete: copy or export it again"


def test_parquet_without_columns_is_refused(fault):
    """A file without columns cannot have those of a mapping."""
    stream = io.BytesIO()
    pd.DataFrame(index=range(3)).to_parquet(stream, index=False)

    assert fault("a.parquet", stream.getvalue()) == (
        "has no columns: export it again, with the columns that the mapping names"
    )


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("a.xls", "save it as .xlsx"),
        ("a.ods", "save it as .xlsx"),
        ("a.xlsb.gz", "save it as .xlsx"),
        ("a.doc", "use .csv, .jsonl, .parquet, .feather or .xlsx, also compressed (.csv.gz)"),
    ],
)
def test_known_format_that_is_not_read_has_its_cure(write, name, cure):
    """The error for a format that others read says what to save the file as."""
    path = write(name, "")

    with pytest.raises(SourceError) as caught:
        source_files(path)

    assert str(caught.value) == f"{path}: files of this format cannot be read: {cure}"
