"""Words for messages: lists, quoted names, "did you mean", and text in which nothing is hidden."""

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

LISTED = 5
LISTED_CHARACTERS = 110
"""What a list takes of a line: with what stands before and after, lines stay below 200 characters."""
QUOTED_CHARACTERS = 40


def listed(texts: Sequence[str], *, most: int = LISTED, rest: str | None = None) -> str:
    """Return the first of some texts, and how many more there are.

    Parameters
    ----------
    texts : sequence of str
        What is listed.
    most : int, default 5
        How many are told; fewer if they are long, but the first in any case.
    rest : str, optional
        What is said of those that are not told, such as ``"others"``; how many they are when not given.

    Returns
    -------
    str
        Separated by commas.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    >>> listed(["a", "b", "c"], most=2, rest="others")
    'a, b and others'
    """
    ends = accumulate(len(text) + len(", ") for text in texts[:most])
    told = max(sum(end <= LISTED_CHARACTERS for end in ends), 1)
    further = len(texts) - told
    return ", ".join(texts[:told]) + (f" and {rest or f'{further:,} more'}" if further > 0 else "")


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6, otherwise: str = "") -> str:
    """Return a hint at the known word that is most like `word`; if none is, `otherwise`, or else all known words.

    >>> did_you_mean("chunk_size", ["chunksize", "client"]), did_you_mean("x", ["chunksize", "client"])
    ("did you mean 'chunksize'?", 'there are chunksize, client')
    """
    known = list(known)
    similar = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return f"did you mean {similar[0]!r}?" if similar else otherwise or f"there are {', '.join(known)}"


def quoted(name: str) -> str:
    r"""Return a name in quotes, on one line whatever it holds.

    Parameters
    ----------
    name : str
        Such as an event's or a key's.

    Returns
    -------
    str
        Cut to a length that can be read.

    Examples
    --------
    >>> print(quoted("two\nlines"))
    'two\nlines'
    """
    kept = name[:QUOTED_CHARACTERS]
    # A character that cannot be printed takes up to ten to be told.
    while len(repr(kept)) > len("''") + QUOTED_CHARACTERS:
        kept = kept[:-1]
    return repr(name if kept == name else f"{kept}...")


UNSEEN_RANGES: Final = (
    (0x00, 0x1F),
    (0x7F, 0xA0),  # control characters, and the no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180E),
    (0x2000, 0x200F),  # blanks of every width, those of no width among them, and marks of direction
    (0x2028, 0x202F),  # ends of lines and paragraphs, and texts that run the other way
    (0x205F, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE007F),
)
"""The first and the last of each range of unseen characters; all that act on a terminal are among them."""

_ASTRAL: Final = 0x10000
_SHORT_NAMES: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def characters(*ranges: tuple[int, int]) -> str:
    """Return ranges of characters as `re` has them between brackets.

    Parameters
    ----------
    *ranges : tuple of int
        The first and the last of each.

    Returns
    -------
    str
        Without the brackets.
    """
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_TO_ESCAPE: Final = re.compile(f"[{characters(*UNSEEN_RANGES)}]")
_TO_ESCAPE_IN_LINES: Final = re.compile(f"(?!\n){_TO_ESCAPE.pattern}")


def escape(match: re.Match[str]) -> str:
    r"""Return the escape of one character.

    Parameters
    ----------
    match : re.Match
        The character.

    Returns
    -------
    str
        Such as ``\n`` or ``\u200b``.
    """
    code = ord(match[0])
    return _SHORT_NAMES.get(match[0], f"\\u{code:04x}" if code < _ASTRAL else f"\\U{code:08x}")


def path_text(path: str | os.PathLike[str]) -> str:
    r"""Return the name of a file as text that can be written anywhere.

    Parameters
    ----------
    path : str or os.PathLike
        Half characters stand in it for bytes that the locale's encoding lacks: in a cron job for all beyond ASCII.

    Returns
    -------
    str
        As UTF-8 has it, with an escape in place of each byte that is not UTF-8.

    Examples
    --------
    >>> print(path_text("caf\udcc3\udca9.csv"), path_text("caf\udce9.csv"))
    café.csv caf\xe9.csv
    """
    text = os.fspath(path)
    try:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:
        # Names on Windows may have other halves.
        return text.encode(errors="backslashreplace").decode()


def escaped(text: object) -> str:
    r"""Return a text on one line that does nothing to a terminal.

    Parameters
    ----------
    text : object
        Such as the name of a file, or what a server has answered; of anything else its text.

    Returns
    -------
    str
        The same otherwise.

    Examples
    --------
    >>> print(escaped("orders\n5 rows: 5 valid\x1b[2J"))
    orders\n5 rows: 5 valid\u001b[2J
    """
    return _TO_ESCAPE.sub(escape, path_text(str(text)))


def escaped_lines(text: str) -> str:
    r"""Return lines of our own that do nothing to a terminal, whatever they quote.

    Parameters
    ----------
    text : str
        Its line breaks are ours.

    Returns
    -------
    str
        The same otherwise.

    Examples
    --------
    >>> print(escaped_lines("2 rows\n  1 invalid\x1b[2J"))
    2 rows
      1 invalid\u001b[2J
    """
    return _TO_ESCAPE_IN_LINES.sub(escape, path_text(text))
