"""What each rule makes of its columns: the pieces of JSON values, and findings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE, Cells, Mask, Rows, valid_mask, without
from events_pandas.convert.codes import CODES, NOT_POSITIVE_CURE
from events_pandas.convert.column_cells import read_cells
from events_pandas.convert.decimal_signs import sign_cure
from events_pandas.convert.json_text import Pieces, canonical_numbers, json_strings, present, unquoted_numbers
from events_pandas.convert.link_readers import read_link, read_url
from events_pandas.convert.money import amount_reader, first_of_each, looked_up, minor_units, read_amount, read_currency
from events_pandas.convert.number_readers import number_reader, read_number
from events_pandas.convert.odd_texts import stripped
from events_pandas.convert.problems import VALUES_KEPT, Finding, shown
from events_pandas.convert.readers import read_email, read_event_name, read_identifier, read_text, read_truncated_text
from events_pandas.convert.reading import CodeMasks, Kinds, Reader, Reading, read, without_sheet_errors
from events_pandas.convert.times import TimeReader
from events_pandas.convert.zones import ClockChoice
from events_pandas.currencies import DECIMALS, HUNDREDTHS, WITHDRAWN_IN
from events_pandas.mapping import BoundRule, Constant, Date, Link, MonetaryAmount, Number, RichLink, Rule, Text
from events_pandas.mapping.rule_parts import part_path
from events_pandas.mapping.source_format import DecimalSign

if TYPE_CHECKING:
    from events_pandas.mapping.rules import Values


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """The JSON values of one field, in pieces."""

    pieces: Pieces  # joined, they are the value; a row has no value where a piece is null
    findings: tuple[Finding, ...]  # with field and label
    kinds: Kinds  # of the cells from which the values are made
    dropped: Mask | None = None  # rows whose value was taken out because they have too many
    variants: pa.Array | None = None  # large_string: the currencies of amounts, which Intercom may take or refuse
    is_numeric: bool = False  # the values are JSON numbers, which can be written in several ways

    def mask(self) -> Mask:
        """Return where there is a value: for each row, or one for all."""
        return present(self.pieces)

    def is_present(self) -> Mask:
        """Return where there is a value, or was one before it was dropped: for each row, or one for all."""
        return self.mask() if self.dropped is None else self.mask() | self.dropped

    def canonical(self) -> Pieces:
        """Return the pieces with every number written in the same way: 12.5 for 12.50 and for the text ``"12.50"``."""
        if not self.is_numeric:
            return unquoted_numbers(self.pieces)
        return tuple(piece if isinstance(piece, str) else canonical_numbers(piece) for piece in self.pieces)

    def without(self, rows: Mask) -> "Member":
        """Return the values without those of some rows."""
        place = next(place for place, piece in enumerate(self.pieces) if isinstance(piece, pa.Array))
        kept = without(expand(self.pieces[place], len(rows)), rows)
        return replace(self, pieces=(*self.pieces[:place], kept, *self.pieces[place + 1 :]), dropped=rows)


def expand(values: pa.Array, n_rows: int) -> pa.Array:
    """Give every row its value, where one value stands for all `n_rows`."""
    return pa.repeat(values[0], n_rows) if len(values) == 1 != n_rows else values


def metadata_member(bound: BoundRule, *, timezone: str | None) -> Member:
    """Make the JSON values of a metadata rule; `timezone` is the zone of times without one."""
    match bound.rule:
        case MonetaryAmount():
            return _amounts(bound, bound.rule)
        case RichLink():
            return _rich_links(bound)
    reading = read_part(bound, "", timezone=timezone)
    is_text = isinstance(bound.rule, Text | Link)
    pieces = json_strings(reading.values) if is_text else (reading.values,)
    return Member(
        pieces=pieces, findings=tuple(reading.findings), kinds=reading.kinds, is_numeric=isinstance(bound.rule, Number)
    )


def read_part(bound: BoundRule, part: str = "", *, timezone: str | None = None) -> Reading:
    """Read one of a rule's columns; most rules have one column, named ``""``.

    `timezone` is the zone of times without one.
    """
    values = bound.parts[part]
    reader = _reader(bound, part, timezone)
    if isinstance(values, Constant) and isinstance(values.value, str):
        reading = _constant_reading(values.value, reader, strips=bound.strips)
    else:
        # Identifiers have a code of their own for these errors, and for what else is like them.
        reader = reader if reader is read_identifier else without_sheet_errors(reader)
        reading = _reading(values, reader, strips=bound.strips)
    sign = _sign(bound, part)
    located = [
        replace(_with_sign(finding, sign), field=part_path(bound.path, part), label=bound.labels[part])
        for finding in reading.findings
        # A value that would be odd in a row is meant if somebody wrote it into the mapping as a constant.
        if not (isinstance(values, Constant) and _is_row_note(finding))
    ]
    return replace(reading, findings=located)


# A stream may have hundreds of frames a second, all with the same constants.
@lru_cache(maxsize=256)
def _constant_reading(value: str, reader: Reader, *, strips: bool) -> Reading:
    return _reading(Constant(value), reader, strips=strips)


def _reading(values: "Values | Constant", reader: Reader, *, strips: bool) -> Reading:
    cells = read_cells(values)
    return read([stripped(part) for part in cells] if strips else cells, reader)


def _is_row_note(finding: Finding) -> bool:
    return finding.severity == "note" and not CODES[finding.code].is_reported_once


def _reader(bound: BoundRule, part: str, timezone: str | None) -> Reader:
    by_path = _READERS_BY_PATH.get(bound.path)
    if by_path is not None:
        return by_path
    if isinstance(bound.rule, Date):
        rule = bound.rule
        choice = ClockChoice(ambiguous=rule.ambiguous, nonexistent=rule.nonexistent)
        return TimeReader(format=rule.format, unit=rule.unit, timezone=rule.timezone or timezone, choice=choice)
    if isinstance(bound.rule, Text) and bound.rule.truncate:
        return read_truncated_text
    # A constant is not written as the source's numbers are: it has a point.
    if not isinstance(bound.parts[part], Constant):
        if isinstance(bound.rule, Number):
            return number_reader(_sign(bound, part))
        if isinstance(bound.rule, MonetaryAmount) and part == "amount":
            return amount_reader(_sign(bound, part))
    return _READERS[type(bound.rule), part]


def _sign(bound: BoundRule, part: str) -> DecimalSign | None:
    """Return the decimal sign of a part's text, if it has one."""
    # A constant is not written as the source's numbers are.
    if isinstance(bound.parts[part], Constant) or not isinstance(bound.rule, Number | MonetaryAmount):
        return None
    return bound.rule.decimal


