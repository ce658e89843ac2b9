"""One question in a thread of its own: its caller waits for a limited time, whatever hangs."""

import threading
import time
from collections.abc import Callable
from typing import Final

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.client.deadline import limit_attempts

LOOK_SECONDS: Final = 0.1
"""How often the one who waits looks round."""
_SPARE_SECONDS: Final = 0.25
"""A client that keeps its time gets so much more of it: its own error says best why it has no answer."""


class _Question(threading.Thread):
    """The thread, and what came of it."""

    def __init__(self, ask: Callable[[], Answer], seconds: float) -> None:
        # A daemon: it may hang where nothing of ours ends it.
        super().__init__(name="events-pandas-question", daemon=True)
        self.result: Answer | BaseException = RuntimeError("the thread of the question has ended")
        self._ask = ask
        self._seconds = seconds

    def run(self) -> None:
        try:
            limit_attempts(self._seconds)
            self.result = self._ask()
        except BaseException as error:  # noqa: BLE001  # raised in the thread of the one who asks
            self.result = error


def ask_in_time(ask: Callable[[], Answer], seconds: float, *, on_look: Callable[[], object]) -> Answer:
    """Ask, and wait for the answer.

    Parameters
    ----------
    ask : callable
        Makes one request, and returns its answer or raises.
    seconds : float
        How long the answer is waited for.
    on_look : callable
        Called several times a second meanwhile; what it raises ends the wait.

    Returns
    -------
    Answer
        Whatever was answered.

    Raises
    ------
    TransportError
        If no answer came in time.
    """
    question = _Question(ask, seconds)
    try:
        question.start()
    except (RuntimeError, MemoryError) as error:
        raise TransportError("the system has no thread left", may_have_arrived=False) from error
    until = time.monotonic() + seconds + _SPARE_SECONDS
    question.join(LOOK_SECONDS)
    while question.is_alive() and time.monotonic() < until:
        on_look()
        question.join(LOOK_SECONDS)
    if question.is_alive():
        raise TransportError(f"no answer within {seconds:.0f} s", may_have_arrived=False)
    result = question.result
    if isinstance(result, Answer):
        return result
    if isinstance(result, Exception | KeyboardInterrupt):
        raise result
    # Whatever ends a thread does not end the program.
    raise RuntimeError(f"a {type(result).__name__} in the thread of the question") from result
