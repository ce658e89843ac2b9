"""Displays: when lines come, and how a bar is drawn."""

import datetime as dt
import io
import os
import sys

import pytest
import tqdm

from events_pandas.deliver.progress.displays import Bar, Lines
from events_pandas.deliver.progress.facts import Progress


def after(seconds, *, rows=3, is_final=False):
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return Progress(rows=rows, total=2_000, at=at, elapsed_seconds=seconds, is_final=is_final)


class Gone(io.StringIO):
    """A terminal that was closed behind the run."""

    def write(self, _):
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
    """There is a line when ten seconds have passed since the last one, and one at the end."""
    lines = Lines("submitting", brief_seconds=2.0)

    for seconds in (0.0, 9.0, 10.0, 11.0, 19.9, 20.5, 30.0):
        lines.show(after(seconds))
    lines.show(after(31.0, is_final=True))

    assert capsys.readouterr().err.splitlines() == [
        "submitting: 3 of 2,000 (0%) after 10 s",
        "submitting: 3 of 2,000 (0%) after 20 s",
        "submitting: 3 of 2,000 (0%) after 31 s",
    ]


@pytest.mark.parametrize("stream", [Gone(), closed()])
def test_lines_end_without_an_error_when_the_terminal_is_gone(monkeypatch, stream):
    """A run that is left alone goes on, and there is nobody to tell."""
    monkeypatch.setattr(sys, "stderr", stream)

    Lines("submitting", brief_seconds=0.0).show(after(9.0, is_final=True))


def test_bar_is_drawn_anew_with_each_showing(monkeypatch):
    """Every showing is one drawing, which fills the width and no more."""
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    bar = Bar(tqdm.tqdm, description="submitting", width=60)

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


@pytest.mark.parametrize(("columns", "width"), [(60, 59), (100, 99), (0, 79)])
def test_bar_is_as_wide_as_the_terminal(monkeypatch, columns, width):
    """A terminal is asked at each drawing, since its size may change; its last column stays free."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    bar = Bar(tqdm.tqdm, description="submitting", width=None)

    bar.show(after(1.0, rows=0))
    bar.show(after(1.0, rows=500))
    drawn = terminal.getvalue().split("\r")
    bar.show(after(1.0, rows=2_000, is_final=True))

    assert [len(text) for text in drawn if text.startswith("submitting")] == [width, width]


def test_bar_has_a_width_where_none_is_told(monkeypatch):
    """What has no file descriptor cannot be asked."""
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    bar = Bar(tqdm.tqdm, description="submitting", width=None)

    bar.show(after(1.0, rows=0))
    drawn = terminal.getvalue().rpartition("\r")[2]
    bar.show(after(1.0, rows=2_000, is_final=True))

    assert len(drawn) == 79


def test_bar_does_not_appear_for_the_end_alone(monkeypatch):
    """What was over before the bar was to appear leaves nothing."""
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    Bar(tqdm.tqdm, description="checking", width=60).show(after(0.1, is_final=True))

    assert terminal.getvalue() == ""
