"""Counts over a frame's valid rows, and the notes that follow from them."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import EarlierFrames, check_rows
from events_pandas.check.row_counts import NAMES_KEPT, SPELLINGS_SHOWN, counted_types, key_types
from events_pandas.convert import Converter
from events_pandas.convert.cells import CellKind
from events_pandas.mapping import Column, Constant, EventMapping, MonetaryAmount, Text, bind

NOW = 1_750_000_000


@pytest.fixture
def check():
    """Return a function that checks a frame; event names are read from a column "name" if there is one."""

    def check(frame, *, chunksize=3, earlier=None, **fields):
        defaults = {"created_at": Constant(NOW), "user_id": Constant("ada"), "timezone": "UTC", "duplicates": "send"}
        name = Column("name") if "name" in frame else "placed-order"
        mapping = EventMapping(event_name=name, **{**defaults, **fields})
        converter = Converter(bind(frame, mapping))
        return check_rows(converter, len(frame), now=NOW, chunksize=chunksize, earlier=earlier)

    return check


def _notes(checked):
    """Return the notes on the whole frame: code, field, rows and message."""
    return [
        (finding.code, finding.field, finding.rows.tolist(), finding.messages().to_pylist())
        for finding in checked.findings
        if finding.severity == "note" and finding.code != "duplicate_sent"
    ]


def test_valid_rows_are_counted_by_name(check):
    """Names are counted by spelling in order of appearance; invalid rows count nowhere and take no place."""
    frame = pd.DataFrame(
        {"name": ["b", "a", "b", None, "B", "a", "c"], "note": ["x", "x", "x" * 256, "x", "x", None, "x" * 256]}
    )

    row_counts = check(frame, metadata={"note": Text("note")}).row_counts

    names = {
        name: (int(row_counts.rows[place]), int(row_counts.first_rows[place]))
        for name, place in row_counts.names.items()
    }
    assert names == {"b": (1, 0), "a": (2, 1), "B": (1, 4)}
    assert row_counts.rows.sum() == 4


def test_rows_with_a_constant_name_are_counted(check):
    """A constant name is counted like one from a column."""
    row_counts = check(
        pd.DataFrame({"note": ["x" * 256, "x", "x", "x", "x"]}), metadata={"note": Text("note")}
    ).row_counts

    assert row_counts.names == {"placed-order": 0}
    assert (row_counts.rows[0], row_counts.first_rows[0]) == (4, 1)


def test_values_of_a_key_are_counted_by_name(check):
    """Values of valid rows are counted by key and name; a constant has a value in each row."""
    frame = pd.DataFrame(
        {"name": ["a", "b", "a", "a"], "x": ["u", None, "v", "w"], "y": ["ok", "ok", "ok", "ftp" * 100]}
    )

    row_counts = check(frame, metadata={"x": Text("x"), "y": Text("y"), "source": Constant("s")}).row_counts

    assert list(row_counts.keys) == ["x", "y", "source"]
    assert {key: use.present[:2].tolist() for key, use in row_counts.keys.items()} == {
        "x": [2, 0],
        "y": [2, 1],
        "source": [2, 1],
    }
    assert all(use.ignored.sum() == 0 for use in row_counts.keys.values())


def test_values_beyond_the_limit_are_counted(check):
    """Dropped values count as present and as ignored; absent values make room for others."""
    frame = pd.DataFrame(
        [["u", "v", "w"], ["u", None, "w"], [None, None, "w"], ["u", "v", None]], columns=list("abc"), dtype=object
    )
    metadata = {"a": Text("a"), "source": Constant("s"), "b": Text("b"), "c": Text("c")}

    row_counts = check(frame, metadata=metadata, metadata_limit=2, metadata_overflow="drop").row_counts

    assert {key: (int(use.present[0]), int(use.ignored[0])) for key, use in row_counts.keys.items()} == {
        "a": (3, 0),
        "source": (4, 0),
        "b": (2, 2),
        "c": (3, 2),
    }


def test_kinds_of_a_keys_cells_are_counted(check):
    """Kinds of cells are counted over all chunks, with the first row of each."""
    frame = pd.DataFrame({"x": pd.Series([None, 1, "a", 2.5, "b", 7, True], dtype=object)})

    row_counts = check(frame, metadata={"x": Text("x")}).row_counts

    assert row_counts.keys["x"].kinds == {
        CellKind.INTEGER: (2, 1),
        CellKind.TEXT: (2, 2),
        CellKind.FLOAT: (1, 3),
        CellKind.BOOLEAN: (1, 6),
    }


def test_spellings_of_one_name_are_noted_once(check):
    """Several spellings get one note, at the second spelling's first valid row."""
    frame = pd.DataFrame({"name": ["Placed.Order", "other", "Placed.Order", "placed-order", "PLACED$order", "Other\0"]})

    assert _notes(check(frame)) == [
        (
            "event_name_spellings",
            "event_name",
            [3],
            [
                (
                    "event_name: 3 spellings ('Placed.Order', 'placed-order', 'PLACED$order') in column 'name' "
                    "are the same event to Intercom, which ignores case and reads '.' and '$' as '-': "
                    "use one spelling, or names that differ in their letters"
                )
            ],
        )
    ]


