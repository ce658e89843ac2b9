"""What the columns of a frame look like, seen in a sample of its rows."""

import uuid
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from events_pandas.mapping.column_types import holds_numbers
from events_pandas.mapping.rules import Values
from events_pandas.mapping.arrow_types import UUID_TYPE, readable, text_of
from events_pandas.suggest.choices import LeftOut, share_text
from events_pandas.suggest.decimals import (
    Decimals,
    decimals_of_currencies,
    decimals_of_floats,
    decimals_of_texts,
    is_currency,
)
from events_pandas.suggest.names import names_a_code, names_a_currency, names_a_time, user_id_rank, words_of
from events_pandas.suggest.times import MOST, TIME_TYPES, TimeForm, form_of_numbers, form_of_text, form_of_times

FIRST_ROWS = 5_000
SPREAD_ROWS = 5_000
"""So many rows are looked at, however many there are: the first, and as many again over the rest of the frame."""

_FEW = 0.1
_DOUBLE_EXACT = 2**53
_DOUBLE_BYTES = 8

_EMAIL = r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+"
_URL = r"(?i:https?)://\S+"
_PHONE = r"\+[0-9][0-9 ()/.\-]{6,20}|\([0-9]{2,5}\) ?[0-9][0-9 .\-]{4,14}"
_INTERCOM_ID = r"[0-9a-fA-F]{24}"
_NUMBER = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE]-[0-9]{1,3})?"
"""With the exponent that programs write of small numbers; ``1e5`` may well be the number of a thing."""

_WHOLE = r"-?(?:0|[1-9][0-9]{0,14})(?:\.0)?"
"""Also as programs write them that have them as floats: ``42.0``, and not ``42.00``."""
_BOOLEAN = r"(?i:true|false)"

_NESTED_TYPES = (dict, list, tuple, set, frozenset, np.ndarray)
_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
_TIMES = {"datetime64", "datetime", "date"}
_FLOATS = {"floating", "mixed-integer-float"}
_TEXTS = {"string", "mixed-integer"}
_TIMELESS = {*_NUMBERS, "string"}
_UNWRITTEN = {"bytes", "mixed"}


class Look(StrEnum):
    """What a column looks like, in the words of a reason."""

    EMPTY = "empty"
    TIME = "times"
    EMAIL = "email addresses"
    URL = "web addresses"
    PHONE = "telephone numbers"
    INTERCOM_ID = "24 hexadecimal digits"
    CURRENCY = "currency codes"
    WHOLE = "whole numbers"
    NUMBER = "numbers"
    BOOLEAN = "true or false"
    TEXT = "text"
    NESTED = "nested values"
    OTHER = "mixed or unusual types"


