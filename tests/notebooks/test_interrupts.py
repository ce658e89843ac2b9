"""The stop button of a notebook interrupts a kernel while a cell submits, and a kernel may die meanwhile."""

import collections
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from events_pandas import Faults, Sandbox

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 60
SUBMIT = """
import sys, threading
import pandas as pd
import events_pandas as ep
orders = pd.DataFrame({{"who": [f"{{number:05d}}" for number in range(2_000)], "day": "2024-01-31"}})
mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
client = ep.IntercomClient("{access_token}", base_url="{url}")
before = set(threading.enumerate())
results = ep.submit_events(orders, mapping, client=client, {options})
"""
COUNTS = "print(results['status'].value_counts()[['accepted', 'already_submitted']].tolist())"

GOING_ON = """
stopped = sys.last_value
print(stopped.results["error_code"].fillna("accepted").value_counts().to_dict())
print(set(threading.enumerate()) - before)
rest = ep.submit_events(orders[stopped.results["status"] == "not_submitted"][:5], mapping, client=client)
print(rest["status"].tolist())
"""


class Kernel:
    """A kernel that runs cells one by one: each prints something, and some end with an error."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager = manager
        self._client = client
        # What is shown of the error that has ended the last cell.
        self.traceback: list[str] = []

    def begin(self, code: str) -> str:
        return self._client.execute(code)

    def end(self, cell: str) -> tuple[str, tuple[str | None, str | None]]:
        """Return a cell's output, and the error that ended it."""
        printed, until = [], time.monotonic() + TIMEOUT_SECONDS
        while True:
            message = self._client.get_iopub_msg(timeout=until - time.monotonic())
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(printed), self._error(cell)

    def run(self, code: str) -> tuple[str, tuple[str | None, str | None]]:
        return self.end(self.begin(code))

    def die(self) -> None:
        """Kill the kernel, as the system does when memory is short: it can save nothing."""
        self.manager.provisioner.process.kill()
        self.manager.provisioner.process.wait()

    def _error(self, cell: str) -> tuple[str | None, str | None]:
        until = time.monotonic() + TIMEOUT_SECONDS
        reply = self._client.get_shell_msg(timeout=TIMEOUT_SECONDS)
        # The test asks a slow kernel several times if it is there, and the kernel answers each question.
        while reply["parent_header"]["msg_id"] != cell:
            reply = self._client.get_shell_msg(timeout=until - time.monotonic())
        self.traceback = reply["content"].get("traceback", [])
        return reply["content"].get("ename"), reply["content"].get("evalue")


@pytest.fixture
def start_kernel() -> Iterator[Callable[[], Kernel]]:
    """Return a function that starts a kernel; each of them is stopped after the test."""
    started = []

    def start() -> Kernel:
        manager, client = start_new_kernel(kernel_name="python3")
        started.append((manager, client))
        return Kernel(manager, client)

    yield start
    for manager, client in started:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(start_kernel: Callable[[], Kernel]) -> Kernel:
    """A kernel of its own; it is stopped after the test."""
    return start_kernel()


def wait_for(sandbox: Sandbox, *, requests: int) -> None:
    until = time.monotonic() + TIMEOUT_SECONDS
    while sandbox.requests < requests:
        assert time.monotonic() < until, "the cell submits nothing"
        time.sleep(0.01)


def test_stop_button_returns_the_accepted_rows(kernel: Kernel) -> None:
    """The cell ends with `SubmissionInterrupted`, and the next cell has the results and can go on."""
    with Sandbox(limit=None, faults=Faults(latency_seconds=0.02)) as sandbox:
        cell = kernel.begin(SUBMIT.format(access_token=sandbox.access_token, url=sandbox.url, options="concurrency=4"))
        wait_for(sandbox, requests=40)
        kernel.manager.interrupt_kernel()
        _, (error, message) = kernel.end(cell)
        shown = kernel.traceback
        accepted = len(sandbox.events)
        printed, (later_error, _) = kernel.run(GOING_ON)

    assert error == "SubmissionInterrupted"
    assert message == (
        "the run was interrupted: to go on, submit all rows again; the journal skips the accepted ones, "
        "and without a journal Intercom ignores repeats"
    )
    broken = message.replace("skips the", "skips\n  the")
    assert shown == [
        f"SubmissionInterrupted: {broken}",
        "  line 8: results = ep.submit_events(orders, mapping, client=client, concurrency=4)",
        f"  {2_000 - accepted:,} not_submitted",
        f"  {accepted:>5} accepted",
        "the results so far: sys.last_value.results (2,000 rows)",
    ]
    assert printed.splitlines() == [
        str({"interrupted": 2_000 - accepted, "accepted": accepted}),
        "set()",
        str(["accepted"] * 5),
    ]
    assert later_error is None


def test_new_kernel_goes_on_where_the_killed_one_was(start_kernel: Callable[[], Kernel], tmp_path: Path) -> None:
    """After a kill -9 the same cell in a new kernel sends what is missing: Intercom has every event once."""
    with Sandbox(limit=None, faults=Faults(latency_seconds=0.02)) as sandbox:
        options = f"concurrency=16, journal={str(tmp_path / 'journal.sqlite')!r}"
        cell = SUBMIT.format(access_token=sandbox.access_token, url=sandbox.url, options=options)
        killed = start_kernel()
        killed.begin(cell)
        wait_for(sandbox, requests=400)
        killed.die()
        before = len(sandbox.events)

        printed, (error, _) = start_kernel().run(cell + COUNTS)
        contacts = collections.Counter(event.contact for event in sandbox.events)

    assert error is None
    accepted, already_submitted = map(int, printed.strip("[]\n").split(","))
    assert accepted + already_submitted == 2_000
    # The journal may lack the events that were in flight, or were just being written.
    assert before - 40 <= already_submitted <= before
    assert contacts == {f"{number:05d}": 1 for number in range(2_000)}


def test_wrong_mapping_is_shown_without_our_code(kernel: Kernel) -> None:
    """A wrong mapping shows its faults and the line of the cell, and no line of this package."""
    _, (error, _) = kernel.run(
        "import events_pandas as ep\n"
        "mapping = ep.EventMapping(event_name='x', created_at='day', user_id='who', timezone='Nowhere')\n"
    )

    assert error == "MappingError"
    assert len(kernel.traceback) == 2
    assert kernel.traceback[0].startswith("MappingError: timezone: ")
    assert kernel.traceback[1].startswith("  line 2: mapping = ep.EventMapping(")


@pytest.mark.parametrize(
    ("code", "package", "message"),
    [
        ("ep.plot_results(None)", "matplotlib", 'plots need an extra: pip install "events-pandas[plot]"'),
        ("ep.Sandbox()", "starlette", 'the sandbox needs an extra: pip install "events-pandas[sandbox]"'),
    ],
)
def test_missing_extra_is_shown_without_our_code(kernel: Kernel, code: str, package: str, message: str) -> None:
    """Without an optional package a cell shows what to install, and no line of this package."""
    _, (error, _) = kernel.run(f"import sys\nsys.modules[{package!r}] = None\nimport events_pandas as ep\n{code}")

    assert error == "MissingExtraError"
    assert kernel.traceback[:2] == [f"MissingExtraError: {message}", f"  line 4: {code}"]
    assert kernel.traceback[2].startswith(f"caused by ModuleNotFoundError: import of {package} halted")
    assert len(kernel.traceback) == 3
