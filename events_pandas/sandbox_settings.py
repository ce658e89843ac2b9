"""Which values the settings of a sandbox may have, and what the command line says of its faults.

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
_SKEW: Final = 1_000_000_000
# Clocks are not finer than that, and 1970 lies too many windows of the shortest floats ago.
_LEAST_WINDOW: Final = 0.001


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # An integer that is too large for a float.
        return False


# Numbers of numpy count, booleans do not.
_IS_KIND: Final[Mapping[_Kind, Callable[[object], bool]]] = {
    bool: lambda value: value is True or value is False,
    int: lambda value: isinstance(value, Integral) and not isinstance(value, bool),
    float: _is_number,
    dict: lambda value: isinstance(value, Mapping),
}


@dataclass(frozen=True, slots=True)
class SandboxSetting:
    """A setting of a sandbox: its values, in code and in the words of an error, and its option of the command line.

    `within` takes the place of `must_be` for a number out of range. `flag` is empty if it is the setting's name.
    """

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


_boolean: Final = partial(SandboxSetting, bool, "true or false")
_seconds: Final = partial(SandboxSetting, float, "a number of seconds", "at least 0", 0)
_share: Final = partial(SandboxSetting, float, "a share between 0 and 1", least=0, most=1)

SHARE: Final = _share()
"""The share of the submissions that is answered with a status."""

STATUS: Final = SandboxSetting(int, "from 400 to 599", least=400, most=599)
"""A status that is answered as a fault."""

FAULT_SETTINGS: Final = MappingProxyType(
    {
        "latency_seconds": _seconds(help="How long each answer takes."),
        "jitter": _share(help="How much latencies vary, as a share of them."),
        "statuses": SandboxSetting(
            dict,
            "a mapping of statuses to shares, such as {500: 0.05}",
            help="Such as 500=0.05; may be repeated.",
            flag="--status",
            metavar="STATUS=SHARE",
        ),
        "drop_before": _share(help="The share of submissions whose connection closes before they are stored."),
        "drop_after": _share(help="The share of submissions whose connection closes after they are stored."),
        "lose": _share(help="The share of events that are answered 202 and not stored."),
        "garbage": _share(help="The share whose answer has a body that is not JSON."),
        "trickle_body": _share(help="The share whose answer has a body that comes byte by byte."),
        "trickle_headers": _share(help="The share whose whole answer comes byte by byte."),
        "no_answer": _share(help="The share that is stored and never answered."),
        "trickle_seconds": _seconds(help="The pause before each such byte; by default 1."),
        "outage_after_seconds": _seconds(help="How long after the start an outage begins."),
        "outage_seconds": _seconds(help="How long the outage answers all requests with 503."),
        "clock_skew_seconds": SandboxSetting(
            float,
            f"from -{_SKEW:,} to {_SKEW:,}",
            least=-_SKEW,
            most=_SKEW,
            help="How far the server's clock is ahead.",
        ),
        "search_lag_seconds": _seconds(help="How long searches do not show a new contact."),
        "rate_headers": _boolean(help="Leave out the rate-limit headers.", flag="--no-rate-headers"),
        "token_revoked": _boolean(help="Answer 401: the token is revoked."),
        "seed": SandboxSetting(
            int,
            "a whole number of 64 bits",
            least=-(2**63),
            most=2**63 - 1,
            help="Another number chooses other submissions.",
        ),
    }
)
"""The settings of `Faults`, in its order."""

_SETTINGS: Final = {
    "port": SandboxSetting(int, "a whole number from 0 to 65535", "", 0, 65_535, hint="; 0 stands for any free port"),
    "limit": SandboxSetting(
        int, "a whole number", "at least 1", least=1, is_optional=True, hint="; None stands for no limit"
    ),
    "window_seconds": SandboxSetting(float, f"a number of at least {_LEAST_WINDOW}", least=_LEAST_WINDOW),
    "times": SandboxSetting(int, "a whole number", "at least 1", least=1),
    **FAULT_SETTINGS,
}


def checked(name: str, value: object) -> Any:
    """Return the value of a setting as Python's own type has it; raise ValueError if the setting cannot have it."""
    return _SETTINGS[name].checked(name, value)
