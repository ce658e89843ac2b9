"""What several tests of the sandbox use: good submissions, a session to send them with, and a running sandbox."""

import json

import pytest
import requests

from events_pandas.sandbox import Sandbox
from events_pandas.sandbox.session import DEFAULT_ACCESS_TOKEN


@pytest.fixture
def make_body():
    """Make the body of a good submission, with changes; a field given as `...` is left out."""

    def make(**changes):
        fields = {"event_name": "placed-order", "created_at": 1389913941, "user_id": "314159"} | changes
        return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()

    return make


@pytest.fixture
def http():
    """A session that has the sandbox's token, and nothing from the environment."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {DEFAULT_ACCESS_TOKEN}"
        yield session


@pytest.fixture
def start():
    """Start a sandbox with options; it is stopped after the test."""
    started = []

    def start(**options):
        sandbox = Sandbox(**options).start()
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        sandbox.stop()


@pytest.fixture
def submit(http, make_body):
    """Send a good submission, with changes, to a sandbox."""

    def submit(sandbox, **changes):
        return http.post(f"{sandbox.url}/events", data=make_body(**changes), timeout=10)

    return submit
