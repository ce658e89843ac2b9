"""Where files are: directories, patterns, links, pipes and standard input."""

import io
import os
import sys
import threading

import pandas as pd
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import opened_files, read_first_rows, source_files
from events_pandas.sources.pipes import copy_stream, opened_pipe

ROWS = "who,day\n1,2024-01-31\n"
KNOWN = "files of this format cannot be read: use .csv, .jsonl, .parquet, .feather or .xlsx, also compressed (.csv.gz)"


@pytest.fixture
def lay(tmp_path, monkeypatch):
    """Write files of one row into folders below the current one."""
    monkeypatch.chdir(tmp_path)

    def lay(*names, content=ROWS):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    return lay


@pytest.fixture
def names():
    """Return the names of the files that paths stand for."""
    return lambda *paths: [file.name for file in source_files(paths)]


@pytest.fixture
def fault():
    """Return the text of the error for paths."""

    def fault(*paths):
        with pytest.raises(SourceError) as caught, opened_files(paths):
            pass
        return str(caught.value)

    return fault


def test_directory_stands_for_the_files_below_it(lay, names):
    """Files come in the order of their names; hidden ones, and those of Hive and Spark, are left out."""
    lay("orders/b.csv", "orders/a/2.csv", "orders/a/1.parquet", "orders/.a.csv.crc", "orders/_SUCCESS")
    lay("orders/_metadata/x.csv", "orders/.hidden/x.csv")

    assert names("orders") == ["orders/a/1.parquet", "orders/a/2.csv", "orders/b.csv"]


def test_other_file_in_a_directory_is_a_fault(lay, fault):
    """The error names each file of another format, and how to leave it out."""
    lay("orders/a.csv", "orders/notes.doc", "orders/old/b.docx")

    advice = f"{KNOWN}, or give a pattern such as 'orders/*.csv'"
    assert fault("orders").splitlines() == [
        "2 files cannot be submitted:",
        f"  orders/notes.doc: {advice}",
        f"  orders/old/b.docx: {advice}",
    ]


def test_directory_without_files_is_a_fault(lay, fault):
    """A directory that has hidden files only is empty, too."""
    lay("orders/_SUCCESS")

    assert fault("orders") == (
        "orders: is a directory without files of rows: put files there, or name another directory"
    )


def test_link_out_of_a_directory_is_a_fault(lay, fault, tmp_path):
    """A directory holds its own files only: neither a file nor a folder of another place."""
    lay("orders/a.csv", "secret/x.csv")
    (tmp_path / "orders" / "x.csv").symlink_to("../secret/x.csv")
    (tmp_path / "orders" / "y").symlink_to("../secret")

    assert fault("orders").splitlines()[1:] == [
        "  orders/x.csv: is a link to a place outside of orders: name that place itself",
        "  orders/y: is a link to a place outside of orders: name that place itself",
    ]


def test_link_to_a_hidden_place_in_the_directory_is_followed(lay, names, tmp_path):
    """Kubernetes shows the files of a volume so; a link to a hidden folder works, too."""
    lay("orders/..2024_01_31/a.csv", "orders/..2024_01_31/old/b.csv")
    (tmp_path / "orders" / "..data").symlink_to("..2024_01_31")
    (tmp_path / "orders" / "a.csv").symlink_to("..data/a.csv")
    (tmp_path / "orders" / "old").symlink_to("..data/old")

    assert names("orders") == ["orders/a.csv", "orders/old/b.csv"]


def test_link_in_a_directory_adds_no_second_name(lay, names, tmp_path):
    """A file or a folder that a link leads to is read once, under its own name; loops end."""
    lay("orders/2024/a.csv")
    (tmp_path / "orders" / "latest.csv").symlink_to("2024/a.csv")
    (tmp_path / "orders" / "again").symlink_to("2024")
    (tmp_path / "orders" / "2024" / "loop").symlink_to("..")

    assert names("orders") == ["orders/2024/a.csv"]


