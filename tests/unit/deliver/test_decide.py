"""What an answer means for its event: another attempt, or an end in words to act on."""

from pathlib import Path

import pytest

from events_pandas.deliver.client.answers import Answer, TransportError, read_attempt
from events_pandas.deliver.decide import Retry, RetryPolicy, Verdict, decide, judge, judge_recorded, judge_spent
from events_pandas.deliver.journal import OtherAcceptance
from events_pandas.deliver.outcomes import Status
from events_pandas.errors import JournalError


def _read(result):
    return read_attempt(result, sent_at=1.0, received_at=2.0)


REFUSED = TransportError("no connection to api.intercom.io", may_have_arrived=False)
BROKEN = TransportError("the connection to api.intercom.io broke", may_have_arrived=True)


def test_judge_accepts_202_and_never_reads_its_body():
    """A 202 is accepted, with any body."""
    answer = Answer(status=202, body=b'{"errors":[{"code":"not_found"}]}')

    assert judge(_read(answer)) == Verdict(status=Status.ACCEPTED, http_status=202)


@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        (400, Status.REJECTED, "http_400"),
        (401, Status.NOT_SUBMITTED, "unauthorized"),
        (403, Status.NOT_SUBMITTED, "forbidden"),
        (404, Status.REJECTED, "http_404"),
        (406, Status.REJECTED, "http_406"),
        (409, Status.REJECTED, "http_409"),
        (422, Status.REJECTED, "http_422"),
        (302, Status.REJECTED, "redirect"),
        (200, Status.REJECTED, "unexpected_answer"),
    ],
)
def test_judge_knows_every_status_without_a_body(status, verdict, code):
    """The status alone decides the verdict; a code of our own replaces Intercom's."""
    judged = judge(_read(Answer(status=status)))

    assert (judged.status, judged.http_status, judged.error_code) == (verdict, status, code)


def test_judge_quotes_what_intercom_says(error_body):
    """A rejected event carries Intercom's code, message and request id."""
    answer = Answer(status=409, body=error_body("conflict", "Multiple existing users match this email address"))

    assert judge(_read(answer)) == Verdict(
        status=Status.REJECTED,
        http_status=409,
        error_code="conflict",
        error_message=(
            "Intercom rejected the event "
            "(409 Conflict, conflict: Multiple existing users match this email address): "
            "fix the row, then submit it again"
        ),
        request_id="req-1",
    )


def test_judge_knows_an_unknown_contact_by_what_the_answer_says(error_body):
    """A 404 that speaks of a user or contact is about the row's contact."""
    assert judge(_read(Answer(status=404, body=error_body("not_found", "User Not Found")))) == Verdict(
        status=Status.UNKNOWN_CONTACT,
        http_status=404,
        error_code="not_found",
        error_message=(
            "Intercom does not know the contact (404 Not Found, not_found: User Not Found): "
            "create it or fix the identifier, then submit the row again"
        ),
        request_id="req-1",
    )


@pytest.mark.parametrize(
    ("body", "code", "facts"),
    [
        (b"", "http_404", "404 Not Found"),
        (b"<html><body>User not found</body></html>", "http_404", "404 Not Found"),
        (b'{"message":"no Route matched with those values"}', "http_404", "404 Not Found"),
        (
            b'{"type":"error.list","errors":[{"code":"not_found","message":"Resource Not Found"}]}',
            "not_found",
            "404 Not Found, not_found: Resource Not Found",
        ),
    ],
)
def test_judge_rejects_a_404_that_does_not_speak_of_a_contact(body, code, facts):
    """A 404 of a proxy, another server or a wrong path says nothing about the contact."""
    assert judge(_read(Answer(status=404, body=body))) == Verdict(
        status=Status.REJECTED,
        http_status=404,
        error_code=code,
        error_message=f"the answer was {facts}, which is not about a contact: check the region and the address",
    )


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            404,
            ("the answer was 404 Not Found, which is not about a contact: check the region and the address"),
        ),
        (
            401,
            "Intercom refused the access token (401 Unauthorized); the row itself was not judged: submit it again",
        ),
        (
            301,
            (
                "redirects are not followed, to protect the access token (301 Moved Permanently): "
                "check the region and the address"
            ),
        ),
        (
            200,
            "Intercom accepts an event with 202, but the answer was 200 OK: check that the address is Intercom's",
        ),
    ],
)
def test_judge_says_what_happened_and_what_to_do(status, message):
    """Every message names the answer and the next step."""
    assert judge(_read(Answer(status=status))).error_message == message


