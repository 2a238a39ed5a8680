"""What an engine tells of parked executions, and how much one flush of it joins."""

import asyncio
from collections.abc import Sequence

import pytest

from perdure import ExecutionParked, workflow
from perdure.domain.journal import FLUSH_BYTES_LIMIT, Submission
from perdure.domain.sizes import payload_bytes
from perdure.domain.states import BlockedByCode, Running
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.log import Log
from tests.engine.places import Place, copied, engine_in, turn
from tests.engine.shop import look_up, world

pytestmark = pytest.mark.every_python


@workflow(key=str, name="buy")
async def by_the_front_door(order_id: str) -> str:
    return await look_up("door")


@workflow(key=str, name="buy")
async def by_the_back_door(order_id: str) -> str:
    return await look_up("back door")


async def begun(place: Place) -> Place:
    """A place where `by_the_front_door` was looked up when its process died."""
    gate = world.hold("door")
    async with place.engine(by_the_front_door) as engine:
        await engine.start(by_the_front_door, "o-1")
        await gate.entered()
        return place.crashed()


async def test_the_hook_hears_once_of_what_is_blocked_however_often_it_is_asked_for(
    place: Place,
) -> None:
    # behaviour 8
    left, told = await begun(place), list[ExecutionParked]()
    async with left.engine(by_the_back_door, on_parked=told.append) as engine:
        handle = engine.handle("buy@o-1")
        for _ in range(3):
            with pytest.raises(ExecutionParked):
                await handle.result(timeout=10)
            assert isinstance(await handle.status(), BlockedByCode)
            await turn()
    assert [one.state for one in told] == ["blocked"]


async def test_the_status_is_what_holds_for_the_code_that_is_open(place: Place) -> None:
    # behaviour 8
    left = await begun(place)
    async with left.engine(by_the_back_door) as engine:
        with pytest.raises(ExecutionParked):
            await engine.handle("buy@o-1").result(timeout=10)
    async with left.engine(by_the_front_door) as engine:  # nothing was swept yet
        handle = engine.handle("buy@o-1")
        assert await handle.status() == Running(("look_up",))
        world.hold("door").open()
        assert await handle.result(timeout=10) == "the door"


class Slow(MemoryJournal):
    """Takes its time for what changes the index alone."""

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        if not any(each.events for each in submissions):
            await asyncio.sleep(0.05)
        return await super().append(submissions)


async def test_whoever_is_told_that_it_is_blocked_reads_the_same_in_the_journal() -> None:
    # behaviour 8
    gate = world.hold("door")
    async with engine_in(MemoryJournal(log := Log()), by_the_front_door) as engine:
        await engine.start(by_the_front_door, "o-1")
        await gate.entered()
        left = copied(log, Log())
    left.streams["buy@o-1"][-1] = left.streams["buy@o-1"][-1]._replace(topic="OfAnotherAge")
    async with engine_in(Slow(left), by_the_front_door) as engine:
        handle = engine.handle("buy@o-1")
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
        assert left.executions["buy@o-1"].state == "blocked"
        assert isinstance(await handle.status(), BlockedByCode)


class Scales:
    """Weighs what each append joins. Implements the memory journal's Faults."""

    def __init__(self) -> None:
        self.weights: list[tuple[int, int]] = []  # submissions, bytes

    def before_append(self, submissions: Sequence[Submission]) -> None:
        sizes = [payload_bytes(event) for each in submissions for event in each.events]
        self.weights.append((len(submissions), sum(sizes)))

    def after_append(self, submissions: Sequence[Submission]) -> None:
        """Weighed already."""


async def test_a_flush_joins_no_more_than_four_megabytes_of_payloads() -> None:
    scales = Scales()

    @workflow(key=lambda text: text[:8])
    async def echo(text: str) -> int:
        return len(text)

    texts = [f"text-{number:03}" + "x" * 1_500_000 for number in range(8)]
    async with engine_in(MemoryJournal(faults=scales), echo) as engine:
        results = await asyncio.gather(*(engine.execute(echo, text) for text in texts))
    assert results == [len(texts[0])] * len(texts)
    assert max(size for _, size in scales.weights) <= FLUSH_BYTES_LIMIT
    assert max(count for count, _ in scales.weights) > 1
