"""The invariants for every frame and every answer: a fake client gives wilder answers than Intercom."""

import copy
import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import (
    EventMapping,
    RetryPolicy,
    SubmissionError,
    SubmissionInterrupted,
    check_events,
    explain,
    iter_submit,
    submit_events,
    summarize,
)
from events_pandas.deliver import TransportError

EXAMPLES = settings(max_examples=settings.default.max_examples // 3, deadline=None)
RETRY = RetryPolicy(attempts=2, base_seconds=0.0)
MAPPING = EventMapping(
    event_name="placed-order", created_at="day", user_id="who", metadata={"x": "x"}, duplicates="skip", timezone="UTC"
)
MAPPINGS = {policy: dataclasses.replace(MAPPING, duplicates=policy) for policy in ("skip", "spread", "send")}
CONTACTS = ["1", "2", "3"]

lost = st.booleans().map(lambda arrived: TransportError("the connection broke", may_have_arrived=arrived))
answers = st.sampled_from([202, 202, 202, 400, 404, 409, 422, 429, 500, 503, 302]) | lost
last_words = answers | st.sampled_from([401, 403])
scripts = st.dictionaries(st.sampled_from(CONTACTS), st.lists(last_words, max_size=6))
cells = st.fixed_dictionaries(
    {
        "who": st.sampled_from([*CONTACTS, None, ""]),
        "day": st.sampled_from(["2024-01-31", "2024-02-01", "never", None]),
        "x": st.sampled_from([1.0, 2.5, None, float("inf")]),
        "label": st.sampled_from(["a", "b", None]),
    }
)


@st.composite
def frames(draw):
    rows = draw(st.lists(cells, max_size=12))
    frame = pd.DataFrame(rows, columns=["who", "day", "x", "label"], dtype=object).astype({"x": float})
    return frame.set_index("label", drop=False) if draw(st.booleans()) else frame


def finished(frame, client, *, mapping=MAPPING, **options):
    """Submit a frame; return its results, also after an error."""
    try:
        return submit_events(frame, mapping, client=client, retry=RETRY, progress=False, journal=None, **options)
    except SubmissionError as error:
        return error.results


@EXAMPLES
@given(frame=frames(), scripts=scripts, chunksize=st.sampled_from([1, 3, 100]), canary=st.sampled_from([0, 1, 4, 20]))
def test_submit_conserves_rows(frame, scripts, chunksize, canary, fake_client):
    """*Conservation*: rows in = rows out = the sum of the status counts. Nothing is dropped, ever."""
    results = finished(frame, fake_client(scripts), chunksize=chunksize, canary=canary)

    assert len(results) == results["status"].value_counts().sum() == len(frame)
    assert results["row"].tolist() == list(range(len(frame)))
    pd.testing.assert_index_equal(results.index, frame.index)


@EXAMPLES
@given(frame=frames(), scripts=scripts, canary=st.sampled_from([0, 4]), step=st.sampled_from([1, 2]))
def test_summary_and_explanation_add_up_to_the_rows(frame, scripts, canary, step, fake_client):
    """The statuses of a summary add up to the rows, and the rows of an explanation to those that have not arrived."""
    results = finished(frame, fake_client(scripts), canary=canary).iloc[::step]
    n_arrived = results["status"].isin(["accepted", "already_submitted"]).sum()

    summary, causes = summarize(results), explain(results, frame)

    assert summary.statuses.sum() == summary.rows == len(results)
    assert causes["rows"].sum() == len(results) - n_arrived
    assert causes["share"].sum() * len(results) == pytest.approx(len(results) - n_arrived)
    assert not causes.duplicated(["status", "error_code"]).any()
    assert causes["cause"].str.len().gt(0).all()
    assert causes["what_to_do"].str.len().gt(0).all()
    assert bool(summary.next_steps) == (not summary.is_complete)
    pd.testing.assert_frame_equal(causes, explain(results))


@EXAMPLES
@given(frame=frames(), scripts=scripts)
def test_submit_never_changes_the_callers_frame(frame, scripts, fake_client):
    """*The caller's frame is never changed.*"""
    before = copy.deepcopy(frame)

    finished(frame, fake_client(scripts))

    pd.testing.assert_frame_equal(frame, before)


@EXAMPLES
@given(frame=frames(), scripts=scripts)
def test_submit_makes_as_many_requests_as_its_results_count(frame, scripts, fake_client):
    """`attempts` counts the requests of a row, and invalid rows and duplicates take none."""
    client = fake_client(scripts)

    results = finished(frame, client)

    unsent = results["status"].isin(["invalid", "duplicate"])
    assert results["attempts"].sum() == len(client.events)
    assert (results["attempts"][unsent] == 0).all()
    assert (results["http_status"][results["status"] == "accepted"] == 202).all()


@EXAMPLES
@given(frame=frames(), scripts=scripts)
def test_submit_makes_each_payload_once(frame, scripts, fake_client):
    """A payload's bytes, `created_at` included, are made once and kept for every attempt."""
    client = fake_client(scripts)

    results = finished(frame, client)

    keys = {(event["user_id"], event["created_at"]) for event in client.events}
    payloads = {(event["user_id"], event["created_at"], str(event)) for event in client.events}
    assert len(keys) == len(payloads) == (results["attempts"] > 0).sum()


@EXAMPLES
@given(frame=frames(), scripts=scripts)
def test_submit_explains_every_row_that_is_not_accepted(frame, scripts, fake_client):
    """*A row's trouble is data*: each row that is not accepted has a code and a message."""
    results = finished(frame, fake_client(scripts))

    is_accepted = results["status"] == "accepted"
    assert results["error_code"].isna().tolist() == is_accepted.tolist()
    assert results["error_message"].isna().tolist() == is_accepted.tolist()


@EXAMPLES
@given(pieces=st.lists(frames(), max_size=4), scripts=scripts, canary=st.sampled_from([0, 2]))
def test_stream_gives_a_result_for_every_row_that_it_read(pieces, scripts, canary, fake_client):
    """The yielded parts and the exception's results together have every row that was read, once and in order."""
    parts, read = [], []
    stream = (read.append(len(piece)) or piece for piece in pieces)

    try:
        for results in iter_submit(
            stream, MAPPING, client=fake_client(scripts), retry=RETRY, progress=False, journal=None, canary=canary
        ):
            parts.append(results)  # noqa: PERF402  # An exception keeps the parts before it.
    except SubmissionError as error:
        parts.append(error.results)

    assert [row for part in parts for row in part["row"]] == list(range(sum(read)))


@EXAMPLES
@given(
    frame=frames(),
    scripts=scripts,
    sizes=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    end=st.sampled_from([None, 202, 401, KeyboardInterrupt(), SystemExit(3), MemoryError()]),
    rate=st.sampled_from([None, 0.0]),
)
def test_stream_gives_a_result_for_every_row_with_any_frames_and_any_end(frame, scripts, sizes, end, rate, fake_client):
    """After any end, frames that were read ahead are yielded or in the exception, once and in order."""
    cuts = np.cumsum([0, *sizes])
    pieces = [frame.iloc[start:stop] for start, stop in itertools.pairwise(cuts)]
    read, parts = [], []
    stream = (read.append(len(piece)) or piece for piece in pieces)
    client = fake_client({**scripts, "3": [end] * (end is not None)})
    options = {"retry": RETRY, "progress": False, "journal": None, "max_failure_rate": rate}

    try:
        parts.extend(iter_submit(stream, MAPPING, client=client, **options))
    except (SubmissionError, SubmissionInterrupted) as error:
        parts.append(error.results)

    rows = pd.concat(parts) if parts else pd.DataFrame({"row": [], "status": []})
    assert rows["row"].tolist() == list(range(sum(read)))
    sent = {event["user_id"] for event in client.events}
    arrived = rows["status"].isin(["accepted"]).to_numpy()
    assert set(frame["who"].iloc[: len(rows)][arrived]) <= sent


@EXAMPLES
@given(frame=frames())
def test_check_is_clean_without_the_rows_that_it_reports(frame):
    """*Drop the rows it reports with errors, and a second check has none.*"""
    first = check_events(frame, MAPPING)
    errors = first.problems.loc[first.problems["severity"] == "error", "row"]

    second = check_events(frame.iloc[np.setdiff1d(np.arange(len(frame)), errors)], MAPPING)

    assert (second.invalid, second.valid, second.duplicates) == (0, first.valid, first.duplicates)


@EXAMPLES
@given(frame=frames(), policy=st.sampled_from(sorted(MAPPINGS)))
def test_check_agrees_with_submit(frame, policy, fake_client):
    """*Check and submit run the same code*: the same rows are invalid, duplicates and sent, with the same payloads."""
    report = check_events(frame, MAPPINGS[policy])
    client = fake_client()

    counts = finished(frame, client, mapping=MAPPINGS[policy])["status"].value_counts()

    assert (report.invalid, report.requests) == (counts["invalid"], counts["accepted"])
    assert counts["duplicate"] == (report.duplicates if policy == "skip" else 0)
    assert sorted(map(str, client.events)) == sorted(map(str, report.payloads(len(frame))))


@EXAMPLES
@given(frame=frames(), policy=st.sampled_from(sorted(MAPPINGS)), canary=st.integers(1, 14))
def test_canary_changes_no_payload_and_no_status(frame, policy, canary, fake_client):
    """The canary's rows are sent once, with the payloads and results that they have without a canary."""
    plain, careful = fake_client(), fake_client()

    expected = finished(frame, plain, mapping=MAPPINGS[policy])
    results = finished(frame, careful, mapping=MAPPINGS[policy], canary=canary)

    assert sorted(map(str, careful.events)) == sorted(map(str, plain.events))
    columns = ["row", "status", "error_code", "created_at"]
    pd.testing.assert_frame_equal(results[columns], expected[columns])


@EXAMPLES
@given(pieces=st.lists(frames(), max_size=4))
def test_stream_spreads_every_valid_row(pieces, fake_client):
    """With duplicates="spread" every valid row arrives, over all frames, as an event of its own."""
    client = fake_client()

    parts = list(iter_submit(pieces, MAPPINGS["spread"], client=client, progress=False, journal=None))

    lines = [line for part in parts for line in zip(part["status"], part["created_at"], strict=True)]
    assert {status for status, _ in lines} <= {"accepted", "invalid"}
    assert len({(event["user_id"], event["created_at"]) for event in client.events}) == len(client.events)
    sent = sorted(pd.Timestamp(event["created_at"], unit="s", tz="UTC") for event in client.events)
    assert sent == sorted(created_at for status, created_at in lines if status == "accepted")
