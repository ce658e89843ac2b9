"""The documented functions: checks with and without a client, and files."""

import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    OutageError,
    RetryPolicy,
    SubmissionInterrupted,
    check_events,
    iter_submit,
    submit_file,
)
from events_pandas.deliver import TransportError

ORDERS = "who,day\n00000,2024-01-31\n00001,2024-01-31\n00002,2024-01-31\n00003,2024-01-31\n"


@pytest.fixture
def orders_path(tmp_path):
    """A CSV file of four rows."""
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


def test_check_events_with_a_client_raises_when_the_token_is_refused(make_orders, mapping, fake_client):
    """A check with a client proves the token; its exception has every row as not submitted."""
    with pytest.raises(AuthenticationError) as caught:
        check_events(make_orders(2, day=["2024-01-31", None]), mapping, client=fake_client(me=401))

    assert caught.value.results["status"].tolist() == ["not_submitted", "invalid"]


def test_check_events_with_a_client_raises_when_nobody_answers(make_orders, mapping, fake_client):
    """A check with a client needs an answer."""
    client = fake_client(me=404)

    with pytest.raises(OutageError) as caught:
        check_events(make_orders(2), mapping, client=client)

    assert str(caught.value) == (
        "the answer to the first request, GET /me, was 404 Not Found, not one of Intercom's: "
        "check the region and the address"
    )


def test_check_events_finds_the_workspace_with_a_client(make_orders, mapping, fake_client):
    """One request asks for the workspace and its limit, and no event is sent."""
    client = fake_client()

    report = check_events(make_orders(2), mapping, client=client)

    assert (report.workspace.id_code, report.limit) == ("ab12cd34", 1_000_000)
    assert (client.me_requests, client.events) == (1, [])


def test_iter_submit_refuses_one_frame(make_orders, mapping, fake_client):
    """A DataFrame is an iterable of column labels."""
    with pytest.raises(
        TypeError,
        match=r"^frames: expected several DataFrames, got one: give a list or an iterator, or call submit_events$",
    ):
        iter_submit(make_orders(1), mapping, client=fake_client())


def test_submit_file_returns_a_result_for_each_row_with_its_file(orders_path, mapping, fake_client):
    """Results are as for a frame, with the file of each row; the index counts the file's rows."""
    results = submit_file(orders_path, mapping, client=fake_client(), chunksize=3)

    assert results["status"].tolist() == ["accepted"] * 4
    assert results["source_file"].tolist() == [str(orders_path)] * 4
    assert str(results["source_file"].dtype) == "string"
    assert results.index.tolist() == [0, 1, 2, 3]


def test_submit_file_reports_the_facts_of_the_whole_run(orders_path, mapping, fake_client):
    """The facts are the last chunk's, which has all requests."""
    results = submit_file(orders_path, mapping, client=fake_client(), chunksize=1)

    assert results.attrs["run"]["requests"] == 4


def test_submit_file_has_every_row_of_the_file_when_the_run_ends_early(orders_path, mapping, fake_client):
    """The exception and the file have complete results and the rows that were never read."""
    results_path = orders_path.with_name("results.csv")

    with pytest.raises(AuthenticationError) as caught:
        submit_file(
            *(orders_path, mapping),
            client=fake_client({"00001": [401]}),
            chunksize=1,
            concurrency=1,
            results_path=results_path,
        )

    results = caught.value.results
    assert results["row"].tolist() == [0, 1, 2, 3]
    assert results["status"].tolist() == ["accepted"] + ["not_submitted"] * 3
    assert results.attrs["run"]["requests"] == 2
    assert pd.read_csv(results_path)["status"].tolist() == results["status"].tolist()


def test_submit_file_asks_nobody_when_there_is_an_outage(orders_path, mapping, fake_client):
    """Without an answer to the first request, no row of the file is submitted."""
    client = fake_client(me=TransportError("connection refused", may_have_arrived=False))

    with pytest.raises(OutageError) as caught:
        submit_file(orders_path, mapping, client=client, chunksize=2, retry=RetryPolicy(attempts=1))

    assert caught.value.results["error_code"].tolist() == ["outage"] * 4


def test_submit_file_loses_no_row_when_an_interrupt_comes_as_results_are_put_together(
    orders_path, mapping, fake_client, monkeypatch, ctrl_c
):
    """After Ctrl-C behind the last request every row has its result."""
    usual = pd.concat

    def interrupted(parts, **options):
        # pandas calls it too, with options.
        if not options:
            ctrl_c()
        return usual(parts, **options)

    monkeypatch.setattr(pd, "concat", interrupted)
    with pytest.raises(SubmissionInterrupted) as caught:
        submit_file(orders_path, mapping, client=fake_client(), chunksize=2)

    assert caught.value.results["row"].tolist() == [0, 1, 2, 3]
    assert caught.value.results["status"].tolist() == ["accepted"] * 4


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("results", "results_path"),
        ("reject_path", "rejects_path"),
        ("checkfirst", "check_first"),
        ("skip_bad", "skip_bad_files"),
        ("wait_second", "wait_seconds"),
        ("chunk_size", "chunksize"),
    ],
)
def test_submit_file_suggests_its_own_keywords_too(mapping, name, meant):
    """A misspelled keyword may be one of `submit_file` alone."""
    with pytest.raises(TypeError) as caught:
        submit_file("a.csv", mapping, **{name: "x"})

    assert str(caught.value) == f"no option {name!r}: did you mean {meant!r}?"
