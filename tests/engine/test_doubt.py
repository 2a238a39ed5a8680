"""When the journal and the engine disagree: what was stored counts, and somebody takes it up."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext as nobody
from typing import Any

import pytest

from perdure import (
    CancelledExecution,
    ExecutionParked,
    Failure,
    Handle,
    Workflow,
    activity,
    suspend,
    workflow,
)
from perdure.domain import events
from perdure.domain.errors import JournalUnavailable
from perdure.domain.journal import Submission
from perdure.domain.states import word_of
from perdure.infrastructure.clock import SystemClock
from perdure.infrastructure.mapper import EventMapper, Recorded
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.recorder import MemoryRecorder
from tests.engine.places import Place, engine_in, kinds, turn

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


class Doubtful:
    """A journal whose next append, once it is asked for, is not answered for."""

    def __init__(self, *, stores: bool) -> None:
        self.stores = stores
        self.asked = False
        self.meanwhile: Callable[[], object] = list

    def before_append(self, submissions: Sequence[Submission]) -> None:
        if self.asked and not self.stores:
            self._lose()

    def after_append(self, submissions: Sequence[Submission]) -> None:
        if self.asked:
            self._lose()

    def _lose(self) -> None:
        self.asked = False
        self.meanwhile()
        raise JournalUnavailable("the answer is lost")


Order = Callable[[Handle[Any]], Awaitable[None]]


def cancelling(handle: Handle[Any]) -> Awaitable[None]:
    return handle.cancel("too late")


def resuming(handle: Handle[Any]) -> Awaitable[None]:
    return handle.resume("mended")


def resolving(handle: Handle[Any]) -> Awaitable[None]:
    return handle.resolve("by_hand", reason="refunded at the counter")


@workflow(key=str)
async def ask_somebody(order_id: str) -> None:
    await note("before")
    await suspend("somebody has to look")


@activity
async def book(room: str) -> str:
    return room


@book.compensate(raises=[Refused])
async def unbook(room: str) -> None:
    raise Refused(why="the hotel is closed")


@workflow(key=str, raises=[Refused])
async def travel(room: str) -> None:
    await book(room)
    raise Refused(why="no flight")


@pytest.mark.parametrize(
    ("what", "order", "kind"),
    [
        (ask_somebody, cancelling, "CancellationRequested"),
        (ask_somebody, resuming, "ExecutionResumed"),
        (travel, resolving, "CompensationResolved"),
    ],
)
async def test_an_order_that_was_stored_but_not_answered_for_is_recorded_once(
    what: Workflow[str, Any], order: Order, kind: str
) -> None:
    doubtful = Doubtful(stores=True)
    async with engine_in(MemoryJournal(faults=doubtful), what) as engine, asyncio.timeout(10):
        handle = await engine.start(what, "o-1")
        await handle.wait(states=["suspended", "stuck"])
        doubtful.asked = True
        await order(handle)
        with pytest.raises((CancelledExecution, Refused)) if order is not resuming else nobody():
            await handle.result()
        assert (await kinds(handle)).count(kind) == 1


async def test_an_order_that_somebody_was_ahead_of_is_carried_out_on_what_is_read_anew() -> None:
    doubtful = Doubtful(stores=False)
    journal = MemoryJournal(faults=doubtful)
    async with engine_in(journal, ask_somebody) as engine, asyncio.timeout(10):
        handle = await engine.start(ask_somebody, "o-1")
        await handle.wait(states=["suspended"])
        version = len(await handle.history())
        event = events.ExecutionSuspended(time=SystemClock().now(), cause="defect", reason="odd")
        stored = EventMapper().to_stored_event(Recorded(handle.id, version + 1, event))
        doubtful.meanwhile = lambda: MemoryRecorder(journal.log).insert_events([stored])
        doubtful.asked = True
        await handle.cancel("second")
        with pytest.raises(CancelledExecution, match="second"):
            await handle.result()
        recorded = await kinds(handle)
    assert recorded[version:] == ["ExecutionSuspended", "CancellationRequested", recorded[-1]]


async def test_a_state_is_told_although_what_was_in_memory_is_not_what_is_stored() -> None:
    doubtful, gate = Doubtful(stores=True), asyncio.Event()

    @activity
    async def hold() -> None:
        await gate.wait()

    @workflow(key=str)
    async def held(order_id: str) -> str:
        await hold()
        return await note("two")

    async with engine_in(MemoryJournal(faults=doubtful), held) as engine, asyncio.timeout(10):
        handle = await engine.start(held, "o-1")
        doubtful.asked = True
        gate.set()
        while doubtful.asked:
            await handle.status()
            await turn()
        assert word_of(await handle.status()) in ("running", "succeeded", "waiting")
        assert await handle.result() == "two"


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
