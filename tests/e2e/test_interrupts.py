"""Ctrl-C in the middle of a run: nothing that was accepted is lost."""

import signal
import threading

import pandas as pd
import pytest

from events_pandas import Faults, SubmissionInterrupted, iter_submit, submit_events


def accepted_contacts(results, orders):
    return sorted(orders["who"][results["status"].eq("accepted").to_numpy()])


def press_ctrl_c():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_interrupt_gives_back_what_was_accepted(make_orders, mapping, start, tripwire, held):
    """The exception has every row, and those accepted are those that the sandbox holds."""
    sandbox = start(faults=Faults(latency_seconds=0.02))
    orders = make_orders(300).set_axis([f"order {number}" for number in range(300)])

    with sandbox.client() as real:
        client = tripwire(real, before=100, action=press_ctrl_c)
        with pytest.raises(SubmissionInterrupted) as caught:
            submit_events(orders, mapping, client=client, concurrency=8)

    results = caught.value.results
    assert set(results["status"]) == {"accepted", "not_submitted"}
    assert results.index.tolist() == orders.index.tolist()
    assert accepted_contacts(results, orders) == held(sandbox)
    assert len(held(sandbox)) >= 90
    assert str(caught.value) == (
        "the run was interrupted: submit the rows again to go on; "
        "what was accepted may be among them, since Intercom ignores a repeat of contact, event name and second"
    )


def test_interrupted_rows_can_be_submitted_again(make_orders, mapping, sandbox, client, tripwire, held):
    """Going on is submitting what was not accepted."""
    orders = make_orders(40)
    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(orders, mapping, client=tripwire(client, before=20, action=press_ctrl_c), concurrency=2)

    rest = submit_events(orders[caught.value.results["status"] != "accepted"], mapping, client=client)

    assert set(rest["status"]) == {"accepted"}
    assert held(sandbox) == orders["who"].tolist()
    assert sandbox.duplicates == 0


def test_interrupted_stream_gives_back_what_was_not_yielded(make_orders, mapping, sandbox, client, tripwire, held):
    """What was yielded and what the exception has are together every row that was read."""
    orders = make_orders(100)
    frames = (orders[start : start + 10] for start in range(0, 100, 10))
    parts = []

    with pytest.raises(SubmissionInterrupted) as caught:  # noqa: PT012  # The parts before the interrupt count too.
        for results in iter_submit(
            frames, mapping, client=tripwire(client, before=35, action=press_ctrl_c), concurrency=1
        ):
            parts.append(results)  # noqa: PERF402  # See above.

    results = pd.concat([*parts, caught.value.results])
    assert results["row"].tolist() == list(range(len(results)))
    assert accepted_contacts(results, orders[: len(results)]) == held(sandbox)
    assert len(parts) == 3


def test_interrupted_command_writes_every_row(folder, make_orders, start, launch, interrupt, wait_until, held):
    """Exit code 130, a summary, a line on stderr, and a results file with each row of the file."""
    sandbox = start(faults=Faults(latency_seconds=0.1))
    orders = make_orders(2_000)
    orders.to_csv(folder / "orders.csv", index=False)
    process = launch(
        *("submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--results", "results.parquet"),
        *("--concurrency", "4", "--chunksize", "50"),
        INTERCOM_ACCESS_TOKEN=sandbox.access_token,
    )

    wait_until(lambda: len(sandbox.events) > 60)
    stdout, stderr = interrupt(process)

    results = pd.read_parquet(folder / "results.parquet")
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == (
        "interrupted: the run was interrupted: submit the rows again to go on; "
        "what was accepted may be among them, since Intercom ignores a repeat of contact, event name and second"
    )
    assert stdout.splitlines()[0] == "2,000 rows"
    assert stdout.splitlines()[-1] == "results: results.parquet"
    assert results["row"].tolist() == list(range(2_000))
    assert accepted_contacts(results, orders) == held(sandbox)
