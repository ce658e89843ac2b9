"""The results frame: its columns, their dtypes, and the outcomes that it is made of."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray

from events_pandas.check import CLAIMED, CheckedRows, EarlierSubmissions, Repeats
from events_pandas.convert import first_errors
from events_pandas.convert.cells import TEXT_TYPE
from events_pandas.deliver import Outcome, Status

STATUS_DTYPE = pd.CategoricalDtype([status.value for status in Status], ordered=True)
"""The eight statuses, in the order in which they are documented."""

_TEXT_DTYPE = pd.StringDtype("pyarrow")

OWN_COLUMNS: Final = (
    *("row", "status", "http_status", "attempts", "error_code", "error_message", "request_id"),
    *("created_at", "submitted_at", "identifier", "contact", "source_file", "line"),
)
"""The columns that results may have; all others are keys of the rows."""

_CODES = {status: code for code, status in enumerate(Status)}
_NONE = np.int16(-1)
_ALL = slice(None)
_ARRIVED = (_CODES[Status.ACCEPTED], _CODES[Status.ALREADY_SUBMITTED])

_ACCEPTED_EARLIER = (
    "same contact, event name and second as an event that was accepted on {} (UTC), with other metadata: Intercom "
    "would ignore it without an error, and keep the first metadata"
)

# What becomes of a repeat: its status, error code and message.
_IDENTICAL = (
    Status.DUPLICATE,
    "duplicate",
    "identical to row {} in contact, event name, second and metadata: Intercom would drop it without an error",
)
_WITH_OTHER_METADATA = (
    Status.DUPLICATE,
    "duplicate_with_other_metadata",
    "same contact, event name and second as row {}, with other metadata: Intercom would drop it without an error",
)
_OF_UNSENT = (
    Status.NOT_SUBMITTED,
    "duplicate_of_unsent",
    "same contact, event name and second as row {}, which was not accepted: see there, then submit both again",
)


def utc_times(times: npt.NDArray[np.datetime64]) -> ExtensionArray:
    """Return times in UTC as a results column has them: datetime64[us, UTC], NaT if absent."""
    return pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC").array


def counts_or_na(numbers: npt.NDArray[np.int16]) -> ExtensionArray:
    """Return numbers as Int16; a negative number becomes NA."""
    return pd.arrays.IntegerArray(numbers, numbers < 0)


def text_column(texts: npt.NDArray[np.object_] | Sequence[str | None]) -> ExtensionArray:
    """Return texts as string[pyarrow]; None becomes NA."""
    # pandas itself looks at each text several times.
    column: ExtensionArray = pd.array(pa.array(texts, TEXT_TYPE, from_pandas=True), dtype=_TEXT_DTYPE)
    return column


class RunStatuses:
    """The status of every row of a run so far, over all frames: one byte for each."""

    def __init__(self) -> None:
        self._codes = bytearray()

    def enter(self, codes: "np.typing.NDArray[np.int8]", *, offset: int) -> None:
        """Enter the rows of a frame; entering them again changes nothing.

        Parameters
        ----------
        codes : numpy.ndarray of int8
            Their statuses, as positions in `Status`.
        offset : int
            The position of the first row in the run.
        """
        self._codes[offset : offset + len(codes)] = codes.astype(np.uint8).tobytes()

    def arrived(self, rows: "np.typing.NDArray[np.int64]") -> "np.typing.NDArray[np.bool_]":
        """Return which rows (positions in the run) are accepted or already submitted."""
        return np.isin(np.frombuffer(self._codes, np.uint8)[rows], _ARRIVED)

    def waiting(self, rows: "np.typing.NDArray[np.int64]") -> "np.typing.NDArray[np.bool_]":
        """Return which rows (positions in the run) were not submitted."""
        are_waiting: np.typing.NDArray[np.bool_] = (
            np.frombuffer(self._codes, np.uint8)[rows] == _CODES[Status.NOT_SUBMITTED]
        )
        return are_waiting


class RowOutcomes:
    """Collects the outcome of each row of one frame; invalid rows are entered at once."""

    def __init__(self, checked: CheckedRows, index: "pd.Index[Any]") -> None:
        n_rows = len(checked.valid)
        self._checked = checked
        self._index = index
        self._statuses = np.full(n_rows, _CODES[Status.NOT_SUBMITTED], np.int8)
        self._http_statuses = np.full(n_rows, _NONE)
        self._attempts = np.zeros(n_rows, np.int16)
        self._error_codes, self._error_messages, self._request_ids = (np.full(n_rows, None, object) for _ in range(3))
        self._submitted_at = np.full(n_rows, np.datetime64("NaT", "us"), "datetime64[us]")
        rows, codes, messages = first_errors(checked.findings)
        self._statuses[rows] = _CODES[Status.INVALID]
        self._error_codes[rows], self._error_messages[rows] = codes, messages
        self._enter_earlier_runs(checked.submitted)

    def _enter_earlier_runs(self, submitted: EarlierSubmissions) -> None:
        """Enter the rows that earlier runs have submitted."""
        is_accepted = submitted.accepted_at != CLAIMED
        rows = submitted.rows[is_accepted]
        self._statuses[rows] = _CODES[Status.ALREADY_SUBMITTED]
        self._submitted_at[rows] = submitted.accepted_at[is_accepted].astype("datetime64[s]")
        blocked = submitted.blocked
        self._statuses[blocked] = _CODES[Status.DUPLICATE]
        self._error_codes[blocked] = "accepted_with_other_metadata"
        seconds = submitted.blocked_since.astype("datetime64[s]")
        days, places = np.unique(seconds.astype("datetime64[D]"), return_inverse=True)
        # One text for each day: there may be a million rows.
        messages = np.array([_ACCEPTED_EARLIER.format(day) for day in days.tolist()], object)
        self._error_messages[blocked] = messages[places]

    def record(self, outcome: Outcome) -> None:
        """Enter the outcome of an event; its row is counted over all frames of the run."""
        row = outcome.row - self._checked.offset
        self._statuses[row] = _CODES[outcome.status]
        self._http_statuses[row] = _NONE if outcome.http_status is None else outcome.http_status
        self._attempts[row] = outcome.attempts
        self._error_codes[row] = outcome.error_code
        self._error_messages[row] = outcome.error_message
        self._request_ids[row] = outcome.request_id
        if outcome.submitted_at is not None:
            self._submitted_at[row] = np.datetime64(round(outcome.submitted_at * 1e6), "us")

    def close(self, run: RunStatuses, *, reason: tuple[str, str] | None, rows: slice = _ALL) -> None:
        """Enter what became of the rows that were not submitted, or of some of them.

        `run` has the statuses of earlier rows, and gets those of this frame. `reason` is code and message of an early
        end.
        """
        if reason is not None:
            waiting = (self._statuses == _CODES[Status.NOT_SUBMITTED]) & pd.isna(self._error_codes)
            self._error_codes[waiting], self._error_messages[waiting] = reason
        run.enter(self._statuses, offset=self._checked.offset)
        repeats = self._checked.repeats
        start, stop, _ = rows.indices(len(self._statuses))
        is_chosen = (repeats.rows >= start) & (repeats.rows < stop)
        held_back = repeats.among(is_chosen & ~self._checked.is_sent[repeats.rows])
        arrived = run.arrived(held_back.firsts)
        self._enter_repeats(held_back.among(arrived & held_back.are_identical), _IDENTICAL)
        self._enter_repeats(held_back.among(arrived & ~held_back.are_identical), _WITH_OTHER_METADATA)
        self._enter_repeats(held_back.among(~arrived), _OF_UNSENT)
        if reason is not None:
            # Neither of the two had its turn: the next run sends the first one, and judges the other.
            later = held_back.rows[run.waiting(held_back.firsts)]
            self._error_codes[later], self._error_messages[later] = reason

    def _enter_repeats(self, repeats: Repeats, outcome: tuple[Status, str, str]) -> None:
        status, code, message = outcome
        self._statuses[repeats.rows] = _CODES[status]
        self._error_codes[repeats.rows] = code
        self._error_messages[repeats.rows] = [message.format(first) for first in repeats.firsts.tolist()]

    def frame(self, rows: slice = _ALL) -> pd.DataFrame:
        """Return the results of all rows or some, on the caller's index and in the caller's order."""
        start, stop, _ = rows.indices(len(self._statuses))
        offset = self._checked.offset
        columns = {
            "row": np.arange(offset + start, offset + stop, dtype=np.int64),
            "status": pd.Categorical.from_codes(self._statuses[rows], dtype=STATUS_DTYPE),
            "http_status": counts_or_na(self._http_statuses[rows]),
            "attempts": counts_or_na(self._attempts[rows]),
            "error_code": text_column(self._error_codes[rows]),
            "error_message": text_column(self._error_messages[rows]),
            "request_id": text_column(self._request_ids[rows]),
            "created_at": utc_times(self._checked.created_at[rows]),
            "submitted_at": utc_times(self._submitted_at[rows]),
        }
        return pd.DataFrame(columns, index=self._index[rows])
