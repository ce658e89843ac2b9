"""Chosen faults: which are allowed, and which requests have them; time is an argument."""

import copy
import dataclasses
import json
import pickle
import re

import pytest

from events_pandas.sandbox.faults import FAULT_NAMES, FaultPlan, Faults, NextFault, checked_faults

NO_FAULT = (
    "fault must be a status from 400 to 599 or one of drop_before, drop_after, lose, garbage, trickle_body, "
    "trickle_headers, no_answer, not "
)
BODIES = [str(number).encode() for number in range(10_000)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latency_seconds": -0.1}, "latency_seconds must be at least 0, not -0.1"),
        ({"latency_seconds": float("nan")}, "latency_seconds must be a number of seconds, not nan"),
        ({"latency_seconds": "1"}, "latency_seconds must be a number of seconds, not '1'"),
        ({"trickle_seconds": float("inf")}, "trickle_seconds must be a number of seconds, not inf"),
        ({"outage_seconds": None}, "outage_seconds must be a number of seconds, not None"),
        ({"outage_after_seconds": -1}, "outage_after_seconds must be at least 0, not -1"),
        (
            {"clock_skew_seconds": 2e9},
            "clock_skew_seconds must be from -1,000,000,000 to 1,000,000,000, not 2000000000.0",
        ),
        ({"clock_skew_seconds": "1"}, "clock_skew_seconds must be from -1,000,000,000 to 1,000,000,000, not '1'"),
        ({"jitter": 1.5}, "jitter must be a share between 0 and 1, not 1.5"),
        ({"drop_before": -0.1}, "drop_before must be a share between 0 and 1, not -0.1"),
        ({"drop_after": 2}, "drop_after must be a share between 0 and 1, not 2"),
        ({"garbage": True}, "garbage must be a share between 0 and 1, not True"),
        ({"no_answer": "all"}, "no_answer must be a share between 0 and 1, not 'all'"),
        ({"statuses": {500: float("nan")}}, "statuses[500] must be a share between 0 and 1, not nan"),
        ({"statuses": {200: 0.1}}, "statuses must be from 400 to 599, not 200"),
        ({"statuses": {"500": 0.1}}, "statuses must be from 400 to 599, not '500'"),
        ({"statuses": [500]}, "statuses must be a mapping of statuses to shares, such as {500: 0.05}, not [500]"),
        ({"rate_headers": 0}, "rate_headers must be true or false, not 0"),
        ({"token_revoked": "no"}, "token_revoked must be true or false, not 'no'"),
        ({"seed": 0.5}, "seed must be a whole number of 64 bits, not 0.5"),
        ({"seed": 2**63}, f"seed must be a whole number of 64 bits, not {2**63}"),
        (
            {"statuses": {500: 0.5}, "drop_after": 0.25, "trickle_body": 0.5},
            "the shares of statuses[500], drop_after, trickle_body sum up to 1.25: at most 1 is allowed",
        ),
    ],
)
def test_faults_refuse_what_makes_no_sense(options, message) -> None:
    """Shares and their sum are from 0 to 1, statuses from 400 to 599, times not negative."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Faults(**options)


def test_all_submissions_may_have_faults() -> None:
    """Shares whose exact sum is 1 are allowed, however floats round."""
    faults = Faults(statuses={500: 0.7}, drop_before=0.1, drop_after=0.1, garbage=0.1)

    assert faults.shares == [
        (500, 0.7),
        ("drop_before", 0.1),
        ("drop_after", 0.1),
        ("lose", 0.0),
        ("garbage", 0.1),
        ("trickle_body", 0.0),
        ("trickle_headers", 0.0),
        ("no_answer", 0.0),
    ]


def test_only_events_can_be_lost() -> None:
    """A request to another path has nothing to lose."""
    message = "fault lose is for the path /events, not for /me: only events are lost"

    with pytest.raises(ValueError, match=f"^{message}$"):
        NextFault(fault="lose", path="/me")


def test_faults_do_not_change_with_the_mapping_they_were_made_of() -> None:
    """Faults keep a copy of the mapping."""
    statuses = {500: 0.1}
    faults = Faults(statuses=statuses)

    statuses[500] = 7

    assert faults.statuses == {500: 0.1}


@pytest.mark.parametrize(
    "change",
    [
        lambda statuses: statuses.update({500: 7}),
        lambda statuses: statuses.__setitem__(500, 7),
        lambda statuses: statuses.__delitem__(500),
        lambda statuses: statuses.__ior__({500: 7}),
        lambda statuses: statuses.setdefault(503, 7),
        lambda statuses: statuses.pop(500),
        lambda statuses: statuses.popitem(),
        lambda statuses: statuses.clear(),
    ],
)
def test_faults_do_not_change_behind_the_sandboxs_back(change) -> None:
    """The statuses cannot be changed in place: nobody would check the new shares."""
    faults = Faults(statuses={500: 0.1})

    with pytest.raises(TypeError, match=r"^the statuses of Faults cannot be changed: use dataclasses.replace"):
        change(faults.statuses)

    assert faults.statuses == {500: 0.1}


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda faults: pickle.loads(pickle.dumps(faults)),
        lambda faults: Faults(**dataclasses.asdict(faults)),
        dataclasses.replace,
    ],
)
def test_faults_can_be_copied(copied) -> None:
    """Faults can be copied, also into another process."""
    faults = Faults(statuses={500: 0.1}, seed=7)

    assert copied(faults) == faults


def test_faults_can_be_written_as_json() -> None:
    """Faults can be written as JSON, where keys are text."""
    document = json.loads(json.dumps(dataclasses.asdict(Faults(statuses={500: 0.1}))))

    assert document["statuses"] == {"500": 0.1}


def test_faults_show_their_statuses_as_they_are_written() -> None:
    """The repr shows statuses as a dict."""
    assert "statuses={500: 0.1}" in repr(Faults(statuses={500: 0.1}))


@pytest.mark.parametrize("faults", [{}, None, 500, NextFault(fault=500)])
def test_checked_faults_are_faults(faults) -> None:
    """Only `Faults` are accepted."""
    message = f"faults must be Faults, such as Faults(latency_seconds=0.1), not {faults!r}"

    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        checked_faults(faults)


def test_faults_can_be_changed_in_part() -> None:
    """A changed copy keeps the rest."""
    faults = dataclasses.replace(Faults(statuses={500: 0.1}, seed=7), latency_seconds=0.5)

    assert faults == Faults(statuses={500: 0.1}, seed=7, latency_seconds=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fault": 202}, NO_FAULT + "202"),
        ({"fault": 500.0}, NO_FAULT + "500.0"),
        ({"fault": "drop"}, NO_FAULT + "'drop'"),
        ({"fault": []}, NO_FAULT + "[]"),
        ({"times": 0}, "times must be at least 1, not 0"),
        ({"times": 1.0}, "times must be a whole number, not 1.0"),
    ],
)
def test_next_fault_refuses_what_cannot_happen(arguments, message) -> None:
    """A fault that no request could meet is refused."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        NextFault(**{"fault": 500} | arguments)


