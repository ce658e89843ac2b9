"""The rejects of any frame: each row is sent as from the frame, or a warning names the difference beforehand."""

import datetime as dt
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import Constant, Date, EventMapping, Link, MonetaryAmount, Number, SourceError, Text, export_rejects
from events_pandas.results.rejects import REJECTED
from events_pandas.sources import column_types, payloads_of, read_chunks, source_files, with_types

EXAMPLES = settings(max_examples=settings.default.max_examples // 3, deadline=None)
TEXTS = st.one_of(
    st.sampled_from(["00042", "NA", "nan", "1e5", "12.0", " a ", "a,b", 'say "a"', "a\r\nb", "a\rb", "true", "None"]),
    # NUL is not a text that Intercom takes, and old readers of CSV end a cell there.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8),
)
INTEGERS = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.sampled_from([2**53, 2**60, -(2**60)]))
FLOATS = st.one_of(
    st.sampled_from([12.0, 19.99, 1e15, 1e16, 1e-7, 0.1, -0.5]), st.floats(allow_nan=False, allow_infinity=False)
)
TIMES = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001  # Naive times are a case.
DECIMALS = st.decimals(-(10**9), 10**9, places=2)
LINKS = st.sampled_from(["https://example.org/a?b=c,d", "http://example.org/%22"])


def column(values, dtype):
    """Columns of four cells of one dtype, some of them absent."""
    cells = st.lists(st.one_of(values, values, values, st.none()), min_size=4, max_size=4)
    return cells.map(lambda cells: pd.Series(cells, dtype=dtype))


def nanoseconds(cells):
    return pd.to_datetime(pd.Series(cells, dtype="datetime64[ns]")) + pd.Timedelta(123, "ns")


NUMBERS = (
    column(INTEGERS, "Int64"),
    column(INTEGERS, object),
    column(st.integers(-100, 100), "Int8"),
    column(FLOATS, "float64"),
    column(FLOATS, "Float64"),
    column(st.floats(-1e6, 1e6, width=32), "float32"),
    column(DECIMALS, object),
    column(DECIMALS, pd.ArrowDtype(pa.decimal128(12, 2))),
    column(INTEGERS, "category"),
)
MOMENTS = (
    column(TIMES, "datetime64[us]"),
    column(TIMES, "datetime64[us]").map(lambda times: times.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")),
    column(TIMES, "datetime64[us]").map(nanoseconds),
    column(st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)), object),
    column(TIMES.map(dt.datetime.isoformat), "string"),
    column(TIMES, pd.ArrowDtype(pa.timestamp("us", "UTC"))),
)
WORDS = (
    column(TEXTS, object),
    column(TEXTS, "string"),
    column(TEXTS, "category"),
    column(TEXTS, pd.ArrowDtype(pa.large_string())),
    column(st.booleans(), "boolean"),
    column(st.booleans(), object),
)
AMOUNTS = (
    column(st.integers(1, 10**9), "Int64"),
    column(st.integers(1, 10**9).map(lambda cents: cents / 100), "float64"),
    column(st.decimals(1, 10**6, places=3), object),
    column(st.decimals(1, 10**6, places=2).map(str), "string"),
)
NESTED = column(st.lists(st.integers(0, 9), max_size=2), object)
CONTACTS = (column(TEXTS, object), column(INTEGERS, "Int64"), column(st.integers(0, 2**40).map(float), "float64"))


@st.composite
def frames(draw):
    columns = {
        "who": st.one_of(*CONTACTS),
        "when": st.one_of(*MOMENTS),
        "text": st.one_of(*WORDS, *NUMBERS, *MOMENTS),
        "number": st.one_of(*NUMBERS),
        "moment": st.one_of(*MOMENTS),
        "amount": st.one_of(*AMOUNTS),
        "link": column(LINKS, object),
        "bare": st.one_of(*WORDS, *NUMBERS, NESTED),
        "bare_moment": st.one_of(*MOMENTS, *NUMBERS, *WORDS),
        "beside": st.one_of(*WORDS, *NUMBERS, *MOMENTS, NESTED),
    }
    frame = pd.DataFrame({name: draw(values) for name, values in columns.items()})
    index = draw(st.sampled_from(["plain", "twice", "named"]))
    if index == "named":
        return frame.set_index("who")
    return frame.set_axis([0, 0, 1, 1]) if index == "twice" else frame


TYPED = {
    "text": Text("text"),
    "number": Number("number"),
    "moment_at": Date("moment"),
    "amount": MonetaryAmount("amount", currency=Constant("bhd")),
    "link": Link("link"),
}
BARE = {"bare": "bare", "bare_at": "bare_moment"}


def mapping_of(metadata):
    return EventMapping(
        event_name="a", created_at="when", user_id="who", metadata=metadata, timezone="UTC", on_invalid_metadata="error"
    )


ROWS = st.lists(st.integers(0, 3), min_size=1, unique=True)


def results_of(rows):
    status = [REJECTED[row].value for row in rows]
    return pd.DataFrame({"row": rows, "status": status, "error_code": "x", "error_message": None})


def sent(frame, mapping, rows):
    return payloads_of(frame, mapping, np.array(sorted(rows), np.int64))


def sent_from(path, mapping):
    typed = with_types(mapping, column_types(mapping, source_files(path)).rules)
    (chunk,) = read_chunks(*source_files(path), typed, chunksize=10)
    return sent(chunk.frame, typed, range(len(chunk.frame)))


def differences(before, after):
    return [(old, new) for old, new in zip(before, after, strict=True) if old is not None and old != new]


@EXAMPLES
@given(frame=frames(), rows=ROWS)
def test_rejects_are_sent_from_csv_as_from_the_frame_where_rules_have_types(frame, rows):
    """With typed rules, a row in a CSV file has the payload of the row in the frame, if that one is valid."""
    mapping = mapping_of(TYPED)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Warnings are about rows that were invalid and are valid in the file.
        warnings.simplefilter("ignore")
        path = Path(folder) / "rejects.csv"

        export_rejects(results_of(rows), frame, path, mapping=mapping)

        assert differences(sent(frame, mapping, rows), sent_from(path, mapping)) == []


@EXAMPLES
@given(frame=frames(), rows=ROWS, name=st.sampled_from(["rejects.csv", "rejects.parquet"]))
def test_rejects_are_sent_as_from_the_frame_or_a_warning_names_the_difference(frame, rows, name):
    """A warning names values that a file would send otherwise; an error says that it cannot hold the rows."""
    mapping = mapping_of(TYPED | BARE)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path = Path(folder) / name
        try:
            export_rejects(results_of(rows), frame, path, mapping=mapping)
        except SourceError:
            assert name == "rejects.parquet"
            return

        before, after = sent(frame, mapping, rows), sent_from(path, mapping)
        found = differences(before, after) or [
            new for old, new in zip(before, after, strict=True) if old is None and new
        ]

        assert bool(found) == any(issubclass(warning.category, UserWarning) for warning in caught)
