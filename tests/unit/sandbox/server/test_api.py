"""The response to each request; time is an argument."""

import json

import pytest

from events_pandas.sandbox.endpoints.routes import Request
from events_pandas.sandbox.faults import FaultPlan, Faults, NextFault
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.server.api import Api
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.workspace import Workspace

RATE_HEADERS = {b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"}
NOW, UPTIME = 1_700_000_000.5, 100.0


@pytest.fixture
def make_api():
    """Make an API with faults, at second 100 of its clock."""

    def make(faults=None, *, limit=10):
        return Api(
            workspace=Workspace(),
            window=RateWindow(limit=limit, window_seconds=10.0),
            plan=FaultPlan(Faults() if faults is None else faults, now=UPTIME),
            access_token="mine",
        )

    return make


@pytest.fixture
def make_request(make_body):
    """Make a good submission, with changes; a header that is None is left out."""

    def make(method="POST", path="/events", *, query=None, body=None, **headers):
        good = {"authorization": b"Bearer mine", "accept": b"application/json"}
        return Request(
            method=method,
            path=path,
            query=query or {},
            headers={
                name.replace("_", "-").encode(): value
                for name, value in {**good, **headers}.items()
                if value is not None
            },
            body=make_body() if body is None else body,
            base_url="http://sandbox:8080",
            now=NOW,
        )

    return make


def decide(api, request, *, uptime=UPTIME):
    return api.decide(request, uptime=uptime)


def code_of(response):
    return json.loads(response.content)["errors"][0]["code"]


def log_of(api):
    return [(one.http_status, str(one.outcome), one.error_code) for one in api.workspace.submissions()]


def test_good_submission_is_answered_202_with_nothing_to_read(make_api, make_request) -> None:
    """The event is kept, and the headers have the limit and the server's time."""
    api = make_api()

    response = decide(api, make_request())

    headers = dict(response.headers)
    assert (response.status, response.content, response.fault) == (202, b"", None)
    assert headers[b"x-ratelimit-remaining"] == b"9"
    assert headers[b"date"] == b"Tue, 14 Nov 2023 22:13:20 GMT"
    assert log_of(api) == [(202, "kept", None)]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"authorization": b"Bearer wrong"}, 401, "unauthorized"),
        ({"authorization": None}, 401, "unauthorized"),
        ({"accept": None}, 406, "media_type_not_acceptable"),
        ({"accept": b"text/html"}, 406, "media_type_not_acceptable"),
        ({"intercom_version": b"2.99"}, 400, "intercom_version_invalid"),
        ({"intercom_version": b""}, 400, "intercom_version_invalid"),
        ({"body": b" " * 1_000_001}, 413, "payload_too_large"),
    ],
)
def test_refused_submission_is_remembered_with_its_error(make_api, make_request, changes, status, code) -> None:
    """A request that is refused before it is judged is in the log like any refusal."""
    api = make_api()

    response = decide(api, make_request(**changes))

    assert (response.status, code_of(response)) == (status, code)
    assert log_of(api) == [(status, "refused", code)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/users"),
        ("DELETE", "/contacts/7"),
        ("HEAD", "/me"),
        ("POST", "/me"),
        ("PUT", "/events"),
        ("DELETE", "/contacts/find_by_external_id/7"),
        ("GET", "/contacts/find_by_external_id/"),
    ],
)
def test_other_paths_and_methods_are_not_found_and_no_submissions(make_api, make_request, method, path) -> None:
    """A wrong method is answered like a wrong path, and counted like any request."""
    api = make_api()

    response = decide(api, make_request(method, path))

    assert (response.status, code_of(response)) == (404, "resource_not_found")
    assert dict(response.headers)[b"x-ratelimit-remaining"] == b"9"
    assert log_of(api) == []


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (0, "unauthorized"),
        (1, "media_type_not_acceptable"),
        (2, "intercom_version_invalid"),
        (3, "resource_not_found"),
        (4, "payload_too_large"),
    ],
)
def test_first_fault_of_a_request_is_answered(make_api, make_request, first, code) -> None:
    """Token, Accept, version, path and size are checked in this order."""
    wrong = [
        {"authorization": b""},
        {"accept": b"text/html"},
        {"intercom_version": b"0"},
        {"path": "/contacts/convert"},
        {"path": "/contacts" if first == 4 else "/contacts/convert", "body": b" " * 1_000_001},
    ]
    changes = {name: value for fault in wrong[first:] for name, value in fault.items()}

    assert code_of(decide(make_api(), make_request(**changes))) == code


