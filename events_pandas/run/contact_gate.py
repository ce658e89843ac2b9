"""The first step of a run that checks contacts: events of contacts that Intercom does not know are withheld."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from events_pandas.convert.cells import Rows
from events_pandas.convert.identifiers import Contacts
from events_pandas.run.asking import Asking
from events_pandas.run.contact_check import NOT_ASKED, ContactCheck, ContactStatus, may_be_new
from events_pandas.run.frames import OpenFrame


@dataclass(kw_only=True, slots=True)
class ContactGate:
    """Asks for each contact of a run once, before the events of the frame that names it first."""

    asking: Asking
    # A digest of each contact that was asked for.
    _asked: set[bytes] = field(default_factory=set, init=False)

    def unknown(self, frame: OpenFrame) -> dict[str, bool]:
        """Ask for the new contacts of a frame. Return those that Intercom does not know, as events name them.

        The values say whether the contact may be one of the last minutes.
        """
        identifiers, values, keys = [], [], []
        for contacts, places in self._new(frame):
            names, texts = contacts.named()
            where = np.zeros(len(names), dtype=bool)
            where[places] = True
            identifiers += names[where].tolist()
            values += texts[where].tolist()
            keys += contacts.keys(where).to_pylist()
        codes = np.full(len(keys), NOT_ASKED, np.int8)
        named = pd.DataFrame({"identifier": identifiers, "contact": values}, dtype=object)
        check = ContactCheck(contacts=named, codes=codes, asking=self.asking)
        check.run()
        return {
            key: may_be_new(identifier, value)
            for key, identifier, value, status in zip(keys, identifiers, values, check.statuses(), strict=True)
            if status is ContactStatus.UNKNOWN
        }

    def _new(self, frame: OpenFrame) -> Iterator[tuple[Contacts, Rows]]:
        """Yield the contacts of each chunk, and the first row of each contact that has an event to send and is new."""
        for start, stop in frame.chunks:
            rows = np.flatnonzero(frame.checked.is_sent[start:stop])
            if not len(rows):
                continue
            contacts = frame.converter.contacts(start, stop)
            words = np.ascontiguousarray(contacts.words[:, rows].T).view("V16").ravel()
            digests, first = np.unique(words, return_index=True)
            is_new = [digest not in self._asked for digest in digests.tolist()]
            self._asked.update(digests.tolist())
            yield contacts, np.sort(rows[first[is_new]])
