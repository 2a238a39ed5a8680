"""Starts for later: durable at once, begun at their time, through restarts, cancelled before."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from perdure import CancelledExecution, connect, now, workflow
from perdure.domain.states import Cancelled, Waiting
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Later, Place, engine_in, kinds
from tests.engine.shop import find, look_up, world

pytestmark = pytest.mark.every_python
PATIENCE_SECONDS = 10


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@workflow(key=str)
async def tells_its_time(order_id: str) -> datetime:
    await look_up("price")
    return now()


async def test_it_is_durable_at_once_and_begins_then(place: Place) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(tells_its_time) as engine:
        at = in_seconds(0.4)
        handle = await engine.start(tells_its_time, "o-1", start_at=at)
        assert await handle.status() == Waiting("its start", at)
        assert await kinds(handle) == ["ExecutionStarted"]
        assert await engine.execute(tells_its_time, "o-2") < at  # it holds nobody up
        assert await handle.result() >= at
        [start, *rest] = await handle.history()
        assert start.time == at
        assert all(at <= event.time <= at + timedelta(seconds=2) for event in rest)


async def test_a_client_may_say_when(place: Place) -> None:
    at = in_seconds(1.5)
    async with connect(place.url) as client, asyncio.timeout(PATIENCE_SECONDS):
        handle = await client.start(tells_its_time, "o-1", start_at=at)
        async with place.engine(tells_its_time):
            await handle.accepted()
            assert await handle.status() == Waiting("its start", at)
            assert await handle.result() >= at


async def test_it_begins_in_the_engine_that_is_open_then() -> None:
    journal = MemoryJournal()
    async with engine_in(journal, find) as engine:
        await engine.start(find, "o-1", start_at=in_seconds(3600))
        await engine.start(find, "o-2", start_at=in_seconds(7200))
    async with engine_in(MemoryJournal(journal.log), find, clock=Later(3601)) as engine:
        assert await engine.handle("find@o-1").result(timeout=PATIENCE_SECONDS) == "the price"
        assert isinstance(await engine.handle("find@o-2").status(), Waiting)
    assert world.steps == ["price"]


async def test_what_is_cancelled_before_does_nothing(place: Place) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(find) as engine:
        handle = await engine.start(find, "o-1", start_at=in_seconds(3600))
        await handle.resume("no effect")
        assert isinstance(await handle.status(), Waiting)
        await handle.cancel("not needed any more")
        with pytest.raises(CancelledExecution, match="not needed any more"):
            await handle.result()
        assert isinstance(await handle.status(), Cancelled)
    assert world.steps == []


async def test_a_time_that_has_passed_is_now_and_one_that_is_there_keeps_its_own(
    place: Place,
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(find) as engine:
        handle = await engine.start(find, "o-1", start_at=in_seconds(-3600))
        assert await handle.result() == "the price"
        at = in_seconds(3600)
        await engine.start(find, "o-2", start_at=at)
        again = await engine.start(find, "o-2")
        assert await again.status() == Waiting("its start", at)


async def test_a_time_without_a_zone_is_refused(place: Place) -> None:
    naive = datetime(2100, 1, 1)  # noqa: DTZ001 (that is what is refused)
    async with place.engine(find) as engine, connect(place.url) as client:
        for start in (engine.start, client.start):
            with pytest.raises(ValueError, match="has no time zone"):
                await start(find, "o-1", start_at=naive)


async def test_many_for_one_moment_keep_within_the_room(place: Place) -> None:
    at = in_seconds(0.5)
    most = 0
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(find, max_in_flight=4) as engine:
        handles = [await engine.start(find, f"o-{number}", start_at=at) for number in range(40)]
        waiting = [asyncio.create_task(handle.result()) for handle in handles]
        while not all(task.done() for task in waiting):
            most = max(most, engine._residents.in_flight)
            await asyncio.sleep(0)
    assert 0 < most <= 4
    assert world.times_done("price") == 40
