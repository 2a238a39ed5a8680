"""Two engines on one database: the second waits, takes over what the first lost, and fences it."""

import asyncio
import time

import psycopg
import pytest

from perdure import LostLease, WorkflowEngine, connect, workflow
from perdure.domain.states import Running
from perdure.sagas import keeper
from tests.engine.places import OnServer, check_contiguous
from tests.engine.shop import look_up, world


@workflow(key=str)
async def two_steps(order_id: str) -> str:
    first = await look_up("price")
    return f"{first}, {await look_up('stock')}"


def expire(server: OnServer) -> None:
    """Lets the lease of whoever has it run out at once."""
    with psycopg.connect(server.database) as connection:
        connection.execute(f"UPDATE {server.schema}.runner SET expires_at = clock_timestamp()")


def taken_over(server: OnServer) -> None:
    """Lets the lease run out, and returns when it was taken by one or the other."""
    epochs = f"SELECT max(epoch) FROM {server.schema}.shard_lease"
    with psycopg.connect(server.database, autocommit=True) as connection:
        before = connection.execute(epochs).fetchone()
        expire(server)
        while connection.execute(epochs).fetchone() == before:
            pass


async def opened(server: OnServer, entered: asyncio.Event, left: asyncio.Event) -> WorkflowEngine:
    async with server.engine(two_steps) as engine:
        entered.set()
        await left.wait()
        await engine.handle("two_steps@o-1").result(timeout=10)
        return engine


async def test_the_second_engine_waits_and_goes_on_when_the_first_has_closed(
    server: OnServer,
) -> None:
    # behaviours 49, 52
    gate = world.hold("stock")
    entered, left = asyncio.Event(), asyncio.Event()
    async with server.engine(two_steps, lease_seconds=60) as first:
        handle = await first.start(two_steps, "o-1")
        await gate.entered()
        second = asyncio.create_task(opened(server, entered, left))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(entered.wait(), 0.2)
        assert await handle.status() == Running(("look_up",))
    gate.open()
    await asyncio.wait_for(entered.wait(), 20)  # long before the lease would have ended
    left.set()
    engine = await second
    assert world.steps == ["price", "stock", "stock"]
    assert engine.handle("two_steps@o-1").id == handle.id


async def test_what_one_loses_the_other_ends_and_the_first_tells_who_waits(
    server: OnServer,
) -> None:
    # behaviours 49, 50
    gate = world.hold("stock")
    entered, left = asyncio.Event(), asyncio.Event()
    async with server.engine(two_steps) as first:
        waiting = asyncio.create_task(first.execute(two_steps, "o-1"))
        await gate.entered()
        second = asyncio.create_task(opened(server, entered, left))
        expire(server)
        await asyncio.wait_for(entered.wait(), 5)
        with pytest.raises(LostLease):
            await first.start(two_steps, "o-2")
        gate.open()
        assert await asyncio.wait_for(waiting, 10) == "the price, the stock"
        assert world.of("stock")[-1].attempt == 2
        left.set()
        await second
        async with connect(server.url) as client:  # taken when the first has them again
            assert await client.execute(two_steps, "o-3", timeout=10)
    with psycopg.connect(server.database) as connection:
        epochs = connection.execute(
            f"SELECT DISTINCT epoch FROM {server.schema}.shard_lease"
        ).fetchall()
    assert epochs == [(3,)]


async def test_what_the_other_ended_last_is_told_when_the_lease_is_back(
    server: OnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviours 49, 50
    monkeypatch.setattr(keeper, "OTHERS_SHARE", 2.0)  # no look comes between its end and that
    gate = world.hold("stock")
    entered, left = asyncio.Event(), asyncio.Event()
    async with server.engine(two_steps) as first:
        waiting = asyncio.create_task(first.execute(two_steps, "o-1"))
        await gate.entered()
        second = asyncio.create_task(opened(server, entered, left))
        expire(server)
        await asyncio.wait_for(entered.wait(), 5)
        gate.open()
        left.set()
        await second
        assert await asyncio.wait_for(waiting, 10) == "the price, the stock"


async def test_three_engines_that_take_over_from_each_other_record_nothing_twice(
    server: OnServer,
) -> None:
    # behaviours 1, 49, 50
    done = asyncio.Event()

    async def work() -> None:
        async with server.engine(two_steps):
            await done.wait()

    async with asyncio.timeout(50), asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(work())
        async with connect(server.url) as client:
            for turn in range(5):
                ends = [client.execute(two_steps, f"o-{turn}-{number}") for number in range(5)]
                ordered = asyncio.gather(*ends)
                await asyncio.to_thread(taken_over, server)
                assert await ordered == ["the price, the stock"] * 5
        done.set()
    check_contiguous(server)
    with psycopg.connect(server.database) as connection:
        events = connection.execute(
            f"SELECT shard, epoch FROM {server.schema}.events ORDER BY shard, position"
        ).fetchall()
    assert events == sorted(events), "one that was taken over appended"
    assert len({epoch for _, epoch in events}) > 2


@pytest.mark.parametrize("hours", [1, -1])
async def test_the_time_is_the_database_s_whatever_the_clock_of_this_machine(
    server: OnServer, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    # behaviour 57
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + hours * 3_600_000_000_000)
    async with server.engine(two_steps) as engine:
        handle = await engine.start(two_steps, "o-1")
        assert await handle.result(timeout=10)
        history = await handle.history()
    assert abs(history[0].time.timestamp() - real() / 1e9) < 60
    assert history == sorted(history, key=lambda event: event.time)
