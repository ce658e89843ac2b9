"""A table on its way to a file: written beside its place and moved there."""

import fcntl
import os
import secrets
import stat
from pathlib import Path

import pandas as pd
import pytest

from events_pandas import SourceError
from events_pandas.results.new_file import write_new
from events_pandas.results.rejects import REJECTS
from events_pandas.results.table_file import FINDINGS, RESULTS, TableFile, TableKind


def are_notes(names):
    """Return whether a file has the column of the rows that these tests write."""
    return names == ["who"]


NOTES = TableKind(holds="results", is_own=are_notes)


@pytest.fixture
def place(tmp_path):
    """Where a file is to go, under the usual umask."""
    before = os.umask(0o022)
    yield tmp_path / "results.csv"
    os.umask(before)


@pytest.fixture
def make_source(tmp_path):
    """Make a file of rows with a mode."""

    def make(name, mode):
        path = tmp_path / name
        path.write_text("who,day\n")
        path.chmod(mode)
        return path

    return make


@pytest.fixture
def on_file_system(monkeypatch):
    """Make the system report another mode, group or number of open files."""
    fields = {"mode": 0, "ino": 1, "gid": 5}

    def on(look=lambda: None, **changes):
        real = os.fstat

        def fstat(descriptor):
            facts = list(real(descriptor))
            for name, change in changes.items():
                facts[fields[name]] = change(facts[fields[name]])
            look()
            return os.stat_result(facts)

        monkeypatch.setattr(os, "fstat", fstat)

    return on


def rows(*cells):
    return pd.DataFrame({"who": cells})


def write(place, **options):
    with TableFile(place, NOTES, **options) as file:
        file.write(rows(1))
        file.finish()
    return file


def mode(path):
    return oct(stat.S_IMODE(path.stat().st_mode))


def partials(place):
    return sorted(path.name for path in place.parent.glob("*.partial"))


def test_partial_file_that_is_a_link_is_not_followed(place, tmp_path):
    """In a shared folder another user may put a link there: the link and its target do not change."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "results.csv.partial").symlink_to(precious)

    write(place)

    assert place.read_text() == "who\n1\n"
    assert precious.read_text() == "precious"
    assert (tmp_path / "results.csv.partial").readlink() == precious


def test_partial_file_that_is_another_name_of_a_file_is_not_written_to(place, tmp_path):
    """A hard link to a file leaves that file unchanged."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "results.csv.partial").hardlink_to(precious)

    write(place)

    assert (place.read_text(), precious.read_text()) == ("who\n1\n", "precious")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_partial_file_that_is_there_blocks_nothing(place, make):
    """What is not a file stays, and the run writes beside it."""
    make(place.with_name("results.csv.partial"))

    file = write(place)

    assert place.read_text() == "who\n1\n"
    assert file.partial.name.startswith("results.csv.")
    assert partials(place) == ["results.csv.partial"]


def test_two_files_for_one_place_do_not_mix(place):
    """Each is whole, and the later one replaces the earlier one."""
    with TableFile(place, NOTES) as one, TableFile(place, NOTES) as other:
        one.write(rows(1))
        other.write(rows(2))
        one.write(rows(1))
        one.finish()
        first = place.read_text()
        other.write(rows(2))
        other.finish()

    assert (first, place.read_text()) == ("who\n1\n1\n", "who\n2\n2\n")
    assert partials(place) == []


@pytest.fixture
def meet(place, monkeypatch):
    """Let another run begin in the middle of a call of the system, and yield what it has begun."""
    begun = []

    def meet(module, name):
        real = getattr(module, name)

        def call(*arguments):
            monkeypatch.setattr(module, name, real)
            begun.append(TableFile(place, NOTES))
            return real(*arguments)

        monkeypatch.setattr(module, name, call)
        return begun

    return meet


