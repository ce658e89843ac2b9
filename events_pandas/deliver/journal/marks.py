"""What a journal keeps of an event."""

from typing import Final, NamedTuple

HALF_BYTES: Final = 8


class Elsewhere(NamedTuple):
    """Another run was answered 202 for an event, or one of its contact, name and second, while this run went on.

    Parameters
    ----------
    is_same : bool
        Whether its event holds the same.
    """

    is_same: bool


class Mark(NamedTuple):
    """What a journal keeps of an event that is to be sent.

    Parameters
    ----------
    key : bytes
        The digest of contact, name and the row's own second, as `Journal.digests` makes it.
    sent_key : bytes or None
        The digest with the second that is sent; None where that is the row's own.
    payload : int
        A digest of the metadata, an int64.
    second : int
        The ``created_at`` that is sent, in Unix seconds.
    is_claimed : bool, default False
        Whether this run has claimed it, and gives it back where the event did not arrive; not kept in the journal.
    """

    key: bytes
    sent_key: bytes | None
    payload: int
    second: int
    is_claimed: bool = False

    @property
    def sent_half(self) -> bytes | None:
        """The beginning of `sent_key`, by which an event is found that was moved."""
        return None if self.sent_key is None else self.sent_key[:HALF_BYTES]
