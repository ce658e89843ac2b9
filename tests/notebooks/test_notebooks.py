"""The notebooks run, and their output is the committed one.

With ``NOTEBOOKS=write``, as `make notebooks` has it, they are written with their new output instead.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
WRITES = os.environ.get("NOTEBOOKS") == "write"
TIMEOUT_SECONDS = 120

WIDGET = "application/vnd.jupyter.widget-view+json"
IMAGE = "image/png"
# Every sandbox is a new workspace with an id of its own.
WORKSPACE = re.compile(r"sandbox_[0-9a-f]{8}")
# Paths of the temporary folder in which a notebook works.
FOLDER = re.compile(r"[^\s'\"<>]*/tmp[0-9a-z_]{8}/")
# A killed run has sent some of the rows, and the next one sends the others: only their sum is always the same.
KILLED = re.compile(r"(?P<accepted>[\d,]+) accepted(?P<between>.*?)(?P<submitted>[\d,]+) already_submitted", re.DOTALL)
MACHINE = re.compile(r"/(?:home|root|Users|work|tmp/\w)")


def tidied(notebook: Any) -> Any:
    """Return a notebook without the bars, which need widgets, and without names that each run chooses."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [clean(output) for output in joined(cell.outputs) if WIDGET not in output.get("data", {})]
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def joined(outputs: list[Any]) -> list[Any]:
    """Return outputs in which the pieces of one stream are one: how a stream is cut depends on the time."""
    whole: list[Any] = []
    for output in outputs:
        if whole and output.output_type == "stream" and output.get("name") == whole[-1].get("name"):
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def clean(output: Any) -> Any:
    texts = output.get("data", output)
    for kind in set(texts) & {"text", "text/plain", "text/html"}:
        texts[kind] = FOLDER.sub("/tmp/.../", WORKSPACE.sub("sandbox_...", texts[kind]))
    return output


def shown(notebook: Any) -> list[list[str]]:
    """Return the output of each cell as text, with the kinds in which it is also there."""
    return [
        [text_of(output, reader=added if "killed" in cell.metadata.get("tags", []) else str) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def text_of(output: Any, *, reader: Callable[[str], str]) -> str:
    if "data" in output:
        return f"{', '.join(sorted(output.data))}: {reader(output.data['text/plain'])}"
    return f"{output.get('name', output.output_type)}: {reader(output.get('text', ''))}"


def added(text: str) -> str:
    """Return a text with the sum of the rows that a killed run has sent and those that the next run has."""
    return KILLED.sub(lambda match: f"{number(match['accepted']) + number(match['submitted'])} in two runs", text)


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def committed(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where a notebook runs, and folders outside the user's for the files of Jupyter and matplotlib."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    # A kernel shows plots unless a backend is named, which a test may have done in this process.
    monkeypatch.delenv("MPLBACKEND", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_notebook_shows_its_committed_output_and_leaves_nothing_in_the_users_folders(
    path: Path, committed: Any, here: Path, home: Path
) -> None:
    """A notebook runs without an error, shows its committed output, and writes nothing in the user's folders."""
    notebook = nbformat.from_dict(committed)
    expected = shown(committed)

    client = NotebookClient(
        notebook, timeout=TIMEOUT_SECONDS, record_timing=False, resources={"metadata": {"path": str(here)}}
    )
    client.execute()

    tidied(notebook)
    if WRITES:
        nbformat.write(notebook, path)
    else:
        assert shown(notebook) == expected
    assert [file for folder in (home, here) for file in folder.rglob("*")] == []


def test_notebook_is_committed_with_outputs_that_anybody_may_see(path: Path, committed: Any) -> None:
    """Readers see results and plots without running it, in a small file that names no folder of a machine."""
    assert sum(map(len, shown(committed))) > 0
    assert path.stat().st_size < 400_000
    texts = [output.get("data", output) for cell in committed.cells for output in cell.get("outputs", [])]
    assert [
        text for kinds in texts for kind, text in kinds.items() if kind != IMAGE and MACHINE.search(str(text))
    ] == []


def test_notebooks_are_one_for_each_use() -> None:
    """There is a notebook for each of the three uses, since the tests above would pass without one."""
    assert [path.stem for path in NOTEBOOKS] == ["adhoc_upload", "backfill", "csv_parquet_import"]
