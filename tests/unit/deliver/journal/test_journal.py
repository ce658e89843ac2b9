"""The journal knows events by the seconds that their rows had, and by the seconds that were sent."""

import pickle
import sqlite3
from contextlib import closing
from functools import partial

import numpy as np
import pytest

from events_pandas import EventMapping, EventsPandasError, Number
from events_pandas.check import CLAIMED, FREE
from events_pandas.deliver.journal import Fingerprint, Journal
from events_pandas.errors import JournalError


def entries(found):
    columns = (found.asked, found.payload, found.second, found.accepted_at)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_digests_stay_the_same_over_versions(path, open_journal):
    """A digest is blake2b of workspace, NUL and words, with the secret: later versions find what a journal holds."""
    _know_secret(path, open_journal)

    digests = open_journal().digests(np.array([[1, 2**64 - 1, 0], [2, 0, 0]], np.uint64))

    assert [digest.hex() for digest in digests] == [
        "ab1a7271b3cc3e1a69934148b2097231",
        "ad59f12394e37a2c292572a1233ea1e8",
        "2a9bfe9ea71a4bdca85a2dddbd8ae326",
    ]


def test_digests_of_types_stay_the_same_over_versions(path, open_journal):
    """The digest of a metadata key and the word for its type are the same as in earlier versions."""
    _know_secret(path, open_journal)
    mapping = EventMapping(event_name="watched", created_at="day", user_id="who", metadata={"a": "x"})

    open_journal().keep_types(mapping, {"metadata.a": Number("x")})

    with closing(sqlite3.connect(path)) as connection:
        (digest, word), *others = connection.execute("SELECT field, type FROM types").fetchall()
    assert (digest.hex(), word, others) == ("acf0c339c28f3234a73f842906f81577", "number", [])


def _know_secret(path, open_journal):
    """Make a journal whose secret is 0, 1, 2, ... 31."""
    open_journal().close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE secret SET bytes = ?", (bytes(range(32)),))
        connection.commit()


def test_digests_differ_between_workspaces(open_journal, make_words):
    """One file may hold several workspaces: the same contact in another workspace is another event."""
    here, there = open_journal(workspace="ab12cd34"), open_journal(workspace="ab12cd3")

    assert set(here.digests(make_words(1, 2))).isdisjoint(there.digests(make_words(1, 2)))


def test_digests_differ_between_journals(open_journal, make_words, tmp_path):
    """Each journal has its own secret: without it a digest says nothing about a contact."""
    one, other = open_journal(tmp_path / "one"), open_journal(tmp_path / "other")

    assert set(one.digests(make_words(1, 2))).isdisjoint(other.digests(make_words(1, 2)))


def test_find_knows_nothing_in_a_new_journal(journal, make_words):
    """A first run finds nothing, and no second is occupied."""
    found = journal.find(make_words(1, 2))

    assert entries(found) == []
    assert [column.dtype.str for column in (found.asked, found.payload, found.second, found.accepted_at)] == [
        "<i8",
        "<u8",
        "<i8",
        "<i8",
    ]
    assert journal.occupied(make_words(1, 2)).tolist() == [-1, -1]


def test_find_returns_what_was_accepted(journal, make_fingerprint, make_words, record):
    """An entry has the payload's digest as an unsigned number, the second sent, and the second of the acceptance."""
    assert record(journal, make_fingerprint(journal, 1, payload=-1, second=1_700_000_005)) == [None]

    assert entries(journal.find(make_words(3, 1))) == [(1, 2**64 - 1, 1_700_000_005, 1_760_000_000)]
    assert journal.occupied(make_words(3, 1)).tolist() == [-1, 1_760_000_000]


def test_find_returns_every_entry_in_the_order_asked(journal, make_fingerprint, make_words, record):
    """A key may have entries with several payloads and seconds; a key that is asked for twice is answered twice."""
    contents = ((5, 20), (5, 10), (4, 30))
    fingerprints = [
        make_fingerprint(journal, 1, payload=payload, second=second, sent_as=second) for payload, second in contents
    ]
    record(journal, *fingerprints, make_fingerprint(journal, 2))

    found = entries(journal.find(make_words(2, 1, 9, 1)))

    assert [entry[:3] for entry in found] == [
        (0, 7, 1_700_000_000),
        *[(1, 5, 10), (1, 5, 20), (1, 4, 30)],
        *[(3, 5, 10), (3, 5, 20), (3, 4, 30)],
    ]


