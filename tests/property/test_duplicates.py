"""Rows that are one event to Intercom, in one frame and in several, against a dict that goes row by row."""

import json
from collections import Counter

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.check import EarlierFrames, check_rows
from events_pandas.convert import Converter
from events_pandas.mapping import Column, EventMapping, Number, Text, bind

EXAMPLES = settings(max_examples=settings.default.max_examples // 3, deadline=None)
NOW = 1_750_000_000

CELLS = {
    "name": st.sampled_from(["placed-order", "Placed.Order", "placed$order", "a", "b"]),
    "time": st.integers(0, 3) | st.sampled_from([-1, -2, 10**11 - 1, 1 - 10**11, None]),
    "who": st.sampled_from(["a", "a", "b", None]),
    "mail": st.sampled_from(["a@b.c", None]),
    "note": st.sampled_from(["x", "y", "", "z" * 256]),
    "load": st.sampled_from(["1", "2", None, "bad"]),
}
FRAMES = st.lists(st.fixed_dictionaries(CELLS), max_size=10).map(
    lambda rows: pd.DataFrame(rows, columns=list(CELLS), dtype=object)
)
STREAMS = st.lists(FRAMES, max_size=4)
OPTIONS = st.fixed_dictionaries(
    {"on_invalid_metadata": st.sampled_from(["error", "omit"]), "metadata_limit": st.sampled_from([1, 10])}
)


def _converter(frame, policy, **options):
    mapping = EventMapping(
        event_name=Column("name"),
        created_at="time",
        user_id="who",
        email="mail",
        metadata={"note": Text("note"), "load": Number("load")},
        timezone="UTC",
        duplicates=policy,
        metadata_overflow="drop",
        **options,
    )
    return Converter(bind(frame, mapping))


def _events(converter, n_rows):
    """Return the event of each row; None for an invalid row."""
    batch = converter.convert(0, n_rows)
    events = iter(batch.payloads(batch.valid).to_pylist())
    return [json.loads(next(events)) if is_valid else None for is_valid in batch.valid]


def _sent(converter, checked):
    """Return the events that are sent, in the order of the rows."""
    batch = converter.convert(0, len(checked.valid))
    payloads = batch.payloads(checked.is_sent, checked.seconds())
    return [json.loads(payload) for payload in payloads.to_pylist()]


def _stream(event):
    name = event["event_name"].lower().replace(".", "-").replace("$", "-")
    return name, *((field, event[field]) for field in ("user_id", "email") if field in event)


def _key(event):
    return _stream(event), event["created_at"]


def _own(frame):
    """Return each row's event as if the row were valid: no moved event takes its second."""
    present = frame[frame["time"].notna() & (frame["who"].notna() | frame["mail"].notna())]
    contacts = [
        ("user_id", who) if who is not None else ("email", mail) for who, mail in present[["who", "mail"]].values
    ]
    names = present["name"].str.lower().str.replace(r"[.$]", "-", regex=True)
    return {((name, contact), time) for name, contact, time in zip(names, contacts, present["time"], strict=True)}


def _counted(events):
    return Counter(json.dumps(event) for event in events)


@EXAMPLES
@given(frames=STREAMS, policy=st.sampled_from(["skip", "send"]), options=OPTIONS)
def test_repeats_agree_with_a_dict(frames, policy, options):
    """*An event is identified by contact, name (normalized) and second*: the first valid row in a stream keeps it."""
    holders, earlier, offset = {}, EarlierFrames(), 0
    for frame in frames:
        converter = _converter(frame, policy, **options)
        events = _events(converter, len(frame))
        expected = []
        for row, event in enumerate(events):
            if event is not None:
                first, other = holders.setdefault(_key(event), (row + offset, event))
                if first != row + offset:
                    expected.append((row, first, other.get("metadata") == event.get("metadata")))

        checked = check_rows(converter, len(frame), now=NOW, earlier=earlier)

        found = checked.repeats
        triples = zip(found.rows.tolist(), found.firsts.tolist(), found.are_identical.tolist(), strict=True)
        assert list(triples) == expected
        held_back = {row for row, _, _ in expected} if policy == "skip" else set()
        sent = [event is not None and row not in held_back for row, event in enumerate(events)]
        assert checked.is_sent.tolist() == sent
        assert _sent(converter, checked) == [event for event, is_sent in zip(events, sent, strict=True) if is_sent]
        offset += len(frame)


def _spread(events, ties, taken, reserved):
    """Move each repeated event to the next free second, one by one; return all events and the taken seconds."""
    groups = {}
    for event, tie in zip(events, ties, strict=True):
        groups.setdefault(_key(event), []).append((tie, json.dumps(event)))
    kept, moved = [], []
    for key, group in groups.items():
        first, *others = sorted(group)
        (moved if key in taken else kept).append((*key, *first))
        moved += [(*key, *other) for other in others]
    taken = taken | groups.keys()
    for stream, second, _, text in sorted(moved):
        free = second + 1
        while (stream, free) in taken | reserved:
            free += 1
        taken |= {(stream, free)}
        kept.append((stream, free, None, text))
    return [json.loads(text) | {"created_at": second} for _, second, _, text in kept], taken


@EXAMPLES
@given(frames=STREAMS, options=OPTIONS)
def test_spread_events_agree_with_a_dict(frames, options):
    """*"spread" gives later ones the next free second*: rows keep a second that is free, and digests break ties."""
    taken, earlier = set(), EarlierFrames()
    for frame in frames:
        converter = _converter(frame, "spread", **options)
        events = [event for event in _events(converter, len(frame)) if event is not None]
        batch = converter.convert(0, len(frame))
        ties = list(map(tuple, batch.digests()[:, batch.valid].T.tolist()))
        expected, taken = _spread(events, ties, taken, _own(frame))

        checked = check_rows(converter, len(frame), now=NOW, earlier=earlier)

        assert _counted(_sent(converter, checked)) == _counted(expected)


@EXAMPLES
@given(frame=FRAMES, options=OPTIONS)
def test_spread_conserves_events(frame, options):
    """*Conservation*: every valid row is sent with a key of its own, and one row keeps each shared second."""
    converter = _converter(frame, "spread", **options)
    events = [event for event in _events(converter, len(frame)) if event is not None]

    checked = check_rows(converter, len(frame), now=NOW)

    sent = _sent(converter, checked)
    assert checked.is_sent.tolist() == checked.valid.tolist()
    assert len({_key(event) for event in sent}) == len(sent) == len(events)
    assert {_key(event) for event in events} <= {
        _key(own) for own, event in zip(events, sent, strict=True) if own == event
    }
    assert all(
        own | {"created_at": None} == event | {"created_at": None} for own, event in zip(events, sent, strict=True)
    )


@EXAMPLES
@given(frame=FRAMES, options=OPTIONS, data=st.data())
def test_spread_does_not_depend_on_the_order_of_rows(frame, options, data):
    """*Ties go by the payload's digest and not by row order*: a re-sorted frame is spread in the same way."""
    order = data.draw(st.permutations(range(len(frame))))
    shuffled = frame.iloc[order]
    converters = [_converter(frame, "spread", **options), _converter(shuffled, "spread", **options)]

    sent = [_sent(converter, check_rows(converter, len(frame), now=NOW)) for converter in converters]

    assert _counted(sent[0]) == _counted(sent[1])


@EXAMPLES
@given(frame=FRAMES)
def test_rows_that_would_be_duplicates_are_noted(frame):
    """*An invalid row claims no duplicate key; one that would be a duplicate once it is fixed gets a note.*"""
    converter = _converter(frame, "skip")
    batch = converter.convert(0, len(frame))
    keys = list(map(tuple, batch.keys().words(slice(None)).T.tolist()))
    held = {key for key, is_valid in zip(keys, batch.valid, strict=True) if is_valid}
    expected = [row for row, key in enumerate(keys) if key in held and batch.has_key()[row] and not batch.valid[row]]

    checked = check_rows(converter, len(frame), now=NOW)

    reported = [finding.rows for finding in checked.findings if finding.code == "would_be_duplicate"]
    assert np.concatenate([*reported, []]).tolist() == expected
