"""A run whose threads die: it ends with true results. The client is a fake."""

import ctypes
import threading
import time

import pytest

from events_pandas import SubmissionError, iter_submit, submit_events

LIMIT_SECONDS = 10.0
DEATHS = [OSError, MemoryError, SystemExit, KeyboardInterrupt]


def _kill(name, death):
    """Raise an exception in a thread at its present point, and wait for its end."""
    for thread in threading.enumerate():
        if thread.name == name:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(death))
            thread.join(LIMIT_SECONDS)


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_run_ends_with_its_results_when_the_journals_thread_is_killed(make_orders, mapping, fake_client, death):
    """Every row has a result; the journal has each accepted event, and a second run sends the others."""
    client = fake_client({"00020": [lambda: _kill("events-pandas-journal", death) or 202]})

    with pytest.raises(SubmissionError, match=r"^the run ended, as accepted events can no longer be recorded"):
        submit_events(make_orders(500), mapping, client=client, concurrency=1)
    sent = len(client.events)
    again = submit_events(make_orders(500), mapping, client=client)

    assert 21 <= sent < 500
    assert set(again["status"]) == {"accepted", "already_submitted"}


def test_run_ends_with_its_results_when_the_journals_thread_dies(make_orders, mapping, fake_client, monkeypatch):
    """Answers are still recorded, and their rows are accepted."""
    sleep, calls = time.sleep, []

    def failing(seconds):
        if threading.current_thread().name == "events-pandas-journal":
            calls.append(seconds)
            if len(calls) == 3:
                raise OSError(22, "Invalid argument")
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", failing)
    client = fake_client()

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(3_000), mapping, client=client)
    results = caught.value.results
    again = submit_events(make_orders(3_000), mapping, client=client)

    assert "the thread that writes the journal has ended (OSError: Invalid argument)" in str(caught.value)
    n_accepted = int((results["status"] == "accepted").sum())
    assert 0 < n_accepted < 3_000
    assert set(results["status"]) == {"accepted", "not_submitted"}
    assert (again["status"] == "already_submitted").tolist() == (results["status"] == "accepted").tolist()


@pytest.mark.parametrize("end", [SystemExit(3), MemoryError()])
def test_run_ends_with_its_results_when_a_request_ends_its_thread(make_orders, mapping, fake_client, end):
    """The row's message says that it may have arrived; the exception of a stream has its rows too."""
    client = fake_client({"00003": [end]})

    with pytest.raises(SubmissionError) as caught:
        list(iter_submit([make_orders(6)], mapping, client=client, concurrency=1))

    results = caught.value.results
    assert results["status"].tolist() == ["accepted"] * 3 + ["failed"] + ["not_submitted"] * 2
    assert results["error_code"].tolist()[3:] == ["no_answer", "ended_by_error", "ended_by_error"]


def test_run_hands_back_its_results_when_an_error_comes_after_the_last_one(
    make_orders, mapping, fake_client, monkeypatch
):
    """After an event has gone out, every error is a `SubmissionError` with a result for every row."""

    def join(thread, timeout=None):  # noqa: ARG001  # the arguments of the real one
        if thread.name.startswith("events-pandas-") and thread.name[-1].isdigit():
            raise MemoryError

    client = fake_client()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", join)
        with pytest.raises(SubmissionError) as caught:
            submit_events(make_orders(3), mapping, client=client, journal=None)

    assert isinstance(caught.value.__cause__, MemoryError)
    assert caught.value.results["status"].tolist() == ["accepted"] * 3


def test_run_ends_with_its_results_when_the_system_has_no_thread(make_orders, mapping, fake_client, monkeypatch):
    """Every row's message says that nothing was sent."""
    start = threading.Thread.start

    def start_some(thread):
        if thread.name.startswith("events-pandas-") and thread.name[-1].isdigit():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    client = fake_client()

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(3), mapping, client=client)

    assert str(caught.value.__cause__) == "can't start new thread"
    assert caught.value.results["status"].tolist() == ["not_submitted"] * 3
    assert caught.value.results["attempts"].tolist() == [0] * 3
    assert client.events == []


def test_run_records_what_was_answered_when_the_journal_gets_no_thread(make_orders, mapping, fake_client, monkeypatch):
    """The run ends, since it would have to write between requests; the journal has the accepted events."""
    start = threading.Thread.start

    def start_some(thread):
        if thread.name == "events-pandas-journal":
            raise RuntimeError("can't start new thread")
        start(thread)

    client = fake_client()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_some)
        with pytest.raises(SubmissionError) as caught:
            submit_events(make_orders(5), mapping, client=client, concurrency=1)
    results = caught.value.results
    sent = len(client.events)
    again = submit_events(make_orders(5), mapping, client=client)

    assert "the thread that writes the journal has ended (RuntimeError)" in str(caught.value)
    assert results["status"].tolist() == ["accepted"] * sent + ["not_submitted"] * (5 - sent)
    assert again["status"].tolist() == ["already_submitted"] * sent + ["accepted"] * (5 - sent)
