"""The database that a workspace is kept in."""

import re
import sqlite3
import threading

import pytest

from events_pandas.sandbox.workspace.store import Store


def add_name(store, name) -> None:
    with store.writing() as connection:
        connection.execute("INSERT INTO names (name, is_active) VALUES (?, 1)", (name,))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


def test_store_is_a_workspace_of_its_own() -> None:
    """Two stores in memory share nothing."""
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
    """Threads take turns: none sees half of what another one writes."""
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


def test_store_keeps_a_file(path) -> None:
    """What is written is there when the file is opened again, the workspace's name included."""
    first = Store(path)
    add_name(first, "placed-order")
    first.close()

    second = Store(path)

    assert second.read("SELECT name FROM names") == [("placed-order",)]
    assert (second.id_code, second.created_at) == (first.id_code, first.created_at)


def test_store_of_a_file_may_be_open_twice(path) -> None:
    """What one writes the other reads: nothing is held back."""
    first, second = Store(path), Store(path)

    add_name(first, "a")
    add_name(second, "b")

    assert first.read("SELECT name FROM names ORDER BY name") == [("a",), ("b",)]


def test_store_refuses_a_file_that_is_no_database_and_leaves_it(path) -> None:
    """A file of somebody else's is named, and not changed."""
    path.write_text("customer,total\n" * 100)

    message = f"{str(path)!r} is no workspace of a sandbox: file is not a database"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Store(path)

    assert path.read_text() == "customer,total\n" * 100


def test_store_refuses_a_database_of_somebody_elses_and_leaves_it(path) -> None:
    """Another database is named, and not changed."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE orders (total)")
    other.close()
    before = path.read_bytes()

    message = f"{str(path)!r} is no workspace of a sandbox, or of another version: choose another file"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Store(path)

    assert path.read_bytes() == before


def test_store_tells_where_it_cannot_be_kept(tmp_path) -> None:
    """A folder that does not exist is told with the path."""
    path = tmp_path / "nowhere" / "events.sqlite"

    message = f"the sandbox cannot keep its workspace in {str(path)!r}: unable to open database file"
    with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
        Store(path)
