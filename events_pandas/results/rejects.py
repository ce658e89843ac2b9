"""Rejects: the rows of the input that need something more, with the reason beside each."""

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from events_pandas.convert.cells import Mask, Rows
from events_pandas.deliver import Status
from events_pandas.mapping.views import sliceable
from events_pandas.results.frame import STATUS_DTYPE, text_column
from events_pandas.results.matching import positions_in, require_results

REJECTED = (Status.INVALID, Status.UNKNOWN_CONTACT, Status.REJECTED, Status.FAILED, Status.NOT_SUBMITTED)
"""The statuses of rows that Intercom does not have, and would take once they are mended or sent again."""

REASONS = ("row", "status", "error_code", "error_message")
"""The columns of results that stand beside a reject."""

NO_REASONS = pd.DataFrame(
    {
        "row": np.zeros(0, np.int64),
        "status": pd.Categorical([], dtype=STATUS_DTYPE),
        "error_code": text_column(np.zeros(0, object)),
        "error_message": text_column(np.zeros(0, object)),
    }
)
"""The reasons of no row."""

_PREFIX = "reject_"
_STATUSES = frozenset(status.value for status in REJECTED)


def is_rejected(results: pd.DataFrame) -> Mask:
    """Tell which results are those of rejects.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned, or some of its rows.

    Returns
    -------
    numpy.ndarray of bool
        As long as the results.

    Examples
    --------
    >>> is_rejected(pd.DataFrame({"status": ["accepted", "duplicate", "failed", "not_submitted"]})).tolist()
    [False, False, True, True]
    """
    mask: Mask = results["status"].isin(_STATUSES).to_numpy()
    return mask


def find_rejects(results: pd.DataFrame, frame: pd.DataFrame) -> tuple[pd.DataFrame, Rows]:
    """Find the reasons of rejects, and where the rows stand in their frame.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned, or some of its rows.
    frame : pandas.DataFrame
        The rows that were submitted.

    Returns
    -------
    reasons : pandas.DataFrame
        The columns `REASONS`, in the order of the frame.
    positions : numpy.ndarray of int64
        The position of each in the frame.

    Raises
    ------
    TypeError
        If results or frame are no DataFrame.
    ValueError
        If results and frame do not belong together.
    """
    require_results(results, frame, columns=REASONS)
    reasons = results.loc[is_rejected(results), list(REASONS)].sort_values("row", kind="stable")
    is_repeated = reasons["row"].duplicated()
    if is_repeated.any():
        row = reasons.loc[is_repeated.to_numpy(), "row"].iloc[0]
        raise ValueError(f"results: have row {row} twice: give the results of one run")
    positions = positions_in(frame, results, reasons["row"])
    if "run" in results.attrs and "source_file" not in results:
        _require_same_labels(reasons, frame, positions)
    return reasons, positions


def _require_same_labels(reasons: pd.DataFrame, frame: pd.DataFrame, positions: Rows) -> None:
    """Refuse a frame that was put in another order since: the same labels are found, and elsewhere.

    Labels match nothing here. Results that were given another index have other labels, which tell nothing.
    """
    labels = frame.index[positions]
    if reasons.index.equals(labels) or not reasons.index.isin(frame.index).all():
        return
    pairs = zip(reasons["row"].tolist(), reasons.index.tolist(), positions.tolist(), labels.tolist(), strict=True)
    row, label, position, found = next(pair for pair in pairs if pair[1] != pair[3])
    other = f"frame: its row {position} is labelled {found!r}, and row {row} of the results {label!r}"
    raise ValueError(f"{other}: give all rows that were submitted, in the order in which they were")


def rejected_rows(frame: pd.DataFrame, reasons: pd.DataFrame, positions: Rows) -> pd.DataFrame:
    """Return rejects with the reason of each.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows that were submitted; it is not changed.
    reasons : pandas.DataFrame
        The columns `REASONS`, a row for each reject.
    positions : numpy.ndarray of int64
        The position of each reject in the frame.

    Returns
    -------
    pandas.DataFrame
        The columns of the frame, on its index and with its dtypes, then those of the reasons. Reasons of an earlier
        run, which stand so in a file of rejects, are replaced.
    """
    rows = frame.copy(deep=False)
    for position in range(rows.shape[1]):
        column = rows.iloc[:, position]
        # Arrow takes no single rows of views and runs.
        if (plain := sliceable(column)) is not column:
            rows.isetitem(position, plain.array)
    rows.columns = rows.columns.to_flat_index().astype(object)
    rows = rows.iloc[positions, : n_own_columns(rows)]
    return with_reasons(rows, reasons)


def with_reasons(rows: pd.DataFrame, reasons: pd.DataFrame) -> pd.DataFrame:
    """Put the reasons of rejects beside them.

    Parameters
    ----------
    rows : pandas.DataFrame
        The rejects.
    reasons : pandas.DataFrame
        The columns `REASONS`, in the same order.

    Returns
    -------
    pandas.DataFrame
        On the index of the rejects. Where these have a column of one of the names, the reasons' names have a prefix.

    Examples
    --------
    >>> reasons = pd.DataFrame({"row": [7], "status": ["failed"], "error_code": ["x"], "error_message": ["y"]})
    >>> with_reasons(pd.DataFrame({"status": ["paid"]}), reasons).columns.tolist()
    ['status', 'reject_row', 'reject_status', 'reject_error_code', 'reject_error_message']
    """
    beside = reasons.set_axis(rows.index).set_axis(reason_names(list(rows.columns)), axis="columns")
    return pd.concat([rows, beside], axis="columns")


def reason_names(labels: Sequence[Hashable]) -> list[str]:
    """Return how the reasons are called beside other columns.

    Parameters
    ----------
    labels : sequence of hashable
        The other columns.

    Returns
    -------
    list of str
        `REASONS`, with a prefix if one of them is taken.
    """
    names, taken = list(REASONS), {str(label) for label in labels}
    while taken.intersection(names):
        names = [f"{_PREFIX}{name}" for name in names]
    return names


def n_own_columns(rows: pd.DataFrame) -> int:
    """Count the columns that are the input's own, before those that an earlier export has put beside them.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows of the input.

    Returns
    -------
    int
        All of them, unless the last ones are named as reasons are, and the statuses are those of rejects.

    Examples
    --------
    >>> rejects = pd.DataFrame({"who": [7], "row": [0], "status": "failed", "error_code": "x", "error_message": "y"})
    >>> n_own_columns(rejects), n_own_columns(rejects.assign(status="paid"))
    (1, 5)
    """
    labels = list(rows.columns)
    own = len(labels) - len(REASONS)
    if own < 0 or [str(label) for label in labels[own:]] != reason_names(labels[:own]):
        return len(labels)
    statuses = rows.iloc[:, own + REASONS.index("status")].dropna().astype(str)
    return own if statuses.isin(_STATUSES).all() else len(labels)


def with_index_levels(rejects: pd.DataFrame) -> pd.DataFrame:
    """Put the named levels of an index before the columns, where a mapping finds them in a file.

    Parameters
    ----------
    rejects : pandas.DataFrame
        The rejects.

    Returns
    -------
    pandas.DataFrame
        With a column for each named level, unless it has one of that name, which is the one that a mapping reads.
    """
    index = rejects.index.set_names([None] * rejects.index.nlevels)
    levels = [
        index.get_level_values(position).to_series(index=rejects.index, name=name)
        for position, name in enumerate(rejects.index.names)
        if name is not None and name not in rejects.columns
    ]
    return pd.concat([*levels, rejects], axis="columns")
