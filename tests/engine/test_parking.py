"""Suspended on purpose, or for a defect: nothing is lost, and somebody's resume goes on."""

import asyncio

import pytest

from perdure import ExecutionParked, activity, random, suspend, uuid4, version, workflow
from perdure.domain.states import Suspended
from tests.engine.places import Place, kinds, recorded
from tests.engine.shop import OutOfStock, crashed_at, find, look_up, world

pytestmark = pytest.mark.every_python


async def test_a_defect_of_the_body_suspends_and_goes_on_after_a_fix(place: Place) -> None:
    # behaviour 86
    @workflow(key=str, name="buy")
    async def broken(order_id: str) -> str:
        price = await look_up("price")
        return price + 1  # type: ignore[operator]

    @workflow(key=str, name="buy")
    async def mended(order_id: str) -> str:
        price = await look_up("price")
        return price + " and one"

    async with place.engine(broken) as engine:
        handle = await engine.start(broken, "o-1")
        with pytest.raises(ExecutionParked, match="defect of the body: TypeError") as parked:
            await handle.result(timeout=10)
        assert parked.value.state == "suspended"
        await handle.resume()
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
    async with place.engine(mended) as engine:
        handle = engine.handle("buy@o-1")
        assert isinstance(await handle.status(), Suspended)
        await handle.resume()
        assert await handle.result(timeout=10) == "the price and one"
    assert world.steps == ["price"]


async def test_mending_an_activity_lets_what_is_stuck_on_it_complete(place: Place) -> None:
    # behaviour 86
    world.fail("price", *(RuntimeError("bug") for _ in range(3)))
    gate = world.hold("price")
    async with place.engine(find) as engine:
        handles = [await engine.start(find, f"o-{number}") for number in range(5)]
        await gate.entered()
        left = place.crashed()
    world.empty()
    async with left.engine(find) as engine:
        results = [await engine.handle(handle.id).result(timeout=10) for handle in handles]
    assert results == ["the price"] * 5


async def test_a_defect_is_recorded_with_its_line_and_its_traceback(place: Place) -> None:
    # behaviour 86
    @workflow(key=str)
    async def divide(order_id: str) -> float:
        return 1 / (len(order_id) - 3)

    async with place.engine(divide) as engine:
        handle = await engine.start(divide, "o-1")
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
        suspended = (await handle.history())[-1]
    assert suspended.kind == "ExecutionSuspended"
    assert suspended.error == "ZeroDivisionError: division by zero"


@workflow(key=str)
async def ask_somebody(order_id: str) -> str:
    try:
        await suspend("needs a look")
    except BaseException:
        await look_up("swallowed")
        raise
    finally:
        world_after = await look_up("after")
    return world_after


async def test_a_body_suspends_itself_and_no_handler_of_its_own_sees_it(place: Place) -> None:
    # behaviours 13, 87
    parked: list[ExecutionParked] = []
    async with place.engine(ask_somebody, on_parked=parked.append) as engine:
        handle = await engine.start(ask_somebody, "o-1")
        with pytest.raises(ExecutionParked, match="needs a look"):
            await handle.result(timeout=10)
        assert await handle.status() == Suspended("needs a look")
    assert [one.reason for one in parked] == ["needs a look"]
    async with place.engine(ask_somebody) as engine:
        handle = engine.handle("ask_somebody@o-1")
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
        await handle.resume("looked at it")
        assert await handle.result(timeout=10, on_parked="wait") == "the after"
        assert (await kinds(handle)).count("ExecutionSuspended") == 1
    assert world.steps == ["after"]


