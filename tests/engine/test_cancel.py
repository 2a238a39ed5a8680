"""Cancelling: forward work is undone completely, a rollback goes on, a body may tidy up."""

import asyncio

import pytest

from perdure import CancelledExecution, workflow
from perdure.domain.states import Cancelled, Compensating
from tests.engine.places import Place, kinds
from tests.engine.shop import OutOfStock, ProcessPayment, look_up, process_payment, world

pytestmark = pytest.mark.every_python
ORDER = ProcessPayment(order_id="o-1")


@pytest.mark.parametrize("step", ["total", "charge", "code", "ship", "email"])
async def test_a_cancel_in_forward_work_undoes_it_completely(place: Place, step: str) -> None:
    # behaviour 25
    gate = world.hold(step)
    async with place.engine(process_payment) as engine:
        handle = await engine.start(process_payment, ORDER)
        await gate.entered()
        await handle.cancel("the customer changed her mind")
        with pytest.raises(CancelledExecution) as cancelled:
            await handle.result(timeout=10)
        assert isinstance(await handle.status(), Cancelled)
    assert cancelled.value.reason == "the customer changed her mind"
    undo = {"charge": "refund", "code": "void", "ship": "recall"}
    done = ["total", "charge", "code", "ship", "email"]
    touched = done[: done.index(step) + 1]  # what is in flight may have been done
    expected = [undo[name] for name in reversed(touched) if name in undo]
    assert [call.step for call in world.calls if call.undoes] == expected


async def test_a_cancel_during_rollback_changes_nothing(place: Place) -> None:
    # behaviour 26
    world.fail("ship", OutOfStock(sku="A-1"))
    gate = world.hold("void")
    async with place.engine(process_payment) as engine:
        handle = await engine.start(process_payment, ORDER)
        await gate.entered()
        assert isinstance(await handle.status(), Compensating)
        await handle.cancel("too late")
        await handle.cancel("much too late")
        gate.open()
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
        await handle.cancel("after the end")
        recorded = await kinds(handle)
    assert [call.step for call in world.calls if call.undoes] == ["void", "refund"]
    assert recorded[-1] == "ExecutionCompensated"


async def test_a_body_may_tidy_up_after_a_cancel_and_a_second_one_is_only_recorded(
    place: Place,
) -> None:
    # behaviours 13, 26
    @workflow(key=str)
    async def wait(order_id: str) -> str:
        try:
            await asyncio.sleep(3600)
        except Exception:
            return "swallowed"
        except asyncio.CancelledError:
            return await look_up("farewell")
        return "slept"

    gate = world.hold("farewell")
    async with place.engine(wait) as engine:
        handle = await engine.start(wait, "o-1")
        await handle.cancel("first")
        await gate.entered()
        await handle.cancel("second")
        left = place.crashed()
        gate.open()
        assert await handle.result(timeout=10) == "the farewell"
    world.release("farewell")
    async with left.engine(wait) as engine:
        assert await engine.handle(handle.id).result(timeout=10) == "the farewell"
