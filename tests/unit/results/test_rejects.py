"""Rejects of a frame: which rows they are, what stands in the file, and what becomes of it when it is submitted."""

import decimal
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import EventMapping, Number, SourceError, export_rejects, iter_submit, submit_events
from events_pandas.deliver import Status
from events_pandas.sources import payloads_of, read_chunks, source_files

HEADER = "who,day,row,status,error_code,error_message\n"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def orders():
    """Four rows on an index without meaning; the second has no time."""
    frame = pd.DataFrame(
        {"who": ["00001", "00002", "00003", "00004"], "day": ["2024-01-31", "never", "2024-02-01", ""]}
    )
    return frame.set_axis(["x", "y", "x", None])


def failed(n_rows, *, rows=None, **columns):
    """The results of rows that failed."""
    found = {
        "row": range(n_rows) if rows is None else rows,
        "status": "failed",
        "error_code": "x",
        "error_message": "y",
    }
    return pd.DataFrame({**found, **columns})


def written(name="rejects.csv"):
    return pd.read_csv(name, dtype=str, keep_default_na=False)


@pytest.mark.parametrize("status", list(Status))
def test_rejects_are_the_rows_that_intercom_does_not_have(orders, status):
    """Rows that are accepted, accepted before or duplicates need nothing more."""
    rejects = export_rejects(failed(4, status=status.value), orders, "rejects.csv")

    is_done = status in {Status.ACCEPTED, Status.ALREADY_SUBMITTED, Status.DUPLICATE}
    assert len(rejects) == len(written()) == (0 if is_done else 4)


@pytest.mark.parametrize(("keeps_journal", "rows"), [(True, [0, 2]), (False, [0, 1, 2, 3])])
def test_rejects_leave_out_rows_that_the_same_run_sends_when_it_is_started_again(orders, keeps_journal, rows):
    """Without a journal nobody else knows which rows are to be sent; a repeat of a refused row needs a look anyway."""
    results = failed(
        4,
        status=["failed", "not_submitted", "not_submitted", "not_submitted"],
        error_code=["x", "interrupted", "duplicate_of_unsent", None],
    )
    results.attrs["run"] = {"keeps_journal": keeps_journal}
    results.index = orders.index

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rejects = export_rejects(results, orders, "rejects.csv")

    assert rejects["row"].tolist() == written()["row"].astype(int).tolist() == rows
    said = "rejects.csv: 2 rows that were not submitted are left out: start the same run again, which sends the rest"
    assert [str(warning.message) for warning in caught] == ([said] if keeps_journal else [])


def test_rejects_of_results_from_a_file_have_all_rows(orders):
    """The file does not say whether its run kept a journal, and no row may be lost."""
    failed(4, status="not_submitted").to_csv("results.csv")

    assert len(export_rejects(pd.read_csv("results.csv"), orders, "rejects.csv")) == 4


def test_rejects_stand_as_they_were_with_the_reason_beside(orders):
    """The frame's columns come first; rows without a value have an empty cell."""
    results = failed(4).iloc[[3, 1]].assign(status=["invalid", "unknown_contact"], error_message=["a, b", None])

    rejects = export_rejects(results, orders, "rejects.csv")

    assert Path("rejects.csv").read_text() == (
        HEADER + "00002,never,1,unknown_contact,x,\n" + '00004,,3,invalid,x,"a, b"\n'
    )
    assert rejects.index.equals(orders.index[[1, 3]])
    assert rejects[["who", "row", "status"]].to_numpy().tolist() == [
        ["00002", 1, "unknown_contact"],
        ["00004", 3, "invalid"],
    ]


def test_rejects_that_were_fixed_submit_as_they_are(orders, mapping, fake_client):
    """The same mapping reads the fixed file, with any other columns."""
    results = submit_events(orders, mapping, client=fake_client({"00003": [404]}), journal=None)

    export_rejects(results, orders, "rejects.csv", mapping=mapping)
    fixed = written().assign(day="2024-03-01")

    assert fixed["error_code"].tolist() == ["time_unreadable", "not_found", "created_at_missing"]
    again = submit_events(fixed, mapping, client=fake_client(), journal=None)
    assert again["status"].tolist() == ["accepted"] * 3


