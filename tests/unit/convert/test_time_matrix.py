"""The same moment from every kind of cell gives the same second."""

import datetime as dt
import decimal
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.mapping import Date

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]
CLOCKS = [
    *(dt.datetime(1969, 12, 31, 23, 59, 58, 1), dt.datetime(1969, 7, 20, 20, 17, 40, 999_999)),  # noqa: DTZ001  # Clocks have no zone.
    *(dt.datetime(2024, 1, 31, 12), dt.datetime(2024, 7, 31, 12, 0, 0, 500_000)),  # noqa: DTZ001
    *(dt.datetime(2040, 1, 31, 12, 0, 0, 1), dt.datetime(2040, 7, 31, 12, 0, 0, 999_999)),  # noqa: DTZ001
]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def whole_seconds(instant):
    return (instant - EPOCH) // dt.timedelta(seconds=1)


def in_zone(zone):
    return [clock.replace(tzinfo=zoneinfo.ZoneInfo(zone)) for clock in CLOCKS]


def objects(cells):
    return pd.Series(cells, dtype=object)


def arrow(cells, arrow_type):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(cells, arrow_type)])))


def dictionary(cells, arrow_type):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(cells, arrow_type).dictionary_encode()])))


def datetime64(cells, unit):
    return pd.Series(np.array(cells, "M8[us]").astype(f"M8[{unit}]"))


LOCAL = {
    "datetime": objects,
    "Timestamp": lambda clocks: objects([pd.Timestamp(clock) for clock in clocks]),
    "Timestamp, ns": lambda clocks: objects([pd.Timestamp(clock).as_unit("ns") for clock in clocks]),
    "numpy, us": lambda clocks: objects([np.datetime64(clock, "us") for clock in clocks]),
    "numpy, ns": lambda clocks: objects([np.datetime64(clock, "ns") for clock in clocks]),
    "datetime64[us]": lambda clocks: datetime64(clocks, "us"),
    "datetime64[ns]": lambda clocks: datetime64(clocks, "ns"),
    "timestamp[us]": lambda clocks: arrow(clocks, pa.timestamp("us")),
    "timestamp[ns]": lambda clocks: arrow(clocks, pa.timestamp("ns")),
    "dictionary of timestamp[us]": lambda clocks: dictionary(clocks, pa.timestamp("us")),
    "ISO text": lambda clocks: objects([clock.isoformat() for clock in clocks]),
    "ISO text with a blank": lambda clocks: objects([clock.isoformat(" ") for clock in clocks]),
    "text[pyarrow]": lambda clocks: arrow([clock.isoformat() for clock in clocks], pa.string()),
    "ISO bytes": lambda clocks: objects([clock.isoformat().encode() for clock in clocks]),
}
"""Carriers of a local clock's time."""

AWARE = {
    "datetime": objects,
    "Timestamp": lambda instants: objects([pd.Timestamp(instant) for instant in instants]),
    "Timestamp, ns": lambda instants: objects([pd.Timestamp(instant).as_unit("ns") for instant in instants]),
    "mixed zones": lambda instants: objects([instants[0].astimezone(dt.UTC), *instants[1:]]),
    "datetime64[us, UTC]": lambda instants: pd.Series(pd.to_datetime(objects(instants), utc=True)).dt.as_unit("us"),
    "datetime64[ns, Tokyo]": lambda instants: (
        pd.Series(pd.to_datetime(objects(instants), utc=True)).dt.as_unit("ns").dt.tz_convert("Asia/Tokyo")
    ),
    "timestamp[us, Tokyo]": lambda instants: arrow(ticks(instants, "us"), pa.timestamp("us", "Asia/Tokyo")),
    "timestamp[ns, unknown]": lambda instants: arrow(ticks(instants, "ns"), pa.timestamp("ns", "GMT+01:00")),
    "dictionary of timestamp[us, Z]": lambda instants: dictionary(ticks(instants, "us"), pa.timestamp("us", "Z")),
    "ISO text, offset": lambda instants: objects([instant.isoformat() for instant in instants]),
    "ISO text, Z": lambda instants: objects(written(instants, "Z")),
    "ISO text, UTC": lambda instants: objects(written(instants, " UTC")),
    "ISO text, all of them": lambda instants: objects(
        [text for text, *_ in (written([instant], sign) for instant, sign in zip(instants, SIGNS, strict=True))]
    ),
}
"""Carriers of an instant."""

SIGNS = ["Z", "+00:00", " UTC", " utc", " +0000 UTC", " GMT"]


