"""The desk: what is the caller's runs in the caller's thread, and Ctrl-C can strike nothing else."""

import asyncio
import contextvars
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from events_pandas import EventMapping, SubmissionError, SubmissionInterrupted, iter_submit, submit_events, submit_file
from events_pandas.cli.endings import ending_signals
from events_pandas.run import desk as desk_module
from events_pandas.run.desk import Desk
from events_pandas.run.questions import UnansweredError

WHO = contextvars.ContextVar("WHO", default="nobody")


@pytest.fixture
def desk():
    """A desk without a run."""
    return Desk()


@pytest.fixture
def orders_in_a_database(make_orders):
    """A connection that refuses other threads, as sqlite3 does; it has five orders."""
    connection = sqlite3.connect(":memory:")
    make_orders(5).to_sql("orders", connection, index=False)
    yield connection
    connection.close()


@pytest.fixture
def alarm():
    """Return a function that has a signal's handler raise an error in the main thread, from any thread."""
    before = signal.getsignal(signal.SIGALRM)

    def ring(error):
        def handle(*_):
            raise error

        signal.signal(signal.SIGALRM, handle)
        return lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    yield ring
    signal.signal(signal.SIGALRM, before)


def begun():
    """Open nothing before a run."""
    return True


def drop_ctrl_c():
    """Interrupt the deletion of an object."""
    weakref.finalize(set(), signal.raise_signal, signal.SIGINT)


def results_of(n):
    return pd.DataFrame({"row": np.arange(n)})


def test_frames_are_made_in_the_callers_thread(orders_in_a_database, mapping, fake_client):
    """A source that belongs to the caller's thread works."""
    frames = pd.read_sql("SELECT * FROM orders", orders_in_a_database, chunksize=2)

    parts = list(iter_submit(frames, mapping, client=fake_client()))

    assert pd.concat(parts)["status"].tolist() == ["accepted"] * 5


def test_callables_of_a_mapping_run_in_the_callers_thread(orders_in_a_database, make_orders, fake_client):
    """A callable may ask a connection of the caller's thread, for every frame."""

    def names(frame):
        (found,) = orders_in_a_database.execute("SELECT count(*) FROM orders").fetchone()
        return pd.Series([found] * len(frame))

    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"orders": names}, timezone="UTC")
    client = fake_client()

    list(iter_submit([make_orders(1), make_orders(2, start=1)], mapping, client=client))

    assert [event["metadata"] for event in client.events] == [{"orders": 5}] * 3


def test_callables_of_a_mapping_run_in_the_callers_thread_for_files(tmp_path, make_orders, fake_client):
    """The chunks of a file are read by the run, and their callables are called by the caller."""
    make_orders(5).to_csv(tmp_path / "orders.csv", index=False)
    threads = []

    def names(frame):
        threads.append(threading.current_thread())
        return frame["who"]

    mapping = EventMapping(event_name="a", created_at="day", user_id=names, timezone="UTC")
    submit_file(tmp_path / "orders.csv", mapping, client=fake_client(), chunksize=2)

    assert set(threads) == {threading.current_thread()}


def test_progress_is_told_in_the_callers_thread_and_context(make_orders, mapping, fake_client):
    """The function sees the thread and the context variables of the caller."""
    seen = []
    WHO.set("the caller")

    submit_events(
        make_orders(3),
        mapping,
        client=fake_client(),
        progress=lambda _: seen.append((threading.current_thread(), WHO.get())),
    )

    assert set(seen) == {(threading.current_thread(), "the caller")}


def test_run_has_the_callers_context(desk):
    """Code of the run sees the context variables of the caller, and its own changes stay its own."""
    WHO.set("the caller")

    def work():
        found = WHO.get()
        WHO.set("the run")
        return pd.DataFrame({"found": [found]})

    results = desk.run(work, first=begun)

    assert results.loc[0, "found"] == WHO.get() == "the caller"


def test_ask_raises_in_the_run_what_the_caller_raises(desk):
    """The error of a caller's function is the run's to deal with."""

    def work():
        with pytest.raises(ValueError, match="not a number"):
            desk.ask(int, "not a number")
        return results_of(desk.ask(int, "2"))

    assert len(desk.run(work, first=begun)) == 2


