"""Times: whole Unix seconds in UTC, from every kind of column."""

import datetime as dt
import decimal
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import EventMapping, check_events
from events_pandas.mapping import Constant, Date, Text

NOON = 1_706_702_400  # 2024-01-31T12:00:00Z


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("timezone", [None, "UTC"])
def test_datetimes_are_read_in_any_unit(becomes, unit, timezone):
    """The seconds do not depend on the column's unit, or on missing times."""
    column = pd.Series(pd.to_datetime(["2024-01-31T12:00", None]).tz_localize(timezone)).astype(
        f"datetime64[{unit}{'' if timezone is None else ', UTC'}]"
    )

    assert becomes(Date("x"), column) == [NOON, None]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-01-31T12:00:00.999999999", NOON),
        ("1969-12-31T23:59:59.999999999", -1),
        ("1969-12-31T23:59:58.000000001", -2),
        ("1970-01-01", 0),
    ],
)
def test_fractions_of_a_second_are_cut_off_downwards(becomes, written, seconds):
    """Fractions are cut off downwards, also before 1970."""
    column = pd.Series(pd.to_datetime([written, None], format="ISO8601")).astype("datetime64[ns]")

    assert becomes(Date("x"), column) == [seconds, None]
    assert becomes(Date("x"), [written]) == [seconds]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-01-31", NOON - 12 * 3600),
        ("20240131", NOON - 12 * 3600),
        ("2024-01-31 12:00", NOON),
        ("20240131T120000", NOON),
        ("2024-01-31T12:00:00Z", NOON),
        ("2024-01-31T12:00:00+00:00", NOON),
        ("2024-01-31 12:00+01:00", NOON - 3600),
        ("2024-01-31T12:00-0130", NOON + 5400),
        ("2024-01-31T12:00+01", NOON - 3600),
        ("2024-01-31T12:00 +01:00 ", NOON - 3600),
    ],
)
def test_iso_text_is_read_with_or_without_an_offset(becomes, written, seconds):
    """ISO 8601 needs no format, and a written offset counts."""
    assert becomes(Date("x"), [written, None]) == [seconds, None]


@pytest.mark.parametrize(
    ("written", "offset_hours"),
    [("2024-01-31T12:00", 1), (" 2024-01-31 12:00", 1), ("2024-01-31T12:00Z", 0), ("2024-01-31T12:00-05", -5)],
)
def test_iso_text_without_an_offset_is_a_local_time(becomes, written, offset_hours):
    """The mapping's zone applies to times without an offset, cell by cell."""
    column = [written, "2024-01-31T12:00Z", "2024-01-31T12:00"]

    assert becomes(Date("x"), column, timezone="Europe/Berlin") == [NOON - offset_hours * 3600, NOON, NOON - 3600]


@pytest.mark.parametrize(
    "written", ["2024-01-31T12", "20240131 12", "2024-01-31T12:00", "20240131T120000", "2024-01-31"]
)
def test_iso_text_without_an_offset_does_not_take_its_neighbours(becomes, written):
    """A time without an offset never takes the offset of another row."""
    alone = becomes(Date("x"), [written])

    assert becomes(Date("x"), ["2024-01-31T12:00-05:00", None, written]) == [NOON + 5 * 3600, None, *alone]
    assert alone in ([NOON], [NOON - 12 * 3600])


@pytest.mark.parametrize(
    "written",
    [
        "31.01.2024",
        "2024-02-30",
        "2024-01-31T24:00",
        "soon",
        "now",
        "today",
        "NaT",
        "1706702400",
        "-0.01",
        "1.5",
        "12",
        "2024",
        "2024-01",
        "2024-1-5",
        "2024/01/31",
        "-2024-01-31",
        "2024-01-31T12:00 CET",
        " ",
    ],
)
def test_text_that_is_not_an_iso_time_is_refused(becomes, written):
    """Other text is refused: nothing is guessed, and "now" does not read the clock."""
    assert becomes(Date("x"), [written, "2024-01-31T12:00"]) == ["!time_unreadable", NOON]


def test_nanoseconds_in_one_row_leave_the_others_alone(becomes):
    """A time in nanoseconds does not limit the years of the other rows."""
    column = ["2024-01-31T12:00:00.123456789", "2261-12-31"]

    assert becomes(Date("x"), column) == [NOON, 9_214_560_000]


