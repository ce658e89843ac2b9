"""Submissions as a DataFrame, to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from events_pandas import intercom
from events_pandas.sandbox.refusals import Refusal
from events_pandas.sandbox.rules import Payload, is_unix_seconds, read_payload
from events_pandas.sandbox.workspace import Outcome, Submission

_OUTCOMES: Final = [str(outcome) for outcome in Outcome]
_NO_TIME: Final = np.iinfo(np.int64).min
"""NaT, as numpy stores it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sent:
    """What can be read of a body, right or wrong."""

    identifier: str | None
    contact: str | None
    event_name: str | None
    created_at: int
    metadata: Payload | None


def submissions_frame(submissions: Sequence[Submission]) -> pd.DataFrame:
    """Return submissions as a frame.

    Parameters
    ----------
    submissions : sequence of Submission
        What was received, in order.

    Returns
    -------
    pandas.DataFrame
        A row for each submission, as documented at `Sandbox.to_frame`.
    """
    sent = [_sent(submission.body) for submission in submissions]
    errors = [submission.error for submission in submissions]
    return pd.DataFrame(
        {
            "received_at": _times([round(submission.received_at * 1_000_000) for submission in submissions], unit="us"),
            "http_status": pd.Series([submission.http_status for submission in submissions], dtype="Int16"),
            # pandas 2 would show the members of an enumeration by their Python names.
            "outcome": pd.Categorical([str(submission.outcome) for submission in submissions], categories=_OUTCOMES),
            "identifier": _texts(sent, "identifier"),
            "contact": _texts(sent, "contact"),
            "event_name": _texts(sent, "event_name"),
            "created_at": _times([fields.created_at for fields in sent], unit="s"),
            "metadata": pd.Series([fields.metadata for fields in sent], dtype=object),
            "error_code": _texts(errors, "code"),
            "error_message": _texts(errors, "message"),
        }
    )


def _sent(body: bytes) -> _Sent:
    payload = read_payload(body)
    fields = {} if isinstance(payload, Refusal) else payload
    texts = {field: value for field, value in fields.items() if isinstance(value, str)}
    identifier = next((field for field in intercom.IDENTIFIERS if field in texts), None)
    created_at, metadata = fields.get("created_at"), fields.get("metadata")
    return _Sent(
        identifier=identifier,
        contact=None if identifier is None else texts[identifier],
        event_name=texts.get("event_name"),
        created_at=created_at if is_unix_seconds(created_at) else _NO_TIME,
        metadata=metadata if isinstance(metadata, dict) else None,
    )


def _texts(values: Sequence[_Sent | Refusal | None], field: str) -> pd.Series:
    return pd.Series([getattr(value, field, None) for value in values], dtype="string")


def _times(values: Sequence[int], *, unit: str) -> pd.Series:
    times = np.array(values, dtype="int64").astype(f"datetime64[{unit}]")
    return pd.Series(times).dt.tz_localize("UTC")
