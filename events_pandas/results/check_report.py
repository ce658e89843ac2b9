"""CheckReport: what a check found, as text, as HTML, as numbers and as frames."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from events_pandas.check import CheckedRows
from events_pandas.check.collisions import blocks
from events_pandas.convert import Cause, Converter, causes, problems_frame
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.intercom import JsonObject
from events_pandas.mapping import Rule
from events_pandas.results.budget import metadata_budget, metadata_remarks, name_counts
from events_pandas.results.destination import Destination
from events_pandas.results.report import (
    Fact,
    ReportContent,
    Span,
    Spread,
    duplicate_facts,
    event_facts,
    mapping_warnings,
    report_html,
    report_lines,
    request_fact,
    spread_facts,
    workspace_fact,
)
from events_pandas.words import counted


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)  # A cached property does not work with slots.
class CheckReport:
    """What a check found; nothing was sent.

    Printed it is text; in a notebook it is shown as tables. Contacts are counted, never named.

    Parameters
    ----------
    index : pandas.Index
        The caller's index.
    checked : CheckedRows
        What is known of each row.
    converter : Converter
        Makes the payloads for `payloads`.
    resolved : mapping of str to Rule, optional
        The rules that bare columns turned into, by path.
    destination : Destination, optional
        Where the events would go, if a client was given.

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00042"], "coupon": ["X7", None]})
    >>> mapping = ep.EventMapping(
    ...     event_name="placed-order", created_at="day", user_id="who", metadata={"coupon": "coupon"}, timezone="UTC"
    ... )
    >>> report = ep.check_events(orders, mapping)
    >>> print(report)
    2 rows: 2 valid, 0 invalid, 0 duplicates
      contacts    1
      event name  'placed-order'
      created_at  2024-01-31 00:00:00 to 2024-02-01 00:00:00 UTC
      requests    2
    >>> report.metadata[["key", "type", "present", "share"]]
          key  type  present  share
    0  coupon  text        1    0.5
    """

    index: "pd.Index[Any]"
    checked: CheckedRows
    converter: Converter
    resolved: Mapping[str, Rule] = field(default_factory=dict)
    destination: Destination | None = None

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
        return len(self.checked.repeats.rows)

    @property
    def ok(self) -> bool:
        """Whether every row would be sent, or is a duplicate that Intercom would drop."""
        return self.invalid == 0

    @cached_property
    def contacts(self) -> int:
        """The number of contacts that valid rows have."""
        return len(np.unique(self.checked.contacts[self.checked.valid]))

    @cached_property
    def names(self) -> "pd.Series[int]":
        """Valid rows by event name as it is spelled, the most frequent first; int64.

        Rows with names beyond the first thousand are summed up, last, under ``"(further names)"``.
        """
        return name_counts(self.checked.row_counts)

    @cached_property
    def span(self) -> Span | None:
        """The first and the last `created_at` that valid rows are sent with, in UTC; None without valid rows."""
        seconds = self.checked.created_at[self.checked.valid]
        if not len(seconds):
            return None
        return pd.Timestamp(seconds.min(), tz="UTC"), pd.Timestamp(seconds.max(), tz="UTC")

    @property
    def spread(self) -> Spread:
        """How many rows are sent with a later second than their own, and by how many at most.

        ``identical`` says how many of them have the same metadata as the row that keeps the second.
        """
        added = self.checked.added
        identical = int(self.checked.moved.are_identical.sum())
        return Spread(rows=len(added), most_seconds=int(added.max(initial=0)), identical=identical)

    @property
    def requests(self) -> int:
        """The number of requests that submitting takes, retries aside."""
        return int(self.checked.is_sent.sum())

    @property
    def workspace(self) -> WorkspaceIdentity | None:
        """Where the events would go; None without a client."""
        return None if self.destination is None else self.destination.workspace

    @property
    def limit(self) -> int | None:
        """The requests that the workspace allows in ten seconds; None without a client."""
        return None if self.destination is None else self.destination.limit

    @property
    def duration_seconds(self) -> float | None:
        """How long submitting takes if it starts at once, in seconds; None without a client.

        From the first request to the last at the workspace's limit, with the requests left when the check asked.
        Retries, and other integrations that use the same limit meanwhile, make it longer.
        """
        return None if self.destination is None else self.destination.duration_seconds(self.requests)

    @property
    def warnings(self) -> list[str]:
        """What should be looked at before anything is sent.

        An event name that `suggest_mapping` left open, its guesses that nobody has confirmed, and a workspace in
        another region than the client's.
        """
        named = mapping_warnings(self.converter.mapping)
        return named if self.destination is None else [*named, *self.destination.warnings()]

    @cached_property
    def causes(self) -> list[Cause]:
        """What was found, grouped: errors first, and of these what concerns most rows first."""
        return causes(self.checked.findings)

    @property
    def notes(self) -> list[Cause]:
        """The causes that make no row invalid: each with its code, number of rows, first row and message."""
        return [cause for cause in self.causes if cause.severity == "note"]

    @cached_property
    def problems(self) -> pd.DataFrame:
        """Every finding, on the caller's index: row, field, code, severity, value, message.

        ``field`` holds metadata keys as they are: it is data, without escapes for what acts on a terminal.
        """
        return problems_frame(self.checked.findings, self.index)

    @cached_property
    def metadata(self) -> pd.DataFrame:
        """What each event name uses of the metadata that Intercom keeps: a row for each name and key.

        Spellings that Intercom takes for one name (case, and ``.`` or ``$`` for ``-``) are counted together, under the
        most frequent of them; `names` has each by itself. The most frequent name comes first, its keys in the order
        sent; spellings beyond the first thousand are left out.
        ``event_name`` (string), ``position`` (int64, from 1), ``key`` and ``type`` (strings; the type is what Intercom
        shows: text, number, date, link, rich link or monetary amount, and NA where a column without any value leaves
        it open), ``present`` (int64: valid rows of the name that have a value), ``share`` (float64: of all valid rows
        of the name), ``ignored`` (int64: rows in which the value comes after as many others as Intercom keeps, and
        which are sent without it), ``drift`` (string: such as ``"990 text, 10 number"`` where cells of mixed types are
        sent as text, counted over all rows and names; NA otherwise).
        """
        rules = {**self.converter.mapping.rules(), **self.resolved}
        return metadata_budget(self.checked.row_counts, rules, text_keys=self.converter.text_keys)

    def payloads(self, n: int = 5) -> list[JsonObject]:
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
        payloads: list[JsonObject] = []
        for rows in blocks(np.flatnonzero(self.checked.is_sent)[: max(n, 0)]):
            batch = self.converter.convert_rows(rows)
            made = batch.payloads(np.ones(len(rows), dtype=bool), self.checked.seconds(rows))
            payloads += map(json.loads, made.to_pylist())
        return payloads

    def __str__(self) -> str:
        return "\n".join(report_lines(self._content()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return report_html(self._content(), self.metadata)

    def _content(self) -> ReportContent:
        rows, duplicates = counted(self.rows, "row"), counted(self.duplicates, "duplicate")
        heading = f"{rows}: {self.valid:,} valid, {self.invalid:,} invalid, {duplicates}"
        return ReportContent(heading=heading, facts=list(self._facts()), warnings=self.warnings, causes=self.causes)

    def _facts(self) -> Iterator[Fact]:
        yield from event_facts(contacts=self.contacts, names=self.names, span=self.span)
        if self.rows and not self.valid:
            yield "events", "none, since no row is valid"
        repeats = self.checked.repeats
        identical = int(repeats.are_identical.sum())
        yield from duplicate_facts(identical=identical, others=len(repeats.rows) - identical)
        if self.workspace is not None:
            yield workspace_fact(self.workspace)
        yield request_fact(self.requests, limit=self.limit, seconds=self.duration_seconds)
        yield from spread_facts(self.spread)
        if self.valid:
            mapping, text_keys = self.converter.mapping, self.converter.text_keys
            counts, limit = self.checked.row_counts, mapping.metadata_limit
            remarks = metadata_remarks(counts, mapping.metadata, text_keys=text_keys, limit=limit)
            yield from (("metadata", remark) for remark in remarks)
