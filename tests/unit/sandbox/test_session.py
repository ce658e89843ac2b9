"""The sandbox as its users hold it."""

import threading

import pytest

from events_pandas.sandbox import Sandbox

NOT_RUNNING = r"^the sandbox is not running: say `with Sandbox\(\) as sandbox:`, or call start\(\)$"


def test_sandbox_is_empty_before_its_start() -> None:
    """What a sandbox holds can be asked for at any time."""
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
    """What needs the server says that there is none, and how to get one."""
    with pytest.raises(RuntimeError, match=NOT_RUNNING):
        use(Sandbox())


def test_sandbox_keeps_its_events_after_the_stop(submit) -> None:
    """Whoever looks after the with block sees what arrived in it."""
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


def test_sandbox_starts_once(start) -> None:
    """A start of what is running is a mistake."""
    sandbox = start()

    with pytest.raises(RuntimeError, match=f"^the sandbox is running already, at {sandbox.url}$"):
        sandbox.start()


def test_sandbox_stops_twice_without_complaint(start) -> None:
    """A stop of what is not running does nothing."""
    sandbox = start()

    sandbox.stop()
    sandbox.stop()

    assert repr(sandbox) == "<Sandbox, not running>"


def test_sandbox_can_be_started_again_after_a_failed_start(start) -> None:
    """A start that fails leaves a sandbox that is not running."""
    port = int(start().url.rpartition(":")[2])
    sandbox = Sandbox(port=port)

    with pytest.raises(OSError, match=r"the sandbox cannot listen on 127\.0\.0\.1 port"):
        sandbox.start()

    assert repr(sandbox) == "<Sandbox, not running>"


def test_sandbox_listens_on_the_loopback_only(start) -> None:
    """By default nobody but this machine can reach the sandbox."""
    sandbox = start()

    assert sandbox.url.startswith("http://127.0.0.1:")
    assert repr(sandbox) == f"<Sandbox at {sandbox.url}>"


def test_sandbox_shows_no_token(start) -> None:
    """The token is in no repr, though it is no secret here."""
    sandbox = start(access_token="mine")

    assert sandbox.access_token == "mine"
    assert "mine" not in repr(sandbox) + repr(sandbox._app)


def test_sandbox_has_a_well_known_token_by_default() -> None:
    """The default token is the same in every sandbox, so that a command line can be written down."""
    assert Sandbox().access_token == "sandbox-token"


def test_sandbox_writes_an_address_of_version_6_in_brackets(start) -> None:
    """An IPv6 address stands in brackets in a URL."""
    assert start(host="::1").url.startswith("http://[::1]:")


@pytest.mark.parametrize("access_token", ["", "two words", "schlüssel", "line\n"])
def test_sandbox_refuses_a_token_that_no_header_can_carry(access_token) -> None:
    """A token is one word of visible ASCII; a wrong option is told before the start."""
    with pytest.raises(ValueError, match=r"^access_token must be one word of visible ASCII characters$"):
        Sandbox(access_token=access_token)


def test_sandbox_waits_until_it_is_stopped(start) -> None:
    """In the foreground, the caller waits for as long as the sandbox runs."""
    sandbox = start()
    timer = threading.Timer(0.6, sandbox.stop)
    timer.start()

    sandbox.wait()

    timer.join()
    assert repr(sandbox) == "<Sandbox, not running>"


def test_sandbox_hands_out_a_client_of_its_own(start, make_body) -> None:
    """The client needs no token and no address from elsewhere; its options are passed on."""
    sandbox = start(access_token="mine")

    with sandbox.client(timeout_seconds=10) as client:
        client.post_event(make_body())

    assert client.base_url == sandbox.url
    assert [event.contact for event in sandbox.events] == ["314159"]


def test_sandbox_hands_out_a_client_whatever_its_host(start, make_body) -> None:
    """Whoever opens a sandbox to the network can reach it in plain text."""
    sandbox = start(host="0.0.0.0")

    with sandbox.client() as client:
        client.post_event(make_body())

    assert sandbox.requests == 1
