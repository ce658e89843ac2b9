"""What happens to rows that are one event: they are skipped, sent anyway, or spread over seconds."""

import json

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import EarlierFrames, check_rows
from events_pandas.convert import Converter
from events_pandas.convert.problems import VALUES_KEPT
from events_pandas.mapping import Column, EventMapping, Text, bind

NOW = 1_750_000_000


class Stream:
    """Checks one frame after another, as one stream."""

    def __init__(self, policy):
        self.mapping = EventMapping(
            event_name=Column("name"),
            created_at="time",
            user_id="who",
            metadata={"note": Text("note")},
            timezone="UTC",
            duplicates=policy,
        )
        self.earlier = EarlierFrames()

    def check(self, frame):
        converter = Converter(bind(frame, self.mapping))
        return check_rows(converter, len(frame), now=NOW, earlier=self.earlier)


def _frame(*, time, name="placed-order", who="ada", note="x"):
    return pd.DataFrame({"time": time, "name": name, "who": who, "note": note})


def _check(frame, policy):
    mapping = Stream(policy).mapping
    return check_rows(Converter(bind(frame, mapping)), len(frame), now=NOW)


def _sent(frame, checked):
    batch = Converter(bind(frame, Stream("spread").mapping)).convert(0, len(frame))
    payloads = batch.payloads(checked.is_sent, checked.seconds()).to_pylist()
    return [json.loads(payload) for payload in payloads]


def _messages(checked):
    return {
        (finding.code, row): message
        for finding in checked.findings
        if finding.field == "event"
        for row, message in zip(finding.rows.tolist(), finding.messages().to_pylist(), strict=True)
    }


# Skipped, or sent anyway.


def test_duplicates_are_skipped_and_noted_row_by_row():
    """The first row of an event is sent; each other row names it, and says whether its metadata would be lost."""
    frame = _frame(time=[5, 5, 6, 5], note=["x", "x", "x", "y"])

    checked = _check(frame, "skip")

    assert checked.is_sent.tolist() == [True, False, True, False]
    assert checked.valid.all()
    closing = "is the same event to Intercom (contact, event name and second), and this row"
    assert _messages(checked) == {
        ("duplicate", 1): (
            f"event: row 0 {closing} is not sent: "
            "drop one of the two, or set duplicates to 'spread' in the mapping if both happened"
        ),
        ("duplicate_with_other_metadata", 3): (
            f"event: row 0 {closing} and its metadata are not sent: "
            "set duplicates to 'spread' in the mapping if both happened"
        ),
    }
    assert checked.repeats.are_identical.tolist() == [True, False]
    assert [finding.severity for finding in checked.findings if finding.field == "event"] == ["note"] * 2


def test_duplicates_are_sent_if_the_mapping_says_so():
    """With "send", every row is sent with its own second, and noted as one that Intercom will drop."""
    frame = _frame(time=[5, 5, 5], note=["x", "x", "y"])

    checked = _check(frame, "send")

    assert checked.is_sent.tolist() == [True, True, True]
    assert checked.seconds().tolist() == [5, 5, 5]
    closing = (
        "is the same event to Intercom (contact, event name and second), and Intercom will drop one of the two: "
        "set duplicates to 'skip' or 'spread' in the mapping"
    )
    assert _messages(checked) == {
        ("duplicate_sent", 1): f"event: row 0 (same metadata) {closing}",
        ("duplicate_sent", 2): f"event: row 0 (other metadata) {closing}",
    }
    assert checked.repeats.firsts.tolist() == [0, 0]


def test_duplicates_beyond_the_values_kept_are_noted_without_the_other_row():
    """Of many duplicates only the first ones name the other row; all are reported."""
    checked = _check(_frame(time=[5] * (VALUES_KEPT + 2)), "skip")

    messages = _messages(checked)
    assert len(messages) == VALUES_KEPT + 1
    assert messages["duplicate", VALUES_KEPT].startswith("event: row 0 is the same event")
    assert messages["duplicate", VALUES_KEPT + 1].startswith("event: another row is the same event to Intercom (")
    assert len(checked.repeats.firsts) == VALUES_KEPT + 1


def test_duplicates_of_other_spellings_are_duplicates():
    """Names are compared without case, and "." and "$" count as "-"; the spelling is not metadata."""
    checked = _check(_frame(time=[5, 5], name=["Placed.Order", "placed-order"]), "skip")

    assert checked.is_sent.tolist() == [True, False]
    assert checked.repeats.are_identical.tolist() == [True]


