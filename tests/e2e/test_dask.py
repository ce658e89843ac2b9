"""Dask: the same answer as one machine, one stage however often it is begun, and nothing that is sent by looking."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import cloudpickle
import dask
import dask.dataframe as dd
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import events_pandas as ep
from events_pandas.deliver import MAX_CONCURRENCY
from events_pandas.engines.dask import check_events, stage_events, submit_events

pytestmark = pytest.mark.engines

OPTIONS = {"keys": ["purchase"], "journal": None, "progress": False}
CONCURRENCY = 16
# At a kill, so many events may be at the server without a record: requests in flight, and answers not yet on disk.
MOST_IN_FLIGHT = CONCURRENCY + MAX_CONCURRENCY
VERDICT = ["status", "error_code", "error_message"]
MAPPING = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; what this file defines is sent to them."""
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    # A worker that is killed is started again, as on a real cluster.
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster
    cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture
def workers(cluster):
    """Let Dask compute on the two workers."""
    with Client(cluster) as client:
        yield client


@pytest.fixture
def purchases(samples):
    """The real purchases, each with a key."""
    return pd.read_csv(samples / "purchases.csv", dtype=str).assign(purchase=range(3_316))


def rows(start, n_rows=5):
    numbers = range(start, start + n_rows)
    return pd.DataFrame({"who": [f"{number:05d}" for number in numbers], "day": "2024-01-31", "n": numbers})


def noted(number, log):
    """Return the rows of a partition, and note that it was read."""
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{number}\n")
    return rows(5 * number)


def source(log, npartitions=12):
    return dd.from_map(noted, range(npartitions), log=str(log), meta=rows(0).head(0))


def times_read(log):
    return sorted(map(int, log.read_text().split()))


def verdicts(results):
    """Return what became of each row, by its key."""
    cells = results[VERDICT].astype(object)
    return dict(
        zip(results["purchase"], cells.where(cells.notna(), None).itertuples(index=False, name=None), strict=True)
    )


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["sorted", "shuffled"])
@pytest.mark.parametrize(
    "npartitions", [pytest.param(1, marks=pytest.mark.slow), 7, pytest.param(40, marks=pytest.mark.slow)]
)
def test_purchases_have_the_answer_of_one_machine(fake_client, samples, purchases, tmp_path, npartitions, is_shuffled):
    """Status, code and message are those of one process, row for row by the key of the caller."""
    mapping = ep.EventMapping.from_toml(samples / "purchases.toml")
    alone = ep.submit_events(purchases, mapping, client=fake_client(), **OPTIONS)
    given = purchases.sample(frac=1, random_state=7) if is_shuffled else purchases

    results = submit_events(
        dd.from_pandas(given, npartitions=npartitions, sort=False),
        mapping,
        stage=tmp_path / "stage",
        results=tmp_path / "results",
        order_by=["purchase"] if is_shuffled else [],
        client=fake_client(),
        **OPTIONS,
    )

    assert verdicts(results.compute()) == verdicts(alone)
    assert alone["status"].value_counts()[["accepted", "duplicate", "invalid"]].tolist() == [3_168, 144, 4]


def test_purchases_that_are_spread_have_the_statuses_of_one_machine(fake_client, samples, purchases, tmp_path):
    """Every valid row is accepted; only the seconds of rows that are alike depend on the chunks."""
    text = (samples / "purchases.toml").read_text().replace("timezone", 'duplicates = "spread"\ntimezone')
    (tmp_path / "spread.toml").write_text(text)
    mapping = ep.EventMapping.from_toml(tmp_path / "spread.toml")
    alone = ep.submit_events(purchases, mapping, client=fake_client(), **OPTIONS)

    results = submit_events(
        dd.from_pandas(purchases.sample(frac=1, random_state=7), npartitions=12, sort=False),
        mapping,
        stage=tmp_path / "stage",
        results=tmp_path / "results",
        client=fake_client(),
        **OPTIONS,
    ).compute()

    statuses = {key: status for key, (status, *_) in verdicts(results).items()}
    assert statuses == {key: status for key, (status, *_) in verdicts(alone).items()}


