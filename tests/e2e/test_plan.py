"""What `submit` is about to do: shown before the first event, asked for in a terminal, and all of a dry run."""

import json
import os
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas.cli import app

WORKSPACE = re.compile(r"\bsandbox_[0-9a-f]+\b")


@pytest.fixture
def submit(folder, sandbox, make_orders):
    """Submit a file with five rows, one of them invalid and one a duplicate."""
    days = ["2024-01-31"] * 3 + ["never", "2024-01-31"]
    orders = make_orders(5, day=days)
    orders.loc[4, "who"] = "00000"
    orders.to_csv(folder / "orders.csv", index=False)
    env = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token}
    base = ("submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--journal", "journal.sqlite")
    return lambda *arguments: CliRunner().invoke(app, [*base, *arguments], env=env)


@pytest.fixture
def in_terminal(folder, make_orders, sandbox, open_terminal):
    """Submit two rows in a terminal of its own."""
    make_orders(2).to_csv(folder / "orders.csv", index=False)
    arguments = ("-m", "events_pandas", "submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url)
    return lambda *more: open_terminal(*arguments, *more, INTERCOM_ACCESS_TOKEN=sandbox.access_token)


def test_dry_run_shows_the_plan_and_sends_nothing(submit, folder, sandbox):
    """A dry run shows workspace, requests, what is left out, the journal and the findings, and makes no file."""
    result = submit("--dry-run", "--results", "results.csv")

    assert WORKSPACE.sub("sandbox_ID", result.stdout) == (
        "about to submit 5 rows of orders.csv\n"
        "  workspace  'Sandbox', id sandbox_ID, region US\n"
        "  requests   3, which take 0:00:00 at 10,000,000 in ten seconds\n"
        "  left out   1 invalid row, 1 duplicate\n"
        f"  journal    {folder / 'journal.sqlite'} (new: no earlier run is known)\n"
        "error time_unreadable: 1 row, such as row 3 (orders.csv line 5): created_at: 'never' in column "
        "'day' cannot be read as a time: "
        "write it as 2024-01-31T12:00:00, or give its format (of epoch numbers the unit) in a date rule\n"
        "note duplicate: 1 row, such as row 4 (orders.csv line 6): event: row 0 is the same event to "
        "Intercom (contact, event name and "
        "second), and this row is not sent: drop one of the two, or set duplicates to 'spread' in the mapping if both "
        "happened\n"
        "dry run: nothing was sent\n"
    )
    assert (result.stderr, result.exit_code, sandbox.requests) == ("", 1, 0)
    assert sorted(path.name for path in folder.iterdir()) == ["mapping.toml", "orders.csv"]


def test_plan_counts_with_the_share_of_the_limit_that_the_run_uses(submit):
    """Whoever says yes is told when the run ends."""
    texts = submit("--dry-run", "--rate-share", "0.0000001")
    document = json.loads(submit("--dry-run", "--rate-share", "0.0000001", "--json").stdout)

    assert "  requests   3, which take 0:00:20 at 1 in ten seconds\n" in texts.stdout
    assert document["plan"]["check"]["duration_seconds"] == 20


def test_plan_does_not_leave_out_duplicates_that_are_sent(submit, folder):
    """With duplicates="send" a duplicate is a request like others."""
    path = folder / "mapping.toml"
    path.write_text(f'duplicates = "send"\n{path.read_text()}')

    result = submit("--dry-run")

    assert "  requests   4, which take" in result.stdout
    assert "  left out   1 invalid row\n" in result.stdout


@pytest.mark.parametrize(
    ("option", "holds", "more"),
    [("--results", "results", ", or / for a folder of parts"), ("--rejects", "rejects", "")],
)
def test_output_with_another_ending_is_refused_before_the_check(submit, option, holds, more):
    """A check of all rows may take minutes."""
    result = submit(option, "out.xlsx")

    error = f"error: out.xlsx: {holds} are written as .csv or .parquet: choose one of these endings{more}\n"
    assert (result.stdout, result.stderr, result.exit_code) == ("", error, 2)


def test_limit_submits_the_first_rows(submit, sandbox):
    """Plan, results and progress are about the first rows only; a later run submits the others."""
    first = submit("--limit", "2", "--results", "results.csv")
    second = submit()

    assert first.stdout.startswith("about to submit the first 2 rows of orders.csv\n")
    assert "\n2 rows\n  2 accepted          Intercom has them\n" in first.stdout
    assert (first.exit_code, len(pd.read_csv("results.csv"))) == (0, 2)
    assert "  2 already_submitted accepted in another run\n" in second.stdout
    assert len(sandbox.events) == 3


def test_limit_may_end_within_a_later_file(submit, folder, make_orders, sandbox):
    """Rows are counted over all files, also where a chunk ends before the limit."""
    make_orders(5, start=10).to_csv(folder / "second.csv", index=False)

    result = submit("second.csv", "--limit", "7", "--chunksize", "2", "--results", "results.csv")

    assert pd.read_csv("results.csv")["source_file"].tolist() == ["orders.csv"] * 5 + ["second.csv"] * 2
    assert (result.exit_code, len(sandbox.events)) == (1, 5)


@pytest.mark.parametrize("option", ["--check-first", "--no-check-first"])
def test_submit_asks_for_the_workspace_once(submit, sandbox, client, option):
    """The run takes the answer that its plan has; three more requests are the events, and one is of this test."""
    sandbox.limit, sandbox.window_seconds = 100, 1_000_000

    result = submit(option)

    assert (result.exit_code, sandbox.requests) == (1, 3)
    assert client.me().headers["X-RateLimit-Remaining"] == str(100 - 1 - 3 - 1)


@pytest.mark.slow
def test_file_that_changes_while_the_question_waits_is_not_submitted(in_terminal, folder, make_orders, sandbox):
    """The plan was about other rows."""
    terminal = in_terminal()

    terminal.wait_for("[y/N]: ")
    make_orders(3).to_csv(folder / "orders.csv", index=False)
    terminal.type("y\n")
    code, shown = terminal.end()

    fault = "error: orders.csv: was changed while the run began: submit it when nothing writes to it"
    assert (code, shown.splitlines()[-1], sandbox.requests) == (2, fault, 0)


def test_plan_says_that_a_journal_is_known(submit):
    """A typo in --journal shows: only the first run says that its journal is new."""
    shown = [submit().stdout for _ in range(2)]

    states = [re.search(r"journal    .* \((.*)\)\n", text)[1] for text in shown]
    assert states == ["new: no earlier run is known", "rows that it has are not sent again"]
    requests = [re.search(r"requests   (.*)\n", text)[1] for text in shown]
    few = "3, which take 0:00:00 at 10,000,000 in ten seconds"
    assert requests == [few, f"at most {few}; fewer if the journal has rows"]


def test_plan_says_that_rows_of_the_journal_are_sent_again(submit, sandbox):
    """--resubmit reads no journal."""
    submit()

    result = submit("--resubmit")

    assert "journal.sqlite (rows that it has are sent again, too)\n" in result.stdout
    assert sandbox.requests == 6


@pytest.mark.parametrize(("options", "what"), [((), "the rows"), (("--limit", "3"), "the first 3 rows")])
def test_plan_without_a_check_first_counts_nothing(submit, options, what):
    """--no-check-first begins at once: rows and requests are not known."""
    result = submit("--no-check-first", *options)

    assert result.stdout.startswith(f"about to submit {what} of orders.csv\n  workspace  'Sandbox', id ")
    assert "requests " not in result.stdout
    assert "  3 accepted          Intercom has them\n" in result.stdout


def test_terminal_is_asked_and_no_sends_nothing(in_terminal, folder, sandbox):
    """Whoever does not say yes sends nothing, and makes no journal."""
    terminal = in_terminal("--journal", "journal.sqlite")

    terminal.wait_for("[y/N]: ")
    terminal.type("n\n")
    code, shown = terminal.end()

    assert shown.splitlines()[-2:] == ["submit? [y/N]: n", "nothing was sent"]
    assert (code, sandbox.requests) == (2, 0)
    assert not (folder / "journal.sqlite").exists()


def test_terminal_is_asked_and_yes_submits(in_terminal, sandbox):
    """Whoever says yes submits the rows."""
    terminal = in_terminal()

    terminal.wait_for("[y/N]: ")
    terminal.type("y\n")
    code, shown = terminal.end()

    assert "  2 accepted          Intercom has them" in shown.splitlines()
    assert (code, len(sandbox.events)) == (0, 2)


def test_ctrl_c_at_the_question_sends_nothing(in_terminal, sandbox):
    """Ctrl-C ends the command as anywhere else."""
    terminal = in_terminal()

    terminal.wait_for("[y/N]: ")
    terminal.press_ctrl_c()
    code, shown = terminal.end()

    assert shown.splitlines()[-1] == "interrupted: nothing was sent"
    assert (code, sandbox.requests) == (130, 0)


# Here and in the next two tests nothing is asked: which stream is a terminal depends on no version.
@pytest.mark.slow
@pytest.mark.parametrize("option", ["--yes", "--dry-run"])
def test_terminal_is_not_asked_when_the_answer_is_known(in_terminal, option):
    """--yes answers the question, and a dry run has none."""
    code, shown = in_terminal(option).end()

    assert (code, "[y/N]" in shown) == (0, False)


@pytest.fixture
def piped_in_terminal(folder, make_orders, sandbox, open_terminal):
    """Submit rows from a pipe, where the output is seen in a terminal."""
    make_orders(2).to_csv(folder / "orders.csv", index=False)
    command = "'{0}' -m events_pandas submit - -m mapping.toml --base-url {1} {2}"
    program = (
        "import subprocess, sys; sys.exit(subprocess.run(['sh', '-c', 'cat orders.csv | ' + sys.argv[1]]).returncode)"
    )

    def piped_in_terminal(*more):
        line = command.format(sys.executable, sandbox.url, " ".join(more))
        return open_terminal("-c", program, line, INTERCOM_ACCESS_TOKEN=sandbox.access_token)

    return piped_in_terminal


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), (">out.txt",), ("2>err.txt",)])
def test_terminal_without_an_answer_sends_nothing(piped_in_terminal, sandbox, folder, more):
    """Rows from a pipe leave nobody who could answer: they are not sent unasked where somebody sees the output."""
    code, shown = piped_in_terminal(*more).end()

    written = "".join(file.read_text() for file in folder.glob("*.txt"))
    assert (shown + written) == (
        "error: in a terminal the command asks before it submits, and standard input is not a terminal that can "
        "answer: give --dry-run to see what would be sent, and --yes to send it\n"
    )
    assert (code, sandbox.requests) == (2, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("more", "events"), [(("--yes",), 2), (("--dry-run",), 0), ((">out.txt", "2>&1"), 2)])
