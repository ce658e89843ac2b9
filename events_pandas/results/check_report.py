"""CheckReport: what a check found, as text, as numbers and as a frame of problems."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from events_pandas.convert import CheckedRows, Converter, causes, chunk_bounds, problems_frame
from events_pandas.deliver import Workspace
from events_pandas.intercom import WINDOW_SECONDS
from events_pandas.results.summary import count_of_rows

PREVIEW_CHUNKSIZE = 1_000


@dataclass(frozen=True, kw_only=True, eq=False)  # Without slots: a cached property needs a place to be kept.
class CheckReport:
    """What a check found; nothing was sent.

    Parameters
    ----------
    index : pandas.Index
        The caller's index.
    checked : CheckedRows
        What is known of each row.
    converter : Converter
        Makes the payloads for `payloads`.
    skips_duplicates : bool
        Whether rows that repeat an earlier one are held back.
    workspace : Workspace, optional
        Where the events would go, if a client was given.
    limit : int, optional
        Requests that the workspace allows in ten seconds, if a client was given.

    Attributes
    ----------
    workspace : Workspace or None
        Where the events would go.
    limit : int or None
        Requests in ten seconds.
    """

    index: "pd.Index[Any]"
    checked: CheckedRows
    converter: Converter
    skips_duplicates: bool
    workspace: Workspace | None = None
    limit: int | None = None

    @property
    def rows(self) -> int:
        """The number of rows checked."""
        return len(self.checked.valid)

    @property
    def valid(self) -> int:
        """The number of rows without an error."""
        return int(self.checked.valid.sum())

    @property
    def invalid(self) -> int:
        """The number of rows that have an error and would not be sent."""
        return self.rows - self.valid

    @property
    def duplicates(self) -> int:
        """The number of valid rows with the contact, event name and second of an earlier valid row."""
        return int(self.checked.repeats().sum())

    @property
    def requests(self) -> int:
        """The number of requests that submitting takes, retries aside."""
        return self.valid - (self.duplicates if self.skips_duplicates else 0)

    @property
    def duration_seconds(self) -> float | None:
        """How long submitting takes at the workspace's limit, in seconds; None without a client."""
        return None if self.limit is None else self.requests * WINDOW_SECONDS / self.limit

    @property
    def ok(self) -> bool:
        """Whether every row would be sent, or is a duplicate that Intercom would drop."""
        return self.invalid == 0

    @cached_property
    def problems(self) -> pd.DataFrame:
        """Every finding, on the caller's index: row, field, code, severity, value, message."""
        return problems_frame(self.checked.findings, self.index)

    def payloads(self, n: int = 5) -> list[dict[str, Any]]:
        """Return the first events as they would be sent.

        Parameters
        ----------
        n : int, default 5
            How many at the most.

        Returns
        -------
        list of dict
            The request bodies.

        Examples
        --------
        >>> import events_pandas as ep
        >>> orders = pd.DataFrame({"day": ["2024-01-31"], "who": ["00042"], "total": [19.99]})
        >>> mapping = ep.EventMapping(
        ...     event_name="placed-order",
        ...     created_at="day",
        ...     user_id="who",
        ...     metadata={"price": ep.MonetaryAmount("total", currency=ep.Constant("eur"))},
        ...     timezone="UTC",
        ... )
        >>> ep.check_events(orders, mapping).payloads(1)[0]["metadata"]
        {'price': {'amount': 1999, 'currency': 'eur'}}
        """
        payloads: list[dict[str, Any]] = []
        is_sent = self.checked.is_sent(skips_duplicates=self.skips_duplicates)
        for start, stop in chunk_bounds(self.rows, PREVIEW_CHUNKSIZE):
            if len(payloads) >= n:
                break
            wanted = np.flatnonzero(is_sent[start:stop])[: n - len(payloads)]
            where = np.zeros(stop - start, dtype=bool)
            where[wanted] = True
            payloads += map(json.loads, self.converter.convert(start, stop).payloads(where).to_pylist())
        return payloads

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        duplicates = f"{self.duplicates:,} {'duplicate' if self.duplicates == 1 else 'duplicates'}"
        yield f"{count_of_rows(self.rows)}: {self.valid:,} valid, {self.invalid:,} invalid, {duplicates}"
        if self.workspace is not None:
            yield f"workspace {self.workspace.name} ({self.workspace.id_code}), region {self.workspace.region}"
        yield f"{self.requests:,} {'request' if self.requests == 1 else 'requests'} to submit them{self._duration()}"
        yield from map(str, causes(self.checked.findings))

    def _duration(self) -> str:
        if self.duration_seconds is None:
            return ""
        clock = pd.Timedelta(seconds=round(self.duration_seconds)).to_pytimedelta()
        return f", {clock} at {self.limit:,} requests in ten seconds"
