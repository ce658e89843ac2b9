"""suggest_mapping: a mapping that can be used at once, prints as Python and as TOML, and gives its reasons."""

import copy
import dataclasses
import datetime as dt
import pickle
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import events_pandas as ep
from events_pandas import suggest_mapping
from events_pandas.errors import MappingError
from events_pandas.mapping import (
    Constant,
    Date,
    EventMapping,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    Text,
    bind,
    require_mapping,
)
from events_pandas.suggest.metadata import Trial
from events_pandas.suggest.suggestion import SuggestedMapping, try_rule

URL = "https://example.org/"
NOON = 1_706_702_400


def _column(array):
    # pandas cannot make a column of views from a list.
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


@pytest.fixture
def orders():
    """Orders as a shop exports them."""
    return pd.DataFrame(
        {
            "customer_id": ["00042", "00043", "00042"],
            "ordered_at": ["2024-03-01 10:30", "2024-03-01 11:00", "2024-03-02 09:15"],
            "total": [19.99, 349.0, 5.0],
            "currency": ["EUR", "EUR", "USD"],
            "name": ["Ada", "Ben", "Ada"],
        }
    )


@pytest.fixture
def read_toml(tmp_path):
    """Return a function that reads a mapping from text."""

    def read_toml(text):
        path = tmp_path / "mapping.toml"
        path.write_text(text, encoding="utf-8")
        return EventMapping.from_toml(path)

    return read_toml


PYTHON = """\
# Proposed from 3 rows: read it, change what is wrong, and let check_events judge every row.
mapping = ep.EventMapping(
    event_name="ordered",  # a guess from 'ordered_at': replace it with what happened, such as "placed-order"
    created_at="ordered_at",  # times as text, without a zone (ISO 8601)
    user_id="customer_id",  # text, 2 different; its name says that it is the contact's
    metadata={
        "total": ep.MonetaryAmount("total", currency="currency"),  # an amount with its currency
    },
    # timezone: no zone is known for 'ordered_at': UTC, unless you set timezone="Europe/Berlin" or the like
    unconfirmed=("event_name", "timezone"),  # guesses: delete each that you have read, or nothing can be submitted
)

# Left out:
#   'name': its name suggests personal data, which belongs to the contact, not to each event"""

TOML = """\
# Proposed from 3 rows: read it, change what is wrong, and let events-pandas check judge every row.
event_name = "ordered"  # a guess from 'ordered_at': replace it with what happened, such as "placed-order"
created_at = "ordered_at"  # times as text, without a zone (ISO 8601)
user_id = "customer_id"  # text, 2 different; its name says that it is the contact's
# timezone: no zone is known for 'ordered_at': UTC, unless you set timezone = "Europe/Berlin" or the like
unconfirmed = ["event_name", "timezone"]  # guesses: delete each that you have read, or nothing can be submitted

[metadata]
total = { type = "monetary_amount", amount = "total", currency = "currency" }  # an amount with its currency

# Left out:
#   'name': its name suggests personal data, which belongs to the contact, not to each event
"""


def test_suggestion_prints_as_python(orders):
    """The code has the reason of each choice on its line, then open fields and left out columns."""
    assert str(suggest_mapping(orders)) == PYTHON
    assert repr(suggest_mapping(orders)) == PYTHON


def test_suggestion_prints_as_toml(orders):
    """The TOML has the same reasons as comments."""
    assert suggest_mapping(orders).to_toml() == TOML


def test_suggestion_is_the_mapping_that_it_prints(orders, read_toml):
    """The printed code, and the saved file, give an equal mapping."""
    suggested = suggest_mapping(orders)
    names = {"ep": ep}

    exec(PYTHON, names)

    assert names["mapping"] == suggested
    assert suggested == names["mapping"]
    assert read_toml(TOML) == suggested


