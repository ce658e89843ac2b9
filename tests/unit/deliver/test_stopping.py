"""Early ends, and the rows that they leave behind."""

import pytest

from events_pandas.deliver.answers import Answer
from events_pandas.deliver.outcomes import Event, Outcome, Status
from events_pandas.deliver.stopping import Stop, stop_for_answer, stop_for_interrupt, stop_for_outage, verdict_at_stop
from events_pandas.deliver.tickets import Ticket
from events_pandas.deliver.verdicts import Verdict


@pytest.fixture
def ticket():
    """Return a ticket that was never sent."""
    return Ticket(event=Event(row=0, payload=b"{}", contact="user_id\x001"))


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (
            401,
            "unauthorized",
            (
                "Intercom refused the access token (401 Unauthorized): "
                "check that the token is whole and of this region, or make a new one in the developer hub"
            ),
        ),
        (
            403,
            "forbidden",
            (
                "Intercom refused the access token (403 Forbidden): "
                "check the permissions of the token's app and the plan of its workspace"
            ),
        ),
    ],
)
def test_stop_for_answer_says_how_to_mend_the_token(status, code, message):
    """A refused token stops the run for a reason that can be mended."""
    assert stop_for_answer(Answer(status=status)) == Stop(reason="authentication", error_code=code, message=message)


def test_stop_for_outage_counts_the_failures_and_quotes_the_last():
    """An outage is told by its number of rows and its last message."""
    last = Outcome(row=3, status=Status.FAILED, error_message="no answer")

    stop = stop_for_outage(last, failures=20)

    assert stop.message == "20 events failed one after another; the last: no answer"


@pytest.mark.parametrize(
    ("stop", "code", "message"),
    [
        (
            stop_for_answer(Answer(status=401)),
            "unauthorized",
            "the run ended before this row, as the access token was refused: submit the row again",
        ),
        (
            stop_for_outage(Outcome(row=3, status=Status.FAILED), failures=20),
            "outage",
            "the run ended before this row, as Intercom could not be reached: submit the row again later",
        ),
        (stop_for_interrupt(), "interrupted", "the run was interrupted before this row: submit the row again"),
    ],
)
def test_verdict_at_stop_says_why_a_row_was_not_submitted(ticket, stop, code, message):
    """What was never sent is not submitted, for the reason of the stop."""
    verdict = verdict_at_stop(ticket, stop)

    assert verdict == Verdict(status=Status.NOT_SUBMITTED, error_code=code, error_message=message)


@pytest.mark.parametrize(
    ("facts", "code"),
    [({"is_out": True}, "no_answer"), ({"doubt": "server_error", "http_status": 503}, "server_error")],
)
def test_verdict_at_stop_is_failed_when_the_event_may_have_arrived(ticket, facts, code):
    """An event of which an attempt may have arrived is not said to be unsubmitted."""
    for name, value in facts.items():
        setattr(ticket, name, value)

    verdict = verdict_at_stop(ticket, stop_for_interrupt())

    assert (verdict.status, verdict.error_code, verdict.http_status) == (Status.FAILED, code, ticket.http_status)
