"""Progress in a notebook: a bar if ipywidgets can show it, and otherwise lines, without a warning."""

import importlib.util
import re

import nbformat
import pytest
from nbclient import NotebookClient

from events_pandas import Sandbox

pytestmark = pytest.mark.slow

SUBMIT = """
import pandas as pd
import events_pandas as ep
orders = pd.DataFrame({{"who": [f"{{number:05d}}" for number in range(21)], "day": "{day}"}})
mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
client = ep.IntercomClient("{access_token}", base_url="{url}")
results = ep.submit_events(orders, mapping, client=client, progress={progress})
"""
WITHOUT_IPYWIDGETS = "import sys; sys.modules['ipywidgets'] = None"
WIDGETS = "application/vnd.jupyter.widget-state+json"


@pytest.fixture
def sandbox():
    """A sandbox with a low limit, so that a run takes two seconds."""
    with Sandbox(limit=100) as sandbox:
        yield sandbox


@pytest.fixture
def run_notebook(sandbox):
    """Return a function that makes and runs a notebook whose last cells submit, each for a day of its own."""

    def run(*cells, progress):
        access = {"access_token": sandbox.access_token, "url": sandbox.url}
        days = [f"2024-01-{number + 1:02d}" for number in range(len(progress))]
        submits = [
            SUBMIT.format(**access, day=day, progress=choice) for day, choice in zip(days, progress, strict=True)
        ]
        sources = [*cells, *submits]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        NotebookClient(notebook, timeout=60).execute()
        return notebook

    return run


def timeless(text):
    return re.sub(r"after \d+ s", "after ... s", text)


def streams(notebook):
    outputs = notebook.cells[-1].outputs
    return [(output.name, timeless(output.text)) for output in outputs if output.output_type == "stream"]


def test_notebook_has_lines_without_ipywidgets(run_notebook):
    """Without ipywidgets the output is lines only, the last one with the counts, and no warning of a package."""
    notebook = run_notebook(WITHOUT_IPYWIDGETS, progress=["True"])

    [(name, text)] = streams(notebook)
    assert name == "stderr"
    assert {line.partition(":")[0] for line in text.splitlines()} == {"submitting"}
    assert text.splitlines()[-1] == "submitting: 21 of 21 (100%) after ... s: 21 accepted"
    assert len(notebook.cells[-1].outputs) == 1


@pytest.mark.skipif(importlib.util.find_spec("ipywidgets") is None, reason="ipywidgets are not installed")
def test_notebook_has_a_bar_with_ipywidgets_unless_progress_is_off(run_notebook):
    """The bar is a widget that ends at 100 %, with the counts beside it; with False the output is empty."""
    notebook = run_notebook(progress=["False", "'auto'"])

    widgets = [widget["state"] for widget in notebook.metadata.widgets[WIDGETS]["state"].values()]
    [bar] = [widget for widget in widgets if widget.get("max") == 21]
    texts = [timeless(" ".join(widget["value"].split())) for widget in widgets if isinstance(widget.get("value"), str)]
    assert notebook.cells[0].outputs == []
    assert (bar["value"], bar["bar_style"]) == (21, "success")
    assert sorted(texts) == ["21 of 21, 21 accepted, after ... s", "submitting: 100%"]
    assert streams(notebook) == []
