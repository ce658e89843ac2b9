"""A workspace: what it keeps, ignores and refuses."""

import json
import re
import tracemalloc

import pytest

from events_pandas.sandbox.refusals import Refusal
from events_pandas.sandbox.workspace import Contacts, Outcome, Submission, Workspace


@pytest.fixture
def workspace():
    return Workspace()


def test_workspace_keeps_an_event_once(workspace, make_body) -> None:
    """A repeat of contact, normalized name and second is ignored whatever its metadata, and counted."""
    outcomes = [
        workspace.submit(make_body(metadata={"n": 1})),
        workspace.submit(make_body(metadata={"n": 2}, event_name="Placed.Order")),
        workspace.submit(make_body(metadata={"n": 3})),
    ]

    assert outcomes == [Outcome.KEPT, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert [(event.metadata, event.times_received) for event in workspace.events()] == [({"n": 1}, 3)]
    assert workspace.duplicates() == 2


@pytest.mark.parametrize(
    "change",
    [{"created_at": 1389913942}, {"event_name": "paid-order"}, {"user_id": "1"}, {"user_id": ..., "id": "314159"}],
)
def test_workspace_keeps_events_that_differ(workspace, make_body, change) -> None:
    """Another second, name, contact or kind of identifier makes another event."""
    workspace.submit(make_body())

    assert workspace.submit(make_body(**change)) is Outcome.KEPT
    assert (len(workspace.events()), workspace.duplicates()) == (2, 0)


def test_workspace_refuses_what_the_rules_refuse(workspace, make_body) -> None:
    """A submission that breaks a rule leaves nothing behind."""
    refusal = workspace.submit(make_body(created_at=...))

    assert refusal.code == "parameter_not_found"
    assert workspace.events() == []


@pytest.mark.parametrize(
    ("contacts", "known"),
    [
        (Contacts(), {"a", "b", "c"}),
        (Contacts(unknown=["b"]), {"a", "c"}),
        (Contacts(existing=iter(["a", "b"])), {"a", "b"}),
        (Contacts(existing=["a", "b"], unknown=["b"]), {"a"}),
        (Contacts(existing=[]), set()),
    ],
)
def test_contacts_tell_who_exists(contacts, known) -> None:
    """Everybody exists but for those who are not in the list of the existing, and those in the list of the unknown."""
    assert {contact for contact in "abc" if contact in contacts} == known


def test_contacts_take_numbers_as_text() -> None:
    """A number in a list of identifiers stands for its digits."""
    assert "42" in Contacts(existing=[42])


def test_contacts_refuse_one_string() -> None:
    """One string would be taken for a list of letters."""
    message = "unknown_contacts must be several identifiers, not one string: ['ada@example.com']"

    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        Contacts(unknown="ada@example.com")


@pytest.mark.parametrize("identifier", ["user_id", "id", "email"])
def test_workspace_does_not_find_an_unknown_contact(make_body, identifier) -> None:
    """An event of a contact that does not exist is answered 404, by whichever field it is named."""
    workspace = Workspace(contacts=Contacts(unknown=["nobody"]))

    refusal = workspace.submit(make_body(**{"user_id": ...} | {identifier: "nobody"}))

    assert refusal == Refusal(status=404, code="not_found", message="User Not Found")


def test_workspace_has_at_most_120_event_names(workspace, make_body) -> None:
    """The 121st name is refused; the names that are there already go on."""
    for number in range(120):
        workspace.submit(make_body(event_name=f"event-{number}"))

    refusal = workspace.submit(make_body(event_name="event-120"))

    assert refusal == Refusal(status=422, code="422", message="Cannot have more than 120 active event names")
    assert workspace.submit(make_body(event_name="EVENT-0", created_at=1)) is Outcome.KEPT


def test_workspace_remembers_submissions(workspace) -> None:
    """Whatever was received is remembered in order, and handed out as a copy."""
    submission = Submission(received_at=1000.0, body=b"", http_status=500, outcome=Outcome.FAILED)
    workspace.record(submission)

    workspace.submissions().clear()

    assert workspace.submissions() == [submission]
    assert workspace.requests() == 1


def test_workspace_takes_less_than_a_kilobyte_an_event(workspace, make_body) -> None:
    """An event of the documentation's size takes less than 1 kB, the memory of its submission included."""
    order_number = {"value": "3434-3434", "url": "https://example.org/orders/3434-3434"}
    metadata = {"order_date": 1392036272, "order_number": order_number, "price": {"currency": "usd", "amount": 2999}}
    tracemalloc.start()

    for number in range(2000):
        body = make_body(user_id=str(number), metadata=metadata)
        outcome = workspace.submit(body)
        workspace.record(Submission(received_at=float(number), body=body, http_status=202, outcome=outcome))

    used_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used_bytes / 2000 < 1000


def test_admin_shows_the_workspace_in_intercoms_form() -> None:
    """The admin's app has the region in capitals, as in Intercom's description of GET /me."""
    admin = Workspace(region="eu").admin()

    assert json.loads(json.dumps(admin)) == admin
    assert (admin["type"], admin["id"], admin["name"]) == ("admin", "1", "Sandbox Admin")
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
    with pytest.raises(ValueError, match=r"^no region 'uk': there are us, eu, au$"):
        Workspace(region="uk")
