"""Where the journals of these tests lie, and how a process that dies is played in one process.

A crash leaves what was committed and nothing else. `Place.crashed()` is that: a copy of what is
committed now, to open another engine on. The old engine may then do what it likes.
"""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from perdure import (
    Activity,
    EngineSettings,
    Handle,
    KeyRing,
    Workflow,
    WorkflowEngine,
    open_engine,
)
from perdure.domain.clock import Clock
from perdure.domain.journal import Journal, Submission
from perdure.infrastructure.clock import SystemClock, SystemRandomness
from perdure.infrastructure.journals import memory_journals
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.postgres import schema
from perdure.infrastructure.postgres.address import database_of
from tests.postgres.schemas import Lend, new_name


class Place(ABC):
    """A journal's address."""

    url: str

    @abstractmethod
    def crashed(self) -> "Place":
        """A place with what is committed here now."""

    def engine(
        self,
        *workflows: Workflow[Any, Any],
        activities: Iterable[Activity[..., Any]] = (),
        keys: KeyRing | None = None,
        **settings: Any,
    ) -> AbstractAsyncContextManager[WorkflowEngine]:
        """An engine on it, which by default stops at once."""
        chosen = EngineSettings(**{"stop_seconds": 0.0, **settings})
        return open_engine(self.url, workflows, activities=activities, settings=chosen, keys=keys)


class InMemory(Place):
    def __init__(self) -> None:
        self.name = f"payments-{uuid4().hex}"
        self.url = f"memory://{self.name}"

    def crashed(self) -> "InMemory":
        place = InMemory()
        copied(memory_journals.log(self.name), memory_journals.open(place.name).log)
        return place


class OnDisk(Place):
    def __init__(self, folder: Path) -> None:
        self.path = folder / f"payments-{uuid4().hex}.db"
        self.url = f"sqlite:///{self.path}"

    def crashed(self) -> "OnDisk":
        place = OnDisk(self.path.parent)
        source, target = sqlite3.connect(self.path), sqlite3.connect(place.path)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
        return place


class OnServer(Place):
    """A schema of its own, whose leases are short; the engine makes it unless it is lent."""

    def __init__(self, database: str, lend: Lend = new_name) -> None:
        self.database = database
        self._lend = lend
        self.schema = lend()
        self.url = f"{database}?schema={self.schema}"

    def engine(
        self,
        *workflows: Workflow[Any, Any],
        activities: Iterable[Activity[..., Any]] = (),
        keys: KeyRing | None = None,
        **settings: Any,
    ) -> AbstractAsyncContextManager[WorkflowEngine]:
        return super().engine(
            *workflows, activities=activities, keys=keys, **{"lease_seconds": 1.5, **settings}
        )

    def crashed(self) -> "OnServer":
        """Without the lease of the dead: as if it had run out."""
        place = OnServer(self.database, self._lend)
        with psycopg.connect(self.database) as connection:
            schema.create(connection, database_of(place.url))
            for table in ("events", "executions", "mailbox"):
                connection.execute(
                    f"INSERT INTO {place.schema}.{table} OVERRIDING SYSTEM VALUE "
                    f"SELECT * FROM {self.schema}.{table}"
                )
            connection.execute(
                f"UPDATE {place.schema}.shard_lease AS mine SET epoch = theirs.epoch "
                f"FROM {self.schema}.shard_lease AS theirs WHERE mine.shard = theirs.shard"
            )
            connection.execute(
                f"UPDATE {place.schema}.journal "
                f"SET encrypted = (SELECT encrypted FROM {self.schema}.journal)"
            )
        return place


def copied(source: Log, target: Log) -> Log:
    target.events.extend(source.events)
    target.streams.update({name: list(rows) for name, rows in source.streams.items()})
    target.executions.update(source.executions)
    target.mailbox.open.update(source.mailbox.open)
    target.mailbox.settled.update(source.mailbox.settled)
    target.mailbox.last_arrival = source.mailbox.last_arrival
    return target


class Camera:
    """Takes a picture of the journal after every commit. Implements the memory journal's Faults."""

    def __init__(self) -> None:
        self.journal = MemoryJournal(faults=self)
        self.pictures: list[Log] = []

    def before_append(self, submissions: Sequence[Submission]) -> None:
        """Nothing to be seen yet."""

    def after_append(self, submissions: Sequence[Submission]) -> None:
        self.pictures.append(copied(self.journal.log, Log()))


class Later:
    """A clock that is ahead of the system's: what lies in between need not be waited for."""

    def __init__(self, seconds: float) -> None:
        self._clock = SystemClock()
        self._ahead = round(seconds * 1_000_000)

    def now(self) -> int:
        return self._clock.now() + self._ahead


def engine_in(
    journal: Journal, *workflows: Workflow[Any, Any], clock: Clock | None = None, **settings: Any
) -> WorkflowEngine:
    """An engine on a journal of one's own, which by default stops at once."""
    return WorkflowEngine(
        journal,
        workflows,
        settings=EngineSettings(**{"stop_seconds": 0.0, **settings}),
        clock=clock or SystemClock(),
        randomness=SystemRandomness(),
    )


async def kinds(handle: Handle[Any]) -> list[str]:
    """What is recorded, by kind."""
    return [event.kind for event in await handle.history()]


async def recorded(handle: Handle[Any], kind: str, count: int = 1) -> None:
    """Returns when so many events of this kind are stored."""
    async with asyncio.timeout(10):
        while (await kinds(handle)).count(kind) < count:
            await turn()


async def turn() -> None:
    """Lets the loop go round once."""
    await asyncio.sleep(0)


def check_contiguous(server: OnServer) -> None:
    """Each stream, and each shard, is without gaps; each execution has one end."""
    with psycopg.connect(server.database) as connection:
        torn = connection.execute(
            "SELECT count(*) FILTER (WHERE count <> last) FROM ("
            "SELECT count(*), max(version) AS last FROM "
            f"{server.schema}.events GROUP BY execution_id UNION ALL "
            f"SELECT count(*), max(position) FROM {server.schema}.events GROUP BY shard) AS each"
        ).fetchone()
        ends = connection.execute(
            f"SELECT execution_id, count(*) FROM {server.schema}.events "
            "WHERE topic LIKE 'Execution%ed' AND topic <> 'ExecutionStarted' "
            "GROUP BY 1 HAVING count(*) <> 1"
        ).fetchall()
    assert torn == (0,)
    assert ends == []
