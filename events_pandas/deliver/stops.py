"""Why a run ends early, and what becomes of the rows that it leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from events_pandas.deliver.client.answers import Answer, read_error_details
from events_pandas.deliver.decide import SAFE_TO_REPEAT, STOP_CODES, Verdict, describe_answer
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.recording import NOT_RECORDED
from events_pandas.deliver.ticket import Ticket
from events_pandas.errors import JournalError, SourceError
from events_pandas.words import kind_of

NEXT_STEP: Final = (
    "submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores repeats"
)

Reason = Literal["authentication", "address", "outage", "interrupted", "canary", "failure_rate", "journal", "error"]

# One text for all rows, as a million rows may be left behind.
_LEFT_BEHIND: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        "authentication": "the run ended before this row, as the access token was refused: submit the row again",
        "address": "the run ended before this row, as the first answer was not Intercom's: check region and base_url",
        "outage": "the run ended before this row, as Intercom could not be reached: submit the row again later",
        "interrupted": "the run was interrupted before this row: submit the row again",
        "canary": "the run ended before this row, as the rows sent first failed: fix the cause, then submit again",
        "failure_rate": "the run ended before this row, as too many failed: fix the cause, then submit again",
        "journal": "the run ended before this row, as its journal could not be written: submit the row again",
        "error": "an error ended the run before this row: submit the row again",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """The early end of a run. `error_code` is the code of the rows left behind."""

    reason: Reason
    error_code: str
    message: str
    # The error behind the stop, if there is one.
    cause: BaseException | None = field(default=None, compare=False, repr=False)


def stop_for_answer(answer: Answer) -> Stop:
    """Return the stop for a refused token, which is answered 401 or 403."""
    code = STOP_CODES[answer.status]
    cures = {
        "unauthorized": "check that the token is complete and of this region, or make a new one in the developer hub",
        "forbidden": "check the permissions of the token's app and the plan of its workspace",
    }
    said = describe_answer(answer.status, read_error_details(answer))
    message = f"Intercom refused the access token ({said}): {cures[code]}"
    return Stop(reason="authentication", error_code=code, message=message)


def stop_for_address(answer: Answer) -> Stop:
    """Return the stop for a wrong address: the first answer to an event is a 404 that does not speak of a contact."""
    said = describe_answer(answer.status, read_error_details(answer))
    message = (
        f"the answer to the first event was {said}, which is not about a contact, so it did not come from "
        "Intercom's API: check region and base_url, then submit all rows again"
    )
    return Stop(reason="address", error_code="wrong_address", message=message)


def stop_for_outage(last_failure: str, *, seconds: float) -> Stop:
    """Return the stop for an outage in which everything has failed for so many seconds."""
    message = (
        f"every request has failed for {seconds:.0f} s, and patience_seconds is over; "
        f"the last failure: {last_failure}. When Intercom is back, {NEXT_STEP}"
    )
    return Stop(reason="outage", error_code="outage", message=message)


def stop_for_canary(outcomes: Sequence[Outcome]) -> Stop | None:
    """Return the stop for rows sent first that fail, or None.

    One row that was rejected or failed is enough, or more than half with unknown contacts.
    """
    faulty = [outcome for outcome in outcomes if outcome.status in (Status.REJECTED, Status.FAILED)]
    unknown = [outcome for outcome in outcomes if outcome.status is Status.UNKNOWN_CONTACT]
    if not faulty and 2 * len(unknown) <= len(outcomes):
        return None
    failed = faulty or unknown
    message = (
        f"the canary failed, and no other row was sent: {len(failed)} of its {len(outcomes)} rows "
        f"{'is' if len(failed) == 1 else 'are'} {failed[0].status}, such as row {failed[0].row}: "
        f"{failed[0].error_message}. Fix the cause, then {NEXT_STEP}"
    )
    return Stop(reason="canary", error_code="canary_failed", message=message)


def stop_for_failure_rate(last: Outcome, *, failures: int, ended: int, limit: float) -> Stop:
    """Return the stop for too many failures: `failures` of the `ended` events that were sent."""
    message = (
        f"{failures:,} of the {ended:,} events sent were not accepted, which is more than max_failure_rate={limit:g} "
        f"allows; the last is row {last.row}, {last.status}: {last.error_message}. Fix the cause, then "
        f"{NEXT_STEP}"
    )
    return Stop(reason="failure_rate", error_code="too_many_failures", message=message)


def stop_for_interrupt() -> Stop:
    """Return the stop for Ctrl-C."""
    message = f"the run was interrupted: to go on, {NEXT_STEP}"
    return Stop(reason="interrupted", error_code="interrupted", message=message)


def stop_for_journal(error: JournalError) -> Stop:
    """Return the stop for a journal that cannot be written."""
    message = f"the run ended, as accepted events can no longer be recorded: {error}. To go on, {NEXT_STEP}"
    return Stop(reason="journal", error_code="journal_failed", message=message, cause=error)


def stop_for_error(error: BaseException) -> Stop:
    """Return the stop for an error that is neither Intercom's nor the rows', such as one in the caller's function."""
    if isinstance(error, JournalError):
        return stop_for_journal(error)
    if not isinstance(error, Exception | SystemExit):
        # An interrupt that the client's own code raised.
        return stop_for_interrupt()
    message = (
        f"the run ended early, after earlier rows were submitted: {error}"
        if isinstance(error, SourceError)
        else f"{kind_of(error)}, the cause of this error, ended the run: to go on, {NEXT_STEP}"
    )
    return Stop(reason="error", error_code="ended_by_error", message=message, cause=error)


def stop_for_thread(death: BaseException | None) -> Stop:
    """Return the stop for a thread that has ended, with its error if that is known."""
    why = f" ({type(death).__name__})" if death else ""
    message = f"the run ended, as a thread that makes requests has died{why}: to go on, {NEXT_STEP}"
    return Stop(reason="error", error_code="ended_by_error", message=message, cause=death)


def stop_for_silence(seconds: float) -> Stop:
    """Return the stop for a request that has not come back for so many seconds."""
    message = f"the run ended, as a request has had no answer for {seconds:,.0f} s: to go on, {NEXT_STEP}"
    return Stop(reason="error", error_code="ended_by_error", message=message)


def judge_at_stop(ticket: Ticket, stop: Stop) -> Verdict:
    """Judge an event that a stop leaves behind.

    It is ``not_submitted`` if it did not arrive, and ``failed`` if it may have arrived, or was accepted and is not in
    the journal.
    """
    if ticket.is_being_recorded:
        return NOT_RECORDED
    doubt = "no_answer" if ticket.is_out else ticket.doubt
    if doubt:
        message = f"the run ended before the row had a final answer. It may have arrived; {SAFE_TO_REPEAT}"
        status, code = Status.FAILED, doubt
    else:
        message = _LEFT_BEHIND[stop.reason]
        status, code = Status.NOT_SUBMITTED, stop.error_code
    return Verdict(status=status, http_status=ticket.http_status, error_code=code, error_message=message)