def test_link_to_nothing_is_a_fault(lay, fault, tmp_path):
    """A link may be left behind by a file that was deleted."""
    lay("orders/a.csv")
    (tmp_path / "orders" / "b.csv").symlink_to("gone.csv")

    assert fault("orders") == "orders/b.csv: is a link to 'gone.csv', which cannot be found"
    assert fault("orders/b.csv") == "orders/b.csv: is a link to 'gone.csv', which cannot be found"


def test_directory_may_be_a_link(lay, names, tmp_path):
    """A link that is given itself is followed."""
    lay("data/orders/a.csv")
    (tmp_path / "orders").symlink_to("data/orders")

    assert names("orders") == ["orders/a.csv"]


def test_two_stars_stand_for_any_folders(lay, names, tmp_path):
    """They stand for none or many, but not for hidden ones or links."""
    lay("orders/a.csv", "orders/x/b.csv", "orders/x/y/c.csv", "orders/.git/d.csv", "orders/_old/e.csv")
    (tmp_path / "orders" / "x" / "loop").symlink_to("..")

    assert names("orders/**/*.csv") == ["orders/a.csv", "orders/x/b.csv", "orders/x/y/c.csv"]


def test_two_stars_at_the_end_stand_for_all_files(lay, names):
    """Each file is found once, although the directories above and below match too."""
    lay("orders/a.csv", "orders/x/b.csv")

    assert names("orders/**") == ["orders/a.csv", "orders/x/b.csv"]


def test_wildcards_stand_for_no_hidden_name(lay, names):
    """As in a shell, a pattern that begins with a dot finds hidden files."""
    lay("a.csv", ".b.csv", "_c.csv")

    assert names("*.csv") == ["_c.csv", "a.csv"]
    assert names(".*.csv") == [".b.csv"]


def test_pattern_may_match_directories(lay, names):
    """A directory that a pattern matches stands for its files."""
    lay("2023/b.csv", "2024/a.csv", "2024/x/c.csv")

    assert names("20*") == ["2023/b.csv", "2024/a.csv", "2024/x/c.csv"]


def test_file_of_two_paths_is_read_for_each(lay, names):
    """The rows of the second are duplicates of the first."""
    lay("a.csv", "b.csv")

    assert names("*.csv", "a.csv") == ["a.csv", "b.csv", "a.csv"]


def test_file_of_two_places_has_one_set_of_partitions(lay):
    """The first name counts."""
    lay("lake/year=1997/a.csv")

    assert [file.partitions for file in source_files(["lake", "lake/year=1997/a.csv"])] == [(("year", "1997"),)] * 2


def test_empty_name_is_a_fault(fault):
    """It is not the current directory."""
    assert fault("") == "'': is not the name of a file: a variable may be empty"


def test_directory_of_many_bad_files_names_the_first(lay, fault):
    """A directory that was named by mistake may have very many files."""
    lay(*(f"photos/{number:03}.jpg" for number in range(102)))

    first, *lines = fault("photos").splitlines()
    assert (first, len(lines), lines[-1]) == ("102 files cannot be submitted:", 101, "  and 2 more")


def test_tilde_stands_for_the_home_folder(lay, names, home):
    """A pattern in quotes is not changed by a shell; a file may have such a name itself."""
    (home / "a.csv").write_text(ROWS)
    lay("~/b.csv")

    assert names("~/*.csv") == [f"{home}/a.csv"]
    assert names("~/b.csv") == ["~/b.csv"]


def test_address_of_a_local_file_is_its_path(lay, names, tmp_path):
    """A file:// address may have escapes."""
    lay("my orders.csv")

    assert names(f"file://{tmp_path}/my%20orders.csv") == [f"{tmp_path}/my orders.csv"]


