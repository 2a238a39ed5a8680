"""A journal's file as clients have it: a thread that posts, a thread that reads, no engine's lock.

An engine may run on the file, now or later, in this process or another.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from perdure.domain.mailbox import Envelope
from perdure.infrastructure.news import resolve
from perdure.infrastructure.sealed_texts import (
    opened_envelopes,
    opened_replies,
    sealed_envelopes,
)
from perdure.infrastructure.sealing import PLAIN, Sealer
from perdure.infrastructure.sqlite import mailbox, schema
from perdure.infrastructure.sqlite.connection import (
    Synchronous,
    begin,
    connect_reader,
    connect_sender,
)
from perdure.infrastructure.sqlite.reading import Reading
from perdure.infrastructure.sqlite.translation import translated
from perdure.infrastructure.sqlite.watch import LOOK_SECONDS, data_version
from perdure.infrastructure.thread import ConnectionThread
from perdure.infrastructure.within import POST, Dialect, check_posted, execute_within, values_of

T = TypeVar("T")


def commits_by_itself(driver: Any) -> bool:
    """Of a connection of sqlite3, or of what SQLAlchemy puts over an async one."""
    without = driver.isolation_level is None or getattr(driver, "autocommit", None) is True
    return without and not getattr(driver, "in_transaction", False)


DIALECT = Dialect("sqlite", commits_by_itself)


class SQLitePostOffice(Reading):
    """Made by `open`."""

    __slots__ = ("_journal_id", "_sender", "_version")

    def __init__(
        self,
        path: Path,
        reader: ConnectionThread[sqlite3.Connection],
        sender: ConnectionThread[sqlite3.Connection],
        sealer: Sealer,
    ) -> None:
        super().__init__(path, reader, sealer)
        self._sender = sender
        self._version: int | None = None
        self._journal_id: str | None = None

    @classmethod
    async def open(
        cls, path: Path, *, synchronous: Synchronous = "full", sealer: Sealer = PLAIN
    ) -> "SQLitePostOffice":
        """Opens the file, and makes it a journal if there is none yet."""
        path = path.resolve()  # noqa: ASYNC240 (short; by any other name the file is the same)
        schema.check_header(path)
        sender: ConnectionThread[sqlite3.Connection] = ConnectionThread(f"{path} (client, posting)")
        reader: ConnectionThread[sqlite3.Connection] = ConnectionThread(f"{path} (client)")
        await sender.start(lambda: connect_sender(path, synchronous, seals=sealer.seals))
        try:
            await reader.start(lambda: connect_reader(path))
        except BaseException:
            await sender.close()
            raise
        return cls(path, reader, sender, sealer)

    async def post(self, envelopes: Sequence[Envelope]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            with translated(self.path, "posting"):
                begin(connection)
                try:
                    mailbox.insert(connection, sealed_envelopes(envelopes, self._sealer))
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise

        await self._sender.run(job)

    async def post_within(self, transaction: object, envelope: Envelope) -> None:
        if self._journal_id is None:
            self._journal_id = await self._read(schema.journal_id)
        statement = POST.format(mailbox="mailbox", journal="journal")
        values = values_of(envelope, self._journal_id)
        done = await execute_within(transaction, DIALECT, statement, values)
        check_posted(done, str(self.path))

    async def replies(self, envelopes: Sequence[Envelope]) -> Mapping[str, bytes]:
        found = await self._read(lambda it: mailbox.select_replies(it, envelopes))
        return opened_replies(found, envelopes, self._sealer)

    async def waiting(self, execution_id: str) -> Sequence[Envelope]:
        found = await self._read(lambda it: mailbox.select_waiting(it, execution_id))
        return opened_envelopes(found, self._sealer)

    async def changed(self) -> None:
        while True:
            version = await self._read(data_version)
            if version != self._version:
                self._version = version
                return
            loop = asyncio.get_running_loop()
            later: asyncio.Future[None] = loop.create_future()
            timer = loop.call_later(LOOK_SECONDS, resolve, later)
            try:
                await later
            finally:
                timer.cancel()

    async def close(self) -> None:
        with translated(self.path, "closing"):
            try:
                await self._reader.close()
            finally:
                await self._sender.close()
