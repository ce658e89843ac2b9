"""What to do about a text that is not a number because of its decimal sign, its form or a currency beside it."""

import re
import unicodedata
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE, Mask, mask_at, matches, text_bytes
from events_pandas.mapping.source_format import DECIMAL_SIGNS, DecimalSign
from events_pandas.mapping.written_numbers import ANY_SEPARATOR, TWO_READINGS, WRITTEN_NUMBERS, plain_numbers

PLAIN_NUMBER: Final = r"^[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"
"""A number as JSON writes it, which has no plus in front."""
PLAIN_AMOUNT: Final = r"^(?:\+|(?P<sign>-?))(?P<whole>[0-9]+)(?:\.(?:(?P<part>[0-9]*[1-9])0*|0+))?$"
"""An amount with a point and without an exponent."""

_IS_WRITTEN: Final = {sign: re.compile(pattern) for sign, pattern in WRITTEN_NUMBERS.items()}
_CURRENCY: Final = re.compile(r"(?P<before>[^\d\s+-]{1,3})?\s?(?P<number>[+-]?\d.*\d|\d)\s?(?P<after>[^\d\s]{1,3})?")
_PLAIN_CURES: Final = {
    "number_unreadable": "write it as 3{sign}67, without units",
    "amount_unreadable": "write it as 349{sign}99, without symbols",
}
# Thousands may be separated in a column that has a decimal sign.
_OTHERWISE: Final = " or thousands separators"
_SOURCE: Final = "in the mapping's source"
_MINUS: Final = "\u2212"
_POINT, _COMMA = ord("."), ord(",")
_LAST_THOUSAND, _SHORTEST = len(".234"), len("1.234")


def have_two_readings(text: pa.Array) -> Mask:
    """Return where texts are one number with a decimal comma and another with a point, as 1.234 and 1,234 are."""
    bounds, letters = text_bytes(text)
    if len(letters) < _SHORTEST:
        return np.zeros(len(text), dtype=bool)
    # Before the last three digits stands a sign: almost no other text has one there.
    marks = letters[np.maximum(bounds[1:] - _LAST_THOUSAND, 0)]
    rows = np.flatnonzero(((marks == _POINT) | (marks == _COMMA)) & (np.diff(bounds) >= _SHORTEST))
    return mask_at(rows[matches(text.take(pa.array(rows)), TWO_READINGS)], len(text))


def number_cures(texts: pa.Array, *, plain: str = PLAIN_NUMBER) -> pa.Array:
    """Say how to fix texts that are not numbers because of their sign, their form or a currency; null for others.

    `plain` is what a number looks like whose decimal sign is a point.
    """
    by_sign = {sign: plain_numbers(texts, sign).to_pylist() for sign in DECIMAL_SIGNS}
    cures = []
    for row, text in enumerate(texts.to_pylist()):
        readings = {sign: number for sign, numbers in by_sign.items() if (number := numbers[row]) is not None}
        cures.append(None if text is None else _cure(text, readings, re.compile(plain)))
    return pa.array(cures, TEXT_TYPE)


amount_cures = partial(number_cures, plain=PLAIN_AMOUNT)
"""Say how to fix texts that are not amounts, as `number_cures` does."""


def _cure(text: str, readings: dict[DecimalSign, str], plain: re.Pattern[str]) -> str | None:
    """Return the cure of a text; `readings` are the numbers that it is, by decimal sign."""
    signs = [sign for sign, number in readings.items() if plain.search(number)]
    if len(signs) == 1:
        return f"set decimal to {signs[0]!r} {_SOURCE}, or write the number with the decimal sign of its column"
    if signs and re.search(TWO_READINGS, text):
        return f"set decimal to ',' {_SOURCE} if it is {readings[',']}, or to '.' if it is {readings['.']}"
    if signs and re.search(ANY_SEPARATOR, text):
        return f"set decimal {_SOURCE}, with which thousands may be separated"
    if readings and not signs and "e" in text.lower():
        return "write all of its digits, without an exponent"
    if _MINUS in text and written_signs(text.replace(_MINUS, "-")):
        return "write its minus sign as '-'"
    return _currency_cure(text)


def sign_cure(code: str, sign: DecimalSign | None) -> str | None:
    """Say how to write a number with the decimal sign in force, if any; None if the code is about something else."""
    if code not in _PLAIN_CURES:
        return None
    return _PLAIN_CURES[code].format(sign=sign or ".") + ("" if sign else _OTHERWISE)


SIGN_CURES: Final = frozenset(sign_cure(code, sign) or "" for code in _PLAIN_CURES for sign in (*DECIMAL_SIGNS, None))
"""All that `sign_cure` says."""


def written_signs(text: str) -> list[DecimalSign]:
    """Return the decimal signs with which a text is a number: both for 1.234 and 12."""
    return [sign for sign, pattern in _IS_WRITTEN.items() if pattern.search(text)]


def _currency_cure(text: str) -> str | None:
    parts = _CURRENCY.fullmatch(text.strip())
    if parts is None or not written_signs(parts["number"]):
        return None
    found = [symbol for symbol in (parts["before"], parts["after"]) if symbol]
    if [_is_currency(symbol) for symbol in found] != [True]:
        return None
    return f"remove {found[0]!r} from its column, as by search and replace: a number stands alone in its cell"


def _is_currency(symbol: str) -> bool:
    return (symbol.isascii() and symbol.isupper()) or unicodedata.category(symbol[-1]) == "Sc"
