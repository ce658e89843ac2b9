"""A run over frames or files: its options, its frames, its rejects, its history."""

from events_pandas.run.file_check import check_files
from events_pandas.run.files import submit_files
from events_pandas.run.frames import unsent_results
from events_pandas.run.history import runs
from events_pandas.run.options import RunOptions, SubmitOptions, run_options
from events_pandas.run.run import Run

__all__ = [
    "Run",
    "RunOptions",
    "SubmitOptions",
    "check_files",
    "run_options",
    "runs",
    "submit_files",
    "unsent_results",
]
