"""The port of those who do not own a journal: post envelopes, read replies and what is recorded.

It takes no engine's lock, and appends nothing. The owner's side is perdure.domain.journal.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow
from perdure.domain.mailbox import Envelope


class PostOffice(Protocol):
    """A journal as a client has it, whether an engine runs on it or not."""

    async def post(self, envelopes: Sequence[Envelope]) -> None:
        """Stores all of them in one transaction; durable when it returns.

        An id that is there already stays as it is. Raises JournalUnavailable: nothing is stored, or
        perhaps all of it; post the same again.
        """
        ...

    async def post_within(self, transaction: object, envelope: Envelope) -> None:
        """Stores it in a transaction of the caller's, by the caller's connection.

        Raises ForeignTransaction, and what the library of the connection raises.
        """
        ...

    async def replies(self, envelopes: Sequence[Envelope]) -> Mapping[str, bytes]:
        """The replies to these by envelope id; open and unknown ones are absent."""
        ...

    async def waiting(self, execution_id: str) -> Sequence[Envelope]:
        """Open envelopes for this execution, in the order of their coming."""
        ...

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        """The whole streams of these; ids without events are absent."""
        ...

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        """The index rows of these; ids without one are absent."""
        ...

    async def changed(self) -> None:
        """Returns when somebody may have written since it last did. For one caller at a time."""
        ...

    async def close(self) -> None:
        """Lets go of threads and files. What was posted stays; idempotent."""
        ...
