"""Worlds of several executions: one that is parked holds up nobody, and limits are kept."""

from collections import Counter

import pytest
from pydantic import BaseModel

from perdure import EngineSettings, activity, current_activity, suspend, workflow
from perdure.domain import events
from perdure.domain.mailbox import KEPT_SECONDS
from perdure.infrastructure.simulation.clock import START, CountedIds, SimulatedClock
from perdure.infrastructure.simulation.customer import RESUME_SECONDS
from perdure.infrastructure.simulation.invariants import check_world
from perdure.infrastructure.simulation.office import SimulatedPostOffice
from perdure.infrastructure.simulation.process import pause
from perdure.infrastructure.simulation.schedule import Fault, Listed
from perdure.infrastructure.simulation.world import LOOK_SECONDS, Circumstances, World
from perdure.sagas.client import Client

AT_MOST = 2


class Errand(BaseModel):
    name: str
    parked: bool = False


under_way: Counter[str] = Counter()
most: list[int] = []


@activity
async def run_errand(name: str) -> str:
    execution_id = current_activity().execution_id
    under_way[execution_id] += 1
    most.append(len(+under_way))
    await pause(0.5)
    under_way[execution_id] -= 1
    return f"{name} was run"


@workflow(key="name")
async def errand(request: Errand) -> str:
    if request.parked:
        await suspend("somebody has to look")
    return await run_errand(request.name)


def world_of(faults: list[Fault], *, parked: int, others: int, in_flight: int = 512) -> World:
    under_way.clear()
    most.clear()
    settings = EngineSettings(stop_seconds=0.0, scan_seconds=LOOK_SECONDS, max_in_flight=in_flight)
    world = World([errand], schedule=Listed(faults), circumstances=Circumstances(settings=settings))
    for number in range(parked):
        world.order(errand, Errand(name=f"parked {number}", parked=True))
    for number in range(others):
        world.order(errand, Errand(name=f"other {number}"))
    try:
        world.run()
    finally:
        world.close()
    check_world(world)
    return world


FAULTS: list[list[Fault]] = [
    [],
    [("append", 2, "crash after")],
    [("append", 3, "unsure"), ("call", 2, "answer lost")],
    [("append", 2, "frozen")],
]


@pytest.mark.parametrize("faults", FAULTS, ids=["no fault", "crash", "lost answers", "frozen"])
def test_those_that_are_parked_hold_up_nobody(faults: list[Fault]) -> None:
    # invariant I17
    world = world_of(faults, parked=5, others=20)
    for customer in world.customers:
        stream = world.stream(customer.execution_id)
        assert isinstance(stream[-1], events.ExecutionSucceeded)
        ended = (stream[-1].time - START) / 1_000_000
        assert (ended >= RESUME_SECONDS) == customer.request.parked, customer.execution_id


@pytest.mark.parametrize("faults", FAULTS[:2], ids=["no fault", "crash"])
def test_no_more_are_in_flight_than_there_may_be(faults: list[Fault]) -> None:
    # invariant I15
    world_of([], parked=0, others=12)
    assert max(most) > AT_MOST
    world = world_of(faults, parked=0, others=12, in_flight=AT_MOST)
    assert max(most) <= AT_MOST + len(faults)  # what died with its process is under way for ever
    assert sum(customer.end is not None for customer in world.customers) == 12


def test_a_result_is_given_after_the_reply_to_the_start_was_forgotten() -> None:
    # invariant I12; the mailbox keeps replies for a week
    world = World([errand], schedule=Listed())
    process = world.machine.process("late customer")
    office = SimulatedPostOffice(world.storage, world.schedule, world.machine.later, world.tell)
    client = Client(office, clock=SimulatedClock(world.machine.clock), ids=CountedIds("late"))
    given: list[object] = []

    async def come_back_late() -> None:
        handle = await client.start(errand, Errand(name="late"))
        await pause(KEPT_SECONDS + 2 * 3_600)
        await handle.accepted()
        given.append(await handle.result())

    process.begin(come_back_late())
    # Another order, since an engine tidies its mailbox when there is mail.
    world.order(errand, Errand(name="other"), after_seconds=KEPT_SECONDS + 3_600)
    try:
        world.machine.run(lambda: bool(given), 30 * 24 * 3_600)
    finally:
        world.close()
    assert "late-1" not in world.storage.log.mailbox.settled, "it was not forgotten"
    assert given == ["late was run"]
