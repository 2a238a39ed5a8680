"""Concurrent branches: each gets its own results, live and after a crash at any commit."""

import asyncio

import pytest

from perdure import Failure, Workflow, workflow
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Camera, Place, engine_in
from tests.engine.shop import OutOfStock, crashed_at, look_up, send_order_to_shipping, world

pytestmark = pytest.mark.every_python


async def pick(article: str, count: int) -> list[str]:
    """A sequence of one branch."""
    return [await look_up(f"{article}{number}") for number in range(count)]


@workflow(key=str)
async def gathered(order_id: str) -> list[list[str]]:
    return await asyncio.gather(pick("book", 3), pick("lamp", 2), pick("book", 1))


@workflow(key=str)
async def grouped(order_id: str) -> list[list[str]]:
    async with asyncio.TaskGroup() as group:
        parts = [("book", 3), ("lamp", 2), ("book", 1)]
        tasks = [group.create_task(pick(article, count)) for article, count in parts]
    return [task.result() for task in tasks]


@workflow(key=str)
async def awaited_late(order_id: str) -> list[list[str]]:
    first = asyncio.create_task(pick("book", 3))
    second = await pick("lamp", 2)
    await asyncio.sleep(0.002)
    return [await first, second, await pick("book", 1)]


@workflow(key=str)
async def raced(order_id: str) -> list[list[str]]:
    tasks = [asyncio.create_task(pick("book", 3)), asyncio.create_task(pick("lamp", 2))]
    waiting = set(tasks)
    while waiting:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    return [*(task.result() for task in tasks), await pick("book", 1)]


@workflow(key=str)
async def handed_over(order_id: str) -> list[list[str]]:
    """By way of asyncio's queues, events, locks and conditions."""
    queue: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
    picked, lock = asyncio.Event(), asyncio.Lock()

    async def books() -> None:
        for article in await pick("book", 3):
            await queue.put(article)
        picked.set()

    async def lamps() -> list[str]:
        async with lock:
            return await pick("lamp", 2)

    async with asyncio.TaskGroup() as group:
        group.create_task(books())
        found = group.create_task(lamps())
        received = [await queue.get() for _ in range(3)]
        await picked.wait()
    async with lock:
        return [received, found.result(), await pick("book", 1)]


PICKED = [["the book0", "the book1", "the book2"], ["the lamp0", "the lamp1"], ["the book0"]]
SHAPES: list[Workflow[str, list[list[str]]]] = [
    gathered,
    grouped,
    awaited_late,
    raced,
    handed_over,
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_each_branch_gets_its_own_results_after_a_crash_at_any_commit(
    shape: Workflow[str, list[list[str]]],
) -> None:
    # behaviours 3, 5
    camera = Camera()
    async with engine_in(camera.journal, shape) as engine:
        assert await engine.execute(shape, "o-1") == PICKED
    for picture in camera.pictures:
        completed = [row for row in picture.events if row.topic == "ActivitySucceeded"]
        world.calls.clear()
        async with engine_in(MemoryJournal(picture), shape) as engine:
            assert await engine.handle(f"{shape.name}@o-1").result(timeout=10) == PICKED
        assert len(world.calls) == 6 - len(completed)
    assert len(world.effects) == 6


async def test_answers_in_another_order_than_the_asking_are_fed_in_their_order(
    place: Place,
) -> None:
    # behaviours 3, 5
    slow = world.hold("book0")
    later = world.hold("book1")
    async with place.engine(gathered) as engine:
        handle = await engine.start(gathered, "o-1")
        await slow.entered()
        slow.open()
        await later.entered()
        left = place.crashed()
    world.gates.clear()
    async with left.engine(gathered) as engine:
        assert await engine.handle(handle.id).result(timeout=10) == PICKED


@workflow(key=str)
async def ship_or_wait(order_id: str) -> str:
    try:
        await send_order_to_shipping(order_id, "code-7")
    except OutOfStock as missing:
        kept = [type(missing) is OutOfStock, missing.sku, missing.left, str(missing)]
        await look_up("supplier")
        return repr(kept)
    return "shipped"


async def test_a_typed_failure_takes_its_except_branch_again_on_replay(place: Place) -> None:
    # behaviour 3
    world.fail("ship", OutOfStock(sku="A-1", left=2))
    gate = world.hold("supplier")
    async with place.engine(ship_or_wait) as engine:
        handle = await engine.start(ship_or_wait, "o-1")
        await gate.entered()
        left = place.crashed()
        gate.open()
        live = await handle.result(timeout=10)
    world.release("supplier")
    async with left.engine(ship_or_wait) as engine:
        replayed = await engine.handle("ship_or_wait@o-1").result(timeout=10)
    assert live == replayed == repr([True, "A-1", 2, "sku='A-1', left=2"])
    assert world.steps == ["ship", "supplier", "supplier"]


@workflow(key=str, raises=[OutOfStock])
async def ship_both(order_id: str) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(send_order_to_shipping(f"{order_id}-a", "code-7"))
        group.create_task(send_order_to_shipping(f"{order_id}-b", "code-8"))


async def test_a_group_of_failures_ends_with_the_first_and_is_told_of_the_others(
    place: Place,
) -> None:
    world.fail("ship", OutOfStock(sku="A-1"), OutOfStock(sku="B-2"))
    async with place.engine(ship_both) as engine:
        with pytest.raises(OutOfStock) as failed:
            await engine.execute(ship_both, "o-1")
    assert failed.value == OutOfStock(sku="A-1")
    assert "undone" in failed.value.__notes__[-1]


async def test_a_failure_in_one_branch_lets_gather_collect_the_rest(place: Place) -> None:
    # behaviour 5
    @workflow(key=str)
    async def ship_three(order_id: str) -> list[str]:
        asked = [send_order_to_shipping(f"{order_id}-{n}", "code") for n in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await look_up("summary")
        return [type(answer).__name__ for answer in answers]

    world.fail("ship", OutOfStock(sku="A-1"))
    left = await crashed_at("summary", place, ship_three, "o-1")
    async with left.engine(ship_three) as engine:
        answers = await engine.handle("ship_three@o-1").result(timeout=10)
    assert answers == ["OutOfStock", "NoneType", "NoneType"]
    assert len(world.of("ship")) == 3


async def test_the_text_of_a_plain_failure_survives(place: Place) -> None:
    # behaviour 3
    @workflow(key=str)
    async def refuse(order_id: str) -> None:
        raise Failure(f"no order {order_id}")

    async with place.engine(refuse) as engine:
        with pytest.raises(Failure, match="no order o-1"):
            await engine.execute(refuse, "o-1")
    async with place.engine(refuse) as engine:
        with pytest.raises(Failure, match="no order o-1") as failed:
            await engine.handle("refuse@o-1").result(timeout=10)
    assert type(failed.value) is Failure


async def test_a_shielded_activity_goes_on_when_its_waiter_is_cancelled(memory: Place) -> None:
    @workflow(key=str)
    async def confirm(order_id: str) -> str:
        mail = asyncio.ensure_future(look_up("mail"))
        try:
            await asyncio.wait_for(asyncio.shield(mail), 0.01)
        except TimeoutError:
            await look_up("patience")
        return await mail

    gate = world.hold("mail")
    patience = world.hold("patience")
    async with memory.engine(confirm) as engine:
        handle = await engine.start(confirm, "o-1")
        await patience.entered()
        gate.open()
        patience.open()
        assert await handle.result(timeout=10) == "the mail"
    assert sorted(world.steps) == ["mail", "patience"]
