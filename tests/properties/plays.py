"""Plays a program on the real engine, on a journal in memory, with processes that die at will.

A play is one execution from its start to its end, through as many incarnations as it has crashes.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec import Raw

from perdure import (
    CancelledExecution,
    EngineSettings,
    ExecutionParked,
    Failure,
    Handle,
    WorkflowEngine,
)
from perdure.domain.errors import JournalUnavailable, VersionConflict
from perdure.domain.events import Event
from perdure.domain.journal import Journal, Submission
from perdure.infrastructure import codec
from perdure.infrastructure.entry import encoded
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.log import Log
from perdure.sagas.stage import Stage
from tests.properties.activities import ACTIVITIES
from tests.properties.day import Day
from tests.properties.interpreter import Order, Program, interpret
from tests.properties.lockstep import LockstepThreads
from tests.properties.virtual_time import NoChance, VirtualClock, VirtualLoop
from tests.properties.world import EXECUTION, World, world

PATIENCE_SECONDS = 300  # of virtual time
RESUMPTIONS_LIMIT = 100
ORDINARY = Day()
INSIDE = LOST, STORED = ("crash inside, lost", "crash inside, stored")
INSIDE_SECONDS = 0.025  # attempts end meanwhile, and time limits


class Crash(Exception):
    """The process dies here."""


@dataclass(frozen=True)
class Fault:
    """At which append, counted from 0 through all incarnations, and what happens there.

    `unavailable`: nothing is stored, and the journal says so. `unsure`: it says so, although it is.
    `crash inside`: the answer never comes, the process goes on for a while without it and dies.
    """

    append: int
    kind: str  # "crash before", "crash after", "unavailable", "unsure", or INSIDE


@dataclass
class Play:
    """What happened, for the checks."""

    log: Log = field(default_factory=Log)
    ends: list[int] = field(default_factory=list)  # versions at which submissions ended
    appends: int = 0
    disturbed: int | None = None  # how many events were stored at the first fault
    incarnations: int = 0
    crashes: Counter[str] = field(default_factory=Counter)  # by kind
    world: World = field(default_factory=lambda: world)
    known: list[Event] = field(default_factory=list)  # decoded already

    def stream(self) -> list[Event]:
        """What is stored, as events."""
        rows = self.log.streams.get(EXECUTION, [])
        self.known += (codec.decode(row.topic, row.body) for row in rows[len(self.known) :])
        return list(self.known)


class Process:
    """The faults of one incarnation. Implements the memory journal's Faults."""

    def __init__(self, play: Play, faults: Sequence[Fault]) -> None:
        self._play = play
        self._faults = {fault.append: fault.kind for fault in faults}
        self._before = 0  # events that were stored before this append
        self.died: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def before_append(self, submissions: Sequence[Submission]) -> None:
        self._before = len(self._play.log.events)
        kind = self._fault()
        if self._play.world.dead or kind == "crash before":
            self._play.appends += not self._play.world.dead
            self._die(kind)
        if kind == "unavailable":
            self._play.appends += 1
            raise JournalUnavailable("nothing is stored")

    def after_append(self, submissions: Sequence[Submission]) -> None:
        self.note(submissions)
        kind = self._fault()
        self._play.appends += 1
        if kind == "crash after":
            self._die(kind)
        if kind == "unsure":
            raise JournalUnavailable("it may be stored or not")

    def note(self, submissions: Sequence[Submission]) -> None:
        """They are stored."""
        for submission in submissions:
            refused = submission.expected < self._before  # a start whose id is taken
            if submission.events and not refused:
                self._play.ends.append(submission.expected + len(submission.events))

    def inside(self) -> str | None:
        """Which of INSIDE this append meets, if it does: then it is cut off, and `die_inside`."""
        self._before = len(self._play.log.events)
        kind = self._faults.get(self._play.appends)
        return self._fault() if kind in INSIDE and not self._play.world.dead else None

    async def die_inside(self, kind: str) -> None:
        """Waits for an answer until it dies."""
        await asyncio.sleep(INSIDE_SECONDS)
        self._play.appends += 1
        self._die(kind)

    def _fault(self) -> str | None:
        kind = self._faults.get(self._play.appends)
        if kind is not None and self._play.disturbed is None:
            self._play.disturbed = len(self._play.log.events)
        return kind

    def _die(self, kind: str | None) -> None:
        if not self._play.world.dead and kind is not None:
            self._play.crashes[kind] += 1
        self._play.world.dead = True
        if not self.died.done():
            self.died.set_result(None)
        raise Crash


