"""Each status of a row, from a frame to the sandbox and back."""

import re

import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    EventMapping,
    IntercomClient,
    OutageError,
    RetryPolicy,
    SubmissionError,
    submit_events,
)

TWO_ATTEMPTS = RetryPolicy(attempts=2, base_seconds=0.01)


def counts(results):
    statuses = results["status"].value_counts()
    return statuses[statuses > 0].to_dict()


def test_accepted_rows_are_the_events_of_the_sandbox(make_orders, mapping, sandbox, client, held):
    """An accepted row was answered 202, and the sandbox has its event."""
    results = submit_events(make_orders(3), mapping, client=client)

    assert counts(results) == {"accepted": 3}
    assert results["http_status"].tolist() == [202] * 3
    assert results["attempts"].tolist() == [1] * 3
    assert results["error_code"].isna().all()
    assert results["submitted_at"].notna().all()
    assert held(sandbox) == ["00000", "00001", "00002"]


def test_duplicate_rows_take_no_request(make_orders, mapping, sandbox, client):
    """A row with the contact, name and second of an earlier row is not sent, with any other content."""
    orders = make_orders(2, total=[1, 2]).assign(who="00000")

    results = submit_events(orders, mapping, client=client)

    assert results["status"].tolist() == ["accepted", "duplicate"]
    assert sandbox.requests == 1


def test_duplicate_rows_are_ignored_by_the_sandbox_when_they_are_sent(make_orders, sandbox, client):
    """duplicates="send" spends the request; Intercom answers 202 and keeps the first."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", duplicates="send")

    results = submit_events(make_orders(2).assign(who="00000"), mapping, client=client)

    assert counts(results) == {"accepted": 2}
    assert (sandbox.requests, sandbox.duplicates, len(sandbox.events)) == (2, 1, 1)


def test_invalid_rows_take_no_request(make_orders, mapping, sandbox, client):
    """A row that breaks one of Intercom's rules is not sent, and its error code names the rule."""
    results = submit_events(make_orders(2, day=["2024-02-30", "2024-01-31"]), mapping, client=client)

    assert results["status"].tolist() == ["invalid", "accepted"]
    assert results.loc[0, "error_code"] == "time_unreadable"
    assert results.loc[0, ["http_status", "submitted_at", "created_at"]].isna().all()
    assert sandbox.requests == 1


def test_unknown_contact_is_asked_for_once(make_orders, mapping, start, held):
    """After a 404 the contact's other rows are not sent, and other contacts' rows are."""
    sandbox = start(unknown_contacts=["00001"])
    orders = make_orders(6, day=pd.date_range("2024-01-01", periods=6).astype(str))
    orders["who"] = ["00001", "00002"] * 3

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, concurrency=1)

    assert results["status"].tolist() == ["unknown_contact", "accepted"] * 3
    assert results["attempts"].tolist() == [1, 1, 0, 1, 0, 1]
    assert results.loc[0, "request_id"]
    assert results.loc[0, "error_message"] == (
        "Intercom does not know the contact (404 Not Found, not_found: User Not Found): "
        "create it or fix the identifier, then submit the row again"
    )
    assert results.loc[2, "error_message"] == (
        "row 0 of the same contact was answered 404, and no further request was made for this contact: "
        "create it or fix the identifier, then submit the row again"
    )
    assert held(sandbox) == ["00002"] * 3


def test_rejected_row_has_the_code_and_the_request_of_the_answer(make_orders, mapping, sandbox, client):
    """A final 4xx is not tried again, and the row has the answer's code and request id."""
    sandbox.fail_next(422)

    results = submit_events(make_orders(1), mapping, client=client)

    line = results.loc[0]
    assert (line["status"], line["http_status"], line["attempts"]) == ("rejected", 422, 1)
    assert line["error_message"].startswith("Intercom rejected the event (422 Unprocessable")
    assert pd.notna(line["request_id"])


def test_row_of_a_merged_contact_is_rejected(make_orders, mapping, start, held):
    """A 410 is final for the contact, and the other rows go on."""
    sandbox = start(merged_contacts={"00000": "00002"})

    with sandbox.client() as client:
        results = submit_events(make_orders(2), mapping, client=client)

    assert results["status"].tolist() == ["rejected", "accepted"]
    assert results.loc[0, ["http_status", "attempts", "error_code"]].tolist() == [410, 1, "contact_merged"]
    assert re.search("merged into the contact with the id [0-9a-f]{24}:", results.loc[0, "error_message"])
    assert held(sandbox) == ["00001"]


@pytest.fixture
def fail_second(make_orders, mapping, sandbox, client, tripwire):
    """Return a function that submits two rows, the second of which fails with each of its attempts."""

    def fail_second(status):
        failing = tripwire(client, before=2, action=lambda: sandbox.fail_next(status, times=2))
        return submit_events(make_orders(2), mapping, client=failing, concurrency=1, retry=TWO_ATTEMPTS).loc[1]

    return fail_second


def test_failed_row_says_that_it_may_have_arrived(fail_second):
    """After the last retry of a server error, the row's message says that the event may have arrived."""
    line = fail_second(500)

    assert (line["status"], line["http_status"], line["attempts"]) == ("failed", 500, 2)
    assert line["error_code"] == "server_error"
    assert "2 attempts were made. It may have arrived; submit the row again" in line["error_message"]


