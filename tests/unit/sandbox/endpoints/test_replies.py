"""Replies, and the responses that carry them."""

import json

import pytest

from events_pandas.sandbox.endpoints.replies import Reply, make_response, with_content
from events_pandas.sandbox.rules.refusals import ACCESS_TOKEN_INVALID, chosen_refusal, over_the_limit
from events_pandas.sandbox.rules.window import Allowance

LAST_ONE = Allowance(limit=167, remaining=0, reset_seconds=1010, is_admitted=True)
ONE_TOO_MANY = Allowance(limit=167, remaining=0, reset_seconds=1010, is_admitted=False)


def rate_headers(headers):
    return [(name, value) for name, value in headers if name.startswith(b"x-ratelimit-")]


def test_response_has_intercoms_headers() -> None:
    """A response has the server's time, an id of the request, the rate limit and the version that answers."""
    response = make_response(Reply(status=202), now=1389913941.9, allowance=LAST_ONE, version="2.10")

    headers = dict(response.headers)
    assert len(headers.pop(b"x-request-id")) == 36
    assert headers == {
        b"date": b"Thu, 16 Jan 2014 23:12:21 GMT",
        b"x-ratelimit-limit": b"167",
        b"x-ratelimit-remaining": b"0",
        b"x-ratelimit-reset": b"1010",
        b"intercom-version": b"2.10",
    }
    assert (response.status, response.content) == (202, b"")


def test_response_with_content_says_that_it_is_json() -> None:
    """A body has a content type; an empty one has none."""
    response = make_response(Reply(status=200, content=b"{}"), now=0)

    assert (b"content-type", b"application/json") in response.headers
    assert response.content == b"{}"


def test_response_of_a_refusal_is_an_error_list_under_the_id_of_the_request() -> None:
    """The body has the id that is also in the header."""
    response = make_response(ACCESS_TOKEN_INVALID, now=0)

    request_id = dict(response.headers)[b"x-request-id"].decode()
    assert json.loads(response.content) == {
        "type": "error.list",
        "request_id": request_id,
        "errors": [{"code": "unauthorized", "message": "Access Token Invalid"}],
    }


@pytest.mark.parametrize("status", [401, 502])
def test_response_has_no_rate_headers_when_the_workspace_is_not_known(status) -> None:
    """A refused token and a gateway's error have no rate-limit headers."""
    assert rate_headers(make_response(chosen_refusal(status), now=0, allowance=LAST_ONE).headers) == []


def test_response_502_is_a_gateways_page() -> None:
    """A 502 is HTML, without a version of the API."""
    response = make_response(chosen_refusal(502), now=0, allowance=LAST_ONE)

    assert (b"content-type", b"text/html; charset=utf-8") in response.headers
    assert b"intercom-version" not in dict(response.headers)
    assert response.content.startswith(b"<html>")


@pytest.mark.parametrize(
    ("refusal", "allowance", "remaining"),
    [
        (chosen_refusal(429), LAST_ONE, b"1"),
        (over_the_limit(167, window_seconds=10), ONE_TOO_MANY, b"0"),
        (chosen_refusal(500), LAST_ONE, b"0"),
    ],
)
def test_response_429_tells_overload_by_what_remains(refusal, allowance, remaining) -> None:
    """A chosen 429 has requests left; a 429 over the limit has none."""
    response = make_response(refusal, now=0, allowance=allowance)

    assert dict(response.headers)[b"x-ratelimit-remaining"] == remaining


def test_response_can_get_another_content() -> None:
    """A replaced body has the content type of JSON, with any bytes."""
    gateway = make_response(chosen_refusal(502), now=0)

    other = with_content(gateway, b"\x80")

    assert [value for name, value in other.headers if name == b"content-type"] == [b"application/json"]
    assert (other.status, other.content) == (502, b"\x80")
