"""Searching contacts, in Intercom's form."""

import json

import pytest

from events_pandas.sandbox.endpoints.contact_search import list_contacts, search_contacts
from events_pandas.sandbox.endpoints.replies import RefusedError
from events_pandas.sandbox.workspace.contacts import ContactFields, InitialContacts
from events_pandas.sandbox.workspace.workspace import Workspace

DAY = 86_400
CONTACTS = [
    {"external_id": "1", "email": "ada@example.com", "name": "Ada", "signed_up_at": 20 * DAY + 3600},
    {"external_id": "2", "email": "bob@example.com", "name": "Bob_%", "signed_up_at": 21 * DAY},
    {"external_id": "3", "email": "eve@example.org", "custom_attributes": {"plan": "pro", "seats": 3}},
    {"external_id": "4", "role": "lead", "unsubscribed_from_emails": True, "custom_attributes": {"seats": 10}},
]


NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def workspace():
    return Workspace(contacts=InitialContacts(existing=CONTACTS))


@pytest.fixture
def search(workspace):
    """Search with a query, and return the answer."""

    def search(query, **rest):
        return search_contacts(workspace, json.dumps({"query": query, **rest}).encode(), now=NOW)

    return search


@pytest.fixture
def refused(search):
    """Search with a query, and return the refusal."""

    def refused(query, **rest):
        with pytest.raises(RefusedError) as caught:
            search(query, **rest)
        return caught.value.refusal

    return refused


@pytest.fixture
def found(search):
    """Search with a query, and return the external identifiers found, sorted."""

    def found(*query, **rest):
        field, operator, value = query
        listed = search({"field": field, "operator": operator, "value": value}, **rest)
        return "".join(sorted(contact["external_id"] for contact in listed["data"]))

    return found


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("external_id", "=", "2", "2"),
        ("external_id", "!=", "2", "134"),
        ("external_id", "IN", ["1", "4", "x"], "14"),
        ("external_id", "NIN", ["1", "4"], "23"),
        ("email", "=", "ADA@example.com", "1"),
        ("email", "=", None, "4"),
        ("email", "!=", None, "123"),
        ("email", "NIN", ["ada@example.com"], "234"),
        ("email", "IN", [], ""),
        ("email", "~", "EXAMPLE.c", "12"),
        ("email", "!~", "example.com", "34"),
        ("email", "^", "bob", "2"),
        ("email", "$", ".org", "3"),
        ("email_domain", "=", "example.com", "12"),
        ("name", "~", "_%", "2"),
        ("name", "~", "\\", ""),
        ("name", "~", "%" * 100_000, ""),
        ("name", "~", "", "12"),
        ("name", "^", "", "12"),
        ("name", "$", "", "12"),
        ("name", "$", "DA", "1"),
        ("name", "$", "ada ada", ""),
        ("role", "=", "lead", "4"),
        ("unsubscribed_from_emails", "=", True, "4"),
        ("unsubscribed_from_emails", "!=", True, "123"),
        ("custom_attributes.plan", "=", "pro", "3"),
        ("custom_attributes.plan", "^", "P", "3"),
        ("custom_attributes.seats", ">", 3, "4"),
        ("custom_attributes.seats", ">=", 3, "34"),
        ("custom_attributes.seats", "<", 10**30, "34"),
        ("custom_attributes.seats", "=", 10**30, ""),
        ("custom_attributes.nothing", "=", None, "1234"),
    ],
)
def test_search_compares_as_intercom_does(found, field, operator, value, expected) -> None:
    """Each operator finds what Intercom's table says; searches in text ignore case."""
    assert found(field, operator, value) == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("=", 20 * DAY, "1"),
        ("=", str(20 * DAY + 7200), "1"),
        (">", 20 * DAY + 7200, "2"),
        (">", 21 * DAY, ""),
        ("<", 21 * DAY + 7200, "1"),
        ("<", 20 * DAY + 7200, ""),
    ],
)
def test_search_compares_times_by_the_day(found, operator, value, expected) -> None:
    """A time stands for its day: "greater" begins with the next day, "lower" ends before the day."""
    assert found("signed_up_at", operator, value) == expected


def test_search_joins_filters(search) -> None:
    """Groups of filters may contain groups, two deep."""
    lead = {"field": "role", "operator": "=", "value": "lead"}
    ada = {"field": "name", "operator": "=", "value": "Ada"}
    com = {"field": "email_domain", "operator": "=", "value": "example.com"}

    either = {"operator": "OR", "value": [lead, {"operator": "AND", "value": [ada, com]}]}
    both = {"operator": "AND", "value": [lead, {"operator": "OR", "value": [ada, com]}]}

    assert [contact["external_id"] for contact in search(either)["data"]] == ["4", "1"]
    assert search(both)["data"] == []


