"""Questions to Intercom, asked at the pace of the rate limit: shown, repeated after passing failures, and stoppable."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from events_pandas.check import chunk_bounds
from events_pandas.deliver import (
    Answer,
    Engine,
    Event,
    IntercomClient,
    Outcome,
    ProgressBar,
    Stop,
    WorkspaceIdentity,
    preflight,
    stop_for_error,
    stop_for_interrupt,
)
from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.questions import AskingClient, QuestionReply
from events_pandas.deliver.stops import NEXT_STEP, stop_without_answers
from events_pandas.deliver.workers import Client
from events_pandas.free_memory import give_back_memory
from events_pandas.run.desk import Desk
from events_pandas.run.options import RunOptions
from events_pandas.run.questions import UnansweredError

Read = TypeVar("Read")

AT_A_TIME: Final = 8
"""Questions whose answers are taken together. Few, so that what follows from an answer is asked soon."""
_MOST_UNTAKEN: Final = 256
"""Questions that wait for earlier ones to be answered, and those under way."""
_TAKEN_BETWEEN: Final = 128
"""Questions after whose answers free memory goes back to the system."""


def _always(_: int) -> bool:
    return True


@dataclass(kw_only=True, slots=True)
class Asking:
    """Asks Intercom questions, and keeps why that ended early, if it did.

    Parameters
    ----------
    pacer : Pacer
        A run that asks has it too: both draw on one limit.
    on_tick : callable
        Called at least once a second while answers are awaited.
    """

    client: IntercomClient
    options: RunOptions
    desk: Desk
    pacer: Pacer
    on_tick: Callable[[], object] = bool
    stop: Stop | None = field(default=None, init=False)
    workspace: WorkspaceIdentity | None = field(default=None, init=False)
    requests: int = field(default=0, init=False)

    def find_workspace(self) -> None:
        """Ask whose token this is. Without an answer the asking has ended."""
        with self._engine(self.client) as engine:
            self.workspace = preflight(engine, advice=f"to go on, {NEXT_STEP}")
            self.stop = engine.stop

    def require_answers(self, left: int, *, last: QuestionReply[Any] | None) -> None:
        """End the asking if so many contacts are left without an answer; `last` came instead of one."""
        if left:
            said = (last and last.said) or "no answer came"
            self._end_by(stop_without_answers(left, said=said, is_refused=last is not None and last.is_refusal))

    def _end_by(self, stop: Stop) -> None:
        """End the asking, unless something else has ended it before."""
        self.stop = self.stop or stop

    def ask(
        self,
        questions: Iterable[Sequence[int] | None],
        *,
        total: Callable[[], int],
        send: Callable[[int], Answer],
        read: Callable[[int, Attempt], Read | None],
        take: Callable[[int, QuestionReply[Read]], object],
        description: str,
        is_repeatable: Callable[[int], bool] = _always,
    ) -> None:
        """Send questions by their numbers, and pass on what came back for each that was sent.

        `questions` yields some at a time, and None until an answer that is under way may bring more: `total`, which
        counts all so far, grows then.
        """
        if self.stop is not None or not total():
            return
        asking = AskingClient(self.client, send=send, read=read, is_repeatable=is_repeatable)
        before = self.desk.wake
        try:
            self._show(asking, questions, total=total, take=take, description=description)
        except UnansweredError:
            self._end_by(self.desk.stop or stop_for_interrupt())
        except Exception as error:
            # Such as one that a user's function for progress raises. A fork leaves the questions to its parent.
            if self.desk.is_inherited:
                raise
            self._end_by(stop_for_error(error))
        finally:
            self.desk.wake = before

    def _show(
        self,
        asking: AskingClient[Read],
        questions: Iterable[Sequence[int] | None],
        *,
        total: Callable[[], int],
        take: Callable[[int, QuestionReply[Read]], object],
        description: str,
    ) -> None:
        """Ask, and show how far that is."""
        shown = self.desk.progress_bar(self.options.progress, total=total(), description=description, delay_seconds=2.0)
        with shown as bar, self._engine(asking, bar) as engine:
            bar.watch(engine.current_state)
            taken = 0
            try:
                events = _events(questions, engine)
                for outcomes in engine.deliver(events, reads_on=lambda: len(asking.replies) < _MOST_UNTAKEN):
                    for outcome in outcomes:
                        if (reply := asking.replies.pop(outcome.row, None)) is not None:
                            take(outcome.row, reply)
                    bar.expect(total())
                    taken += len(outcomes)
                    if taken >= _TAKEN_BETWEEN:
                        # Each of many threads has read answers, and keeps what they took.
                        give_back_memory()
                        taken = 0
            finally:
                self.requests += engine.requests - len(asking.spared)
                self.stop = engine.stop

    def _engine(self, client: Client, bar: ProgressBar | None = None) -> Engine:
        options = self.options

        def tick() -> None:
            # An interrupt does not break the display: the engine sees it by itself.
            with suppress(UnansweredError):
                self.on_tick()
                if bar is not None:
                    bar.tick()

        def count(_: Outcome) -> None:
            with suppress(UnansweredError):
                if bar is not None:
                    bar.advance()

        engine = Engine(
            client,
            retry=options.retry,
            rate_share=options.rate_share,
            patience_seconds=options.patience_seconds,
            on_outcome=count,
            on_tick=tick,
            interrupts=lambda: self.desk.interrupts or int(self.desk.is_closing),
            pacer=self.pacer,
        )
        self.desk.wake = engine.wake
        return engine


def numbered(total: int) -> Iterator[range]:
    """Yield the numbers from 0, some at a time."""
    return (range(*bounds) for bounds in chunk_bounds(total, AT_A_TIME))


def _events(questions: Iterable[Sequence[int] | None], engine: Engine) -> Iterator[list[Event] | None]:
    """Yield an event for each question, until the engine stops."""
    for numbers in questions:
        if engine.stop is not None:
            return
        yield None if numbers is None else [_event(f"{number}") for number in numbers]


def _event(number: str) -> Event:
    # A contact of its own for each: an engine withholds other events of a contact that is not known.
    return Event(row=int(number), payload=number.encode(), contact=number)
