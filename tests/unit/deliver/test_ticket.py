"""Tickets, chunks and the backlog: what is known about each event, and what is sent next."""

import math

import pytest

from events_pandas.deliver.client.answers import Answer, TransportError, read_attempt
from events_pandas.deliver.decide import Verdict
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.ticket import Backlog, Chunk, EventState, Ticket

ACCEPTED = Verdict(status=Status.ACCEPTED, http_status=202)
FRESH, WAITING, OUT, SUSPECT, RECORDING, ENDED = EventState


def _read(result):
    return read_attempt(result, sent_at=1.0, received_at=2.0)


@pytest.mark.parametrize(
    ("state", "following"),
    [
        (FRESH, {OUT, ENDED}),
        (WAITING, {OUT, ENDED}),
        (OUT, {WAITING, SUSPECT, RECORDING, ENDED}),
        (SUSPECT, {WAITING, ENDED}),
        (RECORDING, {ENDED}),
        (ENDED, set()),
    ],
)
def test_ticket_turns_to_the_states_of_the_table_and_to_no_other(events, state, following):
    """A transition that is not in the table is a bug, and raises."""
    (event,) = events("a", start=7)
    for new in EventState:
        ticket = Ticket(event=event, state=state)
        if new in following:
            ticket.turn(new)
            assert ticket.state is new
        else:
            with pytest.raises(RuntimeError, match=rf"^row 7 cannot be {new} after it was {state}$"):
                ticket.turn(new)
            assert ticket.state is state


@pytest.mark.parametrize("state", EventState)
def test_event_is_awaited_while_another_thread_has_it(state):
    """Something comes back from a request, or from the journal."""
    assert state.is_awaited is (state in {OUT, RECORDING})


def test_ticket_does_not_count_a_refusal_by_the_rate_limit_as_a_try(events):
    """If others use the whole limit, an event keeps its tries."""
    (ticket,) = Chunk(events("a")).tickets
    ticket.leave(1.0)

    ticket.note(_read(Answer(status=429)), ended_at=1.0)

    assert (ticket.attempts, ticket.tries) == (1, 0)


def test_ticket_keeps_the_doubt_of_every_attempt(events):
    """A later harmless failure does not remove an earlier doubt."""
    (ticket,) = Chunk(events("a")).tickets
    ticket.note(_read(Answer(status=503)), ended_at=1.0)

    ticket.note(_read(TransportError("refused", may_have_arrived=False)), ended_at=2.0)

    assert (ticket.doubt, ticket.http_status, ticket.ended_at) == ("server_error", None, 2.0)


def test_ticket_ends_with_its_facts_in_the_outcome(events):
    """An outcome is the verdict with row, attempts and time."""
    (ticket,) = Chunk(events("a", start=7)).tickets
    ticket.attempts, ticket.ended_at = 2, 5.0

    outcome = ticket.end(ACCEPTED)

    assert outcome == Outcome(row=7, status=Status.ACCEPTED, http_status=202, attempts=2, submitted_at=5.0)


def test_chunk_is_done_when_every_event_has_its_outcome(events):
    """Outcomes may come in any order; the last one completes the chunk."""
    chunk = Chunk(events("a", "b"))
    chunk.tickets[1].end(ACCEPTED)
    assert not chunk.is_done

    chunk.tickets[0].end(ACCEPTED)

    assert chunk.is_done
    assert [outcome.row for outcome in chunk.outcomes()] == [0, 1]


@pytest.mark.parametrize("names", [(), ("a",)])
def test_chunk_without_events_is_done_at_once(events, names):
    """An empty chunk waits for nothing."""
    assert Chunk(events(*names)).is_done is (not names)


def test_ticket_counts_attempts_and_those_that_matter(events):
    """Every attempt is counted; the time runs from the first that counts."""
    (ticket,) = Chunk(events("a")).tickets

    ticket.leave(1.0)
    ticket.leave(2.0)

    assert (ticket.attempts, ticket.tries, ticket.tried_from, ticket.sent_at) == (2, 2, 1.0, 2.0)