@pytest.mark.parametrize(
    "link",
    [
        '</contacts/6b0c1a>; rel="canonical"',
        '</me>; rel="self", <https://api.intercom.io/contacts/6b0c1a>; title=a; REL="other Canonical"',
        "</contacts/6b0c1a>;rel=canonical",
    ],
)
def test_judge_names_the_contact_that_another_was_merged_into(link):
    """The message names the contact that a header names, as an analyst does not see the header."""
    assert judge(_read(Answer(status=410, headers={"Link": link}))).error_message == (
        "Intercom rejected the event (410 Gone): the contact was merged into the contact with the id 6b0c1a: "
        "submit the row with that id, in a column that id= of the mapping reads"
    )


@pytest.mark.parametrize(
    ("status", "link"),
    [
        (410, '</contacts/6b0c1a>; rel="next"'),
        (410, '</contacts/ada@example.org>; rel="canonical"'),
        (410, '</contacts/a%1b\x1b[2J>; rel="canonical"'),
        (410, f'</contacts/{"a" * 65}>; rel="canonical"'),
        (410, "<" * 100_000 + " ; " * 100_000),
        (400, '</contacts/6b0c1a>; rel="canonical"'),
    ],
)
def test_judge_names_no_contact_when_a_link_leads_to_none(status, link):
    """Text that is not an id is not quoted: it may be an address, control a terminal, or fill a page."""
    message = judge(_read(Answer(status=status, headers={"Link": link}))).error_message

    assert message.endswith("): fix the row, then submit it again")


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (REFUSED, "not_connected"),
        (BROKEN, "no_answer"),
        (Answer(status=408), "request_timeout"),
        (Answer(status=429), "rate_limited"),
        (Answer(status=500), "server_error"),
        (Answer(status=599), "server_error"),
    ],
)
def test_judge_spent_says_by_its_code_whether_the_event_may_have_arrived(result, code):
    """The code of a failed event says whether it may have arrived."""
    verdict = judge_spent(_read(result), attempts=8)

    assert (verdict.status, verdict.error_code) == (Status.FAILED, code)


def test_judge_spent_keeps_the_doubt_of_an_earlier_attempt():
    """An event that may have arrived at an earlier attempt keeps the code of that attempt."""
    assert judge_spent(_read(REFUSED), attempts=8, doubt="no_answer").error_code == "no_answer"


@pytest.mark.parametrize(
    ("result", "attempts", "message"),
    [
        (
            REFUSED,
            1,
            "no connection to api.intercom.io; 1 attempt was made. It did not arrive; submit the row again later",
        ),
        (
            BROKEN,
            8,
            (
                "the connection to api.intercom.io broke; 8 attempts were made. It may have arrived; "
                "submit the row again: if it has arrived, Intercom ignores the repeat"
            ),
        ),
        (
            Answer(status=429),
            8,
            (
                "the last answer was 429 Too Many Requests; 8 attempts were made. "
                "It did not arrive; submit the row again later"
            ),
        ),
    ],
)
def test_judge_spent_says_what_happened_and_what_to_do(result, attempts, message):
    """The message counts the attempts, and says whether the event may have arrived."""
    assert judge_spent(_read(result), attempts=attempts).error_message == message


def test_judge_spent_keeps_the_request_id_of_the_last_answer(error_body):
    """The request id of the last answer is kept for Intercom's support."""
    answer = Answer(status=500, body=error_body("server_error", "Oops", request_id="req-9"))

    assert judge_spent(_read(answer), attempts=8).request_id == "req-9"


POLICY = RetryPolicy(attempts=4, base_seconds=0.5, max_seconds=1.5)
DATE = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}  # 1,700,000,000


def _spent_window(reset, remaining="0"):
    return {"X-RateLimit-Limit": "166", "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset, **DATE}


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.25), (2, 0.5), (3, 0.75)])
def test_decide_waits_for_a_drawn_part_of_a_doubling_bound(attempt, seconds):
    """The bound doubles from the base to its maximum, and jitter takes a part of it."""
    decision = decide(_read(Answer(status=503)), tries=attempt, attempts=attempt, policy=POLICY, jitter=0.5)

    assert decision == Retry(wait_seconds=seconds)


