"""Why a run ends early, and what becomes of the rows that it leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.decide import NOT_RECORDED, SAFE_TO_REPEAT, STOP_CODES, Verdict
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.ticket import EventState, Ticket
from events_pandas.errors import (
    AuthenticationError,
    JournalError,
    OutageError,
    SourceError,
    SubmissionError,
    SubmissionInterrupted,
)
from events_pandas.words import counted, kind_of

if TYPE_CHECKING:
    import pandas as pd

NEXT_STEP: Final = (
    "submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores repeats"
)

StopError: TypeAlias = type[SubmissionError | SubmissionInterrupted]


class StopReason(StrEnum):
    """Why a run ends early."""

    AUTHENTICATION = "authentication"
    ADDRESS = "address"
    OUTAGE = "outage"
    INTERRUPTED = "interrupted"
    CLOSED = "closed"
    CANARY = "canary"
    FAILURE_RATE = "failure_rate"
    JOURNAL = "journal"
    UNANSWERED = "unanswered"
    ERROR = "error"


class EarlyEnd(NamedTuple):
    """What follows from a reason to stop."""

    # The exception that the caller gets, and its message for `str.format`.
    exception: StopError
    message: str
    # What the rows of open chunks say: one text for all, as they may be many. Later rows have the message of the stop.
    error_code: str
    left_behind: str


EARLY_ENDS: Final[Mapping[StopReason, EarlyEnd]] = MappingProxyType(
    {
        StopReason.AUTHENTICATION: EarlyEnd(
            AuthenticationError,
            "Intercom refused the access token ({said}): {cure}",
            "unauthorized",
            "the run ended before this row, as the access token was refused: submit the row again",
        ),
        StopReason.ADDRESS: EarlyEnd(
            SubmissionError,
            "the answer to the first event was {said}, which is not about a contact, so it did not come from "
            "Intercom's API: check the region and the address, then submit all rows again",
            "wrong_address",
            "the run ended before this row, as the first answer was not Intercom's: check the region and the address",
        ),
        StopReason.OUTAGE: EarlyEnd(
            OutageError,
            "{what}",
            "outage",
            "the run ended before this row, as Intercom could not be reached: submit the row again later",
        ),
        StopReason.INTERRUPTED: EarlyEnd(
            SubmissionInterrupted,
            f"the run was interrupted: to go on, {NEXT_STEP}",
            "interrupted",
            "the run was interrupted before this row: submit the row again",
        ),
        StopReason.CLOSED: EarlyEnd(
            SubmissionInterrupted,
            f"the stream was closed: to go on, {NEXT_STEP}",
            "interrupted",
            "the stream was closed before this row: submit the row again",
        ),
        StopReason.CANARY: EarlyEnd(
            SubmissionError,
            "the canary failed, and no other row was sent: {count} of its {total} rows {are} {first.status}, such as "
            f"row {{first.row}}: {{first.error_message}}. Fix the cause, then {NEXT_STEP}",
            "canary_failed",
            "the run ended before this row, as the rows sent first failed: fix the cause, then submit again",
        ),
        StopReason.FAILURE_RATE: EarlyEnd(
            SubmissionError,
            "{failures:,} of the {ended:,} events sent were not accepted, which is more than "
            "the share of {limit:g} that is allowed; the last is row {last.row}, {last.status}: {last.error_message}. "
            f"Fix the cause, then {NEXT_STEP}",
            "too_many_failures",
            "the run ended before this row, as too many failed: fix the cause, then submit again",
        ),
        StopReason.JOURNAL: EarlyEnd(
            SubmissionError,
            f"the run ended, as accepted events can no longer be recorded: {{error}}. To go on, {NEXT_STEP}",
            "journal_failed",
            "the run ended before this row, as its journal could not be written: submit the row again",
        ),
        StopReason.UNANSWERED: EarlyEnd(
            SubmissionError,
            f"Intercom {{did}} for {{contacts}} ({{said}}): {{first}} {NEXT_STEP}",
            "contacts_unanswered",
            "the run ended before this row, as Intercom did not say which contacts it has: submit the row again",
        ),
        StopReason.ERROR: EarlyEnd(
            SubmissionError,
            f"{{what}}: to go on, {NEXT_STEP}",
            "ended_by_error",
            "an error ended the run before this row: submit the row again",
        ),
    }
)
"""What follows from each reason."""
_CURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unauthorized": "check that the token is complete and of this region, or make a new one in the developer hub",
        "forbidden": "check the permissions of the token's app and the plan of its workspace",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """The early end of a run. `error_code` is the code of the rows left behind."""

    reason: StopReason
    error_code: str
    message: str
    # The error behind the stop, if there is one.
    cause: BaseException | None = field(default=None, compare=False, repr=False)

    @property
    def of_rows(self) -> str:
        """What the rows say that the run has left behind."""
        # Of an interrupt, the message of the run says no more than this.
        is_interrupt = self.reason in {StopReason.INTERRUPTED, StopReason.CLOSED}
        return EARLY_ENDS[self.reason].left_behind if is_interrupt else self.message

    def error(self, results: "pd.DataFrame") -> SubmissionError | SubmissionInterrupted:
        """Return the exception that the caller gets, with the results so far."""
        error = EARLY_ENDS[self.reason].exception(self.message, results=results)
        error.__cause__ = self.cause
        return error

    def advising(self, next_step: str) -> "Stop":
        """Return the stop with another next step, if its message has one: not every run submits rows."""
        if not self.message.endswith(NEXT_STEP):
            return self
        return replace(self, message=f"{self.message.removesuffix(NEXT_STEP)}{next_step}")


def _stop(reason: StopReason, cause: BaseException | None = None, **facts: object) -> Stop:
    end = EARLY_ENDS[reason]
    return Stop(reason=reason, error_code=end.error_code, message=end.message.format(**facts), cause=cause)


def stop_after(attempt: Attempt, *, is_first: bool) -> Stop | None:
    """Return the stop that follows from an attempt, or None.

    `is_first` says that it is the first final answer to an event, which shows whether the address is Intercom's.
    """
    if code := STOP_CODES.get(attempt.status or 0):
        return replace(_stop(StopReason.AUTHENTICATION, said=attempt.said, cure=_CURES[code]), error_code=code)
    return _stop(StopReason.ADDRESS, said=attempt.said) if is_first and attempt.is_wrong_address else None


def stop_for_outage(last_failure: str, *, seconds: float) -> Stop:
    """Return the stop for an outage in which everything has failed for so many seconds."""
    return stop_without_service(
        f"every request has failed for {seconds:.0f} s, and the run waits no longer; "
        f"the last failure: {last_failure}. When Intercom is back, {NEXT_STEP}"
    )


def stop_without_service(message: str) -> Stop:
    """Return the stop for a service that cannot be reached, or that is not Intercom's, with a message that says so."""
    return _stop(StopReason.OUTAGE, what=message)


