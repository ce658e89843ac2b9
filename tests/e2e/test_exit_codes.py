"""Exit codes: every way in which a command ends, tried through the command, with the line that says what to do."""

import gzip
import os
import re
import socket
import sqlite3
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas.cli import app
from events_pandas.cli.endings import EXIT_CODES, ExitCode

ALL_CODES = (0, 1, 2, 3, 130, 143, 129)


@pytest.fixture
def run(folder, sandbox, make_orders):
    """Run a command in the folder; its file has ten valid rows."""
    make_orders(10).to_csv(folder / "orders.csv", index=False)
    make_orders(2, day=["2024-01-31", "never"]).to_csv(folder / "bad.csv", index=False)

    def run(*arguments, token=sandbox.access_token, url=sandbox.url):
        env = {"INTERCOM_ACCESS_TOKEN": token, "EVENTS_PANDAS_BASE_URL": url}
        return CliRunner().invoke(app, arguments, env=env)

    return run


@pytest.fixture
def submit(run):
    """Submit a file of the folder."""
    return lambda *arguments, file="orders.csv", **more: run("submit", file, "-m", "mapping.toml", *arguments, **more)


def last_line(result):
    return result.stderr.splitlines()[-1]


def test_table_has_every_exit_code():
    """The table that `--help` prints has every code."""
    assert tuple(map(int, EXIT_CODES)) == ALL_CODES
    assert set(ExitCode) == set(EXIT_CODES)


def test_0_when_all_rows_are_in_intercom(submit, sandbox):
    """The first run sends all rows, the second run none, and both are complete."""
    results = [submit(), submit()]

    assert [("error" in result.stderr, result.exit_code) for result in results] == [(False, 0), (False, 0)]
    assert len(sandbox.events) == 10


def test_1_when_intercom_refuses_rows(submit, sandbox):
    """The run is complete, and rows need work."""
    sandbox.fail_next(400, times=2)

    result = submit()

    assert "  2 rejected          refused by Intercom\n" in result.stdout
    assert result.exit_code == 1


def test_1_when_a_row_is_invalid(run, submit, sandbox):
    """The valid rows are sent; a check and a dry run say the same."""
    codes = [run("check", "bad.csv", "-m", "mapping.toml").exit_code, submit("--dry-run", file="bad.csv").exit_code]
    before = sandbox.requests
    codes.append(submit(file="bad.csv").exit_code)

    assert (codes, before, len(sandbox.events)) == ([1, 1, 1], 0, 1)


@pytest.mark.parametrize("command", ["check", "preview", "submit"])
def test_1_when_bad_files_are_left_out(run, sandbox, command):
    """The good files are read, and the exit code says that others were not."""
    result = run(command, "orders.csv", "none.csv", "-m", "mapping.toml", "--skip-bad-files")

    assert "none.csv: " in result.output
    assert result.exit_code == 1
    assert len(sandbox.events) == (10 if command == "submit" else 0)


def test_1_when_invalid_rows_stop_the_run(submit, sandbox):
    """Nothing is sent, and the lines say why they are invalid, and name the check."""
    result = submit("--stop-on-invalid", file="bad.csv")

    assert "\nerror time_unreadable: 1 row, such as row " in result.stdout
    assert "\nnote " not in result.stdout
    assert last_line(result) == (
        "error: 1 row is invalid, and nothing was sent: to list them, run `events-pandas check` with the same files "
        "and mapping, and --problems problems.csv"
    )
    assert (result.exit_code, sandbox.requests) == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("submit", "none.csv", "-m", "mapping.toml"), "error: none.csv: there is no such file"),
        (("submit", "orders.csv", "-m", "none.toml"), "error: none.toml: cannot be read: No such file or directory"),
        (
            ("submit", "orders.csv", "-m", "mapping.toml", "--limit", "0"),
            "error: Invalid value for '--limit': expected a number of rows, got '0': use 100 or the like",
        ),
        (
            ("submit", "orders.csv", "-m", "mapping.toml", "--no-preflight"),
            (
                "error: --no-preflight: only GET /me names the workspace for the journal: "
                "add --workspace ID, or add --journal none"
            ),
        ),
        (
            ("submit", "orders.csv", "-m", "mapping.toml", "--results", "orders.csv"),
            "error: orders.csv: is one of the files that are read, and would be replaced: choose another name",
        ),
        (
            ("submit", "orders.csv", "-m", "mapping.toml", "--results", "nowhere/r.csv"),
            "error: nowhere/r.csv: results cannot be written there: there is no folder 'nowhere': make it first",
        ),
        (
            ("submit", "orders.csv", "-m", "mapping.toml", "--workspace", ""),
            "error: --workspace: is empty: use the workspace's id_code, such as 'ab12cd34'",
        ),
        (
            ("submit", "orders.csv", "-m", "mapping.toml", "--journal", ""),
            "error: --journal: the path is empty: use auto, none or a path",
        ),
        (
            ("submit", "orders.csv", "-m", "mapping.toml", "--base-url", "ftp://x"),
            "error: --base-url is not an http or https URL, such as 'https://api.intercom.io'",
        ),
        (("runs", "--journal", "nope"), "error: nope: there is no journal: check the path"),
        (("runs", "--workspace", "zzz"), "error: --workspace: there is no run of 'zzz': the journal has no runs yet"),
        (("sandbox", "--latency-seconds", "-1"), "error: --latency-seconds must be at least 0, not -1.0"),
    ],
)
def test_2_when_something_given_is_wrong(run, sandbox, arguments, line):
    """Nothing was sent, and the last line says what is wrong, without a word of Python."""
    result = run(*arguments)

    assert (result.exit_code, sandbox.requests) == (2, 0)
    assert last_line(result) == line
    assert not [word for word in ("base_url", "results_path", "Errno", "Traceback", "None") if word in result.stderr]


