"""Hints on PostgreSQL: sent to those who wait, whoever came first, and to nobody else."""

import asyncio
import itertools

import psycopg

from perdure import connect
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.hints import Hints
from tests.engine.places import OnServer
from tests.engine.shop import ProcessPayment, process_payment, world

ORDER = ProcessPayment(order_id="o-1")
PATIENCE_SECONDS = 15


def connected(server: OnServer, purpose: str) -> int:
    with psycopg.connect(server.database) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database()",
            (f"perdure {purpose}",),
        ).fetchone()
    assert found is not None
    return int(found[0])


async def until_connected(server: OnServer, purpose: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(connected, server, purpose):
            pass


async def test_an_engine_that_opens_asks_who_waits(server: OnServer) -> None:
    async with connect(server.url) as client:
        handle = await client.start(process_payment, ORDER)
        waiting = asyncio.create_task(handle.result())
        await until_connected(server, "hints")  # it listens, before anybody tells
        gate = world.hold("charge")
        async with server.engine(process_payment) as engine:
            await gate.entered()
            async with asyncio.timeout(8):  # by itself who waits calls every 10 s
                for number in itertools.count(2):  # until the answer to its call has come
                    await engine.start(process_payment, ProcessPayment(order_id=f"o-{number}"))
                    if await asyncio.to_thread(connected, server, "telling"):
                        break
            gate.open()
            assert await asyncio.wait_for(waiting, PATIENCE_SECONDS)


async def test_where_nobody_waits_nobody_is_told(server: OnServer) -> None:
    async with server.engine(process_payment) as engine:
        for number in range(5):
            request = ProcessPayment(order_id=f"o-{number}")
            assert await engine.execute(process_payment, request)
        assert connected(server, "writer")
        assert not connected(server, "telling")


async def test_who_comes_right_after_a_change_is_told_of_it(server: OnServer) -> None:
    async with server.engine(process_payment):
        pass
    hints = Hints(database_of(server.url))
    try:
        hints.changed()  # by the engine's writer, before the visit was heard
        assert not connected(server, "telling")
        hints.visited()
        await until_connected(server, "telling")
    finally:
        hints.close()
