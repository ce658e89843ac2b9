"""What each rule makes of its columns: the pieces of JSON values, and findings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE, Cells, Mask, Rows, read_cells, to_mask
from events_pandas.convert.json_text import Pieces, quoted
from events_pandas.convert.money import HUNDREDTHS, decimals_of, minor_units, read_currency
from events_pandas.convert.problems import FREQUENT_CODES, NOTE_CODES, ONCE_CODES, Finding, shown
from events_pandas.convert.readers import (
    Faults,
    Reader,
    Reading,
    first_of,
    read,
    read_amount,
    read_email,
    read_event_name,
    read_identifier,
    read_link,
    read_number,
    read_text,
    read_url,
    without,
)
from events_pandas.convert.times import TimeReader
from events_pandas.mapping import BoundRule, Constant, Date, Link, MonetaryAmount, Number, RichLink, Rule, Text
from events_pandas.mapping.rules import part_path

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """JSON values of one field, in pieces.

    Parameters
    ----------
    pieces : tuple of pyarrow.LargeStringArray or str
        What is joined to the value of each row; the value is absent or faulty where one of them is null.
    findings : tuple of Finding
        What is wrong, with field and label filled in.
    """

    pieces: Pieces
    findings: tuple[Finding, ...]

    def mask(self) -> Mask:
        """Return where there is a value.

        Returns
        -------
        numpy.ndarray of bool
            For each row, or one for all.
        """
        masks = [to_mask(piece.is_valid()) for piece in self.pieces if isinstance(piece, pa.Array)]
        mask: Mask = np.logical_and.reduce(np.broadcast_arrays(*masks))
        return mask


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
    is_text = isinstance(bound.rule, Text | Link)
    pieces = quoted(reading.values) if is_text else (reading.values.cast(TEXT_TYPE),)
    return Member(pieces=pieces, findings=tuple(reading.findings))


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
    values = bound.parts[part]
    reading = read(read_cells(values), _reader(bound, part, timezone))
    located = [
        replace(finding, field=part_path(bound.path, part), label=bound.labels[part])
        for finding in reading.findings
        # A constant stands in no row: what is odd in every row of a column is meant here.
        if not (isinstance(values, Constant) and finding.code in NOTE_CODES - ONCE_CODES)
    ]
    return replace(reading, findings=located)


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
    (RichLink, "url"): read_url,
    (MonetaryAmount, "amount"): read_amount,
    (MonetaryAmount, "currency"): read_currency,
}


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
    field = part_path(bound.path, part)
    findings = []
    for code, mask in where.items():
        rows = np.flatnonzero(mask)
        if len(rows):
            values = None if code in FREQUENT_CODES else _shown_cells(bound.parts[part], rows)
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
    decimals = decimals_of(currency.values)
    units, faults = minor_units(amount.values, decimals, unit=rule.unit)
    is_faulty = np.logical_or.reduce(list(faults.values()))
    good = to_mask(amount.values.is_valid()) & to_mask(currency.values.is_valid()) & ~is_faulty
    findings = [
        *amount.findings,
        *finding_at(bound, "amount", faults),
        *_of_present(currency.findings, np.broadcast_to(amount.present, good.shape)),
        *finding_at(bound, "currency", {"currency_missing": amount.present & ~currency.present}),
        *finding_at(bound, "currency", {"currency_minor_unit": first_of(good & (decimals != HUNDREDTHS))}),
    ]
    texts = without(pa.array(np.broadcast_to(units, good.shape)), ~good).cast(TEXT_TYPE)
    pieces = ('{"amount":', texts, ',"currency":"', currency.values, '"}')
    return Member(pieces=pieces, findings=tuple(findings))


def _of_present(findings: list[Finding], present: Mask) -> list[Finding]:
    """Leave out what is wrong with the currency of no amount, since nothing is sent of it."""
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
    # A constant stands in every row: whether a row has a link, its column says.
    halves = {
        "value": url.present & ~value.present & (not isinstance(bound.parts["url"], Constant)),
        "url": value.present & ~url.present & (not isinstance(bound.parts["value"], Constant)),
    }
    lacking = [
        finding for part, mask in halves.items() for finding in finding_at(bound, part, {"rich_link_incomplete": mask})
    ]
    pieces = ('{"url":', *quoted(url.values), ',"value":', *quoted(value.values), "}")
    return Member(pieces=pieces, findings=(*value.findings, *url.findings, *lacking))