def stop_for_canary(outcomes: Sequence[Outcome]) -> Stop | None:
    """Return the stop for rows sent first that fail, or None.

    One row that was rejected or failed is enough, or more than half with unknown contacts.
    """
    faulty = [outcome for outcome in outcomes if outcome.status in (Status.REJECTED, Status.FAILED)]
    unknown = [outcome for outcome in outcomes if outcome.status is Status.UNKNOWN_CONTACT]
    if not faulty and 2 * len(unknown) <= len(outcomes):
        return None
    failed = faulty or unknown
    are = "is" if len(failed) == 1 else "are"
    return _stop(StopReason.CANARY, count=len(failed), total=len(outcomes), are=are, first=failed[0])


def stop_for_failure_rate(last: Outcome, *, failures: int, ended: int, limit: float) -> Stop:
    """Return the stop for too many failures: `failures` of the `ended` events that were sent."""
    return _stop(StopReason.FAILURE_RATE, last=last, failures=failures, ended=ended, limit=limit)


def stop_for_interrupt() -> Stop:
    """Return the stop for Ctrl-C."""
    return _stop(StopReason.INTERRUPTED)


def stop_for_closing() -> Stop:
    """Return the stop for a stream whose reader has closed it."""
    return _stop(StopReason.CLOSED)


def stop_for_journal(error: JournalError) -> Stop:
    """Return the stop for a journal that cannot be written."""
    return _stop(StopReason.JOURNAL, error, error=error)


def stop_without_answers(count: int, *, said: str, is_refused: bool) -> Stop:
    """Return the stop for so many contacts without an answer; `said` is what came instead for one of them.

    `is_refused` says that Intercom refused the question, and would do it again.
    """
    did, first = ("refused the question", "fix the cause, then") if is_refused else ("did not answer", "to go on,")
    return _stop(StopReason.UNANSWERED, contacts=counted(count, "contact"), said=said, did=did, first=first)


def stop_for_error(error: BaseException) -> Stop:
    """Return the stop for an error that is neither Intercom's nor the rows', such as one in the caller's function."""
    if isinstance(error, JournalError):
        return stop_for_journal(error)
    stop = _stop(StopReason.ERROR, error, what=f"{kind_of(error)}, the cause of this error, ended the run")
    if isinstance(error, SourceError):
        return replace(stop, message=f"the run ended early, after earlier rows were submitted: {error}")
    if not isinstance(error, Exception | SystemExit | GeneratorExit):
        # The client's own code raised what ends a program or a task.
        return _stop(StopReason.INTERRUPTED, error)
    return stop


def stop_for_thread(death: BaseException | None) -> Stop:
    """Return the stop for a thread that has ended, with its error if that is known."""
    why = f" ({type(death).__name__})" if death else ""
    return _stop(StopReason.ERROR, death, what=f"the run ended, as a thread that makes requests has died{why}")


def stop_for_silence(seconds: float) -> Stop:
    """Return the stop for a request that has not come back for so many seconds."""
    return _stop(StopReason.ERROR, what=f"the run ended, as a request has had no answer for {seconds:,.0f} s")


def judge_at_stop(ticket: Ticket, stop: Stop) -> Verdict:
    """Judge an event that a stop leaves behind.

    It is ``not_submitted`` if it did not arrive, and ``failed`` if it may have arrived, or was accepted and is not in
    the journal.
    """
    if ticket.state is EventState.RECORDING:
        return NOT_RECORDED
    doubt = "no_answer" if ticket.state is EventState.OUT else ticket.doubt
    if doubt:
        message = f"the run ended before the row had a final answer. It may have arrived; {SAFE_TO_REPEAT}"
        status, code = Status.FAILED, doubt
    else:
        message = EARLY_ENDS[stop.reason].left_behind
        status, code = Status.NOT_SUBMITTED, stop.error_code
    return Verdict(status=status, http_status=ticket.http_status, error_code=code, error_message=message)
