"""The way back: in reverse order, with what each activity was given and returned, to its end."""

import asyncio

import pytest

from perdure import (
    ExecutionParked,
    Failure,
    Retry,
    WorkflowDefect,
    activity,
    current_activity,
    workflow,
)
from perdure.domain.states import Compensated, Stuck
from tests.engine.places import Place, recorded
from tests.engine.shop import (
    Charge,
    Lost,
    OutOfStock,
    ProcessPayment,
    crashed_at,
    create_tracking_code,
    process_payment,
    world,
)

pytestmark = pytest.mark.every_python
ORDER = ProcessPayment(order_id="o-1")


class BookClosed(Failure):
    day: str


@activity(retry=Retry.fixed(0.01, attempts=1))
async def reserve(sku: str) -> str:
    await world.serve("reserve", sku)
    return f"reserved {sku}"


@reserve.compensate(retry=Retry.fixed(0.01, attempts=3))
async def unreserve(result: str | None, sku: str) -> None:
    await world.serve("unreserve", result, sku)


@workflow(key=str, raises=[OutOfStock])
async def reserve_and_refuse(order_id: str) -> None:
    await create_tracking_code("Mill Lane 3")
    await reserve("A-1")
    raise OutOfStock(sku="A-1")


async def test_out_of_stock_after_the_charge_refunds_the_card_and_is_told_typed(
    place: Place,
) -> None:
    # behaviours 21, 33, 90
    world.fail("ship", OutOfStock(sku="A-1", left=2))
    async with place.engine(process_payment) as engine:
        handle = await engine.start(process_payment, ORDER)
        with pytest.raises(OutOfStock) as failed:
            await handle.result(timeout=10)
        status, history = await handle.status(), await handle.history()
    assert failed.value == OutOfStock(sku="A-1", left=2)
    assert failed.value.__notes__ == [
        "process_payment@o-1 failed with this; undone: create_tracking_code, charge_credit_card"
    ]
    assert isinstance(status, Compensated)
    assert status.undone == ("create_tracking_code", "charge_credit_card")
    assert world.steps == ["total", "charge", "code", "ship", "void", "refund"]
    assert world.of("void")[0].given == ("code for Mill Lane 3", "Mill Lane 3")
    charge, amount = world.of("refund")[0].given
    assert charge == Charge(reference="charge of visa-token", amount=amount)
    assert [event.undoes for event in history if event.kind == "ActivityCompensated"] == [3, 2]


async def test_a_compensation_has_a_key_of_its_own_and_knows_the_one_it_undoes(
    place: Place,
) -> None:
    # behaviour 21
    world.fail("ship", OutOfStock(sku="A-1"))
    async with place.engine(process_payment) as engine:
        with pytest.raises(OutOfStock):
            await engine.execute(process_payment, ORDER, timeout=10)
    refund, charge = world.of("refund")[0], world.of("charge")[0]
    assert (refund.undoes, refund.outcome) == (charge.key, "succeeded")
    assert refund.key != charge.key


async def test_completed_activities_are_undone_in_reverse_order_of_their_completion(
    place: Place,
) -> None:
    # behaviour 21
    @workflow(key=str, raises=[OutOfStock])
    async def reserve_two(order_id: str) -> None:
        await asyncio.gather(reserve("A-1"), create_tracking_code("Mill Lane 3"))
        raise OutOfStock(sku="A-1")

    gate = world.hold("reserve")
    async with place.engine(reserve_two) as engine:
        handle = await engine.start(reserve_two, "o-1")
        await recorded(handle, "ActivitySucceeded")
        gate.open()
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
    assert [call.step for call in world.calls if call.undoes] == ["unreserve", "void"]


async def test_what_may_have_happened_is_undone_first_and_without_a_result(place: Place) -> None:
    # behaviour 21
    @workflow(key=str)
    async def buy(order_id: str) -> None:
        await create_tracking_code("Mill Lane 3")
        await reserve("A-1")

    world.fail("reserve", Lost())
    async with place.engine(buy) as engine:
        with pytest.raises(Exception, match="reserve gave up after 1 attempts"):
            await engine.execute(buy, "o-1", timeout=10)
    undone = [(call.step, call.outcome) for call in world.calls if call.undoes]
    assert undone == [("unreserve", "unknown"), ("void", "succeeded")]
    assert world.of("unreserve")[0].given == (None, "A-1")


async def test_a_caught_failure_undoes_nothing_that_is_known(place: Place) -> None:
    # behaviour 21
    @workflow(key=str)
    async def shrug(order_id: str) -> str:
        code = await create_tracking_code("Mill Lane 3")
        try:
            raise OutOfStock(sku="A-1")
        except OutOfStock:
            return code

    async with place.engine(shrug) as engine:
        assert await engine.execute(shrug, "o-1", timeout=10) == "code for Mill Lane 3"
    assert world.steps == ["code"]


async def test_after_a_success_only_what_is_unknown_is_undone(place: Place) -> None:
    # behaviour 21
    @workflow(key=str)
    async def shrug(order_id: str) -> str:
        code = await create_tracking_code("Mill Lane 3")
        try:
            await reserve("A-1")
        except Exception:
            return code
        return "reserved"

    world.fail("reserve", Lost())
    async with place.engine(shrug) as engine:
        assert await engine.execute(shrug, "o-1", timeout=10) == "code for Mill Lane 3"
    assert world.steps == ["code", "reserve", "unreserve"]


