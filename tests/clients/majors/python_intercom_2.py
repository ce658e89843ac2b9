"""The requests of python-intercom 2: HTTP Basic with two names of older keys, a slash at the end of addresses."""

import os
import time
from urllib.parse import urlsplit

from intercom import Admin, Event, Intercom, ResourceNotFound, User

Intercom.protocol = "http"
Intercom.hostname = urlsplit(os.environ["SANDBOX_URL"]).netloc
Intercom.app_id, Intercom.app_api_key = os.environ["SANDBOX_TOKEN"], ""
now = int(time.time())


def is_missed(call, **arguments):
    """Return whether the client reports a missing resource, without any other facts."""
    try:
        call(**arguments)
    except ResourceNotFound:
        return True
    return False


assert [admin.name for admin in Admin.all()] == ["Sandbox Admin"]
print("authenticate")

assert not is_missed(Event.create, user_id="somebody", event_name="placed-order", created_at=now)
print("create an event")

assert is_missed(Event.create, user_id="nobody", event_name="placed-order", created_at=now)
print("miss a contact")

assert is_missed(User.find, user_id="somebody")
print("miss the users of API 1.x")
