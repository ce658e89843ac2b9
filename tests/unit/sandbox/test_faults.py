"""Chosen faults: what they may be, and whom they strike."""

import re

import pytest

from events_pandas.sandbox.faults import FaultPlan, Faults

BODIES = [str(number).encode() for number in range(10_000)]
NO_FAULT = "a fault is a status from 400 to 599, 'drop_before' or 'drop_after', not "


@pytest.fixture
def plan():
    return FaultPlan(Faults())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latency_seconds": -0.1}, "latency_seconds must not be negative, and is -0.1"),
        ({"jitter": 1.5}, "jitter must be a share between 0 and 1, not 1.5"),
        ({"drop_before": -0.1}, "drop_before must be a share between 0 and 1, not -0.1"),
        ({"drop_after": 2}, "drop_after must be a share between 0 and 1, not 2"),
        ({"statuses": {500: float("nan")}}, "statuses[500] must be a share between 0 and 1, not nan"),
        ({"statuses": {200: 0.1}}, NO_FAULT + "200"),
        (
            {"statuses": {500: 0.5}, "drop_after": 0.75},
            "the shares of statuses[500], drop_before, drop_after sum up to 1.25, at most 1 is possible",
        ),
    ],
)
def test_faults_refuse_what_makes_no_sense(options, message) -> None:
    """A share is from 0 to 1, all together too; a status is one of an error; no answer comes before its request."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Faults(**options)


def test_faults_strike_their_share() -> None:
    """Of many submissions each fault strikes about its share."""
    plan = FaultPlan(Faults(statuses={500: 0.05, 429: 0.1}, drop_before=0.2, drop_after=0.3))

    struck = [plan.next_fault("/events", body) for body in BODIES]

    counts = {fault: struck.count(fault) / len(BODIES) for fault in (500, 429, "drop_before", "drop_after", None)}
    assert counts == pytest.approx({500: 0.05, 429: 0.1, "drop_before": 0.2, "drop_after": 0.3, None: 0.35}, abs=0.02)


def test_faults_strike_the_same_submissions_in_any_order() -> None:
    """Whom a fault strikes follows from the body and the attempt, not from the order of arrival."""
    faults = Faults(statuses={500: 0.5})
    plan, other_plan = FaultPlan(faults), FaultPlan(faults)

    struck = [plan.next_fault("/events", body) for body in BODIES[:100] * 2]
    struck_otherwise = [other_plan.next_fault("/events", body) for body in BODIES[99::-1] * 2]

    assert struck == struck_otherwise[99::-1] + struck_otherwise[:99:-1]
    assert struck[:100] != struck[100:]


def test_faults_strike_others_with_another_seed() -> None:
    """The seed chooses whom a fault strikes."""
    plans = [FaultPlan(Faults(drop_after=0.5, seed=seed)) for seed in (0, 1)]

    struck, struck_otherwise = ([plan.next_fault("/events", body) for body in BODIES[:100]] for plan in plans)

    assert struck != struck_otherwise


def test_faults_strike_submissions_only() -> None:
    """A share is one of the submissions: GET /me always works."""
    plan = FaultPlan(Faults(drop_before=1.0))

    assert plan.next_fault("/me", b"") is None


def test_fail_next_comes_first_at_its_path(plan) -> None:
    """Faults asked for one by one come in the order asked for, each at its own path, and then end."""
    plan.fail_next("drop_after", times=2, path="/events")
    plan.fail_next(503, times=1, path="/events")
    plan.fail_next(401, times=1, path="/me")

    struck = [plan.next_fault("/events", b"") for _ in range(4)]

    assert struck == ["drop_after", "drop_after", 503, None]
    assert plan.next_fault("/me", b"") == 401


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fault": 202}, NO_FAULT + "202"),
        ({"fault": 500.0}, NO_FAULT + "500.0"),
        ({"fault": "drop"}, NO_FAULT + "'drop'"),
        ({"times": 0}, "times must be at least 1, not 0"),
        ({"path": "/contacts"}, "no path '/contacts': faults are possible at /events and /me"),
    ],
)
def test_fail_next_refuses_what_cannot_happen(plan, arguments, message) -> None:
    """A fault that no request could meet is a mistake."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        plan.fail_next(**{"fault": 500, "times": 1, "path": "/events"} | arguments)


def test_latency_is_exact_without_jitter() -> None:
    """Without jitter every answer takes the latency."""
    plan = FaultPlan(Faults(latency_seconds=0.08))

    assert [plan.latency_seconds() for _ in range(3)] == [0.08, 0.08, 0.08]


def test_latency_strays_by_its_jitter() -> None:
    """With a jitter of one half an answer takes from half the latency to one and a half."""
    plan = FaultPlan(Faults(latency_seconds=0.08, jitter=0.5))

    latencies = [plan.latency_seconds() for _ in range(1000)]

    assert (min(latencies), max(latencies)) == pytest.approx((0.04, 0.12), abs=0.001)