def test_spellings_shown_are_few(check):
    """The note counts all spellings and shows only the first ones."""
    names = ["abc", "abC", "aBc", "aBC", "Abc", "AbC"]

    ((_, _, rows, messages),) = _notes(check(pd.DataFrame({"name": names})))

    assert rows == [1]
    shown = ", ".join(f"'{name}'" for name in names[:SPELLINGS_SHOWN])
    assert messages[0].startswith(f"event_name: 6 spellings ({shown}, ...) in column 'name' are the same event")


def test_spellings_of_two_names_are_noted_for_the_first(check):
    """If two names have several spellings, there is one note for the column."""
    frame = pd.DataFrame({"name": ["a", "b", "B", "A"]})

    ((_, _, rows, messages),) = _notes(check(frame))

    assert rows == [2]
    assert messages[0].startswith("event_name: 2 spellings ('b', 'B') in column 'name' are the same event")


@pytest.mark.parametrize(("count", "reported"), [(120, []), (121, ["121"]), (1_500, ["1,000 or more"])])
def test_more_names_than_a_workspace_may_have_are_noted_once(check, count, reported):
    """The note stands at the first row of the first name beyond the limit, whether or not names are still counted."""
    frame = pd.DataFrame({"name": [f"name-{number}" for number in range(count)]})

    notes = _notes(check(frame, chunksize=100))

    assert notes == [
        (
            "many_event_names",
            "event_name",
            [120],
            [
                (
                    f"event_name: {number} distinct names in column 'name' are more than the 120 that a workspace "
                    "may have active: "
                    "move the varying part into metadata"
                )
            ],
        )
        for number in reported
    ]


def test_names_that_are_one_to_intercom_count_once(check):
    """Spellings of one name count once towards the limit."""
    names = [f"name-{number}" for number in range(120)]

    codes = [code for code, *_ in _notes(check(pd.DataFrame({"name": [*names, *map(str.upper, names)]})))]

    assert codes == ["event_name_spellings"]


def test_names_beyond_those_kept_are_counted_together(check):
    """Further names share one count, so that memory is bounded and no row is lost from the count."""
    frame = pd.DataFrame({"name": [f"name-{number}" for number in range(NAMES_KEPT + 7)]})

    row_counts = check(frame, chunksize=100).row_counts

    assert len(row_counts.names) == NAMES_KEPT
    assert row_counts.rows[-1] == 7
    assert row_counts.rows.sum() == len(frame)


@pytest.mark.parametrize("chunksize", [1, 2, 10])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ([42, 7, 100, 8], "numbers of 1 to 3 digits"),
        (pd.Series([42, 7, None, 8], dtype=object), "numbers of 1 to 2 digits"),
    ],
)
def test_numbers_that_may_have_lost_zeros_are_noted_once(check, column, value, chunksize):
    """Shorter numbers beside longer ones get one note at the first of the shortest, for any chunks."""
    frame = pd.DataFrame({"u": column})

    checked = check(frame, user_id="u", email=Constant("a@b.c"), chunksize=chunksize)

    values = [finding.values.to_pylist() for finding in checked.findings if finding.code == "leading_zeros"]
    assert values == [[value]]
    assert [note for note in _notes(checked) if note[0] == "leading_zeros"] == [
        (
            "leading_zeros",
            "user_id",
            [1],
            [
                (
                    "user_id: column 'u' came as numbers of different lengths, which may have lost leading zeros: "
                    "read the column as text if its identifiers have them"
                )
            ],
        )
    ]


@pytest.mark.parametrize("chunksize", [1, 2, 10])
@pytest.mark.parametrize(
    "column", [[42, 17, 88], ["42", "7"], pd.Series([42, 7, "x"], dtype=object), pd.Series(["x", 42, 7], dtype=object)]
)
def test_numbers_of_one_length_and_text_have_lost_no_zeros(check, column, chunksize):
    """Numbers of one length, and columns with some text, get no such note."""
    assert _notes(check(pd.DataFrame({"u": column}), user_id="u", chunksize=chunksize)) == []


def test_numbers_as_email_addresses_are_malformed_and_nothing_else(check):
    """Numbers in an email column are malformed, and get no note about zeros."""
    checked = check(pd.DataFrame({"e": [42, 7, 100]}), user_id=None, email="e", chunksize=1)

    assert [finding.code for finding in checked.findings] == ["email_malformed"]