def test_suggestion_equals_the_same_mapping_only(orders):
    """Fields count in a comparison, reasons do not; a proposal equals no other object."""
    suggested = suggest_mapping(orders)

    assert suggested == dataclasses.replace(suggested, choices=(), left_out=(), origin="")
    assert suggested != dataclasses.replace(suggested, timezone="UTC")
    assert suggested != PYTHON


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_text_that_is_not_utf8_is_left_out(orders, kind):
    """Arrow reads it unseen, and pandas cannot show it: the reason says what to do. Other columns are proposed."""
    text = pa.array([b"M\xfcller", b"Ben", b"M\xfcller"]).cast(pa.string(), safe=False)
    cells = text.dictionary_encode() if pa.types.is_dictionary(kind) else text
    frame = orders.assign(shop=pd.Series(pd.arrays.ArrowExtensionArray(cells), index=orders.index))

    suggestion = suggest_mapping(frame)

    assert "'shop': a text rule refuses 67 % of those looked at (bytes_unreadable at 'bytes': write the column as " in (
        str(suggestion)
    )
    assert suggestion.metadata == suggest_mapping(orders).metadata


def test_suggestion_can_be_used_at_once(orders):
    """A proposal is an EventMapping."""
    suggested = suggest_mapping(orders)

    require_mapping(suggested)

    assert isinstance(suggested, EventMapping)
    assert ep.check_events(orders, suggested).ok


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda mapping: pickle.loads(pickle.dumps(mapping))])
def test_suggestion_can_be_copied_and_pickled(orders, copied):
    """A copy and a pickle keep the reasons."""
    suggested = suggest_mapping(orders)

    assert copied(suggested) == suggested
    assert repr(copied(suggested)) == PYTHON


def test_suggestion_cannot_be_hashed(orders):
    """A proposal cannot be hashed, like any mapping."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(suggest_mapping(orders))


def test_suggestion_has_guesses_until_they_are_replaced(orders):
    """Replacing a guessed field, or removing its path from the list, confirms the guess."""
    suggested = suggest_mapping(orders)

    assert suggested.unconfirmed == ("event_name", "timezone")
    assert dataclasses.replace(suggested, event_name="placed-order").unconfirmed == ("timezone",)
    assert dataclasses.replace(suggested, timezone="UTC").unconfirmed == ("event_name",)
    assert dataclasses.replace(suggested, duplicates="spread").unconfirmed == ("event_name", "timezone")
    assert dataclasses.replace(suggested, unconfirmed=()).unconfirmed == ()


def test_suggestion_has_no_guess_left_of_a_field_that_is_replaced_or_taken_out(orders):
    """The guesses of a field's parts go with the field."""
    orders = orders.assign(total=[1999, 34900, 500], due=["05/06/2024", "06/06/2024", "07/06/2024"])
    suggested = suggest_mapping(orders)
    metadata = dict(suggested.metadata)

    in_cents = {**metadata, "total": MonetaryAmount("total", currency="currency", unit="minor")}
    without_days = {"total": metadata["total"]}

    assert suggested.unconfirmed == ("event_name", "metadata.total.unit", "metadata.due_date.format", "timezone")
    assert dataclasses.replace(suggested, metadata=in_cents).unconfirmed == (
        *("event_name", "metadata.due_date.format", "timezone"),
    )
    assert dataclasses.replace(suggested, metadata=without_days).unconfirmed == (
        *("event_name", "metadata.total.unit", "timezone"),
    )


def test_suggestion_keeps_its_guesses_in_toml(orders, read_toml):
    """Deleting the names or the line in a file confirms guesses; a time zone in it confirms that guess."""
    text = suggest_mapping(orders).to_toml()
    read = read_toml(text)

    confirmed = read_toml(text.replace('unconfirmed = ["event_name", "timezone"]', "unconfirmed = []"))
    zoned = read_toml(f'timezone = "Europe/Berlin"\n{text}')

    assert read.unconfirmed == ("event_name", "timezone")
    assert read_toml(read.to_toml()) == read
    assert confirmed.unconfirmed == ()
    assert "unconfirmed" not in confirmed.to_toml()
    assert zoned.unconfirmed == ("event_name",)


@pytest.mark.parametrize(
    ("times", "guesses"),
    [
        (["2024-03-01T10:00:00Z", "2024-03-01T10:00:00+01:00"], ()),
        (pd.to_datetime(["2024-03-01", "2024-03-02"], utc=True), ()),
        ([1_709_289_000, 1_709_289_001], ()),
        (["2024-03-01T10:00:00Z", "2024-03-01T10:00:00"], ("timezone",)),
        (pd.to_datetime(["2024-03-01", "2024-03-02"]), ("timezone",)),
        (["2024-03-01", "2024-03-02"], ("timezone",)),
        ([20240301, 20240302], ("timezone",)),
        (["31.12.2024", "05.06.2024"], ("timezone",)),
        (["05.06.2024", "06.06.2024"], ("created_at.format", "timezone")),
        (["05/06/2024 10:00", "06/06/2024 10:00"], ("created_at.format", "timezone")),
    ],
)
def test_suggestion_guesses_only_what_the_rows_leave_open(times, guesses):
    """Times with an offset and epoch numbers need no zone; a day above 12 decides the order of day and month."""
    frame = pd.DataFrame({"user_id": ["a", "b"], "created_at": times})

    assert suggest_mapping(frame).unconfirmed == guesses


