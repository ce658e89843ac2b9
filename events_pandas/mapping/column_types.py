"""What a bare column becomes: most of its cells decide, and an odd cell is the problem of its own row."""

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

from events_pandas.intercom import DATE_SUFFIXES
from events_pandas.mapping.rules import Date, Number, Rule, Source, Text, Values
from events_pandas.mapping.arrow_types import readable

MASS: Final = 3 / 4
"""A type is that of a column if at least this share of its cells has it."""
CODES_SHARE: Final = 1 / 100
"""From this share of numbers with leading zeros on, a column holds codes, such as post codes."""
SAMPLED_CELLS: Final = 1_000
"""Cells of a frame's text column that are looked at first: most columns of text hold no numbers at all."""

NOTHING_WORDS: Final = frozenset(
    {
        *("n/a", "#n/a", "n.a.", "na", "nan", "nat", "null", "(null)", "none", "(none)", "nil", "<na>", "undefined"),
        # The last is how MySQL writes NULL.
        *("unknown", "missing", "empty", "(empty)", "(blank)", "-", "--", "---", "?", ".", "\\n"),
    }
)
"""Texts that stand for an absent value, in lower case: they tell nothing about the type of their column."""

TYPE_WORDS: Final[dict[type, str]] = {Text: "text", Number: "numbers", Date: "dates"}
"""How to speak of what a bare column becomes."""

_KEPT_WORDS: Final = {Text: "text", Number: "number", Date: "date"}

