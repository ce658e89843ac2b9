"""Intercom's own client for Python, with only the sandbox's address and token."""

import datetime as dt
import time
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from intercom import (
    CreateContactRequestWithEmail,
    CreateContactRequestWithExternalId,
    CreateContactRequestWithRole,
    CreateDataEventRequestWithEmail,
    CreateDataEventRequestWithId,
    CreateDataEventRequestWithUserId,
    Intercom,
    MultipleFilterSearchRequest,
    SingleFilterSearchRequest,
    StartingAfterPaging,
)
from intercom.core.api_error import ApiError
from intercom.errors import UnauthorizedError
from intercom.events import CreateDataEventSummariesRequestEventSummaries

from events_pandas import Faults, Sandbox

DAY_SECONDS = 86_400
EVENT = {"user_id": "314159", "event_name": "placed-order", "created_at": 1_389_913_941}


@pytest.fixture
def connect():
    """Return a function that starts a sandbox with options and connects the client; both close after the test."""
    opened = []

    def connect(*, headers=None, token=None, **options):
        sandbox = Sandbox(**{"limit": None, **options}).start()
        client = Intercom(base_url=sandbox.url, token=token or sandbox.access_token, headers=headers)
        opened.append((sandbox, client))
        return sandbox, client

    yield connect
    for sandbox, client in opened:
        # The client cannot close its connections.
        client._client_wrapper.httpx_client.httpx_client.close()  # noqa: SLF001  # It is the only way.
        sandbox.stop()


@pytest.fixture
def now():
    """The second of the test, since lists hold events of the last 90 days only."""
    return int(time.time())


def create(client, **changes):
    """Submit an event of a user, with changes."""
    client.events.create(request=CreateDataEventRequestWithUserId(**EVENT | changes))


def next_page(client, events):
    """Follow the address of the next page, since the client cannot."""
    address = urlsplit(events.pages["next"])
    query = dict(parse_qsl(address.query))
    assert address.path == "/events"
    return client.events.list(type=query.pop("type"), request_options={"additional_query_parameters": query})


def error_of(error):
    """Return the status, code and message of the client's error."""
    body = error.body if isinstance(error.body, dict) else error.body.dict()
    (only,) = body["errors"]
    return error.status_code, only["code"], only["message"]


def test_create_submits_an_event_of_a_user(connect):
    """The sandbox keeps an event by `user_id` as it was sent."""
    sandbox, client = connect()

    create(client, metadata={"source": "desktop"})

    (event,) = sandbox.events
    assert (event.identifier, event.contact, event.event_name, event.created_at, event.metadata) == (
        "user_id",
        "314159",
        "placed-order",
        1_389_913_941,
        {"source": "desktop"},
    )


def test_create_submits_an_event_of_a_lead(connect):
    """The `id` in the answer to its creation names a lead."""
    sandbox, client = connect()
    lead = client.contacts.create(request=CreateContactRequestWithRole(role="lead", name="Ada"))

    client.events.create(
        request=CreateDataEventRequestWithId(id=lead.id, event_name="asked-question", created_at=1_389_913_941)
    )

    assert [(event.identifier, event.contact) for event in sandbox.events] == [("id", lead.id)]


def test_create_submits_an_event_by_email(connect):
    """An email address names its user."""
    sandbox, client = connect()
    user = client.contacts.create(request=CreateContactRequestWithEmail(email="ada@example.com"))

    client.events.create(
        request=CreateDataEventRequestWithEmail(
            email="ada@example.com", event_name="placed-order", created_at=1_389_913_941
        )
    )

    listed = client.events.list(type="user", intercom_user_id=user.id, summary=True)
    assert [event.name for event in listed.events] == ["placed-order"]
    assert sandbox.requests == 1


def test_create_repeats_an_event_without_an_error(connect):
    """A repeat has the answer of the first event, and is ignored."""
    sandbox, client = connect()

    create(client)
    create(client)

    assert (len(sandbox.events), sandbox.duplicates) == (1, 1)


