"""X"""

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows, holds_any, mask_at, text_bytes, to_mask, valid_mask
from events_pandas.mapping.column_types import NOTHING_WORDS
from events_pandas.words import UNSEEN_RANGES, characters, escape

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

# A spreadsheet writes 123456789012 as 1.23457E+11, or 1,23457E+11; 1E5 and 12E-3 may be codes of somebody's.
_SCIENTIFIC: Final = r"^[+-]?[0-9]+(?:[.,][0-9]*[eE][+-]?|[eE]\+)[0-9]+$"
_EXPONENT: Final = r"^[0-9]+[eE]-?[0-9]+$"
# #N/A, #NAME? and the like in any language, and cells that were too narrow.
_SHEET_ERROR: Final = r"^#(?:(?i:n/a|n/d|nv|getting_data)|¡?[\p{L}/0]+[!?]|#+)$"
# Excel's ="00042" and '00042, and quotes that a CSV file has kept.
_GUARDED: Final = r"^(?:=[\"'0-9].*|'(?:[-+=@].*|.*[0-9].*)|\".*\")$"
_GUARDED_EMAIL: Final = r"^(?:'.*|=?\".*\")$"
_OBJECT: Final = (
    r"^(?:<.*>|\[object \w+\]|.* object \(.*\)|\[(?:['\"{\[0-9].*)?\]|\{(?:.*['\":].*)?\}|\(['\"].*\)|b'.*'|b\".*\""
    r"|[A-Za-z_][\w.]*\(['\"].*['\"]\)|ObjectId\(.*\))$"
)
_NOTHING: Final = tuple(sorted(word for word in NOTHING_WORDS if word[0] not in "#<"))
"""Others are the errors of a spreadsheet, or an object's own words."""
_LONGEST_NUMBER: Final = len("-1.23456789012345E+100")
_LONGEST_NOTHING: Final = max(map(len, _NOTHING))

LINK = r"^(?i:https?)://[^\p{Z}\p{C}/?#<>\"{}|\\^`@:.][^\p{Z}\p{C}/?#<>\"{}|\\^`@]*(?:[/?#][^\p{Z}\p{C}<>\"{}|\\^`]*)?$"
"""An http or https address; of what RFC 3986 forbids, letters beyond ASCII are let through, as browsers do."""
_FORBIDDEN = r"[\p{Z}\p{C}<>\"{}|\\^`]"
_HOST = re.compile(r"(?i:https?)://[^/?#]*")

_DIGITS: Final = b"0123456789"
_NUMERIC, _MARKED, _WORD = np.uint8(1), np.uint8(2), np.uint8(4)


def _flags(**letters: bytes) -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for name, chosen in letters.items():
        table[list(chosen)] |= {"numeric": _NUMERIC, "marked": _MARKED, "word": _WORD}[name]
    return table


_FIRST: Final = _flags(
    numeric=_DIGITS + b"+-", marked=b"#='", word=bytes({ord(word[0]) for word in _NOTHING}) + b"NUME"
)
"""What a text may be by its first byte."""
_LAST: Final = _flags(numeric=_DIGITS, marked=b"\"')]}>")
"""What a text may be by its last byte."""


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
    return [(name, mask_at(rows[chosen], len(text))) for name, chosen in masks.items()]


