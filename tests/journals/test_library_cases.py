"""The published test cases of `eventsourcing`, on our recorders, with execution ids for its ids."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import AggregateRecorder, ApplicationRecorder, StoredEvent
from eventsourcing.sqlite import SQLiteDatastore
from eventsourcing.tests import persistence as library

from perdure.infrastructure.memory.recorder import MemoryRecorder
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.recorder import PostgresRecorder
from perdure.infrastructure.sqlite.recorder import SQLiteRecorder
from tests.journals.stores import PostgresStore, SQLiteStore
from tests.postgres.schemas import Lend


class ExecutionIds:
    """The library's cases make UUIDs unless told otherwise."""

    def new_originator_id(self) -> str:
        return f"ProcessPayment@{uuid4()}"


class OnAFile(ExecutionIds):
    """A journal's file, fresh for each case."""

    datastore: SQLiteDatastore

    @pytest.fixture(autouse=True)
    def make_file(self, tmp_path: Path) -> Iterator[None]:
        async def make() -> None:
            journal = await SQLiteStore(tmp_path / "payments.db").open()
            await journal.close()

        asyncio.run(make())
        path = str(tmp_path / "payments.db")
        # A busy machine may hold up ten writers for longer than the seconds that it has by default.
        self.datastore = SQLiteDatastore(
            path, lock_timeout=30, pool_timeout=30, originator_id_type="text"
        )
        yield
        self.datastore.close()


class TestMemoryRecorder(ExecutionIds, library.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return MemoryRecorder()

    # Optional in the library, whose own recorder on SQLite has no subscriptions.
    test_insert_subscribe = library.ApplicationRecorderTestCase.optional_test_insert_subscribe


class TestSQLiteRecorder(OnAFile, library.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        recorder = SQLiteRecorder(self.datastore)
        recorder.create_table()
        return recorder

    # Optional in the library, whose own recorder on SQLite has no subscriptions.
    test_insert_subscribe = library.ApplicationRecorderTestCase.optional_test_insert_subscribe


class InASchema(ExecutionIds):
    """A journal's schema, empty for each case."""

    store: PostgresStore

    @pytest.fixture(autouse=True)
    def lend_schema(self, postgres_database: str, postgres_lend: Lend) -> Iterator[None]:
        self.store = PostgresStore(postgres_database, postgres_lend())
        yield
        self.store.close()


class TestPostgresRecorder(InASchema, library.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return self.store.recorder()

    # Optional in the library, for recorders that have subscriptions.
    test_insert_subscribe = library.ApplicationRecorderTestCase.optional_test_insert_subscribe


# The cases of aggregate recorders expect no notification ids from an insert; ours have them.


class MemoryRecorderWithoutIds(MemoryRecorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class SQLiteRecorderWithoutIds(SQLiteRecorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class PostgresRecorderWithoutIds(PostgresRecorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class TestPostgresRecorderOfAggregates(InASchema, library.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        recorder = PostgresRecorderWithoutIds(database_of(self.store.url))
        self.store.closing.callback(recorder.close)
        return recorder


class TestMemoryRecorderOfAggregates(ExecutionIds, library.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return MemoryRecorderWithoutIds()


class TestSQLiteRecorderOfAggregates(OnAFile, library.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return SQLiteRecorderWithoutIds(self.datastore)
