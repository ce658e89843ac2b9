"""Docstrings: numpydoc checks the public ones as help() shows them; all others are a few sentences."""

import ast
import functools
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from numpydoc.hooks.validate_docstrings import parse_config
from numpydoc.validate import validate

import events_pandas as ep
from events_pandas import testing
from events_pandas.accessor import IntercomAccessor
from events_pandas.cli import app
from events_pandas.engines import dask, spark

DOCUMENTED_KINDS = {"method", "class method", "static method", "property"}
# The most that an internal docstring may have.
MOST_SENTENCES = 3
MOST_LINES = 6
MOST_EXAMPLE_LINES = 3
SENTENCE_END = re.compile(r"""(?<!\be\.g)(?<!\bi\.e)[.!?]["')]*(?:\s+|$)""")


def public_values() -> Iterator[object]:
    """The values of `events_pandas.__all__`, the accessor, the engines and `events_pandas.testing`."""
    yield from (getattr(ep, name) for name in ep.__all__)
    yield from (getattr(engine, name) for engine in (dask, spark) for name in engine.__all__)
    yield IntercomAccessor
    for name, value in vars(testing).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == testing.__name__:
            yield inspect.unwrap(value)


def documented_paths(value: object) -> Iterator[str]:
    """The path of a class or function, and the paths of a class's own public members."""
    path = f"{value.__module__}.{value.__qualname__}"
    yield path
    if inspect.isclass(value):
        yield from (f"{path}.{member}" for member in public_members(value))


def public_members(value: type) -> Iterator[str]:
    for member in inspect.classify_class_attrs(value):
        is_documented = member.kind in DOCUMENTED_KINDS or isinstance(member.object, functools.cached_property)
        if is_documented and member.defining_class is value and not member.name.startswith("_"):
            yield member.name


CHECKS = parse_config(Path(__file__).parents[2])["checks"]
PATHS = [path for value in public_values() for path in documented_paths(value)]


def faults(path: str) -> list[str]:
    checks = CHECKS - {"PR01"} if has_no_constructor_of_its_own(path) else CHECKS
    return [f"{code} {message}" for code, message in validate(path)["errors"] if code in checks]


def has_no_constructor_of_its_own(path: str) -> bool:
    """Return whether another class defines the parameters, as often for an exception."""
    value = pkgutil.resolve_name(path)
    return inspect.isclass(value) and "__init__" not in vars(value)


@pytest.mark.parametrize("path", PATHS)
def test_docstring_follows_numpydoc(path: str) -> None:
    """Every public class, function, method and property has a docstring after numpydoc's standard."""
    assert faults(path) == []


def test_docstring_check_finds_faults() -> None:
    """The check can fail: the standard library does not follow numpydoc."""
    found = {fault.split()[0] for fault in faults("json.dumps")}

    assert {"PR01", "RT01"} <= found


def written_docstrings(project: Path) -> dict[str, str]:
    """The docstring of every class and function in the package's source, by path; nested ones too."""
    found: dict[str, str] = {}
    for file in (project / "events_pandas").rglob("*.py"):
        module = ".".join(file.relative_to(project).with_suffix("").parts).removesuffix(".__init__")
        found |= docstrings_below(ast.parse(file.read_text()), path=module)
    return found


def docstrings_below(node: ast.AST, *, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in ast.iter_child_nodes(node):
        is_documented = isinstance(child, ast.ClassDef | ast.FunctionDef)
        child_path = f"{path}.{child.name}" if is_documented else path
        if is_documented:
            found[child_path] = ast.get_docstring(child) or ""
        found |= docstrings_below(child, path=child_path)
    return found


def excess(docstring: str) -> list[str]:
    """The parts of an internal docstring that are too long."""
    head, *sections = re.split(r"^(?=\w[\w ]*\n-{3,}$)", docstring, flags=re.MULTILINE)
    prose, _, example = head.partition(">>> ")
    counts = {
        "sections other than Parameters": (sum(not text.startswith("Parameters\n") for text in sections), 0),
        "sentences": (number_of_sentences(prose), MOST_SENTENCES),
        "lines of sentences": (len(prose.strip().splitlines()), MOST_LINES),
        "lines of an example": (len(example.strip().splitlines()), MOST_EXAMPLE_LINES),
    }
    return [f"{count} {what}, at most {most}" for what, (count, most) in counts.items() if count > most]


def number_of_sentences(prose: str) -> int:
    # Code in backticks may hold full stops.
    return sum(bool(sentence) for sentence in SENTENCE_END.split(re.sub(r"`+[^`]*`+", "code", prose.strip())))


def test_internal_docstrings_are_a_few_sentences(project: Path) -> None:
    """An internal docstring has at most three sentences, and only the section Parameters."""
    # `--help` shows the docstrings of commands.
    commands = {f"{command.callback.__module__}.{command.callback.__name__}" for command in app.registered_commands}
    written = written_docstrings(project)

    assert {*PATHS, *commands} <= set(written)
    internal = {path: text for path, text in written.items() if path not in {*PATHS, *commands}}
    assert {path: excess(text) for path, text in internal.items() if excess(text)} == {}


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("", []),
        ("Return the rows, e.g. `a.b. c`. Raise `KeyError` (if one is missing). None means all of them!", []),
        ("Return the rows.\n\nParameters\n----------\nstart : int, in rows\n    A. B. C. D.", []),
        ("Return the rows.\n\n>>> rows(1)\n[1]\n>>> rows(0)\n[]", ["4 lines of an example, at most 3"]),
        ("One. Two. Three. Four", ["4 sentences, at most 3"]),
        ("One\n" * 7, ["7 lines of sentences, at most 6"]),
        ("Return.\n\nReturns\n-------\nint\n    Rows.", ["1 sections other than Parameters, at most 0"]),
    ],
)
def test_excess_of_an_internal_docstring_is_found(docstring: str, expected: list[str]) -> None:
    """Sentences, lines and sections are counted; code in backticks and abbreviations do not end a sentence."""
    assert excess(docstring) == expected
