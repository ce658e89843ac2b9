"""Tables of Polars, DuckDB, pyarrow and Narwhals into the sandbox, held and streamed."""

from dataclasses import replace

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from events_pandas import (
    EventMapping,
    MappingError,
    SubmissionError,
    SubmissionInterrupted,
    UnknownColumnError,
    check_contacts,
    check_events,
    explain,
    export_rejects,
    iter_submit,
    runs,
    submit_events,
    suggest_mapping,
    unknown_contacts,
    verify,
)

BIG = 2**60 + 1
LAST = ["status", "error_code", "error_message", "created_at"]


@pytest.fixture
def mapping():
    """A mapping with numbers and a time as metadata."""
    return EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={"total": "total", "paid_at": "paid"},
        timezone="UTC",
    )


@pytest.fixture
def orders():
    """Valid rows, a duplicate, an invalid row, and a contact beyond 2^53."""
    columns = {
        "who": pa.array([1, 2, None, BIG, 1], pa.int64()),
        "day": pa.array(["2024-01-31", "2024-02-01", "2024-02-02", "2024-02-03", "2024-01-31"]),
        "total": pa.array([19.99, None, 5.0, 7.5, 19.99]),
        "paid": pa.array([1_706_702_400_000, None, None, None, 1_706_702_400_000], pa.timestamp("ms", "UTC")),
    }
    return pa.table(columns)


@pytest.fixture
def libraries(orders, tmp_path):
    """The same rows in a table of each library."""
    pq.write_table(orders, tmp_path / "orders.parquet")
    frame = pl.from_arrow(orders)
    with duckdb.connect() as connection:
        relation = connection.from_arrow(orders)
        yield {
            "pyarrow": orders,
            "a record batch": orders.to_batches()[0],
            "a dataset": ds.dataset(tmp_path / "orders.parquet"),
            "Polars": frame,
            "a lazy frame": frame.lazy(),
            "DuckDB": relation,
            "Narwhals": nw.from_native(frame),
            "Narwhals, lazy": nw.from_native(frame.lazy()),
            "Narwhals over DuckDB": nw.from_native(relation),
        }


@pytest.fixture
def submit(start, mapping):
    """Return a function that submits rows to a new sandbox; it returns the results and the events."""

    def submit(rows, function=submit_events, **options):
        sandbox = start()
        with sandbox.client() as client:
            results = function(rows, mapping, client=client, progress=False, **options)
            results = results if isinstance(results, pd.DataFrame) else pd.concat(results)
        return results, sorted((event.contact, event.created_at, str(event.metadata)) for event in sandbox.events)

    return submit


@pytest.mark.parametrize("function", [submit_events, iter_submit], ids=lambda function: function.__name__)
def test_tables_have_the_results_of_the_pandas_frame(submit, orders, libraries, function):
    """*The same results as with pandas, row for row*, on a `RangeIndex`."""
    frame = orders.to_pandas(types_mapper=pd.ArrowDtype)
    expected, events = submit(frame if function is submit_events else [frame], function)

    for library, rows in libraries.items():
        results, sent = submit(rows, function)
        assert sent == events, library
        assert isinstance(results.index, pd.RangeIndex), library
        pd.testing.assert_frame_equal(results[LAST], expected[LAST])
    assert expected["status"].tolist() == ["accepted", "accepted", "invalid", "accepted", "duplicate"]


def test_large_integers_with_gaps_are_sent_exactly(submit, libraries):
    """*An Int64 id with gaps stays exact above 2^53*; pandas would make floats of it."""
    for library, rows in libraries.items():
        _, events = submit(rows)
        assert sorted(contact for contact, *_ in events) == ["1", str(BIG), "2"], library


