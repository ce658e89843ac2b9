"""The sandbox without its extra."""

import importlib
import sys

import pytest


@pytest.mark.parametrize("name", ["httptools", "jinja2", "starlette", "uvicorn"])
def test_sandbox_names_its_extra_when_it_is_not_installed(monkeypatch, name) -> None:
    """Without the web server the import error says what to install."""
    monkeypatch.delitem(sys.modules, "events_pandas.sandbox")
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ImportError) as caught:
        importlib.import_module("events_pandas.sandbox")

    assert str(caught.value) == 'the sandbox needs an extra: pip install "events-pandas[sandbox]"'
