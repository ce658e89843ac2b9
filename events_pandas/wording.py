"""Texts for which Python and the command line, with its TOML, have different words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Phrase:
    """The part of a text that Python and the command line write differently."""

    python: str
    commands: str  # also in TOML


class Setting(Enum):
    """A setting that an error names."""

    ACCESS_TOKEN = Phrase(
        "set INTERCOM_ACCESS_TOKEN, or pass access_token to IntercomClient", "set INTERCOM_ACCESS_TOKEN"
    )
    ALLOW_HTTP = Phrase("pass allow_http=True", "add --allow-http")
    BASE_URL = Phrase("base_url", "--base-url")
    JOURNAL = Phrase("with journal=...", "with --journal")
    NAME_WORKSPACE = Phrase("pass workspace='...' (its id_code)", "add --workspace ID")
    NO_JOURNAL = Phrase("pass journal=None", "add --journal none")
    NO_PREFLIGHT = Phrase("preflight=False", "--no-preflight")
    REGION = Phrase("region", "--region")
    WAIT = Phrase("pass wait_seconds=3600", "add --wait")
    WORKSPACE = Phrase("workspace", "--workspace")


Part: TypeAlias = str | Phrase | Setting
Words: TypeAlias = Part | Sequence[Part]
"""A text, or its parts."""


def parts_of(*texts: Words) -> tuple[Part, ...]:
    """Return the parts of texts that follow each other.

    >>> parts_of("read ", ("a ", Phrase("frame", "file")))
    ('read ', 'a ', Phrase(python='frame', commands='file'))
    """
    return tuple(part for text in texts for part in ((text,) if isinstance(text, str | Phrase | Setting) else text))


def between(separator: str, texts: Iterable[Words]) -> tuple[Part, ...]:
    """Return the parts of texts with a separator between them; empty texts are left out.

    >>> between("; ", ["a", "", ("b", "c")])
    ('a', '; ', 'b', 'c')
    """
    kept = [parts for text in texts if any(parts := parts_of(text))]
    return tuple(part for place, parts in enumerate(kept) for part in ((separator, *parts) if place else parts))


def without_start(words: Words, start: str) -> tuple[Part, ...]:
    """Return a text without some text at its beginning.

    >>> without_start(("a.csv: ", "no column"), "a.csv: ")
    ('no column',)
    """
    first, *rest = parts_of(words)
    kept = first.removeprefix(start) if isinstance(first, str) else first
    return tuple(part for part in (kept, *rest) if part)


def in_python(words: Words) -> str:
    """Return a text in the words of Python.

    >>> in_python(("write a ", Phrase("Constant('usd')", "{ constant = 'usd' }")))
    "write a Constant('usd')"
    """
    return "".join(part if isinstance(part, str) else _phrase(part).python for part in parts_of(words))


def in_commands(words: Words) -> str:
    """Return a text in the words of the command line and its TOML.

    >>> in_commands(("write a ", Phrase("Constant('usd')", "{ constant = 'usd' }")))
    "write a { constant = 'usd' }"
    """
    return "".join(part if isinstance(part, str) else _phrase(part).commands for part in parts_of(words))


def _phrase(part: Phrase | Setting) -> Phrase:
    return part.value if isinstance(part, Setting) else part
