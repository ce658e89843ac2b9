"""Tickets and chunks: what is known of each event until its outcome."""

import pytest

from events_pandas.deliver.answers import Answer, TransportError
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.tickets import Chunk
from events_pandas.deliver.verdicts import Verdict

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
