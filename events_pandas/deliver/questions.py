"""Other requests than events, sent by an engine: what it sends, and what is read of the answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, Generic, TypeVar

from events_pandas.deliver.client import IntercomClient
from events_pandas.deliver.client.answers import Answer, Attempt, AttemptKind, TransportError, read_attempt
from events_pandas.deliver.decide import STOP_CODES

Read = TypeVar("Read")

# For an engine only 202 is an end without a fault.
_DONE: Final = Answer(status=HTTPStatus.ACCEPTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionReply(Generic[Read]):
    """What has come back for a question that was sent."""

    # What the answer says; None if it does not answer the question.
    read: Read | None = None
    # The last attempt; None while it is under way.
    attempt: Attempt | None = None

    @property
    def said(self) -> str:
        """What came back, in one line."""
        return "" if self.attempt is None else self.attempt.said

    @property
    def is_final(self) -> bool:
        """Whether Intercom has answered, and would answer the same again."""
        attempt = self.attempt
        return attempt is not None and not attempt.kind.passes and attempt.status not in STOP_CODES

    @property
    def is_refusal(self) -> bool:
        """Whether Intercom has refused what the question asks for: neither the token nor the address is its fault."""
        attempt = self.attempt
        if attempt is None or attempt.kind is not AttemptKind.FINAL or attempt.is_wrong_address:
            return False
        return attempt.status not in STOP_CODES and (attempt.status or 0) >= HTTPStatus.BAD_REQUEST

    @property
    def may_have_arrived(self) -> bool:
        """Whether Intercom may have done what the question asks for, although no answer says so."""
        if self.read is not None:
            return False
        attempt = self.attempt
        return attempt is None or attempt.doubt is not None or (attempt.status or 0) // 100 == HTTPStatus.OK // 100


class AskingClient(Generic[Read]):
    """Sends a question where an engine sends an event: the payload of the event is the question's number.

    `send` sends the question with a number, and `read` returns what an answer to it says, or None if it does not answer
    the question. A question that is not `is_repeatable` is not sent again once it may have arrived.
    """

    def __init__(
        self,
        client: IntercomClient,
        *,
        send: Callable[[int], Answer],
        read: Callable[[int, Attempt], Read | None],
        is_repeatable: Callable[[int], bool],
    ) -> None:
        # By the number of the question. Whoever takes a reply removes it.
        self.replies: dict[int, QuestionReply[Read]] = {}
        # The questions whose last attempt, which the engine counts, was not sent.
        self.spared: set[int] = set()
        self._client = client
        self._send = send
        self._read = read
        self._is_repeatable = is_repeatable

    def me(self) -> Answer:
        """Ask whose token this is."""
        return self._client.me()

    def post_event(self, payload: bytes) -> Answer:
        """Send a question."""
        number = int(payload)
        earlier = self.replies.get(number)
        if earlier is not None and earlier.may_have_arrived and not self._is_repeatable(number):
            # The engine has learned of the failure, and tries again: that would do it twice.
            self.spared.add(number)
            return _DONE
        self.replies[number] = QuestionReply()
        try:
            answer = self._send(number)
        except TransportError as error:
            self.replies[number] = QuestionReply(attempt=read_attempt(error, sent_at=0.0, received_at=0.0))
            raise
        attempt = read_attempt(answer, sent_at=0.0, received_at=0.0)
        # A page of contacts may have megabytes, and many replies may wait to be taken.
        self.replies[number] = QuestionReply(read=self._read(number, attempt), attempt=replace(attempt, content={}))
        if attempt.kind.passes or attempt.status in STOP_CODES:
            return answer
        # Nothing follows for other questions: an engine would take the 404 for one odd contact for a wrong address.
        return Answer(status=_DONE.status, headers=answer.headers)
