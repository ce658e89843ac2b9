"""The exit code of each error, and the words of its line."""

import json

import pandas as pd
import pytest
import typer

from events_pandas import (
    AuthenticationError,
    CredentialsError,
    InvalidRowsError,
    MappingError,
    OutageError,
    SourceError,
    SubmissionError,
)
from events_pandas.cli.endings import ExitCode, exit_code_of, exit_codes, named_by_options
from events_pandas.cli.printout import Printout
from events_pandas.cli.submission import submitted

NONE = pd.DataFrame()
PROBLEMS = pd.DataFrame({"row": [0], "field": ["user_id"], "code": ["identifier_missing"], "severity": ["error"]})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MappingError(["a"]), ExitCode.NOTHING_SENT),
        (SourceError("a"), ExitCode.NOTHING_SENT),
        (CredentialsError("a"), ExitCode.NOTHING_SENT),
        (AuthenticationError("a", results=NONE), ExitCode.NOTHING_SENT),
        (OSError(2, "a"), ExitCode.NOTHING_SENT),
        (ImportError("a"), ExitCode.NOTHING_SENT),
        (ValueError("a"), ExitCode.NOTHING_SENT),
        (InvalidRowsError(PROBLEMS), ExitCode.ROWS_LEFT),
        (OutageError("a", results=NONE), ExitCode.ENDED_EARLY),
        (SubmissionError("a", results=NONE), ExitCode.ENDED_EARLY),
    ],
)
def test_exit_code_follows_from_the_error(error, code):
    """After an event went out every error means that the run ended early."""
    assert exit_code_of(error, has_sent=False) is code
    assert exit_code_of(error, has_sent=True) is ExitCode.ENDED_EARLY


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(98, "Address in use"), "Address in use"),
        (FileNotFoundError(2, "No such file", "a\n.csv"), "a\\n.csv: No such file"),
        (OSError("without a number"), "without a number"),
    ],
)
def test_error_of_the_system_has_no_number(capsys, error, line):
    """Errno 98 says nothing to an analyst."""
    with pytest.raises(typer.Exit) as caught, exit_codes():
        raise error

    assert (capsys.readouterr().err, caught.value.exit_code) == (f"error: {line}\n", 2)


def test_end_of_input_at_a_question_is_an_interrupt(capsys):
    """Ctrl-D answers no question."""
    with pytest.raises(typer.Exit) as caught, exit_codes():
        raise typer.Abort

    assert (capsys.readouterr().err, caught.value.exit_code) == ("interrupted\n", 130)


@pytest.mark.parametrize(
    ("known", "line"),
    [
        ({}, "interrupted: nothing was sent\n"),
        ({"has_sent": True}, "interrupted: events were sent\n"),
        ({"has_sent": True, "facts": {"statuses": {"accepted": 262}}}, "interrupted: 262 events accepted\n"),
    ],
)
def test_interrupt_of_submit_says_what_was_sent(capsys, known, line):
    """An interrupt outside of the run has no words of its own."""
    with pytest.raises(typer.Exit), exit_codes(Printout(command="submit", **known)):
        raise KeyboardInterrupt

    assert capsys.readouterr().err == line


class LeftRun:
    """A run that its caller leaves by a third interrupt."""

    def __init__(self, *, has_begun):
        self.has_begun = has_begun

    def submit(self, **_):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("has_begun", "line"),
    [
        (False, "interrupted: nothing was sent\n"),
        (
            True,
            (
                "interrupted: the run was left before its end, and events may have been sent: submit all rows again; "
                "the journal skips the accepted ones, and without a journal Intercom ignores repeats\n"
            ),
        ),
    ],
)
def test_interrupt_that_leaves_a_run_says_that_events_may_have_been_sent(capsys, has_begun, line):
    """Its results are not known: only a run without a thread has sent nothing."""
    printout = Printout(command="submit")

    with pytest.raises(typer.Exit), exit_codes(printout):
        submitted(printout, LeftRun(has_begun=has_begun))

    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("rate_share: is wrong", "--rate-share: is wrong"),
        ("rate_share must be a share", "--rate-share must be a share"),
        ("no region 'moon'", "no region 'moon'"),
    ],
)
def test_error_that_begins_with_an_argument_begins_with_its_option(message, shown):
    """A user of the command line does not know the arguments of Python."""
    with pytest.raises(ValueError, match=r"a|region") as caught, named_by_options({"rate_share": "--rate-share"}):
        raise ValueError(message)

    assert str(caught.value) == shown


def test_document_is_printed_once_and_has_the_errors(capsys):
    """A document that was printed at the start is not printed again at the end."""
    printout = Printout(command="check", as_json=True, facts={"rows": None})
    printout.say("for people")
    printout.fail("it failed")
    printout.add(rows=3)

    printout.close(2)
    printout.close(0)

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"command": "check", "exit_code": 2, "errors": ["it failed"], "rows": 3}
    assert shown.err == "for people\nerror: it failed\n"


def test_document_is_printed_in_ascii(capsys):
    """Any terminal and any pipe takes it, and no text in it acts on a terminal."""
    printout = Printout(command="check", as_json=True)
    printout.add(value="é\u202e\x1b[2J")

    printout.close(0)

    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text)["value"] == "é\u202e\x1b[2J"


@pytest.mark.parametrize(("has_sent", "code"), [(False, 2), (True, 3)])
def test_unexpected_error_is_one_line_and_a_document(capsys, has_sent, code):
    """The line has what a report needs, and not the text of the error, which may quote a row."""
    printout = Printout(command="submit", as_json=True, has_sent=has_sent)

    with pytest.raises(typer.Exit) as caught, exit_codes(printout):
        raise KeyError("ada@example.org")
    printout.close(caught.value.exit_code)

    shown = capsys.readouterr()
    assert shown.err.startswith("error: unexpected KeyError in events_pandas/cli/endings.py:")
    assert shown.err.endswith(": report this line; EVENTS_PANDAS_DEBUG=1 prints the traceback, which may show rows\n")
    assert json.loads(shown.out) == {
        "command": "submit",
        "exit_code": code,
        "errors": [shown.err.removeprefix("error: ").rstrip()],
    }


def test_unexpected_error_has_its_traceback_on_request(capsys, monkeypatch):
    """Who looks for a fault of the program sees where it came from."""
    monkeypatch.setenv("EVENTS_PANDAS_DEBUG", "1")

    with pytest.raises(typer.Exit), exit_codes():
        raise KeyError("a")

    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "Traceback (most recent call last):"
    assert last.startswith("error: unexpected KeyError in ")
