"""What becomes of rows that are one event: held back, sent all the same, or spread over seconds."""

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
    """Checks one frame after another, each with what it has learnt of those before it."""

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
    payloads = batch.payloads(checked.is_sent, checked.seconds(0, len(frame))).to_pylist()
    return [json.loads(payload) for payload in payloads]


def _messages(checked):
    return {
        (finding.code, row): message
        for finding in checked.findings
        if finding.field == "event"
        for row, message in zip(finding.rows.tolist(), finding.messages().to_pylist(), strict=True)
    }


# Held back, or sent all the same.


def test_duplicates_are_held_back_and_told_row_by_row():
    """The first row of an event is sent; each other one is told which that is, and whether anything would be lost."""
    frame = _frame(time=[5, 5, 6, 5], note=["x", "x", "x", "y"])

    checked = _check(frame, "skip")

    assert checked.is_sent.tolist() == [True, False, True, False]
    assert checked.valid.all()
    closing = "is the same event to Intercom (contact, event name and second), and this row is not sent"
    assert _messages(checked) == {
        ("duplicate", 1): (
            f"event: row 0 {closing}: drop one of the two, or say duplicates='spread' in the mapping if both happened"
        ),
        ("duplicate_with_other_metadata", 3): (
            f"event: row 0 {closing}, nor its metadata: say duplicates='spread' in the mapping if both happened"
        ),
    }
    assert checked.repeats.are_identical.tolist() == [True, False]
    assert [finding.severity for finding in checked.findings if finding.field == "event"] == ["note"] * 2


def test_duplicates_are_sent_if_the_mapping_says_so():
    """Every row is sent with its own second, and told that Intercom will drop it."""
    frame = _frame(time=[5, 5, 5], note=["x", "x", "y"])

    checked = _check(frame, "send")

    assert checked.is_sent.tolist() == [True, True, True]
    assert checked.seconds(0, 3).tolist() == [5, 5, 5]
    closing = (
        "is the same event to Intercom (contact, event name and second), and it will drop one of the two: "
        "say duplicates='skip' or 'spread' in the mapping"
    )
    assert _messages(checked) == {
        ("duplicate_sent", 1): f"event: row 0 (same metadata) {closing}",
        ("duplicate_sent", 2): f"event: row 0 (other metadata) {closing}",
    }
    assert checked.repeats.firsts.tolist() == [0, 0]


def test_duplicates_beyond_the_values_kept_are_told_without_the_other_row():
    """A frame of nothing but repeats stays small: each row is told, the first of them with the row that they repeat."""
    checked = _check(_frame(time=[5] * (VALUES_KEPT + 2)), "skip")

    messages = _messages(checked)
    assert len(messages) == VALUES_KEPT + 1
    assert messages["duplicate", VALUES_KEPT].startswith("event: row 0 is the same event")
    assert messages["duplicate", VALUES_KEPT + 1].startswith("event: another row is the same event to Intercom (")
    assert len(checked.repeats.firsts) == VALUES_KEPT + 1


def test_duplicates_of_other_spellings_are_duplicates():
    """Intercom counts names without regard to case, and "." and "$" as "-"; the spelling is no metadata."""
    checked = _check(_frame(time=[5, 5], name=["Placed.Order", "placed-order"]), "skip")

    assert checked.is_sent.tolist() == [True, False]
    assert checked.repeats.are_identical.tolist() == [True]


def test_contacts_and_names_are_not_taken_for_one_another():
    """A contact "a" with an event "b" is not a contact "b" with an event "a"."""
    checked = _check(_frame(time=[5, 5], who=["a", "b"], name=["b", "a"]), "skip")

    assert checked.is_sent.tolist() == [True, True]


WOULD_BE = "is the same event to Intercom: this row would be a duplicate once it is mended, so drop it"
MEND_BEFORE = (
    "has the contact, event name and second of this row, which is invalid: "
    "mend it first, or keep a journal, since without one it would not know later which seconds are taken"
)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("skip", {("would_be_duplicate", row): f"event: row 1 {WOULD_BE}" for row in (0, 2)}),
        ("send", {}),
        ("spread", {("mend_before_spread", row): f"event: row 1 {MEND_BEFORE}" for row in (0, 2)}),
    ],
)
def test_invalid_rows_claim_no_event(policy, told):
    """One whose mending would make a duplicate, or would need a second of its own, is told so, wherever it stands."""
    frame = _frame(time=[5, 5, 5, 6], note=["x" * 256, "y", "y" * 256, "z" * 256])

    checked = _check(frame, policy)

    assert checked.is_sent.tolist() == [False, True, False, False]
    assert len(checked.added) == len(checked.repeats.rows) == 0
    assert _messages(checked) == told


@pytest.mark.parametrize("policy", ["skip", "send", "spread"])
def test_invalid_rows_do_not_meet_each_other(policy):
    """Which of two invalid rows is mended is not known."""
    checked = _check(_frame(time=[5, 5], note="x" * 256), policy)

    assert _messages(checked) == {}
    assert not checked.is_sent.any()


def test_duplicates_of_earlier_frames_are_told_with_their_row():
    """Rows are counted over all frames; identical and differing metadata are told apart there too."""
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
    """Over any number of frames it is the row that was sent which is named."""
    stream = Stream("send")

    firsts = [stream.check(_frame(time=[7, 7])).repeats.firsts.tolist() for _ in range(3)]

    assert firsts == [[0], [0, 0], [0, 0]]


