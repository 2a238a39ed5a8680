"""A world that counts which faults it meets, and what its executions were doing then."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from perdure.domain import events
from perdure.domain.journal import Submission
from perdure.infrastructure.simulation.performing import Call
from perdure.infrastructure.simulation.runner import Runner
from perdure.infrastructure.simulation.world import World

PHASES: dict[str, tuple[type, ...]] = {
    "starting": (events.ExecutionStarted,),
    "going on": (events.ActivityStarted, events.AttemptFailed, events.TimerFired),
    "suspending": (events.ExecutionSuspended,),
    "resuming": (events.ExecutionResumed,),
    "cancelling": (events.CancellationRequested,),
    "undoing": (events.CompensationStarted, events.ActivityCompensated),
    "ending": events.TERMINAL,
}


class CountingWorld(World):
    """`met`: by fault, like "append: slow", and state; in any state: ""."""

    def __init__(self, met: Counter[tuple[str, str]], *given: Any, **named: Any) -> None:
        self.met = met
        super().__init__(*given, **named)

    def tell(self, who: str, what: str, moment: str = "", fault: str = "") -> None:
        super().tell(who, what, moment, fault)
        if fault:
            name = f"{moment}: {fault}"
            self.met[name, ""] += 1
            if moment in ("read", "post", "begin"):
                for state in {row.state for row in self.storage.log.executions.values()}:
                    self.met[name, state] += 1

    def _surprise(self, runner: Runner, what: str, submissions: Sequence[Submission]) -> None:
        for phase in phases_of(submissions):
            self.met[f"append: {what}", phase] += 1
        super()._surprise(runner, what, submissions)

    def _called(self, call: Call) -> None:
        if call.fault:
            again = "again" if call.attempt > 1 else "first"
            self.met[f"call: {call.fault}", call.kind] += 1
            self.met[f"call: {call.fault}", again] += 1
        super()._called(call)


def phases_of(submissions: Sequence[Submission]) -> set[str]:
    """What an append is about."""
    kinds = {type(event) for each in submissions for event in each.events}
    return {phase for phase, own in PHASES.items() if not kinds.isdisjoint(own)}
