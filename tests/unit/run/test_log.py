"""The log of a run: lines of JSON in a file, which never end the run."""

import datetime as dt
import json
import os
import re
import stat
import warnings
from pathlib import Path

import pytest

from events_pandas import (
    AuthenticationError,
    Progress,
    Sandbox,
    SourceError,
    SubmissionError,
    iter_submit,
    submit_events,
)
from events_pandas.deliver import Engine, Event
from events_pandas.deliver.clock import Clock
from events_pandas.deliver.pace.state import Pause
from events_pandas.run.log import RunLog

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
COMMON = ["time", "kind", "id", "process", "run", "workspace"]


@pytest.fixture
def path(tmp_path):
    """The path of the log."""
    return tmp_path / "run.jsonl"


@pytest.fixture
def submit(mapping, fake_client, path, tmp_path):
    """Submit rows with a log; its client answers by contact."""

    def submit(orders, *, me=200, **options):
        options = {"journal": tmp_path / "journal.sqlite", "log_path": path, "progress": False, **options}
        return submit_events(orders, mapping, client=fake_client(me=me), **options)

    return submit


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def without(line, *names):
    return {name: value for name, value in line.items() if name not in names}


def test_log_has_a_line_for_start_and_end(submit, make_orders, path):
    """A short run has two lines; the number of the run is the journal's, once the run has begun there."""
    submit(make_orders(3))

    start, end = read(path)
    assert list(start) == [*COMMON, "version", "mapping", "rows"]
    assert TIME.fullmatch(start["time"])
    assert re.fullmatch("[0-9a-f]+", start["mapping"])
    assert without(start, "time", "id", "version", "mapping") == {
        "kind": "start",
        "process": os.getpid(),
        "run": None,
        "workspace": None,
        "rows": 3,
    }
    assert without(end, "time", "id", "elapsed_seconds") == {
        "kind": "end",
        "process": os.getpid(),
        "run": 1,
        "workspace": "ab12cd34",
        "outcome": "complete",
        "rows": 3,
        "counts": {"accepted": 3},
        "requests": 3,
        "retries": 0,
    }


def test_log_lines_of_a_run_have_an_id_of_their_own(submit, make_orders, path):
    """Two runs of one process write to one file: the id joins the lines of each, the first line included."""
    submit(make_orders(1))
    submit(make_orders(2))

    ids = [line["id"] for line in read(path)]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert re.fullmatch("[0-9a-f]{8}", ids[0])


def test_log_says_why_a_run_ended_early(submit, make_orders, path):
    """The reason is a word, without the message of an answer."""
    with pytest.raises(AuthenticationError):
        submit(make_orders(2), me=401)

    _, stop, end = read(path)
    assert list(stop) == [*COMMON, "reason"]
    assert stop["reason"] == "authentication"
    assert (end["outcome"], end["counts"]) == ("authentication", {"not_submitted": 2})


def test_log_of_a_run_that_an_error_ends_has_an_end(mapping, fake_client, make_orders, path):
    """An error of the caller's stream ends the run as well."""

    def broken():
        yield make_orders(2)
        raise LookupError

    with pytest.raises(LookupError):
        list(iter_submit(broken(), mapping, client=fake_client(), journal=None, log_path=path))

    start, end = read(path)
    assert start["rows"] is None
    assert (end["outcome"], end["run"]) == ("error", None)


def test_log_has_a_line_of_progress_every_ten_seconds(make_progress, path):
    """The line has counts, the rate, the limit, the time of the end and what the run waits for."""
    log = RunLog(path)
    log.show(make_progress())

    (line,) = read(path)
    assert without(line, "time", "id") == {
        "kind": "progress",
        "process": os.getpid(),
        "run": None,
        "workspace": None,
        "rows": 30,
        "total": 100,
        "counts": {"accepted": 29, "rejected": 1},
        "elapsed_seconds": 10.0,
        "events_per_second": 2.9,
        "limit": None,
        "remaining": None,
        "done_at": "2026-01-31T10:00:30.000Z",
        "pause": "outage",
        "in_flight": 4,
        "requests": 0,
        "retries": 0,
    }


@pytest.fixture
def make_progress():
    """Return a function that makes the progress of a run that is in an outage."""

    def make():
        at = dt.datetime(2026, 1, 31, 10, 0, 20, tzinfo=dt.UTC)
        return Progress(
            rows=30,
            total=100,
            counts={"accepted": 29, "rejected": 1},
            at=at,
            elapsed_seconds=10.0001,
            events_per_second=2.94,
            done_at=at + dt.timedelta(seconds=10),
            pause=Pause(reason="outage", since_seconds=1.0, next_in_seconds=1.0),
            in_flight=4,
        )

    return make


