"""The docstrings of the public names, judged by numpydoc as help() shows them."""

import functools
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from numpydoc.hooks.validate_docstrings import parse_config
from numpydoc.validate import validate

import events_pandas as ep
from events_pandas import testing
from events_pandas.accessor import IntercomAccessor

DOCUMENTED_KINDS = {"method", "class method", "static method", "property"}


def public_values() -> Iterator[object]:
    """What `events_pandas.__all__`, the accessor and `events_pandas.testing` show."""
    yield from (getattr(ep, name) for name in ep.__all__)
    yield IntercomAccessor
    for name, value in vars(testing).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == testing.__name__:
            yield inspect.unwrap(value)


def documented_paths(value: object) -> Iterator[str]:
    """The path of a class or function, and those of a class's own public members."""
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
    """Whether the parameters are another class's, as an exception's often are."""
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
