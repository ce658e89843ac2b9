"""What would end a submission before its first event: it is found before a stage is written, which may take long."""

import os
from pathlib import Path

from events_pandas.deliver import IntercomClient
from events_pandas.deliver.preflight import NOT_SUBMITTED
from events_pandas.engines.stage import require_path, stage_folder
from events_pandas.errors import SourceError
from events_pandas.manifest import STAGE, require_folder
from events_pandas.mapping import EventMapping
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.run.outputs import Outputs
from events_pandas.run.rows_check import known_destination


def require_places(
    stage: str | os.PathLike[str], mapping: EventMapping, options: RunOptions, *, results: str | os.PathLike[str]
) -> None:
    """Raise the error of a submission whose results cannot be written, or whose mapping is a guess."""
    require_confirmed(mapping)
    require_path(results, name="results")
    folder, place = stage_folder(stage), Path(results)
    outputs = Outputs.of_run(options, results=f"{os.fspath(results)}/", rejects=None)
    outputs.require_apart(folder)
    if folder.resolve().is_relative_to(place.resolve()):
        raise SourceError(f"{folder}: is in the folder of the results: choose another folder for the stage")
    outputs.require_places([])
    require_folder(folder, holds=STAGE)


def require_token(client: IntercomClient, options: RunOptions) -> None:
    """Raise the error of a submission whose token Intercom refuses, unless nobody is to be asked."""
    if not options.preflight:
        return
    destination = known_destination(client, advice=NOT_SUBMITTED, progress=step_progress(options.progress))
    assert destination is not None  # noqa: S101  # There is a client.
    options.require_workspace(destination.workspace)
