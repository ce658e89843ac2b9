"""What to do about a text that is not a number because of its decimal sign, its thousands or a currency beside it."""

import re
import unicodedata
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import ANY_SEPARATOR, WRITTEN_NUMBERS

_IS_WRITTEN: Final = {sign: re.compile(pattern) for sign, pattern in WRITTEN_NUMBERS.items()}
_CURRENCY: Final = re.compile(r"(?P<before>[^\d\s+-]{1,3})?\s?(?P<number>[+-]?\d.*\d|\d)\s?(?P<after>[^\d\s]{1,3})?")
WITH_SIGN: Final = {
    "number_unreadable": "write it as 3{sign}67, without units",
    "amount_unreadable": "write it as 349{sign}99, without symbols",
}
"""How to fix what is not a number in a column that has a decimal sign, by code: thousands may be separated there."""
_SOURCE: Final = "in the mapping's source"


def number_cures(texts: pa.Array) -> pa.Array:
    """Say how to fix texts that are not numbers because of their decimal sign or a currency; null for others."""
    return pa.array([None if text is None else _cure(text) for text in texts.to_pylist()], TEXT_TYPE)


def _cure(text: str) -> str | None:
    signs = written_signs(text)
    if not signs:
        return _currency_cure(text)
    if len(signs) == 1:
        return f"set decimal to {signs[0]!r} {_SOURCE}, or write the number with the decimal sign of its column"
    if "," in text:
        # Without a known sign, 1,234 is either of the two.
        by_comma, by_point = text.replace(",", "."), text.replace(",", "")
        return f"set decimal to ',' {_SOURCE} if it is {by_comma}, or to '.' if it is {by_point}"
    return f"set decimal {_SOURCE}, with which thousands may be separated" if re.search(ANY_SEPARATOR, text) else None


def cures_with_sign(code: str, cures: pa.Array | None, sign: DecimalSign, *, length: int) -> pa.Array:
    """Say how to write numbers with the decimal sign in force, where a text has no cure of its own."""
    return pc.fill_null(pa.nulls(length, TEXT_TYPE) if cures is None else cures, WITH_SIGN[code].format(sign=sign))


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
    return f"remove {found[0]!r}, since a number stands alone in its cell"


def _is_currency(symbol: str) -> bool:
    return (symbol.isascii() and symbol.isupper()) or unicodedata.category(symbol[-1]) == "Sc"