# An address on the web may have the form of an email address: https://ada@example.org
_FORMS = {Look.URL: _URL, Look.EMAIL: _EMAIL, Look.PHONE: _PHONE, Look.INTERCOM_ID: _INTERCOM_ID}
_NUMERIC = {Look.WHOLE, Look.NUMBER}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What one column looks like in the rows looked at.

    Parameters
    ----------
    label : hashable
        The column's label, or the index level's name.
    look : Look
        What most of its values are.
    time_form : TimeForm, optional
        How times are written; for times only.
    n_present : int
        Rows with a value.
    n_missing : int
        Rows without one.
    n_distinct : int
        Different values.
    longest : int
        Characters of the longest text.
    has_spaces : bool
        Whether more than a few texts have a space in them.
    numbers_rows : bool
        Whether the column counts up from row to row.
    n_not_positive : int
        Numbers that are zero or negative.
    n_unlike : int
        Values that do not look like most of them do.
    n_numbers : int
        Texts that are numbers, where others are not.
    holds_numbers : bool
        Whether so many of the texts are numbers that a bare column with them would be one of numbers.
    is_written : bool
        Whether numbers are texts.
    came_as_floats : bool
        Whether whole numbers are floats, or texts of floats such as ``"42.0"``.
    decimals : numpy.ndarray of int64, optional
        For numbers how many decimals each has, for currencies how many each allows; -1 for absent values.
    """

    label: Hashable
    look: Look
    time_form: TimeForm | None = None
    n_present: int = 0
    n_missing: int = 0
    n_distinct: int = 0
    longest: int = 0
    has_spaces: bool = False
    numbers_rows: bool = False
    n_not_positive: int = 0
    n_unlike: int = 0
    n_numbers: int = 0
    holds_numbers: bool = False
    is_written: bool = False
    came_as_floats: bool = False
    decimals: Decimals | None = field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> str:
        """Return what its values are, for a reason.

        Returns
        -------
        str
            The look; of numbers also whether they are texts, and otherwise how many values do not have it.
        """
        written = " as text" if self.is_written else ""
        unlike = f"; {share_text(self.n_unlike, self.n_present)} of those looked at are none" if self.n_unlike else ""
        return f"{self.look}{written}{unlike}"

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the label.

        Returns
        -------
        tuple of str
            In lower case.
        """
        return words_of(self.label)


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a frame looks like.

    Parameters
    ----------
    columns : tuple of Evidence
        A column each, in the frame's order, and then the levels of its index.
    unusable : tuple of LeftOut
        What a mapping cannot name.
    labels : frozenset of hashable
        All labels and names of levels.
    n_rows : int
        The rows of the frame.
    n_looked_at : int
        The rows that were looked at.
    """

    columns: tuple[Evidence, ...]
    unusable: tuple[LeftOut, ...]
    labels: frozenset[Hashable]
    n_rows: int
    n_looked_at: int


def survey(frame: pd.DataFrame) -> Survey:
    """Look at a sample of a frame's rows.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows; it is not changed.

    Returns
    -------
    Survey
        What each column looks like.
    """
    rows = sampled_rows(len(frame))
    sources = dict(_sources(frame, rows))
    labels = [*frame.columns, *(name for name in frame.index.names if name is not None)]
    return Survey(
        columns=tuple(evidence_of(label, values, rows) for label, values in sources.items()),
        unusable=tuple(_unusable(frame, labels)),
        labels=frozenset(labels),
        n_rows=len(frame),
        n_looked_at=len(rows),
    )


def sampled_rows(n_rows: int) -> npt.NDArray[np.int64]:
    """Return which rows are looked at.

    Parameters
    ----------
    n_rows : int
        The rows of the frame.

    Returns
    -------
    numpy.ndarray of int64
        Positions, ascending: the first rows, and some spread over the rest, the last one included.
    """
    if n_rows <= FIRST_ROWS + SPREAD_ROWS:
        return np.arange(n_rows, dtype=np.int64)
    spread = np.linspace(FIRST_ROWS, n_rows - 1, SPREAD_ROWS).astype(np.int64)
    return np.concatenate([np.arange(FIRST_ROWS, dtype=np.int64), spread])


def _sources(frame: pd.DataFrame, rows: npt.NDArray[np.int64]) -> "Iterator[tuple[Hashable, Values]]":
    """Yield what a mapping can name, by a label that can be written down, with its values in some rows."""
    counts = Counter(frame.columns)
    for position, label in enumerate(frame.columns):
        if counts[label] == 1 and (plain := _plain(label)) is not None:
            yield plain, readable(frame.iloc[:, position]).iloc[rows]
    levels = Counter(frame.index.names)
    for level, name in enumerate(frame.index.names):
        if levels[name] == 1 and name not in counts and (plain := _plain(name)) is not None:
            yield plain, readable(pd.Series(frame.index.get_level_values(level))).iloc[rows]


def _plain(label: Hashable) -> Any:
    """Return a label as Python and TOML can both write it; None for what they cannot."""
    if isinstance(label, tuple):
        parts = tuple(_plain(part) for part in label)
        return None if any(part is None or isinstance(part, tuple) for part in parts) else parts
    if isinstance(label, str):
        return str(label) if _is_utf8(label) else None
    if isinstance(label, int | np.integer) and not isinstance(label, bool):
        return int(label)
    return None


def _is_utf8(label: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in label)


def _unusable(frame: pd.DataFrame, labels: list[Hashable]) -> Iterator[LeftOut]:
    for label, count in Counter(labels).items():
        if _plain(label) is None:
            yield LeftOut(label=label, reason="TOML cannot hold this label: rename it to a text")
        elif count > 1:
            reason = f"{count} columns or index levels are called so: rename all but one"
            yield LeftOut(label=label, reason=reason)
    is_counter = isinstance(frame.index, pd.RangeIndex)
    if None in frame.index.names and not is_counter and _inferred(readable(frame.index[:1].to_series())) in _TIMES:
        yield LeftOut(label=None, reason='the index has no name: give it one with frame.rename_axis("...")')


def _inferred(values: Any) -> str:
    return pd.api.types.infer_dtype(values, skipna=True)


def evidence_of(label: Hashable, column: Values, rows: npt.NDArray[np.int64]) -> Evidence:
    """Return what a column looks like.

    Parameters
    ----------
    label : hashable
        The column's label.
    column : pandas.Series
        Values of any dtype.
    rows : numpy.ndarray of int64
        Where they stand in the frame.

    Returns
    -------
    Evidence
        Absent values and empty texts count as missing.
    """
    kind = getattr(column.dtype, "pyarrow_dtype", pa.null())
    if pa.types.is_nested(kind):
        return Evidence(label=label, look=Look.NESTED, n_present=len(column))
    try:
        values = pd.Series(np.asarray(column, dtype=object), dtype=object)
        if kind == UUID_TYPE:
            values = values.map(lambda octets: uuid.UUID(bytes=octets), na_action="ignore")
        values = _written_out(values[values.notna()])
    except (ValueError, TypeError, ArithmeticError, LookupError, NotImplementedError):
        # Arrow has times that Python has not, and zones in nested values that this machine has not; pandas asks a
        # signalling NaN whether it is one.
        return Evidence(label=label, look=Look.OTHER, n_present=len(column))
    if values.map(lambda value: isinstance(value, _NESTED_TYPES)).any():
        return Evidence(label=label, look=Look.NESTED, n_present=len(values))
    values = values[values.map(lambda value: not (isinstance(value, str) and not value))]
    n_missing = len(column) - len(values)
    if values.empty:
        return Evidence(label=label, look=Look.EMPTY, n_missing=n_missing)
    inferred = _inferred(values)
    if inferred == "boolean":
        return Evidence(
            label=label, look=Look.BOOLEAN, n_present=len(values), n_missing=n_missing, n_distinct=values.nunique()
        )
    return _of_present(label, values, rows, kind=inferred, n_missing=n_missing, float_type=_float_type(column))


def _written_out(values: Values) -> Values:
    """Return UUIDs and bytes as the text that is sent of them."""
    return values.map(_text_of) if _inferred(values) in _UNWRITTEN else values


def _text_of(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    text = text_of(value) if isinstance(value, bytes | bytearray | memoryview) else None
    return value if text is None else text


def _of_present(
    label: Hashable,
    values: Values,
    rows: npt.NDArray[np.int64],
    *,
    kind: str,
    n_missing: int,
    float_type: type[np.floating[Any]],
) -> Evidence:
    if kind not in _TIMELESS and values.map(lambda value: isinstance(value, TIME_TYPES)).any():
        return _of_times(label, values, n_missing=n_missing)
    if kind in _NUMBERS:
        return _of_numbers(label, values, rows, n_missing=n_missing, float_type=float_type)
    if kind in _TEXTS:
        # Not astype: in pandas 3 it asks Arrow, which refuses a column for one character that UTF-8 cannot hold.
        texts = pd.Series([str(value) for value in values], index=values.index, dtype=object)
        return _of_text(label, texts, rows, n_missing=n_missing)
    return Evidence(label=label, look=Look.OTHER, n_present=len(values), n_missing=n_missing)


def _of_times(label: Hashable, values: Values, *, n_missing: int) -> Evidence:
    form = form_of_times(values)
    return Evidence(
        label=label,
        look=Look.TIME if form else Look.OTHER,
        time_form=form,
        n_present=len(values),
        n_missing=n_missing,
        n_distinct=values.nunique() if form else 0,
    )


def _float_type(column: Values) -> type[np.floating[Any]]:
    """Return how exact a column's floats are: the shorter ones hold 19.99 as 19.989999771118164."""
    size = getattr(column.dtype, "itemsize", _DOUBLE_BYTES)
    return np.float32 if size < _DOUBLE_BYTES and pd.api.types.is_float_dtype(column.dtype) else np.float64


