"""Kill -9 during a run with a results file: what was written can be read, and the next run names it."""

import re
import signal
import subprocess
import sys

import pandas as pd
import pytest

from events_pandas import Faults, read_results
from events_pandas.results import STATUS_DTYPE
from events_pandas.results.parts import ResultsParts, results_file

pytestmark = pytest.mark.slow

NAMES = ["results.csv", "results.parquet", "results/"]
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


@pytest.mark.parametrize("name", NAMES)
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
        rf"note: {name.rstrip('/')}: an earlier run was cut off: its results up to then, ([\d,]+) rows, are in "
        r"(results\.kill.*)",
        note,
    ).groups()
    found = read(folder / kept)
    assert len(found) == int(n_rows.replace(",", ""))
    assert found["row"].tolist() == list(range(len(found)))
    assert set(found["status"]) == {"accepted"}
    assert 0 <= arrived - len(found) <= 1_000
    assert len(read(folder / name)) == ROWS
    assert [path.name for path in folder.glob("results*.partial")] == []


@pytest.mark.parametrize("name", NAMES)
def test_results_of_a_run_under_way_are_left_to_it(folder, begin, sandbox, wait_until, name):
    """A second run with the same results path takes nothing away from the first one; the later end wins."""
    first = begin(name)
    wait_until(lambda: sandbox.requests > ROWS / 2)

    second, _ = begin(name).communicate()
    first.communicate()

    assert "cut off" not in second
    assert (first.returncode, len(read(folder / name))) == (0, ROWS)
    assert [path.name for path in folder.glob("results*")] == [name.rstrip("/")]


# A run whose process has a child, as a web server or a notebook may fork one; its output says when it has begun.
PARENT = """
import os, sys
import pandas as pd
from events_pandas.results.parts import results_file

file = results_file(sys.argv[1], sources=(), warn=print)
file.write(pd.DataFrame({"row": [0, 1], "status": "accepted", "http_status": 202}))
if not os.fork():
    # From here on it has let go of its copy.
    print(flush=True)
    sys.stdin.read()
    file.write(pd.DataFrame({"row": [2], "status": "accepted", "http_status": 202}))
    file.finish()
    os._exit(0)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", NAMES)
def test_child_of_a_killed_run_keeps_nobody_from_its_results(tmp_path, name):
    """A forked child has a copy of the open file, but neither holds it nor writes to it."""
    place = f"{tmp_path}/{name}"
    command = [sys.executable, "-c", PARENT, place]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        parent.kill()
        parent.wait()
        said = []
        with results_file(place, sources=(), warn=said.append):
            pass
        # The child ends now.
        parent.stdin.close()
        parent.stdout.read()

    (kept,) = tmp_path.glob("*killed*")
    assert list(tmp_path.rglob("*.partial")) == []
    assert said == [f"{tmp_path / name}: an earlier run was cut off: its results up to then, 2 rows, are in {kept}"]
    assert len(read(kept)) == 2


# Writes results to copies of a folder; the process of the n-th copy is killed before the n-th change of the disk.
KILLED = """
import os, shutil, signal, sys
import pandas as pd
from events_pandas.results.parts import ResultsParts

CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
earlier, copies = sys.argv[1:3]
new = pd.read_parquet(sys.argv[3])
for number in range(1_000):
    folder = f"{copies}/{number}/results"
    shutil.copytree(earlier, folder)
    child = os.fork()
    if not child:
        done = [0]

        def kill(event, arguments):
            if event in CHANGES:
                done[0] += 1
                if done[0] > number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        with ResultsParts(folder, part_rows=2) as parts:
            for start in range(0, len(new), 3):
                parts.write(new[start : start + 3])
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def rows_of(message, n_rows):
    """Return results whose rows show of which run they are."""
    return pd.DataFrame(
        {
            "row": range(n_rows),
            "status": pd.Categorical(["rejected"] * n_rows, dtype=STATUS_DTYPE),
            "error_message": pd.array([message] * n_rows, dtype="string[pyarrow]"),
        }
    )


def write_parts(folder, rows, *, part_rows):
    with ResultsParts(folder, part_rows=part_rows, warn=bool) as parts:
        parts.write(rows)


def test_killed_run_takes_no_results_away(tmp_path):
    """*Killed at any instant, a folder has all earlier results or all new ones*, and the next run has no row twice."""
    earlier, new, last = rows_of("earlier", 7), rows_of("new", 5), rows_of("last", 6)
    write_parts(tmp_path / "earlier", earlier, part_rows=3)
    new.to_parquet(tmp_path / "new.parquet")
    copies = tmp_path / "copies"
    arguments = [str(path) for path in (tmp_path / "earlier", copies, tmp_path / "new.parquet")]
    subprocess.run([sys.executable, "-c", KILLED, *arguments], check=True)

    found = []
    for number in range(len(list(copies.iterdir()))):
        folder = copies / str(number) / "results"
        read = read_results(folder)
        found.append(read["error_message"].iloc[0])
        pd.testing.assert_frame_equal(read, {"earlier": earlier, "new": new}[found[-1]])
        # By all files there may be fewer rows, and never those of two runs.
        parts = [pd.read_parquet(part) for part in folder.glob("*.parquet")]
        by_all_files = pd.concat([earlier[:0], *parts])
        assert len(set(by_all_files["error_message"])) <= 1
        assert by_all_files["row"].is_unique

        write_parts(folder, last, part_rows=4)

        pd.testing.assert_frame_equal(read_results(folder), last)
        pd.testing.assert_frame_equal(pd.read_parquet(folder), last)
        assert sum(1 for _ in folder.iterdir()) == 3
        for kept in folder.parent.glob("results.killed-*"):
            pd.testing.assert_frame_equal(pd.read_parquet(kept), new[: len(pd.read_parquet(kept))])
    # Many places were tried, and the manifest decides once.
    assert len(found) > 30
    assert found == sorted(found)
    assert set(found) == {"earlier", "new"}
