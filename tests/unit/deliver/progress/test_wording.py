"""Progress in words: the text of a line, and what of it fits beside a bar."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from events_pandas.deliver.pace.state import Pause, Window
from events_pandas.deliver.progress.tally import Progress
from events_pandas.deliver.progress.wording import format_bar, format_line

BERLIN = ZoneInfo("Europe/Berlin")
AT = dt.datetime(2024, 1, 1, 13, 20, tzinfo=dt.UTC)
WINDOW = Window(limit=1_666, left=1_204, ends_in_seconds=7.2, seconds=10.0)
BEGUN = Progress(rows=0, total=1_000, at=AT, elapsed_seconds=0.0)
RUNNING = Progress(
    rows=4_350,
    total=99_960,
    counts={"accepted": 4_300, "unknown_contact": 28, "rejected": 2},
    at=AT,
    elapsed_seconds=27.0,
    events_per_second=166.6,
    window=WINDOW,
    window_number=3,
    windows=60,
    done_at=AT + dt.timedelta(minutes=12),
)
STREAM = Progress(
    rows=4_350,
    total=None,
    counts={"accepted": 4_350},
    at=AT,
    elapsed_seconds=27.0,
    events_per_second=166.6,
    window=WINDOW,
    window_number=3,
)
ENDED = Progress(
    rows=1_000, total=1_000, counts={"accepted": 990, "failed": 10}, at=AT, elapsed_seconds=65.0, is_final=True
)


def paused(**pause):
    counts = {"accepted": 4_350}
    return Progress(
        rows=4_350, total=99_960, counts=counts, at=AT, elapsed_seconds=27.0, pause=Pause(**pause), in_flight=70
    )


def early(rows=743, total=9_000, **counts):
    facts = {"rows": rows, "total": total, "counts": counts, "elapsed_seconds": 5.0}
    return Progress(**facts, at=AT, ended_early=True, is_final=True)


def done_in(**delta):
    return Progress(rows=1, total=9, at=AT, elapsed_seconds=0.0, done_at=AT + dt.timedelta(**delta))


OUTAGE = paused(reason="outage", since_seconds=1_080.0, next_in_seconds=7.4, gives_up_in_seconds=600.0)
PROBING = paused(reason="outage", since_seconds=1_080.0, next_in_seconds=0.0, gives_up_in_seconds=float("inf"))
FAILING = "requests failing since 14:02:00, next try in 8 s, gives up in 10 min"
AWAITING = "stopping: waiting for 70 requests, 30 s at most; Ctrl-C again leaves at once"
EACH = "4,300 accepted, 28 unknown_contact, 2 rejected"
AHEAD = "167/s, window 3 of 60, 1,204 of 1,666 left, done 14:32"
STOPPING = paused(reason="stopping", since_seconds=1.0, next_in_seconds=0.0, gives_up_in_seconds=29.3)
HELD = paused(reason="rate_limit", since_seconds=1.0, next_in_seconds=6.1)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (BEGUN, "submitting: 0 of 1,000 (0%) after 0 s"),
        (
            RUNNING,
            f"submitting: 4,350 of 99,960 (4%) after 27 s: {EACH}; {AHEAD}",
        ),
        (STREAM, "submitting: 4,350 after 27 s: 4,350 accepted; 167/s, window 3, 1,204 of 1,666 left"),
        (
            OUTAGE,
            f"submitting: 4,350 of 99,960 (4%) after 27 s: 4,350 accepted; {FAILING}",
        ),
        (
            PROBING,
            "submitting: 4,350 of 99,960 (4%) after 27 s: 4,350 accepted; requests failing since 14:02:00, trying now",
        ),
        (HELD, "submitting: 4,350 of 99,960 (4%) after 27 s: 4,350 accepted; rate limit: waiting 7 s"),
        (
            STOPPING,
            f"submitting: 4,350 of 99,960 (4%) after 27 s: 4,350 accepted; {AWAITING}",
        ),
        (ENDED, "submitting: 1,000 of 1,000 (100%) after 1 min 5 s: 990 accepted, 10 failed"),
    ],
)
def test_format_line_says_all_there_is_to_know(progress, expected):
    """A line has room for all facts, each status with its count."""
    assert format_line(progress, description="submitting", zone=BERLIN) == expected


@pytest.mark.parametrize(
    ("progress", "width", "expected"),
    [
        (
            RUNNING,
            160,
            f"submitting: 4%|{{bar}}| 4,350 of 99,960, {EACH}, {AHEAD}",
        ),
        (
            RUNNING,
            119,
            "submitting: 4%|{bar}| 4,300 accepted, 30 other, 167/s, window 3 of 60, 1,204 of 1,666 left, done 14:32",
        ),
        (
            RUNNING,
            100,
            "submitting: 4%|{bar}| 4,300 accepted, 30 other, 167/s, window 3/60, 1,204/1,666 left, done 14:32",
        ),
        (
            RUNNING,
            99,
            "submitting: 4%|{bar}| 4,300 accepted, 30 other, 167/s, window 3/60, 1,204/1,666 left, done 14:32",
        ),
        (
            RUNNING,
            98,
            "4%, 4,350 of 99,960, 4,300 accepted, 30 other, 167/s, window 3/60, 1,204/1,666 left, done 14:32",
        ),
        (RUNNING, 79, "4%, 4,350 of 99,960, 4,300 accepted, 30 other, 167/s, window 3/60, done 14:32"),
        (RUNNING, 66, "4%, 4,350 of 99,960, 4,300 accepted, 30 other, 167/s, done 14:32"),
        (RUNNING, 50, "4%, 4,300 accepted, 30 other, 167/s, done 14:32"),
        (RUNNING, 20, "4%, done 14:32"),
        (RUNNING, 5, "4%, done 14:32"),
        (STREAM, 79, "submitting: 4,350, 4,350 accepted, 167/s, window 3, 1,204 of 1,666 left"),
        (OUTAGE, 119, f"submitting: 4%|{{bar}}| 4,350 accepted, {FAILING}"),
        (OUTAGE, 79, f"4%, {FAILING}"),
        (OUTAGE, 60, "4%, requests failing since 14:02:00, gives up in 10 min"),
        (OUTAGE, 45, "4%, requests failing since 14:02:00"),
        (HELD, 79, "submitting: 4%, 4,350 of 99,960, 4,350 accepted, rate limit: waiting 7 s"),
        (
            STOPPING,
            119,
            f"submitting: 4%|{{bar}}| 4,350 accepted, {AWAITING}",
        ),
        (STOPPING, 79, "4%, stopping: 70 requests, 30 s at most; Ctrl-C again leaves at once"),
        (BEGUN, 99, "submitting: 0%|{bar}| 0 of 1,000"),
        (BEGUN, 79, "submitting: 0%, 0 of 1,000"),
        (ENDED, 119, "submitting: 100%|{bar}| 1,000 of 1,000, 990 accepted, 10 failed, after 1 min 5 s"),
        (ENDED, 79, "submitting: 100%, 1,000 of 1,000, 990 accepted, 10 failed, after 1 min 5 s"),
        (ENDED, 60, "submitting: 100%, 990 accepted, 10 failed, after 1 min 5 s"),
    ],
)
def test_format_bar_says_what_fits(progress, width, expected):
    """The widest form that fits is taken.

    With little room, the work's name and then the bar are left out for the facts.
    """
    assert format_bar(progress, description="submitting", width=width, zone=BERLIN) == expected


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (early(accepted=743), "submitting: 8% ended early: 743 of 9,000 accepted, after 5 s"),
        (early(accepted=700, failed=43), "submitting: 8% ended early: 700 of 9,000 accepted, 43 failed, after 5 s"),
        (early(rows=3, failed=3), "submitting: 0% ended early: 0 of 9,000 accepted, 3 failed, after 5 s"),
        (early(rows=0), "submitting: 0% ended early: 0 of 9,000, after 5 s"),
        (early(total=None, accepted=743), "submitting ended early: 743 accepted, after 5 s"),
    ],
)
def test_early_end_says_that_the_run_ended_early(progress, expected):
    """If a run ended before its last row, the bar and the line say that it ended, without facts about the rest."""
    assert format_line(progress, description="submitting", zone=BERLIN) == expected
    assert format_bar(progress, description="submitting", width=79, zone=BERLIN) == expected
    assert format_bar(progress, description="submitting", width=119, zone=BERLIN) == expected


def test_early_end_fits_in_little_room():
    """The work's name is left out first, then the statuses."""
    progress = early(accepted=700, rejected=40, failed=3)

    text = [format_bar(progress, description="submitting", width=width) for width in (60, 56, 30)]

    assert text == [
        "8% ended early: 700 of 9,000 accepted, 43 other, after 5 s",
        "8% ended early: after 5 s",
        "8% ended early: after 5 s",
    ]


