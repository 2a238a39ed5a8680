"""A journal that hands everything on to another one: what tests lay faults over."""

from collections.abc import Mapping, Sequence

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow, Journal, Scan, Submission
from perdure.domain.lease import Lease
from perdure.domain.mailbox import OPEN_PAGE, Envelope


class WrappedJournal:
    """Implements the port of journals by another implementation of it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @property
    def lease(self) -> Lease:
        return self._journal.lease

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        return await self._journal.append(submissions)

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        return await self._journal.read(execution_ids)

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        return await self._journal.rows(execution_ids)

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        return await self._journal.scan(scan)

    async def envelopes(self, after: int = 0, limit: int = OPEN_PAGE) -> list[Envelope]:
        return await self._journal.envelopes(after, limit)

    async def mail(self) -> None:
        await self._journal.mail()

    async def forget(self, settled_before: int) -> int:
        return await self._journal.forget(settled_before)

    async def close(self) -> None:
        await self._journal.close()
