"""Each branch gets its own results, live and after a crash at any commit."""

import pytest

from perdure import Workflow
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Camera, Place, engine_in
from tests.engine.shop import world
from tests.races.shapes import SHAPES

pytestmark = pytest.mark.every_python


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_a_crash_at_any_commit_changes_no_winner_and_repeats_no_recorded_activity(
    shape: Workflow[str, list[str]],
) -> None:
    # behaviours 1, 4, 5, 6
    camera = Camera()
    async with engine_in(camera.journal, shape) as engine:
        result = await engine.execute(shape, "o-1", timeout=10)
    calls = len(world.calls)
    assert result
    for picture in camera.pictures:
        completed = [row for row in picture.events if row.topic == "ActivitySucceeded"]
        world.calls.clear()
        async with engine_in(MemoryJournal(picture), shape) as engine:
            assert await engine.handle(f"{shape.name}@o-1").result(timeout=10) == result
        assert len(world.calls) == calls - len(completed)
    assert len(world.effects) == calls, "each thing was done under one key"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_what_is_cancelled_is_recorded_once_and_undone_by_nobody(
    shape: Workflow[str, list[str]], place: Place
) -> None:
    # behaviour 6
    async with place.engine(shape) as engine:
        handle = await engine.start(shape, "o-1")
        await handle.result(timeout=10)
        history = await handle.history()
    dropped = [e.ordinal for e in history if e.kind in ("TimerCancelled", "ActivityAbandoned")]
    assert len(dropped) == len(set(dropped))
    assert [event.kind for event in history].count("ExecutionSucceeded") == 1
    assert history[-1].kind == "ExecutionSucceeded"
