"""What happens to rows that are one event to Intercom: they are skipped, sent anyway, or spread over seconds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from events_pandas.check.collisions import KeyedRows, KeyIndex, collisions, numbered, rows_among
from events_pandas.check.earlier_runs import (
    FREE,
    HALF_BITS,
    NO_SUBMISSIONS,
    EarlierRuns,
    EarlierSubmissions,
    find_submissions,
)
from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows
from events_pandas.convert.keys import Seconds, Words, event_words
from events_pandas.convert.problems import VALUES_KEPT, Finding
from events_pandas.words import counted

Streams = npt.NDArray[np.int64]
"""A number for each contact and event name: rows that share it can differ only in their second."""

NO_ROW = -1
"""Stands for a row if an event is not one of this run's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeats:
    """Rows that are the same event as another row."""

    rows: Rows  # positions in the frame, ascending
    firsts: Rows  # the other row of each, counted over the stream; `NO_ROW`: an earlier run sent the event
    are_identical: Mask  # whether the two have the same metadata

    def among(self, where: Mask) -> "Repeats":
        """Return the chosen repeats."""
        return Repeats(rows=self.rows[where], firsts=self.firsts[where], are_identical=self.are_identical[where])

    def placed(self, rows: Rows) -> "Repeats":
        """Return the repeats among some rows of a frame, with the rows' positions in the frame."""
        return replace(self, rows=rows[self.rows], firsts=rows[self.firsts])


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """What happens to the rows that are one event with others, of this run or of earlier ones."""

    repeats: Repeats  # valid rows that are the same event as an earlier one
    would_be: Repeats  # invalid rows that share their event with a valid one
    moved: Repeats  # valid rows that get another second
    added: Seconds  # how many seconds later, for each of `moved`
    submitted: EarlierSubmissions  # what earlier runs did with valid rows that are not repeats
    identical: Rows  # if seconds are to be claimed: valid rows with the same content as another, ascending
    identical_digests: npt.NDArray[np.uint64]  # of the metadata of each

    def findings(self, policy: str) -> Iterator[Finding]:
        """Report for each row which other one it shares its event with, and what happens to it by the policy."""
        same, same_moved = self.repeats.are_identical, self.moved.are_identical
        if policy == "send":
            yield from _findings("duplicate_sent", self.repeats)
        else:
            yield from _findings("duplicate", self.repeats.among(same))
            yield from _findings("duplicate_with_other_metadata", self.repeats.among(~same))
        yield from _findings("second_moved", self.moved.among(~same_moved), self.added[~same_moved])
        yield from _findings("second_moved_of_identical", self.moved.among(same_moved), self.added[same_moved])
        yield from _findings("mend_before_spread" if policy == "spread" else "would_be_duplicate", self.would_be)