def _with_sign(finding: Finding, sign: DecimalSign | None) -> Finding:
    """Say how to write a number with the decimal sign in force."""
    return finding.advised(sign_cure(finding.code, sign))


def _with_zero(finding: Finding, rule: MonetaryAmount) -> Finding:
    """Leave out of the cure the option for zeros, if the rule has it."""
    is_advised = finding.code == "amount_not_positive" and rule.zero == "omit"
    return finding.advised(NOT_POSITIVE_CURE if is_advised else None)


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
    """Make a finding for each code that has rows, with the values of one of the rule's columns."""
    field = part_path(bound.path, part)
    findings = []
    for code, mask in where.items():
        rows = np.flatnonzero(mask)
        if len(rows):
            # The label of a constant already shows its value.
            is_constant = isinstance(bound.parts[part], Constant)
            values = None if is_constant else _shown_cells(bound.parts[part], rows[:VALUES_KEPT])
            findings.append(Finding(code=code, rows=rows, values=values, field=field, label=bound.labels[part]))
    return findings


def _shown_cells(values: "Values | Constant", rows: Rows) -> pa.Array:
    """Return the cells in some rows of a column as messages show them; None if all are absent."""
    chosen = values if isinstance(values, Constant) else values.iloc[rows]
    texts = read(read_cells(chosen), _as_shown).values
    if texts.null_count == len(texts):
        return None
    return texts if len(texts) == len(rows) else pa.repeat(texts[0], len(rows))


