"""Ctrl-C in the middle of a run: the results have every accepted row."""

import functools
import itertools
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

import events_pandas
from events_pandas import Faults, SubmissionInterrupted, iter_submit, submit_events, submit_file
from events_pandas.run import desk

pytestmark = pytest.mark.slow

GOING_ON = (
    "the run was interrupted: to go on, submit all rows again; the journal skips the accepted ones, "
    "and without a journal Intercom ignores repeats"
)
# A script that submits, and prints its exception and results.
SCRIPT = """
import signal, sys, threading

def handlers():
    return {number: signal.getsignal(number) for number in signal.valid_signals()}

before = handlers()
import pandas as pd
import events_pandas as ep

orders = pd.DataFrame({"who": [f"{number:05d}" for number in range(2_000)], "day": "2024-01-31"})
mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
client = ep.IntercomClient("sandbox-token", base_url=sys.argv[1])
try:
    ep.submit_events(orders, mapping, client=client, concurrency=4, progress=False)
except ep.SubmissionInterrupted as stopped:
    print(stopped)
    print(stopped.results["error_code"].fillna("accepted").value_counts().to_dict())
    print(len(stopped.results), stopped.__context__, threading.enumerate() == [threading.main_thread()])
    print(handlers() == before)
"""
UNGUARDED_SCRIPT = SCRIPT.replace("ep.SubmissionInterrupted as", "ValueError as")
PACKAGE = str(Path(events_pandas.__file__).parent)
DESK = desk.__file__


def accepted_contacts(results, orders):
    return sorted(orders["who"][results["status"].eq("accepted").to_numpy()])


def press_ctrl_c():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_interrupt_returns_the_accepted_rows(make_orders, mapping, start, tripwire, held):
    """The exception has every row, and the sandbox has exactly the accepted ones."""
    sandbox = start(faults=Faults(latency_seconds=0.02))
    orders = make_orders(300).set_axis([f"order {number}" for number in range(300)])

    with sandbox.client() as real:
        client = tripwire(real, before=100, action=press_ctrl_c)
        with pytest.raises(SubmissionInterrupted) as caught:
            submit_events(orders, mapping, client=client, concurrency=8)

    results = caught.value.results
    assert set(results["status"]) == {"accepted", "not_submitted"}
    assert results.index.tolist() == orders.index.tolist()
    assert accepted_contacts(results, orders) == held(sandbox)
    assert len(held(sandbox)) >= 90
    assert str(caught.value) == GOING_ON


def test_interrupted_rows_can_be_submitted_again(make_orders, mapping, sandbox, client, tripwire, held):
    """The rows that were not accepted can be submitted again, and no event is sent twice."""
    orders = make_orders(40)
    half_way, interrupted = threading.Event(), threading.Event()

    def hold():
        half_way.set()
        interrupted.wait(20)

    # The run waits while its caller shows the progress, so no further event can go out before the interrupt counts.
    def show(_):
        if half_way.is_set():
            interrupted.set()
            raise KeyboardInterrupt

    held_up = tripwire(client, before=20, action=hold)
    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(orders, mapping, client=held_up, concurrency=1, progress=show)

    assert caught.value.results["status"].eq("accepted").sum() == 20
    rest = submit_events(orders[caught.value.results["status"] != "accepted"], mapping, client=client)

    assert set(rest["status"]) == {"accepted"}
    assert held(sandbox) == orders["who"].tolist()
    assert sandbox.duplicates == 0


def test_interrupted_stream_returns_the_rows_that_were_not_yielded(
    make_orders, mapping, sandbox, client, tripwire, held
):
    """The yielded parts and the exception's results together have every row that was read, once."""
    orders = make_orders(100)
    frames = (orders[start : start + 10] for start in range(0, 100, 10))
    parts = []

    with pytest.raises(SubmissionInterrupted) as caught:  # noqa: PT012  # The parts before the interrupt count too.
        # Without a journal: writing one takes a moment, and the third frame would be yielded at once or not at all.
        for results in iter_submit(
            frames,
            mapping,
            client=tripwire(client, before=35, action=press_ctrl_c),
            concurrency=1,
            journal=None,
        ):
            parts.append(results)  # noqa: PERF402  # See above.

    results = pd.concat([*parts, caught.value.results])
    assert results["row"].tolist() == list(range(len(results)))
    assert accepted_contacts(results, orders[: len(results)]) == held(sandbox)
    assert len(parts) == 3