async def test_an_activity_suspends_and_resume_runs_its_next_attempt(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    # behaviours 13, 87
    swallowed: list[str] = []

    @activity
    async def approve(order_id: str) -> str:
        world.note("approve", order_id)
        try:
            if len(world.calls) == 1:
                suspend("the limit is reached")
        except Exception:
            swallowed.append("by except Exception")
        return "approved"

    @workflow(key=str)
    async def buy(order_id: str) -> str:
        return await approve(order_id)

    parked: list[ExecutionParked] = []
    async with place.engine(buy, on_parked=parked.append) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(ExecutionParked, match="approve: the limit is reached"):
            await handle.result(timeout=10)
        await handle.resume()
        assert await handle.result(timeout=10) == "approved"
    assert [call.attempt for call in world.calls] == [1, 2]
    assert len({call.key for call in world.calls}) == 1
    assert [one.execution_id for one in parked] == ["buy@o-1"]
    assert "buy@o-1 is suspended: approve: the limit is reached" in caplog.text
    assert swallowed == []


async def test_attempts_in_flight_end_while_suspended_and_are_fed_after_resume(
    place: Place,
) -> None:
    # behaviour 87
    @workflow(key=str)
    async def both(order_id: str) -> list[str]:
        async def second() -> str:
            return await look_up("stock") + await look_up("shelf")

        async with asyncio.TaskGroup() as group:
            found = group.create_task(second())
            await asyncio.sleep(0)  # the other branch asks first, so its attempt is in flight
            await suspend("needs a look")
        return [found.result()]

    gate = world.hold("stock")
    async with place.engine(both) as engine:
        handle = await engine.start(both, "o-1")
        await gate.entered()
        gate.open()
        await recorded(handle, "ActivitySucceeded")
        assert world.steps == ["stock"]
        left = place.crashed()
    async with left.engine(both) as engine:
        handle = engine.handle("both@o-1")
        await handle.resume()
        assert await handle.result(timeout=10) == ["the stockthe shelf"]
    assert world.steps == ["stock", "shelf"]


async def test_a_failure_that_was_not_declared_suspends_with_the_hint(place: Place) -> None:
    @activity
    async def ship(order_id: str) -> None:
        await world.serve("ship", order_id)

    @workflow(key=str)
    async def buy(order_id: str) -> None:
        await ship(order_id)

    world.fail("ship", OutOfStock(sku="A-1"))
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(ExecutionParked) as parked:
            await handle.result(timeout=10)
        assert "OutOfStock is not declared: add it to raises=[...] of ship" in str(parked.value)
        await handle.resume()
        await handle.result(timeout=10)
    assert [call.attempt for call in world.calls] == [1, 2]


@workflow(key=str, name="buy")
async def unguarded(order_id: str) -> str:
    await look_up("price")
    await look_up("door")
    return await look_up("exit")


@workflow(key=str, name="buy")
async def guarded(order_id: str) -> str:
    await look_up("price")
    number = version("trusted-cards", 2)
    if number >= 2:
        await look_up("card")
    await look_up("door")
    return f"{number}{version('trusted-cards', 2)} {await look_up('exit')}"


async def test_a_change_guarded_by_version_spares_executions_that_passed_it(place: Place) -> None:
    # behaviour 88
    left = await crashed_at("door", place, unguarded, "o-1")
    async with left.engine(guarded) as engine:
        assert await engine.handle("buy@o-1").result(timeout=10) == "11 the exit"
        assert await engine.execute(guarded, "o-2", timeout=10) == "22 the exit"
        recorded = await kinds(engine.handle("buy@o-2"))
    assert world.steps == ["price", "door", "door", "exit", "price", "card", "door", "exit"]
    assert recorded.count("VersionRecorded") == 1


async def test_the_version_of_the_first_pass_stays(place: Place) -> None:
    # behaviour 88
    @workflow(key=str, name="buy")
    async def newer(order_id: str) -> str:
        await look_up("price")
        number = version("trusted-cards", 3)
        if number >= 2:
            await look_up("card")
        await look_up("door")
        return f"{number} {await look_up('exit')}"

    left = await crashed_at("exit", place, guarded, "o-1")
    async with left.engine(newer) as engine:
        assert await engine.handle("buy@o-1").result(timeout=10) == "2 the exit"


async def test_old_code_is_blocked_by_a_newer_version_than_it_knows(place: Place) -> None:
    # behaviours 8, 88
    @workflow(key=str, name="buy")
    async def older(order_id: str) -> str:
        await look_up("price")
        return str(version("trusted-cards", 1))

    left = await crashed_at("exit", place, guarded, "o-1")
    async with left.engine(older) as engine:
        with pytest.raises(ExecutionParked, match="knows up to version 1"):
            await engine.handle("buy@o-1").result(timeout=10)


async def test_random_and_uuid4_are_drawn_alike_on_replay_and_apart_elsewhere(
    place: Place,
) -> None:
    # behaviour 11
    seen: list[list[str]] = []

    @workflow(key=str)
    async def draw(order_id: str) -> list[str]:
        drawn = [str(random()), str(uuid4()), str(random()), str(uuid4())]
        seen.append(drawn)
        await look_up("door")
        return drawn

    left = await crashed_at("door", place, draw, "o-1")
    async with left.engine(draw) as engine:
        drawn = await engine.handle("draw@o-1").result(timeout=10)
        other = await engine.execute(draw, "o-2", timeout=10)
    assert seen == [drawn, drawn, other]
    assert len({*drawn, *other}) == 8
    assert all(0 <= float(number) < 1 for number in drawn[::2])
