"""Progress in words: a line of a log, and what a bar says at the width that it has. Pure."""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from typing import Final

from events_pandas.deliver.outcomes import Status
from events_pandas.deliver.progress.facts import Progress
from events_pandas.deliver.standing import Pause

LEAST_BAR: Final = 8
"""Characters below which a bar shows nothing that the percentage does not say."""
SOON_SECONDS: Final = 120.0
"""What happens within this time is told to the second."""
WEEK: Final = dt.timedelta(days=6)
"""Within this time a day of the week says which day is meant."""

# From the widest form to the narrowest, one of these is left out after the other.
_LEFT_OUT_IN_TURN: Final = ("rows", "statuses", "words", "description", "bar", "left", "window", "rate", "counts")
_LEFT_OUT_AT_THE_END: Final = ("rows", "bar", "description", "statuses", "counts")


def line(progress: Progress, *, description: str, zone: dt.tzinfo | None = None) -> str:
    """Say in a line of a log how far a run has come.

    Parameters
    ----------
    progress : Progress
        The facts.
    description : str
        The work in a word.
    zone : datetime.tzinfo, optional
        The time zone of what is told; the machine's when not given.

    Returns
    -------
    str
        Without a line break.
    """
    share = f" of {progress.total:,} ({_percent(progress)})" if progress.total else ""
    counts = _counts(progress, {"statuses"})
    ahead = ", ".join(_ahead(progress, {"words", "left", "window", "rate"}, zone))
    return (
        f"{description}: {progress.rows:,}{share} after {_duration(progress.elapsed_seconds)}"
        f"{': ' + counts if counts else ''}{'; ' + ahead if ahead else ''}"
    )


def bar_format(progress: Progress, *, description: str, width: int, zone: dt.tzinfo | None = None) -> str:
    """Say round a bar how far a run has come.

    Parameters
    ----------
    progress : Progress
        The facts.
    description : str
        The work in a word.
    width : int
        Characters that there are for all of it.
    zone : datetime.tzinfo, optional
        The time zone of what is told; the machine's when not given.

    Returns
    -------
    str
        The widest form that fits, with ``{bar}`` where there is room for a bar, and the narrowest if none does.
    """
    text = ""
    for text in _forms(progress, description, zone):
        bar, room = ("{bar}", LEAST_BAR) if "{bar}" in text else ("", 0)
        if len(text) - len(bar) + room <= width:
            break
    return text


def _forms(progress: Progress, description: str, zone: dt.tzinfo | None) -> Iterator[str]:
    in_turn = _LEFT_OUT_AT_THE_END if progress.is_final else _LEFT_OUT_IN_TURN
    told = {*in_turn}
    for left_out in ("", *in_turn):
        told -= {left_out}
        head, tail = _head(progress, description if "description" in told else ""), _tail(progress, told, zone)
        if progress.total and "bar" in told:
            yield f"{head}|{{bar}}| {tail}"
        else:
            yield f"{head}, {tail}" if tail else head


def _head(progress: Progress, description: str) -> str:
    done = _percent(progress) if progress.total else f"{progress.rows:,}"
    return f"{description}: {done}" if description else done


def _tail(progress: Progress, told: set[str], zone: dt.tzinfo | None) -> str:
    rows = f"{progress.rows:,} of {progress.total:,}" if progress.total and "rows" in told else ""
    counts = _counts(progress, told) if "counts" in told else ""
    after = f"after {_duration(progress.elapsed_seconds)}" if progress.is_final else ""
    return ", ".join(_non_empty([rows, counts, *_ahead(progress, told, zone), after]))


def _percent(progress: Progress) -> str:
    # Rounded down: the last row is what makes a hundred.
    return f"{100 * progress.rows // progress.total if progress.total else 0}%"


def _counts(progress: Progress, told: set[str]) -> str:
    counts = progress.counts
    if "statuses" in told:
        return ", ".join(f"{counts[status]:,} {status}" for status in Status if status in counts)
    accepted = counts.get(Status.ACCEPTED, 0)
    other = sum(counts.values()) - accepted
    return ", ".join(_non_empty([f"{accepted:,} accepted" if accepted else "", f"{other:,} other" if other else ""]))


def _ahead(progress: Progress, told: set[str], zone: dt.tzinfo | None) -> list[str]:
    """Say how the run goes on; nothing if it does not."""
    if progress.is_final:
        return []
    if progress.pause is not None:
        return [_pause(progress.pause, progress.at, zone)]
    rate = _rate(progress.events_per_second) if "rate" in told else ""
    window = _window(progress, told) if "window" in told else ""
    done = f"done {_moment(progress.done_at, progress.at, zone)}" if progress.done_at else ""
    return _non_empty([rate, window, done])


def _rate(per_second: float | None) -> str:
    if per_second is None:
        return ""
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"  # noqa: PLR2004  # two digits will do


def _window(progress: Progress, told: set[str]) -> str:
    window, number, windows = progress.window, progress.window_number, progress.windows
    if window is None or number is None:
        return ""
    if "words" in told:
        name, of = f"window {number:,}" + (f" of {windows:,}" if windows else ""), " of "
    else:
        name, of = f"window {number:,}" + (f"/{windows:,}" if windows else ""), "/"
    left = f"{max(window.left, 0):,}{of}{window.limit:,} left"
    return f"{name}, {left}" if "left" in told else name


def _pause(pause: Pause, at: dt.datetime, zone: dt.tzinfo | None) -> str:
    if pause.reason == "rate_limit":
        return f"rate limit: waiting {math.ceil(pause.next_in_seconds)} s"
    since = _moment(at - dt.timedelta(seconds=pause.since_seconds), None, zone)
    wait = f"next try in {math.ceil(pause.next_in_seconds)} s" if pause.next_in_seconds else "trying now"
    parts = [f"everything fails since {since}", wait]
    if pause.gives_up_in_seconds is not None and math.isfinite(pause.gives_up_in_seconds):
        parts.append(f"gives up at {_moment(at + dt.timedelta(seconds=pause.gives_up_in_seconds), None, zone)}")
    return ", ".join(parts)


def _moment(moment: dt.datetime, now: dt.datetime | None, zone: dt.tzinfo | None) -> str:
    """Tell a time as one who looks at a clock wants it: the day if it is another one, seconds if it is soon."""
    local = moment.astimezone(zone)
    if now is None:
        return f"{local:%H:%M}"
    if abs((moment - now).total_seconds()) < SOON_SECONDS:
        return f"{local:%H:%M:%S}"
    if local.date() == now.astimezone(zone).date():
        return f"{local:%H:%M}"
    return f"{local:%a %H:%M}" if moment - now < WEEK else f"{local:%Y-%m-%d}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.0f} s"


def _non_empty(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text]
