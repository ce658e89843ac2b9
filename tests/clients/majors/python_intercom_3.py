"""The requests of python-intercom 3: HTTP Basic, a slash at the end of addresses, users and leads of API 1.x."""

import os
import time

from intercom.client import Client
from intercom.errors import ResourceNotFound, UnexpectedError

client = Client(personal_access_token=os.environ["SANDBOX_TOKEN"])
client.base_url = os.environ["SANDBOX_URL"]
now = int(time.time())


def create(user_id):
    client.events.create(user_id=user_id, event_name="placed-order", created_at=now, metadata={"source": "desktop"})


def refusal_of(call, **arguments):
    """Return class and message of the client's error."""
    try:
        call(**arguments)
    except (ResourceNotFound, UnexpectedError) as error:
        return type(error), error.context["http_code"], error.context["application_error_code"]
    raise AssertionError("nothing was raised")


assert [admin.name for admin in client.admins.all()] == ["Sandbox Admin"]
print("authenticate")

create("somebody")
print("create an event")

assert refusal_of(create, user_id="nobody") == (ResourceNotFound, 404, "not_found")
print("miss a contact")

(event,) = client.events.find_all(type="user", user_id="somebody")
assert (event.event_name, event.metadata) == ("placed-order", {"source": "desktop"})
print("list events")

summary = client.events.find_all(type="user", user_id="somebody", summary="true")
assert [event.count for event in summary] == [1]
print("sum events up")

# Leads in this version have the address of today's contacts.
made = client.leads.create(email="made@example.com")
print("create a contact")

assert client.leads.find(id=made.id).email == "made@example.com"
print("find a contact by id")

lead = client.leads.find(id=made.id)
lead.name = "Ada"
client.leads.save(lead)
assert client.leads.find(id=made.id).name == "Ada"
print("update a contact")

assert refusal_of(client.users.find, user_id="made") == (UnexpectedError, 404, "resource_not_found")
assert refusal_of(client.users.create, user_id="made") == (UnexpectedError, 404, "resource_not_found")
print("miss the users of API 1.x")
