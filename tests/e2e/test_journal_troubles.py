"""Journals in trouble: full disks, files of another kind, two runs at once, and interrupts."""

import dataclasses
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from events_pandas import EventMapping, Faults, JournalError, SubmissionError, SubmissionInterrupted, submit_events

ROWS = 300
# A journal whose files cannot grow, as on a full disk; the system reports another error.
CRAMPED = """
import resource, signal, sys
import pandas as pd
import events_pandas as ep

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
mapping = ep.EventMapping.from_toml(sys.argv[2])
with ep.IntercomClient("sandbox-token", base_url=sys.argv[1]) as client:
    try:
        ep.submit_events(
            pd.read_csv("orders.csv", dtype=str), mapping, client=client, journal=sys.argv[3],
            concurrency=8,
        )
    except ep.SubmissionError as stopped:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        stopped.results.to_pickle("results.pickle")
        print(stopped)
"""


@pytest.fixture
def journal(tmp_path):
    """The path of a journal."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def spreading():
    """A mapping that makes each row an event of its own."""
    return EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={"n": "n"},
        timezone="UTC",
        duplicates="spread",
    )


@pytest.mark.slow
def test_full_disk_ends_the_run_and_the_next_one_completes(
    folder, make_orders, mapping, sandbox, client, journal, held
):
    """An event that was accepted but not recorded is `failed`; the next run with free space sends it again."""
    orders = make_orders(1_000)
    orders.to_csv(folder / "orders.csv", index=False)
    arguments = [sandbox.url, "mapping.toml", str(journal), "80000"]

    done = subprocess.run(
        [sys.executable, "-c", CRAMPED, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    again = submit_events(orders, mapping, client=client, journal=journal)

    results = pd.read_pickle(folder / "results.pickle")
    counts = results["status"].value_counts()
    unrecorded = results[results["error_code"] == "not_recorded"]
    assert done.stdout.startswith("the run ended, as accepted events can no longer be recorded: ")
    assert f"{journal}: the journal cannot be read or written" in done.stdout
    assert set(unrecorded["status"]) == {"failed"}
    assert set(unrecorded["http_status"]) == {202}
    assert 0 < len(unrecorded) <= 8 + 128
    assert counts["accepted"] > 0
    assert counts["not_submitted"] > 0
    assert set(results["status"]) == {"accepted", "failed", "not_submitted"}
    assert set(again["status"]) == {"accepted", "already_submitted"}
    assert (again["status"] == "already_submitted").sum() == counts["accepted"]
    assert held(sandbox) == orders["who"].tolist()
    assert sandbox.duplicates == len(unrecorded)


def truncated(path, orders, mapping, client):
    submit_events(orders, mapping, client=client, journal=path)
    path.write_bytes(path.read_bytes()[:5_000])


def garbage(path, *_):
    path.write_bytes(b"no database at all " * 1_000)


def of_another_program(path, *_):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (number INTEGER)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("spoilt", [truncated, garbage, of_another_program])
@pytest.mark.parametrize("policy", ["skip", "spread"])
def test_file_that_is_not_a_journal_is_left_as_it_is(
    make_orders, mapping, sandbox, client, journal, tmp_path, spoilt, policy
):
    """A file of another kind ends the run before its first event, stays unchanged, and gets no file beside it."""
    orders = make_orders(200)
    spoilt(journal, orders, mapping, client)
    before, sent = journal.read_bytes(), sandbox.requests

    with pytest.raises(JournalError) as caught:
        submit_events(orders, dataclasses.replace(mapping, duplicates=policy), client=client, journal=journal)

    assert str(journal) in str(caught.value)
    assert "journal=None" in str(caught.value)
    assert sandbox.requests == sent
    assert journal.read_bytes() == before
    assert list(tmp_path.iterdir()) == [journal]


def test_journal_in_a_folder_that_cannot_be_made_ends_the_run_before_its_first_event(
    make_orders, mapping, sandbox, client, tmp_path
):
    """A run whose journal cannot be written ends before its first event, with a message that names the folder."""
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalError, match="Not a directory"):
        submit_events(make_orders(), mapping, client=client, journal=tmp_path / "file" / "journal.sqlite")

    assert sandbox.requests == 0


def test_damaged_page_in_the_middle_of_a_journal_ends_the_run(make_orders, mapping, sandbox, client, journal):
    """An unreadable page in the journal ends the run before its first event."""
    submit_events(make_orders(500), mapping, client=client, journal=journal)
    size = journal.stat().st_size
    with journal.open("r+b") as file:
        file.seek(3 * 4_096)
        file.write(os.urandom(size - 4 * 4_096))
    before, sent = journal.read_bytes(), sandbox.requests

    with pytest.raises((JournalError, SubmissionError), match="damaged"):
        submit_events(make_orders(500), mapping, client=client, journal=journal)

    assert sandbox.requests == sent
    assert journal.read_bytes()[4_096 * 3 :] == before[4_096 * 3 :]


def together(*runs):
    """Start runs at the same time, each in a thread; return their results."""
    barrier = threading.Barrier(len(runs))

    def start(run):
        barrier.wait()
        return run()

    with ThreadPoolExecutor(len(runs)) as threads:
        return list(threads.map(start, runs))


# The locks are those of SQLite, which comes with Python.
@pytest.mark.slow
@pytest.mark.parametrize("policy", ["skip", "spread"])
def test_two_runs_of_the_same_rows_share_a_journal(start, spreading, journal, policy):
    """Both runs end, each event is there once, and a third run has nothing to send."""
    sandbox = start(faults=Faults(latency_seconds=0.01))
    mapping = dataclasses.replace(spreading, duplicates=policy)
    numbers = pd.Series(range(ROWS))
    # For spreading, ten rows share a key, in pairs with the same content.
    orders = pd.DataFrame({"who": (numbers // 10).astype(str), "day": "2024-01-31", "n": numbers % 10 // 2})
    orders = orders if policy == "spread" else orders.assign(who=numbers.astype(str))

    with sandbox.client() as first, sandbox.client() as second:
        options = {"journal": journal, "concurrency": 4, "chunksize": 50, "progress": False}
        parts = together(
            lambda: submit_events(orders, mapping, client=first, **options),
            lambda: submit_events(orders, mapping, client=second, **options),
        )
        third = submit_events(orders, mapping, client=first, **options)

    both = pd.concat(parts)
    assert set(both["status"]) <= {"accepted", "already_submitted", "not_submitted"}
    assert (both["status"] == "accepted").sum() == ROWS
    assert [other["run"] for part in parts for other in part.attrs["run"]["other_runs"]] in ([1, 2], [2, 1])
    assert third.attrs["run"]["other_runs"] == []
    assert set(third["status"]) <= {"already_submitted", "accepted"}
    assert sorted((event.contact, event.metadata["n"]) for event in sandbox.events) == sorted(
        zip(orders["who"], orders["n"].tolist(), strict=True)
    )


# The locks are those of SQLite, which comes with Python.
@pytest.mark.slow
@pytest.mark.parametrize("policy", ["skip", "spread"])
def test_two_runs_of_other_rows_share_a_journal(start, spreading, journal, policy):
    """*Two runs share one journal at the same time*: a run does not send under a second that the other has taken."""
    sandbox = start(faults=Faults(latency_seconds=0.01))
    mapping = dataclasses.replace(spreading, duplicates=policy)
    numbers = pd.Series(range(ROWS))
    orders = pd.DataFrame({"who": (numbers // 10).astype(str), "day": "2024-01-31", "n": numbers})
    orders = orders if policy == "spread" else orders.assign(who=numbers.astype(str))
    odd, even = orders[orders["n"] % 2 == 1], orders[orders["n"] % 2 == 0]

    with sandbox.client() as first, sandbox.client() as second:
        options = {"journal": journal, "concurrency": 4, "chunksize": 20, "progress": False}
        parts = together(
            lambda: submit_events(odd, mapping, client=first, **options),
            lambda: submit_events(even, mapping, client=second, **options),
        )
        after = submit_events(orders, mapping, client=first, **options)

    unsent = pd.concat(parts).query("status != 'accepted'")
    assert set(unsent["status"]) <= {"not_submitted"}
    assert set(unsent["error_code"]) <= {"second_taken"}
    assert (after["status"] == "accepted").sum() == len(unsent)
    assert set(after["status"]) <= {"already_submitted", "accepted"}
    assert sorted(event.metadata["n"] for event in sandbox.events) == list(range(ROWS))
    assert sandbox.duplicates == 0


class Intruder:
    """A client that calls a function before its first event."""

    def __init__(self, client, happen):
        self._client = client
        self._happen = happen

    def me(self):
        return self._client.me()

    def post_event(self, payload):
        happen, self._happen = self._happen, None
        if happen:
            happen()
        return self._client.post_event(payload)


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])), ids=str)
def test_row_that_another_run_sends_after_the_check_is_not_sent(spreading, sandbox, client, journal, order):
    """If another run sends a row after this run's check, this run does not send it."""
    group = pd.DataFrame({"who": "ada", "day": "2024-01-31", "n": order})
    others = pd.DataFrame({"who": [f"{number:05d}" for number in range(6)], "day": "2024-01-31", "n": 0})
    orders = pd.concat([others, group], ignore_index=True)
    options = {"journal": journal, "chunksize": 1, "concurrency": 1, "progress": False}
    intruder = Intruder(client, lambda: submit_events(group[1:], spreading, client=client, **options))

    results = submit_events(orders, spreading, client=intruder, **options)
    after = submit_events(orders, spreading, client=client, **options)

    assert set(results["status"]) <= {"accepted", "already_submitted", "not_submitted"}
    assert set(after["status"]) <= {"accepted", "already_submitted"}
    assert sorted(event.metadata["n"] for event in sandbox.events) == [0] * 6 + [1, 2, 3]


