"""A mapping as Python code, with a comment on each line."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.mapping.rules import RULE_TYPES, Constant

_INDENT = "    "


def write_python(mapping: EventMapping, comments: Mapping[str, str]) -> str:
    """Write a mapping as Python code that runs after ``import events_pandas as ep``.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.
    comments : mapping of str to str
        What to say of fields, by their paths; of a field that is not written, on a line of its own.

    Returns
    -------
    str
        An assignment to ``mapping``.
    """
    lines = ["mapping = ep.EventMapping("]
    for option in fields(EventMapping):
        value = getattr(mapping, option.name)
        is_default = option.default is not MISSING and value == option.default
        if option.name == "metadata":
            lines += _metadata_lines(value, comments)
        elif not is_default:
            lines.append(f"{_INDENT}{option.name}={python_text(value)},{_comment(comments, option.name)}")
        elif option.name in comments:
            lines.append(f"{_INDENT}# {option.name}: {comments[option.name]}")
    return "\n".join([*lines, ")"])


def _metadata_lines(metadata: Mapping[str, Any], comments: Mapping[str, str]) -> list[str]:
    if not metadata:
        return []
    lines = [
        f"{2 * _INDENT}{python_text(key)}: {python_text(entry)},{_comment(comments, f'metadata.{key}')}"
        for key, entry in metadata.items()
    ]
    return [f"{_INDENT}metadata={{", *lines, f"{_INDENT}}},"]


def _comment(comments: Mapping[str, str], path: str) -> str:
    return f"  # {comments[path]}" if path in comments else ""


def python_text(entry: Any) -> str:
    """Write one entry of a mapping as Python code.

    Parameters
    ----------
    entry : rule, Constant, str, int, tuple or other
        What stands in the mapping.

    Returns
    -------
    str
        As a person would write it: options that are not said are left out.

    Examples
    --------
    >>> import events_pandas as ep
    >>> print(python_text(ep.Date("day", format="%Y%m%d")))
    ep.Date("day", format="%Y%m%d")
    """
    if isinstance(entry, (*RULE_TYPES, Constant)):
        return f"ep.{type(entry).__name__}({', '.join(_arguments(entry))})"
    if isinstance(entry, str) and not {'"', "'"} & set(entry):
        return f'"{repr(entry)[1:-1]}"'
    if isinstance(entry, tuple):
        parts = [python_text(part) for part in entry]
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    return repr(entry)


def _arguments(rule: Any) -> list[str]:
    arguments = []
    for option in fields(rule):
        value = getattr(rule, option.name)
        if option.default is MISSING or value != option.default:
            name = f"{option.name}=" if option.kw_only else ""
            arguments.append(f"{name}{python_text(value)}")
    return arguments
