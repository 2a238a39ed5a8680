"""Deadlines of whole executions: durable, and always through the rollback."""

import asyncio

import pytest

from perdure import (
    CancelledExecution,
    DeclarationError,
    ExecutionParked,
    suspend,
    time_left,
    workflow,
)
from perdure.domain.states import Cancelled
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Later, Place, engine_in, kinds, recorded
from tests.engine.shop import ProcessPayment, charge_credit_card, get_total_amount, look_up, world

pytestmark = pytest.mark.every_python
ORDER = ProcessPayment(order_id="o-1")


@workflow(key="order_id", deadline=0.8)
async def pay_and_wait(request: ProcessPayment) -> None:
    amount = await get_total_amount(request.order_id)
    await charge_credit_card(request.payment_method, amount)
    await asyncio.sleep(3600)


@workflow(key=str, deadline=3600)
async def ask(order_id: str) -> None:
    left = time_left()
    assert left is not None
    assert left.total_seconds() == 3600
    await suspend("somebody has to look")


async def test_a_deadline_that_passes_cancels_and_rolls_back(place: Place) -> None:
    # behaviours 19, 25
    async with place.engine(pay_and_wait) as engine:
        handle = await engine.start(pay_and_wait, ORDER)
        with pytest.raises(CancelledExecution, match=r"its deadline of 0\.8 s has passed"):
            await handle.result(timeout=10)
        state = await handle.status()
        assert isinstance(state, Cancelled)
        assert state.undone == ("charge_credit_card",)
    assert world.steps == ["total", "charge", "refund"]


async def test_a_deadline_that_passed_while_no_engine_ran_holds_when_one_opens(
    place: Place,
) -> None:
    # behaviour 19
    async with place.engine(pay_and_wait) as engine:
        handle = await engine.start(pay_and_wait, ORDER)
        await recorded(handle, "TimerSet")
        left = place.crashed()
    async with left.engine(pay_and_wait) as engine:
        with pytest.raises(CancelledExecution):
            await engine.handle("pay_and_wait@o-1").result(timeout=10)
    assert world.times_done("refund") == 1


async def test_a_deadline_counts_while_the_execution_is_suspended(place: Place) -> None:
    # behaviour 19
    journal = MemoryJournal()
    async with engine_in(journal, ask) as engine:
        handle = await engine.start(ask, "o-1")
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
        assert engine._residents.live == {}
    async with engine_in(MemoryJournal(journal.log), ask, clock=Later(3601)) as engine:
        with pytest.raises(CancelledExecution, match="deadline"):
            await engine.handle("ask@o-1").result(timeout=10, on_parked="wait")


async def test_a_suspended_execution_is_cancelled_by_its_deadline_in_the_engine_that_has_it(
    place: Place,
) -> None:
    # behaviour 19
    @workflow(key=str, deadline=0.1)
    async def ask_briefly(order_id: str) -> None:
        await suspend("somebody has to look")

    async with place.engine(ask_briefly) as engine:
        handle = await engine.start(ask_briefly, "o-1")
        with pytest.raises(CancelledExecution, match="deadline"):
            await handle.result(timeout=10, on_parked="wait")


async def test_an_end_before_the_deadline_is_just_an_end(memory: Place) -> None:
    @workflow(key=str, deadline=3600)
    async def quick(order_id: str) -> str:
        return await look_up("price")

    journal = MemoryJournal()
    async with engine_in(journal, quick) as engine:
        assert await engine.execute(quick, "o-1", timeout=10) == "the price"
    async with engine_in(MemoryJournal(journal.log), quick, clock=Later(3601)) as engine:
        handle = engine.handle("quick@o-1")
        assert await handle.result(timeout=10) == "the price"
        assert "CancellationRequested" not in await kinds(handle)


async def test_a_rollback_is_not_cancelled_by_a_deadline(place: Place) -> None:
    # behaviour 26
    gate = world.hold("refund")
    async with place.engine(pay_and_wait) as engine:
        handle = await engine.start(pay_and_wait, ORDER)
        await recorded(handle, "TimerSet")
        await handle.cancel("by hand")
        await gate.entered()
        before = await kinds(handle)
        gate.open()
        with pytest.raises(CancelledExecution, match="by hand"):
            await handle.result(timeout=10)
        assert before.count("CancellationRequested") == 1


def test_a_deadline_is_a_time_that_can_pass() -> None:
    # behaviour 1
    with pytest.raises(DeclarationError, match="deadline=0 is no time that can pass"):

        @workflow(key=str, deadline=0)
        async def never(order_id: str) -> None: ...


async def test_without_a_deadline_there_is_no_time_left_to_tell(memory: Place) -> None:
    @workflow(key=str)
    async def free(order_id: str) -> bool:
        return time_left() is None

    async with memory.engine(free) as engine:
        assert await engine.execute(free, "o-1", timeout=10)