def test_rows_of_a_pipe_go_on_without_a_question(piped_in_terminal, sandbox, more, events):
    """With --yes, in a dry run, and where nobody sees the output, as in cron, nothing is asked."""
    code, shown = piped_in_terminal(*more).end()

    assert (code, len(sandbox.events), "[y/N]" in shown) == (0, events, False)


def test_plan_says_that_contacts_are_checked(submit):
    """Which contacts exist is not known before the run: the requests are the most that it may take."""
    result = submit("--dry-run", "--check-contacts")

    assert "  requests   at most 3, which take 0:00:00 at 10,000,000 in ten seconds\n" in result.stdout
    assert (
        "  contacts   are checked first, 50 in a search: events of those that Intercom lacks are not sent\n"
        in result.stdout
    )
    assert json.loads(submit("--dry-run", "--check-contacts", "--json").stdout)["plan"]["checks_contacts"] is True


def test_check_online_names_the_workspace_and_the_duration(folder, make_orders, sandbox):
    """The check asks GET /me once, and sends no event."""
    make_orders(2).to_csv(folder / "orders.csv", index=False)
    env = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token}
    arguments = ["check", "orders.csv", "-m", "mapping.toml", "--online", "--base-url", sandbox.url]

    result = CliRunner().invoke(app, arguments, env=env)

    assert "  workspace   'Sandbox', id sandbox_" in result.stdout
    assert "  requests    2, which take 0:00:00 at 10,000,000 in ten seconds\n" in result.stdout
    assert (result.exit_code, sandbox.requests) == (0, 0)


