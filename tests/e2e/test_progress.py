"""Progress of real runs: a callable's values, a terminal of 80 columns, and a log."""

import datetime as dt
import re

import pytest

from events_pandas import Faults, SubmissionError, iter_submit, submit_events

pytestmark = pytest.mark.slow

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def drawings(shown):
    """Return what a terminal showed, drawing by drawing."""
    return [ESCAPES.sub("", text).strip() for text in re.split(r"[\r\n]", shown) if text.strip()]


@pytest.fixture
def command(folder, make_orders):
    """Return a function that makes the arguments of a command that submits rows to a sandbox."""

    def command(sandbox, rows):
        make_orders(rows).to_csv(folder / "orders.csv", index=False)
        return "-m", "events_pandas", "submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url

    return command


@pytest.fixture
def given():
    """Return the list of the progress values that a callable got."""
    return []


def test_progress_knows_the_exact_end_early(make_orders, mapping, start, given):
    """Progress knows the end and the windows after the first answer, and the error gets smaller."""
    with start(limit=100).client() as client:
        submit_events(make_orders(51), mapping, client=client, progress=given.append)

    known = [progress for progress in given if progress.done_at and not progress.is_final]
    errors = [abs((progress.done_at - given[-1].at).total_seconds()) for progress in known]
    assert known[0].rows < 5
    # On a quiet machine the error is a second at most, when the run has an unfinished first window to itself.
    assert max(errors) < 5
    assert {progress.window.limit for progress in known} == {100}
    # The last few requests may end just before or just after a reset.
    assert {progress.windows - known[-1].window_number for progress in known[-5:]} <= {0, 1}


def test_progress_comes_at_most_ten_times_a_second_and_at_the_end(make_orders, mapping, client, given):
    """A callable gets progress at most ten times a second, and once at the end."""
    orders = make_orders(400, day=["2024-01-31"] * 399 + [None])

    submit_events(orders, mapping, client=client, progress=given.append)

    took = given[-1].elapsed_seconds
    assert len(given) <= 2 + took / 0.1
    assert [progress.is_final for progress in given].index(True) == len(given) - 1
    assert (given[-1].rows, given[-1].total, given[-1].counts) == (400, 400, {"accepted": 399})


def test_progress_of_a_stream_has_no_end(make_orders, mapping, start, given):
    """Progress of a stream has rows, rate and the rest of the window, without a total or an end."""
    frames = (make_orders(10, start=start_at) for start_at in (0, 10))
    with start(limit=100).client() as client:
        list(iter_submit(frames, mapping, client=client, progress=given.append))

    known = [progress for progress in given if progress.window and not progress.is_final]
    assert {(progress.total, progress.windows, progress.done_at) for progress in known} == {(None, None, None)}
    # On a busy machine the run may go on into another window.
    assert all(progress.window.left < progress.window.limit == 100 for progress in known)


@pytest.mark.alone
def test_progress_has_no_windows_without_a_limit(make_orders, mapping, start, given):
    """Without a limit, progress has no windows, and the present speed gives the end."""
    with start(faults=Faults(latency_seconds=0.05)).client() as client:
        submit_events(make_orders(100), mapping, client=client, concurrency=2, progress=given.append)

    assert {progress.window for progress in given} == {None}
    late = [progress for progress in given if progress.events_per_second and not progress.is_final]
    assert all(abs(progress.done_at - given[-1].at) < dt.timedelta(seconds=1) for progress in late)


def test_progress_shows_an_outage(make_orders, mapping, start, given):
    """In an outage a callable gets progress at least once a second, with the patience and without an end."""
    with start(faults=Faults(outage_after_seconds=0.0, outage_seconds=4.0)).client() as client:
        options = {"preflight": False, "journal": None, "progress": given.append}
        results = submit_events(make_orders(100), mapping, client=client, **options)

    paused = [progress for progress in given if progress.pause and progress.pause.reason == "outage"]
    assert set(results["status"]) == {"accepted"}
    assert len(paused) >= 2
    assert {progress.done_at for progress in paused} == {None}
    assert all(0 < progress.pause.gives_up_in_seconds <= 600 for progress in paused)
    assert given[-1].pause is None


def test_error_of_a_callable_loses_no_results(make_orders, mapping, client, held, sandbox):
    """The exception of a callable's error has every row, and the error is its cause."""

    def show(progress):
        if progress.rows:
            raise LookupError("no such widget")

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(300), mapping, client=client, progress=show)

    assert isinstance(caught.value.__cause__, LookupError)
    assert len(caught.value.results) == 300
    assert caught.value.results["status"].eq("accepted").sum() == len(held(sandbox))


@pytest.mark.alone
def test_log_has_a_line_at_the_end(start, command, launch):
    """Outside a terminal, a run of some seconds writes one line early, and its counts at the end."""
    sandbox = start(limit=100)

    process = launch(*command(sandbox, 31)[2:], INTERCOM_ACCESS_TOKEN=sandbox.access_token)
    _, log = process.communicate(timeout=20)

    first, last = log.splitlines()
    assert re.match(r"submitting: \d+ of 31 \(\d+%\) after [23] s: \d+ accepted; ", first)
    assert re.fullmatch(r"submitting: 31 of 31 \(100%\) after \d s: 31 accepted", last)


def test_terminal_of_80_columns_shows_all_important_figures(start, command, open_terminal):
    """Every drawing fits the terminal and shows accepted rows, rate, window and end, but not the token."""
    sandbox = start(limit=100)

    terminal = open_terminal(*command(sandbox, 51), "--yes", INTERCOM_ACCESS_TOKEN=sandbox.access_token)
    code, shown = terminal.end()

    drawn = [text for text in drawings(shown) if "accepted" in text and "%" in text]
    pattern = re.compile(r"\d+%, \d+ of 51, \d+ accepted, \d+/s, window \d/\d, \d+/100 left, done \d\d:\d\d:\d\d")
    assert code == 0
    assert max(map(len, drawn)) <= 79
    assert any(pattern.search(text) for text in drawn)
    assert re.fullmatch(r"submitting: 100%, 51 of 51, 51 accepted, after \d s", drawn[-1])
    assert sandbox.access_token not in shown
