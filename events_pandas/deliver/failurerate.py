"""Whether so many events fail that the rest is better not sent."""

from typing import Final

from events_pandas.deliver.outcomes import Outcome, Status

JUDGED_FROM: Final = 100
"""A rate is no rate before so many events have ended."""

_FAILURES: Final = frozenset({Status.REJECTED, Status.FAILED, Status.UNKNOWN_CONTACT})


class FailureRate:
    """The part of the events sent so far that was not accepted.

    Parameters
    ----------
    limit : float or None
        The part at most; None for no limit.

    Attributes
    ----------
    limit : float or None
        As given.
    ended, failures : int
        Events that were sent and have ended, and those of them that were rejected, failed, or had no contact.

    Examples
    --------
    >>> rate = FailureRate(0.1)
    >>> rate.note(Outcome(row=0, status=Status.REJECTED, attempts=1))
    False
    >>> rate.ended, rate.failures
    (1, 1)
    """

    def __init__(self, limit: float | None) -> None:
        self.ended = 0
        self.failures = 0
        self.limit = limit

    def note(self, outcome: Outcome) -> bool:
        """Count an event that has ended; those that were never sent say nothing.

        Parameters
        ----------
        outcome : Outcome
            What became of it.

        Returns
        -------
        bool
            Whether this one failed, and more than the limit has; never before `JUDGED_FROM` events have ended.
        """
        if not outcome.attempts:
            return False
        is_failure = outcome.status in _FAILURES
        self.ended += 1
        self.failures += is_failure
        if not is_failure or self.limit is None or self.ended < JUDGED_FROM:
            return False
        return self.failures > self.limit * self.ended
