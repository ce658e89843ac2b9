"""A workspace: what it keeps, ignores and refuses."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from events_pandas.sandbox.rules.refusals import ACCESS_TOKEN_INVALID, Refusal
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.store import Store
from events_pandas.sandbox.workspace.workspace import (
    EVENT_COUNTS,
    EventKey,
    Submission,
    SubmissionOutcome,
    Workspace,
    add_summary,
)

EARLIER = Path(__file__).with_name("stores") / "version-2.sqlite"
NOW = 1_700_000_000.5


@pytest.fixture
def workspace():
    return Workspace()


def test_workspace_keeps_an_event_once(workspace, make_body) -> None:
    """A repeat of contact, normalized name and second is counted and ignored, with any metadata."""
    outcomes = [
        workspace.submit(make_body(metadata={"n": 1}), received_at=NOW),
        workspace.submit(make_body(metadata={"n": 2}, event_name="Placed.Order"), received_at=NOW),
        workspace.submit(make_body(metadata={"n": 3}), received_at=NOW),
    ]

    assert outcomes == [SubmissionOutcome.KEPT, SubmissionOutcome.DUPLICATE, SubmissionOutcome.DUPLICATE]
    assert [(event.metadata, event.times_received) for event in workspace.events()] == [({"n": 1}, 3)]
    assert workspace.duplicates() == 2


@pytest.mark.parametrize(
    "change",
    [{"created_at": 1389913942}, {"event_name": "paid-order"}, {"user_id": "1"}, {"user_id": ..., "id": "314159"}],
)
def test_workspace_keeps_events_that_differ(workspace, make_body, change) -> None:
    """Another second, name, contact or kind of identifier makes another event."""
    workspace.submit(make_body(), received_at=NOW)

    assert workspace.submit(make_body(**change), received_at=NOW) is SubmissionOutcome.KEPT
    assert (len(workspace.events()), workspace.duplicates()) == (2, 0)


def test_workspace_refuses_what_the_rules_refuse(workspace, make_body) -> None:
    """A submission that breaks a rule is not kept."""
    refusal = workspace.submit(make_body(created_at=...), received_at=NOW)

    assert refusal.code == "parameter_not_found"
    assert workspace.events() == []


@pytest.mark.parametrize("identifier", ["user_id", "id", "email"])
def test_workspace_does_not_find_an_unknown_contact(make_body, identifier) -> None:
    """An event of a missing contact is answered 404, for every field that names the contact."""
    workspace = Workspace(contacts=InitialContacts(unknown=["nobody"]))

    refusal = workspace.submit(make_body(**{"user_id": ...} | {identifier: "nobody"}), received_at=NOW)

    assert refusal == Refusal(status=404, code="not_found", message="User Not Found")


def test_workspace_has_at_most_120_event_names(workspace, make_body) -> None:
    """The 121st name is refused; the others still work."""
    for number in range(120):
        workspace.submit(make_body(event_name=f"event-{number}"), received_at=NOW)

    refusal = workspace.submit(make_body(event_name="event-120"), received_at=NOW)

    assert refusal == Refusal(status=422, code="422", message="Cannot have more than 120 active event names")
    assert workspace.submit(make_body(event_name="EVENT-0", created_at=1), received_at=NOW) is SubmissionOutcome.KEPT


def test_workspace_remembers_submissions(workspace, make_body) -> None:
    """All submissions are logged in order, with their answers."""
    workspace.submit(make_body(), received_at=1.0)
    workspace.submit(make_body(), received_at=2.0, is_answered=False)
    workspace.submit(make_body(created_at=...), received_at=3.0)
    workspace.log_unjudged(
        b"{", received_at=4.0, outcome=SubmissionOutcome.REFUSED, http_status=401, refusal=ACCESS_TOKEN_INVALID
    )
    workspace.log_unjudged(b"", received_at=5.0, outcome=SubmissionOutcome.FAILED, http_status=None)

    logged = [
        (one.received_at, one.http_status, one.outcome, one.error_code, one.error_message, one.body)
        for one in workspace.submissions()
    ]
    assert logged == [
        (1.0, 202, "kept", None, None, make_body()),
        (2.0, None, "duplicate", None, None, make_body()),
        (3.0, 400, "refused", "parameter_not_found", "created_at is required", make_body(created_at=...)),
        (4.0, 401, "refused", "unauthorized", "Access Token Invalid", b"{"),
        (5.0, None, "failed", None, None, b""),
    ]
    assert all(isinstance(one, Submission) for one in workspace.submissions())
    assert (workspace.requests(), workspace.duplicates(), len(workspace.events())) == (5, 1, 1)


def test_workspace_takes_a_contact_for_one_however_it_is_named(make_body) -> None:
    """An event by `id` or `email` repeats the one by `user_id` of the same contact, name and second."""
    contact = {"id": "6b04", "external_id": "7", "email": "ada@example.com"}
    workspace = Workspace(contacts=InitialContacts(existing=[contact]))

    outcomes = [
        workspace.submit(make_body(user_id="7"), received_at=NOW),
        workspace.submit(make_body(user_id=..., id="6b04"), received_at=NOW),
        workspace.submit(make_body(user_id=..., email="Ada@Example.com"), received_at=NOW),
    ]

    assert outcomes == ["kept", "duplicate", "duplicate"]


def test_workspace_finds_leads_by_their_id_only(make_body) -> None:
    """An event that names a lead by an address or an external identifier is answered 404."""
    lead = {"id": "6b04", "role": "lead", "external_id": "7", "email": "ada@example.com"}
    workspace = Workspace(contacts=InitialContacts(existing=[lead]))

    statuses = [
        getattr(workspace.submit(make_body(**{"user_id": ...} | named), received_at=NOW), "status", 202)
        for named in ({"id": "6b04"}, {"user_id": "7"}, {"email": "ada@example.com"})
    ]

    assert statuses == [202, 404, 404]


def test_workspace_refuses_an_ambiguous_email(make_body) -> None:
    """An address that two users share is answered 409 conflict."""
    users = [{"external_id": name, "email": "ada@example.com"} for name in "ab"]
    workspace = Workspace(contacts=InitialContacts(existing=users))

    refusal = workspace.submit(make_body(user_id=..., email="ada@example.com"), received_at=NOW)

    assert refusal == Refusal(
        status=409,
        code="conflict",
        message="Multiple existing users match this email address - must be more specific using user_id",
    )


def test_workspace_is_kept_in_its_store(make_body, tmp_path) -> None:
    """A workspace that is opened again has its id, its events and its counts."""
    first = Workspace(store=Store(tmp_path / "events.sqlite"))
    first.submit(make_body(), received_at=NOW)

    second = Workspace(store=Store(tmp_path / "events.sqlite"))
    outcome = second.submit(make_body(), received_at=NOW)

    assert outcome == "duplicate"
    assert [event.contact for event in second.events()] == ["314159"]
    assert second.requests() == 2
    assert second.admin()["app"]["id_code"] == first.store.id_code


def test_workspace_of_an_earlier_version_is_continued(make_body, tmp_path) -> None:
    """A store that an earlier version wrote has its events, contacts and submissions, and takes further ones."""
    workspace = Workspace(store=Store(Path(shutil.copy(EARLIER, tmp_path / "events.sqlite"))))

    assert [(event.event_name, event.contact, event.times_received) for event in workspace.events()] == [
        ("placed-order", "42", 2),
        ("signed-up", "42", 1),
        ("placed-order", "43", 1),
        ("placed-order", "42", 1),
    ]
    assert [one.outcome for one in workspace.submissions()] == [
        *("kept", "duplicate", "kept", "kept", "refused", "refused", "failed", "kept")
    ]
    assert (workspace.requests(), workspace.duplicates()) == (8, 1)
    assert workspace.submit(make_body(user_id="42"), received_at=NOW) == "duplicate"
    assert workspace.submit(make_body(user_id="42", created_at=7), received_at=NOW) == "kept"


def test_events_of_a_contact_are_counted_by_name(workspace, make_body) -> None:
    """Counts are of one contact, with those sent as a summary; the name seen last comes first."""
    for created_at, event_name in [(30, "a"), (50, "a"), (10, "b"), (60, "b"), (40, "c")]:
        workspace.submit(make_body(user_id="42", created_at=created_at, event_name=event_name), received_at=NOW)
    workspace.submit(make_body(user_id="43", created_at=70), received_at=NOW)
    with workspace.store.writing() as connection:
        add_summary(connection, EventKey(contact=1, created_at=5, name=1), count=7, last=20)

    assert workspace.store.read(EVENT_COUNTS, {"contact": 1}) == [
        ("b", 2, 10, 60),
        ("a", 9, 5, 50),
        ("c", 1, 40, 40),
    ]


def test_workspace_counts_names_of_a_kept_store(make_body, tmp_path) -> None:
    """The 120 names of a kept workspace are of all its runs."""
    first = Workspace(store=Store(tmp_path / "events.sqlite"))
    first.store.hold()
    for number in range(120):
        first.submit(make_body(event_name=f"event-{number}"), received_at=NOW)
    first.store.release()

    second = Workspace(store=Store(tmp_path / "events.sqlite"))

    assert second.submit(make_body(event_name="event-120"), received_at=NOW).status == 422
    assert second.submit(make_body(event_name="event-7", created_at=1), received_at=NOW) == "kept"


def test_workspace_keeps_nothing_of_a_submission_that_cannot_be_written(workspace, make_body) -> None:
    """An error in the middle of a submission undoes all of it."""
    workspace.store.read("CREATE TRIGGER stop BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END")

    with pytest.raises(sqlite3.IntegrityError, match=r"^full$"):
        workspace.submit(make_body(), received_at=NOW)

    workspace.store.read("DROP TRIGGER stop")
    assert (workspace.requests(), workspace.events()) == (0, [])
    assert workspace.submit(make_body(), received_at=NOW) == "kept"


def test_admin_shows_the_workspace_in_intercoms_form() -> None:
    """The admin's app has the region in capitals, as in Intercom's description of GET /me."""
    admin = Workspace(region="eu").admin()

    assert json.loads(json.dumps(admin)) == admin
    assert (admin["type"], admin["id"], admin["name"]) == ("admin", "1", "Sandbox Admin")
    assert admin["avatar"] == {"type": "avatar", "image_url": None}
    assert admin["app"] == {
        "type": "app",
        "id_code": admin["app"]["id_code"],
        "name": "Sandbox",
        "created_at": admin["app"]["created_at"],
        "secure": False,
        "identity_verification": False,
        "timezone": "UTC",
        "region": "EU",
    }


def test_workspace_has_an_id_of_its_own() -> None:
    """No two workspaces share an id."""
    ids = {Workspace().admin()["app"]["id_code"] for _ in range(10)}

    assert len(ids) == 10


def test_workspace_refuses_an_unknown_region() -> None:
    """A region is one of Intercom's three."""
    with pytest.raises(ValueError, match=r"^no region 'uk': use one of us, eu, au$"):
        Workspace(region="uk")
