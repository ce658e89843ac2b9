"""Outages: when everything fails, when to try a single request, and when to give up."""

import math

import pytest

from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.outage import Outage

NOW = 1_000.0


def _observe(outage, status, *, now=NOW, sent_at=None, in_flight=0, jitter=1.0):
    attempt = Attempt(status=status, why_lost="no answer", sent_at=now if sent_at is None else sent_at, received_at=now)
    outage.observe(attempt, in_flight=in_flight, jitter=jitter)


@pytest.fixture
def fail():
    """Return a function that makes requests fail."""

    def fail(outage, times=1, *, now=NOW, in_flight=0, jitter=1.0):
        for _ in range(times):
            _observe(outage, None, now=now, in_flight=in_flight, jitter=jitter)

    return fail


@pytest.fixture
def outage(fail):
    """Return an outage that began just now, with a patience of ten minutes."""
    outage = Outage(600.0)
    fail(outage, 20)
    return outage


@pytest.mark.parametrize(("failures", "is_on"), [(19, False), (20, True)])
def test_outage_begins_with_the_twentieth_failure_in_a_row(fail, failures, is_on):
    """Nineteen failures are not an outage, as they may be bad luck."""
    outage = Outage(600.0)

    fail(outage, failures)

    assert outage.is_on is is_on


def test_outage_begins_later_when_many_requests_are_under_way(fail):
    """A hundred requests in flight that fail together are not an outage."""
    outage = Outage(600.0)

    fail(outage, 100, in_flight=100)

    assert not outage.is_on


def test_outage_counts_again_after_an_answer(fail):
    """Any answer shows that the service works, and restarts the count."""
    outage = Outage(600.0)
    fail(outage, 19)

    _observe(outage, 202)
    fail(outage, 19)

    assert not outage.is_on


def test_outage_ends_with_an_answer(outage):
    """One answer ends the outage."""
    _observe(outage, 202)

    assert (outage.is_on, outage.gives_up_at) == (False, math.inf)


def test_outage_waits_longer_before_every_probe(outage, fail):
    """The waits are one second, two, four, up to thirty."""
    waits = [outage.probe_at - NOW]
    for _ in range(6):
        now = outage.probe_at
        fail(outage, now=now)
        waits.append(outage.probe_at - now)

    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_outage_draws_the_wait_from_its_upper_half(fail):
    """The wait is at least half of its bound, so that not all clients come back together or at once."""
    outage = Outage(600.0)

    fail(outage, 20, jitter=0.0)

    assert outage.probe_at == NOW + 0.5


def test_outage_does_not_take_what_was_under_way_for_a_probe(outage):
    """A request that left before the outage began is not a probe."""
    _observe(outage, None, sent_at=NOW - 1, now=NOW + 0.5)

    assert outage.probe_at == NOW + 1.0


def test_outage_gives_up_when_the_patience_has_passed_since_the_first_failure(fail):
    """The patience counts from the first failure, and the last probe is not later."""
    outage = Outage(600.0)
    fail(outage)

    fail(outage, 19, now=NOW + 599.5)

    assert outage.gives_up_at == NOW + 600
    assert outage.probe_at == NOW + 600


def test_outage_gives_up_with_the_failure_of_a_probe_after_the_patience(outage, fail):
    """A probe that left before the end of the patience is not the last one."""
    fail(outage, now=NOW + 599.9)
    assert (outage.has_given_up, outage.probe_at) == (False, NOW + 600)

    fail(outage, now=NOW + 600)

    assert outage.has_given_up


def test_outage_is_confirmed_by_a_probe_that_fails(outage, fail):
    """Before a probe fails, the events may be the cause."""
    assert not outage.is_confirmed

    fail(outage, now=outage.probe_at)

    assert outage.is_confirmed


def test_outage_is_suspected_when_an_event_has_failed_for_the_last_time(fail):
    """A single event is enough for a probe at once."""
    outage = Outage(600.0)
    fail(outage)

    outage.suspect(NOW + 9)

    assert (outage.is_on, outage.probe_at, outage.gives_up_at) == (True, NOW + 9, NOW + 600)


def test_outage_is_not_begun_by_a_rate_limit():
    """Refusals by the rate limit are not failures, however many there are."""
    outage = Outage(600.0)

    for _ in range(50):
        _observe(outage, 429, now=NOW)

    assert (outage.is_on, outage.has_given_up) == (False, False)


def test_patience_is_over_though_retries_wait(fail):
    """A few failures are not an outage, but the patience counts from the first of them."""
    outage = Outage(3.0)
    fail(outage, 5)

    assert [outage.is_over_patience(NOW + seconds) for seconds in (2.9, 3.0)] == [False, True]

    outage.suspect(NOW + 3.0)
    assert (outage.is_on, outage.probe_at) == (True, NOW + 3.0)


def test_patience_begins_again_with_an_answer(fail):
    """An answer shows that the service works."""
    outage = Outage(3.0)
    fail(outage, 20)

    _observe(outage, 200)

    assert (outage.is_on, outage.gives_up_at) == (False, math.inf)


@pytest.mark.parametrize(("sent_at", "may_explain"), [(NOW - 1, False), (NOW + 1, True)])
def test_outage_may_explain_a_failure_when_nothing_has_worked_since_the_attempt_left(sent_at, may_explain):
    """An event whose attempts are spent has failed by itself only if something else works at that time."""
    outage = Outage(600.0)
    _observe(outage, 202)

    assert outage.may_explain(sent_at) is may_explain


def test_patience_is_not_over_while_only_the_rate_limit_refuses():
    """A window of the rate limit ends by itself."""
    outage = Outage(3.0)

    _observe(outage, 429)

    assert not outage.is_over_patience(NOW + 30.0)


def test_outage_gives_up_when_refusals_outlast_the_patience():
    """Refusals by the rate limit are not waited for longer than the patience."""
    outage = Outage(600.0)
    _observe(outage, 429, now=NOW)

    _observe(outage, 429, now=NOW + 600)

    assert outage.has_given_up


def test_outage_waits_for_a_window_without_any_patience():
    """Refusals by the rate limit are waited for at least a minute."""
    outage = Outage(0.0)
    _observe(outage, 429, now=NOW)

    _observe(outage, 429, now=NOW + 59)

    assert not outage.has_given_up


@pytest.mark.parametrize(
    ("status", "is_on", "since"),
    [(202, False, math.inf), (422, False, math.inf), (429, True, NOW), (503, True, NOW), (None, True, NOW)],
)
def test_outage_ends_with_an_answer_of_any_kind_that_does_not_pass(outage, status, is_on, since):
    """Refusals by the rate limit and failures do not show that the service works."""
    _observe(outage, status)

    assert (outage.is_on, outage.since) == (is_on, since)


@pytest.mark.parametrize(("status", "is_confirmed"), [(429, False), (408, True), (503, True), (None, True)])
def test_outage_is_confirmed_by_failures_alone(outage, status, is_confirmed):
    """A refusal by the rate limit says nothing about the service."""
    _observe(outage, status)

    assert outage.is_confirmed is is_confirmed


def test_outage_counts_outages_and_keeps_the_last_failure(outage, fail):
    """Each outage has a number and a last failure."""
    _observe(outage, 202)

    fail(outage, 20)

    assert (outage.number, outage.last_failure) == (2, "no answer")
