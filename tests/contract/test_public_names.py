"""The names that `import events_pandas` offers, and the modules that it loads."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import events_pandas as ep

# `__getattr__` loads these at their first use: they need an extra, or are seldom used.
LAZY = {"Faults", "Sandbox", "SuggestedMapping", "suggest_mapping"}
HEAVY = {
    "dask",
    "distributed",
    "events_pandas.engines",
    "events_pandas.suggest",
    "events_pandas.testing",
    "httptools",
    "jinja2",
    "matplotlib",
    "pyspark",
    "pytest",
    "requests",
    "starlette",
    "tqdm",
    "typer",
    "uvicorn",
}


def test_all_lists_every_class_and_function_that_the_package_binds() -> None:
    """`__all__` lists every class and function that a user can reach as `ep.name`."""
    bound = {
        name
        for name, value in vars(ep).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("events_pandas")
    }

    assert set(ep.__all__) == bound | LAZY


def test_all_is_sorted() -> None:
    """The public names are in alphabetical order, classes before functions, each once."""
    assert list(ep.__all__) == sorted(set(ep.__all__))


@pytest.mark.parametrize("name", ep.__all__)
def test_all_names_exist(name: str) -> None:
    """Every listed name exists, also a name that is loaded at its first use."""
    assert getattr(ep, name) is not None


def test_version_is_that_of_the_installed_distribution(project: Path) -> None:
    """`ep.__version__` is the version in pyproject.toml, which the distribution has too, and `dir` lists it."""
    written = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert ep.__version__ == version("events-pandas") == written
    assert {"__version__", *ep.__all__} == set(dir(ep))


def test_import_loads_only_common_modules() -> None:
    """HTTP, progress, the command line, proposals, the sandbox and pytest are loaded at their first use."""
    program = "import events_pandas, json, sys; print(json.dumps(list(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)

    assert "events_pandas" in json.loads(loaded.stdout)
    assert HEAVY.isdisjoint(json.loads(loaded.stdout))
