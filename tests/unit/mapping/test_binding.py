"""A mapping bound to a frame: labels are found, callables evaluated, bare columns typed."""

import contextlib
import datetime as dt
import decimal
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.errors import MappingError, UnknownColumnError
from events_pandas.mapping import (
    Column,
    Constant,
    Date,
    EventMapping,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    Text,
    absent_columns,
    bind,
)
from events_pandas.mapping.rule_parts import EXPRESSION_TYPE

needs_expressions = pytest.mark.skipif(EXPRESSION_TYPE is None, reason="pd.col came with pandas 3")


@pytest.fixture
def orders():
    """Return two orders."""
    return pd.DataFrame({"time": [1, 2], "customer": ["ada", "bob"], "total": [19.99, 5.0]}, index=["a", "b"])


@pytest.fixture
def read(mapping):
    """Return a function that returns what a label or callable of the metadata reads from a frame."""

    def read(frame, source):
        checked = mapping(created_at=Constant(1), user_id=Constant("ada"), metadata={"key_at": Column(source)})
        return bind(frame, checked).rules[-1].parts[""]

    return read


@pytest.fixture
def typed(mapping):
    """Return a function that returns the rule that a bare column becomes; None if no value tells its type."""

    def typed(values, *, key="key_at", resolved=None):
        frame = pd.DataFrame({"x": values})
        checked = mapping(created_at=Constant(1), user_id=Constant("ada"), metadata={key: "x"})
        return bind(frame, checked, resolved=resolved).resolved.get(f"metadata.{key}")

    return typed


def test_bind_gives_every_field_its_values(mapping, orders):
    """A bound rule has its path, its rule with a type, its columns, and words for them."""
    checked = mapping(metadata={"price": MonetaryAmount("total", currency=Constant("usd"))})

    name, time, customer, price = bind(orders, checked).rules

    assert [rule.path for rule in (name, time, customer, price)] == [
        "event_name",
        "created_at",
        "user_id",
        "metadata.price",
    ]
    assert name.parts == {"": Constant("placed-order")}
    assert time.rule == Date("time")
    assert customer.labels == {"": "column 'customer'"}
    assert price.labels == {"amount": "column 'total'", "currency": "the constant 'usd'"}
    pd.testing.assert_series_equal(price.parts["amount"], orders["total"])


def test_bind_counts_the_rows(mapping, orders):
    """An empty frame is bound like any other."""
    assert [bind(frame, mapping()).n_rows for frame in (orders, orders.head(0))] == [2, 0]


@pytest.mark.parametrize(
    ("rows", "got"), [([{"time": 1}], "a list: make a frame with pd.DataFrame(rows)"), (None, "a NoneType")]
)
def test_bind_takes_nothing_but_a_frame(mapping, rows, got):
    """Rows that are not in a DataFrame are refused before the mapping is looked at."""
    with pytest.raises(TypeError) as caught:
        bind(rows, mapping())

    assert str(caught.value) == (
        f"expected rows in a pandas DataFrame, or in a table of Polars, DuckDB or pyarrow, got {got}"
    )


@pytest.mark.parametrize("path", ["orders.csv", Path("orders.csv")])
def test_bind_says_what_takes_a_path(mapping, path):
    """Files have functions of their own."""
    with pytest.raises(TypeError, match=r"got a [\w.]+: check_file and submit_file take the path"):
        bind(path, mapping())


@pytest.mark.parametrize("label", ["x", 3, ("x", 1), 2.5, pd.Timestamp("2024-01-01"), True])
def test_bind_finds_a_column_by_any_label(read, label):
    """Every name that pandas allows for a column is a label."""
    frame = pd.DataFrame([[7, 8]])
    frame.columns = pd.Index(["other", label], tupleize_cols=False, dtype=object)

    assert read(frame, label).tolist() == [8]


def test_bind_tells_true_from_one(read):
    """True and 1 are different labels, although they are equal in Python."""
    frame = pd.DataFrame([[7, 8]], columns=pd.Index([True, 1], dtype=object))

    assert read(frame, 1).tolist() == [8]


def test_bind_finds_a_column_of_several_levels(read):
    """With columns of several levels a tuple is the label."""
    frame = pd.DataFrame([[7, 8]], columns=pd.MultiIndex.from_tuples([("order", "id"), ("order", "total")]))

    assert read(frame, ("order", "total")).tolist() == [8]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([7, 8], name="key"),
        pd.MultiIndex.from_arrays([["a", "b"], [7, 8]], names=["other", "key"]),
    ],
)
def test_bind_finds_an_index_level_by_its_name(read, index):
    """A level of the index can be named like a column."""
    frame = pd.DataFrame({"x": [1, 2]}, index=index)

    values = read(frame, "key")

    assert values.tolist() == [7, 8]
    assert values.index.equals(index)


