"""What may kill its process: tried again one at a time, and parked when it does so alone."""

import asyncio

import pytest

from perdure import ExecutionParked, workflow
from perdure.domain.states import Stuck, Suspended
from perdure.sagas.suspects import Suspects
from tests.engine.places import Place, kinds, turn
from tests.engine.shop import (
    OutOfStock,
    ProcessPayment,
    find,
    look_up,
    process_payment,
    world,
)

pytestmark = pytest.mark.every_python


async def died(place: Place, step: str, calls: int, *names: str) -> Place:
    """What is left when the process dies with so many calls of this step in flight."""
    world.calls.clear()
    gate = world.hold(step)
    async with place.engine(find) as engine:
        for name in names:
            await engine.start(find, name)
        while len(world.of(step)) < calls:
            await turn()
        left = place.crashed()
    world.release(step)
    gate.open()
    return left


async def test_what_kills_its_process_alone_is_parked_and_tried_again_when_resumed(
    place: Place,
) -> None:
    # behaviour 20
    left = await died(place, "price", 1, "o-1")
    for _ in range(2):
        left = await died(left, "price", 1)
    async with left.engine(find) as engine:
        handle = engine.handle("find@o-1")
        with pytest.raises(ExecutionParked, match="died 3 times in a row while look_up was in"):
            await handle.result(timeout=10)
        assert isinstance(await handle.status(), Suspended)
        before = len(world.calls)
        await handle.resume("it was mended")
        assert await handle.result(timeout=10) == "the price"
        assert len(world.calls) == before + 1


async def test_a_resumption_counts_anew(place: Place) -> None:
    # behaviour 20
    left = await died(place, "price", 1, "o-1")
    for _ in range(2):
        left = await died(left, "price", 1)
    async with left.engine(find) as engine:
        gate = world.hold("price")
        await engine.handle("find@o-1").resume()
        await gate.entered()
        left = left.crashed()
    left = await died(left, "price", 1)
    async with left.engine(find) as engine:
        assert await engine.handle("find@o-1").result(timeout=10) == "the price"


async def test_suspects_begin_one_at_a_time_and_the_innocent_go_on(place: Place) -> None:
    # behaviour 20
    names = ("o-1", "o-2", "o-3")
    left = await died(place, "price", 3, *names)
    left = await died(left, "price", 3)
    world.calls.clear()
    gate = world.hold("price")
    async with left.engine(find) as engine:
        await gate.entered()
        for _ in range(20):
            await turn()
        assert len(world.of("price")) == 1
        gate.open()
        results = [await engine.handle(f"find@{name}").result(timeout=10) for name in names]
    assert results == ["the price"] * 3


async def test_a_suspect_that_runs_for_long_lets_the_others_begin(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviour 20
    monkeypatch.setattr("perdure.sagas.suspects.INNOCENT_AFTER_SECONDS", 0.02)
    left = await died(place, "price", 2, "o-1", "o-2")
    left = await died(left, "price", 2)
    world.calls.clear()
    world.hold("price")
    async with left.engine(find):
        async with asyncio.timeout(10):
            while len(world.of("price")) < 2:
                await turn()
        assert {call.attempt for call in world.of("price")} == {3}


async def test_a_suspect_that_is_never_issued_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("perdure.sagas.suspects.FORGOTTEN_AFTER_SECONDS", 0.01)
    begun: list[str] = []
    suspects = Suspects(asyncio.get_running_loop())
    for name in ("lost", "next"):
        suspects.line_up((name, 1), lambda name=name: not begun.append(name))  # type: ignore[misc]
    assert begun == ["lost"]
    async with asyncio.timeout(10):
        while len(begun) < 2:
            await turn()
    assert begun == ["lost", "next"]


async def test_to_be_stopped_is_no_crash(place: Place) -> None:
    # behaviour 20
    gate = world.hold("price")
    async with place.engine(find) as engine:
        await engine.start(find, "o-1")
        await gate.entered()
    for attempt in range(2, 6):
        async with place.engine(find) as engine:
            while len(world.of("price")) < attempt:
                await turn()
    gate.open()
    async with place.engine(find) as engine:
        handle = engine.handle("find@o-1")
        assert await handle.result(timeout=10) == "the price"
        ended = [one for one in await handle.history() if one.kind == "AttemptFailed"]
        assert {str(one.error).partition(":")[0] for one in ended} == {"Stopped"}


async def test_a_compensation_that_kills_its_process_alone_is_stuck(place: Place) -> None:
    # behaviours 20, 23
    order = ProcessPayment(order_id="o-1")
    world.fail("ship", OutOfStock(sku="lamp"))
    left = place
    for count in range(3):
        world.calls.clear()
        gate = world.hold("void")
        async with left.engine(process_payment) as engine:
            if count == 0:
                await engine.start(process_payment, order)
            await gate.entered()
            left = left.crashed()
        world.release("void")
    async with left.engine(process_payment) as engine:
        handle = engine.handle("process_payment@o-1")
        with pytest.raises(ExecutionParked, match="died 3 times in a row while void_tracking"):
            await handle.result(timeout=10)
        assert isinstance(await handle.status(), Stuck)
        await handle.resume()
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
        assert (await kinds(handle))[-1] == "ExecutionCompensated"


async def test_two_crashes_of_other_attempts_make_no_suspect(place: Place) -> None:
    @workflow(key=str)
    async def two(order_id: str) -> str:
        await look_up("price")
        return await look_up("stock")

    left = place
    for step in ("price", "stock"):
        gate = world.hold(step)
        async with left.engine(two) as engine:
            if step == "price":
                await engine.start(two, "o-1")
            await gate.entered()
            left = left.crashed()
        world.release(step)
    async with left.engine(two) as engine:
        handle = engine.handle("two@o-1")
        assert await handle.result(timeout=10) == "the stock"
        assert "alone" not in str(await handle.history())
