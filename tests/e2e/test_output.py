"""Output: narrow encodings, closed readers and full disks do not change a command's exit code."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from events_pandas.cli import main

COMMAND = (sys.executable, "-m", "events_pandas")
CHECK = (*COMMAND, "check", "orders.csv", "-m", "mapping.toml")
LOST = b"note: some output is lost: No space left on device\n"


@pytest.fixture
def run(folder):
    """Run a command in the folder, which has a file with an invalid row."""
    (folder / "orders.csv").write_text("who,day\n1,2024-01-31\n2,nevér ☃\n", encoding="utf-8")

    def run(command=CHECK, *, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **variables):
        environment = {**os.environ, **variables}
        return subprocess.run(command, cwd=folder, env=environment, check=False, stdout=stdout, stderr=stderr)

    return run


@pytest.fixture
def run_here(run, monkeypatch):  # noqa: ARG001  # It makes the folder and its files.
    """Run a command in this process with a file and an encoding for one stream; return its exit code and the bytes."""

    def run_here(*arguments, stream, file, encoding="utf-8"):
        with io.TextIOWrapper(file, encoding=encoding) as text, monkeypatch.context() as patch:
            patch.setattr(sys, stream, text)
            patch.setattr(sys, "argv", ["events-pandas", *arguments])
            with pytest.raises(SystemExit) as caught:
                main()
            file.flush()
            written = file.getvalue() if isinstance(file, io.BytesIO) else None
        return caught.value.code, written

    return run_here


@pytest.mark.parametrize(("encoding", "shown"), [("cp1252", b"'nev\xe9r \\u2603'"), ("ascii", b"'nev\\xe9r \\u2603'")])
def test_report_that_the_encoding_lacks_is_printed_with_escapes(run_here, encoding, shown):
    """The exit code is that of the rows, and the report has escapes for missing characters."""
    code, written = run_here(*CHECK[3:], stream="stdout", file=io.BytesIO(), encoding=encoding)

    assert code == 1
    assert b"created_at: " + shown in written


def test_report_that_the_locale_lacks_is_printed_with_escapes(run):
    """The report has escapes for missing characters if the locale sets the encoding of the streams."""
    done = run(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")

    assert (done.stderr, done.returncode) == (b"", 1)
    assert b"created_at: 'nev\\xe9r \\u2603'" in done.stdout


def test_error_that_the_encoding_lacks_is_printed_with_escapes(run_here):
    """Missing characters in a file's name are escaped too."""
    arguments = ("check", "☃\x1b[2J.csv", "-m", "mapping.toml")

    assert run_here(*arguments, stream="stderr", file=io.BytesIO(), encoding="ascii") == (
        2,
        b"error: \\u2603\\u001b[2J.csv: there is no such file\n",
    )


def test_full_disk_under_the_output_is_reported_and_changes_no_exit_code(run):
    """If the disk is full, the command prints that its output is lost, and the exit code is that of the rows."""
    with Path("/dev/full").open("wb") as full:
        done = run(stdout=full)

    assert (done.stderr, done.returncode) == (LOST, 1)


def test_full_disk_under_a_document_is_reported_and_changes_no_exit_code(run):
    """A document that cannot be printed does not undo a run."""
    with Path("/dev/full").open("wb") as full:
        done = run([*CHECK, "--json"], stdout=full)

    assert done.stderr.splitlines()[-1] == b"error: the document cannot be printed: No space left on device"
    assert done.returncode == 1


def test_reader_that_goes_away_changes_nothing(run):
    """If the reader of the output is closed, as `head -1` is, the exit code is that of the rows."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run(stdout=writer)
    os.close(writer)

    assert (done.stderr, done.returncode) == (b"", 1)


def test_output_that_is_closed_changes_nothing(run):
    """If the streams are closed, as some cron jobs have them, the exit code is that of the rows."""
    done = run(("sh", "-c", 'exec "$@" >&- 2>&-', "sh", *CHECK))

    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "stream", "printed"),
    [(("--help",), "stdout", "error: No space left on device\n"), (("nonsense",), "stderr", "")],
)
def test_help_that_cannot_be_printed_is_not_a_traceback(run_here, capsys, arguments, stream, printed):
    """Help that cannot be printed ends with one line and exit code 2."""
    code, _ = run_here(*arguments, stream=stream, file=io.FileIO("/dev/full", "w"))

    assert (code, capsys.readouterr().err) == (2, printed)


def test_file_never_takes_the_place_of_a_closed_stream(run):
    """A closed stream's number goes to no other file, since a library's messages would be written into it."""
    script = (
        "import sys; from events_pandas.cli.output import prepare_streams; prepare_streams(); f = open(sys.argv[1]);"
    )
    script += " sys.exit(f.fileno() > 2)"

    done = run(("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", script, "orders.csv"))

    assert done.returncode == 1


def test_suggested_mapping_that_cannot_be_written_is_an_error(run_here, folder, capsys):
    """The exit code is 2 if the suggested mapping, the command's only output, cannot be written."""
    (folder / "days.csv").write_text("customer_id,day\n00042,2024-01-31\n")

    code, _ = run_here("suggest", "days.csv", stream="stdout", file=io.FileIO("/dev/full", "w"))

    assert (code, capsys.readouterr().err) == (2, "error: the mapping cannot be printed: No space left on device\n")
