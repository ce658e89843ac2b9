"""The sandbox over HTTP, and the names by which it may be asked."""

import asyncio
import dataclasses
import email.utils
import logging
import re
import socket
import sqlite3
import time

import pytest
import requests

from events_pandas.sandbox.faults import FaultPlan, Faults
from events_pandas.sandbox.page import Page
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.server.api import Api
from events_pandas.sandbox.server.app import SandboxApp, allowed_hosts, checked_host, is_allowed, reachable_host
from events_pandas.sandbox.server.control import Control
from events_pandas.sandbox.server.thread import ServerThread
from events_pandas.sandbox.workspace.workspace import Workspace

RATE_HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


def errors_of(answer):
    return answer.json()["errors"]


def rate_headers_of(answer):
    return {name for name in RATE_HEADERS if name in answer.headers}


def test_submission_is_answered_202_with_an_empty_body(start, submit) -> None:
    """A good submission is answered 202 with nothing to parse, and the event is there."""
    sandbox = start()

    answer = submit(sandbox)

    assert (answer.status_code, answer.content) == (202, b"")
    assert [event.contact for event in sandbox.events] == ["314159"]


def test_repeat_is_answered_202_and_counted(start, submit) -> None:
    """A duplicate is answered like any other, spends the limit, and changes nothing."""
    sandbox = start(limit=10)
    submit(sandbox)

    answer = submit(sandbox)

    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (202, "8")
    assert (len(sandbox.events), sandbox.duplicates, sandbox.requests) == (1, 1, 2)


def test_refusal_is_an_error_list(start, submit) -> None:
    """A refusal has its code, message and field, and the id that is also in a header."""
    answer = submit(start(), created_at="now")

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "type": "error.list",
        "request_id": answer.headers["X-Request-Id"],
        "errors": [
            {
                "code": "parameter_invalid",
                "message": "created_at is not an integer of Unix seconds",
                "field": "created_at",
            }
        ],
    }


def test_unknown_contact_is_answered_404(start, submit) -> None:
    """A contact that does not exist is not found, and its events are not kept."""
    sandbox = start(unknown_contacts=["314159"])

    answer = submit(sandbox)

    assert (answer.status_code, errors_of(answer)) == (404, [{"code": "not_found", "message": "User Not Found"}])
    assert sandbox.events == []


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer wrong",
        "sandbox-token",
        "Bearer",
        "Bearer sandbox-token, Bearer sandbox-token",
        "Bearer c2FuZGJveC10b2tlbjo=",
        "Basic sandbox-token",
        "Basic c2FuZGJveC10b2tlbg==",  # without a colon
        "Basic c2FuZGJveC10b2tlbjp4",  # with a password
        "Basic OnNhbmRib3gtdG9rZW4=",  # the token as the password
        "Digest c2FuZGJveC10b2tlbjo=",
        None,
    ],
)
def test_wrong_token_is_answered_401_without_rate_headers(start, submit, http, authorization) -> None:
    """Without the token nothing is kept, and the answer has no rate-limit headers."""
    sandbox = start()
    http.headers["Authorization"] = authorization

    answer = submit(sandbox)

    assert (answer.status_code, rate_headers_of(answer)) == (401, set())
    assert errors_of(answer) == [{"code": "unauthorized", "message": "Access Token Invalid"}]
    assert (sandbox.events, sandbox.requests) == ([], 1)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 406),
        ("text/html", 406),
        ("", 406),
        ("application/xml", 406),
        ("text/*", 406),
        ("application/json;q=0", 406),
        ("application/json ; Q=0.000, */*", 406),
        ("*/*;q=1, application/*;q=0.0", 406),
        ("application/json", 202),
        ("*/*", 202),
        ("text/html, Application/* ; q=0.5", 202),
        ("application/json; charset=utf-8", 202),
        ("application/vnd.intercom.3+json", 202),
        ("Application/Vnd.Intercom.2.14+JSON;q=0.9", 202),
        ("application/json;q=0, application/vnd.intercom.3+json", 202),
        ("text/html;q=0, application/json;q=0.001", 202),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", 202),
    ],
)
def test_accept_has_to_admit_json(start, submit, http, accept, status) -> None:
    """A client that does not accept JSON is answered 406; a vendor's JSON counts, and so does the narrowest range."""
    http.headers["Accept"] = accept

    assert submit(start()).status_code == status


