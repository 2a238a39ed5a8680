"""A process that dies at any commit: what completed stays, what was in flight is tried again."""

import asyncio
from decimal import Decimal

import pytest

from perdure import workflow
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Camera, Place, engine_in, kinds
from tests.engine.shop import (
    Charge,
    Lost,
    OutOfStock,
    ProcessPayment,
    charge_credit_card,
    crashed_at,
    look_up,
    process_payment,
    world,
)

pytestmark = pytest.mark.every_python
ORDER = ProcessPayment(order_id="o-1")
IN_ORDER = ["total", "charge", "code", "ship", "email"]


@pytest.mark.parametrize("step", IN_ORDER)
async def test_after_a_crash_only_the_attempt_in_flight_runs_again(place: Place, step: str) -> None:
    # behaviours 1, 2
    left = await crashed_at(step, place, process_payment, ORDER)
    async with left.engine(process_payment) as engine:
        handle = engine.handle("process_payment@o-1")
        assert await handle.result(timeout=10) == "code for Mill Lane 3"
        crashes = [event for event in await handle.history() if event.kind == "AttemptFailed"]
    at = IN_ORDER.index(step)
    assert world.steps == [*IN_ORDER[: at + 1], *IN_ORDER[at:]]
    first, second = world.of(step)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.key == second.key
    assert [(crash.ordinal, crash.attempt) for crash in crashes] == [(at + 1, 1)]


async def test_every_commit_of_a_saga_is_a_place_where_it_may_crash() -> None:
    # behaviours 1, 2
    camera = Camera()
    async with engine_in(camera.journal, process_payment) as engine:
        await engine.execute(process_payment, ORDER)
    assert len(camera.pictures) == 6
    for picture in camera.pictures:
        completed = len([row for row in picture.events if row.topic == "ActivitySucceeded"])
        world.calls.clear()
        async with engine_in(MemoryJournal(picture), process_payment) as engine:
            handle = engine.handle("process_payment@o-1")
            assert await handle.result(timeout=10) == "code for Mill Lane 3"
        assert world.steps == IN_ORDER[completed:]
    assert sorted(world.effects.values()) == sorted(IN_ORDER)


async def test_every_commit_of_a_rollback_is_a_place_where_it_may_crash() -> None:
    # behaviour 22
    camera = Camera()
    world.fail("ship", OutOfStock(sku="A-1"))
    async with engine_in(camera.journal, process_payment) as engine:
        with pytest.raises(OutOfStock):
            await engine.execute(process_payment, ORDER)
    for picture in camera.pictures:
        topics = [row.topic for row in picture.events]
        if "CompensationBegan" not in topics:
            continue
        world.calls.clear()
        async with engine_in(MemoryJournal(picture), process_payment) as engine:
            with pytest.raises(OutOfStock) as failed:
                await engine.handle("process_payment@o-1").result(timeout=10)
        assert failed.value == OutOfStock(sku="A-1")
        assert world.steps == ["void", "refund"][topics.count("ActivityCompensated") :]
    assert (world.times_done("void"), world.times_done("refund")) == (1, 1)


@pytest.mark.parametrize("step", ["void", "refund"])
async def test_a_compensation_in_flight_at_a_crash_runs_again_by_its_key(
    place: Place, step: str
) -> None:
    # behaviour 22
    world.fail("ship", OutOfStock(sku="A-1"))
    left = await crashed_at(step, place, process_payment, ORDER)
    async with left.engine(process_payment) as engine:
        with pytest.raises(OutOfStock):
            await engine.handle("process_payment@o-1").result(timeout=10)
    first, second = world.of(step)
    assert (first.attempt, second.attempt, first.key) == (1, 2, second.key)
    assert first.undoes == second.undoes != first.key
    undone = [call.step for call in world.calls if call.undoes]
    assert undone == (
        ["void", "void", "refund"] if step == "void" else ["void", "refund", "refund"]
    )


async def test_two_crashes_in_one_attempt_count_as_two_attempts(place: Place) -> None:
    # behaviour 2
    left = await crashed_at("charge", place, process_payment, ORDER)
    gate = world.hold("charge")
    async with left.engine(process_payment) as engine:
        await gate.entered()
        left = left.crashed()
    world.release("charge")
    async with left.engine(process_payment) as engine:
        await engine.handle("process_payment@o-1").result(timeout=10)
    assert [call.attempt for call in world.of("charge")] == [1, 2, 3]
    assert len({call.key for call in world.of("charge")}) == 1


async def test_a_lost_answer_is_asked_for_again_and_the_card_is_charged_once(place: Place) -> None:
    # behaviour 89
    world.fail("charge", Lost(), Lost())
    async with place.engine(process_payment) as engine:
        await engine.execute(process_payment, ORDER)
    assert [call.attempt for call in world.of("charge")] == [1, 2, 3]
    assert world.times_done("charge") == 1


async def test_what_ended_stays_ended_and_still_answers(place: Place) -> None:
    # behaviour 1
    async with place.engine(process_payment) as engine:
        await engine.execute(process_payment, ORDER)
    async with place.engine(process_payment) as engine:
        handle = await engine.start(process_payment, ORDER)
        assert await handle.result(timeout=10) == "code for Mill Lane 3"
        assert (await kinds(handle)).count("ExecutionSucceeded") == 1
    assert world.steps == IN_ORDER


async def test_keys_differ_between_activities_and_between_executions(memory: Place) -> None:
    async with memory.engine(process_payment) as engine:
        requests = [ProcessPayment(order_id=f"o-{number}") for number in range(3)]
        await asyncio.gather(*(engine.execute(process_payment, one) for one in requests))
    assert len({call.key for call in world.calls}) == len(world.calls) == 15


async def test_a_result_is_the_same_object_of_the_same_type_live_and_replayed(place: Place) -> None:
    # behaviour 3
    seen: list[object] = []

    @workflow(key=str)
    async def pay(order_id: str) -> Charge:
        charge = await charge_credit_card("visa-token", Decimal("0.10"))
        seen.append(charge)
        await look_up("receipt")
        return charge

    left = await crashed_at("receipt", place, pay, "o-1")
    async with left.engine(pay) as engine:
        result = await engine.handle("pay@o-1").result(timeout=10)
    assert seen == [result, result]
    assert result == Charge(reference="charge of visa-token", amount=Decimal("0.10"))
    assert world.steps == ["charge", "receipt", "receipt"]
