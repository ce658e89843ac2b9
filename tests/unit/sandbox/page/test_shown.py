"""Submissions and events as they are shown."""

import json

import pytest

from events_pandas.sandbox.page.queries import EventRow, SubmissionRow
from events_pandas.sandbox.page.shown import show_event, show_submission

NOW = 1_700_000_000
DAY = 86_400


@pytest.fixture
def show(make_body):
    """Show a kept submission, with changes of its row."""

    def show(*, repeated=None, **changes):
        body = changes.pop("body", make_body())
        fields = {
            "number": 17,
            "received_at": 1389967941.5,
            "http_status": 202,
            "outcome": "kept",
            "name": "placed-order",
            "contact": "314159",
            "error_code": None,
            "error_message": None,
            "size": len(body),
            "body": body,
        }
        return show_submission(SubmissionRow(**fields | changes), repeated=repeated)

    return show


def test_submission_shows_what_it_says(show, make_body) -> None:
    """Name, contact, time and metadata are read from the body."""
    shown = show(body=make_body(created_at=1389967941, metadata={"price": {"amount": 34999, "currency": "eur"}}))

    assert (shown.number, shown.outcome, shown.answer, shown.name) == (17, "kept", "202", "placed-order")
    assert (shown.contact, shown.fields.identifier) == ("314159", "user_id")
    assert (shown.fields.created_at.date, shown.fields.created_at.time) == ("17 Jan 2014", "14:12:21")
    assert [(entry.key, entry.value.text) for entry in shown.fields.entries] == [("price", "€349.99")]


def test_body_is_spread_over_lines(show) -> None:
    """JSON is read more easily with its structure, and with letters as they are."""
    shown = show(body=b'{"event_name":"\\u00e4","a":[1]}')

    assert shown.body.text == '{\n  "event_name": "ä",\n  "a": [\n    1\n  ]\n}'
    assert (shown.body.size, shown.body.is_whole) == (31, True)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"{not json", "{not json"),
        (b"\xff\x00<b>", "\N{REPLACEMENT CHARACTER}\0<b>"),
        (b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b'["a"]', '["a"]'),
        (b"[" * 5_000, "[" * 4_000),
    ],
)
def test_body_that_is_no_json_object_is_shown_as_it_is(show, body, text) -> None:
    """Whatever arrives can be looked at."""
    shown = show(body=body, outcome="refused", http_status=400)

    assert shown.body.text == text
    assert shown.fields.entries == ()


def test_body_is_shown_in_part_when_it_is_long(show) -> None:
    """The whole of it has an address of its own."""
    shown = show(body=json.dumps({"metadata": {f"key{n}": n for n in range(1_000)}}).encode())

    assert (len(shown.body.text), shown.body.is_whole, shown.body.is_read) == (4_000, False, True)
    assert (len(shown.fields.entries), shown.fields.further_keys) == (30, 970)


def test_body_of_brackets_is_not_spread_out_to_its_end(show) -> None:
    """Each level is indented further: the whole would be a thousand times as long as what was sent."""
    shown = show(body=b'{"a":' + b"[" * 900 + b"]" * 900 + b"}")

    assert shown.body.text.startswith('{\n  "a": [\n    [\n      [')
    assert (len(shown.body.text), shown.body.is_whole) == (4_000, False)


def test_body_that_is_too_long_to_be_read_says_so(show) -> None:
    """Of a large body only its beginning was read."""
    shown = show(body=b'{"event_name": "a', size=100_000)

    assert (shown.body.is_read, shown.body.is_whole) == (False, False)
    assert (shown.kept, shown.kept_note) == ("", "Too long to be read here")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        (
            {"outcome": "duplicate", "repeated": 3},
            "Intercom ignores it: the same contact, name and second",
        ),
        (
            {"outcome": "refused", "http_status": 404, "error_code": "not_found", "error_message": "User Not Found"},
            "not_found: User Not Found",
        ),
        ({"outcome": "failed", "http_status": None}, "nothing was answered"),
        (
            {"outcome": "duplicate", "http_status": None},
            "Intercom ignores it: the same contact, name and second; nothing was answered",
        ),
        ({"outcome": "refused", "http_status": 500, "error_message": "Oops"}, "Oops"),
    ],
)
def test_submission_says_what_became_of_it(show, changes, reason) -> None:
    """Duplicates, refusals and missing answers have their reason."""
    assert show(**changes).reason == reason


def test_submission_without_an_answer_says_so(show) -> None:
    """There is no status where nothing was answered."""
    assert show(http_status=None).answer == "not answered"


def test_submission_without_name_and_contact_has_none(show) -> None:
    """What cannot be read is left empty."""
    shown = show(name=None, contact=None, body=b"{", outcome="refused")

    assert (shown.name, shown.contact, shown.fields.identifier, shown.fields.created_at) == ("", "", "", None)


def test_submission_that_is_kept_as_sent_says_so(show) -> None:
    """Nothing is repeated that can be read beside it."""
    assert (show().kept, show().kept_note) == ("", "All of it, as it was sent")


def test_submission_shows_what_is_kept_of_it(show, make_body) -> None:
    """The name is normalized, the eleventh key is gone, and one identifier names the contact."""
    metadata = {f"key{n}": n for n in range(11)}

    shown = show(body=make_body(event_name="Placed.Order", email="ada@example.com", metadata=metadata))

    assert json.loads(shown.kept) == {
        "event_name": "placed-order",
        "created_at": 1389913941,
        "user_id": "314159",
        "metadata": {f"key{n}": n for n in range(10)},
    }
    assert shown.kept_note == ""


@pytest.mark.parametrize("outcome", ["duplicate", "refused", "failed"])
def test_submission_that_is_not_kept_leaves_nothing(show, outcome) -> None:
    """Intercom has nothing of it."""
    assert (show(outcome=outcome).kept, show(outcome=outcome).kept_note) == ("", "Nothing")


@pytest.mark.parametrize(
    ("created_at", "is_old", "is_future"),
    [
        (NOW, False, False),
        (NOW + 1, False, True),
        (NOW - 90 * DAY + 1, False, False),
        (NOW - 90 * DAY, True, False),
        (-1, True, False),
    ],
)
def test_event_is_old_after_ninety_days(make_body, created_at, is_old, is_future) -> None:
    """Intercom lists events of less than ninety days, and counts all."""
    body = make_body(created_at=created_at)
    row = EventRow(number=17, created_at=created_at, name="placed-order", times_received=3, size=len(body), body=body)

    shown = show_event(row, now=float(NOW))

    assert (shown.is_old, shown.is_future, shown.repeats) == (is_old, is_future, 2)