def _findings(code: str, repeats: Repeats, added: Seconds | None = None) -> Iterator[Finding]:
    if not len(repeats.rows):
        return
    shown = slice(0, VALUES_KEPT)
    others = ["an earlier run's event" if row == NO_ROW else f"row {row}" for row in repeats.firsts[shown].tolist()]
    if code == "duplicate_sent":
        words = np.where(repeats.are_identical[shown], "same metadata", "other metadata").tolist()
        others = [f"{other} ({word})" for other, word in zip(others, words, strict=True)]
    if added is not None:
        later = [counted(seconds, "second") for seconds in added[shown].tolist()]
        others = [f"sent {time} later, because {other}" for time, other in zip(later, others, strict=True)]
    yield Finding(code=code, rows=repeats.rows, values=pa.array(others, TEXT_TYPE), field="event")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidates:
    """The rows that share their event with a row of this frame, of an earlier frame, or with an earlier run's event."""

    rows: Rows  # ascending
    groups: npt.NDArray[np.int64]  # a number for each event within the frame
    valid: Mask
    digests: Words  # shape (2, n): of each row's content
    earlier: Rows  # the row of an earlier frame that has the event, or `NO_ROW`
    earlier_digests: npt.NDArray[np.uint64]  # of that row's content
    is_settled: Mask  # rows that earlier runs sent
    is_blocked: Mask  # other rows whose second an earlier run's event has
    may_hold: Mask  # valid rows that may keep their event

    def holders(self, *, is_spread: bool) -> npt.NDArray[np.int64]:
        """Return for each candidate the place of the one that keeps its event, or -1 if none can."""
        places = np.flatnonzero(self.may_hold)
        # A row that an earlier run sent comes first, and then the first row; if the order of rows must not matter, the
        # row with the smallest digest.
        ties = [digests[places] for digests in reversed(self.digests)] if is_spread else []
        order = np.lexsort((*ties, ~self.is_settled[places], self.groups[places]))
        groups, firsts = np.unique(self.groups[places][order], return_index=True)
        holders = np.full(self.groups.max(initial=-1) + 1, -1)
        holders[groups] = places[order][firsts]
        return holders[self.groups]

    def repeats(self, frame: KeyedRows) -> Repeats:
        """Return the rows whose event another row keeps; where rows are spread, also rows blocked by an earlier run."""
        holder = self.holders(is_spread=frame.is_spread)
        is_early, is_held = self.earlier >= 0, holder >= 0
        firsts = np.select([is_early, is_held], [self.earlier, self.rows[holder] + frame.offset], NO_ROW)
        held = np.where(is_early, self.earlier_digests, self.digests[0][holder])
        # For the same metadata, the digests of earlier frames have the same lower half.
        differs = (held ^ self.digests[0]) << (HALF_BITS if frame.is_spread else np.uint64(0))
        are_identical = (is_early | is_held) & (differs == 0)
        is_repeat = is_early | (is_held & (holder != np.arange(len(self.rows))))
        if frame.is_spread:
            is_repeat = (is_repeat | self.is_blocked) & ~self.is_settled
        return Repeats(rows=self.rows, firsts=firsts, are_identical=are_identical).among(is_repeat)

    def identical(self) -> npt.NDArray[np.intp]:
        """Return the places of the valid rows with the same content as another row of the frame."""
        places = np.flatnonzero(self.valid)
        contents = numbered(np.array([self.groups[places].astype(np.uint64), self.digests[0][places]]))
        return places[np.bincount(contents, minlength=1)[contents] > 1]


def resolve(frame: KeyedRows, runs: EarlierRuns | None) -> Resolution:
    """Decide what happens to the rows that are one event with others, as the mapping says.

    With ``duplicates="spread"`` no row is a repeat: such rows are moved to other seconds.
    """
    known = frame.known(frame.has_key)
    submitted = NO_SUBMISSIONS if runs is None else find_submissions(frame, _asked_rows(frame, known), runs)
    candidates = _candidates(frame, submitted, known)
    repeats = candidates.repeats(frame)
    is_valid = frame.valid[repeats.rows]
    valid, invalid, none = repeats.among(is_valid), repeats.among(~is_valid), repeats.among(is_valid & ~is_valid)
    moved, added, identical = none, np.zeros(0, np.int64), none.rows
    if frame.policy == "send":
        invalid = none
        valid = valid.among(~np.isin(valid.rows, np.concatenate([submitted.rows, submitted.blocked])))
    else:
        # Repeats share the fate of the row that keeps their event, or are moved.
        submitted = submitted.without(valid.rows)
    if frame.is_spread:
        valid, moved = none, valid
        added = _spread(frame, moved, candidates=candidates, runs=runs) - frame.keys.seconds[moved.rows]
        identical = none.rows if runs is None else candidates.identical()
    return Resolution(
        repeats=valid,
        would_be=invalid,
        moved=moved,
        added=added,
        submitted=submitted,
        identical=candidates.rows[identical],
        identical_digests=candidates.digests[0][identical],
    )


def _asked_rows(frame: KeyedRows, known: Rows) -> Rows:
    """Return the rows about which the journal is asked; earlier frames have the events of the `known` ones."""
    is_asked = frame.valid.copy()
    if frame.policy == "skip":
        # Repeats of this run's own rows share their fate.
        is_asked[known] = False
    return np.flatnonzero(is_asked)


def _candidates(frame: KeyedRows, submitted: EarlierSubmissions, known: Rows) -> _Candidates:
    shared, shared_groups = collisions(frame.keys, frame.first_words, frame.has_key)
    # Rows that an earlier run sent are left out if no other row shares their event.
    rows = np.union1d(shared, np.union1d(known, submitted.blocked))
    # Rows that share their event with no other row of this frame are each a group of one.
    groups = len(shared) + np.arange(len(rows))
    groups[np.searchsorted(rows, shared)] = shared_groups
    earlier, earlier_digests = frame.index.find(frame.keys.words(rows))
    valid = frame.valid[rows]
    digests = np.zeros((2, len(rows)), np.uint64)
    digests[:, valid] = frame.digests(rows[valid])
    is_blocked = np.isin(rows, submitted.blocked)
    # Where rows are spread, a row that an earlier run moved does not hold its own second.
    moved = submitted.rows[submitted.seconds != frame.keys.seconds[submitted.rows]]
    is_late = is_blocked | np.isin(rows, moved) if frame.is_spread else is_blocked
    return _Candidates(
        rows=rows,
        groups=groups,
        valid=valid,
        digests=digests,
        earlier=earlier,
        earlier_digests=earlier_digests,
        is_settled=np.isin(rows, submitted.rows),
        is_blocked=is_blocked,
        may_hold=valid & (earlier < 0) & ~is_late,
    )