@pytest.mark.parametrize(
    "link",
    [
        *("https://example.org/?kw=TC|5314|b", "https://example.org/?f={id}", "https://example.org/?q=a^b"),
        *(
            "https://example.org/?q=a`b",
            'https://example.org/?q="a"',
            "https://example.org/<id>",
            "https://example.org/a\\b",
        ),
        *("https://user@example.org/", "https://:80/", "https://example.org/\u200b", "https://"),
    ],
)
@pytest.mark.parametrize("n_odd", [1, 4])
def test_suggestion_takes_addresses_for_text_when_a_link_would_refuse_some(link, n_odd):
    """Addresses are text if a link would refuse some: text sends every row."""
    good = [f"https://example.org/{number}" for number in range(4 - n_odd)]
    frame = pd.DataFrame(
        {"user_id": list("abcd"), "created_at": "2024-03-01T10:00:00Z", "page_url": [*good, *[link] * n_odd]}
    )
    frame.loc[0, "created_at"] = "2024-03-02T10:00:00Z"
    frame["page_url"] = frame["page_url"] + pd.Series(["", "", "", "#a"])

    suggested = suggest_mapping(frame)

    assert suggested.metadata == {"page_url": Text("page_url")}
    assert ep.check_events(frame, suggested).problems.empty


def test_suggestion_says_why_addresses_are_text():
    """The reason has the refused character and how to write it."""
    frame = pd.DataFrame(
        {
            "user_id": ["a", "b"],
            "created_at": "2024-03-01T10:00:00Z",
            "page_url": ["https://example.org/a", "https://example.org/?kw=a|b"],
        }
    )

    assert suggest_mapping(frame).to_toml().splitlines()[-1] == (
        'page_url = { type = "text", column = "page_url" }  '
        "# text; a link rule refuses 50 % of those looked at (link_malformed at 'https://example.org/?kw=a|b': "
        "write '|' as %7C)"
    )


def test_suggestion_takes_an_amount_beside_a_currency_for_money_although_a_code_is_bad(orders):
    """A single bad currency code is a problem of its row only."""
    orders = pd.concat([orders, orders.assign(currency=["EURO", "usd", "Eur"])], ignore_index=True)

    suggested = suggest_mapping(orders)
    problems = ep.check_events(orders, suggested).problems

    assert suggested.metadata["total"] == MonetaryAmount("total", currency="currency")
    assert problems.loc[problems["severity"] == "error", ["row", "code"]].to_numpy().tolist() == [
        [3, "currency_unknown"]
    ]


@pytest.mark.parametrize("odd", ["15.00 €", "n/a"])
@pytest.mark.parametrize("currencies", [["EUR"] * 5, ["EUR", "USD", "EUR", "EUR", "USD"]])
def test_suggestion_takes_an_amount_for_money_although_a_cell_is_no_number(odd, currencies):
    """One cell decides nothing about the others: the check refuses its row."""
    frame = pd.DataFrame({"day": "2024-01-31", "user_id": list("abcde"), "price": ["1.50", "2.50", odd, "3", "4"]})

    proposal = suggest_mapping(frame.assign(currency=currencies))

    assert proposal.metadata == {"price": MonetaryAmount("price", currency="currency")}
    (choice,) = (choice for choice in proposal.choices if choice.path == "metadata.price")
    assert choice.reason.startswith(
        "an amount with its currency; a monetary amount rule refuses 20 % of those looked at "
        f"(amount_unreadable at '{odd}': "
    )


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        ({"total": [0, 5.5, 19.99]}, "amount_not_positive at 0: leave the amount empty"),
        (
            {"total": [5.125, 5.5, 19.99]},
            "amount_decimals at 5.125: round it to what was paid (yen have none",
        ),
        ({"currency": ["EURO", "EUR", "EUR"]}, "currency_unknown at 'EURO': write three letters such as 'usd'"),
    ],
)
def test_suggestion_says_which_amounts_a_check_refuses(orders, columns, refused):
    """The reason of an amount has the share that a check refuses, and how to fix the first."""
    suggested = suggest_mapping(orders.assign(**columns))

    assert suggested.metadata["total"] == MonetaryAmount("total", currency="currency")
    assert suggested.choices[3].reason.startswith(
        f"an amount with its currency; a monetary amount rule refuses 33 % of those looked at ({refused}"
    )


