"""Rows of earlier runs are found by content, in any order, and with any second that they were sent with."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import CLAIMED, FREE, EarlierFrames, Entries, FrameCheck, used_up
from events_pandas.convert import Converter
from events_pandas.mapping import EventMapping, Text, bind

NOW = 1_750_000_000
ACCEPTED_AT = 1_749_000_000


class FakeRuns:
    """A journal in memory: what earlier checks sent, and the answers."""

    def __init__(self):
        self.entries = []
        self._run = None

    def find(self, words):
        rows = [
            (position, *entry[2:])
            for position, key in enumerate(_keys(words))
            for entry, run in self.entries
            if entry[0] == key and run is not self._run
        ]
        columns = list(zip(*rows, strict=True)) or [[]] * 4
        asked, payload, second, accepted_at = columns
        return Entries(
            asked=np.array(asked, np.int64),
            payload=np.array(payload, np.uint64),
            second=np.array(second, np.int64),
            accepted_at=np.array(accepted_at, np.int64),
        )

    def occupied(self, words):
        by_sent = {entry[1]: entry[-1] for entry, run in self.entries if run is not self._run}
        return np.array([by_sent.get(key, FREE) for key in _keys(words)], np.int64)

    def begin(self, run=None):
        self._run = object() if run is None else run

    def submit(self, frame, mapping, *, earlier=None, answered=None):
        """Check a frame and remember the rows that are sent as accepted, claimed or neither; a stream is one run."""
        self.begin(earlier)
        checked, converter = _judged(frame, mapping, runs=self, earlier=earlier)
        batch = converter.convert(0, len(frame))
        keys, seconds = batch.keys(), checked.seconds()
        own, digests = keys.words(slice(None)), batch.digests()[0].tolist()
        sent = keys.streams, seconds
        sent_words = type(keys)(streams=sent[0], seconds=sent[1]).words(slice(None))
        for row in np.flatnonzero(checked.is_sent).tolist():
            accepted_at = ACCEPTED_AT if answered is None else answered[row]
            if accepted_at != FREE:
                own_key, sent_key = _keys(own[:, [row]])[0], _keys(sent_words[:, [row]])[0]
                entry = (own_key, sent_key, digests[row], seconds[row].item(), accepted_at)
                self.entries = [other for other in self.entries if other[0][:4] != entry[:4]] + [(entry, self._run)]
        return checked


def _keys(words):
    return list(map(tuple, words.T.tolist()))


def _mapping(policy):
    return EventMapping(
        event_name="placed-order",
        created_at="time",
        user_id="who",
        metadata={"note": Text("note")},
        timezone="UTC",
        duplicates=policy,
    )


def _judged(frame, mapping, *, runs, earlier=None, **options):
    frame_check = FrameCheck(Converter(bind(frame, mapping)), frame.index, earlier)
    frame_check.read()
    return frame_check.checked(now=NOW, runs=runs, **options), frame_check.converter


def _frame(*rows):
    """Return rows given as (contact, second, note)."""
    frame = pd.DataFrame(rows, columns=["who", "time", "note"])
    return frame.astype({"time": int})


def _seconds(checked):
    return checked.seconds().tolist()


@pytest.fixture
def runs():
    """Return an empty journal."""
    return FakeRuns()


@pytest.mark.parametrize("policy", ["skip", "spread", "send"])
def test_rows_of_an_earlier_run_are_submitted_already_in_any_order(policy, runs):
    """A row is recognized in any order and beside any other rows."""
    frame = _frame(("ada", 5, "x"), ("bob", 5, "x"), ("ada", 6, "x"))
    runs.submit(frame.iloc[:2], _mapping(policy))

    checked = runs.submit(frame.iloc[::-1].reset_index(drop=True), _mapping(policy))

    assert checked.is_sent.tolist() == [True, False, False]
    assert checked.submitted.rows.tolist() == [1, 2]
    assert checked.submitted.accepted_at.tolist() == [ACCEPTED_AT] * 2
    assert not len(checked.submitted.blocked)


@pytest.mark.parametrize("policy", ["skip", "send"])
def test_row_with_other_metadata_is_not_sent(policy, runs):
    """A row with other metadata is not sent: Intercom keeps what it was sent first."""
    runs.submit(_frame(("ada", 5, "x"), ("bob", 5, "x")), _mapping(policy))

    checked = runs.submit(_frame(("ada", 5, "changed"), ("bob", 5, "x"), ("cleo", 5, "x")), _mapping(policy))

    assert checked.is_sent.tolist() == [False, False, True]
    assert checked.submitted.blocked.tolist() == [0]
    assert checked.submitted.blocked_since.tolist() == [ACCEPTED_AT]
    assert checked.submitted.rows.tolist() == [1]


def test_row_with_other_metadata_is_a_new_event_when_rows_are_spread(runs):
    """With "spread", a row with other metadata is a new event: it takes the next free second and gets a note."""
    runs.submit(_frame(("ada", 5, "x"), ("ada", 6, "x")), _mapping("spread"))

    checked = runs.submit(_frame(("ada", 5, "changed"), ("ada", 6, "x")), _mapping("spread"))

    assert checked.is_sent.tolist() == [True, False]
    assert _seconds(checked) == [7, 6]
    (message,) = [f.messages()[0].as_py() for f in checked.findings if f.code == "second_moved"]
    assert message.startswith(
        "event: sent 2 seconds later, because an earlier run's event has the contact, event name and second"
    )


def test_spread_rows_are_found_under_the_seconds_that_they_were_sent(runs):
    """A grown and re-sorted frame sends only its new rows; the others keep the seconds that they were sent with."""
    first = _frame(("ada", 5, "x"), ("ada", 5, "y"), ("ada", 5, "z"))
    before = dict(zip(first["note"], _seconds(runs.submit(first, _mapping("spread"))), strict=True))
    grown = _frame(("ada", 5, "z"), ("ada", 5, "a"), ("ada", 5, "x"), ("ada", 5, "y"))

    checked = runs.submit(grown, _mapping("spread"))

    after = dict(zip(grown["note"], _seconds(checked), strict=True))
    assert after == before | {"a": 8}
    assert checked.is_sent.tolist() == [False, True, False, False]


def test_spread_rows_of_the_same_metadata_are_as_many_events(runs):
    """With "spread", three identical rows are three events: two already sent, one new."""
    runs.submit(_frame(*[("ada", 5, "x")] * 2), _mapping("spread"))

    checked = runs.submit(_frame(*[("ada", 5, "x")] * 3), _mapping("spread"))

    assert checked.is_sent.sum() == 1
    assert sorted(_seconds(checked)) == [5, 6, 7]


def test_claimed_second_is_used_again(runs):
    """An event that may have arrived under a moved second is sent again under that second."""
    first = _frame(("ada", 5, "x"), ("ada", 5, "y"))
    sent = runs.submit(first, _mapping("spread"), answered=[CLAIMED, CLAIMED])
    before = dict(zip(first["note"], _seconds(sent), strict=True))
    grown = _frame(*[("ada", 5, note) for note in "abcxy"])

    checked = runs.submit(grown, _mapping("spread"))

    after = dict(zip(grown["note"], _seconds(checked), strict=True))
    assert {note: after[note] for note in "xy"} == before
    assert sorted(after.values()) == [5, 6, 7, 8, 9]
    assert checked.is_sent.all()


def test_accepted_entry_comes_before_a_claimed_one_of_the_same_metadata(runs):
    """If one entry was accepted and one claimed, a single remaining row takes the accepted one, and is not sent."""
    runs.submit(_frame(*[("ada", 5, "x")] * 2), _mapping("spread"), answered=[CLAIMED, ACCEPTED_AT])

    checked = runs.submit(_frame(("ada", 5, "x")), _mapping("spread"))

    assert not checked.is_sent.any()


def test_claimed_second_blocks_no_row_unless_rows_are_spread(runs):
    """A claim blocks no other row unless rows are spread: nobody knows whether its event arrived."""
    runs.submit(_frame(("ada", 5, "x")), _mapping("spread"), answered=[CLAIMED])

    checked = runs.submit(_frame(("ada", 5, "y")), _mapping("skip"))

    assert checked.is_sent.all()


@pytest.mark.parametrize("policy", ["skip", "send"])
def test_claim_is_as_if_it_were_not_there_unless_rows_are_spread(policy, runs):
    """Without "spread", a claim is ignored: its row keeps its own second, and no other row gives way."""
    runs.submit(_frame(("ada", 5, "x"), ("ada", 5, "y")), _mapping("spread"), answered=[CLAIMED, CLAIMED])

    checked = runs.submit(_frame(("ada", 5, "x"), ("bob", 5, "y"), ("ada", 6, "z")), _mapping(policy))

    assert _seconds(checked) == [5, 5, 6]
    assert checked.is_sent.all()


def test_thousands_of_rows_in_one_second_are_found_in_one_go(runs):
    """The journal is asked once for each event, however many rows it has."""
    asked = []
    frame = _frame(*[("ada", 5, str(number)) for number in range(500)])
    runs.submit(frame, _mapping("spread"))
    find, runs.find = runs.find, lambda words: asked.append(words.shape[1]) or find(words)

    checked = runs.submit(frame, _mapping("spread"))

    assert not checked.is_sent.any()
    assert sum(asked) == 1


def test_thousands_of_new_rows_in_one_second_are_looked_up_in_one_go(runs):
    """Whether a second is taken is asked once too."""
    asked = []
    runs.submit(_frame(("ada", 5, "x")), _mapping("skip"))
    occupied, runs.occupied = runs.occupied, lambda words: asked.append(words.shape[1]) or occupied(words)
    frame = _frame(*[("ada", 5, str(number)) for number in range(500)])
    runs.begin()

    checked, _ = _judged(frame, _mapping("skip"), runs=runs)

    assert not checked.is_sent.any()
    assert sum(asked) == 1


def test_row_that_was_accepted_holds_its_event_against_earlier_rows(runs):
    """A row that comes before an accepted one is a duplicate of it."""
    runs.submit(_frame(("ada", 5, "x")), _mapping("skip"))

    checked = runs.submit(_frame(("ada", 5, "new"), ("ada", 5, "x"), ("ada", 5, "x")), _mapping("skip"))

    assert not checked.is_sent.any()
    assert checked.submitted.rows.tolist() == [1]
    assert checked.repeats.rows.tolist() == [0, 2]
    assert checked.repeats.firsts.tolist() == [1, 1]
    assert checked.repeats.are_identical.tolist() == [False, True]


def test_rows_of_one_event_are_all_blocked_when_none_of_them_was_accepted(runs):
    """If Intercom has the event with other metadata, all rows of the event are blocked."""
    runs.submit(_frame(("ada", 5, "x")), _mapping("skip"))

    checked = runs.submit(_frame(("ada", 5, "y"), ("ada", 5, "z")), _mapping("skip"))

    assert checked.submitted.blocked.tolist() == [0, 1]
    assert not len(checked.repeats.rows)


@pytest.mark.parametrize("policy", ["skip", "spread"])
def test_events_of_this_run_are_not_earlier_ones(policy, runs):
    """A stream's own rows in the journal do not count as an earlier run's."""
    earlier = EarlierFrames()
    runs.submit(_frame(("ada", 5, "x")), _mapping(policy), earlier=earlier)

    checked = runs.submit(_frame(("ada", 5, "x")), _mapping(policy), earlier=earlier)

    assert not len(checked.submitted.rows)
    assert _seconds(checked) == ([5] if policy == "skip" else [6])
    assert checked.is_sent.tolist() == [policy == "spread"]


@pytest.mark.parametrize("policy", ["skip", "spread"])
def test_stream_finds_each_entry_once(policy, runs):
    """A later frame does not find the entries that an earlier frame of the stream found."""
    runs.submit(_frame(("ada", 5, "x")), _mapping(policy))
    earlier = EarlierFrames()

    first, second = (runs.submit(_frame(("ada", 5, "x")), _mapping(policy), earlier=earlier) for _ in range(2))

    assert first.submitted.rows.tolist() == [0]
    assert not len(second.submitted.rows)
    assert second.repeats.firsts.tolist() == ([] if policy == "spread" else [0])


def test_stream_finds_an_entry_in_the_second_that_its_own_row_was_to_have(runs):
    """If another run came first, its entry does not belong to this run's row that was refused in that second."""
    earlier = EarlierFrames()
    runs.submit(_frame(("ada", 5, "y")), _mapping("spread"), earlier=earlier, answered=[FREE])
    runs.submit(_frame(("ada", 5, "x")), _mapping("spread"))

    found, new = (runs.submit(_frame(("ada", 5, "x")), _mapping("spread"), earlier=earlier) for _ in range(2))

    assert found.submitted.rows.tolist() == [0]
    assert not found.is_sent.any()
    assert new.is_sent.all()
    assert _seconds(new) == [6]


