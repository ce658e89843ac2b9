"""From an export to Intercom by the command alone: suggest, confirm the guesses, check, submit."""

import re
import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas.cli import app

GERMAN = (
    "Kunden-ID;Bestellt am;Betrag;Größe\r\n"
    "00042;31.12.2024 14:05;1.234,56;klein\r\n"
    "00043;30.12.2024 09:00;7,50;groß, rund\r\n"
)
TABBED = (
    'customer_id\tordered_at\tnote\r\n00042\t2024-12-31 14:05\t"zwei\r\nZeilen"\r\n00043\t2024-12-30 09:00\tŁódź\r\n'
)


def write_sheets(path):
    """Write a workbook whose first sheet of two has the rows."""
    with pd.ExcelWriter(path) as book:
        orders = {
            "customer_id": ["00042", "00043"],
            "ordered_at": pd.to_datetime(["2024-12-31 14:05", "2024-12-30 09:00"]),
        }
        pd.DataFrame({**orders, "total": [1234.56, 7.5]}).to_excel(book, sheet_name="Orders", index=False)
        pd.DataFrame({"rate": [1]}).to_excel(book, sheet_name="Rates", index=False)


@pytest.fixture
def command(sandbox):
    """Run the command to its end; return its output."""

    def command(*arguments):
        result = CliRunner().invoke(app, arguments, env={"INTERCOM_ACCESS_TOKEN": sandbox.access_token})
        assert (result.stderr, result.exit_code) == ("", 0)
        return result.stdout

    return command


@pytest.mark.parametrize(
    ("name", "write", "source", "metadata"),
    [
        (
            "export.csv",
            lambda path: path.write_bytes(GERMAN.encode("cp1252")),
            {"delimiter": ";", "encoding": "cp1252", "decimal": ","},
            [{"betrag": 1234.56, "größe": "klein"}, {"betrag": 7.5, "größe": "groß, rund"}],
        ),
        (
            "export.tsv",
            lambda path: path.write_bytes(TABBED.encode("utf-16")),
            {"delimiter": "\t", "encoding": "utf-16"},
            [{"note": "zwei\r\nZeilen"}, {"note": "Łódź"}],
        ),
        ("export.xlsx", write_sheets, {"sheet": "Orders"}, [{"total": 1234.56}, {"total": 7.5}]),
    ],
    ids=["German Excel", "UTF-16", "xlsx"],
)
def test_suggested_mapping_says_how_the_file_is_written(folder, command, sandbox, name, write, source, metadata):
    """Once the guesses are confirmed, the mapping checks and submits the export without detecting anything."""
    write(folder / name)

    suggested = command("suggest", name)
    confirmed = re.sub(r"(?m)^unconfirmed = .*\n", "", suggested).replace('"replace-me"', '"placed-order"')
    (folder / "mapping.toml").write_text(confirmed, encoding="utf-8")
    checked = command("check", name, "-m", "mapping.toml")
    command("submit", name, "-m", "mapping.toml", "--base-url", sandbox.url, "--journal", "none")

    assert tomllib.loads(suggested)["source"] == source
    assert checked.splitlines()[0] == "2 rows: 2 valid, 0 invalid, 0 duplicates"
    assert "detected" not in checked
    events = sorted(sandbox.events, key=lambda event: event.contact)
    assert [event.metadata for event in events] == metadata


def test_plan_shows_what_was_detected_and_the_summary_does_not_repeat_it(folder, command, sandbox):
    """The notes on delimiter, encoding and decimal sign come before the first event, once."""
    (folder / "export.csv").write_bytes(GERMAN.encode("cp1252"))
    (folder / "mapping.toml").write_text(
        'event_name = "placed-order"\nuser_id = "Kunden-ID"\ntimezone = "UTC"\n'
        'created_at = { type = "date", column = "Bestellt am", format = "%d.%m.%Y %H:%M" }\n'
        '[metadata]\nbetrag = { type = "number", column = "Betrag" }\n'
    )

    printed = command("submit", "export.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--journal", "none")

    detected = [line.split(maxsplit=1)[1] for line in printed.splitlines() if line.startswith("  detected ")]
    assert [line.partition(": set ")[0] for line in detected] == [
        "metadata.betrag: '1.234,56' in column 'Betrag' shows a decimal comma, and its column is read that way",
        "file export.csv: ';' separates the cells, as the first lines show",
        "file export.csv: Windows-1252 ('Größe' in line 1) is the encoding that the file's bytes show",
    ]
    assert (printed.count("decimal comma"), printed.count("separates"), printed.count("Windows-1252")) == (1, 1, 1)
