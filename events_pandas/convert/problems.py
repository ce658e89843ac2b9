"""Findings: the rows of a column in which the same thing is wrong, and what is made of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows, time_text
from events_pandas.convert.codes import CODES, RANKS, Severity
from events_pandas.convert.odd_texts import outlined, visible
from events_pandas.intercom import IDENTIFIERS
from events_pandas.words import escaped

SHOWN_CHARACTERS = 80
VALUES_KEPT = 1_000
"""Values that are kept of one code in one field: a frame that is wholly bad does not become twice as large."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The rows of one column in which the same thing is wrong.

    Parameters
    ----------
    code : str
        One of `CODES`.
    rows : numpy.ndarray of int64
        Positions of the rows.
    values : pyarrow.Array, optional
        What stands in the first of the rows, as text; null where nothing does, and not given where nothing does in any.
    field : str
        The field that the column makes.
    label : str
        How to speak of the column, such as ``"column 'total'"``.
    is_omission : bool
        Whether the value is left out of the event, rather than the row being invalid.
    cures : pyarrow.LargeStringArray, optional
        How to fix each of the values that are kept; null where the code's own cure fits.
    like_rows : int
        Further rows in which the same thing was found. They are counted and not listed: each value is listed for
        its first row only.
    """

    code: str
    rows: Rows
    values: pa.Array | None = None
    field: str = ""
    label: str = ""
    is_omission: bool = False
    cures: pa.Array | None = None
    like_rows: int = 0

    @property
    def severity(self) -> Severity:
        """Whether the row is invalid."""
        return "note" if self.is_omission else CODES[self.code].severity

    def moved(self, rows: Rows) -> "Finding":
        """Return the finding with its rows counted from another start.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            The new position of each old one.

        Returns
        -------
        Finding
            The same otherwise.
        """
        return replace(self, rows=rows[self.rows])

    def at(self, position: int) -> "Finding":
        """Return the finding for one of its rows alone.

        Parameters
        ----------
        position : int
            Which of `rows`.

        Returns
        -------
        Finding
            The same otherwise.
        """
        chosen = slice(position, position + 1)
        values = None if self.values is None else self.values[chosen]
        cures = None if self.cures is None else self.cures[chosen]
        kept = values if values is not None and len(values) else None
        return replace(self, rows=self.rows[chosen], values=kept, cures=cures)

    def chosen(self, where: Mask) -> "Finding":
        """Return the finding for some of its rows.

        Parameters
        ----------
        where : numpy.ndarray of bool
            Which of `rows`.

        Returns
        -------
        Finding
            The same otherwise.
        """
        values, cures = (
            None if texts is None else texts.filter(pa.array(where[: len(texts)]))
            for texts in (self.values, self.cures)
        )
        return replace(
            self, rows=self.rows[where], values=values if values is not None and len(values) else None, cures=cures
        )

    def among(self, rows: Rows) -> "Finding | None":
        """Return the finding for those of its rows that are among some, counted within these.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Positions, each of them once.

        Returns
        -------
        Finding or None
            The same otherwise; None if it concerns none of them.
        """
        where = np.isin(self.rows, rows)
        if not where.any():
            return None
        order = np.argsort(rows, kind="stable")
        found = self.chosen(where)
        return replace(found, rows=order[np.searchsorted(rows, found.rows, sorter=order)])

    def messages(self) -> pa.Array:
        """Return a message for each row.

        Returns
        -------
        pyarrow.LargeStringArray
            What is wrong, in which column, and how to mend it; with the value where it is known.
        """
        cause = CODES[self.code].cause
        cure = "the event is sent without it" if self.is_omission else CODES[self.code].cure
        values = pa.nulls(0, TEXT_TYPE) if self.values is None else self._shown_values()
        where = f" in {self.label}" if self.label else ""
        field = escaped(self.field)
        parts = (f"{field}: ", values, f"{where} {cause}: ", self._cures(len(values), cure), "")
        with_value = pc.binary_join_element_wise(*(_text_datum(part) for part in parts))
        without_value = f"{field}: {self.label or CODES[self.code].subject} {cause}: {cure}"
        with_value = pc.fill_null(with_value, without_value)
        rest = pa.repeat(pa.scalar(without_value, TEXT_TYPE), len(self.rows) - len(with_value))
        return pa.concat_arrays([with_value, rest])

    def _shown_values(self) -> pa.Array:
        """Return the values as the messages have them."""
        if self.field not in IDENTIFIERS:
            return self.values
        # Results are kept and passed on: their messages do not name a person, but a character that nobody sees.
        return outlined(self.values) if CODES[self.code].shows_characters else pa.nulls(0, TEXT_TYPE)

    def cure(self) -> str:
        """Return how to fix the first of its values.

        Returns
        -------
        str
            What fits that value, or the code's own cure.
        """
        # Of a column of many odd cells not all are kept.
        own = None if self.cures is None or not len(self.cures) else self.cures[0].as_py()
        return own or CODES[self.code].cure

    def _cures(self, count: int, cure: str) -> "pa.Array | str":
        """Return how to fix each of the values that are kept."""
        if self.cures is None or self.is_omission:
            return cure
        return pc.fill_null(self.cures[:count], cure)

    def all_values(self) -> pa.Array:
        """Return the value in each row.

        Returns
        -------
        pyarrow.LargeStringArray
            Null where it is not known.
        """
        return self._values_of(len(self.rows))

    def head_values(self) -> pa.Array:
        """Return the values in the first rows, as many as are kept of one code in one field.

        Returns
        -------
        pyarrow.LargeStringArray
            Null where nothing stands.
        """
        return self._values_of(min(len(self.rows), VALUES_KEPT))

    def head_cures(self) -> pa.Array:
        """Return how to fix the values in the first rows, as many as are kept of one code in one field.

        Returns
        -------
        pyarrow.LargeStringArray
            Null where the code's own cure fits.
        """
        return _filled(self.cures, min(len(self.rows), VALUES_KEPT))

    def _values_of(self, n_rows: int) -> pa.Array:
        return _filled(self.values, n_rows)


def _filled(texts: pa.Array | None, length: int) -> pa.Array:
    known = pa.nulls(0, TEXT_TYPE) if texts is None else texts[:length]
    return pa.concat_arrays([known, pa.nulls(length - len(known), TEXT_TYPE)])


def _text_datum(part: "str | pa.Array") -> Any:
    return pa.scalar(part, TEXT_TYPE) if isinstance(part, str) else part


def shown(values: pa.Array) -> pa.Array:
    """Return values as a message shows them.

    Parameters
    ----------
    values : pyarrow.Array
        Of any type that Arrow can write as text.

    Returns
    -------
    pyarrow.LargeStringArray
        Cut to a length that can be read, characters that nobody sees written as escapes; text in quotes.
    """
    text = time_text(values) if pa.types.is_timestamp(values.type) else values.cast(TEXT_TYPE)
    short = visible(pc.utf8_slice_codeunits(text, 0, SHOWN_CHARACTERS))
    if not pa.types.is_large_string(values.type):
        return short
    quote = pa.scalar("'", TEXT_TYPE)
    return pc.binary_join_element_wise(quote, short, quote, pa.scalar("", TEXT_TYPE))


def merged(findings: Iterable[Finding], fields: Sequence[str]) -> Iterator[Finding]:
    """Put findings together that say the same of the same field, and of those told once keep the first row.

    Parameters
    ----------
    findings : iterable of Finding
        In the order of rows.
    fields : sequence of str
        The fields in their order; findings of others come last.

    Yields
    ------
    Finding
        In the order of fields and, within a field, of codes: it does not depend on how the rows were cut.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.field, finding.code), []).append(finding)
    places = {field: place for place, field in enumerate(fields)}
    for group in sorted(groups, key=lambda group: (places.get(group[0], len(places)), RANKS[group[1]])):
        _, code = group
        # Taken out, so that no more than one of them is there twice.
        parts = groups.pop(group)
        if CODES[code].is_reported_by_value:
            # One by one: among the values that are kept of all parts together a rare one may be missing.
            yield reduce(lambda kept, part: _first_of_each(_concatenated([kept, part])), parts[1:], parts[0])
        elif CODES[code].is_reported_once:
            whole = _concatenated(parts)
            yield whole.at(int(whole.rows.argmin()))
        else:
            yield _concatenated(parts)


