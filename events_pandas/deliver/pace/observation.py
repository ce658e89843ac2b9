"""What one answer shows of the server's pace."""

from bisect import bisect_left, insort
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from events_pandas.deliver.client.answers import Answer, Rate, read_date, read_rate, read_retry_after, read_stated_limit

RUN: Final = 5
"""So many refusals in a row, with no later request accepted, are no accident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What one answer shows of the server's pace.

    Parameters
    ----------
    status : int
        The HTTP status.
    sent_at, received_at : float
        When the request left and when its answer came, by the local clock.
    rate : Rate or None
        The rate-limit headers.
    date : float or None
        The server's clock in whole seconds.
    retry_after : float or None
        Seconds that the server asks to wait.
    told_limit : int or None
        The limit that the text of a 429 names.
    """

    status: int
    sent_at: float
    received_at: float
    rate: Rate | None = None
    date: float | None = None
    retry_after: float | None = None
    told_limit: int | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the request was one too many, or the server had too many of everyone's."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def is_trouble(self) -> bool:
        """Whether the answer says that the server could not do its work."""
        return self.is_refused or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Refusals:
    """The refused requests in a row: an accepted request that left later ends the row before it.

    Attributes
    ----------
    is_run : bool
        Whether the row has had `RUN` requests; it stays true until the row is empty.
    """

    def __init__(self) -> None:
        self.is_run = False
        self._sent_at: list[float] = []

    def __bool__(self) -> bool:
        return bool(self._sent_at)

    def refused(self, sent_at: float) -> None:
        """Note a refusal.

        Parameters
        ----------
        sent_at : float
            When its request left, by the local clock.
        """
        insort(self._sent_at, sent_at)
        self.is_run = self.is_run or len(self._sent_at) >= RUN

    def accepted(self, sent_at: float) -> None:
        """Note an accepted request.

        Parameters
        ----------
        sent_at : float
            When it left, by the local clock.
        """
        del self._sent_at[: bisect_left(self._sent_at, sent_at)]
        self.is_run = self.is_run and bool(self._sent_at)


def see(answer: Answer, *, sent_at: float, received_at: float) -> Sighting:
    """Read from an answer what the pacer wants to know.

    Parameters
    ----------
    answer : Answer
        Any answer.
    sent_at, received_at : float
        When the request left and when the answer came, by the local clock.

    Returns
    -------
    Sighting
        Its status, rate-limit headers and times.
    """
    is_refused = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    return Sighting(
        status=answer.status,
        sent_at=sent_at,
        received_at=received_at,
        rate=read_rate(answer),
        date=read_date(answer),
        retry_after=read_retry_after(answer),
        told_limit=read_stated_limit(answer) if is_refused else None,
    )
