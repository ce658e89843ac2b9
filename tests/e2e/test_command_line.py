"""The commands against a sandbox: their output and their exit codes."""

import doctest
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas import EventMapping, read_results, submit_file, summarize
from events_pandas.cli import app

# The sandbox takes any free port.
PORT = re.compile(r":[0-9]{4,5}\b")
JOURNAL = re.compile(r"(id |journal: \S+/)sandbox_[0-9a-f]+")
WORKSPACE = re.compile(r"\bsandbox_[0-9a-f]+\b")


@pytest.fixture
def submit(folder, sandbox):  # noqa: ARG001  # It makes the mapping.
    """Submit files of the folder to the sandbox by the command line."""
    arguments = ("--mapping", "mapping.toml", "--base-url", sandbox.url)

    def submit(*more, token=sandbox.access_token):
        return CliRunner().invoke(app, ["submit", *more, *arguments], env={"INTERCOM_ACCESS_TOKEN": token})

    return submit


def test_submit_succeeds_when_every_row_is_accepted_or_a_duplicate(folder, make_orders, submit, sandbox):
    """If all rows are accepted or duplicates, the exit code is 0, stdout has the counts and a file the results."""
    make_orders(2).to_csv(folder / "a.csv", index=False)
    make_orders(2, start=1).to_csv(folder / "b.csv", index=False)

    result = submit("a.csv", "b.csv", "--results", "results.csv", "--journal", "journal.sqlite")

    assert WORKSPACE.sub("sandbox_ID", result.stdout) == (
        "about to submit 4 rows of a.csv, b.csv\n"
        "  workspace  'Sandbox', id sandbox_ID, region US\n"
        "  requests   3, which take 0:00:00 at 10,000,000 in ten seconds\n"
        "  left out   1 duplicate\n"
        f"  journal    {folder / 'journal.sqlite'} (new: no earlier run is known)\n"
        "4 rows\n"
        "  3 accepted          Intercom has them\n"
        "  1 duplicate         same contact, event name and second as an earlier event\n"
        "workspace: 'Sandbox', id sandbox_ID, region US\n"
        f"journal: {folder / 'journal.sqlite'}\n"
        "results: results.csv\n"
    )
    assert (result.stderr, result.exit_code) == ("", 0)
    assert pd.read_csv("results.csv")["source_file"].tolist() == ["a.csv", "a.csv", "b.csv", "b.csv"]
    assert len(sandbox.events) == 3


@pytest.mark.parametrize(
    "arguments", [["--keys", 'order id,"a, b"'], ["--keys", "order id", "--keys", '"a, b"']], ids=["commas", "repeated"]
)
def test_submit_writes_keys_to_the_results(folder, make_orders, submit, arguments):
    """Commas divide the names of columns, but within double quotes."""
    make_orders(2).assign(**{"order id": ["007", "008"], "a, b": ["x", "NA"]}).to_csv(folder / "a.csv", index=False)

    result = submit("a.csv", "--results", "results.csv", *arguments)

    assert (result.stderr, result.exit_code) == ("", 0)
    found = pd.read_csv("results.csv", dtype=str, keep_default_na=False)
    assert found[["order id", "a, b"]].to_numpy().tolist() == [["007", "x"], ["008", "NA"]]


def test_submit_writes_results_as_parts(folder, make_orders, submit):
    """A name that ends in a slash is a folder; a run that is started again leaves no stale part."""
    make_orders(3).to_csv(folder / "a.csv", index=False)

    outputs = [submit("a.csv", "--results", "results/", "--chunksize", size).stdout for size in ("1", "2")]

    assert [output.splitlines()[-1] for output in outputs] == ["results: results/"] * 2
    assert read_results("results/")["status"].tolist() == ["already_submitted"] * 3
    assert pd.read_parquet("results/")["row"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("status", "error: --keys: the results have a column 'status' of their own: rename the column of the rows\n"),
        ("day,day", "error: --keys: 'day' is given twice: give each column once\n"),
        ("dya", "error: keys: no column 'dya': did you mean 'day'?\n"),
    ],
)
def test_submit_refuses_keys_that_results_cannot_have(folder, make_orders, submit, sandbox, keys, error):
    """Nothing is sent, and the exit code is 2."""
    make_orders(1).to_csv(folder / "a.csv", index=False)

    result = submit("a.csv", "--keys", keys)

    assert (result.stderr, result.exit_code, len(sandbox.events)) == (error, 2, 0)


