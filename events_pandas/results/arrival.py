"""Arrival: what the count of a contact's events says about those that were accepted, and what a sample proves."""

import bisect
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pandas as pd

CONFIDENCE: Final = 0.95
_DOUBT: Final = 0.05
# Logarithms are not exact: a probability that is equal must not seem larger.
_ROUNDING: Final = 1e-9
_NEGLIGIBLE: Final = 1e-15
_THOUSAND: Final = 1_000


class ArrivalStatus(StrEnum):
    """What Intercom's count says about the accepted events of a contact and an event name."""

    # As many events, with the same first and last time.
    MATCHING = "matching"
    # Some are missing.
    DIFFERING = "differing"
    # There are others too, behind which a loss could hide.
    MORE = "more"
    # Some are missing, and all that may be missing were submitted a moment ago.
    NOT_YET_VISIBLE = "not_yet_visible"
    # The identifier no longer names one contact.
    GONE = "gone"
    UNANSWERED = "unanswered"


ARRIVAL_STATUS_DTYPE: Final = pd.CategoricalDtype([status.value for status in ArrivalStatus], ordered=True)
POSSIBLY_MISSING: Final = (ArrivalStatus.DIFFERING, ArrivalStatus.NOT_YET_VISIBLE)
"""The statuses of events that may be missing.

Leaving out those that are not yet visible would make the bound wrong: lost ones are always among them.
"""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many events a contact has of one name, and the Unix seconds of the first and the last; 0 if there is none."""

    count: int = 0
    first: int = 0
    last: int = 0

    def has(self, second: int) -> bool:
        """Whether a time lies between the first and the last event."""
        return self.count > 0 and self.first <= second <= self.last

    def with_others(self, others: "EventCount") -> "EventCount":
        """Return the count of these events and others."""
        if not self.count or not others.count:
            return self if self.count else others
        return EventCount(self.count + others.count, min(self.first, others.first), max(self.last, others.last))


NO_EVENTS: Final = EventCount()


def least_missing(accepted: EventCount, found: EventCount) -> int:
    """Return how many of the accepted events are missing at least, whatever else the contact has."""
    if not accepted.count:
        return 0
    others = {second for second in (found.first, found.last) if found.count and not accepted.has(second)}
    ends = {second for second in (accepted.first, accepted.last) if not found.has(second)}
    return max(accepted.count - (found.count - len(others)), len(ends))


def judge_arrival(
    accepted: EventCount, settled: EventCount, found: EventCount, *, is_open: bool
) -> tuple[ArrivalStatus, int]:
    """Return what a count says, and how many events are missing at least.

    `settled` are the accepted events that were submitted long enough ago to be visible. `is_open` says that further
    events may have arrived or not: they could stand in the place of missing ones.
    """
    if missing := least_missing(settled, found):
        return ArrivalStatus.DIFFERING, missing
    if missing := least_missing(accepted, found):
        return ArrivalStatus.NOT_YET_VISIBLE, missing
    return (ArrivalStatus.MATCHING if found == accepted and not is_open else ArrivalStatus.MORE), 0


def most_marked(*, population: int, drawn: int, marked: int) -> int:
    """Return how many of a population are marked at most, at `CONFIDENCE`, if so many of those drawn from it are.

    It is the largest number with which drawing so few marked ones, without replacement, has a probability over 5 %.
    """
    # With these, so few are drawn in half of all cases: the median of what is drawn is the rounded mean.
    least, most = marked * population // max(drawn, 1), population - (drawn - marked)
    candidates = range(least, most + 1)

    def is_unlikely(candidate: int) -> bool:
        return _chance_of_so_few(population, drawn, marked=candidate, most=marked) <= _DOUBT * (1 + _ROUNDING)

    return candidates[bisect.bisect_left(candidates, True, lo=1, key=is_unlikely) - 1]


def largest_share(*, drawn: int, marked: int) -> float:
    """Return the share that is marked at most, at `CONFIDENCE`, of a population whose size is not known.

    It is rounded up to a thousandth, so that the share of `most_marked` is not larger for any size: with an endless
    population, few marked ones are drawn most easily, but for a hair where nearly all are marked.
    """

    def is_unlikely(thousandths: int) -> bool:
        return _endless_chance(drawn, share=thousandths / _THOUSAND, most=marked) <= _DOUBT

    least = -(-_THOUSAND * marked // drawn)
    return bisect.bisect_left(range(_THOUSAND), True, lo=least, key=is_unlikely) / _THOUSAND


def _endless_chance(drawn: int, *, share: float, most: int) -> float:
    """Return the probability of drawing at most `most` marked ones from an endless population: the binomial one."""
    if not 0 < share < 1:
        return float(share == 0 or most >= drawn)
    total = 0.0
    for count in range(most, -1, -1):
        odds = count * math.log(share) + (drawn - count) * math.log1p(-share)
        chance = math.exp(_log_ways(drawn, count) + odds)
        total += chance
        if chance < total * _NEGLIGIBLE:
            break
    return total


def _chance_of_so_few(population: int, drawn: int, *, marked: int, most: int) -> float:
    """Return the probability of drawing at most `most` marked ones: the hypergeometric distribution.

    `most` is at most their mean, so that each fewer marked one is less likely.
    """
    total, all_ways = 0.0, _log_ways(population, drawn)
    for count in range(most, max(drawn - (population - marked), 0) - 1, -1):
        chance = math.exp(_log_ways(marked, count) + _log_ways(population - marked, drawn - count) - all_ways)
        total += chance
        if chance < total * _NEGLIGIBLE:
            break
    return total


def _log_ways(size: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose some of a set."""
    return math.lgamma(size + 1) - math.lgamma(chosen + 1) - math.lgamma(size - chosen + 1)