# Up to 15 digits: what is longer is the number of something, such as an invoice, and a JSON number would lose digits.
# Floats are written with an exponent that has a sign; 1E5 without one may be a code.
_NUMBER = r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE][+-][0-9]{1,3})?$"
_UNPLAIN = r"^\s*[+-]?(?:[0-9]+(?:[.,' ][0-9]{3})*)?[.,]?[0-9]+(?:[eE][+-]?[0-9]+)?\s*$"
_CODE = r"^(?:0[0-9]+|[1-9][0-9]{15,})$"
_DAY = r"^[1-9][0-9]{7}$"
_TIME = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ].*)?$"
_TEXT_TYPE = pa.large_string()


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """How many cells of a column look like numbers, times, codes and others; words for absent values are left out.

    Parameters
    ----------
    numbers : int
        Plain numbers.
    days : int
        Those of them that have eight digits, as 20240131 has.
    times : int
        Dates and times; of texts those in ISO 8601.
    codes : int
        Texts of digits that are not plain numbers: with leading zeros, or with more than 15 digits.
    others : int
        Everything else.
    unplain : int
        Those of the others that a person would read as a number, such as ``1,5`` and ``+7``.
    """

    numbers: int = 0
    days: int = 0
    times: int = 0
    codes: int = 0
    others: int = 0
    unplain: int = 0

    @property
    def total(self) -> int:
        """The number of cells that are counted."""
        return self.numbers + self.times + self.codes + self.others

    def __add__(self, other: "Looks") -> Self:
        return type(self)(**{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """A note on the type of a bare column, told once.

    Parameters
    ----------
    code : str
        The code of the note.
    value : str
        What the note speaks of, such as ``"990 plain numbers among 1,000 values"``.
    """

    code: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a bare column becomes.

    Parameters
    ----------
    rule : Text, Number or Date
        Its rule.
    is_final : bool, default True
        Whether later frames of the same stream are held to it: not where all cells stand for absent values.
    remark : Remark, optional
        What the user has to know of it.
    """

    rule: Rule
    is_final: bool = True
    remark: Remark | None = None


def text_looks(texts: pa.Array, label: object = None) -> Looks:
    """Count what texts look like.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray
        Cells of a column; absent ones are null or empty.
    label : hashable, optional
        The column's label: a file that was joined from several has it among its cells.

    Returns
    -------
    Looks
        The counts.
    """
    words = pa.array([*NOTHING_WORDS, "", str(label).strip().lower()], _TEXT_TYPE)
    is_nothing = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), words)
    telling = texts.filter(pc.and_(texts.is_valid(), pc.invert(is_nothing)))
    counts = {
        name: _count(telling, pattern)
        for name, pattern in (("numbers", _NUMBER), ("days", _DAY), ("times", _TIME), ("codes", _CODE))
    }
    others = len(telling) - counts["numbers"] - counts["times"] - counts["codes"]
    unplain = _count(telling, _UNPLAIN) - counts["numbers"] - counts["codes"]
    return Looks(**counts, others=others, unplain=max(unplain, 0))


def _count(texts: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0)


def decide(looks: Looks, key: str, source: Source, *, is_text: bool) -> Decision | None:
    """Decide what a column becomes.

    Parameters
    ----------
    looks : Looks
        What its cells look like.
    key : str
        The metadata key: Intercom takes numbers for dates where it ends as a date's does.
    source : hashable, Constant, callable or pandas expression
        What is read.
    is_text : bool
        Whether the cells are the texts of a file without types.

    Returns
    -------
    Decision or None
        None if no cell tells anything.
    """
    if not looks.total:
        return None
    is_date_key = key.endswith(DATE_SUFFIXES)
    # A text that shows a time is a date only where Intercom takes it for one.
    dates = looks.times if is_date_key or not is_text else 0
    numbers = 0 if looks.codes >= max(looks.total * CODES_SHARE, 1) else looks.numbers
    if is_date_key and numbers + dates >= looks.total * MASS:
        # Eight digits are a day in ISO 8601, others count seconds.
        counts_seconds = is_text and numbers - looks.days > looks.days + dates
        return Decision(rule=Date(source, unit="s" if counts_seconds else None))
    if dates >= looks.total * MASS:
        return Decision(rule=Date(source))
    if numbers >= looks.total * MASS and not is_date_key:
        return Decision(rule=Number(source))
    return Decision(rule=Text(source), remark=text_remark(looks, key))


def text_remark(looks: Looks, key: str) -> Remark | None:
    """Return the note on a column that is sent as text, if its cells look like numbers or its key is a date's.

    Parameters
    ----------
    looks : Looks
        What its cells look like.
    key : str
        The metadata key.

    Returns
    -------
    Remark or None
        None for a column of text.
    """
    if key.endswith(DATE_SUFFIXES):
        # Intercom takes what is sent under such a key for a date.
        dates = looks.numbers + looks.times
        return Remark(code="sent_as_text", value=f"{dates:,} dates among {looks.total:,} values")
    numbers = looks.numbers + looks.unplain
    if numbers * 2 <= looks.total:
        return None
    return Remark(code="sent_as_text", value=f"{numbers:,} numbers among {looks.total:,} values")


def decide_by_values(values: Values, key: str, source: Source) -> Decision | None:
    """Decide what a column of a frame becomes, from its dtype or, for objects and categories, from all of its cells.

    Parameters
    ----------
    values : pandas.Series
        The column, of any dtype.
    key : str
        The metadata key.
    source : hashable, Constant, callable or pandas expression
        What is read.

    Returns
    -------
    Decision or None
        None if the column has no value.
    """
    values = readable(values)
    present = np.flatnonzero(values.notna().to_numpy())
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes, counts = np.unique(values.cat.codes.to_numpy()[present], return_counts=True)
        cells, weights = dtype.categories.take(codes).tolist(), counts.tolist()
    elif pd.api.types.is_object_dtype(dtype):
        cells, weights = values.to_numpy()[present].tolist(), [1] * len(present)
    else:
        # One cell tells the type of all.
        cells, weights = [values.iloc[position] for position in present[:1]], [len(present)]
    families: Counter[str] = Counter()
    for cell_type, weight in _weighted_types(cells, weights):
        families[_family(cell_type)] += weight
    if families.keys() == {"text"}:
        return _text_decision(values.iloc[present], key, source)
    # Of mixed cells the texts that stand for absent values tell nothing.
    mixed = zip(cells, weights, strict=True) if families["text"] else ()
    nothing = sum(weight for cell, weight in mixed if _is_nothing(cell, source))
    others = families["text"] + families["other"] - nothing
    return decide(Looks(numbers=families["number"], times=families["time"], others=others), key, source, is_text=False)


def _weighted_types(cells: Sequence[object], weights: Sequence[int]) -> Iterable[tuple[type, int]]:
    if len(cells) == sum(weights):
        return Counter(map(type, cells)).items()
    return zip(map(type, cells), weights, strict=True)


@cache
def _family(cell_type: type) -> str:
    """Return what cells of a Python type are to a column: numbers, times, text or something else."""
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


def _text_decision(values: Values, key: str, source: Source) -> Decision:
    """Decide that a column of text is text, and look whether most of it is something else."""
    looks = text_looks(_texts(values.iloc[:: len(values) // SAMPLED_CELLS + 1]), source)
    if not looks.total or text_remark(looks, key) is not None:
        looks = text_looks(_texts(values), source)
    # Numbers whose dtype is text are text: only those beside an odd cell may have become it by accident.
    is_meant = looks.numbers == looks.total and not key.endswith(DATE_SUFFIXES)
    remark = None if is_meant else text_remark(looks, key)
    return Decision(rule=Text(source), is_final=looks.total > 0, remark=remark)


def holds_numbers(values: Values) -> bool:
    """Tell whether a bare column of a file with such texts would be one of numbers.

    Parameters
    ----------
    values : pandas.Series
        Texts, none of them absent.

    Returns
    -------
    bool
        Whether most of them are numbers; an odd one is a problem of its row.
    """
    decision = decide(text_looks(_texts(values)), "", None, is_text=True)
    return decision is not None and isinstance(decision.rule, Number)


def _texts(values: Values) -> pa.Array:
    try:
        return pa.array(values.astype(object), _TEXT_TYPE, from_pandas=True)
    except UnicodeEncodeError:
        # Half of a character, which Arrow cannot hold.
        return pa.array([cell.encode(errors="replace").decode() for cell in values.tolist()], _TEXT_TYPE)


def kept_word(rule: Rule) -> str:
    """Return the word under which a journal keeps the type of a bare column.

    Parameters
    ----------
    rule : Text, Number or Date
        What the column became.

    Returns
    -------
    str
        ``"text"``, ``"number"``, ``"date"`` or, for epoch seconds, ``"date s"``.
    """
    word = _KEPT_WORDS[type(rule)]
    return f"{word} {rule.unit}" if isinstance(rule, Date) and rule.unit else word


def kept_rule(word: str, source: Source) -> Rule | None:
    """Return the type of a bare column that a journal keeps.

    Parameters
    ----------
    word : str
        As `kept_word` returns it.
    source : hashable, callable or pandas expression
        What the column is.

    Returns
    -------
    Text, Number, Date or None
        None for a word of a later version.
    """
    rules: tuple[Rule, ...] = (Text(source), Number(source), Date(source), Date(source, unit="s"))
    return next((rule for rule in rules if kept_word(rule) == word), None)
