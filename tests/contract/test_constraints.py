"""The oldest supported versions: `make test-oldest` runs on the versions that pyproject.toml promises."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

# Pinned for another package: these are not our dependencies, and have no lower bound here.
INDIRECT = {"click", "pyparsing"}


def versions(lines: Iterable[str], *, operator: str) -> dict[str, Version]:
    requirements = [Requirement(line) for line in lines]
    return {
        requirement.name: Version(specifier.version)
        for requirement in requirements
        for specifier in requirement.specifier
        if specifier.operator == operator
    }


@pytest.fixture
def dependencies(pyproject: dict[str, Any]) -> list[str]:
    """The requirements of the package and of the extras for its users, and PySpark, which a cluster brings."""
    table = pyproject["project"]
    extras = table["optional-dependencies"]
    own = ("dask", "excel", "notebook", "plot", "remote", "sandbox")
    spark = [each for each in extras["test-engines"] if Requirement(each).name == "pyspark"]
    return [*table["dependencies"], *itertools.chain.from_iterable(extras[name] for name in own), *spark]


def test_oldest_constraints_are_the_lower_bounds(project: Path, dependencies: list[str]) -> None:
    """The oldest tests run on exactly the promised lower bounds."""
    lines = (project / "tests" / "constraints-oldest.txt").read_text().splitlines()

    pinned = versions((line for line in lines if line and not line.startswith("#")), operator="==")

    lower_bounds = versions(dependencies, operator=">=")
    assert {name: version for name, version in pinned.items() if name not in INDIRECT} == lower_bounds


def test_every_dependency_has_a_lower_bound(dependencies: list[str]) -> None:
    """Each dependency has a lower bound, since without one its oldest version would not be tested."""
    lower_bounds = versions(dependencies, operator=">=")

    assert lower_bounds.keys() == {Requirement(dependency).name for dependency in dependencies}


def test_supported_pythons_are_classified(pyproject: dict[str, Any]) -> None:
    """The oldest classified Python is the required one."""
    prefix = "Programming Language :: Python :: "
    classified = [line.removeprefix(prefix) for line in pyproject["project"]["classifiers"] if line.startswith(prefix)]

    assert pyproject["project"]["requires-python"] == f">={min(classified, key=Version)}"