def test_run_raises_what_ends_it(desk):
    """An error of the run is raised in the caller's thread."""
    with pytest.raises(ZeroDivisionError):
        desk.run(lambda: results_of(1 // 0), first=begun)


def test_interrupted_question_is_dropped(desk):
    """The function is not called again, and the run goes on without its answer."""
    calls = []

    def interrupted():
        calls.append(threading.current_thread())
        raise KeyboardInterrupt

    def work():
        with pytest.raises(UnansweredError):
            desk.ask(interrupted)
        return results_of(desk.interrupts)

    with pytest.raises(SubmissionInterrupted) as caught:
        desk.run(work, first=begun)

    assert len(caught.value.results) == 1
    assert calls == [threading.current_thread()]


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_signal_that_python_drops_stops_the_run(desk):
    """The command remembers it, and the desk looks there: Python drops what is raised while an object is deleted."""

    def work():
        desk.ask(drop_ctrl_c)
        # The caller looks before it answers.
        with suppress(UnansweredError):
            desk.ask(bool)
        return results_of(3)

    with ending_signals(), pytest.raises(SubmissionInterrupted) as caught:
        desk.run(work, first=begun)

    assert len(caught.value.results) == 3
    assert desk.interrupts == 1


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_signal_that_python_drops_before_the_run_stops_it_at_its_begin(desk):
    """The run sends nothing: it knows of the signal before its thread begins."""
    stops = []

    def work():
        stops.append(desk.stop)
        return results_of(3)

    with ending_signals(), pytest.raises(SubmissionInterrupted):
        desk.run(work, first=lambda: drop_ctrl_c() is None)

    assert [stop.reason for stop in stops] == ["interrupted"]


def test_interrupt_of_a_stream_keeps_the_results_that_were_not_handed_over(desk, ctrl_c):
    """What the run does not hand over is in the exception."""

    def work():
        ctrl_c()
        return results_of(3)

    with pytest.raises(SubmissionInterrupted) as caught:
        list(desk.stream(work, first=begun))

    assert len(caught.value.results) == 3


def test_closing_a_stream_waits_for_the_run(desk):
    """The run sees that the caller has closed the stream, and comes to its own end."""
    ended = []

    def work():
        for n in (1, 2, 3):
            if not desk.is_closing:
                desk.hand_over(results_of(n))
        time.sleep(0.2)
        ended.append(desk.is_closing)
        return results_of(0)

    stream = desk.stream(work, first=begun)
    first = next(stream)
    stream.close()

    assert len(first) == 1
    assert ended == [True]


def test_results_are_taken_before_the_next_frame_is_made(desk):
    """A frame may take long to make, and the run does not wait for it: it asks for more meanwhile."""
    done = []
    has_begun, is_handed_over, has_ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        desk.order(lambda: has_begun.set() or is_handed_over.wait(10))
        assert has_begun.wait(10)
        desk.order(lambda: done.append("frame") or has_ended.set())
        desk.hand_over(results_of(1))
        is_handed_over.set()
        assert has_ended.wait(10)
        desk.finish()
        return results_of(0)

    for results in desk.stream(work, first=begun):
        done.append(len(results))  # noqa: PERF401  # The second frame looks at what was taken so far.

    assert done == [1, "frame"]


def test_results_that_are_complete_before_an_error_are_taken_first(desk):
    """The run waits with its end until the caller has what was handed over."""
    taken = []

    def work():
        desk.hand_over(results_of(1))
        desk.hand_over(results_of(2))
        desk.finish()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        taken.extend(len(results) for results in desk.stream(work, first=begun))

    assert taken == [1, 2]


def test_caller_leaves_a_run_that_does_not_end(ctrl_c):
    """After a third interrupt the caller waits for a limited time, and the exception is a plain interrupt."""
    desk = Desk(leave_seconds=0.1)
    released = threading.Event()

    def work():
        for _ in range(3):
            ctrl_c()
        released.wait(20)
        return results_of(1)

    with pytest.raises(KeyboardInterrupt) as caught:
        desk.run(work, first=begun)
    released.set()

    assert type(caught.value) is KeyboardInterrupt


def test_error_of_a_signals_handler_ends_the_run_with_its_results(make_orders, mapping, fake_client, alarm):
    """A program that limits its time by an alarm gets the results, and no thread goes on without it."""
    ring = alarm(TimeoutError("an hour is over"))
    client = fake_client({"00003": [lambda: ring() or 202]})
    before = set(threading.enumerate())

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(200), mapping, client=client, journal=None, concurrency=1)

    accepted = caught.value.results["status"].eq("accepted")
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert str(caught.value).startswith("a TimeoutError, the cause of this error, ended the run")
    assert client.contacts == make_orders(200)["who"][accepted].tolist()
    assert 4 <= accepted.sum() < 200
    assert set(threading.enumerate()) <= before


def test_exit_by_a_signals_handler_waits_for_the_run(tmp_path, make_orders, mapping, fake_client, alarm, monkeypatch):
    """A program that exits at SIGTERM leaves complete files, and nothing is sent after its exit."""
    monkeypatch.chdir(tmp_path)
    make_orders(200).to_csv("orders.csv", index=False)
    ring = alarm(SystemExit(143))
    client = fake_client({"00003": [lambda: ring() or 202]})
    before = set(threading.enumerate())

    with pytest.raises(SystemExit, match="143"):
        submit_file(
            "orders.csv",
            mapping,
            results_path="r.csv",
            rejects_path="x.csv",
            client=client,
            journal=None,
            concurrency=1,
        )

    results = pd.read_csv("r.csv")
    assert results["status"].eq("accepted").sum() == len(client.events) < 200
    assert len(results) == 200
    assert len(pd.read_csv("x.csv")) == 200 - len(client.events)
    assert set(threading.enumerate()) <= before
    assert list(tmp_path.glob("*.partial")) == []


def test_error_of_a_signals_handler_after_all_is_done_has_the_results(desk, alarm):
    """The error that comes last loses no result."""
    ring = alarm(TimeoutError("too late"))

    def work():
        ring()
        return results_of(3)

    with pytest.raises(SubmissionError) as caught:
        desk.run(work, first=begun)

    assert len(caught.value.results) == 3
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_error_that_keeps_the_run_from_its_start_is_raised(desk, monkeypatch):
    """A system that has no thread left says so, and nothing is sent."""

    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    with pytest.raises(RuntimeError, match="can't start new thread"):
        desk.run(lambda: results_of(3), first=begun)


def test_interrupt_right_after_another_loses_no_results(desk):
    """An interrupt may come between the handling of another one and the next look."""
    handled = []

    def begin_again(frame, event, _):
        if event == "exception" or handled:
            is_back = frame.f_lineno < max(handled, default=0)
            handled.append(frame.f_lineno)
            if is_back:
                sys.settrace(None)
                frame.f_trace = None
                raise KeyboardInterrupt
        return begin_again

    def trace(frame, *_):
        is_loop = frame.f_code.co_filename == desk_module.__file__ and frame.f_code.co_name == "stream"
        return begin_again if is_loop else None

    def interrupted():
        raise KeyboardInterrupt

    def work():
        with pytest.raises(UnansweredError):
            desk.ask(interrupted)
        return results_of(3)

    sys.settrace(trace)
    try:
        with pytest.raises(SubmissionInterrupted) as caught:
            desk.run(work, first=begun)
    finally:
        sys.settrace(None)

    assert len(caught.value.results) == 3
    assert len(handled) > 1


def test_stream_that_is_collected_in_the_thread_of_the_run_ends_the_run(desk):
    """The run does not wait for itself."""
    is_taken, ended = threading.Event(), threading.Event()

    def close(_, event, function):
        # The run hands its results over, and has not begun to wait.
        if event == "c_return" and function.__name__ == "put":
            sys.setprofile(None)
            is_taken.wait(5)
            stream.close()

    def work():
        sys.setprofile(close)
        desk.hand_over(results_of(1))
        ended.set()
        return results_of(0)

    stream = desk.stream(work, first=begun)
    first = next(stream)
    is_taken.set()

    assert len(first) == 1
    assert ended.wait(5)
    assert desk.is_closing


def test_stream_that_nobody_closes_does_not_keep_a_program_from_ending():
    """A program may end in the middle of a stream."""
    program = (
        "import pandas as pd, events_pandas as ep\n"
        "from tests.conftest import FakeClient\n"
        "orders = pd.DataFrame({'who': ['1'], 'day': '2024-01-31'})\n"
        "mapping = ep.EventMapping(event_name='a', created_at='day', user_id='who', timezone='UTC')\n"
        "stream = ep.iter_submit([orders] * 3, mapping, client=FakeClient(), journal=None, progress=False)\n"
        "print(next(stream)['status'].tolist())\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)

    assert done.stdout == "['accepted']\n"


def test_error_that_ends_a_program_is_raised_after_the_run_has_ended(make_orders, mapping, fake_client, tmp_path):
    """What ends a task or a program ends the run in order, and is not changed."""
    make_orders(40).to_csv(tmp_path / "orders.csv", index=False)
    client = fake_client({f"{row:05d}": [lambda: time.sleep(0.01) or 202] for row in range(40)})

    def cancel(progress):
        if progress.rows:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        submit_file(
            *(tmp_path / "orders.csv", mapping),
            client=client,
            concurrency=2,
            progress=cancel,
            results_path=tmp_path / "results.csv",
        )

    results = pd.read_csv(tmp_path / "results.csv")
    assert (results["status"] == "accepted").sum() == len(client.events) < 40
    assert len(results) == 40
