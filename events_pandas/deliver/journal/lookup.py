"""What a journal holds of many events at once: one statement for each block of them."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from events_pandas.check.earlier_runs import CLAIMED, FREE, Entries
from events_pandas.convert.cells import Mask
from events_pandas.convert.keys import Seconds
from events_pandas.deliver.journal.tables import Fingerprint, OtherAcceptance

Numbers: TypeAlias = npt.NDArray[np.int64]
UsedUp: TypeAlias = Callable[[Entries], Mask]
"""Returns the entries of other runs that are used up: they belong to none of the events of a claim."""

DIGEST_BYTES: Final = 16
NO_RUN: Final = -1
"""A number that no run has, for a journal that is asked before its run begins."""
_BASE: Final = 256
BLOCK: Final = _BASE * _BASE
"""Events in one statement."""


def _listed(*columns: str) -> str:
    """Return SQL for one text: the numbers of all entries in the first column, then those in the next one."""
    # An aggregate for each column takes less time than one of texts that are joined for each entry.
    return " || ',' || ".join(f"group_concat({column})" for column in columns)


# Python's sqlite3 takes the interpreter's lock for each row, which is slow beside busy threads. So all keys go in as
# one value, and all entries come out as one text. Their positions are counted by two digits: SQLite takes twice as long
# for a recursive query.
_ASKED = f"""
WITH digits(digit) AS (VALUES {", ".join(f"({digit})" for digit in range(_BASE))}),
numbers(position) AS (
    SELECT {_BASE} * high.digit + low.digit FROM digits AS high CROSS JOIN digits AS low
    WHERE {_BASE} * high.digit < :count AND {_BASE} * high.digit + low.digit < :count
),
asked(position, digest) AS (
    SELECT position, substr(:digests, :width * position + 1, :width) FROM numbers
)
"""  # noqa: S608  # made of constants

_FIND = f"""{_ASKED}
SELECT {_listed("position", "payload", "second", "ifnull(accepted_at, :claimed)")}
FROM asked CROSS JOIN events ON key = digest AND run <> :run
"""  # noqa: S608  # made of constants

_HOLDERS = f"""{_ASKED},
holders AS (
    SELECT position, events.* FROM asked CROSS JOIN events ON key = digest AND sent_half IS NULL
    UNION ALL
    SELECT position, events.* FROM asked CROSS JOIN events ON sent_half = substr(digest, 1, 8)
)
"""  # noqa: S608  # made of constants

_OCCUPIED = f"""{_HOLDERS}
SELECT {_listed("position", "ifnull(accepted_at, :claimed)")} FROM holders WHERE run <> :run
"""  # noqa: S608  # made of constants

_WHOSE = f"""{_HOLDERS}
SELECT {_listed("position", "payload", "second", "key = substr(:keys, :width * position + 1, :width)")} FROM holders
"""  # noqa: S608  # made of constants

# The clocks of two machines may differ. The entry of a later run came while this run went on. So did any entry that
# this run did not find before it sent the event: only a run that resubmits, and looks for none, has to compare times.
_OTHER_ACCEPTANCES = f"""{_WHOSE}
JOIN runs AS theirs USING (run) JOIN runs AS own ON own.run = :run
WHERE theirs.run <> own.run AND accepted_at IS NOT NULL AND (
    theirs.run > own.run OR NOT own.resubmit OR (
        accepted_at >= own.started_at / 1000000 AND (theirs.ended_at IS NULL OR theirs.ended_at >= own.started_at)
    )
)
"""  # made of constants


def holds_events(connection: sqlite3.Connection) -> bool:
    """Return whether a journal holds any event, of any workspace."""
    return connection.execute("SELECT 1 FROM events LIMIT 1").fetchone() is not None


def find_entries(connection: sqlite3.Connection, digests: list[bytes], *, run: int) -> Entries:
    """Return what other runs than `run` have sent for rows, in the order of the digests.

    A digest has the row's own second.
    """
    found = _query(connection, _FIND, digests, width=4, run=run)
    found = found[np.argsort(found[:, 0], kind="stable")]
    asked, payload, second, accepted_at = found.T.copy()
    return Entries(asked=asked, payload=payload.view(np.uint64), second=second, accepted_at=accepted_at)


def find_occupied(connection: sqlite3.Connection, digests: list[bytes], *, run: int) -> Seconds:
    """Return for each digest whether another run has sent an event with it, for any row.

    A digest has the second that would be sent. The result is the Unix seconds of the acceptance, `CLAIMED` if the event
    may have been sent, or `FREE`.
    """
    occupied = np.full(len(digests), FREE, np.int64)
    asked, accepted_at = _query(connection, _OCCUPIED, digests, width=2, run=run).T
    np.maximum.at(occupied, asked, accepted_at)
    return occupied


def find_taken(
    connection: sqlite3.Connection, fingerprints: Sequence[Fingerprint], *, run: int, used_up: UsedUp | None = None
) -> set[int]:
    """Return the positions of events that `run` must not send.

    Another event has their second or may have it, or another run has sent their content under another second.
    `used_up` says which entries of that content (by position) belong to none of these events; by default none.
    """
    found, is_another = _find_holders(connection, _WHOSE, fingerprints)
    sent = _find_sent(connection, fingerprints, run=run, used_up=used_up)
    return {*found[is_another].tolist(), *sent}


def find_other_acceptances(
    connection: sqlite3.Connection, fingerprints: Sequence[Fingerprint], *, run: int
) -> dict[int, OtherAcceptance]:
    """Return, by position, the events for which another run was answered 202 while `run` went on."""
    places, is_another = _find_holders(connection, _OTHER_ACCEPTANCES, fingerprints, run=run)
    found = zip(places.tolist(), is_another.tolist(), strict=True)
    return {place: OtherAcceptance(is_same=not another) for place, another in found}


def _find_sent(
    connection: sqlite3.Connection, fingerprints: Sequence[Fingerprint], *, run: int, used_up: UsedUp | None
) -> list[int]:
    """Return the positions of events that another run has claimed or sent under another second.

    They would be new events, and there is an entry of their content that is not used up.
    """
    keys = list(dict.fromkeys(event.key for event in fingerprints))
    found = find_entries(connection, keys, run=run)
    if not len(found.asked):
        return []
    asked, payloads = found.asked.tolist(), found.payload.view(np.int64).tolist()
    contents = [(keys[place], payload) for place, payload in zip(asked, payloads, strict=True)]
    known = set(zip(contents, found.second.tolist(), strict=True))
    new: dict[tuple[bytes, int], list[int]] = {}
    for place, event in enumerate(fingerprints):
        content = event.key, event.payload
        if (content, event.second) not in known:
            new.setdefault(content, []).append(place)
    # Events of the same content have the same entries: one of the events is enough to ask for.
    chosen = np.flatnonzero([content in new for content in contents])
    firsts = np.array([new[contents[place]][0] for place in chosen.tolist()], np.int64)
    entries = found.take(chosen)._replace(asked=firsts)
    left = chosen if used_up is None else chosen[~used_up(entries)]
    return [place for content in {contents[place] for place in left.tolist()} for place in new[content]]


def _find_holders(
    connection: sqlite3.Connection, statement: str, fingerprints: Sequence[Fingerprint], *, run: int = 0
) -> tuple[Numbers, Mask]:
    """Return the positions of events whose second has an entry, and whether that entry is of another event."""
    keys, digests = [event.key for event in fingerprints], [event.sent_digest for event in fingerprints]
    found = _query(connection, statement, digests, width=4, keys=keys, run=run)
    own = np.array([(event.payload, event.second, True) for event in fingerprints], np.int64).reshape(-1, 3)
    return found[:, 0], (found[:, 1:] != own[found[:, 0]]).any(axis=1)


def _query(
    connection: sqlite3.Connection,
    statement: str,
    digests: Sequence[bytes],
    *,
    width: int,
    keys: Sequence[bytes] | None = None,
    run: int = 0,
) -> Numbers:
    """Return a row of numbers for each entry; the first is the position of its digest."""
    asked = _rows_of_bytes(digests)
    own_keys = asked if keys is None else _rows_of_bytes(keys)
    # Sorted, so that neighbours in the file are looked up one after another; eight bytes are enough for that.
    order = np.argsort(asked.view(">u8")[:, 0])
    parts = [np.empty((0, width), np.int64)]
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        values = {
            "count": len(block),
            "digests": asked[block].tobytes(),
            "keys": own_keys[block].tobytes(),
            "width": DIGEST_BYTES,
            "claimed": CLAIMED,
            "run": run,
        }
        (text,) = connection.execute(statement, values).fetchone()
        if text is not None:
            numbers = np.fromstring(text, np.int64, sep=",").reshape(width, -1).T
            numbers[:, 0] = block[numbers[:, 0]]
            parts.append(numbers)
    return np.concatenate(parts)


def _rows_of_bytes(digests: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)