class SlowJournal(MemoryJournal):
    """Its commits take some milliseconds of virtual time."""

    __slots__ = ("process", "seconds")
    process: Process
    seconds: float

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if kind := self.process.inside():
            if kind == STORED:
                self.log.append([encoded(each) for each in submissions])
                self.process.note(submissions)
            await self.process.die_inside(kind)
        return await super().append(submissions)


Opened: TypeAlias = Callable[[Play, Process, Day], Awaitable[Journal]]


async def opened_in_memory(played: Play, process: Process, day: Day) -> Journal:
    journal = SlowJournal(played.log, faults=process)
    journal.process = process
    journal.seconds = day.commit_milliseconds / 1000
    return journal


def play(
    program: Program,
    day: Day = ORDINARY,
    faults: Sequence[Fault] = (),
    opened: Opened = opened_in_memory,
) -> Play:
    """From the start to the end. Raises NothingWillHappen or TimeoutError when it hangs."""
    played = Play()
    played.world.begin(played.stream, day.call_milliseconds / 1000)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        while not runner.run(incarnation(played, program, day, faults, opened)):
            assert played.incarnations <= len(faults), "it died without a fault"
    return played


async def incarnation(
    played: Play,
    program: Program,
    day: Day,
    faults: Sequence[Fault],
    opened: Opened = opened_in_memory,
) -> bool:
    """One process; whether the execution came to its end."""
    played.incarnations += 1
    played.world.dead = False
    process = Process(played, faults)
    engine = WorkflowEngine(
        await opened(played, process, day),
        [interpret],
        activities=ACTIVITIES.values() if "defect" in json.dumps(program) else (),
        settings=EngineSettings(stop_seconds=0.0, activity_slots=day.slots),
        clock=VirtualClock(asyncio.get_running_loop()),
        randomness=NoChance(),
        stage=Stage(pool=LockstepThreads),
    )
    await engine.open()
    client = asyncio.create_task(be_client(engine, program, day))
    try:
        await asyncio.wait([client, process.died], return_when=asyncio.FIRST_COMPLETED)
        if not played.world.dead:
            client.result()
        return not played.world.dead
    finally:
        client.cancel()
        await asyncio.wait([client])
        _ = client.cancelled() or client.exception()  # told already, or of no matter any more
        played.world.dead, died = True, played.world.dead
        try:
            await engine.close()
        except Crash:
            assert died
        process.died.cancel()


async def be_client(engine: WorkflowEngine, program: Program, day: Day) -> None:
    """Starts it, or joins it; cancels it on some days; waits for the end, whichever it is."""
    handle = await engine.start(interpret, Order(program=json.dumps(program)))
    canceller = asyncio.create_task(cancel_later(handle, day.cancel_after_milliseconds))
    try:
        await see_to_the_end(handle, day)
    finally:
        canceller.cancel()
        with suppress(asyncio.CancelledError):
            await canceller


async def see_to_the_end(handle: Handle[str], day: Day) -> None:
    """Whenever it is parked, mends what is broken and lets it go on."""
    for _ in range(RESUMPTIONS_LIMIT):
        try:
            await handle.result(timeout=PATIENCE_SECONDS)
        except (Failure, ExceptionGroup, CancelledExecution):
            return
        except ExecutionParked as parked:
            if parked.state == "blocked":
                raise
            world.mended = True
            await asyncio.sleep(day.resume_after_milliseconds / 1000)
            await insist(handle.resume, "it was seen to")
        else:
            return
    raise AssertionError("it was resumed again and again")


async def cancel_later(handle: Any, milliseconds: int | None) -> None:
    if milliseconds is not None:
        await asyncio.sleep(milliseconds / 1000)
        await insist(handle.cancel, "changed my mind")


async def insist(order: Callable[[str], Awaitable[None]], reason: str) -> None:
    """Gives the order again when the journal, unsure of an earlier append, took none behind it."""
    for _ in range(RESUMPTIONS_LIMIT):
        try:
            return await order(reason)
        except VersionConflict:
            await asyncio.sleep(0)
    raise AssertionError("the order was never taken")


def order_of(stream: list[Event]) -> Order:
    """The request as it was recorded."""
    payload: Raw = stream[0].request  # type: ignore[attr-defined]
    return interpret.decode_request(bytes(payload))
