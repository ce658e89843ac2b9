"""The choices of a proposal, with the reason for each, and how a mapping is written as Python code."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from events_pandas.mapping import Constant, EventMapping, SourceFormat
from events_pandas.mapping.event_mapping import DEFAULTS, field_values
from events_pandas.mapping.rule_parts import rule_parts, rule_sources
from events_pandas.mapping.rules import RULE_TYPES
from events_pandas.mapping.source_format import set_parts
from events_pandas.mapping.toml import entry_text, is_set
from events_pandas.wording import Phrase, Words, in_python

_INDENT: Final = "    "


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What was chosen for one field of a mapping, and why."""

    path: str  # the field, such as "metadata.price"
    entry: Any  # a rule or a label; None where the field was left open on purpose
    words: Words  # of the reason, one line
    about_duplicates: str = ""  # added to the reason while `duplicates` of the mapping is the default
    guesses: tuple[str, ...] = ()  # what may be wrong, by path: nothing is submitted before it is confirmed

    @property
    def reason(self) -> str:
        """The reason in the words of Python."""
        return in_python(self.words)

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """The columns and index levels that the field reads; none if the name of the event is a literal."""
        if isinstance(self.entry, RULE_TYPES):
            return tuple(rule_sources(self.entry).values())
        is_literal = self.path in {"event_name", "source"} or self.entry is None or isinstance(self.entry, Constant)
        return () if is_literal else (self.entry,)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A column that was not proposed, and why in one line; an index without a name has the label None."""

    label: Hashable
    words: Words  # of the reason

    @property
    def reason(self) -> str:
        """The reason in the words of Python."""
        return in_python(self.words)


def share_text(part: int, whole: int) -> str:
    """Write a share in per cent; only all is written as 100 %, and at least one is never written as 0 %.

    >>> share_text(1, 5), share_text(1, 1_000), share_text(999, 1_000)
    ('20 %', 'less than 1 %', 'more than 99 %')
    """
    percent = 100 * part / whole
    if percent < 1:
        return "less than 1 %"
    return "more than 99 %" if 99 < percent < 100 else f"{percent:.0f} %"  # noqa: PLR2004  # Per cent.


def write_python(mapping: EventMapping, comments: Mapping[str, Words]) -> str:
    """Write a mapping as Python code that runs after ``import events_pandas as ep`` and assigns to ``mapping``.

    The comments go by the path of their field; the comment on a field that is not written has a line of its own.
    """
    lines = ["mapping = ep.EventMapping("]
    for name, value in field_values(mapping).items():
        if name == "metadata":
            lines += _metadata_lines(value, comments)
        elif is_set(name, value, default=DEFAULTS[name]):
            lines.append(f"{_INDENT}{name}={python_text(value)},{_comment(comments, name)}")
        elif name in comments:
            lines.append(f"{_INDENT}# {name}: {in_python(comments[name])}")
    return "\n".join([*lines, ")"])


def _metadata_lines(metadata: Mapping[str, object], comments: Mapping[str, Words]) -> list[str]:
    if not metadata:
        return []
    lines = [
        f"{2 * _INDENT}{python_text(key)}: {python_text(entry)},{_comment(comments, f'metadata.{key}')}"
        for key, entry in metadata.items()
    ]
    return [f"{_INDENT}metadata={{", *lines, f"{_INDENT}}},"]


def _comment(comments: Mapping[str, Words], path: str) -> str:
    return f"  # {in_python(comments[path])}" if path in comments else ""


def wording_of(entry: object) -> Phrase:
    """Return how one entry of a mapping is written in Python, and in TOML."""
    return Phrase(python_text(entry), entry_text(entry))


def python_text(entry: object) -> str:
    """Write one entry of a mapping as a person would write it in Python, without options that have their defaults.

    >>> import events_pandas as ep
    >>> print(python_text(ep.Date("day", format="%Y%m%d")))
    ep.Date("day", format="%Y%m%d")
    """
    if isinstance(entry, Constant):
        return f"ep.Constant({python_text(entry.value)})"
    if isinstance(entry, RULE_TYPES):
        parts = [part for part in rule_parts(entry) if part.is_set]
        written = (f"{part.name}=" * part.is_keyword + python_text(part.value) for part in parts)
        return f"ep.{type(entry).__name__}({', '.join(written)})"
    if isinstance(entry, SourceFormat):
        written = (f"{name}={python_text(value)}" for name, value in set_parts(entry).items())
        return f"ep.SourceFormat({', '.join(written)})"
    if isinstance(entry, str) and not {'"', "'"} & set(entry):
        return f'"{repr(entry)[1:-1]}"'
    if isinstance(entry, tuple):
        levels = [python_text(level) for level in entry]
        return f"({', '.join(levels)}{',' * (len(levels) == 1)})"
    return repr(entry)
