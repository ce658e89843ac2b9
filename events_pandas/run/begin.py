"""How a run begins in its journal: alone, beside a run of the same files, or after its end."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from events_pandas.deliver import Engine
from events_pandas.deliver.journal import Journal
from events_pandas.errors import RunUnderWayError
from events_pandas.run.history import HistoryWriter
from events_pandas.run.options import RunOptions

T = TypeVar("T")


def begin_in_journal(
    engine: Engine,
    history: HistoryWriter,
    options: RunOptions,
    *,
    wait_seconds: float | None,
    say: Callable[[str], object],
    warn: Callable[[str], object],
) -> Journal | None:
    """Open the journal of the workspace, and begin the run in it.

    Return None if the run keeps none, or if something stopped it while it waited. A run of the same files is waited for
    as long as `wait_seconds` says, and then `RunUnderWayError` is raised; None only warns of such a run.
    """
    awaited = partial(_awaited, engine, history, wait_seconds=wait_seconds, say=say)
    journal: Journal | None = awaited(step=partial(options.opened_journal, engine.workspace))
    if journal is None:
        return None
    history.keep(journal)
    twins = awaited(step=partial(history.begin, journal, is_alone=wait_seconds is not None))
    for twin in twins or ():
        warn(f"a run of the same files and mapping is under way: {twin.where}")
    return None if twins is None else journal


def _awaited(
    engine: Engine,
    history: HistoryWriter,
    *,
    step: Callable[[], T],
    wait_seconds: float | None,
    say: Callable[[str], object],
) -> T | None:
    """Take a step that another run may keep this run from: then wait for its end, and try again.

    Return None if something stopped the run while it waited.
    """
    try:
        while engine.stop is None:
            try:
                return step()
            except RunUnderWayError as error:
                if wait_seconds and engine.pauses.awaiting is None:
                    say(f"waits: {error.problem}")
                if not engine.await_run(wait_seconds or 0.0):
                    raise
                # A run that has ended before is not under way at the same time.
                history.restart()
    finally:
        engine.pauses.awaiting = None
    return None