def test_decide_tries_again_without_an_answer():
    """A request without an answer is tried again."""
    error = TransportError("the connection broke", may_have_arrived=True)

    assert decide(_read(error), policy=POLICY, jitter=0.0) == Retry(wait_seconds=0.0)


def test_decide_honours_retry_after_with_jitter_on_top():
    """The wait is at least the one that the server asks for, and a part of the base is added."""
    answer = Answer(status=503, headers={"Retry-After": "20"})

    assert decide(_read(answer), policy=POLICY, jitter=0.5) == Retry(wait_seconds=20.25)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (_spent_window("1700000007"), 7.25),
        (_spent_window("1700000900"), 60.25),
        (_spent_window("1700000007", remaining="3"), 0.25),
        (DATE, 0.25),
    ],
)
def test_decide_waits_for_the_reset_when_a_429_has_nothing_remaining(headers, seconds):
    """A spent window is waited for, at most a minute; after an overload only the backoff is."""
    decision = decide(_read(Answer(status=429, headers=headers)), policy=POLICY, jitter=0.5)

    assert decision == Retry(wait_seconds=seconds)


def test_decide_gives_up_when_the_attempts_are_spent():
    """The failure of the last attempt is final."""
    verdict = decide(_read(Answer(status=503)), tries=4, attempts=4, policy=POLICY, jitter=0.5)

    assert (verdict.status, verdict.error_code) == (Status.FAILED, "server_error")


@pytest.mark.parametrize(("elapsed_seconds", "is_over"), [(9.9, False), (10.0, True)])
def test_decide_gives_up_when_the_time_is_over(elapsed_seconds, is_over):
    """A failure at or after `total_seconds` is the last."""
    policy = RetryPolicy(base_seconds=0.5, total_seconds=10.0)
    decision = decide(_read(Answer(status=503)), attempts=3, elapsed_seconds=elapsed_seconds, policy=policy, jitter=0.5)

    assert (decision != Retry(wait_seconds=0.25)) is is_over
    assert not is_over or decision.error_message == (
        "the last answer was 503 Service Unavailable; 3 attempts were made. It may have arrived; "
        "submit the row again: if it has arrived, Intercom ignores the repeat"
    )


def test_decide_tells_all_attempts_though_those_of_an_outage_do_not_count():
    """The message counts all attempts, also the ones in an outage, which did not count."""
    verdict = decide(_read(Answer(status=503)), tries=4, attempts=9, policy=POLICY, jitter=0.5)

    assert "9 attempts were made" in verdict.error_message


def test_decide_judges_a_final_answer_at_once():
    """A final answer needs no second attempt."""
    verdict = decide(_read(Answer(status=202)), policy=POLICY, jitter=0.5)

    assert verdict.status is Status.ACCEPTED


def test_decide_bears_any_number_of_attempts():
    """The bound does not overflow after thousands of attempts."""
    decision = decide(
        _read(Answer(status=503)),
        tries=5_000,
        attempts=5_000,
        policy=RetryPolicy(attempts=9_999),
        jitter=0.5,
    )

    assert decision == Retry(wait_seconds=15.0)


@pytest.mark.parametrize(
    ("written", "status", "code"),
    [
        (None, Status.ACCEPTED, None),
        (OtherAcceptance(is_same=True), Status.ALREADY_SUBMITTED, None),
        (OtherAcceptance(is_same=False), Status.DUPLICATE, "accepted_with_other_metadata"),
        (JournalError(Path("j.sqlite"), problem="full", remedy="make room"), Status.FAILED, "not_recorded"),
    ],
)
def test_judge_recorded_follows_the_journal(written, status, code):
    """An event that was answered 202 is accepted once it is in the journal, and no other run was first."""
    verdict = judge_recorded(written)

    assert (verdict.status, verdict.http_status, verdict.error_code) == (status, 202, code)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts is 0: it must be at least 1, as the first request counts too"),
        ({"base_seconds": -1.0}, "base_seconds is -1.0: it must be a number of seconds, 0 or more"),
        ({"total_seconds": float("inf")}, "total_seconds is inf: it must be a number of seconds, 0 or more"),
        ({"max_seconds": float("nan")}, "max_seconds is nan: it must be a number of seconds, 0 or more"),
    ],
)
def test_retry_policy_refuses_what_makes_no_sense(options, message):
    """A policy is checked when it is made."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is compared whole
        RetryPolicy(**options)

    assert str(caught.value) == message
