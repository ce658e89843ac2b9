"""Compressed files of every format: streams where a format allows it, one temporary file where it does not."""

import bz2
import gzip
import io
import lzma
import tempfile
import tracemalloc
import zipfile

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import opened_files, read_chunks, row_count, source_files, source_schema
from events_pandas.sources.opening import unpacked

FRAME = pd.DataFrame({"who": ["00042", "2", "3"], "day": ["2024-01-31"] * 3})
WRITERS = {
    "a.csv": lambda stream: FRAME.to_csv(stream, index=False),
    "a.jsonl": lambda stream: FRAME.to_json(stream, orient="records", lines=True),
    "a.parquet": FRAME.to_parquet,
    "a.feather": FRAME.to_feather,
    "a.xlsx": lambda stream: FRAME.to_excel(stream, index=False),
}


def in_zstandard(content):
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, "zstd") as compressed:
        compressed.write(content)
    return stream.getvalue().to_pybytes()


def in_zip(content, name="orders.csv", others=()):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for other in others:
            archive.writestr(other, b"\0\x05\x16\x07")
        archive.writestr(name, content)
    return stream.getvalue()


COMPRESSORS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": in_zstandard}


def content_of(name):
    stream = io.BytesIO()
    WRITERS[name](stream)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["a.csv.zst", "a.parquet.zst"])
def test_zstandard_may_begin_with_a_frame_that_is_skipped(write, read, name):
    """Programs that pack in parallel write such a frame, which says where the others are."""
    content = in_zstandard(content_of(name.removesuffix(".zst")))
    skipped = b"\x5e\x2a\x4d\x18\x04\0\0\0abcd"

    (frame,) = read(write(name, skipped + content + skipped))

    assert frame["who"].tolist() == ["00042", "2", "3"]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("suffix", [*COMPRESSORS, ".zip"])
def test_compressed_file_is_read_as_its_content(write, read, name, suffix):
    """Every format is read from every compression, a few rows at a time."""
    content = content_of(name)
    packed = in_zip(content, name) if suffix == ".zip" else COMPRESSORS[suffix](content)

    frames = read(write(name + suffix, packed), chunksize=2)

    assert [frame["who"].tolist() for frame in frames] == [["00042", "2"], ["3"]]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_file_may_have_several_parts(write, suffix):
    """Compressed files that were joined are one file."""
    compress = COMPRESSORS[suffix]
    path = write(f"a.csv{suffix}", compress(b"who\n1\n") + compress(b"2\n3\n"))

    assert row_count(*source_files(path)) == 3


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_text_in_another_encoding_is_read(write, read, suffix):
    """The byte order mark is that of the decompressed text."""
    path = write(f"a.csv{suffix}", COMPRESSORS[suffix]("who,day\nGrüße,1\n".encode("utf-16")))

    (frame,) = read(path)

    assert frame["who"].tolist() == ["Grüße"]


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx", "a.csv"])
def test_zip_may_hold_the_files_of_a_system(write, name):
    """Files that an operating system adds to an archive do not count, wherever they stand."""
    path = write(f"{name}.zip", in_zip(content_of(name), name, others=[f"__MACOSX/._{name}", ".DS_Store"]))

    assert row_count(*source_files(path)) == 3


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_zip_with_two_files_is_refused(write, name):
    """The error names both files; a file of another format beside the one does not count."""
    path = write(f"{name}.zip", in_zip(content_of(name), name, others=["read.me"]))
    assert row_count(*source_files(path)) == 3
    path.write_bytes(in_zip(content_of(name), name, others=[f"b{name[1:]}"]))

    with pytest.raises(SourceError) as caught:
        source_schema(*source_files(path))

    assert str(caught.value) == (
        f"{path}: holds 2 files ('b{name[1:]}', '{name}'): unpack it, and give the files themselves"
    )


@pytest.mark.parametrize(
    # Only Zstandard comes from a library: the others come with Python.
    "suffix",
    [suffix if suffix == ".zst" else pytest.param(suffix, marks=pytest.mark.slow) for suffix in COMPRESSORS],
)
def test_text_that_grows_when_it_is_decompressed_is_not_held(write, make_mapping, suffix):
    """A compressed file of a few kilobytes can hold a line of a gigabyte: only a block of it is in memory."""
    line = b'{"who":"' + b"x" * 100_000_000 + b'"}\n'
    path = write(f"a.jsonl{suffix}", COMPRESSORS[suffix](b'{"who":"1","day":1}\n' + line))
    del line
    tracemalloc.start()

    (chunk,) = read_chunks(*source_files(path), make_mapping(), chunksize=10)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 90_000_000
    assert [finding.code for finding in chunk.refused] == ["line_too_long"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.xlsx"])
def test_compressed_file_is_unpacked_once_in_a_run(write, folder, name):
    """A format that is not read from start to end is unpacked into a temporary file, which ends with the run."""
    path = write(f"{name}.gz", gzip.compress(content_of(name)))
    with opened_files(path) as (file,), path.open("rb") as content:
        first = unpacked(file, content, file.scratch)
        second = unpacked(file, content, file.scratch)
        assert first is second
        assert not first.closed
        assert row_count(file) == row_count(file) == 3

    assert first.closed
    assert list(folder.iterdir()) == []


def test_temporary_file_ends_with_a_run_that_fails(write, folder):
    """An error or an interrupt of a run deletes its temporary files, too."""
    path = write("a.parquet.gz", gzip.compress(content_of("a.parquet")))
    kept = []

    def run():
        with opened_files(path) as (file,), path.open("rb") as content:
            kept.append(unpacked(file, content, file.scratch))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()

    assert kept[0].closed
    assert list(folder.iterdir()) == []


def test_file_that_does_not_fit_on_the_disk_is_refused(write, folder):
    """The error says where there is no space, and what to do."""
    resource = pytest.importorskip("resource")
    path = write("a.parquet.gz", gzip.compress(b"PAR1" + bytes(3_000_000)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(SourceError) as caught:
            row_count(*source_files(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(caught.value) == (
        f"{path}: cannot be unpacked into {folder} (File too large): unpack it, and give the file itself"
    )


def test_many_compressed_files_are_read_in_one_run(write):
    """A run holds no more files open than a process may have."""
    content = gzip.compress(content_of("a.parquet"))
    paths = [write(f"{number}.parquet.gz", content) for number in range(150)]

    with opened_files(paths) as files:
        assert sum(row_count(file) for file in files) == 450
        assert sum(file.scratch is not None for file in files) == 100
