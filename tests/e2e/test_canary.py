"""The canary, against a local Intercom: a few rows go first, and decide if the others are sent."""

import json

import pandas as pd
import pytest

from events_pandas import (
    Column,
    Constant,
    EventMapping,
    MonetaryAmount,
    SubmissionError,
    check_events,
    iter_submit,
    submit_events,
    submit_file,
)


@pytest.fixture
def orders():
    """Two hundred rows with many names, keys and currencies; some are invalid, some share their second."""
    rows = range(200)
    return pd.DataFrame(
        {
            "name": ["opened" if row % 50 else "won" for row in rows],
            "who": [f"{row // 2:05d}" if row % 7 else None for row in rows],
            "address": [None if row % 7 else f"{row}@example.org" for row in rows],
            "day": ["2024-01-31" if row % 11 else "never" for row in rows],
            "total": [row + 1 for row in rows],
            "currency": ["usd" if row % 90 else "jpy" for row in rows],
            "note": ["late" if row == 199 else None for row in rows],
        },
        index=[f"order {row}" for row in rows],
    )


@pytest.fixture(params=["skip", "spread", "send"])
def rich_mapping(request):
    """A mapping of all these columns, once for each policy for duplicates."""
    return EventMapping(
        event_name=Column("name"),
        created_at="day",
        user_id="who",
        email="address",
        metadata={"price": MonetaryAmount("total", currency="currency"), "note": "note", "source": Constant("test")},
        duplicates=request.param,
        timezone="UTC",
    )


@pytest.mark.parametrize("chunksize", [7, 10_000])
def test_canary_sends_each_row_once(orders, rich_mapping, client, chunksize, recorded):
    """A canary changes the order only: the same payloads are sent, each once, and the canary's rows first."""
    expected = check_events(orders, rich_mapping).payloads(200)

    results = submit_events(orders, rich_mapping, client=recorded, canary=20, chunksize=chunksize)

    assert sorted(map(str, recorded.events)) == sorted(map(str, expected))
    assert {event["event_name"] for event in recorded.events[:20]} == {"opened", "won"}
    assert any(event.get("metadata", {}).get("note") == "late" for event in recorded.events[:20])
    assert any("email" in event for event in recorded.events[:20])
    assert set(results["status"]) <= {"accepted", "duplicate", "invalid"}
    assert results.index.equals(orders.index)
    assert client is not None


def test_canary_that_fails_ends_the_run(make_orders, mapping, sandbox, client):
    """If the canary fails, its rows have their outcomes and all other rows are not submitted."""
    sandbox.fail_next(400, times=20)

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(1000), mapping, client=client, canary=20)

    results = caught.value.results
    assert type(caught.value) is SubmissionError
    assert results["status"].value_counts()[["rejected", "not_submitted"]].tolist() == [20, 980]
    assert set(results.loc[results["status"] == "not_submitted", "error_code"]) == {"canary_failed"}
    assert (results["attempts"].sum(), sandbox.requests) == (20, 20)


def test_canary_that_fails_in_part_ends_the_run(make_orders, mapping, sandbox, client):
    """One rejected row ends the run; the other rows of the canary are accepted."""
    sandbox.fail_next(400, times=1)

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(100), mapping, client=client, canary=10)

    counts = caught.value.results["status"].value_counts()
    assert counts[["accepted", "rejected", "not_submitted"]].tolist() == [9, 1, 90]
    assert len(sandbox.events) == 9


def test_canary_of_unknown_contacts_ends_the_run(make_orders, mapping, start):
    """A canary whose contacts are all unknown ends the run."""
    sandbox = start(contacts=["somebody-else"])

    with sandbox.client() as client, pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(300), mapping, client=client, canary=10)

    counts = caught.value.results["status"].value_counts()
    assert counts[["unknown_contact", "not_submitted"]].tolist() == [10, 290]
    assert sandbox.requests == 10


def test_rows_can_be_submitted_after_a_canary_has_failed(make_orders, mapping, sandbox, client, held):
    """After a failed canary the remaining rows can be submitted, and accepted rows are not sent twice."""
    orders = make_orders(60)
    sandbox.fail_next(400, times=3)
    with pytest.raises(SubmissionError) as caught:
        submit_events(orders, mapping, client=client, canary=6)

    rest = submit_events(orders[caught.value.results["status"] != "accepted"], mapping, client=client, canary=6)

    assert set(rest["status"]) == {"accepted"}
    assert held(sandbox) == orders["who"].tolist()
    assert sandbox.duplicates == 0


def test_canary_of_a_stream_is_of_the_first_frame_with_rows_to_send(make_orders, mapping, client, recorded):
    """A stream's canary comes from the first frame with rows to send; all frames keep their order."""
    frames = [make_orders(0), make_orders(2, day=[None, None]), make_orders(30), make_orders(5, start=30)]

    parts = list(iter_submit(frames, mapping, client=recorded, canary=3, concurrency=1))

    assert [part["status"].astype(str).unique().tolist() for part in parts] == [[], ["invalid"], *[["accepted"]] * 2]
    assert [event["user_id"] for event in recorded.events[:4]] == ["00000", "00008", "00022", "00001"]
    assert len(recorded.events) == 35
    assert client is not None


def test_canary_of_files_that_fails_leaves_a_result_for_each_row(folder, make_orders, mapping, sandbox, client):
    """The canary comes from the first chunk; rows that were never read are not submitted."""
    make_orders(40).to_csv(folder / "a.csv", index=False)
    make_orders(10, start=40).to_csv(folder / "b.csv", index=False)
    sandbox.fail_next(400, times=5)

    with pytest.raises(SubmissionError) as caught:
        submit_file(
            str(folder / "*.csv"),
            mapping,
            client=client,
            canary=5,
            chunksize=15,
            results_path=folder / "results.parquet",
        )

    results = caught.value.results
    assert results["row"].tolist() == list(range(50))
    assert results["status"].value_counts()[["rejected", "not_submitted"]].tolist() == [5, 45]
    assert results.loc[results["status"] == "rejected", "row"].max() < 15
    assert pd.read_parquet(folder / "results.parquet")["status"].tolist() == results["status"].tolist()


@pytest.fixture
def recorded(client):
    """The client of the sandbox; it keeps its events in order."""
    return Recorder(client)


class Recorder:
    """A client that keeps its events."""

    def __init__(self, client):
        self._client = client
        self.payloads = []

    def me(self):
        return self._client.me()

    def post_event(self, payload):
        self.payloads.append(payload)
        return self._client.post_event(payload)

    @property
    def events(self):
        return [json.loads(payload) for payload in self.payloads]
