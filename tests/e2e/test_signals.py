"""SIGTERM and SIGHUP: the system ends a command, and the command writes its results, as after Ctrl-C."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from events_pandas import Faults

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 20.0
GOING_ON = (
    "the run was interrupted: to go on, submit all rows again; the journal skips the accepted ones, "
    "and without a journal Intercom ignores repeats"
)


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
    assert "1,000 rows" in stdout.splitlines()
    assert results["row"].tolist() == list(range(1_000))
    unsent = f"note: rejects.csv: {1_000 - accepted:,} rows that were not submitted are left out: "
    assert len(rejects) == 0
    assert stdout.splitlines()[-1].startswith(unsent)
    assert accepted == len(held(sandbox))
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize(
    ("number", "code", "what"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "interrupted by SIGTERM"),
        (signal.SIGHUP, 129, "interrupted by SIGHUP"),
    ],
)
def test_signal_ends_the_wait_for_a_server_that_says_nothing(folder, make_orders, submit, number, code, what):
    """Before the run the command says that nothing was sent, and writes no results."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_SECONDS)
        process = submit(make_orders(3), f"http://127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()
        with connection:
            stdout, stderr = send(process, number)

    assert process.returncode == code
    assert (stdout, stderr.splitlines()[-1]) == ("", f"{what}: nothing was sent")
    assert not (folder / "results.csv").exists()


# Python prints and drops what the handler of a signal raises while an object is deleted, as imports do.
DROPPED = """
import signal, sys

class Dropped:
    def __del__(self):
        signal.raise_signal({number})

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "events_pandas.run.files":
            Dropped()

sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize(
    ("number", "code", "what"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "interrupted by SIGTERM")],
)
def test_signal_that_python_drops_sends_nothing(folder, make_orders, start, launch, number, code, what):
    """A signal while the command loads may come in the deletion of an object: the command remembers it."""
    (folder / "sitecustomize.py").write_text(DROPPED.format(number=int(number)))
    make_orders(3).to_csv(folder / "orders.csv", index=False)
    sandbox = start()

    process = launch(
        *("submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url),
        INTERCOM_ACCESS_TOKEN=sandbox.access_token,
        PYTHONPATH=str(folder),
    )
    _, stderr = process.communicate(timeout=DEADLINE_SECONDS)

    assert "Exception ignored in" in stderr
    assert (process.returncode, stderr.splitlines()[-1]) == (code, f"{what}: nothing was sent")
    assert list(sandbox.events) == []


def test_hang_up_ends_a_run_whose_output_is_a_pipe(folder, make_orders, start, wait_until):
    """A plain `kill -HUP` ends a command in a pipe with its summary, and the reader of the pipe gets all of it."""
    sandbox = start(faults=Faults(latency_seconds=0.1))
    make_orders(1_000).to_csv(folder / "orders.csv", index=False)
    command = f"{sys.executable} -m events_pandas submit orders.csv -m mapping.toml --base-url {sandbox.url}"
    shell = subprocess.Popen(
        ["bash", "-c", f"set -o pipefail; ({command} --concurrency 4 & echo $! > pid; wait $!) | cat"],
        cwd=folder,
        env={**os.environ, "INTERCOM_ACCESS_TOKEN": "sandbox-token"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    wait_until(lambda: len(sandbox.events) > 20)
    subprocess.run(["kill", "-HUP", (folder / "pid").read_text().strip()], check=True)
    stdout, stderr = shell.communicate(timeout=DEADLINE_SECONDS)

    assert shell.returncode == 129
    assert "1,000 rows" in stdout.splitlines()
    assert stderr.splitlines()[-1] == f"interrupted by SIGHUP: {GOING_ON}"


CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*CONTAINER, "true"], check=False, capture_output=True).returncode != 0,
    reason="this system does not allow a namespace of processes",
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signal_ends_the_first_process_of_a_container(folder, make_orders, start, wait_until, number, code):
    """The kernel gives process 1 only signals that it handles: the command handles those that end it."""
    sandbox = start(faults=Faults(latency_seconds=0.1))
    make_orders(1_000).to_csv(folder / "orders.csv", index=False)
    arguments = ("submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--concurrency", "4")
    container = subprocess.Popen(
        [*CONTAINER, sys.executable, "-m", "events_pandas", *arguments],
        cwd=folder,
        env={**os.environ, "INTERCOM_ACCESS_TOKEN": "sandbox-token"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    wait_until(lambda: len(sandbox.events) > 20)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text(encoding="ascii").split()
    os.kill(int(children[0]), number)
    stdout, stderr = container.communicate(timeout=DEADLINE_SECONDS)

    assert container.returncode == code
    assert "1,000 rows" in stdout.splitlines()
    assert GOING_ON in stderr.splitlines()[-1]


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
