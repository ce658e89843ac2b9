"""The rules: which columns are read, and what they become in an event."""

from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import pandas as pd

from events_pandas.mapping.known_options import names_options
from events_pandas.mapping.source_format import DecimalSign

Values: TypeAlias = "pd.Series[Any]"
"""A column of any dtype."""

Scalar: TypeAlias = object
"""A string, number, date or time; its type decides what it becomes."""

DateUnit: TypeAlias = Literal["s", "ms", "us", "ns"]
DATE_UNITS: Final[tuple[DateUnit, ...]] = get_args(DateUnit)
"""What an epoch number can count."""

Ambiguous: TypeAlias = Literal["earlier", "later", "error"]
AMBIGUOUS: Final[tuple[Ambiguous, ...]] = get_args(Ambiguous)
"""Which second is meant by a local time that happened twice."""

Nonexistent: TypeAlias = Literal["shift", "error"]
NONEXISTENT: Final[tuple[Nonexistent, ...]] = get_args(Nonexistent)
"""What becomes of a local time that did not happen."""

AmountUnit: TypeAlias = Literal["major", "minor"]
AMOUNT_UNITS: Final[tuple[AmountUnit, ...]] = get_args(AmountUnit)
"""What an amount can count: euros or cents."""

Zero: TypeAlias = Literal["omit", "error"]
ZEROS: Final[tuple[Zero, ...]] = get_args(Zero)
"""What becomes of an amount of zero."""

Rounding: TypeAlias = Literal["half_up"]
ROUNDINGS: Final[tuple[Rounding, ...]] = get_args(Rounding)
"""How an amount with further decimals is rounded."""


@names_options
@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for every row.

    Parameters
    ----------
    value : str, bool, int, float, decimal.Decimal, datetime.date or datetime.datetime
        The value; its type decides what it becomes.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.MonetaryAmount("total", currency=ep.Constant("usd")).currency
    Constant(value='usd')
    """

    value: Scalar


Source: TypeAlias = Hashable | Constant | Callable[[pd.DataFrame], object]
"""A column's label or an index level's name, a constant, a callable of the frame, or a ``pd.col`` expression."""


@names_options
@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is: its dtype decides what it becomes.

    Parameters
    ----------
    source : hashable, callable or pandas expression
        The column's label or an index level's name, a callable ``frame -> Series``, or ``pd.col(...)``.
    strip : bool, default False
        Whether blanks and invisible characters at both ends of an identifier are removed, with a note. What is left
        empty is absent. Only `user_id`, `id` and `email` can be stripped.

    Notes
    -----
    Numbers become numbers, dates and times become dates, and everything else becomes text. In a column of mixed
    objects, or of a file without types, at least three quarters of the cells decide, and a cell that does not fit is a
    problem of its row. The whole frame or all files decide, in a stream the first frame that has a value. A journal
    keeps the type: later runs hold the column to it. A bare label in a mapping's metadata means the same.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.EventMapping(event_name=ep.Column("event"), created_at="time", user_id="user").event_name
    Column(source='event', strip=False)
    """

    source: Source
    _: KW_ONLY
    strip: bool = False


@names_options
@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most 255 characters.

    Parameters
    ----------
    source : hashable, Constant, callable or pandas expression
        What to read; numbers, booleans and dates are written out.
    truncate : bool, default False
        Whether longer text is cut to 255 characters, with a note, or makes its row invalid.

    References
    ----------
    Intercom, "Submit a data event", metadata type String; the length is from its help article on event metadata.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.Text("note", truncate=True)
    Text(source='note', truncate=True)
    """

    source: Source
    _: KW_ONLY
    truncate: bool = False


@names_options
@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number, exactly as it stands in the column.

    Parameters
    ----------
    source : hashable, Constant, callable or pandas expression
        What to read: numbers, or text that is a plain number such as ``"3.67"``.
    decimal : {".", ","}, optional
        The decimal sign of text; ``source.decimal`` of the mapping when not given. With a sign, thousands may be
        separated by the other sign, an apostrophe or a space.

    References
    ----------
    Intercom, "Submit a data event", metadata type Number.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.Number("load")
    Number(source='load', decimal=None)
    """

    source: Source
    _: KW_ONLY
    decimal: DecimalSign | None = None


