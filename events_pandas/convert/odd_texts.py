"""Texts with a fault that is easy to overlook: invisible characters, words instead of identifiers, malformed links."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import (
    TEXT_TYPE,
    CellKind,
    Cells,
    Mask,
    Rows,
    holds_any,
    mask_at,
    matches,
    text_bytes,
    to_mask,
    valid_mask,
    without,
)
from events_pandas.mapping.column_types import NOTHING_WORDS, SHEET_ERRORS
from events_pandas.words import UNSEEN_RANGES, characters, escape

_SPACE, _HASH, _DELETE = 0x20, 0x23, 0x7F
# Blanks that can be seen between letters, but not at the end of a text: the plain, the Ogham and the Chinese one.
_BLANKS = (_SPACE, 0x1680, 0x3000)

END_CHARACTERS: Final = "".join(
    chr(code)
    for first, last in (*UNSEEN_RANGES, *zip(_BLANKS, _BLANKS, strict=True))
    for code in range(first, last + 1)
)
"""The characters that `stripped` removes from the ends of a text."""

_UNSEEN = "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in UNSEEN_RANGES)
_BLANK = "".join(rf"\x{{{blank:x}}}" for blank in _BLANKS)
HAS_UNSEEN = f"[{_UNSEEN}]"
HAS_BLANK_AT_AN_END = f"^[{_BLANK}]|[{_BLANK}]$"
_AT_AN_END = f"^[{_BLANK}{_UNSEEN}]+|[{_BLANK}{_UNSEEN}]+$"
_NOT_SEEN = f"[{_UNSEEN}]+|{_AT_AN_END}"
_TO_SHOW = re.compile(f"[{characters(*UNSEEN_RANGES)}\u1680\u3000]")
_SHOWN = re.compile(r"\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|\\[tnr]|^ +| +$")
_BEGINS_UNSEEN = np.zeros(256, dtype=bool)
"""The first bytes of these characters in UTF-8. Beyond ASCII, other characters begin with them too."""
_BEGINS_UNSEEN[[chr(code).encode()[0] for codes in UNSEEN_RANGES for code in range(codes[0], codes[1] + 1)]] = True
_BEGINS_UNSEEN[[chr(blank).encode()[0] for blank in _BLANKS if blank > _DELETE]] = True

# A spreadsheet writes 123456789012 as 1.23457E+11 or 1,23457E+11. 1E5 and 12E-3 may be real identifiers.
_SCIENTIFIC: Final = r"^[+-]?[0-9]+(?:[.,][0-9]*[eE][+-]?|[eE]\+)[0-9]+$"
_EXPONENT: Final = r"^[0-9]+[eE]-?[0-9]+$"
# #N/A, #NAME? and others, in any language, and the ##### of a column that is too narrow.
_SHEET_ERROR: Final = r"^#(?:(?i:n/a|n/d|nv|getting_data)|¡?[\p{L}/0]+[!?]|#+)$"
# Excel's ="00042" and '00042, and quotes that were left in a CSV file.
_GUARDED: Final = r"^(?:=[\"'0-9].*|'(?:[-+=@].*|.*[0-9].*)|\".*\")$"
_GUARDED_EMAIL: Final = r"^(?:'.*|=?\".*\")$"
_OBJECT: Final = (
    r"^(?:<.*>|\[object \w+\]|.* object \(.*\)|\[(?:['\"{\[0-9].*)?\]|\{(?:.*['\":].*)?\}|\(['\"].*\)|b'.*'|b\".*\""
    r"|[A-Za-z_][\w.]*\(['\"].*['\"]\)|ObjectId\(.*\))$"
)
_NOTHING: Final = tuple(sorted(word for word in NOTHING_WORDS if word[0] not in "#<"))
"""The other words are errors of a spreadsheet, or the text of an object."""
_IS_NOTHING: Final = f"^(?i:{'|'.join(map(re.escape, _NOTHING))})$"
_SHEET_ERRORS: Final = pa.array(sorted(SHEET_ERRORS), TEXT_TYPE)
_LONGEST_NUMBER: Final = len("-1.23456789012345E+100")
_LONGEST_NOTHING: Final = max(map(len, _NOTHING))

LINK = r"^(?i:https?)://[^\p{Z}\p{C}/?#<>\"{}|\\^`@:.][^\p{Z}\p{C}/?#<>\"{}|\\^`@]*(?:[/?#][^\p{Z}\p{C}<>\"{}|\\^`]*)?$"
"""An http or https address. Letters beyond ASCII, which RFC 3986 forbids, are allowed, as in browsers."""
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
"""What a text may be, by its first byte."""
_LAST: Final = _flags(numeric=_DIGITS, marked=b"\"')]}>")
"""What a text may be, by its last byte."""


def may_hold_unseen(text: pa.Array) -> bool:
    """Tell whether any text may hold a character that cannot be seen; only False is certain.

    All texts are searched as one, by their bytes.
    """
    _, letters = text_bytes(text)
    if letters.min(initial=_SPACE) >= _SPACE and letters.max(initial=0) < _DELETE:
        return False
    return bool(_BEGINS_UNSEEN[letters].any())


def stripped(cells: Cells) -> Cells:
    """Remove blanks and invisible characters from both ends of text; a cell of which nothing is left is absent."""
    text = cells.values
    if cells.kind is not CellKind.TEXT or not (may_hold_unseen(text) or holds_any(text, b" ")):
        return cells
    bare = pc.replace_substring_regex(text, _AT_AN_END, "")
    return replace(cells, values=without(bare, to_mask(pc.equal(pc.binary_length(bare), 0))), written=text)


def visible(text: pa.Array) -> pa.Array:
    r"""Write characters that cannot be seen as escapes, such as ``\u200b``."""
    if not may_hold_unseen(text):
        return text
    texts = [None if cell is None else _TO_SHOW.sub(escape, cell) for cell in text.to_pylist()]
    return pa.array(texts, TEXT_TYPE)


def outlined(shown: pa.Array) -> pa.Array:
    """Replace all but the escapes, and blanks at the ends, by ellipses in texts that `visible` wrote, in quotes."""
    return pa.array([None if cell is None else f"'{_outline(cell[1:-1])}'" for cell in shown.to_pylist()], TEXT_TYPE)


def _outline(text: str) -> str:
    kept, end = [], 0
    for match in _SHOWN.finditer(text):
        kept += ["…"] * (match.start() > end) + [match[0]]
        end = match.end()
    return "".join(kept + ["…"] * (end < len(text)))


def find_unreadable(
    text: pa.Array, *, code: str, is_readable: Callable[[pa.Array], Mask]
) -> tuple[Mask, list[tuple[str, Mask]]]:
    """Find texts that cannot be read, and report them: for invisible characters or blanks if nothing else is wrong.

    `is_readable` returns for some texts where they can be read; `code` is for texts that could not be read even without
    such characters.
    """
    unreadable = valid_mask(text) & ~is_readable(text)
    rows = np.flatnonzero(unreadable)
    if not len(rows) or not (may_hold_unseen(text) or holds_any(text, b" ")):
        return unreadable, [(code, unreadable)]
    odd = text.take(pa.array(rows))
    would_do = is_readable(pc.replace_substring_regex(odd, _NOT_SEEN, ""))
    has_unseen = matches(odd, HAS_UNSEEN)
    masks = {code: ~would_do, "invisible_character": would_do & has_unseen, "blanks_around": would_do & ~has_unseen}
    return unreadable, [(name, mask_at(rows[chosen], len(text))) for name, chosen in masks.items()]


def odd_identifiers(text: pa.Array, passed_over: Mask) -> list[tuple[str, Mask]]:
    """Find texts that are not identifiers, or perhaps not: at most one code each; `passed_over` rows are skipped."""
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
    return found + _matched(text, words, identifier_nothing=_IS_NOTHING)


def sheet_errors(text: pa.Array) -> Mask:
    """Return where a text is an error of a spreadsheet, such as #REF!: the one word that stands for a value."""
    bounds, letters = text_bytes(text)
    rows = np.flatnonzero((np.append(letters, np.uint8(0))[bounds[:-1]] == _HASH) & valid_mask(text))
    if not len(rows):
        return np.zeros(len(text), dtype=bool)
    words = pc.utf8_lower(text.take(pa.array(rows)))
    return mask_at(rows[to_mask(pc.is_in(words, _SHEET_ERRORS))], len(text))


