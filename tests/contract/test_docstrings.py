"""The docstrings of all that has a public name, in every module, judged by numpydoc as help() shows them."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from numpydoc.hooks.validate_docstrings import parse_config
from numpydoc.validate import validate

import events_pandas as ep

DOCUMENTED_KINDS = {"method", "class method", "static method", "property"}


def modules() -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(ep.__path__, prefix="events_pandas."):
        if not module.name.endswith(".__main__"):
            yield importlib.import_module(module.name)


def documented_objects(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        is_own = getattr(value, "__module__", None) == module.__name__
        if is_own and (inspect.isclass(value) or inspect.isroutine(inspect.unwrap(value))):
            yield f"{module.__name__}.{name}"
            if inspect.isclass(value):
                yield from (f"{module.__name__}.{name}.{member}" for member in own_members(value))


def own_members(value: type) -> Iterator[str]:
    for member in inspect.classify_class_attrs(value):
        if member.kind in DOCUMENTED_KINDS and member.defining_class is value:
            yield member.name


# What `exclude` matches has a private name, or its docstring is for another reader than help().
CONFIG = parse_config(Path(__file__).parents[2])
PATHS = [path for module in modules() for path in documented_objects(module) if not re.search(CONFIG["exclude"], path)]


def faults(path: str) -> list[str]:
    checks = CONFIG["checks"] - {"PR01"} if has_no_constructor_of_its_own(path) else CONFIG["checks"]
    return [f"{code} {message}" for code, message in validate(path)["errors"] if code in checks]


def has_no_constructor_of_its_own(path: str) -> bool:
    """Whether the parameters are another class's, as an exception's often are, or typing's, as a protocol's are."""
    value = pkgutil.resolve_name(path)
    return inspect.isclass(value) and ("__init__" not in vars(value) or vars(value).get("_is_protocol", False))


@pytest.mark.parametrize("path", PATHS)
def test_docstring_follows_numpydoc(path: str) -> None:
    """Every class, function, method and property with a public name has a docstring after numpydoc's standard."""
    assert faults(path) == []


@pytest.mark.parametrize("name", ep.__all__)
def test_docstring_of_a_public_name_is_judged(name: str) -> None:
    """Nothing that users import escapes."""
    value = getattr(ep, name)

    assert f"{value.__module__}.{value.__qualname__}" in PATHS


def test_docstring_check_finds_faults() -> None:
    """The check can fail: the standard library does not follow numpydoc."""
    found = {fault.split()[0] for fault in faults("json.dumps")}

    assert {"PR01", "RT01"} <= found
