"""The evidence for a proposal: what each column of a frame looks like in a sample of its rows."""

import uuid
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from events_pandas.convert.cells import Rows
from events_pandas.currencies import DECIMALS
from events_pandas.mapping import frame_labels
from events_pandas.mapping.arrow_types import UUID_TYPE, readable, text_of
from events_pandas.mapping.column_types import holds_numbers
from events_pandas.mapping.faults import has_lone_surrogate
from events_pandas.mapping.rules import Values
from events_pandas.suggest.choices import LeftOut, share_text
from events_pandas.suggest.names import names_a_code, names_a_currency, names_a_time, user_id_rank, words_of
from events_pandas.suggest.times import MOST, TIME_TYPES, TimeForm, form_of_numbers, form_of_text, form_of_times

Floats: TypeAlias = npt.NDArray[np.floating[Any]]

_FIRST_ROWS: Final = 5_000
_SPREAD_ROWS: Final = 5_000
"""The most rows that are looked at: the first ones, and others spread over the rest of the frame."""

_FEW: Final = 0.1
_DOUBLE_EXACT: Final = 2**53
_DOUBLE_BYTES: Final = 8
_MANY_DECIMALS: Final = 5
"""Stands for every larger number of decimals: no currency has more than four."""

_EMAIL: Final = r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+"
_URL: Final = r"(?i:https?)://\S+"
_PHONE: Final = r"\+[0-9][0-9 ()/.\-]{6,20}|\([0-9]{2,5}\) ?[0-9][0-9 .\-]{4,14}"
_INTERCOM_ID: Final = r"[0-9a-fA-F]{24}"
# Programs write small numbers with a negative exponent; 1e5 may be the number of a thing.
_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE]-[0-9]{1,3})?"
# Programs that have floats write whole numbers as 42.0, but not as 42.00.
_WHOLE: Final = r"-?(?:0|[1-9][0-9]{0,14})(?:\.0)?"
_BOOLEAN: Final = r"(?i:true|false)"
_FRACTION: Final = r"\.([0-9]*?)0*$"

_NESTED_TYPES: Final = (dict, list, tuple, set, frozenset, np.ndarray)

# Names of pandas.api.types.infer_dtype.
_NUMBERS: Final = {"integer", "floating", "mixed-integer-float", "decimal"}
_TIMES: Final = {"datetime64", "datetime", "date"}
_FLOATS: Final = {"floating", "mixed-integer-float"}
_TEXTS: Final = {"string", "mixed-integer"}
_TIMELESS: Final = {*_NUMBERS, "string"}
_UNWRITTEN: Final = {"bytes", "mixed"}


class ColumnLook(StrEnum):
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