def test_list_goes_from_page_to_page(connect, now):
    """The newest events come first, 15 a page or the requested number, and the last page has no link to a next one."""
    _, client = connect()
    for number in range(5):
        create(client, created_at=now - number, metadata={"number": f"{number}"})

    pages = [client.events.list(type="user", user_id="314159", per_page=2)]
    while "next" in pages[-1].pages:
        pages.append(next_page(client, pages[-1]))

    assert [[event.metadata["number"] for event in page.events] for page in pages] == [["0", "1"], ["2", "3"], ["4"]]
    assert pages[0].user_id == "314159"
    assert pages[0].events[0].event_name == "placed-order"
    assert pages[0].events[0].created_at == now


def test_list_leaves_out_events_older_than_90_days(connect, now):
    """Events older than 90 days are only in the counts."""
    _, client = connect()
    create(client, created_at=now - 89 * DAY_SECONDS)
    create(client, created_at=now - 91 * DAY_SECONDS)

    listed = client.events.list(type="user", user_id="314159")
    summary = client.events.list(type="user", user_id="314159", summary=True)

    assert [event.created_at for event in listed.events] == [now - 89 * DAY_SECONDS]
    assert [event.count for event in summary.events] == [2]


def test_list_sums_events_up(connect):
    """With `summary`, each name has its count, its first and its last time."""
    _, client = connect()
    for second in (1_389_913_941, 1_389_913_951, 1_389_913_961):
        create(client, created_at=second)

    summary = client.events.list(type="user", user_id="314159", summary=True)

    (event,) = summary.events
    assert (event.name, event.count) == ("placed-order", 3)
    assert (event.first, event.last) == ("2014-01-16T23:12:21.000+00:00", "2014-01-16T23:12:41.000+00:00")
    assert dt.datetime.fromisoformat(event.last).timestamp() == 1_389_913_961


def test_summaries_add_to_the_counts(connect):
    """Submitted summaries add to the counts of events."""
    _, client = connect()
    create(client, created_at=1_389_913_941)

    client.events.summaries(
        user_id="314159",
        event_summaries=CreateDataEventSummariesRequestEventSummaries(
            event_name="placed-order", count=4, first=1_389_913_841, last=1_389_913_931
        ),
    )

    (event,) = client.events.list(type="user", user_id="314159", summary=True).events
    assert event.count == 5
    assert (event.first, event.last) == ("2014-01-16T23:10:41.000+00:00", "2014-01-16T23:12:21.000+00:00")


def test_identify_names_the_workspace(connect):
    """`GET /me` names the admin of the token, and the workspace."""
    _, client = connect(region="eu")

    admin = client.admins.identify()

    assert (admin.type, admin.email_verified) == ("admin", True)
    assert (admin.app.type, admin.app.region, admin.app.timezone) == ("app", "EU", "UTC")
    assert admin.app.id_code.startswith("sandbox_")


def test_contact_that_is_created_is_found(connect):
    """A search finds a new user by its identifier."""
    _, client = connect(contacts=[])
    created = client.contacts.create(
        request=CreateContactRequestWithExternalId(
            external_id="314159",
            name="Ada Lovelace",
            signed_up_at=1_389_913_941,
            unsubscribed_from_emails=True,
            custom_attributes={"plan": "pro"},
        )
    )

    found = client.contacts.show_contact_by_external_id("314159")

    assert (found.id, found.external_id, found.role, found.type) == (created.id, "314159", "user", "contact")
    assert (found.name, found.signed_up_at, found.unsubscribed_from_emails) == ("Ada Lovelace", 1_389_913_941, True)
    assert found.custom_attributes == {"plan": "pro"}


@pytest.fixture
def three_contacts(connect):
    """A client of a workspace with three users."""
    _, client = connect(contacts=[])
    for external_id, name in {"1": "Ada", "2": "Grace", "3": "Barbara"}.items():
        client.contacts.create(request=CreateContactRequestWithExternalId(external_id=external_id, name=name))
    return client


@pytest.mark.parametrize(
    ("field", "operator", "value", "found"),
    [
        ("external_id", "=", "2", {"2"}),
        ("external_id", "!=", "2", {"1", "3"}),
        ("external_id", "IN", ["1", "3", "7"], {"1", "3"}),
        ("external_id", "NIN", ["1", "3"], {"2"}),
        ("name", "~", "ra", {"2", "3"}),
        ("name", "!~", "ra", {"1"}),
        ("name", "^", "Bar", {"3"}),
        ("name", "$", "ce", {"2"}),
        ("created_at", ">", "1306054154", {"1", "2", "3"}),
        ("created_at", "<", "1306054154", set()),
    ],
)
def test_search_takes_each_operator(three_contacts, field, operator, value, found):
    """The sandbox takes all operators in Intercom's documentation."""
    query = SingleFilterSearchRequest(field=field, operator=operator, value=value)

    contacts = three_contacts.contacts.search(query=query)

    assert {contact.external_id for contact in contacts} == found


