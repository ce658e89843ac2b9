"""The addresses of a host are looked up in time, even if the system's resolver hangs."""

import socket
import threading

import pytest

from events_pandas.deliver.client.background import look_up

LIMIT_SECONDS = 10.0


@pytest.fixture
def hanging(monkeypatch):
    """Let the search for a name hang until the test is over; return the names that were searched."""
    real, searched, released = socket.getaddrinfo, [], threading.Event()

    def getaddrinfo(host, port, *arguments, **options):
        if host == "127.0.0.1":
            return real(host, port, *arguments, **options)
        if options["flags"]:
            raise socket.gaierror("no address")
        searched.append(host)
        released.wait(LIMIT_SECONDS)
        return real("127.0.0.2", port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield searched
    released.set()
    for thread in threading.enumerate():
        if thread.name == "events-pandas-name":
            thread.join(LIMIT_SECONDS)


def _addresses(found):
    return {address[0] for *_, address in found}


def test_look_up_takes_an_address_as_it_is(hanging):
    """An address needs no search."""
    assert _addresses(look_up("127.0.0.1", 80, seconds=LIMIT_SECONDS)) == {"127.0.0.1"}
    assert hanging == []


def test_look_up_finds_the_addresses_of_a_name():
    """A name has the addresses that the system's resolver finds."""
    assert _addresses(look_up("localhost", 80, seconds=LIMIT_SECONDS)) & {"127.0.0.1", "::1"}


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "Name or service not known"), UnicodeError("too long")])
def test_look_up_names_an_unknown_host(fault, monkeypatch):
    """An unknown name, and a name that is impossible, are errors."""

    def unknown(*_, **__):
        raise fault

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(socket.gaierror):
        look_up("intercom.test", 80, seconds=LIMIT_SECONDS)


def test_look_up_ends_in_time_when_the_resolver_hangs(hanging):
    """All callers that wait for a host share one search."""
    for _ in range(3):
        with pytest.raises(TimeoutError):
            look_up("intercom.test", 80, seconds=0.02)

    assert hanging == ["intercom.test"]


def test_transport_bounds_the_time_of_a_search_for_the_host(fail, connect, hanging):
    """The deadline of a request includes the search for the address."""
    transport = connect("http://intercom.test", timeout_seconds=0.1)

    assert fail(transport) == ("no connection to intercom.test within the time limit", False)
    assert hanging == ["intercom.test"]
