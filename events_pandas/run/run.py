"""A run: frames in, checked and sent chunk by chunk, a results frame out for each."""

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Final

import pandas as pd

from events_pandas.check import EarlierFrames, StreamCheck
from events_pandas.deliver import (
    Engine,
    Event,
    IntercomClient,
    Stop,
    preflight,
    stop_for_closing,
    stop_for_error,
    stop_for_interrupt,
)
from events_pandas.deliver.journal import RunFacts
from events_pandas.errors import JournalError, SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.mapping.event_mapping import mapping_digest
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.results.destination import Destination
from events_pandas.results.results_summary import one_line
from events_pandas.run.asking import Asking
from events_pandas.run.begin import begin_in_journal
from events_pandas.run.contact_gate import ContactGate
from events_pandas.run.desk import Desk
from events_pandas.run.display import RunDisplay
from events_pandas.run.frames import Cells, OpenFrame, ReadAhead, Refused, RunFrames
from events_pandas.run.history import CLOSED, HistoryWriter
from events_pandas.run.log import RunLog
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.run.passing_on import PassingOn, Take
from events_pandas.run.questions import UnansweredError
from events_pandas.run.requested_columns import joined
from events_pandas.run.run_source import RunSource, SourceKind
from events_pandas.sources import ColumnTypes
from events_pandas.warned import warn_caller

_NOT_YET: Final = ((0, None),)

EVENTS_AT_A_TIME: Final = 10
"""Events of files whose results are complete together: a second at a limit of a hundred in ten seconds."""