def test_two_runs_at_once_report_each_other(make_orders, mapping, sandbox, client, journal, capsys):
    """Each run reports the other one and its start, and only one of them has an event as accepted."""
    orders, inner = make_orders(5), []
    options = {"journal": journal, "concurrency": 1}
    intruder = Intruder(
        client, lambda: inner.append(submit_events(orders, mapping, client=client, progress=False, **options))
    )

    outer = submit_events(orders, mapping, client=intruder, progress=True, **options)

    (first,) = inner[0].attrs["run"]["other_runs"]
    (second,) = outer.attrs["run"]["other_runs"]
    assert set(inner[0]["status"]) == {"accepted"}
    assert set(outer["status"]) == {"already_submitted"}
    assert set(outer["http_status"]) == {202}
    assert outer["error_code"].isna().all()
    assert sandbox.duplicates == 5
    assert (first["run"], second["run"]) == (1, 2)
    assert first["process"] == second["process"] == os.getpid()
    assert pd.Timestamp(first["started_at"][:-4]) <= pd.Timestamp(second["started_at"][:-4])
    assert capsys.readouterr().err.splitlines()[0] == (
        f"submitting: another run uses this journal at the same time: process {os.getpid()} on {second['host']}, "
        f"since {second['started_at']}; an event that both send is accepted in one of them, and already_submitted in "
        "the other"
    )


