"""Code that no longer fits what is recorded: the execution is blocked, nothing is appended."""

import asyncio
from typing import Any

import pytest

from perdure import ExecutionParked, Workflow, activity, connect, workflow
from perdure.domain.states import BlockedByCode
from tests.engine.places import Place, kinds, turn
from tests.engine.shop import crashed_at, look_up, world

pytestmark = pytest.mark.every_python


@activity
async def look_elsewhere(what: str) -> str:
    return f"another {what}"


@workflow(key=str, name="buy")
async def as_recorded(order_id: str) -> str:
    await look_up("price")
    await look_up("stock")
    return await look_up("door")


@workflow(key=str, name="buy")
async def another_name(order_id: str) -> str:
    await look_elsewhere("price")
    return await look_up("door")


@workflow(key=str, name="buy")
async def another_order(order_id: str) -> str:
    await look_up("stock")
    await look_up("price")
    return await look_up("door")


@workflow(key=str, name="buy")
async def another_argument(order_id: str) -> str:
    await look_up("price")
    await look_up("stock of today")
    return await look_up("door")


@workflow(key=str, name="buy")
async def one_more(order_id: str) -> str:
    await asyncio.gather(look_up("price"), look_up("weather"))
    await look_up("stock")
    return await look_up("door")


@workflow(key=str, name="buy")
async def one_less(order_id: str) -> str:
    await look_up("price")
    return await look_up("door")


@workflow(key=str, name="buy")
async def no_more(order_id: str) -> str:
    return await look_up("price")


@workflow(key=str, name="buy")
async def a_timer_instead(order_id: str) -> str:
    await asyncio.sleep(3600)
    return "late"


CHANGES = [
    (another_name, "request 1", "look_up(", "look_elsewhere("),
    (another_order, "request 1", '"price"', '"stock"'),
    (another_argument, "request 2", '"stock"', '"stock of today"'),
    (one_more, "after event 1", "1 of them", '"weather"'),
    (one_less, "request 2", '"stock"', '"door"'),
    (no_more, "request 2", '"stock"', "nothing"),
    (a_timer_instead, "request 1", "look_up(", "a timer due"),
]


@pytest.mark.parametrize(
    ("changed", "position", "expected", "actual"), CHANGES, ids=[c[0].__name__ for c in CHANGES]
)
async def test_a_changed_body_is_blocked_and_the_old_one_finishes_it(
    place: Place, changed: Workflow[str, str], position: str, expected: str, actual: str
) -> None:
    # behaviours 7, 8
    gate = world.hold("door")
    async with place.engine(as_recorded) as engine:
        handle = await engine.start(as_recorded, "o-1")
        await gate.entered()
        recorded = len(await handle.history())
        left = place.crashed()
    world.release("door")
    async with left.engine(changed) as engine:
        handle = engine.handle("buy@o-1")
        with pytest.raises(ExecutionParked) as parked:
            await handle.result(timeout=10)
        assert parked.value.state == "blocked"
        told = parked.value.reason
        state = await handle.status()
        assert isinstance(state, BlockedByCode)
        assert (str(state), state.code) == (told, changed.code_fingerprint)
        async with connect(left.url) as client:
            assert await client.handle(handle.id).status() == state
        assert len(await handle.history()) == recorded
    for part in ("buy@o-1 diverges", position, expected, actual):
        assert part in told
    async with left.engine(as_recorded) as engine:
        assert await engine.handle("buy@o-1").result(timeout=10) == "the door"
    assert world.steps == ["price", "stock", "door", "door"]


async def test_the_message_names_the_source_line_that_asked_for_something_else(
    memory: Place,
) -> None:
    # behaviour 7
    left = await crashed_at("door", memory, as_recorded, "o-1")
    async with left.engine(another_argument) as engine:
        with pytest.raises(ExecutionParked) as parked:
            await engine.handle("buy@o-1").result(timeout=10)
    line = another_argument.function.__code__.co_firstlineno + 3
    assert f"test_divergence.py:{line}" in parked.value.reason


async def test_rolling_the_code_back_heals_all_executions_at_once(place: Place) -> None:
    # behaviour 8
    names = [f"o-{number}" for number in range(20)]
    gate = world.hold("door")
    async with place.engine(as_recorded) as engine:
        for name in names:
            await engine.start(as_recorded, name)
        while len(world.of("door")) < len(names):
            await turn()
        left = place.crashed()
    world.release("door")
    gate.open()
    async with left.engine(another_order) as engine:
        for name in names:
            with pytest.raises(ExecutionParked):
                await engine.handle(f"buy@{name}").result(timeout=10)
    async with left.engine(as_recorded) as engine:
        handles = [engine.handle(f"buy@{name}") for name in names]
        results = await asyncio.gather(*(handle.result(timeout=10) for handle in handles))
    assert results == ["the door"] * len(names)


async def test_an_unknown_workflow_is_blocked_and_goes_on_when_it_is_known(place: Place) -> None:
    # behaviour 10
    @workflow(key=str)
    async def other(order_id: str) -> str:
        return await look_up("other")

    left = await crashed_at("door", place, as_recorded, "o-1")
    parked: list[ExecutionParked] = []
    told = asyncio.Event()

    def note(error: ExecutionParked) -> None:
        parked.append(error)
        told.set()

    async with left.engine(other, on_parked=note) as engine:
        await asyncio.wait_for(told.wait(), 10)
        assert await engine.execute(other, "o-2") == "the other"
    assert [(one.execution_id, one.state) for one in parked] == [("buy@o-1", "blocked")]
    assert "no workflow named 'buy' is known here" in parked[0].reason
    async with left.engine(as_recorded) as engine:
        handle: Any = engine.handle("buy@o-1")
        assert await handle.result(timeout=10) == "the door"
        assert "ExecutionSuspended" not in await kinds(handle)


async def test_renamed_code_answers_to_its_old_names(place: Place) -> None:
    # behaviour 10
    @activity(name="search", aliases=["look_up"])
    async def search(what: str) -> str:
        await world.serve(what)
        return f"found {what}"

    @workflow(key=str, name="purchase", aliases=["buy"])
    async def purchase(order_id: str) -> str:
        await search("price")
        await search("stock")
        return await search("door")

    left = await crashed_at("door", place, as_recorded, "o-1")
    async with left.engine(purchase) as engine:
        assert await engine.handle("buy@o-1").result(timeout=10) == "found door"


async def test_arguments_that_say_the_same_in_other_bytes_are_no_divergence(place: Place) -> None:
    # behaviour 7
    @workflow(key=str)
    async def search(order_id: str) -> str:
        return await find({"b": 1, "a": 2} if first else {"a": 2, "b": 1})

    @activity
    async def find(limits: dict[str, int]) -> str:
        await world.serve("find", limits)
        return "found"

    first = True
    left = await crashed_at("find", place, search, "o-1")
    first = False
    async with left.engine(search) as engine:
        assert await engine.handle("search@o-1").result(timeout=10) == "found"


async def test_two_activities_under_one_name_block_the_execution(memory: Place) -> None:
    @activity(name="look_up")
    async def look_up_too(what: str) -> str:
        return what

    @workflow(key=str)
    async def confused(order_id: str) -> None:
        await look_up("one")
        await look_up_too("two")

    async with memory.engine(confused) as engine:
        with pytest.raises(ExecutionParked, match="two different activities are named 'look_up'"):
            await engine.execute(confused, "o-1", timeout=10)