@pytest.mark.parametrize("npartitions", [1, 12])
def test_check_reports_what_one_machine_reports(samples, purchases, npartitions):
    """The report has the same text, problems and first events."""
    mapping = ep.EventMapping.from_toml(samples / "purchases.toml")
    alone = ep.check_events(purchases, mapping)

    report = check_events(dd.from_pandas(purchases, npartitions=npartitions, sort=False), mapping)

    assert str(report) == str(alone)
    assert report.payloads(100) == alone.payloads(100)
    pd.testing.assert_frame_equal(report.problems, alone.problems, check_dtype=False)


def test_results_are_not_sent_by_looking(sandbox, client, tmp_path):
    """The frame that comes back reads the written results: computing it in any way sends no event."""
    frame = dd.from_pandas(rows(0, 60), npartitions=12, sort=False)
    folders = {"stage": tmp_path / "stage", "results": tmp_path / "results"}
    results = submit_events(frame, MAPPING, **folders, client=client, progress=False, keys=["n"])
    before = (sandbox.requests, len(sandbox.events))

    looks = [results.compute(), results.persist().compute(), results.head(60), len(results), repr(results)]

    assert before[1] == 60
    assert (sandbox.requests, len(sandbox.events)) == before
    assert looks[0]["n"].tolist() == list(range(60))
    assert looks[3] == 60


@pytest.mark.usefixtures("workers")
def test_workers_read_each_partition_once(tmp_path):
    """Also below a shuffle, whose sources all of its partitions need; the rows are whole and in order."""
    for name, frame, order_by in [
        ("plain", source(tmp_path / "plain.txt"), []),
        ("sorted", source(tmp_path / "sorted.txt"), ["n"]),
        ("shuffled", source(tmp_path / "shuffled.txt").shuffle("who", npartitions=7), ["n"]),
    ]:
        stage = stage_events(frame, MAPPING, tmp_path / name, keys=["n"], order_by=order_by)

        assert times_read(tmp_path / f"{name}.txt") == list(range(12))
        assert ep.check_file(stage, MAPPING).valid == 60
        assert pd.read_parquet(sorted(stage.glob("part-*")))["n"].tolist() == list(range(60))


@pytest.mark.usefixtures("workers")
def test_check_on_workers_reads_each_partition_once(tmp_path):
    """The partitions come to this process as soon as they are ready, and are judged in their order."""
    log = tmp_path / "read.txt"

    report = check_events(source(log).shuffle("who", npartitions=7), MAPPING)
    in_order = check_events(source(tmp_path / "again.txt"), MAPPING)

    assert times_read(log) == list(range(12))
    assert report.valid == 60
    assert [event["user_id"] for event in in_order.payloads(60)] == [f"{number:05d}" for number in range(60)]


def die_once(number, log, mark):
    """Kill the worker in the middle of a partition, the first time."""
    path = Path(mark)
    if number == 6 and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return noted(number, log)


@pytest.mark.slow
@pytest.mark.usefixtures("workers")
def test_stage_is_whole_when_a_worker_is_killed(tmp_path):
    """Its partitions are computed again by another worker, and no row is there twice."""
    log, mark = str(tmp_path / "read.txt"), str(tmp_path / "killed")
    frame = dd.from_map(die_once, range(12), log=log, mark=mark, meta=rows(0).head(0))

    stage = stage_events(frame, MAPPING, tmp_path / "stage", keys=["n"])

    assert Path(mark).exists()
    assert pd.read_parquet(sorted(stage.glob("part-*")))["n"].tolist() == list(range(60))
    assert {path.name[:5] for path in stage.iterdir()} == {"_mani", "part-"}


@pytest.mark.usefixtures("workers")
def test_stage_that_workers_do_not_see_is_refused(tmp_path):
    """A folder of the driver alone is named, with the cure."""
    frame = dd.from_map(hiding, [str(tmp_path / "stage")], meta=rows(0).head(0))

    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, MAPPING, tmp_path / "stage")

    cure = "name a folder that the workers and this machine share"
    assert str(raised.value) == f"{tmp_path / 'stage'}: a worker has no such folder: {cure}"


