"""Whom chosen faults strike; time is an argument."""

import json
import sys

import pytest

from events_pandas.sandbox.faults import FAULT_NAMES, FaultPlan, Faults, NextFault

BODIES = [str(number).encode() for number in range(10_000)]


@pytest.fixture
def make_plan():
    """Make a plan at second 100 of its clock."""
    return lambda faults=Faults(): FaultPlan(faults, now=100.0)  # noqa: B008  # It is frozen.


def struck(plan, bodies):
    return [plan.next_fault("POST", "/events", body) for body in bodies]


def test_faults_strike_their_share(make_plan) -> None:
    """Of many submissions each fault strikes about its share."""
    shares = dict(zip(FAULT_NAMES, (0.02, 0.2, 0.05, 0.1, 0.15, 0.25), strict=True))
    plan = make_plan(Faults(statuses={500: 0.05, 429: 0.1}, **shares))

    faults = struck(plan, BODIES)

    counts = {fault: faults.count(fault) / len(BODIES) for fault in (500, 429, None, *FAULT_NAMES)}
    assert counts == pytest.approx({500: 0.05, 429: 0.1, None: 0.08, **shares}, abs=0.02)


def test_faults_strike_the_same_submissions_in_any_order(make_plan) -> None:
    """Whom a fault strikes follows from the body and the attempt, not from the order of arrival."""
    faults = Faults(statuses={500: 0.5})

    one_way = struck(make_plan(faults), BODIES[:100] * 2)
    other_way = struck(make_plan(faults), BODIES[99::-1] * 2)

    assert one_way == other_way[99::-1] + other_way[:99:-1]
    assert one_way[:100] != one_way[100:]


def test_faults_strike_the_same_submissions_in_every_release(make_plan) -> None:
    """A failure repeats: the draw is written down here."""
    plan = make_plan(Faults(statuses={500: 0.5}, drop_after=0.25, seed=7))

    assert struck(plan, [b"a", b"a", b"a", b"b"]) == ["drop_after", None, 500, 500]


def test_faults_strike_others_with_another_seed(make_plan) -> None:
    """The seed chooses whom a fault strikes."""
    plans = [make_plan(Faults(drop_after=0.5, seed=seed)) for seed in (0, 1)]

    assert struck(plans[0], BODIES[:100]) != struck(plans[1], BODIES[:100])


def test_faults_strike_the_same_when_they_are_set_anew(make_plan) -> None:
    """Attempts are counted from the moment that the faults are set."""
    faults = Faults(drop_after=0.5)
    plan = make_plan(faults)
    before = struck(plan, BODIES[:100])

    plan.set_faults(faults)

    assert struck(plan, BODIES[:100]) == before


@pytest.mark.parametrize(("method", "path"), [("GET", "/me"), ("GET", "/events"), ("POST", "/contacts")])
def test_faults_strike_submissions_only(make_plan, method, path) -> None:
    """A share is one of the submissions: all else always works."""
    plan = make_plan(Faults(drop_before=1.0))

    assert plan.next_fault(method, path, b"") is None


def test_fail_next_comes_first_at_its_path(make_plan) -> None:
    """Faults asked for one by one come in the order asked for, each at its own path, and then end."""
    plan = make_plan(Faults(statuses={400: 1.0}))
    plan.fail_next(NextFault(fault="drop_after", times=2))
    plan.fail_next(NextFault(fault=503))
    plan.fail_next(NextFault(fault=401, path="/me"))

    assert struck(plan, [b""] * 5) == ["drop_after", "drop_after", 503, 400, 400]
    assert plan.next_fault("GET", "/me", b"") == 401
    assert plan.next_fault("GET", "/me", b"") is None


def test_fail_next_costs_nothing_however_often_it_strikes(make_plan) -> None:
    """A number of times that never ends is only a number."""
    plan = make_plan()

    plan.fail_next(NextFault(fault=500, times=10**30))

    assert struck(plan, BODIES[:3]) == [500, 500, 500]


def test_pending_faults_are_those_still_to_come(make_plan) -> None:
    """With the times that are left; what is used up is not told any more."""
    plan = make_plan()
    for fault in (
        NextFault(fault="drop_after", times=2),
        NextFault(fault=503, times=3),
        NextFault(fault=401, path="/me"),
        NextFault(fault=500, times=10**30),
    ):
        plan.fail_next(fault)

    struck(plan, [b""] * 3)

    assert plan.pending() == [
        NextFault(fault=503, times=2),
        NextFault(fault=500, times=sys.maxsize),
        NextFault(fault=401, path="/me"),
    ]


def test_forgotten_faults_strike_nobody(make_plan) -> None:
    """Neither at /events nor elsewhere; shares go on, and more can be asked for."""
    plan = make_plan(Faults(statuses={400: 1.0}))
    plan.fail_next(NextFault(fault=503, times=3))
    plan.fail_next(NextFault(fault=503, path="/me"))

    plan.forget_next()
    plan.fail_next(NextFault(fault=429))

    assert plan.pending() == [NextFault(fault=429)]
    assert struck(plan, [b""] * 2) == [429, 400]
    assert plan.next_fault("GET", "/me", b"") is None


def test_outage_has_a_beginning_and_an_end(make_plan) -> None:
    """It is counted from the moment that the faults are set."""
    plan = make_plan(Faults(outage_after_seconds=5, outage_seconds=10))

    assert [plan.is_outage(now) for now in (100, 104.9, 105, 114.9, 115)] == [False, False, True, True, False]


def test_outage_is_counted_anew_only_when_asked(make_plan) -> None:
    """Another latency does not bring back an outage that is over."""
    plan = make_plan(Faults(outage_seconds=10))

    plan.set_faults(Faults(outage_seconds=10, latency_seconds=1))
    seen = [plan.is_outage(105), plan.is_outage(120)]
    plan.set_faults(Faults(outage_seconds=10), outage_from=120.0)

    assert seen == [True, False]
    assert [plan.is_outage(now) for now in (120, 130)] == [True, False]


def test_server_time_is_skewed(make_plan) -> None:
    """The server's clock is ahead by the skew."""
    assert make_plan(Faults(clock_skew_seconds=-30)).server_time(1000.0) == 970.0


def test_latency_is_exact_without_jitter(make_plan) -> None:
    """Without jitter every answer takes the latency."""
    plan = make_plan(Faults(latency_seconds=0.08))

    assert [plan.latency_seconds() for _ in range(3)] == [0.08, 0.08, 0.08]


def test_latency_strays_by_its_jitter(make_plan) -> None:
    """With a jitter of one half an answer takes from half the latency to one and a half."""
    plan = make_plan(Faults(latency_seconds=0.08, jitter=0.5))

    latencies = [plan.latency_seconds() for _ in range(1000)]

    assert (min(latencies), max(latencies)) == pytest.approx((0.04, 0.12), abs=0.001)


def test_garbage_is_no_json_and_repeats(make_plan) -> None:
    """The body of garbage follows from seed and request, and no reader takes it for JSON, in any encoding."""
    plan, same, other = (make_plan(Faults(seed=seed)) for seed in (0, 0, 1))

    bodies = [plan.garbage(body) for body in BODIES[:1000]]

    assert bodies == [same.garbage(body) for body in BODIES[:1000]]
    assert bodies[0] != other.garbage(BODIES[0])
    assert {len(body) for body in bodies} == {64}
    for body in bodies:
        with pytest.raises(ValueError, match=r"."):
            json.loads(body)
