"""Where output goes: narrow encodings, readers that go away and full disks never change how a command ends."""

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
    """Run a command in this process, with a file and an encoding for one of its streams; return its exit code."""

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
    """The exit code is that of the rows."""
    code, written = run_here(*CHECK[3:], stream="stdout", file=io.BytesIO(), encoding=encoding)

    assert code == 1
    assert b"created_at: " + shown in written


def test_report_that_the_locale_lacks_is_printed_with_escapes(run):
    """Where Python chooses the encoding of its streams by a locale."""
    done = run(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")

    assert (done.stderr, done.returncode) == (b"", 1)
    assert b"created_at: 'nev\\xe9r \\u2603'" in done.stdout


def test_error_that_the_encoding_lacks_is_printed_with_escapes(run_here):
    """A file's name is a stranger's, too."""
    arguments = ("check", "☃\x1b[2J.csv", "-m", "mapping.toml")

    assert run_here(*arguments, stream="stderr", file=io.BytesIO(), encoding="ascii") == (
        2,
        b"error: \\u2603\\u001b[2J.csv: there is no such file\n",
    )


def test_full_disk_behind_the_output_is_told_and_changes_nothing(run):
    """The exit code is that of the rows."""
    with Path("/dev/full").open("wb") as full:
        done = run(stdout=full)

    assert (done.stderr, done.returncode) == (LOST, 1)


def test_reader_that_goes_away_changes_nothing(run):
    """As in `events-pandas check … | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run(stdout=writer)
    os.close(writer)

    assert (done.stderr, done.returncode) == (b"", 1)


def test_output_that_is_closed_changes_nothing(run):
    """Cron jobs have been started so."""
    done = run(("sh", "-c", 'exec "$@" >&- 2>&-', "sh", *CHECK))

    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "stream", "said"),
    [(("--help",), "stdout", "error: No space left on device\n"), (("nonsense",), "stderr", "")],
)
def test_help_that_cannot_be_printed_is_no_traceback(run_here, capsys, arguments, stream, said):
    """It ends as other usage does that comes to nothing."""
    code, _ = run_here(*arguments, stream=stream, file=io.FileIO("/dev/full", "w"))

    assert (code, capsys.readouterr().err) == (2, said)


def test_file_never_takes_the_place_of_a_closed_stream(run):
    """What a library writes to standard error would be written into it."""
    script = (
        "import sys; from events_pandas.cli.output import prepare_streams; prepare_streams(); f = open(sys.argv[1]);"
    )
    script += " sys.exit(f.fileno() > 2)"

    done = run(("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", script, "orders.csv"))

    assert done.returncode == 1


def test_suggested_mapping_that_cannot_be_written_is_an_error(run_here, folder, capsys):
    """It is all that the command is for."""
    (folder / "days.csv").write_text("customer_id,day\n00042,2024-01-31\n")

    code, _ = run_here("suggest", "days.csv", stream="stdout", file=io.FileIO("/dev/full", "w"))

    assert (code, capsys.readouterr().err) == (2, "error: the mapping cannot be printed: No space left on device\n")