@pytest.mark.parametrize(
    ("query", "found", "next_page"),
    [
        ({}, "4321", None),
        ({"per_page": "3"}, "432", {"page": 2, "starting_after": "3"}),
        ({"per_page": "3", "starting_after": "3"}, "1", None),
        ({"per_page": "3", "page": "2"}, "1", None),
        ({"per_page": "1", "page": "1", "starting_after": "2"}, "2", {"page": 4, "starting_after": "3"}),
        ({"per_page": "", "page": "", "email": ""}, "4321", None),
        ({"page": "9"}, "", None),
    ],
)
def test_list_goes_from_page_to_page(workspace, query, found, next_page) -> None:
    """Contacts are listed from the newest to the oldest, and a page says where the next begins."""
    listed = list_contacts(workspace, query)

    assert ("".join(contact["external_id"] for contact in listed["data"]), listed["total_count"]) == (found, 4)
    assert listed["pages"].get("next") == next_page


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"per_page": "0"}, "per_page must be a number from 1 to 150"),
        ({"per_page": "151"}, "per_page must be a number from 1 to 150"),
        ({"per_page": "ten"}, "per_page must be a number from 1 to 150"),
        ({"page": "0"}, "page must be a number from 1"),
        ({"page": "-1"}, "page must be a number from 1"),
        ({"starting_after": "x"}, "starting_after must come from pages.next of the page before"),
        (
            {"user_id": "1"},
            "user_id does not filter this list: use POST /contacts/search",
        ),
    ],
)
def test_list_refuses_what_it_has_not(workspace, query, message) -> None:
    """A page that cannot exist is refused, and so is a filter of older versions, which would list every contact."""
    with pytest.raises(RefusedError) as caught:
        list_contacts(workspace, query)

    refusal = caught.value.refusal
    assert (refusal.status, refusal.code, refusal.message) == (400, "parameter_invalid", message)


def test_contacts_that_were_merged_are_not_found() -> None:
    """A merged contact is not in the list, and a search does not find it."""
    workspace = Workspace(contacts=InitialContacts(existing=CONTACTS, merged={"4": "1"}))
    query = {"field": "external_id", "operator": "IN", "value": ["1", "4"]}

    listed = list_contacts(workspace, {})
    found = search_contacts(workspace, json.dumps({"query": query}).encode(), now=NOW)

    assert [contact["external_id"] for contact in listed["data"]] == ["3", "2", "1"]
    assert [contact["external_id"] for contact in found["data"]] == ["1"]


def test_search_answers_pages(search) -> None:
    """An answer has at most per_page contacts, and says where the next page begins."""
    everybody = {"field": "role", "operator": "!=", "value": ""}
    sort = {"field": "external_id", "order": "ascending"}

    first = search(everybody, pagination={"per_page": 3}, sort=sort)
    second = search(everybody, pagination={"per_page": 3} | first["pages"]["next"], sort=sort)

    assert (first["type"], first["total_count"], len(first["data"])) == ("list", 4, 3)
    assert first["pages"] == {
        "type": "pages",
        "page": 1,
        "per_page": 3,
        "total_pages": 2,
        "next": {"page": 2, "starting_after": "3"},
    }
    assert [contact["external_id"] for contact in second["data"]] == ["4"]
    assert second["pages"] == {"type": "pages", "page": 2, "per_page": 3, "total_pages": 2}


