"""The pace in a simulation: full windows against a server that counts requests on arrival."""

import heapq
import itertools
import math
import random
from collections import Counter

import pytest

from events_pandas.deliver.client.answers import Attempt, Rate
from events_pandas.deliver.pace.pacer import Pacer

EVERY_HEADER = ("limit", "remaining", "reset")
NO_HEADER = ()


class WindowServer:
    """Counts requests in windows of its own clock; `limit` may be a function of the local time, or None.

    Windows begin at `phase`. `shown` turns the end of a window into the value of ``X-RateLimit-Reset``, and `Date` is
    `date_lead` seconds ahead of that clock. A second limiter refuses the part `sporadic` of the requests at any pace,
    and says that `sporadic_left` requests are left (None: the true number).
    """

    def __init__(self, limit, *, lead=0.0, window_seconds=10.0, headers=EVERY_HEADER, phase=0.0, shown=float, **more):
        self.limit, self.lead, self.window_seconds, self.headers = limit, lead, window_seconds, headers
        self.phase, self.shown = phase, shown
        self.date_lead = more.pop("date_lead", 0.0)
        self.sporadic, self.sporadic_left = more.pop("sporadic", 0.0), more.pop("sporadic_left", None)
        self.sporadic_limit, self.retry_after = more.pop("sporadic_limit", None), more.pop("retry_after", None)
        self.chance = random.Random(more.pop("seed", 1))
        assert not more
        self.spent, self.accepted, self.refused = Counter(), Counter(), Counter()
        self.sporadically_refused = 0

    def arrive(self, at, who):
        """Count a request that arrives at a local time; return the facts of its answer."""
        now = at + self.lead
        window = math.floor((now - self.phase) / self.window_seconds)
        limit = self.limit(at) if callable(self.limit) else self.limit
        if self.chance.random() < self.sporadic:
            self.sporadically_refused += 1
            left = max(limit - self.spent[window], 0) if self.sporadic_left is None else self.sporadic_left
            facts = self._facts(429, now, window, self.sporadic_limit or limit, left)
            return facts | {"retry_after": self.retry_after}
        self.spent[window] += 1
        is_admitted = self.spent[window] <= limit
        (self.accepted if is_admitted else self.refused)[window, who] += 1
        return self._facts(202 if is_admitted else 429, now, window, limit, max(limit - self.spent[window], 0))

    def _facts(self, status, now, window, limit, remaining):
        reset = self.shown((window + 1) * self.window_seconds + self.phase)
        facts = {"limit": limit, "remaining": remaining, "reset": reset}
        rate = Rate(**{name: facts[name] for name in self.headers}) if self.headers else None
        return {"status": status, "date": float(math.floor(now + self.date_lead)), "rate": rate}

    def full_windows(self, who):
        """Return the number of one sender's requests in each window that it was there for from start to end."""
        return [self.accepted[window, who] for window in sorted(self.spent)[1:-1]]

    def refusals(self, who=None):
        """Count the requests above the limit."""
        return sum(count for (_, whose), count in self.refused.items() if who in (None, whose))

    def after_the_first_minute(self, who=0):
        """Return the accepted requests of each window from the seventh on, and the share above the limit."""
        windows = sorted(self.spent)[6:-1]
        accepted = [self.accepted[window, who] for window in windows]
        refused = sum(self.refused[window, who] for window in windows)
        return accepted, refused / max(sum(accepted) + refused, 1)