@pytest.mark.parametrize("chunksize", [1, 10])
def test_types_that_are_mixed_in_one_key_are_noted_once(check, chunksize):
    """Mixed types get one note, at the second type's first row, with counts, most frequent first."""
    frame = pd.DataFrame({"x": pd.Series(["a", None, 1, "b", 2.5, True, "c"], dtype=object)})

    notes = _notes(check(frame, metadata={"x": Text("x")}, chunksize=chunksize))

    assert notes == [
        (
            "type_drift",
            "metadata.x",
            [2],
            [
                (
                    "metadata.x: 3 text, 2 number, 1 boolean in column 'x' are mixed in one key, which Intercom "
                    "shows as text: give the column one type, or each type a key of its own"
                )
            ],
        )
    ]


@pytest.mark.parametrize("chunksize", [1, 10])
def test_types_that_are_mixed_count_bytes_that_are_text_as_text(check, chunksize):
    """Text and bytes are both sent as text, so that they count together, however the rows are divided."""
    frame = pd.DataFrame({"x": pd.Series(["a", b"b", 5, "c"], dtype=object)})

    checked = check(frame, metadata={"x": Text("x")}, chunksize=chunksize)

    assert [finding.values.to_pylist() for finding in checked.findings if finding.code == "type_drift"] == [
        ["3 text, 1 number"]
    ]


def test_types_that_drift_are_noted_of_bare_columns_too(check):
    """A bare column of mixed types, which is sent as text, gets the note too."""
    frame = pd.DataFrame({"x": pd.Series(["a", 1], dtype=object)})

    assert [note[:3] for note in _notes(check(frame, metadata={"x": "x"}))] == [("type_drift", "metadata.x", [1])]


@pytest.mark.parametrize(
    ("rule", "cells"),
    [
        (Text("x"), [1, 2.5]),
        (Text("x"), [np.datetime64("2024-01-31"), pd.Timestamp("2024-01-31T12:00Z")]),
        (MonetaryAmount("x", currency=Constant("usd")), ["1.50", 2]),
        ("x", [1, 2.5]),
    ],
)
def test_types_that_are_shown_alike_do_not_drift(check, rule, cells):
    """Whole numbers and fractions are one type, and only keys sent as text can have mixed types."""
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object)})

    assert _notes(check(frame, metadata={"x": rule})) == []


def test_key_types_leave_out_what_cannot_be_sent():
    """Cells that cannot be sent are not counted as a type."""
    kinds = {
        CellKind.NESTED: (9, 0),
        CellKind.INTEGER: (2, 4),
        CellKind.FLOAT: (1, 3),
        CellKind.TEXT: (3, 7),
        CellKind.DATE: (4, 8),
    }

    types = key_types(kinds)

    assert types == {"date": (4, 8), "number": (3, 3), "text": (3, 7)}
    assert counted_types(types | {"boolean": (1_000, 9)}) == "4 date, 3 number, 3 text, 1,000 boolean"
    assert list(types) == ["date", "number", "text"]


def test_names_of_invalid_rows_take_no_place(check):
    """Names of invalid rows do not use up the names that are counted one by one."""
    names = [f"n{number}" for number in range(NAMES_KEPT + 5)]
    frame = pd.DataFrame({"name": [*names, "a", "a"], "note": ["x" * 256] * len(names) + ["x", "x"]})

    row_counts = check(frame, chunksize=100, metadata={"note": Text("note")}).row_counts

    assert row_counts.names == {"a": 0}
    assert (row_counts.rows[0], row_counts.rows.sum()) == (2, 2)


def test_row_counts_of_a_stream_go_on(check):
    """What shows only across frames is noted once, in the frame in which it shows."""
    earlier = EarlierFrames()
    frames = [
        pd.DataFrame({"name": ["A"], "who": [1007], "note": pd.Series(["x"], dtype=object)}),
        pd.DataFrame({"name": ["b", "a"], "who": [7, 1007], "note": pd.Series(["x", 5], dtype=object)}),
        pd.DataFrame({"name": ["a"], "who": [70], "note": pd.Series([6], dtype=object)}),
    ]

    reported = []
    for frame in frames:
        checked = check(frame, earlier=earlier, user_id="who", metadata={"note": Text("note")})
        reported.append([(code, rows) for code, _, rows, _ in _notes(checked)])

    assert reported == [[], [("event_name_spellings", [1]), ("leading_zeros", [0]), ("type_drift", [1])], []]
    assert earlier.row_counts.rows[:3].tolist() == [1, 1, 2]
    assert earlier.n_rows == 4
