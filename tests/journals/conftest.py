"""A store of each kind, and a journal that is open on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from perdure.domain.journal import Journal
from tests.journals.stores import MemoryStore, SQLiteStore, Store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Runs a test once on each backend."""
    stores: dict[str, Store] = {
        "memory": MemoryStore(f"payments-{uuid4().hex}"),
        "sqlite": SQLiteStore(tmp_path / "payments.db"),
    }
    store = stores[request.param]
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
