"""From an answer of 202 to the outcome: nobody sees an accepted event before the journal has it."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from events_pandas.deliver import MAX_CONCURRENCY
from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.journal import Fingerprint, OtherAcceptance
from events_pandas.errors import JournalError

FULL = JournalError(Path("orders.sqlite"), problem="the disk is full", remedy="make room")
WAIT_SECONDS = 5.0


class FakeWriter:
    """A journal's writer. Each record is answered in a thread of its own by a script, and with None after its end."""

    def __init__(self, *errors, gate=None):
        self.errors = list(errors)
        self.recorded, self.released = [], []
        self.waiting = 0
        self.is_closed = False
        self.death = None
        self.most_waiting = 0
        self._gate = gate
        self._lock = threading.Lock()

    def record(self, fingerprint, *, accepted_at, request_id, then):
        self.recorded.append((fingerprint, accepted_at, request_id))
        error = self.errors.pop(0) if self.errors else None
        with self._lock:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
        threading.Thread(target=self._answer, args=(then, error)).start()

    def _answer(self, then, error):
        assert self._gate is None or self._gate.wait(WAIT_SECONDS)
        then(error)
        with self._lock:
            self.waiting -= 1

    def release(self, fingerprint):
        self.released.append(fingerprint)

    def write_waiting(self):
        """Leave the waiting records to the disk, which may still answer."""

    def close(self, wait_seconds):
        self.is_closed = wait_seconds > 0


@pytest.fixture
def with_fingerprints(events):
    """Return a function that makes events with fingerprints."""

    def make(*names, is_claimed=False):
        return [
            replace(event, fingerprint=Fingerprint(event.payload * 16, None, 7, 1_700_000_000, is_claimed=is_claimed))
            for event in events(*names)
        ]

    return make


def _engine(make_engine, client, writer, **options):
    engine = make_engine(client, **options)
    engine.record_in(writer)
    return engine


def _facts(outcomes):
    return [(str(outcome.status), outcome.error_code) for outcome in outcomes]


def test_accepted_event_is_recorded_with_its_time_and_request(make_engine, scripted_client, with_fingerprints):
    """The journal gets the facts that Intercom answered."""
    writer = FakeWriter()
    client = scripted_client({"a": [Answer(status=202, headers={"X-Request-Id": "req-1"})]})
    engine = _engine(make_engine, client, writer)

    with engine:
        (outcomes,) = engine.deliver([with_fingerprints("a")])

    ((fingerprint, accepted_at, request_id),) = writer.recorded
    assert (fingerprint.key, request_id) == (b"a" * 16, "req-1")
    assert accepted_at == outcomes[0].submitted_at
    assert _facts(outcomes) == [("accepted", None)]
    assert writer.is_closed


def test_accepted_event_is_not_reported_before_it_is_recorded(make_engine, scripted_client, with_fingerprints):
    """A kill between the two must not come after a report of ``accepted``."""
    gate, seen = threading.Event(), []
    writer = FakeWriter(gate=gate)

    def tick():
        # Ticks go on while the record waits.
        if writer.recorded:
            seen.append(list(outcomes))
            gate.set()

    outcomes = []
    engine = _engine(make_engine, scripted_client(), writer, on_outcome=outcomes.append, on_tick=tick)

    with engine:
        list(engine.deliver([with_fingerprints("a")]))

    assert seen[0] == []
    assert _facts(outcomes) == [("accepted", None)]


@pytest.mark.parametrize("status", [404, 422])
def test_event_that_is_not_accepted_is_not_recorded(status, make_engine, scripted_client, with_fingerprints):
    """A journal holds the events that Intercom has; all others are tried again."""
    writer = FakeWriter()
    engine = _engine(make_engine, scripted_client({"a": [status]}), writer)

    with engine:
        list(engine.deliver([with_fingerprints("a")]))

    assert (writer.recorded, writer.released) == ([], [])


def test_event_without_a_fingerprint_is_not_recorded(make_engine, scripted_client, events):
    """Without a journal a 202 is the end."""
    writer = FakeWriter()
    engine = _engine(make_engine, scripted_client(), writer)

    with engine:
        (outcomes,) = engine.deliver([events("a")])

    assert writer.recorded == []
    assert _facts(outcomes) == [("accepted", None)]


