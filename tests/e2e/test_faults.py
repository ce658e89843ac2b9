"""A bad day at Intercom: an event whose request is lost, repeated or delayed arrives once."""

import threading
import time
from collections import Counter

import pytest

from events_pandas import (
    AuthenticationError,
    Faults,
    IntercomClient,
    OutageError,
    RetryPolicy,
    SubmissionError,
    submit_events,
)

pytestmark = pytest.mark.slow

# The default number of attempts, with waits that a test can afford.
BRISK_RETRY = RetryPolicy(base_seconds=0.02, max_seconds=0.2)
FEW = 5


def statuses(sandbox):
    """Count the answers to submissions."""
    return Counter(sandbox.to_frame()["http_status"].dropna())


def test_every_event_arrives_once_when_requests_are_lost(make_orders, mapping, start):
    """If a quarter of the requests fail, all valid rows are accepted, and each event is kept once."""
    faults = Faults(statuses={500: 0.05, 502: 0.05, 429: 0.05}, drop_before=0.05, drop_after=0.05)
    sandbox = start(faults=faults)
    orders = make_orders(1_000)
    orders.loc[orders.index % 100 == 5, "day"] = "2024-02-30"

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, retry=BRISK_RETRY, progress=False)

    is_valid = orders.index % 100 != 5
    assert set(results["status"][is_valid]) == {"accepted"}
    assert set(results["status"][~is_valid]) == {"invalid"}
    assert Counter(event.contact for event in sandbox.events) == Counter(orders["who"][is_valid])
    assert sandbox.requests == results["attempts"].sum() == results.attrs["run"]["requests"]
    assert sandbox.duplicates > 30


def test_every_event_arrives_once_when_the_preflight_fails_at_first(make_orders, mapping, sandbox, client, quick_retry):
    """A preflight that fails is tried again."""
    sandbox.fail_next(503, path="/me")

    results = submit_events(make_orders(2), mapping, client=client, retry=quick_retry)

    assert results["status"].tolist() == ["accepted"] * 2


@pytest.mark.parametrize("mishap", ["silence", "reset"])
def test_every_event_arrives_once_when_connections_are_half_open(make_orders, mapping, sandbox, open_gateway, mishap):
    """If a connection is reset or never answers, the event goes over another connection."""
    gateway = open_gateway(sandbox, mishaps={2: mishap, 5: mishap, 6: mishap, 9: mishap})

    with IntercomClient(sandbox.access_token, base_url=gateway.url, timeout_seconds=0.5) as client:
        results = submit_events(make_orders(60), mapping, client=client, retry=BRISK_RETRY, concurrency=8)

    assert set(results["status"]) == {"accepted"}
    assert Counter(event.contact for event in sandbox.events) == Counter(make_orders(60)["who"])
    assert gateway.mishaps_done == 4


def test_every_event_arrives_once_when_answers_stay_away(make_orders, mapping, start):
    """An event without an answer is sent again after the time limit, and the sandbox ignores the repeat."""
    sandbox = start(faults=Faults(no_answer=0.1))

    with sandbox.client(timeout_seconds=0.5) as client:
        results = submit_events(make_orders(200), mapping, client=client, retry=BRISK_RETRY, concurrency=32)

    assert set(results["status"]) == {"accepted"}
    assert Counter(event.contact for event in sandbox.events) == Counter(make_orders(200)["who"])
    assert sandbox.duplicates > 5


@pytest.mark.alone
def test_every_event_arrives_once_when_answers_trickle(make_orders, mapping, start):
    """The time limit is that of the whole attempt, also for an answer that comes byte by byte."""
    sandbox = start(faults=Faults(trickle_headers=0.1, trickle_body=0.1, trickle_seconds=1.0))
    begin = time.monotonic()

    with sandbox.client(timeout_seconds=0.5) as client:
        results = submit_events(make_orders(200), mapping, client=client, retry=BRISK_RETRY, concurrency=32)

    assert set(results["status"]) == {"accepted"}
    assert Counter(event.contact for event in sandbox.events) == Counter(make_orders(200)["who"])
    assert time.monotonic() - begin < 10


