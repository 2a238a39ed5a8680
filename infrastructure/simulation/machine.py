"""The machine: whose turn it is, and how time passes. Nobody waits for anything outside.

Time stands still while anybody has something to do, and jumps to the next thing that is due
otherwise. Where several could have their turn `choose` decides, so that a seed can.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from operator import attrgetter
from typing import TypeAlias

from perdure.infrastructure.simulation.process import ProcessLoop, microseconds, tasks_by_loop

Choose: TypeAlias = Callable[[Sequence[ProcessLoop]], ProcessLoop]
TURNS_LIMIT = 200_000
NUMBER = attrgetter("number")


class NothingWillHappen(Exception):
    """Everybody waits, nothing is due, and what was to happen has not."""


class TakesForEver(Exception):
    """What was to happen has not, in all the time there was for it."""


class Machine:
    """See the module. `now` is in microseconds since the world began."""

    def __init__(self, choose: Choose | None = None) -> None:
        self.now = 0
        self.processes: list[ProcessLoop] = []
        self._dead: list[ProcessLoop] = []
        self._choose = choose
        self._planned: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self._awake: set[ProcessLoop] = set()
        self.died: Callable[[ProcessLoop], None] = lambda process: None  # who hears of a death

    def clock(self) -> int:
        return self.now

    def process(self, name: str) -> ProcessLoop:
        """A new one."""
        self._dead += [each for each in self.processes if not each.alive]
        self.processes = [each for each in self.processes if each.alive]
        self._serial += 1
        process = ProcessLoop(name, self._serial, self.clock, self._awake)
        self.processes.append(process)
        return process

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Something that happens to the world, of no process."""
        self._serial += 1
        heappush(self._planned, (self.now + microseconds(seconds), self._serial, act))

    def run(self, done: Callable[[], bool], limit_seconds: float) -> None:
        """Until it is done. Raises NothingWillHappen and TakesForEver."""
        limit = self.now + microseconds(limit_seconds)
        turns, planned = 0, self._planned
        while not done():
            turns += 1
            if turns > TURNS_LIMIT:
                raise TakesForEver(f"{TURNS_LIMIT:,} turns were not enough")
            now = self.now
            if planned and planned[0][0] <= now:
                heappop(planned)[2]()
                continue
            chosen = self._next(now)
            if chosen is None:
                self._jump(limit)
                continue
            chosen.turn()
            if not chosen.alive:
                self.died(chosen)

    def _next(self, now: int) -> ProcessLoop | None:
        """Whose turn it is; None: nobody has anything to do now."""
        awake = self._awake
        if not awake:
            return None
        ready = [each for each in awake if each.frozen_until <= now]
        if len(ready) < 2:
            return ready[0] if ready else None
        ready.sort(key=NUMBER)
        return self._choose(ready) if self._choose is not None else ready[0]

    def _jump(self, limit: int) -> None:
        """To the next time at which anything is due."""
        dues = [(due, each) for each in self.processes if (due := each.due) is not None]
        first = min((due for due, _ in dues), default=None)
        if self._planned and (first is None or self._planned[0][0] < first):
            first = self._planned[0][0]
        if first is None:
            raise NothingWillHappen("everybody waits, and nothing is due")
        if first > limit:
            raise TakesForEver(f"{limit / 1_000_000:,g} s were not enough")
        self.now = first
        for due, process in dues:
            if due <= first:
                process.wake()

    def close(self) -> list[str]:
        """Ends all of it; what nobody has handled."""
        everybody = [*self._dead, *self.processes]
        told = [f"{each.name}: {text}" for each in everybody for text in each.complaints]
        tasks = tasks_by_loop(everybody)
        for each in everybody:
            each.bury(tasks[each])
        return told
