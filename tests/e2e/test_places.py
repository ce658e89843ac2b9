"""Rows from standard input, pipes, folders and addresses arrive; their copies and secrets are left nowhere."""

import contextlib
import functools
import http.server
import io
import logging
import os
import signal
import subprocess
import sys
import threading

import pandas as pd
import pytest

from events_pandas import EventMapping, SourceError, runs, submit_file

ROWS = "who,day\n00042,2024-01-31\n00043,2024-01-31\n"
SECRET = "c2lnbmF0dXJl"
DEADLINE_SECONDS = 20.0


@pytest.fixture
def pipe(folder, sandbox):
    """Start `submit -` with a pipe as its standard input; copies go to the folder `spool`."""
    (folder / "spool").mkdir()
    processes = []

    def pipe(*arguments):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "events_pandas",
                "submit",
                "-",
                "-m",
                "mapping.toml",
                "--base-url",
                sandbox.url,
                *arguments,
            ],
            cwd=folder,
            env={
                **os.environ,
                "INTERCOM_ACCESS_TOKEN": sandbox.access_token,
                "TMPDIR": str(folder / "spool"),
                "NO_COLOR": "1",
                "COLUMNS": "120",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield pipe
    for process in processes:
        process.kill()
        with contextlib.suppress(ValueError):
            process.communicate()


def test_rows_of_a_pipe_arrive(pipe, folder, sandbox, held):
    """The command reads standard input to its end, and leaves no copy."""
    process = pipe("--results", "results.csv")

    output, errors = process.communicate(ROWS, timeout=DEADLINE_SECONDS)

    assert process.returncode == 0, errors
    assert output.splitlines()[0] == "about to submit 2 rows of standard input"
    assert "2 rows" in output.splitlines()
    assert held(sandbox) == ["00042", "00043"]
    assert pd.read_csv(folder / "results.csv")[["source_file", "line"]].to_numpy().tolist() == [["-", 2], ["-", 3]]
    assert list((folder / "spool").iterdir()) == []


@pytest.mark.slow
def test_interrupt_while_a_pipe_is_silent_ends_the_command(pipe, folder, wait_until):
    """Ctrl-C works before the first row, and leaves no copy."""
    process = pipe()
    wait_until(lambda: list((folder / "spool").glob("events-pandas-*")))

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)

    # A slow machine has time to show progress.
    assert (process.returncode, errors.splitlines()[-1]) == (130, "interrupted: nothing was sent")
    assert list((folder / "spool").iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no path to a deleted file")
def test_kill_leaves_no_rows_of_a_pipe(pipe, folder, wait_until):
    """The copy is deleted when it is made; only an empty folder is left."""
    process = pipe()
    process.stdin.write(ROWS)
    process.stdin.flush()
    wait_until(lambda: list((folder / "spool").iterdir()))

    process.kill()
    process.wait(DEADLINE_SECONDS)

    assert [path.name for path in (folder / "spool").rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_rows_of_a_shells_substitution_arrive(folder, sandbox, held):
    """What a shell writes as <(command) is a pipe."""
    (folder / "orders.csv").write_text(ROWS)

    ended = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -m events_pandas submit <(cat orders.csv) -m mapping.toml --base-url {sandbox.url}",
        ],
        env={**os.environ, "INTERCOM_ACCESS_TOKEN": sandbox.access_token},
        check=False,
        timeout=DEADLINE_SECONDS,
        stdin=subprocess.DEVNULL,
    )

    assert ended.returncode == 0
    assert held(sandbox) == ["00042", "00043"]


@pytest.fixture
def web(tmp_path):
    """A web server with the files of a folder; return both."""
    (tmp_path / "web").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Print nothing."""

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield tmp_path / "web", f"http://ada:lovelace@127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_secrets_of_an_address_are_left_nowhere(web, folder, mapping, client, caplog, capfd, monkeypatch):
    """A signature in an address is in no result, file, journal, history or log."""
    site, address = web
    (site / "orders.csv").write_text(ROWS + "00044,never\n")
    (folder / "journals").mkdir()
    monkeypatch.setenv("EVENTS_PANDAS_JOURNALS", str(folder / "journals"))
    caplog.set_level(logging.DEBUG)

    results = submit_file(
        f"{address}/orders.csv?sig={SECRET}",
        mapping,
        client=client,
        results_path="results.csv",
        rejects_path="rejects.csv",
    )

    shown = f"{address.replace('ada:lovelace@', '')}/orders.csv"
    assert results["source_file"].tolist() == [shown] * 3
    assert results["status"].tolist() == ["accepted", "accepted", "invalid"]
    files = [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    texts = [
        results.to_csv(),
        repr(results.attrs),
        runs(details=True).to_csv(),
        caplog.text,
        *capfd.readouterr(),
        *files,
    ]
    assert not [text for text in texts for secret in (SECRET, "lovelace") if secret in text]


@pytest.mark.parametrize("place", ["-", "address"])
def test_copy_on_a_full_disk_is_a_fault(web, folder, mapping, client, sandbox, full_disk, monkeypatch, place):
    """The error names the folder of the copies, and another one can be chosen."""
    site, address = web
    rows = ROWS + "00044,2024-01-31\n" * 1_000
    (site / "orders.csv").write_text(rows)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(rows.encode())))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    name = "-" if place == "-" else f"{address.replace('ada:lovelace@', '')}/orders.csv"
    shown = "standard input" if name == "-" else name

    with full_disk(), pytest.raises(SourceError) as caught:
        submit_file(name, mapping, client=client, journal=None)

    assert str(caught.value) == (
        f"{shown}: cannot be copied to {folder}: File too large: free some space there, or set TMPDIR to another folder"
    )
    assert list(sandbox.events) == []


def test_partitioned_folder_of_all_formats_arrives(folder, make_orders, sandbox, client):
    """The rows of each file have the year of its folder."""
    for year, suffix in ((1997, "csv"), (1998, "parquet"), (1999, "csv.gz")):
        (folder / f"lake/year={year}").mkdir(parents=True)
        orders, path = make_orders(1, start=year), folder / f"lake/year={year}/a.{suffix}"
        orders.to_parquet(path) if suffix == "parquet" else orders.to_csv(path, index=False)
    (folder / "lake/_SUCCESS").touch()
    mapping = 'event_name = "a"\ncreated_at = "day"\nuser_id = "who"\ntimezone = "UTC"\n[metadata]\nyear = "year"\n'
    (folder / "yearly.toml").write_text(mapping)

    submit_file("lake", EventMapping.from_toml("yearly.toml"), client=client)

    assert sorted((event.contact, event.metadata["year"]) for event in sandbox.events) == [
        ("01997", 1997),
        ("01998", 1998),
        ("01999", 1999),
    ]
