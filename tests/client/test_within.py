"""Starts in a transaction of the caller: with its own rows they are there, or neither is."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from perdure import ClientClosed, ForeignTransaction, UnknownExecution, blocking, connect
from tests.client.transactions import (
    ON_DISK,
    ON_SERVER,
    Opened,
    driver_url,
    psycopg_sync,
    sqlalchemy_session,
    sqlite,
)
from tests.engine.places import InMemory, OnDisk, OnServer
from tests.engine.shop import ProcessPayment, process_payment, world

ORDER = ProcessPayment(order_id="o-1")
PATIENCE_SECONDS = 10


@pytest.fixture(
    params=[(True, each) for each in ON_SERVER] + [(False, each) for each in ON_DISK],
    ids=[f"postgres-{each.__name__}" for each in ON_SERVER]
    + [f"sqlite-{each.__name__}" for each in ON_DISK],
)
def within(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[OnServer | OnDisk, Callable[[], Opened]]:
    """A journal, and what opens a connection of the caller's there."""
    on_server, opens = request.param
    place = request.getfixturevalue("server") if on_server else OnDisk(tmp_path)
    return place, lambda: opens(place)


async def test_a_start_is_there_when_the_transaction_commits_and_not_before(
    within: tuple[OnServer | OnDisk, Callable[[], Opened]],
) -> None:
    # behaviour 35
    place, opened = within
    async with place.engine(process_payment), connect(place.url) as client:
        async with opened() as transaction:
            handle = await client.start(process_payment, ORDER, within=transaction)
            with pytest.raises(UnknownExecution):
                await handle.status()
        assert await handle.result(timeout=PATIENCE_SECONDS) == "code for Mill Lane 3"
    assert world.times_done("charge") == 1


async def test_a_start_in_a_transaction_that_is_rolled_back_never_was(
    within: tuple[OnServer | OnDisk, Callable[[], Opened]],
) -> None:
    # behaviour 35
    place, opened = within
    async with place.engine(process_payment), connect(place.url) as client:
        started = []

        async def fail_after_the_start() -> None:
            async with opened() as transaction:
                started.append(await client.start(process_payment, ORDER, within=transaction))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail_after_the_start()
        other = await client.start(process_payment, ProcessPayment(order_id="o-2"))
        await other.result(timeout=PATIENCE_SECONDS)
        with pytest.raises(UnknownExecution):
            await started[0].status()
    assert world.times_done("charge") == 1


