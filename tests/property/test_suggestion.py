"""A proposal runs: as it prints and as TOML it is the same mapping, and it fits the frame that it was made for."""

import datetime as dt

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import suggest_mapping
from events_pandas.mapping import EventMapping, bind

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
TIMES = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1))  # noqa: DTZ001  # Bounds are naive.
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
CELLS = st.sampled_from(
    [
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
    """Draw a frame of any columns, beside a contact and a time."""
    n_rows = draw(st.integers(1, 6))
    labels = draw(st.lists(LABELS, max_size=14))
    columns = [draw(st.lists(draw(CELLS), min_size=n_rows, max_size=n_rows)) for _ in labels]
    given_columns = [["a"] * n_rows, ["2024-01-31"] * n_rows]
    series = [pd.Series(column, dtype=object) for column in (*columns, *given_columns)]
    frame = pd.concat(series, axis=1)
    frame.columns = pd.Index([*labels, "customer_no", "occurred_at"], dtype=object, tupleize_cols=False)
    # With dtypes of their own, as a file's reader gives them, or as objects.
    return frame.infer_objects() if draw(st.booleans()) else frame


@settings(deadline=None, max_examples=150)
@given(frame=frames())
def test_suggestion_runs_as_python_and_as_toml(tmp_path_factory, frame):
    """*Prints as Python and as TOML that runs unchanged*: both give the mapping that was proposed."""
    path = tmp_path_factory.mktemp("suggestion") / "mapping.toml"
    names = {}

    suggested = suggest_mapping(frame)
    exec(f"import events_pandas as ep\n{suggested}", names)
    path.write_bytes(suggested.to_toml().encode())

    assert names["mapping"] == suggested
    assert list(names["mapping"].metadata) == list(suggested.metadata)
    assert EventMapping.from_toml(path) == suggested


@settings(deadline=None, max_examples=150)
@given(frame=frames())
def test_suggestion_fits_its_frame(frame):
    """A proposal can be used at once, and the frame stays as it was."""
    before = frame.copy()

    bound = bind(frame, suggest_mapping(frame))

    assert bound.n_rows == len(frame)
    pd.testing.assert_frame_equal(frame, before)
