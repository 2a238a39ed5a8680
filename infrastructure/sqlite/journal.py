"""The journal in a SQLite file: a thread that writes, a thread that reads, one engine a file.

What is appended is encoded and committed in the writer's thread, and durable when `append` returns.
Readers see what was committed and block nobody. Tables are schema's matter, SQL is log's.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from perdure.domain.errors import JournalError, NotAJournal, Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow, Scan, Submission
from perdure.infrastructure.entry import encoded
from perdure.infrastructure.sqlite import log, schema
from perdure.infrastructure.sqlite.lock import EngineLock
from perdure.infrastructure.sqlite.thread import ConnectionThread
from perdure.infrastructure.sqlite.translation import translated
from perdure.infrastructure.stream import decoded

T = TypeVar("T")
Synchronous = Literal["full", "normal"]

BUSY_SECONDS = 5.0
READ_STREAMS_LIMIT = 500  # in one statement, so that a large read leaves room for others


class SQLiteJournal:
    """Made by `open`, which takes the engine's lock unless it is read-only."""

    __slots__ = ("_lock", "_reader", "_writer", "path")

    def __init__(
        self,
        path: Path,
        reader: ConnectionThread,
        writer: ConnectionThread | None,
        lock: EngineLock | None,
    ) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._lock = lock

    @classmethod
    async def open(
        cls, path: Path, *, read_only: bool = False, synchronous: Synchronous = "full"
    ) -> "SQLiteJournal":
        """Opens the journal, and makes it if there is no file yet and it is not read-only.

        With `synchronous="normal"` the last commits may be lost with the machine's power, never
        with the process; what is there stays whole.
        """
        path = path.absolute()  # noqa: ASYNC240 (asks the system for the folder, at most)
        exists = schema.check_header(path)
        if read_only and not exists:
            raise NotAJournal(f"{path}: no journal is there; an engine makes it when it opens")
        lock = None if read_only else EngineLock(path)
        reader, writer = ConnectionThread(f"{path} (reader)"), ConnectionThread(f"{path} (writer)")
        try:
            if not read_only:
                await writer.start(lambda: connect_writer(path, synchronous))
            await reader.start(lambda: connect_reader(path))
        except BaseException:
            await writer.close()
            if lock is not None:
                lock.release()
            raise
        return cls(path, reader, None if read_only else writer, lock)

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        if self._writer is None:
            raise JournalError(f"{self.path}: opened read-only; nothing can be appended")

        def job(connection: sqlite3.Connection) -> list[bool]:
            with translated(self.path, "appending"):
                return log.append(connection, [encoded(each) for each in submissions])[0]

        return await self._writer.run(job)

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        streams: dict[str, list[Event] | Undecodable] = {}
        for start in range(0, len(execution_ids), READ_STREAMS_LIMIT):
            job = partial(read_streams, execution_ids[start : start + READ_STREAMS_LIMIT])
            streams.update(await self._read(job))
        return streams

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        return await self._read(lambda connection: log.select_rows(connection, execution_ids))

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        return await self._read(lambda connection: log.select_page(connection, scan))

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
        await self._reader.close()
        if self._lock is not None:
            self._lock.release()

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        def translated_job(connection: sqlite3.Connection) -> T:
            with translated(self.path, "reading"):
                return job(connection)

        return await self._reader.run(translated_job)


def read_streams(
    execution_ids: Sequence[str], connection: sqlite3.Connection
) -> dict[str, list[Event] | Undecodable]:
    return decoded(log.select_streams(connection, execution_ids))


def connect_writer(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """The connection that writes; makes the journal if the file is empty."""
    with translated(path, "opening"):
        connection = connect(path, "rwc")
        try:
            schema.create(connection)
            schema.check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
        except BaseException:
            connection.close()
            raise
        return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    with translated(path, "opening"):
        connection = connect(path, "ro")
        try:
            schema.check(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def connect(path: Path, mode: Literal["ro", "rwc"]) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
