"""Which values the settings of a sandbox may have, and what the command line says of them.

Beside the sandbox rather than in it: the help of the command line does not need the sandbox's extra.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Final, TypeAlias

_Kind: TypeAlias = type[bool] | type[int] | type[float] | type[dict[int, float]]

# About thirty years: the server's clock stays within the years of dates and headers.
_MOST_SKEW_SECONDS: Final = 1_000_000_000
# Clocks are not finer than that, and 1970 lies too many windows of the shortest floats ago.
_LEAST_WINDOW_SECONDS: Final = 0.001


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # An integer that is too large for a float.
        return False


_IS_KIND: Final[Mapping[_Kind, Callable[[object], bool]]] = MappingProxyType(
    {
        bool: lambda value: value is True or value is False,
        int: _is_whole,
        float: _is_number,
        dict: lambda value: isinstance(value, Mapping),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxSetting:
    """A setting of a sandbox: its values, in code and in the words of an error, and its option of the command line.

    Numbers of numpy count, booleans are not numbers. `within` takes the place of `must_be` for a number out of range.
    """

    # The flag of the command line is made of the setting's name if `flag` is empty.

    kind: _Kind
    must_be: str
    within: str = ""
    least: float | None = None
    most: float = math.inf
    is_optional: bool = False
    hint: str = ""
    help: str = ""
    flag: str = ""
    metavar: str | None = None

    def checked(self, name: str, value: Any) -> Any:
        """Return a value as Python's own type has it; raise ValueError if the setting cannot have it."""
        if value is None and self.is_optional:
            return None
        if not _IS_KIND[self.kind](value):
            raise ValueError(f"{name} must be {self.must_be}, not {value!r}{self.hint}")
        if self.least is not None and not self.least <= value <= self.most:
            raise ValueError(f"{name} must be {self.within or self.must_be}, not {value}{self.hint}")
        return self.kind(value)


STATUS: Final = SandboxSetting(kind=int, must_be="from 400 to 599", least=400, most=599)
"""A status that is answered as a fault."""

SHARE: Final = SandboxSetting(kind=float, must_be="a share between 0 and 1", least=0, most=1)
"""A share of the submissions."""

_boolean: Final = partial(SandboxSetting, kind=bool, must_be="true or false")
_seconds: Final = partial(SandboxSetting, kind=float, must_be="a number of seconds", within="at least 0", least=0)
_share: Final = partial(SandboxSetting, kind=float, must_be=SHARE.must_be, least=0, most=1)

FAULT_SETTINGS: Final = MappingProxyType(
    {
        "latency_seconds": _seconds(help="How long each answer takes."),
        "jitter": _share(help="How much latencies vary, as a share of them."),
        "statuses": SandboxSetting(
            kind=dict,
            must_be="a mapping of statuses to shares, such as {500: 0.05}",
            help="Such as 500=0.05; may be repeated.",
            flag="--status",
            metavar="STATUS=SHARE",
        ),
        "drop_before": _share(help="The share of submissions whose connection closes before they are stored."),
        "drop_after": _share(help="The share of submissions whose connection closes after they are stored."),
        "garbage": _share(help="The share whose answer has a body that is not JSON."),
        "trickle_body": _share(help="The share whose answer has a body that comes byte by byte."),
        "trickle_headers": _share(help="The share whose whole answer comes byte by byte."),
        "no_answer": _share(help="The share that is stored and never answered."),
        "trickle_seconds": _seconds(help="The pause before each such byte; by default 1."),
        "outage_after_seconds": _seconds(help="How long after the start an outage begins."),
        "outage_seconds": _seconds(help="How long the outage answers all requests with 503."),
        "clock_skew_seconds": SandboxSetting(
            kind=float,
            must_be=f"from -{_MOST_SKEW_SECONDS:,} to {_MOST_SKEW_SECONDS:,}",
            least=-_MOST_SKEW_SECONDS,
            most=_MOST_SKEW_SECONDS,
            help="How far the server's clock is ahead.",
        ),
        "rate_headers": _boolean(help="Leave out the rate-limit headers.", flag="--no-rate-headers"),
        "token_revoked": _boolean(help="Answer 401: the token is revoked."),
        "seed": SandboxSetting(
            kind=int,
            must_be="a whole number of 64 bits",
            least=-(2**63),
            most=2**63 - 1,
            help="Another number chooses other submissions.",
        ),
    }
)
"""The settings of `Faults`, in its order."""

SETTINGS: Final = MappingProxyType(
    {
        "port": SandboxSetting(
            kind=int,
            must_be="a whole number from 0 to 65535",
            least=0,
            most=65_535,
            hint="; 0 stands for any free port",
            help="The port; 0 for any free one.",
        ),
        "limit": SandboxSetting(
            kind=int,
            must_be="a whole number",
            within="at least 1",
            least=1,
            is_optional=True,
            hint="; None stands for no limit",
            help="Requests in a window; 0 for no limit.",
        ),
        "window_seconds": SandboxSetting(
            kind=float,
            must_be=f"a number of at least {_LEAST_WINDOW_SECONDS}",
            least=_LEAST_WINDOW_SECONDS,
            help="The length of a window.",
        ),
        "times": SandboxSetting(kind=int, must_be="a whole number", within="at least 1", least=1),
        **FAULT_SETTINGS,
    }
)
"""The settings by their names in Python and in JSON."""


def checked(name: str, value: object) -> Any:
    """Return the value of a setting as Python's own type has it; raise ValueError if the setting cannot have it."""
    return SETTINGS[name].checked(name, value)
