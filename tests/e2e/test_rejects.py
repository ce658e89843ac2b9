"""Rejects against a sandbox: what it did not take is mended in the file, and submitted from there."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas import Constant, Date, EventMapping, MonetaryAmount, Text, export_rejects, submit_events, submit_file
from events_pandas.cli import app


@pytest.fixture
def submit(folder, sandbox):  # noqa: ARG001  # It is where the mapping lies.
    """Submit files of the folder to the sandbox by the command line."""

    def submit(*more, to=sandbox, token=sandbox.access_token):
        arguments = ["submit", *more, "--mapping", "mapping.toml", "--base-url", to.url]
        return CliRunner().invoke(app, arguments, env={"INTERCOM_ACCESS_TOKEN": token})

    return submit


def test_rejects_of_a_frame_arrive_as_its_rows_would_have(folder, start):
    """Mended in the file, they are the events that the frame was to become."""
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
    mended = Path("rejects.csv").read_text().replace("00043,,", "00043,2024-03-01T00:00:00Z,")
    (folder / "mended.csv").write_text(mended)
    with kind.client() as client:
        again = submit_file("mended.csv", mapping, client=client, journal=None)

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
    """Mended, the file is submitted by the same command; nothing is left then."""
    (folder / "a.csv").write_text("who,day,note\n00042,2024-01-31,x\n00043,never,NA\n")

    first = submit("a.csv", "--results", "results.csv", "--rejects", "rejects.csv")
    (folder / "mended.csv").write_text((folder / "rejects.csv").read_text().replace("never", "2024-02-01"))
    second = submit("mended.csv", "--rejects", "rejects.csv")

    assert first.stdout.splitlines()[-2:] == ["results: results.csv", "rejects: rejects.csv (1 row)"]
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert second.stdout.splitlines()[-1] == "rejects: rejects.csv (0 rows)"
    assert [event.contact for event in sandbox.events] == ["00042", "00043"]
    assert (folder / "rejects.csv").read_text() == "who,day,note,row,status,error_code,error_message\n"


def test_command_tells_what_would_be_sent_otherwise_from_the_rejects(folder, submit, start):
    """Without a journal a bare column takes its type from the file, and that of the rejects is another one."""
    mapping = (folder / "mapping.toml").read_text()
    (folder / "mapping.toml").write_text(f'{mapping}\n[metadata]\nsize = "size"\n')
    (folder / "a.csv").write_text("who,day,size\n00042,2024-01-31,five\n00043,2024-01-31,5\n")

    ghosts = start(unknown_contacts=["00043"])
    result = submit("a.csv", "--rejects", "rejects.csv", "--journal", "none", to=ghosts)

    assert result.stdout.splitlines()[-2:] == [
        "rejects: rejects.csv (1 row)",
        (
            "note: rejects.csv: metadata.size of row 1 would be 5 when this file is submitted, and not '5': a CSV "
            "file has no types, so give the column a rule in the mapping (Text, Number, Date with its unit=), or "
            "export to .parquet"
        ),
    ]


def test_journal_keeps_the_types_for_the_run_over_the_rejects(folder, submit, sandbox):
    """What would be a number by itself is sent as text there, as the rows before it were: nothing has to be told."""
    mapping = (folder / "mapping.toml").read_text()
    (folder / "mapping.toml").write_text(f'{mapping}\n[metadata]\nsize = "size"\n')
    (folder / "a.csv").write_text("who,day,size\n00042,2024-01-31,five\n00043,never,5\n")

    result = submit("a.csv", "--rejects", "rejects.csv")
    (folder / "fixed.csv").write_text((folder / "rejects.csv").read_text().replace("never", "2024-02-01"))
    submit("fixed.csv")

    assert result.stdout.splitlines()[-1] == "rejects: rejects.csv (1 row)"
    assert [event.metadata for event in sandbox.events] == [{"size": "five"}, {"size": "5"}]


def test_command_does_not_replace_its_mapping_by_rejects(folder, submit, sandbox):
    """What is read is not written over, and nothing is sent."""
    (folder / "a.csv").write_text("who,day\n00042,2024-01-31\n")

    result = submit("a.csv", "--rejects", "mapping.toml")

    assert result.stderr == (
        "error: mapping.toml: is one of the files that are read, and would be replaced: choose another name\n"
    )
    assert result.exit_code == 2
    assert sandbox.requests == 0


def test_command_does_not_tell_of_rejects_that_could_not_be_written(folder, submit, full_disk):
    """The rejects are a line of their own after the error."""
    (folder / "a.csv").write_text("who,day\n00042,2024-01-31\n")

    with full_disk():
        result = submit("a.csv", "--rejects", "rejects.csv", token="wrong")

    assert "rejects:" not in result.stdout
    assert result.stderr.splitlines()[0].startswith("error: Intercom refused the access token")
    assert result.stderr.splitlines()[1:] == ["error: rejects.csv: rejects cannot be written there: File too large"]