def written(instants, sign):
    return [instant.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ") + sign for instant in instants]


def ticks(instants, unit):
    return [(instant - EPOCH) // MICROSECOND * UNITS[unit] // 10**6 for instant in instants]


def as_category(column):
    return pd.Series(pd.Categorical(column, categories=pd.unique(column)[::-1]))


@pytest.fixture
def sent(convert):
    """Return a function that gives the seconds of a column as `created_at` and as a date in metadata."""

    def sent(column, rule=None, *, timezone="Asia/Tokyo"):
        frame = pd.DataFrame({"x": column})
        batch = convert(frame, created_at=rule or "x", metadata={"x_at": rule or Date("x")}, timezone=timezone)
        dates = batch.metadata["metadata.x_at"].pieces[-1].to_pylist()
        assert {finding.code for finding in batch.findings} <= {"before_2000", "text_in_bytes"}
        return batch.created_at.to_pylist(), dates

    return sent


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("carrier", LOCAL)
def test_local_time_is_the_same_second_in_every_carrier(sent, carrier, zone):
    """Local times follow `zoneinfo` for every year, and fractions are cut off downwards."""
    expected = [whole_seconds(instant) for instant in in_zone(zone)]
    column = LOCAL[carrier](CLOCKS)

    assert sent(column, timezone=zone) == (expected, expected)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("carrier", AWARE)
def test_instant_is_the_same_second_in_every_carrier(sent, carrier, zone):
    """A time with its own offset or zone ignores the mapping's zone."""
    expected = [whole_seconds(instant) for instant in in_zone(zone)]

    assert sent(AWARE[carrier](in_zone(zone))) == (expected, expected)


@pytest.mark.parametrize("carriers", [LOCAL, AWARE], ids=["local", "aware"])
def test_category_is_the_same_second_as_its_column(sent, carriers):
    """Times in categories are read as in a plain column, in any order of categories."""
    zone = "America/New_York"
    expected = [whole_seconds(instant) for instant in in_zone(zone)]
    given = CLOCKS if carriers is LOCAL else in_zone(zone)

    columns = {name: make(given) for name, make in carriers.items() if "dictionary" not in name and "[" not in name}

    assert columns
    for name, column in columns.items():
        assert sent(as_category(column), timezone=zone) == (expected, expected), name


@pytest.mark.parametrize("unit", ["s", "ms"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_coarse_units_are_the_same_second(sent, unit, zone):
    """Columns in seconds or milliseconds give the same second."""
    expected = [whole_seconds(clock.replace(tzinfo=dt.UTC)) for clock in CLOCKS]
    column = datetime64(CLOCKS, unit) if zone is None else datetime64(CLOCKS, unit).dt.tz_localize(zone)
    counts = [count * UNITS[unit] for count in expected]

    assert sent(column, timezone="UTC") == (expected, expected)
    assert sent(arrow(counts, pa.timestamp(unit, zone)), timezone="UTC") == (expected, expected)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "make",
    [
        objects,
        lambda days: as_category(objects(days)),
        lambda days: arrow(days, pa.date32()),
        lambda days: arrow(days, pa.date64()),
        lambda days: dictionary(days, pa.date32()),
        lambda days: objects([day.isoformat() for day in days]),
        lambda days: objects([f"{day:%Y%m%d}" for day in days]),
    ],
    ids=["object", "category", "date32", "date64", "dictionary", "text", "digits"],
)
def test_day_is_the_same_second_in_every_carrier(sent, make, zone):
    """A day means its first second in its zone."""
    days = [clock.date() for clock in CLOCKS]
    midnights = [dt.datetime.combine(day, dt.time(), zoneinfo.ZoneInfo(zone)) for day in days]
    expected = [whole_seconds(midnight) for midnight in midnights]

    assert sent(make(days), timezone=zone) == (expected, expected)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "make",
    [
        pd.Series,
        objects,
        lambda numbers: as_category(objects(numbers)),
        lambda numbers: pd.Series(numbers, dtype="Int64"),
        lambda numbers: arrow(numbers, pa.int64()),
        lambda numbers: dictionary(numbers, pa.int64()),
    ],
    ids=["int64", "object", "category", "Int64", "int64[pyarrow]", "dictionary"],
)
def test_whole_epoch_number_is_the_same_second_in_every_carrier(sent, make, unit):
    """Whole epoch numbers are cut off downwards to seconds, also before 1970."""
    moments = [clock.replace(tzinfo=dt.UTC) for clock in CLOCKS]
    expected = [whole_seconds(moment) for moment in moments]

    assert sent(make(ticks(moments, unit)), Date("x", unit=unit)) == (expected, expected)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "make",
    [
        objects,
        lambda numbers: as_category(objects(numbers)),
        lambda numbers: arrow(numbers, pa.decimal128(38, 6)),
        lambda numbers: arrow(numbers, pa.decimal256(60, 10)),
        lambda numbers: dictionary(numbers, pa.decimal128(38, 6)),
        lambda numbers: objects([f"{number:f}" for number in numbers]),
        lambda numbers: objects([f"{number:f}".encode() for number in numbers]),
        lambda numbers: as_category(objects([f"{number:f}" for number in numbers])),
        lambda numbers: arrow([f"{number:f}" for number in numbers], pa.large_string()),
    ],
    ids=["object", "category", "decimal128", "decimal256", "dictionary", "text", "bytes", "category of text", "arrow"],
)
def test_written_epoch_number_is_the_same_second_in_every_carrier(sent, make, unit):
    """Written epoch numbers are cut off downwards by their digits, without rounding."""
    moments = [clock.replace(tzinfo=dt.UTC) for clock in CLOCKS]
    numbers = [decimal.Decimal((moment - EPOCH) // MICROSECOND) * UNITS[unit] / 10**6 for moment in moments]
    expected = [whole_seconds(moment) for moment in moments]

    assert sent(make(numbers), Date("x", unit=unit)) == (expected, expected)
