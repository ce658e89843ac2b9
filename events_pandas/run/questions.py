"""What a run asks of its caller: to call a function, to take results, or to make the next frame."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Any

import pandas as pd


class UnansweredError(Exception):
    """The caller did not answer: it was interrupted, or it has left the run."""


class Kind(IntEnum):
    """What the run wants of its caller, in the order in which the caller turns to it."""

    # To call a function.
    CALL = 0
    # To take results.
    RESULTS = 1
    # To make the next frame, which may take long.
    FRAME = 2


@dataclass(kw_only=True, slots=True, eq=False)
class Question:
    """Something that the run wants of its caller. The run writes it, and the caller marks it as over."""

    kind: Kind
    call: Callable[[], Any] = bool
    results: pd.DataFrame | None = None
    answer: Any = None
    error: BaseException | None = None
    # Whether it shows a step of the progress: the next step may take its place.
    is_step: bool = False
    is_over: bool = False
    is_dropped: bool = False

    def take_answer(self) -> Any:
        """Return what the call has returned, or raise what it has raised. The question forgets it."""
        answer, self.answer = self.answer, None
        error, self.error = self.error, None
        if error is not None:
            # An error knows its frames: a frame that knows it would be a cycle.
            try:
                raise error
            finally:
                del error
        if self.is_dropped or not self.is_over:
            raise UnansweredError
        return answer


class Questions:
    """The questions of a run, in the order in which it asks them."""

    def __init__(self) -> None:
        # Only the run's thread sets it, and each time as a whole: the caller may look at any moment.
        self.asked: tuple[Question, ...] = ()

    def ask(self, question: Question) -> None:
        """Add a question, and forget those that are over."""
        self.asked = (*(each for each in self.asked if not each.is_over), question)

    def take_back_frames(self) -> None:
        """Ask for no frame any more."""
        self.asked = tuple(each for each in self.asked if each.kind is not Kind.FRAME)

    def untaken(self) -> list[pd.DataFrame]:
        """Return the results that the caller does not have."""
        return [each.results for each in self.asked if each.results is not None and not each.is_over]

    def first(self, *, calls_only: bool) -> Question | None:
        """Return the question that the caller turns to next."""
        left = [each for each in self.asked if not each.is_over and (each.kind is Kind.CALL or not calls_only)]
        return min(left, key=attrgetter("kind"), default=None)

    def drop_calls(self) -> None:
        """Drop the calls that are not over."""
        for question in self.asked:
            if question.kind is Kind.CALL and not question.is_over:
                question.is_dropped = question.is_over = True
