"""The journal in a PostgreSQL database: fenced appends, one call a flush, one engine a schema.

What is appended is encoded and committed in the writer's thread, and durable when `append` returns.
A lost connection comes back, and what became of the last flush is read back before anything else.
Tables are schema's matter, SQL is log's, who owns the shards is ownership's.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import psycopg

from perdure.domain.clock import Clock
from perdure.domain.errors import JournalError, LostLease
from perdure.domain.journal import IndexRow, Scan, Submission
from perdure.domain.lease import Lease
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.infrastructure.entry import Entry, encoded, encoded_all
from perdure.infrastructure.lease import FOREVER
from perdure.infrastructure.news import News
from perdure.infrastructure.postgres import lease, log, mailbox, schema
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.ear import CONNECTED, Ear
from perdure.infrastructure.postgres.hints import Hints
from perdure.infrastructure.postgres.link import Link
from perdure.infrastructure.postgres.ownership import Ownership
from perdure.infrastructure.postgres.reading import Reading
from perdure.infrastructure.postgres.tenure import Tenure
from perdure.infrastructure.postgres.translation import translated
from perdure.infrastructure.sealed_texts import opened_envelopes, opened_rows
from perdure.infrastructure.sealing import PLAIN, Sealer
from perdure.infrastructure.thread import ConnectionThread

T = TypeVar("T")

LOOK_SECONDS = 5.0  # at the mailbox, without a hint
LATE_SECONDS = 10.0  # an envelope may come to light after one with a later arrival


class PostgresJournal(Reading):
    """Made by `open`, which waits for the shards unless it is read-only."""

    __slots__ = ("_doubt", "_ear", "_given", "_hints", "_marks", "_news", "_ownership", "_writer")

    def __init__(
        self,
        database: Database,
        reader: ConnectionThread[Link],
        writer: ConnectionThread[Link] | None,
        ownership: Ownership | None,
        sealer: Sealer,
    ) -> None:
        super().__init__(database, reader, sealer)
        self._writer = writer
        self._ownership = ownership
        self._doubt: tuple[Tenure, list[Entry]] | None = None  # a flush nobody acknowledged
        self._news = News()
        self._hints = Hints(database)
        self._ear = (
            None
            if writer is None
            else Ear(database, ("mail",), partial(heard, self._hints, self._news), call="call")
        )
        self._given: set[int] = set()  # arrivals that were handed out lately
        self._marks: deque[tuple[float, int]] = deque()  # when the mailbox was read up to where

    @classmethod
    async def open(
        cls,
        database: Database,
        *,
        read_only: bool = False,
        lease_seconds: float = 15.0,
        sealer: Sealer = PLAIN,
    ) -> "PostgresJournal":
        """Opens the journal, and makes it if there is none yet and it is not read-only."""
        where = database.shown
        reader: ConnectionThread[Link] = ConnectionThread(f"{where} (reader)")
        with translated(where, "opening"):
            if read_only:
                check = lambda it: schema.check(it, where, database.schema)  # noqa: E731
                await reader.start(lambda: Link(database, "reader", check).opened())
                return cls(database, reader, None, None, sealer)
            ownership = await Ownership.open(database, lease_seconds, seals=sealer.seals)
        try:
            with translated(where, "opening"):
                await reader.start(lambda: Link(database, "reader").connected())
            writer: ConnectionThread[Link] = ConnectionThread(f"{where} (writer)")
            await writer.start(lambda: Link(database.with_patience(lease_seconds), "writer"))
        except BaseException:
            await ownership.close()
            await reader.close()
            raise
        return cls(database, reader, writer, ownership, sealer)

    @property
    def lease(self) -> Lease:
        return FOREVER if self._ownership is None else self._ownership

    @property
    def clock(self) -> Clock | None:
        """The database's time, as far as it is known."""
        return None if self._ownership is None else self._ownership.clock

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        ownership = self._owned()

        def job(link: Link) -> list[bool]:
            entries = encoded_all(submissions, self._sealer)
            with translated(self.where, "appending"):
                answer = self._read_back(link, submissions)
                if answer is None:
                    answer = self._append(link, ownership.tenure(), submissions, entries)
            if any(entry.index is not None or entry.settles for entry in entries):
                self._hints.changed()
            return answer

        try:
            return await self._write(job)
        except LostLease:
            ownership.lost()
            raise

    def _append(
        self,
        link: Link,
        tenure: Tenure,
        submissions: Sequence[Submission],
        entries: Sequence[Entry],
    ) -> list[bool]:
        connection = link.connection()
        try:
            return log.append(connection, self._statements, tenure, entries)
        except psycopg.Error as error:
            if link.is_lost(error):
                link.close()
                self._doubt = tenure, in_clear(submissions)
            raise

    def _read_back(self, link: Link, submissions: Sequence[Submission]) -> list[bool] | None:
        """The answer, if these are what nobody acknowledged, and it was stored.

        The committer tries the same again and nothing else before. The server may be at work on
        it still, or get it only now: it is settled first that it comes no more.
        """
        if self._doubt is None:
            return None
        tenure, doubted = self._doubt
        connection = link.connection()
        lease.change_writer(connection, self._statements, tenure)
        answer = log.read_back(connection, self._statements, tenure, doubted)
        self._doubt = None
        return answer if doubted == in_clear(submissions) else None

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        found = await self._read(lambda it: log.select_page(it, self._statements, scan))
        return opened_rows(found, self._sealer)

    async def envelopes(self, after: int = 0, limit: int = OPEN_PAGE) -> list[Envelope]:
        """As the port has it; one that came to light after later ones is handed out too."""
        low = self._low(after)
        found: list[Envelope] = []
        while len(found) < limit:
            page = await self._read(partial(self._open, low, limit))
            found += [
                each for each in page if each.arrival > after or each.arrival not in self._given
            ]
            if len(page) < limit:
                break
            low = page[-1].arrival
        found = found[:limit]
        self._given.update(each.arrival for each in found)
        if found:  # whoever has posted may wait, and may have been heard by nobody yet
            self._hints.visited()
        return found

    def _open(self, after: int, limit: int, connection: Connection) -> list[Envelope]:
        found = mailbox.select_open(connection, self._statements, after, limit)
        return opened_envelopes(found, self._sealer)

    def _low(self, after: int) -> int:
        """From where on to look: what was read up to a while ago holds no surprise any more."""
        now = asyncio.get_running_loop().time()
        if after == 0:
            self._given.clear()
            self._marks.clear()
        self._marks.append((now, after))
        while len(self._marks) > 1 and self._marks[1][0] < now - LATE_SECONDS:
            self._marks.popleft()
        if self._marks[0][0] >= now - LATE_SECONDS:
            return 0 if after == 0 else min(after, self._marks[0][1])
        low = self._marks[0][1]
        self._given = {arrival for arrival in self._given if arrival > low}
        return min(after, low)

    async def mail(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.heard()

    async def forget(self, settled_before: int) -> int:
        def job(link: Link) -> int:
            with translated(self.where, "forgetting"):
                return mailbox.delete_settled(link.connection(), self._statements, settled_before)

        return await self._write(job)

    async def close(self) -> None:
        if self._ear is not None:
            self._ear.close()
        self._hints.close()
        try:
            await self._reader.close()
        finally:
            try:
                if self._writer is not None:
                    await self._writer.close()
            finally:
                if self._ownership is not None:
                    await self._ownership.close()

    def __del__(self) -> None:
        if self._ownership is not None:
            self._ownership.abandon()

    def _owned(self) -> Ownership:
        if self._ownership is None:
            raise JournalError(f"{self.where}: opened read-only; nothing can be appended")
        return self._ownership

    async def _write(self, job: Callable[[Link], T]) -> T:
        self._owned()
        assert self._writer is not None
        return await self._writer.run(job)


def in_clear(submissions: Sequence[Submission]) -> list[Entry]:
    """By which a flush is known again: what is encrypted differs each time."""
    return [encoded(each) for each in submissions]


def heard(hints: Hints, news: News, kind: str) -> None:
    """Somebody has posted, or waits. Apart from the journal, which can be abandoned."""
    if kind != CONNECTED:  # those who wait answer the call
        hints.visited()
    news.tell()
