"""The database that a workspace is kept in."""

import errno
import os
import re
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from events_pandas.sandbox.workspace.store import Store


def add_name(store, name) -> None:
    with store.writing() as connection:
        connection.execute("INSERT INTO names (name, is_active) VALUES (?, 1)", (name,))


EARLIER = Path(__file__).with_name("stores") / "version-2.sqlite"
TABLES = ("contacts", "names", "submissions", "events", "event_summaries")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


def test_store_is_a_workspace_of_its_own() -> None:
    """Two temporary stores share nothing."""
    first, second = Store(), Store()

    add_name(first, "placed-order")

    assert second.read("SELECT * FROM names") == []
    assert first.id_code != second.id_code


def test_store_undoes_what_an_error_interrupts() -> None:
    """A block that fails leaves nothing behind, and the next one works."""
    store = Store()

    with pytest.raises(sqlite3.IntegrityError), store.writing() as connection:
        connection.executemany("INSERT INTO names (name, is_active) VALUES (?, 1)", [("a",), ("a",)])

    add_name(store, "b")
    assert store.read("SELECT name FROM names") == [("b",)]


def test_store_is_read_while_another_thread_writes() -> None:
    """Threads take turns: none sees a half-written transaction."""
    store = Store()
    seen = set()

    def write() -> None:
        for number in range(200):
            with store.writing() as connection:
                connection.execute("INSERT INTO names (name, is_active) VALUES (?, 1)", (f"a{number}",))
                connection.execute("INSERT INTO names (name, is_active) VALUES (?, 1)", (f"b{number}",))

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        seen.add(store.read("SELECT count(*) % 2 FROM names")[0][0])
    writer.join()

    assert seen <= {0}
    assert store.read("SELECT count(*) FROM names") == [(400,)]


@pytest.mark.parametrize("is_kept", [False, True])
def test_store_is_read_in_the_middle_of_a_transaction(path, *, is_kept) -> None:
    """Who reads does not wait for the writer, and sees one moment of the workspace until the end."""
    store = Store(path if is_kept else None)
    store.hold()

    with store.writing() as writer, store.reading() as reader:
        writer.execute("INSERT INTO names (name, is_active) VALUES ('a', 1)")
        assert reader.execute("SELECT count(*) FROM names").fetchall() == [(0,)]
        writer.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM names").fetchall() == [(0,)]
        writer.execute("BEGIN")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM names")

    with store.reading() as reader:
        assert reader.execute("SELECT count(*) FROM names").fetchall() == [(1,)]
    store.release()