@pytest.mark.parametrize(("module", "name"), [(fcntl, "flock"), (os, "fstat")], ids=["held", "made"])
def test_file_that_is_not_held_yet_is_lost_to_another_run(place, meet, module, name):
    """*Another run may take a new file for a leftover, and use its name*: each run still has a file of its own."""
    begun = meet(module, name)
    with TableFile(place, NOTES) as file, begun[0] as other:
        other.write(rows(2))
        file.write(rows(1))
        other.finish()
        first = place.read_text()
        file.finish()

    assert (first, place.read_text()) == ("who\n2\n", "who\n1\n")
    assert partials(place) == []


def test_file_that_is_made_anew_for_other_rights_takes_none_away(place, make_source, on_file_system, meet):
    """A file of another group is replaced by one with fewer rights, and another run may have its name by then."""
    source = make_source("rows.csv", 0o640)
    on_file_system(gid=lambda group: group + 1)
    begun = meet(os, "fstat")
    with TableFile(place, NOTES, sources=[source]) as file, begun[0] as other:
        other.write(rows(2))
        file.write(rows(1))
        other.finish()
        file.finish()

    assert place.read_text() == "who\n1\n"
    assert partials(place) == []


def test_file_that_is_discarded_takes_no_other_away(place, meet):
    """It is deleted while it is held."""
    file = TableFile(place, NOTES)
    begun = meet(Path, "unlink")
    file.discard()

    with begun[0] as other:
        other.write(rows(2))
        other.finish()
    assert place.read_text() == "who\n2\n"
    assert partials(place) == []


def test_file_that_is_in_place_takes_no_other_away(place):
    """Its partial name may belong to another run by then."""
    with TableFile(place, NOTES) as file:
        file.write(rows(1))
        file.finish()
        other = TableFile(place, NOTES)

    assert partials(place) == ["results.csv.partial"]
    other.discard()


def test_place_that_is_a_link_is_replaced_and_not_followed(place, tmp_path):
    """The target of the link stays as it is."""
    precious = tmp_path / "precious.csv"
    precious.write_text("precious")
    place.symlink_to(precious)

    write(place)

    assert not place.is_symlink()
    assert (place.read_text(), precious.read_text()) == ("who\n1\n", "precious")


def test_place_that_is_not_a_file_is_refused(place):
    """A pipe or a device is not replaced by a file."""
    os.mkfifo(place)

    with pytest.raises(SourceError) as caught:
        TableFile(place, NOTES)

    assert str(caught.value) == f"{place}: results cannot be written there: Is not a file: choose another name"


@pytest.mark.parametrize(
    ("modes", "made"), [((0o600,), "0o600"), ((0o644, 0o640), "0o640"), ((0o400,), "0o600"), ((0o666,), "0o644")]
)
def test_file_is_private_to_the_readers_of_its_sources(place, make_source, modes, made):
    """The narrowest mode counts; the owner may write; the umask applies as usual."""
    sources = [make_source(f"{number}.csv", given) for number, given in enumerate(modes)]

    with TableFile(place, NOTES, sources=sources) as file:
        file.write(rows(1))
        before = mode(file.partial)
        file.finish()

    assert (before, mode(place)) == (made, made)


def test_file_keeps_the_rights_of_the_one_that_it_replaces(place):
    """The new file has the same readers as the earlier file."""
    place.write_text("yesterday")
    place.chmod(0o600)

    write(place)

    assert mode(place) == "0o600"


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs to give files to other groups")
@pytest.mark.parametrize(("given", "made"), [(0o640, "0o600"), (0o644, "0o644"), (0o660, "0o600")])
def test_file_of_another_group_is_for_that_group_if_it_is_for_all(place, make_source, given, made):
    """Another group than that of the rows has the rights of all others."""
    source = make_source("a.csv", given)
    os.chown(source, -1, 4_242)

    write(place, sources=[source])

    assert mode(place) == made


def test_file_of_another_group_needs_no_change_of_rights(place, make_source, on_file_system, monkeypatch):
    """Some file systems refuse to change a mode, and a name that became a link would change another file."""
    source = make_source("a.csv", 0o640)
    on_file_system(gid=lambda gid: gid + 1)

    def refuse(path, mode, **_options):
        raise PermissionError(path, mode)

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "fchmod", refuse, raising=False)

    write(place, sources=[source])

    assert (mode(place), partials(place)) == ("0o600", [])


