"""A simulated world: runners on one journal, customers, and what happens to them by a schedule.

It runs until every customer has what they wait for, and some time more, so that late messages and
leases that run out come to nothing while somebody looks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from perdure.domain.events import Event
from perdure.domain.journal import Submission
from perdure.infrastructure import codec
from perdure.infrastructure.simulation.customer import RESUME_SECONDS, RESUMPTIONS_LIMIT, Customer
from perdure.infrastructure.simulation.lease import FROZEN_SECONDS
from perdure.infrastructure.simulation.machine import Choose, Machine
from perdure.infrastructure.simulation.performing import Call, Calls, Failing
from perdure.infrastructure.simulation.prefixes import Replays
from perdure.infrastructure.simulation.process import ProcessLoop
from perdure.infrastructure.simulation.runner import RESTART_SECONDS, Runner
from perdure.infrastructure.simulation.schedule import Listed, Schedule
from perdure.infrastructure.simulation.storage import Storage
from perdure.sagas.activity import Activity
from perdure.sagas.settings import EngineSettings
from perdure.sagas.stage import Runnable, StandIn
from perdure.sagas.workflow import Workflow

HOUR_SECONDS = 3_600.0
PATIENCE_SECONDS = 400 * 24 * HOUR_SECONDS
AFTERMATH_SECONDS = 60.0
LOOK_SECONDS = 7 * 24 * HOUR_SECONDS  # so that nobody is saved by the net below


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What kind of world it is. Times in seconds."""

    runners: int = 2
    commit_seconds: float = 0.002
    lease_seconds: float = 15.0
    deaths_are_noticed: bool = True  # so that nobody waits for the lease of a dead process
    attempts_limit: int = 60
    resumptions_limit: int = RESUMPTIONS_LIMIT  # so often a customer resumes what is parked
    resume_seconds: float = RESUME_SECONDS  # after so long
    patience_seconds: float = PATIENCE_SECONDS
    hour_seconds: float = HOUR_SECONDS  # clocks are set by so much, and threads hang for so long
    aftermath_seconds: float = AFTERMATH_SECONDS
    settings: EngineSettings = field(
        default_factory=lambda: EngineSettings(stop_seconds=0.0, scan_seconds=LOOK_SECONDS)
    )


