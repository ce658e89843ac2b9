"""A quick look at the bytes of a CSV file: whether any cell may be a number with a comma in it."""

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


def holds_decimal_commas(stream: BinaryIO, *, is_quoted: bool) -> bool:
    """Tell whether a text may hold a number with a comma in one of its cells; False is certain.

    Where commas separate the cells, such a cell is quoted (`is_quoted`).
    """
    end, block = b"", stream.read(_BLOCK_BYTES)
    while block:
        text = end + block
        if _holds_number(text, is_quoted=is_quoted):
            return True
        end, block = text[-_OVERLAP_BYTES:], stream.read(_BLOCK_BYTES)
    return False


def _holds_number(text: bytes, *, is_quoted: bool) -> bool:
    if not is_quoted:
        return _NUMBER.search(text) is not None
    return _QUOTE in text and _END_OF_QUOTED_NUMBER.search(text) is not None and _QUOTED_NUMBER.search(text) is not None
