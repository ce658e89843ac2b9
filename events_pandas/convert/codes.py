"""The codes of what can be wrong with a row, each with its cause and its cure.

The order is documented. A row's errors are reported in this order, and the first one is its `error_code`.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from events_pandas.intercom import EVENT_NAME_LIMIT, TEXT_LIMIT

LONGEST_LINE_MEGABYTES: Final = 32

STRIP_CURES: Final = MappingProxyType(
    {
        "invisible_character": "remove it, or set strip_identifiers to true in the mapping if it stands at an end",
        "blanks_around": "remove it, or set strip_identifiers to true in the mapping",
    }
)
"""How to fix an identifier, by code, if the mapping does not strip it."""

Severity = Literal["error", "note"]

Table: TypeAlias = dict[str, tuple[str, str]]  # the cause and the cure of each code


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """What a code says."""

    cause: str  # what is wrong; goes on from a subject such as "column 'total'"
    cure: str  # how to fix it
    severity: Severity = "error"  # "error": the row is invalid; "note": it is sent
    is_reported_once: bool = False  # it concerns a whole column, so only the first of its rows is reported
    is_reported_by_value: bool = False  # only the first row with each value is reported
    shows_characters: bool = False  # messages about identifiers show invisible characters of the value
    subject: str = "a value"  # the subject of `cause` where neither the column nor the value is known
    extent: str = ""  # what it concerns as a whole; "": its rows are counted

    def __str__(self) -> str:
        return f"{self.cause}: {self.cure}"


_ROW_ERRORS: Table = {
    # Rows of a file that cannot be read as intended.
    "row_too_short": (
        "has too few cells",
        "write a cell for every column, or, if the line continues the text of the row above, put this text in quotes",
    ),
    "row_too_long": (
        "has too many cells",
        'put a cell that holds a delimiter in double quotes ("), or name every column in the header',
    ),
    "row_torn": (
        "is a part of a row that a carriage return tears",
        "put the cell that holds it in quotes, or remove it",
    ),
    "repeated_header": ("repeats the file's header line", "delete the line"),
    "blank_before_quote": ("has a blank before the quote that begins a cell", "delete the blank"),
    "rows_within_quotes": (
        "seems to have other rows within its quotes",
        'put a text that has a quote in quotes, and write its own quotes twice ("")',
    ),
    "quote_not_doubled": ("has text after a closing quote", 'write every quote within a quoted cell twice ("")'),
    "line_not_json": ("is not JSON", "write one JSON object in the line"),
    "line_not_object": ("is not a JSON object", 'write one object in the line, such as {"user_id":"42"}'),
    "key_twice": ("has a key twice", "write each key of an object once"),
    "number_not_json": ("holds NaN or Infinity, which JSON does not have", "write null where there is no value"),
    "line_not_utf8": ("is not UTF-8", "save the file as UTF-8, or set encoding in the mapping's source"),
    "line_too_long": (
        f"is longer than {LONGEST_LINE_MEGABYTES} MB",
        "check that each object has a line of its own",
    ),
    "formula_without_result": (
        "has a formula whose result is not in the file",
        "open the file in Excel or LibreOffice, and save it",
    ),
}

_ERRORS: Table = {
    # Fields that every event needs.
    "event_name_missing": ("is empty", "every event needs a name, such as 'placed-order'"),
    "event_name_unreadable": ("is not text", "an event's name must be text, such as 'placed-order'"),
    "created_at_missing": ("is empty", "every event needs its time"),
    "identifier_missing": ("is empty", "Intercom needs an identifier (user_id, id or email) to find the contact"),
    "identifier_inexact": (
        "is a float of 2^53 or more, whose last digits are lost",
        "read the column as text or Int64 from its source",
    ),
    "identifier_unreadable": ("is not an identifier", "an identifier is text or a whole number"),
    "identifier_scientific": (
        "is a number in scientific notation, whose last digits are lost",
        "export the column as text from its source, with all digits",
    ),
    "identifier_sheet_error": (
        "is text that a spreadsheet shows instead of a value",
        "correct the cell or widen its column, and export it again",
    ),
    "identifier_guarded": (
        "is wrapped in a spreadsheet's marks for text",
        "remove the equals sign, the quotes or the apostrophe",
    ),
    "identifier_object": ("is the printed form of an object", "map a column that holds the object's identifier"),
    "email_malformed": ("is not an email address", "it needs one '@' with a name before and a domain after it"),
    "sheet_error": (
        "is an error that a spreadsheet shows instead of a value",
        "correct or empty the cell there, and save or export the file again",
    ),
    # Times.
    "time_unreadable": (
        "cannot be read as a time",
        "write it as 2024-01-31T12:00:00, or give its format (of epoch numbers the unit) in a date rule",
    ),
    "time_unlike_format": (
        "is not a time in the format of its date rule",
        "correct the cell or the format",
    ),
    "day_as_number": (
        "looks like a day written as a number, and would be read as seconds since 1970",
        "set format to '%Y%m%d' in a date rule, or unit to 's' if it counts seconds",
    ),
    "excel_serial": (
        "looks like a day number from Excel, and would be read as seconds since 1970",
        "format the cell as a date, or set unit to 's' in a date rule if it counts seconds",
    ),
    "time_in_milliseconds": (
        "looks like milliseconds, and would be read as seconds since 1970",
        "set unit to 'ms' in a date rule",
    ),
    "time_in_microseconds": (
        "looks like microseconds, and would be read as seconds since 1970",
        "set unit to 'us' in a date rule",
    ),
    "time_in_nanoseconds": (
        "looks like nanoseconds, and would be read as seconds since 1970",
        "set unit to 'ns' in a date rule",
    ),
    "local_time_ambiguous": (
        "happened twice, when the clocks went back",
        "give the time with its offset or in UTC, or set ambiguous to 'earlier' or 'later' in a date rule",
    ),
    "local_time_nonexistent": (
        "did not happen, because the clocks went forward",
        "correct it, give the time in UTC, or set nonexistent to 'shift' in a date rule",
    ),
    # Metadata values.
    "lone_surrogate": ("holds half of a character (a lone surrogate), which cannot be sent", "fix the text's encoding"),
    "bytes_unreadable": (
        "holds bytes that are not text in UTF-8",
        "write the column as text, and a UUID as 123e4567-e89b-12d3-a456-426614174000",
    ),
    "nul_character": ("holds a NUL character, which Intercom does not accept", "remove it"),
    "text_too_long": (
        f"is longer than the {TEXT_LIMIT} characters that Intercom keeps",
        "shorten it, or set truncate to true in its text rule",
    ),
    "nested_value": ("is nested, and Intercom does not accept nested values", "give each part a column of its own"),
    "unsupported_type": ("has a type that cannot be sent here", "convert the column to text, numbers or times first"),
    "number_ambiguous": (
        "can be read in two ways, since no decimal sign is known for its column",
        "set decimal to ',' or '.' in the mapping's source",
    ),
    "number_unreadable": ("is not a plain number", "write it as 3.67, without units or thousands separators"),
    "number_not_finite": ("is infinite, and JSON has no infinity", "leave the cell empty"),
    "number_inexact": ("is too large for a JSON number, which would lose digits", "send it as text"),
    "link_malformed": ("is not an http or https address", "write it as https://example.org/page, without spaces"),
    "rich_link_incomplete": (
        "is empty, and the link's other part is not",
        "a rich link needs both its value and its url, or neither",
    ),
    "amount_unreadable": ("is not a plain amount", "write it as 349.99, without symbols or thousands separators"),
    "amount_too_large": ("is too large to count exactly", "check the column, or send it as text"),
    "amount_not_positive": (
        "is not above zero, and Intercom accepts only positive amounts",
        (
            "leave the amount empty to send the event without it (for zeros, set zero to 'omit' in the rule of the "
            "amount), or drop the row"
        ),
    ),
    "amount_decimals": (
        "has more decimals than its currency",
        "round it to what was paid (yen have none, euros two), or set rounding to 'half_up' in the rule of the amount",
    ),
    "currency_missing": (
        "is empty, and an amount needs its currency",
        "fill it in, or give the rule a constant, such as 'usd'",
    ),
    "currency_unknown": ("is not a currency of ISO 4217", "write three letters such as 'usd'"),
}

_CHARACTER_ERRORS: Table = {
    "invisible_character": ("holds an invisible character", "remove it"),
    "blanks_around": ("has a blank at its beginning or end", "remove it"),
}

_OVERFLOW_ERRORS: Table = {
    "metadata_overflow": (
        "values are present, more than Intercom keeps, and it ignores the rest silently",
        "leave keys out of the mapping, or set metadata_overflow to 'drop' to send only the first ones",
    ),
}

_COLUMN_NOTES: Table = {
    "float_identifier": (
        "came as a float and is sent as a whole number",
        "read the column as text to keep leading zeros",
    ),
    "float_text_identifier": (
        "looks like a number written as a float and is sent unchanged",
        "write the column as whole numbers",
    ),
    "text_in_bytes": ("came as bytes and is read as text in UTF-8", "if that is wrong, write the column as text"),
    "uuid_in_bytes": ("came as 16 bytes and is read as a UUID", "if that is wrong, write the column as text"),
    "identifier_exponent": (
        "looks like a number in scientific notation and is sent unchanged",
        "if it is one, export the column as text from its source, with all digits",
    ),
    "leading_zeros": (
        "came as numbers of different lengths, which may have lost leading zeros",
        "read the column as text if its identifiers have them",
    ),
    "naive_time": ("has no time zone and is taken as UTC", "set timezone to 'Europe/Berlin' or the like if it is not"),
    "event_name_spellings": (
        "are the same event to Intercom, which ignores case and reads '.' and '$' as '-'",
        "use one spelling, or names that differ in their letters",
    ),
    "many_event_names": (
        f"are more than the {EVENT_NAME_LIMIT} that a workspace may have active",
        "move the varying part into metadata",
    ),
    "sent_as_numbers": (
        "is not a number, but its column, which has no rule in the mapping, is sent as numbers",
        "fix or empty the cell, or give the column a text rule in the mapping",
    ),
    "sent_as_dates": (
        "is not a time, but its column, which has no rule in the mapping, is sent as dates",
        "fix or empty the cell, or give the column a text rule in the mapping",
    ),
    "sent_as_text": (
        "are sent as text, because the column has no rule in the mapping and its values do not show a type",
        "give the column a number or date rule in the mapping, or a text rule if it is text",
    ),
    "decimal_comma": (
        "shows a decimal comma, and its column is read that way",
        "set decimal to ',' in the mapping's source, so that this does not depend on the cells of each run",
    ),
    "decimal_point": (
        "shows a decimal point, and its column is read that way, also where thousands are separated",
        "set decimal to '.' in the mapping's source, so that this does not depend on the cells of each run",
    ),
    "type_kept": (
        "keeps the type that earlier runs in the journal sent",
        "give the column a text, number or date rule in the mapping to choose the type",
    ),
    "type_drift": (
        "are mixed in one key, which Intercom shows as text",
        "give the column one type, or each type a key of its own",
    ),
}

_FILE_NOTES: Table = {
    "backslash_quotes": (
        "escapes quotes with backslashes, and is read that way",
        "check a text that has a quote in it",
    ),
    "delimiter_detected": (
        "separates the cells, as the first lines show",
        "set delimiter in the mapping's source if another character does",
    ),
    "encoding_detected": (
        "is the encoding that the file's bytes show",
        "set encoding in the mapping's source if the text is wrong",
    ),
    "source_unused": (
        "is given for the source, and files of this format do not need it",
        "leave it out if no other file needs it",
    ),
    "key_absent": (
        "is in no object, and the events go without its value",
        "correct the mapping if the key has another name",
    ),
    "sheet_chosen": (
        "is read, and the file has other sheets with rows",
        "set sheet in the mapping's source if it is another one",
    ),
    "blank_rows": (
        "had no value in any cell, and did not count",
        "delete them, and move a second table below them to a file of its own",
    ),
    "excel_digits": (
        "holds whole numbers of more than 15 digits, and Excel keeps only 15",
        "export the column as text from its source if it holds identifiers",
    ),
    "excel_format": (
        "shows its numbers with zeros or text that are not sent",
        "write the column as text if they belong to its values",
    ),
    "merged_cells": (
        "are merged, and only the first cell of each has the value",
        "unmerge them and fill the value in, if it belongs to each row",
    ),
}

_VALUE_NOTES: Table = {
    "currency_minor_unit": (
        "has a minor unit that is not a hundredth, and the amount is sent in ISO 4217's minor units",
        "check that Intercom shows the right amount",
    ),
    "currency_withdrawn": (
        "is a withdrawn currency, and the amount is sent in its former minor unit",
        "check that Intercom shows the right amount",
    ),
}

_CHARACTER_NOTES: Table = {
    "identifier_stripped": (
        "has blanks or invisible characters at its ends and is sent without them",
        "leave strip and strip_identifiers out of the mapping if they belong to it",
    ),
}

_ROW_NOTES: Table = {
    "computed_as_empty": (
        "is not a number like most of its column, so callables of the mapping get an empty cell instead",
        "fix or empty the cell",
    ),
    "identifier_nothing": (
        "is a word for an absent value, but is sent as an identifier",
        "empty the cell if it is not an identifier",
    ),
    "several_identifiers": (
        "is not sent, because an earlier identifier is present and Intercom takes exactly one",
        "map one identifier only, or accept that the first is used",
    ),
    "amount_omitted": (
        "is zero or rounds to zero, and the event is sent without it and its currency",
        "correct it if something was paid",
    ),
    "amount_rounded": (
        "has more decimals than its currency and is rounded half up",
        "round it at its source if something else was paid",
    ),
    "local_time_earlier": (
        "happened twice, when the clocks went back, and the earlier time is sent",
        "give the time with its offset or in UTC if the later one is meant",
    ),
    "local_time_later": (
        "happened twice, when the clocks went back, and the later time is sent",
        "give the time with its offset or in UTC if the earlier one is meant",
    ),
    "local_time_shifted": (
        "did not happen, because the clocks went forward, and the first second after the change is sent",
        "correct it, or give the time in UTC, if another time is meant",
    ),
    "before_2000": (
        "is before the year 2000",
        "if that is wrong, check the column and the unit and format of its date rule",
    ),
    "in_the_future": ("is in the future", "if that is wrong, check the column's unit, format and time zone"),
    "text_truncated": (
        f"is longer than the {TEXT_LIMIT} characters that Intercom keeps and is cut",
        "shorten it if its end matters",
    ),
}

_OVERFLOW_NOTES: Table = {
    "metadata_dropped": (
        "values are present, more than Intercom keeps, and only the first ones are sent",
        "order the mapping's metadata by importance",
    ),
}

_PAIR_NOTES: Table = {
    "duplicate": (
        "is the same event to Intercom (contact, event name and second), and this row is not sent",
        "drop one of the two, or set duplicates to 'spread' in the mapping if both happened",
    ),
    "duplicate_with_other_metadata": (
        "is the same event to Intercom (contact, event name and second), and this row and its metadata are not sent",
        "set duplicates to 'spread' in the mapping if both happened",
    ),
    "duplicate_sent": (
        "is the same event to Intercom (contact, event name and second), and Intercom will drop one of the two",
        "set duplicates to 'skip' or 'spread' in the mapping",
    ),
    "second_moved": (
        "has the contact, event name and second of this row, and Intercom would drop one of the two",
        "set duplicates to 'skip' in the mapping if they are one event",
    ),
    "second_moved_of_identical": (
        "has the contact, event name, second and metadata of this row, so they may be one event",
        "if they are, drop one of the two, or set duplicates to 'skip' in the mapping",
    ),
    "mend_before_spread": (
        "has the contact, event name and second of this row, which is invalid",
        "fix it first, or keep a journal, because without one a later run does not know which seconds are taken",
    ),
    "would_be_duplicate": (
        "is the same event to Intercom",
        "drop this row, because it would be a duplicate once it is fixed",
    ),
}


def _codes(table: Table, **facts: Any) -> dict[str, Code]:
    return {name: Code(cause=cause, cure=cure, **facts) for name, (cause, cure) in table.items()}


CODES: Final = MappingProxyType(
    {
        **_codes(_ROW_ERRORS, subject="a line"),
        **_codes(_ERRORS),
        **_codes(_CHARACTER_ERRORS, shows_characters=True),
        **_codes(_OVERFLOW_ERRORS, subject="too many"),
        **_codes(_COLUMN_NOTES, severity="note", is_reported_once=True, extent="the column"),
        **_codes(_FILE_NOTES, severity="note", is_reported_by_value=True, extent="the file"),
        **_codes(_VALUE_NOTES, severity="note", is_reported_by_value=True),
        **_codes(_CHARACTER_NOTES, severity="note", shows_characters=True),
        **_codes(_ROW_NOTES, severity="note"),
        **_codes(_OVERFLOW_NOTES, severity="note", subject="too many"),
        **_codes(_PAIR_NOTES, severity="note", subject="another row"),
    }
)
"""Each code, in the documented order."""

RANKS: Final = MappingProxyType({name: rank for rank, name in enumerate(CODES)})
"""The place of each code in that order."""