@pytest.mark.parametrize(("method", "path"), [("PUT", "/events"), ("POST", "/me"), ("POST", "/"), ("GET", "/users")])
def test_other_paths_and_methods_are_answered_404(start, http, method, path) -> None:
    """An unknown path or method is answered 404, and is not a submission."""
    sandbox = start()

    answer = http.request(method, sandbox.url + path, timeout=10)

    assert (answer.status_code, errors_of(answer)[0]["code"]) == (404, "resource_not_found")
    assert sandbox.requests == 0


@pytest.mark.parametrize(("padding_bytes", "status"), [(900_000, 202), (1_000_000, 413), (3_000_000, 413)])
def test_large_request_is_answered_413(start, http, make_body, padding_bytes, status) -> None:
    """A request of over a million bytes is too large, even if they are blanks."""
    answer = http.post(f"{start().url}/events", data=make_body() + b" " * padding_bytes, timeout=10)

    assert answer.status_code == status


def test_me_shows_the_workspace(start, http) -> None:
    """GET /me names workspace and region, and spends the limit like any request."""
    sandbox = start(region="au", limit=10)

    answer = http.get(f"{sandbox.url}/me", timeout=10)

    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, "9")
    assert (answer.json()["type"], answer.json()["app"]["region"]) == ("admin", "AU")
    assert sandbox.requests == 0


def test_limit_is_in_the_headers_and_holds(start, submit) -> None:
    """Requests above the limit are answered 429 with the three headers, and are not kept."""
    sandbox = start(limit=2, window_seconds=1_000_000)

    answers = [submit(sandbox, created_at=second) for second in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"2"}
    assert errors_of(answers[2])[0]["message"] == "Exceeded rate limit of 2 in 1e+06_seconds"
    assert len(sandbox.events) == 2


def test_headers_without_a_limit_have_one_that_nobody_reaches(start, submit) -> None:
    """Without a limit the headers are still there, since Intercom's answers always have them."""
    answer = submit(start(limit=None))

    assert answer.headers["X-RateLimit-Limit"] == "10000000"


def test_answer_tells_the_servers_time(start, submit) -> None:
    """Date and reset follow one clock: the reset is at most one window ahead."""
    answer = submit(start())

    date_seconds = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert date_seconds == pytest.approx(time.time(), abs=5)
    assert 0 <= int(answer.headers["X-RateLimit-Reset"]) - date_seconds <= 10


def test_chosen_502_is_a_gateways_page(start, submit) -> None:
    """A 502 comes from a gateway: in HTML, without rate-limit headers, before anything is kept."""
    sandbox = start()
    sandbox.fail_next(502)

    answer = submit(sandbox)

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert (rate_headers_of(answer), sandbox.events) == (set(), [])


def test_chosen_429_comes_while_there_is_room(start, submit) -> None:
    """A chosen 429 has requests remaining, even at the last request of the window."""
    sandbox = start(limit=1, window_seconds=1_000_000)
    sandbox.fail_next(429)

    answer = submit(sandbox)

    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (429, "1")
    assert errors_of(answer)[0]["code"] == "too_many_requests"


def test_chosen_fault_comes_for_me_when_asked(start, http) -> None:
    """A fault of `fail_next` comes once for GET /me."""
    sandbox = start()
    sandbox.fail_next(503, path="/me")

    statuses = [http.get(f"{sandbox.url}/me", timeout=10).status_code for _ in range(2)]

    assert statuses == [503, 200]


@pytest.mark.parametrize(("fault", "kept"), [("drop_before", 0), ("drop_after", 1)])
def test_dropped_connection_really_closes(start, submit, fault, kept) -> None:
    """The client sees a lost connection, whether the event was kept or not."""
    sandbox = start()
    sandbox.fail_next(fault)

    with pytest.raises(requests.ConnectionError, match=r"Remote end closed connection without response|reset by peer"):
        submit(sandbox)

    assert (len(sandbox.events), sandbox.requests) == (kept, 1)
    assert submit(sandbox, created_at=1).status_code == 202


def test_latency_is_what_an_answer_takes(start, submit) -> None:
    """An answer takes at least the chosen latency."""
    sandbox = start(faults=Faults(latency_seconds=0.1))
    started_at = time.monotonic()

    submit(sandbox)

    assert time.monotonic() - started_at >= 0.1


