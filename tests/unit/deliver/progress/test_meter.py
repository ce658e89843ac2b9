"""The meter: how often something is shown, and what becomes of errors."""

import pytest

from events_pandas.deliver.progress.meter import Meter


@pytest.fixture
def shown():
    """Return the list of what was shown."""
    return []


@pytest.fixture
def make_meter(clocks, shown):
    """Return a function that makes a meter that shows at most ten times a second."""

    def make(show=shown.append, **options):
        return Meter(show, **{"total": 100, "interval_seconds": 0.1, "surroundings": clocks, **options})

    return make


def fail(_):
    raise LookupError("no such window")


def test_meter_shows_at_most_once_in_its_interval(make_meter, shown, clock, outcome):
    """However many outcomes come, there are ten showings a second at most."""
    meter = make_meter()

    for n in range(1_000):
        clock.now = n / 1_000
        meter.update(outcome("accepted"))

    assert 9 <= len(shown) <= 10
    assert shown[0].rows == 1


@pytest.mark.parametrize("method", ["update", "advance", "tick"])
def test_meter_shows_whatever_it_is_told_of(make_meter, shown, clock, outcome, method):
    """Outcomes, rows that are not sent, and time that passes."""
    meter = make_meter()
    meter.tick()
    clock.now = 1.0

    getattr(meter, method)(*[outcome("accepted")] * (method == "update"))

    assert [progress.elapsed_seconds for progress in shown] == [0.0, 1.0]


def test_meter_leaves_time_for_the_work_when_showing_takes_long(make_meter, shown, clock):
    """The interval begins when a showing has ended."""

    def show(progress):
        clock.now += 5.0
        shown.append(progress)

    meter = make_meter(show)

    meter.tick()
    meter.tick()

    assert len(shown) == 1


def test_meter_shows_nothing_before_its_delay(make_meter, shown, clock):
    """What is over soon is not worth a bar."""
    meter = make_meter(delay_seconds=2.0)

    for clock.now in (0.0, 1.9, 2.0):
        meter.advance()

    assert [progress.rows for progress in shown] == [3]


def test_meter_shows_the_end_at_once(make_meter, shown):
    """The last facts are told whenever the last showing was, and as the last."""
    meter = make_meter()
    meter.tick()
    meter.advance(7)

    meter.close()

    assert [(progress.rows, progress.is_final) for progress in shown] == [(0, False), (7, True)]


def test_meter_asks_the_run_it_watches(make_meter, shown, run):
    """Where the run stands is shown as it is at the time."""
    meter = make_meter()
    meter.watch(run)
    run.at_window(left=7)

    meter.tick()

    assert shown[0].window.left == 7


@pytest.mark.parametrize("method", ["update", "advance", "tick", "close"])
def test_meter_lets_an_error_out_unchanged(make_meter, outcome, method):
    """Whoever wrote the callable is told what is wrong with it."""
    meter = make_meter(fail)

    with pytest.raises(LookupError, match=r"^'?no such window'?$"):
        getattr(meter, method)(*[outcome("accepted")] * (method == "update"))


def test_meter_does_not_call_again_what_has_failed(make_meter, clock):
    """An error is raised once; counting goes on, and the end is not shown."""
    meter = make_meter(fail)
    with pytest.raises(LookupError):
        meter.tick()
    clock.now = 60.0

    meter.advance()
    meter.tick()
    meter.close()


def test_meter_shows_the_end_after_an_interrupt(make_meter, shown):
    """Ctrl-C in the middle of a showing is no error of the display."""
    interrupts = [KeyboardInterrupt]

    def show(progress):
        if interrupts:
            raise interrupts.pop()
        shown.append(progress)

    meter = make_meter(show)
    with pytest.raises(KeyboardInterrupt):
        meter.tick()

    meter.close()

    assert [progress.is_final for progress in shown] == [True]
