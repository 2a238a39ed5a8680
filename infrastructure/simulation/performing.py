"""Performing activities in a simulated process: the user's fakes, and what goes wrong around them.

Every call is written down, with what it was given and what it gave: the checks compare that with
what is recorded. Which failure a call raises when it is to fail is asked of who knows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from perdure.infrastructure.simulation.process import ProcessLoop, pause
from perdure.infrastructure.simulation.schedule import (
    CALL,
    CALL_SUSPENDS,
    CALL_TIMED,
    FAILURE,
    Schedule,
)
from perdure.infrastructure.simulation.threads import NoThreads
from perdure.sagas.activity import Activity
from perdure.sagas.attempts import ActivitySuspended
from perdure.sagas.compensation import Compensation
from perdure.sagas.context import current
from perdure.sagas.failure import Failure
from perdure.sagas.stage import Runnable, StandIn

SLOW_SECONDS = 0.5
FOR_EVER_SECONDS = 1e8

Failing = Callable[[type[Failure]], Failure]


class SimulatedDefect(Exception):
    """It broke before anything was done."""


class AnswerLost(Exception):
    """It was done, and nobody was told."""


class ProcessDied(BaseException):
    """In what stands for a thread of a process that has ended."""


@dataclass(slots=True)
class Call:
    """One call of an activity, a compensation or a probe, as the world saw it."""

    kind: str  # "activity", "compensation", "probe"
    name: str
    execution_id: str
    key: str
    attempt: int
    process: str
    begun: int  # the world's time
    stored: int  # how many events of its execution were stored then
    undoes: str | None  # the key of the activity that a compensation undoes
    outcome: str | None  # which the compensation was told of it
    fault: str = ""
    robbed: bool = False  # of the lease, and could not know
    returned: bool = False
    result: Any = None
    raised: BaseException | None = None


@dataclass(slots=True)
class Calls:
    """All of one world, in their order. More attempts at one thing than `limit` will never end."""

    stored: Callable[[str], int]
    failing: Failing
    limit: int  # of attempts at one thing
    hang_seconds: float  # a thread cannot be ended, and nothing ends before it
    refused: Exception | None = None  # what the kit itself has to say against a call
    made: list[Call] = field(default_factory=list)
    activities: dict[str, Activity[..., Any]] = field(default_factory=dict)  # met so far, by name
    tell: Callable[[Call], None] = lambda call: None


class TooManyAttempts(Exception):
    """One thing was tried more often than any saga needs."""


class Performing:
    """The stand-ins of one process. `known` gives the user's fake for a runnable, if there is."""

    def __init__(
        self,
        process: ProcessLoop,
        schedule: Schedule,
        threads: NoThreads,
        calls: Calls,
        known: Callable[[Runnable], StandIn | None],
    ) -> None:
        self._process = process
        self._schedule = schedule
        self._threads = threads
        self._calls = calls
        self._known = known

    def stand_in(self, runnable: Runnable) -> StandIn:
        """For perdure.sagas.stage.Stage."""
        try:
            known = self._known(runnable) or StandIn(runnable.function, runnable.is_async)
        except Exception as error:
            self._refuse(error)
            return StandIn(never, is_async=True)
        possible = possible_at(runnable)
        if isinstance(runnable, Activity):
            self._calls.activities[runnable.name] = runnable

        async def perform(**arguments: Any) -> Any:
            call = self._begin(runnable, possible)
            try:
                return await self._perform(call, runnable, known, arguments)
            except BaseException as error:
                call.raised = error
                raise

        def perform_in_thread(**arguments: Any) -> Any:
            call = self._begin(runnable, possible)
            try:
                return self._perform_in_thread(call, runnable, known, arguments)
            except BaseException as error:
                call.raised = error
                raise

        if runnable.is_async:
            return StandIn(perform, is_async=True)
        return StandIn(perform_in_thread, is_async=False)

    def _begin(self, runnable: Runnable, possible: tuple[str, ...]) -> Call:
        context = current.get()
        undoes = context.undoes
        call = Call(
            kind_of(runnable),
            runnable.name,
            context.execution_id,
            context.idempotency_key,
            context.attempt,
            self._process.name,
            int(self._process.time() * 1_000_000),
            self._calls.stored(context.execution_id),
            None if undoes is None else undoes.idempotency_key,
            None if undoes is None else undoes.outcome,
        )
        self._calls.made.append(call)
        if call.attempt > self._calls.limit:
            often = f"{call.name} is called again and again, at last as attempt {call.attempt}"
            self._refuse(TooManyAttempts(often))
        if any(made.returned and made.key == call.key for made in self._calls.made):
            # A service that has done it under this key does not say now that it cannot.
            possible = tuple(what for what in possible if not what.startswith(FAILURE))
        call.fault = self._schedule.at("call", possible)
        self._calls.tell(call)
        return call

    def _refuse(self, error: Exception) -> None:
        """Ends the world: nothing is called that should not be."""
        self._calls.refused = error
        self._process.kill()

    async def _perform(
        self, call: Call, runnable: Runnable, known: StandIn, arguments: dict[str, Any]
    ) -> Any:
        match call.fault:
            case "crash before":
                await self._process.die()
            case "timeout before":
                await pause(FOR_EVER_SECONDS)
            case "slow":
                await pause(SLOW_SECONDS)
        self._fail_before(call, runnable)
        call.result, call.returned = await known.function(**arguments), True
        match call.fault:
            case "crash after":
                await self._process.die()
            case "timeout after":
                await pause(FOR_EVER_SECONDS)
            case "answer lost":
                raise AnswerLost("it was done, and the answer is lost")
        return call.result

    def _perform_in_thread(
        self, call: Call, runnable: Runnable, known: StandIn, arguments: dict[str, Any]
    ) -> Any:
        match call.fault:
            case "crash before":
                self._process.kill()
                raise ProcessDied
            case "timeout before":  # as long as it hangs it has done nothing
                self._threads.last_seconds = self._calls.hang_seconds
                raise SimulatedDefect("it hung, and was never done")
            case "slow":
                self._threads.last_seconds = SLOW_SECONDS
        self._fail_before(call, runnable)
        call.result, call.returned = at_once(known, arguments), True
        match call.fault:
            case "crash after":
                self._process.kill()
                raise ProcessDied
            case "timeout after":
                self._threads.last_seconds = self._calls.hang_seconds
            case "answer lost":
                raise AnswerLost("it was done, and the answer is lost")
        return call.result

    def _fail_before(self, call: Call, runnable: Runnable) -> None:
        match call.fault:
            case "defect":
                raise SimulatedDefect("it broke before anything was done")
            case "suspend":
                raise ActivitySuspended("the schedule says so")
        for failure in failures_of(runnable):
            if call.fault == FAILURE + failure.failure_name:
                raise self._calls.failing(failure)


def at_once(known: StandIn, arguments: dict[str, Any]) -> Any:
    """What a function gives, in what stands for a thread: a fake may be async, but not wait."""
    result = known.function(**arguments)
    if not known.is_async:
        return result
    try:
        result.send(None)
    except StopIteration as done:
        return done.value
    result.close()
    raise RuntimeError("the fake of a sync function waits for something: it cannot, in a thread")


async def never(**_: Any) -> None:
    """Does not return."""
    await asyncio.get_running_loop().create_future()


def possible_at(runnable: Runnable) -> tuple[str, ...]:
    """What can go wrong with a call of this."""
    return (
        *CALL,
        *(FAILURE + each.failure_name for each in failures_of(runnable)),
        *(CALL_TIMED if runnable.timeout is not None else ()),
        *(CALL_SUSPENDS if isinstance(runnable, Activity) else ()),
    )


def failures_of(runnable: Runnable) -> tuple[type[Failure], ...]:
    """Those that are declared."""
    return tuple(runnable.raises) if isinstance(runnable, Activity | Compensation) else ()


def kind_of(runnable: Runnable) -> str:
    match runnable:
        case Activity():
            return "activity"
        case Compensation():
            return "compensation"
        case _:
            return "probe"