def test_event_that_another_run_sends_with_other_metadata_is_a_duplicate(sandbox, client, journal):
    """If two runs send an event with different metadata, it is a duplicate: Intercom keeps the first to arrive."""
    rules = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"n": "n"}, timezone="UTC")
    orders = pd.DataFrame({"who": ["ada"], "day": ["2024-01-31"], "n": [1]})
    options = {"journal": journal, "progress": False}
    intruder = Intruder(client, lambda: submit_events(orders.assign(n=2), rules, client=client, **options))

    results = submit_events(orders, rules, client=intruder, **options)
    again = submit_events(orders, rules, client=client, **options)

    assert results.loc[0, ["status", "error_code"]].tolist() == ["duplicate", "accepted_with_other_metadata"]
    assert results.loc[0, "error_message"] == (
        "at the same time another run sent an event with the same contact, event name and second, but other metadata, "
        "and both were answered 202: Intercom keeps the one that arrived first"
    )
    assert again["status"].tolist() == ["duplicate"]
    assert sandbox.requests == 2


PARTNER = """
import sys
import pandas as pd
import events_pandas as ep

mapping = ep.EventMapping.from_toml("spread.toml")
print("ready", flush=True)
sys.stdin.readline()
with ep.IntercomClient("sandbox-token", base_url=sys.argv[1]) as client:
    results = ep.submit_events(
        pd.read_csv(sys.argv[2], dtype={"who": str}), mapping, client=client, journal="journal.sqlite",
        concurrency=4, chunksize=20, progress=False,
    )
results.to_pickle(sys.argv[2] + ".pickle")
"""


