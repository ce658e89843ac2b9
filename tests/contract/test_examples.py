"""The examples in docstrings print the output below them; each runs in a folder of its own, and may write files."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import events_pandas as ep

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples() -> Iterator[doctest.DocTest]:
    names = [module.name for module in pkgutil.walk_packages(ep.__path__, prefix="events_pandas.")]
    for name in ("events_pandas", *names):
        if not name.endswith(".__main__"):
            tests = doctest.DocTestFinder().find(importlib.import_module(name))
            yield from (test for test in tests if test.examples)


def faults(test: doctest.DocTest) -> list[str]:
    found: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=found.append)
    return found


def marks(test: doctest.DocTest) -> list[pytest.MarkDecorator]:
    needs_spark = test.name.startswith("events_pandas.engines.spark.")
    return [pytest.mark.engines, pytest.mark.spark] if needs_spark else []


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize("test", [pytest.param(test, id=test.name, marks=marks(test)) for test in examples()])
def test_docstring_example_prints_the_output_below_it(test: doctest.DocTest) -> None:
    """Every example in the package runs without a warning, and prints the output below it."""
    found = faults(test)

    assert not found, "\n".join(found)


def test_docstring_example_fails_when_it_prints_something_else() -> None:
    """The check finds a wrong example."""
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "sum", None, 0)

    (fault,) = faults(test)

    assert fault.endswith("Expected:\n    3\nGot:\n    2\n")
