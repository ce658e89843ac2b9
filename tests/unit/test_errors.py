"""The exceptions: their messages, and what they keep on their way from one process to another."""

import pickle
from pathlib import Path

import pandas as pd
import pytest

from events_pandas import (
    CredentialsError,
    InvalidRowsError,
    JournalError,
    MappingError,
    OutageError,
    RunUnderWayError,
    SourceError,
    SubmissionInterrupted,
    UnknownColumnError,
)
from events_pandas.wording import Setting

RESULTS = pd.DataFrame({"status": ["accepted"]})
PROBLEMS = pd.DataFrame(
    {
        "row": [0, 1, 1, 2],
        "field": "user_id",
        "code": ["text_odd", "identifier_missing", "text_odd", "identifier_missing"],
        "severity": ["warning", "error", "warning", "error"],
    }
)


@pytest.mark.parametrize(
    "error",
    [
        MappingError(["created_at: is missing", "user_id: is missing"]),
        UnknownColumnError("tota", path="metadata.price.amount", available=["total"]),
        InvalidRowsError(PROBLEMS),
        JournalError(Path("j"), problem="is damaged", remedy=Setting.NO_JOURNAL),
        RunUnderWayError(Path("j"), problem="busy", remedy=Setting.WAIT, process=7, host="a", started_at="today"),
        CredentialsError("no https", remedy=Setting.ALLOW_HTTP),
        OutageError("out of reach", results=RESULTS),
        SubmissionInterrupted("interrupted", results=RESULTS),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_is_whole_after_pickling(error):
    """A worker process passes on errors with their message and facts."""
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__.keys() == error.__dict__.keys()


@pytest.mark.parametrize(
    ("available", "hint", "ending"),
    [
        (["total", "tax"], "", ": did you mean 'total'?"),
        (["who", "day"], "", "; there are 'who', 'day'"),
        (["who"], "did you mean Constant('tota')?", ": did you mean Constant('tota')?"),
        ([], "", "; there are no columns"),
        (range(12), "", "; there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
    ],
)
def test_unknown_column_error_helps_to_find_the_column(available, hint, ending):
    """A similar name comes first, then a hint, then at most ten existing names."""
    error = UnknownColumnError("tota", path="metadata.price", available=available, hint=hint)

    assert str(error) == f"metadata.price: no column 'tota'{ending}"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CredentialsError("no token: set it"), "no token: set it"),
        (CredentialsError("no token", lines=["one", "two"]), "no token\n  one\n  two"),
        (CredentialsError("no https", remedy=("or ", Setting.ALLOW_HTTP)), "no https: or pass allow_http=True"),
        (
            JournalError(
                Path("{journal}"), problem="is {full}", remedy=("delete {no_journal}, or ", Setting.NO_JOURNAL)
            ),
            "{journal}: is {full}: delete {no_journal}, or pass journal=None",
        ),
    ],
)
def test_message_names_settings_in_pythons_words(error, message):
    """Names of files that look like placeholders stay as they are."""
    assert str(error) == message


@pytest.mark.parametrize(
    "error",
    [
        JournalError(Path("j"), problem="is full", remedy=("use another path ", Setting.JOURNAL)),
        CredentialsError("is full", remedy=("use another path ", Setting.JOURNAL)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_remedy_is_a_text_in_pythons_words(error):
    """The facts of an error can be shown to a user of Python."""
    assert (error.problem, error.remedy) == ("is full", "use another path with journal=...")


def test_message_has_the_words_of_the_command_line_after_pickling():
    """A process that shows another's errors has its own words for settings."""
    error = JournalError(Path("{journal}"), problem="is full", remedy=("use another path ", Setting.JOURNAL))

    copy = pickle.loads(pickle.dumps(error))

    assert copy.in_commands() == "{journal}: is full: use another path with --journal"


def test_invalid_rows_error_counts_rows_with_errors():
    """A row may have several findings, and a warning does not make it invalid."""
    error = InvalidRowsError(PROBLEMS)

    assert error.invalid == 2
    assert str(error) == (
        "2 rows are invalid, and none of the rows checked was sent: the first is row 1 (user_id, identifier_missing); "
        "see .problems, one line per finding"
    )


EVIL = "a\x1b[2J\n5 rows: 5 valid\u202e"
ESCAPED = "a\\u001b[2J\\n5 rows: 5 valid\\u202e"


@pytest.mark.parametrize(
    "error",
    [
        SourceError(EVIL),
        JournalError(Path("j"), problem=EVIL, remedy="go elsewhere"),
        OutageError(EVIL, results=RESULTS),
        SubmissionInterrupted(EVIL, results=RESULTS),
        MappingError([EVIL]),
        MappingError(["created_at: is missing"]).in_file(EVIL, EVIL),
        UnknownColumnError("a", path=EVIL, available=[EVIL]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_message_is_one_line_that_does_nothing_to_a_terminal(error):
    """Names of files and columns and answers of servers may hold any character."""
    assert ESCAPED in str(error)
    assert str(error).isprintable()


def test_message_of_several_faults_has_a_line_for_each():
    """Only our own line breaks stay."""
    error = MappingError([EVIL, "user_id: is missing"])

    assert error.faults == (ESCAPED, "user_id: is missing")
    assert str(error) == f"the mapping has 2 faults:\n  {ESCAPED}\n  user_id: is missing"
