"""A store of each kind, and a journal that is open on it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from perdure.domain.journal import Journal
from tests.journals.stores import MemoryStore, PostgresStore, SQLiteStore, Store
from tests.postgres.proxy import Proxy
from tests.postgres.schemas import Lend


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A place of each kind where no journal is yet."""
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
def store(nowhere: Store, request: pytest.FixtureRequest) -> Iterator[Store]:
    """Runs a test once on each backend: where no journal is, or on a server an empty one."""
    if isinstance(nowhere, PostgresStore):
        lend: Lend = request.getfixturevalue("postgres_lend")
        with closing(PostgresStore(nowhere.database, lend())) as lent:
            yield lent
    else:
        yield nowhere


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
def server(postgres_database: str, postgres_lend: Lend) -> Iterator[PostgresStore]:
    """For what only a server can suffer."""
    store = PostgresStore(postgres_database, postgres_lend())
    yield store
    store.close()


@pytest.fixture
def proxy(server: PostgresStore) -> Iterator[Proxy]:
    """A way to the server that fails as it is told."""
    with Proxy(server.database) as proxy:
        yield proxy