def test_invalid_rows_of_earlier_frames_claim_no_event():
    """A row that was not sent stands in nobody's way, and one that meets an earlier frame's row is told."""
    stream = Stream("skip")
    stream.check(_frame(time=[5, 6], note=["x" * 256, "y"]))

    checked = stream.check(_frame(time=[5, 6], note=["x", "x" * 256]))

    assert checked.is_sent.tolist() == [True, False]
    assert list(_messages(checked)) == [("would_be_duplicate", 1)]


# Spread over seconds.


def test_spread_rows_keep_their_own_second_where_they_can():
    """One row of those that share a second keeps it; the others go to the next that no row has as its own."""
    frame = _frame(time=[10, 10, 11, 12, 10], note=["x", "y", "x", "x", "z"])

    checked = _check(frame, "spread")

    seconds = checked.seconds(0, 5)
    assert sorted(seconds.tolist()) == [10, 11, 12, 13, 14]
    assert seconds[2:4].tolist() == [11, 12]
    assert checked.is_sent.all()
    assert checked.repeats.rows.tolist() == []


@pytest.mark.parametrize("others", [{"who": ["ada", "ada", "bob", "bob"]}, {"name": ["a", "a", "b", "b"]}])
def test_spread_rows_of_one_contact_and_name_do_not_disturb_others(others):
    """Another contact, or another name, has seconds of its own."""
    checked = _check(_frame(time=[10, 10, 11, 11], **others), "spread")

    assert checked.seconds(0, 4).tolist() == [10, 11, 11, 12]


def test_spread_rows_are_told_how_far_they_were_moved():
    """Each row that was moved is told by how much, and which row has its second."""
    checked = _check(_frame(time=[10, 10, 10, 11], note=["x", "x", "x", "y"]), "spread")

    closing = (
        "has the contact, event name, second and metadata of this row, so that they may be one event: "
        "drop one of the two if they are, or say duplicates='skip' in the mapping"
    )
    assert checked.added.tolist() == [2, 3]
    assert checked.moved.firsts.tolist() == [0, 0]
    assert _messages(checked) == {
        ("second_moved_of_identical", 1): f"event: 2 seconds later, as row 0 {closing}",
        ("second_moved_of_identical", 2): f"event: 3 seconds later, as row 0 {closing}",
    }


def test_spread_row_is_told_of_one_second_and_of_other_metadata():
    """One second is in the singular, and of two rows with other metadata either may have to give way."""
    checked = _check(_frame(time=[10, 10], note=["x", "y"]), "spread")

    ((code, moved), message), *_ = _messages(checked).items()
    assert code == "second_moved"
    assert message == (
        f"event: 1 second later, as row {1 - moved} has the contact, event name and second of this row, and Intercom "
        "would drop one of the two: say duplicates='skip' in the mapping if they are one event"
    )
    assert checked.added.tolist() == [1]


def test_spread_does_not_depend_on_the_order_of_rows():
    """The rows of a re-sorted frame become the same events."""
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
    """Before 1970 and far beyond today the next second is the next."""
    checked = _check(_frame(time=[second, second, second + 1]), "spread")

    assert checked.seconds(0, 3).tolist() == [second, second + 2, second + 1]


def test_spread_takes_the_whole_range_of_seconds_at_once():
    """Contacts at both ends of time are spread like any other."""
    times = [1 - 10**11, 1 - 10**11, 10**11 - 1, 10**11 - 1] * 2

    checked = _check(_frame(time=times, who=["a"] * 4 + ["b"] * 4), "spread")

    assert checked.seconds(0, 8).tolist() == [1 - 10**11, 2 - 10**11, 10**11 - 1, 10**11] * 2


def test_spread_row_moves_on_where_an_earlier_frame_has_moved_one():
    """What was moved in an earlier frame has its second: also a row whose own second that is must move."""
    stream = Stream("spread")
    first = stream.check(_frame(time=[10, 10]))

    second = stream.check(_frame(time=[11, 10, 13]))

    assert first.seconds(0, 2).tolist() == [10, 11]
    assert second.seconds(0, 3).tolist() == [14, 12, 13]
    assert list(_messages(second)) == [("second_moved_of_identical", 0), ("second_moved_of_identical", 1)]
    assert _messages(second)["second_moved_of_identical", 0].startswith("event: 3 seconds later, as row 1 has")


def test_spread_of_thousands_in_one_second_is_exact_over_frames():
    """Frames that each have a thousand events of one contact at midnight fill the seconds one after another."""
    stream = Stream("spread")

    frames = [stream.check(_frame(time=[0] * 1_000)) for _ in range(5)]

    assert sorted(np.concatenate([checked.seconds(0, 1_000) for checked in frames]).tolist()) == list(range(5_000))


def test_spread_leaves_invalid_rows_where_they_are():
    """A row that is not sent is given no second, and its own is left free for it: it may be mended and sent later."""
    checked = _check(_frame(time=[10, 10, 11, 10], note=["x", "y" * 256, "z" * 256, "x"]), "spread")

    assert checked.seconds(0, 4).tolist() == [10, 10, 11, 12]
    assert checked.is_sent.tolist() == [True, False, False, True]
