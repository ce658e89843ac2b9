"""The canary of any frame."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.check import canary_rows, check_rows
from events_pandas.convert import Converter
from events_pandas.intercom import normalized_event_name
from events_pandas.mapping import Column, EventMapping, bind

EXAMPLES = settings(max_examples=settings.default.max_examples // 3, deadline=None)
KEYS = ("x", "y", "z")

cells = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "A", "b", "c.d", "c-d", "e", None]),
        "who": st.sampled_from(["1", "2", None]),
        "address": st.sampled_from(["ada@example.org", None]),
        "day": st.sampled_from(["2024-01-31", "2024-02-01", "2024-02-02", "never"]),
        **{key: st.sampled_from(["v", "w", None]) for key in KEYS},
    }
)
frames = st.lists(cells, min_size=1, max_size=40).map(lambda rows: pd.DataFrame(rows, dtype=object))
policies = st.sampled_from(["skip", "spread", "send"])


@pytest.fixture(scope="module")
def check():
    """Return a function that checks a frame and returns the arguments of the choice of a canary."""

    def check(frame, policy):
        mapping = EventMapping(
            event_name=Column("name"),
            created_at="day",
            user_id="who",
            email="address",
            metadata={key: key for key in KEYS},
            duplicates=policy,
            timezone="UTC",
        )
        converter = Converter(bind(frame, mapping))
        return converter, check_rows(converter, len(frame), now=0)

    return check


def features(frame, rows):
    """Return the names, identifier fields and keys of some rows."""
    chosen = frame.iloc[rows]
    return {
        *(("name", normalized_event_name(name)) for name in chosen["name"]),
        *(("identifier", "email" if who is None else "user_id") for who in chosen["who"]),
        *((key, True) for key in KEYS if chosen[key].notna().any()),
    }


@EXAMPLES
@given(frame=frames, policy=policies, most=st.integers(1, 45))
def test_canary_is_some_of_the_rows_that_are_sent(frame, policy, most, check):
    """The canary has only rows that are sent, each once, in order, and at most the requested number."""
    converter, checked = check(frame, policy)

    rows = canary_rows(converter, checked, most)

    assert checked.is_sent[rows].all()
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(rows) == min(most, checked.is_sent.sum())


@EXAMPLES
@given(frame=frames, policy=policies)
def test_canary_has_every_feature_when_it_is_large_enough(frame, policy, check):
    """A large enough canary has every name, identifier field and key of the rows that are sent."""
    converter, checked = check(frame, policy)
    wanted = features(frame, checked.is_sent.nonzero()[0])

    rows = canary_rows(converter, checked, len(wanted))

    assert features(frame, rows) == wanted


@EXAMPLES
@given(frame=frames, policy=policies, most=st.integers(1, 10))
def test_canary_of_a_frame_is_always_the_same(frame, policy, most, check):
    """The same frame always has the same canary."""
    first, second = (canary_rows(*check(frame, policy), most).tolist() for _ in range(2))

    assert first == second
