"""The preflight: whose token it is, or why nothing should be sent."""

import json
import math
import threading
from dataclasses import replace

import pytest

from events_pandas.deliver.client.answers import Answer, TransportError, read_attempt
from events_pandas.deliver.client.background import ask_in_time
from events_pandas.deliver.clock import Clock
from events_pandas.deliver.decide import RetryPolicy
from events_pandas.deliver.outcomes import Status, WorkspaceIdentity
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.preflight import ask_workspace, preflight, read_workspace
from events_pandas.deliver.stops import Stop

ME = {"type": "admin", "app": {"id_code": "abc123", "name": "Acme", "region": "EU", "timezone": "UTC"}}
ANSWER = Answer(
    status=200,
    headers={"X-RateLimit-Limit": "166", "X-RateLimit-Remaining": "165", "X-RateLimit-Reset": "1700000010"},
    body=json.dumps(ME).encode(),
)
REFUSED = TransportError("no connection to api.intercom.io", may_have_arrived=False)


def _read(answer):
    return read_attempt(answer, sent_at=1.0, received_at=2.0)


def test_read_workspace_takes_its_three_facts():
    """The answer names the workspace, its name for people and its region."""
    assert read_workspace(_read(ANSWER)) == WorkspaceIdentity(id_code="abc123", name="Acme", region="EU")


def test_read_workspace_says_nothing_to_a_terminal():
    """Control characters in the facts are escaped, as reports and the history of runs print them."""
    body = json.dumps({"type": "admin", "app": {"id_code": "a", "name": "b\x1b[2J", "region": "c\n"}}).encode()

    assert read_workspace(_read(Answer(status=200, body=body))) == WorkspaceIdentity(
        id_code="a", name="b\\u001b[2J", region="c\\n"
    )


@pytest.mark.parametrize("app", [None, [], {}, {"id_code": 5, "name": ""}])
def test_read_workspace_bears_an_answer_that_names_none(app):
    """A missing fact is None."""
    body = json.dumps({"type": "admin", "app": app}).encode()

    assert read_workspace(_read(Answer(status=200, body=body))) == WorkspaceIdentity()


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (Answer(status=200, body=b"<html>Sign in</html>"), "200 OK"),
        (Answer(status=404), "404 Not Found"),
        (Answer(status=302), "302 Found"),
    ],
)
def test_read_workspace_stops_when_the_answer_is_not_intercoms(answer, facts):
    """A wrong address is found before any event is sent to it."""
    assert read_workspace(_read(answer)) == Stop(
        reason="outage",
        error_code="outage",
        message=(
            f"the answer to the first request, GET /me, was {facts}, not one of Intercom's: "
            "check the region and the address"
        ),
    )


def test_preflight_returns_the_workspace_and_learns_the_limit(make_engine, scripted_client):
    """A good token gives its workspace, and the limit is known before the first event."""
    engine = make_engine(scripted_client(me=[ANSWER]))

    assert preflight(engine) == engine.workspace == WorkspaceIdentity(id_code="abc123", name="Acme", region="EU")
    assert (engine.pacer.limit, engine.stop, engine.requests) == (166, None, 0)


def test_preflight_tries_again_when_a_failure_passes(make_engine, scripted_client):
    """After two passing failures the question is asked again."""
    engine = make_engine(scripted_client(me=[503, REFUSED, ANSWER]))

    assert preflight(engine) is not None


def test_preflight_stops_the_run_when_the_token_is_refused(make_engine, scripted_client, events):
    """With a refused token no event is sent, and every row has its outcome."""
    client = scripted_client(me=[401])
    engine = make_engine(client)

    assert preflight(engine) is None
    (outcomes,) = engine.deliver([events("a", "b")])

    assert engine.stop.reason == "authentication"
    assert [outcome.status for outcome in outcomes] == [Status.NOT_SUBMITTED] * 2
    assert client.posted == []


@pytest.mark.parametrize(
    ("script", "facts"),
    [
        ([503] * 3, "Intercom does not accept requests now (503 Service Unavailable)"),
        ([REFUSED] * 3, "Intercom cannot be reached (no connection to api.intercom.io)"),
    ],
)
def test_preflight_stops_the_run_when_intercom_is_out_of_reach(make_engine, scripted_client, script, facts):
    """When the attempts that the user allows are spent, nothing was submitted and the run is over."""
    engine = make_engine(scripted_client(me=script))

    preflight(engine)

    assert engine.stop == Stop(
        reason="outage",
        error_code="outage",
        message=f"{facts}: nothing was submitted, try again later",
    )


def test_preflight_waits_no_longer_than_a_person_would(make_engine, scripted_client, clock):
    """Two attempts are at most fifteen seconds apart, for any wait that the server asks for."""
    waits = []
    busy = Answer(status=503, headers={"Retry-After": "120"})
    patient = replace(clock, sleep=waits.append)

    preflight(make_engine(scripted_client(me=[busy, ANSWER]), clock=patient))

    assert sum(waits) == 15.0
    assert max(waits) == 1.0


@pytest.fixture
def time():
    """Return a time that only a sleep moves."""

    class FakeTime:
        now = 1_000.0

        def sleep(self, seconds):
            self.now += seconds

    return FakeTime()


@pytest.fixture
def asked(time):
    """Return a function that asks for the workspace.

    Its script has the time and the result of each attempt; it returns what was found, and the seconds of each attempt.
    """

    def ask_with(*script):
        steps, given = list(script), []

        def ask(seconds):
            given.append(seconds)
            took, result = steps.pop(0)
            time.now += min(took, seconds)
            if took > seconds or isinstance(result, TransportError):
                raise TransportError("no answer", may_have_arrived=False)
            return result

        clock = Clock(monotonic=lambda: time.now, sleep=time.sleep, jitter=lambda: 0.5)
        found = ask_workspace(ask, pacer=Pacer(), policy=RetryPolicy(), clock=clock, on_look=int)
        return found, given

    return ask_with


