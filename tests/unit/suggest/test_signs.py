"""The decimal sign of a proposal: from the texts of all columns, and a guess where a column does not show it."""

import pandas as pd
import pytest

from events_pandas import check_events, suggest_mapping
from events_pandas.mapping import Date, MonetaryAmount, Number, SourceFormat, Text
from events_pandas.suggest import propose
from events_pandas.suggest.signs import CommonSign, common_sign


@pytest.fixture
def suggest():
    """Return a function that proposes a mapping for columns of text beside a time and an identifier."""

    def suggest(**columns):
        return suggest_mapping(
            pd.DataFrame({"at": ["2024-01-31", "2024-02-01"], "user_id": ["00042", "1e5"], **columns}, dtype=object)
        )

    return suggest


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ([["905,00", "7"]], CommonSign(sign=",", text="905,00")),
        ([["1.234", "7"], ["1.234,5", "x"] * 0 + ["1.234,5", "2"]], CommonSign(sign=",", text="1.234,5")),
        ([["1,234.56", "7"]], CommonSign(sign=".", text="1,234.56")),
        ([["905.00", "7"]], None),
        ([["1.250", "905.00"]], CommonSign(sign=".", text="905.00")),
        ([["905,00", "7"], ["905.00", "7"]], None),
        ([["905,00", "7"], ["1,234.56", "7"]], None),
        ([["905,00", "a", "b", "c"]], None),
        ([["905,00", 7.5]], None),
        ([[1.5, 2.5]], None),
        ([["\ud800", "905,00"]], None),
        ([[]], None),
    ],
)
def test_columns_of_text_have_a_common_sign(columns, found):
    """The columns of numbers agree on one decimal sign, or there is none."""
    assert common_sign(pd.Series(cells, dtype=object) for cells in columns) == found


def test_proposal_for_an_export_in_german_reads_its_numbers_and_times():
    """A German export gets its decimal comma, its format of times, its money and its identifier."""
    export = pd.DataFrame(
        {
            "Kundennummer": ["00042", "00043"],
            "Datum": ["31.12.2024 14:05", "05.06.2024 10:00"],
            "Betrag": ["1.234,56", "905,00"],
            "W\u00e4hrung": ["EUR", "EUR"],
        }
    )

    proposal = suggest_mapping(export)

    assert proposal.user_id == "Kundennummer"
    assert proposal.created_at == Date("Datum", format="%d.%m.%Y %H:%M")
    assert dict(proposal.metadata) == {"betrag": MonetaryAmount("Betrag", currency="W\u00e4hrung")}
    assert proposal.source == SourceFormat(decimal=",")
    assert proposal.unconfirmed == ("timezone",)
    amounts = [payload["metadata"]["betrag"]["amount"] for payload in check_events(export, proposal).payloads(2)]
    assert amounts == [123_456, 90_500]


def test_source_of_a_proposal_is_written_with_its_reason(suggest):
    """Python and TOML have the decimal sign with a text that shows it."""
    proposal = suggest(amount=["905,00", "7,5"])

    reason = "numbers as text have a decimal comma, as '905,00' has"
    assert f'    source=ep.SourceFormat(decimal=","),  # {reason}' in repr(proposal).splitlines()
    assert f'[source]  # {reason}\ndecimal = ","\n' in proposal.to_toml()


def test_column_that_does_not_show_its_sign_is_a_guess(suggest):
    """1.234 beside decimal commas may be 1234: nothing is submitted before somebody has looked."""
    proposal = suggest(amount=["905,00", "7,5"], count=["1.234", "12"])

    assert proposal.metadata["count"] == Number("count", decimal=",")
    assert "metadata.count.decimal" in proposal.unconfirmed
    rows = pd.DataFrame(
        {"at": ["2024-01-31"], "user_id": ["00042"], "amount": ["905,00"], "count": ["1.234"]}, dtype=object
    )
    assert (
        "metadata.count.decimal: ',' is a guess: the rows that were looked at do not show what their numbers are, such "
        "as whether 1.234 is 1234"
    ) in str(check_events(rows, proposal))


@pytest.mark.parametrize(
    ("cells", "is_guess"),
    [
        (["1.100"] * 200 + ["1,5"], True),
        (["1,234"] * 200 + ["1,5"], True),
        (["1.100"] * 200 + ["1,5"] * 200, False),
        (["1,5", "7"], False),
        (["1 234", "7,5"], False),
        (["1.100", "1,5", "2,5", "3,5", "1,234.5"], True),
        (["1,234.56", "1,234", "2,345"], True),
        (["1,234.56", "1,234"], False),
    ],
)
def test_sign_is_a_guess_unless_as_many_cells_show_it_as_do_not(cells, is_guess):
    """One cell such as 1,5 does not tell whether hundreds such as 1.100 are thousands; a check asks for as much."""
    frame = pd.DataFrame({"at": "2024-01-31", "user_id": "00042", "amount": cells}, dtype=object)

    proposal = suggest_mapping(frame)

    assert isinstance(proposal.metadata["amount"], Number)
    assert ("metadata.amount.decimal" in proposal.unconfirmed) == is_guess


def test_guess_of_a_sign_is_said_with_a_number():
    """The comment shows a number that can be read in two ways, and how it is read."""
    frame = pd.DataFrame({"at": "2024-01-31", "user_id": "00042", "size": [*["1.100"] * 3, "1,5"]}, dtype=object)

    (choice,) = [choice for choice in suggest_mapping(frame).choices if choice.path == "metadata.size"]

    assert choice.reason == "numbers as text; '1.100' is read with a decimal comma, which is a guess"


def test_given_sign_is_not_a_guess():
    """Whoever says which sign the file has need not confirm it."""
    frame = pd.DataFrame({"at": "2024-01-31", "user_id": "00042", "amount": ["1.100", "1.200"]}, dtype=object)

    proposal = propose(frame, SourceFormat(decimal=","))

    assert proposal.metadata["amount"] == Number("amount")
    assert proposal.unconfirmed == ("timezone",)


def test_columns_that_do_not_agree_get_no_sign(suggest):
    """With both decimal signs in a frame, a column of commas is proposed as text, and the source is left open."""
    proposal = suggest(amount=["905,00", "7,5"], load=["0.5", "1.25"])

    assert dict(proposal.metadata) == {"amount": Text("amount"), "load": Number("load")}
    assert proposal.source == SourceFormat()