def test_suggestion_takes_amounts_for_numbers_when_most_would_be_refused(orders):
    """Amounts are numbers if most are not above zero, as refunds and free orders are."""
    suggested = suggest_mapping(orders.assign(total=[0, -5.5, 19.99]))

    assert suggested.metadata == {"total": Number("total"), "currency": Text("currency")}
    assert suggested.choices[3].reason == (
        "numbers; a monetary amount rule refuses 67 % of those looked at "
        "(amount_not_positive at 0, -5.5: leave the amount empty to send the event without it "
        "(for zeros, set zero to 'omit' in the rule of the amount), or drop the row)"
    )


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"user_id": [None, None], "created_at": [None, None]}),
        pd.DataFrame([["a", "b"]], columns=["x", "x"]),
        pd.DataFrame({1.5: [1]}),
        pd.DataFrame(index=range(3)),
        pd.DataFrame({"x": [["a"]], "y": [{"a": 1}]}),
    ],
)
def test_suggestion_refuses_frames_without_evidence(frame):
    """The error names the columns that were looked at."""
    with pytest.raises(MappingError, match="created_at: no column looks like the time of an event"):
        suggest_mapping(frame)


def test_suggestion_accepts_frames_of_all_kinds():
    """Long texts, nested and mixed cells, numeric labels, empty columns and double columns can be looked at."""
    frame = pd.DataFrame(
        {
            "user_id": ["a", "b", "c"],
            "created_at": pd.to_datetime(["2024-03-01", "2024-03-02", "2024-03-03"], utc=True),
            "long": ["a" * 100_000, "b", "c"],
            "nested": [["a"], {"a": 1}, None],
            "mixed": [1, "a", None],
            "empty": [None, None, ""],
            "odd": ["a\0", "b\0", "c\0"],
            3: [1.5, 2.5, 4.5],
            ("total", "sum"): [1, 2, 4],
        }
    )
    frame.insert(3, "long", ["x", "y", "z"], allow_duplicates=True)

    suggested = suggest_mapping(frame)

    assert suggested.metadata == {"mixed": Text("mixed"), "column_3": Number(3), "total_sum": Number(("total", "sum"))}
    assert [out.reason for out in suggested.left_out] == [
        "nested values, which Intercom refuses: make columns of their parts",
        "empty in every row looked at",
        "a text rule refuses 100 % of those looked at (nul_character at 'a\\u0000', 'b\\u0000', 'c\\u0000': remove it)",
        "2 columns or index levels have this name: rename all but one",
    ]
    assert ep.check_events(frame, suggested).ok


def test_suggestion_drops_the_reasons_of_what_is_replaced(orders):
    """A replaced field has no reason."""
    replaced = dataclasses.replace(
        suggest_mapping(orders),
        event_name="placed-order",
        timezone="Europe/Berlin",
        metadata={"total": MonetaryAmount("total", currency=Constant("eur")), "first_name": Text("name")},
    )

    assert isinstance(replaced, SuggestedMapping)
    assert replaced.to_toml().splitlines()[1:] == [
        'event_name = "placed-order"',
        'created_at = "ordered_at"  # times as text, without a zone (ISO 8601)',
        'user_id = "customer_id"  # text, 2 different; its name says that it is the contact\'s',
        'timezone = "Europe/Berlin"',
        "",
        "[metadata]",
        'total = { type = "monetary_amount", amount = "total", currency = { constant = "eur" } }',
        'first_name = { type = "text", column = "name" }',
    ]


