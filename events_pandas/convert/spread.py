"""Rows that share contact, event name and second, given a second of their own each."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import Seconds, Words, event_words

Streams = npt.NDArray[np.int64]
"""A number for each contact and event name: rows that share it can differ in their second only."""


def free_seconds(streams: Streams, seconds: Seconds, *, taken: tuple[Streams, Seconds]) -> Seconds:
    """Give each event the next second that is free.

    Parameters
    ----------
    streams : numpy.ndarray of int64, shape (n,)
        The stream of each event, ascending.
    seconds : numpy.ndarray of int64, shape (n,)
        Its own second, ascending within a stream; all of them are taken.
    taken : tuple of numpy.ndarray of int64
        Streams and seconds that are taken.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        For each event a later second, which neither is taken nor given to another event of its stream.

    Notes
    -----
    All streams are laid on one line, far enough apart. On it the free places are numbered; each event takes the first
    number after its own place that no earlier event has, which is a running maximum.
    """
    first = int(taken[1].min())
    span = int(taken[1].max()) - first + len(taken[1]) + len(streams) + 2
    places = np.unique(taken[0] * span + (taken[1] - first))
    own = streams * span + (seconds - first)
    # Free places up to one's own: the number of the first that comes after it.
    numbers = own + 1 - np.searchsorted(places, own, side="right")
    order = np.arange(len(numbers))
    numbers = order + np.maximum.accumulate(numbers - order)
    free = numbers + np.searchsorted(places - np.arange(len(places)), numbers, side="right")
    return free - streams * span + first


def spread_events(
    words: Words,
    streams: Streams,
    seconds: Seconds,
    *,
    taken: tuple[Streams, Seconds],
    is_taken: Callable[[Words], Mask],
) -> Seconds:
    """Give each event the next second that is free in this frame and in those before it.

    Parameters
    ----------
    words : numpy.ndarray of uint64, shape (2, n)
        A digest of contact and name, as `EventKeys.streams` makes it.
    streams, seconds : numpy.ndarray of int64, shape (n,)
        As for `free_seconds`.
    taken : tuple of numpy.ndarray of int64
        Streams and seconds that are taken in this frame.
    is_taken : callable
        Tells of event keys which of them earlier frames have.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        The seconds.

    Notes
    -----
    What earlier frames have taken is asked for where a second would be given, and then for ever longer stretches after
    it, so that a contact with thousands of events in one second takes few rounds.
    """
    stretch = 1
    while True:
        given = free_seconds(streams, seconds, taken=taken)
        hits = np.flatnonzero(is_taken(event_words(words, given)))
        if not len(hits):
            return given
        # The first hit of each stream, and the stretch after it.
        firsts = hits[np.unique(streams[hits], return_index=True)[1]]
        events = np.concatenate([hits, np.repeat(firsts, stretch)])
        asked = np.concatenate([given[hits], (given[firsts][:, None] + np.arange(1, stretch + 1)).ravel()])
        known = is_taken(event_words(words[:, events], asked))
        taken = np.append(taken[0], streams[events[known]]), np.append(taken[1], asked[known])
        stretch *= 2


def order_of_events(streams: Streams, seconds: Seconds, ties: list[npt.NDArray[np.uint64]]) -> Rows:
    """Return the order in which events are given their seconds.

    Parameters
    ----------
    streams, seconds : numpy.ndarray of int64, shape (n,)
        The stream and the second of each event.
    ties : list of numpy.ndarray of uint64, shape (n,)
        Digests of what each event holds, so that the order of rows does not matter.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Positions.
    """
    return np.lexsort((*reversed(ties), seconds, streams))