@pytest.mark.parametrize(
    ("form", "written", "seconds"),
    [
        ("%d.%m.%Y", "31.01.2024", NOON - 13 * 3600),
        ("%d.%m.%Y %H:%M", "31.01.2024 12:00", NOON - 3600),
        ("%Y-%m-%dT%H:%M%z", "2024-01-31T12:00-0500", NOON + 5 * 3600),
        ("%Y-%m-%d %H:%M %Z", "2024-01-31 12:00 UTC", NOON),
        ("%d.%m.%Y", "2024-01-31", "!time_unlike_format"),
        ("%d.%m.%Y", "now", "!time_unlike_format"),
    ],
)
def test_text_is_read_in_the_format_that_is_said(becomes, form, written, seconds):
    """With a format, text of any other form is refused."""
    assert becomes(Date("x", format=form), [written, ""], timezone="Europe/Berlin") == [seconds, None]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([20240131, 20240230]),
        pd.Series([20240131, 20240230, np.nan]),
        pd.Series([20240131, 20240230, None], dtype="Int64"),
        pd.Series(["20240131", "20240230", None]),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_day_may_be_a_number_with_a_format(becomes, column):
    """With a format, the number 19970101 is read as a day."""
    expected = [NOON - 12 * 3600, "!time_unlike_format", None]

    assert becomes(Date("x", format="%Y%m%d"), column) == expected[: len(column)]


def test_a_long_number_with_a_format_keeps_its_digits(becomes):
    """A long float is written out without an exponent before its format applies."""
    assert becomes(Date("x", format="%Y%m%d%H%M%S"), [20240131120000.0, np.nan]) == [NOON, None]