def test_submit_fails_when_a_row_was_not_accepted(folder, make_orders, submit):
    """The exit code is 1 if the run is complete and some rows were not accepted."""
    make_orders(2, day=["2024-01-31", "never"]).to_csv(folder / "a.csv", index=False)

    result = submit("a.csv")

    assert result.stdout.splitlines()[5:8] == [
        "2 rows",
        "  1 accepted          Intercom has them",
        "  1 invalid           break a rule of Intercom's, and were not sent",
    ]
    assert result.exit_code == 1


def test_summary_in_python_is_that_of_the_command(folder, make_orders, submit, sandbox):
    """`summarize` says line by line what the command says of the same run, but for Python's words for the steps."""
    make_orders(3, day=["2024-01-31", "never", "2024-01-31"]).to_csv(folder / "a.csv", index=False)
    mapping = EventMapping.from_toml(folder / "mapping.toml")

    said = submit("a.csv", "--journal", "journal.sqlite").stdout.splitlines()
    results = submit_file("a.csv", mapping, client=sandbox.client(), journal="journal.sqlite", resubmit=True)
    lines = str(summarize(results)).splitlines()

    different = [(ours, theirs) for ours, theirs in zip(lines, said[-len(lines) :], strict=True) if ours != theirs]
    assert different == [
        (
            "  1 invalid           fix these rows; ep.explain(results, frame) has an example of each cause",
            "  1 invalid           fix these rows; --rejects writes them to a file",
        )
    ]


def test_submit_prints_the_error_of_the_run_before_the_error_of_the_results_file(
    folder, make_orders, submit, full_disk
):
    """An unwritable results file has its own error line after the error of the run."""
    make_orders(2).to_csv(folder / "a.csv", index=False)

    # The sandbox is in this process too: it cannot log the event, and answers 500.
    with full_disk():
        result = submit("a.csv", "--results", "results.csv", "--journal", "none", "--patience-seconds", "0")

    assert "results:" not in result.stdout
    # On a slow machine lines of progress come first.
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors[0].startswith("error: every request has failed")
    assert errors[1:] == ["error: results.csv: results cannot be written there: File too large"]


def test_submit_succeeds_without_rows(folder, make_orders, submit):
    """An empty file is a success: the plan warns of it before anything is sent, and the exit code is 0."""
    make_orders(0).to_csv(folder / "a.csv", index=False)

    result = submit("a.csv", "--journal", "none")

    assert (result.stdout.splitlines()[-3:-1], result.exit_code) == (["warning: a.csv: has no rows", "0 rows"], 0)
    assert json.loads(submit("a.csv", "--json").stdout)["notes"] == ["a.csv: has no rows"]


@pytest.mark.parametrize("option", ["--dry-run", "--yes", "--no-check-first"])
def test_submit_that_requires_rows_replaces_nothing_without_them(folder, make_orders, submit, sandbox, option):
    """An export that failed may be a header only: a scheduler learns it, and the files of the last night stay."""
    make_orders(0).to_csv(folder / "a.csv", index=False)
    (folder / "results.csv").write_text("last night")

    result = submit("a.csv", "--journal", "none", "--results", "results.csv", "--require-rows", option)

    error = "error: --require-rows: the files have no rows: nothing was sent, and no file was replaced"
    assert (result.stderr.splitlines()[-1], result.exit_code) == (error, 2)
    assert ((folder / "results.csv").read_text(), sandbox.requests) == ("last night", 0)


