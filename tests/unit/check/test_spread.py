"""Seconds for rows that share contact, event name and second."""

import numpy as np
import pytest

from events_pandas.check.duplicates import free_seconds, spread_events
from events_pandas.convert.keys import event_words


def _integers(values):
    return np.array(values, np.int64)


def _free(events, taken=()):
    """Give events, given by stream and second, a free second; their own seconds are all taken."""
    streams, seconds = _integers(events).reshape(-1, 2).T
    taken_streams, taken_seconds = _integers([*events, *taken]).reshape(-1, 2).T
    return free_seconds(streams, seconds, taken=(taken_streams, taken_seconds)).tolist()


@pytest.mark.parametrize(
    ("seconds", "taken", "given"),
    [
        ([10], [], [11]),
        ([10, 10, 10], [], [11, 12, 13]),
        ([10, 10], [11], [12, 13]),
        ([10, 10, 10], [11, 13, 14], [12, 15, 16]),
        ([10, 10, 11], [], [12, 13, 14]),
        ([10, 11, 11, 14], [], [12, 13, 15, 16]),
        ([10, 20], [11, 21], [12, 22]),
        ([10, 10, 10, 11], [15], [12, 13, 14, 16]),
        ([-1, -1], [], [0, 1]),
        ([-5, -5], [-4, -3], [-2, -1]),
        ([10**11 - 1, 10**11 - 1], [10**11], [10**11 + 1, 10**11 + 2]),
        ([1 - 10**11, 10**11 - 1], [], [2 - 10**11, 10**11]),
    ],
)
def test_free_seconds_are_the_next_that_are_not_taken(seconds, taken, given):
    """Each event gets the first later second that is free, earlier events first."""
    assert _free([(0, second) for second in seconds], [(0, second) for second in taken]) == given


def test_free_seconds_of_one_stream_do_not_disturb_another():
    """Two contacts, or two names, may have the same second."""
    events = [(0, 10), (0, 10), (1, 10), (2, 11), (2, 11)]

    assert _free(events, taken=[(0, 11), (1, 5), (2, 10), (3, 12)]) == [12, 13, 11, 12, 13]


def test_free_seconds_keep_streams_apart_that_are_far_apart_in_time():
    """Seconds given at the end of one stream never belong to the next stream."""
    events = [(0, 10**11 - 1), (0, 10**11 - 1), (1, -(10**11) + 1)]

    assert _free(events) == [10**11, 10**11 + 1, -(10**11) + 2]


class Earlier:
    """Keys that earlier frames have taken, and how often they were asked for."""

    def __init__(self, words, seconds):
        self._known = set(map(tuple, event_words(words[:, :1], _integers(seconds)).T.tolist()))
        self.rounds = 0

    def __call__(self, asked):
        self.rounds += 1
        return np.array([tuple(word) in self._known for word in asked.T.tolist()], dtype=bool)


def _spread(seconds, *, earlier, taken=()):
    words = np.full((2, len(seconds)), 7, np.uint64)
    streams = np.zeros(len(seconds) + len(taken), np.int64)
    known = Earlier(words, earlier)
    given = spread_events(
        words,
        streams[: len(seconds)],
        _integers(seconds),
        taken=(streams, _integers([*seconds, *taken])),
        is_taken=known,
    )
    return given.tolist(), known.rounds


@pytest.mark.parametrize(
    ("seconds", "earlier", "given"),
    [
        ([10], [10], [11]),
        ([10], [10, 11, 13], [12]),
        ([10, 10], [11, 13], [12, 14]),
        ([10, 20], [11, 12, 21], [13, 22]),
        ([10, 12], [11, 13, 14, 15], [16, 17]),
    ],
)
def test_spread_events_take_no_second_of_earlier_frames(seconds, earlier, given):
    """Seconds of earlier frames are not given again."""
    assert _spread(seconds, earlier=earlier)[0] == given


def test_spread_events_take_no_second_of_this_frame_either():
    """A row of this frame that need not move keeps its second."""
    assert _spread([10, 10], earlier=[11, 13], taken=[12, 14])[0] == [15, 16]


def test_spread_events_of_thousands_in_one_second_take_few_rounds():
    """Thousands of events in one second take few questions."""
    given, rounds = _spread([0] * 5_000, earlier=range(20_000))

    assert given == list(range(20_000, 25_000))
    assert rounds < 40
