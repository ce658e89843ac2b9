"""The exceptions: their messages, and what they keep on their way from one process to another."""

import pickle

import pandas as pd
import pytest

from events_pandas import InvalidRowsError, MappingError, OutageError, SubmissionInterrupted, UnknownColumnError

RESULTS = pd.DataFrame({"status": ["accepted"]})


@pytest.mark.parametrize(
    "error",
    [
        MappingError(["created_at: is missing", "user_id: is missing"]),
        UnknownColumnError("tota", path="metadata.price.amount", available=["total"]),
        InvalidRowsError(RESULTS, invalid=1),
        OutageError("out of reach", results=RESULTS),
        SubmissionInterrupted("interrupted", results=RESULTS),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_is_whole_after_pickling(error):
    """A worker process hands its errors on with their message and their facts."""
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__.keys() == error.__dict__.keys()


@pytest.mark.parametrize(
    ("available", "hint", "ending"),
    [
        (["total", "tax"], "", ": did you mean 'total'?"),
        (["who", "day"], "", "; there are 'who', 'day'"),
        (["who"], "did you mean Constant('tota')?", ": did you mean Constant('tota')?"),
        ([], "", "; the frame has no columns"),
        (range(12), "", "; there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
    ],
)
def test_unknown_column_error_helps_to_find_the_column(available, hint, ending):
    """A similar name first, then a hint, then the names that there are, ten at the most."""
    error = UnknownColumnError("tota", path="metadata.price", available=available, hint=hint)

    assert str(error) == f"metadata.price: no column 'tota'{ending}"
