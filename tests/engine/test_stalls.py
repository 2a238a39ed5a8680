"""Nothing waits for ever: whoever asks is answered, and what is due goes on."""

import asyncio
from collections.abc import Sequence

import pytest

from perdure import CancelledExecution, ExecutionParked, suspend, version, workflow
from perdure.domain.errors import LostLease
from perdure.domain.journal import Submission
from perdure.domain.states import Suspended
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Later, Place, engine_in, kinds, recorded, turn
from tests.engine.shop import find, look_up, world

pytestmark = pytest.mark.every_python


@workflow(key=str)
async def nap(order_id: str) -> str:
    await asyncio.sleep(0.3)
    return await look_up("price")


@pytest.fixture
def leaving_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due later than 0.1 s leaves memory, instead of 10 s."""
    for module in ("index", "keeper"):
        monkeypatch.setattr(f"perdure.sagas.{module}.LEAVES_WHEN_DUE_AFTER", 100_000)


@pytest.mark.usefixtures("leaving_soon")
async def test_what_left_memory_comes_back_when_it_is_due(place: Place) -> None:
    async with place.engine(nap) as engine:
        handle = await engine.start(nap, "o-1")
        while engine._residents.live:
            await turn()
        assert await handle.result(timeout=10) == "the price"


@pytest.mark.usefixtures("leaving_soon")
async def test_only_starts_wait_for_room_and_what_is_due_goes_on(place: Place) -> None:
    gate = world.hold("stock")

    @workflow(key=str)
    async def busy(order_id: str) -> str:
        return await look_up("stock")

    async with place.engine(nap, busy, max_in_flight=2) as engine:
        sleeper = await engine.start(nap, "o-1")
        while engine._residents.live:
            await turn()
        for number in range(4):
            await engine.start(busy, f"b-{number}")
        assert await sleeper.result(timeout=10) == "the price"
        gate.open()


async def test_more_than_fit_into_memory_leave_it_once_and_not_again_and_again(
    place: Place,
) -> None:
    @workflow(key=str)
    async def sleep_long(order_id: str) -> None:
        await asyncio.sleep(8)

    async with place.engine(sleep_long, resident_limit=2) as engine:
        for number in range(6):
            await engine.start(sleep_long, f"o-{number}")
        while len(engine._residents.live) > 2:
            await turn()
        for _ in range(20):
            await turn()
        before = engine._committer.flushes
        for _ in range(200):
            await turn()
        assert engine._committer.flushes - before <= 2


async def test_starts_and_questions_at_once_for_an_id_that_is_taken_are_all_answered(
    place: Place,
) -> None:
    # behaviour 34
    async with place.engine(find) as engine:
        assert await engine.execute(find, "o-1") == "the price"
        handle = engine.handle("find@o-1")
        async with asyncio.timeout(10):
            answers = await asyncio.gather(
                *(engine.execute(find, "o-1") for _ in range(5)),
                handle.result(),
                handle.cancel(),
                handle.status(),
            )
    assert answers[:6] == ["the price"] * 6
    assert len(world.calls) == 1


async def test_a_suspended_execution_is_told_of_at_once_while_an_attempt_is_in_flight(
    place: Place,
) -> None:
    # behaviour 87
    gate = world.hold("stock")
    told: list[ExecutionParked] = []

    @workflow(key=str)
    async def look_and_ask(order_id: str) -> str:
        async with asyncio.TaskGroup() as group:
            stock = group.create_task(look_up("stock"))
            await asyncio.sleep(0)
            await suspend("is it all right?")
        return stock.result()

    async with place.engine(look_and_ask, on_parked=told.append) as engine:
        handle = await engine.start(look_and_ask, "o-1")
        await gate.entered()
        for _ in range(2):
            with pytest.raises(ExecutionParked):
                await handle.result(timeout=10)
        await turn()
        assert len(told) == 1
        gate.open()
        await handle.resume()
        assert await handle.result(timeout=10) == "the stock"


async def test_what_is_asked_for_after_a_suspension_in_one_feed_starts_when_it_is_resumed(
    place: Place,
) -> None:
    # behaviour 87
    @workflow(key=str)
    async def ask_and_look(order_id: str) -> str:
        _, stock = await asyncio.gather(asyncio.create_task(wait()), look_up("stock"))
        return stock

    async def wait() -> None:
        await suspend("is it all right?")

    async with place.engine(ask_and_look) as engine:
        handle = await engine.start(ask_and_look, "o-1")
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
        assert "ExecutionSuspended" in await kinds(handle)
        await handle.resume()
        assert await handle.result(timeout=10) == "the stock"
    assert world.steps == ["stock"]


async def test_a_second_cancel_does_not_wake_what_is_suspended_in_its_cleanup(
    place: Place,
) -> None:
    # behaviour 26
    @workflow(key=str)
    async def clean_up(order_id: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await suspend("look at it")
            await look_up("price")

    async with place.engine(clean_up) as engine:
        handle = await engine.start(clean_up, "o-1")
        for _ in range(2):
            await handle.cancel()
            with pytest.raises(ExecutionParked):
                await handle.result(timeout=10)
        assert isinstance(await handle.status(), Suspended)
        assert world.steps == []
        await handle.resume()
        with pytest.raises(CancelledExecution):
            await handle.result(timeout=10)
    assert world.steps == ["price"]


async def test_a_guard_before_a_suspension_that_was_passed_says_1(place: Place) -> None:
    # behaviour 8
    answers: list[int] = []

    @workflow(key=str, name="buy")
    async def before(order_id: str) -> str:
        await look_up("price")
        await suspend("a look")
        return "done"

    @workflow(key=str, name="buy")
    async def guarded(order_id: str) -> str:
        await look_up("price")
        answers.append(version("a-guard", 2))
        await suspend("a look")
        return "done"

    async with place.engine(before) as engine:
        handle = await engine.start(before, "o-1")
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
    async with place.engine(guarded) as engine:
        await engine.handle("buy@o-1").resume()
        assert await engine.handle("buy@o-1").result(timeout=10) == "done"
    assert set(answers) == {1}


async def test_a_clock_that_was_set_back_hides_nothing_from_the_sweep(place: Place) -> None:
    # behaviour 57
    journal = MemoryJournal()
    gate = world.hold("price")
    async with engine_in(journal, find, clock=Later(3600)) as engine:
        await engine.start(find, "o-1")
        await gate.entered()
    world.release("price")
    async with engine_in(MemoryJournal(journal.log), find) as engine:
        assert await engine.handle("find@o-1").result(timeout=10) == "the price"


class RefusesOnce:
    """Refuses the append that cancels. Implements the memory journal's Faults."""

    def __init__(self) -> None:
        self.left = 1

    def before_append(self, submissions: Sequence[Submission]) -> None:
        asked = [type(event).__name__ for each in submissions for event in each.events]
        if self.left and "CancellationRequested" in asked:
            self.left -= 1
            raise LostLease("somebody else has it")

    def after_append(self, submissions: Sequence[Submission]) -> None:
        """Stored."""