def test_rejects_without_a_row_are_a_file_with_a_header(orders):
    """The rejects of an earlier run are replaced, so that the next command does not submit them again."""
    export_rejects(failed(4), orders, "rejects.csv")

    rejects = export_rejects(failed(4, status="accepted"), orders, "rejects.csv")

    assert Path("rejects.csv").read_text() == HEADER
    assert rejects.columns.tolist() == ["who", "day", "row", "status", "error_code", "error_message"]


def test_file_that_somebody_has_changed_is_kept(orders):
    """A row that was fixed in the place of the rejects is not lost, whatever program has written it."""
    Path("rejects.csv").write_text("fixed")
    os.utime("rejects.csv", (1_700_000_000.5, 1_700_000_000.5))

    said = "rejects.csv: was changed since it was written, and is kept as rejects.kept-20231114T221320Z.csv"
    with pytest.warns(UserWarning, match=f"^{said}$"):
        export_rejects(failed(4, status="accepted"), orders, "rejects.csv")

    assert (Path("rejects.csv").read_text(), Path(said.rsplit(maxsplit=1)[-1]).read_text()) == (HEADER, "fixed")


def test_rejects_leave_the_frame_alone(orders):
    """The caller's frame is never changed."""
    before = orders.copy()

    export_rejects(failed(4), orders, "rejects.csv")

    pd.testing.assert_frame_equal(orders, before)


@pytest.mark.parametrize("keeps", [slice(None), [1, 0]])
def test_rejects_of_a_part_of_a_stream_are_found_in_its_frame(orders, mapping, fake_client, keeps):
    """Rows of a part are counted over the stream; its own frame begins at the first of them."""
    frames = [orders[:2], orders[2:]]
    client = fake_client({"00003": [404]})
    _, part = iter_submit(frames, mapping, client=client, journal=None)

    rejects = export_rejects(part.iloc[keeps], frames[1], "rejects.csv")

    assert rejects[["who", "row"]].to_numpy().tolist() == [["00003", 2], ["00004", 3]]
    assert export_rejects(part.iloc[keeps], orders, "rejects.csv").equals(rejects)


def test_rejects_of_a_file_of_results_are_found(orders):
    """Results that were written and read again are text, and work as well."""
    failed(4).to_csv("results.csv", index=False)

    rejects = export_rejects(pd.read_csv("results.csv"), orders, "rejects.csv")

    assert rejects["who"].tolist() == ["00001", "00002", "00003", "00004"]


def test_rejects_beside_columns_of_their_names_have_a_prefix(orders):
    """Columns of the input stay: all four of ours get the prefix."""
    export_rejects(failed(4), orders.assign(status="paid"), "rejects.csv")

    assert written().columns.tolist() == [
        "who",
        "day",
        "status",
        "reject_row",
        "reject_status",
        "reject_error_code",
        "reject_error_message",
    ]
    assert written()["status"].tolist() == ["paid"] * 4


@pytest.mark.parametrize("status", [{}, {"status": "paid"}])
def test_rejects_of_rejects_have_one_reason(orders, status):
    """The reasons of an earlier export are replaced, even if they have a prefix."""
    export_rejects(failed(4), orders.assign(**status), "first.csv")
    first = written("first.csv")

    again = export_rejects(failed(4, rows=range(4), error_code="later").iloc[2:], first, "second.csv")

    assert again.columns.tolist() == first.columns.tolist()
    assert written("second.csv").iloc[:, -2].tolist() == ["later", "later"]


@pytest.mark.parametrize(("name", "value"), [("status", "ok"), ("state", "failed")])
def test_rejects_keep_columns_that_only_look_like_reasons(orders, name, value):
    """A log of requests may end with such columns: its statuses are others, or one of its names is."""
    log = orders.assign(row=7, **{name: value}, error_code="", error_message="")

    rejects = export_rejects(failed(4), log, "rejects.csv")

    assert rejects[name].tolist() == [value] * 4
    assert rejects["reject_status"].tolist() == ["failed"] * 4


