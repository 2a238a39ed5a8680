"""An empty world and journals, as the engine's tests have them, and a client of one."""

from collections.abc import AsyncIterator

import pytest

from perdure import Client, connect
from tests.engine.conftest import _empty_world, place, server
from tests.engine.places import Place

__all__ = ["_empty_world", "place", "server"]  # fixtures


@pytest.fixture
async def client(place: Place) -> AsyncIterator[Client]:
    async with connect(place.url) as client:
        yield client