def hiding(stage):
    """Let the folder of the stage be gone, as on another machine."""
    for of_run in Path(stage).glob("_run-*"):
        of_run.rename(Path(stage).with_name("hidden"))
    return rows(0)


KILLED_STAGE = """
import os, signal
import dask.dataframe as dd
import pandas as pd
import events_pandas as ep
from events_pandas.engines.dask import stage_events

def read(number, driver):
    if number == 9:
        os.kill(driver, signal.SIGKILL)
    return pd.DataFrame({"who": [f"{number:05d}"], "day": ["2024-01-31"], "n": [number]})

if __name__ == "__main__":
    {start}
    frame = dd.from_map(read, range(12), driver=os.getpid(), meta=pd.DataFrame({"who": ["a"], "day": ["b"], "n": [1]}))
    mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    stage_events(frame, mapping, "stage", keys=["n"])
"""
ON_WORKERS = (
    "from distributed import Client; client = Client(n_workers=2, threads_per_worker=1, dashboard_address=None)"
)


@pytest.mark.slow
@pytest.mark.parametrize("on", ["pass", ON_WORKERS], ids=["threads", "workers"])
def test_stage_of_a_killed_driver_is_replaced(tmp_path, on):
    """Kill -9 leaves a folder that nobody takes for a stage; the next start writes all of it, with other partitions."""
    (tmp_path / "stage.py").write_text(KILLED_STAGE.replace("{start}", on))
    killed = subprocess.run([sys.executable, "stage.py"], cwd=tmp_path, check=False, timeout=100, capture_output=True)
    stage = tmp_path / "stage"

    with pytest.raises(ep.SourceError) as raised:
        ep.check_file(stage, MAPPING)
    frame = dd.from_pandas(rows(0, 12), npartitions=3, sort=False)
    stage_events(frame, MAPPING, stage, keys=["n"])

    assert killed.returncode == -signal.SIGKILL
    assert "is a stage that is not complete" in str(raised.value)
    assert pd.read_parquet(sorted(stage.glob("part-*")))["n"].tolist() == list(range(12))
    assert {path.name[:5] for path in stage.iterdir()} == {"_mani", "part-"}


KILLED_SENDING = """
import os, signal, sys
import dask.dataframe as dd
import pandas as pd
import events_pandas as ep
from events_pandas.engines.dask import submit_events

def watch(progress):
    if sum(progress.counts.values()) >= 300 and {kills}:
        os.kill(os.getpid(), signal.SIGKILL)

rows = pd.DataFrame({"who": [f"{number:05d}" for number in range(1_000)], "day": "2024-01-31", "n": range(1_000)})
mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
results = submit_events(
    {frame}, mapping, stage="stage", results="results", overwrite={overwrite},
    client=ep.IntercomClient(base_url="{url}"), journal="journal.sqlite", keys=["n"], progress=watch,
    concurrency={concurrency},
)
print(results["n"].compute().tolist() == list(range(1_000)), results["status"].compute().value_counts().to_dict())
"""


@pytest.fixture
def send(start, tmp_path):
    """Run a program that submits 1,000 rows to a sandbox, and may be killed when 300 of them are there."""
    sandbox = start(faults=ep.Faults(latency_seconds=0.02))
    rows(0, 1_000).assign(day="2024-01-31").to_parquet(tmp_path / "orders.parquet", row_group_size=100)
    rows(0, 1_000).to_csv(tmp_path / "orders.csv", index=False)

    def run(frame, *, kills, overwrite=False):
        facts = {"frame": frame, "kills": kills, "overwrite": overwrite, "url": sandbox.url, "concurrency": CONCURRENCY}
        program = KILLED_SENDING
        for name, fact in facts.items():
            program = program.replace(f"{{{name}}}", str(fact))
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            cwd=tmp_path,
            check=False,
            timeout=100,
            capture_output=True,
            text=True,
            env={**os.environ, "INTERCOM_ACCESS_TOKEN": sandbox.access_token},
        )

    run.sandbox = sandbox
    return run


def require_each_once(sandbox):
    assert sorted(event.contact for event in sandbox.events) == [f"{number:05d}" for number in range(1_000)]
    assert sandbox.duplicates <= MOST_IN_FLIGHT


