"""What the functions for Dask say of errors that come from its workers and its cluster."""

import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pytest
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError

import events_pandas as ep
from events_pandas.engines.dask import check_events, stage_events
from events_pandas.engines.dask_errors import dask_errors

MAPPING = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
ROWS = pd.DataFrame({"who": ["00042", "00043"], "day": ["2024-01-31", "2024-02-01"]})
CORRECT = "correct the frame"
CONNECT = "connect to the cluster, or begin another one"
MORE_MEMORY = "give the workers more memory, or the frame more partitions"


class KilledWorker(Exception):  # noqa: N818
    """As Distributed names the error of a task whose workers died; its own one needs the state of a scheduler."""


class ClosedClientError(Exception):
    """As later versions of Distributed name the error of a client that was closed."""


@pytest.mark.parametrize(
    ("error", "sentence", "cure"),
    [
        (ValueError("no such thing"), "ValueError: no such thing", CORRECT),
        (
            ValueError("\nColumns differ.\nMissing: ['n']\n\n+---+\n| n |"),
            "ValueError: Columns differ. Missing: ['n']",
            CORRECT,
        ),
        (ZeroDivisionError(), "ZeroDivisionError", CORRECT),
        (KilledWorker("Attempted to run task"), "KilledWorker: Attempted to run task", MORE_MEMORY),
        (MemoryError(), "MemoryError", MORE_MEMORY),
        (pa.ArrowMemoryError("malloc failed"), "ArrowMemoryError: malloc failed", MORE_MEMORY),
        (ValueError("x" * 999), f"ValueError: {'x' * 288} ...", CORRECT),
        (ClosedClientError("Client is closed."), "ClosedClientError: Client is closed.", CONNECT),
        (FutureCancelledError("a", "lost"), "FutureCancelledError: a cancelled for reason: lost.", CONNECT),
        (CommClosedError("gone"), "CommClosedError: gone", CONNECT),
        (OSError("Timed out trying to connect to a"), "OSError: Timed out trying to connect to a", CONNECT),
        (TimeoutError("of a database"), "TimeoutError: of a database", CORRECT),
        (
            RuntimeError("\n    An attempt before the\n    bootstrapping phase.\n\n    This means"),
            "RuntimeError: An attempt before the bootstrapping phase.",
            "put what your program does under if __name__ == '__main__'",
        ),
    ],
)
def test_error_of_dask_is_one_sentence(error, sentence, cure):
    """It is that of the worker, whose kind and first paragraph say what there is; the original is the cause."""
    with pytest.raises(ep.SourceError) as raised, dask_errors():
        raise error

    assert str(raised.value) == f"Dask cannot compute the rows ({sentence}): {cure}, and start it again"
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ep.SourceError("column 'n': no")])
def test_what_is_not_an_error_of_dask_stays_as_it_is(error):
    """Ctrl-C ends the program, and faults of this package have words of their own."""
    with pytest.raises(type(error)) as raised, dask_errors():
        raise error

    assert raised.value is error


def divide(frame):
    """Fail as a function of the caller may."""
    return frame.assign(day=1 / 0)


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_function_of_the_caller_that_fails_is_named(tmp_path, scheduler):
    """A stage and a check say the same, and leave nothing."""
    frame = dd.from_pandas(ROWS, npartitions=2).map_partitions(divide, meta=ROWS)

    with dask.config.set(scheduler=scheduler):
        for call in (lambda: stage_events(frame, MAPPING, tmp_path / "stage"), lambda: check_events(frame, MAPPING)):
            with pytest.raises(ep.SourceError, match=r"^Dask cannot compute the rows \(ZeroDivisionError: division by"):
                call()

    assert list(tmp_path.iterdir()) == []


def test_file_that_has_gone_is_named(tmp_path):
    """Dask looks at it when its rows are asked for."""
    ROWS.to_parquet(tmp_path / "orders.parquet")
    frame = dd.read_parquet(tmp_path / "orders.parquet")
    (tmp_path / "orders.parquet").unlink()

    with pytest.raises(ep.SourceError, match=r"^Dask cannot compute the rows \(FileNotFoundError: .*orders\.parquet\)"):
        stage_events(frame, MAPPING, tmp_path / "stage")

    assert list(tmp_path.iterdir()) == []
