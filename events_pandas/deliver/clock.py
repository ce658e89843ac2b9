"""What a run takes from outside: time and chance. Tests bring their own."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Time and chance.

    Parameters
    ----------
    monotonic : callable
        Seconds that never jump.
    unix_time : callable
        Unix seconds.
    sleep : callable
        Waits for so many seconds.
    jitter : callable
        A random number, at least 0 and less than 1.
    """

    monotonic: Callable[[], float] = time.monotonic
    unix_time: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


REAL_CLOCK: Final = Clock()