# In this order: https://ada@example.org has the form of an email address, too.
_FORMS: Final = {
    ColumnLook.URL: _URL,
    ColumnLook.EMAIL: _EMAIL,
    ColumnLook.PHONE: _PHONE,
    ColumnLook.INTERCOM_ID: _INTERCOM_ID,
}
# These have no exceptions: each would make its row invalid.
_EXACT_FORMS: Final = {ColumnLook.WHOLE: _WHOLE, ColumnLook.NUMBER: _NUMBER, ColumnLook.BOOLEAN: _BOOLEAN}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What one column, or one level of the index, looks like in the rows looked at."""

    label: Hashable
    look: ColumnLook  # of most of its values
    time_form: TimeForm | None = None  # for times only
    n_present: int = 0
    n_missing: int = 0  # absent values and empty texts
    n_distinct: int = 0
    longest: int = 0  # characters of the longest text
    has_spaces: bool = False  # more than a few texts have a space in them
    numbers_rows: bool = False  # the column counts up from row to row
    n_not_positive: int = 0  # numbers that are zero or negative
    n_unlike: int = 0  # values that do not have the look
    n_numbers: int = 0  # texts that are numbers, where others are not
    holds_numbers: bool = False  # so many texts are numbers that a bare column with them would be one of numbers
    is_written: bool = False  # numbers are texts
    came_as_floats: bool = False  # whole numbers are floats, or texts of floats such as "42.0"
    # Row by row the decimals of each number, or the decimals that each currency allows; -1 for absent values.
    decimals: Rows | None = field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> str:
        """What its values are, in the words of a reason: also whether numbers are texts, and how many are unlike."""
        written = " as text" if self.is_written else ""
        unlike = f"; {share_text(self.n_unlike, self.n_present)} of those looked at are not" if self.n_unlike else ""
        return f"{self.look}{written}{unlike}"

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the label, in lower case."""
        return words_of(self.label)


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a frame looks like."""

    columns: tuple[Evidence, ...]  # in the frame's order, and then the levels of its index
    unusable: tuple[LeftOut, ...]  # what a mapping cannot name
    labels: frozenset[Hashable]  # all labels and names of levels
    n_rows: int
    n_looked_at: int


def survey(frame: pd.DataFrame) -> Survey:
    """Look at a sample of the rows of a frame, which is not changed."""
    rows = sampled_rows(len(frame))
    sources = dict(_sources(frame, rows))
    labels = frame_labels(frame)
    return Survey(
        columns=tuple(evidence_of(label, values, rows) for label, values in sources.items()),
        unusable=tuple(_unusable(frame, labels)),
        labels=frozenset(labels),
        n_rows=len(frame),
        n_looked_at=len(rows),
    )


def sampled_rows(n_rows: int) -> Rows:
    """Return which rows are looked at, ascending: the first, and some spread over the rest, the last one included."""
    if n_rows <= _FIRST_ROWS + _SPREAD_ROWS:
        return np.arange(n_rows, dtype=np.int64)
    spread = np.linspace(_FIRST_ROWS, n_rows - 1, _SPREAD_ROWS).astype(np.int64)
    return np.concatenate([np.arange(_FIRST_ROWS, dtype=np.int64), spread])


def _sources(frame: pd.DataFrame, rows: Rows) -> "Iterator[tuple[Hashable, Values]]":
    """Yield the columns and levels that a mapping can name, with their values in some rows."""
    counts = Counter(frame.columns)
    for position, label in enumerate(frame.columns):
        if counts[label] == 1 and (plain := _plain(label)) is not None:
            yield plain, readable(frame.iloc[:, position]).iloc[rows]
    levels = Counter(frame.index.names)
    for level, name in enumerate(frame.index.names):
        if levels[name] == 1 and name not in counts and (plain := _plain(name)) is not None:
            yield plain, readable(pd.Series(frame.index.get_level_values(level))).iloc[rows]


def _plain(label: Hashable) -> Any:
    """Return a label as Python and TOML can both write it; None if they cannot."""
    if isinstance(label, tuple):
        parts = tuple(_plain(part) for part in label)
        return None if any(part is None or isinstance(part, tuple) for part in parts) else parts
    if isinstance(label, str):
        return None if has_lone_surrogate(label) else str(label)
    if isinstance(label, int | np.integer) and not isinstance(label, bool):
        return int(label)
    return None


def _unusable(frame: pd.DataFrame, labels: list[Hashable]) -> Iterator[LeftOut]:
    for label, count in Counter(labels).items():
        if _plain(label) is None:
            yield LeftOut(label=label, reason="TOML cannot hold this label: rename it to a text")
        elif count > 1:
            reason = f"{count} columns or index levels have this name: rename all but one"
            yield LeftOut(label=label, reason=reason)
    is_counter = isinstance(frame.index, pd.RangeIndex)
    if None in frame.index.names and not is_counter and _inferred(readable(frame.index[:1].to_series())) in _TIMES:
        yield LeftOut(label=None, reason='the index has no name: give it one with frame.rename_axis("...")')


def _inferred(values: Any) -> str:
    return pd.api.types.infer_dtype(values, skipna=True)


def evidence_of(label: Hashable, column: Values, rows: Rows) -> Evidence:
    """Return what a column looks like, of any dtype; `rows` are the positions of its values in the frame."""
    kind = getattr(column.dtype, "pyarrow_dtype", pa.null())
    if pa.types.is_nested(kind):
        return Evidence(label=label, look=ColumnLook.NESTED, n_present=len(column))
    try:
        values = pd.Series(np.asarray(column, dtype=object), dtype=object)
        if kind == UUID_TYPE:
            values = values.map(lambda octets: uuid.UUID(bytes=octets), na_action="ignore")
        values = _written_out(values[values.notna()])
    except (ValueError, TypeError, ArithmeticError, LookupError, NotImplementedError):
        # Arrow has times that Python does not have, and zones in nested values that this machine does not know; pandas
        # fails when it asks a signalling NaN whether it is a NaN.
        return Evidence(label=label, look=ColumnLook.OTHER, n_present=len(column))
    if values.map(lambda value: isinstance(value, _NESTED_TYPES)).any():
        return Evidence(label=label, look=ColumnLook.NESTED, n_present=len(values))
    values = values[values.map(lambda value: not (isinstance(value, str) and not value))]
    seen = Evidence(label=label, look=ColumnLook.OTHER, n_present=len(values), n_missing=len(column) - len(values))
    return replace(seen, look=ColumnLook.EMPTY) if values.empty else _of_present(seen, values, rows, dtype=column.dtype)


def _written_out(values: Values) -> Values:
    """Return UUIDs and bytes as the text that is sent of them."""
    return values.map(_text_of) if _inferred(values) in _UNWRITTEN else values


def _text_of(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    text = text_of(value) if isinstance(value, bytes | bytearray | memoryview) else None
    return value if text is None else text


def _of_present(seen: Evidence, values: Values, rows: Rows, *, dtype: Any) -> Evidence:
    inferred = _inferred(values)
    if inferred == "boolean":
        return replace(seen, look=ColumnLook.BOOLEAN, n_distinct=values.nunique())
    if inferred not in _TIMELESS and values.map(lambda value: isinstance(value, TIME_TYPES)).any():
        form = form_of_times(values)
        return replace(seen, look=ColumnLook.TIME, time_form=form, n_distinct=values.nunique()) if form else seen
    if inferred in _NUMBERS:
        return _of_numbers(seen, values, rows, float_type=_float_type(dtype))
    if inferred in _TEXTS:
        # Not astype: in pandas 3 it asks Arrow, which refuses a column for one character that UTF-8 cannot hold.
        return _of_text(seen, pd.Series([str(value) for value in values], index=values.index, dtype=object), rows)
    return seen


def _float_type(dtype: Any) -> type[np.floating[Any]]:
    """Return how exact a column's floats are: the shorter ones hold 19.99 as 19.989999771118164."""
    is_short = getattr(dtype, "itemsize", _DOUBLE_BYTES) < _DOUBLE_BYTES and pd.api.types.is_float_dtype(dtype)
    return np.float32 if is_short else np.float64