def test_find_and_occupied_look_up_more_keys_than_fit_a_block(journal, make_fingerprint, make_words, record):
    """A frame may have any number of rows."""
    record(journal, *(make_fingerprint(journal, number, second=number) for number in (0, 65_536, 70_000, 99_999)))
    words = make_words(*range(100_000))

    found, occupied = journal.find(words), journal.occupied(words)

    assert found.asked.tolist() == found.second.tolist() == [0, 65_536, 70_000, 99_999]
    assert np.flatnonzero(occupied != -1).tolist() == [0, 65_536, 70_000, 99_999]


@pytest.mark.parametrize("n_keys", [1, 255, 256, 257, 513])
def test_find_and_occupied_look_up_every_key(journal, make_fingerprint, make_words, record, n_keys):
    """Each of any number of keys is looked up once."""
    record(journal, *(make_fingerprint(journal, number, second=number) for number in range(600)))

    found, occupied = journal.find(make_words(*range(n_keys))), journal.occupied(make_words(*range(n_keys)))

    assert found.asked.tolist() == found.second.tolist() == list(range(n_keys))
    assert (occupied > 0).all()
    assert len(occupied) == n_keys


def test_find_and_occupied_take_no_keys(journal, make_fingerprint, make_words, record):
    """A frame may be empty."""
    record(journal, make_fingerprint(journal, 1))

    assert entries(journal.find(make_words())) == []
    assert journal.occupied(make_words()).tolist() == []


def test_occupied_tells_by_the_second_that_was_sent(journal, make_fingerprint, make_words, record):
    """A moved row is found by its own second, and occupies only the second that was sent."""
    record(journal, make_fingerprint(journal, 1, second=1_700_000_001, sent_as=2))

    assert entries(journal.find(make_words(1, 2))) == [(0, 7, 1_700_000_001, 1_760_000_000)]
    assert journal.occupied(make_words(1, 2)).tolist() == [-1, 1_760_000_000]


def test_occupied_prefers_an_acceptance_to_a_claim(journal, make_fingerprint, make_words, record):
    """If several events took a second, the accepted event counts."""
    journal.claim([make_fingerprint(journal, 2, sent_as=1)])
    record(journal, make_fingerprint(journal, 1))

    assert journal.occupied(make_words(1)).tolist() == [1_760_000_000]


def test_claim_is_known_before_an_answer(journal, open_journal, make_fingerprint, make_words):
    """A claim is on disk at once, for other runs too, without the time of an acceptance."""
    journal.claim([make_fingerprint(journal, 1), make_fingerprint(journal, 3, sent_as=4)])

    other = open_journal()
    assert entries(other.find(make_words(1, 3))) == [(0, 7, 1_700_000_000, 0), (1, 7, 1_700_000_000, 0)]
    assert other.occupied(make_words(1, 2, 3, 4)).tolist() == [0, -1, -1, 0]


def test_claim_takes_many_and_none(journal, make_fingerprint, make_words):
    """One claim takes any number of events."""
    assert journal.claim([]) == []
    assert journal.claim([make_fingerprint(journal, number) for number in range(500)]) == []
    assert journal.claim([]) == []

    assert journal.occupied(make_words(*range(501))).tolist() == [0] * 500 + [-1]


def test_claim_leaves_an_acceptance(journal, make_fingerprint, make_words, record):
    """A claim of an accepted event changes nothing."""
    record(journal, make_fingerprint(journal, 1))

    journal.claim([make_fingerprint(journal, 1)])

    assert journal.occupied(make_words(1)).tolist() == [1_760_000_000]


def test_claim_becomes_an_acceptance(journal, make_fingerprint, make_words, record):
    """A claim and its acceptance are one entry."""
    journal.claim([make_fingerprint(journal, 1)])

    record(journal, make_fingerprint(journal, 1))

    assert entries(journal.find(make_words(1))) == [(0, 7, 1_700_000_000, 1_760_000_000)]


def test_record_keeps_the_first_acceptance(journal, make_fingerprint, make_words, record):
    """Intercom ignores the event when it comes again."""
    record(journal, make_fingerprint(journal, 1), accepted_at=1_760_000_000)
    record(journal, make_fingerprint(journal, 1), make_fingerprint(journal, 1), accepted_at=1_770_000_000)

    assert entries(journal.find(make_words(1))) == [(0, 7, 1_700_000_000, 1_760_000_000)]