@pytest.mark.parametrize("took", [0.0, 3.0, 9.5])
def test_preflight_waits_for_a_server_that_is_slow(asked, took):
    """An answer may take ten seconds."""
    found, given = asked((took, ANSWER))

    assert found == WorkspaceIdentity(id_code="abc123", name="Acme", region="EU")
    assert given == [10.0]


def test_preflight_ends_after_ten_seconds_when_nobody_answers(asked, time):
    """Ten seconds without an answer end it, with any limit of the client and any attempts left."""
    found, given = asked((math.inf, None))

    assert (found.reason, found.message) == (
        "outage",
        "Intercom cannot be reached (no answer): nothing was submitted, try again later",
    )
    assert (time.now, given) == (1_010.0, [10.0])


def test_preflight_gives_the_next_attempt_what_silence_has_left(asked):
    """A broken connection is not an answer, so the ten seconds go on."""
    found, given = asked((4.0, REFUSED), (math.inf, None))

    assert found.reason == "outage"
    assert given == [10.0, 5.75]


def test_preflight_waits_for_the_window_when_the_limit_is_spent(asked, time):
    """A window of ten seconds is waited for, and the silence is counted from its end."""
    spent = Answer(status=429, headers={"Retry-After": "10"})

    found, given = asked((0.0, spent), (3.0, ANSWER))

    assert found.id_code == "abc123"
    assert given == [10.0, 10.0]
    assert time.now == 1_013.25


@pytest.mark.parametrize("retry_after", ["10", "120"])
def test_preflight_ends_within_thirty_seconds_when_the_server_only_asks_to_wait(asked, time, retry_after):
    """It ends within thirty seconds, also if the last attempt gets no answer."""
    busy = Answer(status=503, headers={"Retry-After": retry_after})

    found, _ = asked((1.0, busy), (1.0, busy), (math.inf, None), (1.0, busy))

    assert found.reason == "outage"
    assert time.now <= 1_030.0


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_preflight_outlasts_answers_that_pass(asked, time, status):
    """Time ends the attempts, not their number. From the third attempt on, two attempts are at least a second apart."""
    busy = Answer(status=status)

    found, given = asked(*[(0.0, busy)] * 20, (0.0, ANSWER))

    assert found == WorkspaceIdentity(id_code="abc123", name="Acme", region="EU")
    assert time.now == 1_000.0 + 0.25 + 0.5 + 18 * 1.0
    assert len(given) == 21


def test_preflight_ends_after_thirty_seconds_when_no_answer_is_one_to_the_question(asked, time):
    """The server answers, so the message does not say that it cannot be reached."""
    found, _ = asked(*[(0.0, Answer(status=429))] * 100)

    assert found.message == (
        "Intercom does not accept requests now (429 Too Many Requests): nothing was submitted, try again later"
    )
    assert 1_028.0 <= time.now <= 1_030.0


def test_preflight_ends_after_ten_seconds_when_connections_are_refused(asked, time):
    """A refused connection is not an answer, and the number of attempts does not count here either."""
    found, _ = asked(*[(0.0, REFUSED)] * 100)

    assert found.reason == "outage"
    assert 1_008.0 <= time.now <= 1_010.0


def test_preflight_shows_progress_while_it_waits(make_engine, scripted_client):
    """The state says that the run waits for the first answer."""
    answered, pauses = threading.Event(), []

    def tick():
        pauses.append(engine.current_state().pause)
        answered.set()

    engine = make_engine(scripted_client(me=[lambda: answered.wait(10) and ANSWER]), on_tick=tick)

    assert preflight(engine) is not None
    assert pauses[0].reason == "preflight"
    assert engine.current_state().pause is None


def test_preflight_ends_when_the_run_is_ended_meanwhile(make_engine, scripted_client):
    """A stop that the progress function causes ends the wait too."""
    released = threading.Event()

    def tick():
        engine.stop = Stop(reason="error", error_code="ended_by_error", message="")

    engine = make_engine(scripted_client(me=[lambda: released.wait(10) and ANSWER]), on_tick=tick)

    assert preflight(engine) is None
    assert engine.workspace is None
    released.set()


def test_preflight_is_not_held_by_a_server_that_says_nothing(serve, connect):
    """The limit of the preflight ends a request whose own limit is longer."""
    server = serve(lambda server, _: server.stopping.wait(10))
    transport = connect(server.url, timeout_seconds=60.0)

    with pytest.raises(TransportError, match=rf"^no answer from 127\.0\.0\.1:{server.port} within 0\.2 s$"):
        ask_in_time(lambda: transport.send("GET", "/me"), 0.2, on_look=lambda: None)


@pytest.mark.parametrize("seconds", [0.05, 0.2])
def test_question_is_not_awaited_longer_when_it_hangs(seconds):
    """A client that keeps no time, or that hangs, does not delay the end of the question."""
    released = threading.Event()

    with pytest.raises(TransportError, match=r"^no answer within 0 s$"):
        ask_in_time(lambda: released.wait(10), seconds, on_look=lambda: None)
    released.set()


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (REFUSED, TransportError, "no connection to api.intercom.io"),
        (ZeroDivisionError("a bug"), ZeroDivisionError, "a bug"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
        (SystemExit(3), RuntimeError, "a SystemExit in the thread of the question"),
    ],
)
def test_question_raises_what_its_thread_raises(raised, expected, message):
    """An exception that would silently end a thread ends the wait."""

    def ask():
        raise raised

    with pytest.raises(expected) as caught:
        ask_in_time(ask, 5.0, on_look=lambda: None)

    assert str(caught.value) == message
