"""Every link of the README, the documentation and the notebooks leads to an existing file in the sdist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FENCE = re.compile(r"^```.*?^```$", flags=re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (?P<heading>.+)$", flags=re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)|^\[[^\]]+\]: (?P<named>\S+)$", flags=re.MULTILINE)
PLACES = ("*.md", "docs/*.md", "notebooks/*.ipynb", "events_pandas/samples/*.md")


def prose(path: Path) -> str:
    """Return a document without its code, or the prose of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return FENCE.sub("", text)


def links(path: Path) -> Iterator[str]:
    """Walk over a document's links to another file, or to another place in the same file."""
    for match in LINK.finditer(prose(path)):
        target = match["target"] or match["named"]
        if "://" not in target:
            yield target


def anchors(path: Path) -> list[str]:
    """Return the anchors of a document's headings, as code hosts make them."""
    headings = [match["heading"].lower() for match in HEADING.finditer(prose(path))]
    return [re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings]


def broken_links(path: Path) -> list[str]:
    """Return the broken links of a document."""
    found = []
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def documents(project: Path) -> list[Path]:
    return [path for place in PLACES for path in sorted(project.glob(place))]


def test_links_lead_somewhere(project: Path) -> None:
    """Every link leads to an existing file and an existing heading."""
    broken = {str(path.relative_to(project)): broken_links(path) for path in documents(project)}

    assert {path: found for path, found in broken.items() if found} == {}


def test_links_lead_to_files_in_the_sdist(project: Path, pyproject: dict[str, Any]) -> None:
    """The sdist has every file that a document links to."""
    included = pyproject["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    targets = {(path.parent / link.partition("#")[0]).resolve() for path in documents(project) for link in links(path)}

    assert "docs" in {target.relative_to(project).parts[0] for target in targets}
    assert {target.relative_to(project).parts[0] for target in targets} <= set(included)


@pytest.mark.parametrize("index", ["README.md", "docs/README.md"])
def test_index_names_every_page(project: Path, index: str) -> None:
    """The README and the index of the documentation link to each page."""
    path = project / index
    linked = {(path.parent / link.partition("#")[0]).resolve() for link in links(path)}

    assert {page for page in (project / "docs").glob("*.md") if page.name != "README.md"} - linked == set()


def test_page_begins_with_a_summary(project: Path) -> None:
    """A page of the documentation has a title, and then one sentence on a line of its own."""
    begins = re.compile(r"# [^\n]+\n\n(?:How|What|Where) [^\n]+\.\n\n")
    pages = list((project / "docs").glob("*.md"))

    assert len(pages) > 1
    assert [page.name for page in pages if not begins.match(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](#two-words)\n\n## Two `words`!\n", []),
        ("[a](page.md)", []),
        ("[a](page.md#there)", []),
        ("[a](https://example.org/nowhere)", []),
        ("```text\n[a](nowhere.md)\n```\n", []),
        ("[a](nowhere.md)", ["nowhere.md"]),
        ("[a](page.md#nowhere)", ["page.md#nowhere"]),
        ("[a](#nowhere)", ["#nowhere"]),
        ("[a]\n\n[a]: nowhere.md\n", ["nowhere.md"]),
    ],
)
def test_broken_link_is_found(tmp_path: Path, text: str, broken: list[str]) -> None:
    """A missing file or heading is a broken link; links to other hosts are not checked."""
    (tmp_path / "page.md").write_text("# There\n", encoding="utf-8")
    document = tmp_path / "document.md"
    document.write_text(text, encoding="utf-8")

    assert broken_links(document) == broken
