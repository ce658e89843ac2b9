"""Rejects: the rows that Intercom does not have, with the reason of each, and how they are written to a file."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE, CellKind, Cells, Mask, Rows
from events_pandas.convert.column_cells import read_cells
from events_pandas.convert.readers import written
from events_pandas.convert.reading import CodeMasks, read
from events_pandas.deliver import Status
from events_pandas.mapping import EventMapping, named_labels
from events_pandas.mapping.arrow_types import in_chunks, readable, sliceable, without_dictionaries
from events_pandas.mapping.rules import Values
from events_pandas.mapping.source_format import SourceFormat
from events_pandas.results.contacts import positions_in, require_results, require_same_rows
from events_pandas.results.frame import STATUS_DTYPE, text_column
from events_pandas.results.next_steps import REPEATS_UNSENT
from events_pandas.results.row_files import csv_text
from events_pandas.results.table_file import TableKind
from events_pandas.words import counted, escaped

REJECTED = (Status.INVALID, Status.UNKNOWN_CONTACT, Status.REJECTED, Status.FAILED, Status.NOT_SUBMITTED)
"""The statuses of rows that Intercom does not have, and may take when they are fixed or sent again."""

REASONS = ("row", "status", "error_code", "error_message")
"""The columns of results that are written beside a reject."""

FILE_REASONS = (*REASONS, "source_file", "line")
"""The columns of results that are written beside a reject of a file."""

NO_REASONS = pd.DataFrame(
    {
        "row": np.zeros(0, np.int64),
        "status": pd.Categorical([], dtype=STATUS_DTYPE),
        "error_code": text_column(np.zeros(0, object)),
        "error_message": text_column(np.zeros(0, object)),
        "source_file": text_column(np.zeros(0, object)),
        "line": pd.array([], dtype="Int64"),
    }
)
"""The columns of reasons of files, without rows."""

_PREFIX = "reject_"
_STATUSES = frozenset(status.value for status in REJECTED)

# No event can hold these cells, so that their readers give no text; a person looks for them in the file.
_OTHERS = frozenset({CellKind.BYTES, CellKind.NESTED, CellKind.OTHER})


def is_rejected(results: pd.DataFrame) -> Mask:
    """Return which rows of results are rejects: they need work, or nothing sends them without being asked."""
    mask: Mask = results["status"].isin(_STATUSES).to_numpy() & ~is_left_to_next_run(results)
    return mask


def is_left_to_next_run(results: pd.DataFrame) -> Mask:
    """Return which rows the same run sends when it is started again, and sends nothing twice: it keeps a journal.

    Their turn had not come when the run ended early. Results that were read from a file do not say whether their run
    kept a journal.
    """
    if not results.attrs.get("run", {}).get("keeps_journal"):
        return np.zeros(len(results), dtype=bool)
    is_unsent = (results["status"] == Status.NOT_SUBMITTED.value).to_numpy(bool)
    mask: Mask = is_unsent & ~results["error_code"].isin([REPEATS_UNSENT]).to_numpy(bool)
    return mask


def left_out(path: Path, n_rows: int) -> str:
    """Say why some rows are not among the rejects."""
    rows = counted(n_rows, "row that was not submitted is", "rows that were not submitted are")
    return f"{escaped(path)}: {rows} left out: start the same run again, which sends the rest"


def find_rejects(results: pd.DataFrame, frame: pd.DataFrame, mapping: EventMapping | None) -> tuple[pd.DataFrame, Rows]:
    """Return the reasons of rejects (the columns `REASONS`), in the order of the frame, and their positions in it.

    Raise `TypeError` or `ValueError` if results and frame do not belong together.
    """
    require_results(results, frame, columns=REASONS)
    # Those of all rows: a frame that lacks some may still have as many rows as its rejects need.
    all_positions, where = positions_in(frame, results, results["row"]), is_rejected(results)
    rejects, positions = results[where].sort_values("row"), np.sort(all_positions[where])
    reasons = rejects[list(REASONS)]
    if "run" in results.attrs and "source_file" not in results:
        _require_same_labels(reasons, frame, positions)
    if mapping is not None and "created_at" in results:
        # An invalid row may have no time, or no contact.
        were_valid = (rejects["status"] != Status.INVALID.value).to_numpy(bool)
        require_same_rows(rejects[were_valid], frame, mapping, positions=positions[were_valid])
    return reasons, positions


def _require_same_labels(reasons: pd.DataFrame, frame: pd.DataFrame, positions: Rows) -> None:
    """Refuse a frame that was put in another order since: the same labels stand elsewhere.

    Results with labels that the frame lacks were given another index, which proves nothing.
    """
    labels = frame.index[positions]
    if reasons.index.equals(labels) or not reasons.index.isin(frame.index).all():
        return
    pairs = zip(reasons["row"].tolist(), reasons.index.tolist(), positions.tolist(), labels.tolist(), strict=True)
    row, label, position, found = next(pair for pair in pairs if pair[1] != pair[3])
    other = f"frame: its row {position} is labelled {found!r}, and row {row} of the results {label!r}"
    raise ValueError(f"{other}: give all rows that were submitted, in the same order")


def rejected_rows(
    frame: pd.DataFrame, reasons: pd.DataFrame, positions: Rows, *, mapping: EventMapping | None
) -> pd.DataFrame:
    """Return rejects with the reason of each, on the index and with the dtypes of the frame.

    Reasons of an earlier run, which stand in a file of rejects, are replaced.
    """
    rows = frame.copy(deep=False)
    for position in range(rows.shape[1]):
        column = rows.iloc[:, position]
        # Arrow cannot take single rows from view types and run-end encoded types.
        if (plain := sliceable(column)) is not column:
            rows.isetitem(position, plain.array)
    rows.columns = rows.columns.to_flat_index().astype(object)
    rows = rows.iloc[positions, : n_own_columns(rows, mapping)]
    return with_reasons(rows, reasons)


def with_reasons(rows: pd.DataFrame, reasons: pd.DataFrame) -> pd.DataFrame:
    """Put the reasons of rejects beside them; their names get a prefix if a column has one of them.

    >>> reasons = pd.DataFrame({"row": [7], "status": ["failed"], "error_code": ["x"], "error_message": ["y"]})
    >>> with_reasons(pd.DataFrame({"status": ["paid"]}), reasons).columns.tolist()
    ['status', 'reject_row', 'reject_status', 'reject_error_code', 'reject_error_message']
    """
    beside = reasons.set_axis(rows.index).set_axis(
        reason_names(list(rows.columns), list(reasons.columns)), axis="columns"
    )
    return pd.concat([rows, beside], axis="columns")


def reason_names(labels: Sequence[Hashable], reasons: Sequence[str]) -> list[str]:
    """Return the names of the reasons beside other columns: their own, with a prefix if one is taken."""
    names, taken = list(reasons), {str(label) for label in labels}
    while taken.intersection(names):
        names = [f"{_PREFIX}{name}" for name in names]
    return names


def n_own_columns(rows: pd.DataFrame, mapping: EventMapping | None) -> int:
    """Count the columns of the input itself, without the reasons of an earlier export.

    The last columns are reasons if they have the names of reasons, the statuses are those of rejects, and the mapping
    reads none of them: an event may have a status, too.
    """
    labels = list(rows.columns)
    own = _n_before_reasons([str(label) for label in labels])
    if own is None or (mapping is not None and not named_labels(mapping).isdisjoint(labels[own:])):
        return len(labels)
    statuses = rows.iloc[:, own + REASONS.index("status")].dropna().astype(str)
    return own if statuses.isin(_STATUSES).all() else len(labels)


def _n_before_reasons(names: Sequence[str]) -> int | None:
    """Count the columns before those that have the names of reasons; None if the last columns have other names."""
    for reasons in (FILE_REASONS, REASONS):
        own = len(names) - len(reasons)
        if own >= 0 and list(names[own:]) == reason_names(names[:own], reasons):
            return own
    return None


def with_index_levels(rejects: pd.DataFrame) -> pd.DataFrame:
    """Put the named levels of the index before the columns, where a mapping finds them in a file.

    A column of the same name is kept instead of a level: it is the one that a mapping reads.
    """
    index = rejects.index.set_names([None] * rejects.index.nlevels)
    levels = [
        index.get_level_values(position).to_series(index=rejects.index, name=name)
        for position, name in enumerate(rejects.index.names)
        if name is not None and name not in rejects.columns
    ]
    return pd.concat([*levels, rejects], axis="columns")


def text_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with every cell as text, None if absent, and labels as text.

    Whole numbers have no fraction, decimals all their places; times are ISO 8601, in UTC if they have a zone; booleans
    are ``true`` and ``false``. Half a character (a lone surrogate) becomes a question mark.
    """
    columns = {position: _texts(frame.iloc[:, position]) for position in range(frame.shape[1])}
    texts = pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), dtype=object)
    return texts.set_axis([str(label) for label in frame.columns], axis="columns")


