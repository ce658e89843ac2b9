"""Progress: a bar on a terminal, lines elsewhere, a callable, or nothing; and how often it is shown."""

import io
import os
import sys
import threading

import pytest
import tqdm
import tqdm.auto
import tqdm.notebook

from events_pandas.deliver import progress_bar
from events_pandas.deliver.progress.meter import ProgressBar


class Terminal(io.StringIO):
    """A text stream that is a terminal."""

    def isatty(self):
        return True

    def fileno(self):
        return 2


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    """Make the terminal wide enough for a bar."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((120, 24)))


class ZMQInteractiveShell:
    """Has the name of the shell of a notebook's kernel."""


class TerminalInteractiveShell:
    """Has the name of the shell of IPython in a terminal."""


class FakeIPython:
    """Stands for IPython."""

    def __init__(self, shell):
        self.get_ipython = shell


@pytest.fixture
def notebook(monkeypatch):
    """Act as the kernel of a notebook."""
    monkeypatch.setitem(sys.modules, "IPython", FakeIPython(ZMQInteractiveShell))


class Cell:
    """What `IPython.display` shows below a cell: its outputs, and everything that was shown in them."""

    def __init__(self):
        self.outputs, self.shown = [], []

    def display(self, content, *, raw, display_id):
        assert (raw, display_id) == (True, True)
        self.outputs.append("")
        self.update(content, raw=raw)
        return self

    def update(self, content, *, raw):
        assert raw
        (text,) = content.values()
        self.outputs[-1] = text
        self.shown.append(text)


@pytest.fixture
def cell(monkeypatch):
    """The outputs of a cell."""
    cell = Cell()
    monkeypatch.setitem(sys.modules, "IPython.display", cell)
    return cell


def last_drawn(terminal):
    return terminal.getvalue().rstrip().rpartition("\r")[2]


def fail_to_write(_):
    raise OSError(5, "Input/output error")


def fail(_):
    raise LookupError("no such widget")


def test_progress_bar_is_silent_when_it_is_switched_off(capsys, outcome, run):
    """False shows nothing, for any progress."""
    with progress_bar(False, total=2, description="submitting") as bar:
        bar.watch(run)
        bar.update(outcome("accepted"))
        bar.advance()
        bar.tick()
        bar.say("another run goes on")

    assert capsys.readouterr() == ("", "")


def test_progress_bar_is_silent_without_standard_error(monkeypatch, capfd):
    """A program without a console has no standard error."""
    monkeypatch.setattr(sys, "stderr", None)

    with progress_bar(True, total=2, description="submitting") as bar:
        bar.advance()

    assert capfd.readouterr() == ("", "")


def test_progress_bar_draws_a_bar_with_counts_on_a_terminal(monkeypatch, outcome):
    """The bar counts each status, in the order of the statuses."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=3, description="submitting") as bar:
        for status in ("rejected", "accepted", "accepted"):
            bar.update(outcome(status))

    assert last_drawn(terminal).startswith("submitting: 100%|#")
    assert last_drawn(terminal).endswith("#| 3 of 3, 2 accepted, 1 rejected, after 0 s")


def test_progress_bar_says_a_line_above_the_bar(monkeypatch, outcome):
    """The line stays, and the bar is drawn below it."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=1, description="submitting") as bar:
        bar.say("another run goes on")
        bar.update(outcome("accepted"))

    assert "\rsubmitting: another run goes on\n" in terminal.getvalue()
    assert last_drawn(terminal).startswith("submitting: 100%|#")


def test_progress_bar_writes_a_line_without_a_bar(capsys):
    """The line appears also for brief work that leaves no other line."""
    with progress_bar("auto", total=1, description="submitting") as bar:
        bar.say("another run goes on")

    assert capsys.readouterr() == ("", "submitting: another run goes on\n")


def test_progress_bar_does_not_say_a_line_to_a_callable():
    """A callable gets progress only; the line is in the facts of the run."""
    given = []

    with progress_bar(given.append, total=1, description="submitting") as bar:
        bar.say("another run goes on")

    assert {progress.rows for progress in given} == {0}


def test_progress_bar_says_nothing_to_a_terminal_that_is_gone(monkeypatch):
    """The user may have closed the terminal."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=1, description="submitting") as bar:
        terminal.write = fail_to_write
        bar.say("another run goes on")
        del terminal.write

    assert "another run" not in terminal.getvalue()


def test_progress_bar_says_that_a_run_ended_early(monkeypatch, outcome):
    """Rows that are left over are not progress."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=9, description="submitting") as bar:
        bar.update(outcome("accepted"))
        for _ in range(8):
            bar.update(outcome("not_submitted"))

    assert last_drawn(terminal) == "submitting: 11% ended early: 1 of 9 accepted, after 0 s"


