"""Plays one simulated world, and checks all that has to hold of it.

The checks are those of every world, the user's own of each execution, and that it came to its end
soon enough after the last fault.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from perdure.domain import events
from perdure.domain.events import Event
from perdure.infrastructure.simulation.invariants import check_world
from perdure.infrastructure.simulation.machine import NothingWillHappen, TakesForEver
from perdure.infrastructure.simulation.process import ProcessLoop
from perdure.infrastructure.simulation.schedule import Schedule
from perdure.infrastructure.simulation.violation import demand
from perdure.infrastructure.simulation.world import World
from tests.properties.activities import ACTIVITIES
from tests.properties.checks import check_all_or_nothing, check_end
from tests.properties.world import worlds
from tests.simulation.meeting import CountingWorld
from tests.simulation.setting import HOUR_SECONDS, Setting
from tests.simulation.sites import Ordering, Site, name_of, simulated

SOON_SECONDS = 300.0  # of virtual time, from the last fault to the end
TURNS = 0x7E57
ANY_PREFIX = 0.5  # how often not the whole history is replayed, but a part of it


@dataclass(frozen=True)
class Seen:
    """One execution of a world, for the checks of the random programs."""

    events: list[Event]
    world: Site

    def stream(self) -> list[Event]:
        return self.events


class Playing:
    """One world. `problem` is what was wrong with it, if anything was; `check` is who says so."""

    def __init__(self, setting: Setting, schedule: Schedule) -> None:
        self.setting = setting
        self.schedule = schedule
        self.problem: BaseException | None = None
        self._turn = Random(setting.turns ^ TURNS).random
        defects = any('"defect"' in json.dumps(each) for each in setting.programs)
        self.met: Counter[tuple[str, str]] = Counter()
        self.world = CountingWorld(
            self.met,
            [simulated],
            activities=list(ACTIVITIES.values()) if defects else (),
            schedule=schedule,
            circumstances=setting.circumstances,
            choose=self._choose,
        )
        self.world.calls.activities.update(ACTIVITIES)  # some are undone that were never called
        self.sites = {
            name: Site(name, lambda name=name: self.world.stream(name), setting.call_seconds)  # type: ignore[misc]
            for name in map(name_of, range(len(setting.programs)))
        }
        for order in setting.orders:
            program = json.dumps(setting.programs[order.number])
            request = Ordering(number=order.number, program=program)
            customer = self.world.order(simulated, request, after_seconds=order.after)
            if order.cancel_after is not None:
                self.world.machine.later(order.after + order.cancel_after, customer.cancel)

    def _choose(self, ready: Any) -> ProcessLoop:
        chosen: ProcessLoop = ready[int(self._turn() * len(ready))]
        return chosen

    @property
    def check(self) -> str:
        """The name of the check that was not content."""
        names: list[str] = []
        trace = self.problem.__traceback__ if self.problem is not None else None
        while trace is not None:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        checks = [name for name in names if name.startswith("check_")]
        if isinstance(self.problem, NothingWillHappen | TakesForEver):
            return "it ends"
        return checks[-1].removeprefix("check_").replace("_", " ") if checks else "it runs"


def play(setting: Setting, schedule: Schedule) -> Playing:
    """Plays it and checks it; `problem` says what was wrong."""
    playing = Playing(setting, schedule)
    with own_sites(playing):
        try:
            try:
                playing.world.run()
            finally:
                playing.world.close()
            check(playing)
        except Exception as error:
            playing.problem = error
    return playing


@contextmanager
def own_sites(playing: Playing) -> Iterator[None]:
    worlds.update(playing.sites)
    try:
        yield
    finally:
        for name in playing.sites:
            del worlds[name]


def check(playing: Playing) -> None:
    """Raises AssertionError; Violation is one."""
    world, turn = playing.world, playing._turn

    def ends(execution_id: str) -> list[int]:
        """Any one, or the last one: what looks at all of them is another test."""
        found = world.prefixes_of(execution_id)
        return [found[int(turn() * len(found))] if turn() < ANY_PREFIX else found[-1]]

    check_world(world, ends)
    check_soon(world)
    for name, site in playing.sites.items():
        if stream := world.stream(name):
            check_site(Seen(stream, site))


def check_soon(world: World) -> None:
    """A thread hangs for an hour, and what is due by a clock that was set waits as long."""
    last = max((told.time for told in world.told if told.fault), default=0)
    hours = sum(told.fault.startswith(("timeout", "clock")) for told in world.told)
    took = (world.done_at - last) / 1_000_000 - hours * HOUR_SECONDS
    demand(took <= SOON_SECONDS, f"it took {took:,.0f} s from the last fault to the end")


def check_site(seen: Seen) -> None:
    check_end(seen)
    check_all_or_nothing(seen)
    check_nothing_is_begun_while_suspended(seen.events)


def check_nothing_is_begun_while_suspended(stream: list[Event]) -> None:
    suspended = False
    for version, event in enumerate(stream, 1):
        match event:
            case events.ExecutionSuspended():
                suspended = True
            case events.ExecutionResumed() | events.CancellationRequested():
                suspended = False
            case events.ActivityStarted():
                demand(not suspended, f"{event.activity} was begun while suspended, as {version}")
