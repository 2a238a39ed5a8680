"""One attempt: its time, its thread, its place among others, and what is unknown when it ends."""

import asyncio
import threading

import pytest

from perdure import RetriesExhausted, Retry, activity, current_activity, workflow
from tests.engine.places import Place, kinds
from tests.engine.shop import SOON, Lost, world

pytestmark = pytest.mark.every_python


async def test_a_timeout_cancels_an_async_attempt_and_the_next_one_has_its_key(
    place: Place,
) -> None:
    # behaviour 17
    ended: list[str] = []

    @activity(retry=SOON, timeout=0.02)
    async def ask_slowly(order_id: str) -> int:
        context = current_activity()
        world.note("ask", context.deadline is not None)
        if context.attempt == 1:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")
        return context.attempt

    @workflow(key=str)
    async def ask(order_id: str) -> int:
        return await ask_slowly(order_id)

    async with place.engine(ask) as engine:
        handle = await engine.start(ask, "o-1")
        assert await handle.result(timeout=10) == 2
        failed = [e for e in await handle.history() if e.kind == "AttemptFailed"]
    assert ended == ["cancelled"]
    assert [event.error for event in failed] == ["TimeoutError: no answer within 0.02 s"]
    assert len({call.key for call in world.calls}) == 1
    assert world.calls[0].given == (True,)


async def test_a_timeout_leaves_a_sync_attempt_to_its_thread_and_goes_on(place: Place) -> None:
    # behaviours 12, 17
    late = threading.Event()
    threads: list[int] = []

    @activity(retry=SOON, timeout=0.02)
    def ask_slowly(order_id: str) -> int:
        threads.append(threading.get_ident())
        attempt = current_activity().attempt
        if attempt == 1:
            late.wait(10)
        return attempt

    @workflow(key=str)
    async def ask(order_id: str) -> int:
        answer = await ask_slowly(order_id)
        late.set()
        return answer

    async with place.engine(ask) as engine:
        handle = await engine.start(ask, "o-1")
        assert await handle.result(timeout=10) == 2
        assert (await kinds(handle)).count("ActivitySucceeded") == 1
    assert threading.get_ident() not in threads
    assert len(set(threads)) == 2


async def test_sync_activities_run_at_the_same_time_in_threads(memory: Place) -> None:
    # behaviour 12
    together = threading.Barrier(3, timeout=10)

    @activity
    def meet(name: str) -> int:
        return together.wait()

    @workflow(key=str)
    async def meeting(order_id: str) -> list[int]:
        return sorted(await asyncio.gather(*(meet(name) for name in "abc")))

    async with memory.engine(meeting) as engine:
        assert await engine.execute(meeting, "o-1", timeout=10) == [0, 1, 2]


async def test_an_unknown_outcome_may_be_compensated_instead_of_retried(place: Place) -> None:
    # behaviours 17, 21
    undone: list[object] = []

    @activity(on_unknown="compensate", timeout=0.02)
    async def book(seat: str) -> str:
        world.note("book", seat)
        return await asyncio.Event().wait() and "never"

    @book.compensate
    async def free(result: str | None, seat: str) -> None:
        undone.append((result, seat, current_activity().undoes.outcome))  # type: ignore[union-attr]

    @workflow(key=str)
    async def travel(order_id: str) -> None:
        await book("12A")

    async with place.engine(travel) as engine:
        with pytest.raises(RetriesExhausted):
            await engine.execute(travel, "o-1", timeout=10)
    assert len(world.calls) == 1
    assert undone == [(None, "12A", "unknown")]


async def test_the_concurrency_of_an_activity_holds_over_all_executions(memory: Place) -> None:
    running, most = 0, 0

    @activity(concurrency=2)
    async def print_label(order_id: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    @workflow(key=str)
    async def label(order_id: str) -> None:
        await asyncio.gather(*(print_label(f"{order_id}-{part}") for part in range(3)))

    async with memory.engine(label) as engine:
        await asyncio.gather(*(engine.execute(label, f"o-{n}", timeout=10) for n in range(6)))
    assert most == 2


async def test_a_lost_answer_of_the_last_attempt_leaves_an_unknown_outcome(place: Place) -> None:
    # behaviour 21
    undone: list[object] = []

    @activity(retry=Retry.never())
    async def reserve(sku: str) -> str:
        await world.serve("reserve", sku)
        return "reserved"

    @reserve.compensate
    async def unreserve(result: str | None, sku: str) -> None:
        undone.append((result, sku))

    @workflow(key=str)
    async def order(order_id: str) -> None:
        await reserve("A-1")

    world.fail("reserve", Lost())
    async with place.engine(order) as engine:
        with pytest.raises(RetriesExhausted):
            await engine.execute(order, "o-1", timeout=10)
    assert undone == [(None, "A-1")]
