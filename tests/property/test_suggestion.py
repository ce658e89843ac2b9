"""A proposal runs: its Python and its TOML are the same mapping, and it fits its frame."""

import dataclasses
import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import check_events, suggest_mapping
from events_pandas.errors import MappingError
from events_pandas.mapping import Constant, EventMapping, Link, RichLink, Text, bind
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.mapping.rule_parts import rule_sources

EXAMPLES = settings(max_examples=settings.default.max_examples // 3, deadline=None)
NAMES = st.sampled_from(
    [
        *("id", "user_id", "userId", "email", "Customer Email", "order_id", "name", "event", "action", "ordered_at"),
        *("created_at", "timestamp", "date", "day", "type", "TYPE", "total", "Total", "amount_cents", "currency"),
        *(
            "order",
            "order_url",
            "ordered",
            "shipped_ms",
            "replace-me",
            "",
            "%",
            'a"b',
            "a'b",
            "a\\",
            "a\nb",
            "# ö\u2028",
        ),
    ]
)
LABELS = NAMES | st.text(max_size=4) | st.integers(-3, 3) | st.booleans() | st.none() | st.tuples(NAMES, NAMES)
TIMES = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1))  # noqa: DTZ001  # Hypothesis takes naive bounds.
SCALARS = (
    st.text(max_size=4)
    | st.integers()
    | st.floats()
    | st.decimals(allow_nan=False)  # pandas itself fails at a signalling NaN
    | st.booleans()
    | st.none()
    | st.dates()
    | st.timedeltas()
    | st.binary(max_size=2)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1)
)
ADDRESSES = st.sampled_from(
    [
        *(
            "https://example.org/1",
            "http://example.org/2?a=b",
            "https://example.org/?kw=TC|5",
            "https://example.org/{x}",
        ),
        *(
            "https://example.org/a^b",
            "https://example.org/a`b",
            "https://",
            "https://a b",
            "ftp://example.org",
            "n/a",
            "",
        ),
    ]
)
CODES = st.sampled_from(["EUR", "usd", "Jpy", "EURO", "XXX", " EUR", "", None])
NOTHING_TAKES = {"nul_character", "lone_surrogate", "nested_value", "unsupported_type", "text_too_long"}
"""What is wrong with a cell that no metadata rule takes."""

CELLS = st.sampled_from(
    [
        ADDRESSES,
        CODES,
        st.sampled_from(["1.234,50", "€ 5", "5.00", "5", "-5", "0", "5.001", "n/a"]),
        st.sampled_from([5, 0, 1.5, 2.125, float("inf"), None]),
        st.sampled_from(["05/06/2024", "13/06/2024", "06/13/2024", "05.06.24", "never"]),
        st.sampled_from(
            ["ada@example.org", "a b@example.org", "ben@x", "o'neil+x@example.org", "\u200bada@example.org"]
        ),
        st.uuids() | st.uuids().map(str),
        st.sampled_from(["ada@example.org", "ben@example.org", None]),
        st.sampled_from(["https://example.org/1", "http://example.org/2"]),
        st.sampled_from(["USD", "eur", "jpy"]),
        st.sampled_from(["05/06/2024", "31.01.2024 10:00", "2024-01-31", "2024-01-31T10:00:00Z", "20240131", ""]),
        st.sampled_from(["507f1f77bcf86cd799439011", "00042", "42", "19.99"]),
        st.sampled_from([19970131, 1_700_000_000, 1_700_000_000_000, 2**60]),
        st.integers(-5, 5),
        st.floats(),
        TIMES,
        TIMES | st.dates(dt.date(1990, 1, 1)) | st.sampled_from(["2024-01-31T10:00:00Z", "2024-01-31", "n/a"]),
        st.sampled_from(["1234.0", "1e-05", "True", "1_0"]),
        st.text(max_size=3),
        SCALARS,
    ]
)