@pytest.mark.parametrize(("unit", "ticks"), [(None, 1), ("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_epoch_numbers_count_seconds_or_the_unit_that_is_said(becomes, unit, ticks):
    """Whole numbers, floats and text count the same unit, and fractions are cut off downwards."""
    rule = Date("x", unit=unit)

    assert becomes(rule, [NOON * ticks, -1 * ticks]) == [NOON, -1]
    assert becomes(rule, pd.Series([NOON * ticks + ticks - 1, None], dtype="Int64")) == [NOON, None]
    assert becomes(rule, [(NOON + 0.5) * ticks, -0.5 * ticks, np.nan]) == [NOON, -1, None]


def test_epoch_text_is_read_with_a_unit(becomes):
    """Text of digits is an epoch number only with a unit; without one it would be a date in 1706."""
    rule = Date("x", unit="ms")

    assert becomes(rule, ["1706702400000", "1706702400000.5", "-1", "", "2024-01-31"]) == [
        NOON,
        NOON,
        -1,
        None,
        "!time_unreadable",
    ]


UNITS = [(10**3, "ms", "milliseconds"), (10**6, "us", "microseconds"), (10**9, "ns", "nanoseconds")]


@pytest.mark.parametrize(("ticks", "code"), [(ticks, f"!time_in_{unit}") for ticks, _, unit in UNITS])
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_epoch_numbers_that_are_not_seconds_are_refused(becomes, ticks, code, dtype):
    """Milliseconds read as seconds are refused: they would be in the year 56,000."""
    assert becomes(Date("x"), pd.Series([NOON * ticks, NOON], dtype=dtype)) == [code, NOON]


@pytest.mark.parametrize(("ticks", "unit", "word"), UNITS)
@pytest.mark.parametrize("is_text", [False, True])
def test_epoch_number_in_another_unit_is_reported_with_its_unit(convert, ticks, unit, word, is_text):
    """The message names the unit that the number's size, or its number of digits as text, suggests."""
    number = NOON * ticks
    frame = pd.DataFrame({"x": [None, str(number) if is_text else number]}, dtype=object)

    findings = convert(frame, created_at="x").findings

    (finding,) = [finding for finding in findings if finding.code != "created_at_missing"]
    shown = f"'{number}'" if is_text else number
    assert (finding.rows.tolist(), finding.severity) == ([1], "error")
    assert finding.messages().to_pylist() == [
        (
            f"created_at: {shown} in column 'x' looks like {word}, and would be read as seconds since 1970: "
            f"set unit to '{unit}' in a date rule"
        )
    ]


@pytest.mark.parametrize("text", ["1706702400", "170670240000", "17067024000000000000"])
def test_text_of_digits_of_no_known_length_is_unreadable(becomes, text):
    """Text of ten digits is not a time without a unit."""
    assert becomes(Date("x"), [text]) == ["!time_unreadable"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (10**11, "!time_in_milliseconds"),
        (10**14 - 1, "!time_in_milliseconds"),
        (10**14, "!time_in_microseconds"),
        (10**17 - 100, "!time_in_microseconds"),
        (10**17, "!time_in_nanoseconds"),
        (2**63 - 1, "!time_in_nanoseconds"),
        (-(10**14), "!time_in_microseconds"),
        (-(2**63), "!time_in_nanoseconds"),
        (1e20, "!time_unreadable"),
        (np.inf, "!time_unreadable"),
    ],
)
def test_epoch_numbers_have_the_unit_in_which_they_are_a_time(becomes, number, code):
    """The suggested unit puts the number before the year 5138; a number beyond nanoseconds has none."""
    assert becomes(Date("x"), [number]) == [code]


@pytest.mark.parametrize("number", [10**11 - 1, 1 - 10**11])
def test_epoch_seconds_reach_to_the_year_5138(becomes, number):
    """Seconds up to the year 5138 are read as seconds."""
    assert becomes(Date("x"), [number, number + np.sign(number)]) == [number, "!time_in_milliseconds"]


@pytest.mark.parametrize(("unit", "ticks"), [("s", 10**9), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_epoch_numbers_beyond_the_calendar_are_unreadable(becomes, unit, ticks):
    """With another unit than seconds, or without a fitting one, no unit is suggested."""
    numbers = [np.inf, 1e300, 10.0**11 * ticks, np.nan]

    assert becomes(Date("x", unit=unit), numbers) == ["!time_unreadable"] * 3 + [None]


def test_epoch_numbers_that_contradict_seconds_are_reported_with_their_unit(becomes):
    """The fitting unit is suggested even if the rule says seconds."""
    assert becomes(Date("x", unit="s"), [10.0**11]) == ["!time_in_milliseconds"]


@pytest.mark.parametrize(
    "column", [pd.Series([20_000, 19_999, 80_000, 80_001]), pd.Series([2e4, 19999.5, 8e4, 80001.0])]
)
def test_day_numbers_of_spreadsheets_are_refused(convert, column):
    """Numbers that are days since 1900, from 1954 to 2119, are not read as seconds; other old numbers get a note."""
    batch = convert(pd.DataFrame({"x": column}), created_at="x")

    assert [(finding.code, finding.severity, finding.rows.tolist()) for finding in batch.findings] == [
        ("excel_serial", "error", [0, 2]),
        ("before_2000", "note", [1, 3]),
    ]
    assert batch.findings[0].messages()[0].as_py() == (
        "created_at: 20000 in column 'x' looks like a day number from Excel, and would be read as seconds since 1970: "
        "format the cell as a date, or set unit to 's' in a date rule if it counts seconds"
    )
    assert batch.findings[1].messages()[1].as_py() == (
        f"created_at: {column[3]:.0f} in column 'x' is before the year 2000: "
        "if that is wrong, check the column and the unit and format of its date rule"
    )


def test_day_number_among_times_is_refused(becomes):
    """A cell of a spreadsheet without the format of a date is a problem of its own row."""
    cells = [pd.Timestamp("2024-01-31T12:00Z"), 45_322.5]

    assert becomes(Date("x"), cells) == [NOON, "!excel_serial"]


@pytest.mark.parametrize(
    ("rule", "cell"),
    [
        (Date("x", unit="ms"), 45_000),
        (Date("x", format="%Y"), "1999"),
        (Date("x"), "1970-01-01T12:30:00Z"),
        (Date("x"), dt.datetime(1970, 1, 1, 12, 30, tzinfo=dt.UTC)),
    ],
)
def test_day_numbers_are_suspected_only_of_numbers_taken_as_seconds(convert, codes, rule, cell):
    """The note is only for numbers read as seconds, not for written times or other units."""
    assert codes(convert(pd.DataFrame({"x": [cell]}), created_at=rule)) == [("before_2000", [0])]


def test_epoch_numbers_in_short_floats_are_refused(becomes):
    """Today's epoch numbers in float32 are refused: one value stands for 128 seconds."""
    column = pd.Series([NOON, 2**24 - 1, np.nan], dtype="float32")

    assert becomes(Date("x"), column) == ["!time_unreadable", 2**24 - 1, None]


def test_booleans_are_not_times(becomes):
    """Booleans are not times."""
    assert becomes(Date("x"), [True]) == ["!time_unreadable"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-01-31T12:00", NOON - 3600),
        ("2024-07-31T12:00", 1_722_420_000),
        ("1950-06-01T12:00", -618_066_000),
        ("2024-03-31T01:59:59", 1_711_846_799),
        ("2024-03-31T02:00", "!local_time_nonexistent"),
        ("2024-03-31T02:59:59.9", "!local_time_nonexistent"),
        ("2024-03-31T03:00", 1_711_846_800),
        ("2024-10-27T01:59:59", 1_729_987_199),
        ("2024-10-27T02:00", "!local_time_ambiguous"),
        ("2024-10-27T02:59:59", "!local_time_ambiguous"),
        ("2024-10-27T03:00", 1_729_994_400),
    ],
)
def test_local_times_are_placed_in_their_zone_or_refused(becomes, written, seconds):
    """A local time that happened twice or not at all is refused."""
    column = pd.Series(pd.to_datetime([written, None], format="ISO8601"))

    assert becomes(Date("x"), column, timezone="Europe/Berlin") == [seconds, None]
    assert becomes(Date("x"), [written, None], timezone="Europe/Berlin") == [seconds, None]


def test_a_date_begins_in_its_zone(becomes):
    """A date means its first second in its zone, even if that is one o'clock."""
    days = [dt.date(2024, 1, 31), None]

    assert becomes(Date("x"), days, timezone="America/New_York") == [NOON - 7 * 3600, None]


@pytest.mark.parametrize(
    ("day", "timezone", "seconds"),
    [
        # The clocks went from midnight to one.
        (dt.date(2024, 3, 31), "Asia/Beirut", 1_711_836_000),
        # The clocks went from one back to midnight.
        (dt.date(2024, 11, 3), "America/Havana", 1_730_606_400),
    ],
)
def test_a_date_begins_with_its_first_second(becomes, day, timezone, seconds):
    """A date without a midnight, or with two, still means its first second."""
    assert becomes(Date("x"), [day, None], timezone=timezone) == [seconds, None]


@pytest.mark.parametrize(
    ("rule", "day"),
    [
        (Date("x"), dt.date(2018, 11, 4)),
        (Date("x"), "2018-11-04"),
        (Date("x"), "20181104"),
        (Date("x", format="%d.%m.%Y"), "04.11.2018"),
        (Date("x", format="%Y%m%d"), 20181104),
    ],
)
def test_a_written_day_is_read_as_a_date(becomes, rule, day):
    """A written day follows the rules of dates."""
    assert becomes(rule, [day], timezone="America/Sao_Paulo") == [1_541_300_400]


@pytest.mark.parametrize(
    ("rule", "written"),
    [(Date("x"), "2018-11-04T00:00"), (Date("x", format="%Y-%m-%d %H:%M"), "2018-11-04 00:00")],
)
def test_a_written_midnight_is_a_time(becomes, rule, written):
    """A written midnight is a time, and refused if it did not happen."""
    assert becomes(rule, [written], timezone="America/Sao_Paulo") == ["!local_time_nonexistent"]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["9999-12-31T23:59:59", "2024-01-31T12:00:00"], dtype="datetime64[s]"),
        pd.Series([dt.date(9999, 12, 31), pd.Timestamp("2024-01-31T12:00:00")], dtype=object),
    ],
    ids=["time", "date"],
)
def test_a_local_time_at_the_end_of_the_calendar_is_refused(becomes, column):
    """A time in the year 10,000 in UTC is refused, and no other row with it."""
    assert becomes(Date("x"), column, timezone="America/New_York") == ["!time_unreadable", NOON + 5 * 3600]


