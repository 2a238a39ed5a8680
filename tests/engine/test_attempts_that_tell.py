"""What activities, compensations and bodies say on purpose: suspensions, reasons, failures."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure import (
    ExecutionParked,
    Failure,
    activity,
    current_activity,
    suspend,
    version,
    workflow,
)
from tests.engine.places import Place
from tests.engine.shop import SOON, OutOfStock, world

pytestmark = pytest.mark.every_python


@pytest.mark.parametrize("back", [False, True])
async def test_an_activity_s_child_task_may_ask_for_suspension(memory: Place, back: bool) -> None:
    async def child() -> None:
        await suspend("look at it by hand")

    async def ask_in_a_group() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())

    @activity
    async def reserve(sku: str) -> None:
        if not back:
            await ask_in_a_group()

    @reserve.compensate
    async def unreserve(sku: str) -> None:
        await ask_in_a_group()

    @workflow(key=str, raises=[OutOfStock])
    async def order(order_id: str) -> None:
        await reserve(order_id)
        raise OutOfStock(sku=order_id)

    async with memory.engine(order) as engine:
        with pytest.raises(ExecutionParked, match="look at it by hand") as parked:
            await engine.execute(order, "o-1", timeout=10)
    assert parked.value.state == ("stuck" if back else "suspended")


async def suspended_for(reason: Any) -> None:
    await suspend(reason)


async def versioned(change: Any) -> None:
    version(change, 1)


@pytest.mark.parametrize("reason", [42, None, b"why"])
@pytest.mark.parametrize("primitive", [suspended_for, versioned])
async def test_a_reason_or_a_change_that_is_no_text_is_refused_at_the_call(
    memory: Place, reason: object, primitive: Callable[[Any], Any]
) -> None:
    @workflow(key=str)
    async def order(order_id: str) -> str:
        try:
            await primitive(reason)
        except TypeError as error:
            return str(error)
        return "accepted"

    async with memory.engine(order) as engine:
        assert "str" in await engine.execute(order, "o-1", timeout=10)


async def test_an_activity_that_gives_no_text_as_its_reason_has_a_defect(memory: Place) -> None:
    @activity(retry=SOON)
    async def ask(order_id: str) -> str:
        if current_activity().attempt == 1:
            await suspended_for(None)
        return "fine"

    @workflow(key=str)
    async def order(order_id: str) -> str:
        return await ask(order_id)

    async with memory.engine(order) as engine:
        assert await engine.execute(order, "o-1", timeout=10) == "fine"


class Sealed(Failure):
    until: str


@pytest.mark.parametrize("declared", [True, False])
async def test_a_declared_failure_of_a_compensation_is_recorded_with_its_fields(
    place: Place, declared: bool
) -> None:
    @activity
    async def reserve(sku: str) -> None:
        world.note("reserve", sku)

    @reserve.compensate(raises=[Sealed] if declared else [])
    async def unreserve(sku: str) -> None:
        raise Sealed(until="Monday")

    @workflow(key=str, raises=[OutOfStock])
    async def order(order_id: str) -> None:
        await reserve(order_id)
        raise OutOfStock(sku=order_id)

    async with place.engine(order) as engine:
        handle = await engine.start(order, "o-1")
        with pytest.raises(ExecutionParked, match="Monday"):
            await handle.result(timeout=10)
        failed = [event for event in await handle.history() if event.kind == "CompensationFailed"]
    told = {"name": "Sealed", "fields": {"until": "Monday"}}
    assert [event.failure for event in failed] == [told if declared else None]


async def test_a_group_fails_with_the_failure_of_its_earliest_activity(memory: Place) -> None:
    @activity(raises=[OutOfStock])
    async def order_of(sku: str) -> None:
        await world.serve(sku)
        raise OutOfStock(sku=sku)

    @workflow(key=str, raises=[OutOfStock])
    async def order(order_id: str) -> None:
        first = asyncio.ensure_future(order_of("first"))
        second = asyncio.ensure_future(order_of("second"))
        await asyncio.wait([first, second])
        errors = [second.exception(), first.exception()]
        raise ExceptionGroup("both", [error for error in errors if isinstance(error, Exception)])

    async with memory.engine(order) as engine:
        with pytest.raises(OutOfStock) as raised:
            await engine.execute(order, "o-1", timeout=10)
    assert raised.value.sku == "first"
