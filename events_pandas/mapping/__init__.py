"""Which column becomes which field of an event: rules, the mapping, its TOML form, and the columns of a frame."""

from events_pandas.mapping.binding import BoundMapping, BoundRule, bind, require_columns, require_mapping
from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.mapping.rules import Column, Constant, Date, Link, MonetaryAmount, Number, RichLink, Rule, Text

__all__ = [
    "BoundMapping",
    "BoundRule",
    "Column",
    "Constant",
    "Date",
    "EventMapping",
    "Link",
    "MonetaryAmount",
    "Number",
    "RichLink",
    "Rule",
    "Text",
    "bind",
    "require_columns",
    "require_mapping",
]
