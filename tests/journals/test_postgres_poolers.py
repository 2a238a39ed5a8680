"""A pooler before the server: in session mode all is as without, in transaction mode it is said."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from perdure.infrastructure.errors import TransactionPooling
from perdure.infrastructure.journals import open_journal, open_post_office
from tests.journals.envelopes import envelope
from tests.journals.stores import PostgresStore
from tests.journals.submissions import lengths, payment, start
from tests.postgres.pooler import Pooler

A = payment(1)
Open = Callable[[str], Awaitable[object]]


async def an_engine_s_journal(url: str) -> object:
    return await open_journal(url, lease_seconds=1.5)


async def one_to_read(url: str) -> object:
    return await open_journal(url, read_only=True)


async def a_client_s(url: str) -> object:
    return await open_post_office(url)


def test_the_pooler_of_the_tests_lends_one_connection_to_many(postgres_database: str) -> None:
    with (
        Pooler(postgres_database, "transaction", 1) as pooler,
        psycopg.connect(pooler.url, autocommit=True) as one,
        psycopg.connect(pooler.url, autocommit=True) as other,
    ):
        one.execute("SET application_name = 'of one'")
        assert other.execute("SHOW application_name").fetchone() == ("of one",)
        one.execute("SELECT %s::text", ("prepared",), prepare=True)
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            other.execute("SELECT %s::int", (1,), prepare=True)


@pytest.mark.parametrize("opening", [an_engine_s_journal, one_to_read, a_client_s])
@pytest.mark.parametrize(("size", "takes_turns"), [(1, False), (3, False), (2, True), (3, True)])
async def test_transaction_pooling_is_refused_before_anything_is_made(
    postgres_database: str, opening: Open, size: int, takes_turns: bool
) -> None:
    server = PostgresStore(postgres_database)  # where nothing is yet
    with Pooler(server.database, "transaction", size, takes_turns=takes_turns) as pooler:
        async with asyncio.timeout(10):
            with pytest.raises(TransactionPooling, match="name the server itself, or a pool"):
                await opening(f"{pooler.url}?schema={server.schema}")
        with psycopg.connect(pooler.url) as connection:
            settings = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
            assert settings == ("0",), "a setting of ours was left to others"
    found = server.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", (server.schema,))
    assert found == [(0,)]


async def test_a_pool_in_session_mode_is_as_good_as_the_server(server: PostgresStore) -> None:
    with Pooler(server.database, "session", 12) as pooler:
        url = f"{pooler.url}?schema={server.schema}"
        async with asyncio.timeout(20):
            journal = await open_journal(url, lease_seconds=1.5)
            post_office = await open_post_office(url)
            assert await journal.append([start(A)]) == [True]
            assert await lengths(journal, A) == {A: 2}
            await post_office.post([envelope("e-1", A)])
            assert [each.id for each in await journal.envelopes()] == ["e-1"]
            await post_office.close()
            await journal.close()
