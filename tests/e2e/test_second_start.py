"""A job that is started twice: the second start is refused, waits, or takes over from a killed one."""

import os
import platform
import re
import signal
import threading

import pytest

from events_pandas import Faults, RunUnderWayError, iter_submit, runs, submit_events, submit_file
from events_pandas.deliver.journal.lockfile import LockFile

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 30.0
UNDER_WAY = (
    r"a run of the same files and mapping is under way: process \d+ on .+, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
)


# A run waits in an outage until the test ends it.
OUTAGE = Faults(statuses={503: 1.0})


@pytest.fixture
def sandbox(start):
    """A sandbox whose latency keeps a run of some events busy."""
    return start(faults=Faults(latency_seconds=0.05))


@pytest.fixture
def job(folder, launch, sandbox, make_orders):
    """Start to submit the hundred rows of `orders.csv`, one request at a time, or with other options."""
    make_orders(100).to_csv(folder / "orders.csv", index=False)

    def job(*more, file="orders.csv", mapping="mapping.toml"):
        options = ["--mapping", mapping, "--base-url", sandbox.url, "--journal", "journal.sqlite"]
        return launch("submit", file, *options, "--concurrency", "1", *more, INTERCOM_ACCESS_TOKEN="sandbox-token")

    return job


def end(process):
    """Wait for the end of a process; return its exit code and the last line of its standard error."""
    _, stderr = process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode, ([*stderr.splitlines(), ""])[-1 if not stderr else -2]


def test_second_start_is_refused_with_the_process_of_the_first(job, sandbox, folder, wait_until):
    """The second start ends with exit code 3, sends nothing, and leaves the results of the first alone."""
    sandbox.faults = OUTAGE
    first = job("--results", "results.csv")
    wait_until(lambda: sandbox.requests)

    code, said = end(job("--results", "results.csv"))

    sandbox.faults = Faults()
    assert code == 3
    assert re.fullmatch(
        rf"error: {re.escape(str(folder))}/journal.sqlite: {UNDER_WAY}: wait until it has ended, or add --wait", said
    )
    assert f"process {first.pid} on {platform.node()}, since" in said
    assert end(first)[0] == 0
    assert (len(sandbox.events), sandbox.duplicates) == (100, 0)
    assert len((folder / "results.csv").read_text().splitlines()) == 101
    assert runs("journal.sqlite")["outcome"].tolist() == ["complete"]


def test_second_start_takes_over_at_once_from_a_killed_first(job, sandbox, wait_until):
    """*kill -9 at any instant*: nothing is left behind that blocks."""
    first = job()
    wait_until(lambda: len(sandbox.events) > 5)
    first.send_signal(signal.SIGKILL)
    first.communicate()

    code, _ = end(job("--concurrency", "20"))

    assert code == 0
    assert len(sandbox.events) == 100


def test_second_start_waits_when_it_is_told_to(job, sandbox, folder, wait_until):
    """With `--wait` the second run begins after the end of the first, and finds nothing left to send."""
    sandbox.faults = OUTAGE
    first = job()
    wait_until(lambda: sandbox.requests)
    second = job("--wait", "--log-json", "second.jsonl")
    said = next(line for line in iter(second.stderr.readline, "") if "waits: " in line)

    sandbox.faults = Faults()
    stdout, stderr = second.communicate(timeout=DEADLINE_SECONDS)

    assert end(first)[0] == 0
    assert second.returncode == 0
    assert re.fullmatch(rf"submitting: waits: {UNDER_WAY}\n", said)
    assert "100 already_submitted" in stdout
    assert "at the same time" not in stdout + stderr
    assert (len(sandbox.events), sandbox.duplicates) == (100, 0)
    assert '"run": 2' in (folder / "second.jsonl").read_text()


def test_signal_ends_the_wait_for_the_first_run(job, sandbox, wait_until):
    """SIGTERM ends a run that waits: none of its rows was sent."""
    sandbox.faults = OUTAGE
    first = job()
    wait_until(lambda: sandbox.requests)
    second = job("--wait")
    # It waits when it has said so.
    assert any("waits: " in line for line in iter(second.stderr.readline, ""))

    second.send_signal(signal.SIGTERM)
    _, stderr = second.communicate(timeout=DEADLINE_SECONDS)

    sandbox.faults = Faults()
    assert second.returncode == 143
    assert "nothing was sent" in stderr.splitlines()[-1]
    assert end(first)[0] == 0


def test_files_of_an_earlier_run_stay_if_the_wait_is_ended(job, sandbox, folder, wait_until):
    """A run that has sent nothing does not replace the results and the rejects of the night before."""
    (folder / "results.csv").write_text("row,status,http_status\n0,accepted,202\n")
    (folder / "rejects.csv").write_text("who,day,row,status\n7,2024-01-01,0,invalid\n")
    before = {path.name: path.read_text() for path in folder.glob("re*")}
    sandbox.faults = OUTAGE
    first = job()
    wait_until(lambda: sandbox.requests)
    second = job("--wait", "--results", "results.csv", "--rejects", "rejects.csv")
    assert any("waits: " in line for line in iter(second.stderr.readline, ""))

    second.send_signal(signal.SIGTERM)
    _, stderr = second.communicate(timeout=DEADLINE_SECONDS)

    sandbox.faults = Faults()
    assert second.returncode == 143
    assert {path.name: path.read_text() for path in folder.glob("re*")} == before
    kept = "not written, as nothing was sent: results.csv and rejects.csv (files of an earlier run stay)"
    assert kept in stderr
    assert end(first)[0] == 0


