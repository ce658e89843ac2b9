"""How to send a first event."""

import json
import shlex

from events_pandas.sandbox.page.overview import WorkspaceFacts, python_lines, shell_lines
from events_pandas.sandbox.page.rendering import read_moment


def facts(**changes):
    fields = {
        "name": "Sandbox",
        "id_code": "sandbox_1",
        "region": "us",
        "url": "http://127.0.0.1:8080",
        "access_token": "sandbox-token",
        "created_at": read_moment(0),
    }
    return WorkspaceFacts(**fields | changes)


def test_python_lines_make_a_client_of_this_sandbox() -> None:
    """They can be copied as they are."""
    assert python_lines(facts()) == (
        'client = ep.IntercomClient("sandbox-token", base_url="http://127.0.0.1:8080", allow_http=True)\n'
        "results = ep.submit_events(orders, mapping, client=client)"
    )


def test_shell_lines_submit_an_event() -> None:
    """The token may have any visible character, and is quoted for the shell."""
    words = shlex.split(shell_lines(facts(access_token="a'b\"$c"), created_at=17).replace("\\\n", ""))

    assert words[:4] == ["curl", "http://127.0.0.1:8080/events", "-H", "Authorization: Bearer a'b\"$c"]
    assert words[4:8] == ["-H", "Accept: application/json", "-H", "Content-Type: application/json"]
    assert json.loads(words[9]) == {"event_name": "placed-order", "created_at": 17, "user_id": "42"}