def _as_shown(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    return shown(cells.values), []


def _amounts(bound: BoundRule, rule: MonetaryAmount) -> Member:
    amount = read_part(bound, "amount")
    currency = read_part(bound, "currency")
    decimals = looked_up(currency.values, DECIMALS, otherwise=HUNDREDTHS)
    counted = decimals if rule.unit == "major" else np.zeros_like(decimals)
    money = minor_units(amount.values, counted, rounds=rule.rounding is not None)
    # Without its currency nobody knows what an amount is rounded to.
    is_omitted = money.is_zero & (valid_mask(currency.values) | ~money.is_rounded) & (rule.zero == "omit")
    faults = {code: where & ~is_omitted for code, where in money.faults.items()}
    is_faulty = np.logical_or.reduce(list(faults.values()))
    good = valid_mask(amount.values) & valid_mask(currency.values) & ~is_faulty & ~is_omitted
    is_given = amount.present & ~is_omitted
    withdrawn_in = looked_up(currency.values, WITHDRAWN_IN, otherwise=0)
    findings = [
        *amount.findings,
        *(_with_zero(finding, rule) for finding in finding_at(bound, "amount", faults)),
        # Without an amount, the currency is not sent: its faults do not matter.
        *only_where(currency.findings, bound.parts["currency"], np.broadcast_to(is_given, good.shape)),
        *finding_at(bound, "currency", {"currency_missing": is_given & ~currency.present}),
        *_currency_notes(bound, currency.values, code="currency_minor_unit", where=good & (decimals != HUNDREDTHS)),
        *_currency_notes(bound, currency.values, code="currency_withdrawn", where=good & (withdrawn_in > 0)),
    ]
    if not isinstance(bound.parts["amount"], Constant):
        rounded = good & money.is_rounded
        findings += finding_at(bound, "amount", {"amount_rounded": rounded, "amount_omitted": is_omitted})
    counts = without(pa.array(np.broadcast_to(money.units, good.shape)), ~good)
    pieces = ('{"amount":', counts, ',"currency":"', currency.values, '"}')
    return Member(pieces=pieces, findings=tuple(findings), kinds=amount.kinds, variants=currency.values)


def _currency_notes(bound: BoundRule, currencies: pa.Array, *, code: str, where: Mask) -> Iterator[Finding]:
    """Note each currency once, however it is spelled, and when it was withdrawn."""
    if not where.any():
        return
    firsts = first_of_each(currencies, where)
    for finding in finding_at(bound, "currency", {code: firsts}):
        is_constant = finding.values is None
        codes = currencies.take(pa.array([0] if is_constant else finding.rows)).to_pylist()
        years = [f" (until {WITHDRAWN_IN[currency]})" if code == "currency_withdrawn" else "" for currency in codes]
        counted = replace(finding, like_rows=int(where.sum() - firsts.sum()))
        if is_constant:
            yield replace(counted, label=f"{finding.label}{years[0]}")
        else:
            texts = [f"'{currency}'{year}" for currency, year in zip(codes, years, strict=True)]
            yield replace(counted, values=pa.array(texts, TEXT_TYPE))


def only_where(findings: list[Finding], values: "Values | Constant", where: Mask) -> Iterator[Finding]:
    """Yield findings about a column for some of its rows alone; a finding without rows is left out."""
    for finding in findings:
        rows = np.sort(finding.rows[where[finding.rows]])
        if len(rows):
            yield replace(finding, rows=rows, values=_shown_cells(values, rows[:VALUES_KEPT]))


def _rich_links(bound: BoundRule) -> Member:
    value = read_part(bound, "value")
    url = read_part(bound, "url")
    # A constant is in every row, so the other part's column says whether a row has a link.
    missing = {
        "value": url.present & ~value.present & (not isinstance(bound.parts["url"], Constant)),
        "url": value.present & ~url.present & (not isinstance(bound.parts["value"], Constant)),
    }
    lacking = [
        finding for part, mask in missing.items() for finding in finding_at(bound, part, {"rich_link_incomplete": mask})
    ]
    pieces = ('{"url":', *json_strings(url.values), ',"value":', *json_strings(value.values), "}")
    return Member(pieces=pieces, findings=(*value.findings, *url.findings, *lacking), kinds=value.kinds)
