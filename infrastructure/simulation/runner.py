"""A runner of the simulated world: a process that takes the lease and opens an engine.

When it dies another process of the same name begins after a while, as a supervisor would have it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from perdure.domain.journal import Submission
from perdure.infrastructure.simulation.clock import SeededChance, SimulatedClock
from perdure.infrastructure.simulation.journal import SimulatedJournal, Tell
from perdure.infrastructure.simulation.lease import SimulatedLease
from perdure.infrastructure.simulation.machine import Machine
from perdure.infrastructure.simulation.performing import Calls, Performing
from perdure.infrastructure.simulation.process import ProcessLoop
from perdure.infrastructure.simulation.schedule import BEGIN, Schedule
from perdure.infrastructure.simulation.storage import Storage
from perdure.infrastructure.simulation.threads import NoThreads
from perdure.sagas.activity import Activity
from perdure.sagas.engine import WorkflowEngine
from perdure.sagas.settings import EngineSettings
from perdure.sagas.stage import Runnable, Stage, StandIn
from perdure.sagas.workflow import Workflow

RESTART_SECONDS = 1.0


class Runner:
    """See the module. `code` are workflows and activities; `known` the user's fakes."""

    def __init__(
        self,
        name: str,
        *,
        machine: Machine,
        storage: Storage,
        schedule: Schedule,
        tell: Tell,
        calls: Calls,
        code: tuple[Sequence[Workflow[Any, Any]], Iterable[Activity[..., Any]]],
        settings: EngineSettings,
        known: Callable[[Runnable], StandIn | None],
        commit_seconds: float,
        hour_seconds: float,
        surprise: Callable[["Runner", str, Sequence[Submission]], None],
    ) -> None:
        self.name = name
        self.process: ProcessLoop
        self.engine: WorkflowEngine
        self.lease: SimulatedLease
        self.incarnations = 0
        self.clock = SimulatedClock(machine.clock)
        self._machine = machine
        self._storage = storage
        self._schedule = schedule
        self._tell = tell
        self._calls = calls
        self._workflows, self._activities = code
        self._settings = settings
        self._known = known
        self._commit = commit_seconds
        self._hour = round(hour_seconds * 1_000_000)
        self._surprise = surprise
        self._opened: list[WorkflowEngine] = []
        self.begin()

    def begin(self) -> None:
        """A process that lives until it is killed."""
        self.incarnations += 1
        name = self.name if self.incarnations == 1 else f"{self.name}, life {self.incarnations}"
        self.process = self._machine.process(name)
        if what := self._schedule.at("begin", BEGIN):
            self._tell(self.process.name, "", "begin", what)
            self.clock.ahead += self._hour if what == "clock ahead" else -self._hour
        self.process.begin(self._live(self.process))

    @property
    def alive(self) -> bool:
        return self.process.alive

    async def _live(self, process: ProcessLoop) -> None:
        lease = SimulatedLease(self._storage, process, self._settings.lease_seconds)
        await lease.take()
        self.lease = lease
        journal = SimulatedJournal(
            self._storage,
            process,
            lease,
            self._schedule,
            commit_seconds=self._commit,
            tell=self._tell,
            surprise=lambda what, submissions: self._surprise(self, what, submissions),
        )
        threads = NoThreads(process)
        performing = Performing(process, self._schedule, threads, self._calls, self._known)
        self.engine = WorkflowEngine(
            journal,
            self._workflows,
            activities=self._activities,
            settings=self._settings,
            clock=self.clock,
            randomness=SeededChance(self.incarnations),
            stage=Stage(pool=lambda limit, loop: threads, stand_in=performing.stand_in),
        )
        await self.engine.open()
        self._opened.append(self.engine)

    def bury(self) -> None:
        """Lets engines that were never closed go of what they hold, without effect."""
        for engine in self._opened:
            engine.abandon()
        self._opened.clear()
