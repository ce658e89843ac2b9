"""What counts say about accepted events, and the bound that a sample gives; no client, no clock."""

from math import comb

import pytest

from events_pandas.results.arrival import (
    NO_EVENTS,
    ArrivalStatus,
    EventCount,
    judge_arrival,
    largest_share,
    least_missing,
    most_marked,
)

ACCEPTED = EventCount(5, 100, 500)


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (ACCEPTED, 0),
        (NO_EVENTS, 5),
        (EventCount(4, 100, 500), 1),
        # The last is missing, whatever else there is.
        (EventCount(5, 100, 400), 1),
        (EventCount(9, 200, 400), 2),
        # One of the five is an event of somebody else.
        (EventCount(5, 50, 500), 1),
        (EventCount(6, 50, 600), 1),
        (EventCount(6, 50, 500), 0),
        (EventCount(7, 50, 600), 0),
        (EventCount(6, 100, 500), 0),
        # Only events of somebody else, before and after all of ours.
        (EventCount(1, 50, 50), 5),
        (EventCount(2, 600, 700), 5),
    ],
)
def test_least_missing_counts_what_others_cannot_explain(found, missing):
    """An event found outside the accepted ones is another one, and an end that is not reached is missing."""
    assert least_missing(ACCEPTED, found) == missing


def test_least_missing_of_no_events_is_none():
    """Where nothing was accepted, nothing is missing."""
    assert least_missing(NO_EVENTS, NO_EVENTS) == 0


@pytest.mark.parametrize(
    ("settled", "found", "is_open", "verdict"),
    [
        (ACCEPTED, ACCEPTED, False, (ArrivalStatus.MATCHING, 0)),
        (ACCEPTED, EventCount(4, 100, 500), False, (ArrivalStatus.DIFFERING, 1)),
        (ACCEPTED, EventCount(6, 100, 500), False, (ArrivalStatus.MORE, 0)),
        # Events that may have arrived could stand in the place of lost ones.
        (ACCEPTED, ACCEPTED, True, (ArrivalStatus.MORE, 0)),
        (ACCEPTED, EventCount(4, 100, 500), True, (ArrivalStatus.DIFFERING, 1)),
        # The two newest events are not visible yet: that explains two missing ones, and not three.
        (EventCount(3, 100, 300), EventCount(3, 100, 300), False, (ArrivalStatus.NOT_YET_VISIBLE, 2)),
        (EventCount(3, 100, 300), EventCount(2, 100, 300), False, (ArrivalStatus.DIFFERING, 1)),
        (NO_EVENTS, NO_EVENTS, False, (ArrivalStatus.NOT_YET_VISIBLE, 5)),
        # What has arrived needs no time.
        (NO_EVENTS, ACCEPTED, False, (ArrivalStatus.MATCHING, 0)),
    ],
)
def test_judge_arrival_blames_only_what_nothing_else_explains(settled, found, is_open, verdict):
    """A loss is stated if neither other events nor time explain the count."""
    assert judge_arrival(ACCEPTED, settled, found, is_open=is_open) == verdict


def exact_bound(population, drawn, marked):
    """The largest number of marked ones with which so few are drawn in more than one case of twenty."""
    return max(
        candidate
        for candidate in range(marked, population - (drawn - marked) + 1)
        if 20 * sum(comb(candidate, few) * comb(population - candidate, drawn - few) for few in range(marked + 1))
        > comb(population, drawn)
    )


@pytest.mark.parametrize("population", [1, 2, 7, 16, 25, 40])
def test_most_marked_is_the_exact_bound(population):
    """The bound is that of whole numbers, counted out, for each sample of each size; also where 5 % is met exactly."""
    cases = [(drawn, marked) for drawn in range(population + 1) for marked in range(drawn + 1)]

    bounds = [most_marked(population=population, drawn=drawn, marked=marked) for drawn, marked in cases]

    assert bounds == [exact_bound(population, drawn, marked) for drawn, marked in cases]


@pytest.mark.parametrize(
    ("population", "drawn", "marked", "most"),
    [
        # The whole population leaves no doubt.
        (10, 10, 0, 0),
        (10, 10, 3, 3),
        # Nothing drawn says nothing.
        (10, 0, 0, 10),
        # With replacement it would be 1 - 0.05 ** (1 / 200), or 1.4867 %.
        (1_200_000, 200, 0, 17_838),
        (3_168, 200, 0, 45),
    ],
)
def test_most_marked_of_known_cases(population, drawn, marked, most):
    """Bounds of large populations come close to those of drawing with replacement."""
    assert most_marked(population=population, drawn=drawn, marked=marked) == most


@pytest.mark.parametrize(
    ("drawn", "marked", "share"), [(1, 0, 0.951), (19, 0, 0.146), (200, 0, 0.015), (49, 2, 0.123), (5, 5, 1.0)]
)
def test_largest_share_of_known_cases(drawn, marked, share):
    """The exact binomial bound (Clopper and Pearson, 1934), rounded up to thousandths."""
    assert largest_share(drawn=drawn, marked=marked) == share


@pytest.mark.parametrize("drawn", [1, 2, 3, 7, 19])
def test_largest_share_is_not_below_the_bound_for_any_size(drawn):
    """If it is not known how many there are, the share that is stated holds for all sizes."""
    for marked in range(drawn + 1):
        largest = largest_share(drawn=drawn, marked=marked)
        for population in range(drawn, 100):
            assert most_marked(population=population, drawn=drawn, marked=marked) <= largest * population
