"""The sandbox for its users."""

import dataclasses
import json
import re
import threading
import time

import pandas as pd
import pytest

from events_pandas.sandbox import Faults, Sandbox
from events_pandas.sandbox.session import submissions_frame
from events_pandas.sandbox.workspace.workspace import Submission, SubmissionOutcome

NOT_RUNNING = r"^the sandbox is not running: use `with Sandbox\(\) as sandbox:`, or call start\(\)$"
DTYPES = {
    "received_at": "datetime64[us, UTC]",
    "http_status": "Int16",
    "outcome": "category",
    "identifier": "string",
    "contact": "string",
    "event_name": "string",
    "created_at": "datetime64[s, UTC]",
    "metadata": "object",
    "error_code": "string",
    "error_message": "string",
}


def test_sandbox_is_empty_before_its_start() -> None:
    """A sandbox can be asked before its start, and is empty."""
    sandbox = Sandbox()

    assert (sandbox.events, sandbox.duplicates, sandbox.requests, len(sandbox.to_frame())) == ([], 0, 0, 0)


@pytest.mark.parametrize(
    "use",
    [
        lambda sandbox: sandbox.url,
        lambda sandbox: sandbox.fail_next(500),
        lambda sandbox: sandbox.wait(),
    ],
    ids=["url", "fail_next", "wait"],
)
def test_sandbox_says_that_it_is_not_running(use) -> None:
    """Calls that need the server say that it is not running, and how to start it."""
    with pytest.raises(RuntimeError, match=NOT_RUNNING):
        use(Sandbox())


def test_sandbox_keeps_its_events_after_the_stop(submit) -> None:
    """Events can be read after the with block."""
    with Sandbox() as sandbox:
        submit(sandbox)

    assert len(sandbox.events) == 1
    assert sandbox.to_frame()["outcome"].to_list() == ["kept"]


def test_sandbox_is_a_new_workspace_at_every_start(submit, http) -> None:
    """A second start begins empty, with another id."""
    sandbox = Sandbox()
    ids = []
    for _ in range(2):
        with sandbox:
            ids.append(http.get(f"{sandbox.url}/me", timeout=10).json()["app"]["id_code"])
            submit(sandbox)

    assert ids[0] != ids[1]
    assert len(sandbox.events) == 1


def test_sandbox_is_kept_in_a_file(submit, http, tmp_path) -> None:
    """With a store, everything is there at the next start, and in the next sandbox of the same file."""
    path = tmp_path / "events.sqlite"
    ids, contacts = [], []
    first, second = Sandbox(store=path), Sandbox(store=str(path))
    for sandbox in (first, first, second):
        with sandbox:
            ids.append(http.get(f"{sandbox.url}/me", timeout=10).json()["app"]["id_code"])
            submit(sandbox)
            contacts.append(http.get(f"{sandbox.url}/contacts/find_by_external_id/314159", timeout=10).json()["id"])

    assert len(set(ids)) == len(set(contacts)) == 1
    assert (len(second.events), second.duplicates, second.requests) == (1, 2, 3)
    assert Sandbox(store=path).events == second.events