def guarded_emails(text: pa.Array) -> Mask:
    """Return where an address stands in a spreadsheet's marks for text."""
    if not holds_any(text, b"'", b'"'):
        return np.zeros(len(text), dtype=bool)
    return matches(text, _GUARDED_EMAIL)


def _matched(text: pa.Array, rows: Rows, **patterns: str) -> list[tuple[str, Mask]]:
    """Find the first pattern that each of some rows matches."""
    found: list[tuple[str, Mask]] = []
    for code, pattern in patterns.items():
        if len(rows):
            where = matches(text.take(pa.array(rows)), pattern)
            found.append((code, mask_at(rows[where], len(text))))
            rows = rows[~where]
    return found


def link_cures(texts: pa.Array) -> pa.Array:
    """Say how to fix texts that are not links because of forbidden characters; null where something else is wrong.

    `LINK` does not match these texts.
    """
    faulty = matches(texts, _FORBIDDEN)
    cures = [_cure(text) if is_faulty else None for text, is_faulty in zip(texts.to_pylist(), faulty, strict=True)]
    return pa.array(cures, TEXT_TYPE)


def _cure(text: str) -> str | None:
    """Name the forbidden characters of a text, if it is a link without them."""
    bare = text.strip()
    # dict keeps the characters in the order of the text.
    forbidden = [character for character in dict.fromkeys(bare) if _matches(character, _FORBIDDEN)]
    encoded = "".join(_encoded(character) if character in forbidden else character for character in bare)
    host = _HOST.match(bare)
    # No encoding makes a valid host of a name that holds such a character.
    if host is None or any(_encoded(character) for character in forbidden if character in host[0]):
        return None
    if not _matches(encoded, LINK):
        return None
    cures = [*_encodings(forbidden), *(["remove the white space around it"] if bare != text else [])]
    return " and ".join(cures)


def _matches(text: str, pattern: str) -> bool:
    return bool(matches(pa.array([text], TEXT_TYPE), pattern)[0])


def _encoded(character: str) -> str:
    return quote(character, safe="") if character.isprintable() else ""


def _encodings(forbidden: list[str]) -> Iterator[str]:
    written = [f"{character!r} as {_encoded(character)}" for character in forbidden if character.isprintable()]
    removed = [f"U+{ord(character):04X}" for character in forbidden if not character.isprintable()]
    if written:
        yield f"write {', '.join(written)}"
    if removed:
        yield f"remove {', '.join(removed)}"
