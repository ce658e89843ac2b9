"""CheckReport: what a check found, as text, as HTML, as numbers and as frames."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from events_pandas.check import FINDINGS_LISTED, CheckFacts, Spread
from events_pandas.convert import Cause, causes, problems_frame
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.intercom import JsonObject
from events_pandas.mapping import EventMapping, Rule, named_labels
from events_pandas.results.budget import metadata_budget, metadata_remarks, name_counts
from events_pandas.results.cause_groups import CauseGroup, grouped
from events_pandas.results.destination import Destination
from events_pandas.results.preview import Preview, previewed, require_number
from events_pandas.results.report import (
    Fact,
    ReportContent,
    Span,
    duplicate_facts,
    event_facts,
    mapping_warnings,
    no_rows_warning,
    report_lines,
    request_fact,
    shown_causes,
    spread_facts,
    unlisted_fact,
    workspace_fact,
)
from events_pandas.results.report_html import report_html
from events_pandas.results.summary import labelled, place_of
from events_pandas.words import counted, escaped, listed


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)  # A cached property does not work with slots.
class CheckReport:
    """What a check found; nothing was sent.

    Printed it is text; in a notebook it is shown as tables. Contacts are counted, never named.

    Parameters
    ----------
    mapping : EventMapping
        Which column becomes which field.
    facts : CheckFacts
        What was counted and found in the rows.
    index : pandas.Index
        The caller's index; of files, the positions of the rows.
    first_payloads : callable
        Takes a number; returns so many first events, or fewer, as request bodies.
    text_keys : tuple of str, optional
        The metadata keys that are sent as text.
    resolved : mapping of str to Rule, optional
        The rules that bare columns turned into, by path.
    places : callable, optional
        Adds to the findings where their rows are in files.
    destination : Destination, optional
        Where the events would go, if a client was given.
    skipped_files : mapping of str to str, optional
        The files that were left out, with the reason of each.
    empty_files : sequence of str, optional
        The files that have no rows.

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

    mapping: EventMapping
    facts: CheckFacts
    index: "pd.Index[Any]"
    first_payloads: Callable[[int], list[bytes]]
    text_keys: tuple[str, ...] = ()
    resolved: Mapping[str, Rule] = field(default_factory=dict)
    places: Callable[[pd.DataFrame], pd.DataFrame] = pd.DataFrame
    destination: Destination | None = None
    skipped_files: Mapping[str, str] = field(default_factory=dict)
    empty_files: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """The number of rows checked."""
        return self.facts.rows

    @property
    def valid(self) -> int:
        """The number of rows without an error."""
        return self.facts.valid

    @property
    def invalid(self) -> int:
        """The number of rows that have an error and would not be sent."""
        return self.rows - self.valid

    @property
    def duplicates(self) -> int:
        """The number of valid rows with the contact, event name and second of an earlier valid row."""
        return self.facts.repeats

    @property
    def ok(self) -> bool:
        """Whether every row would be sent, or is a duplicate that Intercom would drop, and no file was left out."""
        return self.invalid == 0 and not self.skipped_files

    @cached_property
    def contacts(self) -> int:
        """The number of contacts that valid rows have."""
        return self.facts.contacts()

    @cached_property
    def names(self) -> "pd.Series[int]":
        """Valid rows by event name as it is spelled, the most frequent first; int64.

        Rows with names beyond the first thousand are summed up, last, under ``"(further names)"``.
        """
        return name_counts(self.facts.row_counts)

    @cached_property
    def span(self) -> Span | None:
        """The first and the last `created_at` that valid rows are sent with, in UTC; None without valid rows."""
        if not self.valid:
            return None
        # Of seconds, since nanoseconds do not reach beyond the year 2262.
        first, last = (np.datetime64(second, "s") for second in (self.facts.first_second, self.facts.last_second))
        return pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC")

    @cached_property
    def days(self) -> pd.DataFrame:
        """How many valid rows each day has, by the `created_at` that they are sent with, in UTC.

        A row for each day that has some, in their order: ``day`` (datetime64[s, UTC]: its midnight), ``valid`` (int64)
        and ``duplicates`` (int64: how many of the valid rows are). The two add up to `valid` and `duplicates`.
        """
        days, valid = self.facts.days.by_day()
        found, counts = self.facts.repeat_days.by_day()
        duplicates = np.zeros_like(valid)
        duplicates[np.searchsorted(days, found)] = counts
        # In seconds, since nanoseconds do not reach beyond the year 2262.
        midnights = pd.DatetimeIndex(days.astype("datetime64[D]").astype("datetime64[s]"), tz="UTC")
        return pd.DataFrame({"day": midnights, "valid": valid, "duplicates": duplicates})

    @property
    def spread(self) -> Spread:
        """How many rows are sent with a later second than their own, and by how many at most.

        ``identical`` says how many of them have the same metadata as the row that keeps the second.
        """
        return self.facts.spread

    @property
    def requests(self) -> int:
        """The number of requests that submitting takes, retries aside."""
        return self.facts.sent

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

        An event name that `suggest_mapping` left open, its guesses that nobody has confirmed, files that were left out
        or have no rows, and a workspace in another region than the client's.
        """
        left_out = [f"{escaped(name)}: was left out: {reason}" for name, reason in self.skipped_files.items()]
        elsewhere = [] if self.destination is None else self.destination.warnings()
        empty = [no_rows_warning(self.empty_files)] if self.empty_files else []
        return [*mapping_warnings(self.mapping), *left_out, *empty, *elsewhere]

    @cached_property
    def causes(self) -> list[Cause]:
        """What was found, grouped: errors first, and of these what concerns most rows first."""
        found = causes(self.facts.findings)
        firsts = self.places(pd.DataFrame({"row": np.array([cause.first_row for cause in found], np.int64)}))
        if "source_file" not in firsts:
            return found
        return [replace(cause, place=place_of(first)) for cause, first in zip(found, firsts.itertuples(), strict=True)]

    @property
    def notes(self) -> list[Cause]:
        """The causes that make no row invalid: each with its code, number of rows, first row and message."""
        return [cause for cause in self.causes if cause.severity == "note"]

    @cached_property
    def problems(self) -> pd.DataFrame:
        """Every finding, on the caller's index: row, field, code, severity, value, message.

        ``field`` holds metadata keys as they are: it is data, without escapes for what acts on a terminal.

        Of files, each code and field has its first 10,000 rows here; `unlisted` counts the others. The rows are counted
        over all files, and the index counts the rows of each file. ``source_file`` (string) is the file. ``line``
        (Int64) is the line in it, as an editor counts them; it is absent if no file has lines.
        """
        return self.places(problems_frame(self.facts.findings, self.index))

    @property
    def unlisted(self) -> int:
        """The number of findings that are counted in `causes`, but not listed in `problems`; 0 for a frame."""
        return sum(finding.unlisted for finding in self.facts.findings)

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
        rules = {**self.mapping.rules(), **self.resolved}
        return metadata_budget(self.facts.row_counts, rules, text_keys=self.text_keys)

    def payloads(self, n: int = 5) -> list[JsonObject]:
        """Return the first events as they would be sent.

        Parameters
        ----------
        n : int, default 5
            How many at the most; of files, at most 1,000.

        Returns
        -------
        list of dict
            The request bodies.

        Raises
        ------
        ValueError
            If more than 1,000 events of files are asked for: no more are kept.

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
        return [json.loads(payload) for payload in self.first_payloads(max(n, 0))]

    def preview(self, n: int = 5) -> Preview:
        """Show the first events as Intercom shows them.

        Money has its currency and decimals, a date its time, a link its address. Times are in UTC, as they are sent.

        Parameters
        ----------
        n : int, default 5
            How many at the most, 1 or more; of files, at most 1,000.

        Returns
        -------
        Preview
            Printed it is text, and in a notebook it is shown as tables. ``events`` has the same as a list of dicts.
            Rows that are not sent, such as invalid ones, are not shown: the last line counts them. If no event would be
            sent, it says why.

        Raises
        ------
        ValueError
            If `n` is not a number of events, or if more than 1,000 events of files are asked for: no more are kept.

        See Also
        --------
        payloads : The request bodies.

        Examples
        --------
        >>> import events_pandas as ep
        >>> orders = pd.DataFrame({"day": ["never", "2024-01-31"], "who": ["00042", "00043"], "total": [5.0, 1349.9]})
        >>> mapping = ep.EventMapping(
        ...     event_name="placed-order",
        ...     created_at="day",
        ...     user_id="who",
        ...     metadata={"price": ep.MonetaryAmount("total", currency=ep.Constant("eur"))},
        ...     timezone="UTC",
        ... )
        >>> preview = ep.check_events(orders, mapping).preview()
        >>> preview
        placed-order
          contact     user_id 00043
          created_at  2024-01-31 00:00:00 UTC
          price       monetary amount  EUR 1,349.90
        <BLANKLINE>
        left out of 2 rows: 1 invalid row (a check says why)
        >>> preview.events[0]["metadata"]
        [{'key': 'price', 'kind': 'monetary amount', 'shown': 'EUR 1,349.90'}]
        """
        require_number(n)
        events = [previewed(payload) for payload in self.payloads(n)]
        return Preview(shown=events, remarks=list(self._remarks()))

    def _remarks(self) -> Iterator[str]:
        """Yield how many rows are not sent, and if none is sent, why."""
        if self.requests:
            if text := left_out(self):
                yield f"left out of {counted(self.rows, 'row')}: {text} (a check says why)"
        elif not self.rows:
            yield "no events: there are no rows"
        else:
            yield f"no events: {counted(self.rows, 'row is', 'rows are')} invalid"
            shown, rest = shown_causes(groups_of(self))
            yield from (*map(str, shown), *([rest] if rest else []))

    def __str__(self) -> str:
        return "\n".join(report_lines(content_of(self)))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return report_html(content_of(self), self.metadata)


