"""What a command prints, on streams that cannot hold it, or take no more."""

import io
import os
import sys
import tomllib

import pytest

from events_pandas import SourceError
from events_pandas.cli.output import prepare_streams, say, settle_streams, write_document


@pytest.fixture
def make_stream(monkeypatch):
    """Make standard output or standard error write to a file with an encoding."""
    opened = []

    def make_stream(file, *, name="stdout", encoding="utf-8"):
        opened.append(io.TextIOWrapper(file, encoding=encoding))
        monkeypatch.setattr(sys, name, opened[-1])
        return opened[-1]

    yield make_stream
    for stream in opened:
        # Also after a full disk: lost text is not written again.
        stream.close()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "é ☃\n".encode()),
        ("cp1252", b"\xe9 \\u2603\n"),
        ("cp437", b"\x82 \\u2603\n"),
        ("ascii", b"\\xe9 \\u2603\n"),
    ],
)
@pytest.mark.parametrize("is_error", [False, True])
def test_what_an_encoding_lacks_is_an_escape(make_stream, encoding, shown, is_error):
    """Both streams print everything in every locale."""
    file = io.BytesIO()
    make_stream(file, name="stderr" if is_error else "stdout", encoding=encoding)
    prepare_streams()

    say("é ☃", is_error=is_error)

    assert file.getvalue() == shown


def test_quoted_text_does_nothing_to_a_terminal(capsys):
    """Quoted text is escaped; the lines of the message stay."""
    say("2 rows\n  \x1b[2J\u202e")

    assert capsys.readouterr().out == "2 rows\n  \\u001b[2J\\u202e\n"


def test_full_disk_loses_the_text_and_nothing_else(make_stream, capsys):
    """The loss is noted once if possible, and closing the stream raises nothing that would become the exit code."""
    stream = make_stream(io.FileIO("/dev/full", "w"))

    say("2 rows")
    say("results: r.csv")
    settle_streams()
    stream.close()

    assert capsys.readouterr().err == "note: some output is lost: No space left on device\n"


def test_reader_that_has_gone_loses_the_text_without_a_word(make_stream, capsys):
    """A reader such as `head` had all that it wanted."""
    reader, writer = os.pipe()
    stream = make_stream(os.fdopen(writer, "wb"))
    os.close(reader)

    say("2 rows")
    say("results: r.csv")
    stream.close()

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_stream_that_is_missing_takes_nothing(monkeypatch, name):
    """A program without a console has no streams; an existing stream gets its own text only."""
    other = io.StringIO()
    monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(sys, "stderr" if name == "stdout" else "stdout", other)
    prepare_streams()

    say("2 rows")
    say("error: it failed", is_error=True)
    write_document("a = 1\n")
    settle_streams()

    assert other.getvalue() == ("error: it failed\n" if name == "stdout" else "2 rows\na = 1\n")


def test_stream_that_is_closed_changes_nothing(make_stream):
    """A closed standard error is not an error, and its text goes nowhere else."""
    other = io.BytesIO()
    make_stream(other)
    make_stream(io.BytesIO(), name="stderr").close()

    say("error: it failed", is_error=True)
    settle_streams()

    assert other.getvalue() == b""


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "cp437"])
def test_toml_is_utf8_with_any_encoding(make_stream, encoding):
    """A redirected mapping can be read."""
    file = io.BytesIO()
    make_stream(file, encoding=encoding)
    prepare_streams()

    write_document('"naïve" = "☃ 😀"  # é\n')

    assert tomllib.loads(file.getvalue().decode()) == {"naïve": "☃ 😀"}


def test_toml_that_cannot_be_written_is_an_error(make_stream):
    """Half a mapping is useless."""
    make_stream(io.FileIO("/dev/full", "w"))

    with pytest.raises(SourceError, match="the mapping cannot be printed: No space left on device"):
        write_document("a = 1\n", what="the mapping")
