"""Preview: events as Intercom shows them."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas.cli import app

MAPPING = """
event_name = "placed-order"
created_at = "day"
user_id = "who"
email = "mail"
timezone = "Europe/Berlin"

[metadata]
price = { type = "monetary_amount", amount = "total", currency = "currency" }
order = { type = "rich_link", value = "order_no", url = "url" }
shipped_date = { type = "date", column = "shipped" }
invoice = "url"
count = { type = "number", column = "count" }
note = "note"
"""
ROW = {
    "who": "00042",
    "mail": "a@example.com",
    "day": "2024-03-01 10:30",
    "total": "19.99",
    "currency": "eur",
    "order_no": "1042",
    "url": "https://example.com/1042",
    "shipped": "2024-03-02",
    "count": "3",
    "note": "gift\x1b[2J",
}


@pytest.fixture
def preview(tmp_path, monkeypatch):
    """Preview rows of a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.toml").write_text(MAPPING)

    def preview(*rows, options=()):
        pd.DataFrame(rows, columns=list(ROW)).to_csv("orders.csv", index=False)
        return CliRunner().invoke(app, ["preview", "orders.csv", "-m", "mapping.toml", *options])

    return preview


def test_preview_shows_each_value_with_its_kind(preview):
    """One block for each event: name, contact, time in UTC, and each key with its kind and its value."""
    result = preview(ROW)

    assert result.stdout == (
        "placed-order\n"
        "  contact       user_id 00042\n"
        "  created_at    2024-03-01 09:30:00 UTC\n"
        "  price         monetary amount  EUR 19.99\n"
        "  order         rich link        1042 <https://example.com/1042>\n"
        "  shipped_date  date             2024-03-01 23:00:00 UTC\n"
        "  invoice       link             https://example.com/1042\n"
        "  count         number           3\n"
        "  note          text             gift\\u001b[2J\n"
    )
    assert (result.stderr, result.exit_code) == ("", 0)


def test_preview_shows_as_many_events_as_asked_for(preview):
    """-n says how many events are shown, the first that would be sent; a line counts the rows that are left out."""
    rows = [{**ROW, "day": day} for day in ("never", "2024-01-01", "2024-01-01", "2024-01-02", "2024-01-03")]

    result = preview(*rows, options=("-n", "2"))

    times = [line.split(maxsplit=1)[1] for line in result.stdout.splitlines() if "created_at" in line]
    assert times == ["2023-12-31 23:00:00 UTC", "2024-01-01 23:00:00 UTC"]
    assert result.stdout.endswith("\n\nleft out of 5 rows: 1 invalid row, 1 duplicate (a check says why)\n")


def test_preview_says_why_there_are_no_events(preview):
    """Exit code 1: no row would be sent."""
    result = preview({**ROW, "day": "never"})

    assert result.stdout.startswith(
        "no events: 1 row is invalid\nerror time_unreadable: 1 row, such as row 0 (orders.csv line 2): "
    )
    assert result.exit_code == 1


def test_preview_says_that_it_looks_at_the_first_rows_only(preview):
    """If the first 10,000 rows are invalid, valid rows may follow."""
    result = preview(*[{**ROW, "day": "never"}] * 10_000, ROW)

    assert result.stdout.startswith("no events: 10,000 rows are invalid\n")
    assert result.stdout.endswith("\nonly the first 10,000 rows are looked at\n")
    assert result.exit_code == 1


def test_preview_as_json_has_the_same_values(preview):
    """The document has each event, its contact, its time and its metadata."""
    document = json.loads(preview(ROW, options=["--json"]).stdout)

    assert document["events"] == [
        {
            "event_name": "placed-order",
            "contact": {"user_id": "00042"},
            "created_at": "2024-03-01 09:30:00 UTC",
            "metadata": [
                {"key": "price", "kind": "monetary amount", "shown": "EUR 19.99"},
                {"key": "order", "kind": "rich link", "shown": "1042 <https://example.com/1042>"},
                {"key": "shipped_date", "kind": "date", "shown": "2024-03-01 23:00:00 UTC"},
                {"key": "invoice", "kind": "link", "shown": "https://example.com/1042"},
                {"key": "count", "kind": "number", "shown": "3"},
                {"key": "note", "kind": "text", "shown": "gift\x1b[2J"},
            ],
        }
    ]


@pytest.mark.parametrize("number", ["0", "1001", "2.5"])
def test_number_of_events_is_judged_before_a_row_is_read(preview, number):
    """The check keeps the first thousand events."""
    result = preview(ROW, options=("-n", number))

    fault = f"'--number' / '-n': expected a number from 1 to 1,000, got '{number}': use 5 or the like"
    assert (result.stderr, result.exit_code) == (f"error: Invalid value for {fault}\n", 2)
