"""Other requests than events, sent by an engine: what it sends, and what is read of the answers."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Generic, TypeVar

from events_pandas.deliver.client import IntercomClient
from events_pandas.deliver.client.answers import Answer, Attempt, TransportError, read_attempt

Read = TypeVar("Read")


class AskingClient(Generic[Read]):
    """Sends a question where an engine sends an event: the payload of the event is the question's number.

    `send` sends the question with a number. `read` returns what an answer says, or None if it does not answer the
    question: then the engine judges it like an answer to an event.
    """

    def __init__(
        self, client: IntercomClient, *, send: Callable[[int], Answer], read: Callable[[Attempt], Read | None]
    ) -> None:
        # By the number of the question: what was read, or what came instead. Whoever takes an answer removes it.
        self.answers: dict[int, Read] = {}
        self.refusals: dict[int, str] = {}
        self._client = client
        self._send = send
        self._read = read

    def me(self) -> Answer:
        """Ask whose token this is."""
        return self._client.me()

    def post_event(self, payload: bytes) -> Answer:
        """Send a question."""
        number = int(payload)
        try:
            answer = self._send(number)
        except TransportError as error:
            self.refusals[number] = str(error)
            raise
        attempt = read_attempt(answer, sent_at=0.0, received_at=0.0)
        read = self._read(attempt)
        if read is None:
            self.refusals[number] = attempt.said
            return answer
        self.answers[number] = read
        # For an engine only 202 is an end without a fault.
        return replace(answer, status=HTTPStatus.ACCEPTED, body=b"")
