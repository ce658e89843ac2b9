"""The thread that writes acceptances down: each record has one answer, after it is on disk or cannot be."""

import queue
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from events_pandas.deliver.journal import JournalWriter
from events_pandas.deliver.journal.connections import ForkSafeConnection
from events_pandas.deliver.journal.opening import connect
from events_pandas.deliver.journal.places import file_identity
from events_pandas.errors import JournalError
from events_pandas.filesystem import place_of

SLEEP = time.sleep


@pytest.fixture
def writer(journal):
    """A writer; the end of the test closes it."""
    writer = journal.writer()
    yield writer
    writer.close(30.0)


def rows(path, what="accepted_at, request_id, run"):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {what} FROM events ORDER BY second").fetchall()


def test_record_is_on_disk_before_it_is_answered(writer, journal, make_fingerprint, path):
    """A process may be killed as soon as a record has its answer."""
    seen, answered = [], threading.Event()

    def then(error):
        seen.append((error, len(rows(path)), threading.current_thread().name))
        answered.set()

    writer.record(make_fingerprint(journal, 1), accepted_at=5.0, request_id=None, then=then)

    assert answered.wait(30.0)
    assert seen == [(None, 1, "events-pandas-journal")]


def test_record_keeps_the_bytes_of_a_uuid_and_any_other_text(writer, journal, make_fingerprint, path):
    """A request id takes 16 bytes if it is a UUID; any other text is kept as it is."""
    request_ids = ["00000000-0000-4000-8000-00000000002a", "00000000-0000-4000-8000-00000000002A", "é\udc80", None]
    for second, request_id in enumerate(request_ids):
        fingerprint = make_fingerprint(journal, second, second=second)
        writer.record(fingerprint, accepted_at=9.99, request_id=request_id, then=lambda _: None)
    writer.close(30.0)

    assert rows(path, "request_id") == [
        (bytes.fromhex("0000000000004000800000000000002a"),),
        ("00000000-0000-4000-8000-00000000002A",),
        ("é\\udc80",),
        (None,),
    ]


def test_record_of_many_at_once_answers_each(writer, journal, make_fingerprint, path):
    """All records of a group are written and answered in their order."""
    answered = []

    for second in range(1000):
        fingerprint = make_fingerprint(journal, second, second=second)
        writer.record(
            fingerprint, accepted_at=5, request_id="r", then=lambda error, row=second: answered.append((row, error))
        )
    writer.close(30.0)

    assert answered == [(row, None) for row in range(1000)]
    assert rows(path, "second") == [(second,) for second in range(1000)]
    assert writer.waiting == 0


def test_close_writes_what_waits(journal, locked, make_fingerprint, path):
    """Closing drops no event that was answered 202."""
    writer, answers = journal.writer(), []
    with locked():
        for number in range(3):
            writer.record(make_fingerprint(journal, number), accepted_at=5, request_id=None, then=answers.append)
        assert writer.waiting == 3
        assert answers == []

    writer.close(30.0)

    assert answers == [None] * 3
    assert len(rows(path)) == 3


def test_close_does_not_wait_longer_than_it_may(journal, locked, make_fingerprint):
    """Records that cannot be written in time are written later, if the process lives on."""
    writer, answers, answered = journal.writer(), [], threading.Event()

    def then(error):
        answers.append(error)
        answered.set()

    with locked():
        writer.record(make_fingerprint(journal, 1), accepted_at=5, request_id=None, then=then)
        writer.close(0.05)
        assert (answers, writer.waiting) == ([], 1)

    assert answered.wait(30.0)
    assert answers == [None]
    writer.close(30.0)


def test_close_needs_no_thread_when_nothing_was_recorded(journal):
    """A run that sends nothing starts no thread."""
    before = threading.active_count()

    writer = journal.writer()
    writer.close(0.0)
    writer.close(0.0)

    assert threading.active_count() == before


def test_close_ends_the_thread(writer, journal, make_fingerprint):
    """A closed writer leaves no thread."""
    writer.record(make_fingerprint(journal, 1), accepted_at=5, request_id=None, then=lambda _: None)

    writer.close(30.0)

    assert "events-pandas-journal" not in {thread.name for thread in threading.enumerate()}


