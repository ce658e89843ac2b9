"""A quick look at the bytes of a CSV file: whether any cell may be a number with a comma in it."""

import re
from typing import BinaryIO, Final

_BLOCK_BYTES: Final = 1024 * 1024
_OVERLAP_BYTES: Final = 64
"""Longer than any number: the end of a block is looked at again with the next one."""

_QUOTE: Final = b'"'
# Quoted, since it stands in a cell; what else may stand between thousands is an apostrophe or a space.
_QUOTED_NUMBER: Final = re.compile(rb'"[+-]?[0-9][0-9.,\' \xa0\xc2\xe2\x80\x99\xaf]*,[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?"')
_NUMBER: Final = re.compile(rb"[0-9],[0-9]")


def holds_decimal_commas(stream: BinaryIO, *, is_quoted: bool) -> bool:
    """Tell whether a text may hold a number with a comma in one of its cells; False is certain.

    Where commas separate the cells, such a cell is quoted (`is_quoted`).
    """
    pattern = _QUOTED_NUMBER if is_quoted else _NUMBER
    end, block = b"", stream.read(_BLOCK_BYTES)
    while block:
        text = end + block
        if (not is_quoted or _QUOTE in text) and pattern.search(text):
            return True
        end, block = text[-_OVERLAP_BYTES:], stream.read(_BLOCK_BYTES)
    return False
