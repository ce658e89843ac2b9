"""Fixtures of several rooms: a clean environment, rows with a mapping, and a fake client."""

import importlib.util
import json
import os
import shutil
import threading
import uuid

import pandas as pd
import pytest

from events_pandas import EventMapping, RetryPolicy, intercom
from events_pandas.deliver import Answer

SPARK_NEEDS = {
    "PySpark": importlib.util.find_spec("pyspark"),
    "Java": shutil.which("java") or os.environ.get("JAVA_HOME"),
}
# Programs that tests start live for seconds: threads of numpy and the best compiler of Java cost more than they save.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["SPARK_SUBMIT_OPTS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
FAST = {intercom.LIMIT_HEADER: "1000000", intercom.REMAINING_HEADER: "999999", intercom.RESET_HEADER: "1700000010"}
NOT_FOUND = b'{"type":"error.list","errors":[{"code":"not_found","message":"User Not Found"}]}'
WORKSPACE = {"type": "admin", "app": {"type": "app", "id_code": "ab12cd34", "name": "Acme", "region": "US"}}


class FakeClient:
    """A client that answers the events of each contact by a script, then with 202; it calls a script's functions."""

    def __init__(self, scripts=None, *, me=200):
        self.scripts = {contact: list(script) for contact, script in (scripts or {}).items()}
        self.me_status = me
        self.me_requests = 0
        self.events = []
        self._lock = threading.Lock()

    def me(self):
        self.me_requests += 1
        return self._play(self.me_status, body=json.dumps(WORKSPACE).encode())

    def post_event(self, payload):
        event = json.loads(payload)
        with self._lock:
            self.events.append(event)
            script = self.scripts.get(event["user_id"])
            step = script.pop(0) if script else 202
        return self._play(step)

    def _play(self, step, *, body=b""):
        step = step() if callable(step) else step
        if isinstance(step, BaseException):
            raise step
        return Answer(status=step, headers=FAST, body=body or (NOT_FOUND if step == 404 else b""))

    @property
    def contacts(self):
        return sorted(event["user_id"] for event in self.events)


def pytest_collection_modifyitems(items):
    """Skip what needs Spark where PySpark or Java is missing, unless that is an error."""
    lacking = [name for name, is_there in SPARK_NEEDS.items() if not is_there]
    if lacking and not os.environ.get("EVENTS_PANDAS_ENGINES"):
        for item in items:
            if item.get_closest_marker("spark"):
                item.add_marker(pytest.mark.skip(reason=f"Spark needs {' and '.join(lacking)}"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path_factory):
    """Hide the machine's token, region, proxies and logins from a test, and keep its journals in a temporary folder."""
    # The folder is made when it is needed: most tests keep no journal.
    monkeypatch.setenv("EVENTS_PANDAS_JOURNALS", str(tmp_path_factory.getbasetemp() / f"journals-{uuid.uuid4()}"))
    for name in ("INTERCOM_ACCESS_TOKEN", "INTERCOM_REGION", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home folder for the test and its commands, with no variable that names another place."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("EVENTS_PANDAS_JOURNALS", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(scope="session")
def fake_client():
    """Return the class of clients that answer by contact."""
    return FakeClient


@pytest.fixture(scope="session")
def mapping():
    """A mapping of the rows that `make_orders` makes."""
    return EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")


@pytest.fixture(scope="session")
def make_orders():
    """Return a function that makes valid rows with the contacts 00000, 00001 and so on."""

    def make(n_rows=3, *, start=0, **columns):
        contacts = [f"{number:05d}" for number in range(start, start + n_rows)]
        return pd.DataFrame({"who": contacts, "day": ["2024-01-31"] * n_rows, **columns})

    return make


@pytest.fixture(scope="session")
def quick_retry():
    """The usual number of retries, almost without waits."""
    return RetryPolicy(base_seconds=0.01, max_seconds=0.05)
