"""Choices of a proposal: what a field reads, how a share is written, and the mapping as Python code."""

import pandas as pd
import pytest

import events_pandas as ep
from events_pandas.mapping import Column, Constant, Date, EventMapping, MonetaryAmount, RichLink, Text
from events_pandas.mapping.rule_parts import EXPRESSION_TYPE
from events_pandas.suggest.choices import Choice, python_text, share_text, write_python


@pytest.mark.parametrize(
    ("path", "entry", "labels"),
    [
        ("event_name", "ordered", ()),
        ("event_name", Constant("ordered"), ()),
        ("event_name", Column("event"), ("event",)),
        ("user_id", "who", ("who",)),
        ("created_at", Date("day"), ("day",)),
        ("timezone", None, ()),
        ("metadata.price", MonetaryAmount("a", currency="b"), ("a", "b")),
    ],
)
def test_choice_labels_are_the_columns_that_it_reads(path, entry, labels):
    """A literal name reads no column, and neither does a field that is left open."""
    assert Choice(path=path, entry=entry, words="why").labels == labels


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (1, 5, "20 %"),
        (2, 3, "67 %"),
        (5, 5, "100 %"),
        (1, 200, "less than 1 %"),
        (199, 200, "more than 99 %"),
    ],
)
def test_share_is_neither_all_nor_nothing_unless_it_is(part, whole, text):
    """A share is written as 100 % only if it is all, and never as 0 %."""
    assert share_text(part, whole) == text


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("a", '"a"'),
        ('a"b', "'a\"b'"),
        ("a'b", '"a\'b"'),
        ("a\\\n", '"a\\\\\\n"'),
        (3, "3"),
        (("a",), '("a",)'),
        (("a", 1), '("a", 1)'),
        (Column("event"), 'ep.Column("event")'),
        (Text("note"), 'ep.Text("note")'),
        (Date("day"), 'ep.Date("day")'),
        (Date("day", unit="ms", timezone="UTC"), 'ep.Date("day", unit="ms", timezone="UTC")'),
        (RichLink(value="a", url="b"), 'ep.RichLink(value="a", url="b")'),
        (MonetaryAmount("a", currency=Constant("usd")), 'ep.MonetaryAmount("a", currency=ep.Constant("usd"))'),
        (
            MonetaryAmount("a", currency="c", rounding="half_up"),
            'ep.MonetaryAmount("a", currency="c", rounding="half_up")',
        ),
    ],
)
def test_python_text_is_as_a_person_would_write_it(entry, text):
    """Text has double quotes where they need no escapes, and options at their defaults are left out."""
    assert python_text(entry) == text


def test_write_python_makes_an_equal_mapping():
    """The code runs after the usual import; options at their defaults are not written."""
    mapping = EventMapping(
        event_name="a", created_at="t", user_id=0, metadata={"k": Text("x")}, timezone="UTC", duplicates="send"
    )
    names = {"ep": ep}

    text = write_python(mapping, {"created_at": "why", "metadata.k": "because", "id": "is not there"})
    exec(text, names)

    assert names["mapping"] == mapping
    assert text.splitlines() == [
        "mapping = ep.EventMapping(",
        '    event_name="a",',
        '    created_at="t",  # why',
        "    user_id=0,",
        "    # id: is not there",
        "    metadata={",
        '        "k": ep.Text("x"),  # because',
        "    },",
        '    timezone="UTC",',
        '    duplicates="send",',
        ")",
    ]


def test_write_python_writes_how_files_are_written():
    """The source is written without the parts that are left open, and not at all if all are."""
    mapping = EventMapping(event_name="a", created_at="t", id="x", source=ep.SourceFormat(delimiter=";", decimal=","))
    names = {"ep": ep}

    text = write_python(mapping, {"source": "why"})
    exec(text, names)

    assert names["mapping"] == mapping
    assert '    source=ep.SourceFormat(delimiter=";", decimal=","),  # why' in text.splitlines()
    assert "source" not in write_python(EventMapping(event_name="a", created_at="t", id="x"), {})


def test_write_python_leaves_out_empty_metadata():
    """A mapping without metadata is written without that argument."""
    text = write_python(EventMapping(event_name="a", created_at="t", id="x"), {})

    assert "metadata" not in text


@pytest.mark.skipif(EXPRESSION_TYPE is None, reason="pd.col came with pandas 3")
def test_python_shows_a_source_that_is_an_expression():
    """An expression in the place of an optional source is written, and never compared: it is neither true nor false."""
    mapping = EventMapping(event_name="ordered", created_at="when", user_id=pd.col("who"))

    assert "    user_id=col('who')," in write_python(mapping, {}).splitlines()
