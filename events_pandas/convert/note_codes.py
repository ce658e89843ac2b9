"""What is worth a note about a row that is sent: the cause and the cure of each code, in the documented order."""

from typing import Final

from events_pandas.intercom import EVENT_NAME_LIMIT, TEXT_LIMIT

COLUMN_NOTES: Final = {
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
        "give the column a number, money or date rule in the mapping, or a text rule if it is text",
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

CELL_NOTES: Final = frozenset(
    {
        "float_identifier",
        "float_text_identifier",
        "text_in_bytes",
        "uuid_in_bytes",
        "identifier_exponent",
        "naive_time",
        "sent_as_numbers",
        "sent_as_dates",
    }
)
"""The notes on columns that are about some of their cells, whose rows are counted."""

FILE_NOTES: Final = {
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

VALUE_NOTES: Final = {
    "currency_minor_unit": (
        "has a minor unit that is not a hundredth, and the amount is sent in ISO 4217's minor units",
        "check that Intercom shows the right amount",
    ),
    "currency_withdrawn": (
        "is a withdrawn currency, and the amount is sent in its former minor unit",
        "check that Intercom shows the right amount",
    ),
}

CHARACTER_NOTES: Final = {
    "identifier_stripped": (
        "has blanks or invisible characters at its ends and is sent without them",
        "leave strip and strip_identifiers out of the mapping if they belong to it",
    ),
}

ROW_NOTES: Final = {
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

OVERFLOW_NOTES: Final = {
    "metadata_dropped": (
        "values are present, more than Intercom keeps, and only the first ones are sent",
        "order the mapping's metadata by importance",
    ),
}

PAIR_NOTES: Final = {
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
