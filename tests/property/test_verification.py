"""What a verification claims is true, whatever was lost and whoever else sends events."""

from math import comb

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import Column, EventMapping, Sandbox, submit_events, verify
from events_pandas.results.accepted import accepted_events
from events_pandas.results.arrival import NO_EVENTS, EventCount, judge_arrival, least_missing, most_marked
from events_pandas.run.verification import SubmittedFrame

MAPPING = EventMapping(event_name=Column("name"), created_at="at", user_id="who", timezone="UTC")
seconds = st.integers(1_700_000_000, 1_700_000_012)
events = st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), seconds)


def count_of(times):
    return EventCount(len(times), min(times), max(times)) if times else NO_EVENTS


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))))
def test_bound_holds_in_nineteen_of_twenty_samples(case):
    """Whatever share is marked, at least 95 % of the samples give a bound that is not below it."""
    population, marked, drawn = case
    ways = {
        found: comb(marked, found) * comb(population - marked, drawn - found)
        for found in range(max(0, drawn - (population - marked)), min(marked, drawn) + 1)
    }

    right = sum(
        count
        for found, count in ways.items()
        if marked <= most_marked(population=population, drawn=drawn, marked=found)
    )

    assert 20 * right >= 19 * comb(population, drawn)


@given(st.sets(seconds, min_size=1), st.sets(seconds), st.sets(seconds))
def test_least_missing_is_never_more_than_what_is_missing(accepted, lost, others):
    """A stated loss is real, and without events of others it is the whole loss."""
    lost, others = lost & accepted, others - accepted
    found = (accepted - lost) | others

    missing = least_missing(count_of(accepted), count_of(found))

    assert missing <= len(lost)
    if not others:
        assert missing == len(lost)
        status, _ = judge_arrival(count_of(accepted), count_of(accepted), count_of(found), is_open=False)
        assert status == ("differing" if lost else "matching")


@settings(deadline=None, max_examples=15)
@given(st.lists(events, min_size=1, max_size=25), st.sets(events), st.sets(events))
def test_verify_finds_exactly_the_losses_that_counts_can_show(rows, lost, others):
    """Each group has what Intercom has; without others' events the missing ones are exactly those that are lost."""
    frame = pd.DataFrame(rows, columns=["who", "name", "at"])
    ours = set(rows)
    lost &= ours
    others -= ours
    kept = pd.DataFrame(sorted((ours - lost) | others), columns=["who", "name", "at"])
    with Sandbox(limit=None) as source, Sandbox(limit=None) as sandbox:
        results = submit_events(frame, MAPPING, client=source.client(), journal=None, progress=False)
        submit_events(kept, MAPPING, client=sandbox.client(), journal=None, progress=False)
        results.attrs = {}
        found = verify(results, frame, MAPPING, client=sandbox.client(), settle_seconds=0, include_identifier=True)

    assert found.accepted == found.drawn == len(ours)
    for group in found.groups.itertuples():
        of_group = {row for row in ours if row[:2] == (group.contact, group.event_name)}
        assert (group.accepted, group.drawn) == (len(of_group), len(of_group))
        assert group.missing <= len(lost & of_group)
        if not any(row[:2] == (group.contact, group.event_name) for row in others):
            assert group.missing == len(lost & of_group)
            assert group.status == ("differing" if lost & of_group else "matching")


@pytest.mark.slow
def test_bound_of_drawn_events_covers_the_true_share():
    """Among many samples of one population, the bound is below the true number of marked events in at most 5 %.

    The samples follow from their seeds; the tolerance is two standard deviations of 400 samples.
    """
    frame = pd.DataFrame(
        {"who": [f"{row % 40}" for row in range(160)], "name": "e", "at": range(1_700_000_000, 1_700_000_160)}
    )
    results = pd.DataFrame(
        {
            "row": range(160),
            "status": "accepted",
            "created_at": pd.to_datetime(frame["at"], unit="s", utc=True),
            "submitted_at": pd.Timestamp("2024-01-01", tz="UTC"),
        }
    )
    accepted = accepted_events(results, SubmittedFrame(frame, MAPPING))

    right = 0
    for seed in range(400):
        drawn = accepted.draw(30, seed=seed, settled_by=0)
        # Six of the forty contacts have lost events.
        is_marked = drawn.groups["contact"].isin([f"{number}" for number in range(6)]).to_numpy(bool)
        right += most_marked(population=160, drawn=30, marked=int(is_marked[drawn.order].sum())) >= 6 * 4

    assert right / 400 >= 0.95 - 0.022
