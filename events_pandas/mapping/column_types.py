"""The rule that a bare column becomes: most of its cells decide, and an odd cell is a problem of its row only."""

import datetime as dt
import decimal
import numbers
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.currencies import DECIMALS
from events_pandas.intercom import DATE_SUFFIXES
from events_pandas.mapping.arrow_types import decoded, is_time, is_unsendable, readable
from events_pandas.mapping.rules import Date, Number, Rule, Source, Text, Values, type_word

_DECIDING_SHARE: Final = 3 / 4
"""A column has a type if at least this share of its cells has it."""
_CODES_SHARE: Final = 1 / 100
"""A column holds codes, such as post codes, if at least this share of its numbers has leading zeros."""
_SAMPLED_CELLS: Final = 1_000
"""The cells of a text column in a frame that are counted first: most columns of text hold no numbers at all."""

SHEET_ERRORS: Final = frozenset(
    {
        *("#null!", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#n/a", "#spill!", "#calc!", "#field!"),
        # Excel files have the English words. A CSV file has those that Excel shows: here German, French and Spanish.
        *("#wert!", "#bezug!", "#zahl!", "#nv", "#überlauf!"),
        *("#nul!", "#valeur!", "#nom?", "#nombre!", "#propagation!"),
        *("#¡nulo!", "#¡div/0!", "#¡valor!", "#¡ref!", "#¿nombre?", "#¡num!", "#n/d", "#¡desbordamiento!", "#¡calc!"),
    }
)
"""What a spreadsheet shows in the place of a value that it cannot compute, in lower case."""

NOTHING_WORDS: Final = SHEET_ERRORS | frozenset(
    {
        *("n/a", "n.a.", "na", "nan", "nat", "null", "(null)", "none", "(none)", "nil", "<na>", "undefined"),
        # The last is how MySQL writes NULL.
        *("unknown", "missing", "empty", "(empty)", "(blank)", "-", "--", "---", "?", ".", "\\n"),
    }
)
"""Texts that stand for an absent value, in lower case: they say nothing about the type of their column."""

TYPE_WORDS: Final[dict[type, str]] = {Text: "text", Number: "numbers", Date: "dates"}
"""The words for the types of bare columns in messages."""

# A number has up to 15 digits: a longer one is a code, such as an invoice number, and JSON would lose digits of it.
# Programs write the exponent of a float with a sign; 1E5 without one may be a code.
_NUMBER = r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE][+-][0-9]{1,3})?$"
_SPACES = r"[\s\p{Zs}]*"
# A currency may stand beside a number: a sign such as € and R$, or a code. Other letters make it a code: A4711.
_CURRENCY = rf"(?:[A-Z]{{0,2}}\p{{Sc}}|{'|'.join(map(str.upper, DECIMALS))})?"
_WRITTEN_BY_PEOPLE = r"[+-]?(?:[0-9]+(?:[.,'\x{2019}\p{Zs}][0-9]{3})*)?[.,]?[0-9]+(?:[eE][+-]?[0-9]+)?"
_UNPLAIN = rf"^{_SPACES}{_CURRENCY}{_SPACES}{_WRITTEN_BY_PEOPLE}{_SPACES}{_CURRENCY}{_SPACES}$"
_CODE = r"^(?:0[0-9]+|[1-9][0-9]{15,})$"
_DAY = r"^[1-9][0-9]{7}$"
_TIME = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ].*)?$"
_TEXT_TYPE = pa.large_string()
_NOT_UTF8: Final = (UnicodeDecodeError, pa.ArrowException)
"""What reading a cell raises if a column of text holds other bytes."""
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CellCounts:
    """How many cells of a column look like numbers, times and codes; words for absent values are not counted."""

    numbers: int = 0
    days: int = 0  # the numbers that have eight digits, as 20240131 has
    times: int = 0  # dates and times; of texts those in ISO 8601
    codes: int = 0  # texts of digits with leading zeros, or with more than 15 digits
    others: int = 0
    unplain: int = 0  # the others that a person would read as a number, such as 1,5 and +7 and 9,99 €

    @property
    def total(self) -> int:
        """The number of counted cells."""
        return self.numbers + self.times + self.codes + self.others

    def __add__(self, other: "CellCounts") -> Self:
        return type(self)(**{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)})

    def __mul__(self, times: int) -> Self:
        return type(self)(**{part.name: getattr(self, part.name) * times for part in fields(self)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """A note on the type of a column, given once."""

    code: str
    value: str  # the facts for the note's text, such as "990 numbers among 1,000 values"
    cell: str | None = None  # the text of the cell that the note shows; None: it concerns the whole column
    place: str = ""  # of this cell, such as "line 4 of a.csv"

    def row(self, column: Values) -> int | None:
        """Return the position of the note in some rows of its column; None if its cell is not among them."""
        if self.cell is None:
            return 0
        if not pd.api.types.is_string_dtype(column.dtype):
            return None
        is_shown = column.eq(self.cell).fillna(False).to_numpy(bool)
        return int(is_shown.argmax()) if is_shown.any() else None

    def placed(self) -> "Remark":
        """Return the note with the place in its words: it concerns the column, also if its cell is not read."""
        return self if self.cell is None else Remark(code=self.code, value=f"{self.value} in {self.place}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnType:
    """The rule that a bare column becomes."""

    rule: Rule
    is_final: bool = True  # it holds for later frames of the same stream: not if all cells stand for absent values
    remark: Remark | None = None


def count_texts(texts: pa.Array, label: object = None) -> CellCounts:
    """Count what the cells of a column look like; absent ones are null or empty.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray
        The cells.
    label : hashable, optional
        The column's label, which is not counted: a file that was joined from several has it among its cells.
    """
    words = pa.array([*NOTHING_WORDS, "", str(label).strip().lower()], _TEXT_TYPE)
    is_nothing = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), words)
    telling = texts.filter(pc.and_(texts.is_valid(), pc.invert(is_nothing)))
    counts = {
        name: count_matches(telling, pattern)
        for name, pattern in (("numbers", _NUMBER), ("days", _DAY), ("times", _TIME), ("codes", _CODE))
    }
    others = len(telling) - counts["numbers"] - counts["times"] - counts["codes"]
    unplain = count_matches(telling, _UNPLAIN) - counts["numbers"] - counts["codes"]
    return CellCounts(**counts, others=others, unplain=max(unplain, 0))


def count_matches(texts: pa.Array, pattern: str) -> int:
    """Return how many texts a regular expression is found in."""
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0)