def test_sandbox_refuses_a_file_of_another_program(tmp_path) -> None:
    """A wrong file is refused before the start, and left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, today I learnt about databases.")

    with pytest.raises(ValueError, match=r"^'.*notes\.txt' is not a workspace of a sandbox: file is not a database$"):
        Sandbox(store=path)

    assert path.read_text() == "Dear diary, today I learnt about databases."


def test_sandbox_takes_contacts_with_their_fields(start, http) -> None:
    """A contact may be given by an identifier or by its fields."""
    sandbox = start(contacts=["7", {"external_id": "8", "email": "ada@example.org"}])

    answers = [http.get(f"{sandbox.url}/contacts/find_by_external_id/{who}", timeout=10) for who in "789"]

    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert answers[1].json()["email"] == "ada@example.org"


def test_sandbox_can_be_changed_while_it_runs(start, submit) -> None:
    """Faults, limit and window are set from any thread, and take effect with the next request."""
    sandbox = start()
    changes = [
        lambda: setattr(sandbox, "limit", 5),
        lambda: setattr(sandbox, "window_seconds", 1_000_000),
        lambda: setattr(sandbox, "faults", Faults(statuses={503: 1.0})),
        lambda: setattr(sandbox, "faults", dataclasses.replace(sandbox.faults, statuses={})),
    ]

    seen = []
    for change in changes:
        thread = threading.Thread(target=change)
        thread.start()
        thread.join()
        answer = submit(sandbox)
        seen.append((answer.status_code, answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]))

    assert seen == [(202, "5", "4"), (202, "5", "4"), (503, "5", "3"), (202, "5", "2")]
    assert (sandbox.limit, sandbox.window_seconds, sandbox.faults) == (5, 1_000_000, Faults())


def test_sandbox_keeps_its_settings_for_the_next_start() -> None:
    """Settings hold for the next start, also if they were set before the first."""
    sandbox = Sandbox(limit=7)
    sandbox.limit = None
    sandbox.faults = Faults(seed=3)

    with sandbox:
        sandbox.window_seconds = 2

    with sandbox:
        assert (sandbox.limit, sandbox.window_seconds, sandbox.faults) == (None, 2.0, Faults(seed=3))


def test_sandbox_can_have_its_faults_cleared(start, submit, http) -> None:
    """`clear_faults` also removes the faults of `fail_next`."""
    sandbox = start(faults=Faults(statuses={503: 1.0}))
    sandbox.fail_next(500, times=3)
    sandbox.fail_next(500, path="/me")

    sandbox.clear_faults()

    assert sandbox.faults == Faults()
    assert (submit(sandbox).status_code, http.get(f"{sandbox.url}/me", timeout=10).status_code) == (202, 200)


def test_sandbox_counts_an_outage_from_the_moment_that_its_faults_are_set(start, submit, monkeypatch) -> None:
    """Faults that are set again begin their outage again, however long the sandbox has been running."""
    sandbox, long_ago = start(), time.monotonic() - 1_000_000
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: long_ago)
        sandbox.faults = Faults(outage_seconds=3600)
    before = submit(sandbox).status_code

    sandbox.faults = sandbox.faults

    assert (before, submit(sandbox).status_code) == (202, 503)


def test_sandbox_keeps_what_was_asked_for_when_its_faults_are_set(start, submit) -> None:
    """Setting `faults` keeps the faults of `fail_next`."""
    sandbox = start()
    sandbox.fail_next(500)

    sandbox.faults = Faults(seed=1)

    assert [submit(sandbox).status_code for _ in range(2)] == [500, 202]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"host": ""},
            ValueError,
            "host must be an address or a name, such as '127.0.0.1' or 'localhost', not ''",
        ),
        (
            {"port": 65_536},
            ValueError,
            "port must be a whole number from 0 to 65535, not 65536; 0 stands for any free port",
        ),
        (
            {"merged_contacts": "old"},
            TypeError,
            "merged_contacts must be a mapping, such as {'old': 'new'}, not 'old'",
        ),
        (
            {"faults": {"seed": 1}},
            TypeError,
            "faults must be Faults, such as Faults(latency_seconds=0.1), not {'seed': 1}",
        ),
    ],
)
def test_sandbox_refuses_an_option_before_the_start(options, error, message) -> None:
    """A wrong option is refused by the constructor."""
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Sandbox(**options)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("limit", 0, ValueError), ("window_seconds", -1, ValueError), ("faults", {"seed": 1}, TypeError)],
)
def test_sandbox_refuses_a_setting_that_makes_no_sense(name, value, error) -> None:
    """A wrong value is refused where it is set, and changes nothing."""
    sandbox = Sandbox()
    before = getattr(sandbox, name)

    with pytest.raises(error, match=f"^{name} must be"):
        setattr(sandbox, name, value)

    assert getattr(sandbox, name) == before


def test_sandbox_starts_an_outage_with_its_start(submit, monkeypatch) -> None:
    """An outage is counted from the start, however long the sandbox was made before it."""
    long_ago = time.monotonic() - 1_000_000
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: long_ago)
        sandbox = Sandbox(faults=Faults(outage_seconds=3600))

    with sandbox:
        assert submit(sandbox).status_code == 503


def test_sandbox_that_is_started_is_handed_back() -> None:
    """`start` returns the sandbox."""
    sandbox = Sandbox()

    assert sandbox.start() is sandbox
    sandbox.stop()


def test_sandbox_starts_once(start) -> None:
    """A running sandbox cannot be started."""
    sandbox = start()

    with pytest.raises(RuntimeError, match=f"^the sandbox is running already, at {sandbox.url}$"):
        sandbox.start()


def test_sandbox_stops_twice_without_complaint(start) -> None:
    """A second stop does nothing."""
    sandbox = start()

    sandbox.stop()
    sandbox.stop()

    assert repr(sandbox) == "<Sandbox, not running>"


def test_sandbox_can_be_started_again_after_a_failed_start(start) -> None:
    """A start that fails leaves a sandbox that is not running."""
    port = int(start().url.rpartition(":")[2])
    sandbox = Sandbox(port=port)

    with pytest.raises(OSError, match=r"this process's sandbox on 127\.0\.0\.1 port \d+ is running: stop\(\) it first"):
        sandbox.start()

    assert repr(sandbox) == "<Sandbox, not running>"


def test_sandbox_listens_on_the_loopback_only(start) -> None:
    """By default only this machine can reach the sandbox."""
    sandbox = start()

    assert sandbox.url.startswith("http://127.0.0.1:")
    assert repr(sandbox) == f"<Sandbox at {sandbox.url}>"


def test_sandbox_shows_no_token(start) -> None:
    """The token is in no repr, though it is not a secret here."""
    sandbox = start(access_token="mine")

    assert sandbox.access_token == "mine"
    assert "mine" not in repr(sandbox)


def test_sandbox_has_a_well_known_token_by_default() -> None:
    """The default token is the same in every sandbox, so that a command line can be written down."""
    assert Sandbox().access_token == "sandbox-token"


def test_sandbox_writes_an_address_of_version_6_in_brackets(start) -> None:
    """An IPv6 address stands in brackets in a URL."""
    assert start(host="::1").url.startswith("http://[::1]:")


@pytest.mark.parametrize("access_token", ["", "two words", "schlüssel", "line\n"])
def test_sandbox_refuses_a_token_that_no_header_can_carry(access_token) -> None:
    """A token is one word of visible ASCII; another is refused before the start."""
    with pytest.raises(ValueError, match=r"^access_token must be one word of visible ASCII characters$"):
        Sandbox(access_token=access_token)


def test_sandbox_waits_until_it_is_stopped(start) -> None:
    """`wait` returns when the sandbox is stopped."""
    sandbox = start()
    timer = threading.Timer(0.6, sandbox.stop)
    timer.start()

    sandbox.wait()

    timer.join()
    assert repr(sandbox) == "<Sandbox, not running>"


def test_sandbox_hands_out_a_client_of_its_own(start, make_body) -> None:
    """`client` knows token and address, and passes its options on."""
    sandbox = start(access_token="mine")

    with sandbox.client(timeout_seconds=10) as client:
        client.post_event(make_body())

    assert client.base_url == sandbox.url
    assert [event.contact for event in sandbox.events] == ["314159"]


def test_sandbox_makes_a_client_for_any_host(start, make_body) -> None:
    """A sandbox on all addresses is reached by the loopback, where a token is safe in plain text."""
    sandbox = start(host="0.0.0.0")

    with sandbox.client(allow_http=False) as client:
        client.post_event(make_body())

    assert sandbox.url.startswith("http://127.0.0.1:")
    assert sandbox.requests == 1


def test_sandbox_has_its_file_for_itself(tmp_path, start) -> None:
    """A second sandbox with the same file is refused while the first runs."""
    path = tmp_path / "events.sqlite"
    first = start(store=path)
    with pytest.raises(OSError, match="another sandbox or another program uses it"):
        Sandbox(store=path)

    first.stop()

    with Sandbox(store=path) as second:
        assert second.events == []


def test_sandbox_gives_its_file_back_when_it_cannot_start(tmp_path, start) -> None:
    """A port that is taken leaves the file free."""
    port = int(start().url.rpartition(":")[2])
    sandbox = Sandbox(port=port, store=tmp_path / "events.sqlite")
    with pytest.raises(OSError, match="cannot listen"):
        sandbox.start()

    assert Sandbox(store=tmp_path / "events.sqlite").events == []


def test_sandbox_that_has_stopped_leaves_one_whole_file(tmp_path, submit) -> None:
    """After the stop the one file has every event, and the session can still read them."""
    with Sandbox(store=tmp_path / "events.sqlite") as sandbox:
        submit(sandbox)

    assert [path.name for path in tmp_path.iterdir()] == ["events.sqlite"]
    assert len(sandbox.events) == 1


def submission_of(body, **changes) -> Submission:
    answered = {"http_status": 202, "outcome": SubmissionOutcome.KEPT, "error_code": None, "error_message": None}
    return Submission(received_at=1.5, body=body, **answered | changes)


def frame_of(body, **changes) -> pd.DataFrame:
    return submissions_frame([submission_of(body, **changes)])


def test_frame_shows_a_submission_as_it_was_sent(make_body) -> None:
    """A row has the event as sent: its name is not normalized, and all its metadata is there."""
    metadata = dict.fromkeys("abcdefghijkl", 1)
    frame = frame_of(make_body(event_name="Placed.Order", metadata=metadata))

    assert frame.loc[0].dropna().to_dict() == {
        "received_at": pd.Timestamp("1970-01-01T00:00:01.5Z"),
        "http_status": 202,
        "outcome": "kept",
        "identifier": "user_id",
        "contact": "314159",
        "event_name": "Placed.Order",
        "created_at": pd.Timestamp("2014-01-16T23:12:21Z"),
        "metadata": metadata,
    }


def test_frame_shows_the_error(make_body) -> None:
    """A refusal has its status, code and message."""
    error = {"error_code": "not_found", "error_message": "User Not Found"}
    frame = frame_of(make_body(), http_status=404, outcome=SubmissionOutcome.REFUSED, **error)

    row = frame.loc[0, ["http_status", "outcome", "error_code", "error_message"]]
    assert row.to_list() == [404, "refused", "not_found", "User Not Found"]


def test_frame_has_no_status_for_a_lost_connection(make_body) -> None:
    """A connection that was closed has no status."""
    assert frame_of(make_body(), http_status=None)["http_status"].isna().all()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"user_id": 1, "event_name": 1, "created_at": 1.5, "metadata": 1}']
)
def test_frame_has_no_value_for_what_cannot_be_read(body) -> None:
    """Fields that a body lacks, or has in the wrong type, are missing."""
    frame = frame_of(body, http_status=400, outcome=SubmissionOutcome.REFUSED)

    assert frame[["identifier", "contact", "event_name", "created_at", "metadata"]].isna().all(axis=None)


@pytest.mark.parametrize("rows", [0, 2])
def test_frame_has_the_same_dtypes_with_any_content(make_body, rows) -> None:
    """The dtypes do not depend on the submissions, and hold for an empty table."""
    frame = submissions_frame([submission_of(make_body())] * rows)

    assert frame.dtypes.astype(str).to_dict() == DTYPES
    assert len(frame) == rows
    assert frame["outcome"].cat.categories.to_list() == ["kept", "duplicate", "refused", "failed"]


@pytest.mark.parametrize("created_at", [1389913941000, -(2**62), 2**62])
def test_frame_shows_times_far_from_today(created_at) -> None:
    """Milliseconds that were sent as seconds are shown as Intercom reads them, thousands of years from now."""
    frame = frame_of(json.dumps({"created_at": created_at}).encode())

    assert frame["created_at"].astype("int64").to_list() == [created_at]