def test_file_of_another_group_leaves_what_a_link_names(place, make_source, on_file_system, tmp_path):
    """If the name becomes a link meanwhile, the target keeps its mode."""
    source = make_source("a.csv", 0o640)
    secret = make_source("secret.csv", 0o660)

    def swap():
        name = tmp_path / "results.csv.partial"
        if name.exists() and not name.is_symlink():
            name.unlink()
            name.symlink_to(secret)

    on_file_system(swap, gid=lambda gid: gid + 1)

    with TableFile(place, NOTES, sources=[source]):
        pass

    assert (mode(secret), secret.read_text()) == ("0o660", "who,day\n")


def test_file_on_a_file_system_without_permissions_is_written_with_a_warning(place, make_source, on_file_system):
    """On a memory stick all may read every file, although only the owner may read the rows."""
    source = make_source("a.csv", 0o600)
    on_file_system(mode=lambda mode: mode | 0o755)

    with pytest.warns(UserWarning, match="no permissions") as caught:
        write(place, sources=[source])

    assert [str(warning.message) for warning in caught] == [
        (
            f"{place}: more people may read it than its source files, since its file system has no permissions: "
            "choose a folder on another file system"
        )
    ]
    assert place.read_text() == "who\n1\n"


def test_file_is_taken_away_when_its_warning_is_an_error(place, make_source, on_file_system):
    """No file is left then."""
    source = make_source("a.csv", 0o600)
    on_file_system(mode=lambda mode: mode | 0o755)

    with pytest.raises(UserWarning, match="no permissions"):
        TableFile(place, NOTES, sources=[source])

    assert partials(place) == []


@pytest.mark.parametrize("number", [lambda _: 0, lambda _: secrets.randbits(60)], ids=["none", "changing"])
def test_file_on_a_file_system_without_file_numbers_is_written(place, on_file_system, number):
    """Some network file systems have no file numbers, or make up another one each time."""
    on_file_system(ino=number)

    write(place)

    assert (place.read_text(), partials(place)) == ("who\n1\n", [])


def test_what_was_broken_off_is_written_over(place):
    """An interrupt may come in the middle of some rows, which are then written again."""
    faults = [KeyboardInterrupt()]

    def text(frame, *, header, delimiter):
        if frame["who"].iloc[-1] == "last" and faults:
            raise faults.pop()
        return frame.to_csv(index=False, header=header, sep=delimiter)

    many = rows(*["first"] * 10_000, "last")
    with TableFile(place, TableKind(holds="results", is_own=are_notes, csv_text=text)) as file:
        with pytest.raises(KeyboardInterrupt):
            file.write(many)
        file.write(many)
        file.finish()

    assert place.read_text() == "who\n" + "first\n" * 10_000 + "last\n"


@pytest.mark.parametrize("cells", [["é"], ["é", *["e" * 500] * 5_000], ["plain"]], ids=["short", "long", "ascii"])
def test_mark_is_written_before_all_else(place, cells):
    """The text behind the mark is the same; a file of ASCII has none."""
    with TableFile(place, NOTES) as file:
        file.write(rows(*cells))
        file.finish()

    mark = "" if cells == ["plain"] else "\ufeff"
    assert place.read_text(encoding="utf-8") == mark + "".join(f"{line}\n" for line in ["who", *cells])
    assert partials(place) == []


def test_new_file_is_utf8(tmp_path):
    """The encoding does not depend on the locale."""
    write_new(tmp_path / "m.toml", "é ☃\n", holds="the mapping", sources=[])

    assert (tmp_path / "m.toml").read_bytes() == "é ☃\n".encode()


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_new_file_replaces_nothing(tmp_path, make):
    """An existing file or link is refused."""
    path = tmp_path / "m.toml"
    make(path)

    with pytest.raises(SourceError) as caught:
        write_new(path, "text", holds="the mapping", sources=[])

    assert str(caught.value) == f"{path}: exists already, and is not replaced: choose another name"
    assert [file.name for file in tmp_path.iterdir()] == ["m.toml"]