class Simulation:
    """Simulated runs that send at their pacers' pace, and others that send evenly, against one server."""

    def __init__(self, server, *, latency=0.08, jitter=0.0, seed=1):
        self._server, self._latency, self._jitter = server, latency, jitter
        self._chance = random.Random(seed)
        self._agenda, self._order = [], itertools.count()
        self._pacers, self._in_flight, self._waiting = [], Counter(), {}

    def run(self, *, starts=(3.21,), rate_share=1.0, others=0, seconds=45.0):
        for who, start in enumerate(starts):
            self._pacers.append(Pacer(rate_share))
            self._waiting[who] = start
            self._plan(start, self._wake, who)
        if others:
            self._plan(starts[0], self._send_other, 10.0 / others)
        until = starts[0] + seconds
        while self._agenda and self._agenda[0][0] < until:
            now, _, action, arguments = heapq.heappop(self._agenda)
            action(now, *arguments)
        return self._server

    def _plan(self, at, action, *arguments):
        heapq.heappush(self._agenda, (at, next(self._order), action, arguments))

    def _way_seconds(self):
        return self._latency / 2 * (1 + self._jitter * self._chance.uniform(-1, 1))

    def _wake(self, now, who):
        if self._waiting.get(who) == now:
            del self._waiting[who]
            self._try(now, who)

    def _try(self, now, who):
        pacer = self._pacers[who]
        while self._in_flight[who] < 128:
            next_at = pacer.next_at(now)
            if next_at > now:
                break
            pacer.sent(now)
            self._in_flight[who] += 1
            self._plan(now + self._way_seconds(), self._arrive, who, now)
        else:
            return
        if next_at < self._waiting.get(who, math.inf):
            self._waiting[who] = next_at
            self._plan(next_at, self._wake, who)

    def _arrive(self, now, who, sent_at):
        self._plan(now + self._way_seconds(), self._answer, who, sent_at, self._server.arrive(now, who))

    def _answer(self, now, who, sent_at, facts):
        self._in_flight[who] -= 1
        self._pacers[who].observe(Attempt(sent_at=sent_at, received_at=now, **facts))
        self._try(now, who)

    def _send_other(self, now, every_seconds):
        self._server.arrive(now, "others")
        self._plan(now + every_seconds, self._send_other, every_seconds)


def _deep(*values):
    """Return a case for `make test-more`: the more requests a window has, the longer a simulation takes."""
    return pytest.param(*values, marks=pytest.mark.deep)


STEADY = [(limit, latency) for limit in (83, 166, 500, 1_666) for latency in (0.005, 0.08, 0.3, 0.8)]


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "latency"), STEADY)
def test_pacer_fills_the_windows_and_is_never_refused_at_steady_latency(limit, latency):
    """At steady latency a lone run gets no 429, and fills the windows as far as 128 threads can."""
    server = Simulation(WindowServer(limit), latency=latency).run()

    assert server.refusals() == 0
    # 128 threads that wait for 0.8 s make 1,600 requests in ten seconds, and not 1,666.
    assert min(server.full_windows(0)) >= (1_550 if (limit, latency) == (1_666, 0.8) else limit)


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "latency"), STEADY)
def test_pacer_fills_the_windows_when_latency_is_uneven(limit, latency):
    """With 50 % of jitter, at most 0.1 % of the requests are refused, and 98 % of full windows are used."""
    server = Simulation(WindowServer(limit), latency=latency, jitter=0.5).run()

    windows = server.full_windows(0)
    assert server.refusals() <= 0.001 * sum(windows)
    assert sum(windows) >= (0.93 if (limit, latency) == (1_666, 0.8) else 0.98) * limit * len(windows)


@pytest.mark.slow
@pytest.mark.parametrize("lead", [3_600.4, -3_599.7, 0.5])
def test_pacer_does_not_depend_on_the_local_clock(lead):
    """A local clock that is an hour off does not change the pace."""
    server = Simulation(WindowServer(166, lead=1_700_000_000.0 + lead), latency=0.08).run()

    assert server.refusals() == 0
    assert set(server.full_windows(0)) == {166}


