"""Rows of a Dask DataFrame as a stage: their order, their types, how often they are read, and what is refused."""

import dataclasses
import datetime as dt
import importlib
import io
import json
import os
import re
import resource
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import events_pandas as ep
from events_pandas.engines.dask import check_events, stage_events, submit_events

NOT_KNOWN = "is a stage already, and may have other rows"
NOON = dt.datetime(2024, 1, 31, 12)  # noqa: DTZ001  # Without a zone, as many sources have it.
SEVERAL_TIMES = "has dates beside times, or times with and without a time zone"
CURE = "give another folder, or overwrite=True to write it again; submit_file submits it as it is"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Let relative folders be those of the test."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mapping():
    """A mapping of the columns that `rows` makes."""
    return ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")


def rows(n_rows, **columns):
    numbers = range(n_rows)
    days = [f"2024-01-{1 + number % 28:02d}" for number in numbers]
    return pd.DataFrame({"who": [f"{number:05d}" for number in numbers], "day": days, "n": numbers, **columns})


def partitions(*frames):
    """Return frames as the partitions of a Dask DataFrame, each with the dtypes that it has."""
    return dd.from_map(lambda number: frames[number], range(len(frames)), meta=frames[0].head(0))


def staged(folder="stage"):
    """Return the rows of a stage in the order in which they are submitted."""
    manifest = json.loads((folder / "_manifest.json").read_text())
    return pa.concat_tables([pq.read_table(folder / part["name"]) for part in manifest["parts"]])


def part_types(folder, name):
    return {pq.read_schema(path).field(name).type for path in folder.glob("part-*.parquet")}


def test_stage_has_the_rows_in_the_order_of_the_partitions(mapping):
    """Partition 10 comes after partition 9, and a part has the number of its partition."""
    folder = stage_events(dd.from_pandas(rows(36), npartitions=12, sort=False), mapping, "stage", keys=["n"])

    assert staged(folder)["n"].to_pylist() == list(range(36))
    names = sorted(path.name for path in folder.glob("part-*"))
    assert [name[:10] for name in names] == [f"part-{number:05d}" for number in range(12)]


def test_stage_has_the_columns_of_the_mapping_and_the_keys(mapping):
    """Other columns stay where they are, and neither is anything left of the writing."""
    folder = stage_events(dd.from_pandas(rows(4, note="private"), npartitions=2), mapping, "stage", keys=["n"])

    assert staged(folder).column_names == ["who", "day", "n"]
    assert {path.name[:5] for path in folder.iterdir()} == {"_mani", "part-"}


def test_stage_has_the_index_if_the_mapping_reads_it(mapping):
    """A mapping may name the index, as in a pandas frame."""
    frame = dd.from_pandas(rows(4).set_index("who"), npartitions=2)

    assert staged(stage_events(frame, mapping, "stage"))["who"].to_pylist() == ["00000", "00001", "00002", "00003"]


def test_stage_keeps_the_rows_of_empty_partitions_out(mapping):
    """A partition without rows has no part; a frame without rows has one, with the columns."""
    frame = dd.from_pandas(rows(6), npartitions=3, sort=False)

    some = stage_events(frame[frame["n"] > 3], mapping, "some")
    none = stage_events(frame[frame["n"] > 9], mapping, "none", order_by=["day"])

    assert [path.name[:10] for path in some.glob("part-*")] == ["part-00002"]
    assert (staged(none).num_rows, staged(none).column_names) == (0, ["who", "day"])
    assert ep.check_file(none, mapping).rows == 0


@pytest.mark.parametrize(("npartitions", "n_parts"), [(1, 1), (7, 7), (40, 10)])
def test_order_by_sorts_the_rows_over_all_partitions(mapping, npartitions, n_parts):
    """The rows of all partitions are sorted, into parts that are not small; rows that are alike keep their order."""
    frame = rows(100_000).assign(day=lambda each: each["day"].sample(frac=1, random_state=7).to_numpy())
    given = dd.from_pandas(frame, npartitions=npartitions, sort=False)

    folder = stage_events(given, mapping, "stage", keys=["n"], order_by=["day"])

    assert staged(folder)["n"].to_pylist() == frame.sort_values("day", kind="stable")["n"].tolist()
    assert len(list(folder.glob("part-*"))) == n_parts


def test_order_by_sorts_by_several_columns_that_may_have_gaps(mapping):
    """The first column decides, then the next; absent cells come last; a column of the order alone is not staged."""
    frame = pd.DataFrame(
        {
            "who": ["a", "b", "c", "d", "e", "f"],
            "day": ["2024-01-31"] * 6,
            "at": [2.0, None, 1.0, 2.0, None, 1.0],
            "then": ["x", "y", None, "w", "a", "z"],
        }
    )

    folder = stage_events(dd.from_pandas(frame, npartitions=3, sort=False), mapping, "stage", order_by=["at", "then"])

    assert staged(folder).to_pydict() == {"who": ["f", "c", "d", "a", "e", "b"], "day": ["2024-01-31"] * 6}


def test_order_by_sorts_categories_as_their_values(mapping):
    """A stage has no categories: their own order is not known there."""
    sizes = pd.Categorical(["small", "large", "medium"], categories=["small", "medium", "large"], ordered=True)
    frame = dd.from_pandas(rows(3).assign(size=sizes), npartitions=1)

    folder = stage_events(frame, mapping, "stage", keys=["size"], order_by=["size"])

    assert staged(folder)["size"].to_pylist() == ["large", "medium", "small"]


