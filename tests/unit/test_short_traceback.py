"""What IPython and Jupyter show of an error of this package, in the place of its traceback."""

import linecache

import pandas as pd
import pytest

from events_pandas import EventMapping, EventsPandasError, InvalidRowsError, MappingError, OutageError, SubmissionError
from events_pandas.errors import OptionError, SubmissionInterrupted
from events_pandas.short_traceback import short_traceback

STATUSES = ["accepted", "failed", "not_submitted"]
RESULTS = pd.DataFrame({"status": pd.Categorical(["accepted"] * 1_200 + ["not_submitted"] * 3, STATUSES)})
WRONG = "EventMapping(event_name='x', created_at='day', user_id='who', timezone='Nowhere')"


@pytest.fixture
def shown():
    """Return a function that runs the lines of a cell, and returns what is shown of the error that ends it."""

    def run(*lines, **names):
        source = "".join(f"{line}\n" for line in lines)
        # IPython keeps the source of a cell in the same way.
        linecache.cache["<cell>"] = (len(source), None, source.splitlines(keepends=True), "<cell>")
        with pytest.raises(EventsPandasError) as caught:
            exec(compile(source, "<cell>", "exec"), names)
        return short_traceback(caught.value)

    yield run
    linecache.cache.pop("<cell>", None)


def test_short_traceback_has_counts_and_the_way_to_the_results():
    """A run that ended early shows its message, the counts of statuses, most first, and where the results are."""
    assert short_traceback(SubmissionInterrupted("stopped: go on", results=RESULTS)) == [
        "SubmissionInterrupted: stopped: go on",
        "  1,200 accepted",
        "      3 not_submitted",
        "the results so far: sys.last_value.results (1,203 rows)",
    ]


def test_short_traceback_breaks_long_messages_between_words():
    """A notebook would cut a long line in the middle of a word."""
    error = EventsPandasError(f"{'word ' * 30}end: /a/{'path' * 30}")

    (shown,) = short_traceback(error)

    assert shown.split("\n") == [
        f"EventsPandasError: {'word ' * 16}".rstrip(),
        f"  {'word ' * 14}end:",
        f"  /a/{'path' * 30}",
    ]


def test_short_traceback_has_the_line_of_the_caller(shown):
    """The line that called this package is shown, and no line of this package."""
    lines = shown("", f"mapping = {WRONG}", EventMapping=EventMapping)

    assert lines[0].startswith("MappingError: timezone: ")
    assert lines[1:] == [f"  line 2: mapping = {WRONG}"]


def test_short_traceback_names_the_file_of_a_module(tmp_path):
    """A line of a module has its file, since there may be many."""
    module = tmp_path / "load.py"
    module.write_text(f"\n{WRONG}\n")

    with pytest.raises(MappingError) as caught:
        exec(compile(module.read_text(), str(module), "exec"), {"EventMapping": EventMapping})

    assert short_traceback(caught.value)[1] == f"  {module}, line 2: {WRONG}"


def test_short_traceback_has_every_fault_and_note():
    """Nothing of the message is left out: neither the faults of a mapping, nor notes that were added."""
    error = MappingError(["created_at: is missing", "user_id: is missing"])
    error.add_note("and the journal\x1b[2J")

    assert short_traceback(error) == [
        "MappingError: the mapping has 2 faults:\n  created_at: is missing\n  user_id: is missing",
        "and the journal\\u001b[2J",
    ]


def test_short_traceback_has_the_error_behind_it(shown):
    """An error of the caller's own function is named with its line, or it could not be fixed."""
    error = SubmissionError("a ValueError ended the run", results=RESULTS.iloc[:1])
    lines = shown(
        "def progress():",
        "    raise ValueError('no bar')",
        "try:",
        "    progress()",
        "except ValueError as cause:",
        "    raise error from cause",
        error=error,
    )

    assert lines[-2:] == ["caused by ValueError: no bar", "  line 2: raise ValueError('no bar')"]


def test_short_traceback_has_the_first_line_of_the_error_behind_it():
    """An error of Spark has a hundred lines of Java below it."""
    error = EventsPandasError("Spark has ended")
    error.__cause__ = ValueError("\nAn error occurred.\n\tat org.apache.spark\n")

    assert short_traceback(error) == ["EventsPandasError: Spark has ended", "caused by ValueError: An error occurred."]


@pytest.mark.parametrize(
    ("frame", "lines"),
    [
        (pd.DataFrame({"status": ["known", None, None]}), ["  2 without a status", "  1 known"]),
        (pd.DataFrame({"status": []}), []),
        (pd.DataFrame({"other": []}), []),
    ],
)
def test_short_traceback_counts_what_there_is(frame, lines):
    """Contacts that were not asked for have no status, and results may have no rows."""
    assert short_traceback(OutageError("down", results=frame))[1:-1] == lines


def test_short_traceback_names_the_findings():
    """Invalid rows that stop a run are in the error."""
    problems = pd.DataFrame({"row": [0], "field": ["user_id"], "code": ["identifier_missing"], "severity": ["error"]})

    assert short_traceback(InvalidRowsError(problems))[-1] == "the findings: sys.last_value.problems (1 row)"


@pytest.mark.parametrize(
    "error",
    [
        MappingError(["x"]),
        OptionError("x", remedy="y"),
        OutageError("x", results=RESULTS),
        SubmissionInterrupted("x", results=RESULTS),
    ],
    ids=lambda error: type(error).__name__,
)
def test_ipython_is_given_the_short_traceback(error):
    """IPython asks an error itself how it is to be shown, by this name."""
    assert error._render_traceback_() == short_traceback(error)