@pytest.fixture
def make_plan():
    """Make a plan at second 100 of its clock."""
    return lambda faults=Faults(): FaultPlan(faults, now=100.0)  # noqa: B008  # It is frozen.


def drawn_faults(plan, bodies):
    return [plan.next_fault("POST", "/events", body) for body in bodies]


def test_faults_have_their_share(make_plan) -> None:
    """Among many submissions each fault has about its share."""
    shares = dict(zip(FAULT_NAMES, (0.02, 0.2, 0.04, 0.05, 0.1, 0.15, 0.25), strict=True))
    plan = make_plan(Faults(statuses={500: 0.05, 429: 0.1}, **shares))

    faults = drawn_faults(plan, BODIES)

    counts = {fault: faults.count(fault) / len(BODIES) for fault in (500, 429, None, *FAULT_NAMES)}
    assert counts == pytest.approx({500: 0.05, 429: 0.1, None: 0.04, **shares}, abs=0.02)


def test_same_submissions_have_faults_in_any_order(make_plan) -> None:
    """The fault of a submission follows from the body and the attempt, not from the order of arrival."""
    faults = Faults(statuses={500: 0.5})

    one_way = drawn_faults(make_plan(faults), BODIES[:100] * 2)
    other_way = drawn_faults(make_plan(faults), BODIES[99::-1] * 2)

    assert one_way == other_way[99::-1] + other_way[:99:-1]
    assert one_way[:100] != one_way[100:]


def test_same_submissions_have_faults_in_every_release(make_plan) -> None:
    """The draw is the same in every release: it is written down here."""
    plan = make_plan(Faults(statuses={500: 0.5}, drop_after=0.25, seed=7))

    assert drawn_faults(plan, [b"a", b"a", b"a", b"b"]) == ["drop_after", None, 500, 500]