def test_order_by_cuts_rows_that_are_alike(mapping):
    """Parts are of about the same size, also if all rows have the same cell in the column that they are sorted by."""
    frame = rows(40_000).assign(day="2024-01-31")

    folder = stage_events(
        dd.from_pandas(frame, npartitions=4, sort=False), mapping, "stage", keys=["n"], order_by=["day"]
    )

    sizes = [pq.read_metadata(path).num_rows for path in folder.glob("part-*")]
    assert staged(folder)["n"].to_pylist() == list(range(40_000))
    assert len(sizes) == 4
    assert max(sizes) < 11_000


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (pa.list_(pa.string()), [["a"], ["b"]]),
        (pa.map_(pa.string(), pa.int64()), [[("a", 1)], [("b", 2)]]),
        (pa.struct([("a", pa.int64())]), [{"a": 1}, {"a": 2}]),
        (pa.float16(), np.arange(2, dtype=np.float16)),
    ],
    ids=str,
)
def test_order_by_refuses_a_column_without_order(begin, mapping, kind, cells):
    """Its type is known before anything is computed."""
    dtype = np.float16 if kind == pa.float16() else pd.ArrowDtype(kind)
    frame = rows(2).assign(tags=pd.Series(cells, dtype=dtype))
    never = dd.from_map(lambda _: pytest.fail("was computed"), range(2), meta=frame.head(0))

    with pytest.raises(ep.SourceError) as raised:
        stage_events(never, mapping, "stage", order_by=["tags"])
    with pytest.raises(ep.SourceError) as submitted:
        begin(never, stage="stage", results="results", order_by=["tags"])

    said = f"order_by: column 'tags' is {kind}, which has no order: give another column"
    assert str(raised.value) == str(submitted.value) == said
    assert not Path("stage").exists()


def test_order_by_refuses_objects_without_order_as_soon_as_they_are_known(mapping):
    """Of Python objects only a partition tells the type: one that has cells ends the stage, and is not written."""
    seen = []

    def look(own):
        # The writer of a partition has ended before the next one is computed.
        seen.append(sorted(path.name for path in Path("stage").glob("_run-*/part-*")))
        return own

    with dask.config.set({"dataframe.convert-string": False}):
        frame = partitions(*[rows(2).assign(tags=[["a"], ["b"]])] * 3).map_partitions(look)
        seen.clear()

    with dask.config.set(scheduler="sync"), pytest.raises(ep.SourceError) as raised:
        stage_events(frame, mapping, "stage", order_by=["tags"])

    said = "order_by: column 'tags' is list<item: string>, which has no order: give another column"
    assert str(raised.value).replace("element", "item") == said
    assert not any(seen)
    assert not Path("stage").exists()


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_each_partition_is_read_once(mapping, tmp_path, scheduler):
    """A source is read once for each of its partitions, also by a shuffle, a sort and a check."""
    log = tmp_path / "read.txt"

    def read(number):
        with log.open("a") as file:
            file.write(f"{number}\n")
        return rows(5).assign(n=number)

    source = dd.from_map(read, range(12), meta=rows(1).head(0))
    with dask.config.set(scheduler=scheduler):
        stage_events(source, mapping, "one")
        stage_events(source, mapping, "two", order_by=["day"])
        stage_events(source.shuffle("who", npartitions=8), mapping, "three", order_by=["day"])
        check_events(source.shuffle("who"), mapping)

    assert sorted(map(int, log.read_text().split())) == sorted([*range(12)] * 4)


def test_parts_have_one_type_for_whole_numbers_with_gaps(mapping):
    """Whole numbers stay exact where another partition has floats because of a gap, or no cell at all."""
    frame = partitions(
        rows(2).assign(who=[2**60 + 1, 7]),
        rows(2).assign(who=[8.0, None]),
        rows(2).assign(who=[None, None]),
    )

    folder = stage_events(frame, mapping, "stage")

    assert part_types(folder, "who") == {pa.int64()}
    assert staged(folder)["who"].to_pylist() == [2**60 + 1, 7, 8, None, None, None]


def test_identifiers_with_gaps_are_sent_as_one_machine_sends_them(mapping, fake_client):
    """Each partition alone has another dtype, and floats would lose the last digit."""
    ids = [2**60 + 1, 7, 8, None, None, None]
    options = {"journal": None, "progress": False}
    alone, client = fake_client(), fake_client()
    expected = ep.submit_events(rows(6).assign(who=pd.array(ids, "Int64")), mapping, client=alone, **options)
    frame = partitions(*(rows(6).iloc[first : first + 2].assign(who=ids[first : first + 2]) for first in (0, 2, 4)))

    results = submit_events(frame, mapping, stage="stage", results="results", client=client, **options).compute()

    assert client.contacts == alone.contacts == ["1152921504606846977", "7", "8"]
    assert results["error_code"].isna().tolist() == expected["error_code"].isna().tolist()
    assert results["status"].tolist() == expected["status"].tolist()


@pytest.mark.parametrize("order_by", [[], ["day", "who"]])
@pytest.mark.parametrize("absent", [None, pd.NaT, np.nan])
def test_partition_without_a_time_has_the_type_of_the_others(mapping, absent, order_by):
    """A partition in which a column has no cell does not tell its type, in whatever place it is."""
    times = pd.to_datetime(["2024-01-31T10:00", "2024-02-01T00:00"])
    frame = partitions(rows(2).assign(day=absent), rows(2).assign(day=times), rows(2).assign(day=absent))

    folder = stage_events(frame, mapping, "stage", order_by=order_by)

    expected = [*times, None, None, None, None] if order_by else [None, None, *times, None, None]
    assert staged(folder)["day"].to_pylist() == expected
    assert len(part_types(folder, "day")) == 1