@pytest.mark.parametrize("are_together", [True, False])
@pytest.mark.parametrize("sent_as", [None, 3])
def test_record_of_an_event_whose_second_another_one_has_is_none(
    are_together, sent_as, journal, make_fingerprint, make_words, record
):
    """Intercom answers 202 and ignores such an event: a later run must not report it as accepted."""
    first = make_fingerprint(journal, 1, sent_as=sent_as)
    others = [
        make_fingerprint(journal, 1, payload=8, sent_as=sent_as),
        make_fingerprint(journal, 2, sent_as=sent_as or 1),
    ]

    answers = record(journal, first, *others) if are_together else record(journal, first) + record(journal, *others)

    assert answers == [None] * 3
    assert entries(journal.find(make_words(1, 2))) == [(0, 7, 1_700_000_000, 1_760_000_000)]


def test_record_takes_the_second_of_an_event_that_was_only_claimed(journal, make_fingerprint, make_words, record):
    """An event that was accepted replaces an event that was only claimed."""
    journal.claim([make_fingerprint(journal, 1)])

    record(journal, make_fingerprint(journal, 1, payload=8))

    assert entries(journal.find(make_words(1))) == [(0, 8, 1_700_000_000, 1_760_000_000)]


def test_claim_returns_what_another_run_has_sent_since(journal, make_fingerprint, make_facts, record):
    """Under another second the event would arrive twice; under the same second Intercom ignores the repeat."""
    journal.begin_run(make_facts())
    record(journal, make_fingerprint(journal, 1, second=20, sent_as=20), make_fingerprint(journal, 2))
    journal.begin_run(make_facts())
    again = make_fingerprint(journal, 1, second=21, sent_as=21)

    assert journal.claim([again, make_fingerprint(journal, 2), make_fingerprint(journal, 3)]) == [0]


def test_claim_takes_new_seconds_where_all_entries_of_a_content_are_used_up(
    journal, make_fingerprint, make_facts, record
):
    """Events of the same content are refused together, and `used_up` is asked about each of their entries once."""
    journal.begin_run(make_facts())
    record(journal, *(make_fingerprint(journal, 1, second=second, sent_as=second) for second in (20, 21)))
    record(journal, make_fingerprint(journal, 1, payload=8, second=22, sent_as=22), make_fingerprint(journal, 3))
    journal.begin_run(make_facts())
    fingerprints = [
        make_fingerprint(journal, number, second=second, sent_as=second)
        for number, second in ((2, 9), (1, 30), (1, 31))
    ]
    asked = []

    def used_up(answer, entries):
        asked.append(list(zip(entries.asked.tolist(), entries.second.tolist(), strict=True)))
        return np.isin(entries.second, answer)

    claims = [journal.claim(fingerprints, partial(used_up, answer)) for answer in ([], [20], [20, 21])]

    assert claims == [[1, 2], [1, 2], []]
    assert asked == [[(1, 20), (1, 21)]] * 3


def test_claim_of_a_second_that_the_content_has_asks_for_no_other(journal, make_fingerprint, make_facts, record):
    """An event under a second that its content already has is not a new event, however many entries there are."""
    journal.begin_run(make_facts())
    record(journal, *(make_fingerprint(journal, 1, second=second, sent_as=second) for second in (20, 21)))
    journal.begin_run(make_facts())

    assert journal.claim([make_fingerprint(journal, 1, second=21, sent_as=21)]) == []


def test_claim_that_two_runs_share_is_released_by_neither(journal, make_fingerprint, make_words, make_facts):
    """If one run releases a shared claim, the other run may have sent the event."""
    for _ in range(2):
        journal.begin_run(make_facts())
        assert journal.claim([make_fingerprint(journal, 1), make_fingerprint(journal, 2)][: journal.run]) == []

    writer = journal.writer()
    for number in (1, 2):
        writer.release(make_fingerprint(journal, number))
    writer.close(30.0)

    journal.begin_run(make_facts())
    assert journal.occupied(make_words(1, 2)).tolist() == [CLAIMED, FREE]


def test_journal_finds_nothing_of_the_run_that_asks(journal, make_fingerprint, make_words, make_facts, record):
    """A run does not find its own entries; the next run does."""
    journal.begin_run(make_facts())
    record(journal, make_fingerprint(journal, 1))
    own = entries(journal.find(make_words(1))), journal.occupied(make_words(1)).tolist()

    journal.begin_run(make_facts())

    assert own == ([], [FREE])
    assert entries(journal.find(make_words(1))) == [(0, 7, 1_700_000_000, 1_760_000_000)]
    assert journal.occupied(make_words(1)).tolist() == [1_760_000_000]


def test_record_is_an_acceptance_with_any_clock(journal, make_fingerprint, make_words, record):
    """An acceptance at second 0 of a clock that was never set is not taken for a claim."""
    record(journal, make_fingerprint(journal, 1), accepted_at=0.5)

    assert journal.occupied(make_words(1)).tolist() == [1]


