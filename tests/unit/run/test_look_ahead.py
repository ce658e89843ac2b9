"""How far a stream is read ahead of the results that are due, and what becomes of it. The client is a fake."""

import threading
import time

import pandas as pd
import pytest

from events_pandas import (
    RetryPolicy,
    SubmissionError,
    SubmissionInterrupted,
    UnknownColumnError,
    iter_submit,
    submit_events,
    submit_file,
)
from events_pandas.run.frames import ReadAhead

LIMIT_SECONDS = 10.0


@pytest.fixture
def gate():
    """An event for requests to wait on, which is set at the end of the test."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def meeting():
    """A barrier for thirty requests that are under way together."""
    return threading.Barrier(30, timeout=LIMIT_SECONDS)


@pytest.fixture
def meeting_client(fake_client, meeting):
    """A client whose requests 00010 to 00039 wait for one another."""
    return fake_client({f"{number:05d}": [lambda: meeting.wait() >= 0 and 202] for number in range(10, 40)})


def _rows(parts):
    return [row for part in parts for row in part["row"]]


def test_stream_of_single_rows_has_as_many_requests_under_way_as_one_frame(make_orders, mapping, meeting_client):
    """Frames are read ahead by rows: the pace does not depend on the sizes of frames."""
    frames = [make_orders(1, start=number) for number in range(42)]

    parts = list(iter_submit(frames, mapping, client=meeting_client, journal=None))

    assert [part["row"].tolist() for part in parts] == [[row] for row in range(42)]
    assert {status for part in parts for status in part["status"]} == {"accepted"}


@pytest.mark.parametrize("chunksize", [1, 7])
def test_small_chunks_have_as_many_requests_under_way_as_large_ones(make_orders, mapping, meeting_client, chunksize):
    """The chunksize does not change the pace of a frame."""
    results = submit_events(make_orders(42), mapping, client=meeting_client, journal=None, chunksize=chunksize)

    assert set(results["status"]) == {"accepted"}


def test_small_files_have_as_many_requests_under_way_as_a_large_one(make_orders, mapping, meeting_client, tmp_path):
    """Files of one row each are read ahead too."""
    for number in range(42):
        make_orders(1, start=number).to_csv(tmp_path / f"{number:02d}.csv", index=False)

    results = submit_file(tmp_path / "*.csv", mapping, client=meeting_client, journal=None, progress=False)

    assert results["row"].tolist() == list(range(42))
    assert set(results["status"]) == {"accepted"}


@pytest.mark.parametrize(("chunksize", "most"), [(2_000, 9), (1, 6)])
def test_stream_is_read_ahead_no_further_than_a_chunks_rows(make_orders, mapping, fake_client, gate, chunksize, most):
    """Behind a row that waits, at most `chunksize` rows are read, or a thousand if that is more, and two frames."""
    read = []

    def frames():
        yield make_orders(1, start=90_000)
        for number in range(20):
            read.append(number)
            # Rows without a time are not sent, but count.
            yield make_orders(300, start=number * 300, day=[None] * 300)

    # Long enough to read all that may be read; a slow machine reads less, never more.
    client = fake_client({"90000": [lambda: gate.wait(0.7) or 202]})
    stream = iter_submit(frames(), mapping, client=client, journal=None, chunksize=chunksize)

    first = next(stream)
    read_before = len(read)
    stream.close()

    assert first["status"].tolist() == ["accepted"]
    assert 1 <= read_before <= most


@pytest.mark.parametrize("rows", [0, 1])
def test_read_ahead_has_room_for_a_thousand_small_frames(rows):
    """A frame without rows takes memory too."""
    ahead = ReadAhead(10_000)

    for _ in range(999):
        ahead.open(rows)
    has_room = ahead.has_room()
    ahead.open(rows)

    assert (has_room, ahead.has_room()) == (True, False)


def test_read_ahead_counts_the_chunk_that_is_due():
    """A chunk that is done makes room."""
    ahead = ReadAhead(1_500)
    seen = []
    for rows in (1_000, 499, 1):
        ahead.open(rows)
        seen.append(ahead.has_room())
    ahead.close()

    assert seen == [True, True, False]
    assert ahead.has_room()


def test_results_come_before_another_frame_is_awaited(make_orders, mapping, fake_client):
    """Complete results do not wait for the next frame of the source, which may take hours."""
    yielded, held_back = threading.Event(), []
    client = fake_client({"00001": [lambda: yielded.wait(LIMIT_SECONDS) and 202]})

    def frames():
        yield make_orders(1)
        while not client.events:
            pass
        yield make_orders(1, start=1)
        held_back.append(not yielded.wait(LIMIT_SECONDS))
        yield make_orders(1, start=2)

    stream = iter_submit(frames(), mapping, client=client, journal=None)
    next(stream)
    yielded.set()
    rest = list(stream)

    assert held_back == [False]
    assert _rows(rest) == [1, 2]


def test_results_of_a_slow_source_wait_for_the_journal_and_not_for_another_frame(make_orders, mapping, fake_client):
    """While an answer is written to disk, the source is not asked for another frame."""
    yielded, held_back = [], []
    client = fake_client()

    def frames():
        for number in range(4):
            yield make_orders(1, start=number)
            # A source may wait for rows.
            threading.Event().wait(0.06)
            held_back.append(number - len(yielded))

    for part in iter_submit(frames(), mapping, client=client):
        yielded.append(part)  # noqa: PERF402  # The source looks at what was yielded so far.

    assert max(held_back[1:]) <= 1


def test_frames_are_read_in_the_callers_thread(make_orders, mapping, fake_client):
    """A source may hold what belongs to its thread, such as a connection to a database."""
    threads = set()
    frames = (threads.add(threading.current_thread()) or make_orders(1, start=number) for number in range(20))

    list(iter_submit(frames, mapping, client=fake_client()))

    assert threads == {threading.current_thread()}


def test_stream_that_is_closed_records_what_was_under_way(make_orders, mapping, fake_client):
    """The journal has every event that was sent, even if its results were never yielded."""
    read = []
    frames = (read.append(number) or make_orders(1, start=number) for number in range(50))
    client = fake_client()

    stream = iter_submit(frames, mapping, client=client)
    next(stream)
    stream.close()
    sent = client.contacts
    again = submit_events(make_orders(50), mapping, client=client)

    assert sent == [f"{number:05d}" for number in range(len(sent))]
    assert again["status"].tolist() == ["already_submitted"] * len(sent) + ["accepted"] * (50 - len(sent))


@pytest.mark.parametrize(
    ("step", "ends_in"),
    [(KeyboardInterrupt(), SubmissionInterrupted), (401, SubmissionError), (ValueError(), SubmissionError)],
)
def test_stream_that_ends_early_gives_every_row_that_it_read(make_orders, mapping, fake_client, step, ends_in):
    """The yielded results and the exception's have every row once, in order."""
    read, parts = [], []
    frames = (read.append(number) or make_orders(1, start=number) for number in range(42))
    stream = iter_submit(frames, mapping, client=fake_client({"00020": [step]}))

    with pytest.raises(ends_in) as caught:
        parts.extend(stream)

    assert _rows([*parts, caught.value.results]) == read
    assert len(caught.value.results) > 0


