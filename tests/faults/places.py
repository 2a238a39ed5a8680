"""Where a journal lies whose process dies: a file, or a schema on a server.

Each knows how an append is cut off there, so that it is stored or not and nobody hears of it, and
what a dead process leaves for the next one. `dying` lets plays take place there.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import uuid4

import psycopg

from perdure.domain.errors import JournalUnavailable
from perdure.domain.journal import Journal, Submission
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.journal import PostgresJournal
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from tests.programs.stored import Call

LOOKS = 20_000


class StoredRow(NamedTuple):
    """One event, as it lies there."""

    execution_id: str
    version: int
    position: int
    epoch: int
    topic: str
    body: bytes


class Place(Protocol):
    """See the module. A place is for one play."""

    async def open(self) -> Journal:
        """The journal, for the next process."""
        ...

    async def cut(self, journal: Journal, submissions: Sequence[Submission], kind: str) -> bool:
        """An append whose answer never comes. Whether a transaction was really torn."""
        ...

    async def bury(self, journal: Journal) -> None:
        """Its process is dead, and leaves what is stored, closing nothing."""
        ...

    async def rows(self) -> list[StoredRow]:
        """All events, in the order of their positions."""
        ...

    async def close(self) -> None:
        """Nobody needs it any more."""
        ...


@dataclass
class FilePlace:
    """A dead process leaves its file and what is in its log; the next one is given copies of them.

    A torn append is a log that ends amid what the commit wrote: it is complete with its last page.
    """

    folder: Path
    empty: Path  # a journal in which nothing is yet
    deaths: int = 0
    image: Path | None = None

    @property
    def path(self) -> Path:
        return self.folder / f"{self.deaths}.db"

    async def open(self) -> Journal:
        if not self.folder.exists():
            self.folder.mkdir()
            shutil.copyfile(self.empty, self.path)
        return await SQLiteJournal.open(self.path, synchronous="normal")

    async def cut(self, journal: Journal, submissions: Sequence[Submission], kind: str) -> bool:
        before = log_of(self.path).stat().st_size
        await journal.append(submissions)
        after = log_of(self.path).stat().st_size
        self.image = self._copied()
        if kind.endswith("lost"):
            with log_of(self.image).open("r+b") as file:
                file.truncate((before + after) // 2)
        return after > before

    async def bury(self, journal: Journal) -> None:
        if self.image is None:
            self._copied()
        self.image = None
        self.deaths += 1
        await journal.close()  # of the file that nobody looks at any more

    async def rows(self) -> list[StoredRow]:
        connection = sqlite3.connect(self.path)
        try:
            found = connection.execute(
                "SELECT execution_id, version, notification_id, epoch, topic, body FROM events "
                "ORDER BY notification_id"
            )
            return [StoredRow(*row) for row in found]
        finally:
            connection.close()

    async def close(self) -> None:
        shutil.rmtree(self.folder)

    def _copied(self) -> Path:
        image = self.folder / f"{self.deaths + 1}.db"
        shutil.copyfile(self.path, image)
        shutil.copyfile(log_of(self.path), log_of(image))
        return image


def make_empty(path: Path, call: Call) -> Path:
    """For `empty`."""
    call(call(SQLiteJournal.open(path)).close())
    return path


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@dataclass
class SchemaPlace:
    """A dead process has no connections any more, and its lease runs out.

    A torn append is one whose server process ends between the fence and the events: it is held up
    there by a lock, and terminated.
    """

    url: str
    schema: str = field(default_factory=lambda: f"crashes_{uuid4().hex}")
    buried: list[Journal] = field(default_factory=list)

    async def open(self) -> Journal:
        return await PostgresJournal.open(database_of(f"{self.url}?schema={self.schema}"))

    async def cut(self, journal: Journal, submissions: Sequence[Submission], kind: str) -> bool:
        assert isinstance(journal, PostgresJournal)
        assert journal._writer is not None
        writer = await journal._writer.run(lambda link: link.connection().info.backend_pid)
        with self._connected() as shell:
            if kind.endswith("stored"):
                await journal.append(submissions)
                terminate(shell, writer)
                return True
            with shell.transaction():
                shell.execute("LOCK TABLE events IN SHARE MODE")
                append = asyncio.ensure_future(journal.append(submissions))
                is_held_up = await held_up(shell, writer, append)
                terminate(shell, writer)
            with suppress(JournalUnavailable):
                await append
        return is_held_up

    async def bury(self, journal: Journal) -> None:
        assert isinstance(journal, PostgresJournal)
        assert journal._ownership is not None
        journal._ownership.abandon()
        with self._connected() as shell:
            shell.execute("UPDATE runner SET expires_at = clock_timestamp() - interval '1 s'")
        self.buried.append(journal)

    async def rows(self) -> list[StoredRow]:
        with self._connected() as shell:
            found = shell.execute(
                "SELECT execution_id, version, position, epoch, topic, body FROM events "
                "ORDER BY shard, position"
            ).fetchall()
        return [StoredRow(*row) for row in found]

    async def close(self) -> None:
        for journal in self.buried:
            await journal.close()
        self.buried.clear()
        with self._connected() as shell:
            for table in ("events", "executions", "mailbox"):
                shell.execute(f"DELETE FROM {table}")

    def _connected(self) -> "psycopg.Connection[tuple[object, ...]]":
        options = f"-c search_path={self.schema}"
        return psycopg.connect(self.url, autocommit=True, options=options)


async def held_up(
    shell: "psycopg.Connection[tuple[object, ...]]", writer: int, append: "asyncio.Future[object]"
) -> bool:
    """Returns once the writer waits for a lock, or its append has ended without."""
    for _ in range(LOOKS):
        waits = "SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
        if shell.execute(waits, (writer,)).fetchone() is not None:
            return True
        await asyncio.sleep(0)
        if append.done():
            return False
    raise AssertionError("the append neither waits nor ends")


def terminate(shell: "psycopg.Connection[tuple[object, ...]]", process: int) -> None:
    """Returns when it is gone."""
    shell.execute("SELECT pg_terminate_backend(%s)", (process,))
    there = "SELECT FROM pg_stat_activity WHERE pid = %s"
    for _ in range(LOOKS):
        shell.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees the same for ever
        if shell.execute(there, (process,)).fetchone() is None:
            return
    raise AssertionError("a server process stays")
