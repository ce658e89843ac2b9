"""Intercom's endpoints and their replies."""

import json

import pytest

from events_pandas.sandbox.endpoints.routes import Request, find_endpoint
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.workspace import Workspace

NOW = 1_700_000_000.0


@pytest.fixture
def workspace():
    return Workspace(contacts=InitialContacts(existing=[{"external_id": "a/b", "email": "ada@example.com"}]))


@pytest.fixture
def call(workspace):
    """Call an endpoint, and return its reply."""

    def call(method, path, body=None, **query):
        request = Request(
            method=method,
            path=path,
            query=query,
            body=b"" if body is None else json.dumps(body).encode(),
            base_url="http://sandbox",
            now=NOW,
        )
        return find_endpoint(method, path)(workspace, request)

    return call


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/events"),
        ("POST", "/events/summaries"),
        ("GET", "/me"),
        ("GET", "/contacts/find_by_external_id/7"),
        ("GET", "/admins"),
        ("GET", "/contacts"),
        ("POST", "/contacts"),
        ("GET", "/contacts/7"),
        ("PUT", "/contacts/7"),
        ("POST", "/contacts/merge"),
        ("POST", "/contacts/search"),
    ],
)
def test_endpoints_are_intercoms(method, path) -> None:
    """Every endpoint of the documentation is there."""
    assert find_endpoint(method, path) is not None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/events"),
        ("GET", "/events/summaries"),
        ("POST", "/me"),
        ("HEAD", "/me"),
        ("GET", "/contacts/search"),
        ("PUT", "/contacts/merge"),
        ("GET", "/contacts/scroll"),
        ("GET", "/contacts/find_by_external_id"),
        ("GET", "/contacts/7/tags"),
        ("DELETE", "/contacts/7"),
        ("POST", "/contacts/7"),
        ("POST", "/contacts/find_by_external_id/7"),
        ("GET", "/contacts/find_by_external_id/"),
        ("GET", "/events/"),
        ("GET", "/users"),
    ],
)
def test_endpoints_have_no_other_path_and_method(method, path) -> None:
    """A path that Intercom does not have, or not with this method, has no endpoint."""
    assert find_endpoint(method, path) is None


def test_me_names_the_workspace(call, workspace) -> None:
    """GET /me answers the admin and the app."""
    answer = call("GET", "/me")

    assert answer.status == 200
    assert json.loads(answer.content) == workspace.admin()


def test_admins_are_listed(call, workspace) -> None:
    """GET /admins, by which older clients try a token, answers the admin."""
    answer = json.loads(call("GET", "/admins").content)

    admin = workspace.admin()
    del admin["app"]
    assert answer == {"type": "admin.list", "admins": [admin]}


def test_contact_is_found_by_its_external_identifier(call, workspace) -> None:
    """A contact is shown in Intercom's form, with any characters in its identifier."""
    answer = call("GET", "/contacts/find_by_external_id/a/b")

    contact = json.loads(answer.content)
    assert answer.status == 200
    assert {field: contact[field] for field in ("type", "role", "external_id", "email", "email_domain", "name")} == {
        "type": "contact",
        "role": "user",
        "external_id": "a/b",
        "email": "ada@example.com",
        "email_domain": "example.com",
        "name": None,
    }
    assert contact["workspace_id"] == workspace.store.id_code
    assert contact["tags"] == {
        "type": "list",
        "data": [],
        "url": f"/contacts/{contact['id']}/tags",
        "total_count": 0,
        "has_more": False,
    }


def test_contact_that_is_not_there_is_not_found(call) -> None:
    """An identifier that no contact has is answered 404."""
    assert call("GET", "/contacts/find_by_external_id/7").message == "User Not Found"


def test_contact_is_shown_by_its_id(call) -> None:
    """GET /contacts/{id} answers the contact, and 404 for an unknown id."""
    made = json.loads(call("POST", "/contacts", {"external_id": "7"}).content)

    assert json.loads(call("GET", f"/contacts/{made['id']}").content) == made
    assert call("GET", "/contacts/6b04").message == "User Not Found"


