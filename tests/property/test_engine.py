"""Conservation in delivery: rows in = rows out, for all of Intercom's answers."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import intercom
from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.clock import Clock
from events_pandas.deliver.decide import RetryPolicy
from events_pandas.deliver.engine import Engine
from events_pandas.deliver.outage import OUTAGE_EVENTS
from events_pandas.deliver.outcomes import Event, Status
from events_pandas.deliver.ticket import MAX_PARDONS

EXAMPLES = settings(max_examples=settings.default.max_examples // 2, deadline=None)
# With so high a limit the pace takes no time.
HEADERS = {intercom.LIMIT_HEADER: "1000000", intercom.REMAINING_HEADER: "999999", intercom.RESET_HEADER: "1700000010"}
QUICK = Clock(jitter=lambda: 0.0, sleep=lambda _: None)
# Without 429, which pauses the whole run: other tests cover its waits with a clock that they set.
NOT_FOUND = b'{"type":"error.list","errors":[{"code":"not_found","message":"Contact Not Found"}]}'
WORDS = ["refused", "broken", "unknown", "elsewhere"]
RESULTS = st.sampled_from([202, 202, 202, 200, 301, 400, 408, 409, 422, 500, 502, 503, 599, *WORDS])
STOPPING = st.sampled_from([401, 403])
SCRIPTS = st.lists(RESULTS | STOPPING, max_size=4)
CHUNKS = st.lists(st.lists(st.tuples(SCRIPTS, st.sampled_from("abc")), max_size=6), max_size=4)


class ScriptedClient:
    """A client that answers each payload by its script, and with 202 after the script's end."""

    def __init__(self, scripts):
        self._scripts = {payload: iter(script) for payload, script in scripts.items()}
        self._lock = threading.Lock()
        self.posted = []

    def me(self):
        return Answer(status=200, headers=HEADERS)

    def post_event(self, payload):
        with self._lock:
            self.posted.append(payload)
        step = next(self._scripts[payload], 202)
        if step in {"unknown", "elsewhere"}:
            return Answer(status=404, headers=HEADERS, body=NOT_FOUND if step == "unknown" else b"<html>")
        if isinstance(step, str):
            raise TransportError(step, may_have_arrived=step == "broken")
        return Answer(status=step, headers=HEADERS)


@EXAMPLES
@given(
    chunks=CHUNKS, attempts=st.integers(1, 3), concurrency=st.integers(1, 4), interrupt_at=st.none() | st.integers(0, 9)
)
def test_deliver_conserves_every_event(chunks, attempts, concurrency, interrupt_at):
    """*Conservation*: every event has one outcome, in order.

    Attempts stay within the policy, and the outcomes count every request. After an outage the attempts of its events
    are counted from the start.
    """
    events, scripts = [], {}
    for chunk in chunks:
        events.append([])
        for script, contact in chunk:
            row = len(scripts)
            scripts[str(row).encode()] = script
            events[-1].append(Event(row=row, payload=str(row).encode(), contact=contact))
    client = ScriptedClient(scripts)
    reported = []

    engine = Engine(
        client,
        retry=RetryPolicy(attempts=attempts),
        concurrency=concurrency,
        on_outcome=reported.append,
        interrupts=lambda: interrupt_at is not None and len(reported) > interrupt_at,
        clock=QUICK,
    )
    outcomes = list(engine.deliver(events))

    assert [[o.row for o in chunk] for chunk in outcomes] == [[e.row for e in chunk] for chunk in events]
    flat = [outcome for chunk in outcomes for outcome in chunk]
    assert sorted(outcome.row for outcome in reported) == list(range(len(scripts)))
    assert sum(outcome.attempts for outcome in flat) == len(client.posted) == engine.requests
    assert all(outcome.attempts <= attempts * (MAX_PARDONS + 1) for outcome in flat)
    assert all(
        (outcome.http_status == 202) is (outcome.status is Status.ACCEPTED)
        and (outcome.error_code is None) is (outcome.status is Status.ACCEPTED)
        for outcome in flat
    )
    assert all(
        "elsewhere" in scripts[str(outcome.row).encode()]
        for outcome in flat
        if outcome.http_status == 404 and outcome.status is Status.REJECTED
    )
    assert (
        engine.stop is None
        or engine.stop.reason != "address"
        or not any(o.status is Status.ACCEPTED for o in reported[:1])
    )
    assert engine.stop is not None or not any(outcome.status is Status.NOT_SUBMITTED for outcome in flat)


class OutageClient:
    """A client for which a number of requests in a row fail, ``GET /me`` too or not; all others work."""

    def __init__(self, *, begins, requests, answers_me):
        self._failing = range(begins, begins + requests)
        self._answers_me = answers_me
        self._lock = threading.Lock()
        self._number = 0

    def me(self):
        return Answer(status=200, headers=HEADERS) if self._answers_me else self._answer(200)

    def post_event(self, payload):  # noqa: ARG002  # all events are alike
        return self._answer(202)

    def _answer(self, status):
        with self._lock:
            number, self._number = self._number, self._number + 1
        return Answer(status=503 if number in self._failing else status, headers=HEADERS)


@EXAMPLES
@given(
    size=st.integers(1, 6),
    attempts=st.integers(1, 4),
    begins=st.integers(0, 3),
    more=st.integers(1, 40),
)
def test_deliver_loses_no_event_in_an_outage_however_few_there_are(size, attempts, begins, more):
    """An outage pauses a run, and its events start with all their attempts again, be they one or many.

    It outlasts the attempts of all events. ``GET /me`` is answered in it only if no event was answered before, and the
    events are enough for an outage.
    """
    answers_me = begins == 0 and size >= OUTAGE_EVENTS
    client = OutageClient(begins=begins, requests=size * attempts + more, answers_me=answers_me)
    # One at a time: an answer that comes while an event is under way may let it fail by itself.
    engine = Engine(client, retry=RetryPolicy(attempts=attempts), concurrency=1, clock=QUICK, probe_seconds=0.0)

    outcomes = [outcome for chunk in engine.deliver([_events(size)]) for outcome in chunk]

    assert engine.stop is None
    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}


@EXAMPLES
@given(
    faulty=st.sets(st.integers(0, 7), max_size=OUTAGE_EVENTS - 1), size=st.integers(1, 8), attempts=st.integers(1, 30)
)
def test_deliver_takes_one_or_two_faulty_events_for_no_outage(faulty, size, attempts):
    """Events that always fail are ``failed``, wherever they stand, and all others are accepted."""
    client = ScriptedClient({str(row).encode(): [500] * 999 if row in faulty else [] for row in range(size)})
    engine = Engine(client, retry=RetryPolicy(attempts=attempts), concurrency=1, clock=QUICK, probe_seconds=0.0)

    outcomes = [outcome for chunk in engine.deliver([_events(size)]) for outcome in chunk]

    assert engine.stop is None
    assert [o.status for o in outcomes] == [Status.FAILED if o.row in faulty else Status.ACCEPTED for o in outcomes]


def _events(size):
    return [Event(row=row, payload=str(row).encode(), contact=str(row)) for row in range(size)]
