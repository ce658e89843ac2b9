"""Names and lists of them in words, cut to what a line can hold."""

from collections.abc import Sequence
from itertools import accumulate

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