@pytest.mark.slow
@pytest.mark.parametrize("window_seconds", [1.0, 2.0, 60.0])
def test_pacer_learns_the_length_of_a_window(window_seconds):
    """The run learns from the resets that a window lasts a second or a minute."""
    server = WindowServer(166, window_seconds=window_seconds)

    Simulation(server, latency=0.08).run(seconds=max(30.0, 4 * window_seconds))

    assert server.refusals() == 0
    assert set(server.full_windows(0)[-2:]) == {166}


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(166, 83), (83, 166), (1_666, 166), (166, 1_666)])
def test_pacer_follows_a_limit_that_changes(before, after):
    """The newest stated limit counts: at most the requests in flight are refused."""
    server = WindowServer(lambda at: before if at < 27.7 else after)

    Simulation(server, latency=0.08).run(seconds=55.0)

    assert server.refusals() <= before * 0.08 / 10 + 2
    assert server.full_windows(0)[-1] >= 0.99 * after


@pytest.mark.slow
@pytest.mark.parametrize("limit", [83, 166, 1_666])
def test_pacer_uses_its_share_and_no_more(limit):
    """With a share of 60 %, the run uses at most 60 % of each window, and nearly as many."""
    windows = Simulation(WindowServer(limit), latency=0.08, jitter=0.5).run(rate_share=0.6).full_windows(0)

    assert max(windows) <= 0.6 * limit
    assert min(windows) >= int(0.6 * limit) - 1


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.2, 0.4, 0.7])
def test_pacer_gives_way_to_others(share):
    """Other senders keep the part of each window that they use, and the run uses the rest."""
    server = Simulation(WindowServer(1_666), latency=0.08).run(others=int(1_666 * share), seconds=65.0)

    ours, theirs = server.full_windows(0)[1:], server.full_windows("others")[1:]
    assert min(theirs) >= 0.985 * int(1_666 * share)
    assert min(our + their for our, their in zip(ours, theirs, strict=True)) >= 0.99 * 1_666
    assert server.refusals(0) <= 0.001 * sum(ours)


SIDE_BY_SIDE = [((3.21, 3.22), 0.0), ((3.21, 3.22), 0.5), ((3.21, 14.5), 0.2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "starts", "jitter"),
    [(limit, *kind) for limit in (83, 166, 500) for kind in SIDE_BY_SIDE]
    + [(1_666, *SIDE_BY_SIDE[1])]
    + [_deep(1_666, *kind) for kind in (SIDE_BY_SIDE[0], SIDE_BY_SIDE[2])],
)
def test_pacers_side_by_side_use_the_limit_together(limit, starts, jitter):
    """Two runs use 97 % of full windows, at most 1 % of their requests are refused, and each gets its part."""
    server = Simulation(WindowServer(limit), latency=0.08, jitter=jitter).run(starts=starts, seconds=75.0)

    pairs = list(zip(server.full_windows(0), server.full_windows(1), strict=True))
    assert sum(map(sum, pairs)) >= 0.97 * limit * len(pairs)
    assert server.refusals() <= 0.01 * sum(map(sum, pairs))
    assert min(min(pair) for pair in pairs[2:]) >= 0.2 * limit


@pytest.mark.slow
def test_pacer_learns_from_refusals_when_no_answer_states_the_limit():
    """After the first minute nearly all requests are accepted, and the run uses most of the limit."""
    server = Simulation(WindowServer(166, headers=NO_HEADER), latency=0.08).run(seconds=185.0)

    taught = sorted(server.spent)[6:-1]
    accepted = [server.accepted[window, 0] for window in taught]
    assert sum(server.refused[window, 0] for window in taught) <= 0.01 * sum(accepted)
    assert min(accepted) >= 0.9 * 166


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "latency"), [(83, 0.08), (166, 0.02), (166, 0.8), (500, 0.08), (1_666, 0.08)])
def test_pacer_finds_a_limit_that_no_answer_states(limit, latency):
    """After the first minute at most 3 % of the requests are refused, and the run uses nearly all of the limit."""
    server = Simulation(WindowServer(limit, headers=NO_HEADER, phase=4.4), latency=latency).run(seconds=185.0)

    accepted, refused_share = server.after_the_first_minute()
    assert refused_share <= (0.03 if latency == 0.8 else 0.02)
    assert sum(accepted) >= 0.9 * limit * len(accepted)


