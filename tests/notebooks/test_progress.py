"""Progress in a notebook: a bar if ipywidgets can show it, and otherwise text, without a warning; and its last line."""

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
orders = pd.DataFrame({{"who": [f"{{number:05d}}" for number in range(20)] + ["{last}"], "day": "{day}"}})
mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
client = ep.IntercomClient("{access_token}", base_url="{url}")
results = ep.submit_events(orders, mapping, client=client, progress={progress})
{ending}
"""
WITHOUT_IPYWIDGETS = "import sys; sys.modules['ipywidgets'] = None"
WIDGETS = "application/vnd.jupyter.widget-state+json"


@pytest.fixture
def sandbox():
    """A sandbox with a low limit, so that a run takes two seconds."""
    with Sandbox(limit=100, unknown_contacts=["99999"]) as sandbox:
        yield sandbox


@pytest.fixture
def run_notebook(sandbox, tmp_path):
    """Return a function that makes and runs a notebook whose last cells submit, each for a day of its own."""

    def run(*cells, progress, last="00020", ending=""):
        access = {"access_token": sandbox.access_token, "url": sandbox.url}
        days = [f"2024-01-{number + 1:02d}" for number in range(len(progress))]
        submits = [
            SUBMIT.format(**access, day=day, progress=choice, last=last, ending=ending)
            for day, choice in zip(days, progress, strict=True)
        ]
        sources = [*cells, *submits]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return notebook

    return run


def timeless(text):
    return re.sub(r"after \d+ s", "after ... s", text)


def streams(notebook):
    outputs = notebook.cells[-1].outputs
    return [(output.name, timeless(output.text)) for output in outputs if output.output_type == "stream"]


def texts(notebook):
    """The texts that a cell displays, without the bar, whose text is that of a program."""
    outputs = [output for output in notebook.cells[-1].outputs if output.output_type == "display_data"]
    return [timeless(output.data["text/plain"]) for output in outputs if set(output.data) == {"text/plain"}]


def test_notebook_has_text_without_ipywidgets(run_notebook):
    """Without ipywidgets progress is one text, the last line is the summary, and no package warns."""
    notebook = run_notebook(WITHOUT_IPYWIDGETS, progress=["True"])

    assert texts(notebook) == ["submitting: 21 of 21 (100%) after ... s: 21 accepted", "21 rows: 21 accepted"]
    assert len(notebook.cells[-1].outputs) == 2


@pytest.mark.parametrize("progress", ["False", "print"])
def test_notebook_has_no_summary_without_our_progress(run_notebook, progress):
    """A run that shows no progress, or shows it by a function, leaves no last line."""
    notebook = run_notebook(progress=[progress])

    assert texts(notebook) == []


def test_notebook_says_where_to_find_what_to_do(run_notebook):
    """The last line of a run that needs work names the function; the results below it do not repeat the line."""
    notebook = run_notebook(progress=["'auto'"], last="99999", ending="results")

    (line,) = texts(notebook)
    assert line == "21 rows: 20 accepted, 1 unknown_contact; ep.summarize(results) says what to do next"
    shown = notebook.cells[-1].outputs[-1]
    assert (shown.output_type, "ep.summarize" in shown.data["text/plain"]) == ("execute_result", False)


def test_notebook_has_a_last_line_for_files(run_notebook):
    """The summary of files comes after their results are written."""
    notebook = run_notebook(
        progress=["False"],
        last="99999",
        ending=(
            "orders.to_csv('orders.csv', index=False)\n"
            "again = ep.submit_file('orders.csv', mapping, client=client, results_path='results.csv')"
        ),
    )

    assert texts(notebook) == [
        "21 rows: 20 already_submitted, 1 unknown_contact; ep.summarize(results) says what to do next"
    ]


@pytest.mark.skipif(importlib.util.find_spec("ipywidgets") is None, reason="ipywidgets are not installed")
def test_notebook_has_a_bar_with_ipywidgets_unless_progress_is_off(run_notebook):
    """The bar is a widget that ends at 100 %, with the counts beside it; with False the output is empty."""
    notebook = run_notebook(progress=["False", "'auto'"])

    widgets = [widget["state"] for widget in notebook.metadata.widgets[WIDGETS]["state"].values()]
    [bar] = [widget for widget in widgets if widget.get("max") == 21]
    shown = [timeless(" ".join(widget["value"].split())) for widget in widgets if isinstance(widget.get("value"), str)]
    assert notebook.cells[0].outputs == []
    assert (bar["value"], bar["bar_style"]) == (21, "success")
    assert sorted(shown) == ["21 of 21, 21 accepted, after ... s", "submitting: 100%"]
    assert streams(notebook) == []