def test_stream_finds_an_entry_where_its_own_row_of_another_second_was_to_move(runs):
    """Identical rows of two seconds are two events, even if they were sent in the same second."""
    earlier = EarlierFrames()
    first = _frame(("ada", 5, "x"), ("ada", 5, "x"))
    sent = runs.submit(first, _mapping("spread"), earlier=earlier, answered=[ACCEPTED_AT, FREE])
    runs.submit(_frame(("ada", 6, "x")), _mapping("spread"))

    checked = runs.submit(_frame(("ada", 6, "x")), _mapping("spread"), earlier=earlier)

    assert _seconds(sent) == [5, 6]
    assert checked.submitted.rows.tolist() == [0]
    assert not checked.is_sent.any()


def _used_up(checked, converter, runs, *, row, entries):
    """Return which entries, given by second and time of acceptance, are used up for a row's content."""
    batch = converter.convert(0, len(checked.valid))
    asked = Entries(
        asked=np.zeros(len(entries), np.int64),
        payload=np.repeat(batch.digests()[0][row], len(entries)),
        second=np.array([second for second, _ in entries]),
        accepted_at=np.array([accepted_at for _, accepted_at in entries]),
    )
    return used_up(asked, batch.keys().of(np.array([row])), runs=runs, own=checked.own).tolist()


