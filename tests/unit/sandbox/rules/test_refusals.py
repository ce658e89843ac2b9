"""Intercom's errors."""

import json

import pytest

from events_pandas.sandbox.rules.refusals import Refusal, chosen_refusal, error_list, merged_into, over_the_limit


def test_error_list_has_intercoms_form() -> None:
    """An error travels in a list with the id of the request."""
    refusal = Refusal(status=400, code="parameter_invalid", message="id is not a string", field="id")

    assert json.loads(error_list(refusal, request_id="r1")) == {
        "type": "error.list",
        "request_id": "r1",
        "errors": [{"code": "parameter_invalid", "message": "id is not a string", "field": "id"}],
    }


def test_error_list_leaves_out_a_missing_field() -> None:
    """An error without a field leaves the field out."""
    refusal = Refusal(status=404, code="not_found", message="User Not Found")

    errors = json.loads(error_list(refusal, request_id="r1"))["errors"]

    assert errors == [{"code": "not_found", "message": "User Not Found"}]


def test_merged_into_links_to_the_other_contact() -> None:
    """The identifier in the link is encoded: a header holds only ASCII."""
    assert merged_into("ü/<1>").link == '</contacts/%C3%BC%2F%3C1%3E>; rel="canonical"'


def test_over_the_limit_says_it_in_intercoms_words() -> None:
    """The message names the limit and the window's length."""
    assert over_the_limit(167, window_seconds=10.0) == Refusal(
        status=429, code="rate_limit_exceeded", message="Exceeded rate limit of 167 in 10_seconds"
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "client_error"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (409, "conflict"),
        (410, "contact_merged"),
        (422, "422"),
        (429, "too_many_requests"),
        (500, "server_error"),
        (503, "service_unavailable"),
        (504, "server_error"),
    ],
)
def test_chosen_refusal_has_intercoms_code(status, code) -> None:
    """A chosen status has Intercom's code for it."""
    refusal = chosen_refusal(status)

    assert (refusal.status, refusal.code) == (status, code)
