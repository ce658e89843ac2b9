"""The attempt that a thread makes: its one deadline, and what happened on its connection.

A pool stands between the transport, which knows the deadline, and the sockets, which keep it.
"""

import math
import threading
import time
from typing import Final


class _ThreadAttempt(threading.local):
    ends_at = math.inf
    most_seconds = math.inf  # the limit of every attempt of the thread
    had_connection: bool | None = None
    is_first = True  # whether its request is the first on its connection
    is_looking = False  # whether a read takes what is there, and waits for nothing
    is_spoilt = False  # whether its connection must not be used again
    is_followed = False  # whether more came than its answer

    def seconds_left(self) -> float:
        if self.is_looking:
            return 0.0
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline of the attempt has passed")
        return seconds


ATTEMPT: Final = _ThreadAttempt()


def limit_attempts(seconds: float) -> None:
    """Limit every attempt of this thread, even if the client allows more."""
    ATTEMPT.most_seconds = seconds


def begin_attempt(seconds: float) -> float:
    """Set the deadline for every wait of this thread on the sockets of `deadline`.

    Return the seconds that the attempt has: the limit of the thread may be lower.
    """
    seconds = min(seconds, ATTEMPT.most_seconds)
    ATTEMPT.ends_at = time.monotonic() + seconds
    ATTEMPT.had_connection = None
    ATTEMPT.is_first = True
    ATTEMPT.is_spoilt = ATTEMPT.is_followed = False
    return seconds


def had_connection() -> bool | None:
    """Return whether the attempt had a connection, so that a part of the request may have gone out.

    False until a proxy's consent and the TLS handshake are done; None if no connection of `deadline` was asked for.
    """
    return ATTEMPT.had_connection


def is_doubtful() -> bool:
    """Return whether the answer that the attempt has read may belong to another request.

    More came than this answer, on a connection that has carried other requests: the answer may be an extra one, and
    the rest the attempt's own. The first answer on a connection is beyond doubt.
    """
    return ATTEMPT.is_followed and not ATTEMPT.is_first
