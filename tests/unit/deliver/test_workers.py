"""The threads: started when needed, ended when done, and deciding nothing."""

import threading
import time

import pytest

from events_pandas.deliver.answers import Answer
from events_pandas.deliver.tickets import Chunk
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