def _first_of_each(finding: Finding) -> Finding:
    """Return the finding for the first row with each value; without values, for the first row."""
    if finding.values is None:
        return replace(finding.at(int(finding.rows.argmin())), like_rows=finding.like_rows + len(finding.rows) - 1)
    distinct = np.unique(finding.values.to_numpy(zero_copy_only=False).astype(str), return_index=True)
    firsts = np.sort(distinct[1])
    return replace(
        finding,
        rows=finding.rows[firsts],
        values=finding.values.take(pa.array(firsts)),
        like_rows=finding.like_rows + len(finding.rows) - len(firsts),
    )


def _concatenated(findings: list[Finding]) -> Finding:
    """Put findings together in the order of rows: whose values are kept does not depend on how the rows were cut."""
    first, *others = findings
    if not others:
        return first
    rows = np.concatenate([finding.rows for finding in findings])
    heads = np.concatenate([finding.rows[:VALUES_KEPT] for finding in findings])
    earliest = pa.array(np.argsort(heads, kind="stable")[:VALUES_KEPT])
    values = pa.concat_arrays([finding.head_values() for finding in findings]).take(earliest)
    has_values = values.null_count < len(values)
    cures = pa.concat_arrays([finding.head_cures() for finding in findings]).take(earliest)
    return replace(
        first,
        rows=np.sort(rows, kind="stable"),
        values=values if has_values else None,
        cures=cures if has_values and cures.null_count < len(cures) else None,
        like_rows=sum(finding.like_rows for finding in findings),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """The rows of a field in which the same thing was found.

    Parameters
    ----------
    code : str
        One of `CODES`.
    field : str
        The field.
    severity : {"error", "note"}
        Whether the rows are invalid.
    rows : int
        The number of rows.
    first_row : int
        The position of the first of them.
    message : str
        The message of that row.
    """

    code: str
    field: str
    severity: Severity
    rows: int
    first_row: int
    message: str

    @property
    def extent(self) -> str:
        """How many rows it concerns, in words."""
        if CODES[self.code].extent:
            return CODES[self.code].extent
        return "1 row" if self.rows == 1 else f"{self.rows:,} rows"

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.extent}, such as row {self.first_row}: {self.message}"


