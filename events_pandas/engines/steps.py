"""What every engine does with its rows: they are staged, checked and submitted."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import pandas as pd

from events_pandas.deliver.journal import AUTO, DIRECTORY_VARIABLE
from events_pandas.engines.beforehand import require_places, require_token
from events_pandas.engines.stage import Partitions, Wanted, is_there, stage_folder, write_stage
from events_pandas.errors import SubmissionError
from events_pandas.manifest import MANIFEST, Manifest
from events_pandas.mapping import EventMapping
from events_pandas.run.files import submit_files
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.warned import warn_caller

_PASSING: Final = MappingProxyType(
    {"DATABRICKS_RUNTIME_VERSION": "a Databricks cluster", "KUBERNETES_SERVICE_HOST": "a Kubernetes pod"}
)
"""What the machine is that has an environment variable of this name: it goes, and its disk with it."""


def staged(
    partitions: Partitions,
    wanted: Wanted,
    *,
    stage: str | os.PathLike[str],
    overwrite: bool,
    progress: Literal["auto"] | bool = "auto",
) -> Path:
    """Write a stage if it is not there already, and return its folder."""
    if progress not in ("auto", True, False):
        raise ValueError(f"progress: expected 'auto', True or False, got {progress!r}")
    folder = stage_folder(stage)
    if overwrite or not is_there(folder, wanted, progress=progress):
        try:
            write_stage(folder, partitions, wanted, progress=progress)
        except KeyboardInterrupt:
            kept = "the stage that was there is kept" if (folder / MANIFEST).exists() else "no part is kept"
            fault = f"staging was interrupted: nothing was sent, and {kept}: start it again to write all of it"
            raise KeyboardInterrupt(f"{folder}: {fault}") from None
    return folder


def _warn_of_passing_journal(run: RunOptions) -> None:
    """Warn if the journal is on a machine that goes, and nobody said where it is to be."""
    if run.journal != AUTO or os.environ.get(DIRECTORY_VARIABLE):
        return
    machine = next((machine for variable, machine in _PASSING.items() if variable in os.environ), None)
    if machine is not None:
        loss = f"'auto' is on the disk of {machine}, and is lost with it: a later run would not know what was sent"
        warn_caller(f"journal: {loss}: name a file on a disk that lasts, such as journal='/volume/journal.sqlite'")


def submitted(
    write: Callable[..., Path],
    mapping: EventMapping,
    *,
    run: RunOptions,
    stage: str | os.PathLike[str],
    results: str | os.PathLike[str],
) -> Sequence[Path]:
    """Submit the rows of a stage, and return the files of the results, in their order.

    `write` writes the stage, with `progress` as asked for. It is called after all that would end the run at once.
    """
    require_places(stage, mapping, run, results=results)
    with run.opened_client() as client:
        run = replace(run, client=client)
        require_token(client, run)
        _warn_of_passing_journal(run)
        folder = write(progress=step_progress(run.progress))
        results_path = f"{os.fspath(results).rstrip('/')}/"
        try:
            submit_files(folder, mapping, options=run, results_path=results_path, take=_forget)
        except (SubmissionError, KeyboardInterrupt) as error:
            keys = f", keys={list(run.keys)!r}" if run.keys else ""
            again = f"events_pandas.submit_file({str(folder)!r}, mapping, results_path={results_path!r}{keys}, ...)"
            error.add_note(f"The stage is complete, and needs no cluster any more. To go on, submit it: {again}")
            raise
    place = Path(results).absolute()
    manifest = Manifest.read(place)
    assert manifest is not None  # noqa: S101  # A run that could not write it has raised an error.
    return list(manifest.paths(place))


def _forget(results: pd.DataFrame) -> None:
    """Keep no results: they are in their files."""
    del results
