"""Results and the frame that they are of, matched by the position of each row: labels say nothing of where a row is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from events_pandas.convert.cells import Rows
from events_pandas.results.summary import count_of_rows


def require_results(results: object, frame: object, *, columns: Sequence[str]) -> None:
    """Refuse what are no results, or no frame.

    Parameters
    ----------
    results : object
        What was given as results.
    frame : object
        What was given as the frame that they are of.
    columns : sequence of str
        The columns of results that are needed.

    Raises
    ------
    TypeError
        If one of them is no DataFrame.
    ValueError
        If results lack a column.
    """
    for name, given, wanted in (("results", results, "returned"), ("frame", frame, "was given")):
        if not isinstance(given, pd.DataFrame):
            raise TypeError(f"{name}: a {type(given).__name__} is no DataFrame: give what submitting {wanted}")
        lacking = [column for column in columns if name == "results" and column not in given]
        if lacking:
            raise ValueError(f"results: no column {lacking[0]!r}: give what submitting returned")


def positions_in(frame: pd.DataFrame, results: pd.DataFrame, rows: "pd.Series[Any]") -> Rows:
    """Return where rows of results stand in their frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows that were submitted: those of the run, or those of the one frame of a stream that the results are of.
    results : pandas.DataFrame
        What submitting returned, or some of its rows; also as it was read from a file of results.
    rows : pandas.Series
        The column ``row`` of the results, or a part of it.

    Returns
    -------
    numpy.ndarray of int64
        Positions in the frame, in the order of `rows`.

    Raises
    ------
    ValueError
        If the frame is too short.
    """
    numbers = rows.to_numpy(np.int64)
    positions = numbers - _first_row(results, len(frame))
    if len(numbers) and not 0 <= positions.min() <= positions.max() < len(frame):
        beyond = numbers.max() if positions.max() >= len(frame) else numbers.min()
        have = f"frame: has {count_of_rows(len(frame))}, and results have row {beyond}"
        raise ValueError(f"{have}: give all rows that were submitted, and no others")
    return positions


def _first_row(results: pd.DataFrame, n_rows: int) -> int:
    """Return the row that is the frame's first: those of a stream are counted over all its frames."""
    facts = results.attrs.get("run", {}).get("frame")
    if facts is None and len(results):
        # Results that were put together, or read from a file, have no facts.
        first = int(results["row"].min())
        facts = {"first_row": first, "rows": int(results["row"].max()) + 1 - first}
    return int(facts["first_row"]) if facts and facts["rows"] == n_rows else 0