def test_second_start_with_another_mapping_or_file_is_another_job(job, sandbox, folder, make_orders, wait_until):
    """One file may be submitted with two mappings at once, and two files with one mapping."""
    (folder / "other.toml").write_text((folder / "mapping.toml").read_text().replace("placed-order", "paid"))
    make_orders(100, start=500).to_csv(folder / "more.csv", index=False)
    first = job()
    wait_until(lambda: sandbox.events)

    others = [job("--concurrency", "20", mapping="other.toml"), job("--concurrency", "20", file="more.csv")]

    assert [end(other)[0] for other in [first, *others]] == [0, 0, 0]
    assert len(sandbox.events) == 300


def test_second_start_without_a_journal_is_not_noticed(job, wait_until, sandbox):
    """The journal is the place where runs meet: without one there is no lock."""
    first = job("--journal", "none")
    wait_until(lambda: sandbox.events)

    assert end(job("--journal", "none", "--concurrency", "20"))[0] == 0
    assert end(first)[0] == 0


@pytest.fixture
def second(folder, sandbox, make_orders, mapping):
    """Submit a file while a run of it is under way in another thread; return what the second run returned."""
    make_orders(100).to_csv(folder / "orders.csv", index=False)
    has_begun = threading.Event()

    def submit(path="orders.csv", **options):
        with sandbox.client() as client:
            given = {"client": client, "journal": folder / "journal.sqlite", "progress": False, **options}
            return submit_file(path, mapping, **given)

    def second(path="orders.csv", **options):
        first = threading.Thread(
            target=submit,
            kwargs={"concurrency": 1, "progress": lambda progress: progress.rows and has_begun.set()},
        )
        first.start()
        try:
            assert has_begun.wait(DEADLINE_SECONDS)
            return submit(path, **options)
        finally:
            first.join()

    return second


def test_second_run_in_the_library_warns_and_goes_on(second, sandbox):
    """By default both runs go on, and no event is in Intercom twice."""
    with pytest.warns(UserWarning, match=rf"^{UNDER_WAY}$"):
        results = second()

    assert set(results["status"]) <= {"accepted", "already_submitted"}
    assert len(sandbox.events) == 100


def test_second_run_in_the_library_is_refused_when_it_is_to_be_alone(second, sandbox):
    """With `wait_seconds` it waits so long, and is refused then: threads of one process are runs, too."""
    with pytest.raises(RunUnderWayError, match=UNDER_WAY) as caught:
        second(wait_seconds=0.5)

    assert caught.value.process == os.getpid()
    assert sandbox.requests == 100


def test_second_run_in_the_library_waits_for_the_first(second, sandbox):
    """When the first has ended in time, the second begins."""
    results = second(wait_seconds=60)

    assert set(results["status"]) == {"already_submitted"}
    assert results.attrs["run"]["other_runs"] == []
    assert sandbox.requests == 100


def test_second_run_through_a_link_is_the_same_job(second, folder):
    """The real path of a file counts, not how it was written."""
    (folder / "link.csv").symlink_to("orders.csv")

    with pytest.raises(RunUnderWayError):
        second(folder / "link.csv", wait_seconds=0)


def test_frames_of_two_runs_are_never_the_same_job(make_orders, mapping, client, folder, recwarn):
    """A frame has no name: the results say that another run is under way, and nothing is refused."""
    orders = make_orders(4)
    options = {"client": client, "journal": folder / "journal.sqlite", "progress": False}
    stream = iter_submit([orders[:2], orders[2:]], mapping, **options)
    next(stream)

    results = submit_events(orders, mapping, **options)

    stream.close()
    assert [other["process"] for other in results.attrs["run"]["other_runs"]] == [os.getpid()]
    assert not recwarn


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_finds_the_run_of_its_parent(folder, sandbox, make_orders, mapping):
    """A child has a copy of its parent's memory, and its run is still another one."""
    make_orders(20).to_csv(folder / "orders.csv", index=False)
    codes = []

    def fork(progress):
        if progress.rows and not codes:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    with sandbox.client() as own:
                        submit_file(
                            "orders.csv", mapping, client=own, journal="j.sqlite", wait_seconds=0, progress=False
                        )
                except RunUnderWayError as error:
                    code = 7 if error.process == os.getppid() else 2
                finally:
                    os._exit(code)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with sandbox.client() as client:
        results = submit_file("orders.csv", mapping, client=client, journal="j.sqlite", progress=fork, concurrency=1)

    assert codes == [7]
    assert set(results["status"]) == {"accepted"}


def test_run_waits_for_a_run_that_has_the_journal_for_itself(folder, sandbox, make_orders, mapping):
    """Where files cannot be locked, a lock file keeps the journal for one run: the refusal is the same error."""
    make_orders(2).to_csv(folder / "orders.csv", index=False)
    options = {"journal": folder / "journal.sqlite", "progress": False}
    lock = LockFile.take(folder / "journal.sqlite")

    with sandbox.client() as client:
        with pytest.raises(RunUnderWayError, match="keeps other runs from the journal") as caught:
            submit_file("orders.csv", mapping, client=client, wait_seconds=0, **options)
        threading.Timer(0.5, lock.release).start()
        results = submit_file("orders.csv", mapping, client=client, wait_seconds=60, **options)

    assert caught.value.process == os.getpid()
    assert results["status"].tolist() == ["accepted", "accepted"]
