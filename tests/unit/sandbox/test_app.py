"""The sandbox's answers, over a real socket."""

import email.utils
import socket
import time

import pytest
import requests

from events_pandas.sandbox import Faults

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
    """A refusal says its code, message and field, under the id that is also in a header."""
    answer = submit(start(), created_at="now")

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "type": "error.list",
        "request_id": answer.headers["X-Request-Id"],
        "errors": [
            {
                "code": "parameter_invalid",
                "message": "created_at is no integer of Unix seconds",
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


@pytest.mark.parametrize("authorization", ["Bearer wrong", "sandbox-token", "Bearer", None])
def test_wrong_token_is_answered_401_without_rate_headers(start, submit, http, authorization) -> None:
    """Without the token nothing is kept, nor told of the workspace's limit."""
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
        ("application/json", 202),
        ("*/*", 202),
        ("text/html, Application/* ; q=0.5", 202),
    ],
)
def test_accept_has_to_admit_json(start, submit, http, accept, status) -> None:
    """Whoever does not accept JSON is answered 406."""
    http.headers["Accept"] = accept

    assert submit(start()).status_code == status


@pytest.mark.parametrize(("method", "path"), [("GET", "/events"), ("POST", "/me"), ("GET", "/"), ("GET", "/contacts")])
def test_other_paths_and_methods_are_answered_404(start, http, method, path) -> None:
    """What the sandbox does not have is not found, a wrong method included, and is no submission."""
    sandbox = start()

    answer = http.request(method, sandbox.url + path, timeout=10)

    assert (answer.status_code, errors_of(answer)[0]["code"]) == (404, "resource_not_found")
    assert sandbox.requests == 0


@pytest.mark.parametrize(("padding_bytes", "status"), [(900_000, 202), (1_000_000, 413), (3_000_000, 413)])
def test_large_request_is_answered_413(start, http, make_body, padding_bytes, status) -> None:
    """A request of more than a million bytes is too large, even when they are blanks."""
    answer = http.post(f"{start().url}/events", data=make_body() + b" " * padding_bytes, timeout=10)

    assert answer.status_code == status


def test_me_shows_the_workspace(start, http) -> None:
    """GET /me proves the token, names workspace and region, and spends the limit like any request."""
    sandbox = start(region="au", limit=10)

    answer = http.get(f"{sandbox.url}/me", timeout=10)

    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, "9")
    assert (answer.json()["type"], answer.json()["app"]["region"]) == ("admin", "AU")
    assert sandbox.requests == 0


def test_limit_is_told_and_kept(start, submit) -> None:
    """Requests above the limit are answered 429 with the three headers, and are not kept."""
    sandbox = start(limit=2, window_seconds=1_000_000)

    answers = [submit(sandbox, created_at=second) for second in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"2"}
    assert errors_of(answers[2])[0]["message"] == "Exceeded rate limit of 2 in 1e+06_seconds"
    assert len(sandbox.events) == 2


def test_limit_that_is_none_is_told_as_one_nobody_reaches(start, submit) -> None:
    """Without a limit the headers are still there, since Intercom's answers always have them."""
    answer = submit(start(limit=None))

    assert answer.headers["X-RateLimit-Limit"] == "10000000"


def test_answer_tells_the_servers_time(start, submit) -> None:
    """The Date and the reset are by one clock: the reset is at most one window ahead."""
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
    """An overloaded Intercom says 429 with requests remaining, even at the window's last."""
    sandbox = start(limit=1, window_seconds=1_000_000)
    sandbox.fail_next(429)

    answer = submit(sandbox)

    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (429, "1")
    assert errors_of(answer)[0]["code"] == "too_many_requests"


def test_chosen_fault_strikes_me_when_asked(start, http) -> None:
    """A fault can be asked for at GET /me, and then all goes well again."""
    sandbox = start()
    sandbox.fail_next(503, path="/me")

    statuses = [http.get(f"{sandbox.url}/me", timeout=10).status_code for _ in range(2)]

    assert statuses == [503, 200]


@pytest.mark.parametrize(("fault", "kept"), [("drop_before", 0), ("drop_after", 1)])
def test_dropped_connection_really_closes(start, submit, fault, kept) -> None:
    """The client sees a lost connection, and cannot tell whether the event was kept."""
    sandbox = start()
    sandbox.fail_next(fault)

    with pytest.raises(requests.ConnectionError, match=r"Remote end closed connection without response|reset by peer"):
        submit(sandbox)

    assert (len(sandbox.events), sandbox.requests) == (kept, 1)
    assert submit(sandbox, created_at=1).status_code == 202


def test_latency_is_what_an_answer_takes(start, submit) -> None:
    """An answer takes at least the latency that was chosen."""
    sandbox = start(faults=Faults(latency_seconds=0.1))
    started_at = time.monotonic()

    submit(sandbox)

    assert time.monotonic() - started_at >= 0.1


def test_request_that_breaks_off_is_no_submission(start, submit) -> None:
    """A client that leaves in the middle of its body has submitted nothing."""
    sandbox = start()
    host, port = sandbox.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /events HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 100\r\n\r\n{")
    submit(sandbox)

    assert sandbox.requests == 1