@st.composite
def frames(draw):
    """Draw a frame of any columns, with a contact and a time."""
    n_rows = draw(st.integers(1, 6))
    labels = draw(st.lists(LABELS, max_size=14))
    columns = [draw(st.lists(draw(CELLS), min_size=n_rows, max_size=n_rows)) for _ in labels]
    given_columns = [["a"] * n_rows, ["2024-01-31"] * n_rows]
    series = [pd.Series(column, dtype=object) for column in (*columns, *given_columns)]
    frame = pd.concat(series, axis=1)
    frame.columns = pd.Index([*labels, "customer_no", "occurred_at"], dtype=object, tupleize_cols=False)
    # With dtypes of their own, as a file's reader makes them, or as objects.
    return frame.infer_objects() if draw(st.booleans()) else frame


@EXAMPLES
@given(frame=frames())
def test_suggestion_runs_as_python_and_as_toml(tmp_path_factory, frame):
    """*Prints as Python and as TOML that runs unchanged*: both give the proposed mapping."""
    path = tmp_path_factory.mktemp("suggestion") / "mapping.toml"
    names = {}

    suggested = suggest_mapping(frame)
    exec(f"import events_pandas as ep\n{suggested}", names)
    path.write_bytes(suggested.to_toml().encode())

    assert names["mapping"] == suggested
    assert list(names["mapping"].metadata) == list(suggested.metadata)
    assert EventMapping.from_toml(path) == suggested


@EXAMPLES
@given(frame=frames())
def test_suggestion_fits_its_frame(frame):
    """A proposal can be used at once, and the frame stays as it was."""
    before = frame.copy()

    bound = bind(frame, suggest_mapping(frame))

    assert bound.n_rows == len(frame)
    pd.testing.assert_frame_equal(frame, before)


@EXAMPLES
@given(frame=frames())
def test_suggestion_passes_the_check(frame):
    """*It proposes nothing that the check then refuses*: most cells of a column fit its rule, and all cells a link.

    An odd cell is a problem of its row; under Text it is a cell that fits no rule.
    """
    suggested = suggest_mapping(frame)

    problems = check_events(frame, suggested).problems

    errors = problems[problems["severity"] == "error"]
    for path, rule in bind(frame, suggested).mapping.rules().items():
        if not path.startswith("metadata."):
            continue
        found = errors[(errors["field"] == path) | errors["field"].str.startswith(f"{path}.")]
        label, *_ = rule_sources(rule).values()
        present = [value for value in column_of(frame, label) if is_present(value)]
        if isinstance(rule, Link | RichLink):
            assert found.empty
        elif isinstance(rule, Text):
            assert set(found["code"]) <= NOTHING_TAKES
        assert found["row"].nunique() <= 0.4 * len(present)


@EXAMPLES
@given(frame=frames())
def test_suggestion_is_submitted_only_once_its_guesses_are_confirmed(frame):
    """*A proposal that nobody has read is not sent*: the error names the guesses, and a confirmed one is accepted."""
    suggested = suggest_mapping(frame)

    named = dataclasses.replace(suggested, event_name=Constant("placed-order"))
    open_guesses = [path for path in suggested.unconfirmed if path != "event_name"]

    require_confirmed(dataclasses.replace(named, unconfirmed=()))
    if open_guesses:
        with pytest.raises(MappingError) as raised:
            require_confirmed(named)
        assert [fault.partition(": ")[0] for fault in raised.value.faults] == [*open_guesses, "unconfirmed"]


def column_of(frame, label):
    """Return the cells of the one column with a label, in any spelling of the label."""
    (position,) = [
        position
        for position, known in enumerate(frame.columns)
        if known == label and isinstance(known, bool) == isinstance(label, bool)
    ]
    return frame.iloc[:, position]


def is_present(value):
    """Return whether a cell has a value."""
    is_missing = pd.api.types.is_scalar(value) and pd.isna(value)
    return not (is_missing or (isinstance(value, str) and not value))