def decide_type(counts: CellCounts, key: str, source: Source, *, is_text: bool) -> ColumnType | None:
    """Return the rule that a column becomes under a metadata key; None if no cell tells anything.

    `is_text` means that the cells are the texts of a file without types. Intercom takes a number for a date if the key
    ends like one of a date.
    """
    if not counts.total:
        return None
    is_date_key = key.endswith(DATE_SUFFIXES)
    # A text that shows a time is a date only under a key that Intercom takes for one.
    dates = counts.times if is_date_key or not is_text else 0
    numbers = 0 if counts.codes >= max(counts.total * _CODES_SHARE, 1) else counts.numbers
    enough = counts.total * _DECIDING_SHARE
    if is_date_key and numbers + dates >= enough:
        # Eight digits are a day in ISO 8601, others count seconds.
        counts_seconds = is_text and numbers - counts.days > counts.days + dates
        return ColumnType(rule=Date(source, unit="s" if counts_seconds else None))
    if dates >= enough:
        return ColumnType(rule=Date(source))
    if numbers >= enough and not is_date_key:
        return ColumnType(rule=Number(source))
    return ColumnType(rule=Text(source), remark=_text_remark(counts, key))


def _text_remark(counts: CellCounts, key: str) -> Remark | None:
    """Return the note on a column that is sent as text although its cells look like numbers or its key is a date's."""
    is_date_key = key.endswith(DATE_SUFFIXES)
    # Intercom takes the values under such a key for dates.
    count = counts.numbers + (counts.times if is_date_key else counts.unplain)
    if not is_date_key and count * 2 <= counts.total:
        return None
    what = "dates" if is_date_key else "numbers"
    return Remark(code="sent_as_text", value=f"{count:,} {what} among {counts.total:,} values")


def decide_type_by_values(values: Values, key: str, source: Source) -> ColumnType | None:
    """Return the rule that a column of a frame becomes under a metadata key; None if it has no value.

    The dtype decides, or for objects and categories all of the cells.
    """
    values = readable(values)
    cells = _WeightedCells.of(values)
    if cells.families().keys() == {"text"}:
        return _type_of_text(values.iloc[np.flatnonzero(values.notna().to_numpy())], key, source)
    return decide_type(cells.counts(source), key, source, is_text=False)


def count_cells(values: Values, source: Source) -> CellCounts:
    """Count what the cells of a chunk are by their types, for a column that is read chunk by chunk.

    The sum over all chunks goes to `decide_type`, with ``is_text=False``: text is text, also if it looks like a number.
    """
    return _WeightedCells.of(readable(values)).counts(source)