def test_interrupted_command_writes_every_row_without_a_terminal(
    folder, make_orders, start, launch, interrupt, wait_until, held
):
    """The exit code is 130, the results file has every row, and the rejects leave out rows that are yet to be sent."""
    sandbox = start(faults=Faults(latency_seconds=0.1))
    orders = make_orders(2_000)
    orders.to_csv(folder / "orders.csv", index=False)
    process = launch(
        *("submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--results", "results.parquet"),
        *("--rejects", "rejects.csv", "--concurrency", "4", "--chunksize", "50"),
        INTERCOM_ACCESS_TOKEN=sandbox.access_token,
    )

    wait_until(lambda: len(sandbox.events) > 60)
    stdout, stderr = interrupt(process)

    results = pd.read_parquet(folder / "results.parquet")
    rest = pd.read_csv(folder / "rejects.csv", dtype=str)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == f"interrupted: {GOING_ON}"
    assert "Traceback" not in stderr
    assert "2,000 rows" in stdout.splitlines()
    n_unsent = (results["status"] == "not_submitted").sum()
    said = results.loc[results["error_code"] == "interrupted", "error_message"].unique().tolist()
    assert said == ["the run was interrupted before this row: submit the row again"]
    assert stdout.splitlines()[-3:] == [
        "results: results.parquet",
        "rejects: rejects.csv (0 rows)",
        (
            f"note: rejects.csv: {n_unsent:,} rows that were not submitted are left out: start the same run again, "
            "which sends the rest"
        ),
    ]
    assert len(rest) == 0
    assert results["row"].tolist() == list(range(2_000))
    assert accepted_contacts(results, orders) == held(sandbox)


def test_interrupt_in_a_terminal_gives_a_script_all_results(start, open_terminal, wait_until):
    """After one Ctrl-C the script has all results, also of the requests in flight, and no thread is left.

    The package's import and the run install no signal handler.
    """
    sandbox = start(faults=Faults(latency_seconds=0.02))
    terminal = open_terminal("-c", SCRIPT, sandbox.url)

    wait_until(lambda: sandbox.requests > 40)
    terminal.press_ctrl_c()
    code, shown = terminal.end()

    accepted = len(sandbox.events)
    assert code == 0
    assert shown.removeprefix("^C").splitlines() == [
        GOING_ON,
        str({"interrupted": 2_000 - accepted, "accepted": accepted}),
        "2000 None True",
        "True",
    ]


def test_interrupt_in_a_terminal_ends_a_script_that_expects_none(start, open_terminal, wait_until):
    """The script ends with one traceback without the package's waits, and the message is its last line."""
    sandbox = start(faults=Faults(latency_seconds=0.02))
    terminal = open_terminal("-c", UNGUARDED_SCRIPT, sandbox.url)

    wait_until(lambda: sandbox.requests > 40)
    terminal.press_ctrl_c()
    code, shown = terminal.end()

    assert code == 1
    assert shown.count("Traceback") == 1
    assert "During handling" not in shown
    assert shown.splitlines()[-1] == f"events_pandas.errors.SubmissionInterrupted: {GOING_ON}"


@pytest.mark.alone
def test_second_interrupt_in_a_terminal_leaves_at_once_when_nothing_is_answered(start, open_terminal, wait_until):
    """A second Ctrl-C does not wait for the requests in flight: the results say that they may have arrived."""
    sandbox = start(faults=Faults(no_answer=1.0))
    terminal = open_terminal("-c", SCRIPT, sandbox.url)

    wait_until(lambda: sandbox.requests == 4)
    terminal.press_ctrl_c()
    # Signals are not counted, so two at once would be one; nothing outside shows that the first has arrived.
    time.sleep(0.3)
    begin = time.monotonic()
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    seconds = time.monotonic() - begin

    assert code == 0
    assert shown.removeprefix("^C^C").splitlines() == [
        GOING_ON,
        "{'interrupted': 1996, 'no_answer': 4}",
        "2000 None False",
        "True",
    ]
    assert seconds < 3


