"""Words for messages: counts, times, lists, quoted names, "did you mean", and text in which nothing is hidden."""

import difflib
import os
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate
from typing import Final

LISTED: Final = 5
LISTED_CHARACTERS: Final = 110
"""The length of a list: with the words around it, a line stays below 200 characters."""
QUOTED_CHARACTERS: Final = 40

UNSEEN_RANGES: Final = (
    (0x00, 0x1F),
    (0x7F, 0xA0),  # control characters, and the no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180E),
    (0x2000, 0x200F),  # blanks of every width, also of none, and marks of direction
    (0x2028, 0x202F),  # ends of lines and paragraphs, and overrides of direction
    (0x205F, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE007F),
)
"""The first and the last of each range of unseen characters; these include all that act on a terminal."""

_AFTER_AN: Final = (*"AEIOaeio", "ndarray")
"""How names of types begin whose first sound is a vowel; that of uint8 and UUID is not."""
_ASTRAL: Final = 0x10000
_SHORT_NAMES: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things in words; the plural takes an s if it is not given.

    >>> counted(1, "row"), counted(2000, "row"), counted(2, "row is", "rows are")
    ('1 row', '2,000 rows', '2 rows are')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def duration_words(seconds: float) -> str:
    """Return a time in its two largest units; hours are counted on.

    >>> duration_words(59.4), duration_words(89), duration_words(90_060)
    ('59 s', '1 min 29 s', '25 h 1 min')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.0f} s"


def kind_of(value: object) -> str:
    """Return the type of a value with its article.

    >>> kind_of(1), kind_of([]), kind_of(OSError())
    ('an int', 'a list', 'an OSError')
    """
    return _with_article(type(value).__name__)


def full_kind_of(value: object) -> str:
    """Return the type of a value with its module and its article.

    >>> import datetime as dt
    >>> full_kind_of([]), full_kind_of(dt.date(2024, 1, 31))
    ('a list', 'a datetime.date')
    """
    kind = type(value)
    return _with_article(kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}")


def pandas_cure(value: object, otherwise: str) -> str:
    """Return how a frame of another library becomes one of pandas; other words for what is not one.

    >>> pandas_cure([], "give what submitting returned")
    'give what submitting returned'
    """
    methods = ("compute", "toPandas", "to_pandas")
    return next((f"call its {name}()" for name in methods if hasattr(type(value), name)), otherwise)


def _with_article(name: str) -> str:
    return f"{'an' if name.startswith(_AFTER_AN) else 'a'} {name}"


def listed(
    texts: Sequence[str], *, most: int = LISTED, longest: float = LISTED_CHARACTERS, rest: str | None = None
) -> str:
    """Return the first texts and how many more there are; `rest` such as ``"others"`` replaces the number.

    Fewer than `most` are shown if together they have more than `longest` characters, but always one.

    >>> listed(["a", "b", "c"], most=2), listed(["a", "b", "c"], most=2, rest="others")
    ('a, b and 1 more', 'a, b and others')
    """
    ends = accumulate(len(text) + len(", ") for text in texts[:most])
    shown = max(sum(end <= longest for end in ends), 1)
    further = len(texts) - shown
    return ", ".join(texts[:shown]) + (f" and {rest or f'{further:,} more'}" if further > 0 else "")


def did_you_mean(word: Hashable, known: Iterable[Hashable], *, otherwise: str | None = None) -> str:
    """Return a hint at the known word most like `word`; if none is like it, `otherwise`, or a list of the known words.

    >>> did_you_mean("chunk_size", ["chunksize", "client"]), did_you_mean("x", ["chunksize", "client"])
    ("did you mean 'chunksize'?", 'there are chunksize, client')
    """
    words, given = {str(label): label for label in known}, str(word)
    for name, label in words.items():
        if name != given and unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", given):
            # Both look the same: only the escapes show the difference.
            return f"did you mean {label!r} ({name!a}, not {given!a}: another Unicode form)?"
    similar = difflib.get_close_matches(given, words, n=1)
    if similar:
        return f"did you mean {words[similar[0]]!r}?"
    return f"there are {', '.join(words)}" if otherwise is None else otherwise


def quoted(name: str) -> str:
    """Return a name in quotes, on one line and cut to about 40 characters."""
    kept = name[:QUOTED_CHARACTERS]
    # The escape of one character takes up to ten.
    while len(repr(kept)) > len("''") + QUOTED_CHARACTERS:
        kept = kept[:-1]
    return repr(name if kept == name else f"{kept}...")


def characters(*ranges: tuple[int, int]) -> str:
    """Return ranges of characters (the first and the last of each) as `re` has them between brackets."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


UNSEEN: Final = re.compile(f"[{characters(*UNSEEN_RANGES)}]")
"""A character to `escape`."""

# It may be cut.
_ADDRESS: Final = re.compile(r"[^\s@<>()\[\]{},;:'\"&#/\\=|]+@(?:(?:[\w-]+\.)+[^\W\d_]{2,}|[\w.-]*\.{3})")
# The folder of a person, if something is in it.
_HOME: Final = re.compile(r"(?<![\w.-])(?:[A-Za-z]:)?[\\/](?:home|Users)[\\/][^\\/<>&\n]+(?=[\\/])")

_UNSEEN_IN_LINES: Final = re.compile(f"(?!\n){UNSEEN.pattern}")


def escape(match: re.Match[str]) -> str:
    r"""Return the escape of one character, such as ``\n`` or ``\u200b``."""
    code = ord(match[0])
    return _SHORT_NAMES.get(match[0], f"\\u{code:04x}" if code < _ASTRAL else f"\\U{code:08x}")


def path_text(path: str | os.PathLike[str]) -> str:
    r"""Return the name of a file as text that every encoding of Unicode can write.

    A name has half characters (surrogates) for bytes that the encoding of the locale lacks; in a cron job these are all
    bytes beyond ASCII. Bytes that are not UTF-8 become escapes.

    >>> print(path_text("caf\udcc3\udca9.csv"), path_text("caf\udce9.csv"))
    café.csv caf\xe9.csv
    """
    text = os.fspath(path)
    try:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:
        # Names on Windows may have other halves.
        return text.encode(errors="backslashreplace").decode()


def file_words(name: str) -> str:
    """Return what messages call a file: its name, and not the sign of the command line for standard input.

    >>> file_words("orders.csv"), file_words("-")
    ('orders.csv', 'standard input')
    """
    return "standard input" if name == "-" else path_text(name)


def escaped(text: object) -> str:
    r"""Return the text of anything on one line, with escapes for characters that act on a terminal.

    >>> print(escaped("orders\n5 rows: 5 valid\x1b[2J"))
    orders\n5 rows: 5 valid\u001b[2J
    """
    return UNSEEN.sub(escape, path_text(str(text)))


def escaped_lines(text: str) -> str:
    """Return our own lines, with escapes for characters in quoted text that act on a terminal."""
    return _UNSEEN_IN_LINES.sub(escape, path_text(text))


def has_address(text: str) -> bool:
    """Tell whether a text holds an email address."""
    return _ADDRESS.search(text) is not None


def without_persons(text: str) -> str:
    """Return a text, or markup, without email addresses and without the names of home folders.

    >>> without_persons("/home/ada/orders.csv: ada@example.org has several contacts")
    '~/orders.csv: (address) has several contacts'
    """
    return _HOME.sub("~", _ADDRESS.sub("(address)", text))