@pytest.mark.parametrize(("authorization", "code"), [(b"", "unauthorized"), (b"Bearer mine", "rate_limit_exceeded")])
def test_limit_is_checked_after_the_token_and_before_the_rest(make_api, make_request, authorization, code) -> None:
    """Only the token is checked before the limit."""
    api = make_api(limit=1)
    decide(api, make_request())

    response = decide(api, make_request(authorization=authorization, accept=None))

    assert code_of(response) == code


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (None, b"2.14"),
        (b"1.0", b"1.0"),
        (b"1.4", b"1.4"),
        (b"2.0", b"2.0"),
        (b"2.17", b"2.17"),
        (b"unstable", b"Unstable"),
        (b"Preview", b"Preview"),
        (b"1.5", b"2.14"),
    ],
)
def test_response_names_the_version_that_answers(make_api, make_request, asked, answered) -> None:
    """The answer has the version that was asked for, if it exists."""
    response = decide(make_api(), make_request(intercom_version=asked))

    assert dict(response.headers)[b"intercom-version"] == answered


def test_endpoint_is_asked_with_what_the_request_says(make_api, make_request) -> None:
    """An endpoint gets the query, the time and the client's address."""
    api = make_api()
    for second in range(3):
        decide(api, make_request(body=json.dumps(event(1_699_999_000 + second)).encode()))

    response = decide(api, make_request("GET", "/events", query={"type": "user", "user_id": "7+", "per_page": "2"}))

    listed = json.loads(response.content)
    assert [one["created_at"] for one in listed["events"]] == [1_699_999_002, 1_699_999_001]
    assert listed["pages"]["next"].startswith("http://sandbox:8080/events?")


def event(created_at):
    return {"event_name": "placed-order", "created_at": created_at, "user_id": "7+"}


def test_limit_refuses_what_is_too_much(make_api, make_request) -> None:
    """A request over the limit is not judged."""
    api = make_api(limit=1)

    responses = [decide(api, make_request()) for _ in range(2)]

    assert [response.status for response in responses] == [202, 429]
    assert log_of(api) == [(202, "kept", None), (429, "refused", "rate_limit_exceeded")]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 418, 422, 429, 500, 503, 599])
def test_chosen_status_is_answered_before_anything_is_kept(make_api, make_request, status) -> None:
    """A submission with a chosen status is logged as failed, and not kept."""
    api = make_api(Faults(statuses={status: 1.0}))

    response = decide(api, make_request())

    assert (response.status, response.fault) == (status, None)
    assert log_of(api) == [(status, "failed", code_of(response))]
    assert api.workspace.events() == []


@pytest.mark.parametrize(
    ("fault", "log", "n_events"),
    [
        ("drop_before", (None, "failed", None), 0),
        ("drop_after", (None, "kept", None), 1),
        ("lose", (202, "failed", None), 0),
        ("no_answer", (None, "kept", None), 1),
        ("garbage", (202, "kept", None), 1),
        ("trickle_body", (202, "kept", None), 1),
        ("trickle_headers", (202, "kept", None), 1),
    ],
)
def test_fault_on_the_way_keeps_the_event_unless_it_comes_before_or_loses_it(
    make_api, make_request, fault, log, n_events
) -> None:
    """An answer that does not arrive has no status in the log."""
    api = make_api(Faults(**{fault: 1.0}))

    response = decide(api, make_request())

    is_dropped = fault in {"drop_before", "drop_after"}
    assert (response is None) is is_dropped
    assert is_dropped or response.fault == fault
    assert log_of(api) == [log]
    assert len(api.workspace.events()) == n_events