def odd_identifiers(text: pa.Array, passed_over: Mask) -> list[tuple[str, Mask]]:
    """Find identifiers that name nobody, or may name nobody.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        Identifiers; null where there is none.
    passed_over : numpy.ndarray of bool
        Where something else is wrong already.

    Returns
    -------
    list of (str, mask)
        At most one code for each identifier.
    """
    bounds, letters = text_bytes(text)
    rows = np.flatnonzero(valid_mask(text) & ~passed_over)
    found: list[tuple[str, Mask]] = []
    if not len(rows):
        return found
    if may_hold_unseen(text):
        found += _matched(text, rows, invisible_character=HAS_UNSEEN, blanks_around=HAS_BLANK_AT_AN_END)
    else:
        has_blank = (letters[bounds[:-1][rows]] == _SPACE) | (letters[bounds[1:][rows] - 1] == _SPACE)
        found.append(("blanks_around", mask_at(rows[has_blank], len(text))))
    for _, where in found:
        rows = rows[~where[rows]]
    starts, ends = bounds[:-1][rows], bounds[1:][rows]
    first, last, lengths = _FIRST[letters[starts]], _LAST[letters[ends - 1]], ends - starts
    numeric = rows[((first & last & _NUMERIC) > 0) & (lengths <= _LONGEST_NUMBER)]
    marked = rows[((first | last) & _MARKED) > 0]
    words = rows[((first & _WORD) > 0) & (lengths <= _LONGEST_NOTHING)]
    found += _matched(text, numeric, identifier_scientific=_SCIENTIFIC, identifier_exponent=_EXPONENT)
    found += _matched(
        text, marked, identifier_sheet_error=_SHEET_ERROR, identifier_guarded=_GUARDED, identifier_object=_OBJECT
    )
    if len(words):
        is_nothing = to_mask(pc.is_in(pc.utf8_lower(text.take(pa.array(words))), pa.array(_NOTHING, TEXT_TYPE)))
        found.append(("identifier_nothing", mask_at(words[is_nothing], len(text))))
    return found


def guarded_emails(text: pa.Array) -> Mask:
    """Return where an address stands in a spreadsheet's marks for text.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        The addresses.

    Returns
    -------
    numpy.ndarray of bool
        As long as the text.
    """
    if not holds_any(text, b"'", b'"'):
        return np.zeros(len(text), dtype=bool)
    return to_mask(pc.match_substring_regex(text, _GUARDED_EMAIL))


def _matched(text: pa.Array, rows: Rows, **patterns: str) -> list[tuple[str, Mask]]:
    """Find the first of some patterns that each of some rows matches."""
    found: list[tuple[str, Mask]] = []
    for code, pattern in patterns.items():
        if len(rows):
            where = to_mask(pc.match_substring_regex(text.take(pa.array(rows)), pattern))
            found.append((code, mask_at(rows[where], len(text))))
            rows = rows[~where]
    return found


def link_cures(texts: pa.Array) -> pa.Array:
    """Say how to fix texts that are no links since they hold what an address may not hold.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray
        Texts that `LINK` does not match.

    Returns
    -------
    pyarrow.LargeStringArray
        Null where something else is wrong.

    Examples
    --------
    >>> link_cures(pa.array(["https://example.org/?a=1|2", "example.org"], pa.large_string())).to_pylist()
    ["write '|' as %7C", None]
    """
    faulty = to_mask(pc.match_substring_regex(texts, _FORBIDDEN))
    cures = [_cure(text) if is_faulty else None for text, is_faulty in zip(texts.to_pylist(), faulty, strict=True)]
    return pa.array(cures, TEXT_TYPE)


def _cure(text: str) -> str | None:
    """Name the characters of one text, if it is a link once they are written otherwise."""
    bare = text.strip()
    # In the order in which they stand.
    forbidden = [character for character in dict.fromkeys(bare) if _matches(character, _FORBIDDEN)]
    encoded = "".join(_encoded(character) if character in forbidden else character for character in bare)
    host = _HOST.match(bare)
    # No encoding makes a host of a name with a blank in it.
    if host is None or any(_encoded(character) for character in forbidden if character in host[0]):
        return None
    if not _matches(encoded, LINK):
        return None
    cures = [*_encodings(forbidden), *(["remove the white space around it"] if bare != text else [])]
    return " and ".join(cures)


def _matches(text: str, pattern: str) -> bool:
    return bool(to_mask(pc.match_substring_regex(pa.array([text], TEXT_TYPE), pattern))[0])


def _encoded(character: str) -> str:
    return quote(character, safe="") if character.isprintable() else ""


def _encodings(forbidden: list[str]) -> Iterator[str]:
    written = [f"{character!r} as {_encoded(character)}" for character in forbidden if character.isprintable()]
    removed = [f"U+{ord(character):04X}" for character in forbidden if not character.isprintable()]
    if written:
        yield f"write {', '.join(written)}"
    if removed:
        yield f"remove {', '.join(removed)}"
