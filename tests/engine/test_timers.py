"""Durable sleep: once, never early, late if overdue, never if cancelled."""

import asyncio
from datetime import timedelta

import pytest

from perdure import now, workflow
from perdure.domain.states import Waiting
from perdure.infrastructure.journals import open_journal
from tests.engine.places import Later, Place, engine_in, recorded
from tests.engine.shop import crashed_at, look_up, world

pytestmark = pytest.mark.every_python


@workflow(key=str)
async def ship_later(order_id: str) -> str:
    await look_up("order")
    await asyncio.sleep(8.0)  # near enough to stay in memory; nobody waits for it, see Later
    return await look_up("shipment")


async def test_a_sleep_goes_on_after_a_restart_and_fires_once_at_its_due(place: Place) -> None:
    # behaviour 42
    async with place.engine(ship_later) as engine:
        handle = await engine.start(ship_later, "o-1")
        await recorded(handle, "TimerSet")
        assert isinstance(await handle.status(), Waiting)
        left = place.crashed()
    later = engine_in(await open_journal(left.url), ship_later, clock=Later(7.9))
    async with later as engine:
        handle = engine.handle("ship_later@o-1")
        assert await handle.result(timeout=10) == "the shipment"
        history = await handle.history()
    fired = [event for event in history if event.kind == "TimerFired"]
    timer = next(event for event in history if event.kind == "TimerSet")
    assert len(fired) == 1
    assert timer.due is not None
    assert fired[0].time >= timer.due
    asked = next(event for event in history if event.kind == "ActivitySucceeded")
    assert timer.due - asked.time >= timedelta(seconds=8)
    assert world.steps == ["order", "shipment"]


async def test_an_overdue_sleep_fires_as_soon_as_an_engine_opens(place: Place) -> None:
    # behaviour 42
    async with place.engine(ship_later) as engine:
        handle = await engine.start(ship_later, "o-1")
        await recorded(handle, "TimerSet")
        left = place.crashed()
    opened = asyncio.get_running_loop().time()
    later = engine_in(await open_journal(left.url), ship_later, clock=Later(3600))
    async with later as engine:
        assert await engine.handle("ship_later@o-1").result(timeout=10) == "the shipment"
    assert asyncio.get_running_loop().time() - opened < 5


async def test_a_cancelled_timer_never_fires(place: Place) -> None:
    # behaviour 42
    @workflow(key=str)
    async def hurry(order_id: str) -> str:
        async with asyncio.timeout(0.2):  # time enough for a busy machine to look it up
            found = await look_up("order")
        await asyncio.sleep(0.3)
        return found

    async with place.engine(hurry) as engine:
        handle = await engine.start(hurry, "o-1")
        await recorded(handle, "TimerCancelled")
        left = place.crashed()
        assert await handle.result(timeout=10) == "the order"
        live = [(e.kind, e.ordinal) for e in await handle.history()]
    async with left.engine(hurry) as engine:
        assert await engine.handle(handle.id).result(timeout=10) == "the order"
        again = [(e.kind, e.ordinal) for e in await engine.handle(handle.id).history()]
    assert live == again
    cancelled = [ordinal for kind, ordinal in live if kind == "TimerCancelled"]
    assert len(cancelled) == 1
    assert ("TimerFired", cancelled[0]) not in live


async def test_ten_thousand_timers_fire_in_the_order_of_their_dues(memory: Place) -> None:
    # behaviour 42
    fired: list[tuple[float, int, int]] = []

    @workflow(key=str)
    async def remind(order_id: str) -> None:
        async def one(number: int) -> None:
            milliseconds = (number * 37) % 101
            await asyncio.sleep(milliseconds / 1000)
            fired.append((began + milliseconds / 1000, milliseconds, number))

        began = now().timestamp()
        async with asyncio.TaskGroup() as group:
            for number in range(1_000):
                group.create_task(one(number))

    async with memory.engine(remind) as engine:
        handles = [await engine.start(remind, f"o-{number}") for number in range(10)]
        for handle in handles:
            await handle.result(timeout=30)
            history = await handle.history()
            dues = {event.ordinal: event.due for event in history if event.kind == "TimerSet"}
            order = [event.ordinal for event in history if event.kind == "TimerFired"]
            assert len(order) == 1_000 - 10  # a sleep of nothing needs no timer
            assert order == sorted(order, key=lambda ordinal: (dues[ordinal], ordinal))
    assert len(fired) == 10_000


async def test_a_timeout_of_a_body_survives_a_restart(place: Place) -> None:
    # behaviour 42
    @workflow(key=str)
    async def give_up(order_id: str) -> str:
        try:
            async with asyncio.timeout(0.1):
                return await look_up("supplier")
        except TimeoutError:
            return await look_up("substitute")

    gate = world.hold("supplier")
    async with place.engine(give_up) as engine:
        await engine.start(give_up, "o-1")
        await gate.entered()
        left = place.crashed()
    async with left.engine(give_up) as engine:
        assert await engine.handle("give_up@o-1").result(timeout=10) == "the substitute"


async def test_now_is_the_same_on_replay(place: Place) -> None:
    # behaviour 11
    seen: list[list[str]] = []

    @workflow(key=str)
    async def stamp(order_id: str) -> list[str]:
        times = [now().isoformat()]
        await look_up("one")
        times.append(now().isoformat())
        await asyncio.sleep(0.002)
        times.append(now().isoformat())
        seen.append(list(times))
        await look_up("door")
        return times

    left = await crashed_at("door", place, stamp, "o-1")
    async with left.engine(stamp) as engine:
        times = await engine.handle("stamp@o-1").result(timeout=10)
    assert seen == [times, times]
    assert times == sorted(set(times))