def test_stream_gives_the_results_before_an_error_of_its_frames(make_orders, mapping, fake_client):
    """All frames before the error are submitted and yielded; then the error is raised unchanged."""
    client, parts = fake_client(), []

    def frames():
        for number in range(20):
            yield make_orders(1, start=number)
        raise OSError("the queue is gone")

    with pytest.raises(OSError, match=r"^the queue is gone$"):
        parts.extend(iter_submit(frames(), mapping, client=client))

    assert _rows(parts) == list(range(20))
    assert len(client.events) == 20


def test_rows_that_repeat_one_under_way_are_judged_when_it_has_its_outcome(make_orders, mapping, fake_client, gate):
    """A repeat in a later frame waits for the outcome of its first row."""
    client = fake_client({"00000": [lambda: gate.wait(LIMIT_SECONDS) and 500] * 2, "00001": [202]})
    frames = [make_orders(1), make_orders(1, start=1), make_orders(2)]
    retry = RetryPolicy(attempts=2, base_seconds=0.0)

    stream = iter_submit(frames, mapping, client=client, retry=retry, progress=lambda _: gate.set(), journal=None)
    parts = list(stream)

    assert [part["status"].tolist() for part in parts] == [["failed"], ["accepted"], ["not_submitted", "duplicate"]]
    assert pd.concat(parts)["error_code"].tolist()[2] == "duplicate_of_unsent"


# What is sent while the caller is away


