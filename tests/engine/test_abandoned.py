"""What the body waits for no longer: recorded, never fed, and settled before the end."""

import asyncio
import threading

import pytest

from perdure import Failure, activity, workflow
from tests.engine.places import Place, kinds, turn
from tests.engine.shop import (
    OutOfStock,
    charge_credit_card,
    create_tracking_code,
    look_up,
    send_order_to_shipping,
    world,
)

pytestmark = pytest.mark.every_python


@workflow(key=str)
async def by_timeout(order_id: str) -> str:
    try:
        async with asyncio.timeout(0.02):
            return await create_tracking_code("Mill Lane 3")
    except TimeoutError:
        return await look_up("substitute")


@workflow(key=str)
async def by_wait_for(order_id: str) -> str:
    try:
        return await asyncio.wait_for(create_tracking_code("Mill Lane 3"), 0.02)
    except TimeoutError:
        return await look_up("substitute")


@pytest.mark.parametrize("shape", [by_timeout, by_wait_for], ids=lambda shape: shape.name)
async def test_an_activity_given_up_by_a_timeout_is_cancelled_and_undone_without_a_result(
    place: Place, shape: object
) -> None:
    # behaviour 21
    world.hold("code")
    async with place.engine(shape) as engine:  # type: ignore[arg-type]
        handle = await engine.start(shape, "o-1")  # type: ignore[arg-type]
        assert await handle.result(timeout=10) == "the substitute"
        recorded = await kinds(handle)
    assert recorded.count("ActivityAbandoned") == 1
    assert world.of("void")[0].given == (None, "Mill Lane 3")
    assert world.of("void")[0].outcome == "unknown"
    assert recorded.index("ActivityAbandoned") < recorded.index("AttemptFailed")
    assert recorded[-1] == "ExecutionSucceeded"


async def test_an_abandoned_activity_stays_abandoned_after_a_crash(place: Place) -> None:
    # behaviours 1, 21
    world.hold("code")
    substitute = world.hold("substitute")
    async with place.engine(by_timeout) as engine:
        handle = await engine.start(by_timeout, "o-1")
        await substitute.entered()
        left = place.crashed()
    world.gates.clear()
    async with left.engine(by_timeout) as engine:
        handle = engine.handle("by_timeout@o-1")
        assert await handle.result(timeout=10) == "the substitute"
        recorded = await kinds(handle)
    assert recorded.count("ActivityAbandoned") == 1
    assert len(world.of("code")) == 1
    assert len(world.of("void")) == 1


async def test_a_sync_activity_that_is_abandoned_runs_out_and_its_outcome_is_recorded(
    place: Place,
) -> None:
    # behaviour 21
    late, undone = threading.Event(), []

    @activity
    def print_label(order_id: str) -> str:
        late.wait(10)
        return f"label {order_id}"

    @print_label.compensate
    def tear_label(result: str | None) -> None:
        undone.append(result)

    @workflow(key=str)
    async def hurry(order_id: str) -> None:
        try:
            await asyncio.wait_for(print_label(order_id), 0.02)
        except TimeoutError:
            await look_up("patience")
        raise Failure("too late")

    patience = world.hold("patience")
    async with place.engine(hurry) as engine:
        handle = await engine.start(hurry, "o-1")
        await patience.entered()
        patience.open()
        while world.times_done("patience") == 0:
            await turn()
        late.set()
        with pytest.raises(Failure, match="too late"):
            await handle.result(timeout=10)
        history = await handle.history()
    outcomes = [(e.ordinal, e.kind) for e in history if e.kind == "ActivitySucceeded"]
    label = next(e.ordinal for e in history if e.activity == "print_label")
    assert (label, "ActivitySucceeded") in outcomes
    assert undone == ["label o-1"]
    began = [event.kind for event in history].index("CompensationBegan")
    assert all(event.kind != "ActivitySucceeded" for event in history[began:])


async def test_a_sibling_s_failure_abandons_what_a_group_has_in_flight(place: Place) -> None:
    # behaviour 21
    @workflow(key=str, raises=[OutOfStock])
    async def both(order_id: str) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(create_tracking_code("Mill Lane 3"))
            group.create_task(send_order_to_shipping(order_id, "code-7"))

    world.hold("code")
    world.fail("ship", OutOfStock(sku="A-1"))
    async with place.engine(both) as engine:
        with pytest.raises(OutOfStock):
            await engine.execute(both, "o-1", timeout=10)
    assert [(call.step, call.given[0]) for call in world.calls if call.undoes] == [("void", None)]


async def test_tasks_left_behind_are_cancelled_and_their_finally_is_performed(
    place: Place,
) -> None:
    @workflow(key=str)
    async def leave(order_id: str) -> str:
        async def watch() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                await look_up("farewell")

        task = asyncio.create_task(watch())
        await look_up("price")
        return task.get_name() and "done"

    async with place.engine(leave) as engine:
        handle = await engine.start(leave, "o-1")
        assert await handle.result(timeout=10) == "done"
        recorded = await kinds(handle)
    assert world.steps == ["price", "farewell"]
    assert "TimerCancelled" in recorded
    assert "TimerFired" not in recorded


async def test_a_request_that_is_dropped_at_once_leaves_no_event(place: Place) -> None:
    @workflow(key=str)
    async def regret(order_id: str) -> str:
        task = asyncio.create_task(look_up("regretted"))
        await asyncio.sleep(0)
        task.cancel()
        timer = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        timer.cancel()
        return await look_up("price")

    async with place.engine(regret) as engine:
        handle = await engine.start(regret, "o-1")
        assert await handle.result(timeout=10) == "the price"
        assert await kinds(handle) == [
            "ExecutionStarted",
            "ActivityStarted",
            "ActivitySucceeded",
            "ExecutionSucceeded",
        ]
    assert world.steps == ["price"]


async def test_the_loser_of_a_race_is_settled_before_the_end(place: Place) -> None:
    # behaviour 21
    @workflow(key=str)
    async def race(order_id: str) -> str:
        code = asyncio.create_task(create_tracking_code("Mill Lane 3"))
        price = asyncio.create_task(look_up("price"))
        done, waiting = await asyncio.wait([code, price], return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return done.pop().result()

    world.hold("code")
    async with place.engine(race) as engine:
        handle = await engine.start(race, "o-1")
        assert await handle.result(timeout=10) == "the price"
    assert world.of("void")[0].given == (None, "Mill Lane 3")


async def test_a_charge_given_up_is_refunded_by_the_key_of_the_charge(place: Place) -> None:
    # behaviours 21, 89
    @workflow(key=str)
    async def pay(order_id: str) -> None:
        async with asyncio.timeout(0.02):
            await charge_credit_card("visa-token", 12)  # type: ignore[arg-type]

    world.hold("charge")
    async with place.engine(pay) as engine:
        handle = await engine.start(pay, "o-1")
        await handle.cancel()
        with pytest.raises(Exception, match="cancelled"):
            await handle.result(timeout=10)
    assert [call.undoes for call in world.of("refund")] == [call.key for call in world.of("charge")]
