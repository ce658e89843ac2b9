"""What makes a row invalid: the cause and the cure of each code, in the documented order."""

from typing import Final

from events_pandas.intercom import TEXT_LIMIT

LONGEST_LINE_MEGABYTES: Final = 32

ROW_ERRORS: Final = {
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

ERRORS: Final = {
    # Fields that every event needs.
    "event_name_missing": ("is empty", "fill in a name, such as 'placed-order', or drop the row"),
    "event_name_unreadable": ("is not text", "write it as text, such as 'placed-order'"),
    "created_at_missing": ("is empty", "fill in the time, which every event needs, or drop the row"),
    "identifier_missing": (
        "is empty",
        "fill in the user_id, id or email by which Intercom finds the contact, or drop the row",
    ),
    "identifier_inexact": (
        "is a float of 2^53 or more, whose last digits are lost",
        "read the column as text or Int64 from its source",
    ),
    "identifier_unreadable": ("is not an identifier", "write it as text or as a whole number"),
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
    "email_malformed": ("is not an email address", "write it with one '@', a name before it and a domain after it"),
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
        "write the column as text in UTF-8, and a UUID as 123e4567-e89b-12d3-a456-426614174000",
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
    "number_unreadable": (
        "is not a plain number",
        "write it as 3.67 (3,67 if decimal is ','), without units or thousands separators",
    ),
    "number_not_finite": ("is infinite, and JSON has no infinity", "leave the cell empty"),
    "number_inexact": ("is too large for a JSON number, which would lose digits", "send it as text"),
    "link_malformed": ("is not an http or https address", "write it as https://example.org/page, without spaces"),
    "rich_link_incomplete": (
        "is empty, and the link's other part is not",
        "fill in both its value and its url, or neither",
    ),
    "amount_unreadable": (
        "is not a plain amount",
        "write it as 349.99 (349,99 if decimal is ','), without symbols or thousands separators",
    ),
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

CHARACTER_ERRORS: Final = {
    "invisible_character": ("holds an invisible character", "remove it"),
    "blanks_around": ("has a blank at its beginning or end", "remove it"),
}

OVERFLOW_ERRORS: Final = {
    "metadata_overflow": (
        "values are present, more than Intercom keeps, and it ignores the rest silently",
        "leave keys out of the mapping, or set metadata_overflow to 'drop' to send only the first ones",
    ),
}
