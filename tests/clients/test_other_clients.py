"""Requests of Intercom's clients in other languages, byte for byte, since those clients cannot be installed here."""

import json
import socket
import time

import pytest

from events_pandas import Sandbox

# "sandbox-token:" in base 64.
BASIC = "Authorization: Basic c2FuZGJveC10b2tlbjo="
BEARER = "Authorization: Bearer sandbox-token"
CLIENTS = {
    "Ruby": (
        "",
        [BASIC, "Accept-Encoding: gzip, deflate", "AcceptEncoding: gzip, deflate"],
        [
            "Accept: application/vnd.intercom.3+json",
            "Content-Type: application/json",
            "User-Agent: Intercom-Ruby/4.2.1",
        ],
    ),
    "Ruby with a version": (
        "",
        [BEARER, "Accept-Encoding: gzip, deflate", "AcceptEncoding: gzip, deflate", "Intercom-Version: 2.0"],
        ["Accept: application/vnd.intercom.3+json", "Content-Type: application/json"],
    ),
    "Go": (
        "",
        [BASIC, "Accept-Encoding: gzip", "User-Agent: Go-http-client/1.1"],
        ["Accept: application/json", "Content-Type: application/json"],
    ),
    "Java 2": (
        "/",
        [BEARER, "Accept-Charset: UTF-8", 'X-Client-Platform-Details: {"os.arch":"amd64"}', "Connection: keep-alive"],
        ["Accept: application/json", "Content-Type: application/json", "User-Agent: intercom-java/2.8.2"],
    ),
    "Java 2 without an Accept of its own": (
        "/",
        [BASIC, "Content-Type: application/json"],
        ["Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"],
    ),
    "Java 4": (
        "",
        [BEARER, "X-Fern-Language: JAVA", "Intercom-Version: 2.14", "User-Agent: okhttp/4.12.0"],
        ["Accept: application/json", "Content-Type: application/json; charset=utf-8", "Accept-Encoding: gzip"],
    ),
    ".NET": (
        "",
        [BASIC, "Accept-Charset: UTF-8", "User-Agent: intercom-dotnet/2.0.0", "Accept-Encoding: gzip, deflate"],
        ["Accept: application/json, text/json, text/x-json, text/javascript", "Content-Type: application/json"],
    ),
    "PHP": (
        "",
        [BASIC, "User-Agent: GuzzleHttp/7", "Expect: 100-Continue"],
        ["Accept: application/json", "Content-Type: application/json"],
    ),
    "curl": ("", [BASIC, "User-Agent: curl/8.5.0"], ["Accept: */*", "Content-Type: application/x-www-form-urlencoded"]),
}


@pytest.fixture(scope="module")
def sandbox():
    """A sandbox with one unknown contact."""
    with Sandbox(limit=None, unknown_contacts=["nobody"]) as sandbox:
        yield sandbox


@pytest.fixture(params=CLIENTS)
def send(request, sandbox):
    """Send a request with a client's headers and its form of an address; return the status and the body."""
    prefix, *headers = CLIENTS[request.param]
    host, port = sandbox.url.removeprefix("http://").split(":")

    def send(method, path, document=None):
        # Go's encoder adds a line break after the document.
        body = b"" if document is None else json.dumps(document).encode() + b"\n"
        lines = [f"{method} {prefix}{path} HTTP/1.1", f"Host: {host}:{port}", *headers[0], *headers[1]]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        with socket.create_connection((host, int(port)), timeout=10) as connection, connection.makefile("rb") as answer:
            connection.sendall(head.encode() + body)
            status, headers_of_answer = read_head(answer)
            if status == 100:
                status, headers_of_answer = read_head(answer)
            return status, answer.read(int(headers_of_answer["content-length"]))

    return send


def read_head(answer):
    """Read the status and the headers of an answer."""
    status = int(answer.readline().split()[1])
    lines = iter(lambda: answer.readline().decode().strip(), "")
    return status, dict(line.split(": ", 1) for line in lines)


def test_client_gets_in(send, sandbox, request):
    """Each client submits an event, lists it, finds its contact, and gets 404 for an unknown one."""
    name = request.node.callspec.params["send"]
    event = {"user_id": name, "event_name": "placed-order", "created_at": int(time.time()), "metadata": {"a": 1}}

    accepted = send("POST", "/events", event)
    unknown = send("POST", "/events", event | {"user_id": "nobody"})
    _, listed = send("GET", f"/events?type=user&user_id={name.replace(' ', '+')}")
    contact_id = json.loads(listed)["intercom_user_id"]
    _, contact = send("GET", f"/contacts/{contact_id}")
    _, changed = send("PUT", f"/contacts/{contact_id}", {"name": "Ada"})

    assert accepted == (202, b"")
    assert (unknown[0], json.loads(unknown[1])["errors"][0]["message"]) == (404, "User Not Found")
    assert (json.loads(listed)["type"], len(json.loads(listed)["events"])) == ("event.list", 1)
    assert json.loads(contact)["external_id"] == name
    assert json.loads(changed)["name"] == "Ada"
    assert [event.created_at for event in sandbox.events if event.contact == name] == [event["created_at"]]