def test_parts_have_floats_if_a_partition_has_fractions(mapping):
    """A number that is not whole makes floats of all, as in one frame."""
    frame = partitions(rows(1).assign(who=[7]), rows(1).assign(who=[7.5]))

    assert staged(stage_events(frame, mapping, "stage"))["who"].to_pylist() == [7.0, 7.5]


def test_short_floats_do_not_shorten_whole_numbers(mapping):
    """Floats of 16 or 32 bits hold few whole numbers: a column of both has those of 64 bits."""
    short = [pd.Series([0.5], dtype=dtype) for dtype in ("float16", "float32")]
    frame = partitions(*(rows(1).assign(who=cells) for cells in [*short, [16_777_217]]))

    assert staged(stage_events(frame, mapping, "stage"))["who"].to_pylist() == [0.5, 0.5, 16_777_217.0]


def test_numbers_that_no_type_holds_are_refused(mapping, tmp_path):
    """Neither the whole number nor the fraction may be changed."""
    frame = partitions(rows(1).assign(who=[7]), rows(1).assign(who=[2**53 + 1]), rows(1).assign(who=[7.5]))

    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, mapping, "stage")

    assert str(raised.value) == (
        "column 'who': cannot be staged: it has whole numbers beyond 2^53 in partition 1, and others than whole ones "
        "in partition 2: give all its cells one type, such as with frame.assign(**{'who': frame['who'].astype(str)})"
    )
    assert not (tmp_path / "stage").exists()


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series(["00042", None, "x", "y"], dtype=object),
        pd.Series(["00042", None, "x", "y"], dtype="string"),
        pd.Series(["00042", None, "x", "y"], dtype="category"),
        pd.Series([2**60 + 1, None, 3, 4], dtype=pd.ArrowDtype(pa.int64())),
        pd.Series([2**60 + 1, None, 3, 4], dtype="Int64"),
        pd.Series([Decimal("1.5"), None, Decimal("200.25"), Decimal(3)], dtype=object),
        pd.Series([dt.date(2024, 1, 31), None, dt.date(1, 1, 1), dt.date(9999, 1, 1)], dtype=object),
        pd.Series(pd.to_datetime(["2024-01-31T10:00+01:00", None, None, "2024-02-01T00:00Z"], utc=True)),
        pd.Series([True, None, False, True], dtype=object),
    ],
    ids=["object", "string", "category", "arrow", "Int64", "decimal", "date", "time", "bool"],
)
def test_cells_stay_what_they_are(mapping, cells):
    """Text keeps its zeros, numbers their digits, and absent cells are absent."""
    with dask.config.set({"dataframe.convert-string": False}):
        frame = dd.from_pandas(rows(4).assign(extra=cells), npartitions=4, sort=False)
        folder = stage_events(frame, mapping, "stage", keys=["extra"])

    assert staged(folder)["extra"].to_pylist() == [None if pd.isna(cell) else cell for cell in cells]
    assert len(part_types(folder, "extra")) == 1


def test_column_without_any_cell_is_staged(mapping):
    """Every row lacks the key, and is submitted."""
    folder = stage_events(partitions(rows(1).assign(n=None), rows(1).assign(n=np.nan)), mapping, "stage", keys=["n"])

    assert staged(folder)["n"].to_pylist() == [None, None]
    assert ep.check_file(folder, mapping).valid == 2


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([["a"], [7]], "it is string in partition 0, and int64 in partition 1"),
        ([["a", 7], ["b", "c"]], "partition 0 has cells that no Parquet column holds (...)"),
        ([pd.period_range("2024-01", periods=2, freq="M")] * 2, "Parquet has no period[M]"),
        ([[{}]], "Parquet has no struct<>"),
        ([["a"], [7], ["b"]], "it is string in partition 0, and int64 in partition 1"),
        ([[Decimal("0.5")], [1.5]], "it is decimal128(1, 1) in partition 0, and double in partition 1"),
        ([[NOON, NOON.replace(tzinfo=dt.UTC)]], f"partition 0 {SEVERAL_TIMES}"),
        ([[NOON], [NOON.replace(tzinfo=dt.UTC), NOON]], f"partition 1 {SEVERAL_TIMES}"),
        ([[NOON.date(), NOON]], f"partition 0 {SEVERAL_TIMES}"),
    ],
)
def test_column_without_a_single_type_is_refused(mapping, cells, why):
    """The message names the column, the partitions and the cure, and what cannot be done; the folder stays empty."""
    with dask.config.set({"dataframe.convert-string": False}):
        frame = partitions(*(rows(len(own)).assign(extra=pd.Series(own)) for own in cells))
        with pytest.raises(ep.SourceError) as raised:
            stage_events(frame, mapping, "stage", keys=["extra"])
        with pytest.raises(ep.SourceError) as checked:
            check_events(frame, dataclasses.replace(mapping, metadata={"extra": "extra"}))

    cure = "give all its cells one type, such as with frame.assign(**{'extra': frame['extra'].astype(str)})"
    said = [re.sub(r"\((Expected|Could).*?\)", "(...)", str(error.value)) for error in (raised, checked)]
    assert said == [f"column 'extra': cannot be {done}: {why}: {cure}" for done in ("staged", "checked")]


def test_float_identifiers_are_noted_as_in_a_frame(mapping):
    """Where Dask itself made floats of large numbers, the digits are lost already, and the check says so."""
    frame = rows(2).assign(who=[float(2**60), 7.0])

    report = check_events(dd.from_pandas(frame, npartitions=2), mapping)

    assert str(report) == str(ep.check_events(frame, mapping))
    assert report.invalid == 1