def test_submit_that_requires_rows_takes_a_file_with_a_header_only_among_others(folder, make_orders, submit, sandbox):
    """A partition may be empty; the plan warns of it before the first event."""
    make_orders(0).to_csv(folder / "a.csv", index=False)
    make_orders(2).to_csv(folder / "b.csv", index=False)

    result = submit("a.csv", "b.csv", "--require-rows")

    lines = result.stdout.splitlines()
    assert lines.index("warning: a.csv: has no rows") < lines.index("2 rows")
    assert (result.exit_code, len(sandbox.events), result.stdout.count("has no rows")) == (0, 2, 1)


def test_check_warns_of_files_without_rows(folder, make_orders):
    """A header only is an export that failed, or a quiet night: a person or a program decides."""
    make_orders(0).to_csv(folder / "a.csv", index=False)
    make_orders(2).to_csv(folder / "b.csv", index=False)

    result = CliRunner().invoke(app, ["check", "a.csv", "b.csv", "-m", "mapping.toml"])
    document = json.loads(CliRunner().invoke(app, ["check", "a.csv", "b.csv", "-m", "mapping.toml", "--json"]).stdout)

    assert ("warning: a.csv: has no rows" in result.stdout.splitlines(), result.exit_code) == (True, 0)
    assert document["warnings"] == ["a.csv: has no rows"]


@pytest.mark.usefixtures("folder")
def test_messages_name_standard_input(sandbox):
    """The sign of the command line for it is not a name that a person looks for."""
    env = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token}
    arguments = ["submit", "-", "-m", "mapping.toml", "--base-url", sandbox.url, "--rejects", "rejects.csv"]

    result = CliRunner().invoke(app, arguments, env=env, input="who,day\n1,2024-01-31\n2,never\n")
    runs = CliRunner().invoke(app, ["runs"], env=env)

    assert result.stdout.startswith("about to submit 2 rows of standard input\n")
    assert "such as row 1 (standard input line 3): " in result.stdout
    assert "standard input" in runs.stdout


def test_submit_takes_the_options_of_a_run(folder, make_orders, submit, sandbox):
    """The command passes its options to the run: without a preflight it does not ask for /me."""
    make_orders(5).to_csv(folder / "a.csv", index=False)
    sandbox.fail_next(404, path="/me")

    result = submit(
        *("a.csv", "--no-preflight", "--journal", "none", "--concurrency", "1", "--chunksize", "2", "--no-progress")
    )

    assert result.exit_code == 0
    assert [event.contact for event in sandbox.events] == ["00000", "00001", "00002", "00003", "00004"]


def test_submit_without_a_preflight_asks_whose_journal_it_is(folder, make_orders, submit, sandbox):
    """Without a preflight and a workspace the exit code is 2, and the message names the command's options."""
    make_orders(1).to_csv(folder / "a.csv", index=False)

    result = submit("a.csv", "--no-preflight")

    assert result.exit_code == 2
    assert "add --workspace ID, or add --journal none" in " ".join(result.stderr.split())
    assert sandbox.requests == 0


def test_suggest_makes_a_mapping_that_checks_the_sample(folder, samples):
    """The suggested mapping for a CSV file checks the file unchanged."""
    purchases = str(samples / "purchases.csv")

    suggested = CliRunner().invoke(app, ["suggest", purchases])
    (folder / "suggested.toml").write_text(suggested.stdout)
    checked = CliRunner().invoke(app, ["check", purchases, "--mapping", "suggested.toml"])

    assert suggested.stdout.splitlines()[1:4] == [
        'event_name = "replace-me"  # no column names the event: replace it, or nothing can be submitted',
        (
            'created_at = { type = "date", column = "date", format = "%Y%m%d" }  # days such as 19970131; events of '
            "one contact on one day share a second, and Intercom keeps the first: see duplicates"
        ),
        'user_id = "customer_id"  # text, 1,000 different; its name says that it is the contact\'s',
    ]
    assert checked.stdout.splitlines()[0] == "3,316 rows: 3,316 valid, 0 invalid, 144 duplicates"
    assert (checked.stderr, checked.exit_code) == ("", 0)


