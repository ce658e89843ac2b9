"""The report of a check: counts, payloads, and text that a person reads."""

import numpy as np
import pandas as pd
import pytest

from events_pandas import Column, Constant, EventMapping, check_events
from events_pandas.results.report import Spread


@pytest.fixture
def orders(make_orders):
    """Five rows: two are valid, one repeats the first, one has no time, one no contact."""
    frame = make_orders(5)
    frame["who"] = ["00000", "00001", "00000", "00003", None]
    frame.loc[3, "day"] = None
    return frame.set_axis(list("abcde"))


def test_report_counts_rows(orders, mapping):
    """Valid and invalid rows add up; duplicates are valid and need no request."""
    report = check_events(orders, mapping)

    assert (report.rows, report.valid, report.invalid, report.duplicates, report.requests) == (5, 3, 2, 1, 2)
    assert not report.ok


def test_report_counts_a_request_for_each_duplicate_when_they_are_sent(orders):
    """With duplicates="send" each duplicate needs a request."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC", duplicates="send")

    report = check_events(orders, mapping)

    assert (report.duplicates, report.requests) == (1, 3)
    assert len(report.payloads()) == 3


def test_report_counts_contacts_of_valid_rows(orders, mapping):
    """A contact counts once; contacts of invalid rows do not count."""
    assert check_events(orders, mapping).contacts == 2


def test_report_counts_a_contact_once_with_any_events(orders):
    """Events of two names by one contact are one contact."""
    orders["event"] = list("abcde")
    mapping = EventMapping(event_name=Column("event"), created_at="day", user_id="who", timezone="UTC")

    assert check_events(orders, mapping).contacts == 2


def test_report_spans_the_times_of_valid_rows(orders, mapping):
    """The span is the first and the last second in UTC; times of invalid rows do not count."""
    orders["day"] = ["2024-02-01", "2024-01-31T12:00:00+02:00", "2024-02-01", None, "2024-12-31"]

    report = check_events(orders, mapping)

    assert report.span == (pd.Timestamp("2024-01-31T10:00:00Z"), pd.Timestamp("2024-02-01T00:00:00Z"))


def test_report_counts_rows_by_day(orders, mapping):
    """Valid rows and the duplicates among them are counted by day in UTC; days without rows are left out."""
    times = ["10000-01-01", "1969-12-31T23:59:59", "10000-01-01", "9999-12-30", "2024-02-02"]
    orders["day"] = np.array(times, "datetime64[s]")

    days = check_events(orders, mapping).days

    assert days["day"].dtype == "datetime64[s, UTC]"
    midnights = days["day"].to_numpy("datetime64[s]").astype("datetime64[D]").astype(str)
    assert midnights.tolist() == ["1969-12-31", "9999-12-30", "10000-01-01"]
    assert days["valid"].tolist() == [1, 1, 2]
    assert days["duplicates"].tolist() == [0, 0, 1]


def test_report_has_no_days_without_valid_rows(orders, mapping):
    """Without valid rows the table of days is empty, and has the same columns."""
    days = check_events(orders.iloc[3:], mapping).days

    assert days.dtypes.astype(str).to_dict() == {"day": "datetime64[s, UTC]", "valid": "int64", "duplicates": "int64"}
    assert len(days) == 0


def test_report_counts_rows_that_are_given_another_second(orders):
    """With duplicates="spread" a repeat is sent with a later second, and the report counts it."""
    orders["who"] = ["00000", "00001", "00000", None, "00000"]
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC", duplicates="spread")

    report = check_events(orders, mapping)

    assert report.spread == Spread(rows=2, most_seconds=2, identical=2)
    assert str(report).splitlines()[3:7] == [
        "  created_at  2024-01-31 00:00:00 to 2024-01-31 00:00:02 UTC",
        "  requests    4",
        "  spread      2 rows are given a later second, by 2 seconds at most",
        "  spread      2 with the same metadata as the row that keeps the second",
    ]


@pytest.mark.parametrize("duplicates", ["skip", "send"])
def test_report_counts_duplicates_with_other_metadata(orders, duplicates):
    """Duplicates with other metadata are counted, sent or not: Intercom drops their metadata."""
    orders["who"], orders["day"] = "00000", ["2024-01-31"] * 5
    orders["total"] = [1.0, 1.0, 2.0, 3.0, 1.0]
    mapping = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        metadata={"total": "total"},
        timezone="UTC",
        duplicates=duplicates,
    )

    lines = str(check_events(orders, mapping)).splitlines()

    assert lines[4] == "  duplicates  2 with the same metadata as an earlier row, 2 with other metadata"


def test_report_has_no_line_of_duplicates_when_there_are_none(make_orders, mapping):
    """Without duplicates the first line is enough."""
    lines = str(check_events(make_orders(3), mapping)).splitlines()

    assert [line.split()[0] for line in lines[1:]] == ["contacts", "event", "created_at", "requests"]


def test_report_notes_are_the_causes_that_make_no_row_invalid(orders):
    """Causes are data: code, severity, rows, first row and message."""
    report = check_events(orders, EventMapping(event_name="a", created_at="day", user_id="who"))

    assert [(cause.code, cause.severity, cause.rows, cause.first_row) for cause in report.causes] == [
        ("created_at_missing", "error", 1, 3),
        ("identifier_missing", "error", 1, 4),
        ("naive_time", "note", 4, 0),
        ("duplicate", "note", 1, 2),
    ]
    assert report.notes == report.causes[2:]


def test_report_names_no_contact(make_orders, mapping):
    """Text and HTML count contacts and never name them."""
    orders = make_orders(3)
    orders["who"] = ["ada@example.org", "ada@example.org", "grace@example.org"]
    report = check_events(orders, mapping)

    assert "example.org" not in str(report) + report._repr_html_()


def test_report_shows_no_label_that_is_an_address(orders, mapping):
    """An index need not have the name of the column whose addresses it has."""
    orders.index = [f"guest{number}@example.org" for number in range(len(orders))]

    html = check_events(orders, mapping)._repr_html_()

    assert "row 3<" in html
    assert "example.org" not in html


def test_report_takes_an_index_with_missing_labels(orders, mapping):
    """A label may be missing: it is neither the number of its row nor not."""
    orders.index = pd.Index([pd.NA] * len(orders), dtype=object)

    assert "row 3 (&lt;NA&gt;)" in check_events(orders, mapping)._repr_html_()


def test_report_problems_stand_on_the_callers_index(orders, mapping):
    """A finding has the label and the position of its row."""
    problems = check_events(orders, mapping).problems

    assert problems.index.tolist() == ["c", "d", "e"]
    assert problems[["row", "field", "code", "severity"]].to_numpy().tolist() == [
        [2, "event", "duplicate", "note"],
        [3, "created_at", "created_at_missing", "error"],
        [4, "user_id", "identifier_missing", "error"],
    ]


def test_report_payloads_are_the_first_that_would_be_sent(orders, mapping):
    """Invalid rows and repeats are left out."""
    payloads = check_events(orders, mapping).payloads(5)

    assert payloads == [
        {"event_name": "placed-order", "created_at": 1706659200, "user_id": "00000"},
        {"event_name": "placed-order", "created_at": 1706659200, "user_id": "00001"},
    ]


def test_report_payloads_are_as_many_as_asked_for(make_orders, mapping):
    """Rows behind the last payload are not converted."""
    assert len(check_events(make_orders(2_500), mapping).payloads(1_001)) == 1_001


def test_report_reads_errors_first_and_frequent_causes_first(make_orders):
    """Each cause has a line with its number of rows and an example."""
    orders = make_orders(4)
    orders["who"] = ["0", None, None, "3"]
    orders.loc[0, "day"] = None
    mapping = EventMapping(event_name="placed-order", created_at="day", user_id="who")

    assert str(check_events(orders, mapping)) == (
        "4 rows: 1 valid, 3 invalid, 0 duplicates\n"
        "  contacts    1 of valid rows\n"
        "  event name  'placed-order'\n"
        "  created_at  2024-01-31 00:00:00 UTC\n"
        "  requests    1\n"
        "error identifier_missing: 2 rows, such as row 1: user_id: column 'who' is empty: "
        "fill in the user_id, id or email by which Intercom finds the contact, or drop the row\n"
        "error created_at_missing: 1 row, such as row 0: created_at: column 'day' is empty: "
        "fill in the time, which every event needs, or drop the row\n"
        "note naive_time: 3 rows, such as row 1: created_at: '2024-01-31' in column 'day' has no time zone and is "
        "taken as UTC: set timezone to 'Europe/Berlin' or the like if it is not"
    )


def test_report_of_no_rows_is_good(make_orders, mapping):
    """An empty frame has no requests, no contacts and no problems."""
    report = check_events(make_orders(0), mapping)

    assert str(report) == "0 rows: 0 valid, 0 invalid, 0 duplicates\n  requests  0"
    assert report.ok
    assert report.payloads() == []
    assert (report.contacts, report.span, report.names.tolist(), len(report.metadata)) == (0, None, [], 0)
    assert report.problems.columns.tolist() == ["row", "field", "code", "severity", "value", "message"]


def test_report_names_the_workspace_and_the_duration_with_a_client(orders, mapping, fake_client):
    """With a client the report says where the events would go, and how long it takes."""
    client = fake_client()

    report = check_events(orders, mapping, client=client)

    assert repr(report).splitlines()[5:7] == [
        "  workspace   'Acme', id ab12cd34, region US",
        "  requests    2, which take 0:00:00 at 1,000,000 in ten seconds",
    ]
    assert report.duration_seconds == pytest.approx(1e-5, rel=0.01)
    assert client.events == []


def test_report_warns_when_the_client_talks_to_another_region(orders, mapping, fake_client):
    """The warning is a line before the causes, in HTML too, and an attribute."""
    client = fake_client()
    client.base_url = "https://api.eu.intercom.io"
    warning = (
        "the workspace is in region 'us', and the client talks to 'eu': "
        "choose region 'us', such as by INTERCOM_REGION=us"
    )

    report = check_events(orders, mapping, client=client)

    assert report.warnings == [warning]
    assert str(report).splitlines()[7] == f"warning: {warning}"
    assert ">warning</span> the workspace is in region &#x27;us&#x27;" in report._repr_html_()


def test_report_has_no_duration_without_a_client(orders, mapping):
    """The limit is the workspace's, which is unknown without a client."""
    report = check_events(orders, mapping)

    assert (report.duration_seconds, report.limit, report.workspace, report.warnings) == (None, None, None, [])