def first_failure(kind: Any) -> Any:
    """A failure without fields."""
    return kind()


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened, besides what was stored: `stored` events were there before it."""

    time: int
    stored: int
    who: str
    what: str
    moment: str = ""
    fault: str = ""


class World:
    """See the module. `told` is what happened, in its order."""

    def __init__(
        self,
        workflows: Sequence[Workflow[Any, Any]],
        *,
        activities: Sequence[Activity[..., Any]] = (),
        schedule: Schedule | None = None,
        circumstances: Circumstances | None = None,
        known: Callable[[Runnable], StandIn | None] = lambda runnable: None,
        failing: Failing = first_failure,
        choose: Choose | None = None,
        replays: Replays | None = None,
    ) -> None:
        self.workflows = {each.name: each for each in workflows}
        self.circumstances = circumstances or Circumstances()
        self.schedule = schedule or Listed()
        self.machine = Machine(choose)
        self.machine.died = self._died
        self.storage = Storage(self.machine.clock, self.circumstances.lease_seconds)
        limit, hour = self.circumstances.attempts_limit, self.circumstances.hour_seconds
        self.calls = Calls(self._stored, failing, limit, hour)
        self.calls.tell = self._called
        self.replays = replays or Replays()
        self.customers: list[Customer] = []
        self._waiting: list[Customer] = []
        self.told: list[Told] = []
        self.complaints: list[str] = []
        self.done_at = 0  # when nobody waited for anything any more, in microseconds
        self._known: dict[str, list[Event]] = {}
        self._runners = [
            Runner(
                f"runner {number}",
                machine=self.machine,
                storage=self.storage,
                schedule=self.schedule,
                tell=self.tell,
                calls=self.calls,
                code=(workflows, activities),
                settings=self.circumstances.settings,
                known=known,
                commit_seconds=self.circumstances.commit_seconds,
                hour_seconds=self.circumstances.hour_seconds,
                surprise=self._surprise,
            )
            for number in range(1, self.circumstances.runners + 1)
        ]

    def order(
        self, workflow: Workflow[Any, Any], request: Any, *, after_seconds: float = 0.0
    ) -> Customer:
        """A customer of their own for this request, who orders after so many seconds."""
        customer = Customer(
            f"customer {len(self.customers) + 1}",
            machine=self.machine,
            storage=self.storage,
            schedule=self.schedule,
            tell=self.tell,
            workflow=workflow,
            request=request,
            after_seconds=after_seconds,
            resumptions_limit=self.circumstances.resumptions_limit,
            resume_seconds=self.circumstances.resume_seconds,
        )
        self.customers.append(customer)
        self._waiting.append(customer)
        return customer

    def run(self) -> None:
        """Until all is done. Raises NothingWillHappen, TakesForEver, and what refuses a call."""
        limit = self.circumstances.patience_seconds
        self.machine.run(self._done, limit)
        self.done_at = self.machine.now
        end = self.machine.now + round(self.circumstances.aftermath_seconds * 1_000_000)
        self.machine.later(self.circumstances.aftermath_seconds, lambda: None)
        self.machine.run(lambda: self.machine.now >= end, limit)
        left = self.storage.log.mailbox.open
        self.machine.run(lambda: not left, limit)

    def close(self) -> None:
        """Ends everybody in it; what nobody has handled is in `complaints`."""
        for runner in self._runners:
            runner.bury()
        self.complaints = self.machine.close()

    @property
    def engines(self) -> list[Any]:
        """Those of the processes that live."""
        return [each.engine for each in self._runners if each.alive and hasattr(each, "engine")]

    def stream(self, execution_id: str) -> list[Event]:
        """What is stored of an execution, as events."""
        known = self._known.setdefault(execution_id, [])
        rows = self.storage.log.streams.get(execution_id, [])
        known += (codec.decode(row.topic, row.body) for row in rows[len(known) :])
        return list(known)

    def prefixes_of(self, execution_id: str) -> list[int]:
        """Versions at which submissions of an execution ended; those that are to be replayed."""
        return self.storage.ends.get(execution_id, [])

    def _done(self) -> bool:
        waiting = self._waiting
        while waiting and waiting[-1].done:
            waiting.pop()
        return not waiting

    def _died(self, process: ProcessLoop) -> None:
        if self.calls.refused is not None:
            raise self.calls.refused
        for runner in self._runners:
            if runner.process is process:
                self._bereaved(runner)

    def _bereaved(self, runner: Runner) -> None:
        self.tell(runner.process.name, "is dead; another process begins soon")
        if self.circumstances.deaths_are_noticed:
            self.storage.release(runner.process.name)
        elif runner.process.name == self.storage.owner:
            self.storage.expire(self.storage.epoch)
        self.machine.later(RESTART_SECONDS, runner.begin)

    def _surprise(self, runner: Runner, what: str, submissions: Sequence[Submission]) -> None:
        """What a fault of an append does to the world around it."""
        self.tell(runner.process.name, "", "append", what)
        match what:
            case "frozen":
                runner.lease.not_renewed(FROZEN_SECONDS)
                runner.process.freeze(FROZEN_SECONDS)
            case "not renewed":
                runner.lease.not_renewed(FROZEN_SECONDS)
            case "lease lost":
                self.storage.expropriate()
            case "clock forward":
                for each in self._runners:
                    each.clock.ahead += round(self.circumstances.hour_seconds * 1_000_000)
            case "cancel":
                for customer in self.customers:
                    if customer.execution_id in {each.execution_id for each in submissions}:
                        customer.cancel()

    def _called(self, call: Call) -> None:
        robbed = call.process in self.storage.robbed
        call.robbed = robbed and call.process != self.storage.owner
        what = f"calls {call.name}, attempt {call.attempt}"
        self.tell(call.process, what, "call", call.fault)

    def tell(self, who: str, what: str, moment: str = "", fault: str = "") -> None:
        """Writes it down for the story."""
        stored = len(self.storage.log.events)
        self.told.append(Told(self.machine.now, stored, who, what, moment, fault))

    def _stored(self, execution_id: str) -> int:
        return len(self.storage.log.streams.get(execution_id, ()))
