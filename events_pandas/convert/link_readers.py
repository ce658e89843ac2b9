"""How cells are read as http and https addresses."""

import numpy as np
import pyarrow as pa

from events_pandas.convert.cells import (
    TEXT_TYPE,
    CellKind,
    Cells,
    Mask,
    holds_any,
    matches,
    text_bytes,
    without,
    words_at_each_byte,
)
from events_pandas.convert.odd_texts import LINK
from events_pandas.convert.readers import read_text
from events_pandas.convert.reading import CodeMasks, reject_all

_PLAIN, _SECURE = (np.uint64(int.from_bytes(scheme, "little")) for scheme in (b"http://", b"https://"))
_LETTERS_OF_PLAIN, _LETTERS_OF_SECURE = np.uint64(0x20202020), np.uint64(0x2020202020)
"""The bit that makes a letter lower case, for each letter of the scheme."""
_NO_HOST = np.frombuffer(b"/?#:.", np.uint8)
_SEVEN_BYTES = np.uint64(2**56 - 1)
_NOT_IN_LINKS = tuple(bytes([letter]) for letter in b'@<>"{}|\\^`')
_SPACE, _DELETE = 0x20, 0x7F


def read_link(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text as http or https addresses (large_string) that are metadata strings, so at most 255 characters long."""
    if cells.kind is not CellKind.TEXT:
        return reject_all(cells, TEXT_TYPE, "link_malformed")
    text, faults = read_text(cells)
    address, address_faults = read_url(Cells(kind=CellKind.TEXT, values=text))
    return address, [*faults, *address_faults]


def read_url(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text as http or https addresses (large_string) of any length."""
    if cells.kind is not CellKind.TEXT:
        return reject_all(cells, TEXT_TYPE, "link_malformed")
    malformed = cells.mask() & ~_is_link(cells.values)
    return without(cells.values, malformed), [("link_malformed", malformed)]


def _is_link(text: pa.Array) -> Mask:
    bounds, letters = text_bytes(text)
    if letters.min(initial=_DELETE) <= _SPACE or letters.max(initial=0) >= _DELETE or holds_any(text, *_NOT_IN_LINKS):
        return matches(text, LINK)
    # Without forbidden characters the beginning decides: a scheme, and at least one character of a host.
    starts, lengths = bounds[:-1], np.diff(bounds)
    words = words_at_each_byte(letters)[starts]
    is_secure = ((words | _LETTERS_OF_SECURE) == _SECURE) & (lengths > len("https://"))
    is_plain = ((words | _LETTERS_OF_PLAIN) & _SEVEN_BYTES == _PLAIN) & (lengths > len("http://"))
    hosts = np.append(letters, np.zeros(len("https://"), np.uint8))[starts + np.where(is_secure, 8, 7)]
    is_link: Mask = (is_secure | is_plain) & ~np.isin(hosts, _NO_HOST)
    return is_link
