"""Tickets and chunks: what is known of each event until its outcome."""

import pytest

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.decide import Verdict
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.ticket import Chunk

ACCEPTED = Verdict(status=Status.ACCEPTED, http_status=202)


def test_ticket_keeps_the_doubt_of_every_attempt(events):
    """A later failure that is harmless does not settle an earlier doubt."""
    (ticket,) = Chunk(events("a")).tickets
    ticket.note(Answer(status=503), ended_at=1.0)

    ticket.note(TransportError("refused", may_have_arrived=False), ended_at=2.0)

    assert (ticket.doubt, ticket.http_status, ticket.ended_at) == ("server_error", None, 2.0)


def test_ticket_ends_with_its_facts_in_the_outcome(events):
    """An outcome is the verdict with row, attempts and time."""
    (ticket,) = Chunk(events("a", start=7)).tickets
    ticket.attempts, ticket.ended_at = 2, 5.0

    outcome = ticket.end(ACCEPTED)

    assert outcome == Outcome(row=7, status=Status.ACCEPTED, http_status=202, attempts=2, submitted_at=5.0)


def test_chunk_is_done_when_every_event_has_its_outcome(events):
    """Outcomes may come in any order; the chunk is done with the last of them."""
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
    """Every attempt is counted; the time runs from the first that matters."""
    (ticket,) = Chunk(events("a")).tickets

    ticket.leave(1.0)
    ticket.leave(2.0)

    assert (ticket.attempts, ticket.tries, ticket.tried_from, ticket.sent_at) == (2, 2, 1.0, 2.0)


def test_ticket_begins_anew_when_it_is_pardoned(events):
    """What failed in an outage does not count; it was made all the same."""
    (ticket,) = Chunk(events("a")).tickets
    ticket.leave(1.0)

    assert ticket.pardon(1)
    ticket.leave(9.0)

    assert (ticket.attempts, ticket.tries, ticket.tried_from) == (2, 1, 9.0)


def test_ticket_is_pardoned_in_five_outages_and_no_more(events):
    """An event that was under way in each of them may be what brings the service down."""
    (ticket,) = Chunk(events("a")).tickets

    pardons = [ticket.pardon(outage) for outage in (1, 1, 2, 3, 4, 5, 5, 6)]

    assert pardons == [True] * 7 + [False]
