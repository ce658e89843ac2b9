"""Displays: when lines come, and how a bar is drawn."""

import datetime as dt
import io
import os
import sys

import pytest
import tqdm

from events_pandas.deliver.pace.state import Pause
from events_pandas.deliver.progress.displays import Bar, Lines
from events_pandas.deliver.progress.tally import Progress

AWAITING = "stopping: waiting for 7 requests, 30 s at most; Ctrl-C again leaves at once"


def after(seconds, *, rows=3, is_final=False, **facts):
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return Progress(rows=rows, total=2_000, at=at, elapsed_seconds=seconds, is_final=is_final, **facts)


def held(since_seconds, next_in_seconds):
    return Pause(reason="rate_limit", since_seconds=since_seconds, next_in_seconds=next_in_seconds)


def stopping(since_seconds):
    return Pause(reason="stopping", since_seconds=since_seconds, next_in_seconds=0.0, gives_up_in_seconds=30.0)


class Gone(io.StringIO):
    """A terminal that was closed behind the run."""

    tried = 0

    def write(self, _):
        self.tried += 1
        raise OSError(5, "Input/output error")


class Terminal(io.StringIO):
    """A stream with a file descriptor."""

    def fileno(self):
        return 2


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def test_lines_come_every_ten_seconds(capsys):
    """There is a line after two seconds, ten seconds after each line, and at the end."""
    lines = Lines("submitting", brief_seconds=2.0)

    for seconds in (0.0, 1.9, 2.0, 9.0, 11.9, 12.0, 13.0, 21.9, 22.5, 32.0):
        lines.show(after(seconds))
    lines.show(after(33.0, rows=2_000, is_final=True))

    assert capsys.readouterr().err.splitlines() == [
        "submitting: 3 of 2,000 (0%) after 2 s",
        "submitting: 3 of 2,000 (0%) after 12 s",
        "submitting: 3 of 2,000 (0%) after 22 s",
        "submitting: 2,000 of 2,000 (100%) after 33 s",
    ]


def test_lines_tell_when_a_long_pause_begins_and_when_it_has_ended(capsys):
    """A pause and its end have lines of their own, without a wait of ten seconds."""
    lines = Lines("submitting", brief_seconds=2.0)

    for seconds in (2.0, 3.0):
        lines.show(after(seconds))
    for seconds in (4.0, 5.0, 8.0):
        lines.show(after(seconds, pause=held(seconds - 4.0, 9.0 - seconds)))
    for seconds in (9.0, 10.0):
        lines.show(after(seconds))

    assert capsys.readouterr().err.splitlines() == [
        "submitting: 3 of 2,000 (0%) after 2 s",
        "submitting: 3 of 2,000 (0%) after 4 s; rate limit: waiting 5 s",
        "submitting: 3 of 2,000 (0%) after 9 s; goes on after a pause of 5 s",
    ]


def test_lines_go_on_during_a_long_pause(capsys):
    """An outage has a line every ten seconds."""
    lines = Lines("submitting", brief_seconds=2.0)

    for seconds in range(31):
        lines.show(after(float(seconds), pause=held(float(seconds), 60.0 - seconds)))

    assert [text.split("; ")[1] for text in capsys.readouterr().err.splitlines()] == [
        "rate limit: waiting 60 s",
        "rate limit: waiting 50 s",
        "rate limit: waiting 40 s",
        "rate limit: waiting 30 s",
    ]


def test_lines_take_no_notice_of_a_short_pause(capsys):
    """Two seconds are part of the pace."""
    lines = Lines("submitting", brief_seconds=2.0)
    lines.show(after(2.0))

    lines.show(after(3.0, pause=held(0.5, 1.5)))
    lines.show(after(5.0))

    assert capsys.readouterr().err == "submitting: 3 of 2,000 (0%) after 2 s\n"