@pytest.mark.parametrize("computed", [lambda frame: frame["n"] + 1, getattr(pd, "col", lambda _: print)("n")])
@pytest.mark.parametrize("step", [check_events, lambda frame, mapping: stage_events(frame, mapping, "stage")])
def test_callables_are_refused(step, computed):
    """A stage has the columns that the mapping names, and a callable names none."""
    mapping = ep.EventMapping(event_name="e", created_at="day", user_id="who", metadata={"next": computed})

    with pytest.raises(ep.MappingError) as raised:
        step(dd.from_pandas(rows(2), npartitions=2), mapping)

    assert str(raised.value) == (
        "metadata.next: is a callable or an expression, and nobody knows which columns it reads: compute the column in "
        "the frame, with assign, and name it in the mapping"
    )


def test_labels_that_are_not_text_are_refused():
    """Parquet has names only."""
    mapping = ep.EventMapping(event_name="e", created_at="day", user_id=7)

    with pytest.raises(ep.MappingError) as raised:
        stage_events(dd.from_pandas(rows(2).rename(columns={"who": 7}), npartitions=2), mapping, "stage")

    assert str(raised.value) == "user_id: the column 7 has a name that is not text, as in Parquet: rename it"


def test_missing_columns_are_named_before_anything_is_computed(mapping):
    """The columns that Dask knows are enough."""
    frame = dd.from_map(lambda _: pytest.fail("was computed"), [0, 1], meta=rows(1)[["day", "n"]])

    with pytest.raises(ep.UnknownColumnError) as lacking:
        stage_events(frame, mapping, "stage")
    with pytest.raises(ep.UnknownColumnError) as misspelt:
        stage_events(frame.assign(who="x"), mapping, "stage", order_by=["dya"])

    assert str(lacking.value) == "user_id: no column 'who'; there are 'day', 'n'"
    assert str(misspelt.value) == "order_by: no column 'dya': did you mean 'day'?"


def test_frame_that_is_not_of_dask_is_refused(mapping):
    """A pandas frame has functions of its own."""
    with pytest.raises(TypeError) as raised:
        check_events(rows(1), mapping)

    said = "expected rows in a Dask DataFrame, got a pandas DataFrame: call the function of this name in events_pandas"
    assert str(raised.value) == said


def test_functions_for_tables_name_those_for_dask(mapping):
    """Computing the frame would bring all of its rows into memory."""
    with pytest.raises(TypeError, match=r"DataFrame: events_pandas\.engines\.dask has functions for it$"):
        ep.check_events(dd.from_pandas(rows(1), npartitions=1), mapping)


def test_order_that_is_not_a_list_is_refused(mapping):
    """A text would be taken for a list of letters."""
    with pytest.raises(TypeError) as raised:
        stage_events(dd.from_pandas(rows(1), npartitions=1), mapping, "stage", order_by="day")

    assert str(raised.value) == "order_by: expected a list of columns, got 'day': use order_by=['order_id'] or the like"


def test_keys_that_results_cannot_have_are_refused_before_a_stage_is_written(mapping, tmp_path):
    """Else the whole stage would be written, and could not be submitted with its keys."""
    with pytest.raises(ValueError, match=r"^keys: the results have a column 'status' of their own: rename the column"):
        stage_events(dd.from_pandas(rows(2, status="x"), npartitions=1), mapping, "stage", keys=["status"])

    assert not (tmp_path / "stage").exists()


def test_complete_stage_of_the_same_rows_is_left_as_it_is(mapping):
    """A second start computes nothing."""
    folder = stage_events(dd.from_pandas(rows(6), npartitions=3), mapping, "stage")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}

    stage_events(dd.from_pandas(rows(6), npartitions=3), mapping, "stage")

    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("frame", "options", "differing"),
    [
        (rows(6), {"keys": ["n"]}, "columns"),
        (rows(6), {"order_by": ["day"]}, "order"),
        (rows(6).assign(n=1), {}, "rows"),
        (rows(7), {"keys": ["n"], "order_by": ["n"]}, "columns, order, rows"),
    ],
)
def test_complete_stage_of_other_rows_is_refused(mapping, tmp_path, frame, options, differing):
    """The message says what differs and what to do; with `overwrite` the new stage takes its place."""
    folder = stage_events(dd.from_pandas(rows(6), npartitions=3), mapping, "stage")

    with pytest.raises(ep.SourceError) as raised:
        stage_events(dd.from_pandas(frame, npartitions=3), mapping, "stage", **options)

    other = f"is a stage already, and differs from what is asked for ({differing})"
    assert str(raised.value) == f"{tmp_path / 'stage'}: {other}: {CURE}"
    stage_events(dd.from_pandas(frame, npartitions=3), mapping, "stage", overwrite=True, **options)
    assert staged(folder).num_rows == len(frame)
    assert sum(pq.read_metadata(path).num_rows for path in folder.glob("part-*")) == len(frame)


def read_here(number):
    return rows(2).assign(n=number)


@pytest.mark.parametrize(
    "source",
    [
        lambda: dd.from_map(read_here, range(2), meta=rows(1).head(0)),
        lambda: dd.from_delayed([dask.delayed(read_here)(number) for number in range(2)]),
        lambda: dd.from_pandas(rows(4), npartitions=2).persist(),
        lambda: dd.concat([dd.from_pandas(rows(4), npartitions=2), dd.from_map(read_here, [0], meta=rows(1).head(0))]),
    ],
    ids=["from_map", "from_delayed", "persist", "concat"],
)
def test_complete_stage_of_rows_that_are_not_known_is_refused(mapping, tmp_path, source):
    """A function may read something else the next time, and Dask does not notice: the choice is the caller's."""
    stage = stage_events(source(), mapping, "stage")

    with pytest.raises(ep.SourceError) as raised:
        stage_events(source(), mapping, "stage")

    assert str(raised.value) == f"{tmp_path / 'stage'}: {NOT_KNOWN}: {CURE}"
    assert stage_events(source(), mapping, "stage", overwrite=True) == stage


