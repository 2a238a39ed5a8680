"""Where journals lie in these tests: what the contract has to know of each backend."""

import sqlite3
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias, cast

import psycopg
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.sqlite import SQLiteDatastore

from perdure.domain.identity import shard_of
from perdure.domain.journal import Journal
from perdure.domain.post_office import PostOffice
from perdure.infrastructure.journals import memory_journals, open_journal, open_post_office
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.memory.recorder import MemoryRecorder
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.recorder import PostgresRecorder
from perdure.infrastructure.sqlite.recorder import SQLiteRecorder
from tests.postgres.schemas import new_name

Place: TypeAlias = tuple[int, int, str, int]  # shard, position, execution, version
TABLES = ("events", "executions", "mailbox")


class Store(ABC):
    """A place for one journal. It outlives the journals that are opened on it."""

    waits = False  # whether a second engine waits for the first one's end
    position = "notification_id"  # the column of an event's place in its shard
    gapless = False  # whether there is none left out

    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self, *, read_only: bool = False) -> Journal:
        return await open_journal(self.url, read_only=read_only)

    async def post_office(self) -> PostOffice:
        return await open_post_office(self.url)

    @abstractmethod
    def recorder(self) -> ApplicationRecorder:
        """The library's recorder on what an open or closed journal has stored."""

    @abstractmethod
    def overwrite(self, execution_id: str, version: int, topic: str, body: bytes) -> None:
        """Damages one stored event."""

    @abstractmethod
    def lose(self, execution_id: str, version: int) -> None:
        """Takes one stored event away."""

    @abstractmethod
    def empty(self) -> None:
        """Takes away all events, rows and envelopes, under journals that stay open."""

    @abstractmethod
    def order(self) -> list[Place]:
        """Where each event lies, shard by shard in the order of positions."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of everything."""


class MemoryStore(Store):
    def __init__(self, name: str) -> None:
        super().__init__(f"memory://{name}")
        self._name = name

    @property
    def _log(self) -> Log:
        return memory_journals.log(self._name)

    def recorder(self) -> ApplicationRecorder:
        return MemoryRecorder(self._log)

    def overwrite(self, execution_id: str, version: int, topic: str, body: bytes) -> None:
        stream = self._log.streams[execution_id]
        stream[version - 1] = stream[version - 1]._replace(topic=topic, body=body)

    def lose(self, execution_id: str, version: int) -> None:
        del self._log.streams[execution_id][version - 1]

    def empty(self) -> None:
        self._log.events.clear()
        self._log.streams.clear()
        self._log.executions.clear()
        self._log.mailbox.open.clear()
        self._log.mailbox.settled.clear()

    def order(self) -> list[Place]:
        return sorted(
            (shard_of(row.execution_id), position, row.execution_id, row.version)
            for position, row in enumerate(self._log.events, 1)
        )

    def close(self) -> None:
        """Nothing to let go of: its name is its own."""


class PostgresStore(Store):
    """A schema of its own in a database of the tests, made by the engine unless it is lent."""

    waits = True
    position = "position"
    gapless = True

    def __init__(self, database: str, schema: str = "") -> None:
        self.schema = schema or new_name()
        self.database = database
        super().__init__(f"{database}?schema={self.schema}")
        self.closing = ExitStack()

    async def open(self, *, read_only: bool = False) -> Journal:
        return await open_journal(self.url, read_only=read_only, lease_seconds=1.5)

    def recorder(self) -> ApplicationRecorder:
        recorder = PostgresRecorder(database_of(self.url))
        self.closing.callback(recorder.close)
        return recorder

    def overwrite(self, execution_id: str, version: int, topic: str, body: bytes) -> None:
        self.execute(
            "UPDATE events SET topic = %s, body = %s "
            "WHERE shard = %s AND execution_id = %s AND version = %s",
            (topic, body, shard_of(execution_id), execution_id, version),
        )

    def lose(self, execution_id: str, version: int) -> None:
        self.execute(
            "DELETE FROM events WHERE shard = %s AND execution_id = %s AND version = %s",
            (shard_of(execution_id), execution_id, version),
        )

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """By a connection of its own, as a person with a shell would."""
        with self.connect() as connection:
            found = connection.execute(statement, values)
            return found.fetchall() if found.description else []

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Whose statements find the schema."""
        options = f"-c search_path={self.schema}"
        return psycopg.connect(self.database, autocommit=True, options=options)

    def empty(self) -> None:
        self.execute(f"TRUNCATE {', '.join(TABLES)}")

    def order(self) -> list[Place]:
        columns = "shard, position, execution_id, version"
        found = self.execute(f"SELECT {columns} FROM events ORDER BY shard, position")
        return cast("list[Place]", found)

    def close(self) -> None:
        """A schema that is not lent stays until its database is dropped."""
        self.closing.close()


class SQLiteStore(Store):
    def __init__(self, path: Path, options: str = "") -> None:
        super().__init__(f"sqlite:///{path}{options}")
        self.path = path
        self._datastores: list[SQLiteDatastore] = []

    def recorder(self) -> ApplicationRecorder:
        datastore = SQLiteDatastore(str(self.path), originator_id_type="text")
        self._datastores.append(datastore)
        return SQLiteRecorder(datastore)

    def overwrite(self, execution_id: str, version: int, topic: str, body: bytes) -> None:
        self.execute(
            "UPDATE events SET topic = ?, body = ? "
            "WHERE shard = ? AND execution_id = ? AND version = ?",
            (topic, body, shard_of(execution_id), execution_id, version),
        )

    def lose(self, execution_id: str, version: int) -> None:
        self.execute(
            "DELETE FROM events WHERE shard = ? AND execution_id = ? AND version = ?",
            (shard_of(execution_id), execution_id, version),
        )

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """By a connection of its own, as a person with a shell would."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def script(self, statements: str) -> None:
        """Several statements, by one connection of their own."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            connection.executescript(statements)
        finally:
            connection.close()

    def empty(self) -> None:
        self.script(";".join(f"DELETE FROM {table}" for table in TABLES))

    def order(self) -> list[Place]:
        columns = "shard, notification_id, execution_id, version"
        found = self.execute(f"SELECT {columns} FROM events ORDER BY shard, notification_id")
        return cast("list[Place]", found)

    def close(self) -> None:
        for datastore in self._datastores:
            datastore.close()