def test_answers_that_are_not_json_are_judged_by_their_status(make_orders, mapping, start):
    """An unreadable body leaves a 202 accepted; an unreadable 404 does not say that the contact is unknown."""
    sandbox = start(faults=Faults(garbage=1.0), unknown_contacts=["00007"])

    with sandbox.client() as client:
        results = submit_events(make_orders(20), mapping, client=client)

    assert results["status"].value_counts()[["accepted", "rejected"]].tolist() == [19, 1]
    assert results.loc[7, ["status", "error_code"]].tolist() == ["rejected", "http_404"]
    assert results.loc[7, "error_message"] == (
        "the answer was 404 Not Found, which is not about a contact: check the region and the address"
    )


@pytest.mark.alone
@pytest.mark.parametrize(("before", "after"), [(200, 50), (50, 200)])
def test_run_follows_a_limit_that_changes(make_orders, mapping, start, tripwire, before, after):
    """If the limit changes, all rows are accepted, a few requests are answered 429, and a higher limit is used."""
    sandbox = start(limit=before, window_seconds=1.0)
    begin = time.monotonic()

    with sandbox.client() as real:
        client = tripwire(real, before=60, action=lambda: setattr(sandbox, "limit", after))
        results = submit_events(make_orders(150), mapping, client=client, progress=False)

    assert set(results["status"]) == {"accepted"}
    assert statuses(sandbox)[429] <= FEW
    assert results.attrs["run"]["limit"] == after
    # A window at either end, and one in which the run sees the change.
    assert time.monotonic() - begin < 60 / before + 90 / after + 5


@pytest.mark.alone
@pytest.mark.parametrize("hours", [-1, 1])
def test_run_keeps_the_pace_when_the_clock_is_an_hour_off(make_orders, mapping, start, hours):
    """The server's windows set the pace: an hour's difference of the clocks causes no 429 and no wait."""
    sandbox = start(limit=100, window_seconds=1.0, faults=Faults(clock_skew_seconds=3_600.0 * hours))
    begin = time.monotonic()

    with sandbox.client() as client:
        results = submit_events(make_orders(150), mapping, client=client, progress=False)

    assert set(results["status"]) == {"accepted"}
    assert statuses(sandbox) == {202: 150}
    assert time.monotonic() - begin < 6


@pytest.mark.alone
def test_run_learns_the_limit_from_429_when_no_header_states_it(make_orders, mapping, start):
    """Without headers the run starts with the documented limit, and learns a lower one from a few refusals."""
    # By the server's clock a window ends in four seconds: rows that two windows share would exceed neither.
    sandbox = start(limit=150, faults=Faults(rate_headers=False, clock_skew_seconds=6 - time.time() % 10))

    with sandbox.client() as client:
        results = submit_events(make_orders(165), mapping, client=client, progress=False)

    assert set(results["status"]) == {"accepted"}
    assert 0 < statuses(sandbox)[429] <= 30


@pytest.mark.alone
def test_run_outlasts_an_outage_with_few_probes(make_orders, mapping, start, tripwire):
    """During an outage the run sends single probes, and goes on after it."""
    sandbox = start(faults=Faults(latency_seconds=0.005))
    outage = Faults(latency_seconds=0.005, outage_seconds=2.0)

    with sandbox.client() as real:
        client = tripwire(real, before=300, action=lambda: setattr(sandbox, "faults", outage))
        results = submit_events(make_orders(2_000), mapping, client=client, concurrency=8, progress=False)

    assert set(results["status"]) == {"accepted"}
    assert len(sandbox.events) == 2_000
    assert sandbox.duplicates == 0
    assert 20 <= statuses(sandbox)[503] <= 50


def test_run_with_three_rows_outlasts_an_outage(make_orders, mapping, start, tripwire):
    """The patience counts, however few rows there are, and also if only events fail while ``GET /me`` is answered."""
    sandbox = start(faults=Faults(statuses={503: 1.0}))
    retry = RetryPolicy(attempts=3, base_seconds=0.01)

    with sandbox.client() as real:
        client = tripwire(real, before=9, action=lambda: setattr(sandbox, "faults", Faults()))
        results = submit_events(make_orders(3), mapping, client=client, concurrency=1, retry=retry, progress=False)

    assert results["status"].tolist() == ["accepted"] * 3