@pytest.mark.parametrize("name", ["a\0b.csv", "a\nb.csv", "caf\udce9.csv", "nothing/**/*.csv"])
def test_odd_name_of_no_file_is_a_fault(name, fault):
    """The error shows what cannot be seen as an escape."""
    shown = {"a\0b.csv": "a\\u0000b.csv", "a\nb.csv": "a\\nb.csv", "caf\udce9.csv": "caf\\xe9.csv"}

    assert fault(name) == f"{shown.get(name, name)}: there is no such file"


def test_faults_of_all_paths_are_reported_at_once(lay, fault):
    """A missing file does not hide one of an unknown format."""
    lay("a.csv", "b.doc")

    assert fault("a.csv", "x.csv", "b.doc", "*.parquet").splitlines() == [
        "3 files cannot be submitted:",
        "  x.csv: there is no such file",
        f"  b.doc: {KNOWN}",
        "  *.parquet: there is no such file",
    ]


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_device_is_refused(fault, path):
    """A device may never end."""
    assert fault(path) == (
        f"{path}: is a device: its rows are read more than once, so write them to a file and give its name"
    )


@pytest.fixture
def feed(tmp_path):
    """Make a named pipe, and write to it from another thread."""
    threads = []

    def feed(name, content):
        os.mkfifo(tmp_path / name)
        threads.append(threading.Thread(target=(tmp_path / name).write_bytes, args=[content]))
        threads[-1].start()
        return tmp_path / name

    yield feed
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("name", ["rows", "rows.parquet"])
def test_pipe_is_copied_and_its_format_is_recognized(feed, name):
    """A pipe has any name; what comes out is read as often as needed."""
    path = feed(name, (ROWS + "1,2024-01-31\n" * 100_000).encode())

    with opened_files(path) as (file,):
        frames = [read_first_rows(file, 10) for _ in range(2)]

    assert [len(frame) for frame in frames] == [10, 10]
    assert (file.name, file.format.value) == (str(path), "CSV")


def test_pipe_may_hold_parquet(feed):
    """The first bytes tell the format."""
    content = io.BytesIO()
    pd.DataFrame({"who": [1, 2]}).to_parquet(content)

    with opened_files(feed("rows", content.getvalue())) as (file,):
        assert read_first_rows(file, 10)["who"].tolist() == [1, 2]


def test_pipe_that_is_silent_is_a_fault(tmp_path):
    """The wait for a pipe has a limit."""
    reader, writer = os.pipe()

    with open(reader, "rb") as stream, open(writer, "wb"), pytest.raises(SourceError) as caught:  # noqa: PTH123
        copy_stream(stream, tmp_path / "copy", name="rows", progress=False, silent_seconds=0.1)

    assert str(caught.value) == "rows: nothing came for 0.1 s: look at what writes to it"


def test_pipe_that_nobody_writes_to_is_a_fault(tmp_path):
    """Opening a pipe does not wait for a writer; reading does, with the same limit."""
    os.mkfifo(tmp_path / "rows")

    with opened_pipe(tmp_path / "rows") as stream, pytest.raises(SourceError, match=r"nothing came for 0\.1 s"):
        copy_stream(stream, tmp_path / "copy", name="rows", progress=False, silent_seconds=0.1)


