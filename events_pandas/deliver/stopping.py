"""Why a run ends early, and what becomes of the rows that it leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from events_pandas.deliver.answers import Answer, read_complaint
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.tickets import Ticket
from events_pandas.deliver.verdicts import SAFE_TO_REPEAT, STOP_CODES, Verdict, quote

Reason = Literal["authentication", "outage", "interrupted"]

# One text for all rows, as a million of them may be left behind.
_LEFT_BEHIND: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        "authentication": "the run ended before this row, as the access token was refused: submit the row again",
        "outage": "the run ended before this row, as Intercom could not be reached: submit the row again later",
        "interrupted": "the run was interrupted before this row: submit the row again",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """The early end of a run.

    Parameters
    ----------
    reason : {"authentication", "outage", "interrupted"}
        What ended it.
    error_code : str
        That of the rows that are left behind.
    message : str
        What happened and what to do next.
    """

    reason: Reason
    error_code: str
    message: str


def stop_for_answer(answer: Answer) -> Stop:
    """Return the stop that a refused token asks for.

    Parameters
    ----------
    answer : Answer
        A 401 or 403.

    Returns
    -------
    Stop
        Of the reason ``"authentication"``.
    """
    code = STOP_CODES[answer.status]
    cures = {
        "unauthorized": "check that the token is whole and of this region, or make a new one in the developer hub",
        "forbidden": "check the permissions of the token's app and the plan of its workspace",
    }
    said = quote(answer.status, read_complaint(answer))
    message = f"Intercom refused the access token ({said}): {cures[code]}"
    return Stop(reason="authentication", error_code=code, message=message)


def stop_for_outage(last: Outcome, *, failures: int) -> Stop:
    """Return the stop that a row of failures asks for.

    Parameters
    ----------
    last : Outcome
        The last of the failed events.
    failures : int
        How many there were in a row.

    Returns
    -------
    Stop
        Of the reason ``"outage"``.
    """
    message = f"{failures} events failed one after another; the last: {last.error_message}"
    return Stop(reason="outage", error_code="outage", message=message)


def stop_for_interrupt() -> Stop:
    """Return the stop that Ctrl-C asks for.

    Returns
    -------
    Stop
        Of the reason ``"interrupted"``.
    """
    message = (
        "the run was interrupted: submit the rows again to go on; what was accepted may be among them, "
        "since Intercom ignores a repeat of contact, event name and second"
    )
    return Stop(reason="interrupted", error_code="interrupted", message=message)


def verdict_at_stop(ticket: Ticket, stop: Stop) -> Verdict:
    """Judge an event that a stop leaves behind.

    Parameters
    ----------
    ticket : Ticket
        How far it has come.
    stop : Stop
        What ended the run.

    Returns
    -------
    Verdict
        ``not_submitted`` if it did not arrive for certain; ``failed`` if an attempt may have arrived.
    """
    doubt = "no_answer" if ticket.is_out else ticket.doubt
    if doubt:
        message = f"the run ended before an answer came that settles it. It may have arrived; {SAFE_TO_REPEAT}"
        status, code = Status.FAILED, doubt
    else:
        message = _LEFT_BEHIND[stop.reason]
        status, code = Status.NOT_SUBMITTED, stop.error_code
    return Verdict(status=status, http_status=ticket.http_status, error_code=code, error_message=message)
