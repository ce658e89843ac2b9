"""Texts for which Python and the command line have different words."""

import pytest

from events_pandas.wording import Phrase, Setting, between, in_commands, in_python, parts_of

CURRENCY = Phrase("Constant('usd')", '{ constant = "usd" }')


@pytest.mark.parametrize(
    ("words", "python", "commands"),
    [
        ("plain", "plain", "plain"),
        (CURRENCY, "Constant('usd')", '{ constant = "usd" }'),
        (Setting.NO_JOURNAL, "pass journal=None", "add --journal none"),
        (
            ("use ", CURRENCY, " or ", Setting.REGION),
            "use Constant('usd') or region",
            'use { constant = "usd" } or --region',
        ),
        ((), "", ""),
    ],
)
def test_text_has_the_words_of_its_reader(words, python, commands):
    """Only phrases and settings differ."""
    assert (in_python(words), in_commands(words)) == (python, commands)


def test_parts_of_texts_follow_each_other():
    """A text, a phrase and a sequence of both are joined."""
    assert parts_of("use ", CURRENCY, (" or ", "none")) == ("use ", CURRENCY, " or ", "none")


def test_between_leaves_out_empty_texts():
    """A remark that is not made leaves no separator."""
    assert between("; ", ["a", "", (), ("b", CURRENCY)]) == ("a", "; ", "b", CURRENCY)