def test_accept_may_stand_in_two_lines(start, make_body) -> None:
    """Two lines of one header are one list."""
    host, port = start().url.removeprefix("http://").split(":")
    lines = [
        "POST /events HTTP/1.1",
        "Host: localhost",
        "Authorization: Bearer sandbox-token",
        "Connection: close",
    ]
    accept = ["Accept: application/json", "Accept: text/html", f"Content-Length: {len(make_body())}"]

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, *accept, "", ""]).encode() + make_body())
        status = connection.recv(12)

    assert status == b"HTTP/1.1 202"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer sandbox-token",
        "bearer  sandbox-token",
        "Basic c2FuZGJveC10b2tlbjo=",
        "BASIC c2FuZGJveC10b2tlbjo=",
        "basic c2FuZGJveC10b2tlbjo",
    ],
)
def test_token_is_a_bearer_or_the_user_of_http_basic(start, submit, http, authorization) -> None:
    """The scheme is not case-sensitive; the password of HTTP Basic is empty."""
    http.headers["Authorization"] = authorization

    assert submit(start()).status_code == 202


def test_submission_may_come_in_chunks_after_it_was_asked_for(start, make_body) -> None:
    """A body may come in chunks, and after "100 Continue", as Java's clients send it."""
    sandbox = start()
    host, port = sandbox.url.removeprefix("http://").split(":")
    lines = [
        "POST //events HTTP/1.1",
        "Host: localhost",
        "Authorization: Bearer sandbox-token",
        "Connection: close",
    ]
    streamed = ["Accept: application/json", "Expect: 100-continue", "Transfer-Encoding: chunked", "", ""]

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, *streamed]).encode())
        wanted = connection.recv(25)
        connection.sendall(b"".join(b"1\r\n%c\r\n" % byte for byte in make_body()) + b"0\r\n\r\n")
        status = connection.recv(12)

    assert (wanted, status, len(sandbox.events)) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 202", 1)


@pytest.mark.parametrize("path", ["//events", "/events/", "//events//", "///events"])
def test_submission_to_an_address_with_more_slashes_is_taken(start, http, make_body, path) -> None:
    """Double slashes are ignored rather than redirected: a redirected POST would lose its body."""
    sandbox = start()
    sandbox.fail_next(500)

    statuses = [
        http.post(f"{sandbox.url}{path}", data=make_body(), allow_redirects=False, timeout=10).status_code
        for _ in range(2)
    ]

    assert (statuses, len(sandbox.events)) == ([500, 202], 1)


@pytest.mark.parametrize(
    ("address", "external_id"),
    [
        ("a%2F%2Fb%2F", "a//b/"),
        ("https://example.com/1", "https://example.com/1"),
        ("7/", "7"),
    ],
)
def test_slashes_of_an_identifier_stay(start, http, address, external_id) -> None:
    """Encoded slashes belong to the identifier, and so do slashes after a scheme."""
    sandbox = start()

    contact = http.get(f"{sandbox.url}//contacts//find_by_external_id/{address}", timeout=10).json()

    assert contact["external_id"] == external_id


def test_merged_contact_is_answered_410_with_a_link(start, http, submit) -> None:
    """A merged contact is answered 410 with a link to the other, and its events are not kept."""
    sandbox = start(merged_contacts={"314159": "42"})

    answers = [submit(sandbox), http.get(f"{sandbox.url}/contacts/find_by_external_id/314159", timeout=10)]
    link = answers[0].headers["Link"]
    canonical = http.get(sandbox.url + link.removeprefix("<").partition(">")[0], timeout=10).json()

    assert [answer.status_code for answer in answers] == [410, 410]
    assert errors_of(answers[0]) == [
        {
            "code": "contact_merged",
            "message": "This contact has been merged. See the 'Link' header for the canonical contact.",
        }
    ]
    assert link == answers[1].headers["Link"] == f'</contacts/{canonical["id"]}>; rel="canonical"'
    assert (canonical["external_id"], sandbox.events) == ("42", [])


def test_head_of_an_endpoint_is_answered_404(start, http) -> None:
    """HEAD is not a method of the API."""
    answer = http.head(f"{start().url}/me", timeout=10)

    assert (answer.status_code, answer.content) == (404, b"")


