"""Rows that are one event to Intercom: frames and files into the sandbox."""

import numpy as np
import pandas as pd
import pytest

from events_pandas import EventMapping, Number, check_events, iter_submit, submit_events, submit_file

MIDNIGHT = 1_704_067_200


@pytest.fixture
def make_mapping():
    """Make a mapping of days, contacts and CDs."""

    def make_mapping(duplicates):
        return EventMapping(
            event_name="placed-order",
            created_at="day",
            user_id="who",
            metadata={"cds": Number("cds")},
            timezone="UTC",
            duplicates=duplicates,
        )

    return make_mapping


@pytest.fixture
def purchases():
    """Three purchases of one contact on one day, two of them identical; one on the next day; one of another contact."""
    days = ["2024-01-01", "2024-01-01", "2024-01-01", "2024-01-02", "2024-01-01"]
    return pd.DataFrame({"day": days, "who": ["ada"] * 4 + ["bob"], "cds": [1, 1, 2, 3, 1]}, index=list("abcde"))


def kept(sandbox):
    """Return the sandbox's events: contact, seconds after the first midnight, and metadata."""
    return sorted((event.contact, event.created_at - MIDNIGHT, event.metadata["cds"]) for event in sandbox.events)


def test_skipped_rows_have_a_code_for_lost_metadata(purchases, make_mapping, sandbox, client):
    """The error code of a duplicate says if its metadata is the same as the first row's."""
    results = submit_events(purchases, make_mapping("skip"), client=client)

    assert results["status"].tolist() == ["accepted", "duplicate", "duplicate", "accepted", "accepted"]
    assert results.loc[["b", "c"], "error_code"].tolist() == ["duplicate", "duplicate_with_other_metadata"]
    assert results.loc[["b", "c"], "error_message"].tolist() == [
        "identical to row 0 in contact, event name, second and metadata: Intercom would drop it without an error",
        "same contact, event name and second as row 0, with other metadata: Intercom would drop it without an error",
    ]
    assert kept(sandbox) == [("ada", 0, 1), ("ada", 86_400, 3), ("bob", 0, 1)]


def test_spread_rows_all_arrive(purchases, make_mapping, sandbox, client):
    """With `spread`, Intercom keeps an event for every row, and the results have the moved seconds."""
    results = submit_events(purchases, make_mapping("spread"), client=client)

    assert results["status"].tolist() == ["accepted"] * 5
    assert sorted(results["created_at"].astype("datetime64[s, UTC]").astype("int64") - MIDNIGHT) == [
        0,
        0,
        1,
        2,
        86_400,
    ]
    assert len(sandbox.events) == 5
    assert sandbox.duplicates == 0
    assert sorted(event.metadata["cds"] for event in sandbox.events) == [1, 1, 1, 2, 3]


def test_frame_is_spread_alike_in_any_order(purchases, make_mapping, start):
    """The content of the rows decides which one keeps its second, and not their order."""
    sandboxes = [start(), start()]
    for sandbox, frame in zip(sandboxes, [purchases, purchases[::-1]], strict=True):
        with sandbox.client() as client:
            submit_events(frame, make_mapping("spread"), client=client)

    first, second = map(kept, sandboxes)

    assert first == second


def test_check_shows_the_payloads_of_spread_rows(purchases, make_mapping, sandbox, client):
    """A check shows the payloads that arrive, with the moved seconds."""
    report = check_events(purchases, make_mapping("spread"))

    submit_events(purchases, make_mapping("spread"), client=client)

    checked = [
        (event["user_id"], event["created_at"] - MIDNIGHT, event["metadata"]["cds"]) for event in report.payloads(9)
    ]
    assert sorted(checked) == kept(sandbox)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_spread_stream_loses_nothing(purchases, make_mapping, sandbox, client, size):
    """In a stream of any frame size every row arrives: later frames leave the seconds of earlier ones alone."""
    frames = [purchases.iloc[start : start + size] for start in range(0, len(purchases), size)]

    results = pd.concat(iter_submit(frames, make_mapping("spread"), client=client))

    assert results["status"].tolist() == ["accepted"] * 5
    assert len(sandbox.events) == 5
    assert {(who, second) for who, second, _ in kept(sandbox)} == {
        ("ada", 0),
        ("ada", 1),
        ("ada", 2),
        ("ada", 86_400),
        ("bob", 0),
    }


def test_many_rows_of_one_second_are_spread_over_files(make_mapping, sandbox, client, tmp_path, monkeypatch):
    """1,200 rows of one contact and second, in several files, each get a second of their own."""
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        rows = pd.DataFrame({"day": "2024-01-01", "who": "ada", "cds": np.arange(600) + 600 * number})
        rows.to_csv(tmp_path / f"{number}.csv", index=False)

    results = submit_file("*.csv", make_mapping("spread"), client=client, chunksize=250, progress=False)

    assert results["status"].eq("accepted").all()
    assert [second for _, second, _ in kept(sandbox)] == list(range(1_200))
    assert sorted(cds for *_, cds in kept(sandbox)) == list(range(1_200))