@pytest.mark.slow
@pytest.mark.parametrize("phase", [0.0, 2.7, 6.1])
@pytest.mark.parametrize(("before", "after"), [(83, 166), (166, 1_666), (500, 1_666), (1_666, 166), (166, 83)])
def test_pacer_follows_an_unstated_limit_that_changes(before, after, phase):
    """The run finds a raised or lowered limit again within a minute."""
    server = WindowServer(lambda at: before if at < 120.0 else after, headers=NO_HEADER, phase=phase)

    Simulation(server).run(seconds=210.0)

    accepted = [server.accepted[window, 0] for window in (18, 19)]
    assert sum(accepted) >= 0.9 * 2 * after
    assert sum(server.refused[window, 0] for window in (18, 19)) <= 0.05 * sum(accepted)


@pytest.mark.slow
@pytest.mark.parametrize("at", [65.0, 104.0])
def test_pacer_follows_a_stated_limit_that_is_raised_among_sporadic_refusals(at):
    """After a raised limit, earlier refusals do not slow the run."""
    server = WindowServer(lambda now: 166 if now < at else 1_666, sporadic=0.05, sporadic_left=0)

    Simulation(server).run(seconds=at + 40.0)

    assert min(server.full_windows(0)[-2:]) >= 0.85 * 1_666


SPORADIC = [
    {"headers": EVERY_HEADER},
    {"headers": EVERY_HEADER, "retry_after": 1.0},
    {"headers": EVERY_HEADER, "sporadic_left": 0},
    {"headers": EVERY_HEADER, "sporadic_left": 5, "sporadic_limit": 100},
    {"headers": EVERY_HEADER, "sporadic_left": 0, "retry_after": 1.0},
    {"headers": NO_HEADER},
    {"headers": NO_HEADER, "retry_after": 1.0},
]


# `make test` tries these with Intercom's own limit: every header, and none.
FEW_KINDS = (SPORADIC[0], SPORADIC[5])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "kind"),
    [(limit, kind) for limit in (83, 166, 500) for kind in SPORADIC]
    + [(1_666, kind) for kind in FEW_KINDS]
    + [_deep(1_666, kind) for kind in SPORADIC if kind not in FEW_KINDS],
    ids=str,
)
def test_pacer_keeps_its_pace_when_some_requests_are_refused_at_any_pace(limit, kind):
    """With 5 % of sporadic refusals, the run uses at least 60 % of the limit, and few other requests are refused."""
    server = Simulation(WindowServer(limit, sporadic=0.05, **kind)).run(seconds=155.0)

    accepted, refused_share = server.after_the_first_minute()
    assert sum(accepted) >= 0.6 * limit * len(accepted)
    assert refused_share <= (0.04 if limit == 83 else 0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "headers"), [(83, EVERY_HEADER), (300, NO_HEADER)])
def test_pacer_learns_to_ignore_the_waits_of_sporadic_refusals(limit, headers):
    """If 5 % of the requests are refused with a wait of ten seconds, after three minutes only those events wait."""
    server = WindowServer(limit, headers=headers, sporadic=0.05, retry_after=10.0)

    Simulation(server).run(seconds=305.0)

    accepted = [server.accepted[window, 0] for window in sorted(server.spent)[18:-1]]
    assert sum(accepted) >= 0.6 * limit * len(accepted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPORADIC[-2:], ids=str)