def test_path_is_decoded(start, http) -> None:
    """An identifier may have characters that an address cannot have."""
    sandbox = start(contacts=["a/b ü"])

    answer = http.get(f"{sandbox.url}/contacts/find_by_external_id/a%2Fb%20%C3%BC", timeout=10)

    assert (answer.status_code, answer.json()["external_id"]) == (200, "a/b ü")


def test_query_is_decoded_and_links_have_the_clients_address(start, http, submit) -> None:
    """An escape in a query is decoded, the last of a repeated parameter counts, and the Host header makes the links."""
    sandbox = start()
    now = int(time.time())
    for second in range(3):
        submit(sandbox, user_id="7+", created_at=now - second)
    http.headers["Host"] = "LocalHost:80"

    answer = http.get(f"{sandbox.url}/events?type=user&user_id=8&user_id=7%2B&per_page=2", timeout=10).json()

    assert [event["created_at"] for event in answer["events"]] == [now, now - 1]
    assert answer["pages"]["next"].startswith("http://LocalHost:80/events?")


def test_skewed_clock_is_the_servers_own(start, submit) -> None:
    """Date, reset and times of arrival follow it."""
    sandbox = start(faults=Faults(clock_skew_seconds=-86_400))

    answer = submit(sandbox)

    date_seconds = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert date_seconds == pytest.approx(time.time() - 86_400, abs=5)
    assert 0 <= int(answer.headers["X-RateLimit-Reset"]) - date_seconds <= 10
    assert sandbox.to_frame()["received_at"][0].timestamp() == pytest.approx(time.time() - 86_400, abs=5)


def test_page_is_shown_without_a_token_and_without_cost(start, submit) -> None:
    """The page needs no token, does not spend the limit, and meets no faults."""
    sandbox = start(limit=10, faults=Faults(latency_seconds=60, outage_seconds=60))

    answers = [requests.get(f"{sandbox.url}/", timeout=10), requests.head(f"{sandbox.url}/", timeout=10)]
    sandbox.faults = Faults()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["Content-Type"] == "text/html; charset=utf-8"
    assert answers[0].text.startswith("<!doctype html>")
    assert submit(sandbox).headers["X-RateLimit-Remaining"] == "9"


def test_page_tells_a_browser_that_nothing_has_changed(start) -> None:
    """A browser that has the current page is answered 304."""
    url = f"{start(limit=None, window_seconds=1_000_000).url}/sandbox/live"
    tag = requests.get(url, timeout=10).headers["ETag"]

    answer = requests.get(url, headers={"If-None-Match": tag}, timeout=10)

    assert answer.status_code == 304


def test_control_is_reached_with_the_token_under_any_fault(start, submit, http) -> None:
    """The control is reached with a revoked token, over the limit and in an outage."""
    sandbox = start(limit=1, faults=Faults(token_revoked=True, latency_seconds=60, outage_seconds=60))
    faults = {"token_revoked": False, "latency_seconds": 0, "outage_seconds": 0}

    answer = http.patch(f"{sandbox.url}/sandbox/control", json={"limit": None, "faults": faults}, timeout=10)
    statuses = [submit(sandbox, created_at=second).status_code for second in range(3)]

    assert (answer.status_code, rate_headers_of(answer)) == (200, set())
    assert answer.json() == http.get(f"{sandbox.url}/sandbox/control", timeout=10).json()
    assert (answer.json()["limit"], answer.json()["faults"]["token_revoked"]) == (None, False)
    assert statuses == [202, 202, 202]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_control_needs_the_token(start, method) -> None:
    """Without the token the control answers 401: another site cannot change the sandbox from a browser."""
    answer = requests.request(method, f"{start().url}/sandbox/control", json={"limit": 5}, timeout=10)

    assert (answer.status_code, errors_of(answer)[0]["code"]) == (401, "unauthorized")


def test_control_names_what_is_wrong(start, http) -> None:
    """The control names a wrong setting in Intercom's form of an error."""
    answer = http.patch(f"{start().url}/sandbox/control", json={"limits": 5}, timeout=10)

    assert answer.status_code == 400
    assert errors_of(answer) == [
        {"code": "parameter_invalid", "message": "the body has no field 'limits': did you mean 'limit'?"}
    ]