@pytest.mark.slow
def test_suggested_mapping_can_be_redirected(folder, make_orders, launch):
    """`suggest FILE > mapping.toml` writes a mapping that can be read."""
    make_orders(2).rename(columns={"who": "customer_id"}).to_csv(folder / "orders.csv", index=False)
    process = launch("suggest", "orders.csv")

    stdout, stderr = process.communicate(timeout=30)
    Path("suggested.toml").write_text(stdout, encoding="utf-8")
    checked = CliRunner().invoke(app, ["check", "orders.csv", "-m", "suggested.toml"], env=dict(os.environ))

    assert (stderr, process.returncode, checked.exit_code) == ("", 0, 0)


@pytest.mark.parametrize(("limit", "code", "left_out"), [("2", 0, "nothing"), ("3", 1, "1 invalid row")])
def test_limit_leaves_out_what_is_odd_in_later_rows(folder, sandbox, limit, code, left_out):
    """A short row beyond the limit is no finding."""
    (folder / "odd.csv").write_text("who,day\n1,2024-01-31\n2,2024-01-31\n3\n4,2024-01-31\n")
    env = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token}
    arguments = ["submit", "odd.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--limit", limit]

    result = CliRunner().invoke(app, arguments, env=env)

    assert f"  left out   {left_out}\n" in result.stdout
    assert (result.exit_code, len(sandbox.events)) == (code, 2)


def test_check_of_the_plan_reads_the_chunks_of_the_run(submit, folder, make_orders):
    """Seconds that are spread depend on the chunks: the plan says of them what the run does."""
    mapping = folder / "mapping.toml"
    mapping.write_text(f'{mapping.read_text()}duplicates = "spread"\n')
    days = ["2024-01-31T00:00:00", "2024-01-31T00:00:00", "2024-01-31T00:00:01"]
    make_orders(3, day=days).assign(who="1").to_csv(folder / "orders.csv", index=False)

    moved = [
        json.loads(submit("--dry-run", "--json", "--chunksize", chunksize).stdout)["plan"]["check"]["findings"][0]
        for chunksize in ("2", "3")
    ]
    submit("--chunksize", "2", "--results", "results.csv")

    assert [(each["code"], each["rows"]) for each in moved] == [
        ("second_moved_of_identical", 2),
        ("second_moved_of_identical", 1),
    ]
    assert pd.read_csv("results.csv")["created_at"].str[-8:-6].tolist() == ["00", "01", "02"]


def test_dry_run_with_a_file_that_is_left_out_is_not_complete(submit, folder, make_orders):
    """A run that leaves out a file ends with 1, and so does its dry run."""
    make_orders(2).to_csv(folder / "orders.csv", index=False)

    codes = [submit("none.csv", "--skip-bad-files", *more).exit_code for more in (("--dry-run",), ())]

    assert codes == [1, 1]