def test_suggestion_speaks_of_duplicates_until_they_are_decided():
    """The reason mentions duplicates of days until `duplicates` is set."""
    frame = pd.DataFrame({"customer_id": ["a", "b"], "day": ["2024-03-01", "2024-03-02"]})
    suggested = suggest_mapping(frame)

    decided = dataclasses.replace(suggested, duplicates="spread")

    reason = "days as text (ISO 8601)"
    doubt = "; events of one contact on one day share a second, and Intercom keeps the first: see duplicates"
    assert suggested.to_toml().splitlines()[2] == f'created_at = "day"  # {reason}{doubt}'
    assert f'    created_at="day",  # {reason}{doubt}' in repr(suggested).splitlines()
    assert decided.to_toml().splitlines()[2] == f'created_at = "day"  # {reason}'
    assert f'    created_at="day",  # {reason}' in repr(decided).splitlines()


def test_suggestion_reads_mixed_times_as_a_check_does():
    """A check reads every row of a proposed column of mixed times."""
    times = [
        pd.Timestamp("2024-03-01 10:00", tz="Europe/Berlin"),
        dt.datetime(2024, 3, 2, 10, 0),  # noqa: DTZ001  # Naive.
        dt.date(2024, 3, 3),
        "2024-03-04T10:00:00+01:00",
    ]
    frame = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "ordered_at": pd.Series(times, dtype=object)})

    suggested = suggest_mapping(frame)

    assert suggested.created_at == "ordered_at"
    assert ep.check_events(frame, suggested).ok


@pytest.mark.parametrize("gap", [[], [None]])
def test_suggestion_of_written_days_is_read_by_a_check(gap):
    """A check reads days as numbers, also if a gap made floats of them."""
    days = [19970101, 19970112, 19970112, *gap]
    frame = pd.DataFrame({"customer_id": [str(row) for row in range(len(days))], "at": "2024-03-01", "day": days})

    suggested = suggest_mapping(frame)

    assert suggested.metadata["day_date"] == Date("day", format="%Y%m%d")
    assert ep.check_events(frame, suggested).ok


def test_suggestion_can_be_given_a_callable(orders):
    """A callable can replace a field, and has no reason."""
    replaced = dataclasses.replace(suggest_mapping(orders), created_at=lambda frame: frame["ordered_at"], metadata={})

    assert "created_at=" in repr(replaced)
    assert "ISO 8601" not in repr(replaced)


def test_suggestion_does_not_invent_a_zone(orders):
    """Columns of times without a zone are named; those with a zone are not."""
    orders["paid_at"] = pd.to_datetime(orders["ordered_at"])
    orders["ordered_at"] = orders["paid_at"].dt.tz_localize("UTC")

    suggested = suggest_mapping(orders)

    assert suggested.timezone is None
    assert suggested.choices[-1].reason == (
        "no zone is known for 'paid_at': UTC, unless you set timezone=\"Europe/Berlin\" or the like"
    )


def test_suggestion_reads_written_days():
    """Numbers such as 19970101 are proposed as days."""
    frame = pd.DataFrame({"customer_id": [1, 2], "date": [19970101, 19970112]})

    assert suggest_mapping(frame).created_at == Date("date", format="%Y%m%d")


def test_suggestion_takes_labels_of_any_kind(read_toml):
    """Tuples and levels of the index are labels like others."""
    columns = pd.MultiIndex.from_tuples([("user", "id"), ("total", "sum")])
    index = pd.DatetimeIndex(["2024-03-01 10:00", "2024-03-02 10:00"], name="time", tz="UTC")
    frame = pd.DataFrame([["u1", 1.5], ["u2", 2.5]], columns=columns, index=index)

    suggested = suggest_mapping(frame)

    assert (suggested.created_at, suggested.user_id) == ("time", ("user", "id"))
    assert read_toml(suggested.to_toml()) == suggested
    assert bind(frame, suggested).n_rows == 2


def test_suggestion_says_how_many_rows_it_has_seen(orders):
    """A proposal from a large frame says that 10,000 rows were looked at."""
    many = pd.concat([orders] * 4_000, ignore_index=True)

    assert str(suggest_mapping(many)).startswith(
        "# Proposed from 10,000 of 12,000 rows, the first and some spread over the rest: "
    )


def test_suggestion_leaves_the_frame_as_it_was(orders):
    """The frame is not changed."""
    before = orders.copy()

    suggest_mapping(orders)

    pd.testing.assert_frame_equal(orders, before)