@pytest.fixture
def hanging(gate):
    """Return a function that waits for something to become true, and says whether it did."""

    def wait(is_true):
        until = time.monotonic() + LIMIT_SECONDS
        while not is_true() and time.monotonic() < until:
            gate.wait(0.001)
        return is_true()

    return wait


def test_events_are_sent_while_the_next_frame_is_made(make_orders, mapping, fake_client, hanging, quick_retry):
    """A source that takes its time does not hold up a retry, an answer or the journal."""
    client, sent = fake_client({"00000": [503, 202]}), []

    def frames():
        yield make_orders(1)
        sent.append(hanging(lambda: client.contacts == ["00000"] * 2))
        yield make_orders(1, start=1)

    parts = list(iter_submit(frames(), mapping, client=client, retry=quick_retry))

    assert sent == [True]
    assert [part["attempts"].tolist() for part in parts] == [[2], [1]]


def test_two_frames_are_held_ahead_at_most(make_orders, mapping, fake_client, gate):
    """Behind a frame whose events wait to be sent, the source is asked for two more."""
    made, seen = [], []

    def answer():
        gate.wait(0.7)
        seen.append(len(made))
        return 202

    frames = (made.append(number) or make_orders(3, start=3 * number) for number in range(9))
    parts = list(iter_submit(frames, mapping, client=fake_client({"00000": [answer]}), concurrency=1, journal=None))

    assert seen == [3]
    assert _rows(parts) == list(range(27))


def test_stream_keeps_the_frames_that_are_sent_and_two(make_orders, mapping, fake_client):
    """When a frame is made, at most three others have no results: one is held, one is sent, one is about to end."""
    without_results, parts = [], []

    def frames():
        for number in range(30):
            without_results.append(number - len(parts))
            yield make_orders(20, start=20 * number)

    for part in iter_submit(frames(), mapping, client=fake_client(), concurrency=1, journal=None):
        parts.append(part)  # noqa: PERF402  # The source looks at what was yielded so far.

    assert max(without_results) <= 3
    assert _rows(parts) == list(range(600))


def test_events_of_frames_held_ahead_are_sent_while_the_caller_has_results(make_orders, mapping, fake_client, hanging):
    """Between two results nobody makes frames: those that were made are sent meanwhile."""
    made = []
    client = fake_client({"00000": [lambda: hanging(lambda: len(made) == 3) and 202]})
    frames = (made.append(number) or make_orders(2, start=2 * number) for number in range(9))

    stream = iter_submit(frames, mapping, client=client, concurrency=1)
    first = next(stream)
    made_before = len(made)
    are_sent = hanging(lambda: len(client.events) == 2 * made_before)
    rest = list(stream)

    assert are_sent
    assert made_before >= 3
    assert _rows([first, *rest]) == list(range(18))


def test_error_of_a_stream_comes_after_the_results_that_were_under_way(make_orders, mapping, fake_client, hanging):
    """The error came before the results of the first frame, and is raised after those of the second."""
    failed, parts = [], []
    client = fake_client({"00000": [lambda: hanging(lambda: failed) and 202]})

    def frames():
        yield make_orders(2)
        yield make_orders(2, start=2)
        failed.append(True)
        raise OSError("the queue is gone")

    with pytest.raises(OSError, match=r"^the queue is gone$"):
        parts.extend(iter_submit(frames(), mapping, client=client, concurrency=1))

    assert _rows(parts) == [0, 1, 2, 3]
    assert {status for part in parts for status in part["status"]} == {"accepted"}


def test_frame_without_a_column_ends_a_stream_after_the_frames_before_it(make_orders, mapping, fake_client, hanging):
    """A frame that was read ahead and does not fit the mapping loses nothing of the frames before it."""
    made, parts = [], []
    client = fake_client({"00000": [lambda: hanging(lambda: len(made) == 3) and 202]})
    frames = [make_orders(2), make_orders(2, start=2), make_orders(2, start=4).drop(columns="day"), make_orders(2)]

    with pytest.raises(UnknownColumnError, match="'day'"):
        parts.extend(iter_submit((made.append(1) or frame for frame in frames), mapping, client=client, concurrency=1))

    assert _rows(parts) == [0, 1, 2, 3]