def test_lost_event_is_answered_as_if_it_were_kept(make_request, make_body) -> None:
    """An event is lost only if it would have been kept: an unknown contact and a bad body are refused as always."""
    workspace = Workspace(contacts=InitialContacts(unknown=["00999"]))
    api = Api(
        workspace=workspace,
        window=RateWindow(limit=10, window_seconds=10.0),
        plan=FaultPlan(Faults(lose=1.0), now=UPTIME),
        access_token="mine",
    )

    bodies = [make_body(), make_body(user_id="00999"), make_body(created_at="now")]
    answers = [decide(api, make_request(body=body)) for body in bodies]

    assert [answer.status for answer in answers] == [202, 404, 400]
    assert answers[0].content == b""
    assert [(one.outcome, one.error_message) for one in workspace.submissions()] == [
        ("failed", "A fault made the sandbox lose the event, which was answered 202"),
        ("refused", "User Not Found"),
        ("refused", "created_at is not an integer of Unix seconds"),
    ]
    assert workspace.events() == []


def test_refusal_can_have_a_fault_on_the_way_too(make_api, make_request, make_body) -> None:
    """A refusal that does not arrive is logged as a refusal."""
    api = make_api(Faults(drop_after=1.0))

    response = decide(api, make_request(body=make_body(created_at="now")))

    assert response is None
    assert log_of(api) == [(None, "refused", "parameter_invalid")]


def test_garbage_has_the_right_status_and_says_that_it_is_json(make_api, make_request) -> None:
    """Garbage changes only the body."""
    api = make_api(Faults(garbage=1.0))

    response = decide(api, make_request())

    assert response.status == 202
    assert dict(response.headers)[b"content-type"] == b"application/json"
    with pytest.raises(UnicodeDecodeError):
        response.content.decode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me"),
        ("GET", "/events"),
        ("POST", "/events/summaries"),
        ("POST", "/contacts"),
        ("POST", "/contacts/search"),
        ("GET", "/contacts/find_by_external_id/a b"),
    ],
)
def test_fault_asked_for_comes_on_any_path(make_api, make_request, method, path) -> None:
    """A fault of `fail_next` comes once on its path, with any method."""
    api = make_api()
    api.plan.fail_next(NextFault(fault=503, path=path))

    statuses = [decide(api, make_request(method, path)).status for _ in range(2)]

    assert statuses[0] == 503
    assert statuses[1] != 503
    assert log_of(api) == []


def test_fault_asked_for_waits_for_a_request_that_comes_through(make_api, make_request) -> None:
    """A request that is refused early does not use up the fault."""
    api = make_api()
    api.plan.fail_next(NextFault(fault=503))

    statuses = [decide(api, call).status for call in (make_request(accept=None), make_request(), make_request())]

    assert statuses == [406, 503, 202]


def test_outage_meets_every_request(make_api, make_request) -> None:
    """In an outage tokens are not checked and requests not counted; afterwards requests succeed."""
    api = make_api(Faults(outage_after_seconds=5, outage_seconds=10))
    calls = [make_request(), make_request(authorization=None), make_request("GET", "/me"), make_request("GET", "/none")]

    during = [decide(api, call, uptime=UPTIME + 5) for call in calls]
    after = decide(api, make_request(), uptime=UPTIME + 15)

    assert [(one.status, code_of(one)) for one in during] == [(503, "service_unavailable")] * 4
    assert all(RATE_HEADERS.isdisjoint(dict(one.headers)) for one in during)
    assert (after.status, dict(after.headers)[b"x-ratelimit-remaining"]) == (202, b"9")
    assert log_of(api) == [(503, "failed", "service_unavailable")] * 2 + [(202, "kept", None)]


def test_revoked_token_is_answered_401_without_rate_headers(make_api, make_request) -> None:
    """A revoked token is `token_revoked`, a wrong one `unauthorized`."""
    api = make_api(Faults(token_revoked=True))

    responses = [decide(api, make_request()), decide(api, make_request(authorization=b"Bearer wrong"))]

    assert [(one.status, code_of(one)) for one in responses] == [(401, "token_revoked"), (401, "unauthorized")]
    assert all(RATE_HEADERS.isdisjoint(dict(one.headers)) for one in responses)
    assert log_of(api) == [(401, "failed", "token_revoked"), (401, "refused", "unauthorized")]


def test_rate_headers_can_be_left_out(make_api, make_request) -> None:
    """Without its headers the limit still holds."""
    api = make_api(Faults(rate_headers=False), limit=1)

    responses = [decide(api, make_request()) for _ in range(2)]

    assert [response.status for response in responses] == [202, 429]
    assert all(RATE_HEADERS.isdisjoint(dict(one.headers)) for one in responses)
