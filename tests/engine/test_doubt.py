"""When the journal and the engine disagree: what was stored counts, and somebody takes it up."""

import asyncio
from collections.abc import Sequence

import pytest

from perdure import ExecutionParked, Failure, activity, workflow
from perdure.domain.errors import JournalUnavailable
from perdure.domain.journal import Submission
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Place, engine_in

pytestmark = pytest.mark.every_python
began: list[str] = []


class SaysNo:
    """A journal that stores one append and then says that it did not."""

    def __init__(self, append: int) -> None:
        self.left = append

    def before_append(self, submissions: Sequence[Submission]) -> None:
        """Nothing goes wrong before it is stored."""

    def after_append(self, submissions: Sequence[Submission]) -> None:
        self.left -= 1
        if self.left == -1:
            raise JournalUnavailable("the answer is lost")


@activity
async def note(step: str) -> str:
    began.append(step)
    return step


@workflow(key=str)
async def two_steps(order_id: str) -> str:
    return await note("one") + await note("two")


@pytest.mark.parametrize("append", range(3))
async def test_an_append_that_was_stored_but_not_answered_for_is_gone_on_from(append: int) -> None:
    # behaviours 1, 2
    began.clear()
    journal = MemoryJournal(faults=SaysNo(append))
    async with engine_in(journal, two_steps) as engine, asyncio.timeout(10):
        handle = await engine.start(two_steps, "o-1")
        assert await handle.result() == "onetwo"
        history = await handle.history()
    outcomes = [event.ordinal for event in history if event.kind == "ActivitySucceeded"]
    assert outcomes == [1, 2]
    assert began.count("two") <= 2


class Refused(Failure):
    why: str


async def test_a_hook_that_raises_breaks_nothing(place: Place) -> None:
    def complain(error: ExecutionParked) -> None:
        raise RuntimeError("the pager is down")

    @workflow(key=str)
    async def broken(order_id: str) -> None:
        raise ValueError("a bug")

    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.set_exception_handler(lambda *_: heard.set())
    async with place.engine(broken, two_steps, on_parked=complain) as engine:
        with pytest.raises(ExecutionParked):
            await engine.execute(broken, "o-1", timeout=5)
        async with asyncio.timeout(5):
            await heard.wait()
        assert await engine.execute(two_steps, "o-2", timeout=5) == "onetwo"


async def test_a_compensation_that_cannot_read_what_is_recorded_blocks_this_one_alone(
    place: Place,
) -> None:
    # behaviour 28
    entered, hold = asyncio.Event(), asyncio.Event()

    @activity
    async def reserve(amount: str) -> str:
        return "reserved"

    @reserve.compensate
    async def release(amount: str) -> None:
        entered.set()
        await hold.wait()

    @workflow(key=str)
    async def order(amount: str) -> None:
        await reserve(amount)
        raise Refused(why="no")

    async with place.engine(order) as engine:
        await engine.start(order, "many")
        await asyncio.wait_for(entered.wait(), 5)
        left = place.crashed()

    @activity(name="reserve")
    async def reserve_by_number(amount: int) -> str:
        return "reserved"

    @reserve_by_number.compensate(name="release")
    async def release_by_number(amount: int) -> None:
        raise AssertionError("it cannot be called with what is recorded")

    @workflow(key=str, name="order")
    async def order_by_number(amount: str) -> None:
        await reserve_by_number(1)

    workflows, activities = (order_by_number, two_steps), [reserve_by_number]
    async with left.engine(*workflows, activities=activities) as engine:
        with pytest.raises(ExecutionParked, match="reserve"):
            await engine.handle("order@many").result(timeout=5)
        assert await engine.execute(two_steps, "o-2", timeout=5) == "onetwo"
