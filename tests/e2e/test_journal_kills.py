"""Kill -9 at any instant: with one journal, runs go on until all events have arrived, each once."""

import itertools
import json
import os
import random
import select
import shutil
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
# At a kill, a run may have sent so many events without a record: requests in flight, and answers not yet on disk.
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

# Forks a process for each run, since loading pandas fifty times takes long. Each line of input starts a run; the
# two lines of output are its process id and its exit status.
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
    """Runs on one journal, each in a process of its own, which can be killed."""

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
        """Kill a run after a number of requests and then some seconds, unless it ends before."""
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
        """Count the acceptances in the journal, which stays unchanged."""
        if not self.journal.exists() or not self.journal.stat().st_size:
            return 0
        # SQLite must write to take back what a killed run had begun: it does so in a copy.
        copies = self._folder / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        for path in self.journal.parent.glob(f"{self.journal.name}*"):
            shutil.copy(path, copies)
        connection = sqlite3.connect(copies / self.journal.name)
        try:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events'").fetchone()[0]
            return connection.execute("SELECT count(accepted_at) FROM events").fetchone()[0] if tables else 0
        finally:
            connection.close()

    def _count(self):
        """Count the events that this run sent and did not record; the sandbox may still be receiving a few."""
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
    """A sandbox that answers fast, with a delay that keeps some events in flight."""
    return start(faults=Faults(latency_seconds=0.01))


@pytest.fixture
def runs_of(runner, sandbox, tmp_path):
    """Return a function that makes the runs of a policy for duplicates."""
    return lambda policy: Runs(runner, sandbox, tmp_path, policy)


@pytest.fixture
def chance():
    """Random numbers; the output of a failing test has their seed."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed: {seed}")  # noqa: T201  # See above.
    return random.Random(seed)


def orders(rows=ROWS, *, start=0):
    """Return rows that are different events."""
    numbers = pd.Series(range(start, start + rows))
    return pd.DataFrame(
        {"who": "c" + (numbers % 500).astype(str), "second": 1_700_000_000 + numbers // 500, "n": numbers}
    )


def crowd(rows=ROWS, *, start=0):
    """Return rows in groups of ten with the same contact and second; three rows of a group share their metadata too."""
    numbers = pd.Series(range(start, start + rows))
    group, place = numbers // 10, numbers % 10
    return pd.DataFrame(
        {"who": "c" + (group % 100).astype(str), "second": 1_700_000_000 + 4 * (group // 100), "n": place.clip(upper=7)}
    )


def instants(chance, *, kills=KILLS, rows=ROWS):
    """Yield the moments to kill a run: a number of requests, and a number of seconds after them."""
    for _ in range(kills):
        # Some come before the first request, while the run makes or reads the journal and checks the rows.
        is_early = chance.random() < 0.2
        yield (
            (0, chance.uniform(0, 0.2)) if is_early else (chance.randrange(2 * rows // kills), chance.uniform(0, 0.02))
        )


def numbered(frame, numbers):
    """Return the rows with metadata of their own."""
    return frame.assign(n=[next(numbers) for _ in frame.index])


def contents(frame):
    """Count the contents of a frame's rows without their seconds."""
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
def test_killed_runs_lose_nothing_and_repeat_only_events_in_flight(
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
    # The frame ends with as many rows, since each kill adds twenty.
    for requests, seconds in instants(chance, rows=2_000):
        runs.killed(frame, requests=requests, seconds=seconds)
        frame = frame.sample(frac=1, random_state=chance.randrange(1_000))
        added = crowd(20, start=chance.randrange(1_000))
        # The first twenty get new contents.
        frame = pd.concat([numbered(frame[:20], numbers), frame[20:], numbered(added, numbers)])
        submitted |= contents(frame)

    results = runs.undisturbed(frame)

    assert set(results["status"]) <= {"accepted", "already_submitted"}
    assert contents(frame) - kept(sandbox) == Counter()
    assert kept(sandbox) - submitted == Counter()
    assert max(runs.in_the_air) <= MOST_IN_FLIGHT