def test_lines_tell_that_a_run_is_stopping_if_that_lasts(capsys):
    """A line says it once, also after an outage, and no line says that the run goes on."""
    lines = Lines("submitting", brief_seconds=2.0)
    lines.show(after(20.0, pause=held(10.0, 10.0)))

    for seconds in (21.0, 22.5, 23.5):
        lines.show(after(seconds, pause=stopping(seconds - 20.0), in_flight=7))
    lines.show(after(24.0, ended_early=True))
    lines.show(after(25.0, ended_early=True, is_final=True))

    assert capsys.readouterr().err.splitlines() == [
        "submitting: 3 of 2,000 (0%) after 20 s; rate limit: waiting 10 s",
        f"submitting: 3 of 2,000 (0%) after 22 s; {AWAITING}",
        "submitting: 0% ended early: 3 of 2,000, after 25 s",
    ]


def test_lines_tell_the_end_after_a_pause(capsys):
    """After a line about a pause, the end has a line too, however brief the run was."""
    lines = Lines("submitting", brief_seconds=2.0)
    lines.show(after(1.0, pause=held(0.0, 30.0)))

    lines.show(after(1.5, ended_early=True, is_final=True))

    assert capsys.readouterr().err.splitlines() == [
        "submitting: 3 of 2,000 (0%) after 1 s; rate limit: waiting 30 s",
        "submitting: 0% ended early: 3 of 2,000, after 2 s",
    ]


def test_lines_end_without_an_error_when_the_terminal_is_gone(monkeypatch):
    """The run goes on when its terminal is gone."""
    monkeypatch.setattr(sys, "stderr", stream := Gone())
    lines = Lines("submitting", brief_seconds=0.0)

    lines.show(after(9.0))
    lines.show(after(19.0, is_final=True))

    assert stream.tried == 2


def test_lines_end_without_an_error_when_the_terminal_is_closed(monkeypatch):
    """The program itself may have closed the stream."""
    monkeypatch.setattr(sys, "stderr", stream := closed())

    Lines("submitting", brief_seconds=0.0).show(after(9.0, is_final=True))

    assert stream.closed


def test_bar_is_drawn_again_with_each_showing(monkeypatch):
    """Every showing is one drawing."""
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    bar = Bar(tqdm.tqdm, description="submitting", width=110)

    for rows in (0, 500, 1_000):
        bar.show(after(1.0, rows=rows))
    bar.show(after(2.0, rows=2_000, is_final=True))

    drawn = [text for text in terminal.getvalue().rstrip().split("\r") if text.strip()]
    assert [text.partition("|")[0] for text in drawn] == [
        "submitting: 0%",
        "submitting: 25%",
        "submitting: 50%",
        "submitting: 100%",
    ]
    assert terminal.getvalue().endswith("\n")


@pytest.mark.parametrize(("columns", "width"), [(100, 99), (101, 100), (180, 179)])
def test_bar_is_as_wide_as_the_terminal(monkeypatch, columns, width):
    """The width is read at each drawing, as it may change; the last column stays free."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    bar = Bar(tqdm.tqdm, description="submitting", width=None)

    bar.show(after(1.0, rows=0))
    bar.show(after(1.0, rows=500))
    drawn = terminal.getvalue().split("\r")
    bar.show(after(1.0, rows=2_000, is_final=True))

    assert [len(text) for text in drawn if text.startswith("submitting")] == [width, width]


@pytest.mark.parametrize("columns", [0, 40, 80, 99])
def test_bar_is_text_alone_in_a_narrow_terminal(monkeypatch, columns):
    """The figures need the room; a terminal that does not know its size has 80 columns."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    bar = Bar(tqdm.tqdm, description="submitting", width=None)

    bar.show(after(1.0, rows=500))
    drawn = terminal.getvalue().rpartition("\r")[2]
    bar.show(after(1.0, rows=2_000, is_final=True))

    assert drawn == "submitting: 25%, 500 of 2,000"


def test_bar_is_text_alone_where_no_width_is_known(monkeypatch):
    """A stream without a file descriptor is taken to be narrow."""
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    bar = Bar(tqdm.tqdm, description="submitting", width=None)

    bar.show(after(1.0, rows=0))
    drawn = terminal.getvalue().rpartition("\r")[2]
    bar.show(after(1.0, rows=2_000, is_final=True))

    assert drawn == "submitting: 0%, 0 of 2,000"


def test_bar_does_not_appear_for_the_end_alone(monkeypatch):
    """Work that was over before its bar appeared leaves nothing."""
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    Bar(tqdm.tqdm, description="checking", width=60).show(after(0.1, is_final=True))

    assert terminal.getvalue() == ""
