"""Retrying: what passes, how long to wait, and when to give up."""

import pytest

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.decide import Again, RetryPolicy, Tries, decide, is_failure, is_passing, is_rate_limited
from events_pandas.deliver.outcomes import Status

POLICY = RetryPolicy(attempts=4, base_seconds=0.5, max_seconds=1.5)
DATE = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}  # 1,700,000,000


def _spent_window(reset, remaining="0"):
    return {"X-RateLimit-Limit": "166", "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset, **DATE}


@pytest.mark.parametrize(
    ("status", "passes"),
    [(408, True), (429, True), (500, True), (502, True), (503, True), (504, True), (501, True), (599, True)]
    + [(status, False) for status in (200, 202, 301, 400, 401, 403, 404, 406, 409, 422)],
)
def test_is_passing_is_true_for_408_429_and_every_5xx(status, passes):
    """These may have gone by at another attempt; everything else is final."""
    assert is_passing(Answer(status=status)) is passes


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.25), (2, 0.5), (3, 0.75)])
def test_decide_waits_for_a_drawn_part_of_a_doubling_bound(attempt, seconds):
    """The bound doubles from the base to its maximum, and jitter takes a part of it."""
    decision = decide(Answer(status=503), tries=Tries(number=attempt, attempts=attempt), policy=POLICY, jitter=0.5)

    assert decision == Again(wait_seconds=seconds)


def test_decide_tries_again_without_an_answer():
    """A request without an answer is a passing failure."""
    error = TransportError("the connection broke", may_have_arrived=True)

    assert decide(error, tries=Tries(), policy=POLICY, jitter=0.0) == Again(wait_seconds=0.0)


def test_decide_honours_retry_after_with_jitter_on_top():
    """What the server asks for is the least; a part of the base is added."""
    answer = Answer(status=503, headers={"Retry-After": "20"})

    assert decide(answer, tries=Tries(), policy=POLICY, jitter=0.5) == Again(wait_seconds=20.25)


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
    """A spent window is waited for, a minute at most; an overload is not."""
    decision = decide(Answer(status=429, headers=headers), tries=Tries(), policy=POLICY, jitter=0.5)

    assert decision == Again(wait_seconds=seconds)


def test_decide_gives_up_when_the_attempts_are_spent():
    """The last attempt's failure is final."""
    verdict = decide(Answer(status=503), tries=Tries(number=4, attempts=4), policy=POLICY, jitter=0.5)

    assert (verdict.status, verdict.error_code) == (Status.FAILED, "server_error")


@pytest.mark.parametrize(("elapsed_seconds", "is_over"), [(9.9, False), (10.0, True)])
def test_decide_gives_up_when_the_time_is_rate_limited(elapsed_seconds, is_over):
    """So long after the first attempt, a failure is the last; what the server asks for is waited for before."""
    policy = RetryPolicy(base_seconds=0.5, total_seconds=10.0)
    tries = Tries(number=1, attempts=3, elapsed_seconds=elapsed_seconds)

    decision = decide(Answer(status=503), tries=tries, policy=policy, jitter=0.5)

    assert (decision != Again(wait_seconds=0.25)) is is_over
    assert not is_over or decision.error_message == (
        "the last answer was 503 Service Unavailable; 3 attempts were made. It may have arrived all the same; "
        "submit the row again: should it have arrived, Intercom ignores the repeat"
    )


def test_decide_tells_all_attempts_though_those_of_an_outage_do_not_count():
    """What was tried in an outage does not spend the attempts, but was made."""
    tries = Tries(number=4, attempts=9)

    verdict = decide(Answer(status=503), tries=tries, policy=POLICY, jitter=0.5)

    assert "9 attempts were made" in verdict.error_message


def test_decide_judges_a_final_answer_at_once():
    """A final answer needs no second attempt."""
    verdict = decide(Answer(status=202), tries=Tries(), policy=POLICY, jitter=0.5)

    assert verdict.status is Status.ACCEPTED


def test_decide_bears_any_number_of_attempts():
    """The bound does not overflow after thousands of attempts."""
    decision = decide(
        Answer(status=503), tries=Tries(number=5_000, attempts=5_000), policy=RetryPolicy(attempts=9_999), jitter=0.5
    )

    assert decision == Again(wait_seconds=15.0)


@pytest.mark.parametrize(
    ("result", "fails", "limited"),
    [
        (Answer(status=202), False, False),
        (Answer(status=422), False, False),
        (Answer(status=503), True, False),
        (Answer(status=429), False, True),
        (Answer(status=429, headers=_spent_window("1700000007", remaining="3")), True, False),
        (Answer(status=429, headers=_spent_window("1700000007")), False, True),
        (TransportError("broke", may_have_arrived=True), True, False),
    ],
)
def test_a_rate_limit_is_no_failure(result, fails, limited):
    """The service works if only the rate limit was in the way."""
    assert (is_failure(result), is_rate_limited(result)) == (fails, limited)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts is 0: it counts the first request too, so it is at least 1"),
        ({"base_seconds": -1.0}, "base_seconds is -1.0: it is a number of seconds, 0 or more"),
        ({"total_seconds": float("inf")}, "total_seconds is inf: it is a number of seconds, 0 or more"),
        ({"max_seconds": float("nan")}, "max_seconds is nan: it is a number of seconds, 0 or more"),
    ],
)
def test_retry_policy_refuses_what_makes_no_sense(options, message):
    """A policy is checked when it is made."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is compared whole
        RetryPolicy(**options)

    assert str(caught.value) == message
