"""The attempt that a thread makes: its one deadline, and what happened on its connection.

A pool stands between the transport, which knows the deadline, and the sockets, which keep it.
"""

import math
import threading
import time
from typing import Final


class _ThreadAttempt(threading.local):
    ends_at = math.inf
    most_seconds = math.inf  # the limit of every attempt of the thread, even if the client allows more
    # Whether there was a connection, so that a part of the request may have gone out: not before a proxy's consent and
    # the TLS handshake are done. None if no connection of `deadline` was asked for.
    had_connection: bool | None = None
    is_first = True  # whether its request is the first on its connection
    is_looking = False  # whether a read takes what is there, and waits for nothing
    is_spoilt = False  # whether its connection must not be used again
    is_followed = False  # whether more came than its answer

    def begin(self, seconds: float) -> float:
        """Set the deadline for every wait of this thread on the sockets of `deadline`.

        Return the seconds that the attempt has: the limit of the thread may be lower.
        """
        seconds = min(seconds, self.most_seconds)
        self.ends_at = time.monotonic() + seconds
        self.had_connection = None
        self.is_first = True
        self.is_spoilt = self.is_followed = False
        return seconds

    def seconds_left(self) -> float:
        """Return how long a wait may last; raise `TimeoutError` if the deadline has passed."""
        if self.is_looking:
            return 0.0
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline of the attempt has passed")
        return seconds

    @property
    def is_doubtful(self) -> bool:
        """Whether the answer that the attempt has read may belong to another request.

        More came than this answer, on a connection that has carried other requests: the answer may be an extra one,
        and the rest the attempt's own. The first answer on a connection is beyond doubt.
        """
        return self.is_followed and not self.is_first


ATTEMPT: Final = _ThreadAttempt()
