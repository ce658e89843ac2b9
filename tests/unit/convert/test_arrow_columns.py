"""Columns of every Arrow type, from a Parquet file or from a frame: sent, or refused by a code."""

import datetime as dt
import decimal
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas import EventMapping, MappingError, check_events, suggest_mapping
from events_pandas.mapping import Column, Constant, Date, Link, MonetaryAmount, Number, Text, as_frame
from events_pandas.mapping.arrow_types import readable_type, sliceable_table, type_words

# Other tests reach the same lines, and tracing takes as long as these tests.
pytestmark = pytest.mark.no_cover

CENTS = decimal.Decimal("19.90")
DAY = dt.date(2024, 1, 31)
NOON = 1_706_702_400
NAIVE = dt.datetime(2024, 1, 31, 12)  # noqa: DTZ001  # A cell without a zone.
RULES = [
    Column("x"),
    Text("x"),
    Number("x"),
    Number("x", decimal=","),
    Date("x"),
    Link("x"),
    MonetaryAmount("x", currency=Constant("eur")),
]
KINDS = {name: getattr(pa, name, None) for name in ("uuid", "json_", "bool8")}
KINDS["hugeint"] = partial(pa.opaque, pa.binary(16), "hugeint", "DuckDB") if hasattr(pa, "opaque") else None
TYPES = [
    pa.array([CENTS, None], pa.decimal128(20, 2)),
    pa.array([CENTS, None], pa.decimal256(60, 30)),
    pa.array([DAY, None], pa.date32()),
    pa.array([DAY, None], pa.date64()),
    *(pa.array([dt.time(12), None], pa.time32(unit)) for unit in ("s", "ms")),
    *(pa.array([dt.time(12), None], pa.time64(unit)) for unit in ("us", "ns")),
    *(pa.array([5, None], pa.duration(unit)) for unit in ("s", "ms", "us", "ns")),
    *(pa.array([NOON, None], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")),
    *(pa.array([NOON, None], pa.timestamp("us", zone)) for zone in ("Europe/Berlin", "+02:00", "Mars/X")),
    *(pa.array(["1", None], kind) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *(pa.array([b"1", None], kind) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    *(pa.array([b"0" * size, None], pa.binary(size)) for size in (0, 4, 16)),
    *(pa.array([1, None], kind) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())),
    *(pa.array([1, None], kind) for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())),
    pa.array([2**64 - 1, None], pa.uint64()),
    pa.array([np.float16(1.5), None], pa.float16()),
    *(pa.array([1.5, None], kind) for kind in (pa.float32(), pa.float64())),
    pa.array([True, None]),
    pa.nulls(2),
    *(pa.array([value, None]).dictionary_encode() for value in ("a", b"a", 1, CENTS, DAY)),
    *(
        pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), values)
        for values in (
            pa.array(["a"], pa.string_view()),
            pa.array([["a"]]),
            pa.array(["a"]).dictionary_encode(),
            pa.RunEndEncodedArray.from_arrays(pa.array([1]), pa.array(["a"])),
        )
    ),
    pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["a", None])),
    *(
        pa.RunEndEncodedArray.from_arrays(pa.array([1, 2]), values)
        for values in (
            pa.array(["a", None]),
            pa.array([1, None]),
            pa.array(["a", None], pa.string_view()),
            pa.array([DAY, None]).dictionary_encode(),
            pa.array([{"a": "x"}, None]),
        )
    ),
    pa.array([["a"], None], pa.list_(pa.string_view())),
    pa.array([[1], None], pa.large_list(pa.int64())),
    pa.array([[1, 2], None], pa.list_(pa.int64(), 2)),
    pa.array([{"a": "x"}, None], pa.struct([("a", pa.string_view())])),
    pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    *(pa.array([[1], None], kind(pa.int64())) for kind in (pa.list_view, pa.large_list_view)),
    pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
    pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])]),
    *(
        pa.ExtensionArray.from_storage(kind(), pa.array([value, None], kind().storage_type))
        for name, value in (("uuid", b"0" * 16), ("json_", "{}"), ("bool8", 1), ("hugeint", b"0" * 16))
        # They came with pyarrow 18 and 19.
        if (kind := KINDS[name]) is not None
    ),
]


def _frame(array):
    # pandas cannot make a column of every type from a list.
    table = pa.table({"x": array})
    return table.to_pandas(types_mapper=pd.ArrowDtype)


@pytest.fixture
def found(convert, outcome):
    """Return a function that gives what a rule makes of each cell of a frame's column x, or the code of its error."""

    def found(frame, rule):
        key = "value" if isinstance(rule, Number) else "value_at"
        return outcome(convert(frame, metadata={key: rule}), lambda payload: payload.get("metadata", {}).get(key))

    return found


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("array", TYPES, ids=lambda array: str(array.type))
def test_column_of_any_type_is_sent_or_refused(found, array, rule):
    """A cell of any Arrow type is sent or refused by its row's error, and an absent one is absent."""
    sent, absent = found(_frame(array), rule)

    assert sent is not None or array.type in {pa.null(), pa.binary(0)}
    # A union has no absent cells of its own.
    assert absent is None or pa.types.is_union(array.type)


@pytest.mark.parametrize("array", TYPES, ids=lambda array: str(array.type))
def test_column_of_a_parquet_file_is_as_in_a_frame(tmp_path, found, array):
    """A column that is written as Parquet and read again is sent as before."""
    try:
        pq.write_table(pa.table({"x": array}), tmp_path / "a.parquet")
        written = pq.read_table(tmp_path / "a.parquet")
    except (pa.ArrowException, OSError) as error:
        # Arrow 17 also cannot read absent lists of a fixed size.
        pytest.skip(f"Parquet has no such type: {error}")
    table = sliceable_table(written)

    read = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)

    for rule in RULES:
        assert found(read, rule) == found(_frame(array), rule)