def test_other_submissions_have_faults_with_another_seed(make_plan) -> None:
    """The seed chooses which submissions have a fault."""
    plans = [make_plan(Faults(drop_after=0.5, seed=seed)) for seed in (0, 1)]

    assert drawn_faults(plans[0], BODIES[:100]) != drawn_faults(plans[1], BODIES[:100])


def test_same_submissions_have_faults_when_they_are_set_again(make_plan) -> None:
    """Attempts are counted from the moment that the faults are set."""
    faults = Faults(drop_after=0.5)
    plan = make_plan(faults)
    before = drawn_faults(plan, BODIES[:100])

    plan.set_faults(faults)

    assert drawn_faults(plan, BODIES[:100]) == before


@pytest.mark.parametrize(("method", "path"), [("GET", "/me"), ("GET", "/events"), ("POST", "/contacts")])
def test_only_submissions_have_faults_by_share(make_plan, method, path) -> None:
    """Shares concern submissions only, not other requests."""
    plan = make_plan(Faults(drop_before=1.0))

    assert plan.next_fault(method, path, b"") is None


def test_fail_next_comes_first_at_its_path(make_plan) -> None:
    """Faults of `fail_next` come first, in their order, each at its own path, and then end."""
    plan = make_plan(Faults(statuses={400: 1.0}))
    plan.fail_next(NextFault(fault="drop_after", times=2))
    plan.fail_next(NextFault(fault=503))
    plan.fail_next(NextFault(fault=401, path="/me"))

    assert drawn_faults(plan, [b""] * 5) == ["drop_after", "drop_after", 503, 400, 400]
    assert plan.next_fault("GET", "/me", b"") == 401
    assert plan.next_fault("GET", "/me", b"") is None


def test_fail_next_costs_nothing_however_often_it_comes(make_plan) -> None:
    """A huge number of times costs no memory."""
    plan = make_plan()

    plan.fail_next(NextFault(fault=500, times=10**30))

    assert drawn_faults(plan, BODIES[:3]) == [500, 500, 500]


def test_pending_faults_are_those_still_to_come(make_plan) -> None:
    """Pending faults have the times left; used-up faults are gone."""
    plan = make_plan()
    for fault in (
        NextFault(fault="drop_after", times=2),
        NextFault(fault=503, times=3),
        NextFault(fault=401, path="/me"),
        NextFault(fault=500, times=10**30),
    ):
        plan.fail_next(fault)

    drawn_faults(plan, [b""] * 3)

    assert plan.pending() == [
        NextFault(fault=503, times=2),
        NextFault(fault=500, times=10**30),
        NextFault(fault=401, path="/me"),
    ]


def test_no_request_has_a_forgotten_fault(make_plan) -> None:
    """Forgotten faults come on no path; shares go on, and new faults can be added."""
    plan = make_plan(Faults(statuses={400: 1.0}))
    plan.fail_next(NextFault(fault=503, times=3))
    plan.fail_next(NextFault(fault=503, path="/me"))

    plan.forget_next()
    plan.fail_next(NextFault(fault=429))

    assert plan.pending() == [NextFault(fault=429)]
    assert drawn_faults(plan, [b""] * 2) == [429, 400]
    assert plan.next_fault("GET", "/me", b"") is None


def test_outage_has_a_beginning_and_an_end(make_plan) -> None:
    """An outage is counted from the moment that the faults are set."""
    plan = make_plan(Faults(outage_after_seconds=5, outage_seconds=10))

    assert [plan.is_outage(now) for now in (100, 104.9, 105, 114.9, 115)] == [False, False, True, True, False]


def test_outage_is_counted_again_only_when_asked(make_plan) -> None:
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


def test_garbage_is_not_json_and_repeats(make_plan) -> None:
    """Garbage follows from seed and request, and is not JSON in any encoding."""
    plan, same, other = (make_plan(Faults(seed=seed)) for seed in (0, 0, 1))

    bodies = [plan.garbage(body) for body in BODIES[:1000]]

    assert bodies == [same.garbage(body) for body in BODIES[:1000]]
    assert bodies[0] != other.garbage(BODIES[0])
    assert {len(body) for body in bodies} == {64}
    for body in bodies:
        with pytest.raises(ValueError, match=r"."):
            json.loads(body)
