"""Rejects against a sandbox: rows that were not accepted are fixed in the file, and submitted from it."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas import Constant, Date, EventMapping, MonetaryAmount, Text, export_rejects, submit_events, submit_file
from events_pandas.cli import app


@pytest.fixture
def submit(folder, sandbox):  # noqa: ARG001  # It makes the mapping.
    """Submit files of the folder to the sandbox by the command line."""

    def submit(*more, to=sandbox, token=sandbox.access_token):
        arguments = ["submit", *more, "--mapping", "mapping.toml", "--base-url", to.url]
        return CliRunner().invoke(app, arguments, env={"INTERCOM_ACCESS_TOKEN": token})

    return submit


def test_rejects_of_a_frame_arrive_as_its_rows_would_have(folder, start):
    """Fixed rejects arrive as the same events as the rows of the frame."""
    orders = pd.DataFrame(
        {
            "who": ["00042", "00043", "00999"],
            "at": pd.to_datetime(["2024-01-31T10:00:00.00", None, "2024-02-01T11:00:00.25"]).tz_localize(
                "Europe/Berlin"
            ),
            "total": [19.99, 5.0, 12.0],
            "invoice": ["007", "NA", "1e5"],
        }
    )
    mapping = EventMapping(
        event_name="a",
        created_at="at",
        user_id="who",
        metadata={
            "paid_at": Date("at"),
            "price": MonetaryAmount("total", currency=Constant("eur")),
            "invoice": Text("invoice"),
        },
    )
    strict, kind = start(unknown_contacts=["00999"]), start()
    with strict.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)

    export_rejects(results, orders, "rejects.csv", mapping=mapping)
    fixed = Path("rejects.csv").read_text().replace("00043,,", "00043,2024-03-01T00:00:00Z,")
    (folder / "fixed.csv").write_text(fixed)
    with kind.client() as client:
        again = submit_file("fixed.csv", mapping, client=client, journal=None)

    assert again["status"].tolist() == ["accepted", "accepted"]
    assert sorted((event.contact, event.created_at, dict(event.metadata)) for event in kind.events) == [
        (
            "00043",
            1_709_251_200,
            {"paid_at": 1_709_251_200, "price": {"amount": 500, "currency": "eur"}, "invoice": "NA"},
        ),
        (
            "00999",
            1_706_781_600,
            {"paid_at": 1_706_781_600, "price": {"amount": 1200, "currency": "eur"}, "invoice": "1e5"},
        ),
    ]


def test_command_writes_rejects_and_says_how_many(folder, submit, sandbox):
    """The same command submits the fixed file, and the next rejects are empty."""
    (folder / "a.csv").write_text("who,day,note\n00042,2024-01-31,x\n00043,never,NA\n")

    first = submit("a.csv", "--results", "results.csv", "--rejects", "rejects.csv")
    (folder / "fixed.csv").write_text((folder / "rejects.csv").read_text().replace("never", "2024-02-01"))
    second = submit("fixed.csv", "--rejects", "rejects.csv")

    assert first.stdout.splitlines()[-2:] == ["results: results.csv", "rejects: rejects.csv (1 row)"]
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert second.stdout.splitlines()[-1] == "rejects: rejects.csv (0 rows)"
    assert [event.contact for event in sandbox.events] == ["00042", "00043"]
    assert (folder / "rejects.csv").read_text() == "who,day,note,row,status,error_code,error_message,source_file,line\n"


def test_command_notes_rejects_that_would_be_sent_with_another_type(folder, submit, start):
    """A note names a value that the rejects would send with another type, if no journal keeps the type."""
    mapping = (folder / "mapping.toml").read_text()
    (folder / "mapping.toml").write_text(f'{mapping}\n[metadata]\nsize = "size"\n')
    (folder / "a.csv").write_text("who,day,size\n00042,2024-01-31,five\n00043,2024-01-31,5\n")

    ghosts = start(unknown_contacts=["00043"])
    result = submit("a.csv", "--rejects", "rejects.csv", "--journal", "none", to=ghosts)

    assert result.stdout.splitlines()[-2:] == [
        "rejects: rejects.csv (1 row)",
        (
            "note: rejects.csv: metadata.size of line 2 (row 1 of the run) would be 5 when this file is submitted, and "
            "not '5': a CSV "
            "file has no types, so give the column a rule in the mapping (text, number with its decimal, "
            "date with its unit), or "
            "export to .parquet"
        ),
    ]


def test_journal_keeps_the_types_for_the_run_over_the_rejects(folder, submit, sandbox):
    """A column that the journal keeps as text is sent as text from the rejects, without a note."""
    mapping = (folder / "mapping.toml").read_text()
    (folder / "mapping.toml").write_text(f'{mapping}\n[metadata]\nsize = "size"\n')
    (folder / "a.csv").write_text("who,day,size\n00042,2024-01-31,five\n00043,never,5\n")

    result = submit("a.csv", "--rejects", "rejects.csv")
    (folder / "fixed.csv").write_text((folder / "rejects.csv").read_text().replace("never", "2024-02-01"))
    submit("fixed.csv")

    assert result.stdout.splitlines()[-1] == "rejects: rejects.csv (1 row)"
    assert [event.metadata for event in sandbox.events] == [{"size": "five"}, {"size": "5"}]


def test_command_does_not_replace_its_mapping_by_rejects(folder, submit, sandbox):
    """The rejects cannot replace the mapping, and nothing is sent."""
    (folder / "a.csv").write_text("who,day\n00042,2024-01-31\n")

    result = submit("a.csv", "--rejects", "mapping.toml")

    assert result.stderr == (
        "error: mapping.toml: is one of the files that are read, and would be replaced: choose another name\n"
    )
    assert result.exit_code == 2
    assert sandbox.requests == 0


def test_command_does_not_list_rejects_that_could_not_be_written(folder, submit, full_disk):
    """If the rejects cannot be written, the error has its own line, and no line says that they were written."""
    (folder / "a.csv").write_text("who,day\n00042,2024-01-31\n00043,never\n")

    # The sandbox is in this process too: it cannot log the event, and answers 500.
    with full_disk():
        result = submit("a.csv", "--rejects", "rejects.csv", "--journal", "none", "--patience-seconds", "0")

    assert "rejects:" not in result.stdout
    # On a slow machine lines of progress come first.
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors[0].startswith("error: every request has failed")
    assert errors[1:] == ["error: rejects.csv: rejects cannot be written there: File too large"]
