"""Kill -9 during a run with a results file: what was written can be read, and the next run names it."""

import re
import signal
import subprocess
import sys

import pandas as pd
import pytest

from events_pandas import Faults
from events_pandas.results.table_file import RESULTS, TableFile

pytestmark = pytest.mark.slow

ROWS = 3_000
"""They are one chunk."""
COMMAND = ("submit", "orders.csv", "-m", "mapping.toml", "--no-progress")


@pytest.fixture
def sandbox(start):
    """A sandbox that takes some time for an answer."""
    return start(faults=Faults(latency_seconds=0.02))


@pytest.fixture
def begin(folder, launch, sandbox):
    """Start a run over the same rows in another process."""
    rows = "".join(f"c{number},2024-01-31\n" for number in range(ROWS))
    (folder / "orders.csv").write_text(f"who,day\n{rows}")

    def begin(results):
        variables = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token}
        return launch(*COMMAND, "--results", results, "--base-url", sandbox.url, **variables)

    return begin


def read(path):
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_results_of_a_killed_run_are_kept_by_the_next_one(folder, begin, sandbox, wait_until, name):
    """*A kill loses at most the rows of the last seconds; the next run names what is there, and writes its own.*"""
    killed = begin(name)
    wait_until(lambda: sandbox.requests > ROWS / 2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    arrived = len(sandbox.events)
    again, _ = begin(name).communicate()

    (note,) = [line for line in again.splitlines() if line.startswith("note: ")]
    n_rows, kept = re.fullmatch(
        rf"note: {name}: an earlier run was cut off: its results up to then, ([\d,]+) rows, are in (results\.kill.*)",
        note,
    ).groups()
    found = read(folder / kept)
    assert len(found) == int(n_rows.replace(",", ""))
    assert found["row"].tolist() == list(range(len(found)))
    assert set(found["status"]) == {"accepted"}
    assert 0 <= arrived - len(found) <= 1_000
    assert len(read(folder / name)) == ROWS
    assert [path.name for path in folder.glob("results*.partial")] == []


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_results_of_a_run_under_way_are_left_to_it(folder, begin, sandbox, wait_until, name):
    """A second run with the same results path takes nothing away from the first one; the later end wins."""
    first = begin(name)
    wait_until(lambda: sandbox.requests > ROWS / 2)

    second, _ = begin(name).communicate()
    first.communicate()

    assert "cut off" not in second
    assert (first.returncode, len(read(folder / name))) == (0, ROWS)
    assert [path.name for path in folder.glob("results*")] == [name]


# A run whose process has a child, as a web server or a notebook may fork one; its output says when it has begun.
PARENT = """
import os, sys
import pandas as pd
from events_pandas.results.table_file import RESULTS, TableFile

file = TableFile(sys.argv[1], RESULTS)
file.write(pd.DataFrame({"row": [0, 1], "status": "accepted", "http_status": 202}))
if not os.fork():
    sys.stdin.read()
    file.write(pd.DataFrame({"row": [2], "status": "accepted", "http_status": 202}))
    file.finish()
    os._exit(0)
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_child_of_a_killed_run_keeps_nobody_from_its_results(tmp_path, name):
    """A forked child has a copy of the open file, but neither holds it nor writes to it."""
    command = [sys.executable, "-c", PARENT, str(tmp_path / name)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        parent.kill()
        parent.wait()
        said = []
        with TableFile(tmp_path / name, RESULTS, warn=said.append):
            pass
        # The child ends now.
        parent.stdin.close()
        parent.stdout.read()

    (kept,) = tmp_path.iterdir()
    assert said == [f"{tmp_path / name}: an earlier run was cut off: its results up to then, 2 rows, are in {kept}"]
    assert len(read(kept)) == 2
