"""The threads: started when needed, ended when done, and deciding nothing."""

import threading
import time

import pytest

from events_pandas.deliver.client.answers import Answer
from events_pandas.deliver.ticket import Chunk
from events_pandas.deliver.workers import Crew


@pytest.fixture
def tickets(events):
    """Return three tickets."""
    return Chunk(events("a", "b", "c")).tickets


@pytest.fixture
def make_crew():
    """Return a function that makes a crew, which ends with the test."""
    crews = []

    def make(post, size=3):
        crews.append(Crew(post, size=size, clock=time.monotonic))
        return crews[-1]

    yield make
    for crew in crews:
        crew.dismiss()


def test_crew_gives_back_the_ticket_with_its_answer(make_crew, tickets):
    """A ticket comes back with the answer to its event and the time at which it came."""
    crew = make_crew(lambda event: Answer(status=202, body=event.payload))

    crew.give(tickets[0])
    ticket = crew.take(5.0)

    assert ticket is tickets[0]
    assert ticket.result == Answer(status=202, body=b"a")
    assert 0 < ticket.received_at <= time.monotonic()


def test_crew_starts_a_thread_only_when_all_are_busy(make_crew, tickets):
    """One after another, three requests need one thread."""
    crew = make_crew(lambda _: Answer(status=202))

    for ticket in tickets:
        crew.give(ticket)
        crew.take(5.0)

    assert len(crew.threads) == 1


def test_crew_gives_back_what_another_thread_hands_in(make_crew, tickets):
    """It wakes whoever waits for an answer, and is no request."""
    crew = make_crew(lambda _: Answer(status=202))

    crew.hand_in(tickets[1])

    assert crew.take(5.0) is tickets[1]
    assert crew.in_flight == 0


def test_crew_has_no_room_when_all_its_threads_are_busy(make_crew, tickets):
    """As many requests are in flight as the crew is large."""
    release = threading.Event()
    crew = make_crew(lambda _: release.wait(5.0) and Answer(status=202), size=2)

    crew.give(tickets[0])
    crew.give(tickets[1])

    assert (len(crew.threads), crew.in_flight, crew.has_room) == (2, 2, False)
    release.set()


def test_crew_takes_nothing_when_nothing_comes_in_time(make_crew):
    """A wait ends without a ticket."""
    assert make_crew(lambda _: Answer(status=202)).take(0.0) is None


def test_crew_gives_back_whatever_a_request_raised(make_crew, tickets):
    """An exception of a worker ends no thread; it comes back as the result."""
    error = ZeroDivisionError("a bug")

    def post(_):
        raise error

    crew = make_crew(post)
    crew.give(tickets[0])

    assert crew.take(5.0).result is error
    assert crew.threads[0].is_alive()


def test_crew_leaves_no_thread_behind_when_it_is_dismissed(make_crew, tickets):
    """Idle threads end."""
    crew = make_crew(lambda _: Answer(status=202))
    crew.give(tickets[0])
    crew.take(5.0)
    (thread,) = crew.threads

    crew.dismiss()

    assert not thread.is_alive()


class Clock:
    """A clock that kills a thread that makes requests, as nothing else outside of a request does."""

    def __init__(self, death):
        self._death = death

    def __call__(self):
        if threading.current_thread().name.startswith("events-pandas-"):
            raise self._death
        return time.monotonic()


@pytest.mark.parametrize("death", [OSError("no clock"), MemoryError(), SystemExit(3), KeyboardInterrupt()])
def test_crew_gives_back_what_a_thread_had_that_died(death, tickets):
    """Its request may have arrived; the run is told to end, and of what."""
    crew = Crew(lambda _: Answer(status=202), size=3, clock=Clock(death))
    crew.give(tickets[0])
    crew.threads[0].join(10.0)

    nothing, stop = crew.take(0.0), crew.bury()
    ticket = crew.take(0.0)

    assert nothing is None
    assert ticket is tickets[0]
    assert (str(ticket.result), ticket.result.may_have_arrived) == ("the thread of the request has ended", True)
    assert stop.message.startswith(
        f"the run was ended, as a thread that makes requests has ended ({type(death).__name__}): to go on, submit all"
    )
    assert stop.cause is death
    assert (crew.threads, crew.in_flight) == ([], 0)


def test_crew_gives_back_what_no_thread_is_left_for(tickets):
    """A request that waits for a thread was not made."""
    crew = Crew(lambda _: Answer(status=202), size=1, clock=Clock(MemoryError()))
    crew.give(tickets[0])
    crew.threads[0].join(10.0)
    crew.in_flight = 0
    crew.give(tickets[1])

    crew.bury()
    results = {ticket.event.contact: ticket.result for ticket in (crew.take(0.0), crew.take(0.0))}

    assert {name: result.may_have_arrived for name, result in results.items()} == {"a": True, "b": False}


def test_crew_buries_nobody_while_all_live(make_crew, tickets):
    """A thread that waits for an answer is alive."""
    release = threading.Event()
    crew = make_crew(lambda _: release.wait(5.0) and Answer(status=202))
    crew.give(tickets[0])

    assert crew.bury() is None
    release.set()


def test_crew_makes_do_with_the_threads_that_the_system_has(make_crew, tickets, monkeypatch):
    """Where no further one can be started, requests wait for those that there are."""
    start, started = threading.Thread.start, []

    def start_one(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    crew = make_crew(lambda _: Answer(status=202))
    for ticket in tickets[:2]:
        crew.give(ticket)

    assert {id(crew.take(5.0)), id(crew.take(5.0))} == {id(tickets[0]), id(tickets[1])}
    assert len(crew.threads) == 1
    assert crew.has_room


def test_crew_raises_what_the_system_says_when_it_has_no_thread_at_all(make_crew, tickets, monkeypatch):
    """Nothing is counted as under way then."""

    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    crew = make_crew(lambda _: Answer(status=202))

    with pytest.raises(RuntimeError, match=r"^can't start new thread$"):
        crew.give(tickets[0])
    assert (crew.threads, crew.in_flight, tickets[0].is_out) == ([], 0, False)


def test_crew_tells_of_a_request_that_never_ends(tickets):
    """A client that keeps no time is waited for an hour, and its row may have arrived."""
    release, now = threading.Event(), [10_000.0]
    crew = Crew(lambda _: release.wait(10.0) and Answer(status=202), size=1, clock=lambda: now[0])
    tickets[0].leave(now[0])
    crew.give(tickets[0])
    while crew.threads[0].ticket is None:
        pass

    now[0] += 3_600.0
    before = crew.bury()
    now[0] += 1.0
    stop = crew.bury()
    release.set()
    crew.dismiss(10.0)

    assert before is None
    assert stop.message.startswith("the run was ended, as a request has not come back for 3,600 s: to go on, submit")
