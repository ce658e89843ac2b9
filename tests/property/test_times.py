"""A written time is read the same, whatever else stands in its column."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.convert.times import read_iso

DAYS = st.builds(
    "{:04}-{:02}-{:02}".format,
    st.sampled_from([0, 1, 1677, 1700, 1969, 1970, 2000, 2023, 2024, 2255, 2262, 9999]),
    st.sampled_from([0, 1, 2, 11, 12, 13]),
    st.sampled_from([0, 1, 28, 29, 30, 31, 32]),
)
CLOCKS = st.sampled_from(
    ["", "T", " 00", "T23", "T24", " 12:30", "T23:60", "T12:30:59", " 12:30:60", "T24:00:00", " 235959", "T1:02:03"]
)
OFFSETS = st.sampled_from(["", "", "Z", "z", "+00:00", "-0930", "+14", "+23:59", "+24:00", "-05:60", " +00:00", " UTC"])
TEXTS = st.builds("{}{}{}".format, DAYS, CLOCKS, OFFSETS)


def readings(texts):
    """Return what is read of each text: the seconds, whether it is an instant, and whether it is a day."""
    times = read_iso(pa.array(texts, pa.large_string()))
    return list(zip(times.seconds.to_pylist(), times.is_instant.tolist(), times.is_day.tolist(), strict=True))


@settings(deadline=None)
@given(texts=st.lists(st.none() | TEXTS, min_size=1, max_size=3))
def test_time_does_not_depend_on_the_other_times(texts):
    """A column is read in a quick way if all its times have one form; one fraction makes it read in the other way."""
    assert readings(texts) == readings([*texts, "2024-01-31T12:00:00.5", "2024-01-31T12:00:00.5Z"])[: len(texts)]