def test_2_when_the_token_is_another_workspaces(submit, sandbox):
    """The line names both workspaces."""
    result = submit("--workspace", "zzz")

    assert re.fullmatch(
        r"error: --workspace: the access token belongs to 'sandbox_[0-9a-f]+', not to 'zzz', and no event was sent: "
        r"use the token of that workspace, or correct --workspace\n",
        result.stderr,
    )
    assert (result.exit_code, sandbox.requests) == (2, 0)


def test_2_when_the_journal_is_another_file(submit, folder, sandbox):
    """A file that is not a journal is not changed."""
    before = (folder / "orders.csv").read_bytes()

    result = submit("--journal", "orders.csv")

    assert last_line(result).startswith(f"error: {folder / 'orders.csv'}: this file is not a journal")
    assert "add --journal none" in last_line(result)
    assert (result.exit_code, sandbox.requests, (folder / "orders.csv").read_bytes()) == (2, 0, before)


def test_2_when_the_token_is_refused_before_the_run(submit, folder, sandbox):
    """Nothing was sent, no journal was made, and no file was written."""
    result = submit("--results", "results.csv", "--journal", "journal.sqlite", token="wrong")

    assert result.stderr == (
        "error: Intercom refused the access token (401 Unauthorized, unauthorized: Access Token Invalid): "
        "check that the token is complete and of this region, or make a new one in the developer hub\n"
    )
    assert (result.stdout, result.exit_code, sandbox.requests) == ("", 2, 0)
    assert not list(folder.glob("results*")) + list(folder.glob("journal*"))


def test_2_when_the_token_is_refused_for_the_first_event(submit, sandbox):
    """No event has arrived."""
    sandbox.fail_next(403)

    result = submit("--concurrency", "1")

    assert "error: Intercom refused the access token" in result.stderr
    assert (result.exit_code, len(sandbox.events)) == (2, 0)


def test_3_when_the_token_is_refused_during_the_run(submit, sandbox):
    """Events have arrived: the run is to be started again, with another token."""
    # The first answer comes with 202, the others refuse the token.
    sandbox.fail_next("garbage")
    sandbox.fail_next(401, times=20)

    result = submit("--concurrency", "1", "--journal", "none")

    assert "error: Intercom refused the access token" in result.stderr
    assert (result.exit_code, len(sandbox.events)) == (3, 1)


def test_3_when_intercom_cannot_be_reached(submit):
    """Nobody listens on the port: the job is to be started again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

    result = submit(url=url)

    assert last_line(result).startswith("error: Intercom cannot be reached (no connection to 127.0.0.1:")
    assert last_line(result).endswith(": nothing was submitted, try again later")
    assert result.exit_code == 3


def test_3_when_the_address_is_not_intercoms(submit, sandbox):
    """The first answer is not one of Intercom's: the line says what to check."""
    sandbox.fail_next(404, path="/me")

    result = submit()

    assert last_line(result).startswith("error: the answer to the first request, GET /me, was 404 Not Found")
    assert last_line(result).endswith(": check the region and the address")
    assert result.exit_code == 3


