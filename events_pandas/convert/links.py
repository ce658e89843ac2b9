"""What an address is that can be sent as a link, and how one is fixed that holds what no address may hold."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, to_mask

LINK = r"^(?i:https?)://[^\p{Z}\p{C}/?#<>\"{}|\\^`@:.][^\p{Z}\p{C}/?#<>\"{}|\\^`@]*(?:[/?#][^\p{Z}\p{C}<>\"{}|\\^`]*)?$"
"""An http or https address; of what RFC 3986 forbids, letters beyond ASCII are let through, as browsers do."""

_FORBIDDEN = r"[\p{Z}\p{C}<>\"{}|\\^`]"

_HOST = re.compile(r"(?i:https?)://[^/?#]*")


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