def test_progress_bar_draws_a_bar_in_ipythons_terminal(monkeypatch):
    """IPython in a terminal is a terminal."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setitem(sys.modules, "IPython", FakeIPython(TerminalInteractiveShell))

    with progress_bar("auto", total=3, description="submitting") as bar:
        bar.advance(3)

    assert last_drawn(terminal).startswith("submitting: 100%|#")


def test_progress_bar_draws_no_bar_where_the_number_of_rows_is_not_known(monkeypatch, outcome):
    """The rows of a stream are counted, as it may have no end."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=None, description="submitting") as bar:
        bar.update(outcome("accepted"))

    assert last_drawn(terminal) == "submitting: 1, 1 accepted, after 0 s"


def test_progress_bar_is_there_before_the_first_row(monkeypatch):
    """The bar appears at once, as a preflight may take long."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=3, description="submitting"):
        drawn = last_drawn(terminal)

    assert drawn.startswith("submitting: 0%|")


def test_progress_bar_appears_after_its_delay(monkeypatch):
    """A bar with a delay does not appear for brief work."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    with progress_bar("auto", total=3, description="checking", delay_seconds=60.0) as bar:
        bar.advance(2)

    assert terminal.getvalue() == ""


def test_progress_bar_leaves_no_thread_behind(monkeypatch):
    """tqdm's thread for bars that are seldom drawn is not started."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    threads = threading.enumerate()

    with progress_bar("auto", total=3, description="submitting") as bar:
        bar.advance(3)

    assert threading.enumerate() == threads


def test_progress_bar_leaves_no_line_for_brief_work(capsys, outcome):
    """Without a terminal, work that takes less than two seconds leaves no line."""
    with progress_bar("auto", total=1, description="submitting") as bar:
        bar.update(outcome("accepted"))

    assert capsys.readouterr().err == ""


def test_progress_bar_leaves_a_line_when_asked_for(capsys, outcome):
    """With ``progress=True`` the end has a line, however brief the work."""
    with progress_bar(True, total=1, description="submitting") as bar:
        bar.update(outcome("accepted"))

    assert capsys.readouterr().err == "submitting: 1 of 1 (100%) after 0 s: 1 accepted\n"


def test_progress_bar_writes_its_last_line_when_the_work_fails(capsys, outcome):
    """The line says how far the work came, and that it ended early."""

    def work(bar):
        bar.update(outcome("accepted"))
        raise OSError("gone")

    with pytest.raises(OSError, match=r"^gone$"), progress_bar(True, total=4, description="submitting") as bar:
        work(bar)

    assert capsys.readouterr().err == "submitting: 25% ended early: 1 of 4 accepted, after 0 s\n"


@pytest.mark.usefixtures("notebook")
def test_progress_bar_replaces_text_in_a_notebook_without_ipywidgets(monkeypatch, cell, capsys):
    """A notebook that cannot show the bar gets plain text, which stays one output, and nothing on standard error."""
    monkeypatch.setattr(tqdm.notebook, "IProgress", None)

    with progress_bar(True, total=None, description="checking") as bar:
        bar.advance(3)

    assert cell.outputs == ["checking: 3 after 0 s"]
    assert cell.shown == ["checking: under way for 0 s", "checking: 3 after 0 s"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("notebook")
def test_progress_bar_says_a_line_above_the_text_of_a_notebook(monkeypatch, cell):
    """The line stays, and the progress below it goes on."""
    monkeypatch.setattr(tqdm.notebook, "IProgress", None)

    with progress_bar("auto", total=2, description="submitting") as bar:
        bar.say("another run goes on")
        bar.advance(2)

    assert cell.outputs == ["submitting: another run goes on\nsubmitting: 2 of 2 (100%) after 0 s"]


@pytest.mark.usefixtures("notebook")
def test_progress_bar_leaves_no_text_of_brief_work(monkeypatch, cell):
    """Work that is over before its progress is shown leaves nothing below the cell."""
    monkeypatch.setattr(tqdm.notebook, "IProgress", None)

    with progress_bar("auto", total=2, description="checking", delay_seconds=2.0) as bar:
        bar.advance(2)

    assert cell.outputs == []


@pytest.mark.usefixtures("notebook")
def test_progress_bar_takes_the_notebooks_bar_when_it_has_ipywidgets(monkeypatch):
    """The notebook's bar does not depend on the width of the terminal in which Jupyter was started."""
    drawn = []

    class NotebookBar(tqdm.tqdm):
        def __init__(self, **options):
            drawn.append(options)
            super().__init__(**{**options, "file": io.StringIO()})

    monkeypatch.setattr(tqdm.notebook, "IProgress", object)
    monkeypatch.setattr(tqdm.auto, "tqdm", NotebookBar)

    with progress_bar("auto", total=3, description="checking") as bar:
        bar.advance(2)

    assert [(options["total"], options["ncols"]) for options in drawn] == [(3, None)]
    assert drawn[0]["bar_format"] == "checking: 0%|{bar}| 0 of 3"