def _of_numbers(
    label: Hashable,
    values: Values,
    rows: npt.NDArray[np.int64],
    *,
    n_missing: int,
    float_type: type[np.floating[Any]],
) -> Evidence:
    try:
        numbers = values.astype(float).to_numpy()
    except OverflowError:
        return Evidence(label=label, look=Look.OTHER, n_present=len(values), n_missing=n_missing)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return Evidence(label=label, look=Look.OTHER, n_present=len(values), n_missing=n_missing)
    words = words_of(label)
    form = form_of_numbers(finite, words) if _may_be_time(words) else None
    look = Look.TIME if form else _look_of_numbers(values, finite)
    return Evidence(
        label=label,
        look=look,
        time_form=form,
        n_present=len(values),
        n_missing=n_missing,
        # Not of the floats, which do not tell nanoseconds apart.
        n_distinct=values.nunique(),
        numbers_rows=_counts_up(numbers, rows[values.index]),
        n_not_positive=int((numbers <= 0).sum()),
        came_as_floats=look is Look.WHOLE and _inferred(values) in _FLOATS,
        decimals=_by_row(_decimals_of_numbers(values, numbers.astype(float_type)), values, n_rows=len(rows)),
    )


def _counts_up(numbers: npt.NDArray[np.floating[Any]], rows: npt.NDArray[np.int64]) -> bool:
    return len(numbers) > 1 and bool(np.isfinite(numbers).all()) and len(np.unique(numbers - rows)) == 1


