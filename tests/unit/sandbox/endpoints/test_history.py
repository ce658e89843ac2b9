"""The events of a contact, listed and counted."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from events_pandas.sandbox.endpoints.history import add_summaries, contact_events
from events_pandas.sandbox.endpoints.replies import RefusedError
from events_pandas.sandbox.rules.refusals import USER_NOT_FOUND
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.workspace import Workspace

NOW = 1_700_000_000
DAY = 86_400
ADA = {"id": "6b04", "external_id": "7", "email": "ada@example.com"}


@pytest.fixture
def workspace():
    return Workspace(contacts=InitialContacts(existing=[ADA]))


@pytest.fixture
def keep(workspace):
    """Keep an event of the contact."""

    def keep(created_at, event_name="placed-order", **fields):
        body = {"event_name": event_name, "created_at": created_at, "user_id": "7", **fields}
        assert workspace.submit(json.dumps(body).encode(), received_at=float(NOW)) == "kept"

    return keep


@pytest.fixture
def ask(workspace):
    """Ask for the events of a contact, by default Ada's."""

    def ask(**query):
        named = {} if {"email", "intercom_user_id", "user_id"} & query.keys() else {"user_id": "7"}
        return contact_events(workspace, {"type": "user", **named, **query}, url="http://sandbox/events", now=NOW)

    return ask


def refusal_of(ask, *arguments, **options):
    with pytest.raises(RefusedError) as caught:
        ask(*arguments, **options)
    return caught.value.refusal


def add(workspace, *summaries, user_id="7"):
    body = {"user_id": user_id, "event_summaries": list(summaries) if len(summaries) > 1 else summaries[0]}
    add_summaries(workspace, json.dumps(body).encode(), now=NOW)


def test_list_shows_events_from_the_newest_to_the_oldest(ask, keep) -> None:
    """An event is listed with its contact, its normalized name, and the metadata that Intercom keeps."""
    keep(NOW - 2)
    keep(NOW - 1, "Paid.Invoice", metadata=dict.fromkeys("abcdefghijkl", 1))

    answer = ask()

    assert {key: answer[key] for key in ("type", "email", "intercom_user_id", "user_id", "pages")} == {
        "type": "event.list",
        "email": "ada@example.com",
        "intercom_user_id": "6b04",
        "user_id": "7",
        "pages": {},
    }
    assert [(event["event_name"], event["created_at"]) for event in answer["events"]] == [
        ("paid-invoice", NOW - 1),
        ("placed-order", NOW - 2),
    ]
    assert answer["events"][0] == {
        "type": "event",
        "id": answer["events"][0]["id"],
        "created_at": NOW - 1,
        "event_name": "paid-invoice",
        "email": "ada@example.com",
        "intercom_user_id": "6b04",
        "user_id": "7",
        "metadata": dict.fromkeys("abcdefghij", 1),
    }


@pytest.mark.parametrize("named", [{"user_id": "7"}, {"email": "ADA@example.com"}, {"intercom_user_id": "6b04"}])
def test_list_finds_the_contact_by_each_identifier(ask, keep, named) -> None:
    """`user_id`, `email` and `intercom_user_id` name the contact."""
    keep(NOW)

    assert len(ask(**named)["events"]) == 1


def test_list_leaves_out_what_is_older_than_90_days(ask, keep) -> None:
    """An event of 90 days ago is not listed; an event in the future is."""
    keep(NOW - 90 * DAY)
    keep(NOW - 90 * DAY + 1)
    keep(NOW + 5 * DAY)

    assert [event["created_at"] - NOW for event in ask()["events"]] == [5 * DAY, -90 * DAY + 1]


