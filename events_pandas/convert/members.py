"""What each rule makes of its columns: a column of JSON values, and findings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE, Cells, Mask, Rows, read_cells, to_mask
from events_pandas.convert.json_text import joined, quoted
from events_pandas.convert.money import decimals_of, minor_units, read_currency
from events_pandas.convert.problems import Finding, shown
from events_pandas.convert.readers import (
    Faults,
    Reader,
    Reading,
    read,
    read_amount,
    read_email,
    read_event_name,
    read_identifier,
    read_link,
    read_number,
    read_text,
    without,
)
from events_pandas.convert.times import TimeReader
from events_pandas.mapping import BoundRule, Constant, Date, Link, MonetaryAmount, Number, RichLink, Rule, Text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A column of JSON values.

    Parameters
    ----------
    values : pyarrow.LargeStringArray
        JSON text for each row, or one for all rows; null where absent or faulty.
    findings : tuple of Finding
        What is wrong, with field and label filled in.
    """

    values: pa.Array
    findings: tuple[Finding, ...]


def metadata_member(bound: BoundRule, *, timezone: str | None) -> Member:
    """Make the JSON values of a metadata rule.

    Parameters
    ----------
    bound : BoundRule
        The rule with its columns.
    timezone : str, optional
        The zone of times without one.

    Returns
    -------
    Member
        Its values and findings.
    """
    match bound.rule:
        case MonetaryAmount():
            return _amounts(bound, bound.rule)
        case RichLink():
            return _rich_links(bound)
    reading = read_part(bound, "", timezone=timezone)
    write = quoted if isinstance(bound.rule, Text | Link) else _as_text
    return Member(values=write(reading.values), findings=tuple(reading.findings))


def _as_text(values: pa.Array) -> pa.Array:
    return values.cast(TEXT_TYPE)


def read_part(bound: BoundRule, part: str = "", *, timezone: str | None = None) -> Reading:
    """Read one of a rule's columns.

    Parameters
    ----------
    bound : BoundRule
        The rule with its columns.
    part : str
        The column's name in the rule; most rules have one column, without a name.
    timezone : str, optional
        The zone of times without one.

    Returns
    -------
    Reading
        With the column named in its findings.
    """
    return _located(bound, part, read(read_cells(bound.parts[part]), _reader(bound, part, timezone)))


def _reader(bound: BoundRule, part: str, timezone: str | None) -> Reader:
    by_path = _READERS_BY_PATH.get(bound.path)
    if by_path is not None:
        return by_path
    if isinstance(bound.rule, Date):
        rule = bound.rule
        return TimeReader(format=rule.format, unit=rule.unit, timezone=rule.timezone or timezone)
    return _READERS[type(bound.rule), part]


_READERS_BY_PATH: dict[str, Reader] = {
    "event_name": read_event_name,
    "user_id": read_identifier,
    "id": read_identifier,
    "email": read_email,
}

_READERS: dict[tuple[type[Rule], str], Reader] = {
    (Text, ""): read_text,
    (Number, ""): read_number,
    (Link, ""): read_link,
    (RichLink, "value"): read_text,
    (RichLink, "url"): read_link,
    (MonetaryAmount, "amount"): read_amount,
    (MonetaryAmount, "currency"): read_currency,
}


def _located(bound: BoundRule, part: str, reading: Reading) -> Reading:
    field = f"{bound.path}.{part}" if part else bound.path
    located = [replace(finding, field=field, label=bound.labels[part]) for finding in reading.findings]
    return replace(reading, findings=located)


def finding_at(bound: BoundRule, part: str, where: Mapping[str, Mask]) -> list[Finding]:
    """Make findings about one of a rule's columns.

    Parameters
    ----------
    bound : BoundRule
        The rule with its columns.
    part : str
        The column's name in the rule.
    where : mapping of str to mask
        The rows, by code.

    Returns
    -------
    list of Finding
        With the values of the column; none for a code without rows.
    """
    field = f"{bound.path}.{part}" if part else bound.path
    findings = []
    for code, mask in where.items():
        rows = np.flatnonzero(mask)
        if len(rows):
            values = _shown_cells(bound.parts[part], rows)
            findings.append(Finding(code=code, rows=rows, values=values, field=field, label=bound.labels[part]))
    return findings


def _shown_cells(values: "pd.Series[Any] | Constant", rows: Rows) -> pa.Array:
    """Return what stands in some rows of a column, as a message shows it; nothing where all are absent."""
    chosen = values if isinstance(values, Constant) else values.iloc[rows]
    texts = read(read_cells(chosen), _as_shown).values
    if texts.null_count == len(texts):
        return None
    return texts if len(texts) == len(rows) else pa.repeat(texts[0], len(rows))


def _as_shown(cells: Cells) -> tuple[pa.Array, Faults]:
    return shown(cells.values), []


def _amounts(bound: BoundRule, rule: MonetaryAmount) -> Member:
    amount = read_part(bound, "amount")
    currency = read_part(bound, "currency")
    units, faults = minor_units(amount.values, decimals_of(currency.values), unit=rule.unit)
    has_currency = to_mask(currency.values.is_valid())
    lacks_currency = amount.present & ~currency.present
    good = (
        to_mask(amount.values.is_valid()) & has_currency & ~faults["amount_not_positive"] & ~faults["amount_decimals"]
    )
    findings = [
        *amount.findings,
        *finding_at(bound, "amount", faults),
        *_of_present(currency.findings, amount.present),
        *finding_at(bound, "currency", {"currency_missing": lacks_currency}),
    ]
    texts = without(pa.array(np.broadcast_to(units, good.shape)), ~good).cast(TEXT_TYPE)
    values = joined('{"amount":', texts, ',"currency":"', currency.values, '"}', length=len(good))
    return Member(values=values, findings=tuple(findings))


def _of_present(findings: list[Finding], present: Mask) -> list[Finding]:
    """Leave out what is wrong with the currency of no amount, since nothing is sent of it."""
    if len(present) == 1:
        return findings if present[0] else []
    kept = []
    for finding in findings:
        stays = present[finding.rows]
        if stays.any():
            values = None if finding.values is None else finding.values.filter(pa.array(stays))
            kept.append(replace(finding, rows=finding.rows[stays], values=values))
    return kept


def _rich_links(bound: BoundRule) -> Member:
    value = read_part(bound, "value")
    url = read_part(bound, "url")
    halves = {"value": url.present & ~value.present, "url": value.present & ~url.present}
    lacking = [
        finding for part, mask in halves.items() for finding in finding_at(bound, part, {"rich_link_incomplete": mask})
    ]
    length = max(len(value.values), len(url.values))
    values = joined('{"url":', quoted(url.values), ',"value":', quoted(value.values), "}", length=length)
    return Member(values=values, findings=(*value.findings, *url.findings, *lacking))