CHANGES = ["2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-01-31 13:00:00"]
"""Times of the clocks in Berlin: one that did not happen, one that happened twice, and one that is clear."""
SHIFTED, EARLIER, LATER = 1_711_846_800, 1_729_989_000, 1_729_992_600
CHANGE_COLUMNS = {
    "datetime64": (pd.Series(pd.to_datetime(CHANGES)), {}),
    "timestamp[pyarrow]": (pd.Series(pd.to_datetime(CHANGES)).astype("timestamp[us][pyarrow]"), {}),
    "object": (pd.Series([pd.Timestamp(text) for text in CHANGES], dtype=object), {}),
    "category": (pd.Series(pd.to_datetime(CHANGES)).astype("category"), {}),
    "text": (CHANGES, {}),
    "text with a fraction": ([f"{text}.9" for text in CHANGES], {}),
    "format": (
        [f"{text[8:10]}.{text[5:7]}.{text[:4]} {text[11:16]}" for text in CHANGES],
        {"format": "%d.%m.%Y %H:%M"},
    ),
    "named zones": ([f"{text} Europe/Berlin" for text in CHANGES], {"format": "%Y-%m-%d %H:%M:%S %Z"}),
    "named zones, in other letters": (
        [f"{text} {zone}" for text, zone in zip(CHANGES, ["CET", "Europe/Berlin", "europe/berlin"], strict=True)],
        {"format": "%Y-%m-%d %H:%M:%S %Z"},
    ),
}
"""Ways in which the times of a clock arise, with the options that read them."""


@pytest.mark.parametrize("options", [{"ambiguous": "earlier"}, {"ambiguous": "later"}, {}])
@pytest.mark.parametrize("carrier", CHANGE_COLUMNS)
def test_clock_changes_are_as_chosen_in_every_carrier(convert, codes, carrier, options):
    """`ambiguous` and `nonexistent` hold wherever a local time arises; one note counts each row that needed them."""
    column, how = CHANGE_COLUMNS[carrier]
    rule = Date("x", **how, **options, nonexistent="shift")
    ambiguous = options.get("ambiguous")
    seconds = [SHIFTED, {"earlier": EARLIER, "later": LATER, None: None}[ambiguous], NOON]
    found = [(f"local_time_{ambiguous or 'ambiguous'}", [1]), ("local_time_shifted", [0])]

    batch = convert(pd.DataFrame({"x": column}), created_at=rule, metadata={"x_at": rule}, timezone="Europe/Berlin")

    assert batch.created_at.to_pylist() == batch.metadata["metadata.x_at"].pieces[-1].to_pylist() == seconds
    assert sorted(codes(batch)) == sorted(2 * found)
    assert batch.valid.tolist() == [True, ambiguous is not None, True]


