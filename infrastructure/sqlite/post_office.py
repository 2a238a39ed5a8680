"""A journal's file as clients have it: a thread that posts, a thread that reads, no engine's lock.

An engine may run on the file, now or later, in this process or another.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow
from perdure.domain.mailbox import Envelope
from perdure.infrastructure.news import resolve
from perdure.infrastructure.sqlite import log, mailbox, schema
from perdure.infrastructure.sqlite.connection import (
    Synchronous,
    begin,
    connect_reader,
    connect_sender,
)
from perdure.infrastructure.sqlite.journal import READ_STREAMS_LIMIT, read_streams
from perdure.infrastructure.sqlite.thread import ConnectionThread
from perdure.infrastructure.sqlite.translation import translated
from perdure.infrastructure.sqlite.watch import LOOK_SECONDS, data_version

T = TypeVar("T")


class SQLitePostOffice:
    """Made by `open`."""

    __slots__ = ("_reader", "_sender", "_version", "path")

    def __init__(self, path: Path, reader: ConnectionThread, sender: ConnectionThread) -> None:
        self.path = path
        self._reader = reader
        self._sender = sender
        self._version: int | None = None

    @classmethod
    async def open(cls, path: Path, *, synchronous: Synchronous = "full") -> "SQLitePostOffice":
        """Opens the file, and makes it a journal if there is none yet."""
        path = path.resolve()  # noqa: ASYNC240 (short; by any other name the file is the same)
        schema.check_header(path)
        schema.check_header(path)
        sender = ConnectionThread(f"{path} (client, posting)")
        reader = ConnectionThread(f"{path} (client)")
        await sender.start(lambda: connect_sender(path, synchronous))
        try:
            await reader.start(lambda: connect_reader(path))
        except BaseException:
            await sender.close()
            raise
        return cls(path, reader, sender)

    async def post(self, envelopes: Sequence[Envelope]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            with translated(self.path, "posting"):
                begin(connection)
                try:
                    mailbox.insert(connection, envelopes)
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise

        await self._sender.run(job)

    async def replies(self, envelopes: Sequence[Envelope]) -> Mapping[str, bytes]:
        return await self._read(lambda connection: mailbox.select_replies(connection, envelopes))

    async def waiting(self, execution_id: str) -> Sequence[Envelope]:
        return await self._read(lambda connection: mailbox.select_waiting(connection, execution_id))

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        streams: dict[str, list[Event] | Undecodable] = {}
        wanted = list(dict.fromkeys(execution_ids))
        for start in range(0, len(wanted), READ_STREAMS_LIMIT):
            job = partial(read_streams, wanted[start : start + READ_STREAMS_LIMIT])
            streams.update(await self._read(job))
        return streams

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        return await self._read(lambda connection: log.select_rows(connection, execution_ids))

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

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        def translated_job(connection: sqlite3.Connection) -> T:
            with translated(self.path, "reading"):
                return job(connection)

        return await self._reader.run(translated_job)