@dataclass(frozen=True, slots=True)
class _WeightedCells:
    """Cells that show the types of a column's values, and how many values each stands for."""

    cells: Sequence[object]
    weights: Sequence[int]

    @classmethod
    def of(cls, values: Values) -> Self:
        present = np.flatnonzero(values.notna().to_numpy())
        dtype = values.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            codes, counts = np.unique(values.cat.codes.to_numpy()[present], return_counts=True)
            return cls(dtype.categories.take(codes).tolist(), counts.tolist())
        if isinstance(dtype, pd.ArrowDtype) and is_unsendable(dtype.pyarrow_dtype):
            # pandas does not know the objects of all of these types.
            return cls([object()] * len(present[:1]), [len(present)] * len(present[:1]))
        if pd.api.types.is_object_dtype(dtype):
            return cls(values.to_numpy()[present].tolist(), [1] * len(present))
        if isinstance(dtype, pd.ArrowDtype) and is_time(dtype.pyarrow_dtype):
            # Arrow's times may lie beyond the year 9999, with which those of Python end.
            return cls([dt.date.min] * len(present[:1]), [len(present)] * len(present[:1]))
        # One cell tells the type of all.
        return cls([_cell(values, position) for position in present[:1]], [len(present)] * len(present[:1]))

    def families(self) -> Counter[str]:
        """Return how many values are numbers, times, text or something else."""
        families: Counter[str] = Counter()
        for cell_type, weight in _weighted_types(self.cells, self.weights):
            families[_family(cell_type)] += weight
        return families

    def counts(self, source: Source) -> CellCounts:
        """Count the values; in a mixed column the texts that stand for absent values tell nothing."""
        families = self.families()
        mixed = zip(self.cells, self.weights, strict=True) if families["text"] else ()
        nothing = sum(weight for cell, weight in mixed if _is_nothing(cell, source))
        others = families["text"] + families["other"] - nothing
        return CellCounts(numbers=families["number"], times=families["time"], others=others)


def _cell(values: Values, position: int) -> object:
    try:
        return values.iloc[position]
    except _NOT_UTF8:
        return _UNREADABLE


def _weighted_types(cells: Sequence[object], weights: Sequence[int]) -> Iterable[tuple[type, int]]:
    if len(cells) == sum(weights):
        return Counter(map(type, cells)).items()
    return zip(map(type, cells), weights, strict=True)


@cache
def _family(cell_type: type) -> str:
    """Return whether cells of a Python type are numbers, times, text or something else."""
    return next((family for types, family in _FAMILIES if issubclass(cell_type, types)), "other")


# The order matters: bool is an int, and numpy's timedelta64 passes for one.
_FAMILIES: Final[tuple[tuple[tuple[type, ...], str], ...]] = (
    ((str,), "text"),
    ((bool, np.bool_, np.timedelta64), "other"),
    ((numbers.Integral, float, np.floating, decimal.Decimal), "number"),
    ((dt.date, np.datetime64), "time"),
)


def _is_nothing(cell: object, source: Source) -> bool:
    return isinstance(cell, str) and (cell.strip().lower() in NOTHING_WORDS or cell.strip() in {"", source})


def _type_of_text(values: Values, key: str, source: Source) -> ColumnType:
    """Return Text, with a note if most cells look like something else."""
    counts = count_texts(_texts(values.iloc[:: len(values) // _SAMPLED_CELLS + 1]), source)
    if not counts.total or _text_remark(counts, key) is not None:
        counts = count_texts(_texts(values), source)
    # A column of nothing but numbers was made text on purpose; with an odd cell it may have become text by accident.
    is_meant = counts.numbers == counts.total and not key.endswith(DATE_SUFFIXES)
    remark = None if is_meant else _text_remark(counts, key)
    return ColumnType(rule=Text(source), is_final=counts.total > 0, remark=remark)


def holds_numbers(values: Values) -> bool:
    """Tell whether a file's bare column with these texts, none of them absent, would hold numbers."""
    column_type = decide_type(count_texts(_texts(values)), "", None, is_text=True)
    return column_type is not None and isinstance(column_type.rule, Number)


def _texts(values: Values) -> pa.Array:
    try:
        return pa.array(values.astype(object), _TEXT_TYPE, from_pandas=True)
    except _NOT_UTF8:
        return decoded(pa.array(values.array).cast(pa.large_binary()))[0]
    except UnicodeEncodeError:
        # A lone surrogate, half of a character, which Arrow cannot hold.
        return pa.array([cell.encode(errors="replace").decode() for cell in values.tolist()], _TEXT_TYPE)


def kept_word(rule: Rule) -> str:
    """Return the word with which a journal keeps the type of a bare column: a date in epoch seconds is ``"date s"``."""
    return f"{type_word(rule)} {rule.unit}" if isinstance(rule, Date) and rule.unit else type_word(rule)


def kept_rule(word: str, source: Source) -> Rule | None:
    """Return the rule that `kept_word` gave this word; None for a word of a later version."""
    rules: tuple[Rule, ...] = (Text(source), Number(source), Date(source), Date(source, unit="s"))
    return next((rule for rule in rules if kept_word(rule) == word), None)
