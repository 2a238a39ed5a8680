"""The deterministic event loop that a workflow's body runs on: one loop for each execution.

It does no I/O and knows no time of its own: `BodyRun` sets the time of the feed, resolves a future
and calls `rest()`, which runs the ready queue until every branch waits. What the body asks for is
noted as requests and handed out afterwards. It is entered from plain callbacks of the outer loop,
never from within a task: asyncio allows no task to be entered while another one runs.

Sockets, threads and processes raise `ForbiddenInBody`. After `dismiss()` every primitive raises
`ExecutionDismissed`, so that leaving a body has no effect.
"""

import asyncio
import logging
import sys
import zlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from threading import get_ident
from typing import TYPE_CHECKING, Any, NoReturn, TypeVarTuple, cast

from perdure.domain.errors import (
    Blocked,
    BodyDoesNotRest,
    NonDeterministicWorkflow,
    TooManyBranches,
)
from perdure.sagas.body_task import HASH_MASK, HASH_MULTIPLIER, BodyTask
from perdure.sagas.branches import Unordered, branch_of
from perdure.sagas.callbacks import Callback, TimerCallback
from perdure.sagas.dismissal import ExecutionDismissed, as_current, close_generator, throw_out
from perdure.sagas.forbidden import NoOutsideWorld
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from perdure.sagas.watchdog import watchdog
from perdure.sagas.whereabouts import stacks_of

if TYPE_CHECKING:
    from perdure.sagas.activity import Activity

Ts = TypeVarTuple("Ts")

FEED_STEPS_LIMIT = 100_000
FEED_REQUESTS_LIMIT = 1_000
DISMISSAL_RAISES_LIMIT = 1_000
NO_CONTEXT = Context()

log = logging.getLogger("perdure")

_get_running_loop = asyncio._get_running_loop
_set_running_loop = asyncio._set_running_loop


