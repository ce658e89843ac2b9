"""Bad frames, tokens and addresses: what the user reads, and what is sent."""

import copy
import http.server
import socket
import threading

import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    Constant,
    CredentialsError,
    EventMapping,
    IntercomClient,
    MappingError,
    MonetaryAmount,
    OutageError,
    RetryPolicy,
    UnknownColumnError,
    check_events,
    submit_events,
)

ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def closed_port():
    """A port of this machine on which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def serve():
    """Start a server that gives every request the same answer, and keeps the headers of each."""
    servers = []

    def serve(status, **headers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.seen.append(dict(self.headers))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_POST = do_GET  # noqa: N815  # The name that http.server looks for.

            def log_message(self, *_):
                """Print nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.seen = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("columns", [["who", "day"], ["who", "day", "total"]])
def test_empty_frame_has_empty_results(mapping, client, sandbox, columns):
    """An empty frame is not an error: its results are empty, with every column and its dtype."""
    results = submit_events(pd.DataFrame(columns=columns), mapping, client=client)

    assert {column: str(dtype) for column, dtype in results.dtypes.items()} == {
        "row": "int64",
        "status": "category",
        "http_status": "Int16",
        "attempts": "Int16",
        "error_code": "string",
        "error_message": "string",
        "request_id": "string",
        "created_at": "datetime64[us, UTC]",
        "submitted_at": "datetime64[us, UTC]",
    }
    assert (len(results), sandbox.requests) == (0, 0)
    assert results.attrs["run"]["workspace"]["name"] == "Sandbox"


def test_mapped_column_that_stands_twice_is_refused(make_orders, mapping, client, sandbox):
    """A mapped column name must be unique: the rule cannot choose between two columns."""
    orders = pd.concat([make_orders(1), make_orders(1)[["who"]]], axis=1)

    with pytest.raises(MappingError) as caught:
        submit_events(orders, mapping, client=client)

    assert str(caught.value) == "user_id: 2 columns have the name 'who': rename or drop all but one"
    assert sandbox.requests == 0


def test_column_that_stands_twice_does_no_harm_when_it_is_not_mapped(make_orders, mapping, any_client):
    """Two columns may share a name if no rule reads it."""
    orders = pd.concat([make_orders(1, x=[1]), make_orders(1, x=[2])[["x"]]], axis=1)

    assert submit_events(orders, mapping, client=any_client)["status"].tolist() == ["accepted"]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["b", "a", "c"], name="order"),
        pd.Index([7, 7, 7]),
        pd.MultiIndex.from_tuples([("x", 2), ("x", 1), ("x", 2)], names=["shop", "order"]),
        pd.DatetimeIndex(["2024-01-02", "2024-01-01", None], name="at"),
        pd.CategoricalIndex(["x", None, "x"]),
    ],
    ids=["text", "duplicate", "multi-level", "times", "categories"],
)
def test_results_keep_any_index(make_orders, mapping, any_client, index):
    """Results have the caller's index in the caller's order, of any kind."""
    results = submit_events(make_orders(3).set_axis(index), mapping, client=any_client)

    pd.testing.assert_index_equal(results.index, index)
    assert results["row"].tolist() == [0, 1, 2]


def test_index_level_can_be_mapped(make_orders, mapping, client, held, sandbox):
    """A rule can read a level of the index by its name."""
    submit_events(make_orders(2).set_index(["day", "who"]), mapping, client=client)

    assert held(sandbox) == ["00000", "00001"]


def test_missing_column_is_named_with_the_nearest_that_there_is(make_orders, mapping, client, sandbox):
    """An unknown column costs no request, and the message names the nearest existing column."""
    with pytest.raises(UnknownColumnError) as caught:
        submit_events(make_orders(1).rename(columns={"day": "days"}), mapping, client=client)

    assert str(caught.value) == "created_at: no column 'day': did you mean 'days'?"
    assert sandbox.to_frame().empty


def test_frame_of_invalid_rows_makes_no_request_but_the_preflight(make_orders, mapping, client, sandbox):
    """A frame of invalid rows makes one request, the preflight."""
    results = submit_events(make_orders(3, day=["never"] * 3), mapping, client=client)

    assert results["status"].tolist() == ["invalid"] * 3
    assert sandbox.requests == 0
    assert results.attrs["run"]["workspace"]["name"] == "Sandbox"