DEATHS = [OSError(22, "Invalid argument"), MemoryError(), SystemExit(3), KeyboardInterrupt()]


@pytest.mark.parametrize("death", DEATHS, ids=lambda death: type(death).__name__)
def test_death_reports_what_ended_the_thread_and_write_waiting_writes_the_rest(
    death, journal, make_fingerprint, path, monkeypatch
):
    """After any end of the thread, each record has its answer, and is written if it can be."""

    def dying(seconds):
        if threading.current_thread().name == "events-pandas-journal":
            raise death
        SLEEP(seconds)

    monkeypatch.setattr(time, "sleep", dying)
    writer, answers = journal.writer(), []
    assert writer.death is None
    writer.record(make_fingerprint(journal, 1), accepted_at=5, request_id=None, then=answers.append)
    for thread in threading.enumerate():
        if thread.name == "events-pandas-journal":
            thread.join(30.0)

    reason, answered_before = writer.death, list(answers)
    writer.write_waiting()
    writer.record(make_fingerprint(journal, 2, second=2), accepted_at=5, request_id=None, then=answers.append)
    writer.write_waiting()
    writer.close(30.0)

    words = "OSError: Invalid argument" if isinstance(death, OSError) else type(death).__name__
    assert str(reason) == (
        f"{path}: the thread that writes the journal has ended ({words}): "
        "run again: recorded events are kept, and are not sent twice"
    )
    assert reason.__cause__ is death
    assert (answered_before, answers) == ([], [None, None])
    assert len(rows(path)) == 2
    assert writer.death is None


def test_death_reports_that_the_system_has_no_thread(journal, make_fingerprint, monkeypatch, path):
    """If no thread can be started, the caller writes its records."""

    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    writer, answers = journal.writer(), []
    writer.record(make_fingerprint(journal, 1), accepted_at=5, request_id=None, then=answers.append)

    reason = writer.death
    writer.write_waiting()
    writer.close(30.0)

    assert str(reason).startswith(f"{path}: the thread that writes the journal has ended (RuntimeError): run again")
    assert answers == [None]
    assert len(rows(path)) == 1


def test_death_reports_a_disk_that_does_not_answer(journal, locked, make_fingerprint, monkeypatch, path):
    """After a minute, `death` reports the disk; the commit is not tried a second time."""
    writer, answers = journal.writer(), []
    with locked():
        writer.record(make_fingerprint(journal, 1), accepted_at=5, request_id=None, then=answers.append)
        before = writer.death
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 61.0)
        reason = writer.death
        writer.write_waiting()
        monkeypatch.undo()

    writer.close(30.0)

    assert before is None
    assert str(reason).startswith(f"{path}: the disk has not written for 60 s: check the disk, then run again")
    assert answers == [None]


def test_release_drops_a_claim(writer, journal, make_fingerprint, make_words):
    """An event that certainly did not arrive leaves its second free."""
    journal.claim([make_fingerprint(journal, 1), make_fingerprint(journal, 2)])

    writer.release(make_fingerprint(journal, 1))
    writer.close(30.0)

    assert journal.occupied(make_words(1, 2)).tolist() == [-1, 0]


def test_release_leaves_an_acceptance(writer, journal, make_fingerprint, make_words, record):
    """An accepted event is never forgotten."""
    record(journal, make_fingerprint(journal, 1))

    writer.release(make_fingerprint(journal, 1))
    writer.close(30.0)

    assert journal.occupied(make_words(1)).tolist() == [1_760_000_000]


def test_release_leaves_the_claim_of_another_run(journal, open_journal, make_facts, make_fingerprint, make_words):
    """The event of the other run may have arrived, even if this run's did not."""
    other = open_journal()
    other.begin_run(make_facts())
    other.claim([make_fingerprint(other, 1)])
    journal.begin_run(make_facts())
    journal.claim([make_fingerprint(journal, 1)])
    writer = journal.writer()

    writer.release(make_fingerprint(journal, 1))
    writer.close(30.0)

    assert journal.occupied(make_words(1)).tolist() == [0]


