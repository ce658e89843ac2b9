"""Folders such as year=1997 above files: their keys are columns of text."""

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import EventMapping
from events_pandas.errors import SourceError
from events_pandas.mapping import Number, Text
from events_pandas.sources import (
    column_types,
    read_chosen_rows,
    read_chunks,
    read_first_rows,
    source_files,
    source_schema,
)

ROWS = pd.DataFrame({"who": ["00", "01"], "day": ["2024-01-31", "2024-02-01"]})


@pytest.fixture(params=[".csv", ".csv.gz", ".parquet", ".feather", ".jsonl", ".xlsx"])
def lay(tmp_path, monkeypatch, request):
    """Write files of two rows, in each format."""
    monkeypatch.chdir(tmp_path)

    def lay(*stems, rows=ROWS):
        for stem in stems:
            path = tmp_path / f"{stem}{request.param}"
            path.parent.mkdir(parents=True, exist_ok=True)
            write = {
                ".parquet": rows.to_parquet,
                ".feather": rows.to_feather,
                ".jsonl": lambda path: rows.to_json(path, orient="records", lines=True),
                ".xlsx": lambda path: rows.to_excel(path, index=False),
            }
            write.get(request.param, lambda path: rows.to_csv(path, index=False))(path)

    return lay


@pytest.fixture
def keys():
    """Return the partitions of the files that a path stands for."""
    return lambda path: [dict(file.partitions) for file in source_files(path)]


@pytest.mark.parametrize("path", ["lake", "lake/", "lake/*", "lake/**", "lake/**/part*", "lake/*/*/*", "./lake"])
def test_folders_below_the_given_directory_are_partitions(lay, keys, path):
    """Their keys count from the directory that was given, or from the part of a pattern before its first wildcard."""
    lay("lake/year=1997/month=01/part", "lake/year=1998/month=12/part")

    assert keys(path) == [{"year": "1997", "month": "01"}, {"year": "1998", "month": "12"}]


@pytest.mark.parametrize("path", ["lake/year=1997", "lake/year=1997/*"])
def test_folders_above_the_given_directory_are_none(lay, keys, path):
    """The name that was given says which keys are meant."""
    lay("lake/year=1997/month=01/part")

    assert keys(path) == [{"month": "01"}]


def test_partitions_are_text(lay):
    """A partition has the same cell in all rows, behind the columns of the file, also where rows are chosen."""
    lay("lake/year=1997/month=01/part")
    (file,) = source_files("lake")

    first = read_first_rows(file, 10)
    (chosen,) = read_chosen_rows(file, pd.Index([1]).to_numpy())

    assert first.columns.tolist() == ["who", "day", "year", "month"]
    assert first["month"].tolist() == ["01", "01"]
    assert chosen.iloc[0].tolist() == ["01", "2024-02-01", "1997", "01"]
    assert source_schema(file).field("year") == pa.field("year", pa.string())


@pytest.mark.parametrize(
    ("folder", "value"),
    [
        ("kind=a%20b%2Fc", "a b/c"),
        ("kind=..%2F..%2Fetc", "../../etc"),
        ("kind=caf%C3%A9", "caf\u00e9"),
        ("kind=a=b", "a=b"),
        ("kind=__HIVE_DEFAULT_PARTITION__", None),
        ("kind=", None),
    ],
)
def test_values_are_decoded_and_only_text(lay, keys, folder, value):
    """Hive writes characters as escapes and an absent value as a word; a value is never part of a path."""
    lay(f"lake/{folder}/part")

    assert keys("lake") == [{"kind": value}]


def test_absent_value_is_an_absent_cell(lay):
    """It is like an empty cell."""
    lay("lake/kind=__HIVE_DEFAULT_PARTITION__/part")

    assert read_first_rows(*source_files("lake"), 10)["kind"].isna().all()


def test_folders_without_a_key_are_no_partitions(lay, keys):
    """A folder of another name, or without a key, says nothing about rows."""
    lay("lake/eu/year=1997/part", "lake/=1/part")

    assert keys("lake") == [{}, {"year": "1997"}]


@pytest.mark.parametrize(
    ("folders", "fault"),
    [
        ("year=1997/year=1998", "two folders have the key 'year': rename one of them"),
        ("kind=caf%E9", "the folder 'kind=caf%E9' is not UTF-8: rename it"),
    ],
)
def test_partitions_that_cannot_be_read_are_a_fault(lay, folders, fault):
    """The error names the file."""
    lay(f"lake/{folders}/part")

    with pytest.raises(SourceError) as caught:
        source_files("lake")

    assert str(caught.value).startswith(f"lake/{folders}/part")
    assert str(caught.value).endswith(f": {fault}")


def test_only_the_partitions_of_a_mapping_are_read(lay):
    """A partition is read like any column: with or without others."""
    lay("lake/year=1997/month=01/part")
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"year": "year"})

    (chunk,) = read_chunks(*source_files("lake"), mapping, chunksize=10)

    assert sorted(chunk.frame.columns) == ["day", "who", "year"]


def test_types_of_bare_partitions_are_decided_from_all_files(lay):
    """Years are numbers in each format, and codes with leading zeros are text."""
    lay("lake/year=1997/month=01/part", "lake/year=1998/month=12/part", "lake/year=1999/month=03/part")
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"year": "year", "month": "month"})

    types = column_types(mapping, source_files("lake"))

    assert dict(types.rules) == {"metadata.year": Number("year"), "metadata.month": Text("month")}


def test_partitions_for_callables_have_the_types_of_their_cells(lay):
    """A callable gets a partition of numbers as numbers, in each format."""
    lay("lake/year=1997/part", "lake/year=1998/part")
    age = Number(lambda frame: 2024 - frame["year"])
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"age": age})
    files = source_files("lake")

    types = column_types(mapping, files)
    chunks = [chunk for file in files for chunk in read_chunks(file, mapping, chunksize=1, computed=types.computed)]

    assert [age.source(chunk.frame).tolist() for chunk in chunks] == [[27], [27], [26], [26]]
