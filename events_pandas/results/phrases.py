"""Names and lists of them in words, cut to what a line can hold."""

from collections.abc import Sequence

LISTED = 5
QUOTED_CHARACTERS = 40


def listed(texts: Sequence[str], *, most: int = LISTED) -> str:
    """Return the first of some texts, and how many more there are.

    Parameters
    ----------
    texts : sequence of str
        What is listed.
    most : int, default 5
        How many are told.

    Returns
    -------
    str
        Separated by commas.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    further = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {further:,} more" if further > 0 else "")


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
    return repr(name if len(name) <= QUOTED_CHARACTERS else f"{name[:QUOTED_CHARACTERS]}...")