def causes(findings: Iterable[Finding]) -> list[Cause]:
    """Group findings by what was found, and in which field.

    Parameters
    ----------
    findings : iterable of Finding
        Of one frame.

    Returns
    -------
    list of Cause
        Errors first, and of these what concerns most rows first.
    """
    groups: dict[tuple[Severity, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.code, finding.field), []).append(finding)
    found = []
    for (severity, code, field), group in groups.items():
        first = min(group, key=lambda finding: int(finding.rows.min()))
        example = first.at(int(first.rows.argmin()))
        found.append(
            Cause(
                code=code,
                field=field,
                severity=severity,
                rows=len(np.unique(np.concatenate([finding.rows for finding in group])))
                + sum(finding.like_rows for finding in group),
                first_row=int(example.rows[0]),
                message=example.messages()[0].as_py(),
            )
        )
    return sorted(found, key=lambda cause: (cause.severity, -cause.rows))


def problems_frame(findings: Iterable[Finding], index: pd.Index) -> pd.DataFrame:
    """Return findings as a frame with a row for each.

    Parameters
    ----------
    findings : iterable of Finding
        With rows counted from the start of `index`.
    index : pandas.Index
        The caller's index.

    Returns
    -------
    pandas.DataFrame
        On the caller's index; columns ``row`` (int64), ``field``, ``code``, ``severity``, ``value``, ``message``
        (strings), in the order of rows and, within a row, of `CODES`.
    """
    findings = list(findings)
    frame = pd.DataFrame(
        {
            "row": _joined([finding.rows for finding in findings], np.int64),
            "field": _repeated([finding.field for finding in findings], findings),
            "code": _repeated([finding.code for finding in findings], findings),
            "severity": _repeated([finding.severity for finding in findings], findings),
            "value": _texts([finding.all_values() for finding in findings]),
            "message": _texts([finding.messages() for finding in findings]),
        }
    )
    ranks = np.repeat([RANKS[finding.code] for finding in findings], [len(finding.rows) for finding in findings])
    sequence = np.lexsort((ranks, frame["row"].to_numpy())) if findings else np.arange(0)
    frame = frame.iloc[sequence]
    frame.index = index[frame["row"].to_numpy()]
    return frame


def _joined(arrays: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate(arrays).astype(dtype) if arrays else np.zeros(0, dtype)


def _repeated(words: list[str], findings: list[Finding]) -> Any:
    repeated = np.repeat(np.array(words, dtype=object), [len(finding.rows) for finding in findings])
    return pd.array(repeated, dtype="string")


def _texts(arrays: list[pa.Array]) -> Any:
    joined = pa.chunked_array(arrays, TEXT_TYPE)
    return joined.to_pandas().astype("string") if len(joined) else pd.array([], dtype="string")
