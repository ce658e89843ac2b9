"""A check with a client of the sandbox: it learns where the events would go and how long it takes, and sends none."""

import pytest

from events_pandas import check_events, submit_events


def test_check_with_a_client_spends_no_event(make_orders, mapping, sandbox, client):
    """The sandbox is asked for the workspace, and receives nothing."""
    report = check_events(make_orders(3), mapping, client=client)

    assert (sandbox.requests, sandbox.events) == (0, [])
    assert (report.workspace.name, report.workspace.region, report.requests) == ("Sandbox", "US", 3)


def test_check_with_a_client_tells_the_workspace_that_is_submitted_to(make_orders, mapping, client):
    """The id is that of the run that follows."""
    report = check_events(make_orders(3), mapping, client=client)

    results = submit_events(make_orders(3), mapping, client=client)

    assert results.attrs["run"]["workspace"]["id_code"] == report.workspace.id_code


def test_check_with_a_client_does_not_warn_of_the_region_of_a_local_server(make_orders, mapping, start):
    """An address that is not one of Intercom's is in no region, so there is nothing to compare."""
    with start(region="eu").client() as client:
        report = check_events(make_orders(1), mapping, client=client)

    assert report.workspace.region == "EU"
    assert report.warnings == []


@pytest.mark.alone
def test_check_with_a_client_predicts_how_long_submitting_takes(make_orders, mapping, start):
    """What the report says before is what the run takes, from its first event to its last."""
    with start(limit=400).client() as client:
        report = check_events(make_orders(61), mapping, client=client)
        results = submit_events(make_orders(61), mapping, client=client)

    took = results["submitted_at"].max() - results["submitted_at"].min()
    assert report.duration_seconds == pytest.approx(1.5, abs=0.1)
    assert took.total_seconds() == pytest.approx(report.duration_seconds, abs=0.5)
