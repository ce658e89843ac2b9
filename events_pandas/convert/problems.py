"""What can be found wrong with a row: the codes in their documented order, and findings as columns.

The order of `CODES` is the order in which a row's errors are reported: the first is its `error_code`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Rows, time_text
from events_pandas.intercom import IDENTIFIERS, METADATA_LIMIT, TEXT_LIMIT

SHOWN_CHARACTERS = 80

CODES: dict[str, str] = {
    # What a row needs to be an event at all.
    "event_name_missing": "is empty: every event needs a name, such as 'placed-order'",
    "event_name_unreadable": "is not text, and an event's name is",
    "created_at_missing": "is empty: every event needs its time",
    "identifier_missing": "is empty: Intercom needs an identifier (user_id, id or email) to find the contact",
    "identifier_inexact": (
        "is a float of 2^53 or more, whose last digits are lost: read the column as text or Int64 from its source"
    ),
    "identifier_unreadable": "is no identifier: an identifier is text or a whole number",
    "email_malformed": "is no email address: it needs one '@' with a name before and a domain after it",
    # Times.
    "time_unreadable": (
        "cannot be read as a time: write it as 2024-01-31T12:00:00, or give the Date rule its format=, "
        "or for epoch numbers its unit="
    ),
    "time_not_in_seconds": "is too large for seconds since 1970: say unit='ms', 'us' or 'ns' in the Date rule",
    "local_time_ambiguous": "happened twice, when the clocks went back: give the time with its offset, or in UTC",
    "local_time_nonexistent": "did not happen, since the clocks went forward: correct it, or give the time in UTC",
    # Metadata values.
    "lone_surrogate": "holds half of a character (a lone surrogate), which cannot be sent: mend the text's encoding",
    "nul_character": "holds a NUL character, which Intercom does not take: remove it",
    "text_too_long": f"is longer than the {TEXT_LIMIT} characters that Intercom keeps: shorten it",
    "nested_value": "is nested, and Intercom takes no nesting: give each part a column of its own",
    "unsupported_type": "is of a type that cannot be sent here: convert the column to text, numbers or times first",
    "number_unreadable": "is not a plain number: write it as 3.67, without units or thousands separators",
    "number_not_finite": "is infinite, which no event can hold: leave the cell empty",
    "number_inexact": "is beyond 2^53, where a JSON number loses digits: send it as Text",
    "link_malformed": "is no http or https address: write it as https://example.org/page, without spaces",
    "rich_link_incomplete": "has only one half: a rich link needs both its value and its url, or neither",
    "amount_unreadable": "is not a plain amount: write it as 349.99, without symbols or thousands separators",
    "amount_too_large": "is too large to be counted exactly: check the column, or send it as Text",
    "amount_not_positive": (
        "is not above zero, and Intercom takes positive amounts only: "
        "leave the amount empty to send the event without it, or drop the row"
    ),
    "amount_decimals": "has more decimals than its currency: round it to what was paid",
    "currency_missing": "is empty, and an amount needs its currency: fill it, or say currency=Constant('usd')",
    "currency_unknown": "is no currency of ISO 4217: write three letters such as 'usd'",
    "metadata_overflow": f"metadata values are present: Intercom keeps {METADATA_LIMIT} and ignores the rest silently",
    # Notes: the event is sent.
    "several_identifiers": "is not sent, since an earlier identifier is present and Intercom takes exactly one",
    "float_identifier": "came as a float and is sent as a whole number: read the column as text to keep leading zeros",
    "float_text_identifier": (
        "looks like a number that was written as a float and is sent as it stands: write the column as whole numbers"
    ),
    "naive_time": "has no time zone and is taken as UTC: say timezone='Europe/Berlin' or the like if it is not",
    "before_2000": "is before the year 2000: if it should not be, give the Date rule its unit= or format=",
    "would_be_duplicate": "is the same event to Intercom: this row would be a duplicate once it is mended, so drop it",
    "currency_minor_unit": "has a minor unit that is not a hundredth: the amount is sent in ISO 4217's minor units",
}
"""Each code with what is wrong and how to mend it."""

ONCE_CODES = frozenset({"float_identifier", "float_text_identifier", "naive_time", "currency_minor_unit"})
"""Notes about a whole column, which are made for the first of its rows only."""

FREQUENT_CODES = frozenset({"several_identifiers", "before_2000"})
"""Notes that may concern every row: their findings have no values, which would be kept for each of the rows."""

NOTE_CODES = ONCE_CODES | FREQUENT_CODES | {"would_be_duplicate"}

Severity = Literal["error", "note"]


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
        What stands in each of the rows, as text; not given where nothing does, nor for `FREQUENT_CODES`.
    field : str
        The field that the column makes.
    label : str
        How to speak of the column, such as ``"column 'total'"``.
    is_omission : bool
        Whether the value is left out of the event, rather than the row being invalid.
    """

    code: str
    rows: Rows
    values: pa.Array | None = None
    field: str = ""
    label: str = ""
    is_omission: bool = False

    @property
    def severity(self) -> Severity:
        """Whether the row is invalid."""
        return "note" if self.is_omission or self.code in NOTE_CODES else "error"

    def moved(self, offset: int) -> "Finding":
        """Return the finding with its rows counted from another start.

        Parameters
        ----------
        offset : int
            What is added to each row.

        Returns
        -------
        Finding
            The same otherwise.
        """
        return replace(self, rows=self.rows + offset)

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
        return replace(self, rows=self.rows[chosen], values=None if self.values is None else self.values[chosen])

    def messages(self) -> pa.Array:
        """Return a message for each row.

        Returns
        -------
        pyarrow.LargeStringArray
            What is wrong, in which column, and how to mend it.
        """
        subject = self.label
        # Results are kept and passed on: their messages do not name a person.
        if self.values is not None and self.field not in IDENTIFIERS:
            parts = (f"{self.field}: ", self.values, f"{f' in {subject}' if subject else ''} {self._closing()}", "")
            return pc.binary_join_element_wise(*(_text_datum(part) for part in parts))
        message = f"{self.field}: {f'{subject} ' if subject else ''}{self._closing()}"
        return pa.repeat(pa.scalar(message, TEXT_TYPE), len(self.rows))

    def _closing(self) -> str:
        return CODES[self.code] + ("; the event is sent without it" if self.is_omission else "")


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
        Cut to a length that can be read; text in quotes.
    """
    text = time_text(values) if pa.types.is_timestamp(values.type) else values.cast(TEXT_TYPE)
    short = pc.utf8_slice_codeunits(text, 0, SHOWN_CHARACTERS)
    if not pa.types.is_large_string(values.type):
        return short
    quote = pa.scalar("'", TEXT_TYPE)
    return pc.binary_join_element_wise(quote, short, quote, pa.scalar("", TEXT_TYPE))


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """The rows in which the same thing was found, in whichever field.

    Parameters
    ----------
    code : str
        One of `CODES`.
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
    severity: Severity
    rows: int
    first_row: int
    message: str

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return f"{self.severity} {self.code}: {rows}, such as row {self.first_row}: {self.message}"


