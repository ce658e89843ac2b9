"""A check with a client of the sandbox: it finds the workspace and the duration, and sends no event."""

import pytest

from events_pandas import check_events, submit_events


def test_check_with_a_client_spends_no_event(make_orders, mapping, sandbox, client):
    """The check asks the sandbox for the workspace, and sends it no event."""
    report = check_events(make_orders(3), mapping, client=client)

    assert (sandbox.requests, sandbox.events) == (0, [])
    assert (report.workspace.name, report.workspace.region, report.requests) == ("Sandbox", "US", 3)


def test_check_with_a_client_names_the_workspace_of_the_run(make_orders, mapping, client):
    """The check names the workspace of the run that follows."""
    report = check_events(make_orders(3), mapping, client=client)

    results = submit_events(make_orders(3), mapping, client=client)

    assert results.attrs["run"]["workspace"]["id_code"] == report.workspace.id_code


def test_check_with_a_client_does_not_warn_of_the_region_of_a_local_server(make_orders, mapping, start):
    """The check compares regions only for Intercom's own addresses, and a local server has none."""
    with start(region="eu").client() as client:
        report = check_events(make_orders(1), mapping, client=client)

    assert report.workspace.region == "EU"
    assert report.warnings == []


@pytest.mark.alone
def test_check_with_a_client_predicts_how_long_submitting_takes(make_orders, mapping, start):
    """The check's duration is the time between the run's first and last event."""
    with start(limit=400).client() as client:
        report = check_events(make_orders(61), mapping, client=client)
        results = submit_events(make_orders(61), mapping, client=client)

    took = results["submitted_at"].max() - results["submitted_at"].min()
    assert report.duration_seconds == pytest.approx(1.5, abs=0.1)
    assert took.total_seconds() == pytest.approx(report.duration_seconds, abs=0.5)
