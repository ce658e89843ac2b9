"""The cost of checking contacts: requests, processor time and memory for 100,000 distinct contacts that all exist.

The client answers at once, with contacts as large as Intercom's, so that only this package's own work is measured. The
memory is that of the results, and the growth of the most that the process took, also while it finds the contacts, for
each of 300,000 further contacts: once if all are asked for, once if a check before has answered for all. What is under
way is in the number of megabytes beside it: it does not grow with contacts. The same growth is measured for the check
of a run with `contacts="check"`, without what the run itself keeps of its rows.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

import events_pandas as ep
from events_pandas import intercom
from events_pandas.check import check_rows, chunk_bounds
from events_pandas.convert import Converter
from events_pandas.deliver import Answer
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.free_memory import give_back_memory
from events_pandas.mapping import bind
from events_pandas.results import RowOutcomes
from events_pandas.run.asking import Asking
from events_pandas.run.contact_gate import ContactGate
from events_pandas.run.desk import Desk
from events_pandas.run.frames import OpenFrame
from events_pandas.run.options import run_options

CONTACTS = 100_000
MORE_CONTACTS = 400_000
CHUNK = 10_000
MOST_REQUESTS = 2_000
MOST_BYTES = 100
FIELDS = {
    "type": "contact",
    "role": "user",
    "name": "Ada Lovelace",
    "custom_attributes": {f"attribute_{number}": "a value of some length" for number in range(40)},
}
FAST = {intercom.LIMIT_HEADER: "10000", intercom.REMAINING_HEADER: "1600", intercom.RESET_HEADER: "1700000010"}
WORKSPACE = {"type": "admin", "app": {"type": "app", "id_code": "ab12cd34", "name": "Acme", "region": "US"}}


class Everybody:
    """A client of a workspace that has every contact."""

    def __init__(self) -> None:
        self.searches = 0

    def post_event(self, _: bytes) -> Answer:
        raise AssertionError("an event was sent")

    def me(self) -> Answer:
        return Answer(status=200, headers=FAST, body=json.dumps(WORKSPACE).encode())

    def search_contacts(self, query: bytes) -> Answer:
        self.searches += 1
        asked = json.loads(query)["query"]
        found = [{**FIELDS, "id": f"5f{text}", asked["field"]: text} for text in asked["value"]]
        page = {"type": "list", "data": found, "total_count": len(found)}
        return Answer(status=200, headers=FAST, body=json.dumps(page).encode())


def opened(frame: pd.DataFrame, mapping: ep.EventMapping) -> OpenFrame:
    """Return a frame as a run has it before it asks for the contacts."""
    converter = Converter(bind(frame, mapping))
    checked = check_rows(converter, len(frame), now=time.time())
    return OpenFrame(
        converter=converter,
        checked=checked,
        row_outcomes=RowOutcomes(checked, frame.index),
        chunks=list(chunk_bounds(len(frame), CHUNK)),
    )


def ask_in_a_run(frame: OpenFrame, client: Everybody) -> None:
    """Ask for the contacts of a frame as a run with ``contacts="check"`` does."""
    options, desk = run_options({"client": client, "progress": False}), Desk()
    gate = ContactGate(asking=Asking(client=client, options=options, desk=desk, pacer=Pacer(options.rate_share)))
    assert desk.run(lambda: gate.unknown(frame), first=lambda: True) == {}


def taken_bytes(work: Callable[[], object]) -> int:
    """Return the most memory that some work takes beside what the process had before."""
    give_back_memory()
    # From now on Linux counts the most memory anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_bytes("VmRSS")
    work()
    return _status_bytes("VmHWM") - before


def _status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main() -> None:
    """Check the contacts of a small frame, then of larger ones, and print what that took."""
    mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    orders = pd.DataFrame({"who": [f"{row:08d}" for row in range(MORE_CONTACTS)], "day": "2024-01-31"})
    client = Everybody()

    def check(contacts: int, *, known: pd.DataFrame | None = None) -> pd.DataFrame:
        return ep.check_contacts(orders.head(contacts), mapping, client=client, known=known, progress=False)

    check(10_000)
    searches_before = client.searches
    began_at, processor_before = time.perf_counter(), time.process_time()
    contacts = check(CONTACTS)
    seconds, processor_seconds = time.perf_counter() - began_at, time.process_time() - processor_before
    assert contacts["status"].eq("known").all()
    requests = client.searches - searches_before
    print(f"contacts: {CONTACTS:,} in {requests:,} searches (asked: about {MOST_REQUESTS:,})")
    print(f"  {seconds:.1f} s, {processor_seconds:.1f} s of processor time with the answers' making and reading")
    held = contacts.memory_usage(deep=True).sum() / CONTACTS
    print(f"  memory: {held:.0f} bytes a contact are held")
    known = {len(contacts): contacts, MORE_CONTACTS: check(MORE_CONTACTS)}
    frames = {count: opened(orders.head(count), mapping) for count in (CONTACTS, MORE_CONTACTS)}
    is_over = [
        _print_growth("asked", check),
        _print_growth("all known", lambda contacts: check(contacts, known=known[contacts])),
        _print_growth("asked in a run", lambda contacts: ask_in_a_run(frames[contacts], client)),
    ]
    if any(is_over):
        sys.exit("contacts: over the limit")


def _print_growth(words: str, check: Callable[[int], object]) -> bool:
    """Print what a check takes, and for each further contact. Return whether that is too much."""
    few, many = (taken_bytes(partial(check, contacts)) for contacts in (CONTACTS, MORE_CONTACTS))
    grown = (many - few) / (MORE_CONTACTS - CONTACTS)
    print(f"  {words}: {grown:.0f} bytes at most for each further contact (asked: at most {MOST_BYTES});", end=" ")
    print(f"{few / 1e6:.0f} MB in all for {CONTACTS:,}, {many / 1e6:.0f} MB for {MORE_CONTACTS:,}")
    return grown > MOST_BYTES


if __name__ == "__main__":
    main()
