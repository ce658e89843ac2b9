"""Early ends, and the rows that they leave behind."""

from pathlib import Path

import pandas as pd
import pytest

from events_pandas.deliver.client.answers import Answer, read_attempt
from events_pandas.deliver.decide import Verdict
from events_pandas.deliver.outcomes import Event, Outcome, Status
from events_pandas.deliver.stops import (
    Stop,
    StopReason,
    judge_at_stop,
    stop_after,
    stop_for_canary,
    stop_for_error,
    stop_for_failure_rate,
    stop_for_interrupt,
    stop_for_journal,
    stop_for_outage,
    stop_without_answers,
)
from events_pandas.deliver.ticket import EventState, Ticket
from events_pandas.errors import AuthenticationError, JournalError, OutageError, SubmissionError, SubmissionInterrupted


def _read(answer):
    return read_attempt(answer, sent_at=1.0, received_at=2.0)


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
                "check that the token is complete and of this region, or make a new one in the developer hub"
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
def test_stop_after_a_refused_token_says_how_to_fix_it(status, code, message):
    """A refused token stops the run, and the message says how to fix it."""
    stop = stop_after(_read(Answer(status=status)), is_first=False)

    assert stop == Stop(reason="authentication", error_code=code, message=message)


def test_stop_after_a_wrong_address_says_what_to_check(error_body):
    """A first answer that is not Intercom's stops the run, and the message quotes it."""
    answer = Answer(status=404, body=error_body("not_found", "Resource Not Found"))

    assert stop_after(_read(answer), is_first=True) == Stop(
        reason="address",
        error_code="wrong_address",
        message=(
            "the answer to the first event was 404 Not Found, not_found: Resource Not Found, which is not about a "
            "contact, so it did not come from Intercom's API: check the region and the address, "
            "then submit all rows again"
        ),
    )


@pytest.mark.parametrize(
    ("status", "is_first"), [(202, True), (404, False), (422, True), (429, True), (503, True), (200, True)]
)
def test_stop_after_other_answers_is_none(status, is_first):
    """Only a refused token, or a first 404 that does not speak of a contact, ends a run."""
    assert stop_after(_read(Answer(status=status)), is_first=is_first) is None


@pytest.mark.parametrize(
    ("reason", "exception"),
    [
        (StopReason.AUTHENTICATION, AuthenticationError),
        (StopReason.ADDRESS, SubmissionError),
        (StopReason.OUTAGE, OutageError),
        (StopReason.INTERRUPTED, SubmissionInterrupted),
        (StopReason.CANARY, SubmissionError),
        (StopReason.FAILURE_RATE, SubmissionError),
        (StopReason.JOURNAL, SubmissionError),
        (StopReason.ERROR, SubmissionError),
    ],
)
def test_stop_has_the_exception_of_its_reason(reason, exception):
    """The caller gets one class of exception for each reason, with the results so far and what caused the stop."""
    cause, results = OSError("disk full"), pd.DataFrame({"row": [0]})

    error = Stop(reason=reason, error_code="", message="to go on, submit again", cause=cause).error(results)

    assert type(error) is exception
    assert str(error) == "to go on, submit again"
    assert error.results is results
    assert error.__cause__ is cause


def test_stop_for_outage_says_how_long_it_lasted_and_quotes_the_last():
    """The message has the length of the outage and its last failure."""
    stop = stop_for_outage("no answer from api.intercom.io within 30 s", seconds=600.4)

    assert stop.message == (
        "every request has failed for 600 s, and the run waits no longer; the last failure: "
        "no answer from api.intercom.io within 30 s. When Intercom is back, "
        "submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores repeats"
    )


def _outcomes(*statuses):
    return [
        Outcome(row=row, status=status, attempts=1, error_message=f"message {row}")
        for row, status in enumerate(statuses, 7)
    ]


