"""The contacts that Intercom does not know, as a table; and how results are matched with their frame."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from events_pandas.convert import Converter, EventBatch
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import Seconds
from events_pandas.deliver import Status
from events_pandas.mapping import EventMapping, Table, bind, read_table, require_mapping
from events_pandas.results.frame import text_column, utc_times
from events_pandas.results.reading import require_one_run, row_numbers, times_of
from events_pandas.results.results_summary import require_columns
from events_pandas.words import counted, full_kind_of, pandas_cure

_COLUMNS = ("row", "status", "created_at")


def unknown_contacts(results: pd.DataFrame, frame: Table, mapping: EventMapping) -> pd.DataFrame:
    """Name the contacts whose rows ended as ``unknown_contact``.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned, or some of its rows; a file of results that was read back will do.
    frame : pandas.DataFrame or table
        All rows that were submitted: those of the run, or of the one frame of a stream that the results belong to.
    mapping : EventMapping
        The mapping with which they were submitted.

    Returns
    -------
    pandas.DataFrame
        One row for each contact: ``identifier`` (``"user_id"``, ``"id"`` or ``"email"``), ``contact`` (as it was sent;
        the first of addresses that differ in case, which are one contact), ``rows`` (how many ended so),
        ``first_event`` and ``last_event`` (their ``created_at`` as sent, datetime64, UTC). Contacts with most rows come
        first; equal ones are in the order of the frame.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame.
    TypeError
        If results or frame are not a DataFrame, or the mapping is not an `EventMapping`.
    ValueError
        If results and frame do not belong together: the frame is too short, or one of its rows has another time or no
        contact. Also if a row comes twice, as in results of several runs: each run counts its rows from 0.

    Notes
    -----
    Results and frame are matched by ``row``, the position in the input, whatever their indexes are. The results of
    `submit_file` count rows over all files: give these in one frame in the same order, with identifiers read as text
    (``pandas.read_csv(file, dtype=str, keep_default_na=False)``), so that ``00042`` stays ``00042``.

    Intercom does not keep an event whose contact does not exist: create the contacts, then submit their rows again.
    Intercom accepts the rows of contacts that exist by then.

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame(
    ...     {"day": ["2024-01-31", "2024-02-01", "2024-02-02"], "who": ["00042", "00999", "00999"]},
    ...     index=["a", "b", "c"],
    ... )
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox(contacts=["00042"]) as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client())
    >>> ep.unknown_contacts(results, orders, mapping)
      identifier contact  rows               first_event                last_event
    0    user_id   00999     2 2024-02-01 00:00:00+00:00 2024-02-02 00:00:00+00:00

    Now make a contact for each line, in Intercom or with its API. Then submit the rows again:

    >>> rest = orders[results["status"] == "unknown_contact"]
    >>> with ep.Sandbox() as sandbox:
    ...     ep.submit_events(rest, mapping, client=sandbox.client())["status"].to_dict()
    {'b': 'accepted', 'c': 'accepted'}
    """
    require_mapping(mapping)
    submitted = read_table(frame, mapping)
    require_results(results, submitted, columns=_COLUMNS)
    events = results.loc[(results["status"] == Status.UNKNOWN_CONTACT.value).to_numpy(), list(_COLUMNS)]
    events = _with_contacts(events, submitted, mapping, positions=positions_in(submitted, results, events["row"]))
    events["key"] = compared(events)
    contacts = events.groupby(["identifier", "key"], sort=False, as_index=False).agg(
        contact=("contact", "first"),
        rows=("row", "size"),
        first_event=("created_at", "min"),
        last_event=("created_at", "max"),
    )
    return _most_rows_first(contacts.drop(columns="key"))


def compared(contacts: pd.DataFrame) -> "pd.Series[Any]":
    """Return contacts as Intercom compares them: addresses ignore case."""
    texts, is_email = contacts["contact"].astype(text_column([]).dtype), contacts["identifier"].eq("email")
    # There may be millions: they are copied for addresses only.
    return texts.mask(is_email, texts.str.lower()) if is_email.any() else texts


def _most_rows_first(contacts: pd.DataFrame) -> pd.DataFrame:
    return contacts.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _with_contacts(
    events: pd.DataFrame, frame: pd.DataFrame, mapping: EventMapping, *, positions: Rows
) -> pd.DataFrame:
    """Add the contact of each event, which is looked up in the frame."""
    batch = require_same_rows(events, frame, mapping, positions=positions)
    identifiers, contacts = batch.contacts.named()
    return pd.DataFrame(
        {
            "row": row_numbers(events["row"]),
            "created_at": utc_times(times_of(events, "created_at")),
            "identifier": text_column(identifiers),
            "contact": text_column(contacts),
        }
    )


def require_same_rows(
    events: pd.DataFrame, frame: pd.DataFrame, mapping: EventMapping, *, positions: Rows
) -> EventBatch:
    """Return the events of rows, without metadata. Raise `ValueError` if one cannot have been sent with its second."""
    batch = Converter(bind(frame, replace(mapping, metadata={}))).convert_rows(positions)
    sent = times_of(events, "created_at").astype("datetime64[s]").astype(np.int64)
    if (place := first_other(batch, sent, may_be_later=mapping.duplicates == "spread")) is not None:
        raise other_row(positions[place], row=row_numbers(events["row"])[place])
    return batch


def first_other(batch: EventBatch, sent: Seconds, *, may_be_later: "bool | Mask") -> int | None:
    """Return the first row of a batch whose event cannot have been sent with this second; None if there is none.

    `may_be_later` says whether rows may have been given later seconds.
    """
    own = batch.seconds()
    is_other = ~batch.has_key() | np.where(may_be_later, sent < own, sent != own)
    return int(is_other.argmax()) if is_other.any() else None


def other_row(position: int, *, row: int) -> ValueError:
    """Return the error for a row of a frame that is not the row of the results."""
    other = f"frame: its row {position} has another time than row {row} of the results, or no contact"
    return ValueError(f"{other}: give all rows that were submitted, and no others")


def require_results(results: object, frame: object, *, columns: Sequence[str]) -> None:
    """Raise `TypeError` if one of the two is not a DataFrame, `ValueError` if results lack a column."""
    require_columns(results, columns)
    if not isinstance(frame, pd.DataFrame):
        cure = pandas_cure(frame, "give what submitting was given")
        raise TypeError(f"frame: expected a DataFrame, got {full_kind_of(frame)}: {cure}")


def positions_in(frame: pd.DataFrame, results: pd.DataFrame, rows: "pd.Series[Any]") -> Rows:
    """Return the position in the frame of each row of results, in the order of `rows`.

    `results` may be some rows only, or come from a file of results; `rows` is a part of their column ``row``. Raise
    `ValueError` if the frame is too short or too long, or if a row comes twice.
    """
    of_results = row_numbers(results["row"])
    require_one_run(of_results)
    numbers = row_numbers(rows)
    facts = results.attrs.get("run", {}).get("frame")
    positions = numbers - _first_row(facts, of_results, len(frame))
    if facts and (facts["rows"] > len(frame) or (facts["first_row"] == 0 and facts["rows"] < len(frame))):
        # Rows that are missing may be the first ones; further rows may be of another run, and come first.
        have = f"frame: has {counted(len(frame), 'row')}, and {facts['rows']:,} were submitted"
        raise ValueError(f"{have}: give all rows that were submitted, and no others")
    if len(numbers) and not 0 <= positions.min() <= positions.max() < len(frame):
        beyond = numbers.max() if positions.max() >= len(frame) else numbers.min()
        have = f"frame: has {counted(len(frame), 'row')}, and results have row {beyond}"
        raise ValueError(f"{have}: give all rows that were submitted, and no others")
    return positions


def _first_row(facts: Mapping[str, int] | None, rows: Rows, n_rows: int) -> int:
    """Return the position of the frame's first row; a stream counts rows over all its frames."""
    if facts is None and len(rows):
        # Results that were concatenated or read from a file have no facts of their run.
        first = int(rows.min())
        facts = {"first_row": first, "rows": int(rows.max()) + 1 - first}
    return int(facts["first_row"]) if facts and facts["rows"] == n_rows else 0
