"""The threads: started when needed, ended when done, and deciding nothing."""

import threading
import time

import pytest

from events_pandas.deliver.client.answers import Answer
from events_pandas.deliver.ticket import Chunk, EventState
from events_pandas.deliver.workers import Workers


@pytest.fixture
def tickets(events):
    """Return three tickets."""
    return Chunk(events("a", "b", "c")).tickets


class PostingClient:
    """A client that posts by a function."""

    def __init__(self, post):
        self.post_event = post


@pytest.fixture
def make_workers():
    """Return a function that makes workers, which end with the test."""
    made = []

    def make(post, size=3):
        made.append(Workers(PostingClient(post), size=size, monotonic=time.monotonic))
        return made[-1]

    yield make
    for workers in made:
        workers.end_threads()


def test_workers_return_the_ticket_with_its_answer(make_workers, tickets):
    """A ticket comes back with the answer to its event and the time at which it came."""
    workers = make_workers(lambda payload: Answer(status=200, body=b'{"name": "%s"}' % payload))

    workers.give(tickets[0], 1.0)
    ticket = workers.take(5.0)

    assert ticket is tickets[0]
    assert (ticket.state, ticket.result.status, ticket.result.content) == (EventState.OUT, 200, {"name": "a"})
    assert 0 < ticket.result.received_at <= time.monotonic()


def test_workers_starts_a_thread_only_when_all_are_busy(make_workers, tickets):
    """Three requests, one after another, need one thread."""
    workers = make_workers(lambda _: Answer(status=202))

    for ticket in tickets:
        workers.give(ticket, 1.0)
        workers.take(5.0)

    assert len(workers.threads) == 1


def test_workers_has_no_room_when_all_its_threads_are_busy(make_workers, tickets):
    """At most `size` requests are in flight."""
    release = threading.Event()
    workers = make_workers(lambda _: release.wait(5.0) and Answer(status=202), size=2)

    workers.give(tickets[0], 1.0)
    workers.give(tickets[1], 1.0)

    assert (len(workers.threads), workers.in_flight, workers.has_room) == (2, 2, False)
    release.set()


def test_workers_takes_nothing_when_nothing_comes_in_time(make_workers):
    """A wait may end without a ticket."""
    assert make_workers(lambda _: Answer(status=202)).take(0.0) is None


def test_workers_take_the_tickets_that_came_after_a_wake(make_workers, tickets):
    """A call of `wake` ends a wait, and hides no ticket."""
    workers = make_workers(lambda _: Answer(status=202))
    workers.wake()
    workers.wake()
    workers.give(tickets[0], 0.0)
    workers.end_threads()

    assert workers.take(0.0) is tickets[0]


def test_workers_return_any_error_of_a_request(make_workers, tickets):
    """An exception in a request does not end its thread, but comes back as the result."""
    error = ZeroDivisionError("a bug")

    def post(_):
        raise error

    workers = make_workers(post)
    workers.give(tickets[0], 1.0)

    assert workers.take(5.0).result is error
    assert workers.threads[0].is_alive()


def test_workers_leaves_no_thread_behind_at_the_end(make_workers, tickets):
    """Idle threads end."""
    workers = make_workers(lambda _: Answer(status=202))
    workers.give(tickets[0], 1.0)
    workers.take(5.0)
    (thread,) = workers.threads

    workers.end_threads()

    assert not thread.is_alive()


class DeadlyClock:
    """A clock that kills the threads that make requests; nothing else does so outside of a request."""

    def __init__(self, death):
        self._death = death

    def __call__(self):
        if threading.current_thread().name.startswith("events-pandas-"):
            raise self._death
        return time.monotonic()


@pytest.mark.parametrize("death", [OSError("no clock"), MemoryError(), SystemExit(3), KeyboardInterrupt()])
def test_workers_return_the_ticket_of_a_dead_thread(death, tickets):
    """Its request may have arrived, and the stop names the error."""
    workers = Workers(PostingClient(lambda _: Answer(status=202)), size=3, monotonic=DeadlyClock(death))
    workers.give(tickets[0], 1.0)
    workers.threads[0].join(10.0)

    nothing, stop = workers.take(0.0), workers.check_threads()
    ticket = workers.take(0.0)

    assert nothing is None
    assert ticket is tickets[0]
    assert (ticket.result.said, ticket.result.doubt) == ("the thread of the request has died", "no_answer")
    assert stop.message.startswith(
        f"the run ended, as a thread that makes requests has died ({type(death).__name__}): to go on, submit all"
    )
    assert stop.cause is death
    assert (workers.threads, workers.in_flight) == ([], 0)


def test_workers_return_tickets_without_a_thread(tickets):
    """A request that waits for a thread was not made."""
    workers = Workers(PostingClient(lambda _: Answer(status=202)), size=1, monotonic=DeadlyClock(MemoryError()))
    workers.give(tickets[0], 1.0)
    workers.threads[0].join(10.0)
    workers.in_flight = 0
    workers.give(tickets[1], 1.0)

    workers.check_threads()
    results = {ticket.event.contact: ticket.result for ticket in (workers.take(0.0), workers.take(0.0))}

    assert {name: result.doubt for name, result in results.items()} == {"a": "no_answer", "b": None}


def test_workers_asks_for_no_stop_while_all_threads_live(make_workers, tickets):
    """A thread that waits for an answer is alive."""
    release = threading.Event()
    workers = make_workers(lambda _: release.wait(5.0) and Answer(status=202))
    workers.give(tickets[0], 1.0)

    assert workers.check_threads() is None
    release.set()


def test_workers_makes_do_with_the_threads_that_the_system_has(make_workers, tickets, monkeypatch):
    """If no further thread can be started, requests wait for the started ones."""
    start, started = threading.Thread.start, []

    def start_one(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    workers = make_workers(lambda _: Answer(status=202))
    for ticket in tickets[:2]:
        workers.give(ticket, 1.0)

    assert {id(workers.take(5.0)), id(workers.take(5.0))} == {id(tickets[0]), id(tickets[1])}
    assert len(workers.threads) == 1
    assert workers.has_room


def test_workers_raises_what_the_system_says_when_it_has_no_thread_at_all(make_workers, tickets, monkeypatch):
    """No request is counted as in flight then."""

    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    workers = make_workers(lambda _: Answer(status=202))

    with pytest.raises(RuntimeError, match=r"^can't start new thread$"):
        workers.give(tickets[0], 1.0)
    assert (workers.threads, workers.in_flight, tickets[0].state) == ([], 0, EventState.FRESH)


def test_workers_tells_of_a_request_that_never_ends(tickets):
    """A request that hangs for more than an hour ends the run."""
    release, now = threading.Event(), [10_000.0]
    workers = Workers(
        PostingClient(lambda _: release.wait(10.0) and Answer(status=202)), size=1, monotonic=lambda: now[0]
    )
    workers.give(tickets[0], now[0])
    while workers.threads[0].ticket is None:
        pass

    now[0] += 3_600.0
    before = workers.check_threads()
    now[0] += 1.0
    stop = workers.check_threads()
    release.set()
    workers.end_threads(10.0)

    assert before is None
    assert stop.message.startswith("the run ended, as a request has had no answer for 3,600 s: to go on, submit")
