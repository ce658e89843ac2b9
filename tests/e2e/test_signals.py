"""SIGTERM and SIGHUP: the system ends a command, and the command writes its results, as after Ctrl-C."""

import signal
import socket
import subprocess

import pandas as pd
import pytest

from events_pandas import Faults

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 20.0
GOING_ON = (
    "the run was interrupted: to go on, submit all rows again; the journal skips the accepted ones, "
    "and without a journal Intercom ignores repeats"
)
UNSENT = "the run was interrupted before the first event: nothing was sent, submit all rows again"


@pytest.fixture
def submit(folder, launch):
    """Start to submit a file of the folder to an address."""

    def submit(orders, url, *more):
        orders.to_csv(folder / "orders.csv", index=False)
        arguments = ("submit", "orders.csv", "-m", "mapping.toml", "--base-url", url, "--results", "results.csv")
        return launch(*arguments, "--rejects", "rejects.csv", *more, INTERCOM_ACCESS_TOKEN="sandbox-token")

    return submit


def send(process, number):
    process.send_signal(number)
    return process.communicate(timeout=DEADLINE_SECONDS)


def test_signal_ends_a_run_with_its_results(folder, make_orders, start, submit, wait_until, held):
    """After SIGTERM the results have every row, rejects leave out rows yet to be sent, and no partial file is left."""
    sandbox = start(faults=Faults(latency_seconds=0.1))
    process = submit(make_orders(1_000), sandbox.url, "--concurrency", "4", "--chunksize", "50")

    wait_until(lambda: len(sandbox.events) > 60)
    stdout, stderr = send(process, signal.SIGTERM)

    results, rejects = pd.read_csv(folder / "results.csv"), pd.read_csv(folder / "rejects.csv")
    accepted = int(results["status"].eq("accepted").sum())
    assert process.returncode == 143
    assert stderr.splitlines()[-1] == f"interrupted by SIGTERM: {GOING_ON}"
    assert stdout.splitlines()[0] == "1,000 rows"
    assert results["row"].tolist() == list(range(1_000))
    unsent = f"note: rejects.csv: {1_000 - accepted:,} rows that were not submitted are left out: "
    assert len(rejects) == 0
    assert stdout.splitlines()[-1].startswith(unsent)
    assert accepted == len(held(sandbox))
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_ends_the_wait_for_a_server_that_says_nothing(folder, make_orders, submit, number, code):
    """Before the first event, the results say that nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = submit(make_orders(3), f"http://127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()
        with connection:
            _, stderr = send(process, number)

    assert process.returncode == code
    assert stderr.splitlines()[-1] == f"interrupted by {number.name}: {UNSENT}"
    assert pd.read_csv(folder / "results.csv")["status"].tolist() == ["not_submitted"] * 3


def test_signal_ends_the_wait_for_the_end_of_an_outage(folder, make_orders, start, submit, wait_until):
    """SIGTERM ends a run at once during an outage."""
    sandbox = start(faults=Faults(statuses={503: 1.0}))
    process = submit(make_orders(3), sandbox.url)

    wait_until(lambda: sandbox.requests > 3)
    send(process, signal.SIGTERM)

    assert process.returncode == 143
    assert len(pd.read_csv(folder / "results.csv")) == 3


def test_second_signal_leaves_at_once(folder, make_orders, start, submit, wait_until):
    """The first signal waits for the requests in flight, and the second one does not."""
    sandbox = start(faults=Faults(no_answer=1.0))
    process = submit(make_orders(3), sandbox.url, "--progress")

    wait_until(lambda: len(sandbox.events) == 3)
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=1.5)
    _, stderr = send(process, signal.SIGTERM)

    assert process.returncode == 143
    assert "Traceback" not in stderr
    assert len(pd.read_csv(folder / "results.csv")) == 3


def test_sandbox_that_is_ended_keeps_its_store(folder, launch):
    """The sandbox stops as after Ctrl-C, and leaves one file."""
    process = launch("sandbox", "--port", "0", "--store", "events.sqlite")

    process.stdout.readline()
    _, stderr = send(process, signal.SIGTERM)

    assert (stderr, process.returncode) == ("interrupted by SIGTERM\n", 143)
    assert [path.name for path in folder.glob("events*")] == ["events.sqlite"]