@pytest.mark.slow
def test_two_processes_make_and_share_a_journal(folder, start, spreading):
    """One of two processes makes the journal; each row is sent, or reported as `second_taken`."""
    sandbox = start(faults=Faults(latency_seconds=0.01))
    numbers = pd.Series(range(ROWS))
    orders = pd.DataFrame({"who": (numbers // 10).astype(str), "day": "2024-01-31", "n": numbers})
    (folder / "spread.toml").write_text(spreading.to_toml())
    for name, part in {"odd.csv": orders[1::2], "even.csv": orders[::2]}.items():
        part.to_csv(folder / name, index=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PARTNER, sandbox.url, name],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("odd.csv", "even.csv")
    ]

    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    codes = [process.communicate(timeout=60) and process.returncode for process in processes]
    with sandbox.client() as client:
        after = submit_events(orders, spreading, client=client, journal=folder / "journal.sqlite")

    results = pd.concat(pd.read_pickle(folder / f"{name}.csv.pickle") for name in ("odd", "even"))
    assert codes == [0, 0]
    assert set(results["error_code"].dropna()) <= {"second_taken"}
    assert set(after["status"]) <= {"already_submitted", "accepted"}
    assert sorted(event.metadata["n"] for event in sandbox.events) == list(range(ROWS))
    assert sandbox.duplicates == 0


def press_ctrl_c():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


@pytest.mark.slow
def test_interrupted_run_goes_on_from_its_journal(make_orders, mapping, start, tripwire, held, journal):
    """The run records the requests in flight before it ends, so the next run sends nothing twice."""
    sandbox = start(faults=Faults(latency_seconds=0.02))
    orders = make_orders(300)
    with sandbox.client() as client:
        with pytest.raises(SubmissionInterrupted) as caught:
            submit_events(
                orders,
                mapping,
                client=tripwire(client, before=100, action=press_ctrl_c),
                journal=journal,
                concurrency=8,
            )

        again = submit_events(orders, mapping, client=client, journal=journal)

    arrived = caught.value.results["status"] == "accepted"
    assert set(again["status"][arrived]) == {"already_submitted"}
    assert set(again["status"][~arrived]) == {"accepted"}
    assert held(sandbox) == orders["who"].tolist()
    assert sandbox.duplicates == 0


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["skip", "spread"])
def test_run_that_is_interrupted_twice_goes_on_from_its_journal(start, spreading, tripwire, journal, policy):
    """After two interrupts answered events are recorded, and events without an answer are sent again."""
    sandbox = start(faults=Faults(latency_seconds=0.5))
    mapping = dataclasses.replace(spreading, duplicates=policy)
    numbers = pd.Series(range(60))
    orders = pd.DataFrame({"who": (numbers // 10).astype(str), "day": "2024-01-31", "n": numbers})
    orders = orders if policy == "spread" else orders.assign(who=numbers.astype(str))

    def press_twice():
        press_ctrl_c()
        # Two signals at the same time would be one.
        threading.Timer(0.1, press_ctrl_c).start()

    with sandbox.client() as client:
        with pytest.raises(SubmissionInterrupted) as caught:
            submit_events(
                orders, mapping, client=tripwire(client, before=12, action=press_twice), journal=journal, concurrency=4
            )

        sandbox.clear_faults()
        again = submit_events(orders.sample(frac=1, random_state=1), mapping, client=client, journal=journal)

    arrived = caught.value.results["status"] == "accepted"
    assert 1 <= arrived.sum() <= 11
    again = again.sort_index()
    assert set(again["status"][arrived]) == {"already_submitted"}
    assert set(again["status"][~arrived]) == {"accepted"}
    assert sorted(event.metadata["n"] for event in sandbox.events) == list(range(60))
    assert sandbox.duplicates <= 4
