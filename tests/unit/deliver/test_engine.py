"""The run: every event has one outcome, after any sequence of answers."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.decide import RetryPolicy
from events_pandas.deliver.outcomes import Event, Outcome, Status
from events_pandas.deliver.preflight import preflight

REFUSED = TransportError("refused", may_have_arrived=False)
BROKEN = TransportError("broke", may_have_arrived=True)
WINDOW = {"X-RateLimit-Limit": "1000000", "X-RateLimit-Remaining": "999999", "X-RateLimit-Reset": "1700000010"}
OVERLOADED = Answer(status=429, headers={"Retry-After": "0", **WINDOW})
LIMIT_SECONDS = 5.0  # a gate that is never opened fails its test instead of hanging


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    """Let no worker outlive its test."""
    yield
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("events-pandas-")]
    for worker in workers:
        worker.join(LIMIT_SECONDS)
    assert not any(worker.is_alive() for worker in workers)


@pytest.fixture
def gate():
    """Return an event for threads to wait on, which opens at the end of the test."""
    gate = threading.Event()
    yield gate
    gate.set()


def _statuses(outcomes):
    return [str(outcome.status) for outcome in outcomes]


def _codes(outcomes):
    return [outcome.error_code for outcome in outcomes]


# What comes out


def test_deliver_yields_the_outcomes_before_any_error_of_the_chunks(make_engine, scripted_client, events):
    """An error that is not an `Exception`, such as one of an event loop, hides no outcome either."""

    class CancelledError(BaseException):
        pass

    def chunks():
        yield events("a")
        yield events("b", start=1)
        raise CancelledError

    engine = make_engine(scripted_client())

    delivered = list(engine.deliver(chunks()))

    assert [outcome.row for chunk in delivered for outcome in chunk] == [0, 1]
    assert engine.stop.reason == "interrupted"


def test_deliver_ends_its_threads_when_outcomes_cannot_be_taken(make_engine, scripted_client, events, gate):
    """A function that raises for each outcome, also at the end, leaves no thread behind."""

    def fail(outcome):
        # The first answer tells the limit; then several requests are under way.
        if outcome.row > 0:
            gate.set()
            raise SystemExit

    client = scripted_client({"c": [lambda: gate.wait(LIMIT_SECONDS) and 202]})
    engine = make_engine(client, on_outcome=fail)

    with pytest.raises(SystemExit):
        list(engine.deliver([events("a", "b", "c")]))

    assert not any(thread.name.startswith("events-pandas-") for thread in threading.enumerate())


def test_deliver_yields_an_outcome_for_each_event_in_order(make_engine, scripted_client, events):
    """There is one list for each chunk and one outcome for each event, in their order."""
    engine = make_engine(scripted_client({"a": [503, 202], "c": [422]}))

    chunks = list(engine.deliver([events("a", "b"), events("c", start=2)]))

    assert [[outcome.row for outcome in chunk] for chunk in chunks] == [[0, 1], [2]]
    assert [_statuses(chunk) for chunk in chunks] == [["accepted", "accepted"], ["rejected"]]


def test_deliver_tells_all_of_an_accepted_event(make_engine, scripted_client, events):
    """An accepted event has its HTTP status, attempts and time, and no error."""
    ((outcome,),) = make_engine(scripted_client({"a": [OVERLOADED, 202]})).deliver([events("a")])

    assert outcome == Outcome(row=0, status=Status.ACCEPTED, http_status=202, attempts=2, submitted_at=1_700_000_000.0)


def test_deliver_yields_an_empty_list_when_a_chunk_is_empty(make_engine, scripted_client, events):
    """An empty chunk costs nothing and keeps its place."""
    chunks = list(make_engine(scripted_client()).deliver([[], events("a"), []]))

    assert [len(chunk) for chunk in chunks] == [0, 1, 0]


def test_deliver_yields_nothing_when_there_are_no_chunks(make_engine, scripted_client):
    """Without chunks the run yields no lists."""
    assert list(make_engine(scripted_client()).deliver([])) == []


def test_deliver_asks_again_for_a_chunk_that_is_not_there(make_engine, scripted_client, events):
    """None stands for a chunk that comes later: the retries of the chunks before do not wait for it."""
    client = scripted_client({"a": [503, 202]})

    def chunks():
        yield events("a")
        while len(client.posted) < 2:
            yield None
        yield events("b", start=1)

    delivered = list(make_engine(client).deliver(chunks()))

    assert [_statuses(chunk) for chunk in delivered] == [["accepted"], ["accepted"]]


def test_deliver_prepares_chunks_while_it_waits_for_one(make_engine, scripted_client, events):
    """`look_ahead` is called while nothing is due, and `wake` lets the engine ask again."""
    prepared = []

    def chunks():
        while not prepared:
            yield None
        yield events("a")

    def look_ahead():
        prepared.append(True)
        engine.wake()

    engine = make_engine(scripted_client())
    delivered = list(engine.deliver(chunks(), look_ahead=look_ahead))

    assert [_statuses(chunk) for chunk in delivered] == [["accepted"]]


def test_deliver_that_is_interrupted_does_not_wait_for_a_chunk(make_engine, scripted_client, events):
    """A source that never has its chunk does not keep a run that was stopped."""
    client, looked = scripted_client(), []

    def chunks():
        yield events("a")
        while True:
            yield None

    engine = make_engine(client, interrupts=lambda: len(client.posted))
    delivered = list(engine.deliver(chunks(), look_ahead=lambda: looked.append(engine.stop)))

    assert [_statuses(chunk) for chunk in delivered] == [["accepted"]]
    assert engine.stop.reason == "interrupted"
    assert set(looked) <= {None}


def test_deliver_calls_back_with_each_outcome(make_engine, scripted_client, events):
    """`on_outcome` gets every outcome once, as it comes."""
    reported = []

    list(make_engine(scripted_client(), on_outcome=reported.append).deliver([events("a", "b"), events("c", start=2)]))

    assert sorted(outcome.row for outcome in reported) == [0, 1, 2]


def test_run_counts_requests_and_retries(make_engine, scripted_client, events):
    """Every attempt is a request; all but the first of an event are retries."""
    engine = make_engine(scripted_client({"a": [503, 503, 202]}))

    list(engine.deliver([events("a", "b")]))

    assert (engine.requests, engine.retries, engine.pacer.limit) == (4, 2, 1_000_000)


# Retries


def test_deliver_sends_the_same_bytes_at_every_attempt(make_engine, scripted_client, events):
    """A retry repeats the payload, so that Intercom ignores it if the first has arrived."""
    client = scripted_client({"a": [BROKEN, 500, 202]})

    list(make_engine(client).deliver([events("a")]))

    assert client.posted == ["a", "a", "a"]


@pytest.mark.parametrize(
    ("script", "code", "http_status"),
    [
        ([503, 503, 503], "server_error", 503),
        ([OVERLOADED] * 3, "rate_limited", 429),
        ([REFUSED, REFUSED, REFUSED], "not_connected", None),
        ([REFUSED, BROKEN, REFUSED], "no_answer", None),
    ],
)
def test_deliver_gives_up_when_the_attempts_are_spent(make_engine, scripted_client, events, script, code, http_status):
    """A failed event says whether it may have arrived at any of its attempts."""
    ((_, outcome),) = make_engine(scripted_client({"a": script})).deliver([events("z", "a")])

    assert (outcome.status, outcome.attempts) == (Status.FAILED, 3)
    assert (outcome.error_code, outcome.http_status) == (code, http_status)


def test_deliver_tries_the_next_chunk_while_a_retry_waits(make_engine, scripted_client, events, gate):
    """The second chunk is sent before the first is complete."""
    client = scripted_client(
        {"a": [lambda: 202 if gate.wait(LIMIT_SECONDS) else 500], "c": [lambda: gate.set() or 202]}
    )
    client.scripts[b"first"] = [202]

    chunks = list(make_engine(client).deliver([events("first", "a"), events("c", start=2)]))

    assert [_statuses(chunk) for chunk in chunks] == [["accepted", "accepted"], ["accepted"]]


# What is read


class CountingHeaders(Mapping):
    """Headers that count how often each is looked up."""

    def __init__(self, headers):
        self.looked_up = Counter()
        self._headers = headers

    def __getitem__(self, name):
        self.looked_up[name] += 1
        return self._headers[name]

    def __iter__(self):
        raise AssertionError("headers are looked up by name")

    def __len__(self):
        return len(self._headers)


class CountingAnswer(Answer):
    """An answer that counts how often its body is read."""

    bodies_read = 0

    def __getattribute__(self, name):
        CountingAnswer.bodies_read += name == "body"
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    ("status", "more"),
    [
        (429, {"Retry-After": "Tue, 14 Nov 2023 22:13:20 GMT"}),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000000"}),
        (503, {"Retry-After": "0"}),
        (410, {"Link": '</contacts/6b0c1a>; rel="canonical"'}),
        (404, {}),
        (401, {}),
    ],
)
def test_deliver_reads_an_answer_once(make_engine, scripted_client, events, monkeypatch, status, more):
    """An answer is read when it comes back: nobody looks at its headers or its body again."""
    monkeypatch.setattr(CountingAnswer, "bodies_read", 0)
    headers = CountingHeaders({**WINDOW, "Date": "Tue, 14 Nov 2023 22:13:20 GMT", **more})
    answer = CountingAnswer(status=status, headers=headers, body=b'{"errors":[{"code":"x","message":"User y"}]}')

    ((outcome,),) = make_engine(scripted_client({"a": [answer]})).deliver([events("a")])

    assert outcome.attempts >= 1
    assert headers.looked_up["X-RateLimit-Limit"] == 1
    assert max(headers.looked_up.values()) == CountingAnswer.bodies_read == 1


# Contacts


def test_deliver_withholds_the_rows_of_an_unknown_contact(make_engine, scripted_client, events):
    """After a 404, other rows of the contact cost no request, and name the row that had the 404."""
    client = scripted_client({"ghost": [404]})
    engine = make_engine(client, concurrency=1)

    (outcomes,) = engine.deliver([events("ghost", "a", "ghost")])

    assert client.posted == ["ghost", "a"]
    assert outcomes[2] == Outcome(
        row=2,
        status=Status.UNKNOWN_CONTACT,
        error_code="not_found",
        error_message=(
            "row 0 of the same contact was answered 404, and no further request was made for this contact: "
            "create it or fix the identifier, then submit the row again"
        ),
    )


def test_deliver_remembers_an_unknown_contact_in_later_chunks(make_engine, scripted_client, events):
    """An unknown contact is remembered for the whole run."""
    client = scripted_client({"ghost": [404]})

    list(make_engine(client, concurrency=1).deliver([events("ghost"), events("ghost", start=1)]))

    assert client.posted == ["ghost"]


def test_deliver_withholds_the_retries_of_an_unknown_contact_too(make_engine, scripted_client, events):
    """A row that failed before the 404 came is not tried again."""
    client = scripted_client({"ghost": [503, 404]})
    engine = make_engine(client, concurrency=1, retry=RetryPolicy(attempts=3, base_seconds=0.0))

    (outcomes,) = engine.deliver([events("ghost", "ghost")])

    assert client.posted == ["ghost", "ghost"]
    assert _statuses(outcomes) == ["unknown_contact"] * 2


# Addresses


HTML = Answer(status=404, body=b"<html>Not Found</html>")
PLENTY = {"X-RateLimit-Limit": "1000000", "X-RateLimit-Remaining": "999999", "X-RateLimit-Reset": "1700000010"}


def test_deliver_stops_when_the_first_answer_is_not_intercoms(make_engine, scripted_client, events):
    """A 404 that does not speak of a contact ends the run if it is the first answer."""
    client = scripted_client({"a": [HTML]})
    engine = make_engine(client, concurrency=1)

    (outcomes,) = engine.deliver([events("a", "b", "c")])

    assert (engine.stop.reason, client.posted) == ("address", ["a"])
    assert [(outcome.status, outcome.error_code) for outcome in outcomes] == [
        ("rejected", "http_404"),
        ("not_submitted", "wrong_address"),
        ("not_submitted", "wrong_address"),
    ]


def test_deliver_awaits_what_is_under_way_when_the_first_answer_is_not_intercoms(make_engine, scripted_client, events):
    """The first answer decides, and each other request in flight keeps its own answer."""
    gate = threading.Event()
    client = scripted_client(
        {"a": [lambda: gate.wait(LIMIT_SECONDS) and 202], "b": [HTML], "c": [lambda: gate.wait(LIMIT_SECONDS) and 404]}
    )
    client.me_script = [Answer(status=200, headers=PLENTY, body=b'{"app":{}}')]
    engine = make_engine(client, concurrency=3, on_outcome=lambda _: gate.set())
    preflight(engine)  # it learns the limit: without it the first event would be sent alone

    (outcomes,) = engine.deliver([events("a", "b", "c", "d")])

    assert engine.stop.reason == "address"
    assert _statuses(outcomes) == ["accepted", "rejected", "unknown_contact", "not_submitted"]


@pytest.mark.parametrize("first", [202, 404, 422])
def test_deliver_goes_on_after_a_404_of_another_kind_once_an_event_was_answered(
    make_engine, scripted_client, events, first
):
    """Once Intercom has answered an event, such a 404 concerns its row only."""
    client = scripted_client({"a": [first], "b": [HTML]})
    engine = make_engine(client, concurrency=1)

    (outcomes,) = engine.deliver([events("a", "b", "c")])

    assert (engine.stop, _statuses(outcomes)[1:]) == (None, ["rejected", "accepted"])


@pytest.mark.parametrize("first", [503, 429])
def test_deliver_takes_no_passing_failure_for_an_answer_of_intercoms(make_engine, scripted_client, events, first):
    """The first final answer counts, as a passing failure says nothing about the address."""
    client = scripted_client({"a": [first, HTML]})
    engine = make_engine(client, concurrency=1, retry=RetryPolicy(attempts=3, base_seconds=0.0))

    (outcomes,) = engine.deliver([events("a", "b")])

    assert engine.stop.reason == "address"
    assert _statuses(outcomes) == ["rejected", "not_submitted"]


# Names


def test_deliver_ends_the_rows_of_a_name_that_is_one_too_many(make_engine, scripted_client, error_body):
    """After the refusal of a new event name, other rows of that name cost no request."""
    full = Answer(status=422, body=error_body("422", "Cannot have more than 120 active event names"))
    client = scripted_client({"a": [full]})
    chunk = [
        Event(row=row, payload=payload, contact=f"{row}", name=name)
        for row, (payload, name) in enumerate([(b"a", "new"), (b"b", "old"), (b"c", "new")])
    ]

    (outcomes,) = make_engine(client, concurrency=1).deliver([chunk])

    assert client.posted == ["a", "b"]
    assert _statuses(outcomes) == ["rejected", "accepted", "rejected"]
    assert (outcomes[2].http_status, outcomes[2].attempts, outcomes[2].error_code) == (None, 0, "422")


# Early ends


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "forbidden")])
def test_deliver_sends_nothing_more_when_the_token_is_refused(make_engine, scripted_client, events, status, code):
    """A 401 or 403 ends the run, and every row has its outcome, also in later chunks."""
    client = scripted_client({"a": [status]})
    engine = make_engine(client)

    chunks = list(engine.deliver([events("a", "b"), events("c", start=2)]))

    assert client.posted == ["a"]
    assert [_codes(chunk) for chunk in chunks] == [[code, code], [code]]
    assert (engine.stop.reason, engine.stop.error_code) == ("authentication", code)


def test_deliver_keeps_the_facts_of_the_row_that_was_refused(make_engine, scripted_client, events):
    """The row that was answered 401 has its status and attempt; the others made none."""
    (outcomes,) = make_engine(scripted_client({"a": [401]})).deliver([events("a", "b")])

    assert [(outcome.http_status, outcome.attempts) for outcome in outcomes] == [(401, 1), (None, 0)]
    assert _statuses(outcomes) == ["not_submitted", "not_submitted"]


def test_deliver_gives_up_when_an_outage_outlasts_the_patience(make_engine, scripted_client, events):
    """If everything fails, the run ends, and rows that were never tried are not submitted."""
    names = [f"e{number}" for number in range(40)]
    client = scripted_client({name: [BROKEN] * 9 for name in names}, me=[BROKEN] * 9)
    engine = make_engine(client, patience_seconds=0.0, concurrency=1)

    (outcomes,) = engine.deliver([events(*names)])

    assert engine.stop.reason == "outage"
    assert engine.stop.message.endswith(
        "the last failure: broke. When Intercom is back, submit all rows again; "
        "the journal skips the accepted ones, and without a journal Intercom ignores repeats"
    )
    assert _statuses(outcomes) == ["failed"] * 2 + ["not_submitted"] * 38


@pytest.mark.parametrize(("patience_seconds", "requests"), [(3.0, 5), (30.0, 32)])
def test_deliver_gives_up_when_no_event_ever_has_an_answer(
    make_engine, scripted_client, events, clock, patience_seconds, requests
):
    """``GET /me`` works, and every event fails: the patience counts, not the retries of a few events."""
    seconds = 0.0

    def fail_after_a_second():
        nonlocal seconds
        seconds += 1.0
        return 500

    client = scripted_client({name: [fail_after_a_second] * 100 for name in "abcde"})
    clock = replace(clock, monotonic=lambda: seconds)
    options = {"retry": RetryPolicy(attempts=100), "probe_seconds": 0.0, "concurrency": 1}
    engine = make_engine(client, clock=clock, patience_seconds=patience_seconds, **options)

    outcomes = engine.try_out(events(*"abcde"))

    assert (engine.stop.reason, engine.requests) == ("outage", requests)
    assert {outcome.status for outcome in outcomes} <= {"failed", "not_submitted"}


def test_deliver_waits_an_outage_out_though_a_single_event_is_left(make_engine, scripted_client, events):
    """An event that has failed for the last time goes on if nothing else works either."""
    client = scripted_client({"a": [REFUSED] * 5}, me=[REFUSED, 200])
    engine = make_engine(client, probe_seconds=0.0)

    ((outcome,),) = engine.deliver([events("a")])

    assert (str(outcome.status), outcome.attempts) == ("accepted", 6)


def test_deliver_waits_an_outage_out_in_which_the_workspace_is_answered(make_engine, scripted_client, events):
    """Before any event is answered, only an event shows whether events are: they probe, and ``GET /me`` does not."""
    asked = []
    client = scripted_client({name: [503] * 30 for name in "abc"}, me=[lambda: asked.append("me") or 200])
    engine = make_engine(client, probe_seconds=0.0)

    (outcomes,) = engine.deliver([events("a", "b", "c")])

    assert _statuses(outcomes) == ["accepted"] * 3
    assert asked == []


def test_deliver_probes_with_another_event_each_time_when_none_was_answered(make_engine, scripted_client, events):
    """A faulty event does not hide that others are answered again."""
    client = scripted_client({"x": [500] * 99, "a": [503] * 12, "b": [503] * 12})
    engine = make_engine(client, probe_seconds=0.0)

    (outcomes,) = engine.deliver([events("x", "a", "b")])

    assert _statuses(outcomes) == ["failed", "accepted", "accepted"]
    assert outcomes[0].attempts < 20


@pytest.mark.parametrize("names", ["x", "xy"])
@pytest.mark.parametrize("attempts", [1, 3, 25])
def test_deliver_ends_one_or_two_faulty_events_that_stand_alone(make_engine, scripted_client, events, names, attempts):
    """``GET /me`` is answered, and too few events fail for an outage: they fail by themselves."""
    client = scripted_client({name: [500] * 99 for name in names})
    engine = make_engine(client, retry=RetryPolicy(attempts=attempts, base_seconds=0.0), probe_seconds=0.0)

    (outcomes,) = engine.deliver([events(*names)])

    assert engine.stop is None
    assert _statuses(outcomes) == ["failed"] * len(names)
    assert outcomes[0].attempts <= attempts + len(names) - 1


def test_deliver_takes_three_faulty_events_for_an_outage_however_few_come_at_once(make_engine, scripted_client, events):
    """The events that failed before count, so that an outage costs two events at most."""
    client = scripted_client({name: [503] * 9 for name in "abcd"})
    engine = make_engine(client, retry=RetryPolicy(attempts=1), probe_seconds=0.0)

    parts = [events("a"), events("b", start=1), events("c", "d", start=2)]
    outcomes = [chunk for part in parts for chunk in engine.deliver([part])]

    assert [_statuses(chunk) for chunk in outcomes] == [["failed"], ["failed"], ["accepted"] * 2]


def test_deliver_finds_a_refused_token_behind_a_faulty_event(make_engine, scripted_client, events):
    """The attempts of the only event are spent, and ``GET /me`` shows that the token is refused."""
    engine = make_engine(scripted_client({"x": [500] * 99}, me=[401]), probe_seconds=0.0)

    ((outcome,),) = engine.deliver([events("x")])

    assert engine.stop.reason == "authentication"
    assert (str(outcome.status), outcome.attempts) == ("failed", 3)


def test_deliver_waits_an_outage_out_that_began_while_events_were_under_way(make_engine, scripted_client, events, gate):
    """An answer that came before the last attempt of an event left does not show that the event fails by itself."""
    refused_after_a = lambda: gate.wait(LIMIT_SECONDS) and REFUSED  # noqa: E731  # a step of a script
    client = scripted_client({"b": [refused_after_a] + [REFUSED] * 4}, me=[REFUSED] * 2)
    engine = make_engine(
        client, probe_seconds=0.0, concurrency=2, on_outcome=lambda outcome: outcome.row == 1 and gate.set()
    )

    (outcomes,) = engine.deliver([events("z", "a", "b")])

    assert _statuses(outcomes) == ["accepted"] * 3


def test_deliver_does_not_take_a_faulty_event_for_an_outage(make_engine, scripted_client, events):
    """If ``GET /me`` is answered, the last rows of a run have failed by themselves."""
    client = scripted_client({name: [500] * 50 for name in ("x", "y", "z")})
    engine = make_engine(client, retry=RetryPolicy(attempts=8, base_seconds=0.0), probe_seconds=0.0)

    (outcomes,) = engine.deliver([events("a", "x", "y", "z")])

    assert engine.stop is None
    assert _statuses(outcomes) == ["accepted", "failed", "failed", "failed"]
    assert {outcome.attempts for outcome in outcomes[1:]} == {8}


def test_deliver_does_not_count_refusals_for_pace(make_engine, scripted_client, events):
    """If others use the whole limit, an event waits and does not fail."""
    client = scripted_client({"a": [Answer(status=429, headers={"Retry-After": "0"})] * 9})

    ((outcome,),) = make_engine(client).deliver([events("a")])

    assert (str(outcome.status), outcome.attempts) == ("accepted", 10)


def test_deliver_waits_an_outage_out(make_engine, scripted_client, events):
    """When the service is back, all failed events start with all their attempts again."""
    names = [f"e{number}" for number in range(40)]
    client = scripted_client({name: [REFUSED] * 5 for name in names[:6]} | {name: [REFUSED] for name in names[6:20]})
    engine = make_engine(client, retry=RetryPolicy(attempts=7), concurrency=1, probe_seconds=0.0)

    (outcomes,) = engine.deliver([events(*names)])

    assert engine.stop is None
    assert set(_statuses(outcomes)) == {"accepted"}


def test_deliver_probes_with_one_request_at_a_time(make_engine, scripted_client, events):
    """While everything fails, events that were never tried go first, one at a time."""
    names = [f"e{number}" for number in range(30)]
    states = []
    fail = lambda: states.append(engine.current_state()) or REFUSED  # noqa: E731  # a step of a script
    client = scripted_client({"e0": [fail] * 20} | {name: [fail] for name in names[1:6]})
    engine = make_engine(client, retry=RetryPolicy(attempts=25), concurrency=4, probe_seconds=0.0)

    (outcomes,) = engine.deliver([events(*names)])

    assert set(_statuses(outcomes)) == {"accepted"}
    assert client.posted[:26] == ["e0"] * 20 + names[1:7]
    assert {(state.pause.reason, state.in_flight) for state in states[20:]} == {("outage", 1)}


def test_deliver_goes_on_when_failures_are_not_in_a_row(make_engine, scripted_client, events):
    """An answer of any other kind restarts the count."""
    names = [f"e{number}" for number in range(40)]
    failing = {name: [REFUSED] for name in names if name not in {"e0", "e20"}}
    engine = make_engine(scripted_client(failing), retry=RetryPolicy(attempts=1), concurrency=1)

    (outcomes,) = engine.deliver([events(*names)])

    assert engine.stop is None
    assert _statuses(outcomes).count("failed") == 38


def test_deliver_stops_when_too_many_are_rejected(make_engine, scripted_client, events):
    """With a limit of a tenth, the rest of a file whose rows are all rejected is not sent."""
    names = [f"e{number}" for number in range(200)]
    engine = make_engine(scripted_client({name: [422] for name in names}), max_failure_rate=0.1, concurrency=1)

    (outcomes,) = engine.deliver([events(*names)])

    assert (engine.stop.reason, engine.requests) == ("failure_rate", 100)
    assert _statuses(outcomes) == ["rejected"] * 100 + ["not_submitted"] * 100


def test_deliver_counts_no_withheld_events_as_failures(make_engine, scripted_client):
    """Rows that were withheld say nothing about the others: one of two contacts is unknown, in most of the rows."""
    rows = [("ghost", 1), *(("ada", row) for row in range(2, 60)), *(("ghost", row) for row in range(60, 300))]
    chunk = [Event(row=row, payload=f"{name}{row}".encode(), contact=name) for name, row in rows]
    engine = make_engine(scripted_client({"ghost1": [404]}), max_failure_rate=0.1, concurrency=1)

    (outcomes,) = engine.deliver([chunk])

    assert engine.stop is None
    assert Counter(_statuses(outcomes)) == {"accepted": 58, "unknown_contact": 241}


# The canary


def test_try_out_lets_the_run_go_on_when_its_events_are_accepted(make_engine, scripted_client, events):
    """The events sent first have their outcomes, and the rest is sent."""
    engine = make_engine(scripted_client())

    (outcome,) = engine.try_out(events("a"))
    (outcomes,) = engine.deliver([events("b", start=1)])

    assert (outcome.row, str(outcome.status), _statuses(outcomes)) == (0, "accepted", ["accepted"])


def test_try_out_stops_the_run_when_an_event_is_rejected(make_engine, scripted_client, events):
    """The rest is not sent, and its code says why."""
    client = scripted_client({"a": [422]})
    engine = make_engine(client)

    engine.try_out(events("a"))
    (outcomes,) = engine.deliver([events("b", start=1)])

    assert client.posted == ["a"]
    assert (engine.stop.reason, _codes(outcomes)) == ("canary", ["canary_failed"])


# What is shown


def test_run_ticks_while_it_works(make_engine, scripted_client, events):
    """`on_tick` is called although no outcome comes."""
    ticks = []

    list(make_engine(scripted_client(), on_tick=lambda: ticks.append(1)).deliver([events("a")]))

    assert ticks


def test_run_tells_the_window(make_engine, scripted_client, events):
    """The state has the limit and the rest of the window for this run."""
    engine = make_engine(scripted_client(), rate_share=0.5)

    list(engine.deliver([events("a")]))

    assert (engine.current_state().window.limit, engine.current_state().pause) == (500_000, None)


def test_run_tells_a_pause_that_an_answer_asks_for(make_engine, scripted_client, events, interrupts):
    """A Retry-After of a minute is a pause, not an outage."""
    pauses = []
    client = scripted_client({"a": [Answer(status=429, headers={"Retry-After": "60"})]})

    def look():
        if pause := engine.current_state().pause:
            pauses.append(pause)
            interrupts.strike()

    engine = make_engine(client, on_tick=look, interrupts=interrupts)
    list(engine.deliver([events("a", "b")]))

    assert (pauses[0].reason, pauses[0].gives_up_in_seconds) == ("rate_limit", None)
    assert 50 < pauses[0].next_in_seconds <= 60


# Interrupts


def test_deliver_stops_at_ctrl_c_and_yields_the_rest(make_engine, scripted_client, events, interrupts):
    """After Ctrl-C nothing is sent, and every row has its outcome."""
    client = scripted_client()
    engine = make_engine(client, concurrency=1, interrupts=interrupts)

    def interrupt_once(outcome):
        if outcome.row == 0:
            interrupts.strike()

    engine.on_outcome = interrupt_once
    chunks = list(engine.deliver([events("a", "b"), events("c", start=2)]))

    assert client.posted == ["a"]
    assert [_codes(chunk) for chunk in chunks] == [[None, "interrupted"], ["interrupted"]]
    assert engine.stop.reason == "interrupted"


def test_deliver_stops_at_ctrl_c_while_the_next_chunk_is_read(make_engine, scripted_client, events, interrupts):
    """The chunk that was being read is not sent."""

    def chunks():
        yield events("a")
        interrupts.strike()
        yield events("b", start=1)

    engine = make_engine(scripted_client(), interrupts=interrupts)

    first, second = engine.deliver(chunks())

    assert (_statuses(first), _codes(second)) == (["accepted"], ["interrupted"])
    assert engine.stop.reason == "interrupted"


def test_deliver_awaits_what_is_in_flight_at_ctrl_c(make_engine, scripted_client, events, gate, interrupts):
    """The outcome of a request in flight comes from its answer."""
    under_way = threading.Event()
    client = scripted_client(
        {
            "a": [lambda: under_way.wait(LIMIT_SECONDS) and 202],
            "b": [lambda: under_way.set() or (gate.wait(LIMIT_SECONDS) and 202)],
        }
    )
    engine = make_engine(client, interrupts=interrupts)

    def interrupt_at_a(outcome):
        if outcome.row == 1:
            gate.set()
            interrupts.strike()

    engine.on_outcome = interrupt_at_a
    (outcomes,) = engine.deliver([events("first", "a", "b")])

    assert _statuses(outcomes) == ["accepted", "accepted", "accepted"]


def test_deliver_awaits_nothing_after_the_second_ctrl_c(make_engine, scripted_client, events, gate, interrupts):
    """Requests in flight may have arrived; the others are not submitted."""
    under_way = threading.Event()
    client = scripted_client(
        {
            "a": [lambda: under_way.wait(LIMIT_SECONDS) and 202],
            "b": [lambda: under_way.set() or (gate.wait(LIMIT_SECONDS) and 202)],
        }
    )
    engine = make_engine(client, interrupts=interrupts, concurrency=2)

    def interrupt_twice(outcome):
        if outcome.row == 1:
            interrupts.strike()
            interrupts.strike()

    engine.on_outcome = interrupt_twice
    (outcomes,) = engine.deliver([events("first", "a", "b", "c")])

    assert _codes(outcomes) == [None, None, "no_answer", "interrupted"]


def test_deliver_waits_no_longer_than_its_grace(make_engine, scripted_client, events, gate):
    """A request without an answer in time may have arrived, and its row has the code for that."""
    under_way = threading.Event()
    client = scripted_client(
        {
            "a": [lambda: under_way.wait(LIMIT_SECONDS) and 401],
            "b": [lambda: under_way.set() or (gate.wait(LIMIT_SECONDS) and 202)],
        }
    )

    delivery = make_engine(client, grace_seconds=0.02).deliver([events("first", "a", "b")])
    outcomes = next(delivery)
    gate.set()
    delivery.close()

    assert _statuses(outcomes) == ["accepted", "not_submitted", "failed"]
    assert outcomes[2].error_message == (
        "the run ended before the row had a final answer. It may have arrived; "
        "submit the row again: if it has arrived, Intercom ignores the repeat"
    )


def test_deliver_does_not_retry_after_a_stop(make_engine, scripted_client, events, gate):
    """A passing failure after the stop is not tried again, and its event may have arrived."""
    under_way = threading.Event()
    client = scripted_client(
        {
            "a": [lambda: under_way.wait(LIMIT_SECONDS) and 401],
            "b": [lambda: under_way.set() or (gate.wait(LIMIT_SECONDS) and 503)],
        }
    )
    engine = make_engine(client, on_outcome=lambda outcome: outcome.row == 1 and gate.set())

    (outcomes,) = engine.deliver([events("first", "a", "b")])

    assert client.posted == ["first", "a", "b"]
    assert _codes(outcomes) == [None, "unauthorized", "server_error"]


# Ends of other kinds


def test_deliver_awaits_what_is_in_flight_when_it_is_closed(make_engine, scripted_client, events, gate):
    """Closing the iterator sends nothing more, and still records the requests in flight."""
    reported = []
    under_way = threading.Event()
    client = scripted_client(
        {
            "a": [lambda: under_way.wait(LIMIT_SECONDS) and 202],
            "b": [lambda: under_way.set() or (gate.wait(LIMIT_SECONDS) and 202)],
        }
    )
    delivery = make_engine(client, on_outcome=reported.append).deliver(
        [events("first", "a"), events("b", "c", start=2)]
    )

    next(delivery)
    gate.set()
    delivery.close()

    assert client.posted[:3] == ["first", "a", "b"]
    assert {outcome.row for outcome in reported} >= {0, 1, 2}


def test_run_leaves_at_once_when_it_is_interrupted_twice_while_it_closes(
    make_engine, scripted_client, events, gate, interrupts
):
    """The wait for requests in flight ends."""
    is_closing = []

    def tick():
        if is_closing:
            interrupts.strike()

    under_way = threading.Event()
    client = scripted_client(
        {
            "a": [lambda: under_way.wait(LIMIT_SECONDS) and 202],
            "b": [lambda: under_way.set() or (gate.wait(LIMIT_SECONDS) and 202)],
        }
    )
    engine = make_engine(client, on_tick=tick, interrupts=interrupts)
    chunks = engine.deliver([events("first", "a"), events("b", start=2)])
    next(chunks)
    is_closing.append(True)

    with engine:
        chunks.close()

    assert interrupts() == 2


def test_run_ends_its_threads_when_it_is_left(make_engine, scripted_client, events):
    """The end of the `with` block ends the threads, however far the iterator is."""
    with make_engine(scripted_client()) as engine:
        delivery = engine.deliver([events("a"), events("b", start=1)])
        next(delivery)

    assert not any(thread.name.startswith("events-pandas-") for thread in threading.enumerate())


def test_error_of_a_client_ends_the_run(make_engine, scripted_client, events):
    """Its event may have arrived; events that were not sent are not submitted."""
    bug = ZeroDivisionError("a bug")
    engine = make_engine(scripted_client({"b": [bug]}), concurrency=1)

    (outcomes,) = engine.deliver([events("a", "b", "c")])

    assert _statuses(outcomes) == ["accepted", "failed", "not_submitted"]
    assert _codes(outcomes) == [None, "no_answer", "ended_by_error"]
    assert engine.stop.cause is bug


def test_error_of_the_engine_ends_the_run(make_engine, scripted_client, events, clock):
    """An event in doubt that waits for another attempt may have arrived; one that was never sent has not."""
    reported = []

    def report(outcome):
        reported.append(outcome)
        if len(reported) == 1:
            raise ZeroDivisionError("a bug")

    client = scripted_client({"a": [BROKEN] * 3})
    patient = replace(clock, jitter=lambda: 0.9)
    engine = make_engine(client, concurrency=1, on_outcome=report, clock=patient)

    (outcomes,) = engine.deliver([events("a", "b", "c")])

    assert _codes(outcomes) == ["no_answer", None, "ended_by_error"]
    assert str(engine.stop.cause) == "a bug"


@pytest.mark.parametrize("end", [SystemExit(3), GeneratorExit()])
def test_client_that_ends_its_thread_ends_the_run(make_engine, scripted_client, events, end):
    """An exception that ends a thread does not end the program."""
    engine = make_engine(scripted_client({"a": [end]}))

    (outcomes,) = engine.deliver([events("a", "b")])

    assert _codes(outcomes)[0] == "no_answer"
    assert engine.stop.message.startswith(f"a {type(end).__name__}, the cause of this error, ended the run: ")


def test_error_of_the_engine_loses_no_outcomes(make_engine, scripted_client, events):
    """The outcomes of a later chunk are yielded too, also if they came before the error."""

    def fail(outcome):
        if outcome.row == 2:
            raise ZeroDivisionError

    engine = make_engine(scripted_client(), concurrency=1, on_outcome=fail)
    chunks = list(engine.deliver([events("a"), events("b", "c", start=1), events("d", start=3)]))

    assert [[outcome.row for outcome in chunk] for chunk in chunks] == [[0], [1, 2], [3]]
    assert [_codes(chunk) for chunk in chunks] == [[None], [None, None], ["ended_by_error"]]


def test_client_that_raises_an_interrupt_interrupts_the_run(make_engine, scripted_client, events):
    """A client's own interrupt stops the run like Ctrl-C."""
    engine = make_engine(scripted_client({"a": [KeyboardInterrupt()]}), concurrency=1)

    (outcomes,) = engine.deliver([events("a", "b")])

    assert _codes(outcomes) == ["no_answer", "interrupted"]


