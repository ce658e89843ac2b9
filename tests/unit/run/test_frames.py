"""The frames of a run: read, judged, made into events, and closed with a result for every row."""

import datetime as dt
from contextlib import ExitStack, closing

import numpy as np
import pandas as pd
import pytest

from events_pandas import Column, EventMapping
from events_pandas.check import EarlierFrames, StreamCheck
from events_pandas.deliver import stop_for_interrupt
from events_pandas.deliver.journal import Journal, RunFacts
from events_pandas.run.frames import RunFrames
from events_pandas.run.options import RunOptions

FACTS = RunFacts(started_at=dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC), source="a DataFrame", mapping="0123456789ab")


@pytest.fixture
def make_frames(mapping):
    """Make the frames of a run; as a stream, later frames are compared with earlier ones."""

    def make(rules=mapping, *, is_stream=False, options=None, **facts):
        options = options or RunOptions()
        stream = StreamCheck(mapping=rules, earlier=EarlierFrames() if is_stream else None, keys=options.keys)
        return RunFrames(stream=stream, options=options, **facts)

    return make


def test_frame_that_was_not_judged_has_a_result_for_every_row(make_frames, make_orders):
    """A run that ends before its first event has read one frame."""
    frames = make_frames()
    frames.read(make_orders(3, day=["2024-01-31", None, "2024-01-31"]))

    results = frames.close(stop_for_interrupt(), again=[])

    assert results["row"].tolist() == [0, 1, 2]
    assert results["error_code"].tolist() == ["interrupted", "created_at_missing", "interrupted"]


def test_results_without_rows_have_the_columns_that_are_asked_for(make_frames):
    """All frames may have their results when a run ends early."""
    frames = make_frames(options=RunOptions(keys=["order_id"], include_identifier=True))

    results = frames.close(stop_for_interrupt(), again=[])

    assert results.columns[-3:].tolist() == ["order_id", "identifier", "contact"]
    assert len(results) == 0


def test_event_has_its_name_as_intercom_counts_it(make_frames, make_orders):
    """Spellings of one name are one name; a constant name is one object for all rows."""
    columns = EventMapping(event_name=Column("name"), created_at="day", user_id="who", timezone="UTC")
    constant = EventMapping(event_name="Placed.Order", created_at="day", user_id="who", timezone="UTC")

    def names(rules, rows):
        frames = make_frames(rules)
        return [event.name for event in frames.open(frames.read(rows)).events(0, len(rows))]

    first, second = names(constant, make_orders(2))
    assert names(columns, make_orders(4, name=["A.b", None, "a-B", "c"])) == ["a-b", "a-b", "c"]
    assert first == "placed-order"
    assert first is second


def test_spread_row_whose_second_another_run_claims_after_the_check_is_not_sent(make_frames, make_orders, tmp_path):
    """Intercom would drop one of the two: the row waits for the next run, which gives it another second."""
    rules = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"x": "x"}, timezone="UTC", duplicates="spread"
    )

    def begin(text):
        journal = opened.enter_context(closing(Journal(tmp_path / "journal.sqlite", workspace="ab12cd34")))
        journal.begin_run(FACTS)
        frames = make_frames(rules, journal=journal)
        return frames, frames.open(frames.read(make_orders(1, x=[text])))

    with ExitStack() as opened:
        frames, frame = begin("mine")
        _, other = begin("theirs")
        sent_by_other = other.events(0, 1)
        sent = frame.events(0, 1)
        results = frames.completed(1)
        _, again = begin("mine")

    assert (len(sent_by_other), sent) == (1, [])
    assert results[["status", "error_code"]].iloc[0].tolist() == ["not_submitted", "second_taken"]
    assert results.loc[0, "error_message"] == (
        "another run is sending this row, or one with the same contact, event name and second: submit it again after "
        "that run, and it gets a free second"
    )
    assert again.checked.created_at[0] - pd.Timestamp(results.loc[0, "created_at"]).to_datetime64().astype(
        "M8[s]"
    ) == np.timedelta64(1, "s")