@pytest.mark.parametrize("is_stream", [True, False])
def test_entry_is_used_up_by_a_row_of_the_same_content_and_second(is_stream, runs):
    """Only a row of the same content and the same second uses an entry up."""
    frame = _frame(("ada", 5, "x"), ("ada", 5, "x"), ("ada", 5, "y"), ("ada", 8, "x"))
    earlier = EarlierFrames() if is_stream else None
    checked, converter = _judged(frame, _mapping("spread"), runs=runs, earlier=earlier)
    seconds = _seconds(checked)
    free = [9, *seconds[2:]]

    entries = [(second, accepted_at) for second in [*seconds[:2], *free] for accepted_at in (CLAIMED, ACCEPTED_AT)]
    used = _used_up(checked, converter, runs, row=0, entries=entries)

    assert sorted(seconds) == [5, 6, 7, 8]
    assert used == [True] * 4 + [False] * 6


def test_claim_is_used_up_when_another_event_was_accepted_in_its_second(runs):
    """A claim is used up if another event was accepted in its second; an acceptance is not."""
    runs.submit(_frame(("ada", 6, "y")), _mapping("skip"))
    runs.begin()
    checked, converter = _judged(_frame(("ada", 5, "x")), _mapping("spread"), runs=runs)

    used = _used_up(checked, converter, runs, row=0, entries=[(6, CLAIMED), (6, ACCEPTED_AT), (7, CLAIMED)])

    assert used == [True, False, False]