def test_rejects_keep_columns_that_the_mapping_reads(orders):
    """They look like reasons in every way, but an event holds them: replaced, they would make another event."""
    orders = orders.assign(row=7, status="failed", error_code="x", error_message="y")
    mapping = EventMapping(
        event_name="e", created_at="day", user_id="who", timezone="UTC", metadata={"state": "status"}
    )

    rejects = export_rejects(failed(4), orders, "rejects.csv", mapping=mapping)

    assert rejects.columns.tolist()[-8:] == [
        *("row", "status", "error_code", "error_message"),
        *("reject_row", "reject_status", "reject_error_code", "reject_error_message"),
    ]
    assert rejects["row"].tolist() == [7] * 4


def test_rejects_have_the_named_levels_of_the_index(orders):
    """A mapping may read them; an index without a name is not written, and a column replaces the level of its name."""
    index = pd.MultiIndex.from_arrays([[1, 2, 3, 4], list("abcd"), list("efgh")], names=["order", None, "who"])

    export_rejects(failed(4), orders.set_axis(index), "rejects.csv")

    assert written().columns.tolist()[:3] == ["order", "who", "day"]
    assert written()["order"].tolist() == ["1", "2", "3", "4"]
    assert written()["who"].tolist() == ["00001", "00002", "00003", "00004"]


def test_rejects_stand_in_the_order_of_the_frame(orders):
    """Results may be sorted; of duplicates, the first in the frame must be the first in the file."""
    rejects = export_rejects(failed(4).iloc[[2, 0, 3]], orders, "rejects.csv")

    assert rejects["row"].tolist() == [0, 2, 3]


def test_rejects_have_every_cell_as_the_mapping_needs_it():
    """Leading zeros stay, integers beside a gap are not floats, and times keep their zone and fraction."""
    frame = pd.DataFrame(
        {
            "text": ["00042", "NA", None],
            "float": [12.0, 19.99, np.nan],
            "integer": pd.array([2**53 + 1, None, 3], dtype="Int64"),
            "time": pd.to_datetime(["2024-01-31T12:00:00.123456789", None, "2024-01-31T12:00"], format="ISO8601"),
            "zoned": pd.to_datetime(["2024-07-01T12:00", None, "2024-01-31T12:00"]).tz_localize("Europe/Berlin"),
            "flag": [True, False, None],
            "kind": pd.Categorical(["big", None, "small"]),
            "nested": [["a", 1], None, {"b": 2}],
        }
    )

    export_rejects(failed(3), frame, "rejects.csv")

    assert written().iloc[:, :8].to_numpy().tolist() == [
        [
            "00042",
            "12",
            "9007199254740993",
            "2024-01-31T12:00:00.123456789",
            "2024-07-01T10:00:00Z",
            "true",
            "big",
            "['a', 1]",
        ],
        ["NA", "19.99", "", "", "", "false", "", ""],
        ["", "", "3", "2024-01-31T12:00:00", "2024-01-31T11:00:00Z", "", "small", "{'b': 2}"],
    ]


@pytest.mark.parametrize("cell", ["a,b", 'say "a"', "a\nb", "a\r\nb", "a\rb", " a ", "'a"])
def test_rejects_keep_text_that_csv_has_marks_of_its_own_for(cell):
    """Commas, quotes and line ends are text within a cell."""
    export_rejects(failed(2), pd.DataFrame({"note": [cell, "b"]}), "rejects.csv")

    assert written()["note"].tolist() == [cell, "b"]