@names_options
@dataclass(frozen=True, slots=True)
class Date:
    """A time in Unix seconds, UTC; in metadata its key must end in ``_date`` or ``_at``.

    Parameters
    ----------
    source : hashable, Constant, callable or pandas expression
        What to read: times with or without a zone, dates, ISO 8601 text, or epoch numbers. A date means its first
        second. Fractions of a second are cut off, downwards.
    format : str, optional
        How text (or a number such as 19970101) is written, in the codes of `datetime.datetime.strptime`. A fraction of
        a second may be there or not; with UTC, GMT or Z at the end of the format, times are in UTC.
    unit : {"s", "ms", "us", "ns"}, optional
        What epoch numbers count; seconds when not given.
    timezone : str, optional
        The zone of times that have none, such as ``"Europe/Berlin"``; the mapping's `timezone` when not given.
    ambiguous : {"error", "earlier", "later"}, default "error"
        Whether a local time that happened twice, because the clocks went back, makes its row invalid, or means the
        earlier or the later of its two seconds, with a note.
    nonexistent : {"error", "shift"}, default "error"
        Whether a local time that did not happen, because the clocks went forward, makes its row invalid, or means the
        first second after it that happened, with a note.

    Notes
    -----
    A day begins with its first second, even if its midnight happened twice or not at all. With `ambiguous` or
    `nonexistent` its midnight is a local time like any other, and has a note.

    References
    ----------
    Intercom, "Submit a data event", metadata type Date.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.Date("day", format="%Y%m%d")
    Date(source='day', format='%Y%m%d', unit=None, timezone=None, ambiguous='error', nonexistent='error')
    """

    source: Source
    _: KW_ONLY
    format: str | None = None
    unit: DateUnit | None = None
    timezone: str | None = None
    ambiguous: Ambiguous = "error"
    nonexistent: Nonexistent = "error"


@names_options
@dataclass(frozen=True, slots=True)
class Link:
    """An http or https address.

    Parameters
    ----------
    source : hashable, Constant, callable or pandas expression
        What to read.

    References
    ----------
    Intercom, "Submit a data event", metadata type Link.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.Link("article_url")
    Link(source='article_url')
    """

    source: Source


@names_options
@dataclass(frozen=True, slots=True, kw_only=True)
class RichLink:
    """A text that leads to an http or https address.

    Parameters
    ----------
    value : hashable, Constant, callable or pandas expression
        The text that is shown.
    url : hashable, Constant, callable or pandas expression
        Where it leads; a row has both or neither.

    References
    ----------
    Intercom, "Submit a data event", metadata type Rich Link.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.RichLink(value="order_no", url="order_url")
    RichLink(value='order_no', url='order_url')
    """

    value: Source
    url: Source


@names_options
@dataclass(frozen=True, slots=True)
class MonetaryAmount:
    """An amount of money: a positive whole number of cents, and its currency.

    Parameters
    ----------
    amount : hashable, Constant, callable or pandas expression
        What to read: numbers, or text such as ``"349.99"``.
    currency : hashable, Constant, callable or pandas expression
        The currency's three letters, in any case: a column, or ``Constant("usd")`` for all rows.
    unit : {"major", "minor"}, default "major"
        Whether the amount counts euros or cents.
    zero : {"error", "omit"}, default "error"
        Whether an amount of zero makes its row invalid, or the event is sent without amount and currency, with a note.
    rounding : {"half_up"}, optional
        How an amount with more decimals than its currency is rounded, with a note. Without it, such an amount makes its
        row invalid.
    decimal : {".", ","}, optional
        The decimal sign of text, as in `Number`.

    Notes
    -----
    Conversion is exact: 19.99 is 1999 cents, and ``rounding="half_up"`` rounds the digits as they are written: 1.005 is
    101 cents. Intercom takes amounts above zero only. An amount that is rounded to zero is zero. Currencies that ISO
    4217 has withdrawn are sent, with a note.

    References
    ----------
    Intercom, "Submit a data event", metadata type Monetary Amount; the decimals of each currency are ISO 4217's.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.MonetaryAmount("total", currency="currency")
    MonetaryAmount(amount='total', currency='currency', unit='major', zero='error', rounding=None, decimal=None)
    """

    amount: Source
    _: KW_ONLY
    currency: Source
    unit: AmountUnit = "major"
    zero: Zero = "error"
    rounding: Rounding | None = None
    decimal: DecimalSign | None = None


Rule: TypeAlias = Column | Text | Number | Date | Link | RichLink | MonetaryAmount
RULES_BY_TYPE: Final[dict[str, type[Rule]]] = {
    "column": Column,
    "text": Text,
    "number": Number,
    "date": Date,
    "link": Link,
    "rich_link": RichLink,
    "monetary_amount": MonetaryAmount,
}
"""The rules by the words for them in TOML and in journals."""
RULE_TYPES: Final = tuple(RULES_BY_TYPE.values())


def type_word(rule: Rule) -> str:
    """Return the word for a kind of rule in TOML and in journals, such as ``"rich_link"``."""
    return next(word for word, kind in RULES_BY_TYPE.items() if kind is type(rule))
