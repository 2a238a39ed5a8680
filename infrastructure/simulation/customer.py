"""A customer of the simulated world: orders an execution, and sees to it until it has ended.

It is a client as users have it, in a process of its own. Whatever is parked it resumes after a
while, as often as that may help; what is parked for ever is left so.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from perdure.domain.errors import (
    CancelledExecution,
    ExecutionParked,
    JournalUnavailable,
    PerdureError,
)
from perdure.infrastructure.simulation.clock import CountedIds, SimulatedClock
from perdure.infrastructure.simulation.journal import Tell
from perdure.infrastructure.simulation.machine import Machine
from perdure.infrastructure.simulation.office import SimulatedPostOffice
from perdure.infrastructure.simulation.process import pause
from perdure.infrastructure.simulation.schedule import Schedule
from perdure.infrastructure.simulation.storage import Storage
from perdure.sagas.client import Client
from perdure.sagas.failure import Failure
from perdure.sagas.handle import Handle
from perdure.sagas.workflow import Workflow

RESUME_SECONDS = 30.0
RESUMPTIONS_LIMIT = 8
INSIST_SECONDS = 1.0
T = TypeVar("T")


class Customer:
    """See the module. `done`: it waits for nothing any more. `parked`: in which state it was left.

    `acknowledged`: its start is durable; `blocked`: why no code fits any more, if so.
    """

    def __init__(
        self,
        name: str,
        *,
        machine: Machine,
        storage: Storage,
        schedule: Schedule,
        tell: Tell,
        workflow: Workflow[Any, Any],
        request: Any,
        after_seconds: float = 0.0,
        resumptions_limit: int = RESUMPTIONS_LIMIT,
        resume_seconds: float = RESUME_SECONDS,
    ) -> None:
        self.process = machine.process(name)
        self.execution_id = ""
        self.done = False
        self.acknowledged = False
        self.parked: ExecutionParked | None = None
        self.blocked = ""
        self.end: object = None  # the result, or what was raised
        self.cancels: list[int] = []  # accepted ones: how many events were stored then
        self._workflow = workflow
        self.request = request
        self._client = Client(
            SimulatedPostOffice(storage, schedule, machine.later, tell),
            clock=SimulatedClock(machine.clock),
            ids=CountedIds(name),
        )
        self._storage = storage
        self._handle: Handle[Any] | None = None
        self._after = after_seconds
        self._resumptions = resumptions_limit
        self._resume_seconds = resume_seconds
        self.process.begin(self._order())

    async def _order(self) -> None:
        if self._after:
            await pause(self._after)
        self._handle = await insist(lambda: self._client.start(self._workflow, self.request))
        self.execution_id = self._handle.id
        self.acknowledged = True
        await self._see_to_it(self._handle)
        self.done = True

    async def _see_to_it(self, handle: Handle[Any]) -> None:
        for _ in range(self._resumptions):
            self.parked = None
            try:
                self.end = await handle.result()
                return
            except ExecutionParked as parked:
                self.parked = parked
                if parked.state == "blocked":
                    self.blocked = parked.reason
                    return
                await pause(self._resume_seconds)
                await insist(lambda: handle.resume("somebody has seen to it"))
            except (Failure, ExceptionGroup, CancelledExecution, PerdureError) as error:
                self.end = error
                return

    def cancel(self) -> None:
        """Orders the execution to be cancelled, if it was ordered at all."""
        if self._handle is not None:
            task = self.process.create_task(self._cancel(self._handle))
            task.add_done_callback(lambda ended: ended.exception())

    async def _cancel(self, handle: Handle[Any]) -> None:
        await handle.cancel("somebody has changed their mind")
        self.cancels.append(len(self._storage.log.streams.get(handle.id, ())))

    def close(self) -> None:
        """Lets go of it."""
        self.process.kill()


async def insist(order: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Gives it again when it could not be posted, for as long as that takes."""
    while True:
        try:
            return await order()
        except JournalUnavailable:
            await pause(INSIST_SECONDS)