def content_of(report: CheckReport) -> ReportContent:
    """Return what a report says, in words."""
    rows, duplicates = counted(report.rows, "row"), counted(report.duplicates, "duplicate")
    heading = f"{rows}: {report.valid:,} valid, {report.invalid:,} invalid, {duplicates}"
    facts = list(_report_facts(report))
    return ReportContent(heading=heading, facts=facts, warnings=report.warnings, causes=groups_of(report))


def groups_of(report: CheckReport) -> list[CauseGroup]:
    """Return the causes as a report shows them: the same finding in several fields is one."""
    groups = grouped(report.causes, n_rows=report.rows)
    return [replace(group, first_row=_words_of_row(report, group.first)) for group in groups]


def _words_of_row(report: CheckReport, cause: Cause) -> str:
    """Return the first row of a cause with its label, unless labels name contacts."""
    row = f"row {cause.first_row}"
    if cause.place or set(report.index.names) & named_labels(replace(report.mapping, metadata={})):
        return cause.place or row
    # As a list, so that numbers are Python's and not numpy's.
    (label,) = report.index[cause.first_row : cause.first_row + 1].tolist()
    return labelled(row, label, row=cause.first_row)


def _report_facts(report: CheckReport) -> Iterator[Fact]:
    yield from event_facts(contacts=report.contacts, names=report.names, span=report.span, invalid=report.invalid)
    if report.rows and not report.valid:
        yield "events", "none, since no row is valid"
    identical = report.facts.identical
    yield from duplicate_facts(identical=identical, others=report.duplicates - identical)
    if report.workspace is not None:
        yield workspace_fact(report.workspace)
    yield request_fact(report.requests, limit=report.limit, seconds=report.duration_seconds)
    yield from spread_facts(report.spread)
    if report.valid:
        keys, limit = report.mapping.metadata, report.mapping.metadata_limit
        remarks = metadata_remarks(report.facts.row_counts, keys, text_keys=report.text_keys, limit=limit)
        yield from (("metadata", remark) for remark in remarks)
    if report.unlisted:
        yield unlisted_fact(report.unlisted, listed=FINDINGS_LISTED)


def left_out(report: CheckReport) -> str:
    """Return how many rows are not sent, in words; empty if all are."""
    rows = {"invalid row": report.invalid, "duplicate": report.valid - report.requests}
    return listed([counted(count, noun) for noun, count in rows.items() if count])
