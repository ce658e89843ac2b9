"""A stream of frames into the sandbox."""

import threading

import pandas as pd

from events_pandas import Faults, iter_submit, runs


def test_stream_arrives_frame_by_frame(make_orders, mapping, sandbox, client, held):
    """Each frame has a results frame, in order; duplicates are found across frames, and an empty frame has no rows."""
    frames = [make_orders(3), make_orders(0), make_orders(3, start=2)]

    parts = list(iter_submit(frames, mapping, client=client))

    assert [part["status"].tolist() for part in parts] == [
        ["accepted"] * 3,
        [],
        ["duplicate", "accepted", "accepted"],
    ]
    assert pd.concat(parts)["row"].tolist() == [0, 1, 2, 3, 4, 5]
    assert held(sandbox) == ["00000", "00001", "00002", "00003", "00004"]


def test_stream_that_is_closed_awaits_its_requests(make_orders, mapping, start, held):
    """Closing a stream waits for its requests, and leaves no thread behind."""
    sandbox = start(faults=Faults(latency_seconds=0.05))
    frames = (make_orders(4, start=4 * number) for number in range(50))
    before = set(threading.enumerate())

    with sandbox.client() as client:
        results = iter_submit(frames, mapping, client=client)
        first = next(results)
        results.close()

    assert set(threading.enumerate()) <= before
    assert first["status"].tolist() == ["accepted"] * 4
    assert held(sandbox)[:4] == ["00000", "00001", "00002", "00003"]
    assert set(sandbox.to_frame()["outcome"]) == {"kept"}
    assert sandbox.requests == len(held(sandbox))


def test_history_of_a_closed_stream_counts_what_was_under_way(make_orders, mapping, start, folder):
    """The journal's history says what is in Intercom, also of rows whose results nobody has taken."""
    sandbox = start(faults=Faults(latency_seconds=0.05))
    frames = (make_orders(4, start=4 * number) for number in range(50))

    with sandbox.client() as client:
        results = iter_submit(frames, mapping, client=client, journal=folder / "journal.sqlite")
        next(results)
        results.close()

    (run,) = runs(folder / "journal.sqlite", details=True).to_dict("records")
    assert run["outcome"] == "closed"
    assert run["accepted"] == len(sandbox.events) > 4
    assert run["requests"] == sandbox.requests
    assert run["rows"] == run["accepted"] + run["not_submitted"]