def test_contacts_and_names_are_not_taken_for_one_another():
    """Contact "a" with event "b" is not contact "b" with event "a"."""
    checked = _check(_frame(time=[5, 5], who=["a", "b"], name=["b", "a"]), "skip")

    assert checked.is_sent.tolist() == [True, True]


WOULD_BE = "is the same event to Intercom: drop this row, because it would be a duplicate once it is fixed"
FIX_BEFORE = (
    "has the contact, event name and second of this row, which is invalid: "
    "fix it first, or keep a journal, because without one a later run does not know which seconds are taken"
)


@pytest.mark.parametrize(
    ("policy", "reported"),
    [
        ("skip", {("would_be_duplicate", row): f"event: row 1 {WOULD_BE}" for row in (0, 2)}),
        ("send", {}),
        ("spread", {("mend_before_spread", row): f"event: row 1 {FIX_BEFORE}" for row in (0, 2)}),
    ],
)
def test_invalid_rows_claim_no_event(policy, reported):
    """A note names each invalid row that would be a duplicate or need another second, in any place."""
    frame = _frame(time=[5, 5, 5, 6], note=["x" * 256, "y", "y" * 256, "z" * 256])

    checked = _check(frame, policy)

    assert checked.is_sent.tolist() == [False, True, False, False]
    assert len(checked.added) == len(checked.repeats.rows) == 0
    assert _messages(checked) == reported


@pytest.mark.parametrize("policy", ["skip", "send", "spread"])
def test_invalid_rows_do_not_meet_each_other(policy):
    """Two invalid rows of one event get no such note."""
    checked = _check(_frame(time=[5, 5], note="x" * 256), policy)

    assert _messages(checked) == {}
    assert not checked.is_sent.any()


def test_duplicates_of_earlier_frames_are_noted_with_their_row():
    """Duplicates of earlier frames name the row counted over all frames, and whether the metadata differs."""
    stream = Stream("skip")
    stream.check(_frame(time=[1, 2, 3], note=["x", "y", "z"]))

    checked = stream.check(_frame(time=[3, 2, 4, 3, 4], note=["z", "x", "x", "y", "y"]))

    assert checked.is_sent.tolist() == [False, False, True, False, False]
    assert checked.repeats.firsts.tolist() == [2, 1, 2, 5]
    assert checked.repeats.are_identical.tolist() == [True, False, False, False]
    assert {place: message.partition(" is the same")[0] for place, message in _messages(checked).items()} == {
        ("duplicate", 0): "event: row 2",
        ("duplicate_with_other_metadata", 1): "event: row 1",
        ("duplicate_with_other_metadata", 3): "event: row 2",
        ("duplicate_with_other_metadata", 4): "event: row 5",
    }


def test_duplicates_of_duplicates_are_of_the_first_row():
    """Over any number of frames, duplicates name the row that was sent."""
    stream = Stream("send")

    firsts = [stream.check(_frame(time=[7, 7])).repeats.firsts.tolist() for _ in range(3)]

    assert firsts == [[0], [0, 0], [0, 0]]


def test_invalid_rows_of_earlier_frames_claim_no_event():
    """An invalid row of an earlier frame blocks no later one; one that meets an earlier event gets a note."""
    stream = Stream("skip")
    stream.check(_frame(time=[5, 6], note=["x" * 256, "y"]))

    checked = stream.check(_frame(time=[5, 6], note=["x", "x" * 256]))

    assert checked.is_sent.tolist() == [True, False]
    assert list(_messages(checked)) == [("would_be_duplicate", 1)]


# Spread over seconds.


def test_spread_rows_keep_their_own_second_where_they_can():
    """One row keeps a shared second; the others move to the next second that no row has as its own."""
    frame = _frame(time=[10, 10, 11, 12, 10], note=["x", "y", "x", "x", "z"])

    checked = _check(frame, "spread")

    seconds = checked.seconds()
    assert sorted(seconds.tolist()) == [10, 11, 12, 13, 14]
    assert seconds[2:4].tolist() == [11, 12]
    assert checked.is_sent.all()
    assert checked.repeats.rows.tolist() == []


@pytest.mark.parametrize("others", [{"who": ["ada", "ada", "bob", "bob"]}, {"name": ["a", "a", "b", "b"]}])
def test_spread_rows_of_one_contact_and_name_do_not_disturb_others(others):
    """Each contact and name has its own seconds."""
    checked = _check(_frame(time=[10, 10, 11, 11], **others), "spread")

    assert checked.seconds().tolist() == [10, 11, 11, 12]


