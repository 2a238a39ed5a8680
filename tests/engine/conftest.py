"""An empty world, and a journal of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.places import InMemory, OnDisk, OnServer, Place
from tests.engine.shop import world
from tests.postgres.schemas import Lend


@pytest.fixture(autouse=True)
def _empty_world() -> Iterator[None]:
    world.empty()
    yield
    world.empty()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Runs a test once on each kind of journal."""
    if request.param == "postgres":
        database = request.getfixturevalue("postgres_database")
        yield OnServer(database, request.getfixturevalue("postgres_lend"))
    else:
        yield InMemory() if request.param == "memory" else OnDisk(tmp_path)


@pytest.fixture
def memory() -> Place:
    """For what does not depend on the journal."""
    return InMemory()


@pytest.fixture
def server(postgres_database: str, postgres_lend: Lend) -> OnServer:
    """For what only a journal on a server does."""
    return OnServer(postgres_database, postgres_lend)
