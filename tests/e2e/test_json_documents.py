"""One JSON document on standard output, with the documented keys, whatever becomes of the command; and the examples."""

import json
import re
import shlex
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from events_pandas.cli import EXAMPLES, app
from events_pandas.cli.command import DOCUMENTS

ORDERS = """customer_id,ordered_at,total
00042,2024-03-01 10:30,19.99
00043,2024-03-01 11:00,349.00
00999,2024-04-01 09:00,7.25
"""
MAPPING = """event_name = "placed-order"
created_at = "ordered_at"
user_id = "customer_id"
timezone = "UTC"
"""
COMMON = ["command", "exit_code", "errors"]


@pytest.fixture
def run(folder, start):
    """Run a command against a sandbox that does not know one of the contacts."""
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "mapping.toml").write_text(MAPPING)
    sandbox = start(unknown_contacts=["00999"])
    env = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token, "EVENTS_PANDAS_BASE_URL": sandbox.url}
    return lambda *arguments, **more: CliRunner().invoke(app, arguments, env={**env, **more})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("suggest", "orders.csv"), 0),
        (("check", "orders.csv", "-m", "mapping.toml", "--online"), 0),
        (("preview", "orders.csv", "-m", "mapping.toml"), 0),
        (("submit", "orders.csv", "-m", "mapping.toml", "--rejects", "rejects.csv"), 1),
        (("submit", "orders.csv", "-m", "mapping.toml", "--dry-run"), 0),
        (("submit", "none.csv", "-m", "mapping.toml"), 2),
        (("verify", "orders.csv", "-m", "mapping.toml", "--results", "none.csv"), 2),
        (("report", "none.csv", "--output", "run.html"), 2),
        (("runs",), 0),
        (("runs", "--journal", "nope"), 2),
        pytest.param(("demo",), 0, marks=pytest.mark.slow),
    ],
)
def test_command_prints_one_document(run, arguments, code):
    """Standard output is one JSON document with the keys of the command, also after an error."""
    result = run(*arguments, "--json")

    document = json.loads(result.stdout)
    assert list(document) == [*COMMON, *DOCUMENTS[arguments[0]]]
    assert (document["command"], document["exit_code"], result.exit_code) == (arguments[0], code, code)
    assert document["errors"] == [line[7:] for line in result.stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("submit", ["--bogus"]),
        ("submit", []),
        ("check", ["orders.csv", "-m", "mapping.toml", "--config", "none.toml"]),
        ("preview", ["orders.csv", "-m", "mapping.toml", "--number", "x"]),
        ("verify", ["orders.csv", "-m", "mapping.toml"]),
        ("report", ["results.csv"]),
        ("runs", ["--bogus"]),
        ("sandbox", ["--port", "x"]),
    ],
)
@pytest.mark.parametrize("place", ["option", "variable", "file", "named file"])
def test_wrong_usage_prints_one_document_wherever_json_is_set(run, folder, command, arguments, place):
    """A program that asked for documents gets one, also if the command could not read its arguments."""
    name = "EVENTS_PANDAS_SANDBOX_JSON" if command == "sandbox" else "EVENTS_PANDAS_JSON"
    table = "[sandbox]\n" if command == "sandbox" else ""
    given, env = list(arguments), {}
    if place == "option":
        given.append("--json")
    elif place == "variable":
        env = {name: "1"}
    elif "--config" in given:
        (folder / "none.toml").write_text("json = true\nbogus = 1\n")
    else:
        file = "events-pandas.toml" if place == "file" else "other.toml"
        (folder / file).write_text(f"{table}json = true\n")
        given += ["--config=other.toml"] if place == "named file" else []

    result = run(command, *given, **env)

    document = json.loads(result.stdout)
    assert list(document) == [*COMMON, *DOCUMENTS[command]]
    assert (document["command"], document["exit_code"], result.exit_code) == (command, 2, 2)
    assert document["errors"] == [line[7:] for line in result.stderr.splitlines() if line.startswith("error: ")]


def test_wrong_usage_prints_no_document_if_the_command_line_says_so(run, folder):
    """The command line wins over the file, also in an error."""
    (folder / "events-pandas.toml").write_text("json = true\n")

    assert run("submit", "--bogus", "--no-json").stdout == ""


def test_document_of_a_submission_has_the_counts_and_the_plan(run):
    """Statuses, causes, files and the plan with its check are there."""
    document = json.loads(run("submit", "orders.csv", "-m", "mapping.toml", "--rejects", "r.csv", "--json").stdout)

    assert {status: rows for status, rows in document["statuses"].items() if rows} == {
        "accepted": 2,
        "unknown_contact": 1,
    }
    assert (document["rows"], document["requests"], document["rejects"], document["rejected"]) == (3, 3, "r.csv", 1)
    assert [(cause["code"], cause["rows"]) for cause in document["causes"]] == [("not_found", 1)]
    assert list(document["plan"]) == [
        "files",
        "skipped_files",
        "limit",
        "checks_contacts",
        "journal",
        "journal_is_new",
        "check",
    ]
    assert document["plan"]["check"]["requests"] == 3
    assert document["workspace"]["name"] == "Sandbox"


def test_document_of_runs_has_an_entry_for_each_run(run):
    """Each run has its start, its duration in seconds and its counts."""
    run("submit", "orders.csv", "-m", "mapping.toml")

    (entry,) = json.loads(run("runs", "--json").stdout)["runs"]

    assert (entry["outcome"], entry["rows"], entry["accepted"], entry["source"]) == ("incomplete", 3, 2, "orders.csv")
    assert 0 <= entry["duration_seconds"] < 60


def test_sandbox_prints_its_document_at_the_start(launch):
    """A program that starts a sandbox reads address and token, and ends it by a signal."""
    process = launch("sandbox", "--port", "0", "--json")
    lines = iter(process.stdout.readline, "}\n")

    document = json.loads("".join(lines) + "}")
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=20)

    assert list(document) == [*COMMON, *DOCUMENTS["sandbox"]]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", document["url"])
    assert (document["access_token"], rest, process.returncode) == ("sandbox-token", "", 143)


# The demo takes half a minute, and the example of the sandbox does not end by itself.
@pytest.mark.parametrize("command", sorted({function.__name__ for function in EXAMPLES} - {"demo", "sandbox"}))
def test_example_of_the_help_runs(run, command):
    """Each command's --help ends with an example, which does what the command does."""
    if command in {"report", "verify"}:
        # It needs the results of a run.
        run("submit", "orders.csv", "-m", "mapping.toml", "--results", "results.csv")
    lines = run(command, "--help").stdout.splitlines()
    example = lines[-1].strip()

    program, *arguments = shlex.split(example.partition(" > ")[0])
    result = run(*arguments)

    assert (lines[-2], program, arguments[0]) == ("  Example:", "events-pandas", command)
    assert result.exit_code in {0, 1}
    assert "error: " not in result.stderr


def test_example_of_the_demo_is_the_command_that_another_test_runs(run):
    """The demo has no arguments: its example is the command alone."""
    assert run("demo", "--help").stdout.splitlines()[-2:] == ["  Example:", "    events-pandas demo"]


def test_example_of_the_sandbox_runs(run):
    """The sandbox of the example runs until it is ended."""
    example = run("sandbox", "--help").stdout.splitlines()[-1].strip()
    arguments = shlex.split(example)[1:]

    process = subprocess.Popen(
        [sys.executable, "-m", "events_pandas", *arguments, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    first = process.stdout.readline()
    process.terminate()
    process.communicate(timeout=20)

    assert first.startswith("a local Intercom is at http://127.0.0.1:")
    assert process.returncode == 143
