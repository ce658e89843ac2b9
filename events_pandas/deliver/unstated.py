"""A rate limit that no answer states: the documented one, then what refusals teach."""

from collections import deque
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.sighting import Sighting

PATIENT_SECONDS: Final = 60.0
"""Without a refusal for so long, a little more is tried: others may have left."""
GROWTH: Final = 1.01


class UnstatedLimit:
    """The limit of a server that sends no rate-limit headers, or whose headers a proxy takes away.

    Parameters
    ----------
    rate_share : float, default 1.0
        The part of each window that is ours to use.

    Attributes
    ----------
    limit : int
        Requests that a window allows, as far as is known.

    Notes
    -----
    A refusal means that as many requests as were accepted in the last ten seconds are the limit, or that its text tells
    it. Evenly spread, so many are never too many, wherever the windows begin.
    """

    def __init__(self, rate_share: float = 1.0) -> None:
        self.limit = intercom.DEFAULT_LIMIT
        self._rate_share = rate_share
        self._accepted_at: deque[float] = deque()
        self._lesson_at: float | None = None

    @property
    def interval_seconds(self) -> float:
        """The time between requests that are spread evenly."""
        return intercom.WINDOW_SECONDS / max(self.limit * self._rate_share, 1.0)

    def observe(self, sighting: Sighting) -> None:
        """Note an answer.

        Parameters
        ----------
        sighting : Sighting
            What it shows.
        """
        now = sighting.received_at
        while self._accepted_at and self._accepted_at[0] < now - intercom.WINDOW_SECONDS:
            self._accepted_at.popleft()
        if sighting.is_refused:
            self._learn(sighting)
        elif not sighting.is_trouble:
            self._accepted_at.append(now)
            if self._lesson_at is not None and now - self._lesson_at > PATIENT_SECONDS:
                self._lesson_at = now
                self.limit = min(int(self.limit * GROWTH) + 1, intercom.DEFAULT_LIMIT)

    def _learn(self, sighting: Sighting) -> None:
        self._lesson_at = sighting.received_at
        accepted = max(int(len(self._accepted_at) / self._rate_share), 1)
        self.limit = sighting.told_limit or min(self.limit, accepted)
