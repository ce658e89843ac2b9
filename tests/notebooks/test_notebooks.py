"""The notebooks run, and their output is the committed one."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TIMEOUT_SECONDS = 120

WIDGET = "application/vnd.jupyter.widget-view+json"
# Every sandbox is a new workspace with an id of its own.
VARYING = re.compile(r"sandbox_[0-9a-f]{8}")


def shown(notebook: Any) -> list[list[str]]:
    """Return the output of each cell as text, without the bar, which needs widgets."""
    return [
        [text_of(output) for output in cell.get("outputs", []) if WIDGET not in output.get("data", {})]
        for cell in notebook.cells
    ]


def text_of(output: Any) -> str:
    text = output["data"].get("text/plain", "") if "data" in output else output.get("text", "")
    return VARYING.sub("sandbox_...", text)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def committed(request: pytest.FixtureRequest) -> Any:
    return nbformat.read(request.param, as_version=4)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where a notebook runs, and folders for Jupyter's own files outside the user's."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_notebook_shows_its_committed_output_and_leaves_nothing_in_the_users_folders(
    committed: Any, here: Path, home: Path
) -> None:
    """A notebook runs without an error, prints its committed output, and writes nothing in the user's folders."""
    notebook = nbformat.from_dict(committed)
    expected = shown(committed)

    NotebookClient(notebook, timeout=TIMEOUT_SECONDS, resources={"metadata": {"path": str(here)}}).execute()

    assert shown(notebook) == expected
    assert list(home.rglob("*")) == []


def test_notebook_is_committed_with_outputs(committed: Any) -> None:
    """Readers see the results in a notebook without running it."""
    assert sum(map(len, shown(committed))) > 0


def test_there_are_notebooks() -> None:
    """At least one notebook exists, since the tests above would pass without one."""
    assert "adhoc_upload" in [path.stem for path in NOTEBOOKS]
