"""Attempts: running the functions of activities and compensations, async or in a thread.

An attempt says how it ended and nothing more: what follows from that, a retry or a rollback, is
`outcomes`' matter. Each has its own copy of the context, so nothing leaks between them.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from perdure.sagas.activity import Activity
from perdure.sagas.compensation import Compensation
from perdure.sagas.context import ActivityContext, current
from perdure.sagas.threads import Threads


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
    seconds: float


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The engine cancelled it: the body waits no longer, or the engine stops."""


Ended: TypeAlias = Returned | Raised | TimedOut | Withdrawn
Runnable: TypeAlias = Activity[..., Any] | Compensation[..., Any]


class Attempt:
    """One try under way. `ended(attempt, how)` is called once on the loop, from a plain callback.

    `cancel` withdraws it: an async one is cancelled and ends soon, a sync one runs out in its
    thread. A sync one that times out is told as ended at once and `lingers` until its thread is
    through; then `ended` is called a second time, with the same attempt and `lingers` False.
    """

    __slots__ = (
        "_done",
        "_task",
        "_timeout",
        "_why",
        "lingers",
        "number",
        "ordinal",
        "runnable",
        "seconds",
    )

    def __init__(self, runnable: Runnable, ordinal: int, number: int) -> None:
        self.runnable = runnable
        self.ordinal = ordinal
        self.number = number
        self.seconds = runnable.timeout
        self.lingers = False
        self._task: asyncio.Task[Any] | None = None
        self._timeout: asyncio.TimerHandle | None = None
        self._why: Ended | None = None

    def launch(
        self,
        context: ActivityContext,
        arguments: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        threads: Threads,
        done: "Callable[[Attempt, Ended], None]",
    ) -> None:
        self._done = done
        if self.runnable.is_async:
            self._task = new_task(_run(self.runnable.function, arguments, context), loop)
            self._task.add_done_callback(self._task_ended)
        else:
            function = self.runnable.function
            threads.run(lambda: _call(function, arguments, context), self._thread_ended)
        if self.seconds is not None:
            self._timeout = loop.call_later(self.seconds, self._time_out)

    def cancel(self) -> None:
        if self._task is not None and self._why is None:
            self._why = Withdrawn()
            self._task.cancel()

    def _time_out(self) -> None:
        assert self.seconds is not None
        if self._why is not None:
            return
        self._why = TimedOut(self.seconds)
        if self._task is not None:
            self._task.cancel()
        else:
            self.lingers = True
            self._done(self, self._why)

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
        if task.cancelled():
            how: Ended = self._why or Raised(asyncio.CancelledError("the activity raised it"))
        else:
            error = task.exception()
            how = Returned(task.result()) if error is None else Raised(error)
        self._done(self, how)

    def _thread_ended(self, result: Any, error: BaseException | None) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
        self.lingers = False
        self._done(self, Returned(result) if error is None else Raised(error))


def new_task(
    running: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[Any]:
    """A task for an attempt; from Python 3.12 on it starts at once, without a turn of the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(running, loop=loop, eager_start=True)
    return loop.create_task(running)


async def _run(function: Any, arguments: dict[str, Any], context: ActivityContext) -> Any:
    current.set(context)  # the task's own copy of the context
    return await function(**arguments)


def _call(function: Any, arguments: dict[str, Any], context: ActivityContext) -> Any:
    current.set(context)  # Threads runs each call in a copy of the context
    return function(**arguments)