def causes(findings: Iterable[Finding]) -> list[Cause]:
    """Group findings by what was found.

    Parameters
    ----------
    findings : iterable of Finding
        Of one frame.

    Returns
    -------
    list of Cause
        Errors first, and of these what concerns most rows first.
    """
    groups: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.code), []).append(finding)
    found = []
    for (severity, code), group in groups.items():
        first = min(group, key=lambda finding: int(finding.rows.min()))
        example = first.at(int(first.rows.argmin()))
        found.append(
            Cause(
                code=code,
                severity=severity,
                rows=len(np.unique(np.concatenate([finding.rows for finding in group]))),
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
    order = {code: position for position, code in enumerate(CODES)}
    frame = pd.DataFrame(
        {
            "row": _joined([finding.rows for finding in findings], np.int64),
            "field": _repeated([finding.field for finding in findings], findings),
            "code": _repeated([finding.code for finding in findings], findings),
            "severity": _repeated([finding.severity for finding in findings], findings),
            "value": _texts([_values(finding) for finding in findings]),
            "message": _texts([finding.messages() for finding in findings]),
        }
    )
    ranks = np.repeat([order[finding.code] for finding in findings], [len(finding.rows) for finding in findings])
    sequence = np.lexsort((ranks, frame["row"].to_numpy())) if findings else np.arange(0)
    frame = frame.iloc[sequence]
    frame.index = index[frame["row"].to_numpy()]
    return frame


def _values(finding: Finding) -> pa.Array:
    return pa.nulls(len(finding.rows), TEXT_TYPE) if finding.values is None else finding.values


def _joined(arrays: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate(arrays).astype(dtype) if arrays else np.zeros(0, dtype)


def _repeated(words: list[str], findings: list[Finding]) -> Any:
    repeated = np.repeat(np.array(words, dtype=object), [len(finding.rows) for finding in findings])
    return pd.array(repeated, dtype="string")


def _texts(arrays: list[pa.Array]) -> Any:
    joined = pa.chunked_array(arrays, TEXT_TYPE)
    return joined.to_pandas().astype("string") if len(joined) else pd.array([], dtype="string")
