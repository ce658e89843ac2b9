"""A run: frames in, checked and sent chunk by chunk, a results frame out for each."""

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any, Literal, TypeAlias

import pandas as pd

from events_pandas.check import EarlierFrames, FrameCheck, StreamCheck
from events_pandas.deliver import (
    Engine,
    Event,
    IntercomClient,
    Outcome,
    Progress,
    ProgressBar,
    Stop,
    progress_bar,
    stop_for_error,
    stop_for_interrupt,
    stop_for_journal,
)
from events_pandas.deliver.journal import RunFacts
from events_pandas.errors import AuthenticationError, JournalError, OutageError, SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping
from events_pandas.mapping.event_mapping import mapping_digest
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.run.frames import OpenFrame, ReadAhead, Refused, RunFrames
from events_pandas.run.history import HistoryWriter
from events_pandas.run.options import RunOptions
from events_pandas.sources import ColumnTypes
from events_pandas.words import path_text

STOP_ERRORS: dict[str, type[SubmissionError | SubmissionInterrupted]] = {
    "authentication": AuthenticationError,
    "address": SubmissionError,
    "outage": OutageError,
    "interrupted": SubmissionInterrupted,
    "canary": SubmissionError,
    "failure_rate": SubmissionError,
    "journal": SubmissionError,
    "error": SubmissionError,
}

Source: TypeAlias = Literal["frame", "files", "stream"]


