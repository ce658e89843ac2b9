"""Kill -9 at any instant: runs on one journal follow each other until all events are there, and none twice."""

import itertools
import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pandas as pd
import pytest

from events_pandas import Faults
from events_pandas.deliver import MAX_CONCURRENCY

pytestmark = pytest.mark.slow

KILLS = 50
ROWS = 2_000
CONCURRENCY = 16
# What is sent and not recorded when a run is killed: requests under way, and answers that wait for the disk.
MOST_IN_FLIGHT = CONCURRENCY + MAX_CONCURRENCY
DEADLINE_SECONDS = 60.0

MAPPING = """
event_name = "placed-order"
created_at = "second"
user_id = "who"
timezone = "UTC"
duplicates = "{policy}"

[metadata]
n = "n"
"""

# Makes a process for each run, without loading pandas fifty times: a line in is a run, the lines out are its start
# and its end.
RUNNER = f"""
import json, os, sys
import pandas as pd
import events_pandas as ep
import events_pandas.deliver.client.transport

def run(task):
    mapping = ep.EventMapping.from_toml(task["mapping"])
    with ep.IntercomClient(task["access_token"], base_url=task["url"]) as client:
        results = ep.submit_events(
            pd.read_pickle(task["frame"]), mapping, client=client, journal=task["journal"],
            concurrency={CONCURRENCY}, chunksize=task["chunksize"], progress=False,
        )
    results.to_pickle(task["results"])

for line in sys.stdin:
    child = os.fork()
    if not child:
        run(json.loads(line))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Runs:
    """Runs on one journal, each in a process of its own that may be killed."""

    def __init__(self, runner, sandbox, folder, policy):
        self.journal = folder / "journal.sqlite"
        self.in_the_air = []
        self._sent = self._recorded = 0
        self._runner = runner
        self._sandbox = sandbox
        self._folder = folder
        self._policy = policy
        (folder / "mapping.toml").write_text(MAPPING.format(policy=policy))

    def begin(self, frame, *, chunksize=400):
        """Start a run, and return its process id."""
        frame.to_pickle(self._folder / "frame.pickle")
        task = {
            "mapping": str(self._folder / "mapping.toml"),
            "access_token": self._sandbox.access_token,
            "url": self._sandbox.url,
            "frame": str(self._folder / "frame.pickle"),
            "results": str(self._folder / "results.pickle"),
            "journal": str(self.journal),
            "chunksize": chunksize,
        }
        self._runner.stdin.write(json.dumps(task).encode() + b"\n")
        return int(self._runner.stdout.readline())

    def killed(self, frame, *, requests, seconds):
        """Kill a run after so many requests and then so many seconds, unless it ends before."""
        process = self.begin(frame)
        until = time.monotonic() + DEADLINE_SECONDS
        goal = self._sandbox.requests + requests
        while self._sandbox.requests < goal and not self._has_ended(0.001):
            assert time.monotonic() < until, "the run stands still"
        if not self._has_ended(seconds):
            os.kill(process, signal.SIGKILL)
        self._runner.stdout.readline()
        self._count()

    def undisturbed(self, frame):
        """Return the results of a run that is not killed."""
        self.begin(frame)
        assert self._runner.stdout.readline() == b"0\n"
        self._count()
        return pd.read_pickle(self._folder / "results.pickle")

    def recorded(self):
        """Count the acceptances in the journal, without changing it."""
        if not self.journal.exists() or not self.journal.stat().st_size:
            return 0
        connection = sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True)
        try:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events'").fetchone()[0]
            return connection.execute("SELECT count(accepted_at) FROM events").fetchone()[0] if tables else 0
        finally:
            connection.close()

    def _count(self):
        """Note how many events this run has sent and not recorded; a few may still be on their way to the sandbox."""
        sent, recorded = self._sandbox.requests, self.recorded()
        self.in_the_air.append(sent - self._sent - (recorded - self._recorded))
        self._sent, self._recorded = sent, recorded

    def _has_ended(self, wait_seconds):
        return bool(select.select([self._runner.stdout], [], [], wait_seconds)[0])


@pytest.fixture(scope="module")
def runner():
    """A process that makes runs."""
    command = [sys.executable, "-c", RUNNER]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as runner:
        yield runner
        runner.stdin.close()


@pytest.fixture
def sandbox(start):
    """A sandbox that answers fast, but not so fast that nothing is ever in flight."""
    return start(faults=Faults(latency_seconds=0.01))


@pytest.fixture
def runs_of(runner, sandbox, tmp_path):
    """Return the runs of a policy for duplicates."""
    return lambda policy: Runs(runner, sandbox, tmp_path, policy)


@pytest.fixture
def chance():
    """Random numbers; a failing test shows their seed."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed: {seed}")  # noqa: T201  # See above.
    return random.Random(seed)


