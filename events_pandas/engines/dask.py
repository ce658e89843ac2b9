"""Rows of a Dask DataFrame: staged by the workers, checked and submitted by this process."""

import os
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Unpack

import pyarrow as pa

from events_pandas.deliver import IntercomClient
from events_pandas.engines.columns import StagedColumns, staged_columns
from events_pandas.engines.faults import rows_error
from events_pandas.engines.part_files import PartFacts, PartWriter, require_order
from events_pandas.engines.partition_check import check_partitions
from events_pandas.engines.stage import Answer, Argument, Wanted, require_path
from events_pandas.engines.steps import staged, submitted
from events_pandas.errors import MissingExtraError
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport
from events_pandas.run.options import SubmitOptions, run_options, with_options

try:
    import dask
    import dask.dataframe as dd
    from dask.base import get_scheduler
    from dask.dataframe.utils import make_meta
    from distributed import Client, as_completed

    from events_pandas.engines.dask_errors import dask_errors
    from events_pandas.engines.dask_rows import require_apart, rows_name
except ImportError as error:
    raise MissingExtraError('Dask needs an extra: pip install "events-pandas[dask]"') from error

__all__ = ["check_events", "stage_events", "submit_events"]


def stage_events(
    frame: dd.DataFrame,
    mapping: EventMapping,
    stage: str | os.PathLike[str],
    *,
    keys: Sequence[Hashable] = (),
    order_by: Sequence[Hashable] = (),
    overwrite: bool = False,
    progress: Literal["auto"] | bool = "auto",
) -> Path:
    """Write the columns that a mapping reads to a folder, on the workers: a stage, which `submit_file` takes.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The rows. Each partition is computed once.
    mapping : EventMapping
        Which column becomes which field.
    stage : str or os.PathLike
        A new or empty folder that this machine and all workers share.
    keys : list of hashable, default ()
        Columns to keep besides, which the results are to have: see ``keys`` of `SubmitOptions`.
    order_by : list of hashable, default ()
        Columns by which the rows are sorted over all partitions, absent cells last. Rows that are alike keep their
        order. By default all rows keep the order of the partitions.
    overwrite : bool, default False
        Whether a complete stage is written again, in the place of the one that is there.
    progress : {"auto"} or bool, default "auto"
        Whether progress is shown: automatically, always, or never.

    Returns
    -------
    pathlib.Path
        The folder: Parquet files in the order of their names, all with the same types, and a manifest.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame, or has callables: compute their columns in the frame.
    SourceError
        If the stage cannot be written; if a column has no single type; if there is a complete stage of other rows; if
        Dask cannot compute the rows, with the error of the worker as its cause.
    KeyboardInterrupt
        On Ctrl-C, with a message that says how to go on. No part is kept.

    Notes
    -----
    Nothing is sent. A complete stage of the same rows, columns, order and partitions is left as it is. What a killed
    process has left of a stage is deleted, and written again.

    Rows are the same, also in another process, if the frame is computed in the same way from the same pandas frames,
    and from Parquet and CSV files that have not changed. It is not known of other sources, such as a function of yours
    in ``from_map``: there a complete stage is an error.
    What a function of yours reads by itself in ``map_partitions`` is not compared: if it has changed, give `overwrite`.

    Whole numbers stay exact. Where some partitions have a column as floats, because it has gaps there, it becomes a
    column of whole numbers, if all floats are whole numbers up to 2^53.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import events_pandas as ep
    >>> import pandas as pd
    >>> from events_pandas.engines.dask import stage_events
    >>> orders = pd.DataFrame({"order_id": [7, 8], "day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> stage = stage_events(dd.from_pandas(orders, npartitions=2), mapping, "stage/", keys=["order_id"])
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_file(stage, mapping, client=sandbox.client(), keys=["order_id"], progress=False)
    >>> results["order_id"].tolist()
    [7, 8]
    """
    columns = _columns(frame, mapping, keys=keys, order_by=order_by)
    _require_places(frame, stage=stage)
    with dask_errors():
        wanted = Wanted(columns=columns, partitions=frame.npartitions, rows=rows_name(frame))
        partitions = _DaskPartitions(_read(frame, columns))
    return staged(partitions, wanted, stage=stage, overwrite=overwrite, progress=progress)


