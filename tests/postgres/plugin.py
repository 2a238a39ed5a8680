"""Fixtures of PostgreSQL for the tests of any folder; `tests/conftest.py` names this file.

Nothing starts before a test asks for it, and psycopg is imported no sooner: most runs of a few
tests need neither. What there is to ask for: `postgres`, `postgres_database`, `postgres_lend`,
`postgres_databases`, `postgres_server`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.postgres.server import Server
from tests.postgres.servers import Owner, Servers

if TYPE_CHECKING:
    from tests.postgres.databases import Database, Databases
    from tests.postgres.schemas import Lend, Schemas

FOLDER = "PERDURE_TEST_POSTGRES_FOLDER"  # pytest's first process tells its workers


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        owner = Owner()
        os.environ[FOLDER] = str(owner.servers.folder)
        config.add_cleanup(owner.end)


@pytest.fixture(scope="session")
def postgres_servers() -> Servers:
    return Servers(Path(os.environ[FOLDER]))


@pytest.fixture(scope="session")
def postgres_databases(postgres_servers: Servers) -> Iterator["Databases"]:
    """Fresh databases and clones of templates, on the server that all tests share."""
    from tests.postgres.databases import Databases  # noqa: PLC0415 - see above

    databases = Databases(postgres_servers.shared_url())
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def postgres_database(postgres_databases: "Databases") -> Iterator[str]:
    """The address of a database for journals: each test makes a schema of its own in it."""
    with postgres_databases.fresh() as database:
        yield database.url


@pytest.fixture(scope="session")
def postgres_schemas(postgres_database: str) -> Iterator["Schemas"]:
    """Schemas of that database that are journals already."""
    from tests.postgres.schemas import Schemas  # noqa: PLC0415 - see above

    schemas = Schemas(postgres_database)
    yield schemas
    schemas.close()


@pytest.fixture
def postgres_lend(postgres_schemas: "Schemas") -> Iterator["Lend"]:
    """Lends this test schemas of `postgres_database`, empty journals, by their names."""
    with postgres_schemas.lending() as lend:
        yield lend


@pytest.fixture
def postgres(postgres_databases: "Databases") -> Iterator["Database"]:
    """An empty database of this test's own."""
    with postgres_databases.fresh() as database:
        yield database


@pytest.fixture
def postgres_server(postgres_servers: Servers) -> Iterator[Callable[..., Server]]:
    """Servers of this test's own, to be set up, stopped and brought down: 0.3 s each.

    `postgres_server(fsync="on")` starts one with these settings besides those of `server.QUICK`.
    """
    with ExitStack() as stack:

        def another(**settings: str) -> Server:
            server = postgres_servers.another(**settings)
            stack.callback(server.discard)
            return server

        yield another