def test_store_tells_the_trouble_of_its_last_transaction() -> None:
    """A transaction that cannot be written leaves its reason, until one is written."""
    store = Store()
    store.read("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError):
        add_name(store, "a")
    troubles = [store.trouble]
    store.read("PRAGMA query_only = OFF")

    add_name(store, "a")
    troubles.append(store.trouble)

    assert troubles == ["attempt to write a readonly database", ""]


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no open file")
def test_temporary_store_leaves_no_file_behind(tmp_path, monkeypatch) -> None:
    """A temporary file has no name as soon as it is open, so that even a killed sandbox leaves nothing."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    store = Store()

    add_name(store, "placed-order")
    assert list(tmp_path.iterdir()) == []
    assert store.read("SELECT name FROM names") == [("placed-order",)]


def test_temporary_store_is_in_memory_without_a_folder(tmp_path, monkeypatch) -> None:
    """Where no temporary file can be made, a workspace is in memory."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

    store = Store()
    add_name(store, "placed-order")

    with store.reading() as connection:
        assert connection.execute("SELECT name FROM names").fetchall() == [("placed-order",)]


def test_store_of_an_earlier_version_is_opened(path) -> None:
    """A file with counts beside its rows is brought up to date, once, and keeps its rows."""
    shutil.copy(EARLIER, path)
    before = sqlite3.connect(path)
    rows = [before.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]
    before.close()

    stores = [Store(path), Store(path)]

    assert [store.id_code for store in stores] == ["sandbox_370ce74c"] * 2
    assert [stores[1].read(f"SELECT * FROM {table}") for table in TABLES] == rows
    assert [store.created_at for store in stores] == [1_795_978_046] * 2
    assert stores[1].read("PRAGMA user_version") == [(3,)]
    assert schema(stores[1]) == schema(Store())


def schema(store):
    """Return what is in a store, tables, columns and indexes."""
    found = store.read("SELECT name, replace(replace(sql, char(10), ''), ' ', '') FROM sqlite_schema ORDER BY name")
    return [row for row in found if row[0] != "workspace"]


def test_store_keeps_a_file(path) -> None:
    """Rows and the workspace's id are there when the file is opened again."""
    first = Store(path)
    add_name(first, "placed-order")

    second = Store(path)

    assert second.read("SELECT name FROM names") == [("placed-order",)]
    assert (second.id_code, second.created_at) == (first.id_code, first.created_at)


def test_store_that_is_released_is_whole_in_its_file(path, tmp_path) -> None:
    """After the release one file has everything that was written."""
    store = Store(path)
    store.hold()
    add_name(store, "placed-order")

    store.release()

    assert list(tmp_path.iterdir()) == [path]
    copy = shutil.copy(path, tmp_path / "copy.sqlite")
    assert Store(copy).read("SELECT name FROM names") == [("placed-order",)]
    assert store.read("SELECT name FROM names") == [("placed-order",)]


def test_store_that_is_held_is_refused_to_others(path) -> None:
    """A held file is refused to others until it is released."""
    store = Store(path)
    store.hold()
    message = (
        f"the sandbox cannot keep its workspace in {str(path)!r}: another sandbox or another program uses it;"
        " stop that one, or choose another file"
    )
    with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
        Store(path)

    store.release()

    Store(path).hold()


@pytest.mark.skipif(os.name == "nt", reason="Windows has another way to lock files")
def test_store_names_a_file_system_that_cannot_lock_files(path, monkeypatch) -> None:
    """A file system that cannot lock files is named, and not mistaken for another sandbox."""

    def refuse(*_) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    # Stands for the error that SQLite meets: the store asks for a lock on another file, which nobody holds.
    store = Store(path)
    store.hold()
    monkeypatch.setattr("fcntl.lockf", refuse)

    with pytest.raises(OSError, match=r"cannot lock files; choose a file on a local disk$") as caught:
        Store(path)

    assert str(caught.value).startswith(f"the sandbox cannot keep its workspace in {str(path)!r}: its file system")
    store.release()


def test_store_is_made_once_by_several_at_the_same_time(path) -> None:
    """Several sandboxes that make the same file share one workspace, or are refused because another uses it."""

    def id_code(_) -> str:
        try:
            return Store(path).id_code
        except OSError as error:
            return str(error).partition(": ")[2]

    with ThreadPoolExecutor(8) as threads:
        results = {*threads.map(id_code, range(8))}

    held = "another sandbox or another program uses it; stop that one, or choose another file"
    assert results - {held} == {Store(path).id_code}


def test_store_refuses_a_file_that_is_not_a_database_and_leaves_it(path) -> None:
    """A file that is not a database is named, and not changed."""
    path.write_text("customer,total\n" * 100)

    message = f"{str(path)!r} is not a workspace of a sandbox: file is not a database"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Store(path)

    assert path.read_text() == "customer,total\n" * 100


def test_store_refuses_a_database_of_somebody_elses_and_leaves_it(path) -> None:
    """Another database is named, and not changed."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE orders (total)")
    other.close()
    before = path.read_bytes()

    message = f"{str(path)!r} is not a workspace of a sandbox, or has another version: choose another file"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Store(path)

    assert path.read_bytes() == before


def test_store_tells_where_it_cannot_be_kept(tmp_path) -> None:
    """The error for a missing folder has the path."""
    path = tmp_path / "nowhere" / "events.sqlite"

    message = (
        f"the sandbox cannot keep its workspace in {str(path)!r}: unable to open database file;"
        " check that its folder exists, is writable and has room"
    )
    with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
        Store(path)


def test_store_understands_the_home_folder(tmp_path, monkeypatch) -> None:
    """A path may begin with `~`, as in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    Store(Path("~/events.sqlite"))

    assert (tmp_path / "events.sqlite").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("enter", [Store.writing, Store.reading])
def test_fork_waits_until_no_thread_is_in_the_store(enter):
    """A child would inherit the locks of SQLite locked, and hang in its own journal."""
    store, started, left = Store(), threading.Event(), []

    def use():
        with enter(store):
            started.set()
            threading.Event().wait(0.2)
            left.append(True)

    thread = threading.Thread(target=use)
    thread.start()
    started.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if left else 1)
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no forks")
def test_temporary_store_is_read_in_a_child_that_its_parent_forked():
    """A child reads what the workspace held at the fork, and the parent goes on with it."""
    store = Store()
    add_name(store, "placed-order")
    child = os.fork()
    if child == 0:
        with store.reading() as connection:
            (seen,) = connection.execute("SELECT name FROM names").fetchone()
        is_right = [seen] == [name for (name,) in store.read("SELECT name FROM names")] == ["placed-order"]
        os._exit(0 if is_right else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    add_name(store, "signed-up")
    assert store.read("SELECT count(*) FROM names") == [(2,)]