def test_run_ends_when_a_thread_dies(make_engine, scripted_client, events, clock):
    """If a thread dies outside of its request, the run ends, and the event may have arrived."""

    def monotonic():
        if threading.current_thread().name.startswith("events-pandas-"):
            raise MemoryError
        return time.monotonic()

    engine = make_engine(scripted_client(), concurrency=1, clock=replace(clock, monotonic=monotonic))
    (outcomes,) = engine.deliver([events("a", "b")])

    assert _codes(outcomes) == ["no_answer", "ended_by_error"]
    assert _statuses(outcomes) == ["failed", "not_submitted"]
    assert engine.stop.reason == "error"
    assert isinstance(engine.stop.cause, MemoryError)


def test_deliver_raises_an_error_of_the_chunks_after_those_before_it(make_engine, scripted_client, events):
    """The outcomes of the chunks before a faulty one are yielded first."""

    def chunks():
        yield events("a")
        raise OSError("the file ended")

    delivery = make_engine(scripted_client()).deliver(chunks())

    assert _statuses(next(delivery)) == ["accepted"]
    with pytest.raises(OSError, match=r"^the file ended$"):
        next(delivery)


# Threads


def test_run_uses_one_thread_when_concurrency_is_one(make_engine, scripted_client, events):
    """With a concurrency of 1, requests go one after another."""
    threads = set()
    client = scripted_client({name: [lambda: threads.add(threading.get_ident()) or 202] for name in "abc"})

    list(make_engine(client, concurrency=1).deliver([events("a", "b", "c")]))

    assert len(threads) == 1


def test_run_has_as_many_requests_in_flight_as_it_may(make_engine, scripted_client, events):
    """As many requests are in flight as `concurrency` allows."""
    meeting = threading.Barrier(4, timeout=LIMIT_SECONDS)
    client = scripted_client({name: [lambda: 202 if meeting.wait() >= 0 else 500] for name in "abcd"})

    (outcomes,) = make_engine(client, concurrency=4).deliver([events("first", "a", "b", "c", "d")])

    assert _statuses(outcomes) == ["accepted"] * 5
