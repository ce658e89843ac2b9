"""The evidence for a proposal: what a column looks like in the rows that are looked at."""

import uuid
from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import infer_dtype

from events_pandas.convert.cells import DOUBLE_EXACT, Rows
from events_pandas.convert.decimal_signs import number_cures
from events_pandas.convert.odd_texts import END_CHARACTERS
from events_pandas.convert.time_formats import MOST
from events_pandas.currencies import DECIMALS
from events_pandas.mapping.arrow_types import UUID_TYPE, text_of
from events_pandas.mapping.column_types import holds_numbers
from events_pandas.mapping.rules import Values
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.suggest.choices import share_text
from events_pandas.suggest.names import may_name_a_time, names_a_currency, words_of
from events_pandas.suggest.signs import plainly, unclear_number
from events_pandas.suggest.times import TIME_TYPES, TimeForm, form_of_numbers, form_of_texts, form_of_times
from events_pandas.words import quoted

_NO_TIMES: Final = TimeForm(description="", is_naive=False)
_FEW: Final = 0.1
_PROBED: Final = 100
"""The texts that are tried before all are."""

_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE]-[0-9]{1,3})?|\+(?:0|[1-9][0-9]{0,14})\.[0-9]+"
"""Programs write small numbers with a negative exponent; 1e5 may be the number of a thing, and +49 its code."""

_NESTED_TYPES: Final = (dict, list, tuple, set, frozenset, np.ndarray)

# Names of infer_dtype.
_NUMBERS: Final = {"integer", "floating", "mixed-integer-float", "decimal"}
_FLOATS: Final = {"floating", "mixed-integer-float"}
TIMES: Final = {"datetime64", "datetime", "date"}
_TEXTS: Final = {"string", "mixed-integer"}
_TIMELESS: Final = {*_NUMBERS, "string", "boolean", "empty"}
_UNWRITTEN: Final = {"bytes", "mixed"}
_TEXT_KIND: Final = "string"
_NESTED_KIND: Final = "nested"
"""Our own name: pandas has none."""


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


_LOOKS: Final = {"empty": ColumnLook.EMPTY, "boolean": ColumnLook.BOOLEAN, _NESTED_KIND: ColumnLook.NESTED}

