"""The README and the documentation are true: their code runs, and their commands print the output below them."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

RunDocument = Callable[[str], list[str]]


def fenced(language: str, *lines: str) -> str:
    return "\n".join([f"```{language}", *lines, "```", ""])


def ports(text: str) -> set[str]:
    """Return the ports on which the sandboxes of a document listen."""
    return set(re.findall(r"\bport=(\d+)", text))


def test_document_shows_the_real_output(document: Path, run_document: RunDocument) -> None:
    """Every Python block of a document runs, and every command prints the output below it."""
    found = run_document(document.read_text(encoding="utf-8"))

    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", ["python", "console"])
def test_documents_show_code_and_commands(project: Path, language: str) -> None:
    """The documents have code and commands, without which the test above would pass."""
    for path in ("README.md", "docs/command-line.md"):
        assert f"\n```{language}\n" in (project / path).read_text(encoding="utf-8")


def test_documents_have_ports_of_their_own(documents: list[Path]) -> None:
    """Documents run at the same time, so each uses ports of its own."""
    used = Counter(port for path in documents for port in ports(path.read_text(encoding="utf-8")))

    assert len(used) > 1
    assert set(used.values()) == {1}


def test_readme_is_short(project: Path) -> None:
    """A newcomer reads the README in minutes: it has at most 250 lines, and the rest is in docs/."""
    assert len((project / "README.md").read_text(encoding="utf-8").splitlines()) <= 250


def test_document_passes_when_it_is_true(run_document: RunDocument) -> None:
    """Names and files stay from block to block, and three dots match any text."""
    document = (
        fenced("python", "from pathlib import Path", "size = Path('a.txt').write_text('one\\ntwo 0.31 s\\n')")
        + fenced("console", "$ cat a.txt", "one", "two ... s", "$ python -c \\", "    'print(7)'", "7")
        + fenced("python", ">>> size", "15", ">>> double = 2 * size")
        + fenced("python", "assert double == 30")
    )

    assert run_document(document) == []


def test_document_fails_when_a_command_prints_something_else(run_document: RunDocument) -> None:
    """The fault shows the command, the document's output and the real one."""
    document = "# Title\n\n" + fenced("console", "$ python -c 'print(7)'", "8")

    assert run_document(document) == ["line 4: $ python -c 'print(7)'\nexpected:\n8\ngot:\n7\n"]


def test_document_fails_when_a_command_prints_on_standard_error(run_document: RunDocument) -> None:
    """A terminal shows both streams, so both are compared."""
    document = fenced("console", "$ python -c 'import sys; print(7, file=sys.stderr)'")

    assert run_document(document) == [
        "line 2: $ python -c 'import sys; print(7, file=sys.stderr)'\nexpected:\ngot:\n7\n"
    ]


def test_document_fails_when_an_example_prints_something_else(run_document: RunDocument) -> None:
    """Output in a Python block is compared as in a docstring."""
    (fault,) = run_document(fenced("python", ">>> 1 + 1", "3"))

    assert fault.endswith("Failed example:\n    1 + 1\nExpected:\n    3\nGot:\n    2\n")


def test_document_fails_when_code_raises(run_document: RunDocument) -> None:
    """An exception in a Python block reaches the test, with the document's line in its traceback."""
    with pytest.raises(ZeroDivisionError) as raised:
        run_document("Text\n\n" + fenced("python", "1 / 0"))

    assert raised.traceback[-1].lineno == 3


def test_document_fails_when_a_command_is_not_known(run_document: RunDocument) -> None:
    """A comment must give the reason if a command is not run."""
    assert run_document(fenced("console", "$ make demo")) == [
        "line 2: 'make demo' is not run by the tests: say <!-- not run: reason --> above its block"
    ]


def test_document_fails_when_a_console_block_has_no_command(run_document: RunDocument) -> None:
    """A console block without a command is a fault, since its output would never be compared."""
    assert run_document(fenced("console", "hello")) == ["line 2: a console block starts with a command, after '$ '"]


def test_document_leaves_out_a_block_when_it_gives_the_reason(run_document: RunDocument) -> None:
    """A comment above a block gives the reason why the tests do not run it."""
    document = "<!-- not run: needs a workspace -->\n" + fenced("python", "1 / 0")

    assert run_document(document) == []


def test_document_runs_a_block_when_no_reason_is_given(run_document: RunDocument) -> None:
    """A comment without a reason skips no block."""
    with pytest.raises(ZeroDivisionError):
        run_document("<!-- not run -->\n" + fenced("python", "1 / 0"))


def test_document_exports_variables_to_later_commands(run_document: RunDocument) -> None:
    """A document's exports hold in its later commands, as in the reader's shell."""
    command = "python -c 'import os; print(os.environ[\"COLOR\"])'"
    document = fenced("console", "$ export COLOR=red", f"$ {command}", "red")

    assert run_document(document) == []