def _decimals_of_numbers(values: Values, numbers: npt.NDArray[np.floating[Any]]) -> Decimals:
    if _inferred(values) == "decimal":
        return decimals_of_texts(values.map(lambda value: format(value, "f")))
    return decimals_of_floats(numbers)


def _by_row(decimals: Decimals, values: Values, *, n_rows: int) -> Decimals:
    """Put decimals in the rows of their values."""
    by_row = np.full(n_rows, -1, dtype=np.int64)
    by_row[values.index] = decimals
    return by_row


def _may_be_time(words: tuple[str, ...]) -> bool:
    """Tell whether a label allows a time: the number of a contact or an invoice may look like a day."""
    return user_id_rank(words) == 0 and (names_a_time(words) or not names_a_code(words))


def _look_of_numbers(values: Values, finite: npt.NDArray[np.floating[Any]]) -> Look:
    if (finite % 1 != 0).any():
        return Look.NUMBER
    # The readers of JSON have floats only, which no longer hold every whole number: such a number is a name.
    is_name = _inferred(values) == "integer" and (np.abs(finite) >= _DOUBLE_EXACT).any()
    return Look.TEXT if is_name else Look.WHOLE


def _of_text(label: Hashable, values: Values, rows: npt.NDArray[np.int64], *, n_missing: int) -> Evidence:
    texts = pd.Series(values.unique(), dtype=object)
    words = words_of(label)
    form = form_of_text(texts, words) if _may_be_time(words) else None
    look = Look.TIME if form else _look_of_text(texts)
    if look is Look.TEXT and names_a_currency(words) and is_currency(values).mean() >= MOST:
        look = Look.CURRENCY
    seen = Evidence(
        label=label,
        look=look,
        time_form=form,
        n_present=len(values),
        n_missing=n_missing,
        n_distinct=len(texts),
        longest=int(texts.str.len().max()),
        has_spaces=bool(texts.str.contains(r"\s").mean() > _FEW),
        n_unlike=_n_unlike(values, look),
        n_numbers=int(values.str.fullmatch(_NUMBER).sum()) if look is Look.TEXT else 0,
        holds_numbers=look is Look.TEXT and holds_numbers(values),
    )
    if look is Look.CURRENCY:
        return replace(seen, decimals=_by_row(decimals_of_currencies(values), values, n_rows=len(rows)))
    return _with_numbers(seen, values, rows) if look in _NUMERIC else seen


def _n_unlike(values: Values, look: Look) -> int:
    if look is Look.CURRENCY:
        return int((~is_currency(values)).sum())
    return int((~values.str.fullmatch(_FORMS[look]).astype(bool)).sum()) if look in _FORMS else 0


def _with_numbers(seen: Evidence, values: Values, rows: npt.NDArray[np.int64]) -> Evidence:
    """Add what only numbers have to the evidence of a column of written ones."""
    numbers = values.astype(float).to_numpy()
    return replace(
        seen,
        is_written=True,
        numbers_rows=_counts_up(numbers, rows[values.index]),
        n_not_positive=int((numbers <= 0).sum()),
        came_as_floats=seen.look is Look.WHOLE and bool(values.str.endswith(".0").any()),
        decimals=_by_row(decimals_of_texts(values), values, n_rows=len(rows)),
    )


def _look_of_text(texts: Values) -> Look:
    for look, form in _FORMS.items():
        if texts.str.fullmatch(form).mean() >= MOST:
            return look
    # These have no exceptions: each would make its row invalid.
    exact = {Look.WHOLE: _WHOLE, Look.NUMBER: _NUMBER, Look.BOOLEAN: _BOOLEAN}
    for look, form in exact.items():
        if texts.str.fullmatch(form).all():
            return look
    return Look.CURRENCY if is_currency(texts).all() else Look.TEXT
