"""Examples in docstrings write files: with --doctest-modules, too, each runs in a folder of its own."""

import os

import pytest

# Plots open no window, on no machine; matplotlib reads this when it is loaded.
os.environ["MPLBACKEND"] = "agg"


@pytest.fixture(autouse=True)
def _example_folder(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
