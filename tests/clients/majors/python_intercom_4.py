"""The requests of python-intercom 4 and 5: the token is a bearer; both are generated from Intercom's description."""

import os
import time

import intercom
from intercom.core.api_error import ApiError

client = intercom.Intercom(base_url=os.environ["SANDBOX_URL"], token=os.environ["SANDBOX_TOKEN"])
now = int(time.time())


def create(user_id):
    event = {"user_id": user_id, "event_name": "placed-order", "created_at": now}
    client.events.create(request=intercom.CreateDataEventRequestWithUserId(**event))


def refusal_of(call, *arguments):
    """Return status and code of the client's error."""
    try:
        call(*arguments)
    except ApiError as error:
        body = error.body if isinstance(error.body, dict) else error.body.dict()
        return error.status_code, body["errors"][0]["code"]
    raise AssertionError("nothing was raised")


assert client.admins.identify().app.id_code.startswith("sandbox_")
print("authenticate")

create("somebody")
print("create an event")

assert refusal_of(create, "nobody") == (404, "not_found")
print("miss a contact")

listed = client.events.list(type="user", user_id="somebody")
assert (listed.type, [event.created_at for event in listed.events]) == ("event.list", [now])
print("list events")

summary = client.events.list(type="user", user_id="somebody", summary=True)
assert (summary.type, [event.count for event in summary.events]) == ("event.summary", [1])
print("sum events up")

made = client.contacts.create(
    request=intercom.CreateContactRequestWithExternalId(external_id="made", email="made@example.com")
)
print("create a contact")

assert client.contacts.find(made.id).external_id == "made"
print("find a contact by id")

if hasattr(client.contacts, "show_contact_by_external_id"):
    assert client.contacts.show_contact_by_external_id("made").id == made.id
    print("find a contact by external id")

assert client.contacts.update(made.id, name="Ada").name == "Ada"
assert client.contacts.find(made.id).name == "Ada"
print("update a contact")

query = intercom.SingleFilterSearchRequest(field="external_id", operator="=", value="made")
assert [contact.id for contact in client.contacts.search(query=query)] == [made.id]
print("search contacts")

assert {"made", "somebody"} <= {contact.external_id for contact in client.contacts.list(per_page=1)}
print("list contacts")

lead = client.contacts.create(request=intercom.CreateContactRequestWithRole(role="lead"))
assert client.contacts.merge_lead_in_user(lead_id=lead.id, contact_id=made.id).id == made.id
assert refusal_of(client.contacts.find, lead.id) == (410, "contact_merged")
print("merge a contact")