def test_notes_of_spread_rows_say_how_far_they_were_moved():
    """The note on a moved row says by how much, and which row has its second."""
    checked = _check(_frame(time=[10, 10, 10, 11], note=["x", "x", "x", "y"]), "spread")

    closing = (
        "has the contact, event name, second and metadata of this row, so they may be one event: "
        "if they are, drop one of the two, or set duplicates to 'skip' in the mapping"
    )
    assert checked.added.tolist() == [2, 3]
    assert checked.moved.firsts.tolist() == [0, 0]
    assert _messages(checked) == {
        ("second_moved_of_identical", 1): f"event: sent 2 seconds later, because row 0 {closing}",
        ("second_moved_of_identical", 2): f"event: sent 3 seconds later, because row 0 {closing}",
    }


def test_note_of_a_spread_row_counts_one_second_and_names_other_metadata():
    """One second is written in the singular, and the note says whether the metadata differs."""
    checked = _check(_frame(time=[10, 10], note=["x", "y"]), "spread")

    ((code, moved), message), *_ = _messages(checked).items()
    assert code == "second_moved"
    assert message == (
        f"event: sent 1 second later, because row {1 - moved} has the contact, event name and second of this row, "
        "and Intercom would drop one of the two: set duplicates to 'skip' in the mapping if they are one event"
    )
    assert checked.added.tolist() == [1]


def test_spread_does_not_depend_on_the_order_of_rows():
    """The order of rows does not change the events that are sent."""
    frame = _frame(
        time=[10] * 6 + [11] * 3,
        note=[*"abcaab", "a", "b", "a"],
        name=["A.b", "a-b", "a-b", "a-b", "a.b", "a-b", "a-b", "a-b", "A-B"],
    )
    orders = [np.random.default_rng(seed).permutation(len(frame)) for seed in range(5)]

    spread = [_sent(frame.iloc[order], _check(frame.iloc[order], "spread")) for order in orders]

    first, *others = [sorted(map(json.dumps, events)) for events in spread]
    assert len(set(first)) == len(frame)
    assert [other == first for other in others] == [True] * 4


@pytest.mark.parametrize("second", [-3, 0, 10**11 - 2, 2 - 10**11])
def test_spread_takes_seconds_of_any_size(second):
    """Spreading works before 1970 and far in the future."""
    checked = _check(_frame(time=[second, second, second + 1]), "spread")

    assert checked.seconds().tolist() == [second, second + 2, second + 1]


def test_spread_takes_the_whole_range_of_seconds_at_once():
    """Contacts at both ends of time can be spread together."""
    times = [1 - 10**11, 1 - 10**11, 10**11 - 1, 10**11 - 1] * 2

    checked = _check(_frame(time=times, who=["a"] * 4 + ["b"] * 4), "spread")

    assert checked.seconds().tolist() == [1 - 10**11, 2 - 10**11, 10**11 - 1, 10**11] * 2


def test_spread_row_moves_on_where_an_earlier_frame_has_moved_one():
    """A row whose own second was given to a moved row of an earlier frame moves too."""
    stream = Stream("spread")
    first = stream.check(_frame(time=[10, 10]))

    second = stream.check(_frame(time=[11, 10, 13]))

    assert first.seconds().tolist() == [10, 11]
    assert second.seconds().tolist() == [14, 12, 13]
    assert list(_messages(second)) == [("second_moved_of_identical", 0), ("second_moved_of_identical", 1)]
    assert _messages(second)["second_moved_of_identical", 0].startswith(
        "event: sent 3 seconds later, because row 1 has"
    )


def test_spread_of_thousands_in_one_second_is_exact_over_frames():
    """Frames with a thousand events of one contact at midnight fill the seconds one after another."""
    stream = Stream("spread")

    frames = [stream.check(_frame(time=[0] * 1_000)) for _ in range(5)]

    assert sorted(np.concatenate([checked.seconds() for checked in frames]).tolist()) == list(range(5_000))


def test_spread_leaves_invalid_rows_where_they_are():
    """An invalid row is not moved, and its second stays free, since it may be fixed and sent later."""
    checked = _check(_frame(time=[10, 10, 11, 10], note=["x", "y" * 256, "z" * 256, "x"]), "spread")

    assert checked.seconds().tolist() == [10, 10, 11, 12]
    assert checked.is_sent.tolist() == [True, False, False, True]