@pytest.mark.parametrize("seconds", range(0, 4_000, 97))
def test_format_bar_has_a_bar_or_none_for_any_figures(seconds):
    """Below 100 columns there is never a bar, from there on always: a bar that comes and goes looks broken."""
    left = 1_666 - seconds % 1_667
    window = Window(limit=1_666, left=left, ends_in_seconds=7.2, seconds=10.0)
    counts = {"accepted": 167 * seconds, "rejected": seconds}
    progress = Progress(
        rows=168 * seconds,
        total=672_000,
        counts=counts,
        at=AT,
        elapsed_seconds=float(seconds),
        events_per_second=167.0,
        window=window,
        window_number=1 + seconds // 10,
        windows=404,
        done_at=AT + dt.timedelta(seconds=4_000 - seconds),
    )

    drawn = ["{bar}" in format_bar(progress, description="submitting", width=width) for width in (59, 79, 98, 99, 119)]

    assert drawn == [False, False, False, True, True]


def test_format_line_tells_how_long_a_pause_was():
    """The first line after a pause says that the run goes on."""
    text = format_line(RUNNING, description="submitting", paused_seconds=18.2, zone=BERLIN)

    assert text == f"submitting: 4,350 of 99,960 (4%) after 27 s: {EACH}; goes on after a pause of 18 s, {AHEAD}"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(95.2, "96 s"), (120.0, "120 s"), (541.0, "10 min"), (7_500.0, "2 h 5 min")]
)
def test_format_line_tells_when_a_run_gives_up(seconds, expected):
    """The line says how much time is left, with seconds near the end."""
    outage = paused(reason="outage", since_seconds=9.0, next_in_seconds=1.0, gives_up_in_seconds=seconds)

    assert format_line(outage, description="submitting").endswith(f", next try in 1 s, gives up in {expected}")


