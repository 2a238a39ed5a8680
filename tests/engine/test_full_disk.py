"""The server's disk is full for a while, in the middle of work."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from perdure import Handle, LostLease, WorkflowEngine, workflow
from tests.engine.places import OnServer, check_contiguous, turn
from tests.engine.shop import look_up, world
from tests.postgres.disk import Disk
from tests.postgres.server import Server

PATIENCE_SECONDS = 20
LONG = "x" * 1500  # a few of these fill a page


@workflow(key=lambda request: request[:8])
async def two_glances(request: str) -> str:
    first = await look_up("price")
    return f"{first}, {await look_up('stock')}"


@pytest.fixture
def disk(postgres_server: Callable[..., Server]) -> Iterator[Disk]:
    disk = Disk(postgres_server())
    yield disk
    disk.free()


@pytest.fixture
def server(disk: Disk) -> OnServer:
    return OnServer(disk.server.url())


async def refused_for_lack_of_room(caplog: pytest.LogCaptureFixture, of_what: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(
            "no more room" in message and of_what in message for message in caplog.messages
        ):
            await turn()


def leave_no_room_for_a_renewal(server: OnServer) -> None:
    """Fills the page of the runner's row."""
    with psycopg.connect(server.database, autocommit=True) as connection:
        for _ in range(1000):
            try:
                connection.execute(f"UPDATE {server.schema}.runner SET expires_at = expires_at")
            except psycopg.errors.DiskFull:
                return
    raise AssertionError("the page is not full")


async def started(engine: WorkflowEngine, request: str) -> Handle[str]:
    """Tried again, as fast as can be, until the engine has the lease back."""
    while True:
        with suppress(LostLease):
            return await engine.start(two_glances, request)


async def test_what_a_full_disk_refuses_is_kept_and_stored_when_there_is_room(
    server: OnServer, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    # behaviours 1, 51
    gate = world.hold("stock")
    async with server.engine(two_glances) as engine:
        kept = [await engine.start(two_glances, f"kept-{n:03}{LONG}") for n in range(10)]
        await gate.entered()
        disk.fill()
        late = [
            asyncio.create_task(engine.start(two_glances, f"late-{n:03}{LONG}")) for n in range(40)
        ]
        gate.open()
        await refused_for_lack_of_room(caplog, "appending")
        assert not all(each.done() for each in late)
        disk.free()
        async with asyncio.timeout(PATIENCE_SECONDS):
            started = [await each for each in late]
            for handle in (*kept, *started):
                assert await handle.result() == "the price, the stock"
        assert "lease is lost" not in caplog.text
    check_contiguous(server)


async def test_a_lease_for_which_there_is_no_room_is_lost_at_its_end_and_taken_again(
    server: OnServer, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    # behaviours 49, 51, 78
    gate = world.hold("stock")
    async with server.engine(two_glances) as engine:
        kept = [await engine.start(two_glances, f"kept-{n:03}{LONG}") for n in range(10)]
        await gate.entered()
        with psycopg.connect(server.database) as looking:  # so that no old row makes room
            looking.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            looking.execute(f"SELECT FROM {server.schema}.runner")
            disk.fill()
            leave_no_room_for_a_renewal(server)
            await refused_for_lack_of_room(caplog, "renewing the lease")
            gate.open()
        lost = caplog.text
        disk.free()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await (await started(engine, f"late-000{LONG}")).result()
            for each in kept:
                assert await each.result() == "the price, the stock"
    assert "the lease is lost: it could not be renewed in time: " in lost
    assert lost.count("the lease is lost") == 1
    check_contiguous(server)