async def test_a_failing_compensation_is_retried_and_later_ones_wait(place: Place) -> None:
    # behaviour 23
    world.fail("unreserve", RuntimeError("503"), RuntimeError("504"))
    async with place.engine(reserve_and_refuse) as engine:
        handle = await engine.start(reserve_and_refuse, "o-1")
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
        failed = [e for e in await handle.history() if e.kind == "CompensationAttemptFailed"]
    assert [(event.undoes, event.attempt) for event in failed] == [(2, 1), (2, 2)]
    undone = [call for call in world.calls if call.undoes]
    assert [call.step for call in undone] == ["unreserve", "unreserve", "unreserve", "void"]
    assert len({call.key for call in undone}) == 2


async def test_one_that_cannot_be_undone_is_stuck_and_resume_goes_on(place: Place) -> None:
    # behaviour 23
    world.fail("unreserve", *(RuntimeError(f"50{number}") for number in range(3)))
    async with place.engine(reserve_and_refuse) as engine:
        handle = await engine.start(reserve_and_refuse, "o-1")
        with pytest.raises(ExecutionParked) as parked:
            await handle.result(timeout=10)
        status = await handle.status()
    assert (parked.value.state, parked.value.reason) == ("stuck", "RuntimeError: 502")
    assert status == Stuck("reserve", "RuntimeError: 502")
    assert "void" not in world.steps
    async with place.engine(reserve_and_refuse) as engine:
        handle = engine.handle("reserve_and_refuse@o-1")
        assert isinstance(await handle.status(), Stuck)
        await handle.resume()
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
    assert [call.attempt for call in world.of("unreserve")] == [1, 2, 3, 4]
    assert world.steps[-1] == "void"


async def test_a_compensation_that_ends_in_a_failure_is_stuck_at_once(place: Place) -> None:
    # behaviour 23
    world.fail("unreserve", BookClosed(day="Sunday"))
    async with place.engine(reserve_and_refuse) as engine:
        handle = await engine.start(reserve_and_refuse, "o-1")
        with pytest.raises(ExecutionParked, match="Sunday"):
            await handle.result(timeout=10)
    assert len(world.of("unreserve")) == 1


async def test_a_defect_may_be_declared_to_roll_back(place: Place) -> None:
    # behaviour 33
    @workflow(key=str, on_defect="compensate")
    async def broken(order_id: str) -> int:
        await reserve("A-1")
        return len(None)  # type: ignore[arg-type]

    async with place.engine(broken) as engine:
        with pytest.raises(WorkflowDefect, match="TypeError") as failed:
            await engine.execute(broken, "o-1", timeout=10)
    assert failed.value.undone == ("reserve",)
    assert world.steps == ["reserve", "unreserve"]


async def test_a_compensation_nobody_declares_any_more_blocks_until_it_is_declared(
    place: Place,
) -> None:
    # behaviours 10, 28
    @activity(name="reserve")
    async def reserve_for_ever(sku: str) -> str:
        raise AssertionError("a rollback runs nothing forward")

    @workflow(key=str, name="reserve_and_refuse")
    async def without_undo(order_id: str) -> None:
        await create_tracking_code("Mill Lane 3")
        await reserve_for_ever("A-1")

    left = await crashed_at("unreserve", place, reserve_and_refuse, "o-1")
    async with left.engine(without_undo) as engine:
        with pytest.raises(ExecutionParked, match=r"no compensation named 'reserve\.compensate'"):
            await engine.handle("reserve_and_refuse@o-1").result(timeout=10)
    async with left.engine(reserve_and_refuse) as engine:
        with pytest.raises(OutOfStock):
            await engine.handle("reserve_and_refuse@o-1").result(timeout=10)
    assert [call.step for call in world.calls if call.undoes] == ["unreserve", "unreserve", "void"]


async def test_a_compensation_that_is_renamed_meanwhile_keeps_its_key(place: Place) -> None:
    # behaviours 10, 22
    @activity(name="reserve")
    async def reserve_for_ever(sku: str) -> str:
        raise AssertionError("a rollback runs nothing forward")

    @reserve_for_ever.compensate(retry=Retry.fixed(0.01))
    async def give_back(result: str | None, sku: str) -> None:
        await world.serve("unreserve", "given back")

    @workflow(key=str, name="reserve_and_refuse", raises=[OutOfStock])
    async def with_new_name(order_id: str) -> None:
        await create_tracking_code("Mill Lane 3")
        await reserve_for_ever("A-1")
        raise OutOfStock(sku="A-1")

    left = await crashed_at("unreserve", place, reserve_and_refuse, "o-1")
    world.fail("unreserve", Lost())
    async with left.engine(with_new_name) as engine:
        with pytest.raises(OutOfStock):
            await engine.handle("reserve_and_refuse@o-1").result(timeout=10)
    undone = world.of("unreserve")
    assert [call.attempt for call in undone] == [1, 2, 3]
    assert [call.given for call in undone[1:]] == [("given back",)] * 2
    assert len({call.key for call in undone}) == 1
    assert world.times_done("unreserve") == 1


async def test_sync_compensations_run_in_threads(memory: Place) -> None:
    # behaviour 12
    undone: list[str | None] = []

    @activity
    def draw(ticket: str) -> str:
        return f"ticket {ticket}"

    @draw.compensate
    def put_back(result: str | None) -> None:
        undone.append(f"{result}, attempt {current_activity().attempt}")

    @workflow(key=str)
    async def lottery(order_id: str) -> None:
        await draw("7")
        raise Failure("no luck")

    async with memory.engine(lottery) as engine:
        with pytest.raises(Failure, match="no luck"):
            await engine.execute(lottery, "o-1", timeout=10)
    assert undone == ["ticket 7, attempt 1"]
