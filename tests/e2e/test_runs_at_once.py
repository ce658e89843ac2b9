"""Two runs at once on one journal, which spread their rows: a row that both of them hold arrives once."""

import threading
from collections import Counter

import pandas as pd
import pytest

from events_pandas import EventMapping, Faults, iter_submit, submit_events, submit_file

pytestmark = pytest.mark.slow

MAPPING = """
event_name = "placed-order"
created_at = "day"
user_id = "who"
timezone = "UTC"
duplicates = "spread"

[metadata]
n = "n"
"""
CHUNKSIZE = 20


@pytest.fixture
def sandbox(start):
    """A sandbox that answers fast, and not so fast that a run is over before the other one has begun."""
    return start(faults=Faults(latency_seconds=0.01))


@pytest.fixture
def orders():
    """Four hundred orders; a contact has ten on a day, of which some are the same in everything."""
    numbers = pd.Series(range(400))
    day = pd.Series(["2024-01-30", "2024-01-31"]).iloc[numbers // 10 % 2].to_numpy()
    return pd.DataFrame({"who": "c" + (numbers // 20).astype(str), "day": day, "n": numbers - (numbers % 10 % 3 % 2)})


@pytest.fixture
def halves(orders):
    """Seventy per cent of the orders each, sorted anew."""
    return orders[:280].sample(frac=1, random_state=1), orders[120:].sample(frac=1, random_state=2)


@pytest.fixture
def submit(client, folder):
    """Submit rows in one of the ways that there are, with the journal of the test; return the results."""
    (folder / "mapping.toml").write_text(MAPPING)
    mapping = EventMapping.from_toml("mapping.toml")
    options = {"client": client, "journal": folder / "journal.sqlite", "chunksize": CHUNKSIZE, "progress": False}

    def submit(rows, way="frame"):
        if way == "frame":
            return submit_events(rows, mapping, **options)
        if way == "stream":
            frames = (rows[start : start + 2 * CHUNKSIZE] for start in range(0, len(rows), 2 * CHUNKSIZE))
            return pd.concat(iter_submit(frames, mapping, **options))
        path = folder / f"{rows.index[0]}.csv"
        rows.to_csv(path, index=False)
        return submit_file(path, mapping, **options)

    return submit


def contents(*frames):
    """Count what rows say: each as often as the frame has it that has it most."""
    counts = Counter()
    for frame in frames:
        counts |= Counter(zip(frame["who"], frame["n"].tolist(), strict=True))
    return counts


def kept(sandbox):
    """Count what the events of a sandbox say."""
    return Counter((event.contact, event.metadata["n"]) for event in sandbox.events)


@pytest.mark.parametrize("ways", [("stream", "frame"), ("stream", "stream"), ("files", "files")], ids=" and ".join)
def test_rows_of_two_runs_in_threads_arrive_once(submit, sandbox, orders, halves, ways):
    """A row is accepted, submitted already, or to be submitted again; then nothing is missing, and nothing is left."""
    results = {}

    def run(place):
        results[place] = submit(halves[place], ways[place])

    threads = [threading.Thread(target=run, args=[place]) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    at_once = kept(sandbox)
    for half in halves:
        submit(half)
    sent = sandbox.requests

    third = submit(orders)

    assert at_once <= contents(*halves)
    assert kept(sandbox) == contents(*halves) == contents(orders)
    assert set(third["status"]) == {"already_submitted"}
    assert (sandbox.requests, sandbox.duplicates) == (sent, sent - len(orders))
    for told in results.values():
        assert set(told["status"]) <= {"accepted", "already_submitted", "not_submitted"}
        assert set(told["error_code"].dropna()) <= {"second_taken"}


@pytest.mark.alone
def test_rows_of_two_processes_arrive_once_when_one_is_killed(
    submit, sandbox, orders, halves, folder, launch, wait_until
):
    """*kill -9 at any instant*: also of one of two runs, whose claims the other one finds."""
    options = ["--mapping", "mapping.toml", "--base-url", sandbox.url, "--journal", str(folder / "journal.sqlite")]
    options += ["--chunksize", str(CHUNKSIZE), "--no-progress"]
    processes = []
    for place, half in enumerate(halves):
        half.to_csv(folder / f"half{place}.csv", index=False)
        command = ["submit", f"half{place}.csv", *options]
        processes.append(launch(*command, INTERCOM_ACCESS_TOKEN=sandbox.access_token))

    wait_until(lambda: sandbox.requests > 80)
    processes[0].kill()
    processes[1].communicate()
    at_once = kept(sandbox)
    for half in halves:
        submit(half)
    sent = sandbox.requests
    third = submit(orders)

    assert at_once <= contents(*halves)
    assert kept(sandbox) == contents(*halves) == contents(orders)
    assert set(third["status"]) == {"already_submitted"}
    assert sandbox.requests == sent
