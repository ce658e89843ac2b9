"""A table of another library is judged as the pandas frame with the same cells."""

import dataclasses
import json

import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import Column, EventMapping, Number, check_events, iter_submit

EXAMPLES = settings(max_examples=settings.default.max_examples // 2, deadline=None)
SCHEMA = pa.schema(
    {"event": pa.string(), "who": pa.int64(), "day": pa.string(), "x": pa.string(), "total": pa.decimal128(9, 2)}
)
MAPPING = EventMapping(
    event_name=Column("event"),
    created_at="day",
    user_id="who",
    metadata={"x": "x", "total": "total", "twice": Number(lambda frame: frame["total"] * 2)},
    timezone="UTC",
)
MAPPINGS = {policy: dataclasses.replace(MAPPING, duplicates=policy) for policy in ("skip", "send", "spread")}

rows = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["a", "A", "b", None]),
        "who": st.sampled_from([1, 2, 2**53 + 1, 2**53 + 2, None]),
        "day": st.sampled_from(["2024-01-31", "2024-01-31T00:00:01", "2999-01-01", "never", None]),
        "x": st.sampled_from(["p", "p", "q", None]),
        "total": st.decimals(-1, 99, places=2) | st.none(),
    }
)
parts_of_rows = st.lists(st.lists(rows, max_size=8), min_size=1, max_size=4)
policies = st.sampled_from(sorted(MAPPINGS))


def batches(parts):
    return [pa.RecordBatch.from_pylist(part, SCHEMA) for part in parts]


def facts(report):
    """Return all that a report says."""
    return {
        "text": str(report),
        "causes": report.causes,
        "contacts": report.contacts,
        "span": report.span,
        "days": report.days.to_dict("list"),
        "spread": report.spread,
        "names": report.names.to_dict(),
        "metadata": report.metadata.to_dict("list"),
        "payloads": report.payloads(1_000),
        "problems": report.problems.to_dict("list"),
        "index": report.problems.index.tolist(),
    }


@EXAMPLES
@given(parts=parts_of_rows, policy=policies)
def test_table_has_the_report_of_its_pandas_frame(parts, policy):
    """*The same CheckReport* for a pandas frame and its Arrow table, wherever its batches end, and for Polars."""
    table = pa.Table.from_batches(batches(parts), SCHEMA)
    expected = facts(check_events(table.to_pandas(types_mapper=pd.ArrowDtype), MAPPINGS[policy]))

    for rows in (table, pl.from_arrow(table)):
        assert repr(facts(check_events(rows, MAPPINGS[policy]))) == repr(expected)


@EXAMPLES
@given(parts=parts_of_rows, policy=st.sampled_from(["skip", "send"]))
def test_stream_has_the_counts_of_its_rows_at_once(parts, policy):
    """Streamed rows are counted, and give the same events, as if they were held."""
    table = pa.Table.from_batches(batches(parts), SCHEMA)
    held = check_events(table, MAPPINGS[policy])

    streamed = check_events(pa.RecordBatchReader.from_batches(SCHEMA, batches(parts)), MAPPINGS[policy])

    assert repr(facts(streamed)) == repr(facts(held))


@EXAMPLES
@given(parts=parts_of_rows, policy=policies)
def test_check_of_a_stream_shows_what_is_submitted(parts, policy, fake_client):
    """*Check is honest*: its payloads and counts are those of `iter_submit`, the seconds of spread rows included."""
    client = fake_client()

    report = check_events(pa.RecordBatchReader.from_batches(SCHEMA, batches(parts)), MAPPINGS[policy])
    reader = pa.RecordBatchReader.from_batches(SCHEMA, batches(parts))
    results = pd.concat(iter_submit(reader, MAPPINGS[policy], client=client, journal=None, progress=False))

    assert sorted(map(json.dumps, report.payloads(1_000))) == sorted(map(json.dumps, client.events))
    assert report.requests == len(client.events)
    assert report.invalid == (results["status"] == "invalid").sum()
    assert results["row"].tolist() == list(range(report.rows))