async def test_it_goes_with_rows_of_the_caller_s_own(server: OnServer) -> None:
    # behaviour 35
    orders = f"{server.schema}_orders"
    with psycopg.connect(server.database, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {orders} (id text PRIMARY KEY)")
        async with connect(server.url) as client:
            for number in (1, 2, 1):  # the third breaks the key, and is ordered no second time
                request = ProcessPayment(order_id=f"o-{number}")
                try:
                    with connection.transaction():
                        await client.start(process_payment, request, within=connection)
                        connection.execute(f"INSERT INTO {orders} VALUES (%s)", (str(number),))
                except psycopg.errors.UniqueViolation:
                    assert number == 1
        stored = connection.execute(f"SELECT execution_id FROM {server.schema}.mailbox")
        assert sorted(name for (name,) in stored) == ["process_payment@o-1", "process_payment@o-2"]
        connection.execute(f"DROP TABLE {orders}")


def test_a_caller_without_a_loop_has_it_too(server: OnServer) -> None:
    # behaviour 35
    with blocking.connect(server.url) as client, psycopg.connect(server.database) as connection:
        client.start(process_payment, ORDER, within=connection)
        assert open_orders(server) == 0
        connection.commit()
        assert open_orders(server) == 1


def open_orders(server: OnServer) -> int:
    with psycopg.connect(server.database) as connection:
        found = connection.execute(f"SELECT count(*) FROM {server.schema}.mailbox").fetchone()
    assert found is not None
    return int(found[0])


async def test_an_engine_hears_of_it_at_the_commit(server: OnServer) -> None:
    async with server.engine(process_payment), connect(server.url) as client:
        with psycopg.connect(server.database) as connection:
            handle = await client.start(process_payment, ORDER, within=connection)
        loop = asyncio.get_running_loop()
        committed = loop.time()
        await handle.accepted()
        assert loop.time() - committed < 4  # the engine looks without a hint after 5


@pytest.mark.parametrize("what", ["a text", object(), 5])
async def test_what_is_no_connection_is_refused(tmp_path: Path, what: object) -> None:
    async with connect(OnDisk(tmp_path).url) as client:
        with pytest.raises(ForeignTransaction, match="is no transaction that an order can be part"):
            await client.start(process_payment, ORDER, within=what)


async def test_a_connection_to_elsewhere_is_refused(server: OnServer, tmp_path: Path) -> None:
    here, there = OnDisk(tmp_path), OnDisk(tmp_path)
    async with connect(here.url) as client, connect(there.url):
        async with sqlite(there) as connection:
            with pytest.raises(ForeignTransaction, match="leads to another journal"):
                await client.start(process_payment, ORDER, within=connection)
        async with psycopg_sync(server) as connection:
            with pytest.raises(ForeignTransaction, match="a connection of postgresql"):
                await client.start(process_payment, ORDER, within=connection)
    async with connect(server.url) as client, sqlalchemy_session(here) as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(ForeignTransaction, match="a connection of sqlite, but the journal"):
            await client.start(process_payment, ORDER, within=session)


async def test_a_connection_without_a_transaction_is_refused(
    server: OnServer, tmp_path: Path
) -> None:
    on_disk = OnDisk(tmp_path)
    async with connect(server.url) as client:
        connection = psycopg.connect(server.database, autocommit=True)
        with connection, pytest.raises(ForeignTransaction, match="autocommit"):
            await client.start(process_payment, ORDER, within=connection)
    assert open_orders(server) == 0
    async with connect(on_disk.url) as client:
        plain = sqlite3.connect(on_disk.path, isolation_level=None)
        with pytest.raises(ForeignTransaction, match="autocommit"):
            await client.start(process_payment, ORDER, within=plain)
        plain.close()


@pytest.mark.parametrize("on_server", [True, False])
async def test_a_connection_of_sqlalchemy_that_commits_by_itself_is_refused(
    tmp_path: Path, request: pytest.FixtureRequest, *, on_server: bool
) -> None:
    # behaviour 35
    place: OnServer | OnDisk = OnDisk(tmp_path)
    if on_server:
        place = request.getfixturevalue("server")
    engine = create_engine(driver_url(place), isolation_level="AUTOCOMMIT")
    try:
        async with connect(place.url) as client:
            for transaction in (engine.connect(), Session(engine)):
                with transaction, pytest.raises(ForeignTransaction, match="autocommit"):
                    await client.start(process_payment, ORDER, within=transaction)
            with pytest.raises(UnknownExecution):
                await client.handle("process_payment@o-1").status()
    finally:
        engine.dispose()


async def test_an_async_connection_that_commits_by_itself_is_refused(server: OnServer) -> None:
    # behaviour 35
    engine = create_async_engine(driver_url(server), isolation_level="AUTOCOMMIT")
    try:
        async with connect(server.url) as client:
            for transaction in (engine.connect(), AsyncSession(engine)):
                async with transaction:
                    with pytest.raises(ForeignTransaction, match="autocommit"):
                        await client.start(process_payment, ORDER, within=transaction)
    finally:
        await engine.dispose()
    assert open_orders(server) == 0


class CommitsByItself(sqlite3.Connection):
    """As sqlite3.connect(..., autocommit=True) makes one, from Python 3.12 on."""

    autocommit = True


async def test_a_file_in_the_newer_autocommit_mode_is_refused(tmp_path: Path) -> None:
    place = OnDisk(tmp_path)
    async with connect(place.url) as client:
        connection = sqlite3.connect(place.path, factory=CommitsByItself)
        with pytest.raises(ForeignTransaction, match="autocommit"):
            await client.start(process_payment, ORDER, within=connection)
        connection.close()


async def test_a_journal_in_memory_takes_part_in_none() -> None:
    async with connect(InMemory().url) as client:
        with pytest.raises(ForeignTransaction, match="in memory"):
            await client.start(process_payment, ORDER, within=object())


async def test_a_closed_client_places_nothing(tmp_path: Path) -> None:
    place = OnDisk(tmp_path)
    async with connect(place.url) as client, sqlite(place) as connection:
        await client.start(process_payment, ORDER, within=connection)
    async with sqlite(place) as connection:
        with pytest.raises(ClientClosed):
            await client.start(process_payment, ORDER, within=connection)
        [(found,)] = connection.execute("SELECT count(*) FROM mailbox").fetchall()
    assert found == 1