def test_progress_bar_calls_a_callable_at_the_begin_and_at_the_end(outcome, capsys):
    """A callable gets the progress, and nothing else is shown."""
    given = []

    with progress_bar(given.append, total=3, description="submitting") as bar:
        bar.update(outcome("accepted"))
        bar.advance(2)

    assert [(progress.rows, progress.total, progress.is_final) for progress in given] == [(0, 3, False), (3, 3, True)]
    assert given[-1].counts == {"accepted": 1}
    assert capsys.readouterr() == ("", "")


def test_progress_bar_raises_what_the_callable_raises():
    """The error of a callable is raised unchanged."""
    with pytest.raises(LookupError), progress_bar(fail, total=3, description="submitting"):
        pytest.fail("the work must not begin")


def test_progress_bar_raises_the_error_of_the_work_when_the_callable_fails_after_it():
    """The error of the work comes first, with a note about the later one."""

    def show(progress):
        if progress.is_final:
            fail(progress)

    with pytest.raises(OSError, match=r"^gone") as caught, progress_bar(show, total=3, description="submitting"):
        raise OSError("gone")

    assert caught.value.__notes__ == ["and showing the progress failed: LookupError: no such widget"]


@pytest.fixture
def shown():
    """Return the list of what was shown."""
    return []


@pytest.fixture
def make_meter(clock, shown):
    """Return a function that makes a meter that shows at most ten times a second."""

    def make(show=shown.append, **options):
        return ProgressBar(show, **{"total": 100, "interval_seconds": 0.1, "clock": clock, **options})

    return make


def test_meter_shows_at_most_once_in_its_interval(make_meter, shown, time, outcome):
    """However many outcomes come, there are at most ten showings a second."""
    meter = make_meter()

    for n in range(1_000):
        time.now = n / 1_000
        meter.update(outcome("accepted"))

    assert 9 <= len(shown) <= 10
    assert shown[0].rows == 1


@pytest.mark.parametrize("method", ["update", "advance", "tick"])
def test_meter_shows_after_each_kind_of_call(make_meter, shown, time, outcome, method):
    """Outcomes, rows that are not sent, and passing time are shown."""
    meter = make_meter()
    meter.tick()
    time.now = 1.0

    getattr(meter, method)(*[outcome("accepted")] * (method == "update"))

    assert [progress.elapsed_seconds for progress in shown] == [0.0, 1.0]


def test_meter_leaves_time_for_the_work_when_showing_takes_long(make_meter, shown, time):
    """The interval begins when a showing has ended."""

    def show(progress):
        time.now += 5.0
        shown.append(progress)

    meter = make_meter(show)

    meter.tick()
    meter.tick()

    assert len(shown) == 1


def test_meter_shows_nothing_before_its_delay(make_meter, shown, time):
    """Work that is soon over needs no bar."""
    meter = make_meter(delay_seconds=2.0)

    for time.now in (0.0, 1.9, 2.0):
        meter.advance()

    assert [progress.rows for progress in shown] == [3]


def test_meter_shows_the_end_at_once(make_meter, shown):
    """The last progress is shown at any time, and is final."""
    meter = make_meter()
    meter.tick()
    meter.advance(7)

    meter.close()

    assert [(progress.rows, progress.is_final) for progress in shown] == [(0, False), (7, True)]


def test_meter_asks_the_run_it_watches(make_meter, shown, run):
    """The state of the run is read when it is shown."""
    meter = make_meter()
    meter.watch(run)
    run.at_window(left=7)

    meter.tick()

    assert shown[0].window.left == 7


@pytest.mark.parametrize("method", ["update", "advance", "tick", "close"])
def test_meter_lets_an_error_out_unchanged(make_meter, outcome, method):
    """The author of the callable sees its error."""
    meter = make_meter(fail)

    with pytest.raises(LookupError, match=r"^'?no such widget'?$"):
        getattr(meter, method)(*[outcome("accepted")] * (method == "update"))


def test_meter_does_not_call_again_what_has_failed(make_meter, time):
    """An error is raised once; counting goes on, and the end is not shown."""
    meter = make_meter(fail)
    with pytest.raises(LookupError):
        meter.tick()
    time.now = 60.0

    meter.advance()
    meter.tick()
    meter.close()


def test_meter_shows_the_end_after_an_interrupt(make_meter, shown):
    """Ctrl-C during a showing is not an error of the display."""
    interrupts = [KeyboardInterrupt]

    def show(progress):
        if interrupts:
            raise interrupts.pop()
        shown.append(progress)

    meter = make_meter(show)
    with pytest.raises(KeyboardInterrupt):
        meter.tick()

    meter.close()

    assert [progress.is_final for progress in shown] == [True]