@pytest.mark.parametrize(
    ("day", "timezone", "options", "seconds", "code"),
    [
        (dt.date(2024, 3, 31), "Asia/Beirut", {"nonexistent": "shift"}, 1_711_836_000, "local_time_shifted"),
        ("2024-03-31", "Asia/Beirut", {"nonexistent": "shift"}, 1_711_836_000, "local_time_shifted"),
        (dt.date(2011, 12, 30), "Pacific/Apia", {"nonexistent": "shift"}, 1_325_239_200, "local_time_shifted"),
        (dt.date(2024, 11, 3), "America/Havana", {"ambiguous": "earlier"}, 1_730_606_400, "local_time_earlier"),
        (dt.date(2024, 11, 3), "America/Havana", {"ambiguous": "later"}, 1_730_610_000, "local_time_later"),
        ("20241103", "America/Havana", {"ambiguous": "later"}, 1_730_610_000, "local_time_later"),
    ],
)
def test_midnight_of_a_day_is_as_chosen(convert, codes, day, timezone, options, seconds, code):
    """A day whose midnight happened twice or not at all follows the rule's choice, and counts in its note."""
    batch = convert(pd.DataFrame({"x": [day, None]}), metadata={"x_at": Date("x", **options)}, timezone=timezone)

    assert batch.metadata["metadata.x_at"].pieces[-1].to_pylist() == [seconds, None]
    assert codes(batch) == [(code, [0])]


@pytest.mark.parametrize(
    ("policy", "seconds", "duplicates"),
    [("skip", [SHIFTED, EARLIER], 2), ("spread", [SHIFTED, SHIFTED + 1, EARLIER, EARLIER + 1], 0)],
)
def test_duplicates_are_found_by_the_seconds_that_are_chosen(policy, seconds, duplicates):
    """Two times may become one second: then they are one event, or are spread."""
    frame = pd.DataFrame({"x": ["2024-03-31 02:30", "2024-03-31 03:00", "2024-10-27 02:30", "2024-10-27 00:30Z"]})
    mapping = EventMapping(
        event_name="e",
        created_at=Date("x", ambiguous="earlier", nonexistent="shift"),
        user_id=Constant("ada"),
        timezone="Europe/Berlin",
        duplicates=policy,
    )

    report = check_events(frame, mapping)

    assert sorted(event["created_at"] for event in report.payloads(4)) == seconds
    assert (report.valid, report.duplicates) == (4, duplicates)


@pytest.mark.parametrize("option", [{"ambiguous": "later"}, {"nonexistent": "shift"}])
def test_choice_does_not_matter_in_utc_or_with_an_offset(convert, codes, option):
    """An instant is what it is: only the times of a clock are chosen."""
    texts = [f"{text}+01:00" for text in CHANGES]

    for column, timezone in ((texts, "Europe/Berlin"), (CHANGES, "UTC"), (CHANGES, None)):
        batch = convert(pd.DataFrame({"x": column}), metadata={"x_at": Date("x", **option)}, timezone=timezone)
        assert {code for code, _ in codes(batch)} <= {"naive_time"}


def test_constant_time_is_as_chosen_without_a_note(convert, payloads, codes):
    """A constant is meant as it is."""
    rule = Date(Constant("2024-10-27 02:30"), ambiguous="later")

    batch = convert(pd.DataFrame({"x": [1]}), created_at=rule, timezone="Europe/Berlin")

    assert [event["created_at"] for event in payloads(batch)] == [LATER]
    assert codes(batch) == []


@pytest.mark.parametrize(
    ("options", "row", "message"),
    [
        (
            {},
            0,
            (
                "did not happen, because the clocks went forward: "
                "correct it, give the time in UTC, or set nonexistent to 'shift' in a date rule"
            ),
        ),
        (
            {},
            1,
            (
                "happened twice, when the clocks went back: "
                "give the time with its offset or in UTC, or set ambiguous to 'earlier' or 'later' in a date rule"
            ),
        ),
        (
            {"nonexistent": "shift"},
            0,
            (
                "did not happen, because the clocks went forward, and the first second after the change is sent: "
                "correct it, or give the time in UTC, if another time is meant"
            ),
        ),
        (
            {"ambiguous": "earlier"},
            1,
            (
                "happened twice, when the clocks went back, and the earlier time is sent: "
                "give the time with its offset or in UTC if the later one is meant"
            ),
        ),
        (
            {"ambiguous": "later"},
            1,
            (
                "happened twice, when the clocks went back, and the later time is sent: "
                "give the time with its offset or in UTC if the earlier one is meant"
            ),
        ),
    ],
)
def test_message_on_a_clock_change_names_the_option_or_what_is_sent(convert, options, row, message):
    """An error names the option of the rule that would choose a second; a note says which second was chosen."""
    frame = pd.DataFrame({"x": [CHANGES[row]]})

    (finding,) = convert(frame, metadata={"x_at": Date("x", **options)}, timezone="Europe/Berlin").findings

    assert finding.messages().to_pylist() == [f"metadata.x_at: '{CHANGES[row]}' in column 'x' {message}"]


