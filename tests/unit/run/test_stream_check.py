"""Tables that are read once, checked batch by batch."""

import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from events_pandas import Column, EventMapping, Number, SourceError, check_events

ROWS = pa.table({"who": ["a", "b", "a", "c"], "day": ["2024-01-31"] * 4, "n": [1, 2, 3, 4]})


@pytest.fixture
def make_mapping():
    """Make a mapping of the columns `who` and `day`, with metadata."""

    def make(duplicates="skip", **metadata):
        return EventMapping(
            event_name="visited",
            created_at="day",
            user_id="who",
            metadata=metadata,
            duplicates=duplicates,
            timezone="UTC",
        )

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def reader(*tables):
    """Return a reader whose batches are some tables."""
    return pa.RecordBatchReader.from_batches(
        tables[0].schema, [batch for table in tables for batch in table.combine_chunks().to_batches()]
    )


def many(n_rows):
    """Return rows of which each has a contact of its own."""
    return pa.table({"who": [str(number) for number in range(n_rows)], "day": ["2024-01-31"] * n_rows})


def test_stream_is_read_to_its_end_once(make_mapping):
    """A row is compared with all earlier ones, although its source gives each row once."""
    report = check_events(
        reader(ROWS, ROWS, many(150_000).append_column("n", pa.array(np.arange(150_000)))), make_mapping(n="n")
    )

    assert (report.rows, report.duplicates, report.requests) == (150_008, 5, 150_003)
    found = report.problems[["row", "code"]].values.tolist()
    assert found == [
        [2, "duplicate_with_other_metadata"],
        [4, "duplicate"],
        [5, "duplicate"],
        [6, "duplicate_with_other_metadata"],
        [7, "duplicate"],
    ]


def test_first_batch_with_a_value_decides_the_type_of_a_bare_column(make_mapping):
    """`iter_submit` decides so, and so small batches are joined only after that: the note counts one value."""
    cells = [None, "2024-01-31", "soon"]
    batches = [
        pa.table({"who": ["a"], "day": ["2024-01-31"], "paid_at": pa.array([cell], pa.string())}) for cell in cells
    ]

    report = check_events(reader(*batches), make_mapping("send", paid_at="paid_at"))

    (note,) = report.problems[report.problems["code"] == "sent_as_text"].itertuples()
    assert note.row == 1
    assert "1 dates among 1 values" in note.message


def test_small_batches_are_joined_for_callables_too(make_mapping):
    """A callable gets many rows at a time: each call has a cost. The rows that are compared are read again."""
    seen = []

    def count(frame):
        seen.append(len(frame))
        return frame["n"]

    report = check_events(reader(ROWS, ROWS, ROWS), make_mapping(n=Number(count)))

    assert report.duplicates == 9
    assert seen == [12, 12]


def test_first_events_are_those_that_are_sent(make_mapping):
    """Where some of the first rows repeat others, the events of later rows are shown, as for the held table."""
    table = pa.concat_tables([ROWS.select(["who", "day"]), many(3), many(1_500), many(1_500)])

    report = check_events(table.to_reader(max_chunksize=700), make_mapping())

    assert report.payloads(1_000) == check_events(table, make_mapping()).payloads(1_000)


def test_rows_of_which_none_repeats_another_are_read_once(make_mapping):
    """The first events are made when their rows are read."""
    seen = []

    def count(frame):
        seen.append(len(frame))
        return frame["who"]

    report = check_events(many(3).to_reader(), make_mapping(n=Number(count)))

    assert len(report.payloads()) == 3
    assert seen == [3]


def test_batches_are_cut_to_full_frames(make_mapping):
    """Each frame has a cost, and so do rows that do not fill a block: frames end where they are full, not batches."""
    seen = []

    def count(frame):
        seen.append(len(frame))
        return frame["who"]

    report = check_events(many(280_000).to_reader(max_chunksize=70_000), make_mapping(n=Number(count)))

    assert report.requests == 280_000
    assert max(seen) % 70_000 > 0


