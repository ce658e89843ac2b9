"""The clock and the random numbers that a run uses. Tests bring their own."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Two clocks in seconds, a way to wait, and a random number for jitter."""

    # Never jumps.
    monotonic: Callable[[], float] = time.monotonic
    unix_time: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    # At least 0 and less than 1.
    jitter: Callable[[], float] = random.random


REAL_CLOCK: Final = Clock()