@pytest.mark.parametrize("name", [0, 1, 5])
def test_bind_takes_an_index_levels_name_for_a_name(read, name):
    """A level with the name 1 is not the second level."""
    index = pd.MultiIndex.from_arrays([[7, 8], ["a", "b"]], names=[name, "other"])

    assert read(pd.DataFrame({"x": [1, 2]}, index=index), name).tolist() == [7, 8]


def test_bind_prefers_a_column_to_an_index_level(read):
    """If a column and a level have the same name, the column is read."""
    frame = pd.DataFrame({"key": [1, 2]}, index=pd.Index([7, 8], name="key"))

    assert read(frame, "key").tolist() == [1, 2]


def test_bind_refuses_an_ambiguous_column(mapping, orders, faults):
    """Two columns with the same name are refused."""
    orders.columns = ["time", "customer", "customer"]

    assert faults(bind, orders, mapping()) == [
        "user_id: 2 columns have the name 'customer': rename or drop all but one"
    ]


def test_bind_leaves_ambiguous_columns_alone_that_nothing_reads(mapping, orders):
    """Two columns with the same name are not a fault if no rule names them."""
    frame = pd.concat([orders, orders[["total", "total"]]], axis=1)

    assert bind(frame, mapping()).n_rows == 2


def test_bind_refuses_an_ambiguous_index_level(mapping, faults):
    """Two levels of the index with the same name are refused."""
    index = pd.MultiIndex.from_arrays([["ada"], ["bob"]], names=["customer", "customer"])

    assert faults(bind, pd.DataFrame({"time": [1]}, index=index), mapping()) == [
        "user_id: the frame's index has 2 levels 'customer': rename all but one"
    ]


@pytest.mark.parametrize("label", [pd.NA, ("x", pd.NA)])
def test_bind_finds_a_column_beside_one_without_a_name(read, label):
    """A missing name, such as pd.NA, equals no label."""
    frame = pd.DataFrame([[7, 8]], columns=pd.Index([label, ("x", "y")], tupleize_cols=False, dtype=object))

    assert read(frame, ("x", "y")).tolist() == [8]


def test_bind_names_a_similar_column(mapping, orders):
    """The error for a misspelt label is an UnknownColumnError with the most similar label."""
    with pytest.raises(UnknownColumnError) as caught:
        bind(orders, mapping(user_id="custmer"))

    assert str(caught.value) == "user_id: no column 'custmer': did you mean 'customer'?"
    assert (caught.value.column, caught.value.path) == ("custmer", "user_id")


def test_bind_names_the_columns_that_there_are(mapping, orders, faults):
    """If no label is similar, the error lists all labels, also the ones of index levels."""
    frame = orders.rename_axis("order")

    assert faults(bind, frame, mapping(user_id="zzz")) == [
        "user_id: no column 'zzz'; there are 'time', 'customer', 'total', 'order'"
    ]


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        (
            {"price": MonetaryAmount("total", currency="usd")},
            "metadata.price.currency: no column 'usd': did you mean currency=Constant('usd')?",
        ),
        (
            {"timezone": "Europe/Berlin"},
            (
                "metadata.timezone: no column 'Europe/Berlin': timezone is an option of the mapping, not metadata: "
                "in a TOML file its line stands above [metadata]"
            ),
        ),
        ({"source": "backfill"}, "metadata.source: no column 'backfill': did you mean Constant('backfill')?"),
        (
            {"link": RichLink(value="customer", url="https://x.org")},
            "metadata.link.url: no column 'https://x.org': did you mean Constant('https://x.org')?",
        ),
        (
            {"link": RichLink(value="Order", url="customer")},
            "metadata.link.value: no column 'Order': did you mean Constant('Order')?",
        ),
        ({"source": 7}, "metadata.source: no column 7; there are 'time', 'customer', 'total'"),
        ({"source": "source"}, "metadata.source: no column 'source'; there are 'time', 'customer', 'total'"),
    ],
)
def test_bind_hints_at_a_constant(mapping, orders, faults, metadata, fault):
    """The error for a missing label of the metadata asks whether a constant is meant."""
    assert faults(bind, orders, mapping(metadata=metadata)) == [fault]


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (Text("paid"), ""),
        (Number("paid"), ""),
        (Link("paid"), ""),
        (MonetaryAmount("paid", currency=Constant("usd")), ".amount"),
        (MonetaryAmount("total", currency="paid"), ".currency"),
        (RichLink(value="customer", url="paid"), ".url"),
    ],
)
def test_bind_hints_at_no_constant_that_a_rule_would_refuse(mapping, orders, faults, rule, part):
    """A rule with a type names a column: the text is neither a number, nor a currency, nor an address."""
    assert faults(bind, orders, mapping(metadata={"key": rule})) == [
        f"metadata.key{part}: no column 'paid'; there are 'time', 'customer', 'total'"
    ]