def test_log_is_appended_and_only_its_owner_reads_it(submit, make_orders, path):
    """A log has many runs, and a new file is as private as a journal."""
    submit(make_orders(1))
    submit(make_orders(1))

    assert [line["run"] for line in read(path) if line["kind"] == "end"] == [1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_log_goes_on_in_a_new_file_when_the_old_one_is_moved_away(path):
    """The rotation of logs needs no signal: each line opens the file."""
    log = RunLog(path)
    log.exit(0, None)
    path.rename(path.with_suffix(".1"))
    log.exit(1, None)

    assert [line["exit_code"] for name in ("run.1", "run.jsonl") for line in read(path.with_name(name))] == [0, 1]


def test_log_begins_a_new_line_after_a_torn_one(path):
    """A full disk may have cut the last line of another run."""
    path.write_text('{"time": "2026-0')

    log = RunLog(path)
    log.exit(0, None)
    log.exit(1, None)

    torn, *lines = path.read_text().splitlines()
    assert torn == '{"time": "2026-0'
    assert [json.loads(line)["exit_code"] for line in lines] == [0, 1]


@pytest.mark.parametrize("content", ["who,day\n00001,2024-01-31\n", '{"who": "00001"}\n', '{"time": 7}\n', "x"])
def test_log_changes_no_file_that_is_something_else(submit, make_orders, path, content):
    """A wrong path, such as that of the rows, is an error before the first event."""
    path.write_text(content)

    with pytest.raises(SourceError) as caught:
        submit(make_orders(1))

    assert str(caught.value) == f"{path}: is not the log of a run, and is not changed: choose another path"
    assert path.read_text() == content


def test_log_that_cannot_be_opened_ends_the_run_before_its_first_event(submit, make_orders, path):
    """A wrong path is found at once."""
    path.mkdir()

    with pytest.raises(SourceError) as caught:
        submit(make_orders(1))

    cure = "choose a file that can be written, in a folder that is there"
    assert str(caught.value) == f"{path}: the log cannot be written: Is a directory: {cure}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_log_does_not_wait_for_the_reader_of_a_pipe(path):
    """Opening a pipe would wait without end."""
    os.mkfifo(path)

    with pytest.raises(SourceError, match="the log cannot be written: No such device or address"):
        RunLog(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_log_on_a_full_disk_warns_once_and_ends_no_run(submit, make_orders):
    """Results matter more than a log."""
    with pytest.warns(UserWarning, match="No space left on device") as warned:
        results = submit(make_orders(2), log_path="/dev/full")

    assert [str(warning.message) for warning in warned] == [
        "/dev/full: the log ends here, since it cannot be written: No space left on device"
    ]
    assert results["status"].tolist() == ["accepted", "accepted"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_log_on_a_full_disk_ends_no_run_where_warnings_are_errors(submit, make_orders):
    """A filter of warnings turns no log into the end of a run."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = submit(make_orders(2), log_path="/dev/full")

    assert results["status"].tolist() == ["accepted", "accepted"]


def test_log_holds_no_personal_data_and_no_token(mapping, make_orders, path):
    """Contacts, metadata, messages of Intercom, the access token and the paths of files are in no line."""
    orders = make_orders(4).assign(who=["ada@example.org", "secret-7", "", "bob@example.org"])
    with Sandbox(access_token="dG9rOm1hZGUtdXA=", unknown_contacts=["bob@example.org"], limit=None) as sandbox:
        sandbox.fail_next(422)
        with sandbox.client() as client:
            submit_events(orders, mapping, client=client, progress=False, log_path=path)
            sandbox.fail_next(422, times=10)
            with pytest.raises(SubmissionError):
                submit_events(orders, mapping, client=client, canary=1, resubmit=True, log_path=path, progress=False)

    text = path.read_text()
    assert [line["kind"] for line in read(path)] == ["start", "end", "start", "stop", "end"]
    for secret in ("ada", "bob", "secret-7", "dG9rOm1hZGUtdXA=", "placed-order", "2024-01-31", str(path.parent)):
        assert secret not in text


def test_log_option_refuses_what_is_not_a_path(submit, make_orders):
    """The message says what to pass."""
    with pytest.raises(ValueError, match=r"^log_path: expected a path, got '': use 'run.jsonl' or the like, or None"):
        submit(make_orders(1), log_path="")


def test_log_of_progress_keeps_the_time_and_names_the_limit(fake_client, path):
    """After ten seconds comes a line, and then every ten seconds, with the window of the rate limit."""
    now = [0.0]
    engine = Engine(fake_client(), clock=Clock(monotonic=lambda: now[0], unix_time=lambda: 1_700_000_000.0 + now[0]))
    log = RunLog(path)
    log.begin(engine, mapping="0f3c", total=5)
    event = Event(row=0, payload=b'{"user_id": "00001"}', contact="00001", name="placed-order")
    with engine:
        for outcomes in engine.deliver([[event]]):
            log.count(outcomes[0])

    log.advance(1)
    for seconds in (9.0, 10.0, 15.0, 21.0):
        now[0] = seconds
        log.tick()

    lines = [line for line in read(path) if line["kind"] == "progress"]
    assert [(line["elapsed_seconds"], line["rows"], line["total"]) for line in lines] == [(10.0, 2, 5), (21.0, 2, 5)]
    assert [(line["counts"], line["requests"], line["limit"]) for line in lines] == [
        ({"accepted": 1}, 1, 1_000_000)
    ] * 2
    assert lines[0]["remaining"] > 0