def test_a_rule_may_have_a_zone_of_its_own(becomes):
    """The rule's zone replaces the mapping's."""
    column = pd.Series(pd.to_datetime(["2024-01-31T12:00"]))

    assert becomes(Date("x", timezone="Asia/Tokyo"), column, timezone="Europe/Berlin") == [NOON - 9 * 3600]


def test_aware_times_need_no_zone(becomes):
    """A time with a zone ignores the mapping's."""
    column = pd.Series(pd.to_datetime(["2024-10-27T02:30+02:00", "2024-10-27T02:30+01:00"], utc=True))

    assert becomes(Date("x"), column.dt.tz_convert("Europe/Berlin"), timezone="Asia/Tokyo") == [
        1_729_989_000,
        1_729_992_600,
    ]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.to_datetime([None, "2024-01-31", "2024-01-31"])),
        pd.Series([None, "2024-01-31", "2024-01-31"]),
        pd.Series([None, dt.date(2024, 1, 31), dt.date(2024, 1, 31)]),
    ],
    ids=["datetime64", "text", "date"],
)
def test_naive_times_without_a_zone_are_noted_once(convert, codes, column):
    """Without a zone UTC is assumed, with one note for each column."""
    batch = convert(pd.DataFrame({"x": column}), metadata={"x_at": Date("x")}, timezone=None)

    assert codes(batch) == [("naive_time", [1])]
    assert batch.valid.all()


@pytest.mark.parametrize("column", [["2024-01-31T12:00Z"], [NOON], pd.to_datetime(["2024-01-31"], utc=True)])
def test_times_that_need_no_zone_are_not_noted(convert, codes, column):
    """Offsets and epoch numbers get no such note."""
    assert codes(convert(pd.DataFrame({"x": column}), metadata={"x_at": Date("x")}, timezone=None)) == []


def test_times_before_2000_are_noted(convert, codes):
    """Times before 2000 get a note, since a wrong unit often leads to 1970."""
    column = [946_684_800, 946_684_799, 1_706_702]

    assert codes(convert(pd.DataFrame({"x": column}), created_at="x")) == [("before_2000", [1, 2])]


def test_a_constant_before_2000_is_not_noted(convert, codes):
    """A constant before 2000 gets no note."""
    batch = convert(pd.DataFrame({"x": [1, 2]}), created_at=Constant("1999-12-31T00:00Z"))

    assert codes(batch) == []
    assert batch.created_at.to_pylist() == [946_598_400, 946_598_400]


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64"])
def test_days_written_as_numbers_are_refused(becomes, dtype):
    """Numbers such as 19970131 are refused, because as seconds they would be in August 1970."""
    column = pd.Series([19_970_131, 20_240_229, 19_970_199, 19_971_301, 19_000_100], dtype=dtype)

    assert becomes(Date("x"), column) == ["!day_as_number", "!day_as_number", 19_970_199, 19_971_301, 19_000_100]
    assert becomes(Date("x", unit="s"), column)[0] == 19_970_131
    assert becomes(Date("x", format="%Y%m%d"), column)[0] == 854_668_800


@pytest.mark.parametrize("time", ["2262000-01-01", "-300000-01-01"])
def test_times_beyond_any_calendar_are_unreadable(becomes, time):
    """Times millions of years away are refused."""
    column = pd.Series(np.array([time], dtype="datetime64[s]"))

    assert becomes(Date("x"), column) == ["!time_unreadable"]


@pytest.mark.parametrize(
    ("format", "written", "seconds"),
    [
        ("%Y.%m%d%H%M", "2024.01311230", 1_706_700_600),
        ("%d.%m%Y%H%M", "31.0120241230", 1_706_700_600),
        ("%Y-%m-%d %%z %H", "2024-01-31 %z 12", 1_706_698_800),
        ("%Y-%m-%dT%H:%M:%S.%f", "2024-01-31T12:00:00.123456789", 1_706_698_800),
    ],
)
def test_times_are_read_by_their_format_alone(becomes, format, written, seconds):  # noqa: A002  # The rule's own word.
    """Digits after a dot are a fraction, and "z" an offset, only if the format has them."""
    assert becomes(Date("x", format=format), [written], timezone="Europe/Berlin") == [seconds]


@pytest.mark.parametrize("cell", ["45000", 45_000])
def test_number_with_a_unit_is_no_day_number(convert, codes, cell):
    """The unit of a rule says that a number counts seconds; the note on its year stays."""
    frame = pd.DataFrame({"t": [cell]})

    assert codes(convert(frame, created_at=Date("t", unit="s"))) == [("before_2000", [0])]