def test_contact_is_changed(call) -> None:
    """PUT /contacts/{id} changes the fields that it names, and answers the contact."""
    made = json.loads(call("POST", "/contacts", {"external_id": "7", "name": "Ada"}).content)

    changed = json.loads(call("PUT", f"/contacts/{made['id']}", {"email": "ada@example.org"}).content)

    assert changed == made | {
        "email": "ada@example.org",
        "email_domain": "example.org",
        "updated_at": int(NOW),
    }
    assert json.loads(call("GET", f"/contacts/{made['id']}").content) == changed


@pytest.mark.parametrize(
    ("contact_id", "body", "code"),
    [
        ("6b04", {"name": "Ada"}, "not_found"),
        ("6b04", {"name": 7}, "parameter_invalid"),
    ],
)
def test_contact_is_not_changed(call, contact_id, body, code) -> None:
    """An unknown id is answered 404, a wrong value 400."""
    assert call("PUT", f"/contacts/{contact_id}", body).code == code


def test_contacts_are_listed(call) -> None:
    """GET /contacts answers all contacts."""
    answer = json.loads(call("GET", "/contacts").content)

    assert [contact["external_id"] for contact in answer["data"]] == ["a/b"]


def test_contact_is_merged(call) -> None:
    """POST /contacts/merge answers the contact that stays; the other is gone, with a link."""
    lead, user = (json.loads(call("POST", "/contacts", {"role": role}).content) for role in ("lead", "user"))

    merged = call("POST", "/contacts/merge", {"from": lead["id"], "into": user["id"]})
    gone = call("GET", f"/contacts/{lead['id']}")

    assert json.loads(merged.content) == user
    assert (gone.status, gone.code, gone.link) == (410, "contact_merged", f'</contacts/{user["id"]}>; rel="canonical"')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "from is required: the id of a contact"),
        ({"from": "6b04", "into": 7}, "into is required: the id of a contact"),
        ({"from": "6b04", "into": "6b05"}, "User Not Found"),
        ([], "The body is not a JSON object"),
    ],
)
def test_contact_is_not_merged(call, body, message) -> None:
    """A merge needs two contacts that exist."""
    assert call("POST", "/contacts/merge", body).message == message


def test_contact_is_made(call) -> None:
    """A new contact is answered, and found from then on."""
    made = call("POST", "/contacts", {"external_id": "7", "custom_attributes": {"plan": "pro"}})
    found = call("GET", "/contacts/find_by_external_id/7")

    assert (made.status, made.content) == (200, found.content)
    assert json.loads(made.content)["custom_attributes"] == {"plan": "pro"}


def test_contact_is_not_made_twice(call) -> None:
    """A contact that exists already is answered 409."""
    answer = call("POST", "/contacts", {"external_id": "a/b"})

    assert (answer.status, answer.code) == (409, "conflict")


def test_contact_that_cannot_be_is_refused(call) -> None:
    """A body that does not describe a contact is answered 400."""
    assert call("POST", "/contacts", {"name": "Ada"}).code == "parameter_not_found"


def test_contacts_are_searched(call) -> None:
    """A search answers a list."""
    answer = call("POST", "/contacts/search", {"query": {"field": "email", "operator": "~", "value": "ada"}})

    assert (answer.status, json.loads(answer.content)["total_count"]) == (200, 1)


def test_search_that_cannot_be_is_refused(call) -> None:
    """A wrong filter is answered 400."""
    assert call("POST", "/contacts/search", {}).code == "parameter_not_found"


def test_events_are_listed_with_an_address_of_the_sandboxs(call, workspace) -> None:
    """The address of the next page begins with the address that the client uses."""
    for number in range(2):
        body = {"event_name": "placed-order", "created_at": int(NOW) - number, "user_id": "a/b"}
        workspace.submit(json.dumps(body).encode(), received_at=NOW)

    answer = call("GET", "/events", type="user", user_id="a/b", per_page="1")

    assert answer.status == 200
    assert json.loads(answer.content)["pages"]["next"].startswith("http://sandbox/events?type=user&")


def test_summaries_are_taken_without_a_word(call) -> None:
    """POST /events/summaries answers 200 with an empty body."""
    summary = {"event_name": "placed-order", "count": 1, "first": 1, "last": 2}

    answer = call("POST", "/events/summaries", {"user_id": "a/b", "event_summaries": summary})

    assert (answer.status, answer.content) == (200, b"")


def test_summaries_that_cannot_be_are_refused(call) -> None:
    """A wrong summary is answered 400."""
    assert call("POST", "/events/summaries", {}).code == "parameter_not_found"
