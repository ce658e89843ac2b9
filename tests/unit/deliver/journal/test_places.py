"""Where a journal is: in the user's state directory, in a directory, or in a file."""

import os
from pathlib import Path

import pytest

from events_pandas.deliver.journal import AUTO, journal_path, journals_there
from events_pandas.errors import JournalError


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The user's state directory, which does not exist yet."""
    monkeypatch.delenv("EVENTS_PANDAS_JOURNALS", raising=False)
    monkeypatch.setattr("platformdirs.user_state_path", lambda name, **_: tmp_path / name)
    return tmp_path / "events_pandas"


def test_journal_path_is_one_file_for_each_workspace(state):
    """The user's state directory holds the journals of all workspaces."""
    assert journal_path(AUTO, "ab12cd34") == state / "journals" / "ab12cd34.sqlite"


@pytest.mark.parametrize("named", ["elsewhere", ""])
def test_journal_path_is_where_the_environment_says(state, tmp_path, monkeypatch, named):
    """The variable names another directory for all journals; an empty value names none."""
    monkeypatch.setenv("EVENTS_PANDAS_JOURNALS", str(tmp_path / named) if named else "")

    directory = tmp_path / named if named else state / "journals"
    assert journal_path(AUTO, "ab12cd34") == directory / "ab12cd34.sqlite"


def test_journal_path_from_the_environment_is_that_of_a_folder(monkeypatch, tmp_path):
    """A tilde is the home directory, and the path is absolute: the program may change its working directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    monkeypatch.setenv("EVENTS_PANDAS_JOURNALS", "~/journals")
    at_home = journal_path(AUTO, "ab12cd34")
    monkeypatch.setenv("EVENTS_PANDAS_JOURNALS", "journals")
    here = journal_path(AUTO, "ab12cd34")

    assert at_home == tmp_path / "home" / "journals" / "ab12cd34.sqlite"
    assert here == tmp_path / "journals" / "ab12cd34.sqlite"


def test_journal_path_makes_nothing(state):
    """Asking for the path makes no file and no folder."""
    journal_path(AUTO, "ab12cd34")

    assert not state.exists()


@pytest.mark.parametrize(
    ("workspace", "name"),
    [("../x", "..%2Fx.sqlite"), ("a b", "a%20b.sqlite"), ("a\0b", "a%00b.sqlite"), ("", ".sqlite")],
)
def test_journal_path_stays_in_its_directory(tmp_path, workspace, name):
    """The journal of any workspace id is in the directory."""
    assert journal_path(tmp_path, workspace) == tmp_path / name


def test_journal_path_is_the_file_that_is_given(tmp_path):
    """A path that is not a directory is the journal, even if it does not exist."""
    assert journal_path(tmp_path / "orders.sqlite", "ab12cd34") == tmp_path / "orders.sqlite"


def test_journal_path_knows_the_home_directory(monkeypatch, tmp_path):
    """A tilde is the home directory, as in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    assert journal_path("~/orders.sqlite", "ab12cd34") == tmp_path / "orders.sqlite"


@pytest.mark.parametrize("find", [lambda: journal_path("", "ab12cd34"), lambda: journals_there("")])
def test_journal_path_refuses_an_empty_path(find):
    """An empty path names no journal."""
    with pytest.raises(ValueError, match=r"^journal: the path is empty: pass 'auto', a path or None$"):
        find()


@pytest.mark.parametrize("path", ["x" * 300, "journal\0.sqlite", "~nobody-of-that-name/journal.sqlite"])
@pytest.mark.parametrize("find", [lambda path: journal_path(path, "ab12cd34"), journals_there])
def test_journal_path_refuses_what_the_system_does(find, path):
    """A path that the system refuses is a `JournalError`, not the system's own error."""
    with pytest.raises(JournalError, match=r"a journal cannot be there: .+: use a path that can be written"):
        find(path)


@pytest.mark.parametrize("find", [lambda path: journal_path(path, "ab12cd34"), journals_there])
def test_journal_path_refuses_a_pipe(tmp_path, find):
    """Opening a pipe waits until another program opens it, and no signal ends the wait."""
    os.mkfifo(tmp_path / "pipe.sqlite")

    with pytest.raises(
        JournalError, match=r"pipe\.sqlite: a journal cannot be there: it is a pipe: use a path that can"
    ):
        find(tmp_path / "pipe.sqlite")


def test_journals_there_are_those_of_all_workspaces(tmp_path):
    """In a directory each ``.sqlite`` file is the journal of a workspace."""
    for name in ("b.sqlite", "a.sqlite", "a.sqlite-wal", "notes.txt"):
        (tmp_path / name).touch()

    assert journals_there(tmp_path) == [tmp_path / "a.sqlite", tmp_path / "b.sqlite"]
    assert journals_there(tmp_path, "b") == [tmp_path / "b.sqlite"]
    assert journals_there(tmp_path / "a.sqlite", "b") == [tmp_path / "a.sqlite"]
    assert journals_there(tmp_path / "a.sqlite") == [tmp_path / "a.sqlite"]


@pytest.mark.parametrize("journal", [AUTO, Path("orders.sqlite")])
@pytest.mark.parametrize("workspace", [None, "ab12cd34"])
def test_journals_there_are_none_before_the_first_run(state, monkeypatch, tmp_path, journal, workspace):
    """Looking for journals makes none."""
    monkeypatch.chdir(tmp_path)

    assert journals_there(journal, workspace) == []
    assert not state.exists()
