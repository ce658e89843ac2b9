"""Reports on the command line: one HTML file of results, or of a check."""

import json
import re
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

import events_pandas as ep
from events_pandas.cli import app

ORDERS = """customer_id,ordered_at,total
00042,2024-03-01 10:30,19.99
ada@example.org,2024-02-30 11:00,349.00
00999,2024-04-01 09:00,7.25
"""
MAPPING = """event_name = "placed-order"
created_at = "ordered_at"
user_id = "customer_id"
timezone = "UTC"
"""


@pytest.fixture
def run(folder, start):
    """Run a command against a sandbox that does not know one of the contacts."""
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "mapping.toml").write_text(MAPPING)
    sandbox = start(unknown_contacts=["00999"])
    env = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token, "EVENTS_PANDAS_BASE_URL": sandbox.url}
    return lambda *arguments: CliRunner().invoke(app, arguments, env=env)


@pytest.fixture
def submitted(run):
    """Submit the orders, and write their results as CSV and as Parquet."""

    def submitted(name="results.csv"):
        assert run("submit", "orders.csv", "-m", "mapping.toml", "--results", name).exit_code == 1

    return submitted


def _text(path):
    text = path.read_text(encoding="utf-8").replace("<wbr>", "")
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "results/"])
def test_report_tells_of_results_and_their_run(run, submitted, folder, name):
    """The journal knows the workspace and the requests; steps are those of the command line."""
    submitted(name)

    result = run("report", name, "--output", "run.html", "--title", "Orders of March")

    text = _text(folder / "run.html")
    assert (result.exit_code, result.stdout) == (0, "report: run.html\n")
    assert "Orders of March" in text
    assert "1 invalid fix these rows, as the causes below say" in text
    assert "created_at: a value cannot be read as a time invalid 1 33.3% row 1 (orders.csv line 3)" in text
    assert re.search(r"workspace id sandbox_\w+ started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC took \d+ s requests 2", text)
    assert "ep." not in text


def test_report_shows_cells_only_on_request(run, submitted, folder):
    """The cell of the unreadable time is in the file with --include-examples; no identifier ever is."""
    submitted()

    run("report", "results.csv", "-o", "run.html")
    run("report", "results.csv", "-o", "more.html", "--include-examples")

    assert "2024-02-30" not in _text(folder / "run.html")
    assert "row 1 (orders.csv line 3): created_at: &#x27;2024-02-30 11:00&#x27; in " in _text(folder / "more.html")
    assert "example.org" not in _text(folder / "more.html")


def test_report_without_a_journal_has_no_facts_of_the_run(run, submitted, folder):
    """Statuses and causes are in the results."""
    submitted()

    run("report", "results.csv", "-o", "run.html", "--journal", "none")

    text = _text(folder / "run.html")
    assert "facts of the run" not in text
    assert "then submit all rows again" in text


def test_report_takes_no_facts_of_a_run_with_other_rows(run, submitted, folder):
    """A file that was replaced since is not the file of that run."""
    submitted()
    lines = (folder / "results.csv").read_text().splitlines(keepends=True)
    (folder / "results.csv").write_text("".join(lines[:-1]))

    run("report", "results.csv", "-o", "run.html")

    assert "facts of the run" not in _text(folder / "run.html")


def test_report_has_a_section_for_each_results_file(run, submitted, folder):
    """Several runs are one file."""
    submitted()
    shutil.copy(folder / "results.csv", folder / "other.csv")

    run("report", "results.csv", "other.csv", "-o", "run.html")

    assert (folder / "run.html").read_text().count("<h2>Results</h2>") == 2


def test_report_prints_its_file_as_json(run, submitted):
    """A program reads where it is."""
    submitted()

    assert json.loads(run("report", "results.csv", "-o", "run.html", "--json").stdout)["report"] == "run.html"


def test_check_writes_its_report(run, folder):
    """The exit code is that of the check."""
    result = run("check", "orders.csv", "-m", "mapping.toml", "--report", "check.html")

    text = _text(folder / "check.html")
    assert result.exit_code == 1
    assert result.stdout.endswith("report: check.html\n")
    assert "3 rows: 2 valid, 1 invalid, 0 duplicates" in text
    assert "error time_unreadable created_at 1 row row 1 (orders.csv line 3) a value cannot be read as a time" in text
    assert "2024-02-30" not in text


def test_report_is_not_written_to_standard_output(run, submitted, folder):
    """Its name is given, so that no file has the name of the sign."""
    submitted()

    result = run("report", "results.csv", "-o", "-")

    assert (result.exit_code, result.stderr) == (2, "error: -: a report is a file: give its name, such as run.html\n")
    assert not (folder / "-").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("report", "results.csv", "-o", "results.csv"),
            "results.csv: is one of the files that are read, and would be replaced: choose another name",
        ),
        (
            ("report", "results.csv", "-o", "mapping.toml"),
            "mapping.toml: a report is an HTML file: let its name end in .html (a browser prints it to PDF)",
        ),
        (
            ("report", "orders.csv", "-o", "run.html"),
            "orders.csv: no column 'row': give what `submit --results` wrote",
        ),
        (
            ("check", "orders.csv", "-m", "mapping.toml", "--report", "check.pdf"),
            "check.pdf: a report is an HTML file: let its name end in .html (a browser prints it to PDF)",
        ),
        (
            ("check", "orders.csv", "-m", "mapping.toml", "--report", "orders.csv"),
            "orders.csv: is one of the files that are read, and would be replaced: choose another name",
        ),
    ],
)
def test_report_replaces_nothing_else(run, submitted, folder, arguments, message):
    """A wrong name is an error, and all files stay."""
    submitted()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    result = run(*arguments)

    assert (result.exit_code, result.stderr) == (2, f"error: {message}\n")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_python_and_command_write_the_same_sections(run, submitted, folder):
    """Both read the same results."""
    submitted("results.parquet")
    results = pd.read_parquet(folder / "results.parquet")

    run("report", "results.parquet", "-o", "run.html", "--journal", "none")
    ep.write_report(results, folder / "python.html")

    def causes(name):
        return _text(folder / name).partition("causes ")[2].partition("Plots")[0]

    assert causes("run.html") == causes("python.html")