def test_new_file_that_cannot_be_written_is_reported(tmp_path):
    """The message has the system's reason."""
    path = tmp_path / "nowhere" / "m.toml"

    with pytest.raises(SourceError) as caught:
        write_new(path, "text", holds="the mapping", sources=[])

    assert str(caught.value) == f"{path}: the mapping cannot be written there: No such file or directory"


def test_name_that_another_file_has_taken_is_left_to_it(place):
    """If the partial file of a run is gone and another run has its name, that file stays."""
    with TableFile(place, NOTES) as file:
        file.write(rows(1))
        file.partial.unlink()
        other = TableFile(place, NOTES)
        other.write(rows(2))
        with pytest.raises(SourceError, match="results cannot be written there: No such file"):
            file.write(rows(1))
        with pytest.raises(SourceError, match="results cannot be written there: No such file"):
            file.finish()

    other.finish()
    assert place.read_text() == "who\n2\n"


@pytest.fixture
def results(make_row_outcomes):
    """The results of two rows, one of them invalid, with the facts of a run."""
    frame = make_row_outcomes(2, invalid=[1]).frame()
    frame.attrs["run"] = {"requests": 1}
    return frame


@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "RESULTS.PARQUET"])
def test_writer_joins_what_is_written(tmp_path, results, name):
    """All chunks go into one file, without an index."""
    path = tmp_path / name
    with TableFile(path, RESULTS) as writer:
        writer.write(results)
        results.attrs["run"] = {"requests": 2}
        writer.write(results)

    read = pd.read_csv if name.endswith(".csv") else pd.read_parquet
    assert read(path)["error_code"].fillna("").tolist() == ["", "created_at_missing"] * 2
    assert read(path).columns.tolist() == results.columns.tolist()


def test_writer_keeps_dtypes_in_parquet(tmp_path, results):
    """Results that are read back from Parquet have their dtypes."""
    with TableFile(tmp_path / "results.parquet", RESULTS) as writer:
        writer.write(results)

    read = pd.read_parquet(tmp_path / "results.parquet")
    assert read.dtypes.astype(str).to_dict() == results.dtypes.astype(str).to_dict()
    assert read["status"].cat.ordered


def test_writer_leaves_the_earlier_file_until_the_end(tmp_path, results):
    """During a run a reader sees the whole file of an earlier one."""
    path = tmp_path / "results.csv"
    path.write_text("earlier")

    with TableFile(path, RESULTS) as writer:
        writer.write(results)
        during = path.read_text()

    assert during == "earlier"
    assert path.read_text().startswith("row,status,")
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def test_writer_puts_in_place_what_there_is_when_an_error_comes(tmp_path, results):
    """However the run ends, the rows written so far are kept."""
    writer = TableFile(tmp_path / "results.csv", RESULTS)
    writer.write(results)

    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert len(pd.read_csv(tmp_path / "results.csv")) == 2


def test_writer_leaves_the_earlier_file_when_nothing_came(tmp_path):
    """A run without results replaces no file."""
    path = tmp_path / "results.csv"
    path.write_text("earlier")

    with TableFile(path, RESULTS):
        pass

    assert path.read_text() == "earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def test_writer_refuses_other_formats():
    """The ending of the name decides the format."""
    with pytest.raises(SourceError) as caught:
        TableFile("results.xlsx", RESULTS)

    assert str(caught.value) == (
        "results.xlsx: results are written as .csv or .parquet: choose one of these endings, or / for a folder of parts"
    )


def test_writer_refuses_a_folder_that_is_missing(tmp_path):
    """A missing folder is reported before anything is submitted."""
    path = tmp_path / "nowhere" / "results.csv"

    with pytest.raises(SourceError) as caught:
        TableFile(path, RESULTS)

    assert str(caught.value) == (
        f"{path}: results cannot be written there: there is no folder '{path.parent}': make it first"
    )


def test_writer_refuses_a_folder_in_its_place(tmp_path):
    """A folder of that name would be in the way at the end."""
    path = tmp_path / "results.csv"
    path.mkdir()

    with pytest.raises(SourceError) as caught:
        TableFile(path, RESULTS)

    assert str(caught.value) == f"{path}: results cannot be written there: Is a directory: name a file in it"