# Without a repr: it would read fields that a run does not have before it begins.
@dataclass(kw_only=True, slots=True, repr=False)
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
        The number of rows, if it is known.
    files : tuple of str
        The real paths of the files: two runs of the same files and mapping are one job that was started twice.
    wait_seconds : float or None
        How long to wait for such a run before this one is refused. None: both go on, with a warning.
    destination : Destination or None
        The workspace, if Intercom was asked for it just before: it is not asked again.
    warn : callable
        Called with a sentence for each warning.
    """

    mapping: EventMapping
    options: RunOptions
    source: SourceKind
    origin: str
    results_path: str | None = None
    total: int | None = None
    files: tuple[str, ...] = ()
    wait_seconds: float | None = None
    destination: Destination | None = None
    warn: Callable[[str], object] = warn_caller
    types: ColumnTypes = field(default_factory=ColumnTypes)
    refused: Refused | None = None
    cells: Cells | None = None
    desk: Desk = field(default_factory=Desk)
    # Whether an event went out, once the run has ended.
    has_sent: bool = field(default=False, init=False)
    _frames: RunFrames = field(init=False)
    _ahead: ReadAhead = field(init=False)
    _history: HistoryWriter = field(init=False)
    _log: RunLog = field(init=False)
    # Once the run has begun.
    _source: RunSource = field(init=False)
    _engine: Engine = field(init=False)
    _display: RunDisplay = field(init=False)
    _gate: ContactGate | None = field(default=None, init=False)
    _passing_on: PassingOn = field(init=False)

    def __post_init__(self) -> None:
        require_mapping(self.mapping)
        # Later frames can repeat the events of earlier ones; one frame alone is not compared with any.
        earlier = None if self.source == "frame" else EarlierFrames()
        stream = StreamCheck(
            mapping=self.mapping,
            types=self.types.rules,
            remarks=self.types.remarks,
            signs=self.types.signs,
            sign_faults=self.types.sign_faults,
            earlier=earlier,
            keys=self.options.keys,
        )
        self._frames = RunFrames(
            stream=stream, options=self.options, refused=self.refused, cells=self.cells, desk=self.desk
        )
        self._ahead = ReadAhead(self.options.chunksize)
        facts = RunFacts(
            started_at=dt.datetime.now(dt.UTC),
            source=self.origin,
            mapping=mapping_digest(self.mapping),
            results_path=self.results_path,
            resubmit=self.options.resubmit,
            files=self.files,
        )
        self._log = RunLog.of_run(self.options.log_path, warn=self.warn)
        self._history = HistoryWriter(facts, self._log)

    @property
    def is_cut_off(self) -> bool:
        """Whether rows have no result, since they could not be read after an early end."""
        return self._frames.are_cut_off

    def results(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Submit one frame, and return its results."""
        taken: list[pd.DataFrame] = []

        def work() -> pd.DataFrame:
            try:
                self.submit(taken.append)
                self.desk.conclude(self.options.progress, partial(one_line, taken[0]))
            except (SubmissionError, SubmissionInterrupted) as error:
                # It ended when all rows had their results.
                error.results = taken[0] if taken else error.results
                raise
            except Warning:
                # A caller may turn warnings into errors.
                raise
            except Exception as error:
                if not (taken and self.has_sent):
                    raise
                raise stop_for_error(error).error(taken[0]) from error
            return taken[0]

        return self.desk.run(work, first=lambda: self.begin([frame]))

    def stream(self, frames: Iterable[pd.DataFrame]) -> Generator[pd.DataFrame, None, None]:
        """Submit frames, and yield the results of each, in order. A generator of frames is closed at the end."""
        return self.desk.stream(lambda: self.submit(self.desk.hand_over), first=lambda: self.begin(frames))

    def begin(self, frames: Iterable[pd.DataFrame]) -> bool:
        """Read the first frame, in the caller's thread and before anything is sent. Return whether there is one.

        Raise `MappingError` for unconfirmed guesses, and `InvalidRowsError` if invalid rows are to raise.
        """
        require_confirmed(self.mapping)
        self._source = RunSource(self.source, frames, frames=self._frames, desk=self.desk)
        with ExitStack() as opened:
            opened.callback(self._source.close)
            first = self._source.read_first()
            opened.pop_all()
        if first is not None and self.source == "frame":
            self.total = len(first.index)
        return first is not None

    def submit(self, take: Take) -> pd.DataFrame:
        """Submit the frames, in the run's thread, pass the results of each to `take`, and return results without rows.

        Raise `JournalError` before the first event, and `SubmissionError` or `SubmissionInterrupted` with the results
        that were not taken if the run ends early.
        """
        with self._history, self.options.opened_client() as client, ExitStack() as opened:
            opened.callback(self._source.close)
            self._prepare(client, take, opened)
            try:
                self._guarded()
                self._end()
            finally:
                self.has_sent = self._engine.requests > 0
            return self._passing_on.no_results

    def _prepare(self, client: IntercomClient, take: Take, opened: ExitStack) -> None:
        """Make what the run works with; `opened` closes what it shows."""
        self._display = RunDisplay(
            desk=self.desk, progress=self.options.progress, log=self._log, history=self._history, opened=opened
        )
        self._engine = self._new_engine(client)
        if self.options.contacts == "check":
            self._gate = ContactGate(asking=self._asking(client))
        self._passing_on = PassingOn(
            take=take,
            is_early=self.source == "files",
            options=self.options,
            frames=self._frames,
            engine=self._engine,
            history=self._history,
            display=self._display,
            gate=self._gate,
        )

    def _new_engine(self, client: IntercomClient) -> Engine:
        """Make the engine; its callbacks update the progress bar."""
        options = self.options
        engine = Engine(
            client,
            retry=options.retry,
            concurrency=options.concurrency,
            rate_share=options.rate_share,
            patience_seconds=options.patience_seconds,
            max_failure_rate=options.max_failure_rate,
            on_outcome=self._display.count,
            on_tick=self._display.tick,
            interrupts=self._interrupts,
        )
        self.desk.wake = engine.wake
        return engine

    def _interrupts(self) -> int:
        """Return how often the caller was interrupted. The first interrupt says why the run ends."""
        interrupts = self.desk.interrupts
        self._engine.stop_by(self.desk.stop)
        return interrupts

    def _asking(self, client: IntercomClient) -> Asking:
        """Return what asks questions at the pace of the run, which says meanwhile that it is under way."""
        options = replace(self.options, progress=step_progress(self.options.progress))
        # A bar of the questions has the place of the run's; a user's function is called for the run alone.
        display = self._display
        tick = display.tick if callable(self.options.progress) else display.say_under_way
        return Asking(client=client, options=options, desk=self.desk, pacer=self._engine.pacer, on_tick=tick)

    def _guarded(self) -> None:
        """Deliver. Whatever goes wrong ends the run, and the caller still gets its results."""
        try:
            self._display.begin(self._engine, total=self.total)
            try:
                self._deliver()
            finally:
                # An error comes after all results that are complete.
                self._display.finish()
        except UnansweredError:
            self._engine.stop_by(self.desk.stop or stop_for_interrupt())
        except SystemExit:
            raise
        except BaseException as error:
            # A fork of this process leaves the run and its results to its parent.
            # If every row has a result, the error loses none; but a journal that fails ends the run.
            has_rows = self._frames.are_open or bool(self.desk.untaken())
            is_ours = has_rows or (isinstance(error, JournalError) and self._frames.have_begun)
            if self._engine.is_inherited or (isinstance(error, Exception) and not is_ours):
                raise
            self._engine.stop_by(stop_for_error(error))
        # Showing the end may fail, like any other step.
        self._display.close()

    def _deliver(self) -> None:
        """Pass on the results of each frame that is complete. After a stop the other frames stay open."""
        with self._engine as engine:
            if self.destination is not None:
                self.destination.take_to(engine)
            elif self.options.preflight:
                preflight(engine)
            if engine.stop is None:
                self._open_journal()
            opened = self._opened()
            if self.options.canary:
                opened = self._try_out(opened)
            delivered = engine.deliver(
                self._pieces(opened), reads_on=self._ahead.has_room, look_ahead=self._source.look_ahead
            )
            with closing(delivered):
                for outcomes in delivered:
                    self._frames.enter(outcomes)
                    if engine.stop is None:
                        self._ahead.close()
                        self._passing_on.note_piece(len(outcomes))

    def _open_journal(self) -> None:
        """Open the journal of the workspace, if the run keeps one, and begin the run in it."""
        journal = begin_in_journal(
            self._engine,
            self._history,
            self.options,
            wait_seconds=self.wait_seconds,
            say=self._display.say,
            warn=self.warn,
        )
        if journal is not None:
            self._frames.journal = journal
            self._engine.record_in(journal.writer())
            self._display.show_other_runs()

    def _opened(self) -> Iterator[OpenFrame | None]:
        """Yield frames, and count the rows that need no request. None: the next frame is not there yet."""
        for read in self._source.checks():
            if read is None:
                yield None
                continue
            frame = self._frames.open(read)
            if self._engine.stop is None and frame.checked.is_sent.any():
                self._frames.keep_types(frame)
                self._check_contacts(frame)
            self._display.advance(int((~frame.checked.is_sent).sum()))
            yield frame

    def _check_contacts(self, frame: OpenFrame) -> None:
        """Withhold the events of contacts that Intercom does not know, if contacts are to be checked."""
        if self._gate is not None:
            self._engine.withhold(self._gate.unknown(frame))
            self._engine.stop_by(self._gate.asking.stop)

    def _try_out(self, opened: Iterator[OpenFrame | None]) -> Iterator[OpenFrame | None]:
        """Submit the canary of the first frame that has rows to send. Return the frames from that one on."""
        # The run does not look ahead yet, so that each frame is awaited.
        for frame in filter(None, opened):
            if frame.checked.is_sent.any():
                if self._engine.stop is None:
                    self._frames.enter(self._engine.try_out(frame.canary(self.options.canary)))
                return chain([frame], opened)
            self._passing_on.pass_on(frame.n_rows)
            if self.desk.is_closing:
                break
        return iter(())

    def _pieces(self, opened: Iterator[OpenFrame | None]) -> Iterator[list[Event] | None]:
        """Yield the events of every frame, some at a time, until the run stops. None: they are not there yet."""
        most = EVENTS_AT_A_TIME if self.source == "files" else None
        self._source.begin_looking_ahead()
        pieces = (piece for frame in opened for piece in (_NOT_YET if frame is None else frame.pieces(most)))
        while self._engine.stop is None and (piece := next(pieces, None)) is not None:
            rows, events = piece
            if events is not None:
                self._ahead.open(rows)
            yield events

    def _end(self) -> None:
        """Write how the run has ended. Raise its error if it has ended early."""
        engine = self._engine
        engine.stop_by(self.desk.stop)
        if self.desk.is_closing:
            # Its reader has gone, but the history counts all rows that were read.
            left = self._frames.close(engine.stop or stop_for_closing(), again=(), ahead=self._source.ahead())
            self._history.end(left, outcome=CLOSED, requests=engine.requests)
            return
        if engine.stop is not None:
            stop = _simplified(engine.stop, requests=engine.requests)
            again = self._source.again(self._display, total=self.total)
            left = self._frames.close(stop, again=again, ahead=self._source.ahead())
            self._history.end(left, outcome=stop.reason, requests=engine.requests)
            results = joined([*self.desk.untaken(), left])
            results.attrs["run"] = self._passing_on.facts(results)
            raise stop.error(results)
        self._history.end(None, outcome=None, requests=engine.requests)


def _simplified(stop: Stop, *, requests: int) -> Stop:
    """Simplify the message if nothing was sent."""
    if stop.reason != "interrupted" or requests:
        return stop
    return replace(
        stop, message="the run was interrupted before the first event: nothing was sent, submit all rows again"
    )