def write_parquet(frame):
    frame.to_parquet("orders.parquet", compression=None)


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (write_parquet, lambda: dd.read_parquet("orders.parquet")),
        (write_parquet, lambda: dd.read_parquet(Path("orders.parquet").absolute(), filesystem="arrow")),
        (lambda frame: frame.to_csv("orders.csv"), lambda: dd.read_csv("orders.csv", dtype={"who": "string"})),
        (
            lambda frame: frame.to_csv("orders.csv"),
            lambda: dd.read_csv("orders.csv").assign(who=lambda each: each["n"]),
        ),
    ],
    ids=["parquet", "arrow", "csv", "computed"],
)
def test_complete_stage_of_a_file_is_refused_when_the_file_has_changed(mapping, write, read):
    """A file of the same name and size, with other rows, makes another stage; the same file does not."""
    write(rows(6))
    stage_events(read(), mapping, "stage")
    stage_events(read(), mapping, "stage")
    write(rows(6).assign(day="2024-02-28"))

    with pytest.raises(ep.SourceError) as raised:
        stage_events(read(), mapping, "stage")

    assert "is a stage already, and differs from what is asked for (rows): " in str(raised.value)


@pytest.mark.parametrize("options", [{}, {"filesystem": "arrow"}], ids=["fsspec", "arrow"])
def test_complete_stage_is_refused_when_a_file_has_changed_since_the_frame_was_made(mapping, tmp_path, options):
    """A frame of a notebook is older than its files: what it knew of them does not count."""
    write_parquet(rows(6))
    frame = dd.read_parquet(tmp_path / "orders.parquet", **options)
    stage_events(frame, mapping, "stage")
    write_parquet(rows(6).assign(day="2024-02-28"))

    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, mapping, "stage")

    assert "is a stage already, and differs from what is asked for (rows)" in str(raised.value)


# Python warns of the expression that early versions of fsspec make of a bracket.
@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
def test_results_are_read_from_a_folder_whose_name_looks_like_a_pattern(mapping, fake_client):
    """A name with brackets is a name: its files are those of the results."""
    frame, options = dd.from_pandas(rows(2), npartitions=1), {"journal": None, "progress": False}

    results = submit_events(frame, mapping, stage="stage", results="run[1]?*", client=fake_client(), **options)

    assert results["status"].compute().tolist() == ["accepted", "accepted"]


def test_stage_that_is_used_as_it_is_is_named(mapping, tmp_path, capsys):
    """Nothing is taken silently: a line says since when the stage is complete."""
    stage_events(dd.from_pandas(rows(6), npartitions=3), mapping, "stage", progress=False)
    silent = capsys.readouterr().err

    stage_events(dd.from_pandas(rows(6), npartitions=3), mapping, "stage")

    since = json.loads((tmp_path / "stage" / "_manifest.json").read_text())["started_at"]
    said = f"{tmp_path / 'stage'} is complete since {since} and is used as it is; overwrite=True writes it again"
    assert (silent, capsys.readouterr().err) == ("", f"staging: {said}\n")


def test_stage_shows_its_progress(mapping, monkeypatch):
    """Work of more than two seconds shows a line, also while the first partition is computed."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    def read(number):
        until = time.monotonic() + 60
        while "after 2 s" not in sys.stderr.getvalue():
            assert time.monotonic() < until
            threading.Event().wait(0.05)
        return rows(5).assign(n=number)

    frame = dd.from_map(read, range(3), meta=rows(1).head(0))
    with dask.config.set(scheduler="sync"):
        stage_events(frame, mapping, "stage", order_by=["day"])

    first, last = sys.stderr.getvalue().splitlines()
    assert first == "staging (partitions): 0 of 3 (0%) after 2 s"
    assert re.fullmatch(r"staging \(partitions\): 3 of 3 \(100%\) after \d s", last)


def test_stage_shows_each_step_if_progress_is_wanted(mapping, capsys):
    """All steps are named and counted; without progress nothing is shown."""
    frame = dd.from_pandas(rows(30_000), npartitions=3, sort=False)

    stage_events(frame, mapping, "quiet", order_by=["day"], progress=False)
    assert capsys.readouterr().err == ""
    stage_events(frame, mapping, "shown", order_by=["day"], progress=True)

    assert [line.partition(" after")[0] for line in capsys.readouterr().err.splitlines()] == [
        "staging (partitions): 3 of 3 (100%)",
        "sorting (partitions): 3 of 3 (100%)",
        "sorting (cuts): 3",
        "sorting (parts): 3 of 3 (100%)",
    ]


def test_progress_of_a_stage_is_no_function(mapping):
    """The workers are awaited in the caller's thread, where a function would have to be called."""
    with pytest.raises(ValueError, match=r"^progress: expected 'auto', True or False, got <built-in function print>$"):
        stage_events(dd.from_pandas(rows(1), npartitions=1), mapping, "stage", progress=print)


