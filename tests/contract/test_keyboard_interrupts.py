"""Ctrl-C strikes the caller's thread alone: of what delivers, only the desk knows of it."""

import ast
from pathlib import Path

import pytest

import events_pandas

PACKAGE = Path(events_pandas.__file__).parent
MODULES = [path for room in ("run", "deliver") for path in sorted((PACKAGE / room).rglob("*.py"))]


def names_interrupt(source):
    """Return whether a module names KeyboardInterrupt outside of its texts."""
    return any(isinstance(node, ast.Name) and node.id == "KeyboardInterrupt" for node in ast.walk(ast.parse(source)))


def test_only_the_desk_names_the_interrupt():
    """No other module of a run has to be written for an interrupt between two of its statements."""
    found = [path.relative_to(PACKAGE).as_posix() for path in MODULES if names_interrupt(path.read_text("utf-8"))]

    assert found == ["run/desk.py"]


@pytest.mark.parametrize(
    ("source", "is_named"),
    [
        ("try:\n    f()\nexcept KeyboardInterrupt:\n    pass", True),
        ("isinstance(error, Exception | KeyboardInterrupt)", True),
        ('"""Raise KeyboardInterrupt."""', False),
    ],
)
def test_names_are_found(source, is_named):
    """The rule can fail."""
    assert names_interrupt(source) is is_named