def _of_numbers(seen: Evidence, values: Values, rows: Rows, *, float_type: type[np.floating[Any]]) -> Evidence:
    try:
        numbers = values.astype(float).to_numpy()
    except OverflowError:
        return seen
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return seen
    form = form_of_numbers(finite, seen.words) if _may_be_time(seen.words) else None
    look = ColumnLook.TIME if form else _look_of_numbers(values, finite)
    if _inferred(values) == "decimal":
        decimals = _decimals_of_texts(values.map(lambda value: format(value, "f")))
    else:
        decimals = _decimals_of_floats(numbers.astype(float_type))
    return replace(
        _with_numbers(seen, values, rows, numbers=numbers, decimals=decimals),
        look=look,
        time_form=form,
        # Not of the floats, which do not tell nanoseconds apart.
        n_distinct=values.nunique(),
        came_as_floats=look is ColumnLook.WHOLE and _inferred(values) in _FLOATS,
    )


def _with_numbers(seen: Evidence, values: Values, rows: Rows, *, numbers: Floats, decimals: Rows) -> Evidence:
    """Add the evidence that only numbers have, written ones too."""
    is_series = len(numbers) > 1 and bool(np.isfinite(numbers).all())
    return replace(
        seen,
        numbers_rows=is_series and len(np.unique(numbers - rows[values.index])) == 1,
        n_not_positive=int((numbers <= 0).sum()),
        decimals=_by_row(decimals, values, n_rows=len(rows)),
    )


