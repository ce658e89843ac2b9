"""Each major version of Intercom's clients from pip and npm, unchanged; only `make test-clients` runs them.

Two are left out: intercom-client 1 has a fixed address, and python-intercom 0 needs Python 2.
"""

import os
import subprocess
from pathlib import Path

import pytest

from events_pandas import Sandbox

HERE = Path(__file__).parent
PYTHON = HERE.parents[2] / ".venv-clients"
SUBMITS = ["authenticate", "create an event", "miss a contact"]
READS = [*SUBMITS, "list events", "sum events up", "create a contact", "find a contact by id"]
CHANGES = ["update a contact", "search contacts", "list contacts", "merge a contact"]


@pytest.fixture
def drive():
    """Run the script of a client, and return its output."""

    def drive(*command, **environment):
        with Sandbox(limit=None, unknown_contacts=["nobody"]) as sandbox:
            variables = {"SANDBOX_URL": sandbox.url, "SANDBOX_TOKEN": sandbox.access_token, **environment}
            ran = subprocess.run(
                command,
                cwd=HERE,
                env=os.environ | variables,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout.splitlines()

    return drive


@pytest.mark.parametrize(
    ("major", "script", "done"),
    [
        (2, 2, [*SUBMITS, "miss the users of API 1.x"]),
        (3, 3, [*READS, "update a contact", "miss the users of API 1.x"]),
        (4, 4, [*READS, *CHANGES]),
        (5, 4, [*READS, "find a contact by external id", *CHANGES]),
    ],
)
def test_python_intercom_gets_in(drive, major, script, done) -> None:
    """The sandbox answers every request of this version as Intercom does, and errors have the version's own classes."""
    assert drive(PYTHON / f"python-intercom-{major}/bin/python", f"python_intercom_{script}.py") == done


@pytest.mark.parametrize(
    ("major", "script", "done"),
    [
        (2, 2, [*READS, "list contacts", "miss the users of API 1.x"]),
        (3, 3, [*READS, *CHANGES]),
        (4, 3, [*READS, *CHANGES]),
        (5, 3, [*READS, *CHANGES]),
        (6, 6, [*READS, *CHANGES]),
        (7, 6, [*READS, "find a contact by external id", *CHANGES]),
    ],
)
def test_intercom_client_gets_in(drive, major, script, done) -> None:
    """The sandbox answers every request of this version as Intercom does, and errors have the version's own classes."""
    assert drive("node", f"intercom_client_{script}.mjs", CLIENT=f"intercom-client-{major}") == done