def test_control_refuses_a_body_that_is_too_large(start, http) -> None:
    """The control refuses a body over a megabyte, as the API does."""
    answer = http.patch(f"{start().url}/sandbox/control", data=b" " * 1_000_001, timeout=10)

    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/", "/sandbox/live", "/sandbox/control", "/me", "/events", "/none"])
def test_sandbox_is_for_this_machine_only(start, http, path) -> None:
    """A request by another site's name that points to the loopback is refused."""
    answer = http.get(start().url + path, headers={"Host": "attacker.example"}, timeout=10)

    assert answer.status_code == 403
    assert "to localhost only" in answer.text


def test_submission_by_a_strange_name_is_refused(start, http, make_body) -> None:
    """A submission by a strange name is refused first of all, in Intercom's form, and not logged."""
    sandbox = start(limit=10, faults=Faults(latency_seconds=60, outage_seconds=60))

    answer = http.post(f"{sandbox.url}/events", data=make_body(), headers={"Host": "attacker.example"}, timeout=10)

    assert (answer.status_code, errors_of(answer)[0]["code"]) == (403, "forbidden")
    assert (rate_headers_of(answer), sandbox.requests) == (set(), 0)


@pytest.mark.parametrize("port", ["", ":8080"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_submission_by_a_name_of_this_machines_is_taken(start, http, make_body, name, port) -> None:
    """The loopback's names work with any port, as behind a tunnel, and without one."""
    sandbox = start()

    answer = http.post(f"{sandbox.url}/events", data=make_body(), headers={"Host": name + port}, timeout=10)

    assert (answer.status_code, sandbox.requests) == (202, 1)


def test_request_without_a_host_header_is_answered(start) -> None:
    """HTTP/1.0 has no Host header: such a request is answered."""
    host, port = start().url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /me HTTP/1.0\r\nAuthorization: Bearer sandbox-token\r\nAccept: */*\r\n\r\n")
        status = connection.recv(12)

    assert status == b"HTTP/1.1 200"


def test_page_is_shown_under_any_name_when_it_is_open(start) -> None:
    """A sandbox that is open to the network answers to any name."""
    url = start(host="0.0.0.0").url

    assert requests.get(f"{url}/", headers={"Host": "sandbox.example"}, timeout=10).status_code == 200


@pytest.mark.parametrize("target", [b"http://other/me", b"/%ff%00", b"//", b"*", b"/me?%ff=%00&&=", b"/\xff"])
def test_strange_address_is_answered(start, target) -> None:
    """Any first line of a request gets an answer."""
    sandbox = start()
    host, port = sandbox.url.removeprefix("http://").split(":")
    request = b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        status = connection.recv(12)

    assert status in {b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 404"}


def test_request_that_breaks_off_is_not_a_submission(start, submit) -> None:
    """A client that leaves in the middle of its body has submitted nothing."""
    sandbox = start()
    host, port = sandbox.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    submit(sandbox)

    assert sandbox.requests == 1


@pytest.fixture
def make_app():
    """Make an application from its parts."""

    def make(workspace, *, faults=None):
        window, plan = RateWindow(limit=None, window_seconds=10.0), FaultPlan(faults or Faults(), now=time.monotonic())
        return SandboxApp(
            api=Api(workspace=workspace, window=window, plan=plan, access_token="sandbox-token"),
            control=Control(window=window, plan=plan),
            page=Page(workspace=workspace, window=window, clock=time.time, access_token="sandbox-token"),
            hosts=None,
        )

    return make


@pytest.fixture
def serve():
    """Serve an application, and return its address; the server is stopped after the test."""
    threads = []

    def serve(app):
        threads.append(ServerThread(app, host="127.0.0.1", port=0))
        return f"http://127.0.0.1:{threads[-1].port}"

    yield serve
    for thread in threads:
        thread.stop()


class Broken:
    """An object without a working attribute."""

    def __getattr__(self, name):
        raise RuntimeError("nothing works")


def test_full_disk_is_answered_500_and_logged(make_app, serve, http, make_body, caplog) -> None:
    """A failure is answered and logged without the content of the request, and the sandbox goes on."""
    workspace = Workspace()
    with workspace.store.writing() as connection:
        connection.execute("PRAGMA max_page_count = 1")
    url = serve(make_app(workspace))

    answer = http.post(f"{url}/events", data=make_body() + b" " * 100_000, timeout=10)

    assert (answer.status_code, rate_headers_of(answer)) == (500, set())
    assert answer.json() == {
        "type": "error.list",
        "request_id": answer.headers["X-Request-Id"],
        "errors": [{"code": "sandbox_error", "message": "the sandbox itself failed: database or disk is full"}],
    }
    assert email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp() == pytest.approx(time.time(), abs=5)
    assert caplog.record_tuples == [
        ("events_pandas.sandbox", logging.ERROR, "the sandbox itself failed, and answers 500")
    ]
    assert caplog.records[0].exc_info[0] is sqlite3.OperationalError
    assert "sandbox-token" not in caplog.text
    assert "314159" not in caplog.text
    assert workspace.requests() == 0
    assert http.get(f"{url}/me", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/me", "application/json"),
        ("/sandbox/control", "application/json"),
        ("/", "text/plain; charset=utf-8"),
    ],
)
def test_failure_of_any_part_is_answered_500(make_app, serve, http, caplog, path, content_type) -> None:
    """A failure of API or control is answered in Intercom's form, one of the page as text."""
    app = dataclasses.replace(make_app(Broken()), control=Broken())

    answer = http.get(f"{serve(app)}{path}", timeout=10)

    assert (answer.status_code, answer.headers["Content-Type"]) == (500, content_type)
    assert "the sandbox itself failed: nothing works" in answer.text
    assert caplog.messages == ["the sandbox itself failed, and answers 500"]


def test_request_that_is_cancelled_is_not_a_failure(make_app, caplog) -> None:
    """A stop that ends a request in its latency is not logged as an error."""
    app = make_app(Workspace(), faults=Faults(latency_seconds=3600))
    sent = []

    async def cancelled_request():
        is_asked = asyncio.Event()

        async def receive():
            is_asked.set()
            return {"type": "http.request", "body": b""}

        async def send(message):
            sent.append(message)

        scope = {"method": "GET", "path": "/me", "query_string": b"", "headers": [], "server": ("127.0.0.1", 80)}
        request = asyncio.create_task(app(scope, receive, send))
        await is_asked.wait()
        request.cancel()
        await request

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled_request())

    assert (sent, caplog.messages) == ([], [])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::", "localhost", "fe80::1%eth0", "sandbox.example.org", "bücher.example"]
)
def test_host_is_an_address_or_a_name(host) -> None:
    """A host is an address or a name; whether it works is seen at the start."""
    assert checked_host(host) == host


@pytest.mark.parametrize("host", ["", " ", None, b"127.0.0.1", 0, "a\0b", "a..b", "a" * 64])
def test_host_is_refused_when_nothing_can_listen_there(host) -> None:
    """A host that is not a name is refused; an empty one would listen on every address."""
    message = f"host must be an address or a name, such as '127.0.0.1' or 'localhost', not {host!r}"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        checked_host(host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("sandbox.example.org", "sandbox.example.org"),
    ],
)
def test_reachable_host_can_be_connected_to(host, expected) -> None:
    """The host of the URL can be connected to: the loopback stands for all addresses."""
    assert reachable_host(host) == expected


@pytest.mark.parametrize(
    ("host", "header", "expected"),
    [
        ("127.0.0.1", b"127.0.0.1:8080", True),
        ("127.0.0.1", b"localhost:8080", True),
        ("127.0.0.1", b"LocalHost", True),
        ("127.0.0.1", b"[::1]:8080", True),
        ("127.0.0.2", b"127.0.0.2:8080", True),
        ("::1", b"[::1]", True),
        ("127.0.0.1", b"attacker.example:8080", False),
        ("127.0.0.1", b"localhost.attacker.example", False),
        ("127.0.0.1", b"127.0.0.1:8080@attacker.example", False),
        ("127.0.0.1", b"\xff", False),
        ("127.0.0.1", b"", False),
        ("127.0.0.1", None, True),
        ("0.0.0.0", b"anything.example", True),
    ],
)
def test_name_is_the_sandboxs_own_on_the_loopback(host, header, expected) -> None:
    """On the loopback other names are refused; a request without a Host header does not come from a browser."""
    assert is_allowed(header, allowed_hosts(host)) is expected
