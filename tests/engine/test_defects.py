"""A defect in one branch while another is in flight: what is mended goes on, or is cancelled."""

import asyncio

import pytest

from perdure import CancelledExecution, ExecutionParked, Workflow, workflow
from perdure.domain.states import Suspended
from tests.engine.places import Place, kinds, recorded, turn
from tests.engine.shop import look_up, world

pytestmark = pytest.mark.every_python


async def both_until(broken: bool) -> str:
    async with asyncio.TaskGroup() as group:
        group.create_task(look_up("stock"))
        await look_up("price")
        if broken:
            raise KeyError("bug")
    return "both"


@workflow(key=str, name="buy")
async def with_a_bug(order_id: str) -> str:
    return await both_until(broken=True)


@workflow(key=str, name="buy")
async def with_a_fix(order_id: str) -> str:
    return await both_until(broken=False)


@workflow(key=str, name="buy")
async def with_a_fix_that_drops_the_sibling(order_id: str) -> str:
    sibling = asyncio.create_task(look_up("stock"))
    await look_up("price")
    sibling.cancel()
    await asyncio.wait([sibling])
    return "one"


async def defective(place: Place) -> Place:
    """A place where the body had a defect while its other branch's attempt was in flight."""
    gate = world.hold("stock")
    async with place.engine(with_a_bug) as engine:
        handle = await engine.start(with_a_bug, "o-1")
        await gate.entered()
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
        gate.open()
        await recorded(handle, "ActivitySucceeded", 2)
        return place.crashed()


@pytest.mark.parametrize(
    ("fixed", "result"), [(with_a_fix, "both"), (with_a_fix_that_drops_the_sibling, "one")]
)
async def test_a_defect_beside_a_branch_in_flight_goes_on_after_a_fix(
    place: Place, fixed: Workflow[str, str], result: str
) -> None:
    # behaviour 86
    left = await defective(place)
    for _ in range(2):
        async with left.engine(with_a_bug) as engine:
            handle = engine.handle("buy@o-1")
            await handle.resume("without a fix")
            with pytest.raises(ExecutionParked, match="KeyError"):
                await handle.result(timeout=10)
    async with left.engine(fixed) as engine:
        handle = engine.handle("buy@o-1")
        assert isinstance(await handle.status(), Suspended)
        await handle.resume("with the fix")
        assert await handle.result(timeout=10) == result
        again = left.crashed()
    async with again.engine(fixed) as engine:
        assert await engine.handle("buy@o-1").result(timeout=10) == result
    assert world.steps.count("stock") == 1


async def test_a_defect_beside_a_branch_in_flight_can_be_cancelled(place: Place) -> None:
    # behaviour 25
    gate = world.hold("stock")
    async with place.engine(with_a_bug) as engine:
        handle = await engine.start(with_a_bug, "o-1")
        await gate.entered()
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
        await handle.cancel("given up")
        with pytest.raises(CancelledExecution):
            await handle.result(timeout=10)
        assert "ActivityAbandoned" in await kinds(handle)


async def test_a_cancel_of_what_a_fix_has_mended_is_fed_to_the_body(place: Place) -> None:
    # behaviour 25
    left = await defective(place)

    @workflow(key=str, name="buy")
    async def goes_on(order_id: str) -> str:
        await both_until(broken=False)
        return await look_up("door")

    world.hold("door")
    async with left.engine(goes_on) as engine:
        handle = engine.handle("buy@o-1")
        await handle.cancel("given up")
        with pytest.raises(CancelledExecution):
            await handle.result(timeout=10)
    assert "door" not in world.steps


@pytest.mark.parametrize("turns", [1, 2, 3, 4, 6])
async def test_an_order_is_carried_out_though_whoever_gave_it_has_gone(
    place: Place, turns: int
) -> None:
    # behaviour 87
    left = await defective(place)
    async with left.engine(with_a_fix) as engine:
        handle = engine.handle("buy@o-1")
        order = asyncio.create_task(handle.resume())
        await recorded(handle, "ExecutionResumed")
        for _ in range(turns):
            await turn()
        order.cancel()
        assert await handle.result(timeout=10, on_parked="wait") == "both"
