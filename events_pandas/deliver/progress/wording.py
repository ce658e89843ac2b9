"""Progress in words: a line of a log, and the text of a bar at a given width. Pure."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from events_pandas.deliver.outcomes import Status
from events_pandas.deliver.pace.state import Pause
from events_pandas.deliver.progress.tally import Progress
from events_pandas.words import counted, duration_words

LEAST_BAR: Final = 8
"""A bar of fewer characters shows no more than the percentage."""
SOON_SECONDS: Final = 120.0
"""Times within the next two minutes are shown with seconds."""
WIDE: Final = 99
"""From this width on there is always a bar: a bar that comes and goes with the figures looks broken."""
WEEK: Final = dt.timedelta(days=6)
"""Within this time the day of the week names the day."""

# Counts are those of each status, or a sum. A window, or a pause in its place, is shown in words, or in signs, or
# without what is left.
_FACTS: Final = {"statuses": "counts", "words": "window", "left": "window"}
"""The fact that a part belongs to, if the part is not a whole fact."""
_PARTS: Final = ("statuses", "words", "description", "left", "window", "rows", "rate", "counts", "bar")
"""What a narrow line leaves out, one part after another: the least important part comes first."""


def format_line(
    progress: Progress, *, description: str, paused_seconds: float | None = None, zone: dt.tzinfo | None = None
) -> str:
    """Return the progress as a line of a log.

    `paused_seconds` is the length of a pause that has just ended. Times are in `zone`, by default the machine's.
    """
    forms = _forms(progress, description, zone)
    if progress.ended_early:
        return _bar_text(progress, forms)
    facts = {name: texts[0] for name, texts in forms.items()}
    elapsed = duration_words(progress.elapsed_seconds)
    share = f" of {progress.total:,} ({_percent(progress)})" if progress.total else ""
    done = f"under way for {elapsed}" if _is_without_count(progress) else f"{progress.rows:,}{share} after {elapsed}"
    resumed = "" if paused_seconds is None else f"goes on after a pause of {duration_words(paused_seconds)}"
    ahead = _joined([resumed, facts["rate"], facts["window"], facts["done"]])
    return f"{description}: {done}{': ' + facts['counts'] if facts['counts'] else ''}{'; ' + ahead if ahead else ''}"


def format_bar(progress: Progress, *, description: str, width: int, zone: dt.tzinfo | None = None) -> str:
    """Return the text of a bar: the widest form that fits `width` characters, or else the narrowest.

    It holds ``{bar}`` where there is a bar: with plenty of room, unless the run ended early. Times are in `zone`, by
    default the machine's.
    """
    forms = _forms(progress, description, zone)
    if progress.total and width >= WIDE:
        forms["bar"] = ["{bar}", ""]
    text = _bar_text(progress, forms)
    for part in _in_turn(progress, is_wide=width >= WIDE):
        if len(text.replace("{bar}", " " * LEAST_BAR)) <= width:
            break
        fact = _FACTS.get(part, part)
        forms[fact] = forms[fact][1:] or forms[fact]
        text = _bar_text(progress, forms)
    return text


def _in_turn(progress: Progress, *, is_wide: bool) -> Iterable[str]:
    """Return the parts in the order in which they are left out."""
    earlier: tuple[str, ...] = ()
    if progress.is_final or progress.ended_early:
        # What became of the rows is what matters at the end.
        earlier = ("rows", "bar", "description")
    elif progress.pause is not None:
        # The wait is more important than the work that is done.
        earlier = ("statuses", "words", "description", "counts", "rows")
    # A bar shows about as much as the number of rows.
    return dict.fromkeys((*(["rows"] if is_wide else []), *earlier, *_PARTS))


def _bar_text(progress: Progress, forms: Mapping[str, Sequence[str]]) -> str:
    """Return the text with the first form of each fact."""
    facts = {name: texts[0] for name, texts in forms.items()}
    done = _percent(progress) if progress.total else "" if progress.ended_early else f"{progress.rows:,}"
    if _is_without_count(progress):
        done = (
            "" if progress.pause or progress.in_flight else f"under way for {duration_words(progress.elapsed_seconds)}"
        )
    head = ": ".join(filter(None, [facts["description"], done]))
    if progress.ended_early:
        return f"{head} ended early: {_joined([facts['counts'], facts['after']])}".lstrip()
    tail = _joined(facts[name] for name in ("rows", "counts", "rate", "window", "done", "after"))
    if not done:
        return ": ".join(filter(None, [head, tail]))
    return f"{head}|{facts['bar']}| {tail}" if facts["bar"] else _joined([head, tail])


def _forms(progress: Progress, description: str, zone: dt.tzinfo | None) -> dict[str, list[str]]:
    """Return the forms of each fact, from the widest to the narrowest; a fact that a run lacks is empty."""
    forms = {
        **{name: [""] for name in ("bar", "rate", "window", "done", "after")},
        "description": [description, ""],
        "rows": [f"{progress.rows:,} of {progress.total:,}" if progress.total else "", ""],
        "counts": _count_forms(progress),
    }
    if progress.is_final or progress.ended_early:
        forms["after"] = [f"after {duration_words(progress.elapsed_seconds)}"]
    elif progress.pause is not None:
        forms["window"] = _pause_forms(progress, progress.pause, zone)
    else:
        # Questions have answers, and no statuses to count.
        is_awaiting = progress.in_flight and not (progress.counts or progress.rows)
        forms["rate"] = ["waiting for the first answer" if is_awaiting else _rate(progress.events_per_second), ""]
        forms["window"] = _window_forms(progress)
        forms["done"] = [f"done {_moment(progress.done_at, progress.at, zone)}" if progress.done_at else ""]
    return forms


def _count_forms(progress: Progress) -> list[str]:
    """Return what became of events: each status, the statuses summed up, or nothing."""
    accepted = progress.counts.get(Status.ACCEPTED, 0)
    others = {status: n for status in Status if (n := progress.counts.get(status)) and status != Status.ACCEPTED}
    summed = f"{sum(others.values()):,} other" if others else ""
    first = f"{accepted:,} accepted" if accepted else ""
    if progress.ended_early:
        share = f" of {progress.total:,}" if progress.total else ""
        first = f"{accepted:,}{share} accepted" if progress.counts else f"{progress.rows:,}{share}"
    return [_joined([first, *(f"{n:,} {status}" for status, n in others.items())]), _joined([first, summed]), ""]


def _is_without_count(progress: Progress) -> bool:
    """Return whether nothing can be counted yet: a number of rows would say nothing."""
    return not (progress.rows or progress.total or progress.is_final or progress.ended_early)


def _percent(progress: Progress) -> str:
    # Rounded down: 100 % is only reached with the last row.
    return f"{100 * progress.rows // progress.total if progress.total else 0}%"


def _rate(per_second: float | None) -> str:
    if per_second is None:
        return ""
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"  # noqa: PLR2004  # two digits are enough


def _window_forms(progress: Progress) -> list[str]:
    window, number, windows = progress.window, progress.window_number, progress.windows
    if window is None or number is None:
        return [""]
    left = max(window.left, 0)
    short = f"window {number:,}" + (f"/{windows:,}" if windows else "")
    words = f"window {number:,}" + (f" of {windows:,}" if windows else "")
    return [f"{words}, {left:,} of {window.limit:,} left", f"{short}, {left:,}/{window.limit:,} left", short, ""]


def _pause_forms(progress: Progress, pause: Pause, zone: dt.tzinfo | None) -> list[str]:
    if pause.reason == "rate_limit":
        return [f"rate limit: waiting {math.ceil(pause.next_in_seconds)} s"]
    if pause.reason == "preflight":
        return ["waiting for Intercom's first answer"]
    left = math.inf if pause.gives_up_in_seconds is None else pause.gives_up_in_seconds
    if pause.reason == "other_run":
        waiting = "waiting for the end of another run"
        return [f"{waiting}, gives up in {_time_left(left)}", waiting]
    if pause.reason == "stopping":
        awaited = counted(progress.in_flight, "request") + (
            f", {math.ceil(left)} s at most" if math.isfinite(left) else ""
        )
        hint = "; Ctrl-C again leaves at once"
        return [f"stopping: waiting for {awaited}{hint}", f"stopping: {awaited}{hint}", f"stopping: {awaited}"]
    since = (progress.at - dt.timedelta(seconds=pause.since_seconds)).astimezone(zone)
    failing = f"requests failing since {since:%H:%M:%S}"
    wait = f"next try in {math.ceil(pause.next_in_seconds)} s" if pause.next_in_seconds else "trying now"
    end = f"gives up in {_time_left(left)}" if math.isfinite(left) else ""
    # There are no shorter words for it.
    words = _joined([failing, wait, end])
    return [words, words, _joined([failing, end]), failing]


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


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(filter(None, texts))
