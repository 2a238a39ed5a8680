"""A kill of the demo's worker, and how the executions that it left unfinished went on.

What is measured: from just before the new worker's process is started to the first event that each
of those executions appends after the kill, and to the one that ends it. The times are those in the
journal. Starting Python is part of it, and so is a retry that an execution was waiting for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perdure.domain import events
from perdure.domain.events import Event

SECOND = 1_000_000


@dataclass(kw_only=True)
class Kill:
    """One SIGKILL. `unfinished` maps ids to the length of their streams at the kill.

    `in_flight` counts those of them that were about something just then: they had an attempt out,
    and waited neither for a timer nor for a retry. `started` (microseconds since 1970) is when the
    next worker's process was; `opened_seconds` later its engine was open. `placed` orders came
    while no worker ran.
    """

    pid: int
    unfinished: Mapping[str, int]
    in_flight: int
    started: int = 0
    opened_seconds: float = 0.0
    placed: int = 0
    went_on: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    @property
    def waits_for(self) -> list[str]:
        """The executions that have not gone on yet."""
        return [each for each in self.unfinished if each not in self.went_on]

    def look(self, streams: Mapping[str, Sequence[Event]]) -> None:
        """Takes up what the journal says now of the unfinished ones."""
        for execution_id, length in self.unfinished.items():
            new = streams.get(execution_id, ())[length:]
            if new:
                self.went_on[execution_id] = (new[0].time - self.started) / SECOND
                if isinstance(new[-1], events.TERMINAL):
                    self.ended[execution_id] = (new[-1].time - self.started) / SECOND


def middle(seconds: Mapping[str, float]) -> float:
    """The median: half of them were as fast."""
    return sorted(seconds.values())[len(seconds) // 2]
