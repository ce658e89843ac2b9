"""The pace: decisions one by one, then whole windows in simulation against a server that counts on arrival."""

import heapq
import math
from collections import Counter

import pytest

from events_pandas.deliver.answers import Answer, Rate
from events_pandas.deliver.pacing import Pacer, Sighting, see

NOW = 100.0
LEAD = 1_700_000_000.0 - NOW  # of the server's clock, in the tests that make their answers by hand


def _sighting(*, limit=100, remaining=50, sent_at=NOW, status=202, **more):
    """Return an answer that came at once, five seconds before the reset."""
    rate = Rate(limit=limit, remaining=remaining, reset=NOW + LEAD + 5)
    return Sighting(status=status, sent_at=sent_at, received_at=sent_at, rate=rate, date=sent_at + LEAD, **more)


def _informed_pacer(**facts):
    pacer = Pacer()
    pacer.sent(NOW)
    pacer.observe(_sighting(**facts))
    return pacer


class WindowServer:
    """Counts requests in windows of ten seconds of its own clock, in which `others` send evenly too."""

    def __init__(self, limit, *, lead, others=0):
        self.limit, self.lead, self.others = limit, lead, others
        self.accepted, self.refused = Counter(), 0

    def arrive(self, local_time):
        """Count a request that arrives at a local time, and say what the answer's headers say."""
        now = local_time + self.lead
        window = math.floor(now / 10)
        taken = int((now / 10 - window) * self.others)
        is_refused = self.accepted[window] + taken >= self.limit
        self.accepted[window] += not is_refused
        self.refused += is_refused
        left = max(self.limit - self.accepted[window] - taken, 0)
        rate = Rate(limit=self.limit, remaining=left, reset=(window + 1) * 10.0)
        return {"status": 429 if is_refused else 202, "rate": rate, "date": float(math.floor(now))}


def _simulate(server, *, latency, seconds=45.0, start=3.21):
    """Send as a pacer permits, with a way there of half the latency; return the requests of each full window."""
    pacer, now, order = Pacer(), start, 0
    coming = []  # moments at which a request arrives, or its answer
    while now < start + seconds:
        next_at = pacer.next_at(now)
        if next_at <= now:
            pacer.sent(now)
            order += 1
            heapq.heappush(coming, (now + latency / 2, order, now, None))
        elif coming and coming[0][0] <= next_at:
            now, number, sent_at, answer = heapq.heappop(coming)
            if answer is None:
                heapq.heappush(coming, (now + latency / 2, number, sent_at, server.arrive(now)))
            else:
                pacer.observe(Sighting(sent_at=sent_at, received_at=now, **answer))
        else:
            now = next_at
    return [server.accepted[window] for window in sorted(server.accepted)[1:-1]]


def test_pacer_lets_one_request_go_before_anything_is_known():
    """The first request may leave at once, the second only after its answer."""
    pacer = Pacer()
    assert pacer.next_at(NOW) <= NOW

    pacer.sent(NOW)

    assert pacer.next_at(NOW) == math.inf


def test_pacer_tries_again_when_the_first_request_is_lost():
    """A request that has no answer holds up nobody."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.lost()

    assert pacer.next_at(NOW + 1) <= NOW + 1


def test_pacer_takes_the_default_limit_when_the_first_answer_has_no_headers():
    """Without headers the documented limit of an app is assumed."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(Sighting(status=202, sent_at=NOW, received_at=NOW))

    assert pacer.limit == 1_666


@pytest.mark.parametrize("status", [429, 502])
def test_pacer_stays_cautious_when_a_failure_has_no_headers(status):
    """A failure without headers says nothing of the limit."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(Sighting(status=status, sent_at=NOW, received_at=NOW))

    assert pacer.limit is None


def test_pacer_puts_slots_a_window_by_the_limit_apart():
    """With a limit of 100 there is a slot every tenth of a second, whenever the one before was used."""
    pacer = _informed_pacer(limit=100)
    pacer.sent(NOW + 1.0)

    pacer.sent(NOW + 1.05)

    assert pacer.next_at(NOW + 1.05) == pytest.approx(NOW + 1.1)


def test_pacer_never_bursts_after_a_pause():
    """After three idle seconds two requests may leave together, not thirty."""
    pacer, sent, now = _informed_pacer(limit=100), 0, NOW + 3

    while pacer.next_at(now) <= now:
        pacer.sent(now)
        sent += 1

    assert sent == 2


def test_pacer_slows_down_when_others_use_the_limit():
    """Ten requests are left for the four seconds that the window surely lasts: they are spread over them."""
    pacer = _informed_pacer(limit=100, remaining=10)

    pacer.sent(NOW)

    assert pacer.next_at(NOW) - NOW == pytest.approx(4.0 / 10, abs=0.1)


def test_pacer_waits_for_the_reset_when_nothing_is_left():
    """The next request is timed to arrive just after the reset, by the server's clock."""
    pacer = _informed_pacer(remaining=0)

    assert pacer.next_at(NOW) == pytest.approx(NOW + 5.001)


def test_pacer_counts_what_is_in_flight_as_used():
    """One request left and one in flight leave none."""
    pacer = _informed_pacer(remaining=1)

    pacer.sent(NOW + 0.1)

    assert pacer.next_at(NOW + 0.1) == pytest.approx(NOW + 5.001)


def test_pacer_ignores_an_answer_that_was_overtaken():
    """Of two answers of a window, the one with fewer requests left is the later one."""
    pacer = _informed_pacer(remaining=0)
    pacer.sent(NOW)

    pacer.observe(_sighting(remaining=30))

    assert pacer.next_at(NOW) == pytest.approx(NOW + 5.001)


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 1.0), (7.0, 7.0)])
def test_pacer_holds_after_a_429_that_is_no_matter_of_pace(retry_after, seconds):
    """A 429 with requests left is an overload: nothing is sent for a second, or as long as the server asks."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(_sighting(status=429, remaining=50, retry_after=retry_after))

    assert pacer.next_at(NOW) == NOW + seconds


def test_see_reads_what_the_pacer_wants_to_know():
    """An answer's status, date, rate and Retry-After make a sighting."""
    headers = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT", "Retry-After": "3"}

    sighting = see(Answer(status=503, headers=headers), sent_at=1.0, received_at=2.0)

    assert sighting == Sighting(status=503, sent_at=1.0, received_at=2.0, date=1_700_000_000.0, retry_after=3.0)


@pytest.mark.parametrize("latency", [0.005, 0.08, 0.3, 0.8])
@pytest.mark.parametrize("limit", [83, 166, 500, 1666])
def test_pacer_fills_the_windows_and_is_never_refused_at_steady_latency(limit, latency):
    """Alone and at steady latency: no 429, and at least 99 % of what full windows allow."""
    server = WindowServer(limit, lead=0.0)

    windows = _simulate(server, latency=latency)

    assert server.refused == 0
    assert min(windows) >= 0.99 * limit


@pytest.mark.parametrize("lead", [3_600.4, -3_599.7, 0.5])
def test_pacer_does_not_care_for_the_local_clock(lead):
    """A local clock that is an hour off changes nothing."""
    server = WindowServer(166, lead=1_700_000_000.0 + lead)

    windows = _simulate(server, latency=0.08)

    assert server.refused == 0
    assert min(windows) >= 164


def test_pacer_gives_way_to_others():
    """Where others take half of each window, what is left is used, and hardly a request is refused."""
    server = WindowServer(166, lead=0.0, others=83)

    windows = _simulate(server, latency=0.08)

    assert server.refused <= 2
    assert min(windows) >= 70