def test_search_takes_groups_of_filters(three_contacts):
    """Filters are joined by AND and OR."""
    query = MultipleFilterSearchRequest(
        operator="OR",
        value=[
            SingleFilterSearchRequest(field="external_id", operator="=", value="1"),
            SingleFilterSearchRequest(field="name", operator="=", value="Grace"),
        ],
    )

    contacts = three_contacts.contacts.search(query=query)

    assert {contact.external_id for contact in contacts} == {"1", "2"}


def test_search_goes_from_page_to_page(three_contacts):
    """Each page says where the next one begins, and all pages together have each contact once."""
    query = SingleFilterSearchRequest(field="role", operator="=", value="user")

    # The client's own paging requests the first page again and again.
    first = three_contacts.contacts.search(query=query, pagination=StartingAfterPaging(per_page=2))
    second = three_contacts.contacts.search(
        query=query,
        pagination=StartingAfterPaging(per_page=2, starting_after=first.response.pages.next.starting_after),
    )

    assert (first.has_next, second.has_next) == (True, False)
    assert (first.response.total_count, first.response.pages.page, first.response.pages.total_pages) == (3, 1, 2)
    assert sorted(contact.external_id for contact in [*first.items, *second.items]) == ["1", "2", "3"]


def test_error_400_names_the_field(connect):
    """A wrong field is answered 400 with Intercom's code."""
    sandbox, client = connect()

    with pytest.raises(ApiError) as caught:
        create(client, event_name="")

    assert error_of(caught.value)[:2] == (400, "parameter_not_found")
    assert caught.value.body["errors"][0]["field"] == "event_name"
    assert caught.value.body["request_id"] == caught.value.headers["x-request-id"]
    assert sandbox.events == []


def test_error_401_is_the_clients_own(connect):
    """A wrong token raises the client's own class of error, without rate-limit headers."""
    _, client = connect(token="wrong")

    with pytest.raises(UnauthorizedError) as caught:
        create(client)

    assert error_of(caught.value) == (401, "unauthorized", "Access Token Invalid")
    assert "x-ratelimit-limit" not in caught.value.headers


def test_error_401_says_that_a_token_was_revoked(connect):
    """A revoked token has another code than a wrong one."""
    _, client = connect(faults=Faults(token_revoked=True))

    with pytest.raises(UnauthorizedError) as caught:
        create(client)

    assert error_of(caught.value)[:2] == (401, "token_revoked")


def test_error_404_for_an_unknown_contact(connect):
    """An unknown contact is answered 404, for events and for contacts."""
    _, client = connect(unknown_contacts=["314159"])

    with pytest.raises(ApiError) as event:
        create(client)
    with pytest.raises(ApiError) as contact:
        client.contacts.show_contact_by_external_id("314159")

    assert error_of(event.value) == (404, "not_found", "User Not Found")
    assert error_of(contact.value) == (404, "not_found", "User Not Found")


def test_error_404_for_other_endpoints(connect):
    """Intercom's other endpoints are answered 404."""
    _, client = connect()

    with pytest.raises(ApiError) as caught:
        client.tags.list()

    assert error_of(caught.value)[:2] == (404, "resource_not_found")


def test_error_406_without_json_in_accept(connect):
    """A client without JSON in its Accept header is answered 406."""
    _, client = connect(headers={"Accept": "text/html"})

    with pytest.raises(ApiError) as caught:
        create(client)

    assert error_of(caught.value)[:2] == (406, "media_type_not_acceptable")


def test_error_409_for_an_ambiguous_address(connect):
    """The address of two users is answered 409."""
    people = [{"external_id": "1", "email": "ada@example.com"}, {"external_id": "2", "email": "ada@example.com"}]
    _, client = connect(contacts=people)

    with pytest.raises(ApiError) as caught:
        client.events.create(
            request=CreateDataEventRequestWithEmail(
                email="ada@example.com", event_name="placed-order", created_at=1_389_913_941
            )
        )

    assert error_of(caught.value)[:2] == (409, "conflict")


