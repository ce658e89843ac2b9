"""The desk between a run, which has a thread of its own, and its caller. Signals reach only the caller's thread.

Code of the caller (the next frame, the callables of a mapping, the progress function) runs in the caller's thread: the
run asks, and the caller answers. A run over a stream does not wait for all of it: it hands results over and orders the
next frame, and sends on while the caller has the results, or makes the frame.
"""

import contextvars
import math
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar

import pandas as pd

from events_pandas.deliver import (
    Progress,
    ProgressBar,
    ProgressChoice,
    Stop,
    progress_bar,
    stop_for_closing,
    stop_for_error,
    stop_for_interrupt,
)
from events_pandas.deliver.progress import is_notebook, show_in_notebook
from events_pandas.run.questions import Kind, Question, Questions, UnansweredError
from events_pandas.starting import require_no_signal
from events_pandas.warned import warn_through

MOST_INTERRUPTS: Final = 2
"""After more interrupts the caller leaves a run that does not end."""
LEAVE_SECONDS: Final = 5.0
"""How long the caller waits after the third interrupt."""
_LOOK_SECONDS: Final = 1.0

T = TypeVar("T")


class Desk:
    """Where the caller of one run sits: the run asks and waits, the caller looks, answers, and marks it as over.

    Looking changes nothing, so that an interrupt at any point means: count it, and look again. What the handler of a
    signal raises, such as `SystemExit` after SIGTERM, counts as one too.
    """

    def __init__(self, *, leave_seconds: float = LEAVE_SECONDS) -> None:
        # The first asks the run to stop, the second not to wait for answers.
        self.interrupts = 0
        # Whether the caller has closed the stream: it has the last results that were handed over.
        self.is_closing = False
        # Whether the caller has left: it answers no more.
        self.has_left = False
        # Whether the run has a thread, or may have one.
        self.has_begun = False
        # Called in the caller's thread after an interrupt, and when a frame that was ordered is there.
        self.wake: Callable[[], object] = bool
        self._process = os.getpid()
        # The thread that takes its one item begins the run.
        self._start: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._start.put(None)
        self._work: Callable[[], Any] = bool
        self._is_undone = False
        self._thread: threading.Thread | None = None
        self._questions = Questions()
        # Calls that show something, and that the run has not heard of.
        self._shown: deque[Question] = deque()
        # Whether the run goes on while the caller is away: it has the results, or makes a frame.
        self._goes_on = self._is_away = False
        self._to_caller: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._to_run: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_over = False
        self._leave_seconds = leave_seconds
        self._leaves_at = math.inf
        # What the first interrupt has raised.
        self._struck_by: BaseException | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        # What is raised when the run has ended.
        self._end: BaseException | None = None

    # What the run calls.

    @property
    def stop(self) -> Stop | None:
        """Why the run has to end early; None if the caller has neither been interrupted nor closed the stream."""
        if self._struck_by is None:
            return stop_for_closing() if self.is_closing else None
        if isinstance(self._struck_by, KeyboardInterrupt):
            return stop_for_interrupt()
        return stop_for_error(self._struck_by)

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the process that sits at the desk."""
        return os.getpid() != self._process

    def ask(self, call: Callable[..., T], *arguments: object) -> T:
        """Let the caller call a function, and return what it returns, or raise what it raises.

        Raise `UnansweredError` if the caller is interrupted meanwhile. Before the run's thread begins, and after it has
        ended, the function is called at once.
        """
        if threading.current_thread() is not self._thread:
            return call(*arguments)
        question = self._publish(Question(kind=Kind.CALL, call=partial(call, *arguments)))
        while not (question.is_over or self.has_left):
            self._to_run.get()
        answer: T = question.take_answer()
        return answer

    def order(self, call: Callable[[], object]) -> Question:
        """Let the caller call a function once it has nothing else to do. From here on the run goes on meanwhile."""
        self._goes_on = True
        return self._publish(Question(kind=Kind.FRAME, call=call))

    def hand_over(self, results: pd.DataFrame) -> None:
        """Let the caller take results, once it has taken those before."""
        self._publish(Question(kind=Kind.RESULTS, results=results))

    def finish(self) -> None:
        """Take back what was ordered. Wait until the caller makes no frame, and has all results, or takes no more."""
        self._goes_on = False
        self._questions.take_back_frames()
        # The caller does one thing after another: an answer means that it makes no frame any more.
        with suppress(UnansweredError):
            self.ask(bool)
        while self.untaken() and not (self._is_stopping or self.has_left):
            self._to_run.get()
        self._hear()

    def interruption(self) -> Callable[[], None]:
        """Return a function that raises `UnansweredError` once the caller is interrupted again."""
        before = self.interrupts

        def look() -> None:
            if self.interrupts > before:
                raise UnansweredError

        return look

    def untaken(self) -> list[pd.DataFrame]:
        """Return the results that were handed over, and that the caller does not have."""
        return self._questions.untaken()

    def _publish(self, question: Question) -> Question:
        self._questions.ask(question)
        _ring(self._to_caller)
        return question

    @contextmanager
    def progress_bar(
        self, progress: ProgressChoice, *, total: int | None, description: str, delay_seconds: float = 0.0
    ) -> Iterator[ProgressBar]:
        """Show progress in the caller's thread. A function that is interrupted is not called again, a bar is."""
        call = self._show if callable(progress) else self._draw
        with progress_bar(
            progress, total=total, description=description, delay_seconds=delay_seconds, call=call
        ) as bar:
            yield bar

    def conclude(self, progress: ProgressChoice, text: Callable[[], str]) -> None:
        """Show a last line below the progress, in a notebook that shows it."""
        if progress is not False and not callable(progress) and is_notebook():
            self._draw(show_in_notebook, text())

    def _draw(self, show: Callable[..., object], *facts: object) -> None:
        with suppress(UnansweredError):
            self._show(show, *facts)

    def _show(self, show: Callable[..., object], *facts: object) -> None:
        """Let the caller show something, and raise what that raises.

        The run does not wait for a caller that is away: it is shown later, of several steps of the progress the last.
        """
        if threading.current_thread() is not self._thread:
            show(*facts)
            return
        is_step = any(isinstance(fact, Progress) and not fact.is_final for fact in facts)
        question = Question(kind=Kind.CALL, call=partial(show, *facts), is_step=is_step)
        last = self._shown[-1] if self._shown else None
        if last is not None and last.is_step and is_step and not last.is_over:
            last.call = question.call
            return
        self._shown.append(self._publish(question))
        while not (question.is_over or self.has_left or (self._goes_on and self._is_away)):
            self._to_run.get()
        self._hear()

    def _hear(self) -> None:
        """Raise what showing something has raised."""
        while self._shown and (self._shown[0].is_over or self.has_left):
            self._shown.popleft().take_answer()

    # What the caller calls.

    def run(
        self, work: Callable[[], pd.DataFrame], *, first: Callable[[], bool], undo: Callable[[], object] = bool
    ) -> pd.DataFrame:
        """Do the work in a thread, sit at the desk until it ends, and return the results that it returns.

        `first` is called before, in the caller's thread, and returns True. `undo` is called if no thread begins.
        """
        # Nothing is handed over. The loop has no point at which an interrupt could come.
        for _ in self.stream(work, first=first, undo=undo):
            pass
        results: pd.DataFrame = self._value
        return results

    # A call of another function would be one more point at which an interrupt could come. Do not wrap this generator:
    # an interrupt while the outer one resumes would lose the results. The outer loop is for an interrupt that comes as
    # the inner one begins again: right after another.
    def stream(  # noqa: C901, PLR0912
        self, work: Callable[[], pd.DataFrame], *, first: Callable[[], bool], undo: Callable[[], object] = bool
    ) -> Generator[pd.DataFrame, None, None]:
        """Do the work in a thread, if `first()` is true, and yield the results that it hands over.

        The work returns the results that it does not hand over. Closing the generator ends the run, and waits for the
        requests that are under way.
        """
        if not first():
            return
        # From here on there is no call outside of the block: what `first` has opened is the run's to close.
        self._work = work
        struck_by: BaseException | None = None
        while True:
            try:
                while True:
                    try:
                        by, struck_by = struck_by, None
                        if (question := self._look(by)) is None:
                            break
                        # No call stands between: an interrupt comes before the caller has the results, or after.
                        try:
                            yield question.results  # type: ignore[misc]
                        finally:
                            question.is_over = True
                    except GeneratorExit:
                        self.is_closing = True
                    except KeyboardInterrupt as error:
                        struck_by = error
                    except BaseException as error:
                        if self._is_without_run(undo):
                            raise
                        struck_by = error
                break
            except BaseException as error:
                if self._is_without_run(undo):
                    raise
                struck_by = error
        # An error knows its frames, and they know the desk: a cycle would keep the rows.
        try:
            if self._end is not None:
                raise self._end
        finally:
            self._end = self._error = self._struck_by = None
            self._questions.asked = ()

    def _begin(self) -> None:
        """Start the thread. An interrupt may come before or after it has begun: this can be called again."""
        if not self.has_begun:
            target = partial(contextvars.copy_context().run, self._do)
            # A daemon, as the caller may leave it.
            threading.Thread(target=target, name="events-pandas-run", daemon=True).start()
            self.has_begun = True

    def _do(self) -> None:
        try:
            self._start.get_nowait()
        except queue.Empty:
            # Another thread has begun.
            return
        self._thread = threading.current_thread()
        warn_through(self._draw)
        try:
            self._value = self._work()
        except BaseException as error:  # noqa: BLE001  # The caller raises it.
            self._error = error
        # It knows the run, which knows the desk: in a cycle the rows would wait for the collector of garbage.
        self._work = bool
        self._is_over = True
        self._to_caller.put(None)

    def _is_without_run(self, undo: Callable[[], object]) -> bool:
        """Whether there is no run to end: it is the parent's, or has not begun. Then it never will, and is undone."""
        with suppress(queue.Empty):
            self._start.get_nowait()
            self._is_undone = True
            undo()
        return self._is_undone or self.is_inherited

    def _strike(self, by: BaseException) -> None:
        """Count an interrupt, and drop the question that it has come upon."""
        if self._struck_by is None:
            self._struck_by = by
        # Closing has stopped the run, as a first interrupt does.
        self.interrupts += 2 if self.is_closing else 1
        if self.interrupts > MOST_INTERRUPTS:
            self._leaves_at = min(self._leaves_at, time.monotonic() + self._leave_seconds)
        self._questions.drop_calls()

    @property
    def _is_stopping(self) -> bool:
        """Whether the caller takes no more results, and makes no more frames."""
        return self.interrupts > 0 or self.is_closing

    def _look(self, struck_by: BaseException | None) -> Question | None:
        """Answer questions until one has results; return None at the end of the run."""
        if struck_by is not None:
            self._strike(struck_by)
        # Before the run begins: the command may have missed a signal. While it goes on, a second later at most.
        require_no_signal(after=self.interrupts)
        self._begin()
        self._is_away = False
        # It may wait for results that were taken.
        _ring(self._to_run)
        if self._is_stopping:
            self.wake()
        while not (self._is_over or self._leaves()):
            require_no_signal(after=self.interrupts)
            question = self._questions.first(calls_only=self._is_stopping)
            if question is None:
                self._pause()
            elif question.kind is Kind.CALL:
                self._answer(question)
            else:
                self._is_away = True
                # The run may wait for an answer that now takes some time.
                _ring(self._to_run)
                if question.kind is Kind.RESULTS:
                    return question
                self._answer(question)
                self._is_away = False
                self.wake()
        if self._thread is not None and self._is_over:
            self._thread.join()
        # A run that is left does not wait for answers.
        _ring(self._to_run)
        self._end = self._how_it_ends()
        return None

    def _leaves(self) -> bool:
        """Whether the caller leaves a run that goes on. A child process has none of its threads."""
        if not self.is_inherited:
            # The collector of garbage may close the stream in the thread of the run.
            is_run = threading.current_thread() is self._thread
            self.has_left = time.monotonic() >= self._leaves_at or sys.is_finalizing() or is_run
        elif self.is_closing:
            self.has_left = True
        else:
            raise RuntimeError(
                f"this run belongs to process {self._process}: a forked process must begin a run of its own"
            )
        return self.has_left

    def _how_it_ends(self) -> BaseException | None:
        """Return what is raised at the end."""
        by = self._struck_by
        if self.has_left or self.is_closing:
            return by
        end = self._error
        if end is None and (stop := self.stop) is not None:
            # The interrupt came when all was done.
            end = stop.error(self._value)
        if not isinstance(by, Exception | KeyboardInterrupt | None):
            # It ends a program or a task, and stays what it is.
            by.__dict__["results"] = getattr(end, "results", None)
            return by
        return end

    def _answer(self, question: Question) -> None:
        try:
            question.answer = question.call()
        except BaseException as error:
            # Ctrl-C is an interrupt, and so is what ends a program or a task. A child process ends by its own error.
            if not isinstance(error, Exception | GeneratorExit) or self.is_inherited:
                raise
            question.error = error
        question.is_over = True
        _ring(self._to_run)

    def _pause(self) -> None:
        try:
            self._to_caller.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if self._thread is not None and not self._thread.is_alive() and not self._is_over:
                self._error, self._is_over = RuntimeError("the thread of the run has ended"), True


def _ring(bell: "queue.SimpleQueue[None]") -> None:
    """End a wait, or the next one: who waits looks at what has changed. No interrupt comes within a call of C."""
    if bell.empty():
        bell.put(None)
