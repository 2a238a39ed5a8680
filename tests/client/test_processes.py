"""Clients and engines in processes of their own, on one file: orders survive every death."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from perdure import Client, Handle, UnknownExecution, connect
from perdure.infrastructure.journals import open_journal
from tests.engine.places import OnDisk, kinds, turn
from tests.engine.shop import ProcessPayment, process_payment

ORDERS = 120
PATIENCE_SECONDS = 40


async def place_orders(client: Client, numbers: range) -> None:
    for number in numbers:
        await client.start(process_payment, ProcessPayment(order_id=f"o-{number}"))


@pytest.mark.faults
async def test_orders_are_placed_on_while_the_engine_is_killed_and_none_is_lost(
    tmp_path: Path,
) -> None:
    url = OnDisk(tmp_path).url
    async with connect(url) as client, asyncio.timeout(PATIENCE_SECONDS):
        third = ORDERS // 3
        for part in range(3):
            orders = range(part * third, (part + 1) * third)
            placing = asyncio.create_task(place_orders(client, orders))
            while not (placed := await handles(client, orders)):
                await turn()
            engine = await engine_process(url)
            await placed[0].result()
            if part < 2:
                engine.kill()
            await placing
            if part == 2:
                await asyncio.gather(*(ended(client, number) for number in range(ORDERS)))
                engine.terminate()
            await engine.wait()
        for number in range(ORDERS):
            recorded = await kinds(client.handle(f"process_payment@o-{number}"))
            assert recorded.count("ExecutionStarted") == 1
            assert recorded.count("ExecutionSucceeded") == 1


def has_wal(place: OnDisk) -> bool:
    return Path(f"{place.path}-wal").exists()


async def handles(client: Client, orders: range) -> list[Handle[str]]:
    """The first order, if it is placed."""
    handle = client.handle(f"process_payment@o-{orders[0]}", process_payment)
    with suppress(UnknownExecution):
        await handle.status()
        return [handle]
    return []


async def engine_process(url: str) -> asyncio.subprocess.Process:
    """An engine that is open."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.client.worker", url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    return process


async def ended(client: Client, number: int) -> None:
    await client.handle(f"process_payment@o-{number}", process_payment).result()


@pytest.mark.faults
async def test_a_client_that_leaves_takes_nothing_from_the_engine_beside_it(tmp_path: Path) -> None:
    """Whoever closes a file last cleans up; a client must not take itself for the last one."""
    place = OnDisk(tmp_path)
    async with place.engine(process_payment) as engine:
        await engine.execute(process_payment, ProcessPayment(order_id="o-1"))
        async with connect(place.url) as client:  # in this process
            await client.start(process_payment, ProcessPayment(order_id="o-2"))
        journal = await open_journal(place.url, read_only=True)
        await journal.close()
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", LEAVES, place.url), stdout=asyncio.subprocess.PIPE
        )
        await other.wait()
        assert other.returncode == 0
        assert has_wal(place)
        await engine.execute(process_payment, ProcessPayment(order_id="o-3"))
    async with connect(place.url) as client:
        for number in (1, 2, 3):
            assert await client.handle(f"process_payment@o-{number}").history()


LEAVES = """
import sys
from perdure import blocking
with blocking.connect(sys.argv[1]) as client:
    client.handle("process_payment@o-1").status()
"""
