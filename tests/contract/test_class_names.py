"""One name, one idea: the classes of the package have different names."""

import ast
from collections import defaultdict
from pathlib import Path


def shared_names(folder: Path) -> dict[str, list[str]]:
    """The names of several classes below a folder, each with its files."""
    files = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                files[node.name.strip("_")].append(str(path.relative_to(folder)))
    return {name: paths for name, paths in files.items() if len(paths) > 1}


def test_no_two_classes_share_a_name(project: Path) -> None:
    """A class name means one thing in the whole package, also in private classes and in the sandbox."""
    assert shared_names(project / "events_pandas") == {}


def test_shared_name_is_found(tmp_path: Path) -> None:
    """The check reports a name of two classes with both files."""
    (tmp_path / "one.py").write_text("class Row:\n    pass\n\nclass Cell:\n    pass\n")
    (tmp_path / "other.py").write_text("def made():\n    class Row:\n        pass\n")

    assert shared_names(tmp_path) == {"Row": ["one.py", "other.py"]}
