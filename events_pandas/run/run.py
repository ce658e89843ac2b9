"""A run: frames in, checked and sent chunk by chunk, a results frame out for each."""

import datetime as dt
import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

import pandas as pd

from events_pandas.check import EarlierFrames, FrameCheck, StreamCheck
from events_pandas.deliver import (
    Engine,
    Event,
    IntercomClient,
    Outcome,
    ProgressBar,
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
from events_pandas.run.desk import Desk, UnansweredError
from events_pandas.run.frames import BoundFrame, Cells, OpenFrame, ReadAhead, Refused, RunFrames
from events_pandas.run.history import CLOSED, HistoryWriter
from events_pandas.run.log import RunLog
from events_pandas.run.next_frames import NextFrames
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.run.requested_columns import joined
from events_pandas.sources import ColumnTypes
from events_pandas.warned import warn_caller
from events_pandas.words import path_text

_NOT_YET: Final = ((0, None),)
Take: TypeAlias = Callable[[pd.DataFrame], object]
Source: TypeAlias = Literal["frame", "files", "stream"]

PASSED_ON_SECONDS: Final = 3.0
PASSED_ON_EVENTS: Final = 500
"""Results of files are passed on after so long or so many events: a kill loses only those of the last seconds."""
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
        The number of rows of files, if it is known.
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
    source: Source
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
    _history: HistoryWriter = field(init=False)
    _log: RunLog = field(init=False)
    _ahead: ReadAhead = field(init=False)
    _engine: Engine = field(init=False)
    _bar: ProgressBar = field(init=False)
    _take: Take = field(init=False)
    _source: Iterable[pd.DataFrame] = field(init=False)
    _remaining: Iterator[pd.DataFrame] = field(init=False)
    _next: NextFrames[BoundFrame] = field(init=False)
    _first: FrameCheck = field(init=False)
    _no_results: pd.DataFrame = field(init=False)
    _gate: ContactGate | None = field(default=None, init=False)
    # When results were passed on last, and the number of events whose results have come since.
    _passed_on_at: float = field(default=-math.inf, init=False)
    _waiting: int = field(default=0, init=False)

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
                raise stop_error(stop_for_error(error), taken[0]) from error
            return taken[0]

        return self.desk.run(work, first=lambda: self.begin([frame]))

    def stream(self, frames: Iterable[pd.DataFrame]) -> Generator[pd.DataFrame, None, None]:
        """Submit frames, and yield the results of each, in order."""
        return self.desk.stream(lambda: self.submit(self.desk.hand_over), first=lambda: self.begin(frames))

    def begin(self, frames: Iterable[pd.DataFrame]) -> bool:
        """Read the first frame, in the caller's thread and before anything is sent. Return whether there is one.

        Raise `MappingError` for unconfirmed guesses, and `InvalidRowsError` if invalid rows are to raise.
        """
        require_confirmed(self.mapping)
        self._source, self._remaining = frames, iter(frames)
        self._next = NextFrames(partial(_bound, self._remaining, self._frames), self.desk)
        rows = next(self._remaining, None)
        if rows is not None:
            self._first = self._frames.read(rows)
        return rows is not None

    def submit(self, take: Take) -> pd.DataFrame:
        """Submit the frames, in the run's thread, pass the results of each to `take`, and return results without rows.

        Raise `JournalError` before the first event, and `SubmissionError` or `SubmissionInterrupted` with the results
        that were not taken if the run ends early.
        """
        self._take = take
        with self._history, self.options.opened_client() as client, ExitStack() as display:
            engine = self._engine = self._new_engine(client)
            if self.options.contacts == "check":
                self._gate = ContactGate(asking=self._asking(client))
            try:
                self._guarded(display)
                self._end(engine, display)
            finally:
                self.has_sent = engine.requests > 0
            return self._no_results

    def _end(self, engine: Engine, display: ExitStack) -> None:
        """Write how the run has ended. Raise its error if it has ended early."""
        engine.stop = engine.stop or self.desk.stop
        if self.desk.is_closing:
            # Its reader has gone, but the history counts all rows that were read.
            left = self._frames.close(engine.stop or stop_for_closing(), again=(), ahead=self._next.rest())
            self._history.end(left, outcome=CLOSED, requests=engine.requests)
            return
        if engine.stop is not None:
            stop = _simplified(engine.stop, requests=engine.requests)
            left = self._frames.close(stop, again=self._again(display), ahead=self._next.rest())
            self._history.end(left, outcome=stop.reason, requests=engine.requests)
            results = joined([*self.desk.untaken(), left])
            results.attrs["run"] = self._facts(results)
            raise stop_error(stop, results) from stop.cause
        self._history.end(None, outcome=None, requests=engine.requests)

    def _again(self, display: ExitStack) -> Iterator[pd.DataFrame]:
        """Yield the frames from the start. Reading files again may take long: it is shown, and an interrupt ends it."""
        if self.source == "frame":
            yield from self._source
        elif self.source == "files":
            interrupts = self.desk.interrupts
            # A user's function is called for the submission only.
            shown = False if callable(self.options.progress) else self.options.progress
            bar = display.enter_context(
                self.desk.progress_bar(shown, total=self.total, description="preparing results", delay_seconds=2.0)
            )
            for rows in self._source:
                if self.desk.interrupts > interrupts:
                    raise UnansweredError
                yield rows
                self._show(bar.advance, len(rows))

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
            on_outcome=self._count,
            on_tick=self._tick,
            interrupts=self._interrupts,
        )
        self.desk.wake = engine.wake
        return engine

    def _interrupts(self) -> int:
        """Return how often the caller was interrupted. The first interrupt says why the run ends."""
        interrupts = self.desk.interrupts
        self._engine.stop = self._engine.stop or self.desk.stop
        return interrupts

    def _count(self, outcome: Outcome) -> None:
        self._log.count(outcome)
        self._show(self._bar.update, outcome)

    def _advance(self, rows: int) -> None:
        """Count rows that need no request."""
        self._log.advance(rows)
        self._show(self._bar.advance, rows)

    def _tick(self) -> None:
        self._say_under_way()
        self._show(self._bar.tick)

    def _say_under_way(self) -> None:
        self._log.tick()
        self._history.say_under_way()

    def _show(self, display: Callable[..., object], *facts: object) -> None:
        """Call the display. An error that it raises ends the run, so that the results are not lost."""
        try:
            display(*facts)
        except UnansweredError:
            # The interrupt stops the run.
            pass
        except Exception as error:  # noqa: BLE001  # A user's function may raise anything.
            self._end_by(error)

    def _end_by(self, error: BaseException) -> None:
        """End the run by an error, unless something else has ended it before."""
        self._engine.stop = self._engine.stop or stop_for_error(error)

    def _guarded(self, display: ExitStack) -> None:
        """Deliver. Whatever goes wrong ends the run, and the caller still gets its results."""
        total = len(self._first.index) if self.source == "frame" else self.total
        self._log.begin(self._engine, mapping=self._history.facts.mapping, total=total)
        try:
            bar = self.desk.progress_bar(self.options.progress, total=total, description="submitting")
            self._bar = display.enter_context(bar)
            self._bar.watch(self._engine.current_state)
            try:
                self._deliver()
            finally:
                # An error comes after all results that are complete.
                self._show(self.desk.finish)
        except UnansweredError:
            self._engine.stop = self._engine.stop or self.desk.stop or stop_for_interrupt()
        except SystemExit:
            raise
        except BaseException as error:
            # A fork of this process leaves the run and its results to its parent.
            # If every row has a result, the error loses none; but a journal that fails ends the run.
            has_rows = self._frames.are_open or bool(self.desk.untaken())
            is_ours = has_rows or (isinstance(error, JournalError) and self._frames.have_begun)
            if self._engine.is_inherited or (isinstance(error, Exception) and not is_ours):
                raise
            self._end_by(error)
        # Showing the end may fail, like any other step.
        self._show(display.close)

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
            pieces = self._pieces(opened)
            look_ahead = self._next.look if self.source == "stream" else bool
            with closing(engine.deliver(pieces, reads_on=self._ahead.has_room, look_ahead=look_ahead)) as delivered:
                for outcomes in delivered:
                    self._frames.enter(outcomes)
                    if engine.stop is None:
                        self._count_piece(len(outcomes))

    def _asking(self, client: IntercomClient) -> Asking:
        """Return what asks questions at the pace of the run, which says meanwhile that it is under way."""
        options = replace(self.options, progress=step_progress(self.options.progress))
        # A bar of the questions has the place of the run's; a user's function is called for the run alone.
        tick = self._tick if callable(self.options.progress) else self._say_under_way
        return Asking(client=client, options=options, desk=self.desk, pacer=self._engine.pacer, on_tick=tick)

    def _open_journal(self) -> None:
        """Open the journal of the workspace, if the run keeps one, and begin the run in it."""
        journal = begin_in_journal(
            self._engine,
            self._history,
            self.options,
            wait_seconds=self.wait_seconds,
            say=partial(self._show, self._bar.say),
            warn=self.warn,
        )
        if journal is not None:
            self._frames.journal = journal
            self._engine.record_in(journal.writer())
            self._show_other_runs()

    def _show_other_runs(self) -> None:
        """Show other runs that are under way in the journal, each once."""
        for other in self._history.new_others():
            self._show(self._bar.say, str(other))

    def _opened(self) -> Iterator[OpenFrame | None]:
        """Yield frames, and count the rows that need no request. None: the next frame is not there yet."""
        read: FrameCheck | None = self._frames.recalled(self._first)
        while read is not None:
            frame = self._frames.open(read)
            if self._engine.stop is None and frame.checked.is_sent.any():
                self._frames.keep_types(frame)
                self._check_contacts(frame)
            self._advance(int((~frame.checked.is_sent).sum()))
            yield frame
            while self._next.is_awaited:
                yield None
            read = self._next_read()

    def _check_contacts(self, frame: OpenFrame) -> None:
        """Withhold the events of contacts that Intercom does not know, if contacts are to be checked."""
        if self._gate is not None:
            self._engine.withhold(self._gate.unknown(frame))
            self._engine.stop = self._engine.stop or self._gate.asking.stop

    def _next_read(self) -> FrameCheck | None:
        """Read the next frame. The caller makes the frames of a stream."""
        if self.source == "stream":
            bound = self._next.take()
            return None if bound is None else self._frames.read_bound(bound)
        rows = next(self._remaining, None)
        return None if rows is None else self._frames.read(rows)

    def _try_out(self, opened: Iterator[OpenFrame | None]) -> Iterator[OpenFrame | None]:
        """Submit the canary of the first frame that has rows to send. Return the frames from that one on."""
        # The run does not look ahead yet, so that each frame is awaited.
        for frame in filter(None, opened):
            if frame.checked.is_sent.any():
                if self._engine.stop is None:
                    self._frames.enter(self._engine.try_out(frame.canary(self.options.canary)))
                return chain([frame], opened)
            self._complete(frame.n_rows)
            if self.desk.is_closing:
                break
        return iter(())

    def _count_piece(self, events: int) -> None:
        """Pass on the results of a frame when its last events are done, and those of files every few seconds."""
        self._ahead.close()
        frame, now = self._frames.first, self._engine.clock.monotonic()
        end = frame.piece_done()
        self._waiting += events
        is_due = self._waiting >= PASSED_ON_EVENTS or now - self._passed_on_at >= PASSED_ON_SECONDS
        if end == frame.n_rows or (is_due and self.source == "files"):
            self._passed_on_at, self._waiting = now, 0
            self._show_other_runs()
            try:
                self._complete(end)
            except Exception as error:
                if self._engine.is_inherited:
                    raise
                # Not out of the loop: the outcomes of requests under way are still to be entered.
                self._end_by(error)

    def _complete(self, end: int) -> None:
        """Pass on the results of the first frame up to a row."""
        results = self._frames.completed(end)
        results.attrs["run"] = self._facts(results)
        self._no_results = results.iloc[:0]
        self._take(results)
        self._history.add(results, requests=self._engine.requests)
        self._frames.forget(end)

    def _pieces(self, opened: Iterator[OpenFrame | None]) -> Iterator[list[Event] | None]:
        """Yield the events of every frame, some at a time, until the run stops. None: they are not there yet."""
        most = EVENTS_AT_A_TIME if self.source == "files" else None
        if self.source == "stream":
            self._next.begin()
        pieces = (piece for frame in opened for piece in (_NOT_YET if frame is None else frame.pieces(most)))
        while self._engine.stop is None and (piece := next(pieces, None)) is not None:
            rows, events = piece
            if events is not None:
                self._ahead.open(rows)
            yield events

    def _facts(self, results: pd.DataFrame) -> dict[str, Any]:
        """Return the facts of the run, in types that every file format of pandas can keep."""
        engine, journal = self._engine, self._frames.journal
        workspace = engine.workspace
        return {
            "workspace": None if workspace is None else {"id_code": workspace.id_code, "name": workspace.name},
            "region": None if workspace is None else workspace.region,
            "started_at": self._history.facts.started_at.isoformat(timespec="seconds"),
            "ended_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "limit": engine.pacer.limit,
            "rate_share": self.options.rate_share,
            "requests": engine.requests,
            "retries": engine.retries,
            "contact_requests": 0 if self._gate is None else self._gate.asking.requests,
            "keeps_journal": self.options.journal is not None,
            "journal": None if journal is None else path_text(journal.path),
            "journal_mode": None if journal is None else journal.mode,
            "frame": {"first_row": int(results["row"].min()) if len(results) else 0, "rows": len(results)},
            "other_runs": [other._asdict() for other in self._history.others],
            "notes": [asdict(cause) for cause in self._frames.notes.values()],
        }


# Not a method: a run that knows itself would keep its rows until the collector of garbage comes.
def _bound(remaining: Iterator[pd.DataFrame], frames: RunFrames) -> BoundFrame | None:
    """Make the next frame of a stream, in the caller's thread."""
    rows = next(remaining, None)
    return None if rows is None else frames.bind(rows)


def _simplified(stop: Stop, *, requests: int) -> Stop:
    """Simplify the message if nothing was sent."""
    if stop.reason != "interrupted" or requests:
        return stop
    return replace(
        stop, message="the run was interrupted before the first event: nothing was sent, submit all rows again"
    )


def stop_error(stop: Stop, results: pd.DataFrame) -> SubmissionError | SubmissionInterrupted:
    """Return the exception of a run that ended early."""
    return stop.exception(stop.message, results=results)
