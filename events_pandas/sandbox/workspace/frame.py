"""Submissions as a DataFrame, to look at."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from events_pandas.sandbox.rules.events import read_sent
from events_pandas.sandbox.workspace.ledger import Outcome
from events_pandas.sandbox.workspace.workspace import Submission

_OUTCOMES: Final = [str(outcome) for outcome in Outcome]
_NO_TIME: Final = np.iinfo(np.int64).min
"""NaT, as numpy stores it."""


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
    sent = [read_sent(submission.body) for submission in submissions]
    return pd.DataFrame(
        {
            "received_at": _times([round(submission.received_at * 1_000_000) for submission in submissions], unit="us"),
            "http_status": pd.Series([submission.http_status for submission in submissions], dtype="Int16"),
            # pandas 2 would show the members of an enumeration by their Python names.
            "outcome": pd.Categorical([str(submission.outcome) for submission in submissions], categories=_OUTCOMES),
            "identifier": _texts(sent, "identifier"),
            "contact": _texts(sent, "contact"),
            "event_name": _texts(sent, "event_name"),
            "created_at": _times([_NO_TIME if one.created_at is None else one.created_at for one in sent], unit="s"),
            "metadata": pd.Series([one.metadata for one in sent], dtype=object),
            "error_code": _texts(submissions, "error_code"),
            "error_message": _texts(submissions, "error_message"),
        }
    )


def _texts(values: Sequence[object], field: str) -> pd.Series:
    return pd.Series([getattr(value, field) for value in values], dtype="string")


def _times(values: Sequence[int], *, unit: str) -> pd.Series:
    times = np.array(values, dtype="int64").astype(f"datetime64[{unit}]")
    return pd.Series(times).dt.tz_localize("UTC")
