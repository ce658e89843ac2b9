"""The last line of a run in a notebook: the summary, in the caller's thread, and never at the cost of the results."""

import sys
import threading

import pytest
import tqdm.notebook

from events_pandas import SubmissionError, SubmissionInterrupted, submit_events, submit_file


class ZMQInteractiveShell:
    """Has the name of the shell of a notebook's kernel."""


class Notebook:
    """A notebook whose last line of a run may raise an error."""

    get_ipython = ZMQInteractiveShell

    def __init__(self, *, error=None):
        self.shown, self.threads, self._error = [], set(), error

    def display(self, content, **_):
        self.update(content)
        return self

    def update(self, content, **_):
        self.shown.append(content["text/plain"])
        self.threads.add(threading.current_thread())
        if self._error is not None and "rows: " in self.shown[-1]:
            raise self._error


@pytest.fixture
def open_notebook(monkeypatch):
    """Return a function that opens a notebook without ipywidgets."""

    def opened(**options):
        notebook = Notebook(**options)
        monkeypatch.setitem(sys.modules, "IPython", notebook)
        monkeypatch.setitem(sys.modules, "IPython.display", notebook)
        monkeypatch.setattr(tqdm.notebook, "IProgress", None)
        return notebook

    return opened


def test_last_line_is_the_summary_in_the_callers_thread(open_notebook, make_orders, mapping, fake_client):
    """The counts come after the progress; a kernel's output belongs to the thread of the cell."""
    notebook = open_notebook()

    submit_events(make_orders(3, day=["2024-01-31", None, "2024-01-31"]), mapping, client=fake_client())

    assert notebook.shown[-1] == "3 rows: 2 accepted, 1 invalid; ep.summarize(results) says what to do next"
    assert sum("rows: " in text for text in notebook.shown) == 1
    assert notebook.threads == {threading.current_thread()}


def test_last_line_of_files_counts_all_rows(open_notebook, write, mapping, fake_client):
    """There is one line for all files of a run."""
    notebook = open_notebook()
    files = [write("a.csv", "00001,2024-01-31", "00002,2024-01-31"), write("b.csv", "00003,2024-01-31")]

    submit_file(files, mapping, client=fake_client(), chunksize=1)

    assert [text for text in notebook.shown if "rows: " in text] == ["3 rows: 3 accepted"]


@pytest.mark.parametrize("progress", [False, lambda _: None])
def test_last_line_is_left_out_without_our_progress(open_notebook, make_orders, mapping, fake_client, progress):
    """False shows nothing, and a function shows what it likes."""
    notebook = open_notebook()

    submit_events(make_orders(), mapping, client=fake_client(), progress=progress)

    assert notebook.shown == []


@pytest.mark.parametrize(
    ("error", "raised"), [(KeyboardInterrupt(), SubmissionInterrupted), (OSError("no kernel"), SubmissionError)]
)
def test_last_line_that_fails_keeps_the_results(open_notebook, make_orders, mapping, fake_client, error, raised):
    """All events are sent by then, so that the exception has their results."""
    open_notebook(error=error)

    with pytest.raises(raised) as caught:
        submit_events(make_orders(), mapping, client=fake_client())

    assert caught.value.results["status"].tolist() == ["accepted"] * 3
