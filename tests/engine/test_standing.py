"""What status() tells of an execution of which nothing runs, to an engine and to a client."""

import asyncio
import threading

import pytest

from perdure import RetriesExhausted, Retry, Workflow, activity, connect, workflow
from perdure.domain.states import UNRECORDED, Compensating, Running, Waiting
from tests.engine.places import Place, recorded, turn
from tests.engine.shop import OutOfStock, look_up, world
from tests.engine.test_rollback import reserve_and_refuse

pytestmark = pytest.mark.every_python
PATIENCE_SECONDS = 10


@activity(concurrency=1, retry=Retry.fixed(0.3))
async def print_label(order_id: str) -> str:
    await world.serve("print", order_id)
    return "label"


@workflow(key=str)
async def printed(order_id: str) -> str:
    return await print_label(order_id)


@workflow(key=str)
async def printed_in_time(order_id: str) -> str:
    async with asyncio.timeout(3600):
        return await print_label(order_id)


@workflow(key=str)
async def printed_and_priced(order_id: str) -> str:
    label, _ = await asyncio.gather(print_label(order_id), look_up("price"))
    return label


async def test_an_attempt_that_has_no_slot_yet_is_told_as_queued(place: Place) -> None:
    gate, price = world.hold("print"), world.hold("price")
    workflows = printed, printed_in_time, printed_and_priced
    async with place.engine(*workflows) as engine, connect(place.url) as client:
        first = await engine.start(printed, "o-1")
        await gate.entered()
        second = await engine.start(printed, "o-2")
        in_time = await engine.start(printed_in_time, "o-3")
        priced = await engine.start(printed_and_priced, "o-4")
        await price.entered()
        assert await first.status() == Running(("print_label",))
        assert await second.status() == Waiting("a slot for print_label")
        assert await client.handle(second.id).status() == UNRECORDED
        state = await in_time.status()
        assert isinstance(state, Waiting)
        assert state.waits_for == "a slot for print_label, or a timer"
        recorded_state = await client.handle(in_time.id).status()
        assert recorded_state == Waiting("a timer", state.until)
        assert await priced.status() == Running(("look_up",), queued=("print_label",))
        assert await client.handle(priced.id).status() == Running(("look_up",))
        gate.open()
        price.open()
        for handle in (first, second, in_time, priced):
            assert await handle.result(timeout=PATIENCE_SECONDS) == "label"


async def test_a_next_attempt_that_is_due_and_has_no_slot_is_told_as_queued(place: Place) -> None:
    world.fail("print", ConnectionError("paper jam"))
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(printed) as engine:
        first = await engine.start(printed, "o-1")
        await recorded(first, "AttemptFailed")
        gate = world.hold("print")
        second = await engine.start(printed, "o-2")
        await gate.entered()
        wanted = {Running(("print_label",)), Waiting("a slot for print_label")}
        while {await first.status(), await second.status()} != wanted:
            await turn()
        gate.open()
        for handle in (first, second):
            assert await handle.result() == "label"


@workflow(key=str)
async def for_an_event(order_id: str) -> None:
    door = asyncio.Event()
    async with asyncio.TaskGroup() as branches:
        branches.create_task(door.wait())
        branches.create_task(door.wait())


@workflow(key=str)
async def for_an_item(order_id: str) -> None:
    items = asyncio.Queue[str]()
    await look_up("door")
    await items.get()


@workflow(key=str)
async def for_a_future(order_id: str) -> None:
    await asyncio.get_running_loop().create_future()


@workflow(key=str)
async def for_one_another(order_id: str) -> None:
    first: asyncio.Task[None]

    async def waits() -> None:
        await first

    async def waits_too(second: asyncio.Task[None]) -> None:
        await second

    second = asyncio.create_task(waits())
    first = asyncio.create_task(waits_too(second))
    await asyncio.gather(first, second)


@workflow(key=str)
async def for_the_first_of(order_id: str) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    for first in asyncio.as_completed([never()]):
        await first


@workflow(key=str)
async def for_many(order_id: str) -> None:
    one, two = asyncio.Event(), asyncio.Event()
    three, four = asyncio.Lock(), asyncio.Queue[int]()
    await three.acquire()

    async def other() -> None:
        await two.wait()

    async with asyncio.TaskGroup() as branches:
        branches.create_task(one.wait())
        branches.create_task(other())
        branches.create_task(three.acquire())  # type: ignore[arg-type]
        branches.create_task(four.get())
        branches.create_task(one.wait())


@pytest.mark.parametrize(
    ("waits", "told", "line"),
    [
        (for_an_event, "asyncio.Event.wait", 0),
        (for_an_item, "asyncio.Queue.get", 5),
        (for_a_future, "a future", 3),
        (for_one_another, "other tasks", 6),
        (for_the_first_of, "asyncio.Event.wait", 4),
    ],
)
async def test_what_a_body_waits_for_inside_itself_is_told(
    place: Place, waits: Workflow[str, None], told: str, line: int
) -> None:
    async with place.engine(waits) as engine, connect(place.url) as client:
        handle = await engine.start(waits, "o-1")
        if waits is for_an_item:
            await recorded(handle, "ActivitySucceeded")
        state = await handle.status()
        assert isinstance(state, Waiting)
        assert state.until is None
        assert state.waits_for.startswith(told)
        place_told = f"test_standing.py:{waits.function.__code__.co_firstlineno + line - 1}"
        assert (place_told in state.waits_for) is (line > 0)
        assert await client.handle(handle.id).status() == UNRECORDED
        assert await handle.wait(states=["waiting"], timeout=PATIENCE_SECONDS) == state


async def test_of_many_different_waits_some_are_told_and_the_others_counted(memory: Place) -> None:
    async with memory.engine(for_many) as engine:
        state = await (await engine.start(for_many, "o-1")).status()
    assert isinstance(state, Waiting)
    line = for_many.function.__code__.co_firstlineno + 7
    event, at, lock, rest = state.waits_for.split(", ")
    assert (event, lock, rest) == ("asyncio.Event.wait", "asyncio.Lock.acquire", "1 more")
    assert at.startswith("asyncio.Event.wait at ")
    assert at.endswith(f"test_standing.py:{line}")


async def test_what_is_left_to_undo_becomes_less(place: Place) -> None:
    gate = world.hold("unreserve")
    async with place.engine(reserve_and_refuse) as engine, connect(place.url) as client:
        handle = await engine.start(reserve_and_refuse, "o-1")
        await gate.entered()
        for asked in (handle, client.handle(handle.id)):
            assert await asked.status() == Compensating(("reserve", "create_tracking_code"))
        other = world.hold("void")
        gate.open()
        await other.entered()
        for asked in (handle, client.handle(handle.id)):
            assert await asked.status() == Compensating(("create_tracking_code",))
        other.open()
        with pytest.raises(OutOfStock):
            await handle.result(timeout=PATIENCE_SECONDS)


async def test_an_end_that_waits_for_a_thread_says_so(memory: Place) -> None:
    released = threading.Event()

    @activity(timeout=0.05, retry=Retry.fixed(0.01, attempts=1))
    def hang() -> None:
        released.wait(PATIENCE_SECONDS)

    @workflow(key=str)
    async def hung(order_id: str) -> str:
        try:
            await hang()
        except RetriesExhausted:
            return "gave up"
        return "done"

    async with memory.engine(hung) as engine:
        handle = await engine.start(hung, "o-1")
        state = await handle.wait(states=["waiting"], timeout=PATIENCE_SECONDS)
        released.set()
        assert state == Waiting("a thread that outlives its timeout")
        assert await handle.result(timeout=PATIENCE_SECONDS) == "gave up"