def test_format_line_awaits_a_single_request():
    """A single request is written in the singular."""
    pause = Pause(reason="stopping", since_seconds=3.0, next_in_seconds=0.0, gives_up_in_seconds=27.0)
    stopping = Progress(rows=1, total=9, at=AT, elapsed_seconds=9.0, pause=pause, in_flight=1)

    text = format_line(stopping, description="submitting")

    assert text.endswith("; stopping: waiting for 1 request, 27 s at most; Ctrl-C again leaves at once")


def test_format_line_tells_that_the_first_answer_is_awaited():
    """Before the run begins, the line says that the first answer is awaited."""
    pause = Pause(reason="preflight", since_seconds=2.0, next_in_seconds=0.0)
    asking = Progress(rows=0, total=9, at=AT, elapsed_seconds=2.0, pause=pause)

    assert format_line(asking, description="submitting") == (
        "submitting: 0 of 9 (0%) after 2 s; waiting for Intercom's first answer"
    )


def test_format_line_tells_that_the_end_of_another_run_is_awaited():
    """A wait says what it waits for, and how long at most."""
    pause = Pause(reason="other_run", since_seconds=2.0, next_in_seconds=0.0, gives_up_in_seconds=86_398.0)
    waiting = Progress(rows=0, total=9, at=AT, elapsed_seconds=2.0, pause=pause)

    assert format_line(waiting, description="submitting") == (
        "submitting: 0 of 9 (0%) after 2 s; waiting for the end of another run, gives up in 24 h 0 min"
    )
    assert format_bar(waiting, description="submitting", width=40) == "0%, waiting for the end of another run"