def test_folder_that_holds_something_else_is_refused(mapping, tmp_path):
    """Neither results nor the files of others are replaced."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    frame = dd.from_pandas(rows(2), npartitions=1)

    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, mapping, "mine")
    with pytest.raises(ep.SourceError) as remote:
        stage_events(frame, mapping, "s3://bucket/stage/")

    others = "the folder holds other files, such as 'notes.txt': choose an empty or a new one"
    assert str(raised.value) == f"{tmp_path / 'mine'}: a stage cannot be written there: {others}"
    assert str(remote.value) == "stage: 's3://bucket/stage/' is an address: name a folder that all workers share"


def test_stage_is_read_in_the_order_of_its_manifest(mapping):
    """A part that is missing is an error, and other files of the folder are not read."""
    folder = stage_events(dd.from_pandas(rows(6), npartitions=3, sort=False), mapping, "stage")
    (folder / "part-00001-00000000.parquet").write_bytes(b"of another run")
    assert ep.check_file(folder, mapping).rows == 6

    gone = max(folder.glob("part-*"))
    gone.unlink()

    with pytest.raises(ep.SourceError) as raised:
        ep.check_file(folder, mapping)
    assert str(raised.value) == (
        f"{folder}: is a stage without its part {gone.name}: call stage_events again with overwrite=True"
    )


@pytest.mark.parametrize("name", ["stage/_manifest.json", "stage/*"])
def test_manifest_of_a_stage_is_not_rows(mapping, name):
    """The message names the folder, which has the rows in their order."""
    stage_events(dd.from_pandas(rows(6), npartitions=3, sort=False), mapping, "stage")

    with pytest.raises(ep.SourceError) as raised:
        ep.check_file(name, mapping)

    assert str(raised.value) == "stage/_manifest.json: is the manifest of a stage: name its folder, 'stage/'"


def test_stage_that_is_not_complete_is_not_read(mapping):
    """Before the manifest is there, the folder has no rows."""
    folder = stage_events(dd.from_pandas(rows(6), npartitions=3), mapping, "stage")
    manifest = json.loads((folder / "_manifest.json").read_text())
    of_run = folder / f"_run-{manifest['run']}"
    of_run.mkdir()
    for path in folder.glob("*.*"):
        path.rename(of_run / path.name)

    with pytest.raises(ep.SourceError) as raised:
        ep.check_file(folder, mapping)

    cure = "call stage_events again, which writes all of it"
    assert str(raised.value) == f"{folder}: is a stage that is not complete: {cure}"
    stage_events(dd.from_pandas(rows(8), npartitions=2), mapping, "stage")
    assert staged(folder).num_rows == 8
    assert not of_run.exists()


def test_stage_needs_the_parts_that_its_workers_wrote(mapping, tmp_path):
    """A part that is not in the folder of this machine, or is not the same there, leaves no stage."""

    def read(number):
        for path in tmp_path.glob("stage/_run-*/part-*"):
            path.unlink()
        return rows(2).assign(n=number)

    frame = dd.from_map(read, range(2), meta=rows(1).head(0))

    with dask.config.set(scheduler="sync"), pytest.raises(ep.SourceError) as raised:
        stage_events(frame, mapping, "stage")

    cure = "name a folder that the workers and this machine share, and start it again"
    said = re.sub(r"part-0000\d-.{8}", "a part", str(raised.value))
    assert said == f"{tmp_path / 'stage'}: a part.parquet is not there as its worker wrote it: {cure}"
    assert not (tmp_path / "stage").exists()


@pytest.fixture
def begin(mapping):
    """Submit a row of Dask; no stage may be written before an error."""
    frame = dd.from_map(lambda _: pytest.fail("was computed"), range(2), meta=rows(1).head(0))
    return lambda rows=frame, **options: submit_events(rows, mapping, progress=False, **options)


def test_results_do_not_take_the_place_of_a_stage(begin, tmp_path):
    """Neither is in the other, since the next run would read it or replace it."""
    with pytest.raises(ep.SourceError) as same:
        begin(stage="both", results="both")
    with pytest.raises(ep.SourceError) as above:
        begin(stage="results/stage", results="results")
    (tmp_path / "stage").mkdir()
    with pytest.raises(ep.SourceError) as below:
        begin(stage="stage", results="stage/results")

    cure = "is in the folder of the results: choose another folder for the stage"
    assert str(same.value) == f"{tmp_path / 'both'}: {cure}"
    assert str(above.value) == f"{tmp_path / 'results' / 'stage'}: {cure}"
    stands = f"since '{tmp_path / 'stage'}' stands for it, too"
    assert str(below.value) == f"stage/results: the next run would read it, {stands}: choose another folder"


@pytest.mark.parametrize("order_by", [[], ["who"]])
def test_stage_on_a_full_disk_is_an_error(mapping, tmp_path, order_by):
    """The message names the folder, in which nothing is left."""
    frame = dd.from_pandas(rows(20_000), npartitions=2)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        with pytest.raises(ep.SourceError) as raised:
            stage_events(frame, mapping, "stage", order_by=order_by)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert str(raised.value) == f"{tmp_path / 'stage'}: a stage cannot be written there: File too large"
    assert not (tmp_path / "stage").exists()


@pytest.mark.parametrize("path", ["lake", ["lake"]])
def test_folders_among_the_files_that_are_read_are_refused(mapping, fake_client, path):
    """The next run would take the parts of the stage, or of the results, for rows."""
    Path("lake").mkdir()
    rows(2).to_parquet("lake/orders.parquet")
    frame = dd.read_parquet(path)

    with pytest.raises(ep.SourceError) as stage:
        stage_events(frame, mapping, "lake/stage")
    with pytest.raises(ep.SourceError) as results:
        submit_events(frame, mapping, stage="stage", results="lake/results", client=fake_client(), progress=False)

    fault = "the next run would read it, since 'lake' stands for it, too: choose another folder"
    assert (str(stage.value), str(results.value)) == (f"lake/stage: {fault}", f"lake/results: {fault}")
    assert [path.name for path in Path("lake").iterdir()] == ["orders.parquet"]


def test_results_that_cannot_be_written_are_named_before_a_stage_is_written(begin, tmp_path):
    """A stage may take an hour."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()

    with pytest.raises(ep.SourceError, match=r"^mine: results cannot be written there: the folder holds other files"):
        begin(stage="stage", results="mine")

    assert not (tmp_path / "stage").exists()


