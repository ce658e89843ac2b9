"""The contacts that Intercom does not know: results find them by row, with any index and order."""

import io
from dataclasses import replace

import pandas as pd
import pytest

from events_pandas import EventMapping, iter_submit, submit_events, unknown_contacts

DAYS = ["2024-01-05", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-01", "2024-01-06"]


@pytest.fixture
def orders():
    """Six rows of four contacts, on an index without meaning."""
    frame = pd.DataFrame({"who": ["00007", "00001", "00009", "00009", "00007", "00009"], "day": DAYS})
    return frame.set_axis(["x", "y", "x", None, "y", "x"])


@pytest.fixture
def client(fake_client):
    """A client of a workspace that knows contact 00001 only."""
    return fake_client({"00007": [404] * 9, "00009": [404] * 9})


def lines(contacts):
    return [
        (line.identifier, line.contact, line.rows, str(line.first_event.date()), str(line.last_event.date()))
        for line in contacts.itertuples()
    ]


def test_unknown_contacts_are_named_once_with_most_rows_first(orders, mapping, client):
    """Each contact has the number of its rows and the span of their times."""
    results = submit_events(orders, mapping, client=client)

    contacts = unknown_contacts(results, orders, mapping)

    assert lines(contacts) == [
        ("user_id", "00009", 3, "2024-01-03", "2024-01-06"),
        ("user_id", "00007", 2, "2024-01-01", "2024-01-05"),
    ]
    assert contacts.dtypes.astype(str).to_dict() == {
        "identifier": "string",
        "contact": "string",
        "rows": "int64",
        "first_event": "datetime64[us, UTC]",
        "last_event": "datetime64[us, UTC]",
    }
    assert contacts.index.tolist() == [0, 1]


def test_unknown_contacts_join_the_spellings_of_an_address(make_orders):
    """Intercom takes addresses that differ in case for one contact; the first spelling names it."""
    orders = make_orders(4, who=["B@c.d", "É@f.g", "b@C.d", "é@F.g"], day=DAYS[:4])
    mapping = EventMapping(event_name="a", created_at="day", email="who", timezone="UTC")
    times = pd.to_datetime(orders["day"], utc=True)
    results = pd.DataFrame({"row": range(4), "status": "unknown_contact", "created_at": times})

    contacts = unknown_contacts(results, orders, mapping)

    assert lines(contacts) == [
        ("email", "B@c.d", 2, "2024-01-03", "2024-01-05"),
        ("email", "É@f.g", 2, "2024-01-02", "2024-01-04"),
    ]


def test_unknown_contacts_do_not_join_user_ids_that_differ_in_case(make_orders, mapping, fake_client):
    """A user_id is a text with its case."""
    orders = make_orders(2, who=["a", "A"])
    client = fake_client({"a": [404], "A": [404]})

    contacts = unknown_contacts(submit_events(orders, mapping, client=client), orders, mapping)

    assert contacts["contact"].tolist() == ["a", "A"]


def test_unknown_contacts_with_equal_rows_come_in_order_of_the_frame(make_orders, mapping, fake_client):
    """Of contacts with equally many rows, the first in the frame comes first."""
    orders = make_orders(4)
    client = fake_client({contact: [404] for contact in orders["who"]})

    contacts = unknown_contacts(submit_events(orders, mapping, client=client), orders, mapping)

    assert contacts["contact"].tolist() == ["00000", "00001", "00002", "00003"]


def test_unknown_contacts_are_none_when_all_are_known(orders, mapping, fake_client):
    """The table is empty, with the same columns."""
    results = submit_events(orders, mapping, client=fake_client())

    contacts = unknown_contacts(results, orders, mapping)

    assert contacts.columns.tolist() == ["identifier", "contact", "rows", "first_event", "last_event"]
    assert len(contacts) == 0


def test_unknown_contacts_say_by_which_identifier_they_were_sent():
    """The first identifier that is present in a row names its contact."""
    orders = pd.DataFrame({"who": ["00007", None], "address": [None, "ada@example.org"], "day": DAYS[:2]})
    mapping = EventMapping(event_name="e", created_at="day", user_id="who", email="address", timezone="UTC")
    results = pd.DataFrame(
        {"row": [0, 1], "status": ["unknown_contact"] * 2, "created_at": pd.to_datetime(DAYS[:2], utc=True)}
    )

    contacts = unknown_contacts(results, orders, mapping)

    assert contacts[["identifier", "contact"]].to_numpy().tolist() == [
        ["user_id", "00007"],
        ["email", "ada@example.org"],
    ]


def test_unknown_contacts_of_some_results_are_those_of_these_rows(orders, mapping, client):
    """Results may be filtered and reordered: `row` says where they belong."""
    results = submit_events(orders, mapping, client=client)

    contacts = unknown_contacts(results.iloc[[5, 0]], orders, mapping)

    assert lines(contacts) == [
        ("user_id", "00009", 1, "2024-01-06", "2024-01-06"),
        ("user_id", "00007", 1, "2024-01-05", "2024-01-05"),
    ]


def test_unknown_contacts_of_a_file_of_results_are_found(orders, mapping, client):
    """Results that were written and read again are text, and work as well."""
    results = submit_events(orders, mapping, client=client)
    read = pd.read_csv(io.StringIO(results.to_csv(index=False)))

    assert unknown_contacts(read, orders, mapping).equals(unknown_contacts(results, orders, mapping))


@pytest.mark.parametrize("keeps", [slice(None), [1, 2]])
def test_unknown_contacts_of_a_part_of_a_stream_are_found_in_its_frame(orders, mapping, client, keeps):
    """Rows of a part are counted over the stream; its own frame begins at the first of them."""
    frames = [orders[:3], orders[3:]]
    _, part = iter_submit(frames, mapping, client=client)

    contacts = unknown_contacts(part.iloc[keeps], frames[1], mapping)

    assert part["row"].tolist() == [3, 4, 5]
    assert sorted(contacts["contact"]) == ["00007", "00009"]
    assert unknown_contacts(part.iloc[keeps], orders, mapping).equals(contacts)


def test_unknown_contacts_of_parts_put_together_are_found_in_the_whole(orders, mapping, client):
    """Concatenated parts of a stream are matched with the concatenated frames."""
    frames = [orders[:3], orders[3:]]
    parts = list(iter_submit(frames, mapping, client=client))

    contacts = unknown_contacts(pd.concat(parts), pd.concat(frames), mapping)

    assert contacts["rows"].tolist() == [3, 2]


def test_unknown_contacts_are_found_when_seconds_were_spread(mapping, fake_client):
    """Events that were given a later second show the time that was sent."""
    orders = pd.DataFrame({"who": ["7", "7"], "day": ["2024-01-31"] * 2})
    spread = replace(mapping, duplicates="spread")

    results = submit_events(orders, spread, client=fake_client({"7": [404] * 2}))
    contacts = unknown_contacts(results, orders, spread)

    assert str(contacts.loc[0, "first_event"]) == "2024-01-31 00:00:00+00:00"
    assert str(contacts.loc[0, "last_event"]) == "2024-01-31 00:00:01+00:00"


def test_unknown_contacts_refuse_a_frame_that_is_too_short(orders, mapping, client):
    """Results with rows that the frame lacks are refused."""
    results = submit_events(orders, mapping, client=client)

    with pytest.raises(ValueError, match=r".") as caught:
        unknown_contacts(results, orders.head(4), mapping)

    assert str(caught.value) == (
        "frame: has 4 rows, and 6 were submitted: give all rows that were submitted, and no others"
    )


def test_unknown_contacts_refuse_rows_in_another_order(orders, mapping, client):
    """A frame that was sorted since has other contacts in these rows."""
    results = submit_events(orders, mapping, client=client)

    with pytest.raises(ValueError, match=r".") as caught:
        unknown_contacts(results, orders.sort_values("day"), mapping)

    assert str(caught.value) == (
        "frame: its row 0 has another time than row 0 of the results, or no contact: "
        "give all rows that were submitted, and no others"
    )


def test_unknown_contacts_refuse_swapped_arguments(orders, mapping):
    """Swapped frame and results are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        unknown_contacts(orders, orders, mapping)

    assert str(caught.value) == "results: no column 'row': give what submitting returned"


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"results": None}, "results: expected a DataFrame, got a NoneType: give what submitting returned"),
        ({"frame": None}, "frame: expected a DataFrame, got a NoneType: give what submitting was given"),
        (
            {"mapping": None},
            "mapping: expected an EventMapping, got a NoneType: make one or read one with EventMapping.from_toml(path)",
        ),
    ],
)
def test_unknown_contacts_refuse_what_is_not_a_frame(orders, mapping, client, replaced, message):
    """The message names the argument and what is expected."""
    given = {"results": submit_events(orders, mapping, client=client), "frame": orders, "mapping": mapping}

    with pytest.raises(TypeError) as caught:
        unknown_contacts(**{**given, **replaced})

    assert str(caught.value) == message
