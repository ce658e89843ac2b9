"""A rate limit that no answer states: the documented one, then what refusals teach."""

import math
from collections import deque
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.sighting import Sighting

PATIENT_SECONDS: Final = 60.0
"""Without a refusal for so long, a little more is tried: others may have left."""
GROWTH: Final = 1.01
"""How much more is tried then."""
QUICK_GROWTH: Final = 1.1
"""How much more is tried every ten seconds, up to what there was room for before."""


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
    A refusal means that as many requests as were accepted in the last ten seconds are the limit, or half of what was
    thought, if that is more: fewer may be accepted for other reasons. Evenly spread, so many are never too many,
    wherever the windows begin. Refusals in a row are one lesson.
    """

    def __init__(self, rate_share: float = 1.0) -> None:
        self.limit = intercom.DEFAULT_LIMIT
        self._most = intercom.DEFAULT_LIMIT
        self._rate_share = rate_share
        self._accepted_at: deque[float] = deque()
        # What a whole window has had room for.
        self._proven = 0
        self._clean_since = math.inf
        self._is_taught = False

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
            self._is_taught = False
            self._accepted_at.append(now)
            self._clean_since = min(self._clean_since, now)
            self._grow(now)

    @property
    def _accepted(self) -> int:
        """Requests that may have been accepted in the last ten seconds, if our share is all that we made of them."""
        return max(int(len(self._accepted_at) / self._rate_share), 1)

    def _learn(self, sighting: Sighting) -> None:
        now = sighting.received_at
        # Twenty seconds hold a whole window, wherever windows begin.
        if now - self._clean_since > 2 * intercom.WINDOW_SECONDS:
            self._proven = max(self._proven, self._accepted)
        # The next acceptance begins anew.
        self._clean_since = math.inf
        if not self._is_taught:
            self._is_taught = True
            self.limit = min(self.limit, max(self._accepted, self.limit // 2))
        self._most = sighting.told_limit or self._most
        self.limit = min(self.limit, self._most)

    def _grow(self, now: float) -> None:
        clean_seconds = now - self._clean_since
        if self.limit < self._proven and clean_seconds > intercom.WINDOW_SECONDS:
            self.limit = min(int(self.limit * QUICK_GROWTH) + 1, self._proven)
        elif clean_seconds > PATIENT_SECONDS:
            self.limit = int(self.limit * GROWTH) + 1
        else:
            return
        self.limit = min(self.limit, self._most)
        self._clean_since = now
