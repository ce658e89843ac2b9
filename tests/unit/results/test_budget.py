"""What event names and metadata keys use of what Intercom keeps."""

import pandas as pd
import pytest

from events_pandas import Column, Constant, Date, EventMapping, Link, MonetaryAmount, RichLink, check_events

DTYPES = {
    "event_name": "string",
    "position": "int64",
    "key": "string",
    "type": "string",
    "present": "int64",
    "share": "float64",
    "ignored": "int64",
    "drift": "string",
}


def _mapping(metadata, **options):
    return EventMapping(
        event_name=Column("event"), created_at="day", user_id="who", metadata=metadata, timezone="UTC", **options
    )


@pytest.fixture
def make_events(make_orders):
    """Make rows with an event name each."""

    def make(names, **columns):
        return make_orders(len(names), event=names, **columns)

    return make


def test_names_are_counted_as_they_are_spelled(make_events):
    """Most frequent names come first, then the order of the rows; invalid rows do not count."""
    orders = make_events(["b", "a", "A", "a", "c"])
    orders.loc[4, "who"] = None

    names = check_events(orders, _mapping({})).names

    assert names.to_dict() == {"a": 2, "b": 1, "A": 1}
    assert list(names) == [2, 1, 1]
    assert (names.name, names.index.name, str(names.dtype), str(names.index.dtype)) == (
        "rows",
        "event_name",
        "int64",
        "string",
    )


def test_names_beyond_a_thousand_are_summed_up(make_events):
    """A column of identifiers that is mapped as event name does not fill the report."""
    names = check_events(make_events([f"event-{number}" for number in range(1_003)]), _mapping({})).names

    assert len(names) == 1_001
    assert (names.index[-1], names.iloc[-1]) == ("(further names)", 3)


def test_metadata_has_a_row_for_each_name_and_key(make_events):
    """Keys come in the order sent, the most frequent name first, with the share of the name's own rows."""
    orders = make_events(["a", "b", "b", "b"], total=[None, 1.0, None, 3.0], note=["x", "y", None, "z"])

    metadata = check_events(orders, _mapping({"total": "total", "note": "note"})).metadata

    assert metadata.columns.tolist() == list(DTYPES)
    assert metadata.drop(columns="drift").to_numpy().tolist() == [
        ["b", 1, "total", "number", 2, 2 / 3, 0],
        ["b", 2, "note", "text", 2, 2 / 3, 0],
        ["a", 1, "total", "number", 0, 0.0, 0],
        ["a", 2, "note", "text", 1, 1.0, 0],
    ]
    assert metadata["drift"].isna().all()


def test_metadata_counts_the_spellings_of_a_name_as_the_one_event_that_they_are(make_events):
    """Case, and '.' or '$' for '-', make no other event: the most frequent spelling is shown."""
    orders = make_events(["b", "b", "b", "Placed.Order", "placed-order", "placed-order", "PLACED$ORDER"])
    orders["total"] = [1.0, None, None, 1.0, 2.0, None, 3.0]

    report = check_events(orders, _mapping({"total": "total"}))

    assert report.metadata[["event_name", "key", "present", "share"]].to_numpy().tolist() == [
        ["placed-order", "total", 3, 0.75],
        ["b", "total", 1, 1 / 3],
    ]
    assert report.names.to_dict() == {"b": 3, "placed-order": 2, "Placed.Order": 1, "PLACED$ORDER": 1}


def test_metadata_shows_the_spelling_that_came_first_when_two_are_as_frequent(make_events):
    """The same rows in the same order give the same name."""
    report = check_events(make_events(["B", "a", "b", "A"], total=[1.0] * 4), _mapping({"total": "total"}))

    assert report.metadata["event_name"].tolist() == ["B", "a"]


@pytest.mark.parametrize(
    ("metadata", "names"), [({}, ["a"]), ({"total": "total"}, ["a", "b"]), ({"total": "total"}, [])]
)
def test_metadata_has_the_documented_dtypes_for_any_rows(make_events, metadata, names):
    """Without metadata or rows the frame is empty, with the same dtypes."""
    report = check_events(make_events(names, total=[1.0] * len(names)), _mapping(metadata))

    assert report.metadata.dtypes.astype(str).to_dict() == DTYPES
    assert len(report.metadata) == len(metadata) * len(names)


def test_metadata_reports_the_type_that_intercom_shows(make_events):
    """Each rule has a word; the type of a column without values is NA."""
    orders = make_events(["a"], total=[1.5], url=["https://example.org/1"], none=[None])
    mapping = _mapping(
        {
            "text": Constant("x"),
            "number": "total",
            "paid_at": Date("day"),
            "link": Link("url"),
            "rich": RichLink(value="url", url="url"),
            "price": MonetaryAmount("total", currency=Constant("eur")),
            "none": "none",
        }
    )

    types = check_events(orders, mapping).metadata.set_index("key")["type"]

    assert types.drop("none").tolist() == ["text", "number", "date", "link", "rich link", "monetary amount"]
    assert types["none"] is pd.NA


def test_metadata_counts_what_intercom_would_ignore(make_events):
    """A value counts if as many others as Intercom keeps come before it; absent values take no place."""
    orders = make_events(["a", "a", "b"], x=[1, None, 1], y=[2, 2, 2], z=[3, 3, 3])
    mapping = _mapping({"x": "x", "y": "y", "z": "z"}, metadata_limit=2, metadata_overflow="drop")

    metadata = check_events(orders, mapping).metadata

    assert metadata[["event_name", "key", "present", "ignored"]].to_numpy().tolist() == [
        ["a", "x", 1, 0],
        ["a", "y", 2, 0],
        ["a", "z", 2, 1],
        ["b", "x", 1, 0],
        ["b", "y", 1, 0],
        ["b", "z", 1, 1],
    ]


def test_metadata_reports_where_a_type_drifts(make_events):
    """A key of text and numbers is sent as text, and its types are counted."""
    orders = make_events(["a"] * 3, mixed=["x", 1, "y"], pure=["x", "y", "z"])

    metadata = check_events(orders, _mapping({"mixed": "mixed", "pure": "pure"})).metadata

    assert metadata["drift"].fillna("").tolist() == ["2 text, 1 number", ""]


def test_text_remarks_on_metadata_that_is_lost_or_mixed(make_events):
    """Keys without values, keys that come too late, and keys of mixed types have a line each."""
    orders = make_events(["a", "b"], x=[1, 2], y=["x", 1], z=[3, 3], none=[None, None])
    mapping = _mapping({"none": "none", "x": "x", "y": "y", "z": "z"}, metadata_limit=2, metadata_overflow="drop")

    lines = [line for line in str(check_events(orders, mapping)).splitlines() if line.startswith("  metadata")]

    assert lines == [
        "  metadata     in no valid row: 'none'",
        "  metadata     left out, since Intercom keeps the first 2 only: 'z' (2 rows)",
        "  metadata     of mixed types: 'y' (1 text, 1 number)",
    ]


def test_text_has_no_remark_on_metadata_that_is_in_order(make_events):
    """A key that only some event names have needs no remark."""
    orders = make_events(["a", "b"], x=[1, None])

    assert "metadata" not in str(check_events(orders, _mapping({"x": "x"})))