def test_bind_tells_every_fault_at_once(mapping, orders):
    """A mapping that does not fit a frame is refused once, with all faults."""
    checked = mapping(event_name="total", created_at="when", metadata={"day": Column(lambda _: 1 / 0)})

    with pytest.raises(MappingError) as caught:
        bind(orders, checked)

    assert caught.value.faults == (
        "event_name: 'total' is also a column: use Column('total') or Constant('total')",
        "created_at: no column 'when'; there are 'time', 'customer', 'total'",
        "metadata.day: computing the callable <lambda> failed with ZeroDivisionError: division by zero",
    )


def test_bind_refuses_an_event_name_that_is_also_an_index_level(mapping, orders, faults):
    """A literal event name that is also a label is refused, since either may be meant."""
    assert faults(bind, orders.rename_axis("event"), mapping(event_name="event")) == [
        "event_name: 'event' is also a column: use Column('event') or Constant('event')"
    ]


@pytest.mark.parametrize("event_name", [Constant("total"), "order", "Total"])
def test_bind_takes_an_event_name_that_is_not_a_column(mapping, event_name):
    """A constant event name, or the first level of a tuple label, is not a column."""
    columns = pd.MultiIndex.from_tuples([("order", "id"), ("total", "")])
    checked = mapping(event_name=event_name, created_at=Constant(1), user_id=Constant(1))

    name, *_ = bind(pd.DataFrame([[1, 2]], columns=columns), checked).rules

    assert name.labels[""].casefold() in {"the constant 'order'", "the constant 'total'"}


def test_bind_evaluates_a_callable_once(mapping, orders):
    """A callable is evaluated once on the whole frame, even if several rules read it."""
    seen = []

    def day(frame):
        seen.append(len(frame))
        return frame["time"]

    bound = bind(orders, mapping(created_at=day, metadata={"order_date": Date(day)}))

    assert seen == [2]
    assert bound.rules[1].labels == {"": "the callable day"}
    assert bound.rules[1].parts[""] is bound.rules[-1].parts[""]


def test_bind_evaluates_a_callable_on_the_whole_frame(read, orders):
    """A callable sees every column and the index."""
    assert read(orders, lambda frame: frame["customer"] + frame.index).tolist() == ["adaa", "bobb"]


def test_bind_does_not_let_a_callable_change_the_frame(read, orders):
    """A callable may change its argument: the caller's frame stays as it was."""
    before = orders.copy(deep=True)

    def doubled(frame):
        frame["more"] = 1
        frame.loc["a", "total"] = 0.0
        return frame["total"] * 2

    assert read(orders, doubled).tolist() == [0.0, 10.0]
    pd.testing.assert_frame_equal(orders, before)