def nested(depth):
    one = {"field": "role", "operator": "=", "value": "lead"}
    for _ in range(depth):
        one = {"operator": "AND", "value": [one]}
    return one


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (None, "parameter_not_found", "query is required"),
        ({"operator": "="}, "parameter_not_found", "a filter needs a field, an operator and a value"),
        (
            {"field": "location.country", "operator": "=", "value": "IE"},
            "invalid_field",
            "'location.country' is not a contact field that the sandbox knows",
        ),
        (
            {"field": "custom_attributes.a') --", "operator": "=", "value": 1},
            "invalid_field",
            '"custom_attributes.a\') --" is not a contact field that the sandbox knows',
        ),
        (
            {"field": "created_at", "operator": "!=", "value": 1},
            "invalid_operator",
            "created_at has no operator '!=': use one of =, >, <",
        ),
        (
            {"field": "role", "operator": ["="], "value": 1},
            "invalid_operator",
            "role has no operator ['=']: use one of =, !=, IN, NIN, ~, !~, ^, $",
        ),
        (
            {"field": "created_at", "operator": "=", "value": "yesterday"},
            "parameter_invalid",
            "the value of this filter must be a time in Unix seconds",
        ),
        (
            {"field": "role", "operator": "=", "value": ["lead"]},
            "parameter_invalid",
            "the value of a filter must be text, a number, a boolean or null",
        ),
        (
            {"field": "role", "operator": "IN", "value": "lead"},
            "parameter_invalid",
            "the value of a filter with IN or NIN must be an array",
        ),
        ({"field": "role", "operator": "~", "value": 1}, "parameter_invalid", "the value of this filter must be text"),
        (
            {"field": "custom_attributes.seats", "operator": ">", "value": "3"},
            "parameter_invalid",
            "the value of this filter must be a number",
        ),
        (nested(3), "parameter_invalid", "groups of filters must be at most 2 deep"),
        (
            {"operator": "OR", "value": [nested(0)] * 16},
            "parameter_invalid",
            "a group must have 1 to 15 filters, in an array",
        ),
        ({"operator": "OR", "value": []}, "parameter_invalid", "a group must have 1 to 15 filters, in an array"),
        (
            {"operator": "OR", "value": ["lead"]},
            "parameter_invalid",
            "a filter must be an object with field, operator and value",
        ),
    ],
)
def test_search_refuses_what_intercom_would_not_take(refused, query, code, message) -> None:
    """A wrong filter is answered 400, and the message says what is wrong."""
    refusal = refused(query)

    assert (refusal.status, refusal.code, refusal.message) == (400, code, message)


@pytest.mark.parametrize(
    ("rest", "code", "message"),
    [
        (
            {"sort": {"field": "name", "order": "desc"}},
            "invalid_sort_order",
            "Invalid sort order 'desc'. Must be one of: ascending, descending",
        ),
        (
            {"sort": {"order": ["ascending"]}},
            "invalid_sort_order",
            "Invalid sort order ['ascending']. Must be one of: ascending, descending",
        ),
        ({"sort": {"field": 1}}, "parameter_invalid", "sort.field must be the name of a field"),
        ({"sort": "name"}, "parameter_invalid", "pagination and sort must be objects"),
        ({"pagination": {"per_page": 0}}, "parameter_invalid", "per_page must be a number from 1 to 150"),
        ({"pagination": {"per_page": "5"}}, "parameter_invalid", "per_page must be a number from 1 to 150"),
        (
            {"pagination": {"starting_after": "x"}},
            "parameter_invalid",
            "starting_after must come from pages.next of the page before",
        ),
    ],
)
def test_search_refuses_pages_and_orders_that_are_not(refused, rest, code, message) -> None:
    """A wrong order or page is answered 400, and the message says what is wrong."""
    refusal = refused(nested(0), **rest)

    assert (refusal.status, refusal.code, refusal.message) == (400, code, message)


def test_search_refuses_a_body_that_is_not_json(workspace) -> None:
    """A body that cannot be read is answered 400."""
    with pytest.raises(RefusedError, match=r"^The body is not valid JSON: "):
        search_contacts(workspace, b"{", now=NOW)


def _found(workspace, query, **times):
    listed = search_contacts(workspace, json.dumps({"query": query}).encode(), **times)
    return sorted(contact["external_id"] for contact in listed["data"])


def test_search_finds_contacts_that_exist_though_nobody_has_named_them() -> None:
    """Where every contact exists but one, a search for identifiers finds the others, like their events."""
    workspace = Workspace(contacts=InitialContacts(unknown=["00999"]))
    query = {"field": "external_id", "operator": "IN", "value": ["00042", "00043", "00999", "a\0b", 7]}
    group = {"operator": "OR", "value": [{"field": "external_id", "operator": "=", "value": "00044"}]}

    found = _found(workspace, query, now=NOW) + _found(workspace, group, now=NOW)

    assert found == ["00042", "00043", "00044"]


def test_search_does_not_show_new_contacts_during_the_lag() -> None:
    """A contact that was made after the moment is left out; contacts of the start are shown, named ones too."""
    workspace = Workspace(contacts=InitialContacts(existing=["00042", {"external_id": "00043"}]))
    workspace.contacts.create(ContactFields(external_id="00044"), now=NOW - 60)
    query = {"field": "external_id", "operator": "IN", "value": ["00042", "00043", "00044"]}

    during = _found(workspace, query, now=NOW, made_until=NOW - 90)
    after = _found(workspace, query, now=NOW, made_until=NOW - 60)

    assert during == ["00042", "00043"]
    assert after == ["00042", "00043", "00044"]
