"""A body that is left has no effect, at whatever await it stands: no event, no call."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from perdure import suspend, version, workflow
from tests.engine.places import Place, turn
from tests.engine.shop import (
    OutOfStock,
    charge_credit_card,
    crashed_at,
    create_tracking_code,
    look_up,
    world,
)

pytestmark = pytest.mark.every_python
touched: list[str] = []


async def waits_in_try_finally(order_id: str) -> None:
    try:
        await look_up("door")
    finally:
        await look_up("finally")


async def waits_in_finally(order_id: str) -> None:
    try:
        await look_up("price")
    finally:
        await look_up("door")
        await look_up("finally")


async def catches_everything(order_id: str) -> None:
    try:
        await look_up("door")
    except BaseException:
        await look_up("except")


async def catches_in_a_loop(order_id: str) -> None:
    for _ in range(50):
        try:
            await look_up("door")
        except BaseException:
            continue


async def uses_an_async_generator(order_id: str) -> None:
    async def articles() -> AsyncIterator[str]:
        try:
            yield await look_up("price")
            yield await look_up("door")
        finally:
            await look_up("generator")

    async for _ in articles():
        await asyncio.sleep(0)


async def leaves_an_async_generator_open(order_id: str) -> None:
    async def articles() -> AsyncIterator[str]:
        try:
            yield await look_up("price")
        except BaseException:
            await look_up("generator")
        finally:
            await look_up("generator")

    opened = articles()
    await anext(opened)
    await look_up("door")


async def uses_a_context_manager(order_id: str) -> None:
    @asynccontextmanager
    async def reserved() -> AsyncIterator[None]:
        await look_up("price")
        try:
            yield
        finally:
            await look_up("released")

    async with reserved():
        await look_up("door")


async def uses_a_group(order_id: str) -> None:
    async def branch(name: str) -> None:
        try:
            await look_up(name)
        finally:
            await look_up("branch")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(branch("door"))
            group.create_task(branch("door"))
    finally:
        await look_up("group")


async def gathers(order_id: str) -> None:
    try:
        await asyncio.gather(look_up("door"), asyncio.sleep(3600), return_exceptions=True)
    finally:
        await look_up("gathered")


async def sleeps_under_a_timeout(order_id: str) -> None:
    try:
        async with asyncio.timeout(3600):
            await look_up("door")
    except BaseException:
        await asyncio.sleep(1)
        version("change", 2)
        await suspend("never")


async def spawns_when_it_is_left(order_id: str) -> None:
    try:
        await look_up("door")
    finally:
        task = asyncio.create_task(look_up("spawned"))
        await asyncio.wait([task])
        touched.append("after the wait")


Body = Callable[[str], Awaitable[None]]
BODIES: list[Body] = [
    waits_in_try_finally,
    waits_in_finally,
    catches_everything,
    catches_in_a_loop,
    uses_an_async_generator,
    leaves_an_async_generator_open,
    uses_a_context_manager,
    uses_a_group,
    gathers,
    sleeps_under_a_timeout,
    spawns_when_it_is_left,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
async def test_a_body_that_is_left_appends_nothing_and_calls_nothing(
    place: Place, body: Body
) -> None:
    # behaviour 13
    left = workflow(key=str, name="left")(body)  # type: ignore[arg-type]
    touched.clear()
    gate = world.hold("door")
    async with place.engine(left) as engine:
        handle = await engine.start(left, "o-1")
        await gate.entered()
        recorded, calls = len(await handle.history()), len(world.calls)
    gc.collect()
    assert len(world.calls) == calls
    async with place.engine(activities=[look_up]) as engine:
        rows = await engine._journal.read(["left@o-1"])
    assert len(rows["left@o-1"]) == recorded
    assert touched == []


@workflow(key=str, name="left", raises=[OutOfStock])
async def refused(order_id: str) -> None:
    await create_tracking_code("Mill Lane 3")
    raise OutOfStock(sku="A-1")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
async def test_a_body_that_is_replayed_for_a_rollback_is_left_without_effect(
    place: Place, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviours 13, 22
    @workflow(key=str, name="left", raises=[OutOfStock])
    async def goes_on_instead(order_id: str) -> None:
        await create_tracking_code("Mill Lane 3")
        await body(order_id)

    touched.clear()
    complaints: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: complaints.append(repr(told)))
    left = await crashed_at("void", place, refused, "o-1")
    async with left.engine(goes_on_instead) as engine:
        handle = engine.handle("left@o-1")
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
        gc.collect()
        await turn()
        recorded = [event.kind for event in await handle.history()]
    assert world.steps == ["code", "void", "void"]
    assert recorded[-2:] == ["ActivityCompensated", "ExecutionCompensated"]
    assert touched == []
    assert complaints == []


async def test_a_suspended_body_leaves_memory_without_a_refund(place: Place) -> None:
    # behaviour 13
    @workflow(key=str)
    async def buy(order_id: str) -> None:
        try:
            await suspend("needs a look")
        except BaseException:
            await charge_credit_card("visa-token", 1)  # type: ignore[arg-type]
        finally:
            await look_up("finally")

    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(Exception, match="needs a look"):
            await handle.result(timeout=10)
        recorded = [event.kind for event in await handle.history()]
    assert recorded == ["ExecutionStarted", "ExecutionSuspended"]
    assert world.calls == []
