"""The cost of the journal: throughput while a run records, a second run over rows that are all there, and its size.

Runs with and without a journal alternate. Each has a sandbox of its own, in a process of its own, so that no two runs
share a window of the rate limit. The code of a run fills the journal of a million rows, in the order of the rows and
not of their digests, and sends nothing.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from submission import LATENCY_SECONDS, MAPPING, Cost, Server, cost, orders

import events_pandas as ep
from events_pandas import intercom
from events_pandas.check import check_rows, chunk_bounds
from events_pandas.convert import Converter
from events_pandas.deliver import Answer
from events_pandas.deliver.journal import Fingerprint, Journal, RunFacts
from events_pandas.deliver.journal.opening import connect, transaction
from events_pandas.deliver.journal.tables import Acceptance, accept_events
from events_pandas.deliver.journal.troubles import BUSY_SECONDS
from events_pandas.mapping import bind
from events_pandas.results import RowOutcomes
from events_pandas.run.frames import OpenFrame

LIMIT = 10_000
REPEATS = 5
LARGEST_COST = 0.03
ROWS = 1_000_000
MOST_SECONDS = 15
MOST_SECONDS_OF_FILE = 10
MOST_BYTES = 100

# Prints its address, then serves until its input ends.
SERVER = f"""
import json, sys
from events_pandas.sandbox import Faults, Sandbox

with Sandbox(faults=Faults(latency_seconds={LATENCY_SECONDS}), limit=json.loads(sys.argv[1])) as sandbox:
    print(json.dumps([sandbox.url, sandbox.access_token]), flush=True)
    sys.stdin.read()
"""

WORKSPACE = "ab12cd34"
FILL_CHUNK = 10_000
ROWS_OF_A_COMMIT = 20
"""The size of the writer's groups at 1,000 events a second."""
SPREAD_ROWS = 5
"""Rows that share their contact and second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """The cost of an event in runs without and with a journal: medians of several."""

    seconds: tuple[float, float]
    processor_seconds: tuple[float, float]

    @property
    def loss(self) -> float:
        """The part of the throughput that the journal costs."""
        without, recorded = self.seconds
        return 1 - without / recorded


class NobodyClient:
    """A client that names a workspace and refuses events."""

    def me(self) -> Answer:
        """Answer as Intercom does."""
        app = {"type": "app", "id_code": WORKSPACE, "name": "Acme", "region": "US"}
        headers = {intercom.LIMIT_HEADER: "10000", intercom.REMAINING_HEADER: "9999"}
        return Answer(status=200, headers=headers, body=json.dumps({"type": "admin", "app": app}).encode())

    def post_event(self, payload: bytes) -> Answer:
        """Refuse the event."""
        raise AssertionError(payload)


@contextlib.contextmanager
def sandbox(limit: int | None) -> Iterator[Server]:
    """Start the sandbox's process, and stop it at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, json.dumps(limit)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url, access_token = json.loads(process.stdout.readline())
        # Leaving the block closes the server's input, which ends the server.
        yield Server(url=url, access_token=access_token)


def submitting(server: Server, journal: Path | None) -> Callable[[pd.DataFrame], None]:
    """Return a function that submits a frame, with a journal or without."""

    def submit(frame: pd.DataFrame) -> None:
        with ep.IntercomClient(server.access_token, base_url=server.url) as client:
            results = ep.submit_events(frame, MAPPING, client=client, journal=journal, progress=False)
        assert (results["status"] == "accepted").all()

    return submit


def recorded(folder: Path, limit: int | None) -> Recorded:
    """Measure runs without and with a journal, in turns."""
    frame = orders(LIMIT)
    costs = []
    for _ in range(REPEATS):
        pair = []
        for journal in (None, folder / f"{uuid.uuid4()}.sqlite"):
            with sandbox(limit) as server:
                pair.append(cost(submitting(server, journal), frame))
        costs.append(pair)
    without, journaled = zip(*costs, strict=True)
    return Recorded(
        seconds=(_median(without, "seconds"), _median(journaled, "seconds")),
        processor_seconds=(_median(without, "processor_seconds"), _median(journaled, "processor_seconds")),
    )


def _median(costs: tuple[Cost, ...], name: str) -> float:
    return statistics.median(getattr(each, name) for each in costs)