def hostile(frame):
    """Write to everything in a frame, in every way."""
    own = pd.Index(frame.index.tolist())
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        for write in (
            lambda column: column.array.__setitem__(0, column.array[-1]),
            lambda column: column.values.__setitem__(0, column.values[-1]),
            lambda column: column.to_numpy().__setitem__(0, column.to_numpy()[-1]),
            lambda column: column.__setitem__(column.index[0], column.iloc[-1]),
        ):
            # Some arrays refuse to be written to, and some ways of writing are about to change.
            with contextlib.suppress(ValueError, TypeError, NotImplementedError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write(column)
    for labels in (frame.index, frame.columns):
        with contextlib.suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labels.values[0] = labels.values[-1]
    frame.attrs["noted"] = True
    return frame.iloc[:, 0].set_axis(own)


WRITTEN_TO = {
    "numpy": [1, 2],
    "Int64": pd.array([1, None], dtype="Int64"),
    "boolean": pd.array([True, None], dtype="boolean"),
    "string": pd.array(["a", "b"], dtype="string"),
    "text": ["a", "b"],
    "object": pd.Series([1, "a"], dtype=object),
    "category": pd.Categorical(["a", "b"]),
    "naive": pd.to_datetime(["2024-01-01", "2024-01-02"]),
    "aware": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True),
    "span": pd.to_timedelta(["1h", "2h"]),
    "period": pd.period_range("2024-01", periods=2, freq="M"),
    "interval": pd.interval_range(0, 2),
    "arrow": pd.array([1, 2], dtype=pd.ArrowDtype(pa.int64())),
    "arrow text": pd.array(["a", "b"], dtype=pd.ArrowDtype(pa.string())),
    "sparse": pd.arrays.SparseArray([1, 2]),
}
INDEXES = {
    "labels": pd.Index(["a", "b"], name="label"),
    "numbers": pd.Index([5, 7]),
    "counter": pd.RangeIndex(2),
    "times": pd.date_range("2024-01-01", periods=2, tz="UTC"),
    "levels": pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["n", "t"]),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_bind_lets_nothing_that_a_callable_writes_reach_the_frame(mapping, index):
    """A callable changes no values, arrays or index of the caller's frame, and no cells that other rules read."""
    frame = pd.DataFrame({name: pd.Series(values) for name, values in WRITTEN_TO.items()}).set_index(index)
    before = frame.copy(deep=True)
    labels = frame.index.tolist()
    metadata = {"first": Text(hostile), "second": Text(lambda frame: frame["numpy"]), "third": "category"}

    bound = bind(frame, mapping(created_at=Constant(1), user_id="text", metadata=metadata))

    pd.testing.assert_frame_equal(frame, before)
    assert (frame.index.tolist(), frame.attrs) == (labels, {})
    read = {rule.path: rule.parts[""] for rule in bound.rules}
    assert read["metadata.second"].tolist() == [1, 2]
    assert read["metadata.third"].tolist() == ["a", "b"]
    assert read["user_id"].tolist() == ["a", "b"]


def test_bind_keeps_what_a_callable_gave(mapping, orders):
    """A Series that the callable changes later is sent as it was."""
    kept = pd.Series([1, 2], index=orders.index)

    def given(_):
        return kept

    def changing(frame):
        kept.array[0] = 99
        return frame["time"]

    bound = bind(orders, mapping(user_id=Constant("a"), metadata={"a": Text(given), "b": Text(changing)}))

    assert bound.rules[-2].parts[""].tolist() == [1, 2]


def test_bind_shares_the_objects_in_cells(mapping):
    """Columns and index are copied for a callable, but not the objects in cells."""
    frame = pd.DataFrame({"x": [["a"], ["b"]]})

    bind(frame, mapping(created_at=Constant(1), user_id=lambda frame: frame["x"].map(lambda cell: cell.append("c"))))

    assert frame["x"].tolist() == [["a", "c"], ["b", "c"]]


@needs_expressions
def test_bind_lets_no_expression_change_the_frame(mapping, orders):
    """An expression can call functions that write, and the frame stays as it was."""
    before = orders.copy(deep=True)

    def zeroed(column):
        column.array[0] = 0
        return column

    bound = bind(orders, mapping(created_at=pd.col("time").pipe(zeroed), user_id="customer"))

    assert bound.rules[1].parts[""].tolist() == [0, 2]
    pd.testing.assert_frame_equal(orders, before)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (lambda _: "x", "returned a str, not a Series of the rows"),
        (lambda frame: frame["total"].to_numpy(), "returned an ndarray, not a Series of the rows"),
        (lambda frame: frame["total"].head(1), "returned a Series whose index is not the frame's"),
        (lambda frame: frame["total"][::-1], "returned a Series whose index is not the frame's"),
        (lambda frame: frame["total"].reset_index(drop=True), "returned a Series whose index is not the frame's"),
    ],
)
def test_bind_refuses_what_is_not_a_column_of_the_frame(mapping, orders, faults, source, fault):
    """A callable must return a Series on the frame's own index: other values could belong to other rows."""
    checked = mapping(metadata={"key": source})

    assert faults(bind, orders, checked) == [f"metadata.key: the callable <lambda> {fault}"]


@needs_expressions
def test_bind_evaluates_an_expression(read, orders):
    """`pd.col` is evaluated on the frame, not called."""
    assert read(orders, pd.col("total") * 2).tolist() == [39.98, 10.0]