def test_3_when_there_is_an_outage(submit, folder, make_orders, sandbox):
    """When only failures come and the patience is over, the run ends, and the results have every row."""
    make_orders(200).to_csv(folder / "many.csv", index=False)
    sandbox.fail_next(503, times=1_000)

    result = submit(*("--patience-seconds", "0", "--concurrency", "2", "--results", "results.csv"), file="many.csv")

    assert last_line(result).startswith("error: every request has failed for ")
    assert result.exit_code == 3
    assert len(pd.read_csv("results.csv")) == 200


def test_3_when_the_canary_fails(submit, sandbox):
    """If the canary fails, the other rows are not submitted, and a second run can send them."""
    sandbox.fail_next(400, times=2)

    result = submit("--canary", "5", "--results", "results.csv")

    assert pd.read_csv("results.csv")["error_code"].value_counts()["canary_failed"] == 5
    assert last_line(result).startswith("error: the canary failed, and no other row was sent: ")
    assert (result.exit_code, len(sandbox.events)) == (3, 3)
    assert submit().exit_code == 0


def test_3_when_too_many_rows_fail(submit, folder, make_orders, sandbox):
    """If too many rows fail, the remaining rows are in the results."""
    make_orders(1000).to_csv(folder / "many.csv", index=False)
    sandbox.fail_next(400, times=500)

    result = submit("--max-failure-rate", "0.2", "--rate-share", "0.5", "--patience-seconds", "1", file="many.csv")

    assert "too_many_failures" in result.stdout
    assert "which is more than the share of 0.2 that is allowed" in last_line(result)
    assert result.exit_code == 3


def test_3_when_results_cannot_be_written_during_the_run(folder, make_orders, sandbox):
    """Events have been sent: the run is to be started again when there is room."""
    make_orders(2_000).to_csv(folder / "many.csv", index=False)
    command = "submit many.csv -m mapping.toml --results results.csv --journal none --chunksize 100"

    # Not in this process, where the sandbox writes files too.
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 16; exec {sys.executable} -m events_pandas {command} --base-url {sandbox.url}"],
        env={**os.environ, "INTERCOM_ACCESS_TOKEN": "sandbox-token"},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "results.csv: results cannot be written there: File too large" in done.stderr
    assert done.returncode == 3
    assert len(sandbox.events) > 100


def test_exit_code_is_about_the_rows_that_a_limit_asks_for(submit, sandbox):
    """The rows after the limit are not looked at: here the second row is invalid."""
    codes = [submit("--limit", "1", *more, file="bad.csv").exit_code for more in (("--dry-run",), ())]

    assert (codes, len(sandbox.events)) == ([0, 0], 1)
    assert submit(file="bad.csv").exit_code == 1


def test_3_when_an_unexpected_error_comes_before_the_first_results(submit, sandbox, monkeypatch):
    """Events went out, so that the exit code cannot say that nothing was sent; the line names the place of the bug."""

    from_codes = pd.Categorical.from_codes

    def fail(codes, **options):
        if len(codes):
            raise MemoryError
        return from_codes(codes, **options)

    # The results cannot be made: a bug would do the same.
    monkeypatch.setattr(pd.Categorical, "from_codes", fail)

    result = submit("--no-check-first", "--journal", "none")

    ended, unexpected = result.stderr.splitlines()
    assert ended == (
        "error: a MemoryError, the cause of this error, ended the run: to go on, submit all rows again; the journal "
        "skips the accepted ones, and without a journal Intercom ignores repeats"
    )
    assert re.fullmatch(
        r"error: unexpected MemoryError in events_pandas/\S+\.py:\d+: report this line; EVENTS_PANDAS_DEBUG=1 prints "
        "the traceback, which may show rows",
        unexpected,
    )
    assert (result.exit_code, len(sandbox.events)) == (3, 10)


