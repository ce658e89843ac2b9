"""The contracts of imports in pyproject.toml know every room."""

import tomllib
from pathlib import Path

import pytest

# Modules that both sides may import: facts, words and settings.
SHARED = {"currencies", "filesystem", "forking", "intercom", "loopback", "sandbox_settings", "words"}
KNOW_THE_SANDBOX = {"__main__", "cli", "names", "testing"}


@pytest.fixture
def contracts(project: Path) -> list[dict]:
    """Return the contracts of import-linter."""
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["importlinter"]["contracts"]


def rooms_in(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir() if (path / "__init__.py").exists() or path.suffix == ".py"} - {
        "__init__"
    }


def forbidden_lists(contracts: list[dict], key: str) -> list[set[str]]:
    return [
        {name.removeprefix("events_pandas.") for name in contract[key]}
        for contract in contracts
        if contract["type"] == "forbidden"
    ]


def test_every_room_has_an_exhaustive_contract(project: Path, contracts: list[dict]) -> None:
    """A new module in any room has to be given its place."""
    held = {container for contract in contracts if contract.get("exhaustive") for container in contract["containers"]}
    package = project / "events_pandas"
    several = {
        ".".join(path.parent.relative_to(project).parts)
        for path in package.rglob("__init__.py")
        if len(rooms_in(path.parent)) > 1
    }

    assert held == several


def test_contracts_about_the_sandbox_name_every_room(project: Path, contracts: list[dict]) -> None:
    """A new room may neither use the sandbox nor be used by it, unless the contract is changed."""
    rooms = rooms_in(project / "events_pandas") - {"sandbox"}

    assert forbidden_lists(contracts, "forbidden_modules") == [rooms - SHARED - KNOW_THE_SANDBOX | {"cli"}, {"sandbox"}]
    assert forbidden_lists(contracts, "source_modules") == [{"sandbox"}, rooms - KNOW_THE_SANDBOX]
