"""How to send a first event: lines to copy."""

import json
import shlex

from events_pandas.sandbox.page.overview import Facts


def python_lines(facts: Facts) -> str:
    """Return how to submit a frame with this package.

    Parameters
    ----------
    facts : Facts
        Who the workspace is.

    Returns
    -------
    str
        Two lines of Python.
    """
    token, url = json.dumps(facts.access_token), json.dumps(facts.url)
    return (
        f"client = ep.IntercomClient({token}, base_url={url}, allow_http=True)\n"
        "results = ep.submit_events(orders, mapping, client=client)"
    )


def shell_lines(facts: Facts, *, created_at: int) -> str:
    """Return how to submit one event with curl.

    Parameters
    ----------
    facts : Facts
        Who the workspace is.
    created_at : int
        The event's second.

    Returns
    -------
    str
        Two lines for a shell.
    """
    event = {"event_name": "placed-order", "created_at": created_at, "user_id": "42"}
    address, token = shlex.quote(f"{facts.url}/events"), shlex.quote(f"Authorization: Bearer {facts.access_token}")
    return (
        f"curl {address} -H {token} \\\n"
        f"  -H 'Accept: application/json' -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(event))}"
    )