@pytest.mark.parametrize(
    "statuses",
    [
        [Status.ACCEPTED] * 3,
        [Status.ACCEPTED, Status.UNKNOWN_CONTACT],
        [Status.UNKNOWN_CONTACT, Status.ACCEPTED, Status.ACCEPTED],
        [],
    ],
)
def test_stop_for_canary_lets_the_run_go_on(statuses):
    """Unknown contacts do not stop the run if at least half of the contacts are known."""
    assert stop_for_canary(_outcomes(*statuses)) is None


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([Status.ACCEPTED, Status.REJECTED], "1 of its 2 rows is rejected, such as row 8: message 8"),
        ([Status.FAILED, Status.UNKNOWN_CONTACT], "1 of its 2 rows is failed, such as row 7: message 7"),
        (
            [Status.UNKNOWN_CONTACT] * 2 + [Status.ACCEPTED],
            "2 of its 3 rows are unknown_contact, such as row 7: message 7",
        ),
    ],
)
def test_stop_for_canary_stops_when_rows_fail(statuses, expected):
    """One row that is rejected or failed is enough, or unknown contacts in more than half of the rows."""
    stop = stop_for_canary(_outcomes(*statuses))

    assert stop == Stop(
        reason="canary",
        error_code="canary_failed",
        message=(
            f"the canary failed, and no other row was sent: {expected}. Fix the cause, "
            "then submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores "
            "repeats"
        ),
    )


def test_stop_for_failure_rate_counts_and_quotes_the_last():
    """The message has the number of failures and an example."""
    last = Outcome(row=1_204, status=Status.REJECTED, error_message="Intercom rejected the event")

    stop = stop_for_failure_rate(last, failures=1_111, ended=1_200, limit=0.1)

    assert stop == Stop(
        reason="failure_rate",
        error_code="too_many_failures",
        message=(
            "1,111 of the 1,200 events sent were not accepted, which is more than the share of 0.1 that is allowed; "
            "the last is row 1204, rejected: Intercom rejected the event. Fix the cause, "
            "then submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores "
            "repeats"
        ),
    )


@pytest.mark.parametrize(
    ("stop", "code", "message"),
    [
        (
            stop_after(_read(Answer(status=401)), is_first=False),
            "unauthorized",
            "the run ended before this row, as the access token was refused: submit the row again",
        ),
        (
            stop_for_outage("no answer", seconds=600),
            "outage",
            "the run ended before this row, as Intercom could not be reached: submit the row again later",
        ),
        (
            Stop(reason="canary", error_code="canary_failed", message=""),
            "canary_failed",
            "the run ended before this row, as the rows sent first failed: fix the cause, then submit again",
        ),
        (
            Stop(reason="failure_rate", error_code="too_many_failures", message=""),
            "too_many_failures",
            "the run ended before this row, as too many failed: fix the cause, then submit again",
        ),
        (
            stop_for_error(ZeroDivisionError()),
            "ended_by_error",
            "an error ended the run before this row: submit the row again",
        ),
        (stop_for_interrupt(), "interrupted", "the run was interrupted before this row: submit the row again"),
        (
            stop_for_journal(JournalError(Path("orders.sqlite"), problem="the disk is full", remedy="make room")),
            "journal_failed",
            "the run ended before this row, as its journal could not be written: submit the row again",
        ),
        (
            stop_without_answers(3, said="200 OK", is_refused=False),
            "contacts_unanswered",
            "the run ended before this row, as Intercom did not say which contacts it has: submit the row again",
        ),
        (
            stop_after(_read(Answer(status=404)), is_first=True),
            "wrong_address",
            "the run ended before this row, as the first answer was not Intercom's: check the region and the address",
        ),
    ],
)
def test_judge_at_stop_says_why_a_row_was_not_submitted(ticket, stop, code, message):
    """An event that was never sent is not submitted, with the reason of the stop."""
    verdict = judge_at_stop(ticket, stop)

    assert verdict == Verdict(status=Status.NOT_SUBMITTED, error_code=code, error_message=message)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"state": EventState.OUT}, "no_answer"),
        ({"state": EventState.WAITING, "doubt": "server_error", "http_status": 503}, "server_error"),
        ({"state": EventState.RECORDING, "http_status": 202}, "not_recorded"),
    ],
)
def test_judge_at_stop_is_failed_when_the_event_may_have_arrived(ticket, facts, code):
    """An event that may have arrived is failed, not ``not_submitted``."""
    for name, value in facts.items():
        setattr(ticket, name, value)

    verdict = judge_at_stop(ticket, stop_for_interrupt())

    assert (verdict.status, verdict.error_code, verdict.http_status) == (Status.FAILED, code, ticket.http_status)