def orders(rows=ROWS, *, start=0):
    """Return rows that are all different events."""
    numbers = pd.Series(range(start, start + rows))
    return pd.DataFrame(
        {"who": "c" + (numbers % 500).astype(str), "second": 1_700_000_000 + numbers // 500, "n": numbers}
    )


def crowd(rows=ROWS, *, start=0):
    """Return rows of which ten share their contact and second, and three of these their metadata too."""
    numbers = pd.Series(range(start, start + rows))
    group, place = numbers // 10, numbers % 10
    return pd.DataFrame(
        {"who": "c" + (group % 100).astype(str), "second": 1_700_000_000 + 4 * (group // 100), "n": place.clip(upper=7)}
    )


def instants(chance, *, kills=KILLS, rows=ROWS):
    """Yield when to kill: after how many requests of a run, and how many seconds later."""
    for _ in range(kills):
        # Some before the first request: while the journal is made or read, and the rows are judged.
        is_early = chance.random() < 0.2
        yield (
            (0, chance.uniform(0, 0.2)) if is_early else (chance.randrange(2 * rows // kills), chance.uniform(0, 0.02))
        )


def numbered(frame, numbers):
    """Return the rows with metadata that no other row has."""
    return frame.assign(n=[next(numbers) for _ in frame.index])


def contents(frame):
    """Count the contents of a frame's rows, whatever their second."""
    return Counter(zip(frame["who"], frame["n"].tolist(), strict=True))


def kept(sandbox):
    """Count the contents of a sandbox's events."""
    return Counter((event.contact, event.metadata["n"]) for event in sandbox.events)


@pytest.mark.parametrize(
    ("policy", "is_shuffled", "kills", "rows"),
    [
        pytest.param("skip", False, KILLS, ROWS, id="skip"),
        pytest.param("spread", True, KILLS, ROWS, id="spread, shuffled"),
        pytest.param("spread", False, 10, 400, id="spread"),
        pytest.param("skip", True, 10, 400, id="skip, shuffled"),
    ],
)
def test_killed_runs_lose_nothing_and_repeat_what_was_in_flight(
    runs_of, sandbox, chance, policy, is_shuffled, kills, rows
):
    """*kill -9 at any instant; the next run submits what is missing and at most the events that were in flight.*"""
    frame = orders(rows) if policy == "skip" else crowd(rows)
    runs = runs_of(policy)
    for requests, seconds in instants(chance, kills=kills, rows=rows):
        runs.killed(frame, requests=requests, seconds=seconds)
        frame = frame.sample(frac=1, random_state=chance.randrange(1_000)) if is_shuffled else frame

    results = runs.undisturbed(frame)

    assert set(results["status"]) <= {"accepted", "already_submitted"}
    assert kept(sandbox) == contents(frame)
    assert runs.recorded() == rows
    assert sandbox.duplicates == sum(runs.in_the_air)
    assert max(runs.in_the_air) <= MOST_IN_FLIGHT


def test_killed_runs_over_a_frame_that_is_edited_lose_nothing(runs_of, sandbox, chance):
    """With `spread`, rows that are edited or added between kills are new events; the others stay the same events."""
    numbers = itertools.count()
    frame = numbered(crowd(1_000), numbers)
    submitted = contents(frame)
    runs = runs_of("spread")
    # At the end there are as many rows: twenty come after each kill.
    for requests, seconds in instants(chance, rows=2_000):
        runs.killed(frame, requests=requests, seconds=seconds)
        frame = frame.sample(frac=1, random_state=chance.randrange(1_000))
        added = crowd(20, start=chance.randrange(1_000))
        # The first twenty are edited: as many contents are new.
        frame = pd.concat([numbered(frame[:20], numbers), frame[20:], numbered(added, numbers)])
        submitted |= contents(frame)

    results = runs.undisturbed(frame)

    assert set(results["status"]) <= {"accepted", "already_submitted"}
    assert contents(frame) - kept(sandbox) == Counter()
    assert kept(sandbox) - submitted == Counter()
    assert max(runs.in_the_air) <= MOST_IN_FLIGHT
