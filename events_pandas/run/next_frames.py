"""The next frames of a stream: the caller makes them while events of the frames before are sent."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from events_pandas.run.desk import Desk

if TYPE_CHECKING:
    from events_pandas.run.questions import Question

MOST_AHEAD: Final = 2
"""How many frames are held at most of which no event was sent: one that is next, and one for a slow moment after it."""

T = TypeVar("T")


class NextFrames(Generic[T]):
    """Orders the frames of a stream at the desk, and keeps them in their order until they are taken.

    `make` is called in the caller's thread, and returns None at the end.
    """

    def __init__(self, make: Callable[[], T | None], desk: Desk) -> None:
        self._make = make
        self._desk = desk
        self._looks_ahead = False
        self._order: Question | None = None
        self._held: deque[T] = deque()
        self._error: Exception | None = None
        self._has_ended = False

    def begin(self) -> None:
        """Look ahead from here on. Before, the run waits for each frame."""
        self._looks_ahead = True

    def look(self) -> None:
        """Order another frame if there is room for it, and none is being made."""
        self._collect()
        if self._order is None and not self._has_ended and len(self._held) < MOST_AHEAD:
            self._order = self._desk.order(self._make)

    @property
    def is_awaited(self) -> bool:
        """Whether the next frame is not there yet."""
        self._collect()
        return self._looks_ahead and not (self._held or self._has_ended)

    def take(self) -> T | None:
        """Return the next frame, None at the end. Raise the error of the stream in its place."""
        if self._held:
            return self._held.popleft()
        if not self._looks_ahead:
            return self._desk.ask(self._make)
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return None

    def rest(self) -> list[T]:
        """Return the frames that were made and not taken. The caller makes no more."""
        self._collect()
        return list(self._held)

    def _collect(self) -> None:
        """Take in a frame that was made."""
        if self._order is None or not self._order.is_over:
            return
        order, self._order = self._order, None
        try:
            frame = order.take_answer()
        except Exception as error:  # noqa: BLE001  # It is raised after the frames before it.
            self._error, frame = error, None
        if frame is None:
            self._has_ended = True
        else:
            self._held.append(frame)