def test_suggestion_names_all_that_is_missing(faults):
    """If time and contact are missing, the error names both, with the columns that were looked at."""
    frame = pd.DataFrame([["a b", 1, 2]], columns=pd.Index(["note", "items", 1.5], dtype=object))

    looked_at = (
        "there are 'note' (text), 'items' (whole numbers), 1.5 (TOML cannot hold this label: rename it to a text)"
    )
    assert faults(suggest_mapping, frame) == [
        f"created_at: no column looks like the time of an event: {looked_at}",
        (
            "user_id: no column looks like the contact's user_id, id or email: name it customer_id or the like, or "
            f"write the mapping yourself: {looked_at}"
        ),
    ]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [([], "there are no columns"), ([f"c{number}" for number in range(12)], "'c9' (whole numbers) and 2 more")],
)
def test_suggestion_shows_some_of_what_it_looked_at(faults, columns, shown):
    """The error names at most ten columns."""
    frame = pd.DataFrame([[1] * len(columns)], columns=columns)

    assert faults(suggest_mapping, frame)[0].endswith(shown)


def test_suggestion_refuses_a_frame_without_rows(orders, faults):
    """A frame without rows is refused: labels alone are not enough."""
    assert faults(suggest_mapping, orders.head(0)) == [
        "the frame has no rows: a mapping is proposed from the values of its columns"
    ]


def test_suggestion_refuses_what_is_not_a_frame():
    """Rows that are not in a DataFrame are refused."""
    with pytest.raises(TypeError, match=r", got a list: make a frame with pd\.DataFrame\(rows\)$"):
        suggest_mapping([{"user_id": 1}])


@pytest.mark.parametrize(
    ("columns", "rule", "trial"),
    [
        ({"x": [URL, None, ""]}, Link("x"), Trial()),
        (
            {"x": [URL, f"{URL}a|b", "n/a"]},
            Link("x"),
            Trial(n_refused=2, example=f"link_malformed at '{URL}a|b': write '|' as %7C"),
        ),
        (
            {"x": [URL, "n/a", f"{URL}a|b"]},
            Link("x"),
            Trial(n_refused=2, example="link_malformed at 'n/a': write it as https://example.org/page, without spaces"),
        ),
        ({"x": ["a\0", "b"]}, Text("x"), Trial(n_refused=1, example="nul_character at 'a\\u0000': remove it")),
        (
            {"x": [0, 19.991, 20.991], "y": ["eur", "eur", "usd"]},
            MonetaryAmount("x", currency="y"),
            Trial(
                n_refused=3,
                example=(
                    "amount_decimals at 19.991, 20.991: round it to what was paid (yen have none, euros two), "
                    "or set rounding to 'half_up' in the rule of the amount"
                ),
            ),
        ),
        (
            {"x": ["1", "2,5"]},
            Number("x"),
            Trial(
                n_refused=1,
                example=(
                    "number_unreadable at '2,5': set decimal to ',' in the mapping's source, or write the number "
                    "with the decimal sign of its column"
                ),
            ),
        ),
        ({"x": ["2024-01-31 10:00"]}, Date("x"), Trial()),
        (
            {"x": ["a", "b"], "y": [URL, f"{URL}^"]},
            RichLink(value="x", url="y"),
            Trial(n_refused=1, example=f"link_malformed at '{URL}^': write '^' as %5E"),
        ),
        (
            {"x": ["a", None], "y": [URL, URL]},
            RichLink(value="x", url="y"),
            Trial(n_refused=1, example="rich_link_incomplete: fill in both its value and its url, or neither"),
        ),
        (
            {"x": [0, 1.5, 2.5], "y": ["EUR", "EURO", "EUR"]},
            MonetaryAmount("x", currency="y"),
            Trial(
                n_refused=2,
                example=(
                    "amount_not_positive at 0: leave the amount empty to send the event without it "
                    "(for zeros, set zero to 'omit' in the rule of the amount), or drop the row"
                ),
            ),
        ),
        (
            {"x": [1.5] * 6, "y": ["EURO", "??", "EURO", "\u20ac", "dollars", "USD"]},
            MonetaryAmount("x", currency="y"),
            Trial(
                n_refused=5,
                example="currency_unknown at 'EURO', '??', '\u20ac' and others: write three letters such as 'usd'",
            ),
        ),
        ({"x": [None, 1.5], "y": ["EURO", "EUR"]}, MonetaryAmount("x", currency="y"), Trial()),
    ],
)
def test_try_rule_counts_the_rows_that_a_check_would_refuse(columns, rule, trial):
    """Rows are counted, not findings; the most frequent error stands for all, with its remedy and some values."""
    frame = pd.DataFrame(columns)

    assert try_rule(frame, np.arange(len(frame)), rule) == trial


