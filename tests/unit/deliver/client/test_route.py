"""The way to an address: proxies and certificates, from the environment too."""

import socket

import pytest

TOKEN = "dG9rOjEyMzQ1Njc4"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def _header_lines(request):
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_transport_reaches_this_machine_without_a_proxy(connect, serve, replying, monkeypatch):
    """No proxy sees the token of a server on this machine, which goes there in plain text."""
    proxy, server = serve(replying(ACCEPTED)), serve(replying(ACCEPTED))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)

    connect(server.url).send("POST", "/events", b"{}")

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


def test_transport_uses_the_proxy_of_the_environment(connect, serve, replying, monkeypatch):
    """Other machines are reached through the proxy of the environment."""
    proxy = serve(replying(ACCEPTED))
    monkeypatch.setenv("http_proxy", proxy.url)

    connect("http://intercom.test").send("POST", "/events", b"{}")

    assert _header_lines(proxy.requests[0])[0] == "POST http://intercom.test/events HTTP/1.1"


def test_transport_verifies_the_certificate(fail, connect, serve, replying, tls):
    """An untrusted certificate ends the attempt before anything is sent."""
    server = serve(replying(ACCEPTED), tls=tls)

    failure = fail(connect(server.url))

    assert failure == (f"the certificate of 127.0.0.1:{server.port} is not trusted on this machine", False)
    assert server.requests == []


def test_transport_trusts_the_certificates_of_the_environment(connect, serve, replying, tls, certificate, monkeypatch):
    """REQUESTS_CA_BUNDLE names the file of a company's own certificates."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(replying(ACCEPTED), tls=tls)
    transport = connect(server.url)

    statuses = [transport.send("POST", "/events", b"{}").status for _ in range(2)]

    assert (statuses, server.connections) == ([202, 202], 1)


def test_transport_verifies_the_name_in_a_certificate(
    fail, connect, serve, replying, tls, certificate, monkeypatch, resolve
):
    """A trusted certificate counts only for the names in it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(replying(ACCEPTED), tls=tls)
    resolve("elsewhere.test", "127.0.0.1")

    failure = fail(connect(f"https://elsewhere.test:{server.port}"))

    assert failure == (f"the certificate of elsewhere.test:{server.port} is not trusted on this machine", False)
    assert server.requests == []


def test_transport_says_that_a_server_speaks_no_tls(fail, connect, serve):
    """An https address of a server in plain text gives an error about TLS."""

    server = serve(None)
    server.read = lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    failure = fail(connect(f"https://127.0.0.1:{server.port}"))

    assert failure == (f"no secure connection to 127.0.0.1:{server.port}: the two sides cannot agree on one", False)


@pytest.mark.parametrize("contents", [None, "no certificate"])
def test_transport_says_which_variable_names_an_unusable_file(fail, connect, monkeypatch, tmp_path, contents):
    """A missing or empty certificate file is reported with the variable that names it."""
    bundle = tmp_path / "bundle.pem"
    if contents:
        bundle.write_text(contents)
    # requests itself passes over a file that is not there.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

    assert fail(connect("https://127.0.0.1:9")) == ("the file that REQUESTS_CA_BUNDLE names cannot be read", False)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_transport_reaches_a_server_through_the_tunnel_of_a_proxy(
    connect, serve, replying, tls, certificate, monkeypatch, scheme
):
    """A proxy, reached in TLS or not, sees where a request goes, but not the request."""
    server = serve(replying(ACCEPTED), tls=tls)
    proxy = serve(_tunnel_to(server.port), tls=tls if scheme == "https" else None)
    monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//ada:lovelace@"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    transport = connect("https://intercom.test/api")

    statuses = [transport.send("POST", "/events", b"{}").status for _ in range(2)]

    assert statuses == [202, 202]
    assert _header_lines(server.requests[0])[0] == "POST /api/events HTTP/1.1"
    assert [_header_lines(request)[0].split()[:2] for request in proxy.requests] == [["CONNECT", "intercom.test:443"]]
    assert "Proxy-Authorization: Basic YWRhOmxvdmVsYWNl" in _header_lines(proxy.requests[0])
    assert TOKEN.encode() not in proxy.requests[0]
    assert "Proxy-Authorization" not in server.requests[0].decode()


