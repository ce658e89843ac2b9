"""Two runs at once on one journal, with `spread`: a row that is in both runs arrives once."""

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
    """A sandbox that answers fast, with a delay that keeps both runs busy at the same time."""
    return start(faults=Faults(latency_seconds=0.01))


@pytest.fixture
def orders():
    """Four hundred orders: a contact has ten on a day, and some of the ten are identical."""
    numbers = pd.Series(range(400))
    day = pd.Series(["2024-01-30", "2024-01-31"]).iloc[numbers // 10 % 2].to_numpy()
    return pd.DataFrame({"who": "c" + (numbers // 20).astype(str), "day": day, "n": numbers - (numbers % 10 % 3 % 2)})


@pytest.fixture
def halves(orders):
    """Two overlapping parts of 70 % of the orders, each in an order of its own."""
    return orders[:280].sample(frac=1, random_state=1), orders[120:].sample(frac=1, random_state=2)


@pytest.fixture
def submit(client, folder):
    """Submit rows as a frame, a stream or a file, with the test's journal; return the results."""
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
    """Count the rows of each content, by the frame that has most of them."""
    counts = Counter()
    for frame in frames:
        counts |= Counter(zip(frame["who"], frame["n"].tolist(), strict=True))
    return counts


def kept(sandbox):
    """Count the contents of a sandbox's events."""
    return Counter((event.contact, event.metadata["n"]) for event in sandbox.events)


@pytest.mark.parametrize("ways", [("stream", "frame"), ("stream", "stream"), ("files", "files")], ids=" and ".join)
def test_rows_of_two_runs_in_threads_arrive_once(submit, sandbox, orders, halves, ways):
    """Each row of two runs in threads arrives once, and a third run has nothing left to send."""
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
    for frame in results.values():
        assert set(frame["status"]) <= {"accepted", "already_submitted", "not_submitted"}
        assert set(frame["error_code"].dropna()) <= {"second_taken"}


@pytest.mark.alone
def test_rows_of_two_processes_arrive_once_when_one_is_killed(
    submit, sandbox, orders, halves, folder, launch, wait_until
):
    """*kill -9 at any instant*: if one of two runs is killed, each row still arrives once."""
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