def test_try_rule_reads_levels_of_the_index_and_labels_of_any_kind():
    """A trial reads every source that a mapping can name."""
    index = pd.MultiIndex.from_tuples([("a", URL), ("b", "n/a")], names=["tried", ("url", 1)])
    frame = pd.DataFrame({0: ["x", "y"]}, index=index)

    assert try_rule(frame, np.arange(2), Text("tried")) == Trial()
    assert try_rule(frame, np.arange(2), Text(0)) == Trial()
    assert try_rule(frame, np.arange(2), Link(("url", 1))).n_refused == 1


def test_try_rule_reads_the_rows_that_it_is_given_only():
    """Only the sampled rows are read, at any place."""
    frame = pd.DataFrame({"x": ["n/a", URL, "n/a", URL]})

    assert try_rule(frame, np.array([1, 3]), Link("x")) == Trial()
    assert try_rule(frame, np.array([0, 3]), Link("x")).n_refused == 1


def test_suggestion_reads_what_this_machine_does_not_know():
    """Times in an unknown zone, UUIDs and bytes are proposed as a check reads them."""
    frame = pd.DataFrame(
        {
            "user_id": _column(pa.array([bytes([row]) * 16 for row in range(3)], pa.binary(16))),
            "created_at": _column(pa.array([NOON, NOON + 1, NOON + 2], pa.timestamp("s", "GMT+01:00"))),
            "email": [b"a@example.org", b"b@example.org", b"c@example.org"],
            "order_id": [uuid.UUID(int=row) for row in range(3)],
            "nested": _column(pa.array([{"a": NOON}] * 3, pa.struct([("a", pa.timestamp("s", "Z"))]))),
        }
    )

    suggested = suggest_mapping(frame)

    assert (suggested.created_at, suggested.user_id) == ("created_at", "user_id")
    assert "# times with a zone" in str(suggested)
    assert "order_id" in suggested.metadata
    assert "nested" not in suggested.metadata


def test_suggestion_reads_an_index_in_an_unknown_zone():
    """A level of the index in an unknown zone is a column; an unnamed one is named as unusable."""
    index = pd.Index(_column(pa.array([NOON, NOON + 1], pa.timestamp("s", "Z"))))
    frame = pd.DataFrame({"user_id": ["a", "b"], "created_at": [NOON, NOON + 1]}, index=index)

    assert "the index has no name" in str(suggest_mapping(frame))
    assert suggest_mapping(frame[["user_id"]].rename_axis("created_at")).created_at == "created_at"


def test_suggestion_reads_views():
    """A column of string views is proposed."""
    frame = pd.DataFrame(
        {"customer_id": _column(pa.array(["a", "b"], pa.string_view())), "created_at": [1_706_702_400, 1_706_702_401]}
    )

    assert suggest_mapping(frame).user_id == "customer_id"


def test_each_form_of_a_proposal_has_its_own_words():
    """The comments in TOML speak of TOML and the command, and those in Python of Python."""
    frame = pd.DataFrame(
        {
            "ordered_at": ["2024-01-31", "2024-01-30"],
            "customer_id": [42.0, 43.0],
            "total": [1.5, 2.5],
            "note": ["x" * 256, "y"],
            "plan": ["pro", "pro"],
        }
    )
    suggested = ep.suggest_mapping(frame)

    python, toml = repr(suggested), suggested.to_toml()

    for words, others in {
        "let check_events judge": "let events-pandas check judge",
        'set timezone="Europe/Berlin"': 'set timezone = "Europe/Berlin"',
        "read the column as text (dtype=str)": "write the column as text or whole numbers",
        "use ep.MonetaryAmount(..., currency=...)": 'use { type = "monetary_amount", amount = …, currency = … }',
        'ep.Text("note", truncate=True) would': '{ type = "text", column = "note", truncate = true } would',
        "use ep.Constant(...) if": "use { constant = … } if",
    }.items():
        assert (words in python, others in toml) == (True, True)
        assert (words in toml, others in python) == (False, False)