def test_wrong_token_raises_with_every_row(make_orders, mapping, sandbox):
    """The preflight finds a wrong token before the first event, and the exception has every row."""
    with (
        IntercomClient("wrong", base_url=sandbox.url) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        submit_events(make_orders(3, day=["2024-01-31", None, "2024-01-31"]), mapping, client=client)

    assert str(caught.value) == (
        "Intercom refused the access token (401 Unauthorized, unauthorized: Access Token Invalid): "
        "check that the token is complete and of this region, or make a new one in the developer hub"
    )
    assert caught.value.results["status"].tolist() == ["not_submitted", "invalid", "not_submitted"]
    assert sandbox.requests == 0


def test_wrong_token_raises_without_a_preflight(make_orders, mapping, sandbox):
    """Without a preflight, the first event finds a wrong token, and the other events are not sent."""
    with (
        IntercomClient("wrong", base_url=sandbox.url) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        submit_events(make_orders(3), mapping, client=client, preflight=False, journal=None, concurrency=1)

    assert caught.value.results["error_code"].tolist() == ["unauthorized"] * 3
    assert len(sandbox.events) == 0


def test_address_that_refuses_connections_raises_with_every_row(make_orders, mapping, closed_port):
    """If nobody answers at the address, the exception has every row as not submitted."""
    with (
        IntercomClient("made-up", base_url=f"http://127.0.0.1:{closed_port}") as client,
        pytest.raises(OutageError, match=r"Intercom cannot be reached \(.*\): nothing was submitted, try") as caught,
    ):
        submit_events(make_orders(2), mapping, client=client, retry=ONCE)

    assert caught.value.results["status"].tolist() == ["not_submitted"] * 2
    assert caught.value.results["error_code"].tolist() == ["outage"] * 2


def test_address_in_plain_text_is_refused_before_anything_leaves():
    """The token leaves this machine only encrypted, unless the caller allows plain text."""
    with pytest.raises(CredentialsError) as caught:
        IntercomClient("made-up", base_url="http://192.0.2.1")

    assert str(caught.value) == (
        "base_url 'http://192.0.2.1' would send the access token in plain text: "
        "use https, or pass allow_http=True if the network is yours"
    )


def test_redirect_of_the_preflight_is_not_followed(make_orders, mapping, serve):
    """A redirect of the preflight ends the run, since following it would send the token elsewhere."""
    elsewhere = serve(200)
    server = serve(302, Location=elsewhere.url)

    with IntercomClient("made-up", base_url=server.url) as client, pytest.raises(OutageError) as caught:
        submit_events(make_orders(1), mapping, client=client, retry=ONCE)

    assert str(caught.value) == (
        "the answer to the first request, GET /me, was 302 Found, not one of Intercom's: "
        "check the region and the address"
    )
    assert (len(server.seen), elsewhere.seen) == (1, [])


def test_redirect_of_an_event_is_not_followed(make_orders, mapping, serve):
    """A redirected event has not arrived, and its row is not accepted."""
    elsewhere = serve(202)
    server = serve(307, Location=elsewhere.url)

    with IntercomClient("made-up", base_url=server.url) as client:
        results = submit_events(make_orders(1), mapping, client=client, preflight=False, journal=None)

    assert results.loc[0, ["status", "http_status", "error_code"]].tolist() == ["rejected", 307, "redirect"]
    assert elsewhere.seen == []


def test_netrc_does_not_replace_the_token(make_orders, mapping, serve, tmp_path, monkeypatch):
    """The run sends its own token, not the login that the machine's netrc has for the host."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = serve(202)

    with IntercomClient("made-up", base_url=server.url) as client:
        submit_events(make_orders(1), mapping, client=client, preflight=False, journal=None)

    assert [headers["Authorization"] for headers in server.seen] == ["Bearer made-up"]


def test_callers_frame_stays_as_it_was(mapping, any_client):
    """A mapping's functions get copies: the caller's values, dtypes, columns and index stay."""

    def computed(frame):
        frame["note"] = "added"
        frame.loc[:, "total"] = frame["total"] + 1
        frame.index.name = "changed"
        return frame["total"]

    orders = pd.DataFrame(
        {
            "who": ["1", 2, None, 4.0],
            "day": pd.to_datetime(["2024-01-31", None, "2024-02-01", "2024-02-02"]),
            "total": [19.99, 5.0, float("nan"), 1.0],
            "kind": pd.Categorical(["a", "b", "a", None]),
            "tags": [["x"], {"y": 1}, None, "z"],
        },
        index=[3, 3, 1, 2],
    ).astype({"who": object})
    orders.attrs["origin"] = "shop"
    mapping = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        metadata={"total": computed, "kind": "kind", "price": MonetaryAmount("total", currency=Constant("eur"))},
    )
    before, cells = copy.deepcopy(orders), list(orders["tags"])

    check_events(orders, mapping)
    submit_events(orders, mapping, client=any_client)

    pd.testing.assert_frame_equal(orders, before)
    assert all(now is then for now, then in zip(orders["tags"], cells, strict=True))
    assert (orders.index.name, orders.attrs) == (None, {"origin": "shop"})


def test_list_of_dicts_is_refused(mapping, any_client):
    """The message says that a list of dicts is not a frame."""
    with pytest.raises(TypeError) as caught:
        submit_events([{"who": "1"}], mapping, client=any_client)

    assert str(caught.value) == (
        "expected rows in a pandas DataFrame, or in a table of Polars, DuckDB or pyarrow, got a list: "
        "make a frame with pd.DataFrame(rows)"
    )
