"""Who runs at the same time as whom, compensations too, and what waits in line for its turn."""

import asyncio

import pytest

from perdure import Retry, activity, current_activity, workflow
from tests.engine.places import Place, kinds, recorded, turn
from tests.engine.shop import SOON, OutOfStock, world

pytestmark = pytest.mark.every_python


@activity(name="print", concurrency=1)
async def print_one_at_a_time(order_id: str) -> str:
    await world.serve("print", order_id)
    return "alone"


@activity
async def print_at_once(order_id: str) -> str:
    await world.serve("print", order_id)
    return "at once"


@workflow(key=str)
async def careful(order_id: str) -> str:
    return await print_one_at_a_time(order_id)


@workflow(key=str)
async def careless(order_id: str) -> str:
    return await print_at_once(order_id)


async def test_the_concurrency_of_an_activity_holds_up_no_other_one(memory: Place) -> None:
    gate = world.hold("print")
    async with memory.engine(careful, careless) as engine:
        first = [await engine.start(careful, f"o-{n}") for n in range(3)]
        others = [await engine.start(careless, f"o-{n}") for n in range(2)]
        for handle in others:
            await recorded(handle, "ActivityStarted")
        assert [(await kinds(handle)).count("ActivityStarted") for handle in first] == [1, 0, 0]
        gate.open()
        assert [await handle.result(timeout=10) for handle in first] == ["alone"] * 3
        assert [await handle.result(timeout=10) for handle in others] == ["at once"] * 2
        assert await engine.execute(careful, "o-9", timeout=10) == "alone"


class Undoing:
    """How many are undone at one time."""

    def __init__(self) -> None:
        self.now = self.most = self.done = 0

    async def undo(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await turn()
        self.now -= 1
        self.done += 1


async def test_compensations_take_slots_as_other_attempts_do(memory: Place) -> None:
    undoing = Undoing()

    @activity
    async def reserve(sku: str) -> str:
        return sku

    @reserve.compensate(retry=SOON)
    async def unreserve(sku: str) -> None:
        await undoing.undo()
        if current_activity().attempt == 1:
            raise ConnectionError

    @workflow(key=str, raises=[OutOfStock])
    async def order(order_id: str) -> None:
        await asyncio.gather(reserve("A-1"), reserve("A-2"))
        raise OutOfStock(sku=order_id)

    async with memory.engine(order, activity_slots=1) as engine:
        ends = await asyncio.gather(
            *(engine.execute(order, f"o-{n}", timeout=20) for n in range(10)),
            return_exceptions=True,
        )
    assert [type(end) for end in ends] == [OutOfStock] * 10
    assert (undoing.most, undoing.done) == (1, 40)


async def test_the_lines_of_those_that_wait_take_turns(memory: Place) -> None:
    done: list[str] = []

    @activity
    async def pack(order_id: str) -> None:
        await world.serve("pack")
        done.append("pack")

    @activity
    async def post(order_id: str) -> None:
        done.append("post")

    @workflow(key=str)
    async def packed(order_id: str) -> None:
        await asyncio.gather(*(pack(f"{order_id}-{part}") for part in range(6)))

    @workflow(key=str)
    async def posted(order_id: str) -> None:
        await asyncio.gather(*(post(f"{order_id}-{part}") for part in range(3)))

    gate = world.hold("pack")
    async with memory.engine(packed, posted, activity_slots=1) as engine:
        first = await engine.start(packed, "o-1")
        await gate.entered()
        second = await engine.start(posted, "o-1")
        gate.open()
        await second.result(timeout=10)
        await first.result(timeout=10)
    assert done[:7] == ["pack", "pack", "post", "pack", "post", "pack", "post"]


async def test_a_stop_begins_no_compensations(place: Place) -> None:
    # behaviour 83
    @activity
    async def reserve(sku: str) -> str:
        return sku

    @reserve.compensate(retry=SOON)
    async def unreserve(sku: str) -> None:
        await world.serve("unreserve", sku)

    @workflow(key=str, raises=[OutOfStock])
    async def order(order_id: str) -> None:
        await reserve("A-1")
        await reserve("A-2")
        raise OutOfStock(sku=order_id)

    gate = world.hold("unreserve")
    async with place.engine(order, stop_seconds=5.0, activity_slots=1) as engine:
        handle = await engine.start(order, "o-1")
        await gate.entered()
        stopping = asyncio.ensure_future(engine.close())
        await turn()
        gate.open()
        stopped = asyncio.get_running_loop().time()
        await stopping
        assert asyncio.get_running_loop().time() - stopped < 4
    assert [call.given for call in world.calls] == [("A-2",)]
    async with place.engine(order) as engine:
        handle = engine.handle("order@o-1")
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
        assert (await kinds(handle)).count("ActivityCompensated") == 2
    assert [call.given for call in world.calls] == [("A-2",), ("A-1",)]


async def test_one_that_is_put_in_line_twice_keeps_to_its_back_off(memory: Place) -> None:
    began: list[tuple[str, int, float]] = []

    @activity(concurrency=1, retry=Retry.fixed(0.1))
    async def ask(order_id: str) -> str:
        attempt = current_activity().attempt
        began.append((order_id, attempt, asyncio.get_running_loop().time()))
        if order_id == "holder":
            await world.serve("hold")
        elif attempt < 3:
            raise ConnectionError
        return order_id

    @workflow(key=str)
    async def order(order_id: str) -> str:
        asked = asyncio.ensure_future(ask(order_id))
        while True:
            try:
                return await asyncio.shield(asked)
            except asyncio.CancelledError:  # it goes on
                if asked.done():
                    raise

    gate = world.hold("hold")
    async with memory.engine(order) as engine:
        handle = await engine.start(order, "o-1")
        await recorded(handle, "AttemptFailed")
        holder = await engine.start(order, "holder")
        await gate.entered()
        while not engine._residents.around.slots._lines:
            await turn()
        await handle.cancel("once")
        gate.open()
        await handle.result(timeout=10)
        await holder.result(timeout=10)
    (_, _, second), (_, _, third) = began[-2:]
    assert [one[:2] for one in began] == [("o-1", 1), ("holder", 1), ("o-1", 2), ("o-1", 3)]
    assert third - second >= 0.09