def _by_row(decimals: Rows, values: Values, *, n_rows: int) -> Rows:
    """Put decimals in the rows of their values."""
    by_row = np.full(n_rows, -1, dtype=np.int64)
    by_row[values.index] = decimals
    return by_row


def _decimals_of_floats(numbers: Floats) -> Rows:
    """Return how many decimals the shortest decimal of each float has; 0.1 + 0.2 is not 0.3 and has many."""
    decimals = np.full(len(numbers), _MANY_DECIMALS, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        for count in reversed(range(_MANY_DECIMALS)):
            rounded = np.rint(numbers.astype(np.float64) * 10**count) / 10**count
            decimals[rounded.astype(numbers.dtype) == numbers] = count
    return decimals


def _decimals_of_texts(texts: Values) -> Rows:
    """Return how many decimals written numbers have without closing zeros; no amount has an exponent."""
    fractions = texts.str.extract(_FRACTION, expand=False).fillna("")
    return np.where(texts.str.contains("e", case=False), _MANY_DECIMALS, fractions.str.len()).astype(np.int64)


def _is_currency(texts: Values) -> Values:
    """Tell which texts are codes of ISO 4217 with a minor unit, today's or withdrawn ones, in either case."""
    return texts.str.lower().isin(list(DECIMALS))


def _may_be_time(words: tuple[str, ...]) -> bool:
    """Tell whether a label allows a time: the number of a contact or an invoice may look like a day."""
    return user_id_rank(words) == 0 and (names_a_time(words) or not names_a_code(words))


def _look_of_numbers(values: Values, finite: Floats) -> ColumnLook:
    if (finite % 1 != 0).any():
        return ColumnLook.NUMBER
    # Readers of JSON have floats only, which do not hold every whole number of this size: such a number is a name.
    is_name = _inferred(values) == "integer" and (np.abs(finite) >= _DOUBLE_EXACT).any()
    return ColumnLook.TEXT if is_name else ColumnLook.WHOLE


def _of_text(seen: Evidence, values: Values, rows: Rows) -> Evidence:
    texts = pd.Series(values.unique(), dtype=object)
    form = form_of_text(texts, seen.words) if _may_be_time(seen.words) else None
    look = ColumnLook.TIME if form else _look_of_text(texts)
    if look is ColumnLook.TEXT and names_a_currency(seen.words) and _is_currency(values).mean() >= MOST:
        look = ColumnLook.CURRENCY
    seen = replace(
        seen,
        look=look,
        time_form=form,
        n_distinct=len(texts),
        longest=int(texts.str.len().max()),
        has_spaces=bool(texts.str.contains(r"\s").mean() > _FEW),
        n_unlike=_n_unlike(values, look),
        n_numbers=int(values.str.fullmatch(_NUMBER).sum()) if look is ColumnLook.TEXT else 0,
        holds_numbers=look is ColumnLook.TEXT and holds_numbers(values),
    )
    if look is ColumnLook.CURRENCY:
        allowed = np.asarray(values.str.lower().map(dict(DECIMALS)).fillna(-1), dtype=np.int64)
        return replace(seen, decimals=_by_row(allowed, values, n_rows=len(rows)))
    if look not in {ColumnLook.WHOLE, ColumnLook.NUMBER}:
        return seen
    came_as_floats = look is ColumnLook.WHOLE and bool(values.str.endswith(".0").any())
    seen = replace(seen, is_written=True, came_as_floats=came_as_floats)
    numbers = values.astype(float).to_numpy()
    return _with_numbers(seen, values, rows, numbers=numbers, decimals=_decimals_of_texts(values))


def _n_unlike(values: Values, look: ColumnLook) -> int:
    if look is ColumnLook.CURRENCY:
        return int((~_is_currency(values)).sum())
    return int((~values.str.fullmatch(_FORMS[look]).astype(bool)).sum()) if look in _FORMS else 0


def _look_of_text(texts: Values) -> ColumnLook:
    for look, form in _FORMS.items():
        if texts.str.fullmatch(form).mean() >= MOST:
            return look
    for look, form in _EXACT_FORMS.items():
        if texts.str.fullmatch(form).all():
            return look
    return ColumnLook.CURRENCY if _is_currency(texts).all() else ColumnLook.TEXT
