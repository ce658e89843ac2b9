"""Numbers that are written with a decimal sign and separated thousands, and which sign the cells of a column show."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.mapping.source_format import DECIMAL_SIGNS, DecimalSign

_OTHER_SIGN: Final[dict[DecimalSign, DecimalSign]] = {".": ",", ",": "."}
_SEPARATORS: Final = ("'", "\u2019", " ", "\u00a0", "\u202f")
"""Between thousands, beside the other decimal sign: apostrophes, and a space that may be a narrow one."""
ANY_SEPARATOR: Final = f"[{''.join(_SEPARATORS)}]"
_MARK: Final = f"[.,{''.join(_SEPARATORS)}]"
_DECIDING_SHARE: Final = 3 / 4
"""A column has a decimal sign if at least this share of the cells that show one shows it."""

_TEXT_TYPE = pa.large_string()
NO_TEXT: Final = pa.scalar(None, _TEXT_TYPE)
_UNPLAIN_NUMBER: Final = "+0"
"""It stands for numbers with another decimal sign: a person reads a number, and a program does not."""


def _written(sign: DecimalSign) -> str:
    grouped = "|".join(f"(?:{separator}[0-9]{{3}})+" for separator in (rf"\{_OTHER_SIGN[sign]}", *_SEPARATORS))
    part = rf"(?:\{sign}[0-9]+)?"
    return rf"^[+-]?(?:[0-9]+{part}(?:[eE][+-]?[0-9]+)?|[1-9][0-9]{{0,2}}(?:{grouped}){part})$"


WRITTEN_NUMBERS: Final[Mapping[DecimalSign, str]] = {sign: _written(sign) for sign in DECIMAL_SIGNS}
"""What a number looks like with each decimal sign; one kind of separator may stand between thousands.

Thousands are not separated in a number with an exponent, so that 1.234e-05 is a number only with a point.
"""
TWO_READINGS: Final = r"^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$"
"""What is one number with a decimal comma and another with a point, as 1.234 and 1,234 are."""

SignMasks: TypeAlias = Mapping[str, pa.BooleanArray]
"""Where cells show something about the decimal sign of their column, by one of the words below."""

COMMA, POINT, EITHER, EITHER_COMMA, GROUPED = "comma", "point", "either", "either comma", "grouped"
"""A number only with a decimal comma (905,00 and 1.234.567); only with a point (905.00 and 1,234,567); 1.234, and
1,234, which are both; and a number with a point and separated thousands (1,234.56), which only a known sign tells."""
UNCLEAR: Final = (EITHER, EITHER_COMMA)
"""The words of cells that can be read in two ways."""


def plain_numbers(texts: pa.Array, sign: DecimalSign) -> pa.Array:
    """Write numbers as 1234.56; a text that is not a number with this decimal sign becomes null.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray
        Such as ``"1.234,56"`` or ``"1 234,56"`` with a decimal comma.
    sign : {".", ","}
        The other sign, an apostrophe or a space may stand between thousands, one of them in one number.
    """
    is_number = pc.match_substring_regex(texts, WRITTEN_NUMBERS[sign])
    joined = pc.replace_substring(pc.if_else(is_number, texts, NO_TEXT), _OTHER_SIGN[sign], "")
    joined = pc.replace_substring_regex(joined, ANY_SEPARATOR, "")
    return joined if sign == "." else pc.replace_substring(joined, ",", ".")


def ambiguous_numbers(texts: pa.Array) -> pa.BooleanArray:
    """Tell which texts are one number with a decimal comma and another with a point, as 1.234 and 1,234 are."""
    return pc.match_substring_regex(texts, TWO_READINGS)


def clear_numbers(texts: pa.Array) -> pa.Array:
    """Write a zero behind texts that can be read in two ways: 1.2340 is a number only with a point."""
    return pc.replace_substring_regex(texts, f"({TWO_READINGS})", r"\10")


def without_thousands(texts: pa.Array, sign: DecimalSign) -> pa.Array:
    """Write numbers that can be read in two ways so that only the one with this decimal sign is left."""
    joined = pc.replace_substring(texts, _OTHER_SIGN[sign], "")
    return clear_numbers(pc.if_else(ambiguous_numbers(texts), joined, texts))


def as_written(texts: pa.Array, sign: DecimalSign | None) -> pa.Array:
    """Write the numbers among texts plainly; what is a number only with another sign becomes an unplain number.

    Without a known sign, this is what can be read in two ways.
    """
    if sign is None:
        return pc.if_else(ambiguous_numbers(texts), pa.scalar(_UNPLAIN_NUMBER, _TEXT_TYPE), texts)
    is_other = pc.match_substring_regex(texts, WRITTEN_NUMBERS[_OTHER_SIGN[sign]])
    others = pc.if_else(is_other, pa.scalar(_UNPLAIN_NUMBER, _TEXT_TYPE), texts)
    return pc.coalesce(plain_numbers(texts, sign), others)


def sign_masks(texts: pa.Array) -> SignMasks:
    """Tell which cells show something about the decimal sign of their column; null cells show nothing."""
    by_comma, by_point = (pc.match_substring_regex(texts, WRITTEN_NUMBERS[sign]) for sign in (",", "."))
    by_both = ambiguous_numbers(texts)
    return {
        COMMA: pc.and_not(by_comma, by_point),
        POINT: pc.and_not(by_point, by_comma),
        EITHER: pc.and_(by_both, pc.match_substring(texts, ".")),
        EITHER_COMMA: pc.and_(by_both, pc.match_substring(texts, ",")),
        GROUPED: pc.and_(by_point, pc.match_substring_regex(texts, f"[,{''.join(_SEPARATORS)}]")),
    }


def decided_sign(counts: Mapping[str, int]) -> DecimalSign | None:
    """Return the decimal sign of a column with so many cells of each word.

    None stands for numbers that can be read as they are, and for cells that do not agree.
    """
    showing = counts[COMMA] + counts[POINT]
    if counts[COMMA] and counts[COMMA] >= showing * _DECIDING_SHARE:
        return ","
    is_point = counts[POINT] and counts[POINT] >= showing * _DECIDING_SHARE
    return "." if is_point and counts[GROUPED] + counts[EITHER] else None


def shows_sign(counts: Mapping[str, int], words: Iterable[str], sign: DecimalSign | None) -> bool:
    """Tell whether cells show their sign well enough to read those that are numbers with both; `words` are these."""
    own, other = (COMMA, POINT) if sign == "," else (POINT, COMMA)
    count = sum(counts[word] for word in words)
    return not count or (counts[own] >= count and not counts[other])


def is_torn(counts: Mapping[str, int]) -> bool:
    """Tell whether the cells of a column show both signs, neither of them often enough to decide."""
    showing = counts[COMMA] + counts[POINT]
    return 0 < max(counts[COMMA], counts[POINT]) < showing * _DECIDING_SHARE
