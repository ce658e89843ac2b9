"""What a journal holds of many events at once: one statement for each block of them."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from events_pandas.check.earlier_runs import CLAIMED, FREE, Entries
from events_pandas.convert.cells import Mask
from events_pandas.convert.keys import Seconds
from events_pandas.deliver.journal.tables import Elsewhere, Mark

Numbers = npt.NDArray[np.int64]

DIGEST_BYTES: Final = 16
BLOCK: Final = 65_536
"""Events that a statement asks for."""

# SQLite's module takes the interpreter's lock anew for each row, which takes long beside busy threads. So all keys go
# in as one value, and all entries come out as one text.
_ASKED = """
WITH RECURSIVE numbers(position) AS (
    SELECT 0 UNION ALL SELECT position + 1 FROM numbers WHERE position + 1 < :count
),
asked(position, digest) AS (
    SELECT position, substr(:digests, :width * position + 1, :width) FROM numbers
)
"""

_FIND = f"""{_ASKED}
SELECT group_concat(position || ',' || payload || ',' || second || ',' || ifnull(accepted_at, :claimed))
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
SELECT group_concat(position || ',' || ifnull(accepted_at, :claimed)) FROM holders WHERE run <> :run
"""  # noqa: S608  # made of constants

_SAME = f"""{_HOLDERS}
SELECT group_concat(
    position || ',' || payload || ',' || second || ',' || (key = substr(:keys, :width * position + 1, :width))
) FROM holders
"""  # noqa: S608  # made of constants

# The clocks of two machines may differ. An entry of a later run came while this one went on, and so did one that this
# run did not find before it sent the event. Only a run that does not look for entries has to compare times.
_ELSEWHERE = f"""{_HOLDERS}
SELECT group_concat(
    position || ',' || payload || ',' || second || ',' || (key = substr(:keys, :width * position + 1, :width))
) FROM holders JOIN runs AS theirs USING (run) JOIN runs AS own ON own.run = :run
WHERE theirs.run <> own.run AND accepted_at IS NOT NULL AND (
    theirs.run > own.run OR NOT own.resubmit OR (
        accepted_at >= own.started_at / 1000000 AND (theirs.ended_at IS NULL OR theirs.ended_at >= own.started_at)
    )
)
"""  # noqa: S608  # made of constants


def holds_events(connection: sqlite3.Connection) -> bool:
    """Tell whether a journal holds any event.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.

    Returns
    -------
    bool
        Of any workspace.
    """
    return connection.execute("SELECT 1 FROM events LIMIT 1").fetchone() is not None


def find_entries(connection: sqlite3.Connection, digests: list[bytes], *, run: int) -> Entries:
    """Look up what was sent for some rows.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    digests : list of bytes
        Of the events with the rows' own seconds.
    run : int
        The number of the run that asks, whose own events are not of interest.

    Returns
    -------
    Entries
        In the order of the digests.
    """
    found = _answers(connection, _FIND, digests, width=4, run=run)
    found = found[np.argsort(found[:, 0], kind="stable")]
    asked, payload, second, accepted_at = found.T.copy()
    return Entries(asked=asked, payload=payload.view(np.uint64), second=second, accepted_at=accepted_at)


def find_occupied(connection: sqlite3.Connection, digests: list[bytes], *, run: int) -> Seconds:
    """Look up whether events were sent, for whichever row.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    digests : list of bytes
        Of the events with the seconds that would be sent.
    run : int
        The number of the run that asks, whose own events are not of interest.

    Returns
    -------
    numpy.ndarray of int64, shape (n_digests,)
        When each was accepted, in Unix seconds; `CLAIMED` if it may have been sent, `FREE` if not.
    """
    occupied = np.full(len(digests), FREE, np.int64)
    asked, accepted_at = _answers(connection, _OCCUPIED, digests, width=2, run=run).T
    np.maximum.at(occupied, asked, accepted_at)
    return occupied


def find_taken(connection: sqlite3.Connection, marks: Sequence[Mark]) -> list[int]:
    """Look up whose second another event has, or may have.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    marks : sequence of Mark
        Events that would be sent.

    Returns
    -------
    list of int
        Their positions, ascending.
    """
    found, is_another = _holders(connection, _SAME, marks)
    taken: list[int] = np.unique(found[is_another]).tolist()
    return taken


def find_elsewhere(connection: sqlite3.Connection, marks: Sequence[Mark], *, run: int) -> dict[int, Elsewhere]:
    """Look up which events another run was answered 202 for while this one went on.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    marks : sequence of Mark
        Events that this run was answered 202 for.
    run : int
        The number of the run that asks.

    Returns
    -------
    dict of int to Elsewhere
        By their positions.
    """
    places, is_another = _holders(connection, _ELSEWHERE, marks, run=run)
    found = zip(places.tolist(), is_another.tolist(), strict=True)
    return {place: Elsewhere(is_same=not another) for place, another in found}


def _holders(
    connection: sqlite3.Connection, statement: str, marks: Sequence[Mark], *, run: int = 0
) -> tuple[Numbers, Mask]:
    """Return by position whose seconds have entries, and which of the entries are of other events."""
    keys, digests = [mark.key for mark in marks], [mark.sent_key or mark.key for mark in marks]
    found = _answers(connection, statement, digests, width=4, keys=keys, run=run)
    own = np.array([(mark.payload, mark.second, True) for mark in marks], np.int64).reshape(-1, 3)
    return found[:, 0], (found[:, 1:] != own[found[:, 0]]).any(axis=1)


def find_sent(
    connection: sqlite3.Connection, marks: Sequence[Mark], *, run: int, used_up: Callable[[Entries], Mask]
) -> list[int]:
    """Look up what another run has claimed or sent under another second.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    marks : sequence of Mark
        Events that would be sent.
    run : int
        The number of the run that asks.
    used_up : callable
        Tells which entries, by the positions of marks, none of these events is.

    Returns
    -------
    list of int
        Their positions, ascending: they would be new events, and there is an entry of their content that is not used
        up.
    """
    keys = list(dict.fromkeys(mark.key for mark in marks))
    found = find_entries(connection, keys, run=run)
    if not len(found.asked):
        return []
    contents = list(zip((keys[place] for place in found.asked.tolist()), _signed(found.payload), strict=True))
    known = set(zip(contents, found.second.tolist(), strict=True))
    new: dict[tuple[bytes, int], list[int]] = {}
    for place, mark in enumerate(marks):
        content = mark.key, mark.payload
        if (content, mark.second) not in known:
            new.setdefault(content, []).append(place)
    # Events of the same content have the same entries: one of them is asked for.
    chosen = np.flatnonzero([content in new for content in contents])
    entries = Entries(
        asked=np.array([new[contents[place]][0] for place in chosen.tolist()], np.int64),
        payload=found.payload[chosen],
        second=found.second[chosen],
        accepted_at=found.accepted_at[chosen],
    )
    left = chosen[~used_up(entries)].tolist()
    return sorted(place for content in {contents[place] for place in left} for place in new[content])


def _signed(payloads: npt.NDArray[np.uint64]) -> list[int]:
    signed: list[int] = payloads.view(np.int64).tolist()
    return signed


def _answers(
    connection: sqlite3.Connection,
    statement: str,
    digests: list[bytes],
    *,
    width: int,
    keys: Sequence[bytes] = (),
    run: int = 0,
) -> Numbers:
    """Return a row of numbers for each entry, the position of its digest first."""
    parts = [np.empty((0, width), np.int64)]
    own_keys = _rows_of_bytes(b"".join(keys or digests))
    for block, joined in _blocks(b"".join(digests)):
        values = {
            "count": len(block),
            "digests": joined,
            "keys": own_keys[block].tobytes(),
            "width": DIGEST_BYTES,
            "claimed": CLAIMED,
            "run": run,
        }
        (text,) = connection.execute(statement, values).fetchone()
        if text is not None:
            numbers = np.fromstring(text, np.int64, sep=",").reshape(-1, width)
            numbers[:, 0] = block[numbers[:, 0]]
            parts.append(numbers)
    return np.concatenate(parts)


def _rows_of_bytes(joined: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(joined, np.uint8).reshape(-1, DIGEST_BYTES)


def _blocks(joined: bytes) -> Iterator[tuple[Numbers, bytes]]:
    """Cut digests into blocks: their positions, and their bytes one after another."""
    digests = _rows_of_bytes(joined)
    # Neighbours in the file are looked up one after another; eight bytes tell most of them apart.
    order = np.argsort(np.frombuffer(joined, ">u8")[::2])
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        yield block, digests[block].tobytes()