def _texts(column: Values) -> "np.typing.NDArray[np.object_]":
    column = readable(column)
    parts = read_cells(column)
    texts: np.typing.NDArray[np.object_] = read(parts, _written).values.to_numpy(zero_copy_only=False)
    others = [part for part in parts if part.kind in _OTHERS]
    if others:
        texts = texts.copy()
    for part in others:
        rows = np.flatnonzero(part.mask()) if part.rows is None else part.rows
        texts[rows] = list(map(str, _objects(column.iloc[rows])))
    return texts


def _objects(column: Values) -> Iterable[object]:
    try:
        return list(column)
    except UnicodeDecodeError:
        # A column of text holds other bytes.
        return cast("list[object]", without_dictionaries(in_chunks(column)).cast(pa.large_binary()).to_pylist())


def _written(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    return written(cells).cast(TEXT_TYPE), []


def _csv_text(frame: pd.DataFrame, *, header: bool, delimiter: str) -> str:
    return csv_text(text_frame(frame), header=header, delimiter=delimiter)


def _are_rejects(names: Sequence[str]) -> bool:
    return _n_before_reasons(names) is not None


REJECTS: Final = TableKind(holds="rejects", is_own=_are_rejects, csv_text=_csv_text, keeps_changed=True)
"""Rejects in a file: if it is not finished, the rejects of an earlier run stay."""


def rejects_kind(source: SourceFormat, detected: str | None = None) -> TableKind:
    """Return how rejects are written, so that a mapping with this source reads them again.

    The delimiter is the given one, or the detected one of the rows. A byte order mark comes before a given encoding.
    """
    delimiter = source.delimiter or detected or REJECTS.delimiter
    return replace(REJECTS, delimiter=delimiter, is_marked=source.encoding is not None)