def test_pacer_keeps_the_documented_pace_when_only_sporadic_refusals_come(kind):
    """If no limit is stated or reached, the run keeps the documented limit from the first window on."""
    server = Simulation(WindowServer(10**9, sporadic=0.05, **kind)).run(seconds=65.0)

    assert min(server.full_windows(0)) >= 0.85 * 1_666


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(16), *map(_deep, range(16, 50))])
def test_pacer_copes_with_mixtures_of_limits_and_sporadic_refusals(seed):
    """With any limit and up to 5 % of sporadic refusals, 60 % of the limit is used, and 2 % are refused for pace."""
    chance = random.Random(seed)
    limit = chance.choice([166, 300, 500, 1_000, 1_666])
    server = WindowServer(
        limit,
        phase=chance.uniform(0, 10),
        shown=chance.choice([float, math.floor, math.ceil, round]),
        date_lead=chance.choice([0.0, chance.uniform(-8, 8), 3_600.0]),
        sporadic=chance.choice([0.0, 0.02, 0.05]),
        retry_after=chance.choice([None, 1.0]),
        seed=seed,
        **chance.choice([{"headers": NO_HEADER}, {"headers": EVERY_HEADER}, {"sporadic_left": 0}]),
    )

    Simulation(server, latency=chance.choice([0.02, 0.08, 0.3]), jitter=chance.choice([0, 0.5])).run(seconds=155.0)

    accepted, refused_share = server.after_the_first_minute()
    assert sum(accepted) >= 0.6 * limit * len(accepted)
    assert refused_share <= 0.02


def _window_start(end):
    """Show the start of a window of ten seconds in the place of its end."""
    return end - 10


SHOWN = [math.floor, math.ceil, round, _window_start]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "phase", "shown"),
    [(limit, phase, shown) for limit, phase in ((166, 0.3), (500, 0.7)) for shown in SHOWN]
    + [(1_666, 0.7, SHOWN[2])]
    + [_deep(1_666, 0.7, shown) for shown in (*SHOWN[:2], SHOWN[3])],
)
def test_pacer_learns_when_windows_really_end(limit, phase, shown):
    """If windows end at other moments than the shown reset, only the first window goes above the limit."""
    server = Simulation(WindowServer(limit, phase=phase, shown=shown, lead=1_700_000_000.0), jitter=0.5).run(
        seconds=95.0
    )

    later = sorted(server.spent)[2:]
    assert sum(server.refused[window, 0] for window in later) <= 0.001 * limit * len(later)
    assert min(server.full_windows(0)[1:]) >= 0.98 * limit


@pytest.mark.slow
@pytest.mark.parametrize("date_lead", [-3_600.0, -15.0, -3.0, 3.0, 8.0, 3_600.0])
def test_pacer_ignores_a_wrong_date(date_lead):
    """If `Date` and reset come from different clocks, the run learns from the windows when they end."""
    server = Simulation(WindowServer(166, date_lead=date_lead, lead=1_700_000_000.0)).run(seconds=65.0)

    assert server.refusals() <= 1
    assert min(server.full_windows(0)[1:]) >= 0.98 * 166


@pytest.mark.slow
@pytest.mark.parametrize("headers", [("limit",), ("remaining",), ("limit", "remaining"), ("limit", "reset")], ids=str)
def test_pacer_needs_only_some_of_the_headers(headers):
    """With some of the headers, the run keeps an even pace."""
    server = Simulation(WindowServer(166, headers=headers)).run(seconds=65.0)

    assert server.refusals() <= 1
    assert min(server.full_windows(0)) >= 0.98 * 166


def test_pacer_ignores_a_reset_that_never_changes():
    """A reset that stays the same for longer than a window is ignored, and the other headers count."""
    server = WindowServer(166, shown=lambda _: 1_600_000_000.0, lead=1_700_000_000.0)

    Simulation(server).run(seconds=65.0)

    assert server.refusals() <= 1
    assert min(server.full_windows(0)) >= 0.98 * 166


class MovingResetServer(WindowServer):
    """A server that shows a reset ten seconds ahead of its clock, always."""

    def _facts(self, status, now, window, limit, remaining):
        facts = super()._facts(status, now, window, limit, remaining)
        return facts | {"rate": Rate(limit=limit, remaining=remaining, reset=float(math.floor(now) + 10))}


@pytest.mark.slow
def test_pacer_ignores_a_reset_that_moves_with_the_clock():
    """A reset that is always ten seconds ahead ends no window, and the other headers count."""
    server = Simulation(MovingResetServer(166, lead=1_700_000_000.0)).run(seconds=95.0)

    assert server.refusals() <= 3
    assert min(server.full_windows(0)[2:]) >= 0.98 * 166