def test_claim_returns_events_whose_second_another_event_has(journal, make_fingerprint, make_words, record):
    """A second that another event has, accepted or claimed, moved or not, cannot be claimed."""
    record(journal, make_fingerprint(journal, 1), make_fingerprint(journal, 2, sent_as=3, second=1_700_000_001))
    journal.claim([make_fingerprint(journal, 4), make_fingerprint(journal, 5, sent_as=6)])
    taken = [
        make_fingerprint(journal, 1, payload=8),
        make_fingerprint(journal, 9, sent_as=1),
        make_fingerprint(journal, 3),
        make_fingerprint(journal, 9, sent_as=4),
        make_fingerprint(journal, 6),
    ]

    places = journal.claim([make_fingerprint(journal, 2, payload=8), *taken, make_fingerprint(journal, 7)])

    assert places == [1, 2, 3, 4, 5]
    assert journal.occupied(make_words(2, 7)).tolist() == [0, 0]
    assert entries(journal.find(make_words(9, 6))) == []


def test_claim_of_what_is_there_already_is_fine(journal, open_journal, make_fingerprint, make_words, record):
    """An event with the same second is one event, for every run that claimed it or had it accepted."""
    record(journal, make_fingerprint(journal, 1), make_fingerprint(journal, 2, sent_as=3))
    fingerprints = [
        make_fingerprint(journal, 1),
        make_fingerprint(journal, 2, sent_as=3),
        make_fingerprint(journal, 4),
        make_fingerprint(journal, 5, sent_as=6),
    ]

    assert journal.claim(fingerprints) == []
    assert open_journal().claim(fingerprints) == []
    assert journal.occupied(make_words(1, 2, 3, 4, 5, 6)).tolist() == [1_760_000_000, -1, 1_760_000_000, 0, -1, 0]


def test_claims_of_two_runs_share_no_second(journal, open_journal, make_fingerprint):
    """If two runs claim a second for different events, the later claim returns its position."""
    assert journal.claim([make_fingerprint(journal, 1, sent_as=2)]) == []

    assert open_journal().claim([make_fingerprint(journal, 3, sent_as=2), make_fingerprint(journal, 4, sent_as=5)]) == [
        0
    ]


def test_claim_gives_up_when_the_journal_stays_locked(open_journal, locked, make_fingerprint, path):
    """The wait for a lock has a limit; the error says what to do, and a later claim succeeds."""
    impatient = open_journal(busy_seconds=0.01)
    fingerprints = [make_fingerprint(impatient, 1)]

    with locked(), pytest.raises(JournalError) as caught:
        impatient.claim(fingerprints)

    assert str(caught.value) == (
        f"{path}: another program keeps the journal locked (database is locked): wait until the other run, or the "
        "program that copies the file, has ended, then run again"
    )
    assert impatient.claim(fingerprints) == []


def test_journal_in_one_file_holds_several_workspaces(open_journal, make_fingerprint, make_words, record):
    """One file may serve several workspaces, and none sees the events of another."""
    here, there = open_journal(workspace="here"), open_journal(workspace="there")
    record(here, make_fingerprint(here, 1))

    assert here.occupied(make_words(1)).tolist() == [1_760_000_000]
    assert there.occupied(make_words(1)).tolist() == [-1]


def test_journal_holds_no_key_and_no_word_of_an_event(journal, make_fingerprint, make_words, record, path, tmp_path):
    """The file holds no words and no plain digests, and so does not show a contact."""
    words = make_words(0x1122334455667788)
    record(journal, make_fingerprint(journal, 0x1122334455667788))
    journal.close()

    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert path.read_bytes()[:15] == b"SQLite format 3"
    for word in words.ravel().tolist():
        assert word.to_bytes(8, "little") not in held
        assert word.to_bytes(8, "big") not in held
        assert str(word).encode() not in held
    assert journal.digests(words)[0] in held


def test_journal_error_is_one_of_the_packages(journal, path):
    """SQLite's errors do not leave the package, and a `JournalError` can be pickled."""
    journal.close()

    with pytest.raises(JournalError, match="Cannot operate on a closed database") as caught:
        journal.claim([Fingerprint(b"k", None, 1, 1)])

    assert isinstance(caught.value, EventsPandasError)
    assert caught.value.path == str(path)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.path) == (str(caught.value), str(path))


def test_journal_closes_more_than_once(journal):
    """Closing a closed journal does nothing."""
    journal.close()
    journal.close()

    assert isinstance(journal, Journal)
