"""Progress in words: a line of a log, and the text of a bar at a given width. Pure."""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from events_pandas.deliver.outcomes import Status
from events_pandas.deliver.pace.state import Pause
from events_pandas.deliver.progress.tally import Progress
from events_pandas.words import counted

LEAST_BAR: Final = 8
"""A bar of fewer characters shows no more than the percentage."""
SOON_SECONDS: Final = 120.0
"""Times within the next two minutes are shown with seconds."""
WIDE: Final = 99
"""From this width on there is always a bar: a bar that comes and goes with the figures looks broken."""
WEEK: Final = dt.timedelta(days=6)
"""Within this time the day of the week names the day."""

# From the widest form to the narrowest, these parts are left out one after another.
_LEFT_OUT_BESIDE_A_BAR: Final = ("rows", "statuses", "words", "description", "left", "window", "rate", "counts", "bar")
_LEFT_OUT_WITHOUT_A_BAR: Final = ("statuses", "words", "description", "left", "window", "rows", "rate", "counts")
_LEFT_OUT_IN_A_PAUSE: Final = ("statuses", "words", "description", "counts", "rows", "left", "window", "bar")
_LEFT_OUT_AT_THE_END: Final = ("rows", "bar", "description", "statuses", "counts")


def format_line(
    progress: Progress, *, description: str, paused_seconds: float | None = None, zone: dt.tzinfo | None = None
) -> str:
    """Return the progress as a line of a log.

    `paused_seconds` is the length of a pause that has just ended. Times are in `zone`, by default the machine's.
    """
    if progress.ended_early:
        return _early(progress, description, {"statuses", "counts"})
    share = f" of {progress.total:,} ({_percent(progress)})" if progress.total else ""
    counts = _counts(progress, {"statuses"})
    resumed = "" if paused_seconds is None else f"goes on after a pause of {_duration(paused_seconds)}"
    ahead = ", ".join(_non_empty([resumed, *_ahead(progress, {"words", "left", "window", "rate"}, zone)]))
    return (
        f"{description}: {progress.rows:,}{share} after {_duration(progress.elapsed_seconds)}"
        f"{': ' + counts if counts else ''}{'; ' + ahead if ahead else ''}"
    )


def format_bar(progress: Progress, *, description: str, width: int, zone: dt.tzinfo | None = None) -> str:
    """Return the text of a bar: the widest form that fits `width` characters, or else the narrowest.

    It holds ``{bar}`` where there is a bar: with plenty of room, unless the run ended early. Times are in `zone`, by
    default the machine's.
    """
    text = ""
    for text in _forms(progress, description, width=width, zone=zone):
        bar, room = ("{bar}", LEAST_BAR) if "{bar}" in text else ("", 0)
        if len(text) - len(bar) + room <= width:
            break
    return text


def _forms(progress: Progress, description: str, *, width: int, zone: dt.tzinfo | None) -> Iterator[str]:
    in_turn = _left_out(progress, width)
    shown = {*in_turn}
    if width < WIDE:
        shown -= {"bar"}
    for left_out in ("", *in_turn):
        shown -= {left_out}
        yield _form(progress, description if "description" in shown else "", shown=shown, zone=zone)


def _left_out(progress: Progress, width: int) -> tuple[str, ...]:
    if progress.is_final or progress.ended_early:
        return _LEFT_OUT_AT_THE_END
    if progress.pause is not None:
        # The wait is more important than the work that is done.
        return ("rows", *_LEFT_OUT_IN_A_PAUSE) if width >= WIDE else _LEFT_OUT_IN_A_PAUSE
    return _LEFT_OUT_BESIDE_A_BAR if width >= WIDE else _LEFT_OUT_WITHOUT_A_BAR


def _form(progress: Progress, description: str, *, shown: set[str], zone: dt.tzinfo | None) -> str:
    if progress.ended_early:
        return _early(progress, description, shown)
    head, tail = _head(progress, description), _tail(progress, shown, zone)
    if progress.total and "bar" in shown:
        return f"{head}|{{bar}}| {tail}"
    return f"{head}, {tail}" if tail else head


def _early(progress: Progress, description: str, shown: set[str]) -> str:
    """Return the text for a run that has ended before its last row."""
    head = _head(progress, description) if progress.total else description
    counts = _early_counts(progress, shown) if "counts" in shown else ""
    facts = ", ".join(_non_empty([counts, f"after {_duration(progress.elapsed_seconds)}"]))
    return f"{head} ended early: {facts}".lstrip()


