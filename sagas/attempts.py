"""Attempts: running the functions of activities and compensations, async or in a thread.

An attempt says how it ended and nothing more: what follows from that, a retry or a rollback, is
`outcomes`' matter. Each has its own copy of the context, so nothing leaks between them.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from perdure.domain.clock import Clock
from perdure.domain.errors import LostLease
from perdure.domain.lease import Lease
from perdure.domain.states import instant
from perdure.sagas.context import ActivityContext, current
from perdure.sagas.failure import Failure
from perdure.sagas.requests import LAST_DUE
from perdure.sagas.stage import Runnable

if TYPE_CHECKING:
    from perdure.sagas.surroundings import Surroundings


class ActivitySuspended(BaseException):
    """Raised by `suspend(reason)` in an activity; user code must not swallow it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Returned:
    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    error: BaseException


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Its time was up. `error` is what it raised instead of ending when it was told so."""

    seconds: float
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The engine cancelled it: the body waits no longer, or the engine stops."""


Ended: TypeAlias = Returned | Raised | TimedOut | Withdrawn
TASK_NAME = "perdure-attempt"  # one for all: a name each would be memory for nobody


class Owner(Protocol):
    """Who launches attempts: the way forward or the way back of an execution."""

    def ended(self, attempt: "Attempt", how: Ended) -> None:
        """An attempt of this owner is over."""
        ...


class Attempt:
    """One try under way. Its owner's `ended` is called once on the loop, from a plain callback.

    Its time runs from when its function begins, in a thread too. `cancel` withdraws it: an async
    one is cancelled and ends soon, a sync one runs out in its thread. One that is left (`leave`),
    or whose lease is over, does not begin any more when a thread is free at last. A sync one that
    times out is told as ended at once and `lingers` until its thread is through; then `ended` is
    called a second time, with the same attempt and `lingers` False.
    """

    __slots__ = (
        "_left",
        "_owner",
        "_task",
        "_timeout",
        "_why",
        "lingers",
        "number",
        "ordinal",
        "runnable",
    )

    def __init__(self, runnable: Runnable, ordinal: int, number: int) -> None:
        self.runnable = runnable
        self.ordinal = ordinal
        self.number = number
        self.lingers = False
        self._left = False
        self._task: asyncio.Task[Any] | None = None
        self._timeout: asyncio.TimerHandle | None = None
        self._why: Ended | None = None

    def launch(
        self,
        context: ActivityContext,
        arguments: dict[str, Any],
        around: "Surroundings",
        owner: Owner,
    ) -> None:
        self._owner = owner
        function, is_async, loop = self.runnable.function, self.runnable.is_async, around.loop
        if around.stand_in is not None and (other := around.stand_in(self.runnable)) is not None:
            function, is_async = other
        own = around.context.copy()
        if is_async:
            own.run(current.set, context)
            running = self._run(function, arguments, context.execution_id, around.lease)
            self._task = new_task(running, loop, own)
            self._task.add_done_callback(self._task_ended, context=around.context)
            if self.runnable.timeout is not None and not self._task.done():
                self._begins(loop)
            return
        limit, begun = None, None
        if self.runnable.timeout is not None:
            limit, begun = (self.runnable.timeout, around.clock), partial(self._begins, loop)

        def work() -> Any:
            self._check(context.execution_id, around.lease)
            return own.run(_run_in_thread, function, arguments, context, limit)

        around.threads.run(work, self._thread_ended, begun)

    async def _run(
        self,
        function: Callable[..., Awaitable[Any]],
        arguments: dict[str, Any],
        execution_id: str,
        lease: Lease,
    ) -> Any:
        self._check(execution_id, lease)
        try:
            return await function(**arguments)
        except SystemExit as error:
            raise Exited(error) from error

    def _check(self, execution_id: str, lease: Lease) -> None:
        """Some time may have passed since it was launched. Raises LostLease."""
        if self._left or not lease.held:
            raise LostLease(
                f"{execution_id}: {self.runnable.name} was not begun: the lease is lost; whoever "
                "has it goes on"
            )

    def leave(self) -> None:
        """Its execution leaves memory: as `cancel`, and what waits for a thread never begins."""
        self._left = True
        self.cancel()

    def cancel(self) -> None:
        if self._task is not None and self._why is None:
            self._why = Withdrawn()
            self._task.cancel()

    def _begins(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self.runnable.timeout is not None
        self._timeout = loop.call_later(self.runnable.timeout, self._time_out)

    def _time_out(self) -> None:
        assert self.runnable.timeout is not None
        if self._why is not None:
            return
        self._why = TimedOut(self.runnable.timeout)
        if self._task is not None:
            self._task.cancel()
        else:
            self.lingers = True
            self._owner.ended(self, self._why)

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
        if task.cancelled():
            how: Ended = self._why or Raised(asyncio.CancelledError("the activity raised it"))
        else:
            error = task.exception()
            how = Returned(task.result()) if error is None else self._raised(error)
        self._owner.ended(self, how)

    def _raised(self, error: BaseException) -> Ended:
        if isinstance(error, Exited):
            error = error.exit
        error = _suspension(error) or error
        # What a clean-up raises says nothing of the outcome; a failure or a suspension does.
        if isinstance(self._why, TimedOut) and not isinstance(error, Failure | ActivitySuspended):
            return TimedOut(self._why.seconds, error)
        return Raised(error)

    def _thread_ended(self, result: Any, error: BaseException | None) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
        self.lingers = False
        if error is not None:
            error = _suspension(error) or error
        self._owner.ended(self, Returned(result) if error is None else Raised(error))


def new_task(
    running: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, context: Context
) -> asyncio.Task[Any]:
    """A task for an attempt; from Python 3.12 on it starts at once, without a turn of the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(running, loop=loop, name=TASK_NAME, context=context, eager_start=True)
    return loop.create_task(running, name=TASK_NAME, context=context)


def deadline(clock: Clock, seconds: float | None) -> datetime | None:
    """When an attempt that begins now times out; for a far one, the end of the last year."""
    if seconds is None:
        return None
    return instant(round(min(clock.now() + seconds * 1_000_000, LAST_DUE)))


class Exited(Exception):
    """Stands for SystemExit, which asyncio lets through from a task and so ends the process."""

    def __init__(self, exit: SystemExit) -> None:
        self.exit = exit


def _run_in_thread(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    context: ActivityContext,
    limit: tuple[float, Clock] | None,
) -> Any:
    if limit is not None:  # it may have waited for the thread
        seconds, clock = limit
        context = replace(context, deadline=deadline(clock, seconds))
    current.set(context)
    return function(**arguments)


def _suspension(error: BaseException) -> BaseException | None:
    """What asked for suspension: in a task group of the activity it comes in a group."""
    if not isinstance(error, BaseExceptionGroup):
        return None
    found: BaseException | None = error.subgroup(ActivitySuspended)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
