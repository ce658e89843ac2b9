"""Every Python file begins with a line about its content."""

from pathlib import Path

import pytest

FOLDERS = ("events_pandas", "tests")


def lacks_its_first_line(path: Path) -> bool:
    first_line = path.read_text().partition("\n")[0]
    return not (first_line.startswith('"""') and first_line.rstrip('"').endswith((".", "?", ":")))


def test_every_file_begins_with_a_docstring(project: Path) -> None:
    """The first line of a file is the summary of its docstring, a sentence."""
    paths = [path for folder in FOLDERS for path in (project / folder).rglob("*.py")]

    assert len(paths) > len(FOLDERS)
    assert [str(path.relative_to(project)) for path in paths if lacks_its_first_line(path)] == []


def test_development_page_has_a_line_for_every_folder(project: Path) -> None:
    """The development page has a line for each folder of the package."""
    page = (project / "docs" / "development.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (project / "events_pandas").glob("*/*") if path.is_file()}

    assert folders
    assert [folder for folder in sorted(folders - {"__pycache__"}) if f"| `{folder}/` |" not in page] == []


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ('"""What lives here."""\n', False),
        ('"""What lives here.\n\nMore.\n"""\n', False),
        ('"""\nWhat lives here.\n"""\n', True),
        ("import json\n", True),
        ("", True),
    ],
)
def test_first_line_is_judged(tmp_path: Path, text: str, *, lacks: bool) -> None:
    """The check finds a file that begins with anything but a summary."""
    path = tmp_path / "module.py"
    path.write_text(text)

    assert lacks_its_first_line(path) is lacks
