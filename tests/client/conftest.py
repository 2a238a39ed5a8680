"""An empty world, a journal of each kind, and a client of it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from perdure import Client, connect
from tests.engine.places import InMemory, OnDisk, OnServer, Place
from tests.engine.shop import world


@pytest.fixture(autouse=True)
def _empty_world() -> Iterator[None]:
    world.empty()
    yield
    world.empty()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "postgres":
        place = OnServer(request.getfixturevalue("postgres_database"))
        yield place
        place.drop()
    else:
        yield InMemory() if request.param == "memory" else OnDisk(tmp_path)


@pytest.fixture
async def client(place: Place) -> AsyncIterator[Client]:
    async with connect(place.url) as client:
        yield client