def test_record_is_the_runs_that_has_begun(journal, make_facts, make_fingerprint, path):
    """An entry has the number of the run that wrote it."""
    journal.begin_run(make_facts())
    journal.begin_run(make_facts())

    writer = journal.writer()
    writer.record(make_fingerprint(journal, 1), accepted_at=5.9, request_id="r", then=lambda _: None)
    writer.close(30.0)

    assert rows(path) == [(5, "r", 2)]


def test_two_writers_share_a_journal(open_journal, make_fingerprint, path):
    """Two runs at the same time wait for one another, and lose nothing."""
    journals, answers = [open_journal(), open_journal()], []
    writers = [journal.writer() for journal in journals]

    for second in range(200):
        for number, (journal, writer) in enumerate(zip(journals, writers, strict=True)):
            fingerprint = make_fingerprint(journal, 2 * second + number, second=2 * second + number)
            writer.record(fingerprint, accepted_at=5, request_id=None, then=answers.append)
    for writer in writers:
        writer.close(60.0)

    assert answers == [None] * 400
    assert len(rows(path)) == 400


def test_record_is_answered_with_an_error_when_the_disk_is_full_and_goes_on_when_it_is_not(
    journal, make_fingerprint, path
):
    """Each record that could not be written has an error, and the next group is tried again."""
    answers, connections = queue.SimpleQueue(), []

    def connected():
        connections.append(connect(path, 5.0))
        return connections[-1]

    connection = ForkSafeConnection(path, connected, identity=file_identity(path))
    writer = JournalWriter(connection, run=journal.run)

    def recorded(first):
        for second in range(first, first + 3000):
            fingerprint = make_fingerprint(journal, second, second=second)
            writer.record(fingerprint, accepted_at=5, request_id=None, then=answers.put)
        return {str(answers.get(timeout=30.0)) for _ in range(3000)}

    assert recorded(0) == {"None"}
    (opened,) = connections
    (pages,) = opened.execute("PRAGMA page_count").fetchone()
    opened.execute(f"PRAGMA max_page_count = {pages}")
    full = recorded(3000)
    opened.execute(f"PRAGMA max_page_count = {100 * pages}")

    assert full - {"None"} == {
        (
            f"{path}: the disk is full, or the file may not grow on {place_of(path)} (database or disk is full): "
            "free some space, then run again: recorded events are kept, and are not sent twice"
        )
    }
    assert recorded(3000) == {"None"}
    assert len(rows(path)) == 6000
    writer.close(30.0)


@pytest.mark.parametrize("is_replaced", [False, True])
@pytest.mark.parametrize("has_written", [False, True])
def test_record_is_answered_with_an_error_when_the_file_is_gone(
    is_replaced, has_written, journal, make_fingerprint, path
):
    """Nothing is written to a file that was moved away, or to the file in its place."""
    writer, answers, answered = journal.writer(), [], threading.Event()
    if has_written:
        writer.record(make_fingerprint(journal, 2), accepted_at=5, request_id=None, then=lambda _: answered.set())
        assert answered.wait(30.0)
    # Beside it, as a new file may have the number of one that was deleted.
    path.rename(path.with_name("moved.sqlite"))
    if is_replaced:
        path.write_bytes(b"")

    writer.record(make_fingerprint(journal, 1), accepted_at=5, request_id=None, then=answers.append)
    writer.close(30.0)

    assert [type(error) for error in answers] == [JournalError]
    assert str(answers[0]) == (
        f"{path}: the journal was moved away or replaced during the run: put it back, then run again"
    )


def test_record_that_cannot_be_stored_is_answered_with_an_error(journal, make_fingerprint):
    """A record that SQLite cannot store has an answer too."""
    writer, answers = journal.writer(), []

    fingerprint = make_fingerprint(journal, 1, payload=1 << 63)
    writer.record(fingerprint, accepted_at=5, request_id=None, then=answers.append)
    writer.close(30.0)

    assert [type(error) for error in answers] == [JournalError]
    assert isinstance(answers[0].__cause__, OverflowError)