def test_failed_row_did_not_arrive_when_its_answers_were_429(fail_second):
    """After the last retry of a 429 the event has not arrived, and the code is `rate_limited`."""
    assert fail_second(429)[["status", "error_code"]].tolist() == ["failed", "rate_limited"]


def test_row_whose_answer_was_lost_is_accepted_at_its_second_attempt(make_orders, mapping, sandbox, client, held):
    """If an answer is lost, the second attempt has the same second, and Intercom ignores the repeat."""
    sandbox.fail_next("drop_after")

    results = submit_events(make_orders(1), mapping, client=client, retry=TWO_ATTEMPTS)

    assert results.loc[0, ["status", "attempts"]].tolist() == ["accepted", 2]
    assert (held(sandbox), sandbox.duplicates) == (["00000"], 1)


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "forbidden")])
def test_rows_after_a_refused_token_are_not_submitted(make_orders, mapping, sandbox, tripwire, held, status, code):
    """After a 401 or 403 the remaining rows are not sent."""
    with sandbox.client() as real:
        client = tripwire(real, before=3, action=lambda: sandbox.fail_next(status))
        with pytest.raises(AuthenticationError) as caught:
            submit_events(make_orders(6), mapping, client=client, concurrency=1)

    results = caught.value.results
    assert results["status"].tolist() == ["accepted"] * 2 + ["not_submitted"] * 4
    assert results["error_code"].tolist()[2:] == [code] * 4
    assert results.attrs["run"]["requests"] == 3
    assert held(sandbox) == ["00000", "00001"]


def test_rows_after_an_outage_are_not_submitted(make_orders, mapping, sandbox, client):
    """When only failures come and the patience is over, the run ends before all rows have used their retries."""
    sandbox.fail_next(503, times=1_000)

    with pytest.raises(OutageError) as caught:
        submit_events(make_orders(200), mapping, client=client, concurrency=2, patience_seconds=0)

    results = caught.value.results
    assert set(counts(results)) == {"failed", "not_submitted"}
    assert len(results) == 200
    assert "and the run waits no longer; the last failure: the last answer was 503 Service Unavailable" in str(
        caught.value
    )


def test_repeats_of_rows_that_were_not_accepted_are_not_submitted(make_orders, mapping, sandbox, client):
    """A repeat of a row that was not accepted is not sent."""
    sandbox.fail_next(422)

    results = submit_events(make_orders(2).assign(who="00000"), mapping, client=client)

    assert results["status"].tolist() == ["rejected", "not_submitted"]
    assert results.loc[1, "error_code"] == "duplicate_of_unsent"


def test_results_have_these_columns_and_dtypes(make_orders, mapping, client):
    """The results frame has these columns and dtypes."""
    results = submit_events(make_orders(2), mapping, client=client)

    assert {column: str(dtype) for column, dtype in results.dtypes.items()} == {
        "row": "int64",
        "status": "category",
        "http_status": "Int16",
        "attempts": "Int16",
        "error_code": "string",
        "error_message": "string",
        "request_id": "string",
        "created_at": "datetime64[us, UTC]",
        "submitted_at": "datetime64[us, UTC]",
    }


def test_results_name_the_run(make_orders, mapping, sandbox, client):
    """The results' attributes have the workspace, start, end, limit, requests and retries."""
    sandbox.fail_next(500)

    facts = submit_events(make_orders(2), mapping, client=client, retry=TWO_ATTEMPTS).attrs["run"]

    assert facts["workspace"]["id_code"].startswith("sandbox_")
    assert (facts["region"], facts["limit"]) == ("US", 10_000_000)
    assert facts["journal"].endswith(f"{facts['workspace']['id_code']}.sqlite")
    assert (facts["requests"], facts["retries"]) == (3, 1)
    assert pd.Timestamp(facts["started_at"]) <= pd.Timestamp(facts["ended_at"])


def test_run_ends_at_the_first_answer_when_the_address_is_not_intercoms(make_orders, mapping, sandbox):
    """A first 404 that does not concern a contact ends the run, since the address must be wrong."""
    with (
        IntercomClient(sandbox.access_token, base_url=f"{sandbox.url}/elsewhere") as client,
        pytest.raises(SubmissionError) as caught,
    ):
        submit_events(make_orders(50), mapping, client=client, preflight=False, journal=None, concurrency=1)

    assert str(caught.value) == (
        "the answer to the first event was 404 Not Found, resource_not_found: Resource Not Found, which is not about a "
        "contact, so it did not come from Intercom's API: check the region and the address, then submit all rows again"
    )
    results = caught.value.results
    assert results.groupby(["status", "error_code"], observed=True).size().to_dict() == {
        ("rejected", "resource_not_found"): 1,
        ("not_submitted", "wrong_address"): 49,
    }
    assert results["attempts"].sum() == 1


def test_run_ends_before_its_first_event_when_the_address_is_not_intercoms(make_orders, mapping, sandbox):
    """The first request of a run finds a wrong address, before any row is sent."""
    with (
        IntercomClient(sandbox.access_token, base_url=f"{sandbox.url}/elsewhere") as client,
        pytest.raises(OutageError) as caught,
    ):
        submit_events(make_orders(3), mapping, client=client)

    assert str(caught.value) == (
        "the answer to the first request, GET /me, was 404 Not Found, resource_not_found: Resource Not Found, "
        "not one of Intercom's: check the region and the address"
    )
    assert set(caught.value.results["status"]) == {"not_submitted"}
