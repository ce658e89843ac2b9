"""Rules: values that say what is read and what it becomes, and their parts."""

import dataclasses

import pandas as pd
import pytest

from events_pandas.mapping import EventMapping, SourceFormat
from events_pandas.mapping.rule_parts import EXPRESSION_TYPE, bare_source, is_computed, is_expression, rule_sources
from events_pandas.mapping.rules import RULE_TYPES, Column, Constant, Date, Link, MonetaryAmount, Number, RichLink, Text

needs_expressions = pytest.mark.skipif(EXPRESSION_TYPE is None, reason="pd.col came with pandas 3")
RULES = [
    Column("x"),
    Text("x", truncate=True),
    Number("x"),
    Date("x", format=None, unit="ms", timezone="UTC"),
    Link("x"),
    RichLink(value="x", url="y"),
    MonetaryAmount("x", currency=Constant("usd"), unit="minor"),
]


def test_rule_types_are_all_rules():
    """Every kind of rule is listed once."""
    assert tuple(type(rule) for rule in RULES) == RULE_TYPES


@pytest.mark.parametrize("rule", [*RULES, Constant("x")])
def test_rule_is_a_frozen_value(rule):
    """A rule equals its copy, has the same hash, and cannot be changed."""
    copy = dataclasses.replace(rule)

    assert (copy, hash(copy)) == (rule, hash(rule))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(rule, dataclasses.fields(rule)[0].name, "z")


@pytest.mark.parametrize(("rule", "option"), [(Date, "%Y"), (Text, True)])
def test_rule_takes_its_options_by_keyword_only(rule, option):
    """A bare value does not say which option it is."""
    with pytest.raises(TypeError, match="positional argument"):
        rule("x", option)


def test_rules_have_safe_defaults():
    """Text is not truncated. An amount counts major units, is not zero and is not rounded."""
    amount = MonetaryAmount("x", currency="c")

    assert (Text("x").truncate, amount.unit, amount.zero, amount.rounding) == (False, "major", "error", None)


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        (Text("x", truncate=True), "Text(source='x', truncate=True)"),
        (Number(("x", 1)), "Number(source=('x', 1), decimal=None)"),
        (
            MonetaryAmount("x", currency=Constant("usd")),
            (
                "MonetaryAmount(amount='x', currency=Constant(value='usd'), unit='major', zero='error', rounding=None, "
                "decimal=None)"
            ),
        ),
    ],
)
def test_rule_is_shown_as_it_is_made(rule, shown):
    """The repr of a rule can be pasted as code."""
    assert repr(rule) == shown


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            MonetaryAmount,
            {"amount": "x", "currency": "c", "round": True},
            "MonetaryAmount: no option 'round': did you mean 'rounding'?",
        ),
        (Date, {"source": "x", "formt": "%Y"}, "Date: no option 'formt': did you mean 'format'?"),
        (Text, {"source": "x", "strip": True}, "Text: no option 'strip': there are source, truncate"),
        (SourceFormat, {"delim": ";"}, "SourceFormat: no option 'delim': did you mean 'delimiter'?"),
        (EventMapping, {"timezon": "UTC"}, "EventMapping: no option 'timezon': did you mean 'timezone'?"),
    ],
)
def test_unknown_option_names_the_one_that_is_meant(kind, options, message):
    """A constructor that gets an option which it does not have says which one it has."""
    with pytest.raises(TypeError) as raised:
        kind(**options)

    assert str(raised.value) == message


def test_monetary_amount_needs_a_currency():
    """An amount cannot be made without a currency."""
    with pytest.raises(TypeError, match="currency"):
        MonetaryAmount("total")


@pytest.mark.parametrize(
    ("rule", "sources"),
    [
        (Column("x"), {"": "x"}),
        (Text("x"), {"": "x"}),
        (Number("x"), {"": "x"}),
        (Date("x"), {"": "x"}),
        (Link("x"), {"": "x"}),
        (RichLink(value="x", url="y"), {"value": "x", "url": "y"}),
        (MonetaryAmount("x", currency="y"), {"amount": "x", "currency": "y"}),
    ],
)
def test_rule_sources_names_what_a_rule_reads(rule, sources):
    """The sources of a rule have names, and an only source has the empty name."""
    assert rule_sources(rule) == sources


@pytest.mark.parametrize(("entry", "source"), [(Column("x"), "x"), ("x", "x"), (Constant(1), Constant(1))])
def test_bare_source_takes_a_column_for_its_label(entry, source):
    """`Column("x")` and "x" mean the same, except in `event_name`."""
    assert bare_source(entry) == source


@pytest.mark.parametrize(
    ("source", "is_it"), [(len, True), ("x", False), (("x", 1), False), (Constant(len), False), (1, False)]
)
def test_is_computed_is_true_for_callables(source, is_it):
    """A callable is computed, a label is not."""
    assert is_computed(source) is is_it


def test_is_expression_is_false_for_callables():
    """A function is not an expression."""
    assert is_expression(len) is False


@needs_expressions
def test_is_expression_is_true_for_pandas_columns():
    """`pd.col` is an expression, and computed."""
    source = pd.col("x") + 1

    assert is_expression(source) is True
    assert is_computed(source) is True
