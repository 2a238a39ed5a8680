"""What the executions of a simulated world do: a generated program each, in a world of its own.

That each call was right when it was made is checked from the calls and the stream afterwards, by
perdure.infrastructure.simulation.histories; here is what only the user's side can know.
"""

import json
from collections.abc import Callable

from pydantic import BaseModel

from perdure import workflow
from perdure.domain import events
from perdure.domain.events import Event
from tests.properties.activities import Refused
from tests.properties.interpreter import Run
from tests.properties.world import World as OneWorld
from tests.properties.world import process

NAME = "simulated"
ORDERS = events.ExecutionResumed | events.CancellationRequested


class Ordering(BaseModel):
    number: int
    program: str  # as JSON


@workflow(name=NAME, key="number", raises=[Refused])
async def simulated(request: Ordering) -> str:
    run = Run(execution_id=name_of(request.number))
    await run(json.loads(request.program))
    return ", ".join(run.done)


def name_of(number: int) -> str:
    """The execution of this program."""
    return f"{NAME}@{number}"


class Site(OneWorld):
    """See the module. A sync call takes no time: the schedule lets it take some."""

    def __init__(
        self, execution_id: str, stream: Callable[[], list[Event]], call_seconds: float
    ) -> None:
        super().__init__(stream, call_seconds, execution_id=execution_id)

    def pause(self, seconds: float) -> None:
        pass

    def is_mended(self) -> bool:
        """Somebody mends a defect before resuming what it has parked; cancelling mends nothing."""
        return mended(self.stream())

    def _in_flight(self) -> bool:
        """What another process had under way says nothing: that one may be dead, or frozen."""
        here = process()
        return here is not None and any(where is here for _, where in self.running)

    def _check_attempt(self, key: str, attempt: int) -> None:
        pass

    def _check_stored(self, forward: str, attempt: int, kind: type[Event]) -> None:
        pass


def mended(stream: list[Event]) -> bool:
    waiting = False
    for event in stream:
        if isinstance(event, events.ExecutionSuspended):
            waiting |= event.cause == "defect"
        elif waiting and isinstance(event, ORDERS):
            return isinstance(event, events.ExecutionResumed)
    return False
