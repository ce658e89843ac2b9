"""Progress: a bar on a terminal, lines elsewhere, or nothing."""

import io
import sys

import pytest

from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.progress import Lines, progress_bar

ACCEPTED = Outcome(row=0, status=Status.ACCEPTED)
REJECTED = Outcome(row=1, status=Status.REJECTED)


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A text stream that is a terminal."""

    def isatty(self):
        return True


class ZMQInteractiveShell:
    """Named as the shell of a notebook's kernel."""


class FakeIPython:
    """Stands for IPython in a kernel."""

    get_ipython = ZMQInteractiveShell


@pytest.fixture
def clock():
    """Return a clock that is set by hand."""
    return Clock()


def test_progress_bar_is_silent_when_there_is_to_be_none(capsys):
    """False shows nothing, whatever happens."""
    with progress_bar(False, total=2, description="submitting") as bar:
        bar.update(ACCEPTED)
        bar.advance()

    assert capsys.readouterr() == ("", "")


def test_progress_bar_draws_a_bar_with_counts_on_a_terminal(monkeypatch):
    """A terminal has a bar that counts each status, in the order of the statuses."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=3, description="submitting") as bar:
        for outcome in (REJECTED, ACCEPTED, ACCEPTED):
            bar.update(outcome)

    last = terminal.getvalue().rstrip().rpartition("\r")[2]
    assert last.startswith("submitting: 100%")
    assert last.endswith("2 accepted, 1 rejected]")


def test_progress_bar_appears_late_when_told_to(monkeypatch):
    """A bar with a delay does not appear for brief work."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=3, description="checking", delay_seconds=60.0) as bar:
        bar.advance(2)

    assert "checking" not in terminal.getvalue()


def test_progress_bar_leaves_no_line_for_brief_work(capsys):
    """Without a terminal, what takes less than two seconds is not reported."""
    with progress_bar("auto", total=1, description="submitting") as bar:
        bar.update(ACCEPTED)

    assert capsys.readouterr().err == ""


def test_progress_bar_leaves_a_line_when_asked_for(capsys):
    """Who asks for progress is told of the end, however brief the work."""
    with progress_bar(True, total=1, description="submitting") as bar:
        bar.update(ACCEPTED)

    assert capsys.readouterr().err == "submitting: 1 of 1 (100%) after 0 s: 1 accepted\n"


def test_progress_bar_writes_its_last_line_when_the_work_fails(capsys):
    """The log says how far it came."""

    def fail(bar):
        bar.update(ACCEPTED)
        raise OSError("gone")

    with pytest.raises(OSError, match=r"^gone$"), progress_bar(True, total=4, description="submitting") as bar:
        fail(bar)

    assert capsys.readouterr().err == "submitting: 1 of 4 (25%) after 0 s: 1 accepted\n"


def test_progress_bar_writes_lines_in_a_notebook_without_ipywidgets(monkeypatch, capsys):
    """A notebook that cannot show the bar gets lines."""
    monkeypatch.setitem(sys.modules, "IPython", FakeIPython)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with progress_bar(True, total=None, description="checking") as bar:
        bar.advance(3)

    assert capsys.readouterr().err == "checking: 3 after 0 s\n"


def test_progress_bar_takes_the_notebooks_bar_when_it_has_ipywidgets(monkeypatch):
    """A notebook that can show the bar gets it."""
    monkeypatch.setitem(sys.modules, "IPython", FakeIPython)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("tqdm.notebook.tqdm", drawn := FakeBar())

    with progress_bar("auto", total=3, description="checking") as bar:
        bar.advance(2)

    assert (drawn.options["desc"], drawn.n) == ("checking", 2)


class FakeBar:
    """Stands for the class of a notebook's bar, and for the bar."""

    n = 0

    def __call__(self, **options):
        self.options = options
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def update(self, n):
        self.n += n


def test_lines_come_every_ten_seconds(clock, capsys):
    """There is a line when ten seconds have passed since the last one, and one at the end."""
    lines = Lines(2_000, description="submitting", brief_seconds=2.0, clock=clock)
    for clock.now in (9.0, 10.0, 11.0):
        lines.update(ACCEPTED)
    lines.close()

    assert capsys.readouterr().err == (
        "submitting: 2 of 2,000 (0%) after 10 s: 2 accepted\nsubmitting: 3 of 2,000 (0%) after 11 s: 3 accepted\n"
    )