@pytest.mark.parametrize("policy", ["skip", "send", "spread"])
def test_cells_of_every_type_are_those_of_the_held_table(make_mapping, policy):
    """Dictionaries that differ from batch to batch, views, runs, UUIDs, absent columns and dates are read again."""
    ids = [uuid.UUID(int=number % 3).bytes for number in range(8)]
    columns = {
        "who": pl.Series([str(number % 3) for number in range(8)]).to_arrow(),
        "day": pa.array([pd.Timestamp("2024-01-31", tz="Europe/Berlin")] * 8),
        "kind": pa.array(list("xyxyxyxy")).dictionary_encode(),
        "id": pa.ExtensionArray.from_storage(pa.uuid(), pa.array(ids, pa.binary(16))) if hasattr(pa, "uuid") else ids,
        "run": pa.RunEndEncodedArray.from_arrays([3, 8], ["p", "q"]),
        "nothing": pa.nulls(8),
        "tags": pa.array([["a"]] * 8),
    }
    mapping = make_mapping(policy, **{name: name for name in columns if name not in ("who", "day")})
    table = pa.table(columns)
    parts = [table.slice(0, 4), table.slice(4, 3).set_column(2, "kind", pa.array(list("zyx")).dictionary_encode())]
    held = pa.concat_tables(parts)

    streamed, report = check_events(reader(*parts), mapping), check_events(held, mapping)

    assert str(streamed) == str(report)
    assert streamed.payloads(10) == report.payloads(10)
    assert streamed.problems.to_dict("list") == report.problems.to_dict("list")


def test_rows_that_take_much_memory_are_in_the_folder_for_temporary_files(make_mapping, folder):
    """A check leaves nothing there, and a folder that cannot be used is named."""
    # A slice keeps all of what it is cut from, here 512 MB that are never written to.
    large = ROWS.set_column(2, "n", pa.array(np.zeros(2**26))[: len(ROWS)])
    mapping = make_mapping(n="n")
    assert check_events(large.to_reader(), mapping).duplicates == 1
    assert list(folder.iterdir()) == []

    folder.rmdir()
    with pytest.raises(SourceError) as caught:
        check_events(large.to_reader(), mapping)

    assert str(caught.value) == (
        f"rows of a RecordBatchReader: cannot be copied to {folder}: No such file or directory"
    )


def test_few_rows_are_kept_in_memory(make_mapping, folder):
    """The folder for temporary files is not needed for them."""
    folder.rmdir()

    assert check_events(reader(ROWS, ROWS), make_mapping()).duplicates == 5


def test_spread_rows_are_not_kept(make_mapping, folder):
    """They are compared as they come: no file is needed."""
    folder.rmdir()
    large = ROWS.set_column(2, "n", pa.array(np.zeros(2**26))[: len(ROWS)])

    report = check_events(large.to_reader(), make_mapping("spread", n="n"))

    assert (report.requests, report.spread.rows) == (4, 1)


def test_column_without_any_value_is_read_in_the_chunks_of_a_submission(make_mapping):
    """As long as a bare column has no type, later rows may decide it."""
    table = many(25_000)
    values = pa.array([None] * 24_999 + ["soon"], pa.string())

    report = check_events(table.append_column("paid_at", values).to_reader(), make_mapping(paid_at="paid_at"))

    assert report.problems[["row", "code"]].values.tolist() == [[20_000, "sent_as_text"]]


def test_event_names_of_a_stream_are_counted(make_mapping):
    """A name may come in any batch."""
    del make_mapping
    mapping = EventMapping(event_name=Column("event"), created_at="day", user_id="who", timezone="UTC")
    batches = [ROWS.append_column("event", pa.array([name] * 4)) for name in ("a", "b", "A")]

    report = check_events(reader(*batches), mapping)

    assert (report.requests, report.duplicates) == (6, 6)
