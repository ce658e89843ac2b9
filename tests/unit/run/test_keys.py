"""Keys: columns of the input that the results have too. The client is a fake."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas import (
    AuthenticationError,
    EventMapping,
    MappingError,
    SubmissionError,
    UnknownColumnError,
    iter_submit,
    read_results,
    submit_events,
    submit_file,
)

DTYPES = [
    pd.Series(["007", None, "7"], dtype="str"),
    pd.Series([7, 8, 9], dtype="int32"),
    pd.Series([2**62 + 1, None, 3], dtype="Int64"),
    pd.Series([1.5, np.nan, 2.5]),
    pd.Series(pd.to_datetime(["2024-01-31", None, "2024-02-01"])).dt.tz_localize("Europe/Berlin"),
    pd.Series(["eu", "us", "eu"], dtype="category"),
    pd.Series([Decimal("1.10"), 7, None], dtype=object),
]


@pytest.mark.parametrize("column", DTYPES, ids=lambda column: str(column.dtype))
def test_results_have_the_keys_as_the_frame_has_them(make_orders, mapping, fake_client, column):
    """A key has the cells and the dtype of its column, on the index of the frame."""
    orders = make_orders(3).assign(order_id=column).set_axis(["a", "b", "a"])

    results = submit_events(orders, mapping, client=fake_client(), keys=["order_id"], include_identifier=True)

    pd.testing.assert_series_equal(results["order_id"], orders["order_id"])
    assert results.columns[-3:].tolist() == ["order_id", "identifier", "contact"]


@pytest.mark.parametrize("label", [7, ("order", "id"), "who"])
def test_key_is_any_label_of_a_column(make_orders, mapping, fake_client, label):
    """A column that the mapping reads may be a key, too."""
    orders = make_orders(2)
    orders[label] = ["x", "y"]

    results = submit_events(orders, mapping, client=fake_client(), keys=[label])

    assert results.columns[-1] == label
    assert results[label].tolist() == ["x", "y"]


def test_key_may_be_a_level_of_the_index(make_orders, mapping, fake_client):
    """It is a column of the results, which a file keeps, and stays in their index."""
    orders = make_orders(2).set_axis(pd.Index([70, 71], name="order_id"))

    results = submit_events(orders, mapping, client=fake_client(), keys=("order_id",))

    assert results["order_id"].tolist() == results.index.tolist() == [70, 71]


def test_results_share_no_memory_with_the_frame(make_orders, mapping, fake_client):
    """Whatever a caller does with the results, the frame stays as it is."""
    orders = make_orders(2, order_id=[1, 2])

    results = submit_events(orders, mapping, client=fake_client(), keys=["order_id"])
    results.loc[:, "order_id"] = 9

    assert orders["order_id"].tolist() == [1, 2]


def test_results_of_every_frame_of_a_stream_have_the_keys(make_orders, mapping, fake_client):
    """A frame without rows has the column too; each frame decides its dtype."""
    frames = [make_orders(2, number=[1, 2]), make_orders(0, number=[]), make_orders(1, start=2, number=["x"])]

    parts = list(iter_submit(frames, mapping, client=fake_client(), keys=["number"], chunksize=1))

    assert [part["number"].tolist() for part in parts] == [[1, 2], [], ["x"]]


def test_results_of_a_run_that_ends_early_have_the_keys(make_orders, mapping, fake_client):
    """Rows whose turn did not come have their keys."""
    client, orders = fake_client({"00000": [401]}), make_orders(3, order_id=["x", "y", "z"])

    with pytest.raises(AuthenticationError) as caught:
        submit_events(orders, mapping, client=client, keys=["order_id"], concurrency=1)

    assert caught.value.results["order_id"].tolist() == ["x", "y", "z"]


def test_results_have_no_key_unless_it_is_asked_for(make_orders, mapping, fake_client):
    """The columns of the input may be personal data."""
    results = submit_events(make_orders(1, order_id=[1]), mapping, client=fake_client())

    assert "order_id" not in results


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ("order_id", TypeError, "keys: expected a list of columns, got 'order_id': use keys=['order_id'] or the like"),
        (["day", "day"], ValueError, "keys: 'day' is given twice: give each column once"),
        (
            ["status"],
            ValueError,
            "keys: the results have a column 'status' of their own: rename the column of the rows",
        ),
        (["line"], ValueError, "keys: the results have a column 'line' of their own: rename the column of the rows"),
        (
            [["order_id"]],
            TypeError,
            "keys: expected a list of columns, got [['order_id']]: use keys=['order_id'] or the like",
        ),
        (["order_di"], UnknownColumnError, "keys: no column 'order_di': did you mean 'order_id'?"),
        # The index has no name.
        ([None], UnknownColumnError, "keys: no column None; there are 'who', 'day', 'order_id', 'note', 'note'"),
        (["note"], MappingError, "keys: 2 columns have the name 'note': rename or drop all but one"),
    ],
)
def test_key_that_cannot_be_used_is_refused(make_orders, mapping, fake_client, keys, error, message):
    """Nothing is sent then."""
    orders, client = make_orders(1, order_id=[1]), fake_client()
    orders = pd.concat([orders, pd.DataFrame({"note": ["a"]}), pd.DataFrame({"note": ["b"]})], axis=1)

    with pytest.raises(error) as caught:
        submit_events(orders, mapping, client=client, keys=keys)

    assert (str(caught.value), client.events) == (message, [])


def test_faults_of_keys_are_named_with_those_of_the_mapping(make_orders, fake_client):
    """One error names all columns that are missing."""
    mapping = EventMapping(event_name="x", created_at="dya", user_id="who", timezone="UTC")

    with pytest.raises(MappingError) as caught:
        submit_events(make_orders(1), mapping, client=fake_client(), keys=["whom"])

    assert caught.value.faults == (
        "created_at: no column 'dya': did you mean 'day'?",
        "keys: no column 'whom': did you mean 'who'?",
    )


def test_key_of_a_csv_file_is_text(write, mapping, fake_client):
    """A key such as 007 stays as it is, in the results and in their file; an empty cell is absent."""
    path = write("a.csv", "1,2024-01-31,007", "2,never,", "3", header="who,day,order_id")

    results = submit_file(path, mapping, client=fake_client(), keys=["order_id"], results_path="r.csv", chunksize=1)

    assert results["order_id"].isna().tolist() == [False, True, True]
    assert results["order_id"].iloc[0] == "007"
    assert results.columns[-3:].tolist() == ["order_id", "source_file", "line"]
    assert pd.read_csv("r.csv", dtype=str, keep_default_na=False)["order_id"].tolist() == ["007", "", ""]


def test_key_of_a_csv_file_is_text_beside_callables(write, fake_client):
    """Callables get numbers for the column, and the results still have its text."""
    mapping = EventMapping(
        event_name="x",
        created_at="day",
        user_id="who",
        metadata={"twice": lambda frame: frame["number"] * 2},
        timezone="UTC",
    )
    path, client = write("a.csv", "1,2024-01-31,7.50", "2,2024-01-31,8", header="who,day,number"), fake_client()

    results = submit_file(path, mapping, client=client, keys=["number"])

    assert results["number"].tolist() == ["7.50", "8"]
    assert sorted(event["metadata"]["twice"] for event in client.events) == [15, 16]


def test_key_of_a_parquet_file_keeps_its_type(tmp_path, make_orders, mapping, fake_client):
    """So does the file of results, also where a chunk has no value; a decimal or a list is text there."""
    orders = make_orders(
        3,
        number=pd.Series([None, 2**62 + 1, 3], dtype="Int64"),
        on=[dt.date(2024, 1, 31), None, None],
        price=[Decimal("1.10"), None, None],
    )
    orders.to_parquet(tmp_path / "a.parquet")
    keys, places = ["number", "on", "price"], [tmp_path / "r.parquet", tmp_path / "r.csv"]

    for place in places:
        results = submit_file(
            tmp_path / "a.parquet", mapping, client=fake_client(), keys=keys, results_path=place, chunksize=1
        )

    assert results["number"].tolist() == [pd.NA, 2**62 + 1, 3]
    written = pd.read_parquet(places[0])
    assert [str(dtype) for dtype in written[keys].dtypes] == ["int64[pyarrow]", "date32[day][pyarrow]", "string"]
    assert written[keys].iloc[1:].isna().to_numpy().tolist() == [[False, True, True]] * 2
    assert pd.read_csv(places[1], dtype=str)[keys].iloc[[0]].to_numpy().tolist()[0][1:] == ["2024-01-31", "1.10"]


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r/"])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_key_that_is_not_utf8_is_written_as_its_bytes(tmp_path, make_orders, mapping, fake_client, kind, name):
    """Arrow reads such text unseen; the event is sent all the same, and its result has a place in the file."""
    text = pa.array([b"M\xfcller", b"", None]).cast(pa.string(), safe=False)
    key = text.dictionary_encode() if pa.types.is_dictionary(kind) else text.cast(kind)
    orders = pa.Table.from_pandas(make_orders(3)).append_column("name", key)
    pq.write_table(orders, tmp_path / "a.parquet")
    place = tmp_path / name

    results = submit_file(
        tmp_path / "a.parquet", mapping, client=fake_client(), keys=["name"], results_path=f"{tmp_path}/{name}"
    )

    written = read_results(place)
    assert written["status"].tolist() == ["accepted"] * 3
    assert written["name"].iloc[0] == results["name"].iloc[0] == r"b'M\xfcller'"
    assert results["name"].iloc[1:].tolist() == ["", pd.NA]
    assert r"b'M\xfcller'" in repr(results[["name"]])


def test_key_of_different_types_is_text_in_the_file_of_results(tmp_path, make_orders, mapping, fake_client):
    """Files may give a column different types, and values of JSON Lines may have any."""
    make_orders(1, number=[7]).to_parquet(tmp_path / "a.parquet")
    make_orders(1, start=1, number=[7.5]).to_parquet(tmp_path / "b.parquet")
    lines = [{"who": "x", "day": "2024-01-31", "number": value} for value in (8, "x", None, True)]
    pd.DataFrame(lines).astype(object).to_json(tmp_path / "c.jsonl", orient="records", lines=True)
    place = tmp_path / "r.parquet"

    results = submit_file(
        [tmp_path / name for name in ("a.parquet", "b.parquet", "c.jsonl")],
        mapping,
        client=fake_client(),
        keys=["number"],
        results_path=place,
        chunksize=1,
    )

    assert results["number"].tolist() == [7, 7.5, 8, "x", None, True]
    assert pd.read_parquet(place)["number"].tolist() == ["7", "7.5", "8", "x", pd.NA, "true"]


@pytest.mark.parametrize(
    ("columns", "cells", "dtype"),
    [
        ([[2**60 + 1], [1.5]], [2**60 + 1, 1.5], "object"),
        ([[2**60 + 1], [7.0, None]], [2**60 + 1, 7.0, None], "object"),
        ([[2**60 + 1], [None]], [2**60 + 1, None], "int64[pyarrow]"),
        ([[None], [dt.date(2024, 1, 31)]], [None, dt.date(2024, 1, 31)], "date32[day][pyarrow]"),
        ([[pd.Timestamp("2600-01-01")], [pd.Timestamp(1, unit="ns")]], ["2600-01-01", 1], "object"),
    ],
    ids=["fractions", "gaps", "absent", "absent_first", "times"],
)
def test_key_of_different_types_stays_exact(tmp_path, make_orders, mapping, fake_client, columns, cells, dtype):
    """Whole numbers do not become floats since another file has floats, and no key ends a run that has sent all."""
    for number, own in enumerate(columns):
        make_orders(len(own), start=3 * number, key=own).to_parquet(tmp_path / f"{number}.parquet")

    results = submit_file(tmp_path, mapping, client=fake_client(), keys=["key"])

    expected = [pd.Timestamp(cell) if dtype == "object" and "2600-01-01" in cells else cell for cell in cells]
    assert [None if pd.isna(cell) else cell for cell in results["key"]] == expected
    assert str(results["key"].dtype) == dtype
    assert list(map(str, results["status"])) == ["accepted"] * len(cells)


def test_key_may_be_a_folder_above_the_files(tmp_path, make_orders, mapping, fake_client):
    """Folders such as region=eu are columns of text."""
    for region in ("eu", "us"):
        (tmp_path / f"region={region}").mkdir()
        make_orders(1).to_csv(tmp_path / f"region={region}" / "a.csv", index=False)

    results = submit_file(tmp_path, mapping, client=fake_client(), keys=["region"])

    assert results["region"].tolist() == ["eu", "us"]


def test_files_that_lack_a_key_are_named_before_the_first_event(write, mapping, fake_client):
    """All of them are, as if the mapping read the column."""
    write("a.csv", "1,2024-01-31,7", header="who,day,order_id")
    write("b.csv", "1,2024-01-31,7", header="who,day,orderid")
    write("c.csv", "1,2024-01-31")
    client, names = fake_client(), ["a.csv", "b.csv", "c.csv"]

    with pytest.raises(MappingError) as caught:
        submit_file(names, mapping, client=client, keys=["order_id"])

    assert caught.value.faults == (
        "b.csv: keys: no column 'order_id': did you mean 'orderid'?",
        "c.csv: keys: no column 'order_id'; there are 'who', 'day'",
    )
    assert client.events == []


def test_files_that_lack_a_key_may_be_left_out(write, mapping, fake_client):
    """They do not fit the run, like files that lack a column of the mapping."""
    write("a.csv", "1,2024-01-31,7", header="who,day,order_id")
    write("b.csv", "2,2024-01-31")

    with pytest.warns(UserWarning, match=r"^b\.csv: was left out: keys: no column 'order_id'"):
        results = submit_file(["a.csv", "b.csv"], mapping, client=fake_client(), keys=["order_id"], skip_bad_files=True)

    assert results["order_id"].tolist() == ["7"]


def test_rejects_of_files_have_the_keys(write, mapping, fake_client):
    """They have all columns of their rows."""
    path = write("a.csv", "1,2024-01-31,007", "2,never,008", header="who,day,order_id")

    submit_file(path, mapping, client=fake_client(), keys=["order_id"], rejects_path="rejects.csv")

    assert pd.read_csv("rejects.csv", dtype=str)["order_id"].tolist() == ["008"]


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_keys_are_in_no_journal_log_or_message(write, mapping, fake_client, tmp_path, caplog, name):
    """They may be personal data: only the results have them, and the rejects."""
    caplog.set_level(0)
    path = write("a.csv", "1,2024-01-31,ada@example.org", "2,never,ada@example.org", header="who,day,key")
    said, journal = [], tmp_path / "journals"

    with pytest.warns() as warned, pytest.raises(SubmissionError) as caught:
        submit_file(
            [path, write("b.csv", "3,2024-01-31,ada@example.org", header="who,day,key")],
            mapping,
            client=fake_client({"1": [401]}),
            keys=["key"],
            results_path=name,
            journal=journal,
            log_path="run.jsonl",
            rejects_path="rejects.csv",
            progress=said.append,
        )

    files = [*tmp_path.glob("journals*"), tmp_path / "run.jsonl"]
    assert len(files) > 1
    assert all(b"ada@example" not in file.read_bytes() for file in files)
    texts = [str(caught.value), *getattr(caught.value, "__notes__", ()), str(caught.value.results.attrs), caplog.text]
    assert "ada@example" not in " ".join([*texts, *map(str, said), *(str(each.message) for each in warned)])
    assert caught.value.results["key"].tolist() == ["ada@example.org"] * 3