@pytest.mark.alone
def test_transport_keeps_its_deadline_through_the_tunnel_of_a_proxy_in_tls(
    fail, connect, serve, tls, certificate, monkeypatch
):
    """Headers that trickle through two layers of TLS end with the attempt."""

    def trickle(server, connection):
        connection.sendall(b"HTTP/1.1 202 Accepted\r\n")
        while not server.stopping.wait(0.02):
            connection.sendall(b"x: 1\r\n")

    server = serve(trickle, tls=tls)
    monkeypatch.setenv("https_proxy", serve(_tunnel_to(server.port), tls=tls).url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    failure = fail(connect("https://intercom.test", timeout_seconds=0.5))

    assert failure == ("no answer from intercom.test within 0.5 s", True)


def test_transport_verifies_the_certificate_beyond_a_proxy(fail, connect, serve, replying, tls, monkeypatch):
    """A proxy cannot pretend to be the server: it has no certificate for its name."""
    server = serve(replying(ACCEPTED), tls=tls)
    proxy = serve(_tunnel_to(server.port))
    monkeypatch.setenv("https_proxy", proxy.url)

    failure = fail(connect("https://intercom.test"))

    assert failure == ("the certificate of intercom.test is not trusted on this machine", False)
    assert server.requests == []


def test_transport_passes_a_proxy_by_as_the_environment_says(connect, serve, replying, resolve, monkeypatch):
    """A host in NO_PROXY is reached without the proxy."""
    server, proxy = serve(replying(ACCEPTED)), serve(replying(ACCEPTED))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "elsewhere.test,intercom.test")
    resolve("intercom.test", "127.0.0.1")

    connect(f"http://intercom.test:{server.port}").send("POST", "/events", b"{}")

    assert (len(server.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_transport_says_that_a_proxy_cannot_be_reached(fail, connect, serve, replying, monkeypatch, scheme):
    """The error tells an unreachable proxy from an unreachable server."""
    proxy = serve(replying(ACCEPTED))
    proxy.stop()
    monkeypatch.setenv(f"{scheme}_proxy", proxy.url)

    assert fail(connect(f"{scheme}://intercom.test")) == (
        "no connection to the proxy on the way to intercom.test",
        False,
    )


def test_transport_says_what_a_proxy_refused_with(fail, connect, serve, replying, monkeypatch):
    """The error quotes the status of a proxy that refuses, such as one that wants a login."""
    proxy = serve(replying(b"HTTP/1.1 407 Who are you\r\n\r\n"))
    monkeypatch.setenv("https_proxy", proxy.url)

    failure = fail(connect("https://intercom.test"))

    assert failure == ("the proxy on the way to intercom.test answered 407 Proxy Authentication Required", False)


@pytest.mark.parametrize("proxy", ["gopher://127.0.0.1:9", "http://[::1", "http://127.0.0.1:99999"])
def test_transport_says_that_a_proxy_makes_no_sense(fail, connect, monkeypatch, proxy):
    """An impossible proxy address is reported by the host that it was for."""
    monkeypatch.setenv("https_proxy", proxy)

    failure = fail(connect("https://intercom.test"))

    assert failure == ("the proxy that the environment names for intercom.test cannot be used", False)


def _tunnel_to(port):
    """Return the reply of a proxy that connects every request to one port of this machine."""

    def reply(server, connection):
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as beyond:
            _pass_on(server, connection, beyond)

    return reply


def _pass_on(server, *ends):
    for end in ends:
        end.settimeout(0.02)
    while not server.stopping.is_set():
        for source, drain in (ends, ends[::-1]):
            try:
                received = source.recv(65_536)
            except TimeoutError:
                continue
            if not received:
                return
            drain.sendall(received)