def check_events(frame: dd.DataFrame, mapping: EventMapping, *, client: IntercomClient | None = None) -> CheckReport:
    """Check every row of a Dask DataFrame without sending anything.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The rows. Each partition is computed once.
    mapping : EventMapping
        Which column becomes which field.
    client : IntercomClient, optional
        With it the report names the workspace, as with `events_pandas.check_events`.

    Returns
    -------
    CheckReport
        The report that `events_pandas.check_events` gives for a stream, with rows counted over all partitions.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame, or has callables: compute their columns in the frame.
    SourceError
        If a column has no single type; if the rows do not fit into the folder for temporary files; if Dask cannot
        compute the rows.

    Notes
    -----
    The columns that the mapping reads come to this process one partition at a time, and are in a temporary folder until
    the report is made: ``TMPDIR`` names another one.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import events_pandas as ep
    >>> import pandas as pd
    >>> from events_pandas.engines.dask import check_events
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> report = check_events(dd.from_pandas(orders, npartitions=2), mapping)
    >>> report.valid, report.problems[["row", "code"]].values.tolist()
    (1, [[1, 'time_unreadable']])
    """
    columns = _columns(frame, mapping)
    return check_partitions(_DaskPartitionsHere(_read(frame, columns)), columns.read, mapping, client=client)


@with_options
def submit_events(
    frame: dd.DataFrame,
    mapping: EventMapping,
    *,
    stage: str | os.PathLike[str],
    results: str | os.PathLike[str],
    order_by: Sequence[Hashable] = (),
    overwrite: bool = False,
    **options: Unpack[SubmitOptions],
) -> dd.DataFrame:
    """Stage the rows of a Dask DataFrame, submit them, and return the results that were written.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The rows. Each partition is computed once.
    mapping : EventMapping
        Which column becomes which field.
    stage : str or os.PathLike
        The folder of the stage, as for `stage_events`.
    results : str or os.PathLike
        A folder for the results in parts, as for ``results_path`` of `events_pandas.submit_file`; its name ends in
        ``/``.
    order_by : list of hashable, default ()
        Columns by which the rows are sorted, as for `stage_events`.
    overwrite : bool, default False
        Whether a complete stage is written again, as for `stage_events`.
    **options : keyword arguments
        The options of the run, as in `SubmitOptions`.

    Returns
    -------
    dask.dataframe.DataFrame
        The written results, in the order of the rows of the stage. They are read when they are computed, and no event
        is sent then. `events_pandas.read_results` reads them into one frame.

    Raises
    ------
    MappingError, SourceError
        As for `stage_events`, before the first event; also if results cannot be written.
    CredentialsError, SubmissionError
        If Intercom refuses the token, or it belongs to another workspace, before the stage is written.
    SubmissionError, SubmissionInterrupted
        If the run ended early. The folder has the results of all rows, and the error those of the last ones. A note of
        the error names the stage, which `events_pandas.submit_file` submits without the cluster.

    Notes
    -----
    The rows are submitted by this process, and by no worker: the token stays here, and one process reaches the whole
    rate limit. The journal is on this machine, too. If the machine does not last, as on many clusters, name a file on a
    volume that does: ``journal="/volume/journal.sqlite"``.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import events_pandas as ep
    >>> import pandas as pd
    >>> from events_pandas.engines.dask import submit_events
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = submit_events(
    ...         dd.from_pandas(orders, npartitions=2),
    ...         mapping,
    ...         stage="stage/",
    ...         results="results/",
    ...         client=sandbox.client(),
    ...         progress=False,
    ...     )
    >>> results["status"].compute().tolist()
    ['accepted', 'invalid']
    """
    run = run_options(options, own=("stage", "results", "order_by", "overwrite"))
    _columns(frame, mapping, keys=run.keys, order_by=order_by)
    _require_places(frame, stage=stage, results=results)
    write = partial(stage_events, frame, mapping, stage, keys=run.keys, order_by=order_by, overwrite=overwrite)
    written = submitted(write, mapping, run=run, stage=stage, results=results)
    # A bracket would begin a pattern, and a pattern without any file is a frame without rows. Stars match themselves.
    return dd.read_parquet([str(path).replace("[", "[[]") for path in written])


