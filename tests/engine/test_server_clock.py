"""The server's clock is set forward and back while an engine works, and while another waits."""

import asyncio
from contextlib import closing, suppress

import psycopg
import pytest

from perdure import LostLease, WorkflowEngine, connect, workflow
from perdure.infrastructure.postgres import lease, schema
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.log import Statements
from tests.engine.places import OnServer, check_contiguous
from tests.engine.shop import look_up, world
from tests.postgres.databases import Database

HOUR = 3600
PATIENCE_SECONDS = 12

# Whoever connects from now on sees a clock that can be set.
SHADOW = """
    CREATE SCHEMA shadow;
    CREATE TABLE shadow.clock (seconds float8 NOT NULL);
    INSERT INTO shadow.clock VALUES (0);
    CREATE FUNCTION shadow.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) FROM shadow.clock
    $$;
"""


@workflow(key=str)
async def two_looks(order_id: str) -> str:
    first = await look_up("price")
    return f"{first}, {await look_up('stock')}"


class Clock:
    """Of one database's server, as far as what connects to it can see."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with psycopg.connect(database.url) as connection:
            connection.execute(SHADOW)
            connection.execute(
                f'ALTER DATABASE "{database.name}" SET search_path = shadow, pg_catalog, public'
            )

    def set(self, seconds: float) -> None:
        """Forward, or back, from the truth."""
        with psycopg.connect(self.database.url) as connection:
            connection.execute("UPDATE shadow.clock SET seconds = %s", (seconds,))

    def ahead(self) -> float:
        """What is seen by a connection, in seconds before the truth."""
        with psycopg.connect(self.database.url) as connection:
            found = connection.execute(
                "SELECT extract(epoch FROM clock_timestamp() - pg_catalog.clock_timestamp())"
            )
            [(seconds,)] = found.fetchall()
            return float(seconds)


@pytest.fixture
def clock(postgres: Database) -> Clock:
    clock = Clock(postgres)
    clock.set(HOUR)
    assert round(clock.ahead()) == HOUR, "the clock is the real one"
    clock.set(0)
    assert round(clock.ahead()) == 0
    return clock


@pytest.fixture
def server(clock: Clock) -> OnServer:
    return OnServer(clock.database.url)


@pytest.mark.parametrize("hours", [1, -1])
async def test_an_engine_goes_on_within_seconds_when_the_server_s_clock_jumps(
    server: OnServer, clock: Clock, hours: int
) -> None:
    # behaviour 57
    gate = world.hold("stock")
    async with server.engine(two_looks) as engine:
        handle = await engine.start(two_looks, "o-1")
        await gate.entered()
        clock.set(hours * HOUR)
        await renewed(server)
        gate.open()
        assert await handle.result(timeout=PATIENCE_SECONDS) == "the price, the stock"
        async with connect(server.url) as client:
            assert await client.execute(two_looks, "o-2", timeout=PATIENCE_SECONDS)
        clock.set(0)
        await renewed(server)
        async with connect(server.url) as client:
            assert await client.execute(two_looks, "o-3", timeout=PATIENCE_SECONDS)
    assert world.of("price")[0].attempt == 1
    check_contiguous(server)


async def renewed(server: OnServer) -> None:
    """Returns when a lease stands that was taken or renewed by the clock as it is now."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with await psycopg.AsyncConnection.connect(
            server.database, autocommit=True
        ) as connection:
            while True:
                found = await connection.execute(
                    f"SELECT 1 FROM {server.schema}.runner WHERE expires_at "
                    "BETWEEN clock_timestamp() AND clock_timestamp() + interval '2 s'"
                )
                if await found.fetchone():
                    return


async def test_a_dead_engine_is_succeeded_though_its_lease_seems_to_last_for_an_hour(
    server: OnServer, clock: Clock
) -> None:
    # behaviours 50, 57
    database = database_of(server.url)
    with closing(database.connect("test")) as connection:
        schema.create(connection, database)
        lease.take(connection, Statements(database.schema), 1.5, "here")  # and dies
    clock.set(-HOUR)
    async with asyncio.timeout(PATIENCE_SECONDS), server.engine(two_looks) as engine:
        assert await engine.execute(two_looks, "o-1")
    check_contiguous(server)


async def test_while_the_owner_renews_nobody_takes_over_whatever_the_clock_does(
    server: OnServer, clock: Clock
) -> None:
    # behaviours 49, 57
    async with server.engine(two_looks) as first:
        second = asyncio.create_task(entered(server))
        for hours in (-1, -2, -3):
            clock.set(hours * HOUR)
            await renewed(server)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(second), 2.5)  # longer than a lease
        assert await first.execute(two_looks, "o-1", timeout=PATIENCE_SECONDS)
    await asyncio.wait_for(second, PATIENCE_SECONDS)
    with psycopg.connect(server.database) as connection:
        epochs = connection.execute(f"SELECT DISTINCT epoch FROM {server.schema}.events").fetchall()
    assert epochs == [(1,)]


async def entered(server: OnServer) -> WorkflowEngine:
    async with server.engine(two_looks) as engine:
        return engine


async def test_a_jump_forward_under_load_records_nothing_twice(
    server: OnServer, clock: Clock
) -> None:
    # behaviours 49, 57
    async with server.engine(two_looks) as engine:
        orders = [f"o-{number}" for number in range(200)]

        async def ordered(order_id: str) -> str:
            while True:
                with suppress(LostLease):  # this start was not acknowledged
                    return await engine.execute(two_looks, order_id)

        async with asyncio.timeout(4 * PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
            for order_id in orders:
                tasks.create_task(ordered(order_id))
            for hours in (1, 2, 3):
                await asyncio.to_thread(clock.set, hours * HOUR)
                await renewed(server)
    check_contiguous(server)