async def test_an_order_that_is_not_stored_says_so() -> None:
    gate = world.hold("price")
    async with engine_in(MemoryJournal(faults=RefusesOnce()), find) as engine:
        handle = await engine.start(find, "o-1")
        await gate.entered()
        with pytest.raises(LostLease):
            await asyncio.wait_for(handle.cancel(), 10)
        await asyncio.wait_for(handle.cancel(), 10)
        with pytest.raises(CancelledExecution):
            await handle.result(timeout=10)


async def test_what_a_second_suspension_held_is_held_on_replay_too(place: Place) -> None:
    # behaviour 87
    async def ask_again() -> None:
        await look_up("stock")
        await suspend("look at the stock")

    @workflow(key=str)
    async def look_around(order_id: str) -> None:
        stock = asyncio.create_task(ask_again())
        price = asyncio.create_task(look_up("price"))
        try:
            await asyncio.sleep(0)
            await suspend("begin")
            await asyncio.gather(stock, price)
        finally:
            await look_up("door")

    stock, price, door = (world.hold(step) for step in ("stock", "price", "door"))
    async with place.engine(look_around) as engine:
        handle = await engine.start(look_around, "o-1")
        for count, gate in enumerate((stock, price), 1):
            gate.open()
            await recorded(handle, "ActivitySucceeded", count)
        await handle.resume()
        await recorded(handle, "ExecutionSuspended", 2)
        await handle.cancel()
        await door.entered()
        left = place.crashed()
    world.release("door")
    async with left.engine(look_around) as engine:
        handle = engine.handle("look_around@o-1")
        with pytest.raises(CancelledExecution):
            await handle.result(timeout=10)
        assert (await kinds(handle)).count("ActivityAbandoned") == 1