def _columns(
    frame: object, mapping: EventMapping, *, keys: Sequence[Hashable] = (), order_by: Sequence[Hashable] = ()
) -> StagedColumns:
    if not isinstance(frame, dd.DataFrame):
        raise rows_error(frame, engine="Dask")
    columns = staged_columns(make_meta(frame), mapping, keys=keys, order_by=order_by)
    meta = make_meta(_read(frame, columns))
    for name in columns.order_by:
        # Of objects the partitions tell the type, and each is judged before it is written.
        with suppress(pa.ArrowException):
            kind = pa.array(meta[name]).type
            # A part has the values of categories.
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            require_order(pa.schema([(name, kind)]), [] if meta[name].dtype == object else [name])
    return columns


def _require_places(frame: dd.DataFrame, **places: str | os.PathLike[str]) -> None:
    for name, place in places.items():
        require_path(place, name=name)
        require_apart(frame, place)


def _read(frame: dd.DataFrame, columns: StagedColumns) -> dd.DataFrame:
    """Return the columns of a stage; the index may be one of them."""
    is_index = not set(columns.read) <= set(frame.columns)
    return (frame.reset_index() if is_index else frame)[columns.read]


@dataclass(frozen=True, slots=True)
class _DaskPartitions:
    """Partitions that are written where they are computed."""

    frame: dd.DataFrame

    def written(self, write: PartWriter) -> Sequence[PartFacts]:
        """Write all partitions in one graph, so that what they share, such as a shuffle, is computed once."""
        with dask_errors():
            parts = enumerate(self.frame.to_delayed())
            return _computed([dask.delayed(write)(part, number) for number, part in parts])

    def each(self, step: Callable[[Argument], Answer], arguments: Sequence[Argument]) -> Sequence[Answer]:
        """Call a function with each argument, on the workers."""
        with dask_errors():
            return _computed([dask.delayed(step)(argument) for argument in arguments])


class _DaskPartitionsHere(_DaskPartitions):
    """Partitions that come to this process one after another, and are written here."""

    def written(self, write: PartWriter) -> Sequence[PartFacts]:
        """Write each partition as soon as the workers have it, and let them forget it."""
        cluster = _cluster()
        if cluster is None:
            # All workers are on this machine.
            return super().written(write)
        with dask_errors():
            futures = cluster.compute(self.frame.to_delayed())
            numbers = {future.key: number for number, future in enumerate(futures)}
            coming = as_completed(futures)
            # The workers keep what this process has not written yet, and forget what nobody refers to.
            del futures
            return sorted(write(future.result(), numbers[future.key]) for future in coming)


def _computed(tasks: Sequence[Any]) -> Sequence[Any]:
    """Compute tasks in one graph, and return their answers in order. An error or an interrupt ends all of them."""
    cluster = _cluster()
    if cluster is None:
        here: Sequence[Any] = dask.compute(*tasks)
        return here
    futures = cluster.compute(tasks)
    try:
        answers = {future.key: future.result() for future in as_completed(futures)}
    except BaseException:
        cluster.cancel(futures)
        raise
    return [answers[future.key] for future in futures]


def _cluster() -> Client | None:
    """Return the cluster that Dask computes on; None if it computes in this process or on this machine."""
    client = getattr(get_scheduler(), "__self__", None)
    return client if isinstance(client, Client) else None