@pytest.mark.parametrize("function", [submit_events, iter_submit], ids=lambda function: function.__name__)
def test_tables_carry_their_keys_into_the_results(mapping, orders, client, function):
    """Keys are read beside the columns of the mapping, from a table in memory and from a query."""
    keyed = pl.from_arrow(orders).with_columns(order=pl.Series(["a", "b", "c", "d", "e"]), other=0)

    for rows in (keyed, keyed.lazy(), keyed.to_arrow()):
        found = function(rows, mapping, client=client, journal=None, progress=False, keys=["order"])
        results = found if function is submit_events else pd.concat(found)
        assert results["order"].tolist() == ["a", "b", "c", "d", "e"]
    with pytest.raises(UnknownColumnError, match="'number'"):
        list(iter_submit(keyed.lazy(), mapping, client=client, journal=None, progress=False, keys=["number"]))


def test_readers_can_be_read_once(mapping, orders, submit):
    """A reader has no rows for a second call, which says so."""
    reader = orders.to_reader()

    assert check_events(reader, mapping).rows == 5
    with pytest.warns(UserWarning, match=r"^the RecordBatchReader has no rows: "):
        assert len(submit(reader)[0]) == 0


def test_stream_may_mix_libraries(submit, orders):
    """Each frame of a stream may be of another library; duplicates are found across them."""
    frames = [orders.slice(0, 2), pl.from_arrow(orders.slice(2, 2)), orders.slice(4).to_pandas()]

    results, events = submit(iter(frames), iter_submit)

    assert results["status"].tolist() == ["accepted", "accepted", "invalid", "accepted", "duplicate"]
    assert results["row"].tolist() == [0, 1, 2, 3, 4]
    assert len(events) == 3


def test_batches_of_a_stream_have_results_of_their_own(mapping, orders, client):
    """The results of each batch come as soon as it is complete, with at most `chunksize` rows."""
    table = pa.Table.from_batches([*orders.to_batches(), *orders.to_batches()])

    parts = list(iter_submit(table.to_reader(), mapping, client=client, chunksize=3, progress=False))

    assert [part["row"].tolist() for part in parts] == [[0, 1, 2], [3, 4], [5, 6, 7], [8, 9]]
    assert pd.concat(parts)["status"].tolist()[5:] == ["duplicate", "duplicate", "invalid", "duplicate", "duplicate"]


def test_history_names_what_was_submitted(mapping, orders, client, tmp_path):
    """The history of runs says whether rows came as a frame, a table or a stream."""
    journal = tmp_path / "journal.sqlite"

    for rows in (orders, orders.to_pandas(), pl.from_arrow(orders).lazy()):
        submit_events(rows, mapping, client=client, journal=journal, progress=False)
    list(iter_submit(orders, mapping, client=client, journal=journal, progress=False))

    assert runs(journal)["source"].tolist() == ["a stream of DataFrames", "a LazyFrame", "a DataFrame", "a Table"]


def fail(progress):
    """Fail as a function for progress may, once there is something to show."""
    if progress.counts:
        raise LookupError


def interrupt(relation, mapping, client):
    """Interrupt a stream after its first results."""
    results = iter_submit(relation, mapping, client=client, chunksize=100, progress=False)
    next(results)
    results.throw(KeyboardInterrupt)


@pytest.mark.parametrize(
    "call",
    [
        lambda relation, mapping, _: check_events(relation, replace(mapping, user_id="nope")),
        lambda relation, mapping, client: list(iter_submit(relation, mapping, client=client, keys=["nope"])),
        lambda relation, mapping, client: list(
            iter_submit(relation, mapping, client=client, progress=fail, chunksize=100)
        ),
        interrupt,
    ],
    ids=["check", "first", "later", "interrupted"],
)
def test_connection_takes_queries_after_a_call_that_failed(mapping, client, call):
    """Also while somebody keeps the error, as a notebook does: DuckDB 2 has one open result for each connection."""
    with duckdb.connect() as connection:
        relation = connection.sql("select range as who, '2024-01-31' as day, 1.5 as total, '' as paid from range(3000)")

        with pytest.raises((MappingError, SubmissionError, KeyboardInterrupt)) as held:
            call(relation, mapping, client)

        assert connection.sql("select 7").fetchall() == [(7,)]
        assert check_events(relation, mapping).rows == 3_000
        assert held.value.__traceback__ is not None