class BodyLoop(NoOutsideWorld):
    """See the module. One execution's body, its tasks, and what they ask for."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.dismissed = False
        self.now = 0  # microseconds: the time of what is being fed
        self.requests: list[Request] = []  # since the last feed, in the order of asking
        self.dropped: list[Request] = []  # requested in an earlier feed, no longer waited for
        self.tasks: dict[BodyTask, None] = {}
        self.fault: BaseException | None = None  # what blocks this body, whatever it caught
        self.versions: dict[str, int] = {}
        self.new_versions: list[tuple[str, int]] = []
        self.edge = True  # nothing is recorded beyond what is being fed
        self.deadline: int | None = None
        self.replaying = False  # what runs has run before
        self.feed = 0  # the version of the event that is being fed
        self.rests = 0  # how often it has come to rest, or is about to
        self._ready: list[Callback] = []
        self._seed = zlib.crc32(execution_id.encode())
        self._task_count = 0
        self._generators: list[AsyncGenerator[Any, Any]] | None = None
        self._closing: tuple[AsyncGenerator[Any, Any], ...] = ()
        self._forget_task = self.tasks.pop
        self.unordered: Unordered | None = None
        self._draws = 0
        self._raises = 0  # of ExecutionDismissed

    # What the body asks for

    def request_activity(self, activity: "Activity[..., Any]", arguments: bytes) -> ActivityRequest:
        """A future for the activity's result; the request is handed out when the loop rests."""
        request = ActivityRequest(self, activity, arguments)
        self._ask(request)
        return request

    def request_suspension(self, reason: str) -> SuspendRequest:
        """A future that the resumption of the execution resolves."""
        request = SuspendRequest(self, reason)
        self._ask(request)
        return request

    def _ask(self, request: Request) -> None:
        if self.dismissed:
            self._refuse_await()
            return
        self.requests.append(request)
        if self.unordered is not None:
            self.unordered.check(self, request)
        if len(self.requests) > FEED_REQUESTS_LIMIT:
            self.block(TooManyBranches(self.execution_id, FEED_REQUESTS_LIMIT))

    def timer_cancelled(self, request: TimerRequest) -> None:
        if request.open and not self.dismissed:
            request.open = False
            if request.ordinal:
                self.dropped.append(request)

    def version(self, change: str, current: int) -> int:
        """The version of this change that holds for this execution; the first answer stays."""
        self._check()
        number = self.versions.get(change)
        if number is None:
            number = current if self.edge else 1
            self.versions[change] = number
            if self.edge:
                self.new_versions.append((change, number))
        if number > current:
            told = f"version {number}", f"code that knows up to version {current}"
            self.block(NonDeterministicWorkflow(self.execution_id, f"version({change!r})", *told))
        return number

    def draw(self) -> int:
        """The number of this draw of randomness, from 1."""
        self._check()
        self._draws += 1
        return self._draws

    def block(self, error: Blocked) -> NoReturn:
        """Raises what the engine will see even if the body catches it."""
        self.fault = self.fault or error
        raise error

    # Running

    def rest(self) -> None:
        """Runs what is ready until every branch waits for something that has to be fed."""
        outer = _get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._first_iteration, finalizer=self._finalize)
        _set_running_loop(self)
        self.rests += 1
        thread = get_ident()
        watchdog.watched[thread] = self
        try:
            steps = 0
            while self._ready:
                batch, self._ready = self._ready, []
                steps += len(batch)
                if steps > FEED_STEPS_LIMIT:
                    stacks = stacks_of(self.tasks)
                    self.block(BodyDoesNotRest(self.execution_id, FEED_STEPS_LIMIT, stacks))
                for callback in batch:
                    try:
                        callback.run()
                    except SystemExit:
                        continue  # its task holds it: a defect of the body
                    except Blocked as error:
                        self.fault = self.fault or error
                    except Exception as error:  # not its caller's matter, as in asyncio
                        log.error("%s: a callback raised", self.execution_id, exc_info=error)
        finally:
            watchdog.watched.pop(thread, None)
            _set_running_loop(outer)
            sys.set_asyncgen_hooks(*hooks)
        if self.fault is not None:
            raise self.fault

    def dismiss(self) -> bool:
        """Leaves the body without effect; False if some coroutine would not leave.

        Such a one is to be kept referenced: finalising it would hang the process.
        """
        self.dismissed = True
        self._ready.clear()
        outer = _get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._first_iteration, finalizer=self._finalize)
        _set_running_loop(self)
        try:
            left = True
            for task in list(self.tasks):
                task._log_destroy_pending = False
                coroutine = task.get_coro()
                if coroutine is not None and not task.done():
                    with as_current(self, task):
                        left &= throw_out(coroutine.throw)
            for generator in self._generators or ():
                left &= close_generator(generator)
            left &= all(getattr(each, "ag_frame", None) is None for each in self._closing)
            self._ready.clear()
            return left
        finally:
            _set_running_loop(outer)
            sys.set_asyncgen_hooks(*hooks)

    def open_generators(self) -> list[AsyncGenerator[Any, Any]]:
        """Async generators that began and are not exhausted, for whoever closes them."""
        generators, self._generators = self._generators or [], None
        self._closing = (*self._closing, *generators)  # which some may ignore
        return generators

    def _check(self) -> None:
        if self.dismissed:
            raise ExecutionDismissed

    def _refuse_await(self) -> None:
        """Raises, but not for ever: a body that catches it in a loop would never be left.

        From then on it is given what never comes; the next throw finds it waiting, and counts.
        """
        self._raises += 1
        if self._raises <= DISMISSAL_RAISES_LIMIT:
            raise ExecutionDismissed

    def _first_iteration(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._generators is None:
            self._generators = []
        self._generators.append(generator)

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._generators and generator in self._generators:
            self._generators.remove(generator)
        if self.dismissed:
            close_generator(generator)
        else:
            self.call_soon(self.create_task, generator.aclose())

    # What asyncio asks of a loop

    def time(self) -> float:
        return self.now / 1_000_000

    def create_future(self) -> asyncio.Future[Any]:
        if self.dismissed:
            self._refuse_await()
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        *,
        name: object = None,
        context: Context | None = None,
        **_: Any,
    ) -> asyncio.Task[Any]:
        if self.dismissed:
            coro.close()
            self._refuse_await()
            return cast("asyncio.Task[Any]", asyncio.Future[Any](loop=self))
        task: BodyTask = BodyTask.__new__(BodyTask)
        self._task_count = task.number = self._task_count + 1
        task.ordinal_hash = (self._seed + task.number) * HASH_MULTIPLIER & HASH_MASK
        task.branch = branch_of(self, task.number)
        given = "" if name is None else str(name)
        task.__init__(coro, loop=self, name=given, context=context)  # type: ignore[misc]
        self.tasks[task] = None
        task.add_done_callback(self._forget_task, context=NO_CONTEXT)
        return task

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Any:
        handle = Callback(callback, args, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Any:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Any:
        handle = TimerCallback(
            self, when, callback, args, copy_context() if context is None else context
        )
        self._ask(handle.request)
        return handle

    def fire(self, handle: Callback) -> None:
        """Makes the callback of a timer ready."""
        self._ready.append(handle)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task's exception that nobody retrieved is the body's own affair, as in asyncio."""