def test_list_is_paged_without_a_gap(ask, keep) -> None:
    """Following pages.next shows each event once, also several in the same second."""
    for number in range(7):
        keep(NOW - number // 4, f"event-{number}")

    answer, pages = ask(per_page="2"), []
    while True:
        pages.append([event["event_name"] for event in answer["events"]])
        if "next" not in answer["pages"]:
            break
        query = dict(parse_qsl(urlsplit(answer["pages"]["next"]).query))
        answer = ask(**query)

    assert pages == [["event-3", "event-2"], ["event-1", "event-0"], ["event-6", "event-5"], ["event-4"]]


def test_list_has_fifteen_events_on_a_page(ask, keep) -> None:
    """Without per_page a page has 15 events, as the official clients say."""
    for number in range(16):
        keep(NOW - number)

    answer = ask()

    assert len(answer["events"]) == 15
    assert answer["pages"]["next"].startswith("http://sandbox/events?type=user&intercom_user_id=6b04&per_page=15&")


def test_summary_counts_every_event(ask, keep) -> None:
    """A summary has count, first and last for each name, for events of any age."""
    keep(1389913941)
    keep(NOW)
    keep(NOW - 1, "paid-invoice")

    answer = ask(summary="true")

    assert answer == {
        "type": "event.summary",
        "email": "ada@example.com",
        "intercom_user_id": "6b04",
        "user_id": "7",
        "events": [
            {
                "name": "placed-order",
                "first": "2014-01-16T23:12:21.000+00:00",
                "last": "2023-11-14T22:13:20.000+00:00",
                "count": 2,
            },
            {
                "name": "paid-invoice",
                "first": "2023-11-14T22:13:19.000+00:00",
                "last": "2023-11-14T22:13:19.000+00:00",
                "count": 1,
            },
        ],
    }


def test_summary_shows_early_years_with_four_digits(ask, keep) -> None:
    """A time in ISO 8601 has zeros before a year below 1000."""
    keep(-62_135_510_400)

    assert ask(summary="true")["events"][0]["first"] == "0001-01-02T00:00:00.000+00:00"


def test_summary_shows_times_beyond_the_calendar_as_seconds(ask, keep) -> None:
    """Milliseconds that were sent as seconds lie beyond the years of a date."""
    keep(1389913941000)

    assert ask(summary="true")["events"][0]["first"] == "1389913941000"


def test_summaries_are_added_to_what_is_there(ask, keep, workspace) -> None:
    """A summary that is sent raises the count and widens the span; a new name gets a new line."""
    keep(NOW)

    add(
        workspace,
        {"event_name": "Placed.Order", "count": 3, "first": NOW - 10, "last": NOW - 5},
        {"event_name": "paid-invoice", "count": 1, "first": NOW, "last": NOW},
    )

    assert [(event["name"], event["count"], event["first"]) for event in ask(summary="true")["events"]] == [
        ("paid-invoice", 1, "2023-11-14T22:13:20.000+00:00"),
        ("placed-order", 4, "2023-11-14T22:13:10.000+00:00"),
    ]
    assert len(ask()["events"]) == 1


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"type": ""}, "parameter_not_found", "type is required"),
        ({"type": "admin"}, "parameter_invalid", "type must be user"),
        ({"user_id": ""}, "parameter_not_found", "one of user_id, email and intercom_user_id is required"),
        ({"per_page": "0"}, "parameter_invalid", "per_page is not a number from 1 to 150"),
        ({"per_page": "151"}, "parameter_invalid", "per_page is not a number from 1 to 150"),
        ({"per_page": "x"}, "parameter_invalid", "per_page is not a number from 1 to 150"),
        ({"per_page": "0" * 8 + "1" + "0" * 30}, "parameter_invalid", "per_page is not a number from 1 to 150"),
        ({"per_page": "9" * 5000}, "parameter_invalid", "per_page is not a number from 1 to 150"),
        ({"before": "1"}, "parameter_invalid", "before is not a place in this list: use pages.next"),
        ({"before": f"1.{10**30}"}, "parameter_invalid", "before is not a place in this list: use pages.next"),
    ],
)
def test_list_refuses_a_query_that_cannot_be(ask, query, code, message) -> None:
    """The error names the parameter that is missing or wrong."""
    refusal = refusal_of(ask, **query)

    assert (refusal.status, refusal.code, refusal.message) == (400, code, message)


def test_list_does_not_know_everybody(ask) -> None:
    """A contact that does not exist is answered 404."""
    assert refusal_of(ask, user_id="8") == USER_NOT_FOUND


SUMMARY = {"event_name": "placed-order", "count": 1, "first": 1, "last": 2}


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        ({"event_summaries": SUMMARY}, "parameter_not_found", "user_id is required"),
        ({"user_id": 7, "event_summaries": SUMMARY}, "parameter_invalid", "user_id is not a string"),
        ({"user_id": "7"}, "parameter_not_found", "event_summaries is required"),
        ({"user_id": "7", "event_summaries": []}, "parameter_not_found", "event_summaries is required"),
        ({"user_id": "7", "event_summaries": ["a"]}, "parameter_invalid", "event_summaries is not an object"),
        (
            {"user_id": "7", "event_summaries": {**SUMMARY, "event_name": " "}},
            "parameter_not_found",
            "event_summaries.event_name is required",
        ),
        (
            {"user_id": "7", "event_summaries": {**SUMMARY, "first": 1.5}},
            "parameter_invalid",
            "event_summaries.first is not an integer",
        ),
        (
            {"user_id": "7", "event_summaries": {**SUMMARY, "count": 0}},
            "parameter_invalid",
            "event_summaries.count is not a number from 1 to 1,000,000,000",
        ),
        (
            {"user_id": "7", "event_summaries": {**SUMMARY, "count": 2**62}},
            "parameter_invalid",
            "event_summaries.count is not a number from 1 to 1,000,000,000",
        ),
        (
            {"user_id": "7", "event_summaries": {**SUMMARY, "first": 3}},
            "parameter_invalid",
            "event_summaries.last is before the first",
        ),
    ],
)
def test_summaries_refuse_what_cannot_be(workspace, payload, code, message) -> None:
    """The error names the field of the summary that is missing or wrong."""
    refusal = refusal_of(add_summaries, workspace, json.dumps(payload).encode(), now=NOW)

    assert (refusal.status, refusal.code, refusal.message) == (400, code, message)


def test_summaries_refuse_a_body_that_is_not_json(workspace) -> None:
    """A body that cannot be read is answered 400."""
    assert refusal_of(add_summaries, workspace, b"{", now=NOW).code == "bad_request"


def test_summaries_do_not_know_everybody(workspace) -> None:
    """A contact that does not exist is answered 404."""
    assert refusal_of(add, workspace, SUMMARY, user_id="8") == USER_NOT_FOUND


def test_summaries_are_all_or_nothing(ask, workspace) -> None:
    """If the workspace has no room for the last name of a request, nothing of the request is kept."""
    for number in range(119):
        add(workspace, {**SUMMARY, "event_name": f"event-{number}"})

    refusal = refusal_of(add, workspace, {**SUMMARY, "event_name": "the-120th"}, {**SUMMARY, "event_name": "the-121st"})

    assert (refusal.status, refusal.message) == (422, "Cannot have more than 120 active event names")
    assert len(ask(summary="1")["events"]) == 119
    add(workspace, {**SUMMARY, "event_name": "another-one"})
    assert len(ask(summary="1")["events"]) == 120
