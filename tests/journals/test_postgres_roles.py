"""What a role needs on PostgreSQL, as docs/how_to/run_on_postgresql.md tells it."""

from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from perdure.domain.errors import JournalUnavailable
from perdure.domain.journal import Scan
from perdure.infrastructure.journals import open_journal
from tests.journals.submissions import payment, start
from tests.postgres.databases import Database

PASSWORD = "of-a-test"


@pytest.fixture
def role(postgres: Database) -> Iterator[str]:
    """A role without any right; it is the whole server's, so it has to go."""
    name = f"role_{uuid4().hex}"
    execute(postgres.url, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    execute(postgres.url, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def address(url: str, role: str) -> str:
    parts = urlsplit(url)
    return f"postgresql://{role}:{PASSWORD}@{parts.hostname}:{parts.port}{parts.path}?schema=shop"


async def test_the_owner_of_an_empty_schema_makes_the_journal_in_it(
    role: str, postgres: Database
) -> None:
    execute(postgres.url, f"CREATE SCHEMA shop AUTHORIZATION {role}")
    journal = await open_journal(address(postgres.url, role))
    assert await journal.append([start(payment(1))]) == [True]
    await journal.close()


async def test_who_only_looks_needs_usage_and_select(role: str, postgres: Database) -> None:
    journal = await open_journal(f"{postgres.url}?schema=shop")
    await journal.append([start(payment(1))])
    await journal.close()
    url = address(postgres.url, role)
    with pytest.raises(JournalUnavailable, match="the role lacks a right"):
        await open_journal(url, read_only=True)
    execute(
        postgres.url,
        f"GRANT USAGE ON SCHEMA shop TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {role}",
    )
    looking = await open_journal(url, read_only=True)
    assert len(await looking.scan(Scan(everything=True))) == 1
    await looking.close()
