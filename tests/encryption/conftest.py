"""A store of each kind that can be stolen, no keys from outside, and the journals' server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.encryption.stores import Stolen, StolenFile, StolenTables
from tests.engine.shop import world
from tests.journals.conftest import proxy, server

__all__ = ["proxy", "server"]  # fixtures


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_KEYS", raising=False)
    monkeypatch.delenv("PERDURE_KEY_FILE", raising=False)


@pytest.fixture(autouse=True)
def _empty_world() -> Iterator[None]:
    world.empty()
    yield
    world.empty()


@pytest.fixture(params=["sqlite", "postgres"])
def stolen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stolen]:
    """Runs a test once on each kind of journal that outlives its process."""
    if request.param == "postgres":
        database = request.getfixturevalue("postgres_database")
        yield StolenTables(database, request.getfixturevalue("postgres_lend"))
    else:
        yield StolenFile(tmp_path)
