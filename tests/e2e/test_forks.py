"""A forked process has its own connections, and leaves its parent's connections alone."""

import contextlib
import io
import multiprocessing
import os
import pickle
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pandas as pd
import pytest
import requests

from events_pandas import Faults, Sandbox, iter_submit, submit_events, submit_file
from events_pandas.deliver.client.exchange import CHECKED_POOLS
from events_pandas.deliver.client.route import Route
from events_pandas.deliver.journal import Journal, RunFacts
from events_pandas.errors import JournalError

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks"),
    # Python 3.12 warns of every fork of a process with threads, and these tests fork such processes.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
DEADLINE_SECONDS = 30.0
QUIET = {"progress": False}


class Child:
    """A forked process that calls one function, and ends without Python's clean-up."""

    def __init__(self, work):
        self._results, results = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                os.write(results, pickle.dumps(self._done(work)))
            os._exit(0)
        os.close(results)

    def _done(self, work):
        try:
            return work()
        except Exception as error:  # noqa: BLE001  # the test reports any error
            return f"{type(error).__name__}: {error}"

    def result(self):
        """Wait for the end; return the function's value, or its error in one line."""
        try:
            is_ready, _, _ = select.select([self._results], [], [], DEADLINE_SECONDS)
            return pickle.loads(os.read(self._results, 1_000_000)) if is_ready else "hung"
        finally:
            os.close(self._results)
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture
def unknown():
    """A sandbox in which every contact that ends in 3 or 7 is unknown."""
    contacts = [f"{number:05d}" for number in range(2_000) if number % 10 in {3, 7}]
    with Sandbox(unknown_contacts=contacts, faults=Faults(latency_seconds=0.005), limit=None) as sandbox:
        yield sandbox


def _submit(orders, mapping, client):
    """Submit; return the accepted contacts and the unknown ones."""
    results = submit_events(orders, mapping, client=client, journal=None, **QUIET)
    return [orders["who"][results["status"] == status].tolist() for status in ("accepted", "unknown_contact")]


def _expected(orders):
    is_unknown = orders["who"].str[-1].isin(["3", "7"])
    return [orders["who"][~is_unknown].tolist(), orders["who"][is_unknown].tolist()]


def _held(sandbox):
    return sorted(event.contact for event in sandbox.events)


def test_client_that_was_used_before_a_fork_has_connections_of_its_own_in_each_child(make_orders, mapping, unknown):
    """Parent and children submit with one client at the same time, and every row has the answer to its own event."""
    parts = [make_orders(60, start=100 * number) for number in range(5)]
    with unknown.client() as client:
        first = _submit(make_orders(20, start=1_000), mapping, client)

        children = [Child(lambda part=part: _submit(part, mapping, client)) for part in parts[1:]]
        own = _submit(parts[0], mapping, client)
        found = [own, *(child.result() for child in children)]

    assert found == [_expected(part) for part in parts]
    assert _held(unknown) == sorted(contact for accepted, _ in [first, *found] for contact in accepted)


def test_client_that_was_used_before_a_fork_serves_a_pool_of_processes(make_orders, mapping, unknown):
    """A client serves a `multiprocessing` pool, which forks by default on Linux up to Python 3.13."""
    parts = [make_orders(40, start=100 * number) for number in range(4)]
    with unknown.client() as client:
        _submit(make_orders(20, start=1_000), mapping, client)
        _WORK.update(mapping=mapping, client=client)

        with multiprocessing.get_context("fork").Pool(4) as pool:
            found = pool.map_async(_work, parts).get(DEADLINE_SECONDS)

    assert found == [_expected(part) for part in parts]


_WORK = {}


def _work(part):
    return _submit(part, **_WORK)


def test_client_of_a_run_under_way_can_be_used_in_a_child(make_orders, mapping, unknown):
    """A child does not wait for the locks and connections that another thread holds at the moment of a fork."""
    unknown.faults = Faults(latency_seconds=0.02)
    output = []
    with unknown.client() as client:
        rows = make_orders(1_000)
        thread = threading.Thread(target=lambda: output.append(_submit(rows, mapping, client)))
        thread.start()
        found = []
        parts = [make_orders(10, start=1_000 + 10 * number) for number in range(8)]
        for part in parts:
            time.sleep(0.02)
            found.append(Child(lambda part=part: _submit(part, mapping, client)).result())
        thread.join()

    assert found == [_expected(part) for part in parts]
    assert output == [_expected(rows)]


def test_client_closes_its_connections_in_a_child_without_a_trace_in_the_parent(make_orders, mapping, unknown):
    """If a child closes a client, the parent's connections stay open."""
    with unknown.client() as client:
        _submit(make_orders(20), mapping, client)

        assert Child(client.close).result() is None
        found = _submit(make_orders(20), mapping, client)

    assert found == _expected(make_orders(20))


