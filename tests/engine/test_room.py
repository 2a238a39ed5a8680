"""Room: a start that finds none waits in the journal, or says so at once if asked to."""

import pytest

from perdure import Busy, connect
from perdure.domain.states import Running, Waiting
from tests.engine.places import Place
from tests.engine.shop import find, world

pytestmark = pytest.mark.every_python


async def test_a_start_that_would_have_to_wait_raises_busy_if_asked_to(place: Place) -> None:
    gate = world.hold("price")
    async with place.engine(find, max_in_flight=1) as engine:
        first = await engine.start(find, "o-1", when_full="raise")
        await gate.entered()
        with pytest.raises(Busy, match="1 executions are in flight"):
            await engine.start(find, "o-2", when_full="raise")
        with pytest.raises(Busy, match="find@o-2: not started"):
            await engine.execute(find, "o-2", when_full="raise")
        joined = await engine.start(find, "o-1", when_full="raise")
        waiting = await engine.start(find, "o-3")
        again = await engine.start(find, "o-3", when_full="raise")
        gate.open()
        for handle in (first, joined, waiting, again):
            assert await handle.result(timeout=10) == "the price"
        assert await engine.execute(find, "o-2", timeout=10) == "the price"
    assert len(world.calls) == 3


async def test_what_else_is_said_of_a_full_engine_is_refused(memory: Place) -> None:
    async with memory.engine(find) as engine:
        with pytest.raises(ValueError, match='say "wait" or "raise"'):
            await engine.start(find, "o-1", when_full="fail")  # type: ignore[arg-type]


async def test_what_waits_for_room_says_so_to_an_engine_and_to_a_client(place: Place) -> None:
    gate = world.hold("price")
    async with place.engine(find, max_in_flight=1) as engine, connect(place.url) as client:
        first = await engine.start(find, "o-1")
        await gate.entered()
        waiting = await engine.start(find, "o-2")
        for asked in (waiting, client.handle(waiting.id)):
            assert await asked.status() == Waiting("room in an engine")
        assert await client.handle(first.id).status() == Running(("look_up",))
        gate.open()
        assert await waiting.result(timeout=10) == "the price"
