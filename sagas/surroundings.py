"""What all live executions of one engine share: ports, bounds, and who hears of changes."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from perdure.domain.clock import Clock, Randomness
from perdure.domain.lease import Lease
from perdure.sagas.activity import Activity
from perdure.sagas.committer import Committer
from perdure.sagas.leaks import Leaks
from perdure.sagas.slots import Slots
from perdure.sagas.stage import Pool, Runnable, StandIn
from perdure.sagas.suspects import Suspects
from perdure.sagas.timers import Timers

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution

# An execution whose next due is farther away than this leaves memory; its row of the index waits.
LEAVES_WHEN_DUE_AFTER = 10_000_000


class Residence(Protocol):
    """Who keeps the live executions: the engine."""

    def settled(self, execution: "LiveExecution") -> None:
        """Its last append is stored and performed."""
        ...

    def lost(self, execution: "LiveExecution", error: Exception) -> None:
        """What it believed is not what is stored: it is dismissed, to be read again."""
        ...

    def refused_start(self, execution: "LiveExecution") -> None:
        """Its start found the id taken; it is dismissed."""
        ...


@dataclass(slots=True)
class Surroundings:
    """See the module. One for each engine; executions hold it by reference."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    randomness: Randomness
    committer: Committer
    timers: Timers
    slots: Slots
    suspects: Suspects
    threads: Pool
    stand_in: Callable[[Runnable], StandIn | None] | None
    lease: Lease
    residence: Residence
    activities: dict[str, Activity[..., Any]]  # that it was opened with, by name and alias
    names: dict[str, Activity[..., Any]]  # those, and what bodies have asked for by its name
    context: Context  # of who opened the engine; attempts run in copies of it
    leaks: Leaks
