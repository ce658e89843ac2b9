"""A frame on its way through a run: its events are made chunk by chunk, its results are not complete yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from typing import Final

import numpy as np

from events_pandas.check import CheckedRows, canary_rows, used_up
from events_pandas.convert import Converter, EventBatch
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import EventKeys, Seconds, event_words
from events_pandas.deliver import Event, Outcome, Status
from events_pandas.deliver.journal import Journal, Mark
from events_pandas.results.ledger import Ledger


@dataclass(kw_only=True, slots=True)
class OpenFrame:
    """A frame that has been checked and whose results are not complete.

    Parameters
    ----------
    number : int
        Its place among the frames of the run, from 0.
    converter : Converter
        Makes its events.
    checked : CheckedRows
        The judgement of its rows.
    ledger : Ledger
        What became of them so far.
    chunks : list of tuple of int
        The first row of each chunk, and the one after its last.
    chunks_done : int, default 0
        Chunks whose outcomes are complete.
    tried_out : numpy.ndarray of int64
        The rows of the canary.
    journal : Journal, optional
        What the run writes accepted events to.
    """

    number: int
    converter: Converter
    checked: CheckedRows
    ledger: Ledger
    chunks: list[tuple[int, int]]
    chunks_done: int = 0
    tried_out: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    journal: Journal | None = None

    @property
    def end(self) -> int:
        """The position in the run after the frame's last row."""
        return self.checked.offset + len(self.checked.valid)

    def canary(self, most: int) -> list[Event]:
        """Make the events that are submitted before all others, and none of which comes again with its chunk.

        Parameters
        ----------
        most : int
            How many at most.

        Returns
        -------
        list of Event
            In the order of their rows.
        """
        self.tried_out = canary_rows(self.converter, self.checked, most)
        batch = self.converter.convert_rows(self.tried_out)
        return self._events(batch, np.ones(len(self.tried_out), dtype=bool))

    def events(self, start: int, stop: int) -> list[Event]:
        """Make the events of a chunk's rows that are yet to be sent.

        Parameters
        ----------
        start, stop : int
            The first row, and the one after the last.

        Returns
        -------
        list of Event
            In the order of their rows.
        """
        where = self.checked.is_sent[start:stop].copy()
        where[self.tried_out[(self.tried_out >= start) & (self.tried_out < stop)] - start] = False
        return self._events(self.converter.convert(start, stop), where) if where.any() else []

    def _events(self, batch: EventBatch, where: Mask) -> list[Event]:
        rows = batch.rows[where] + self.checked.offset
        seconds = self.checked.created_at[batch.rows].astype(np.int64)
        columns = (
            rows.tolist(),
            batch.payloads(where, seconds).to_pylist(),
            batch.contacts.texts(where).to_pylist(),
            batch.normalized_names(where),
            self._marks(batch, where, seconds),
        )
        events = [
            Event(row=row, payload=payload, contact=contact, name=name, mark=mark)
            for row, payload, contact, name, mark in zip(*columns, strict=True)
        ]
        return self._claimed(events, batch.keys().of(np.flatnonzero(where))) if self._is_claiming else events

    @property
    def _is_claiming(self) -> bool:
        """Whether seconds are claimed: where rows are spread, what was sent under one may differ from run to run."""
        return self.journal is not None and self.converter.mapping.duplicates == "spread"

    def _marks(self, batch: EventBatch, where: Mask, seconds: Seconds) -> Sequence[Mark | None]:
        """Return what the journal keeps of events."""
        if self.journal is None:
            return [None] * int(where.sum())
        keys, rows = batch.keys(), np.flatnonzero(where)
        moved = rows[seconds[rows] != keys.seconds[rows]]
        sent_keys = np.full(len(where), None, object)
        sent_keys[moved] = self.journal.digests(event_words(keys.streams[:, moved], seconds[moved]))
        columns = (
            self.journal.digests(keys.words(rows)),
            sent_keys[rows].tolist(),
            batch.digests()[0][rows].view(np.int64).tolist(),
            seconds[rows].tolist(),
            repeat(self._is_claiming),
        )
        return [Mark(*mark) for mark in zip(*columns, strict=False)]

    def _claimed(self, events: list[Event], keys: EventKeys) -> list[Event]:
        """Claim the seconds of events; what another run has claimed since the frame was judged is not sent."""
        if self.journal is None:
            return events
        marks = [event.mark for event in events if event.mark is not None]
        taken = set(self.journal.claim(marks, partial(used_up, keys=keys, runs=self.journal, own=self.checked.own)))
        for place in taken:
            self.ledger.record(
                Outcome(
                    row=events[place].row,
                    status=Status.NOT_SUBMITTED,
                    error_code="second_taken",
                    error_message=_SECOND_TAKEN,
                )
            )
        return [event for place, event in enumerate(events) if place not in taken]


_SECOND_TAKEN: Final = (
    "another run sends the row, or another one of its contact, event name and second, at the same time: submit it "
    "again when that run has ended, and it is given a second that is free"
)