# In this order: https://ada@example.org has the form of an email address, too.
_FORMS: Final = {
    ColumnLook.URL: r"(?i:https?)://\S+",
    ColumnLook.EMAIL: r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+",
    ColumnLook.PHONE: r"\+[0-9][0-9 ()/.\-]{6,20}|\([0-9]{2,5}\) ?[0-9][0-9 .\-]{4,14}",
    ColumnLook.INTERCOM_ID: r"[0-9a-fA-F]{24}",
}
# These have no exceptions: each would make its row invalid.
_EXACT_FORMS: Final = {
    # Programs that have floats write whole numbers as 42.0, but not as 42.00.
    ColumnLook.WHOLE: r"-?(?:0|[1-9][0-9]{0,14})(?:\.0)?",
    ColumnLook.NUMBER: _NUMBER,
    ColumnLook.BOOLEAN: r"(?i:true|false)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What one column, or one level of the index, looks like in the rows looked at."""

    label: Hashable
    look: ColumnLook  # of most of its values
    time_form: TimeForm = _NO_TIMES  # for times only
    n_present: int = 0
    n_missing: int = 0  # absent values and empty texts
    n_distinct: int = 0
    longest: int = 0  # characters of the longest text
    has_spaces: bool = False  # more than a few texts have a space in them
    has_odd_ends: bool = False  # some texts have blanks or invisible characters at an end
    numbers_rows: bool = False  # the column counts up from row to row
    n_unlike: int = 0  # values that do not have the look
    n_numbers: int = 0  # texts that are numbers, where others are not
    numbers: ColumnLook | None = None  # of most values, if a bare column with them would be one of numbers
    near_number: str = ""  # how to read most texts as numbers, with a text that is not a plain one
    currency: str = ""  # the one that stands beside all numbers of these texts, such as "eur" for € and EUR
    is_written: bool = False  # numbers are texts
    came_as_floats: bool = False  # whole numbers are floats, or texts of floats such as "42.0"
    guessed_sign: DecimalSign | None = None  # of texts such as 1.234, which do not show it
    unclear_number: str = ""  # the first of these
    has_minor_units: bool = False  # some of its currencies are divided, as euros are into cents

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


def evidence_of(
    label: Hashable, column: Values, rows: Rows, *, sign: DecimalSign | None = None, is_given: bool = False
) -> Evidence:
    """Return what a column looks like, of any dtype.

    `rows` are the positions of its values in the frame, and `sign` is the decimal sign of numbers among texts: a
    person has given it, or other texts show it.
    """
    try:
        cells, kind = _present_cells(column)
    except (ValueError, TypeError, ArithmeticError, LookupError, NotImplementedError):
        # Arrow has times that Python does not have, and zones in nested values that this machine does not know; pandas
        # fails when it asks a signalling NaN whether it is a NaN.
        return Evidence(label=label, look=ColumnLook.OTHER, n_present=len(column))
    unclear = None
    if sign is not None and kind == _TEXT_KIND:
        unclear = None if is_given else unclear_number(cells.tolist(), sign)
        cells = pd.Series(plainly(cells.tolist(), sign), index=cells.index, dtype=object)
    found = _look_of(cells, kind, words_of(label))
    look, form = (ColumnLook.TIME, found) if isinstance(found, TimeForm) else (found, _NO_TIMES)
    seen = Evidence(
        label=label,
        look=look,
        time_form=form,
        n_present=len(cells),
        n_missing=len(column) - len(cells),
        numbers=look if look in {ColumnLook.WHOLE, ColumnLook.NUMBER} else None,
        guessed_sign=None if unclear is None else sign,
        unclear_number=unclear or "",
    )
    if look in {ColumnLook.EMPTY, ColumnLook.NESTED, ColumnLook.OTHER}:
        return seen
    if kind == _TEXT_KIND:
        return _with_texts(seen, cells, rows)
    return replace(
        seen,
        # Not of floats, which do not tell nanoseconds apart.
        n_distinct=cells.nunique(),
        numbers_rows=kind in _NUMBERS and _numbers_rows(cells, rows),
        came_as_floats=look is ColumnLook.WHOLE and kind in _FLOATS,
    )


def _with_texts(seen: Evidence, cells: Values, rows: Rows) -> Evidence:
    """Add the evidence of texts, written numbers among them."""
    texts = pd.Series(cells.unique(), dtype=object)
    is_text, is_written = seen.look is ColumnLook.TEXT, seen.look in {ColumnLook.WHOLE, ColumnLook.NUMBER}
    is_currency = seen.look is ColumnLook.CURRENCY
    near_number = _near_number(texts) if is_text else ""
    return replace(
        seen,
        n_distinct=len(texts),
        longest=int(texts.str.len().max()),
        has_spaces=bool(texts.str.contains(r"\s").mean() > _FEW),
        has_odd_ends=bool((texts.str.strip(END_CHARACTERS) != texts).any()),
        numbers_rows=is_written and _numbers_rows(cells, rows),
        n_unlike=_count_unlike(cells, seen.look),
        n_numbers=int(cells.str.fullmatch(_NUMBER).sum()) if is_text else 0,
        numbers=_look_of_most_numbers(texts) if is_text and holds_numbers(cells) else seen.numbers,
        near_number=near_number,
        currency=_currency(texts) if near_number else "",
        is_written=is_written,
        came_as_floats=seen.look is ColumnLook.WHOLE and bool(texts.str.endswith(".0").any()),
        has_minor_units=is_currency and any(DECIMALS.get(text.lower(), 0) for text in texts),
    )


def _look_of_most_numbers(texts: Values) -> ColumnLook:
    numbers = texts[texts.str.fullmatch(_NUMBER)]
    is_whole = numbers.str.fullmatch(_EXACT_FORMS[ColumnLook.WHOLE]).all()
    return ColumnLook.WHOLE if is_whole else ColumnLook.NUMBER


def _near_number(texts: Values) -> str:
    """Say how to read distinct texts as numbers, if most are numbers or would be with a decimal sign or no currency."""
    if all(cure is None for cure in _cures(texts.head(_PROBED))):
        return ""
    cures = pd.Series(_cures(texts), dtype=object)
    is_number = texts.str.fullmatch(_NUMBER)
    is_near = cures.notna() & ~is_number
    if not is_near.any() or (is_near | is_number).mean() < MOST:
        return ""
    return f"{quoted(texts[is_near].iloc[0])}: {cures[is_near].iloc[0]}"


def _currency(texts: Values) -> str:
    """Return the currency that stands beside all numbers; empty if there are several, or a sign stands for several."""
    beside = texts.str.replace(r"[\d\s.,'\u2019+-]", "", regex=True).str.lower().str.replace("€", "eur").unique()
    return str(beside[0]) if len(beside) == 1 and beside[0] in DECIMALS else ""


def _cures(texts: Values) -> list[str | None]:
    """Say how to read each text as a number; None for numbers, and for texts with letters that name no currency."""
    # Half of a character is not part of a number.
    written = [text.encode(errors="replace").decode() for text in texts]
    cures: list[str | None] = number_cures(pa.array(written, pa.large_string())).to_pylist()
    letters = ("".join(filter(str.isalpha, text)).lower() for text in written)
    return [cure if not word or word in DECIMALS else None for cure, word in zip(cures, letters, strict=True)]


def _numbers_rows(cells: Values, rows: Rows) -> bool:
    """Tell whether numbers count up by one from row to row."""
    numbers = cells.astype(float).to_numpy()
    is_series = len(numbers) > 1 and bool(np.isfinite(numbers).all())
    return is_series and len(np.unique(numbers - rows[cells.index])) == 1


def _present_cells(column: Values) -> tuple[Values, str]:
    """Return the cells of a column that have a value, by their positions, and their kind as pandas infers it.

    UUIDs and bytes are the texts that are sent of them, and a column of texts and numbers is one of texts.
    """
    if pa.types.is_nested(getattr(column.dtype, "pyarrow_dtype", pa.null())):
        return column, _NESTED_KIND
    cells = pd.Series(np.asarray(column, dtype=object), dtype=object)
    if getattr(column.dtype, "pyarrow_dtype", None) == UUID_TYPE:
        cells = cells.map(lambda octets: uuid.UUID(bytes=octets), na_action="ignore")
    cells = cells[cells.notna()]
    if cells.map(lambda cell: isinstance(cell, _NESTED_TYPES)).any():
        return cells, _NESTED_KIND
    if infer_dtype(cells) in _UNWRITTEN:
        cells = cells.map(_written)
    cells = cells[cells.map(lambda cell: not (isinstance(cell, str) and not cell))]
    kind = infer_dtype(cells) if len(cells) else "empty"
    if kind not in _TIMELESS and cells.map(lambda cell: isinstance(cell, TIME_TYPES)).any():
        return cells, "datetime"
    if kind in _TEXTS:
        # Not astype: in pandas 3 it asks Arrow, which refuses a column for one character that UTF-8 cannot hold.
        return pd.Series([str(cell) for cell in cells], index=cells.index, dtype=object), _TEXT_KIND
    return cells, kind


def _written(cell: object) -> object:
    """Return a UUID or bytes as text; other cells, and bytes that are not text, as they are."""
    if isinstance(cell, uuid.UUID):
        return str(cell)
    text = text_of(cell) if isinstance(cell, bytes | bytearray | memoryview) else None
    return cell if text is None else text


def _look_of(cells: Values, kind: str, words: tuple[str, ...]) -> ColumnLook | TimeForm:
    """Return what the present cells of a column look like, given the words of its label: of times their form."""
    if kind in _NUMBERS:
        return _look_of_numbers(cells, kind, words)
    if kind == _TEXT_KIND:
        return _look_of_texts(cells, words)
    if kind in TIMES:
        return form_of_times(cells) or ColumnLook.OTHER
    return _LOOKS.get(kind, ColumnLook.OTHER)


def _look_of_numbers(cells: Values, kind: str, words: tuple[str, ...]) -> ColumnLook | TimeForm:
    try:
        numbers = cells.astype(float).to_numpy()
    except OverflowError:
        return ColumnLook.OTHER
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return ColumnLook.OTHER
    if may_name_a_time(words) and (form := form_of_numbers(finite, words)) is not None:
        return form
    if (finite % 1 != 0).any():
        return ColumnLook.NUMBER
    # Readers of JSON have floats only, which do not hold every whole number of this size: such a number is a name.
    is_name = kind == "integer" and (np.abs(finite) >= DOUBLE_EXACT).any()
    return ColumnLook.TEXT if is_name else ColumnLook.WHOLE


def _look_of_texts(cells: Values, words: tuple[str, ...]) -> ColumnLook | TimeForm:
    texts = pd.Series(cells.unique(), dtype=object)
    if may_name_a_time(words) and (form := form_of_texts(texts, words)) is not None:
        return form
    for look in _FORMS:
        if _is_like(texts, look).mean() >= MOST:
            return look
    for look, exact in _EXACT_FORMS.items():
        if texts.str.fullmatch(exact).all():
            return look
    is_currency = _is_like(texts, ColumnLook.CURRENCY).all() or (
        names_a_currency(words) and _is_like(cells, ColumnLook.CURRENCY).mean() >= MOST
    )
    return ColumnLook.CURRENCY if is_currency else ColumnLook.TEXT


def _is_like(texts: Values, look: ColumnLook) -> "pd.Series[bool]":
    """Tell which texts have a form; a currency is a code of ISO 4217 with a minor unit, in either case."""
    if look is ColumnLook.CURRENCY:
        return texts.str.lower().isin(list(DECIMALS))
    return texts.str.fullmatch(_FORMS[look]).astype(bool)


def _count_unlike(texts: Values, look: ColumnLook) -> int:
    """Return how many texts do not have the look of their column."""
    has_exceptions = look in _FORMS or look is ColumnLook.CURRENCY
    return int((~_is_like(texts, look)).sum()) if has_exceptions else 0