TEXT = 'dtype={"who": "string"}'
OLD_DASK = pytest.mark.skipif(dask.__version__ < "2026", reason="old Dask has other names for CSV in each process")


@pytest.mark.parametrize(
    "frame",
    [
        "dd.from_pandas(rows, npartitions=7, sort=False)",
        "dd.read_parquet('orders.parquet', split_row_groups=True).assign(day=lambda each: each['day'].str[:10])",
        pytest.param(f"dd.read_csv('orders.csv', {TEXT}, blocksize=2_000)", marks=OLD_DASK),
    ],
    ids=["pandas", "parquet", "csv"],
)
def test_killed_driver_that_was_sending_goes_on_with_its_stage(send, tmp_path, frame):
    """The same program in another process uses the stage as it is, and each event is once at the server."""
    killed = send(frame, kills=True)
    arrived = len(send.sandbox.events)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("stage/*")}

    again = send(frame, kills=False)

    assert killed.returncode == -signal.SIGKILL
    assert 300 <= arrived < 1_000
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("True {")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("stage/*")} == before
    require_each_once(send.sandbox)


@pytest.mark.slow
def test_killed_driver_that_was_sending_goes_on_with_other_partitions(send):
    """Other partitions are another order, which the caller has to want; then each event is once at the server."""
    frame = "dd.from_pandas(rows, npartitions={}, sort=False)"
    killed = send(frame.format(12), kills=True)
    arrived = len(send.sandbox.events)

    refused = send(frame.format(5), kills=False)
    again = send(frame.format(5), kills=False, overwrite=True)

    assert killed.returncode == -signal.SIGKILL
    assert 300 <= arrived < 1_000
    assert "is a stage already, and differs from what is asked for (partitions, rows): " in refused.stderr
    assert len(send.sandbox.events) == 1_000
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("True {")
    require_each_once(send.sandbox)


INTERRUPTED = """
import contextlib, os, signal, threading
import dask.dataframe as dd
import pandas as pd
import events_pandas as ep
from events_pandas.engines.dask import stage_events

def read(number, driver):
    with open("read.txt", "a") as file:
        file.write(f"{number}\\n")
    with contextlib.suppress(FileExistsError):
        open("sent", "x").close()
        # Python would not see a signal that comes just as its main thread begins to wait for this one.
        threading.Event().wait(0.5)
        os.kill(driver, signal.SIGINT)
    while not os.path.exists("interrupted"):
        threading.Event().wait(0.01)
    return pd.DataFrame({"who": [f"{number:05d}"], "day": ["2024-01-31"], "n": [number]})

if __name__ == "__main__":
    client = None
    {start}
    frame = dd.from_map(read, range(40), driver=os.getpid(), meta=pd.DataFrame({"who": ["a"], "day": ["b"], "n": [1]}))
    mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    try:
        stage_events(frame, mapping, "stage", keys=["n"], progress=True)
    except KeyboardInterrupt:
        open("interrupted", "w").close()
        while client and client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            threading.Event().wait(0.01)
        raise
"""


@pytest.mark.slow
@pytest.mark.parametrize("on", ["pass", ON_WORKERS], ids=["threads", "workers"])
def test_interrupt_ends_a_stage(tmp_path, on):
    """Ctrl-C cancels the partitions that are not begun, leaves nothing in the folder, and says how to go on."""
    (tmp_path / "stage.py").write_text(INTERRUPTED.replace("{start}", on))

    interrupted = subprocess.run(
        [sys.executable, "-W", "ignore", "stage.py"],
        cwd=tmp_path,
        check=False,
        timeout=100,
        capture_output=True,
        text=True,
    )

    assert interrupted.returncode == -signal.SIGINT
    assert interrupted.stderr.startswith("staging (partitions): 0% ended early: 0 of 40, after ")
    fault = "staging was interrupted: nothing was sent, and no part is kept: start it again to write all of it"
    assert f"\nKeyboardInterrupt: {tmp_path / 'stage'}: {fault}\n" in interrupted.stderr
    assert "Task exception was never retrieved" not in interrupted.stderr
    assert len(times_read(tmp_path / "read.txt")) < 10
    assert not (tmp_path / "stage").exists()