def test_stream_sends_repeats_once_when_all_are_sent(runs):
    """With "send", every row is accepted once; the next run sends none of them again, in any frame."""
    for is_first in (True, False):
        earlier = EarlierFrames()
        frames = [_frame(("ada", 5, "x")), _frame(("ada", 5, "x"))]

        sent = [runs.submit(frame, _mapping("send"), earlier=earlier).is_sent.tolist() for frame in frames]

        assert sent == [[is_first], [is_first]]


def test_claimed_second_is_given_up_when_another_event_has_come_in_it(runs):
    """If another event was accepted in a claimed second, the row moves on."""
    runs.submit(_frame(("ada", 5, "x")), _mapping("spread"), answered=[CLAIMED])
    runs.submit(_frame(("ada", 5, "y")), _mapping("skip"))

    checked = runs.submit(_frame(("ada", 5, "x")), _mapping("spread"))

    assert _seconds(checked) == [6]
    assert checked.is_sent.all()


@pytest.mark.parametrize("policy", ["skip", "spread", "send"])
def test_rows_are_sent_again_when_that_is_asked_for(policy, runs):
    """With `resubmit`, spread rows are sent again with the seconds that they had, and new rows give way."""
    first = _frame(("ada", 5, "x"), ("ada", 6, "x"))
    runs.submit(first, _mapping(policy))
    again = _frame(("ada", 5, "a"), ("ada", 6, "x"))
    runs.begin()

    checked, _ = _judged(again, _mapping(policy), runs=runs, resubmits=True)

    assert checked.is_sent.all()
    assert _seconds(checked) == ([7, 6] if policy == "spread" else [5, 6])