UTC_TIMES = {
    "2024-01-31 12:00:00 UTC": NOON,
    "2024-01-31 12:00:00.123456 UTC": NOON,
    "2024-01-31 11:59:59.999999999 utc": NOON - 1,
    "2024-01-31T12:00:00UTC": NOON,
    "2024-01-31 12:00 GMT ": NOON,
    "2024-01-31T12:00:00z": NOON,
    "2024-01-31 12:00:00.5 +0000 UTC": NOON,
    "2024-01-31 12:00:00+01:00": NOON - 3600,
    "2024-01-31 12:00:00": NOON - 9 * 3600,
    "2024-01-31 12:00:00 +0100 UTC": "!time_unreadable",
    "2024-01-31 12:00:00 CET": "!time_unreadable",
    "2024-01-31 UTC": "!time_unreadable",
    "UTC": "!time_unreadable",
}


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_utc_may_be_written_out(becomes, dtype):
    """UTC may be written by its name, as BigQuery, Ruby and Go do, with or without a fraction."""
    column = pd.Series([*UTC_TIMES, None], dtype=dtype)

    assert becomes(Date("x"), column, timezone="Asia/Tokyo") == [*UTC_TIMES.values(), None]


def test_text_without_an_offset_does_not_take_that_of_what_cannot_be_read(becomes):
    """A time without an offset does not take the offset of a text that cannot be read."""
    column = ["2024-01-31 12:00:00 +0100 UTC", "2024-01-31 12:00:00"]

    assert becomes(Date("x"), column) == ["!time_unreadable", NOON]


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("%Y-%m-%d %H:%M:%S UTC", ["2024-01-31 12:00:00 UTC", "2024-01-31 12:00:00.9 UTC"]),
        ("%Y-%m-%d %H:%M:%S.%f UTC", ["2024-01-31 12:00:00 UTC", "2024-01-31 12:00:00.987654321 UTC"]),
        ("%Y-%m-%dT%H:%M:%SZ", ["2024-01-31T12:00:00Z", "2024-01-31T12:00:00.9Z"]),
        ("%d.%m.%Y %H:%M GMT", ["31.01.2024 12:00 GMT"]),
        ("%Y-%m-%d %H:%M:%S %Z", ["2024-01-31 12:00:00 UTC", "2024-01-31 12:00:00.9 UTC", "2024-01-31 12:00:00 utc"]),
        ("%a %b %d %H:%M:%S %Z %Y", ["Wed Jan 31 12:00:00 UTC 2024", "Wed Jan 31 13:00:00 CET 2024"]),
        ("%H:%M%Z %d/%m/%Y", ["12:00UTC 31/01/2024", "07:00America/New_York 31/01/2024", "12:00Z 31/01/2024"]),
    ],
)
def test_format_may_say_utc_or_where_the_zone_stands(becomes, form, texts):
    """A zone in the text or format replaces the mapping's, and a fraction of a second is optional."""
    assert becomes(Date("x", format=form), texts, timezone="Asia/Tokyo") == [NOON] * len(texts)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-03-31 02:30 Europe/Berlin", "!local_time_nonexistent"),
        ("2024-03-31 02:30 CET", "!local_time_nonexistent"),
        ("2024-10-27 02:30 Europe/Berlin", "!local_time_ambiguous"),
        ("2024-03-10 02:30 America/New_York", "!local_time_nonexistent"),
        ("2024-03-10 02:30 EST", 1_710_055_800),
        ("2040-07-01 12:00 Europe/Berlin", 2_224_749_600),
        ("2024-07-01 12:00 europe/berlin", 1_719_828_000),
        ("2024-07-01 12:00 PST", "!time_unlike_format"),
        ("2024-07-01 12:00 +0100", "!time_unlike_format"),
        ("2024-07-01 12:00", "!time_unlike_format"),
        ("UTC", "!time_unlike_format"),
    ],
)
def test_time_of_a_named_zone_is_placed_there_or_refused(becomes, written, seconds):
    """A time with a named zone is read there, also after 2037; one that did not happen is refused alone."""
    column = [written, "2024-01-31 12:00 UTC"]

    assert becomes(Date("x", format="%Y-%m-%d %H:%M %Z"), column, timezone="Asia/Tokyo") == [seconds, NOON]


DIGITS = [
    ("1706702399.9999999999", "s", NOON - 1),
    ("-0.0000000001", "s", -1),
    ("-1", "s", -1),
    ("-0", "s", 0),
    ("007", "s", 7),
    ("99999999999.99999999999999999999", "s", 99_999_999_999),
    ("100000000000", "s", "!time_in_milliseconds"),
    ("99999999999999", "s", "!time_in_milliseconds"),
    ("100000000000000", "s", "!time_in_microseconds"),
    ("99999999999999999999", "s", "!time_in_nanoseconds"),
    ("100000000000000000000", "s", "!time_unreadable"),
    ("1706702399999.999999", "ms", NOON - 1),
    ("-1000", "ms", -1),
    ("-1000.0001", "ms", -2),
    ("99999999999999", "ms", 99_999_999_999),
    ("100000000000000", "ms", "!time_unreadable"),
    ("1706702399999999", "us", NOON - 1),
    ("1706702399999999999", "ns", NOON - 1),
    ("99999999999999999999", "ns", 99_999_999_999),
    ("-999999999.9", "ns", -1),
    ("5.", "s", "!time_unreadable"),
    ("1e5", "s", "!time_unreadable"),
    ("+5", "s", "!time_unreadable"),
]