def crowd(rows: int) -> pd.DataFrame:
    """Return orders in groups that share their contact and second."""
    frame = orders(rows)
    return frame.assign(
        ordered_at=pd.Timestamp("2024-01-01", tz="UTC"), customer_id=(frame.index // SPREAD_ROWS).astype(str)
    )


def fill(path: Path, frame: pd.DataFrame, mapping: ep.EventMapping) -> None:
    """Write a frame into a journal, as a run that has accepted all of it."""
    journal = Journal(path, workspace=WORKSPACE)
    # The rows belong to this run, which is an earlier one than the measured run.
    journal.begin_run(RunFacts(started_at=datetime.now(UTC), source="a benchmark", mapping="none"))
    converter = Converter(bind(frame, mapping))
    checked = check_rows(converter, len(frame), now=time.time())
    opened = OpenFrame(
        converter=converter,
        checked=checked,
        row_outcomes=RowOutcomes(checked, frame.index),
        chunks=list(chunk_bounds(len(frame), FILL_CHUNK)),
        journal=journal,
    )
    for start, stop in opened.chunks:
        accept(journal, [event.fingerprint for event in opened.events(start, stop) if event.fingerprint])
    journal.close()


def accept(journal: Journal, fingerprints: list[Fingerprint]) -> None:
    """Write fingerprints in groups, as the writer does, but wait for the disk once."""
    # Without the writer, which would wait for the disk with every group.
    with contextlib.closing(connect(journal.path, BUSY_SECONDS)) as connection, transaction(connection):
        for start in range(0, len(fingerprints), ROWS_OF_A_COMMIT):
            group = fingerprints[start : start + ROWS_OF_A_COMMIT]
            acceptances = [Acceptance(fingerprint, time.time(), str(uuid.uuid4())) for fingerprint in group]
            accept_events(connection, acceptances, run=journal.run)


def repeating(path: Path, mapping: ep.EventMapping) -> Callable[[pd.DataFrame], None]:
    """Return a function that submits a frame with all rows in the journal."""

    def submit(frame: pd.DataFrame) -> None:
        results = ep.submit_events(frame, mapping, client=NobodyClient(), journal=path, progress=False)
        assert (results["status"] == "already_submitted").all()

    return submit


def repeating_file(source: Path, journal: Path, mapping: ep.EventMapping) -> Callable[[pd.DataFrame], None]:
    """Return a function that submits the file of a frame, with all rows in the journal, and writes its results."""

    def submit(frame: pd.DataFrame) -> None:
        outputs = {"results_path": source.with_name("results.csv"), "progress": False}
        results = ep.submit_file(source, mapping, client=NobodyClient(), journal=journal, **outputs)
        assert results["status"].tolist() == ["already_submitted"] * len(frame)

    return submit


def print_cost(folder: Path, heading: str, limit: int | None, goal: str) -> None:
    """Print the cost of recording."""
    costs = recorded(folder, limit)
    print(f"Journal: {LIMIT:,} events, {LATENCY_SECONDS * 1000:.0f} ms latency, {heading}, median of {REPEATS}")
    for place, name in enumerate(("without", "with a journal")):
        rate, processor = 1 / costs.seconds[place], costs.processor_seconds[place] * 1000
        print(f"{name:36} {rate:>12,.0f} events/s {processor:>8.2f} ms of processor time an event")
    print(f"{'throughput that it costs':36} {costs.loss:>12.1%}    {goal}", flush=True)


def print_repeat(folder: Path, frame: pd.DataFrame, policy: str) -> None:
    """Print the cost of a second run, and the size of the journal."""
    path, mapping = folder / f"{policy}.sqlite", replace(MAPPING, duplicates=policy)
    fill(path, frame, mapping)
    size = path.stat().st_size / len(frame)
    print(f'Journal: {len(frame):,} rows that are in it, duplicates="{policy}"')
    print(f"{'bytes an event':36} {size:>12.1f}      goal: at most {MOST_BYTES}")
    print_second_run("a second run", cost(repeating(path, mapping), frame), frame, most_seconds=MOST_SECONDS)
    for suffix in (".parquet", ".csv"):
        source = folder / f"{policy}{suffix}"
        if suffix == ".csv":
            frame.to_csv(source, index=False)
        else:
            frame.to_parquet(source, index=False)
        each = cost(repeating_file(source, path, mapping), frame)
        print_second_run(f"one over a {suffix} file", each, frame, most_seconds=MOST_SECONDS_OF_FILE)


def print_second_run(what: str, each: Cost, frame: pd.DataFrame, *, most_seconds: float) -> None:
    """Print how long a second run takes, with its results in a file if its rows come from one."""
    seconds, processor_seconds = each.seconds * len(frame), each.processor_seconds * len(frame)
    print(f"{f'seconds of {what}':36} {seconds:>12.1f}      goal: at most {most_seconds}")
    print(f"{'processor time of it':36} {processor_seconds:>12.1f} s", flush=True)


def main() -> None:
    """Print the cost of the journal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print_cost(folder, "1,000 events/s allowed", LIMIT, f"goal: at most {LARGEST_COST:.0%}")
        print_cost(folder, "no limit", None, "")
        print_repeat(folder, orders(ROWS), "skip")
        print_repeat(folder, crowd(ROWS), "spread")


if __name__ == "__main__":
    main()