@pytest.mark.parametrize("width", range(45, 140))
def test_format_bar_keeps_to_the_width(width):
    """No terminal of a usual width wraps the line, even with large figures, and any bar has room to be seen."""
    counts = {"accepted": 4_300_000, "unknown_contact": 28_000, "rejected": 200}
    long = Progress(
        rows=4_350_000,
        total=9_996_000,
        counts=counts,
        at=AT,
        elapsed_seconds=26_000.0,
        events_per_second=166.6,
        window=WINDOW,
        window_number=2_601,
        windows=6_000,
        done_at=AT + dt.timedelta(hours=12),
    )

    text = format_bar(long, description="submitting", width=width, zone=BERLIN)

    assert len(text.replace("{bar}", "#" * 8)) <= width


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (done_in(seconds=90), "done 14:21:30"),
        (done_in(minutes=12), "done 14:32"),
        (done_in(hours=12), "done Tue 02:20"),
        (done_in(days=8), "done 2024-01-09"),
    ],
)
def test_format_bar_tells_the_end_as_a_clock_does(progress, expected):
    """The end has seconds if it is near, the day if it is not today, and the date beyond a week."""
    assert format_bar(progress, description="submitting", width=79, zone=BERLIN).endswith(f" {expected}")


def test_format_bar_tells_times_of_the_machines_zone():
    """Times are in the local time zone."""
    text = format_bar(done_in(minutes=12), description="submitting", width=79)

    assert text.endswith(f"done {(AT + dt.timedelta(minutes=12)).astimezone():%H:%M}")


@pytest.mark.parametrize(("per_second", "expected"), [(1_234.5, "1,234/s"), (12.34, "12/s"), (1.234, "1.2/s")])
def test_format_bar_tells_the_rate_in_two_digits_at_least(per_second, expected):
    """A rate is rounded, but a low one keeps a decimal."""
    progress = Progress(rows=1, total=9, at=AT, elapsed_seconds=9.0, events_per_second=per_second)

    assert format_bar(progress, description="checking", width=79).endswith(f", {expected}")


def test_percentage_is_a_hundred_only_at_the_end():
    """Only the last row makes it 100 %."""
    progress = Progress(rows=999_999, total=1_000_000, at=AT, elapsed_seconds=9.0)

    assert format_bar(progress, description="checking", width=79) == "checking: 99%, 999,999 of 1,000,000"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.4, "0 s"), (59.0, "59 s"), (61.0, "1 min 1 s"), (7_500.0, "2 h 5 min")]
)
def test_format_line_tells_the_time_it_took(seconds, expected):
    """The time is in its two largest units."""
    progress = Progress(rows=3, total=None, at=AT, elapsed_seconds=seconds, is_final=True)

    assert format_line(progress, description="checking") == f"checking: 3 after {expected}"


WITHOUT_COUNT = Progress(rows=0, total=None, at=AT, elapsed_seconds=8.0)
PREFLIGHT = Pause(reason="preflight", since_seconds=8.0, next_in_seconds=0.0)


@pytest.mark.parametrize(
    ("facts", "line", "bar"),
    [
        ({}, "checking: under way for 8 s", "checking: under way for 8 s"),
        (
            {"pause": PREFLIGHT},
            "checking: under way for 8 s; waiting for Intercom's first answer",
            "checking: waiting for Intercom's first answer",
        ),
        (
            {"in_flight": 1},
            "checking: under way for 8 s; waiting for the first answer",
            "checking: waiting for the first answer",
        ),
        (
            {"in_flight": 1, "total": 3},
            "checking: 0 of 3 (0%) after 8 s; waiting for the first answer",
            "checking: 0%, 0 of 3, waiting for the first answer",
        ),
        (
            {"in_flight": 1, "total": 3, "rows": 2},
            "checking: 2 of 3 (66%) after 8 s",
            "checking: 66%, 2 of 3",
        ),
        ({"is_final": True}, "checking: 0 after 8 s", "checking: 0, after 8 s"),
    ],
)
def test_progress_without_a_count_says_what_it_does(facts, line, bar):
    """Where nothing can be counted yet, a 0 would look like a fault; at the end it is the result."""
    progress = replace(WITHOUT_COUNT, **facts)

    assert format_line(progress, description="checking") == line
    assert format_bar(progress, description="checking", width=79) == bar