def test_3_when_the_journal_fails_during_the_run(submit, folder, make_orders, sandbox):
    """Accepted events can no longer be recorded."""
    make_orders(300).to_csv(folder / "many.csv", index=False)
    journal = folder / "journal.sqlite"
    assert submit("--journal", "journal.sqlite", "--limit", "1").exit_code == 0
    with sqlite3.connect(journal) as database:
        database.execute("CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no room'); END")

    result = submit("--journal", "journal.sqlite", file="many.csv")

    assert "the run ended, as accepted events can no longer be recorded" in result.stderr
    assert result.exit_code == 3
    assert os.path.exists(journal)  # noqa: PTH110
    assert len(sandbox.events) > 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (
            ("--results", "s/res.csv"),
            "s/res.csv: the next run would read it, since 's' stands for it, too: choose another folder",
        ),
        (
            ("--rejects", "s/below/res.csv"),
            "s/below/res.csv: the next run would read it, since 's' stands for it, too: choose another folder",
        ),
        (
            ("t/*.csv", "--results", "t/res.csv"),
            "t/res.csv: the next run would read it, since 't/*.csv' stands for it, too: choose another folder",
        ),
        (
            ("--log-json", "s/run.jsonl"),
            "s/run.jsonl: the next run would read it, since 's' stands for it, too: choose another folder",
        ),
        (
            ("--journal", "s/journal.sqlite"),
            "s/journal.sqlite: the next run would read it, since 's' stands for it, too: choose another folder",
        ),
        (
            ("--results", "mapping.toml"),
            "mapping.toml: is one of the files that are read, and would be replaced: choose another name",
        ),
        (
            ("--results", "no/r.csv"),
            "no/r.csv: results cannot be written there: there is no folder 'no': make it first",
        ),
        (
            ("--rejects", "t/orders.csv", "t/orders.csv"),
            "t/orders.csv: is one of the files that are read, and would be replaced: choose another name",
        ),
        (
            ("--results", "r.csv", "--rejects", "./r.csv"),
            "r.csv: is where the results go: choose another name for the rejects",
        ),
        (
            ("--results", "s/res/"),
            "s/res: the next run would read it, since 's' stands for it, too: choose another folder",
        ),
        (
            ("--results", "t"),
            (
                "t: results cannot be written there: the folder holds other files, such as 'orders.csv': choose an "
                "empty or a new one"
            ),
        ),
        (
            ("--results", "mapping.toml/"),
            (
                "mapping.toml: results cannot be written there: it is a file: choose another name, or one that ends in "
                ".csv or .parquet"
            ),
        ),
        (
            ("--results", "new/", "--rejects", "new/r.csv"),
            "new/r.csv: is in the folder of the results: choose another folder for the rejects",
        ),
        (
            ("--results", "r.csv", "--log-json", "r.csv"),
            "r.csv: is where the results go: choose another name for the log",
        ),
        (
            ("--log-json", "r.jsonl", "--journal", "r.jsonl"),
            "r.jsonl: is where the log goes: choose another name for the journal",
        ),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_2_before_the_rows_are_checked_when_an_output_cannot_be_where_it_is_to_be(
    submit, folder, make_orders, sandbox, arguments, fault, more
):
    """No plan is shown, nothing is sent, and the sources keep their files."""
    for name in ("s", "s/below", "t"):
        (folder / name).mkdir()
    for name in ("s/orders.csv", "t/orders.csv"):
        make_orders(2).to_csv(folder / name, index=False)

    result = submit(*arguments, *more, file="s")

    assert (last_line(result), result.stdout, result.exit_code) == (f"error: {fault}", "", 2)
    assert sandbox.events == []
    assert sorted(path.name for path in folder.glob("[st]/*.*")) == ["orders.csv"] * 2
    assert not list(folder.glob("r.*"))


@pytest.mark.parametrize(
    ("source", "results"),
    [("s", "res.csv"), ("s", "s/_results/res.csv"), ("s/*.csv", "s/res.parquet"), ("s/[n]*", "s/r.csv")],
)
def test_0_when_the_next_run_does_not_read_the_results(submit, folder, make_orders, source, results):
    """Results may be beside the files of rows if no source stands for them: the second night is like the first."""
    (folder / "s" / "_results").mkdir(parents=True)
    make_orders(2).to_csv(folder / "s" / "new.csv", index=False)

    codes = [submit("--results", results, file=source).exit_code for _ in range(2)]

    assert codes == [0, 0]


def test_2_when_a_file_is_compressed_twice_and_1_when_it_is_left_out(submit, folder, sandbox):
    """It is a fault of the file like others."""
    content = (folder / "orders.csv").read_bytes()
    (folder / "twice.csv.gz").write_bytes(gzip.compress(gzip.compress(content)))

    results = [submit("twice.csv.gz", *more) for more in ((), ("--skip-bad-files",))]

    assert last_line(results[0]) == "error: twice.csv.gz: is compressed twice: unpack it once"
    assert "warning: twice.csv.gz: was left out: is compressed twice: unpack it once\n" in results[1].stdout
    assert ([result.exit_code for result in results], len(sandbox.events)) == ([2, 1], 10)
