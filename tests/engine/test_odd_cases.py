"""One odd execution, or an odd moment to stop, harms nobody else."""

import asyncio
import math
import sqlite3
import threading
from pathlib import Path

import pytest

from perdure import EngineStopped, ExecutionParked, Failure, activity, workflow
from perdure.domain.errors import Undecodable
from perdure.domain.states import BlockedByCode, Suspended, Waiting
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import OnDisk, Place, engine_in, recorded, turn
from tests.engine.shop import look_up, world

pytestmark = pytest.mark.every_python


@workflow(key=str)
async def find(order_id: str) -> str:
    return await look_up("price")


@pytest.mark.parametrize("seconds", [1e13, math.inf])
async def test_a_sleep_without_end_is_one_until_the_year_9999(place: Place, seconds: float) -> None:
    @workflow(key=str)
    async def sleep_for_ever(order_id: str) -> None:
        await asyncio.sleep(seconds)

    async with place.engine(sleep_for_ever, find) as engine:
        handle = await engine.start(sleep_for_ever, "o-1")
        await recorded(handle, "TimerSet")
        state = await handle.status()
        assert isinstance(state, Waiting)
        assert state.until.year == 9999
        assert await engine.execute(find, "o-2") == "the price"
    async with place.engine(sleep_for_ever, find) as engine:
        assert await engine.execute(find, "o-3") == "the price"


async def test_a_sleep_for_no_number_is_a_defect_of_the_body(place: Place) -> None:
    @workflow(key=str)
    async def sleep_for_nan(order_id: str) -> None:
        asyncio.get_running_loop().call_later(math.nan, print)
        await look_up("price")

    async with place.engine(sleep_for_nan) as engine:
        handle = await engine.start(sleep_for_nan, "o-1")
        with pytest.raises(ExecutionParked, match="no number"):
            await handle.result(timeout=10)
        assert isinstance(await handle.status(), Suspended)


def forge(place: OnDisk) -> None:
    """Makes a recorded success answer an activity that was never started."""
    event = b'{"time":1,"ordinal":77,"attempt":1,"result":"x"}'
    connection = sqlite3.connect(place.path)
    connection.execute("UPDATE events SET body = ? WHERE topic = 'ActivitySucceeded'", (event,))
    connection.commit()
    connection.close()


@pytest.fixture
def on_disk(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path)


async def test_a_stream_that_contradicts_itself_blocks_its_execution_alone(on_disk: OnDisk) -> None:
    # behaviour 11
    gate = world.hold("door")

    @workflow(key=str)
    async def two_steps(order_id: str) -> str:
        await look_up("price")
        return await look_up("door")

    async with on_disk.engine(two_steps, find) as engine:
        await engine.start(two_steps, "o-1")
        await gate.entered()
    forge(on_disk)
    async with on_disk.engine(two_steps, find) as engine:
        assert await engine.execute(find, "o-2") == "the price"
        handle = engine.handle("two_steps@o-1")
        with pytest.raises(ExecutionParked, match="does not follow from the events before it"):
            await handle.result(timeout=10)
        assert isinstance(await handle.status(), BlockedByCode)
        for order in (handle.cancel, handle.resume):
            with pytest.raises(Undecodable, match="does not follow from the events before it"):
                await asyncio.wait_for(order("by hand"), 10)


async def test_a_row_of_the_index_whose_events_are_gone_is_told_and_harms_nobody(
    on_disk: OnDisk,
) -> None:
    # behaviour 11
    gate = world.hold("price")
    async with on_disk.engine(find) as engine:
        await engine.start(find, "o-1")
        await gate.entered()
    gate.open()
    connection = sqlite3.connect(on_disk.path)
    connection.execute("DELETE FROM events")
    connection.commit()
    connection.close()
    async with on_disk.engine(find) as engine:
        assert await engine.execute(find, "o-2") == "the price"
        handle = engine.handle("find@o-1")
        with pytest.raises(ExecutionParked, match="no event is stored"):
            await handle.result(timeout=10)
        with pytest.raises(Undecodable, match="no event is stored"):
            await asyncio.wait_for(handle.cancel("by hand"), 10)


async def test_how_an_abandoned_attempt_ended_is_recorded_as_it_was(place: Place) -> None:
    # behaviour 17
    class Undeclared(Failure):
        sku: str

    go_on = threading.Event()

    @activity
    def answers_late(order_id: str) -> str:
        go_on.wait(10)
        raise Undeclared(sku="lamp")

    @workflow(key=str)
    async def waits_briefly(order_id: str) -> str:
        try:
            return await asyncio.wait_for(answers_late(order_id), 0.01)
        except TimeoutError:
            return "too late"

    async with place.engine(waits_briefly) as engine:
        handle = await engine.start(waits_briefly, "o-1")
        await recorded(handle, "ActivityAbandoned")
        go_on.set()
        assert await handle.result(timeout=10) == "too late"
        [ended] = [one for one in await handle.history() if one.kind == "AttemptFailed"]
        assert "Undeclared" in str(ended.error)


async def test_a_group_of_exceptions_says_what_is_in_it(memory: Place) -> None:
    @workflow(key=str)
    async def with_a_socket(order_id: str) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.open_connection("localhost", 80))  # type: ignore[arg-type]

    async with memory.engine(with_a_socket) as engine:
        with pytest.raises(ExecutionParked, match="ForbiddenInBody: "):
            await engine.execute(with_a_socket, "o-1", timeout=10)


async def test_a_close_that_is_cancelled_waits_no_longer_and_leaves_the_journal_closed(
    on_disk: OnDisk,
) -> None:
    gate = world.hold("price")
    stopping = asyncio.Event()

    async def serve() -> None:
        async with on_disk.engine(find, stop_seconds=60.0) as engine:
            await engine.start(find, "o-1")
            await gate.entered()
            stopping.set()
            await asyncio.Event().wait()

    serving = asyncio.create_task(serve())
    await stopping.wait()
    serving.cancel()
    for _ in range(5):
        await turn()
    assert not serving.done()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(serving, 10)
    world.release("price")
    async with on_disk.engine(find) as engine:
        assert await engine.handle("find@o-1").result(timeout=10) == "the price"


async def test_when_the_engine_breaks_those_who_wait_are_told_by_what() -> None:
    async def breaks(_: object) -> None:
        raise RuntimeError("a bug in the committer")

    engine = await engine_in(MemoryJournal(), find).open()
    engine._committer._flush = breaks  # type: ignore[method-assign, assignment]
    with pytest.raises(EngineStopped, match="a bug in the committer"):
        await engine.execute(find, "o-1", timeout=10)
    with pytest.raises(RuntimeError, match="a bug in the committer"):
        await engine.close()