@dataclass(kw_only=True, slots=True)
class Run:
    """Submits the frames of one run, and holds its state.

    Parameters
    ----------
    source : {"frame", "files", "stream"}
        One frame; files, which can be read again, so that after an early end all their rows get a result too; or a
        stream, which may have no end.
    origin : str
        The source in words, for the history of runs.
    total : int or None
        The number of rows of files, if it is known.
    """

    mapping: EventMapping
    options: RunOptions
    source: Source
    origin: str
    results_path: str | None = None
    total: int | None = None
    types: ColumnTypes = field(default_factory=ColumnTypes)
    refused: Refused | None = None
    _frames: RunFrames = field(init=False)
    _history: HistoryWriter = field(init=False)
    _ahead: ReadAhead = field(init=False)
    _bar: ProgressBar = field(init=False, repr=False, compare=False)
    _error: Exception | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        # Later frames can repeat the events of earlier ones; one frame alone is not compared with any.
        earlier = None if self.source == "frame" else EarlierFrames()
        stream = StreamCheck(mapping=self.mapping, types=self.types.rules, remarks=self.types.remarks, earlier=earlier)
        self._frames = RunFrames(stream=stream, options=self.options, refused=self.refused)
        self._ahead = ReadAhead(self.options.chunksize)
        facts = RunFacts(
            started_at=dt.datetime.now(dt.UTC),
            source=self.origin,
            mapping=mapping_digest(self.mapping),
            results_path=self.results_path,
            resubmit=self.options.resubmit,
        )
        self._history = HistoryWriter(facts)

    def results(self, frames: Iterable[pd.DataFrame]) -> Generator[pd.DataFrame, None, None]:
        """Submit frames; yield the results of each, in order.

        Raise `MappingError` for unconfirmed guesses, `JournalError` before the first event, and `SubmissionError` or
        `SubmissionInterrupted` with the results not yet yielded if the run ends early.
        """
        require_confirmed(self.mapping)
        remaining = iter(frames)
        rows = next(remaining, None)
        if rows is None:
            return
        # Before the client sends anything: on_invalid="raise" stops before the first request.
        first = self._frames.read(rows)
        total = len(first.index) if self.source == "frame" else self.total
        with self._history, self.options.opened_client() as client, ExitStack() as display:
            engine = self._engine(client)
            if self._is_shown(engine, display, total):
                yield from self._guarded(engine, first, remaining, display=display)
            if engine.stop is not None:
                stop = _simplified(engine.stop, requests=engine.requests)
                results = self._frames.close(stop, again=self._again(engine, frames, display))
                self._history.end(results, outcome=stop.reason, requests=engine.requests)
                results.attrs["run"] = self._facts(engine, results)
                raise stop_error(stop, results) from self._error or stop.cause
            self._history.end(None, outcome=None, requests=engine.requests)

    def _again(self, engine: Engine, frames: Iterable[pd.DataFrame], display: ExitStack) -> Iterator[pd.DataFrame]:
        """Yield the frames from the start. Reading files again may take long, so that it has a progress bar."""
        if self.source == "frame":
            yield from frames
        elif self.source == "files":
            # A user's function is called for the submission only.
            shown = False if callable(self.options.progress) else self.options.progress
            bar = display.enter_context(
                progress_bar(shown, total=self.total, description="preparing results", delay_seconds=2.0)
            )
            for rows in frames:
                yield rows
                self._show(engine, bar.advance, len(rows))

    def _engine(self, client: IntercomClient) -> Engine:
        """Make the engine; its callbacks enter outcomes and update the progress bar."""

        def enter(outcome: Outcome) -> None:
            self._frames.enter(outcome)
            self._show(engine, self._bar.update, outcome)

        options = self.options
        engine = Engine(
            client,
            retry=options.retry,
            concurrency=options.concurrency,
            rate_share=options.rate_share,
            patience_seconds=options.patience_seconds,
            max_failure_rate=options.max_failure_rate,
            on_outcome=enter,
            on_tick=lambda: self._show(engine, self._bar.tick),
        )
        return engine

    def _is_shown(self, engine: Engine, display: ExitStack, total: int | None) -> bool:
        """Begin to show the run; return False if that was interrupted."""
        progress = self.options.progress
        shown = _until_interrupted(progress) if callable(progress) else progress
        try:
            self._bar = display.enter_context(progress_bar(shown, total=total, description="submitting"))
            self._bar.watch(engine.current_state)
        except KeyboardInterrupt:
            engine.stop = stop_for_interrupt()
        return engine.stop is None

    def _show(self, engine: Engine, display: Callable[..., object], *facts: object) -> None:
        """Call the display. An error that it raises ends the run, so that the results are not lost."""
        try:
            display(*facts)
        except Exception as error:  # noqa: BLE001  # A user's function may raise anything.
            self._end_by(error, engine)

    def _end_by(self, error: Exception, engine: Engine) -> None:
        """End the run by an error, unless something else has ended it before."""
        self._error = self._error or error
        engine.stop = engine.stop or (
            stop_for_journal(error) if isinstance(error, JournalError) else stop_for_error(error)
        )

    def _guarded(
        self, engine: Engine, first: FrameCheck, remaining: Iterator[pd.DataFrame], *, display: ExitStack
    ) -> Generator[pd.DataFrame, None, None]:
        """Deliver. Whatever goes wrong ends the run, and the caller still gets its results."""
        try:
            with closing(self._deliver(engine, first, remaining)) as completed:
                yield from completed
        except KeyboardInterrupt:
            engine.stop = engine.stop or stop_for_interrupt()
        except Exception as error:
            # A fork of this process leaves the run and its results to its parent.
            # If every row has a result, the error loses none; but a journal that fails ends the run.
            if engine.is_inherited or not (
                self._frames.are_open or (isinstance(error, JournalError) and self._frames.have_begun)
            ):
                raise
            self._end_by(error, engine)
        # Showing the end may fail, like any other step.
        try:
            self._show(engine, display.close)
        except KeyboardInterrupt:
            engine.stop = engine.stop or stop_for_interrupt()

    def _deliver(
        self, engine: Engine, first: FrameCheck, remaining: Iterator[pd.DataFrame]
    ) -> Generator[pd.DataFrame, None, None]:
        """Yield the results of each frame that is complete. After a stop the other frames stay open."""
        with engine:
            if self.options.preflight:
                engine.preflight()
            if engine.stop is None:
                self._open_journal(engine)
            opened = self._opened(engine, first, remaining)
            if self.options.canary:
                opened = yield from self._try_out(engine, opened)
            with closing(engine.deliver(self._chunks(engine, opened), reads_on=self._ahead.has_room)) as delivered:
                for outcomes in delivered:
                    if engine.stop is None:
                        yield from self._count_chunk(engine)
                    else:
                        self._enter_again(outcomes)

    def _open_journal(self, engine: Engine) -> None:
        """Open the journal of the workspace, if the run keeps one."""
        journal = self.options.opened_journal(engine.workspace)
        if journal is not None:
            self._frames.journal = journal
            self._history.begin(journal)
            engine.record_in(journal.writer())
            self._show_other_runs(engine)

    def _show_other_runs(self, engine: Engine) -> None:
        """Show other runs that are under way in the journal, each once."""
        for other in self._history.new_others():
            self._show(engine, self._bar.say, str(other))

    def _opened(self, engine: Engine, first: FrameCheck, remaining: Iterator[pd.DataFrame]) -> Iterator[OpenFrame]:
        """Yield frames, and count the rows that need no request."""
        for read in chain([self._frames.recalled(first)], map(self._frames.read, remaining)):
            frame = self._frames.open(read)
            if engine.stop is None and frame.checked.is_sent.any():
                self._frames.keep_types()
            self._show(engine, self._bar.advance, int((~frame.checked.is_sent).sum()))
            yield frame

    def _try_out(
        self, engine: Engine, opened: Iterator[OpenFrame]
    ) -> Generator[pd.DataFrame, None, Iterator[OpenFrame]]:
        """Submit the canary of the first frame that has rows to send. Return the frames from that one on."""
        for frame in opened:
            if frame.checked.is_sent.any():
                if engine.stop is None:
                    self._enter_again(engine.try_out(frame.canary(self.options.canary)))
                return chain([frame], opened)
            yield from self._completed(engine, frame)
        return opened

    def _count_chunk(self, engine: Engine) -> Iterator[pd.DataFrame]:
        """Count a chunk that is done. Yield the results of its frame if it was the last one."""
        self._show_other_runs(engine)
        self._ahead.close()
        frame = self._frames.first
        frame.chunks_done += 1
        if frame.chunks_done == len(frame.chunks):
            yield from self._completed(engine, frame)

    def _completed(self, engine: Engine, frame: OpenFrame) -> Iterator[pd.DataFrame]:
        results = self._frames.completed()
        results.attrs["run"] = self._facts(engine, results)
        end = frame.number + 1, frame.end
        try:
            yield results
        except GeneratorExit:
            # The caller has the results, and closed the stream.
            self._history.add(results, requests=engine.requests)
            raise
        # Only when the caller asks for more: the exception of an interrupt has the results until then.
        self._history.add(results, requests=engine.requests)
        self._frames.forget_first(end)

    def _chunks(self, engine: Engine, opened: Iterator[OpenFrame]) -> Iterator[list[Event]]:
        """Yield the events of every chunk of every frame, until the run stops."""
        chunks = ((frame, start, stop) for frame in opened for start, stop in frame.chunks)
        while engine.stop is None and (chunk := next(chunks, None)) is not None:
            frame, start, stop = chunk
            self._ahead.open(stop - start)
            yield frame.events(start, stop)

    def _enter_again(self, outcomes: Iterable[Outcome]) -> None:
        """Enter outcomes that an interrupt may have kept out. A second entry changes nothing."""
        for outcome in outcomes:
            self._frames.enter(outcome)

    def _facts(self, engine: Engine, results: pd.DataFrame) -> dict[str, Any]:
        """Return the facts of the run, in types that every file format of pandas can keep."""
        workspace, journal = engine.workspace, self._frames.journal
        return {
            "workspace": None if workspace is None else {"id_code": workspace.id_code, "name": workspace.name},
            "region": None if workspace is None else workspace.region,
            "started_at": self._history.facts.started_at.isoformat(timespec="seconds"),
            "ended_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "limit": engine.limit,
            "rate_share": self.options.rate_share,
            "requests": engine.requests,
            "retries": engine.retries,
            "journal": None if journal is None else path_text(journal.path),
            "journal_mode": None if journal is None else journal.mode,
            "frame": {"first_row": int(results["row"].min()) if len(results) else 0, "rows": len(results)},
            "other_runs": [other._asdict() for other in self._history.others],
            "notes": [asdict(cause) for cause in self._frames.notes.values()],
        }


def _until_interrupted(show: Callable[[Progress], object]) -> Callable[[Progress], object]:
    """Stop the display at its first interrupt: another interrupt would disturb the steps that end the run."""
    is_over = False

    def shown(progress: Progress) -> None:
        nonlocal is_over
        if is_over:
            return
        try:
            show(progress)
        except KeyboardInterrupt:
            is_over = True
            raise

    return shown


def _simplified(stop: Stop, *, requests: int) -> Stop:
    """Simplify the message if nothing was sent."""
    if stop.reason != "interrupted" or requests:
        return stop
    return replace(
        stop, message="the run was interrupted before the first event: nothing was sent, submit all rows again"
    )


def stop_error(stop: Stop, results: pd.DataFrame) -> SubmissionError | SubmissionInterrupted:
    """Return the exception of a run that ended early."""
    return STOP_ERRORS[stop.reason](stop.message, results=results)
