"""The first step of a run that checks contacts: events of contacts that Intercom does not know are withheld."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.check.collisions import KeyIndex, numbered
from events_pandas.convert.cells import TEXT_TYPE, Rows
from events_pandas.convert.identifiers import Contacts
from events_pandas.intercom import IDENTIFIERS
from events_pandas.results.frame import text_column
from events_pandas.run.asking import Asking
from events_pandas.run.contact_check import NOT_ASKED, ContactCheck, may_be_new
from events_pandas.run.frames import OpenFrame

_IDENTIFIER_DTYPE: Final = pd.CategoricalDtype(list(IDENTIFIERS))


@dataclass(kw_only=True, slots=True)
class ContactGate:
    """Asks for each contact of a run once, before the events of the frame that names it first."""

    asking: Asking
    # The contacts that were asked for.
    _asked: KeyIndex = field(default_factory=KeyIndex, init=False)

    def unknown(self, frame: OpenFrame) -> dict[str, bool]:
        """Ask for the new contacts of a frame. Return those that Intercom does not know, as events name them.

        The values say whether the contact may be one of the last minutes.
        """
        rows, contacts = self._new(frame)
        if not len(rows):
            return {}
        check = ContactCheck(contacts=contacts, codes=np.full(len(rows), NOT_ASKED, np.int8), asking=self.asking)
        check.run()
        places = np.flatnonzero(check.is_unknown())
        named = contacts.iloc[places].itertuples(index=False, name=None)
        return {key: may_be_new(*each) for key, each in zip(_keys(frame, rows[places]), named, strict=True)}

    def _new(self, frame: OpenFrame) -> tuple[Rows, pd.DataFrame]:
        """Return the first row of each contact that has an event to send and is new, and these contacts."""
        # Arrays only: there may be a million contacts.
        rows, codes, texts = [np.zeros(0, np.int64)], [np.zeros(0, np.int8)], [pa.array([], TEXT_TYPE)]
        for start, stop in frame.chunks:
            contacts = frame.converter.contacts(start, stop)
            places = self._new_places(contacts, np.flatnonzero(frame.checked.is_sent[start:stop]))
            names, values = (named[places] for named in contacts.named())
            rows.append(places + start)
            codes.append(pd.Categorical(names, dtype=_IDENTIFIER_DTYPE).codes)
            texts.append(pa.array(values, TEXT_TYPE))
        # The parts go before the texts are joined: fewer are there twice.
        first_rows, identifiers = np.concatenate(rows), np.concatenate(codes)
        del rows, codes
        named = {
            "identifier": pd.Categorical.from_codes(identifiers, dtype=_IDENTIFIER_DTYPE),
            "contact": text_column(pa.concat_arrays(texts)),
        }
        return first_rows, pd.DataFrame(named, copy=False)

    def _new_places(self, contacts: Contacts, sent: Rows) -> Rows:
        """Return the first place of each new contact among the places that have an event to send."""
        words = contacts.words[:, sent]
        firsts = np.sort(np.unique(numbered(words), return_index=True)[1])
        firsts = firsts[self._asked.find(words[:, firsts])[0] < 0]
        self._asked.add(words[:, firsts], firsts, np.zeros(len(firsts), np.uint64))
        return sent[firsts]


def _keys(frame: OpenFrame, rows: Rows) -> Iterator[str]:
    """Yield the contacts of some rows, which ascend, as events name them."""
    for start, stop in frame.chunks:
        places = rows[(rows >= start) & (rows < stop)] - start
        if len(places):
            where = np.zeros(stop - start, dtype=bool)
            where[places] = True
            yield from frame.converter.contacts(start, stop).keys(where).to_pylist()