def test_error_of_a_query_is_raised_after_earlier_results(mapping, client, held, sandbox):
    """A query of DuckDB that fails on the way sends the rows before, and its error is raised."""
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        relation = connection.sql(
            "select range as who, '2024-01-31' as day, 1.5 as total, case when range = 2500 then error('the disk is "
            "gone') else null end as paid from range(3000)"
        )
        parts = []
        # DuckDB 1 fails before its first rows.
        with pytest.raises((OSError, duckdb.Error), match="the disk is gone"):
            parts.extend(iter_submit(relation, mapping, client=client, chunksize=500, progress=False))

    assert len(held(sandbox)) == sum(map(len, parts))


def test_ctrl_c_while_a_reader_waits_ends_the_run(mapping, orders, client, held, sandbox):
    """An interrupt in a reader's source ends the run with the results that were not yet given."""

    def batches():
        yield from orders.slice(0, 2).to_batches()
        raise KeyboardInterrupt

    reader = pa.RecordBatchReader.from_batches(orders.schema, batches())
    parts = []

    with pytest.raises(SubmissionInterrupted) as caught:
        parts.extend(iter_submit(reader, mapping, client=client, progress=False))

    results = pd.concat([*parts, caught.value.results])
    assert results["row"].tolist() == [0, 1]
    assert len(held(sandbox)) == (results["status"] == "accepted").sum()


def test_missing_column_is_named_before_any_request(mapping, orders, sandbox, client):
    """A table that lacks a column is refused, with the columns that it has, also if it has no rows."""
    renamed = orders.rename_columns(["whom", "day", "total", "paid"]).slice(0, 0)

    for rows in (renamed, pl.from_arrow(renamed), pl.from_arrow(renamed).lazy()):
        with pytest.raises(UnknownColumnError, match=r"did you mean 'whom'\?"):
            check_events(rows, mapping)
        with pytest.raises(UnknownColumnError, match=r"did you mean 'whom'\?"):
            submit_events(rows, mapping, client=client)
        with pytest.raises(UnknownColumnError, match=r"did you mean 'whom'\?"):
            list(iter_submit(rows, mapping, client=client))
    assert sandbox.requests == 0


def test_check_of_a_stream_names_the_workspace(mapping, orders, client):
    """A client adds the workspace to the report of a stream, as to that of a frame."""
    report = check_events(orders.to_reader(), mapping, client=client)

    assert report.workspace.name == "Sandbox"
    with pytest.raises(ValueError, match=r"^n: a report of a stream has the first 1,000 events, got 1,001"):
        report.payloads(1_001)


@pytest.mark.parametrize("is_pandas", [False, True], ids=["polars", "pandas"])
def test_every_function_beside_a_run_takes_tables(mapping, orders, start, tmp_path, is_pandas):
    """What asks for the rows of a run takes the table that was submitted, as it takes a frame."""
    rows = orders.to_pandas(types_mapper=pd.ArrowDtype) if is_pandas else pl.from_arrow(orders)
    sandbox = start(unknown_contacts=["2"], contacts=["1"])

    with sandbox.client() as client:
        results = submit_events(rows, mapping, client=client, progress=False)
        known = check_contacts(rows, mapping, client=client, progress=False)
        read_back = verify(results, rows, mapping, client=client, settle_seconds=0, progress=False)

    assert results["status"].tolist() == ["accepted", "unknown_contact", "invalid", "unknown_contact", "duplicate"]
    assert known["contact"].tolist() == ["1", "2", str(BIG)]
    assert read_back.groups["status"].tolist() == ["matching"]
    assert unknown_contacts(results, rows, mapping)["contact"].tolist() == ["2", str(BIG)]
    assert explain(results, rows)["rows"].tolist() == [2, 1, 1]
    assert export_rejects(results, rows, tmp_path / "a.csv").index.tolist() == [1, 2, 3]


def test_mapping_is_proposed_for_a_table(orders):
    """A proposal reads the columns of a table, whatever its library."""
    renamed = orders.rename_columns(["customer_id", "ordered_at", "total", "paid_at"])

    for rows in (renamed, pl.from_arrow(renamed).lazy(), renamed.to_pandas(types_mapper=pd.ArrowDtype)):
        assert suggest_mapping(rows).user_id == "customer_id"
