"""Sync attempts that wait for a thread, and threads that the system does not give."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from perdure import RetriesExhausted, Retry, activity, current_activity, workflow
from perdure.sagas.callbacks import call_safely
from tests.engine.places import Place, kinds, recorded, turn
from tests.engine.shop import SOON, find

pytestmark = pytest.mark.every_python


class Door:
    """Threads wait at it; `release` lets one of them through."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self._places = threading.Semaphore(0)

    def through(self, who: str) -> None:
        self.entered.append(who)
        assert self._places.acquire(timeout=10)

    def release(self, count: int = 1) -> None:
        self._places.release(count)

    async def reached(self, count: int) -> None:
        while len(self.entered) < count:
            await turn()


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.release(100)


async def test_the_time_of_a_sync_attempt_runs_from_when_it_has_a_thread(
    memory: Place, door: Door
) -> None:
    # behaviours 12, 17
    @activity
    def hold_the_thread(order_id: str) -> None:
        door.through(order_id)

    @activity(retry=SOON, timeout=0.05)
    def ask(order_id: str) -> tuple[int, float]:
        context = current_activity()
        assert context.deadline is not None
        return context.attempt, context.deadline.timestamp()

    @activity(retry=Retry.never(), timeout=0.1)
    async def wait(order_id: str) -> None:
        await asyncio.Event().wait()

    @workflow(key=str)
    async def hold(order_id: str) -> None:
        await hold_the_thread(order_id)

    @workflow(key=str)
    async def order(order_id: str) -> tuple[int, float]:
        return await ask(order_id)

    @workflow(key=str)
    async def pass_time(order_id: str) -> None:
        await wait(order_id)

    async with memory.engine(hold, order, pass_time, activity_threads=1) as engine:
        await engine.start(hold, "o-1")
        await door.reached(1)
        handle = await engine.start(order, "o-2")
        await recorded(handle, "ActivityStarted")
        started = (await handle.history())[-1].time.timestamp()
        with pytest.raises(RetriesExhausted):
            await engine.execute(pass_time, "o-3", timeout=10)
        door.release()
        attempt, deadline = await handle.result(timeout=10)
        assert "AttemptFailed" not in await kinds(handle)
    assert attempt == 1
    assert deadline > started + 0.1


async def test_what_waits_for_a_thread_does_not_begin_after_a_stop(
    memory: Place, door: Door
) -> None:
    @activity
    def hold_the_thread(order_id: str) -> None:
        door.through(order_id)

    @workflow(key=str)
    async def hold(order_id: str) -> None:
        await hold_the_thread(order_id)

    async with memory.engine(hold, activity_threads=1) as engine:
        for order_id in "123":
            await recorded(await engine.start(hold, order_id), "ActivityStarted")
        await door.reached(1)
        thread = next(one for one in threading.enumerate() if one.name == "perdure-activity-1")
    door.release(3)
    thread.join(10)
    assert door.entered == ["1"]


@pytest.mark.parametrize("others", [0, 1])
async def test_a_thread_that_the_system_does_not_give_breaks_nothing(
    memory: Place, door: Door, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        raise RuntimeError("can't start new thread")

    @activity(retry=SOON)
    def pass_through(order_id: str) -> int:
        door.through(order_id)
        return current_activity().attempt

    @workflow(key=str)
    async def order(order_id: str) -> int:
        return await pass_through(order_id)

    async with memory.engine(order, find) as engine:
        handles = [await engine.start(order, f"first-{n}") for n in range(others)]
        await door.reached(others)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        handles.append(await engine.start(order, "o-1"))
        assert await engine.execute(find, "o-2", timeout=10) == "the price"
        door.release(2)
        attempts = [await handle.result(timeout=10) for handle in handles]
    assert attempts == ([1, 1] if others else [2])  # one waits for the other's thread


def test_a_callback_that_raises_is_reported_and_does_not_stop_its_caller() -> None:
    told: list[Any] = []

    class Loop:
        def call_exception_handler(self, context: dict[str, Any]) -> None:
            told.append(context["exception"])

    loop: Any = Loop()
    call_safely(loop, int, "no number")
    call_safely(loop, told.append, "called")
    assert isinstance(told[0], ValueError)
    assert told[1] == "called"
