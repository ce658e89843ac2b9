"""Warnings of this package, which point at the line of its caller."""

import contextlib
import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Final

# Between the functions of this package, as their frames begin and end its context managers.
_OWN: Final = (str(Path(__file__).parent), contextlib.__file__)

_TELLER: Final[ContextVar[Callable[[Callable[[], None]], object] | None]] = ContextVar("_TELLER", default=None)


def warn_caller(sentence: str) -> None:
    """Warn at the line that called this package, which is the one that a user can change."""
    here = partial(_warn_here, sentence)
    teller = _TELLER.get()
    if teller is None:
        here()
    else:
        teller(here)


def warn_through(teller: Callable[[Callable[[], None]], object]) -> None:
    """Let warnings of this thread, whose stack does not show the caller, be raised where `teller` calls them."""
    _TELLER.set(teller)


def _warn_here(sentence: str) -> None:
    frame, level = sys._getframe(), 1  # noqa: SLF001  # As `warnings` counts frames.
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame, level = frame.f_back, level + 1
    warnings.warn(sentence, stacklevel=level)
