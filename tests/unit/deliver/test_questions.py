"""Questions that an engine sends: what is kept of their answers."""

import json

from events_pandas.deliver import Answer
from events_pandas.deliver.questions import AskingClient


def test_reply_keeps_what_was_read_and_not_the_page(fake_client):
    """A page of contacts may have megabytes, and many replies wait until they are taken."""
    page = Answer(status=200, headers={}, body=json.dumps({"data": ["a contact"]}).encode())
    asking = AskingClient(
        fake_client({}),
        send=lambda _: page,
        read=lambda _, attempt: attempt.content["data"],
        is_repeatable=lambda _: True,
    )

    asking.post_event(b"7")

    reply = asking.replies[7]
    assert (reply.read, reply.attempt.status, reply.attempt.content) == (["a contact"], 200, {})