def test_event_that_cannot_be_recorded_fails_and_ends_the_run(make_engine, scripted_client, with_fingerprints):
    """A later run would not know the event; nothing more is sent, and Intercom's answer is kept."""
    client = scripted_client()
    engine = _engine(make_engine, client, FakeWriter(FULL), concurrency=1)

    with engine:
        (outcomes,) = engine.deliver([with_fingerprints("a", "b", "c")])

    assert _facts(outcomes)[0] == ("failed", "not_recorded")
    assert outcomes[0].http_status == 202
    assert outcomes[0].error_message == (
        "Intercom accepted the event, but it could not be written into the journal, so a later run does not know it: "
        "submit the row again: if it has arrived, Intercom ignores the repeat"
    )
    assert _facts(outcomes)[-1] == ("not_submitted", "journal_failed")
    assert engine.stop.reason == "journal"
    assert engine.stop.message.startswith(
        "the run ended, as accepted events can no longer be recorded: orders.sqlite: the disk is full: make room. "
    )


def test_slow_disk_holds_requests_back(make_engine, scripted_client, with_fingerprints):
    """The number of events that a kill could make be sent twice has a limit."""
    gate = threading.Event()
    writer = FakeWriter(gate=gate)
    opened = []

    def tick():
        if writer.waiting >= MAX_CONCURRENCY:
            opened.append(len(client.posted))
            gate.set()

    client = scripted_client()
    engine = _engine(make_engine, client, writer, on_tick=tick)

    with engine:
        (outcomes,) = engine.deliver([with_fingerprints(*(f"{number:04d}" for number in range(600)))])

    assert opened[0] <= 2 * MAX_CONCURRENCY
    assert len(outcomes) == len(writer.recorded) == 600


@pytest.mark.parametrize(("script", "is_released"), [([422], True), ([404], True), ([202], False)])
def test_claim_of_an_event_that_did_not_arrive_is_released(
    script, is_released, make_engine, scripted_client, with_fingerprints
):
    """Its second is free again; an accepted event keeps its second."""
    writer = FakeWriter()
    (event,) = with_fingerprints("a", is_claimed=True)
    engine = _engine(make_engine, scripted_client({"a": script}), writer)

    with engine:
        list(engine.deliver([[event]]))

    assert writer.released == [event.fingerprint] * is_released


def test_claim_of_an_event_that_may_have_arrived_stays(make_engine, scripted_client, with_fingerprints):
    """It is sent again under the same second, so that Intercom ignores it if it has arrived."""
    writer = FakeWriter()
    lost = TransportError("broke", may_have_arrived=True)
    engine = _engine(make_engine, scripted_client({"a": [lost] * 3}), writer)

    with engine:
        _, outcomes = engine.deliver([with_fingerprints("b"), with_fingerprints("a", is_claimed=True)])

    assert _facts(outcomes)[0][0] == "failed"
    assert writer.released == []


def test_second_interrupt_awaits_what_is_being_recorded(make_engine, scripted_client, with_fingerprints, interrupts):
    """The run waits for no more answers, but accepted events are recorded and reported."""
    gate, seen = threading.Event(), []
    writer = FakeWriter(gate=gate)
    outcomes = []

    def tick():
        if writer.recorded:
            seen.append(len(outcomes))
            interrupts.strike()
            if interrupts() > 1:
                gate.set()

    options = {"on_outcome": outcomes.append, "on_tick": tick, "interrupts": interrupts}
    engine = _engine(make_engine, scripted_client(), writer, **options)

    with engine:
        list(engine.deliver([with_fingerprints("a")]))

    assert seen == [0, 0]
    assert _facts(outcomes) == [("accepted", None)]


@pytest.mark.parametrize(
    ("elsewhere", "status", "code"),
    [
        (OtherAcceptance(is_same=True), "already_submitted", None),
        (OtherAcceptance(is_same=False), "duplicate", "accepted_with_other_metadata"),
    ],
)
def test_event_that_another_run_has_recorded_is_not_accepted_twice(
    elsewhere, status, code, make_engine, scripted_client, with_fingerprints
):
    """Intercom keeps one of the two events, and one of the runs reports that."""
    writer = FakeWriter(elsewhere)
    engine = _engine(make_engine, scripted_client(), writer)

    with engine:
        ((outcome,),) = engine.deliver([with_fingerprints("a")])

    assert (str(outcome.status), outcome.error_code, outcome.http_status, outcome.attempts) == (status, code, 202, 1)
    assert engine.stop is None


def test_accepted_event_that_is_not_recorded_at_the_end_is_reported_as_failed(
    make_engine, scripted_client, with_fingerprints
):
    """A disk that does not answer ends the run, after the same wait as for requests."""
    gate = threading.Event()
    writer = FakeWriter(gate=gate)

    def tick():
        if writer.recorded:
            writer.death = FULL

    engine = _engine(make_engine, scripted_client(), writer, concurrency=1, grace_seconds=0.1, on_tick=tick)
    delivery = engine.deliver([with_fingerprints("a")])
    (outcomes,) = delivery
    gate.set()

    assert _facts(outcomes) == [("failed", "not_recorded")]
    assert engine.stop.message.startswith("the run ended, as accepted events can no longer be recorded: orders.sqlite")