@pytest.mark.parametrize(("text", "unit", "seconds"), DIGITS)
def test_epoch_text_is_cut_by_its_digits(becomes, text, unit, seconds):
    """Written epoch numbers are cut off by their digits: a float would round up to the next second."""
    alone, beside = becomes(Date("x", unit=unit), [text, "0"])

    assert (alone, beside) == (seconds, 0)


@pytest.mark.parametrize(
    ("cell", "rule", "seconds"),
    [
        (decimal.Decimal("1706702399.9999999999"), Date("x"), NOON - 1),
        (decimal.Decimal("-0.5"), Date("x"), -1),
        (decimal.Decimal(20_240_131), Date("x"), "!day_as_number"),
        (decimal.Decimal("20240131.00"), Date("x", format="%Y%m%d"), NOON - 12 * 3600),
        (decimal.Decimal(NOON * 1000), Date("x"), "!time_in_milliseconds"),
        (10**17 - 1, Date("x"), "!time_in_microseconds"),
        (10**17 - 1, Date("x", unit="us"), 99_999_999_999),
    ],
)
def test_epoch_number_is_read_by_its_digits_in_every_type(becomes, cell, rule, seconds):
    """Decimals count like integers, and the borders between units are exact."""
    assert becomes(rule, pd.Series([cell, None], dtype=object)) == [seconds, None]


class _Lost(dt.tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, _):
        return None


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        (np.datetime64(10**14, "s"), "!time_unreadable"),
        (np.datetime64(300_000, "Y"), "!time_unreadable"),
        (pd.Timestamp(np.datetime64(10**13, "s")), "!time_unreadable"),
        (pd.Timestamp(np.datetime64(10**13, "s")).tz_localize("UTC"), "!time_unreadable"),
        (np.datetime64(10**13, "Y"), "!unsupported_type"),
        (dt.datetime(2024, 1, 31, 13, tzinfo=_Lost()), NOON),
        (dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), 1_729_989_000),
        (dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1), 1_729_992_600),
        (dt.datetime(2024, 1, 31, 12, tzinfo=dt.timezone(dt.timedelta(seconds=30))), NOON - 30),
        (pd.Timestamp("1969-12-31T23:59:58.000000001"), -3602),
        (pd.Timestamp("1969-12-31T23:59:58.000000001Z"), -2),
    ],
)
@pytest.mark.parametrize("dtype", [object, "category"])
def test_odd_time_is_its_own_second_or_refused(becomes, cell, seconds, dtype):
    """Times that microseconds cannot hold, and times that happened twice, are read exactly or refused."""
    cells = pd.Index([cell, dt.date(2024, 1, 31)], dtype=object)
    column = pd.Series(pd.Categorical(cells, cells)).astype(dtype)

    assert becomes(Date("x"), column, timezone="Europe/Berlin") == [seconds, NOON - 13 * 3600]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("kind", "ticks"),
    [
        (pa.timestamp("s"), 2**40),
        (pa.timestamp("ms", "Europe/Berlin"), 2**40 * 10**3),
        (pa.timestamp("us", "UTC"), 2**40 * 10**6),
        (pa.date32(), 2**30),
        (pa.date64(), 2**61),
    ],
)
@pytest.mark.parametrize("rule", ["time", Date("time"), Text("time"), Text("time", truncate=True)])
def test_time_that_arrow_cannot_write_is_an_error_of_its_row(kind, ticks, sign, rule):
    """A time in a year such as 36812 is an error of its row under any rule, and the other rows are sent."""
    counts = pa.array([sign * ticks, 0, None], pa.int32() if kind == pa.date32() else pa.int64())
    rows = pd.DataFrame(
        {"who": ["1", "2", "3"], "time": pd.Series(counts.cast(kind), dtype=pd.ArrowDtype(kind))},
    )
    mapping = EventMapping(
        event_name="a",
        created_at=Constant("2024-01-31T12:00:00Z"),
        user_id="who",
        metadata={"price_at": rule},
        timezone="UTC",
    )

    report = check_events(rows, mapping)

    (error,) = report.problems.query("severity == 'error'").itertuples()
    assert (error.row, error.code) == (0, "time_unreadable")
    assert error.message.startswith(
        "metadata.price_at: 'a time outside of the years -32767 to 32767' in column 'time' cannot be read as a time: "
    )
    assert [payload["user_id"] for payload in report.payloads(3)] == ["2", "3"]