@pytest.mark.parametrize(
    ("client", "error", "said"),
    [
        (None, ep.CredentialsError, "no access token: set INTERCOM_ACCESS_TOKEN"),
        ({"me": 401}, ep.AuthenticationError, "Intercom refused the access token"),
    ],
)
def test_token_is_judged_before_a_stage_is_written(begin, tmp_path, fake_client, client, error, said):
    """A token that is missing or refused is known at once."""
    with pytest.raises(error, match=said):
        begin(stage="stage", results="results", client=client and fake_client(**client))

    assert not (tmp_path / "stage").exists()


SHARED = "name a folder that all workers share"


@pytest.mark.parametrize(
    ("place", "cure"),
    [
        ("s3://bucket/orders/", SHARED),
        ("abfss://lake@account/orders", SHARED),
        ("file://host/orders", SHARED),
        (Path("s3://bucket/orders"), SHARED),
        ("file:///mnt/orders/", "give its path, {name}='/mnt/orders/'"),
        ("file:/mnt/orders", "give its path, {name}='/mnt/orders'"),
        (Path("file:///mnt/orders"), "give its path, {name}='/mnt/orders'"),
        ("dbfs:/orders", "give its path, {name}='/dbfs/orders'"),
        ("dbfs:/Volumes/main/default/orders", "give its path, {name}='/Volumes/main/default/orders'"),
    ],
)
def test_places_are_no_addresses(begin, tmp_path, place, cure):
    """An address is refused before anything is asked or written; one that is a folder, too, is said to be this one."""
    with pytest.raises(ep.SourceError) as stage:
        begin(stage=place, results="results")
    with pytest.raises(ep.SourceError) as results:
        begin(stage="stage", results=place)

    fault = f"{os.fspath(place)!r} is an address: {cure}"
    assert str(stage.value) == "stage: " + fault.format(name="stage")
    assert str(results.value) == "results: " + fault.format(name="results")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [None, 5, b"stage"])
def test_places_are_paths(begin, place):
    """The message names the argument."""
    with pytest.raises(TypeError) as stage:
        begin(stage=place, results="results")
    with pytest.raises(TypeError) as results:
        begin(stage="stage", results=place)

    assert str(stage.value) == f"stage: expected the path of a folder, got {place!r}"
    assert str(results.value) == f"results: expected the path of a folder, got {place!r}"


def test_places_have_a_name(begin):
    """An empty text would be the folder in which the program runs."""
    with pytest.raises(ep.SourceError) as stage:
        begin(stage="", results="results")
    with pytest.raises(ep.SourceError) as results:
        begin(stage="stage", results=" ")

    assert str(stage.value) == "stage: '' is not the name of a folder: use stage='stage/' or the like"
    assert str(results.value) == "results: ' ' is not the name of a folder: use results='results/' or the like"


def test_stage_that_cannot_be_written_is_named_before_the_token_is_judged(begin, tmp_path):
    """A place that cannot be is known at once."""
    with pytest.raises(ep.SourceError) as raised:
        begin(stage="gone/stage", results="results", client=None)

    fault = f"there is no folder '{tmp_path / 'gone'}': make it first"
    assert str(raised.value) == f"{tmp_path / 'gone' / 'stage'}: a stage cannot be written there: {fault}"


def test_submission_without_an_answer_is_not_advised_to_check(begin, tmp_path):
    """The advice of a check would be to leave out the client."""
    client = ep.IntercomClient("token", base_url="http://127.0.0.1:9", allow_http=True)
    with client, pytest.raises(ep.OutageError) as raised:
        begin(stage="stage", results="results", client=client)

    assert str(raised.value).endswith("): nothing was submitted, try again later")
    assert not (tmp_path / "stage").exists()


@pytest.mark.parametrize(
    ("is_there", "kept"), [(False, "no part is kept"), (True, "the stage that was there is kept")], ids=["new", "again"]
)
def test_interrupted_stage_says_how_to_go_on(mapping, tmp_path, is_there, kept):
    """Ctrl-C stays a `KeyboardInterrupt`; an earlier stage is as it was."""

    def interrupt(_):
        raise KeyboardInterrupt

    frame = dd.from_map(interrupt, range(2), meta=rows(1).head(0))
    if is_there:
        stage_events(dd.from_pandas(rows(2), npartitions=1), mapping, "stage")

    with dask.config.set(scheduler="sync"), pytest.raises(KeyboardInterrupt) as raised:
        stage_events(frame, mapping, "stage", overwrite=True)

    fault = f"staging was interrupted: nothing was sent, and {kept}: start it again to write all of it"
    assert (type(raised.value), str(raised.value)) == (KeyboardInterrupt, f"{tmp_path / 'stage'}: {fault}")
    assert Path("stage").exists() is is_there
    assert not is_there or ep.check_file("stage", mapping).rows == 2


def test_further_interrupts_leave_nothing_of_an_interrupted_stage(mapping, tmp_path, monkeypatch):
    """Ctrl-C, pressed again while the parts are deleted, does not keep any of them."""
    further = [KeyboardInterrupt] * 3
    unlink = Path.unlink

    def unlink_and_interrupt(path, **options):
        unlink(path, **options)
        if further:
            raise further.pop()

    def interrupt(number):
        if number == 1:
            monkeypatch.setattr(Path, "unlink", unlink_and_interrupt)
            raise KeyboardInterrupt
        return rows(1)

    frame = dd.from_map(interrupt, range(2), meta=rows(1).head(0))

    with dask.config.set(scheduler="sync"), pytest.raises(KeyboardInterrupt, match="no part is kept"):
        stage_events(frame, mapping, "stage")

    assert (further, (tmp_path / "stage").exists()) == ([], False)


