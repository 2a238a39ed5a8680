"""The journal in memory: no thread, no waiting, the codec all the same.

Payloads and events go through bytes as in every other journal, so that what cannot be stored fails
here too. A fault is raised where a test asks for it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from perdure.domain.errors import JournalError, Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow, Scan, Submission
from perdure.domain.lease import Lease
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.infrastructure.entry import encoded
from perdure.infrastructure.errors import JournalClosed
from perdure.infrastructure.lease import FOREVER
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.news import News


class Faults(Protocol):
    """What a test lets happen to an append. Raising is how a fault is made."""

    def before_append(self, submissions: Sequence[Submission]) -> None:
        """What is raised here reaches the caller, and nothing is stored."""
        ...

    def after_append(self, submissions: Sequence[Submission]) -> None:
        """What is raised here reaches the caller, although everything is stored."""
        ...


class NoFaults:
    """The world as it should be."""

    def before_append(self, submissions: Sequence[Submission]) -> None:
        pass

    def after_append(self, submissions: Sequence[Submission]) -> None:
        pass


class MemoryJournal:
    """A journal on a log of its own, or on one that outlives it."""

    __slots__ = ("__weakref__", "_faults", "_news", "_read_only", "closed", "log")

    def __init__(
        self,
        log: Log | None = None,
        *,
        read_only: bool = False,
        faults: Faults | None = None,
    ) -> None:
        self.log = Log() if log is None else log
        self._faults: Faults = NoFaults() if faults is None else faults
        self._read_only = read_only
        self._news = News()
        self.log.owners.add(self._news)
        self.closed = False

    @property
    def lease(self) -> Lease:
        return FOREVER

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        self._check_writable()
        self._faults.before_append(submissions)
        answer, _ = self.log.append([encoded(each) for each in submissions])
        self._faults.after_append(submissions)
        return answer

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        self._check_open()
        return self.log.read(execution_ids)

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        self._check_open()
        return self.log.rows(execution_ids)

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        self._check_open()
        return self.log.page(scan)

    async def envelopes(self, after: int = 0, limit: int = OPEN_PAGE) -> list[Envelope]:
        self._check_open()
        with self.log.lock:
            return self.log.mailbox.after(after, limit)

    async def mail(self) -> None:
        self._check_open()
        await self._news.heard()

    async def forget(self, settled_before: int) -> int:
        self._check_writable()
        with self.log.lock:
            return self.log.mailbox.forget(settled_before)

    async def close(self) -> None:
        self.closed = True

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise JournalError("memory: opened read-only; nothing can be appended")

    def _check_open(self) -> None:
        if self.closed:
            raise JournalClosed("memory: the journal is closed; open it again")