def test_interrupted_command_in_a_terminal_says_how_to_go_on(folder, make_orders, start, open_terminal, wait_until):
    """After one Ctrl-C the command prints the summary and one line, and the results file has every row."""
    sandbox = start(faults=Faults(latency_seconds=0.02))
    make_orders(2_000).to_csv(folder / "orders.csv", index=False)
    terminal = open_terminal(
        *("-m", "events_pandas", "submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url),
        *("--results", "results.csv", "--concurrency", "4", "--yes"),
        INTERCOM_ACCESS_TOKEN=sandbox.access_token,
    )

    wait_until(lambda: sandbox.requests > 40)
    terminal.press_ctrl_c()
    code, shown = terminal.end()

    assert code == 130
    assert "Traceback" not in shown
    assert "results: results.csv" in shown.splitlines()
    assert shown.splitlines()[-1] == f"interrupted: {GOING_ON}"
    assert len(pd.read_csv(folder / "results.csv")) == 2_000


def test_stream_in_a_worker_thread_is_stopped_by_closing_it(make_orders, mapping, start, held):
    """Ctrl-C reaches the main thread only: in another thread, closing the iterator stops the run."""
    sandbox = start(faults=Faults(latency_seconds=0.02))
    frames = (make_orders(4, start=4 * number) for number in itertools.count())
    before = set(threading.enumerate())
    parts, at_the_end = [], []

    def work():
        with sandbox.client() as client:
            stream = iter_submit(frames, mapping, client=client, concurrency=4, progress=False)
            parts.extend(itertools.islice(stream, 3))
            stream.close()
        at_the_end.append(sandbox.requests)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(20)

    assert set(threading.enumerate()) <= before
    assert [part["status"].tolist() for part in parts] == [["accepted"] * 4] * 3
    assert held(sandbox)[:12] == make_orders(12)["who"].tolist()
    assert set(sandbox.to_frame()["outcome"]) == {"kept"}
    assert at_the_end == [sandbox.requests]


# Python ignores an interrupt that comes while it collects garbage.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_interrupt_at_any_instant_loses_no_row(make_orders, mapping, start):
    """After an interrupt at any instant, either every row is done, or the exception has every row's true status."""
    sandbox = start(faults=Faults(latency_seconds=0.002, jitter=0.5))
    chance = random.Random(7)
    before = set(threading.enumerate())

    with sandbox.client() as client:
        for run in range(50):
            orders = make_orders(40, start=40 * run)
            results = interrupted_after(chance.uniform(0, 0.05), orders, mapping, client=client, concurrency=8)
            arrived = {event.contact for event in sandbox.events} & set(orders["who"])
            if results is None:
                assert not arrived
                continue
            assert results["row"].tolist() == list(range(40))
            assert set(results["status"]) <= {"accepted", "not_submitted"}
            assert accepted_contacts(results, orders) == sorted(arrived)

    assert set(threading.enumerate()) <= before


def interrupted_after(seconds, orders, mapping, **options):
    """Return the results of a run that is interrupted after some seconds; None if it has not begun."""
    results = None
    timer = threading.Timer(seconds, press_ctrl_c)
    try:
        timer.start()
        # Without a preflight, which the main thread makes: an interrupt there can leave its socket to the collector.
        results = submit_events(orders, mapping, progress=False, preflight=False, journal=None, **options)
        timer.cancel()
        timer.join()
    except SubmissionInterrupted as stopped:
        return stopped.results
    except KeyboardInterrupt:
        # The interrupt came before the run, or after it, while this function waits for the timer.
        return results
    return results


class InterruptedAt:
    """Interrupts the package in the main thread at a point from the desk on; points are counted.

    CPython looks for signals when a Python function begins, and when a C function returns. The profiler also reports a
    begin when a generator expression is closed, where no signal comes.
    """

    def __init__(self, point):
        self.place = None
        self._points = itertools.count()
        self._point = point
        self._has_begun = False

    def __enter__(self):
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _look(self, frame, event, _):
        place = frame.f_code.co_filename
        # Before that, the caller's thread reads and opens, and nothing is sent.
        self._has_begun = self._has_begun or (place == DESK and frame.f_code.co_name == "_look")
        is_ours = self._has_begun and place.startswith(PACKAGE) and frame.f_code.co_name != "<genexpr>"
        if is_ours and event in {"call", "c_return"} and next(self._points) == self._point:
            sys.setprofile(None)
            self.place = f"{Path(place).relative_to(PACKAGE)}:{frame.f_lineno}"
            raise KeyboardInterrupt


def results_of_interrupted(submit):
    """Return the results of a run that may be interrupted; None if a plain KeyboardInterrupt ended it."""
    try:
        return submit()
    except SubmissionInterrupted as stopped:
        return stopped.results
    except KeyboardInterrupt:
        return None


def submit_frame(orders, mapping, **options):
    return submit_events(orders, mapping, **options)


def submit_written(orders, mapping, **options):
    orders.to_csv("orders.csv", index=False)
    return submit_file("orders.csv", mapping, results_path="results.csv", **options)


def submit_stream(orders, mapping, **options):
    """Return the parts that were yielded and the results of the exception, which are together what a caller has."""
    parts = []
    try:
        # One call without a point of ours takes each part.
        parts.extend(iter_submit([orders[:2], orders[2:]], mapping, **options))
    except SubmissionInterrupted as stopped:
        stopped.results = pd.concat([*parts, stopped.results])
        raise
    except KeyboardInterrupt:
        # All results were yielded, or nothing was sent.
        if not parts:
            raise
    return pd.concat(parts)


def submit_looking_ahead(orders, mapping, **options):
    """Submit a stream that is made while events are sent, and whose results are read one by one; see above."""
    parts = []
    made = (orders[start:stop] for start, stop in itertools.pairwise([0, 1, 1, 2, 4, 6]))
    try:
        for part in iter_submit(made, mapping, **options):
            parts.append(part)  # noqa: PERF402  # An exception keeps the parts before it.
    except SubmissionInterrupted as stopped:
        stopped.results = pd.concat([*parts, stopped.results])
        raise
    except KeyboardInterrupt:
        if not parts:
            raise
    return pd.concat(parts)


STREAMED = (submit_stream, submit_looking_ahead)


@pytest.mark.parametrize(
    ("submit", "step"),
    [
        (submit_frame, 1),
        *((submit, 11) for submit in (submit_written, *STREAMED)),
        *(pytest.param(submit, 1, marks=pytest.mark.deep) for submit in (submit_written, *STREAMED)),
    ],
)
def test_interrupt_at_any_point_of_the_code_loses_no_row(
    make_orders, mapping, fake_client, submit, step, tmp_path, monkeypatch
):
    """An interrupt ends as a plain KeyboardInterrupt only if nothing was sent; else every row has its true status."""
    monkeypatch.chdir(tmp_path)
    orders = make_orders(6)
    lost = []

    for point in itertools.count(step=step):
        client = fake_client()
        run = functools.partial(submit, orders, mapping, client=client, progress=print, concurrency=2, chunksize=3)
        with InterruptedAt(point) as interrupted:
            results = results_of_interrupted(run)
        if interrupted.place is None:
            break
        if results is None:
            is_true = client.events == []
        else:
            # A frame of a stream that is being read when the interrupt comes has no results: it was not sent.
            known = orders[: len(results)] if submit in STREAMED else orders
            is_true = results["row"].tolist() == list(range(len(known)))
            is_true = is_true and accepted_contacts(results, known) == client.contacts
        if not is_true:
            lost.append(interrupted.place)

    assert point > 20 * step
    assert lost == []


def test_run_leaves_signal_handlers_and_threads_alone(make_orders, mapping, client):
    """A run installs no signal handler and leaves no thread behind."""
    before, threads = signal.getsignal(signal.SIGINT), set(threading.enumerate())
    during = []

    def frames():
        for number in range(3):
            during.append(signal.getsignal(signal.SIGINT))
            yield make_orders(2, start=2 * number)

    parts = list(iter_submit(frames(), mapping, client=client))

    assert pd.concat(parts)["status"].tolist() == ["accepted"] * 6
    assert [*during, signal.getsignal(signal.SIGINT)] == [before] * 4
    assert set(threading.enumerate()) <= threads