def test_submission_that_ended_early_names_its_stage(mapping, tmp_path, fake_client):
    """The stage is complete: it can be submitted without the cluster."""
    frame = dd.from_pandas(rows(2), npartitions=1)

    with pytest.raises(ep.AuthenticationError) as raised:
        submit_events(
            frame,
            mapping,
            stage="stage",
            results="results",
            client=fake_client({"00000": [401]}),
            journal=None,
            progress=False,
            keys=["n"],
        )

    again = f"events_pandas.submit_file({str(tmp_path / 'stage')!r}, mapping, results_path='results/', keys=['n'], ...)"
    said = f"The stage is complete, and needs no cluster any more. To go on, submit it: {again}"
    assert raised.value.__notes__ == [said]
    assert ep.check_file("stage", mapping).valid == 2


def test_engine_that_is_not_installed_is_named(monkeypatch):
    """The message has the command that installs it."""
    monkeypatch.delitem(sys.modules, "events_pandas.engines.dask")
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ep.MissingExtraError) as raised:
        importlib.import_module("events_pandas.engines.dask")

    assert str(raised.value) == 'Dask needs an extra: pip install "events-pandas[dask]"'


def test_stage_is_no_file(mapping, tmp_path):
    """Neither is the name of a file, nor a path that no file can have."""
    (tmp_path / "file").touch()
    frame = dd.from_pandas(rows(1), npartitions=1)

    with pytest.raises(ep.SourceError) as file:
        stage_events(frame, mapping, "file")
    with pytest.raises(ep.SourceError) as long:
        stage_events(frame, mapping, "x" * 300)

    place = tmp_path / "file"
    assert str(file.value) == f"{place}: a stage cannot be written there: it is a file: choose another name"
    assert str(long.value) == f"{'x' * 300}: a stage cannot be written there: File name too long"


@pytest.fixture
def submit_rows(mapping, fake_client, tmp_path, monkeypatch):
    """Return a function that submits two rows, with the journals in no place that somebody named."""
    monkeypatch.delenv("EVENTS_PANDAS_JOURNALS")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_STATE_HOME", "DATABRICKS_RUNTIME_VERSION", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    def submit_rows(**options):
        frame = dd.from_pandas(rows(2), npartitions=1)
        folders = {"stage": "stage", "results": "results", "overwrite": True}
        return submit_events(frame, mapping, **folders, client=fake_client(), progress=False, **options)

    return submit_rows


@pytest.mark.parametrize(
    ("variable", "machine"),
    [
        ("DATABRICKS_RUNTIME_VERSION", "a Databricks cluster"),
        ("KUBERNETES_SERVICE_HOST", "a Kubernetes pod"),
    ],
)
def test_journal_on_a_machine_that_goes_is_said_to_be_lost_with_it(submit_rows, monkeypatch, variable, machine):
    """Nobody would miss it before the next run: the warning names a place that lasts."""
    monkeypatch.setenv(variable, "1")

    with pytest.warns(UserWarning, match="journal") as warned:
        submit_rows()

    loss = f"'auto' is on the disk of {machine}, and is lost with it: a later run would not know what was sent"
    cure = "name a file on a disk that lasts, such as journal='/volume/journal.sqlite'"
    assert [str(warning.message) for warning in warned] == [f"journal: {loss}: {cure}"]


def test_journal_that_lasts_or_was_chosen_is_not_warned_of(submit_rows, tmp_path, monkeypatch):
    """A machine that stays, a path, no journal and a folder for all journals give no warning."""
    submit_rows()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "1")
    submit_rows(journal=tmp_path / "journal.sqlite")
    submit_rows(journal=None)
    monkeypatch.setenv("EVENTS_PANDAS_JOURNALS", str(tmp_path / "journals"))

    results = submit_rows()

    assert len(results) == 2


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_check_says_where_the_disk_is_full(mapping, tmp_path, monkeypatch, scheduler):
    """Partitions are in the folder for temporary files until the report is made; nothing is left there."""
    resource = pytest.importorskip("resource")
    # The processes know the folder by the variable.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with dask.config.set(scheduler=scheduler), pytest.raises(ep.SourceError) as raised:
            check_events(dd.from_pandas(rows(1_000), npartitions=2), mapping)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(raised.value) == (
        f"rows of the partitions: cannot be copied to {tmp_path}: File too large: "
        "free some space there, or set TMPDIR to another folder"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("policy", ["skip", "spread"])
def test_check_is_that_of_the_stage(mapping, policy):
    """Partitions that differ in their types, that are small or have no rows are checked as their stage is."""
    mapping = dataclasses.replace(mapping, metadata={"n": "n", "paid_at": "paid_at"}, duplicates=policy)
    whole = rows(5).assign(who="00001", paid_at=None)
    gaps = rows(40_000).assign(n=[1.0, None] * 20_000, paid_at="soon")
    frame = partitions(whole, gaps, rows(0).assign(paid_at=""), rows(300).assign(paid_at="2024-01-31"))

    report = check_events(frame, mapping)

    expected = ep.check_file(stage_events(frame, mapping, "stage"), mapping)
    # A stage has files, which are named.
    assert str(report) == re.sub(r" \(/[^)]*\)", "", str(expected))
    assert report.payloads(1_000) == expected.payloads(1_000)
    assert report.problems["row"].tolist() == expected.problems["row"].tolist()
