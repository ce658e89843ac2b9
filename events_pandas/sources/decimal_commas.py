"""A quick look at the bytes of a CSV file: whether any cell may be a number that only a known decimal sign tells."""

import re
from typing import BinaryIO, Final

_BLOCK_BYTES: Final = 1024 * 1024
_OVERLAP_BYTES: Final = 64
"""Longer than any number: the end of a block is looked at again with the next one."""

_QUOTE: Final = b'"'
# Quoted, since it stands in a cell; what else may stand between thousands is an apostrophe or a space.
_QUOTED_NUMBER: Final = re.compile(rb'"[+-]?[0-9][0-9.,\' \xa0\xc2\xe2\x80\x99\xaf]*,[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?"')
# These begin with the comma, which is found at once: to look at every digit or quote takes ten times as long.
_NUMBER: Final = re.compile(rb",(?<=[0-9],)[0-9]")
_END_OF_QUOTED_NUMBER: Final = re.compile(rb',(?<=[0-9],)[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?"')


def may_need_sign(stream: BinaryIO, *, delimiter: bytes) -> bool:
    """Tell whether a text may have a cell such as 905,00, 1.234 or 1.234.567; False is certain.

    Where commas separate the cells, a number with a comma is quoted.
    """
    is_quoted = delimiter == b","
    point = _point_number(delimiter)
    end, block = b"", stream.read(_BLOCK_BYTES)
    while block:
        text = end + block
        if point.search(text) is not None or _holds_comma(text, is_quoted=is_quoted):
            return True
        end, block = text[-_OVERLAP_BYTES:], stream.read(_BLOCK_BYTES)
    return False


def _point_number(delimiter: bytes) -> re.Pattern[bytes]:
    """Return what the first point of a cell such as 1.234 or 1.234.567 looks like; + or - may come before it."""
    edge = rb'"\r\n' + re.escape(delimiter)
    # What follows is looked at first: few points have three digits behind them.
    starts = b"|".join(rb"(?<=[%b+-]%b\....)" % (edge, b"[1-9]" + b"[0-9]" * more) for more in range(3))
    return re.compile(rb"\.[0-9]{3}(?=[%b.]|\Z)(?:%b)" % (edge, starts))


def _holds_comma(text: bytes, *, is_quoted: bool) -> bool:
    if not is_quoted:
        return _NUMBER.search(text) is not None
    return _QUOTE in text and _END_OF_QUOTED_NUMBER.search(text) is not None and _QUOTED_NUMBER.search(text) is not None