def test_ticket_begins_again_when_it_is_pardoned(events):
    """Attempts in an outage do not count as tries, but as attempts."""
    (ticket,) = Chunk(events("a")).tickets
    ticket.leave(1.0)

    assert ticket.pardon(1)
    ticket.leave(9.0)

    assert (ticket.attempts, ticket.tries, ticket.tried_from) == (2, 1, 9.0)


def test_ticket_is_pardoned_in_five_outages_and_no_more(events):
    """An event that was in flight in each of six outages may be their cause."""
    (ticket,) = Chunk(events("a")).tickets

    pardons = [ticket.pardon(outage) for outage in (1, 1, 2, 3, 4, 5, 5, 6)]

    assert pardons == [True] * 7 + [False]


@pytest.fixture
def backlog(events):
    """Return a backlog of three chunks, the first of them open."""
    backlog = Backlog(iter([events("a", "b"), events("c", start=2), events("d", start=3)]))
    backlog.pull()
    return backlog


def _sent(backlog):
    """Take the next event, as a request does."""
    ticket = backlog.next_ticket(0.0)
    ticket.turn(OUT)
    return ticket


def _names(tickets):
    return [ticket.event.contact for ticket in tickets]


def test_backlog_reads_no_further_while_events_were_never_tried(backlog):
    """The next chunk waits until every open event has been tried."""
    backlog.pull()

    assert _names(backlog.abandon()) == ["a", "b"]


def test_backlog_opens_two_chunks_at_most(backlog):
    """One chunk is read ahead, not more."""
    for _ in range(3):
        while backlog.next_ticket(0.0):
            pass
        backlog.pull()

    assert _names(backlog.abandon()) == ["a", "b", "c"]


def test_backlog_sends_a_due_retry_before_new_events(backlog):
    """A retry that is due goes first; one that is not due waits."""
    first = _sent(backlog)
    backlog.put_back(first, due_at=5.0)

    assert _names([backlog.next_ticket(4.0), backlog.next_ticket(5.0)]) == ["b", "a"]


def test_backlog_is_due_at_once_while_there_are_new_events(backlog):
    """New events are due at once; after them the earliest retry decides."""
    due_at = [backlog.due_at()]
    first, _ = _sent(backlog), _sent(backlog)
    due_at.append(backlog.due_at())
    backlog.put_back(first, due_at=5.0)
    due_at.append(backlog.due_at())

    assert due_at == [-math.inf, math.inf, 5.0]


def test_backlog_probes_with_an_event_that_was_never_tried(backlog):
    """While there are suspects, such an event is only taken if it is wanted beside them."""
    first = _sent(backlog)
    backlog.suspect(first, ACCEPTED)

    probes = [backlog.next_probe(beside_suspects=wanted) for wanted in (False, True, True)]

    assert [probe and probe.event.contact for probe in probes] == [None, "b", None]
    assert first.state == SUSPECT


def test_backlog_abandons_what_has_no_outcome(backlog):
    """Giving up lists every open event in every queue without an outcome, and sends none of them."""
    backlog.next_ticket(0.0).end(ACCEPTED)

    assert _names(backlog.abandon()) == ["b"]
    assert backlog.next_ticket(0.0) is None


def test_backlog_is_awaited_while_an_event_is_out(backlog):
    """Events that wait for their turn are not awaited."""
    before = backlog.is_awaited

    _sent(backlog)

    assert (before, backlog.is_awaited) == (False, True)


def test_backlog_raises_an_error_of_its_source_after_the_chunks_before_it(events):
    """A faulty chunk does not cost the outcomes of the chunks before it."""

    def source():
        yield events("a")
        raise ValueError("row 12 cannot be read")

    backlog = Backlog(source())
    backlog.pull()
    backlog.next_ticket(0.0).end(ACCEPTED)
    backlog.pull()
    backlog.close_first()

    with pytest.raises(ValueError, match=r"^row 12 cannot be read$"):
        backlog.first()


def test_backlog_ends_with_its_source():
    """An empty source has no first chunk."""
    backlog = Backlog(iter(()))
    backlog.pull()

    assert backlog.first() is None
