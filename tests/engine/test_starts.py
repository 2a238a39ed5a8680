"""Starting, joining and waiting: one execution for one key, and room for more than fit at once."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from perdure import (
    BadIdentity,
    DifferentRequest,
    EngineStopped,
    UnknownCode,
    UnknownExecution,
    activity,
    workflow,
)
from perdure.domain.journal import Submission
from perdure.domain.states import Running
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Place, engine_in, kinds, turn
from tests.engine.shop import Gate, ProcessPayment, find, process_payment, world

pytestmark = pytest.mark.every_python
ORDER = ProcessPayment(order_id="o-1")


async def test_start_returns_when_the_start_is_durable_and_execute_when_it_ended(
    place: Place,
) -> None:
    # behaviour 85
    gate = world.hold("total")
    async with place.engine(process_payment) as engine:
        handle = await engine.start(process_payment, ORDER)
        assert (await handle.history())[0].kind == "ExecutionStarted"
        assert await handle.status() == Running(("get_total_amount",))
        waiting = asyncio.create_task(engine.execute(process_payment, ORDER))
        await gate.entered()
        assert not waiting.done()
        gate.open()
        assert await asyncio.wait_for(waiting, 10) == "code for Mill Lane 3"


async def test_a_result_that_does_not_come_in_time_leaves_the_execution_running(
    place: Place,
) -> None:
    # behaviour 85
    gate = world.hold("total")
    async with place.engine(process_payment) as engine:
        with pytest.raises(TimeoutError):
            await engine.execute(process_payment, ORDER, timeout=0.01)
        gate.open()
        handle = engine.handle("process_payment@o-1")
        assert await handle.result(timeout=10) == "code for Mill Lane 3"


async def test_concurrent_starts_with_one_key_are_one_execution(place: Place) -> None:
    # behaviour 34
    async with place.engine(process_payment) as engine:
        starts = [engine.execute(process_payment, ORDER, timeout=10) for _ in range(20)]
        assert set(await asyncio.gather(*starts)) == {"code for Mill Lane 3"}
        assert (await kinds(engine.handle("process_payment@o-1"))).count("ExecutionStarted") == 1
    assert len(world.calls) == 5


async def test_a_different_request_under_one_key_is_refused_with_the_difference(
    place: Place,
) -> None:
    # behaviour 34
    other = ProcessPayment(order_id="o-1", address="Hill Road 9")
    async with place.engine(process_payment) as engine:
        await engine.start(process_payment, ORDER)
        with pytest.raises(DifferentRequest) as refused:
            await engine.start(process_payment, other)
        await engine.handle("process_payment@o-1").result(timeout=10)
        with pytest.raises(DifferentRequest):
            await engine.execute(process_payment, other)
    assert '-  "address": "Mill Lane 3"' in refused.value.difference
    assert '+  "address": "Hill Road 9"' in refused.value.difference
    async with place.engine(process_payment) as engine:
        with pytest.raises(DifferentRequest):
            await engine.start(process_payment, other)


async def test_of_two_different_concurrent_starts_one_is_refused(place: Place) -> None:
    # behaviour 34
    other = ProcessPayment(order_id="o-1", address="Hill Road 9")
    async with place.engine(process_payment) as engine:
        answers = await asyncio.gather(
            engine.execute(process_payment, ORDER, timeout=10),
            engine.execute(process_payment, other, timeout=10),
            return_exceptions=True,
        )
    assert [type(answer) for answer in answers] == [str, DifferentRequest]


async def test_more_starts_than_fit_in_flight_all_finish(place: Place) -> None:
    async with place.engine(find, max_in_flight=4) as engine:
        handles = await asyncio.gather(*(engine.start(find, f"o-{n}") for n in range(50)))
        results = await asyncio.gather(*(handle.result(timeout=15) for handle in handles))
    assert results == ["the price"] * 50
    assert len(world.calls) == 50


async def test_starts_that_wait_for_room_survive_a_crash(place: Place) -> None:
    # behaviour 1
    gate = world.hold("price")
    async with place.engine(find, max_in_flight=2) as engine:
        await asyncio.gather(*(engine.start(find, f"o-{n}") for n in range(20)))
        await gate.entered()
        left = place.crashed()
    world.release("price")
    async with left.engine(find, max_in_flight=2) as engine:
        handles = [engine.handle(f"find@o-{n}") for n in range(20)]
        results = await asyncio.gather(*(handle.result(timeout=15) for handle in handles))
    assert results == ["the price"] * 20


async def test_no_context_leaks_into_a_body_or_out_of_it(memory: Place) -> None:
    customer: ContextVar[str] = ContextVar("customer", default="nobody")

    @activity
    async def who() -> str:
        seen = customer.get()
        customer.set("an activity")
        return seen

    @workflow(key=str)
    async def ask(order_id: str) -> list[str]:
        before = customer.get()
        customer.set(order_id)
        asked = await who()
        return [before, asked, await who(), customer.get()]

    async with memory.engine(ask) as engine:
        customer.set("the caller")
        answers = await asyncio.gather(*(engine.execute(ask, f"o-{n}") for n in range(5)))
        assert customer.get() == "the caller"
    for number, (before, first, second, after) in enumerate(answers):
        assert (before, after) == ("nobody", f"o-{number}")
        assert "an activity" not in (first, second)
        assert first not in [f"o-{other}" for other in range(5)]


async def test_what_is_not_there_is_told_by_name(memory: Place) -> None:
    async with memory.engine(find) as engine:
        with pytest.raises(UnknownExecution, match="find@o-9"):
            await engine.handle("find@o-9").result(timeout=10)
        with pytest.raises(UnknownExecution):
            await engine.handle("find@o-9").cancel()
        with pytest.raises(UnknownCode, match="no workflow named 'lost'"):
            engine.handle("lost@o-9")
        with pytest.raises(UnknownCode, match="process_payment"):
            await engine.start(process_payment, ORDER)
        with pytest.raises(BadIdentity):
            await engine.start(find, "")


async def test_who_waits_when_the_engine_stops_is_told_so(place: Place) -> None:
    world.hold("price")
    async with place.engine(find) as engine:
        handle = await engine.start(find, "o-1")
        waiting = asyncio.create_task(handle.result())
        await asyncio.sleep(0)
    with pytest.raises(EngineStopped, match="find@o-1"):
        await waiting
    with pytest.raises(EngineStopped):
        await engine.start(find, "o-2")


class Breaking(MemoryJournal):
    """Has a bug that shows at the next append, once the gate is opened."""

    gate: Gate | None = None

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        if self.gate is None:
            return await super().append(submissions)
        await self.gate.through()
        raise ZeroDivisionError("a bug, no fault of the world")


@pytest.mark.parametrize("room", [1, 9], ids=["without room", "with room"])
async def test_who_starts_is_told_when_the_journal_breaks_by_a_bug(room: int) -> None:
    world.hold("price")
    journal = Breaking()
    engine = engine_in(journal, find, max_in_flight=room)
    await engine.open()
    waiting = asyncio.create_task((await engine.start(find, "o-1")).result())
    journal.gate = Gate()
    in_the_batch = asyncio.create_task(engine.start(find, "o-2"))
    await journal.gate.entered()
    behind_it = asyncio.create_task(engine.start(find, "o-3"))
    while not engine._committer._queue:
        await turn()
    journal.gate.open()
    for told in (in_the_batch, behind_it, waiting):
        with pytest.raises(EngineStopped):
            await asyncio.wait_for(told, 10)
    with pytest.raises(EngineStopped):
        await engine.start(find, "o-4")
    with pytest.raises(ZeroDivisionError):
        await engine.close()


async def test_a_stop_lets_attempts_in_flight_end_and_begins_no_others(place: Place) -> None:
    gate = world.hold("total")
    async with place.engine(process_payment, stop_seconds=0.5) as engine:
        handle = await engine.start(process_payment, ORDER)
        await gate.entered()
        gate.open()
    assert world.steps == ["total"]
    async with place.engine(process_payment) as engine:
        assert await engine.handle(handle.id).result(timeout=10) == "code for Mill Lane 3"
    assert world.steps == ["total", "charge", "code", "ship", "email"]


async def test_a_stop_ends_within_its_deadline_although_an_activity_never_does(
    place: Place,
) -> None:
    # behaviour 83
    gate = world.hold("price")
    async with place.engine(find, stop_seconds=0.05) as engine:
        await engine.start(find, "o-1")
        await gate.entered()
        stopping = asyncio.get_running_loop().time()
    assert 0.04 < asyncio.get_running_loop().time() - stopping < 5
    world.release("price")
    async with place.engine(find) as engine:
        assert await engine.handle("find@o-1").result(timeout=10) == "the price"
    assert [call.attempt for call in world.calls] == [1, 2]


@pytest.mark.parametrize("limit", [1, 4])
async def test_never_more_are_in_flight_than_allowed(place: Place, limit: int) -> None:
    running, most = 0, 0

    @activity
    async def count(order_id: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await turn()
        running -= 1

    @workflow(key=str)
    async def counted(order_id: str) -> None:
        await count(order_id)
        await count(order_id)

    async with place.engine(counted, max_in_flight=limit) as engine:
        handles = await asyncio.gather(*(engine.start(counted, f"o-{n}") for n in range(30)))
        await asyncio.gather(*(handle.result(timeout=15) for handle in handles))
    assert 0 < most <= limit