@pytest.mark.parametrize("interrupts", [1, 2])
def test_interrupt_while_a_frame_is_made_gives_every_other_row(
    make_orders, mapping, fake_client, hanging, ctrl_c, interrupts
):
    """The frame that is being made has no results; frames that were made before have them, sent or not."""
    made, parts = [], []

    def answer():
        hanging(lambda: len(made) == 3)
        for _ in range(interrupts):
            ctrl_c()
        return 202

    def frames():
        for number in range(9):
            made.append(number)
            if number == 2:
                hanging(lambda: False)
            yield make_orders(2, start=2 * number)

    client = fake_client({"00000": [answer]})

    with pytest.raises(SubmissionInterrupted) as caught:
        parts.extend(iter_submit(frames(), mapping, client=client, concurrency=1, journal=None))

    rows = pd.concat([*parts, caught.value.results])
    assert len(made) == 3
    assert rows["row"].tolist() == [0, 1, 2, 3]
    assert rows["status"].eq("accepted").sum() <= len(client.events)
    assert rows["status"].tolist()[2:] == ["not_submitted"] * 2


def test_stream_that_is_closed_does_not_send_what_it_holds_ahead(make_orders, mapping, fake_client, hanging):
    """Closing ends the run at once, not after the frames that were made."""
    made, closing = [], []
    client = fake_client(
        {
            "00000": [lambda: hanging(lambda: len(made) == 3) and 202],
            "00250": [lambda: hanging(lambda: closing) and 202],
        }
    )
    frames = (made.append(number) or make_orders(200, start=200 * number) for number in range(9))

    stream = iter_submit(frames, mapping, client=client, concurrency=1)
    next(stream)
    is_under_way = hanging(lambda: "00250" in client.contacts)
    closing.append(True)
    stream.close()

    assert is_under_way
    assert len(client.events) < 400


def test_progress_does_not_hold_up_events_while_a_frame_is_made(make_orders, mapping, fake_client, hanging):
    """The function is called when the frame is there, with what is true then, and always at the end."""
    client, seen, sent = fake_client(), [], []

    def frames():
        yield make_orders(200)
        shown = len(seen)
        sent.append(hanging(lambda: len(client.events) == 200))
        sent.append(len(seen) == shown)
        yield make_orders(1, start=200)

    list(iter_submit(frames(), mapping, client=client, journal=None, concurrency=1, progress=seen.append))

    assert sent == [True, True]
    assert [progress.is_final for progress in seen][-2:] == [False, True]
    assert seen[-1].rows == 201


def test_error_of_a_progress_function_that_had_to_wait_ends_the_run(make_orders, mapping, fake_client, hanging):
    """The error comes when the frame is there, and the rows that are not yielded are in the exception."""
    client, made, parts = fake_client(), [], []

    def frames():
        for number in range(50):
            made.append(number)
            yield make_orders(20, start=20 * number)
            hanging(lambda: len(client.events) >= 20)

    def fail(progress):
        if len(made) > 1 and not progress.is_final:
            raise ValueError("no display")

    with pytest.raises(SubmissionError) as caught:
        parts.extend(iter_submit(frames(), mapping, client=client, journal=None, progress=fail))

    assert isinstance(caught.value.__cause__, ValueError)
    assert _rows([*parts, caught.value.results]) == list(range(20 * len(made)))


def test_source_may_submit_with_the_same_client_and_journal(make_orders, mapping, fake_client):
    """A run within a run of the same thread goes to its end while the outer one sends."""
    client, inner = fake_client(), []

    def frames():
        for number in range(3):
            inner.append(submit_events(make_orders(5, start=100 * number), mapping, client=client))
            inner.extend(iter_submit([make_orders(5, start=100 * number + 50)], mapping, client=client))
            yield make_orders(5, start=1_000 * (number + 1))

    parts = list(iter_submit(frames(), mapping, client=client))

    assert {status for part in [*parts, *inner] for status in part["status"]} == {"accepted"}
    assert len(client.events) == 45


def test_source_may_not_ask_its_own_results(make_orders, mapping, fake_client):
    """The generator is under way: Python refuses it, and the run ends with that error."""
    streams = []

    def frames():
        yield make_orders(1)
        next(streams[0])

    streams.append(iter_submit(frames(), mapping, client=fake_client()))

    with pytest.raises(ValueError, match="generator already executing"):
        list(streams[0])


def test_frames_without_rows_are_read_ahead(make_orders, mapping, fake_client):
    """A frame without rows has results without rows, in its place."""
    sizes = [0, 2, 0, 0, 1, 0]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    frames = (make_orders(size, start=start) for size, start in zip(sizes, starts, strict=True))

    parts = list(iter_submit(frames, mapping, client=fake_client()))

    assert [len(part) for part in parts] == sizes
