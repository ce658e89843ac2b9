"""Warnings: each points at the line that called the package, also if it comes from the run's thread."""

import warnings
from pathlib import Path

import pytest

from events_pandas import SubmissionError, export_rejects, iter_submit, submit_events, submit_file


@pytest.fixture
def points_here():
    """Return a function that runs a function of this file, and returns the texts of its warnings, which point here."""

    def run(function):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            function()
        assert {warning.filename for warning in warned} == {__file__}
        assert len({warning.lineno for warning in warned}) == 1
        return [str(warning.message) for warning in warned]

    return run


def test_warnings_before_a_run_point_at_its_caller(points_here, write, mapping, fake_client):
    """A file without rows, and one that is left out."""
    write("a.csv")

    said = points_here(
        lambda: submit_file(["a.csv", "b.csv"], mapping, client=fake_client(), journal=None, skip_bad_files=True)
    )

    assert said == ["b.csv: was left out: there is no such file", "a.csv: has no rows"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_warnings_of_the_runs_thread_point_at_its_caller(points_here, write, mapping, fake_client, make_orders):
    """The log ends in the run's thread, whose stack does not show the caller."""
    path = write("a.csv", "1,2024-01-31")
    options = {"client": fake_client(), "journal": None, "log_path": "/dev/full"}
    full = ["/dev/full: the log ends here, since it cannot be written: No space left on device"]

    assert points_here(lambda: submit_file(path, mapping, **options)) == full
    assert points_here(lambda: submit_events(make_orders(1), mapping, **options)) == full
    assert points_here(lambda: list(iter_submit([make_orders(1)], mapping, **options))) == full
    assert points_here(lambda: make_orders(1).intercom.submit(mapping, **options)) == full


def test_warnings_that_are_errors_end_the_run_as_before(write, mapping, fake_client):
    """An error of the caller's filter is raised in the caller's thread, and leaves the run as other errors do."""
    path = write("a.csv", "1,2024-01-31", "2,2024-01-31")
    options = {"client": fake_client({"2": [401]}), "concurrency": 1, "journal": "journal.sqlite"}

    warnings.simplefilter("error")
    with pytest.raises(SubmissionError, match="refused the access token"):
        submit_file(path, mapping, rejects_path="rejects.csv", **options)


@pytest.mark.usefixtures("write")
def test_warning_of_an_export_points_at_its_caller(points_here, mapping, fake_client, make_orders):
    """Rows that the next run sends are left out."""
    orders = make_orders(2)
    options = {"client": fake_client({"00000": [401]}), "concurrency": 1, "journal": "journal.sqlite"}
    with pytest.raises(SubmissionError) as caught:
        submit_events(orders, mapping, **options)

    (said,) = points_here(lambda: export_rejects(caught.value.results, orders, "rejects.csv"))

    assert said == (
        "rejects.csv: 2 rows that were not submitted are left out: start the same run again, which sends the rest"
    )