def test_later_frames_know_the_seconds_that_earlier_runs_gave(runs):
    """A row moves on if an earlier run gave its second to a row of an earlier frame."""
    runs.submit(_frame(("ada", 5, "x"), ("ada", 5, "y")), _mapping("spread"))
    earlier = EarlierFrames()
    runs.submit(_frame(("ada", 5, "x"), ("ada", 5, "y")), _mapping("spread"), earlier=earlier)

    checked = runs.submit(_frame(("ada", 6, "z")), _mapping("spread"), earlier=earlier)

    assert _seconds(checked) == [7]


def test_row_moved_by_an_earlier_run_is_submitted_already_when_rows_are_no_longer_spread(runs):
    """A row that was moved is recognized without "spread" too, with the second that was sent."""
    frame = _frame(("ada", 5, "x"), ("ada", 5, "y"))
    before = _seconds(runs.submit(frame, _mapping("spread")))

    checked = runs.submit(frame, _mapping("send"))

    assert not checked.is_sent.any()
    assert _seconds(checked) == before


def test_frames_own_rows_give_way_to_what_the_journal_has(runs):
    """A row moves on if an earlier run gave its second to another event."""
    runs.submit(_frame(("ada", 5, "x"), ("ada", 5, "y")), _mapping("spread"))

    checked = runs.submit(_frame(("ada", 6, "z"), ("ada", 7, "z")), _mapping("spread"))

    assert _seconds(checked) == [8, 7]
    assert checked.is_sent.all()


def test_invalid_rows_are_not_asked_about(runs):
    """The journal is not asked about invalid rows."""
    mapping = _mapping("skip")
    runs.submit(_frame(("ada", 5, "x")), mapping)
    frame = _frame(("ada", 5, "x")).astype({"time": object})
    frame.loc[1] = ["ada", None, "x"]

    checked = runs.submit(frame, mapping)

    assert checked.valid.tolist() == [True, False]
    assert checked.submitted.rows.tolist() == [0]
