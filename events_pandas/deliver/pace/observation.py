"""What one answer shows about the server's pace."""

from bisect import bisect_left, insort
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from events_pandas.deliver.client.answers import Answer, Rate, read_date, read_rate, read_retry_after, read_stated_limit

LONG_STREAK: Final = 5
"""So many refusals in a row, without a later accepted request, are not an accident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What one answer shows about the server's pace. Times are by the local clock."""

    status: int
    sent_at: float
    received_at: float
    # The rate-limit headers.
    rate: Rate | None = None
    # The server's clock, in whole Unix seconds.
    date: float | None = None
    # Seconds that the server asks to wait.
    retry_after: float | None = None
    # The limit that the text of a 429 names.
    named_limit: int | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the answer is a 429: this request was one too many, or all clients sent too many."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def is_failed(self) -> bool:
        """Whether the server could not do its work."""
        return self.is_refused or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class RefusalStreak:
    """The refused requests in a row.

    An accepted request that left later ends the streak before it. It is long from `LONG_STREAK` requests on, and stays
    so until it is empty.
    """

    def __init__(self) -> None:
        self.is_long = False
        self._sent_at: list[float] = []

    def __bool__(self) -> bool:
        return bool(self._sent_at)

    def refused(self, sent_at: float) -> None:
        """Note a refused request by the local time at which it left."""
        insort(self._sent_at, sent_at)
        self.is_long = self.is_long or len(self._sent_at) >= LONG_STREAK

    def accepted(self, sent_at: float) -> None:
        """Note an accepted request by the local time at which it left."""
        del self._sent_at[: bisect_left(self._sent_at, sent_at)]
        self.is_long = self.is_long and bool(self._sent_at)


def read_observation(answer: Answer, *, sent_at: float, received_at: float) -> Observation:
    """Read from an answer what the pacer uses."""
    is_refused = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    return Observation(
        status=answer.status,
        sent_at=sent_at,
        received_at=received_at,
        rate=read_rate(answer),
        date=read_date(answer),
        retry_after=read_retry_after(answer),
        named_limit=read_stated_limit(answer) if is_refused else None,
    )
