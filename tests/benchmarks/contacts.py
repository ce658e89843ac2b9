"""The cost of checking contacts: requests, processor time and memory for 100,000 distinct contacts that all exist.

The client answers at once, with contacts as large as Intercom's, so that only this package's own work is measured. The
memory is that of the results, and the growth of the most that the process took, also while it finds the contacts, for
each of 300,000 further contacts. What the answers under way take is printed beside it: it does not grow with contacts.
"""

import json
import resource
import time

import pandas as pd

import events_pandas as ep
from events_pandas import intercom
from events_pandas.deliver import Answer

CONTACTS = 100_000
MORE_CONTACTS = 400_000
MOST_REQUESTS = 2_000
MOST_BYTES = 100
FIELDS = {
    "type": "contact",
    "role": "user",
    "name": "Ada Lovelace",
    "custom_attributes": {f"attribute_{number}": "a value of some length" for number in range(40)},
}
FAST = {intercom.LIMIT_HEADER: "1000000", intercom.REMAINING_HEADER: "999999", intercom.RESET_HEADER: "1700000010"}
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


def most_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Check the contacts of a small frame, then of larger ones, and print what that took."""
    mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    orders = pd.DataFrame({"who": [f"{row:08d}" for row in range(MORE_CONTACTS)], "day": "2024-01-31"})
    client = Everybody()

    def check(contacts: int) -> pd.DataFrame:
        return ep.check_contacts(orders.head(contacts), mapping, client=client, progress=False)

    check(10_000)
    bytes_before, searches_before = most_bytes(), client.searches
    began_at, processor_before = time.perf_counter(), time.process_time()
    contacts = check(CONTACTS)
    seconds, processor_seconds = time.perf_counter() - began_at, time.process_time() - processor_before
    requests, bytes_between = client.searches - searches_before, most_bytes()
    assert contacts["status"].eq("known").all()
    print(f"contacts: {CONTACTS:,} in {requests:,} searches (asked: about {MOST_REQUESTS:,})")
    print(f"  {seconds:.1f} s, {processor_seconds:.1f} s of processor time with the answers' making and reading")
    held = contacts.memory_usage(deep=True).sum() / CONTACTS
    del contacts
    assert check(MORE_CONTACTS)["status"].eq("known").all()
    grown = (most_bytes() - bytes_between) / (MORE_CONTACTS - CONTACTS)
    print(
        f"  memory: {held:.0f} bytes a contact are held, {grown:.0f} taken at most (asked: at most {MOST_BYTES});",
        end=" ",
    )
    print(f"{(bytes_between - bytes_before) / 1e6:.0f} MB in all for {CONTACTS:,}, with the answers under way")


if __name__ == "__main__":
    main()
