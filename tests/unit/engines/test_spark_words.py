"""What the functions for Spark say where there is no Spark, and of the errors that it has."""

import sys

import pandas as pd
import pytest

import events_pandas as ep
from events_pandas.engines.spark import check_events
from events_pandas.engines.spark_errors import from_spark, spark_errors

MAPPING = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
CORRECT = "correct the frame"
THIS_PYTHON = (
    "let the workers start this Python, by os.environ['PYSPARK_PYTHON'] = sys.executable before the session begins"
)
A_SESSION = "begin a session, make the frame with it"

# As Spark 4.3 has them, but for most of their lines.
MORE_MEMORY = "begin a session whose driver has more memory (spark.driver.memory)"
JAVA = """An error occurred while calling o102.getResult.
: org.apache.spark.SparkException: Exception thrown in awaitResult:
	at org.apache.spark.util.SparkThreadUtils$.awaitResult(SparkThreadUtils.scala:70)
Caused by: {}
	at org.apache.spark.sql.execution.WholeStageCodegenExec$$anon$1.hasNext(WholeStageCodegenExec.scala:50)
"""
DIVISION = JAVA.format(
    "org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero. Use `try_divide`. SQLSTATE: 22012\n"
    "== SQL (line 1, position 6) ==\ncast(1/(n-5) as string)"
)
PYTHON = """An exception was thrown from the Python worker. Please see the stack trace below.
[PYTHON_EXCEPTION] An exception was thrown from the Python worker: Traceback (most recent call last):
  File "orders.py", line 27, in bad
    def bad(x): raise ValueError("no such thing")
                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
{}
 SQLSTATE: 38000
"""
LOST_TASK = (
    "Job aborted due to stage failure: Task 0 in stage 13.0 failed 4 times, most recent failure: Lost task 0.3 in "
    "stage 13.0 (TID 15) (localhost executor driver): {}\nDriver stacktrace:"
)
VERSION = (
    "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.12 than that in driver: 3.11, PySpark cannot "
    "run with different minor versions"
)


@pytest.mark.parametrize(
    ("text", "sentence", "cure"),
    [
        (DIVISION, "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide`", CORRECT),
        (PYTHON.format("ValueError: no such thing\nsecond line"), "ValueError: no such thing", CORRECT),
        (
            JAVA.format("java.io.FileNotFoundException: File file:/lake/a does not exist"),
            "File file:/lake/a does not exist",
            CORRECT,
        ),
        (
            LOST_TASK.format("org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)."),
            "Python worker exited unexpectedly (crashed)",
            CORRECT,
        ),
        (
            LOST_TASK.format('java.io.IOException: Cannot run program "/python3": error=2'),
            'Cannot run program "/python3": error=2',
            THIS_PYTHON,
        ),
        (
            PYTHON.format(f"pyspark.errors.exceptions.base.PySparkRuntimeError: {VERSION}.\nPlease check"),
            VERSION,
            THIS_PYTHON,
        ),
        (
            PYTHON.format("ModuleNotFoundError: No module named 'events_pandas'"),
            "ModuleNotFoundError: No module named 'events_pandas'",
            THIS_PYTHON,
        ),
        (
            "[NO_ACTIVE_SESSION] No active Spark session found.",
            "[NO_ACTIVE_SESSION] No active Spark session found",
            A_SESSION,
        ),
        (
            LOST_TASK.format("TaskResultLost (result lost from block manager)"),
            "TaskResultLost (result lost from block manager)",
            MORE_MEMORY,
        ),
        ("", "RuntimeError", CORRECT),
    ],
)
def test_error_of_spark_is_one_sentence(text, sentence, cure):
    """It is Spark's own, without the lines of Java; the original is the cause."""
    error = RuntimeError(text)

    def rows():
        yield 7
        raise error

    came = from_spark(rows())
    first = next(came)
    with pytest.raises(ep.SourceError) as raised:
        next(came)

    assert first == 7
    assert str(raised.value) == f"Spark cannot compute the rows ({sentence}): {cure}, and start it again"
    assert raised.value.__cause__ is error


class Py4JError(Exception):
    """As Py4J names an error that is not Java's: it has lost its connection."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EOFError(), "EOFError"),
        (ConnectionRefusedError(111, "refused"), "[Errno 111] refused"),
        (Py4JError("An error occurred while calling o306.isStreaming"),) * 2,
    ],
)
def test_spark_that_has_ended_is_named(error, said):
    """Nothing of its process is left that could say it."""
    with pytest.raises(ep.SourceError) as raised, spark_errors():
        raise error

    cure = "start Python again, or the kernel of the notebook, then the session, and call this again"
    assert str(raised.value) == f"Spark has ended, or cannot be reached ({said}): {cure}"


def test_interrupt_is_not_an_error_of_spark():
    """Ctrl-C ends the program."""
    with pytest.raises(KeyboardInterrupt), spark_errors():
        raise KeyboardInterrupt


def test_spark_that_is_not_installed_is_named(monkeypatch):
    """There can be no frame of Spark then; a pandas frame has functions of its own."""
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    with pytest.raises(ep.MissingExtraError) as missing:
        check_events([], MAPPING)
    with pytest.raises(TypeError) as pandas:
        check_events(pd.DataFrame(), MAPPING)

    cure = "use the PySpark of the cluster, or pip install pyspark"
    assert str(missing.value) == f"Spark needs PySpark 4.0 or later: {cure}"
    said = "expected rows in a Spark DataFrame, got a pandas DataFrame: call the function of this name in events_pandas"
    assert str(pandas.value) == said