def test_report_shows_one_line_for_each_cause_of_many_rows(mapping):
    """The text does not grow with the rows."""
    orders = pd.DataFrame({"who": range(1_000, 2_000), "day": ["never"] * 1_000})

    lines = str(check_events(orders, mapping)).splitlines()

    assert lines[:3] == [
        "1,000 rows: 0 valid, 1,000 invalid, 0 duplicates",
        "  events    none, since no row is valid",
        "  requests  0",
    ]
    assert len(lines) == 4
    assert lines[3].startswith(
        "error time_unreadable: all 1,000 rows, such as row 0: created_at: 'never' in column 'day'"
    )


def test_report_warns_of_the_placeholder_of_a_proposed_name(orders):
    """A name that `suggest_mapping` could not know keeps the mapping from being submitted."""
    mapping = EventMapping(event_name="replace-me", created_at="day", user_id="who", timezone="UTC")

    warning = (
        "event_name is still the placeholder 'replace-me': "
        "name the event, such as 'placed-order', or nothing can be submitted"
    )

    report = check_events(orders, mapping)

    assert report.warnings == [warning]
    assert f"warning: {warning}" in str(report).splitlines()


def test_report_warns_of_guesses_that_nobody_has_confirmed(orders):
    """A check works with guesses, and lists what must be confirmed before submitting."""
    mapping = EventMapping(event_name="sold", created_at="day", user_id="who", unconfirmed=["event_name", "timezone"])

    report = check_events(orders, mapping)

    assert report.warnings == [
        "event_name: 'sold' is a guess: name what happened, such as 'placed-order'",
        (
            "timezone: times without a zone are taken as UTC, which is a guess: "
            "set timezone to 'Europe/Berlin' or the like"
        ),
        (
            "unconfirmed: nothing is submitted until these guesses are confirmed: correct what is wrong, and take "
            "what you have read out of unconfirmed"
        ),
    ]
    assert all(f"warning: {warning}" in str(report).splitlines() for warning in report.warnings)


@pytest.mark.parametrize("event_name", [Constant("replace-me"), Column("event"), lambda frame: frame["event"]])
def test_report_warns_of_the_placeholder_in_any_constant(orders, event_name):
    """A column may hold any name: its values are not compared with the placeholder."""
    orders["event"] = "replace-me"
    mapping = EventMapping(event_name=event_name, created_at="day", user_id="who", timezone="UTC")

    assert bool(check_events(orders, mapping).warnings) == isinstance(event_name, Constant)
