"""The command line where it asks nobody: checks, usage, and the one line of each error."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas.cli import app

MAPPING = 'event_name = "placed-order"\ncreated_at = "day"\nuser_id = "who"\ntimezone = "UTC"\n'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder with a mapping and two files, one of them with an invalid row."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "good.csv").write_text("who,day\n00042,2024-01-31\n")
    (tmp_path / "bad.csv").write_text("who,day\n00042,2024-01-31\n00043,never\n")
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_check_prints_the_report_and_succeeds_when_every_row_is_valid(run):
    """Exit code 0: every row would be sent."""
    result = run("check", "good.csv", "--mapping", "mapping.toml")

    assert result.stdout == (
        "1 row: 1 valid, 0 invalid, 0 duplicates\n"
        "  contacts    1\n"
        "  event name  'placed-order'\n"
        "  created_at  2024-01-31 00:00:00 UTC\n"
        "  requests    1\n"
    )
    assert result.exit_code == 0


def test_check_fails_when_a_row_is_invalid(run):
    """Exit code 1: some rows would not be sent. Rows are counted over all files."""
    result = run("check", "good.csv", "bad.csv", "-m", "mapping.toml")

    assert result.stdout == (
        "3 rows: 2 valid, 1 invalid, 1 duplicate\n"
        "  contacts    1\n"
        "  event name  'placed-order'\n"
        "  created_at  2024-01-31 00:00:00 UTC\n"
        "  requests    1\n"
        "error time_unreadable: 1 row, such as row 2: created_at: 'never' in column 'day' cannot be read as a time: "
        "write it as 2024-01-31T12:00:00, or give the Date rule its format=, or for epoch numbers its unit=\n"
        "note duplicate: 1 row, such as row 1: event: row 0 (identical) is the same event to Intercom "
        "(contact, event name and second), and this row is not sent: say duplicates='spread' in the mapping if both "
        "happened\n"
    )
    assert result.exit_code == 1


def test_check_writes_all_findings_with_problems(run):
    """--problems has a line for each finding, its row counted over all files."""
    result = run("check", "good.csv", "bad.csv", "-m", "mapping.toml", "--problems", "problems.csv")

    problems = pd.read_csv("problems.csv")
    assert problems[["row", "field", "code", "severity", "value", "source_file"]].to_numpy().tolist() == [
        [1, "event", "duplicate", "note", "row 0 (identical)", "bad.csv"],
        [2, "created_at", "time_unreadable", "error", "'never'", "bad.csv"],
    ]
    assert result.stdout.splitlines()[-1] == "findings: problems.csv"
    assert result.exit_code == 1


@pytest.mark.parametrize("path", ["good.csv", "mapping.toml"])
def test_check_does_not_replace_what_it_reads(run, tmp_path, path):
    """Neither the rows nor the mapping are written over: nothing else is done then."""
    before = (tmp_path / path).read_text()

    result = run("check", "good.csv", "-m", "mapping.toml", "--problems", path)

    assert result.stderr == f"error: {path}: is a file that is read here, and would be replaced: choose another name\n"
    assert (result.stdout, result.exit_code) == ("", 2)
    assert (tmp_path / path).read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "none.csv", "-m", "mapping.toml"), "none.csv: there is no such file"),
        (
            ("check", "mapping.toml", "-m", "mapping.toml"),
            "mapping.toml: files of this format cannot be read: use .csv (also compressed: .csv.gz) or .parquet",
        ),
        (
            ("check", "good.csv", "-m", "mapping.toml", "--problems", "nowhere/problems.csv"),
            (
                "nowhere/problems.csv: findings cannot be written there: "
                "Cannot save file into a non-existent directory: 'nowhere'"
            ),
        ),
        (
            ("submit", "good.csv", "-m", "mapping.toml"),
            "no access token: set INTERCOM_ACCESS_TOKEN, or pass access_token to IntercomClient",
        ),
        (
            ("submit", "good.csv", "-m", "mapping.toml", "--region", "ue"),
            "no access token: set INTERCOM_ACCESS_TOKEN, or pass access_token to IntercomClient",
        ),
    ],
)
def test_error_is_one_line_on_stderr(run, arguments, message):
    """Exit code 2 for usage, mapping and credentials: what is wrong, and the next step."""
    result = run(*arguments)

    assert result.stderr == f"error: {message}\n"
    assert result.exit_code == 2


def test_error_of_a_mapping_is_one_line_for_each_fault(run, tmp_path):
    """Every fault is told at once, each as a line of its own."""
    (tmp_path / "mapping.toml").write_text('event_name = "a"\ncreated_at = "date"\nuser_id = "whom"\n')

    result = run("check", "good.csv", "-m", "mapping.toml")

    assert result.stderr == (
        "error: created_at: no column 'date'; there are 'who', 'day'\n"
        "error: user_id: no column 'whom': did you mean 'who'?\n"
    )
    assert result.exit_code == 2


def test_error_of_an_address_comes_before_anything_is_read(run, monkeypatch):
    """A token does not travel in plain text unless that is asked for."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", "made-up")

    result = run("submit", "good.csv", "-m", "mapping.toml", "--base-url", "http://intercom.example.org")

    assert result.stderr == (
        "error: base_url 'http://intercom.example.org' would send the access token in plain text: "
        "use https, or pass allow_http=True if the network is yours\n"
    )
    assert result.exit_code == 2


def test_submit_sends_nothing_when_it_is_to_stop_on_invalid_rows(run, monkeypatch):
    """Exit code 1, and the next step is a check."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", "made-up")

    result = run("submit", "bad.csv", "-m", "mapping.toml", "--base-url", "http://127.0.0.1:9", "--stop-on-invalid")

    assert result.stderr == ("error: 1 row is invalid, and nothing was sent: see `events-pandas check --problems`\n")
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "good.csv"), "Missing option '--mapping'"),
        (("submit", "-m", "mapping.toml"), "Missing argument 'FILES"),
        (("submit", "good.csv", "-m", "mapping.toml", "--concurrency", "0"), "Invalid value for '--concurrency'"),
        (("upload",), "No such command 'upload'"),
    ],
)
def test_usage_errors_have_exit_code_2(run, arguments, message):
    """What the command line does not know is told before anything is read."""
    result = run(*arguments)

    assert message in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("command", ["check", "submit"])
def test_help_says_how_rows_are_counted_and_what_is_replaced(run, command):
    """Who looks up a row in the file must know where to begin."""
    text = " ".join(run(command, "--help").stdout.split())

    assert "A file that is there is replaced. Rows are counted from 0" in text


def test_help_names_the_commands_and_the_exit_codes(run):
    """What a script needs to know stands in the help."""
    result = run("--help")

    assert [command for command in ("check", "submit", "sandbox", "demo") if command in result.stdout] == [
        *("check", "submit", "sandbox", "demo")
    ]
    assert "Exit codes: 0 every row is done; 1 some are not; 2 usage, mapping or" in result.stdout
    assert result.exit_code == 0