def _early_counts(progress: Progress, shown: set[str]) -> str:
    share = f" of {progress.total:,}" if progress.total else ""
    if not progress.counts:
        return f"{progress.rows:,}{share}"
    accepted = progress.counts.get(Status.ACCEPTED, 0)
    others = {status: n for status, n in progress.counts.items() if status != Status.ACCEPTED}
    return ", ".join(_non_empty([f"{accepted:,}{share} accepted", _counts(replace(progress, counts=others), shown)]))


def _head(progress: Progress, description: str) -> str:
    done = _percent(progress) if progress.total else f"{progress.rows:,}"
    return f"{description}: {done}" if description else done


def _tail(progress: Progress, shown: set[str], zone: dt.tzinfo | None) -> str:
    rows = f"{progress.rows:,} of {progress.total:,}" if progress.total and "rows" in shown else ""
    counts = _counts(progress, shown) if "counts" in shown else ""
    after = f"after {_duration(progress.elapsed_seconds)}" if progress.is_final else ""
    return ", ".join(_non_empty([rows, counts, *_ahead(progress, shown, zone), after]))


def _percent(progress: Progress) -> str:
    # Rounded down: 100 % is only reached with the last row.
    return f"{100 * progress.rows // progress.total if progress.total else 0}%"


def _counts(progress: Progress, shown: set[str]) -> str:
    counts = progress.counts
    if "statuses" in shown:
        return ", ".join(f"{counts[status]:,} {status}" for status in Status if status in counts)
    accepted = counts.get(Status.ACCEPTED, 0)
    other = sum(counts.values()) - accepted
    return ", ".join(_non_empty([f"{accepted:,} accepted" if accepted else "", f"{other:,} other" if other else ""]))


def _ahead(progress: Progress, shown: set[str], zone: dt.tzinfo | None) -> list[str]:
    """Return how the run goes on, which is nothing at its end."""
    if progress.is_final:
        return []
    if progress.pause is not None:
        return [_pause(progress, progress.pause, shown=shown, zone=zone)]
    rate = _rate(progress.events_per_second) if "rate" in shown else ""
    window = _window(progress, shown) if "window" in shown else ""
    done = f"done {_moment(progress.done_at, progress.at, zone)}" if progress.done_at else ""
    return _non_empty([rate, window, done])


def _rate(per_second: float | None) -> str:
    if per_second is None:
        return ""
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"  # noqa: PLR2004  # two digits are enough


def _window(progress: Progress, shown: set[str]) -> str:
    window, number, windows = progress.window, progress.window_number, progress.windows
    if window is None or number is None:
        return ""
    if "words" in shown:
        name, of = f"window {number:,}" + (f" of {windows:,}" if windows else ""), " of "
    else:
        name, of = f"window {number:,}" + (f"/{windows:,}" if windows else ""), "/"
    left = f"{max(window.left, 0):,}{of}{window.limit:,} left"
    return f"{name}, {left}" if "left" in shown else name


def _pause(progress: Progress, pause: Pause, *, shown: set[str], zone: dt.tzinfo | None) -> str:
    if pause.reason == "rate_limit":
        return f"rate limit: waiting {math.ceil(pause.next_in_seconds)} s"
    if pause.reason == "preflight":
        return "waiting for Intercom's first answer"
    if pause.reason == "stopping":
        return _stopping(pause, progress.in_flight, shown)
    since = f"{(progress.at - dt.timedelta(seconds=pause.since_seconds)).astimezone(zone):%H:%M:%S}"
    wait = f"next try in {math.ceil(pause.next_in_seconds)} s" if pause.next_in_seconds else "trying now"
    left = pause.gives_up_in_seconds
    parts = [f"requests failing since {since}", wait if "left" in shown else ""]
    if "window" in shown and left is not None and math.isfinite(left):
        parts.append(f"gives up in {_time_left(left)}")
    return ", ".join(_non_empty(parts))


def _stopping(pause: Pause, in_flight: int, shown: set[str]) -> str:
    requests = counted(in_flight, "request")
    left = pause.gives_up_in_seconds
    at_most = "" if left is None or not math.isfinite(left) else f", {math.ceil(left)} s at most"
    hint = "; Ctrl-C again leaves at once" if "left" in shown else ""
    return f"stopping: {'waiting for ' if 'words' in shown else ''}{requests}{at_most}{hint}"


def _time_left(seconds: float) -> str:
    if seconds <= SOON_SECONDS:
        return f"{math.ceil(seconds)} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"


def _moment(moment: dt.datetime, now: dt.datetime, zone: dt.tzinfo | None) -> str:
    """Return a time as a clock shows it: with the day if it is another one, with seconds if it is soon."""
    local = moment.astimezone(zone)
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