def test_pool_can_be_used_in_a_child_when_it_was_locked_at_the_fork():
    """A child has a new pool, since a thread of the parent may hold the lock of the old one."""
    pool = CHECKED_POOLS["http"]("127.0.0.1", 9, maxsize=4)
    route = Route("http://127.0.0.1:9", max_connections=1)
    pool_of_route = route.get_connection_with_tls_context()

    with pool.pool.mutex, pool_of_route.pool.mutex:
        child = Child(lambda: [pool.close(), route.close(), _refused(route)])

    assert child.result() == [None, None, "MaxRetryError"]


def _refused(route):
    try:
        route.get_connection_with_tls_context().urlopen("GET", "/", retries=0)
    except Exception as error:  # noqa: BLE001  # any error is fine: the child did not hang
        return type(error).__name__


# The journal


@pytest.mark.slow
def test_journal_of_a_run_under_way_is_written_by_parent_and_child(make_orders, mapping, start, tmp_path):
    """Parent and child have their own connections to the journal, and the next run knows the acceptances of both."""
    sandbox = start(faults=Faults(latency_seconds=0.01), limit=None)
    journal = tmp_path / "journal.sqlite"
    rows, more = make_orders(600), make_orders(120, start=1_000)
    with sandbox.client() as client:
        thread = threading.Thread(target=lambda: submit_events(rows, mapping, client=client, journal=journal, **QUIET))
        thread.start()
        while not sandbox.requests:
            time.sleep(0.001)
        parts = [more[place : place + 20] for place in range(0, 120, 20)]
        children = []
        for part in parts:
            children.append(Child(lambda part=part: _counts(part, mapping, client, journal)))
            time.sleep(0.03)
        found = [child.result() for child in children]
        thread.join()

        again = _counts(pd.concat([rows, more]), mapping, client, journal)

    assert found == [{"accepted": 20}] * 6
    assert again == {"already_submitted": 720}
    assert sandbox.duplicates == 0


def _counts(orders, mapping, client, journal):
    results = submit_events(orders, mapping, client=client, journal=journal, **QUIET)
    return {status: count for status, count in results["status"].value_counts().items() if count}


def test_journal_is_refused_in_a_child_of_the_process_that_opened_it(tmp_path):
    """A child does not use or close its parent's connections, and does not end its run."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path, workspace="ab12cd34")
    facts = RunFacts(started_at=pd.Timestamp("2024-01-01", tz="UTC"), source="a test", mapping="", results_path=None)
    journal.begin_run(facts)
    writer = journal.writer()

    def use():
        writer.close(1.0)
        journal.close()
        with pytest.raises(JournalError) as caught:
            journal.tell_run({"accepted": 1})
        return str(caught.value)

    output = Child(use).result()

    assert output == (
        f"{path}: process {os.getpid()} opened the journal, and this process is a fork of it: begin a new run here"
    )
    journal.tell_run({"accepted": 1})
    writer.close(1.0)
    journal.close()


def test_journal_that_is_in_use_by_the_forking_thread_is_refused_to_the_child(tmp_path):
    """If a thread forks while it reads a journal, the child cannot open it: SQLite has the parent's locks in memory."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path, workspace="ab12cd34")

    with journal.reading():
        output = Child(lambda: Journal(path, workspace="ab12cd34")).result()
        other = Child(lambda: Journal(tmp_path / "other.sqlite", workspace="ab12cd34").close()).result()
    journal.close()

    assert output == (
        f"JournalError: {path}: the journal was in use when this process was forked, and cannot be used safely here: "
        "start processes with 'spawn', or use another journal in this one"
    )
    assert other is None


# Runs


def test_run_is_left_to_the_parent_when_a_child_asks_for_more(make_orders, mapping, start, tmp_path):
    """A child cannot go on with its parent's run, since both would send the same events."""
    sandbox = start()
    options = {"journal": tmp_path / "journal.sqlite", **QUIET}
    frames = [make_orders(5, start=5 * number) for number in range(4)]
    with sandbox.client() as client:
        parts = iter_submit(iter(frames), mapping, client=client, **options)
        found = [next(parts)]

        began = time.monotonic()
        refused, closed = Child(lambda: next(parts)).result(), Child(parts.close).result()
        seconds = time.monotonic() - began
        found += parts

    assert refused == (
        f"RuntimeError: this run belongs to process {os.getpid()}: a forked process must begin a run of its own"
    )
    assert (closed, seconds < 5.0) == (None, True)
    assert pd.concat(found)["status"].tolist() == ["accepted"] * 20
    assert (_held(sandbox), sandbox.duplicates) == ([f"{number:05d}" for number in range(20)], 0)


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_run_is_left_to_the_parent_when_its_own_function_forks(make_orders, mapping, start, tmp_path, name):
    """If a run's function forks, the child leaves the run at once, and changes no event, file or journal."""
    sandbox = start(faults=Faults(latency_seconds=0.005))
    make_orders(100).to_csv(tmp_path / "orders.csv", index=False)
    reader, writer = os.pipe()
    children = []

    def show(progress):
        if progress.counts.get("accepted", 0) >= 20 and not children:
            children.append(os.fork())

    with sandbox.client() as client, contextlib.redirect_stderr(io.StringIO()):
        try:
            results = submit_file(
                tmp_path / "orders.csv",
                mapping,
                client=client,
                journal=tmp_path / "journal.sqlite",
                progress=show,
                chunksize=10,
                results_path=tmp_path / name,
            )
        except BaseException as error:
            if children == [0]:
                os.write(writer, f"{type(error).__name__}: {error}".encode())
            raise
        finally:
            if children == [0]:
                os._exit(0)
    os.close(writer)
    os.waitpid(children[0], 0)

    with os.fdopen(reader) as output:
        assert output.read() == (
            f"RuntimeError: this run belongs to process {os.getpid()}: a forked process must begin a run of its own"
        )
    assert results["status"].tolist() == ["accepted"] * 100
    written = pd.read_csv(tmp_path / name) if name.endswith("csv") else pd.read_parquet(tmp_path / name)
    assert written["row"].tolist() == list(range(100))
    assert (len(sandbox.events), sandbox.duplicates) == (100, 0)