def test_copies_are_private_and_deleted_at_the_end(feed, tmp_path, monkeypatch):
    """Nobody else can read the copy of a pipe, and nothing of it is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()

    with opened_files(feed("rows", ROWS.encode())) as (file,):
        (folder,) = (tmp_path / "spool").iterdir()
        modes = [folder.stat().st_mode & 0o777, file.path.stat().st_mode & 0o777]

    assert modes == [0o700, 0o600]
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.fixture
def stdin(monkeypatch):
    """Put bytes into standard input."""

    def stdin(content, *, is_terminal=False):
        stream = io.BytesIO(content)
        stream.isatty = lambda: is_terminal
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))

    return stdin


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_copied(stdin, name):
    """Its rows are read more than once, and its name is the one that was given."""
    stdin(ROWS.encode())

    with opened_files(name) as (file,):
        frames = [read_first_rows(file, 10) for _ in range(2)]

    assert [frame["who"].tolist() for frame in frames] == [["1"], ["1"]]
    assert file.name == name


def test_standard_input_without_rows_that_can_be_read_is_refused(stdin, fault):
    """What comes is recognized by its first bytes, as in a file."""
    stdin(b"%PDF-1.7")

    assert fault("-") == "standard input: is a PDF file, and not a file of rows: export its rows as .csv or .xlsx"


def test_standard_input_that_is_a_terminal_is_refused(stdin, fault):
    """Nobody types rows."""
    stdin(b"", is_terminal=True)

    assert fault("-") == (
        "standard input: is a terminal: write 'events-pandas ... - < orders.csv', or give the name of a file"
    )


def test_standard_input_that_is_missing_is_refused(monkeypatch, fault):
    """A program without a console has none."""
    monkeypatch.setattr(sys, "stdin", None)

    assert fault("-") == "standard input: is missing here: give the name of a file"


def test_standard_input_is_read_once(stdin, fault):
    """Two names of standard input are a fault."""
    stdin(ROWS.encode())

    assert fault("-", "/dev/stdin") == ("/dev/stdin: standard input can be read only once: name it once")


def test_standard_input_that_is_empty_is_a_fault(stdin, fault):
    """An export that failed writes nothing."""
    stdin(b"")

    assert fault("-") == "standard input: is empty: nothing was written to it"


def test_standard_input_of_an_unknown_format_is_a_fault(stdin, fault):
    """The message is that of a file, such as one of an old Excel."""
    stdin(b"\xd0\xcf\x11\xe0")

    assert fault("-") == "standard input: files of this format cannot be read: save it as .xlsx"


def test_standard_input_that_is_a_broken_archive_is_a_fault(stdin, fault):
    """The error of the library is one line."""
    stdin(b"\x1f\x8b\x08broken")

    assert fault("-").startswith("standard input: cannot be read: ")


def test_open_files_can_be_opened_again(lay, stdin):
    """They keep their partitions, and their copies are made once: a command looks at files before it submits them."""
    lay("lake/year=1997/a.csv")
    stdin(ROWS.encode())

    with opened_files(["lake", "-"]) as outer, opened_files(outer, are_held=True) as inner:
        rows = [read_first_rows(file, 10).iloc[0].tolist() for file in inner]

    assert rows == [["1", "2024-01-31", "1997"], ["1", "2024-01-31"]]


def test_open_file_that_was_changed_since_is_a_fault(lay, tmp_path):
    """What was seen first is what is submitted."""
    lay("a.csv")

    with opened_files("a.csv") as outer:
        (tmp_path / "a.csv").write_text(f"{ROWS}2,2024-01-31\n")
        with opened_files(outer) as (file,), pytest.raises(SourceError, match="was changed after the run had begun"):
            read_first_rows(file, 10)


@pytest.mark.parametrize("name", ["-", "s3://bucket/a.csv"])
def test_source_files_copies_nothing(name):
    """A file that must be copied first needs `opened_files`."""
    with pytest.raises(SourceError, match="its rows are read more than once"):
        source_files(name)


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["a.csv", "b.csv"], ["a.csv", "b.csv"]),
        (["m=1/x.csv", "m=2/x.csv", "m=2/y.csv"], ["m=1/x.csv", "m=2/x.csv", "y.csv"]),
        (["x.csv", "m=1/x.csv"], ["x.csv", "m=1/x.csv"]),
        (["p/a/x.csv", "q/a/x.csv", "a/x.csv", "a/x.csv"], ["p/a/x.csv", "q/a/x.csv", "a/x.csv", "a/x.csv"]),
    ],
)
def test_short_name_of_a_file_is_the_end_that_no_other_has(lay, names, short):
    """Notes name files so that each has its own, and no longer than that needs."""
    lay(*names)

    assert [file.short_name for file in source_files(names)] == short
