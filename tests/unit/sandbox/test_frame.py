"""Submissions as a frame."""

import json

import pandas as pd
import pytest

from events_pandas.sandbox.session import submissions_frame
from events_pandas.sandbox.workspace.workspace import Submission, SubmissionOutcome

DTYPES = {
    "received_at": "datetime64[us, UTC]",
    "http_status": "Int16",
    "outcome": "category",
    "identifier": "string",
    "contact": "string",
    "event_name": "string",
    "created_at": "datetime64[s, UTC]",
    "metadata": "object",
    "error_code": "string",
    "error_message": "string",
}


def submission_of(body, **changes) -> Submission:
    answered = {"http_status": 202, "outcome": SubmissionOutcome.KEPT, "error_code": None, "error_message": None}
    return Submission(received_at=1.5, body=body, **answered | changes)


def frame_of(body, **changes) -> pd.DataFrame:
    return submissions_frame([submission_of(body, **changes)])


def test_frame_shows_a_submission_as_it_was_sent(make_body) -> None:
    """A row has the event as sent: its name is not normalized, and all its metadata is there."""
    metadata = dict.fromkeys("abcdefghijkl", 1)
    frame = frame_of(make_body(event_name="Placed.Order", metadata=metadata))

    assert frame.loc[0].dropna().to_dict() == {
        "received_at": pd.Timestamp("1970-01-01T00:00:01.5Z"),
        "http_status": 202,
        "outcome": "kept",
        "identifier": "user_id",
        "contact": "314159",
        "event_name": "Placed.Order",
        "created_at": pd.Timestamp("2014-01-16T23:12:21Z"),
        "metadata": metadata,
    }


def test_frame_shows_the_error(make_body) -> None:
    """A refusal has its status, code and message."""
    error = {"error_code": "not_found", "error_message": "User Not Found"}
    frame = frame_of(make_body(), http_status=404, outcome=SubmissionOutcome.REFUSED, **error)

    row = frame.loc[0, ["http_status", "outcome", "error_code", "error_message"]]
    assert row.to_list() == [404, "refused", "not_found", "User Not Found"]


def test_frame_has_no_status_for_a_lost_connection(make_body) -> None:
    """A connection that was closed has no status."""
    assert frame_of(make_body(), http_status=None)["http_status"].isna().all()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"user_id": 1, "event_name": 1, "created_at": 1.5, "metadata": 1}']
)
def test_frame_has_no_value_for_what_cannot_be_read(body) -> None:
    """What a body does not tell, or tells in the wrong type, is missing."""
    frame = frame_of(body, http_status=400, outcome=SubmissionOutcome.REFUSED)

    assert frame[["identifier", "contact", "event_name", "created_at", "metadata"]].isna().all(axis=None)


@pytest.mark.parametrize("rows", [0, 2])
def test_frame_has_the_same_dtypes_whatever_it_holds(make_body, rows) -> None:
    """The dtypes do not depend on the submissions, nor on there being any."""
    frame = submissions_frame([submission_of(make_body())] * rows)

    assert frame.dtypes.astype(str).to_dict() == DTYPES
    assert len(frame) == rows
    assert frame["outcome"].cat.categories.to_list() == ["kept", "duplicate", "refused", "failed"]


@pytest.mark.parametrize("created_at", [1389913941000, -(2**62), 2**62])
def test_frame_shows_times_far_from_today(created_at) -> None:
    """Milliseconds that were sent for seconds stand there as Intercom takes them, thousands of years from now."""
    frame = frame_of(json.dumps({"created_at": created_at}).encode())

    assert frame["created_at"].astype("int64").to_list() == [created_at]