def test_faulty_first_row_costs_its_own_attempts_only(make_orders, mapping, sandbox):
    """It is ``failed`` like a later row, and the other rows are accepted."""
    sandbox.fail_next(500)

    with sandbox.client() as client:
        results = submit_events(make_orders(3), mapping, client=client, retry=RetryPolicy(attempts=1), progress=False)

    assert results["status"].tolist() == ["failed", "accepted", "accepted"]
    assert results["attempts"].tolist() == [1, 1, 1]


def test_faulty_row_that_stands_alone_costs_its_own_attempts_only(make_orders, mapping, start):
    """``GET /me`` is answered, so a single row that always fails is not an outage."""
    sandbox = start(faults=Faults(statuses={500: 1.0}))

    with sandbox.client() as client:
        results = submit_events(make_orders(1), mapping, client=client, retry=BRISK_RETRY, progress=False)

    assert results[["status", "attempts"]].to_numpy().tolist() == [["failed", 8]]


def test_faulty_canary_ends_the_run_after_its_own_attempts(make_orders, mapping, start):
    """The row sent first always fails: the run does not wait for the end of an outage."""
    sandbox = start(faults=Faults(statuses={500: 1.0}))

    with sandbox.client() as client, pytest.raises(SubmissionError, match="the canary failed") as caught:
        submit_events(make_orders(3), mapping, client=client, canary=1, retry=BRISK_RETRY, progress=False)

    assert caught.value.results["status"].tolist() == ["failed", "not_submitted", "not_submitted"]


def test_refused_token_is_found_behind_a_faulty_row(make_orders, mapping, start):
    """Without a preflight, ``GET /me`` shows it once the attempts of the only row are spent."""
    sandbox = start(faults=Faults(statuses={500: 1.0}))
    sandbox.fail_next(401, path="/me")
    options = {"preflight": False, "journal": None, "progress": False}

    with sandbox.client() as client, pytest.raises(AuthenticationError) as caught:
        submit_events(make_orders(1), mapping, client=client, retry=BRISK_RETRY, **options)

    assert caught.value.results["attempts"].tolist() == [8]


@pytest.mark.alone
def test_run_ends_when_an_outage_outlasts_its_patience(make_orders, mapping, start, tripwire, held):
    """After the patience, the exception has every row: earlier rows are accepted, and no row is lost."""
    sandbox = start()
    orders = make_orders(2_000)
    begin = time.monotonic()

    with sandbox.client() as real:
        client = tripwire(real, before=300, action=lambda: setattr(sandbox, "faults", Faults(outage_seconds=60.0)))
        with pytest.raises(OutageError) as caught:
            submit_events(orders, mapping, client=client, concurrency=8, patience_seconds=1.5, progress=False)

    results = caught.value.results
    assert results["row"].tolist() == list(range(2_000))
    assert set(results["status"]) <= {"accepted", "failed", "not_submitted"}
    assert orders["who"][results["status"] == "accepted"].tolist() == held(sandbox)
    assert results["status"].value_counts()["not_submitted"] > 1_600
    assert time.monotonic() - begin < 8


def test_run_goes_on_when_the_server_comes_back(make_orders, mapping, start, tripwire, tmp_path):
    """Refused connections are an outage: the run goes on with the restarted server, and sends no accepted row again."""
    options = {"limit": None, "store": tmp_path / "kept.sqlite"}
    first = start(**options)
    port = int(first.url.rpartition(":")[2])
    orders = make_orders(600)
    restarted = []

    def restart():
        first.stop()
        timer = threading.Timer(1.0, lambda: restarted.append(start(port=port, **options)))
        timer.start()

    with first.client() as real:
        client = tripwire(real, before=300, action=restart)
        results = submit_events(orders, mapping, client=client, concurrency=4, progress=False)

    assert set(results["status"]) == {"accepted"}
    assert Counter(event.contact for event in restarted[0].events) == Counter(orders["who"])
