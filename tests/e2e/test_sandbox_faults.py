"""Runs against a sandbox with faults, set before the start, during a run, and on the command line."""

import re
import resource
import threading
from collections import Counter

import pytest
import requests
from typer.testing import CliRunner

from events_pandas import AuthenticationError, Faults, RetryPolicy, submit_events
from events_pandas.cli import app

PATIENT_RETRY = RetryPolicy(attempts=100, base_seconds=0.01, max_seconds=0.05)


@pytest.fixture
def run(folder):  # noqa: ARG001  # The command runs there.
    """Run a command of the package in this process, which keeps its limit of open files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda *arguments: CliRunner().invoke(app, arguments)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_every_event_arrives_once_with_all_faults(make_orders, mapping, start):
    """With wrong statuses, lost connections, garbage, trickles and silence, each event arrives once."""
    faults = Faults(
        statuses={500: 0.1, 503: 0.1},
        drop_before=0.1,
        drop_after=0.1,
        garbage=0.1,
        trickle_body=0.1,
        trickle_headers=0.02,
        no_answer=0.02,
        trickle_seconds=0.0001,
        latency_seconds=0.002,
        jitter=1.0,
        seed=4,
    )
    sandbox = start(faults=faults)

    with sandbox.client(timeout_seconds=1) as client:
        results = submit_events(make_orders(200), mapping, client=client, retry=PATIENT_RETRY, concurrency=8)

    assert results["status"].value_counts()["accepted"] == 200
    assert Counter(event.contact for event in sandbox.events) == Counter(make_orders(200)["who"])
    assert sandbox.requests == results["attempts"].sum()
    assert sandbox.duplicates > 10


def test_the_same_rows_fail_in_the_same_way_in_every_run(make_orders, mapping, start, quick_retry):
    """The same rows fail in every run, with any number of threads."""
    faults = Faults(statuses={400: 0.2, 500: 0.2}, seed=11)

    runs = []
    for concurrency in (1, 8):
        with start(faults=faults).client() as client:
            results = submit_events(
                make_orders(100), mapping, client=client, retry=quick_retry, concurrency=concurrency
            )
        runs.append(results[["status", "http_status", "attempts"]].to_numpy(dtype=object).tolist())

    assert runs[0] == runs[1]
    assert {status for status, *_ in runs[0]} == {"accepted", "rejected"}


def test_run_outlasts_an_outage(make_orders, mapping, start, tripwire):
    """Events that are answered 503 in an outage are tried again."""
    sandbox = start()

    with sandbox.client() as real:
        client = tripwire(real, before=3, action=lambda: setattr(sandbox, "faults", Faults(outage_seconds=0.15)))
        results = submit_events(make_orders(6), mapping, client=client, retry=PATIENT_RETRY, concurrency=1)

    assert results["status"].tolist() == ["accepted"] * 6
    assert results.attrs["run"]["retries"] > 0


def test_run_ends_when_its_token_is_revoked_and_goes_on_when_it_is_not(make_orders, mapping, start, tripwire, held):
    """A revoked token ends the run; the remaining rows can be submitted when the token is good again."""
    sandbox = start()
    orders = make_orders(6)
    with sandbox.client() as real:
        client = tripwire(real, before=3, action=lambda: setattr(sandbox, "faults", Faults(token_revoked=True)))
        with pytest.raises(AuthenticationError, match="token_revoked"):
            submit_events(orders, mapping, client=client, concurrency=1)
        at_the_end = held(sandbox)
        sandbox.faults = Faults()
        submit_events(orders, mapping, client=real)

    assert at_the_end == ["00000", "00001"]
    assert held(sandbox) == orders["who"].tolist()


@pytest.mark.parametrize("faults", [Faults(rate_headers=False), Faults(clock_skew_seconds=-3600)])
def test_run_needs_no_rate_headers_and_no_right_clock(make_orders, mapping, start, faults):
    """Without headers, and with a server whose clock is an hour behind, all rows are accepted."""
    with start(faults=faults, limit=1_666).client() as client:
        results = submit_events(make_orders(20), mapping, client=client)

    assert results["status"].tolist() == ["accepted"] * 20
    assert results.attrs["run"]["retries"] == 0


def test_control_changes_a_run_that_is_under_way(make_orders, mapping, start, tripwire, held):
    """Another process can make requests fail while rows are submitted."""
    sandbox = start()
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}

    def reject_two():
        change = {"fail_next": {"fault": 400, "times": 2}}
        requests.patch(f"{sandbox.url}/sandbox/control", json=change, headers=headers, timeout=10).raise_for_status()

    with sandbox.client() as real:
        client = tripwire(real, before=3, action=reject_two)
        results = submit_events(make_orders(6), mapping, client=client, concurrency=1)

    assert results["status"].tolist() == ["accepted"] * 2 + ["rejected"] * 2 + ["accepted"] * 2
    assert held(sandbox) == ["00000", "00001", "00004", "00005"]


def test_settings_from_many_threads_are_whole(start):
    """A reader sees one setting or the other while others write."""
    sandbox = start()
    wishes = [Faults(seed=seed, latency_seconds=float(seed)) for seed in range(1, 9)]
    seen = set()

    def change(wish):
        for _ in range(200):
            sandbox.faults = wish
            faults = sandbox.faults
            seen.add((faults.seed, faults.latency_seconds))

    threads = [threading.Thread(target=change, args=(wish,)) for wish in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen <= {(seed, float(seed)) for seed in range(1, 9)}


def test_sandbox_command_takes_all_options(launch, interrupt):
    """The command has every option of the constructor."""
    server = launch(
        *("sandbox", "--port", "0", "--limit", "83", "--window-seconds", "5", "--access-token", "mine"),
        *("--latency-seconds", "0.001", "--jitter", "0.5", "--status", "500=0.05", "--status", "429=0.1"),
        *(
            "--drop-before",
            "0.01",
            "--drop-after",
            "0.02",
            "--lose",
            "0.025",
            "--garbage",
            "0.03",
            "--trickle-body",
            "0.04",
        ),
        *("--trickle-headers", "0.05", "--no-answer", "0.06", "--trickle-seconds", "0.5"),
        *(
            "--outage-after-seconds",
            "3600",
            "--outage-seconds",
            "7",
            "--clock-skew-seconds",
            "-60",
            "--search-lag-seconds",
            "30",
        ),
        *("--no-rate-headers", "--seed", "9", "--region", "eu", "--store", "events.sqlite"),
        *("--contact", "7", "--contact", "8", "--unknown-contact", "8", "--unknown-contact", "9"),
        *("--merged-contact", "5=7", "--merged-contact", "6=7"),
    )
    lines = [server.stdout.readline() for _ in range(4)]
    url = re.search(r"http://\S+:\d+", lines[0])[0]
    headers = {"Authorization": "Bearer mine", "Accept": "application/json"}

    def get(path):
        return requests.get(url + path, headers=headers, timeout=10)

    settings = get("/sandbox/control").json()
    contacts = [get(f"/contacts/find_by_external_id/{contact}").status_code for contact in (5, 6, 7, 8, 9)]
    region = get("/me").json()["app"]["region"]
    _, errors = interrupt(server)

    assert settings == {
        "limit": 83,
        "window_seconds": 5.0,
        "faults": {
            "latency_seconds": 0.001,
            "jitter": 0.5,
            "statuses": {"500": 0.05, "429": 0.1},
            "drop_before": 0.01,
            "drop_after": 0.02,
            "lose": 0.025,
            "garbage": 0.03,
            "trickle_body": 0.04,
            "trickle_headers": 0.05,
            "no_answer": 0.06,
            "trickle_seconds": 0.5,
            "outage_after_seconds": 3600.0,
            "outage_seconds": 7.0,
            "clock_skew_seconds": -60.0,
            "search_lag_seconds": 30.0,
            "rate_headers": False,
            "token_revoked": False,
            "seed": 9,
        },
        "fail_next": [],
    }
    assert (contacts, region) == ([410, 410, 200, 404, 404], "EU")
    assert lines[3] == f"what it receives is shown at {url}/\n"
    assert (errors, server.returncode) == ("interrupted\n", 130)


@pytest.mark.slow
def test_sandbox_command_can_have_its_token_revoked(launch, interrupt):
    """The command can start with a revoked token, and the control makes it good again."""
    server = launch("sandbox", "--port", "0", "--token-revoked")
    url = re.search(r"http://\S+:\d+", server.stdout.readline())[0]
    headers = {"Authorization": "Bearer sandbox-token", "Accept": "application/json"}

    before = requests.get(f"{url}/me", headers=headers, timeout=10).status_code
    requests.patch(
        f"{url}/sandbox/control", json={"faults": {"token_revoked": False}}, headers=headers, timeout=10
    ).raise_for_status()
    after = requests.get(f"{url}/me", headers=headers, timeout=10).status_code
    interrupt(server)

    assert (before, after) == (401, 200)


@pytest.mark.slow
def test_sandbox_command_says_that_it_is_open_to_the_network(launch, interrupt):
    """A sandbox on all addresses prints a warning, and an address that works."""
    server = launch("sandbox", "--port", "0", "--host", "0.0.0.0")
    lines = [server.stdout.readline() for _ in range(6)]
    interrupt(server)

    assert re.fullmatch(r"  events-pandas submit FILE --mapping MAPPING --base-url http://127\.0\.0\.1:\d+\n", lines[2])
    assert lines[4:] == [
        "it is open to the network: anybody who reaches it can submit to it, and see what it holds;\n",
        "other machines need the name of this one in the address, and --allow-http\n",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drop-before", "2"), "--drop-before must be a share between 0 and 1, not 2.0"),
        (("--status", "500"), "--status: expected a status and its share, such as 500=0.05, got '500'"),
        (("--status", "500=0.1", "--status", "500=0.2"), "--status names 500 twice"),
        (
            ("--merged-contact", "7"),
            "--merged-contact: expected a contact and the one that took its place, such as 00999=00042, got '7'",
        ),
        (("--status", "200=0.1"), "--status must be from 400 to 599, not 200"),
        (("--window-seconds", "0"), "--window-seconds must be a number of at least 0.001, not 0.0"),
        (("--host", ""), "--host must be an address or a name, such as '127.0.0.1' or 'localhost', not ''"),
        (("--region", "moon"), "no region 'moon': use one of us, eu, au"),
        (
            ("--store", "mapping.toml"),
            "'mapping.toml' is not a workspace of a sandbox: file is not a database",
        ),
        (("--access-token", "two words"), "--access-token must be one word of visible ASCII characters"),
    ],
)
def test_sandbox_command_reports_a_wrong_option_in_one_line(run, arguments, message):
    """A wrong option ends with one line and exit code 2, before the start."""
    result = run("sandbox", "--port", "0", *arguments)

    assert (result.stdout, result.stderr, result.exit_code) == ("", f"error: {message}\n", 2)


def test_sandbox_command_fails_when_its_port_is_taken(run, sandbox):
    """If the port is taken, the exit code is 2, and one line proposes another port."""
    result = run("sandbox", "--port", sandbox.url.rpartition(":")[2])

    assert result.stderr.startswith("error: the sandbox cannot listen on 127.0.0.1 port ")
    assert result.stderr.count("\n") == 1
    assert result.exit_code == 2
