"""Characters that nobody sees: where a text holds them, how a message shows them, and what is left without them."""

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, holds_any, text_bytes, to_mask
from events_pandas.escapes import UNSEEN_RANGES, characters, escape

_SPACE, _DELETE = 0x20, 0x7F
# Blanks that can be seen between letters, and not at the end of a text: the plain one, that of Ogham, that of Chinese.
_BLANKS = (_SPACE, 0x1680, 0x3000)

_UNSEEN = "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in UNSEEN_RANGES)
_BLANK = "".join(rf"\x{{{blank:x}}}" for blank in _BLANKS)
HAS_UNSEEN = f"[{_UNSEEN}]"
HAS_BLANK_AT_AN_END = f"^[{_BLANK}]|[{_BLANK}]$"
_NOT_SEEN = f"[{_UNSEEN}]+|^[{_BLANK}{_UNSEEN}]+|[{_BLANK}{_UNSEEN}]+$"
_TO_SHOW = re.compile(f"[{characters(*UNSEEN_RANGES)}\u1680\u3000]")
_SHOWN = re.compile(r"\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|\\[tnr]|^ +| +$")
_BEGINS_UNSEEN = np.zeros(256, dtype=bool)
"""The first bytes of these characters; beyond ASCII they begin others too."""
_BEGINS_UNSEEN[[chr(code).encode()[0] for codes in UNSEEN_RANGES for code in range(codes[0], codes[1] + 1)]] = True
_BEGINS_UNSEEN[[chr(blank).encode()[0] for blank in _BLANKS if blank > _DELETE]] = True


def may_hold_unseen(text: pa.Array) -> bool:
    """Tell from the bytes of all texts together whether one may hold a character that nobody sees.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        All texts.

    Returns
    -------
    bool
        False only if none of them does.
    """
    _, letters = text_bytes(text)
    if letters.min(initial=_SPACE) >= _SPACE and letters.max(initial=0) < _DELETE:
        return False
    return bool(_BEGINS_UNSEEN[letters].any())


def unreadable_faults(
    text: pa.Array, unreadable: Mask, *, code: str, is_readable: Callable[[pa.Array], Mask]
) -> list[tuple[str, Mask]]:
    """Say of texts that cannot be read what is wrong: a code, or the characters that alone keep them from being read.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        All texts.
    unreadable : numpy.ndarray of bool
        Which of them cannot be read.
    code : str
        What to say of those that could not be read without these characters either.
    is_readable : callable
        Where texts can be read.

    Returns
    -------
    list of (str, mask)
        The code, and those of the characters, each with the texts of which it is said.
    """
    rows = np.flatnonzero(unreadable)
    if not len(rows) or not (may_hold_unseen(text) or holds_any(text, b" ")):
        return [(code, unreadable)]
    odd = text.take(pa.array(rows))
    would_do = is_readable(pc.replace_substring_regex(odd, _NOT_SEEN, ""))
    has_unseen = to_mask(pc.match_substring_regex(odd, HAS_UNSEEN))
    masks = {code: ~would_do, "invisible_character": would_do & has_unseen, "blanks_around": would_do & ~has_unseen}
    faults = []
    for name, chosen in masks.items():
        where = np.zeros_like(unreadable)
        where[rows[chosen]] = True
        faults.append((name, where))
    return faults


def visible(text: pa.Array) -> pa.Array:
    r"""Write characters that nobody sees as escapes, such as ``\u200b``.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        The texts.

    Returns
    -------
    pyarrow.LargeStringArray
        The same texts otherwise.

    Examples
    --------
    >>> print(visible(pa.array(["42\u200b", "a b"], pa.large_string())).to_pylist()[0])
    42\u200b
    """
    if not may_hold_unseen(text):
        return text
    texts = [None if cell is None else _TO_SHOW.sub(escape, cell) for cell in text.to_pylist()]
    return pa.array(texts, TEXT_TYPE)


def outlined(shown: pa.Array) -> pa.Array:
    r"""Return of texts as a message shows them nothing but the escapes, and blanks at the ends.

    Parameters
    ----------
    shown : pyarrow.LargeStringArray
        As `visible` writes them, in quotes.

    Returns
    -------
    pyarrow.LargeStringArray
        With an ellipsis for each part that is left out.

    Examples
    --------
    >>> outlined(pa.array(["'42 '", "' ada '"], pa.large_string())).to_pylist()
    ["'… '", "' … '"]
    """
    return pa.array([None if cell is None else f"'{_outline(cell[1:-1])}'" for cell in shown.to_pylist()], TEXT_TYPE)


def _outline(text: str) -> str:
    kept, end = [], 0
    for match in _SHOWN.finditer(text):
        kept += ["…"] * (match.start() > end) + [match[0]]
        end = match.end()
    return "".join(kept + ["…"] * (end < len(text)))
