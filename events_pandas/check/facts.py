"""What a check says about all rows together: numbers and findings, added up chunk by chunk."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from events_pandas.check.checking import CheckedRows
from events_pandas.check.collisions import distinct_words
from events_pandas.check.day_counts import DayCounts, Days, days_of
from events_pandas.check.duplicates import Repeats
from events_pandas.check.row_counts import RowCounts
from events_pandas.convert.cells import Mask
from events_pandas.convert.keys import Seconds
from events_pandas.convert.problems import Finding

_EARLIEST: Final = np.iinfo(np.int64).min
_LATEST: Final = np.iinfo(np.int64).max
_NONE: Final = np.zeros(0, np.uint64)
_FEWEST_JOINED: Final = 2**20
"""So many digests, and as many as are known, come before they are joined: each is moved only a few times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Rows that are sent with a later second than their own.

    Parameters
    ----------
    rows : int
        How many there are.
    most_seconds : int
        By how many seconds they are moved at most; 0 if there are none.
    identical : int
        How many have the same metadata as the row that keeps the second.
    """

    rows: int
    most_seconds: int
    identical: int


@dataclass(kw_only=True, slots=True)
class CheckFacts:
    """What is known about all rows of a frame or of files; none of the rows is held."""

    row_counts: RowCounts
    findings: tuple[Finding, ...] = ()
    rows: int = 0
    valid: int = 0  # rows without an error
    sent: int = 0  # rows that become events
    first_second: int = _LATEST  # of valid rows, as they are sent
    last_second: int = _EARLIEST
    repeats: int = 0  # valid rows that are the same event as an earlier one
    identical: int = 0  # of these: rows with the same metadata as the earlier one
    days: DayCounts = field(default_factory=DayCounts)  # of valid rows, as they are sent
    repeat_days: DayCounts = field(default_factory=DayCounts)  # of `repeats`
    spread: Spread = field(default=Spread(rows=0, most_seconds=0, identical=0))
    _contacts: list[npt.NDArray[np.uint64]] = field(default_factory=list)  # digests, until they are counted
    _n_contacts: int | None = None

    def add_rows(self, valid: Mask, seconds: Seconds) -> None:
        """Add rows: which are valid, and the second that each is sent with."""
        own = seconds if valid.all() else seconds[valid]
        self.rows += len(valid)
        self.valid += len(own)
        self.first_second = min(self.first_second, int(own.min(initial=_LATEST)))
        self.last_second = max(self.last_second, int(own.max(initial=_EARLIEST)))
        self.days.add_seconds(own)

    def add_contacts(self, contacts: npt.NDArray[np.uint64]) -> None:
        """Add digests of the contacts of valid rows."""
        self._contacts.append(contacts)
        known, *others = map(len, self._contacts)
        if sum(others) > max(known, _FEWEST_JOINED):
            self._contacts = [self._distinct_contacts()]

    def _distinct_contacts(self) -> npt.NDArray[np.uint64]:
        # The contacts of a frame are not copied.
        one = self._contacts[0] if len(self._contacts) == 1 else np.concatenate([_NONE, *self._contacts])
        return distinct_words(one)

    def add_repeats(self, repeats: Repeats, days: Days) -> None:
        """Add valid rows that repeat an earlier one, each with its day."""
        self.repeats += len(repeats.rows)
        self.repeat_days.add(days)
        self.identical += int(np.count_nonzero(repeats.are_identical))

    def add(self, checked: CheckedRows) -> None:
        """Add the rows of a frame, without its findings and its counts."""
        self.add_rows(checked.valid, checked.seconds())
        self.add_contacts(checked.contacts if checked.valid.all() else checked.contacts[checked.valid])
        self.add_repeats(checked.repeats, days_of(checked.seconds(checked.repeats.rows)))
        self.sent += int(np.count_nonzero(checked.is_sent))
        self.spread = Spread(
            rows=self.spread.rows + len(checked.added),
            most_seconds=max(self.spread.most_seconds, int(checked.added.max(initial=0))),
            identical=self.spread.identical + int(np.count_nonzero(checked.moved.are_identical)),
        )

    def contacts(self) -> int:
        """Count the contacts of valid rows, once all rows are there."""
        if self._n_contacts is None:
            self._n_contacts = len(self._distinct_contacts())
            self._contacts.clear()
        return self._n_contacts


def frame_facts(checked: CheckedRows) -> CheckFacts:
    """Return the facts of one frame."""
    facts = CheckFacts(row_counts=checked.row_counts, findings=checked.findings)
    facts.add(checked)
    return facts