def test_rejects_begin_with_a_mark_where_a_spreadsheet_needs_it():
    """Excel knows UTF-8 only by that mark; a file of ASCII has none."""
    export_rejects(failed(1), pd.DataFrame({"note": ["Grüße"]}), "letters.csv")
    export_rejects(failed(1), pd.DataFrame({"note": ["hello"]}), "plain.csv")

    assert Path("letters.csv").read_bytes().startswith(b"\xef\xbb\xbfnote,row")
    assert Path("plain.csv").read_bytes().startswith(b"note,row")
    assert written("letters.csv")["note"].tolist() == ["Grüße"]
    assert sorted(path.name for path in Path().iterdir()) == ["letters.csv", "plain.csv"]


def test_rejects_with_half_a_character_are_written():
    """The row is invalid because of it, and the file has a question mark in its place."""
    export_rejects(failed(2), pd.DataFrame({"note": pd.Series(["a\ud800", "b"], dtype=object)}), "rejects.csv")

    assert written()["note"].tolist() == ["a?", "b"]


def test_rejects_warn_of_an_invalid_row_that_would_be_sent():
    """Half a character becomes a question mark in the file, which would send another contact's identifier."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC")
    frame = pd.DataFrame({"who": pd.Series(["4", "5\ud800"], dtype=object), "day": "2024-01-31"})

    with pytest.warns(UserWarning, match="would be sent") as caught:
        export_rejects(failed(2), frame, "rejects.csv", mapping=mapping)

    assert [str(warning.message) for warning in caught] == [
        (
            "rejects.csv: line 3 (row 1 of the run) was invalid, "
            "but would be sent if this file is submitted as it is: correct it first"
        )
    ]


@pytest.mark.parametrize("name", ["rejects.csv", "rejects.parquet"])
@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        ([0, "a"], ["0", "a"]),
        (pd.MultiIndex.from_tuples([("a", "sum"), ("a", "max")]), ["('a', 'sum')", "('a', 'max')"]),
        (pd.CategoricalIndex(["a", "b"]), ["a", "b"]),
    ],
)
def test_rejects_have_labels_that_are_text(name, columns, labels):
    """Labels are text in the file; the returned frame has its own labels."""
    rejects = export_rejects(failed(1), pd.DataFrame([["x", "y"]], columns=columns), name)

    read = pd.read_parquet(name) if name.endswith("parquet") else written(name)
    assert read.columns.tolist() == [*labels, "row", "status", "error_code", "error_message"]
    assert str(rejects.columns[:2].tolist()) == str(list(columns))


def test_rejects_may_hold_views_of_text():
    """Arrow cannot take single rows of views: they become text."""
    views = pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(["a", None, "c"], pa.string_view())]))

    rejects = export_rejects(failed(3).iloc[[0, 2]], pd.DataFrame({"note": views}), "rejects.csv")

    assert rejects["note"].tolist() == written()["note"].tolist() == ["a", "c"]


def test_rejects_in_parquet_keep_their_dtypes():
    """Text, integers with gaps, zones, categories and decimals keep their dtypes."""
    frame = pd.DataFrame(
        {
            "who": pd.array(["00042", None], dtype="string"),
            "size": pd.array([2**53 + 1, None], dtype="Int64"),
            "at": pd.to_datetime(["2024-01-31T12:00", None]).tz_localize("Europe/Berlin"),
            "kind": pd.Categorical(["big", None]),
        }
    )
    frame.attrs["note"] = object()

    rejects = export_rejects(failed(2), frame, "rejects.parquet")

    read = pd.read_parquet("rejects.parquet")
    assert read.dtypes.astype(str).to_dict() == rejects.dtypes.astype(str).to_dict()
    assert read["at"].tolist() == rejects["at"].tolist()


def test_rejects_that_parquet_cannot_hold_are_refused():
    """A column of several types cannot be written; the earlier file stays."""
    Path("rejects.parquet").write_text("earlier")

    with pytest.raises(SourceError) as caught:
        export_rejects(failed(2), pd.DataFrame({"note": ["a", 1]}, dtype=object), "rejects.parquet")

    assert str(caught.value).startswith("rejects.parquet: these rows cannot be written as Parquet (")
    assert str(caught.value).endswith("): choose a name that ends in .csv")
    assert Path("rejects.parquet").read_text() == "earlier"
    assert [path.name for path in Path().iterdir()] == ["rejects.parquet"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("rejects.xlsx", "rejects.xlsx: rejects are written as .csv or .parquet: choose one of these endings"),
        ("no/rejects.csv", "no/rejects.csv: rejects cannot be written there: there is no folder 'no': make it first"),
    ],
)
def test_rejects_that_cannot_be_written_are_reported(orders, path, message):
    """One line says what is wrong with the path."""
    with pytest.raises(SourceError) as caught:
        export_rejects(failed(4), orders, path)

    assert str(caught.value) == message


def test_rejects_refuse_a_frame_that_is_too_short(orders):
    """Rows that the frame lacks cannot be exported."""
    with pytest.raises(ValueError, match=r".") as caught:
        export_rejects(failed(4), orders.head(2), "rejects.csv")

    assert str(caught.value) == (
        "frame: has 2 rows, and results have row 3: give all rows that were submitted, and no others"
    )


def test_rejects_refuse_a_frame_in_another_order(mapping, fake_client):
    """The labels show that a frame was sorted since: other rows are in these places."""
    orders = pd.DataFrame({"who": ["1", "2", "3"], "day": ["2024-02-01", "never", "2024-01-01"]})
    results = submit_events(orders, mapping, client=fake_client(), journal=None)

    with pytest.raises(ValueError, match=r".") as caught:
        export_rejects(results, orders.sort_values("day", ascending=False), "rejects.csv")

    assert str(caught.value) == (
        "frame: its row 1 is labelled 0, and row 1 of the results 1: "
        "give all rows that were submitted, in the same order"
    )


@pytest.mark.parametrize("keeps_facts", [True, False])
def test_rejects_refuse_a_frame_that_has_lost_rows(mapping, fake_client, keeps_facts):
    """Without labels, the reasons would stand beside other rows, although the frame has as many as the rejects need."""
    table = pa.table({"who": ["1", "", "3", "4", "5"], "day": ["2024-01-31"] * 5})
    results = submit_events(table, mapping, client=fake_client({"4": [404]}))
    if not keeps_facts:
        results.attrs = {}

    with pytest.raises(ValueError, match=r"^frame: has 4 rows, and (5 were submitted|results have row 4): give all"):
        export_rejects(results, table.slice(1), "rejects.csv")


def test_rejects_refuse_a_table_in_another_order_by_its_times(mapping, fake_client):
    """A table has no labels: with a mapping, the seconds that were sent show which row is which."""
    table = pa.table({"who": ["1", "", "3", "4", "5"], "day": [f"2024-01-0{day}" for day in range(1, 6)]})
    results = submit_events(table, mapping, client=fake_client({"4": [404]}))

    assert len(export_rejects(results, table, "rejects.csv", mapping=mapping)) == 2
    with pytest.raises(ValueError, match=r"^frame: its row 3 has another time than row 3 of the results, or"):
        export_rejects(results, table.take([4, 3, 2, 0, 1]), "rejects.csv", mapping=mapping)


def test_rejects_do_not_mind_other_labels(mapping, fake_client):
    """Rows are matched by position: results or frame may have been given another index."""
    orders = pd.DataFrame({"who": ["1", "2", "3"], "day": ["2024-02-01", "never", "2024-01-01"]}, index=["a", "b", "c"])
    results = submit_events(orders, mapping, client=fake_client(), journal=None)

    rejects = export_rejects(results.reset_index(drop=True), orders, "rejects.csv")

    assert rejects.index.tolist() == ["b"]


def test_rejects_refuse_results_that_have_a_row_twice(orders):
    """Results of two runs may contradict each other."""
    with pytest.raises(ValueError, match=r".") as caught:
        export_rejects(pd.concat([failed(4), failed(4)]), orders, "rejects.csv")

    assert str(caught.value) == "results: row 0 comes twice: give the results of one run"


def test_rejects_refuse_swapped_arguments(orders):
    """Swapped frame and results are refused."""
    with pytest.raises(ValueError, match=r"^results: no column 'row': give what submitting returned$"):
        export_rejects(orders, failed(4), "rejects.csv")


def test_rejects_warn_when_a_bare_column_would_have_another_type(orders):
    """Digits in a column of texts are text in the frame, but numbers in a CSV file unless the mapping has a rule."""
    orders = orders.assign(size="38", day="2024-01-31")
    bare = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"size": "size"}, timezone="UTC")

    with pytest.warns(UserWarning, match=r".") as caught:
        export_rejects(failed(4), orders, "rejects.csv", mapping=bare)

    assert str(caught[0].message) == (
        "rejects.csv: metadata.size of line 2 (row 0 of the run) would be 38 when this file is submitted, and "
        "not '38': a CSV file "
        "has no types, so give the column a rule in the mapping (text, number with its decimal, "
        "date with its unit), or export to "
        ".parquet"
    )


def test_rejects_warn_when_a_row_would_be_invalid(orders):
    """Epoch numbers are read from text only if the mapping states their unit."""
    orders = orders.assign(day=1_706_659_200)
    mapping = EventMapping(event_name="a", created_at="day", user_id="who")

    with pytest.warns(
        UserWarning,
        match=r"^rejects\.csv: line 2 \(row 0 of the run\) would be invalid when this file is submitted: a CSV",
    ):
        export_rejects(failed(4), orders, "rejects.csv", mapping=mapping)


def test_rejects_warn_when_the_mapping_does_not_fit_the_file(orders):
    """Labels are text in a file, so that a mapping of the label 0 does not fit."""
    orders = orders.set_axis([0, "day"], axis="columns").assign(day="2024-01-31")
    mapping = EventMapping(event_name="a", created_at="day", user_id=0, timezone="UTC")

    with pytest.warns(UserWarning, match=r".") as caught:
        export_rejects(failed(4), orders, "rejects.csv", mapping=mapping)

    assert str(caught[0].message).startswith(
        "rejects.csv: cannot be submitted with this mapping: user_id: no column 0: did you mean '0'?"
    )


@pytest.mark.parametrize(
    ("name", "key", "cell"),
    [
        ("rejects.parquet", "size", "38"),
        ("rejects.csv", "paid_at", pd.Timestamp("2024-01-31")),
        ("rejects.csv", "n", 7),
    ],
)
def test_rejects_warn_of_nothing_where_bare_columns_have_the_same_type(orders, name, key, cell):
    """Parquet keeps types; CSV shows numbers, and times under a date's key, by their form."""
    orders = orders.assign(bare=cell, day="2024-01-31")
    bare = EventMapping(event_name="a", created_at="day", user_id="who", metadata={key: "bare"}, timezone="UTC")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        export_rejects(failed(4), orders, name, mapping=bare)

    assert caught == []


@pytest.mark.parametrize(
    ("sign", "text", "numbers"),
    [
        (None, "7", ["1.2340", "7", "7.1250"]),
        (".", "1.234", ["1.234", "1.234", "7.125"]),
        (",", "1.234", ["1,234", "1.234", "7,125"]),
    ],
)
def test_rejects_have_numbers_that_the_mapping_reads_again(sign, text, numbers):
    """A number with three decimals has one reading in the file; a text of a number stays as it is."""
    cells = [1.234, text, decimal.Decimal("7.125")]
    frame = pd.DataFrame({"who": ["1", "2", "3"], "day": "2024-01-31", "n": pd.Series(cells, dtype=object)})
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"n": Number("n", decimal=sign)}, timezone="UTC"
    )

    export_rejects(failed(3), frame, "rejects.csv", mapping=mapping)

    assert written()["n"].tolist() == numbers
    (file,) = source_files("rejects.csv")
    (chunk,) = read_chunks(file, mapping, chunksize=10)
    before, after = (payloads_of(rows, mapping, np.arange(3)) for rows in (frame, chunk.frame))
    assert before == after
