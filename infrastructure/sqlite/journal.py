"""The journal in a SQLite file: a thread that writes, a thread that reads, one engine a file.

What is appended is encoded and committed in the writer's thread, and durable when `append` returns.
Readers see what was committed and block nobody. Tables are schema's matter, SQL is log's.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from perdure.domain.errors import JournalError
from perdure.domain.journal import IndexRow, Scan, Submission
from perdure.domain.lease import Lease
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.infrastructure.entry import encoded_all
from perdure.infrastructure.lease import FOREVER
from perdure.infrastructure.sealed_texts import opened_envelopes, opened_rows
from perdure.infrastructure.sealing import PLAIN, Sealer
from perdure.infrastructure.sqlite import log, mailbox, schema
from perdure.infrastructure.sqlite.connection import (
    Synchronous,
    connect_reader,
    connect_visitor,
    connect_writer,
)
from perdure.infrastructure.sqlite.lock import EngineLock
from perdure.infrastructure.sqlite.reading import Reading
from perdure.infrastructure.sqlite.translation import translated
from perdure.infrastructure.sqlite.watch import LOOK_SECONDS, Watch
from perdure.infrastructure.thread import ConnectionThread

T = TypeVar("T")


class SQLiteJournal(Reading):
    """Made by `open`, which takes the engine's lock unless it is read-only."""

    __slots__ = ("_watch", "_writer")

    def __init__(
        self,
        path: Path,
        reader: ConnectionThread[sqlite3.Connection],
        writer: ConnectionThread[sqlite3.Connection] | None,
        sealer: Sealer,
    ) -> None:
        super().__init__(path, reader, sealer)
        self._writer = writer
        self._watch = Watch()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        synchronous: Synchronous = "full",
        sealer: Sealer = PLAIN,
    ) -> "SQLiteJournal":
        """Opens the journal, and makes it if there is no file yet and it is not read-only.

        With `synchronous="normal"` the last commits may be lost with the machine's power, never
        with the process; what is there stays whole.
        """
        path = path.resolve()  # noqa: ASYNC240 (short; by any other name the lock is the same)
        exists = schema.check_header(path)
        if read_only and not exists:
            raise schema.nothing_there(path)
        reader: ConnectionThread[sqlite3.Connection] = ConnectionThread(f"{path} (reader)")
        writer: ConnectionThread[sqlite3.Connection] = ConnectionThread(f"{path} (writer)")
        if read_only:
            await reader.start(lambda: connect_visitor(path))
            return cls(path, reader, None, sealer)
        # The lock is let go by the end of the thread that writes, however the journal is left.
        writer.ended.add_done_callback(letting_go_of(EngineLock(path)))
        await writer.start(lambda: connect_writer(path, synchronous, seals=sealer.seals))
        try:
            await reader.start(lambda: connect_reader(path))
        except BaseException:
            await writer.close()
            raise
        return cls(path, reader, writer, sealer)

    @property
    def lease(self) -> Lease:
        return FOREVER

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        watch = self._watch

        def job(connection: sqlite3.Connection) -> list[bool]:
            entries = encoded_all(submissions, self._sealer)
            watch.give_way()
            answer = log.append(connection, entries)
            watch.flushed(connection)
            return answer

        return await self._write(job)

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        found = await self._read(lambda connection: log.select_page(connection, scan))
        return opened_rows(found, self._sealer)

    async def envelopes(self, after: int = 0, limit: int = OPEN_PAGE) -> list[Envelope]:
        found = await self._read(lambda it: mailbox.select_open(it, after, limit))
        return opened_envelopes(found, self._sealer)

    async def mail(self) -> None:
        while True:
            if self._watch.is_due:
                await self._write(self._watch.look)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    return await self._watch.news.heard()

    async def forget(self, settled_before: int) -> int:
        return await self._write(lambda it: mailbox.delete_settled(it, settled_before))

    async def close(self) -> None:
        with translated(self.path, "closing"):
            try:
                await self._reader.close()
            finally:
                if self._writer is not None:  # as the last one it leaves a file without a WAL
                    await self._writer.close()

    async def _write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise JournalError(f"{self.path}: opened read-only; nothing can be appended")

        def translated_job(connection: sqlite3.Connection) -> T:
            with translated(self.path, "appending"):
                return job(connection)

        return await self._writer.run(translated_job)


def letting_go_of(lock: EngineLock) -> Callable[["Future[None]"], None]:
    return lambda _: lock.release()
