"""What is kept of executions whose timers are far: the timers alone, and those not for ever."""

import asyncio
import gc
from weakref import WeakSet

import pytest

from perdure import workflow
from perdure.sagas import timers
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.start import Start
from perdure.sagas.timers import Timers
from tests.engine.places import Place
from tests.engine.shop import look_up
from tests.properties.virtual_time import VirtualClock, VirtualLoop


@workflow(key=str)
async def sleep_long(order_id: str) -> None:
    await asyncio.sleep(3600.0)


@workflow(key=str)
async def ask_in_time(order_id: str) -> str:
    async with asyncio.timeout(3600.0):
        return await look_up("price")


async def test_a_far_timer_keeps_no_execution_in_memory(
    memory: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: WeakSet[LiveExecution] = WeakSet()
    note = LiveExecution.record_start

    def noted(execution: LiveExecution, start: Start) -> None:
        seen.add(execution)
        note(execution, start)

    monkeypatch.setattr(LiveExecution, "record_start", noted)
    async with memory.engine(sleep_long, ask_in_time) as engine:
        for number in range(20):
            await engine.start(sleep_long, f"o-{number}")
            await engine.execute(ask_in_time, f"o-{number}", timeout=10)
        gc.collect()
        assert len(seen) <= 1  # the one that was stored last


class Sleepy:
    """Sets timers, and has forgotten all of them but these."""

    def __init__(self) -> None:
        self.awaited: dict[int, int] = {}
        self.fired: list[int] = []
        self.through = asyncio.Event()

    def waits_for(self, ordinal: int, due: int) -> bool:
        return self.awaited.get(ordinal) == due

    def due(self, ordinal: int) -> None:
        self.fired.append(ordinal)
        if ordinal == 2:
            raise ZeroDivisionError
        if ordinal == 3:
            self.through.set()


def test_timers_of_no_use_any_more_are_swept_out_long_before_their_due() -> None:
    told: list[BaseException] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        clock = VirtualClock(loop)
        kept = Timers(clock, loop)
        sleepy, dead = Sleepy(), Sleepy()
        for ordinal in (3, 2, 1):
            sleepy.awaited[ordinal] = clock.now() + 1_000_000 * ordinal
            kept.add(sleepy.awaited[ordinal], ordinal, sleepy.due)
        for ordinal in range(4, 50_000):
            kept.add(clock.now() + 3_600_000_000, ordinal, sleepy.due)
            kept.add(clock.now() + 1, ordinal, dead.due)
        del dead
        gc.collect()
        assert len(kept._heap) <= 2 * timers.FIRST_SWEEP
        runner.run(sleepy.through.wait())
        assert sleepy.fired == [1, 2, 3]
    assert [type(error) for error in told] == [ZeroDivisionError]
