"""A store of each kind, and a journal that is open on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from perdure.domain.journal import Journal
from tests.journals.stores import MemoryStore, PostgresStore, SQLiteStore, Store
from tests.postgres.proxy import Proxy


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Runs a test once on each backend."""
    store: Store
    match request.param:
        case "memory":
            store = MemoryStore(f"payments-{uuid4().hex}")
        case "sqlite":
            store = SQLiteStore(tmp_path / "payments.db")
        case _:
            store = PostgresStore(request.getfixturevalue("postgres_database"))
    yield store
    store.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SQLiteStore]:
    """For what only a file can suffer."""
    store = SQLiteStore(tmp_path / "payments.db")
    yield store
    store.close()


@pytest.fixture
async def journal(store: Store) -> AsyncIterator[Journal]:
    journal = await store.open()
    yield journal
    await journal.close()


@pytest.fixture
def server(postgres_database: str) -> Iterator[PostgresStore]:
    """For what only a server can suffer."""
    store = PostgresStore(postgres_database)
    yield store
    store.close()


@pytest.fixture
def proxy(server: PostgresStore) -> Iterator[Proxy]:
    """A way to the server that fails as it is told."""
    with Proxy(server.database) as proxy:
        yield proxy