def _spread(frame: KeyedRows, moved: Repeats, *, candidates: _Candidates, runs: EarlierRuns | None) -> Seconds:
    """Return the new second of each row that is moved."""
    new = np.zeros(len(moved.rows), np.int64)
    if not len(moved.rows):
        return new
    seconds = frame.keys.seconds
    words = frame.keys.streams[:, moved.rows]
    # All rows with the contact and name of some moved row; also invalid ones, which may be fixed and sent.
    rows = rows_among(frame.keys.streams[0], np.unique(words[0]))
    rows = rows[frame.has_key[rows]]
    streams = numbered(frame.keys.streams[:, rows])
    own = streams[np.searchsorted(rows, moved.rows)]
    # Digests break ties, so that the order of rows does not matter.
    ties = candidates.digests[:, np.searchsorted(candidates.rows, moved.rows)]
    order = np.lexsort((*reversed(ties), seconds[moved.rows], own))
    new[order] = spread_events(
        words[:, order],
        own[order],
        seconds[moved.rows[order]],
        taken=(streams, seconds[rows]),
        is_taken=lambda asked: _is_taken(asked, frame.index, runs),
    )
    return new


def _is_taken(asked: Words, index: KeyIndex, runs: EarlierRuns | None) -> Mask:
    """Tell which events an earlier frame or an earlier run has."""
    is_known = index.find(asked)[0] >= 0
    return is_known if runs is None else is_known | (runs.occupied(asked) > FREE)


def spread_events(
    words: Words,
    streams: Streams,
    seconds: Seconds,
    *,
    taken: tuple[Streams, Seconds],
    is_taken: Callable[[Words], Mask],
) -> Seconds:
    """Give each event the next second that is free in this frame and in those before it.

    `words`, shape (2, n), are the digests of contact and name; `is_taken` tells which keys earlier frames have; see
    `free_seconds` for the rest. Earlier frames are asked about the seconds that would be given, and then about ever
    longer stretches after them, so that a contact with thousands of events in one second takes few rounds.
    """
    stretch = 1
    while True:
        given = free_seconds(streams, seconds, taken=taken)
        hits = np.flatnonzero(is_taken(event_words(words, given)))
        if not len(hits):
            return given
        # Ask about the first hit of each stream and the stretch after it.
        firsts = hits[np.unique(streams[hits], return_index=True)[1]]
        events = np.concatenate([hits, np.repeat(firsts, stretch)])
        asked = np.concatenate([given[hits], (given[firsts][:, None] + np.arange(1, stretch + 1)).ravel()])
        known = is_taken(event_words(words[:, events], asked))
        taken = np.append(taken[0], streams[events[known]]), np.append(taken[1], asked[known])
        stretch *= 2


def free_seconds(streams: Streams, seconds: Seconds, *, taken: tuple[Streams, Seconds]) -> Seconds:
    """Give each event a later second that is neither taken nor given to another event of its stream.

    `streams` ascend; `seconds` are the events' own, ascend within a stream, and are all `taken`.
    """
    # All streams are laid on one line, far enough apart, and the free places on it are numbered. Each event takes the
    # first number after its own place that no earlier event has, which is a running maximum.
    first = int(taken[1].min())
    span = int(taken[1].max()) - first + len(taken[1]) + len(streams) + 2
    places = np.unique(taken[0] * span + (taken[1] - first))
    own = streams * span + (seconds - first)
    # The number of free places up to an event's own place is the number of the first free place after it.
    numbers = own + 1 - np.searchsorted(places, own, side="right")
    order = np.arange(len(numbers))
    numbers = order + np.maximum.accumulate(numbers - order)
    free = numbers + np.searchsorted(places - np.arange(len(places)), numbers, side="right")
    return free - streams * span + first