@pytest.mark.parametrize("array", TYPES, ids=lambda array: str(array.type))
def test_column_of_a_table_is_as_in_a_frame(found, array):
    """*Every Arrow type arrives as in a pandas frame*, also from the middle of a batch and from several of them."""
    twice = pa.chunked_array([array, array])
    tables = [pa.table({"x": array}), pa.table({"x": twice}).slice(1, 2)]

    # Each conversion takes milliseconds, and there are thousands of them.
    expected = [found(_frame(array), rule) for rule in RULES]
    for table, order in zip(tables, ([0, 1], [1, 0]), strict=True):
        # Through the interface, as a table of another library.
        frame = as_frame(pa.RecordBatchReader.from_stream(table))
        for rule, cells in zip(RULES, expected, strict=True):
            assert found(frame, rule) == [cells[row] for row in order]
            assert found(frame.iloc[[1, 0]], rule) == [cells[row] for row in order[::-1]]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
@pytest.mark.parametrize("rule", [Column("x"), Text("x"), Number("x"), Date("x"), Link("x")], ids=str)
def test_text_that_is_not_utf8_is_an_error_of_its_row(found, kind, rule):
    """Some programs call bytes in another encoding text, and Arrow reads them unseen."""
    # The first two are UTF-8 only together.
    text = pa.array([b"\xc3", b"\xa4", b"\xff", None]).cast(pa.string(), safe=False)
    column = text.dictionary_encode() if pa.types.is_dictionary(kind) else text.cast(kind)

    assert found(as_frame(pa.table({"x": column})), rule) == ["!bytes_unreadable"] * 3 + [None]


def test_text_in_utf8_beside_other_bytes_is_sent(found):
    """One cell does not change what becomes of the others, and the type of the column is text."""
    text = pa.array([b"\xc3\xa4", b"\xff", b"7", b"a"]).cast(pa.string(), safe=False)

    assert found(as_frame(pa.table({"x": text})), Column("x")) == ["ä", "!bytes_unreadable", "7", "a"]


@pytest.mark.parametrize("field", ["event_name", "created_at", "user_id", "email"])
def test_field_that_is_not_utf8_is_an_error_of_its_row(convert, field):
    """No event is sent with such bytes."""
    text = pa.array([b"\xff"]).cast(pa.string(), safe=False)

    batch = convert(as_frame(pa.table({"x": text})), **{field: Column("x") if field == "event_name" else "x"})

    assert {finding.code for finding in batch.findings if finding.severity == "error"} == {"bytes_unreadable"}


@pytest.mark.parametrize("array", TYPES, ids=lambda array: str(array.type))
@pytest.mark.parametrize("rule", ["x", Text("x")], ids=str)
def test_column_of_a_stream_is_as_in_a_table(array, rule):
    """The batches of a stream are joined, and its rows are compared with each other."""
    table = pa.table({"x": array, "who": ["1", "1"], "day": [DAY, DAY]})
    twice = pa.concat_tables([table, table])
    mapping = EventMapping(event_name="x", created_at="day", user_id="who", metadata={"value_at": rule})

    def found(rows):
        try:
            report = check_events(rows, mapping)
        except MappingError as error:
            return str(error)
        problems = report.problems[["row", "field", "code"]].values.tolist()
        return report.valid, report.duplicates, report.payloads(9), problems

    assert found(twice.to_reader(max_chunksize=1)) == found(twice)


@pytest.mark.parametrize(
    "array", [array for array in TYPES if "Mars" not in str(array.type)], ids=lambda array: str(array.type)
)
def test_cells_of_a_table_are_exact(array):
    """A cell in a frame is the cell of the table."""
    frame = as_frame(pa.table({"x": array}))

    assert pa.array(frame["x"]).to_pylist() == array.to_pylist()


@pytest.mark.parametrize("array", TYPES, ids=lambda array: str(array.type))
def test_type_that_is_not_sent_is_named_in_words(convert, array):
    """The value of an error is its column's type: Arrow's name for it, or the one of its owner."""
    batch = convert(as_frame(pa.table({"x": array})), metadata={"value_at": Text("x")})

    shown = [text for finding in batch.findings if finding.severity == "error" for text in finding.values.to_pylist()]

    assert set(shown) <= {repr(type_words(readable_type(array.type)))}
    assert ("hugeint" in str(array.type)) == (shown == ["'hugeint of DuckDB'"])


@pytest.mark.parametrize("array", TYPES, ids=lambda array: str(array.type))
def test_mapping_is_proposed_beside_a_column_of_any_type(array):
    """A column that cannot be sent is left out of a proposal."""
    frame = _frame(array).assign(user_id=["1", "2"], created_at=["2024-01-31", "2024-02-01"])

    assert suggest_mapping(frame).user_id == "user_id"


def test_column_of_objects_as_a_spreadsheet_has_them_is_read_cell_by_cell(found):
    """Cells of every type that a spreadsheet or JSON holds stand in one column."""
    cells = ["905,00", 5, 1.5, CENTS, True, NAIVE, DAY, dt.time(12), None, float("nan"), ""]
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object)})

    numbers = found(frame, Number("x", decimal=","))
    texts = found(frame, Text("x"))

    assert numbers == [905.0, 5, 1.5, 19.9, *["!number_unreadable"] * 3, "!unsupported_type", None, None, None]
    assert texts == [
        *("905,00", "5", "1.5", "19.90", "true", "2024-01-31T12:00:00", "2024-01-31", "!unsupported_type"),
        *(None, None, None),
    ]