def test_writer_refuses_to_replace_the_rows(tmp_path, monkeypatch):
    """Results never replace the file of rows, by any name."""
    (tmp_path / "orders.csv").write_text("who,day\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SourceError) as caught:
        TableFile("orders.csv", RESULTS, sources=[tmp_path / "orders.csv"])

    assert (
        str(caught.value) == "orders.csv: is one of the files that are read, and would be replaced: choose another name"
    )


def test_writer_reports_when_the_folder_has_gone(tmp_path, results):
    """A fault on the way is reported like one at the start."""
    path = tmp_path / "gone" / "results.csv"
    path.parent.mkdir()

    with TableFile(path, RESULTS) as writer:
        Path(f"{path}.partial").unlink()
        path.parent.rmdir()
        with pytest.raises(SourceError, match=r"results cannot be written there: No such file"):
            writer.write(results)


@pytest.mark.parametrize("kind", [RESULTS, FINDINGS, REJECTS], ids=["results", "findings", "rejects"])
@pytest.mark.parametrize(("cell", "mark"), [("é", "\ufeff"), ("e", "")])
def test_all_csv_files_have_the_same_mark_and_line_ends(place, kind, cell, mark):
    """A byte order mark shows Excel that a file beyond ASCII is UTF-8; lines end with a line feed on every system."""
    with TableFile(place, kind) as file:
        file.write(pd.DataFrame({"who": ["00042", "1e5"], "note": [cell, "a, b"]}))
        file.finish()

    assert place.read_bytes().decode() == f'{mark}who,note\n00042,{cell}\n1e5,"a, b"\n'


@pytest.mark.parametrize("kind", [RESULTS, FINDINGS, REJECTS], ids=["results", "findings", "rejects"])
def test_cells_stand_in_csv_files_as_they_are(place, kind):
    """Excel takes some for formulas, but another text would be another event when rejects are submitted again."""
    cells = ["=1+1", "+49 30 1234", "-5", "@ada", "00042", "one\rtwo", "one\ntwo", 'say "x"']
    with TableFile(place, kind) as file:
        file.write(rows(*cells))
        file.finish()

    assert pd.read_csv(place, dtype=str, keep_default_na=False)["who"].tolist() == cells


def test_times_of_results_have_one_form_in_all_lines_of_a_csv_file(place):
    """The whole column can be read back, whichever rows were written together."""
    whole, broken = (pd.Timestamp(text, tz="UTC") for text in ("2024-01-31 10:00:00", "2024-01-31 10:00:00.5"))
    with TableFile(place, RESULTS) as file:
        for submitted_at in (whole, broken, pd.NaT):
            times = pd.Series([submitted_at], dtype="datetime64[us, UTC]")
            file.write(pd.DataFrame({"created_at": pd.Series([whole]).dt.as_unit("us"), "submitted_at": times}))

    assert place.read_text().splitlines()[1:] == [
        "2024-01-31 10:00:00+00:00,2024-01-31 10:00:00.000000+00:00",
        "2024-01-31 10:00:00+00:00,2024-01-31 10:00:00.500000+00:00",
        "2024-01-31 10:00:00+00:00,",
    ]
    assert pd.to_datetime(pd.read_csv(place)["submitted_at"])[1] == broken


def test_results_stand_in_a_csv_file_as_pandas_writes_them(place, results):
    """Results and all other tables have one form: quotes stand round cells that need them, and NA is empty."""
    messages = ['say "no", or', None, "one\ntwo", "é"]
    filled = pd.concat([results] * 4).head(4).assign(error_message=pd.array(messages, dtype="string[pyarrow]"))
    with TableFile(place, RESULTS) as file:
        file.write(filled)
        file.finish()

    columns = [name for name in filled if name not in ("created_at", "submitted_at")]
    written = pd.read_csv(place, dtype=str, keep_default_na=False, usecols=columns)
    assert written.to_csv(index=False, lineterminator="\n") == filled[columns].to_csv(index=False, lineterminator="\n")
