"""A column read: its parts are given to a reader, and their values and findings are put together.

A reader takes `Cells` and returns an array as long as they are, null where a cell is absent or cannot be read, and
what it found. Kinds of cells that it does not take are rejected by `reject_all`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import CellKind, Cells, Mask, to_mask, valid_mask, without
from events_pandas.convert.codes import CODES
from events_pandas.convert.decimal_signs import amount_cures, number_cures
from events_pandas.convert.odd_texts import link_cures, sheet_errors
from events_pandas.convert.problems import VALUES_KEPT, Finding, shown

CodeMasks: TypeAlias = list[tuple[str, Mask]]
"""Codes with the cells in which they were found. A cell with an error has a null value."""

Kinds: TypeAlias = dict[CellKind, tuple[int, int]]
"""How many cells there are of each kind, and the row of the first of them."""

Reader: TypeAlias = Callable[[Cells], tuple[pa.Array, CodeMasks]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A column as a rule reads it."""

    values: pa.Array  # for each row, or one for all rows; null where a cell is absent or cannot be read
    present: Mask  # where a cell is not absent
    findings: list[Finding]
    kinds: Kinds  # of the cells that are present


def read(parts: list[Cells], reader: Reader) -> Reading:
    """Read a column from its parts: together they are the whole column. The values come in the order of its rows."""
    read_parts = [(part, *_with_origin(part, *reader(part))) for part in parts]
    findings = [_finding(part, code, where) for part, _, faults in read_parts for code, where in faults if where.any()]
    kinds = _extents(parts)
    if parts[0].rows is None:
        return Reading(values=read_parts[0][1], present=parts[0].mask(), findings=findings, kinds=kinds)
    # Put the parts of a mixed column back in the order of its rows.
    rows = np.concatenate([part.rows for part in parts if part.rows is not None])
    order = pa.array(np.argsort(rows))
    values = pa.concat_arrays([array for _, array, _ in read_parts]).take(order)
    present = np.concatenate([part.mask() for part in parts])[order.to_numpy()]
    return Reading(values=values, present=present, findings=findings, kinds=kinds)


def _with_origin(part: Cells, values: pa.Array, faults: CodeMasks) -> tuple[pa.Array, CodeMasks]:
    """Add the note of the cells, at the first cell that could be read, and the note of each cell that was stripped."""
    notes: CodeMasks = [(part.note, valid_mask(values))] if part.note else []
    if part.written is not None:
        notes.append(("identifier_stripped", valid_mask(values) & to_mask(pc.not_equal(part.values, part.written))))
    return values, [*faults, *notes]


_CURES: dict[str, Callable[[pa.Array], pa.Array]] = {
    "link_malformed": link_cures,
    "number_unreadable": number_cures,
    "amount_unreadable": amount_cures,
    "number_ambiguous": number_cures,
}
"""How to fix each text, by the code of what is wrong with it."""


def _extents(parts: list[Cells]) -> dict[CellKind, tuple[int, int]]:
    """Return the number of present cells of each kind, and the first row that has one."""
    extents: dict[CellKind, tuple[int, int]] = {}
    for part in parts:
        if n_present := len(part.values) - part.values.null_count:
            place = int(part.mask().argmax()) if part.values.null_count else 0
            first = place if part.rows is None else int(part.rows[place])
            # A column may have several parts of one kind, such as str beside bytes that are text.
            n_before, first_before = extents.get(part.kind, (0, first))
            extents[part.kind] = n_before + n_present, min(first_before, first)
    return extents


def _finding(part: Cells, code: str, where: Mask) -> Finding:
    rows = np.flatnonzero(where)
    # Only the first row of a note on a column is listed: the values of the others are not made.
    kept = (part.values if part.written is None else part.written).take(
        pa.array(rows[: 1 if CODES[code].is_reported_once else VALUES_KEPT])
    )
    find_cures = _CURES.get(code) if part.kind is CellKind.TEXT else None
    cures = None if find_cures is None else find_cures(kept)
    found = Finding(code=code, rows=rows if part.rows is None else part.rows[rows], values=shown(kept), cures=cures)
    return found.once() if CODES[code].is_reported_once else found


def without_sheet_errors(reader: Reader) -> Reader:
    """Return a reader that does not get the errors of a spreadsheet, such as #REF!, and reports them."""

    def read_values(cells: Cells) -> tuple[pa.Array, CodeMasks]:
        if cells.kind is not CellKind.TEXT or not (where := sheet_errors(cells.values)).any():
            return reader(cells)
        values, faults = reader(replace(cells, values=without(cells.values, where)))
        return values, [("sheet_error", where), *faults]

    return read_values


def reject_all(cells: Cells, value_type: pa.DataType, code: str) -> tuple[pa.Array, CodeMasks]:
    """Return a reading in which no cell can be read: all null, of `value_type`.

    `code` is reported for the cells that are present, except kinds that have codes of their own, such as nested values.
    """
    own_codes = {
        CellKind.BYTES: "bytes_unreadable",
        CellKind.SURROGATE: "lone_surrogate",
        CellKind.NESTED: "nested_value",
        CellKind.OTHER: "unsupported_type",
    }
    return pa.nulls(len(cells.values), value_type), [(own_codes.get(cells.kind, code), cells.mask())]