@needs_expressions
def test_bind_names_an_expression_that_fails(mapping, orders, faults):
    """The error of an expression has its path and pandas' words."""
    (fault,) = faults(bind, orders, mapping(created_at=pd.col("when")))

    assert fault.startswith(
        "created_at: computing the expression col('when') failed with ValueError: Column 'when' not"
    )


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        (pd.Series([1]), Number("x")),
        (pd.Series([1], dtype="uint8"), Number("x")),
        (pd.Series([1, None], dtype="Int64"), Number("x")),
        (pd.Series([1.5]), Number("x")),
        (pd.Series([1.5], dtype="float32"), Number("x")),
        (pd.Series([1, 1.5], dtype=object), Number("x")),
        (pd.Series([decimal.Decimal(1)]), Number("x")),
        (pd.Series([1], dtype=pd.ArrowDtype(pa.int32())), Number("x")),
        (pd.Series([decimal.Decimal(1)], dtype=pd.ArrowDtype(pa.decimal128(5))), Number("x")),
        (pd.Series([1, None], dtype="category"), Number("x")),
        (pd.Series(pd.arrays.SparseArray([1.0, np.nan])), Number("x")),
        (pd.Series(["a"]), Text("x")),
        (pd.Series(["a", None], dtype=object), Text("x")),
        (pd.Series(["a"], dtype="string"), Text("x")),
        (pd.Series(["a"], dtype=pd.ArrowDtype(pa.string())), Text("x")),
        (pd.Series(["a"], dtype="category"), Text("x")),
        (pd.Series([True]), Text("x")),
        (pd.Series([True, None], dtype="boolean"), Text("x")),
        (pd.Series([1, "a"], dtype=object), Text("x")),
        (pd.Series([["a"]]), Text("x")),
        (pd.Series([b"a"]), Text("x")),
        (pd.Series(pd.to_timedelta([1], unit="s")), Text("x")),
        (pd.Series(pd.period_range("2024", periods=1)), Text("x")),
        (pd.Series(pd.to_datetime(["2024-01-31"])), Date("x")),
        (pd.Series(pd.to_datetime(["2024-01-31"], utc=True)), Date("x")),
        (pd.Series([dt.date(2024, 1, 31)]), Date("x")),
        (pd.Series([dt.datetime(2024, 1, 31, tzinfo=dt.UTC), None], dtype=object), Date("x")),
        (pd.Series([dt.date(2024, 1, 31)], dtype=pd.ArrowDtype(pa.date32())), Date("x")),
        (pd.Series(pd.to_datetime(["2024-01-31"]), dtype=pd.ArrowDtype(pa.timestamp("us"))), Date("x")),
    ],
    ids=lambda value: f"{value.dtype} {value.iloc[0]!r}" if isinstance(value, pd.Series) else type(value).__name__,
)
def test_bind_types_a_bare_column_by_its_dtype(typed, values, rule):
    """Numbers become numbers, dates and times become dates, and everything else becomes text."""
    assert typed(values, key="key" if isinstance(rule, Number) else "key_at") == rule


@pytest.mark.parametrize("key", ["paid_at", "paid_date"])
def test_bind_makes_dates_of_bare_numbers_under_a_dates_key(typed, key):
    """Numbers under a date's key become dates, as for Intercom, so that milliseconds are noticed."""
    assert typed(pd.Series([1_700_000_000]), key=key) == Date("x")


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([], dtype=float),
        pd.Series([np.nan]),
        pd.Series([None], dtype=object),
        pd.Series([None], dtype="Int64"),
        pd.Series([None], dtype=pd.ArrowDtype(pa.string())),
        pd.Series([pd.NaT]),
        pd.Series([], dtype="category"),
    ],
    ids=lambda value: str(value.dtype),
)
def test_bind_leaves_a_bare_column_without_a_value_open(typed, values):
    """A column without a value has no type yet: pandas makes floats of an empty column."""
    assert typed(values) is None


def test_bind_drops_the_rule_of_a_column_without_a_value(mapping, orders):
    """A bare column without a value makes no metadata."""
    orders["note"] = np.nan

    assert [rule.path for rule in bind(orders, mapping(metadata={"note": "note"})).rules] == [
        "event_name",
        "created_at",
        "user_id",
    ]