def test_error_409_for_a_contact_that_exists(connect):
    """A second contact with the same identifier is answered 409."""
    _, client = connect(contacts=[{"external_id": "314159"}])

    with pytest.raises(ApiError) as caught:
        client.contacts.create(request=CreateContactRequestWithExternalId(external_id="314159"))

    assert error_of(caught.value)[:2] == (409, "conflict")


def test_error_422_at_the_121st_name(connect):
    """The 121st event name is answered 422."""
    _, client = connect()
    for number in range(120):
        create(client, event_name=f"event-{number}")

    with pytest.raises(ApiError) as caught:
        create(client, event_name="one-too-many")

    assert error_of(caught.value) == (422, "422", "Cannot have more than 120 active event names")


def test_error_429_has_the_end_of_the_window(connect):
    """Over the limit, the headers have the limit, 0 remaining, and the reset."""
    _, client = connect(limit=1, window_seconds=1_000_000)
    create(client)

    with pytest.raises(ApiError) as caught:
        create(client)

    assert error_of(caught.value)[:2] == (429, "rate_limit_exceeded")
    assert caught.value.headers["x-ratelimit-limit"] == "1"
    assert caught.value.headers["x-ratelimit-remaining"] == "0"
    assert int(caught.value.headers["x-ratelimit-reset"]) > time.time()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 409, 422, 429, 500, 503, 504])
def test_chosen_status_is_an_error_list(connect, status):
    """Every chosen status is answered with an error list that the client reads."""
    sandbox, client = connect()
    sandbox.fail_next(status)

    with pytest.raises(ApiError) as caught:
        create(client)

    found, code, message = error_of(caught.value)
    assert found == status
    assert code
    assert message
    assert sandbox.events == []


def test_error_502_is_a_page(connect):
    """A 502 is HTML, and the client returns it as text."""
    sandbox, client = connect()
    sandbox.fail_next(502)

    with pytest.raises(ApiError) as caught:
        create(client)

    assert caught.value.status_code == 502
    assert caught.value.body.startswith("<html>")


@pytest.mark.parametrize(("fault", "held"), [("drop_before", 0), ("drop_after", 1)])
def test_dropped_connection_is_the_transports_error(connect, fault, held):
    """A lost connection is an error of the transport, and only the sandbox knows if the event has arrived."""
    sandbox, client = connect()
    sandbox.fail_next(fault)

    with pytest.raises(httpx.RemoteProtocolError):
        create(client)

    assert len(sandbox.events) == held


def test_garbage_is_not_an_error_if_the_client_does_not_read_it(connect):
    """An event with a 202 was accepted, also with an unreadable body."""
    sandbox, client = connect()
    sandbox.fail_next("garbage")

    create(client)

    assert len(sandbox.events) == 1


def test_garbage_is_an_error_if_the_client_reads_it(connect):
    """A body that is not text raises an error of the client."""
    sandbox, client = connect()
    sandbox.fail_next("garbage", path="/me")

    with pytest.raises(UnicodeDecodeError):
        client.admins.identify()


@pytest.mark.parametrize("fault", ["trickle_body", "trickle_headers"])
def test_trickled_answer_is_read_to_its_end(connect, fault):
    """The client reads an answer that comes byte by byte."""
    sandbox, client = connect(faults=Faults(trickle_seconds=0.001))
    sandbox.fail_next(fault, path="/me")

    assert client.admins.identify().name == "Sandbox Admin"


def test_silence_is_a_timeout(connect):
    """Without an answer the client times out; the event is kept."""
    sandbox, client = connect()
    sandbox.fail_next("no_answer")

    with pytest.raises(httpx.ReadTimeout):
        client.events.create(
            request=CreateDataEventRequestWithUserId(**EVENT), request_options={"timeout_in_seconds": 0.2}
        )

    assert len(sandbox.events) == 1


def test_passing_failure_is_retried(connect):
    """The client's own retries, if requested, wait for the next window, and succeed."""
    sandbox, client = connect(window_seconds=1)
    sandbox.fail_next(500)

    client.events.create(request=CreateDataEventRequestWithUserId(**EVENT), request_options={"max_retries": 3})

    assert sandbox.to_frame()["http_status"].tolist() == [500, 202]