@pytest.mark.slow
def test_run_is_left_to_the_parent_by_a_child_that_ends_as_python_does(tmp_path):
    """If a child exits in the middle of a run, it prints nothing, and its parent's run is complete."""
    script = subprocess.run(
        [sys.executable, "-c", FORKING, "2024-01-31"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert (script.stdout, script.stderr) == ("0 0 0 {'accepted': 60} 60 0 {'already_submitted': 60}\n", "")
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite")) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert journal.execute("SELECT outcome FROM runs").fetchall() == [("complete",), ("complete",)]


# A stream, a journal and a stored sandbox; after each part a child begins, and ends.
FORKING = """
import os, sys, warnings
import pandas as pd
import events_pandas as ep

warnings.filterwarnings("ignore", "This process .* is multi-threaded")

def orders(start, end):
    return pd.DataFrame({"who": [f"{row:05d}" for row in range(start, end)], "day": sys.argv[1]})

mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
options = {"journal": "journal.sqlite", "progress": False}
with ep.Sandbox(store="workspace.sqlite", limit=None) as sandbox, sandbox.client() as client:
    codes, counts = [], pd.Series(dtype=int)
    frames = (orders(start, start + 20) for start in (0, 20, 40))
    for part in ep.iter_submit(frames, mapping, client=client, **options):
        if not (child := os.fork()):
            sys.exit()
        codes.append(os.waitpid(child, 0)[1])
        counts = counts.add(part["status"].value_counts(), fill_value=0)
    again = ep.submit_events(orders(0, 60), mapping, client=client, **options)["status"].value_counts()
    output = [{status: int(count) for status, count in found.items() if count} for found in (counts, again)]
    print(*codes, output[0], len(sandbox.events), sandbox.duplicates, output[1])
"""


# The sandbox


def test_sandbox_is_reached_from_a_child_and_not_stopped_by_it(make_orders, mapping):
    """A child can use its parent's sandbox, and cannot stop it."""
    with Sandbox() as sandbox:

        def use():
            with sandbox.client() as client:
                found = _submit(make_orders(3), mapping, client)
            sandbox.stop()
            sandbox.__exit__(None, None, None)
            return found, sandbox.url

        assert Child(use).result() == ([["00000", "00001", "00002"], []], sandbox.url)
        assert requests.get(f"{sandbox.url}/me", timeout=5).status_code == 401
        assert len(sandbox.events) == 3


@pytest.mark.parametrize(
    "ask",
    [
        lambda sandbox: sandbox.events,
        lambda sandbox: sandbox.requests,
        lambda sandbox: sandbox.duplicates,
        lambda sandbox: sandbox.to_frame(),
        lambda sandbox: sandbox.faults,
        lambda sandbox: setattr(sandbox, "limit", 1),
        lambda sandbox: sandbox.fail_next(500),
        lambda sandbox: sandbox.clear_faults(),
        lambda sandbox: sandbox.wait(),
    ],
)
def test_sandbox_answers_no_question_in_a_child(ask):
    """The sandbox answers questions only in the parent, since a child's copy is as old as the fork."""
    with Sandbox() as sandbox:
        output = Child(lambda: ask(sandbox)).result()

    assert output == (
        "RuntimeError: the sandbox runs in the process that this one was forked from: "
        "url, access_token and client() work here; use everything else there"
    )


def test_sandbox_ends_its_connections_while_a_child_lives():
    """A child holds no socket of the sandbox: stopping it frees the port and closes the connections."""
    with Sandbox() as sandbox:
        where = urlsplit(sandbox.url)
        with socket.create_connection((where.hostname, where.port), timeout=DEADLINE_SECONDS) as connection:
            connection.sendall(b"GET /me HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}]}"):
                answer += connection.recv(65_536)
            child = Child(lambda: time.sleep(DEADLINE_SECONDS))

            sandbox.stop()

            assert connection.recv(65_536) == b""
        with Sandbox(port=where.port):
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)


def test_child_can_start_a_sandbox_of_its_own(make_orders, mapping):
    """A child can start a sandbox that its parent has not started."""
    sandbox = Sandbox()

    def use():
        with sandbox, sandbox.client() as client:
            _submit(make_orders(2), mapping, client)
            return _held(sandbox)

    assert Child(use).result() == ["00000", "00001"]
    assert sandbox.events == []