@pytest.mark.parametrize(
    ("value", "rule"),
    [("x", Text), (True, Text), (3, Number), (1.5, Number), (decimal.Decimal(1), Number), (dt.date(2024, 1, 31), Date)],
)
def test_bind_types_a_constant_by_its_value(mapping, orders, value, rule):
    """A constant has a type like a column with one value."""
    key = "key" if rule is Number else "key_at"

    bound = bind(orders, mapping(metadata={key: Constant(value)}))

    assert bound.rules[-1].rule == rule(Constant(value))


def test_bind_refuses_a_bare_date_under_another_key(mapping, faults):
    """A column of times under a key without a date's ending is refused, with a better key."""
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-01-31"]), "customer": ["ada"]})

    (fault,) = faults(bind, frame, mapping(metadata={"ordered": "time"}))

    assert fault == (
        "metadata.ordered: Intercom shows a date only if the key ends in '_date' or '_at': "
        "name it 'ordered_date', or send it as text"
    )


def test_bind_holds_a_stream_to_the_first_type(typed):
    """A bare column keeps the type of an earlier chunk: other values are problems of their rows."""
    first = typed(pd.Series([1]), key="key")

    assert typed(pd.Series(["a"]), key="key", resolved={"metadata.key": first}) == Number("x")


def test_bind_types_a_column_when_its_first_value_comes(typed):
    """A chunk without a value decides no type."""
    assert typed(pd.Series(["a"]), resolved={}) == Text("x")


@pytest.mark.parametrize("mapping", ["mapping.toml", {"event_name": "a"}, None])
def test_bind_refuses_what_is_not_a_mapping(mapping):
    """The error for another object says how to make a mapping."""
    message = (
        f"mapping: expected an EventMapping, got a {type(mapping).__name__}: make one or read one with .*from_toml"
    )

    with pytest.raises(TypeError, match=message):
        bind(pd.DataFrame({"who": ["1"]}), mapping)


def test_bind_does_not_name_the_person_of_a_constant_identifier():
    """Findings end in results and logs, so they do not repeat a constant email address."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", email=Constant("ada@example.org"))

    bound = bind(pd.DataFrame({"who": ["1"], "day": ["2024-01-31"]}), mapping)

    assert {rule.path: rule.labels[""] for rule in bound.rules}["email"] == "the constant"


def test_bind_tells_labels_of_several_levels_from_numbers():
    """A tuple and a number of numpy are different labels, although numpy compares the number with each part."""
    frame = pd.DataFrame([["2024-01-31", "ada", 5]], columns=pd.Index([np.int64(3), "u", ("a", "b")], dtype=object))
    checked = EventMapping(event_name="e", created_at=3, user_id="u", metadata={"n": ("a", "b")}, timezone="UTC")

    assert bind(frame, checked).rules[-1].parts[""].tolist() == [5]


@pytest.mark.parametrize(
    ("fields", "names", "absent"),
    [
        ({"metadata": {"coupon": "coupon"}}, ["day", "who", "coupon"], []),
        ({"metadata": {"coupon": "coupon", "note": "text"}}, ["day", "who", "text"], ["coupon"]),
        ({"metadata": {"price": MonetaryAmount("total", currency="iso")}}, ["day", "who"], ["total", "iso"]),
        ({"email": "mail"}, ["day", "who"], ["mail"]),
        ({"email": "mail"}, ["day", "mail"], ["who"]),
        # The mapping reads the similar column.
        ({"metadata": {"first": "coupon1", "second": "coupon2"}}, ["day", "who", "coupon1"], ["coupon2"]),
        # A misspelt name.
        ({"metadata": {"coupon": "coupon", "note": "note"}}, ["day", "who", "coupons"], []),
        # What every event needs.
        ({"metadata": {"coupon": "coupon"}}, ["who"], []),
        ({"email": "mail"}, ["day"], []),
        ({"event_name": Column("kind")}, ["day", "who"], []),
        # An option of the mapping below [metadata].
        ({"metadata": {"timezone": "Europe/Berlin"}}, ["day", "who"], []),
        # No key of a file.
        ({"metadata": {"coupon": 1}}, ["day", "who"], []),
        ({"metadata": {"coupon": Constant("a"), "note": len}}, ["day", "who"], []),
    ],
)
def test_absent_columns_are_those_that_rows_may_lack(fields, names, absent):
    """Rows may lack metadata, and an identifier beside another one, if nothing shows that a name is misspelt."""
    mapping = EventMapping(**{"event_name": "a", "created_at": "day", "user_id": "who", **fields})

    assert absent_columns(mapping, names) == absent
