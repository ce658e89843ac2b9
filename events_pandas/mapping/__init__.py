"""The mapping of columns to the fields of an event: rules, `EventMapping`, its TOML form, and a frame bound to it."""

from events_pandas.mapping.arrow_types import arrow_frame, sliceable_table
from events_pandas.mapping.binding import (
    BoundMapping,
    BoundRule,
    absent_columns,
    bind,
    is_computing,
    named_labels,
    require_columns,
    require_frame,
    require_mapping,
)
from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.mapping.frame_sources import frame_labels, named_values
from events_pandas.mapping.rules import Column, Constant, Date, Link, MonetaryAmount, Number, RichLink, Rule, Text
from events_pandas.mapping.source_format import SourceFormat
from events_pandas.mapping.tables import Table, as_frame, batches_of, frames_of, is_streamed, read_table

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
    "SourceFormat",
    "Table",
    "Text",
    "absent_columns",
    "arrow_frame",
    "as_frame",
    "batches_of",
    "bind",
    "frame_labels",
    "frames_of",
    "is_computing",
    "is_streamed",
    "named_labels",
    "named_values",
    "read_table",
    "require_columns",
    "require_frame",
    "require_mapping",
    "sliceable_table",
]
