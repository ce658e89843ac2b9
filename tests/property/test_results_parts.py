"""Results as parts: whatever runs came before, a folder has the rows of the last run that ended."""

import shutil
from enum import Enum

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import read_results
from events_pandas.results import STATUS_DTYPE
from events_pandas.results.parts import ResultsParts

EXAMPLES = settings(max_examples=settings.default.max_examples // 4, deadline=None)


class End(Enum):
    """How a run ends."""

    COMPLETE = 1
    DISCARDED = 2
    KILLED = 3


runs = st.lists(
    st.tuples(st.lists(st.integers(0, 5), max_size=4), st.integers(1, 4), st.sampled_from(End)), min_size=1, max_size=4
)


def rows_of(run, start, stop):
    return pd.DataFrame(
        {
            "row": range(start, stop),
            "status": pd.Categorical(["accepted"] * (stop - start), dtype=STATUS_DTYPE),
            "request_id": pd.array([f"run {run}"] * (stop - start), dtype="string[pyarrow]"),
        }
    )


@EXAMPLES
@given(runs)
def test_folder_has_each_row_of_the_last_complete_run_once(tmp_path_factory, runs):
    """*A run started again leaves no stale part and no row twice*, and a killed one takes nothing away."""
    folder = tmp_path_factory.mktemp("runs") / "results"
    expected, killed = None, 0
    for number, (sizes, part_rows, end) in enumerate(runs):
        said = []
        parts = ResultsParts(folder, part_rows=part_rows, warn=said.append)
        assert len(said) == killed
        killed = 0
        n_rows = 0
        for size in sizes:
            parts.write(rows_of(number, n_rows, n_rows + size))
            n_rows += size
        if end is End.COMPLETE:
            with parts:
                pass
            expected = rows_of(number, 0, n_rows) if sizes else expected
        elif end is End.DISCARDED:
            parts.discard()
        else:
            shutil.copytree(folder, folder.with_name("left"))
            parts.discard()
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_name("left").rename(folder)
            killed = min(n_rows, 1)

        if expected is not None:
            pd.testing.assert_frame_equal(read_results(folder), expected)
            # Without rows other readers find no categories.
            pd.testing.assert_frame_equal(
                pd.read_parquet(folder), expected, check_categorical=len(expected) > 0, check_dtype=False
            )