def test_suggested_mapping_is_submitted_once_its_guesses_are_confirmed(folder, submit, sandbox):
    """An unread proposal sends nothing, with exit code 2 and a line for each guess; the edited one sends every row."""
    orders = "customer_id,ordered_at,total,currency\n00042,05/06/2024,19,EUR\n00043,06/06/2024,5,USD\n"
    (folder / "orders.csv").write_text(orders)
    suggested = CliRunner().invoke(app, ["suggest", "orders.csv"]).stdout
    (folder / "mapping.toml").write_text(suggested)

    refused = submit("orders.csv")
    n_refused = len(sandbox.events)
    guesses = '["event_name", "created_at.format", "metadata.total.unit", "timezone"]'
    (folder / "mapping.toml").write_text(suggested.replace(f"unconfirmed = {guesses}", "unconfirmed = []"))
    accepted = submit("orders.csv")

    assert f"\nunconfirmed = {guesses}  # guesses: delete each that you have read" in suggested
    assert [line.partition(": ")[2].partition(":")[0] for line in refused.stderr.splitlines()] == [
        *("event_name", "created_at.format", "metadata.total.unit", "timezone", "unconfirmed")
    ]
    assert (refused.stdout, refused.exit_code, n_refused) == ("", 2, 0)
    assert (accepted.stdout.splitlines()[6], accepted.exit_code) == ("  2 accepted          Intercom has them", 0)


def test_sandbox_command_runs_until_it_is_interrupted(folder, make_orders, launch, interrupt):
    """The sandbox command prints how to submit to it, takes events, and ends with exit code 130 after Ctrl-C."""
    make_orders(2).to_csv(folder / "a.csv", index=False)
    server = launch("sandbox", "--port", "0", "--unknown-contact", "00001", "--limit", "0")
    lines = [server.stdout.readline() for _ in range(3)]
    url = re.fullmatch(r"a local Intercom is at (http://127\.0\.0\.1:\d+); stop it with Ctrl-C\. .*\n", lines[0])[1]

    client = launch(
        *("submit", "a.csv", "-m", "mapping.toml", "--base-url", url), INTERCOM_ACCESS_TOKEN="sandbox-token"
    )
    stdout, _ = client.communicate(timeout=20)
    _, stderr = interrupt(server)

    assert lines[1:] == [
        "  export INTERCOM_ACCESS_TOKEN=sandbox-token\n",
        f"  events-pandas submit FILE --mapping MAPPING --base-url {url}\n",
    ]
    assert stdout.splitlines()[5:8] == [
        "2 rows",
        "  1 accepted          Intercom has them",
        "  1 unknown_contact   Intercom does not know the contact",
    ]
    assert (client.returncode, server.returncode, stderr) == (1, 130, "interrupted\n")


def shown_demo(document, *, command):
    """Return a document's output of the demo, without the progress, which goes to standard error."""
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    shown = text.partition(f"$ {command}\n")[2].partition("```\n")[0]
    return "".join(line for line in shown.splitlines(keepends=True) if not line.startswith("submitting:"))


@pytest.mark.slow
def test_demo_prints_the_output_in_the_documents_and_leaves_nothing_in_the_users_folders(launch, home):
    """The demo prints the output in the documents, and writes nothing in the user's folders."""
    process = launch("demo")

    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 0
    whole = shown_demo("docs/command-line.md", command="events-pandas demo")
    assert JOURNAL.sub("journal", PORT.sub(":0", stdout)) == JOURNAL.sub("journal", PORT.sub(":0", whole))
    end = shown_demo("README.md", command="make demo")
    assert end.endswith(" events\n")
    assert doctest.OutputChecker().check_output(end, stdout, doctest.ELLIPSIS)
    assert "submitting: 3,316 of 3,316 (100%) after" in stderr
    assert list(home.rglob("*")) == []
