"""Fixtures of several contract tests: the project's folder, its pyproject.toml, and a runner of documents."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BLOCK = re.compile(
    r"^(?P<skip><!-- not run: [^\n]+ -->\n+)?```(?P<language>python|console)\n(?P<text>.*?)^```$",
    flags=re.DOTALL | re.MULTILINE,
)
# A backslash at the end of a line continues a command; output continues until the next prompt.
COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", flags=re.MULTILINE)
PROGRAMS = {"cat", "events-pandas", "python"}
TIMEOUT_SECONDS = 120
SPARK_OPTIONS = "--master local[2] --conf spark.ui.enabled=false --conf spark.log.level=ERROR pyspark-shell"
PROJECT = Path(__file__).parents[2]
DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A fenced block of a document that the tests run, with the number of its first line."""

    language: str
    text: str
    line: int


def blocks(document: str) -> Iterator[Block]:
    for match in BLOCK.finditer(document):
        if match["skip"] is None:
            line = document.count("\n", 0, match.start("text")) + 1
            yield Block(language=match["language"], text=match["text"], line=line)


def python_faults(block: Block, *, names: dict[str, Any]) -> list[str]:
    if not block.text.startswith(">>> "):
        # Blank lines before the code make a traceback show the document's line numbers.
        exec(compile("\n" * (block.line - 1) + block.text, "<document>", "exec"), names)
        return []
    examples = doctest.DocTestParser().get_examples(block.text)
    faults: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    test = doctest.DocTest(examples, names, f"line {block.line}", None, block.line - 1, block.text)
    test.globs = names  # DocTest works on a copy, but a later block may use these names
    runner.run(test, out=faults.append, clear_globs=False)
    return faults


def console_faults(block: Block) -> list[str]:
    if not block.text.startswith("$ "):
        return [f"line {block.line}: a console block starts with a command, after '$ '"]
    return [
        fault
        for match in COMMAND.finditer(block.text)
        for fault in command_faults(match["command"], expected=match["output"], line=block.line)
    ]


def command_faults(command: str, *, expected: str, line: int) -> list[str]:
    program, *arguments = shlex.split(command)
    if program == "export":
        os.environ.update(argument.split("=", 1) for argument in arguments)
        return []
    if program not in PROGRAMS:
        return [f"line {line}: {command!r} is not run by the tests: say <!-- not run: reason --> above its block"]
    # Through the shell, as in the reader's terminal.
    process = subprocess.run(
        command,
        check=False,
        shell=True,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    got = re.sub(r"[ \t]+$", "", process.stdout, flags=re.MULTILINE)
    if doctest.OutputChecker().check_output(expected, got, doctest.ELLIPSIS):
        return []
    return [f"line {line}: $ {command}\nexpected:\n{expected}got:\n{got}"]


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, which is also the home, and an environment without a workspace."""
    before = dict(os.environ)
    for variable in [name for name in os.environ if name.startswith("INTERCOM_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    # The JVM of an earlier test has another search path.
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", SPARK_OPTIONS)
    search_path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for variable, value in {"PATH": search_path, "HOME": str(tmp_path), "COLUMNS": "100", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    # A document may export variables.
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def run_document(own_folder: Path) -> Callable[[str], list[str]]:  # noqa: ARG001  # The commands run there.
    """Run the blocks of a document in order, in an empty folder with one set of names; return the differences."""

    def run(document: str) -> list[str]:
        names: dict[str, Any] = {"__name__": "__main__"}
        return [
            fault
            for block in blocks(document)
            for fault in (python_faults(block, names=names) if block.language == "python" else console_faults(block))
        ]

    return run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for the README, and one for each page of the documentation."""
    if "document" in metafunc.fixturenames:
        cases = [
            pytest.param(path, id=str(path.relative_to(PROJECT)), marks=document_marks(path)) for path in DOCUMENTS
        ]
        metafunc.parametrize("document", cases)


def document_marks(path: Path) -> list[pytest.MarkDecorator]:
    """Return the marks of a document's test: a page that shows PySpark needs it.

    The pages show what the tests of their subjects show on every version; only the README is run on the oldest, too.
    """
    marks = [pytest.mark.slow] if path.parent != PROJECT else []
    shows_spark = "\nfrom pyspark" in path.read_text(encoding="utf-8")
    return [*marks, pytest.mark.engines, pytest.mark.spark] if shows_spark else marks


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of pyproject.toml."""
    return PROJECT


@pytest.fixture(scope="session")
def documents() -> list[Path]:
    """The README and the pages of the documentation."""
    return DOCUMENTS


@pytest.fixture(scope="session")
def pyproject(project: Path) -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((project / "pyproject.toml").read_text())
