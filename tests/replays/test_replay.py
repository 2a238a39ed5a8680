"""Every prefix of a random history replays to the same requests; every crash ends lawfully."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings

from perdure import Handle
from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.domain.records import Phase
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.log import Log
from perdure.sagas.replay import Recorded, replay
from tests.engine.places import Camera, copied, engine_in
from tests.replays.programs import Program, Refused, interpret, programs, world

NAME = "interpret@p"
QUICK = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
MANY = settings(
    max_examples=1_000,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


async def photographed(program: Program) -> list[Log]:
    """The journal after each commit of the program's run."""
    camera = Camera()
    async with engine_in(camera.journal, interpret) as engine:
        handle = await engine.start(interpret, program)
        await ended(handle)
    return camera.pictures


async def ended(handle: Handle[str]) -> None:
    """Returns at its end, which is a result, the declared failure, or a group of such."""
    try:
        await handle.result(timeout=20)
    except (Refused, ExceptionGroup):
        return


async def stream_of(log: Log) -> list[Event]:
    journal = MemoryJournal(copied(log, Log()))
    stream = (await journal.read([NAME]))[NAME]
    assert isinstance(stream, list)
    return stream


async def check_prefix(log: Log) -> None:
    """What the body asks for on replay is what is recorded, number by number."""
    stream = await stream_of(log)
    state = fold(NAME, stream)
    request = interpret.decode_request(state.request)
    done = asyncio.get_running_loop().create_future()

    def again() -> None:
        replayed = replay(interpret, NAME, request, stream, state.versions)
        replayed.body.dismiss()
        done.set_result(replayed)

    asyncio.get_running_loop().call_soon(again)
    replayed = await asyncio.wait_for(done, 10)
    forward = Recorded(stream)
    asked = {event.ordinal for feed in forward.asked.values() for event in feed}
    assert not replayed.unrecorded, "asked for more than is recorded"
    assert replayed.body.next_ordinal == len(asked) + 1
    waiting = set(replayed.body.open)
    if state.rollback is None and state.end is None and replayed.body.ending is None:
        alive = {number for number, record in state.open.items() if not record.abandoned}
        assert waiting == alive | set(state.timers)


def check_end(stream: list[Event]) -> None:
    """One terminal event, the last; each outcome once; rollback complete and in reverse."""
    terminal = [event for event in stream if isinstance(event, events.TERMINAL)]
    assert terminal == [stream[-1]]
    state = fold(NAME, stream)
    ended = [event.ordinal for event in stream if isinstance(event, events.ActivitySucceeded)]
    assert len(ended) == len(set(ended)), "an outcome was recorded twice"
    assert all(len(keys) == 1 for keys in world.keys.values()), world.keys
    began = [event for event in stream if isinstance(event, events.CompensationBegan)]
    if isinstance(terminal[0], events.ExecutionSucceeded):
        kept = {r.arguments for r in state.activities.values() if r.phase is Phase.SUCCEEDED}
        assert {f'{{"path":"{path}"}}'.encode() for path in world.done.values()} <= kept
        return
    assert not world.done, f"left over: {world.done}"
    for plan in (event.plan for event in began):
        done = [step.undoes for step in plan if step.outcome == "succeeded"]
        order = [state.activities[ordinal].ended_version for ordinal in done]
        assert order == sorted(order, reverse=True)


async def check(steps: list[object], crashes: int) -> None:
    world.clear()
    pictures = await photographed(Program(name="p", steps=steps))
    check_end(await stream_of(pictures[-1]))
    for picture in pictures:
        await check_prefix(picture)
    for picture in pictures[:: max(1, len(pictures) // crashes)]:
        await check_crash(picture)


async def check_crash(picture: Log) -> None:
    """A runner that died at this commit is followed by one that ends lawfully."""
    before = await stream_of(picture)
    finished = {e.ordinal for e in before if isinstance(e, events.ActivitySucceeded)}
    journal = MemoryJournal(copied(picture, Log()))
    async with engine_in(journal, interpret) as engine:
        await ended(engine.handle(NAME))
        stream = await journal.read([NAME])
    after = stream[NAME]
    assert isinstance(after, list)
    assert after[: len(before)] == before
    for event in after[len(before) :]:
        if isinstance(event, events.ActivityStarted):
            assert event.ordinal not in finished, "a recorded activity ran again"
    terminal = [event for event in after if isinstance(event, events.TERMINAL)]
    assert terminal == [after[-1]]


@pytest.mark.every_python
@QUICK
@given(steps=programs)
def test_any_prefix_of_any_history_replays_to_the_same_requests(steps: list[object]) -> None:
    # behaviours 4, 5, 22
    asyncio.run(check(steps, crashes=3))


@pytest.mark.faults
@pytest.mark.timeout(600)
@MANY
@given(steps=programs)
def test_a_thousand_programs_replay_and_end_lawfully_after_a_crash_at_every_commit(
    steps: list[object],
) -> None:
    # behaviours 4, 5, 22
    asyncio.run(check(steps, crashes=1_000))
