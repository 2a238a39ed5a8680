"""A process of the simulated world: a bare event loop that runs when it is told to.

It knows no socket and no selector. Others run between its turns; it dies in the midst of one, and
may be frozen for a while. `machine` decides whose turn it is.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextvars import Context
from heapq import heappop, heappush
from types import coroutine
from typing import Any

_set_running_loop = asyncio._set_running_loop
THREAD = -1  # any: there is but one


class ProcessLoop(asyncio.BaseEventLoop):
    """See the module. `now`: the world's time in microseconds; `awake`: who has something to do."""

    _ready: Any  # of asyncio.BaseEventLoop, as are the two below
    _scheduled: list[Any]
    _timer_cancelled_count: int
    _check_closed: Callable[[], None]
    _thread_id: int | None

    def __init__(
        self, name: str, number: int, now: Callable[[], int], awake: "set[ProcessLoop]"
    ) -> None:
        super().__init__()
        self.number = number
        self._awake = awake
        self.name = name
        self.alive = True
        self.frozen_until = 0
        self.complaints: list[str] = []  # what nobody in it has handled
        self.last_words: list[BaseException] = []
        self._now = now

    def get_debug(self) -> bool:  # asked for every future
        return False

    def time(self) -> float:
        return self._now() / 1_000_000

    def begin(self, main: Coroutine[Any, Any, None]) -> None:
        """Its first task; one that raises is a complaint."""
        task = self.create_task(main)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.call_exception_handler({"message": "its main task ended", "exception": error})

    @property
    def due(self) -> int | None:
        """When it has something to do, in microseconds; None: never, unless somebody wakes it."""
        if not self.alive:
            return None
        if self in self._awake:
            return max(self._now(), self.frozen_until)
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heappop(scheduled)._scheduled = False
            self._timer_cancelled_count -= 1
        if not scheduled:
            return None
        return max(microseconds(scheduled[0]._when), self.frozen_until)

    def turn(self) -> None:
        """Runs what is ready, each once, until it dies."""
        now, scheduled, ready = self._now(), self._scheduled, self._ready
        while scheduled and microseconds(scheduled[0]._when) <= now:
            handle = heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        self._awake.discard(self)
        self._thread_id = THREAD  # it is running: tasks may begin at once
        _set_running_loop(self)
        try:
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle._cancelled:
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        told = f"exception in callback {handle._callback!r}"
                        self.call_exception_handler({"message": told, "exception": error})
                if not self.alive:
                    return
        finally:
            _set_running_loop(None)
            self._thread_id = None

    def wake(self) -> None:
        """It has something to do now."""
        if self.alive:
            self._awake.add(self)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if self.alive:
            self._awake.add(self)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there are no threads

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._check_closed()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._scheduled, handle)
        handle._scheduled = True  # type: ignore[attr-defined]
        if microseconds(when) <= self._now():
            self.wake()
        return handle

    def freeze(self, seconds: float) -> None:
        """Nothing of it runs for so long, from the end of what runs just now."""
        self.frozen_until = self._now() + microseconds(seconds)

    def kill(self) -> None:
        """Nothing of it ever runs again; what is under way in it stands as it is."""
        self.alive = False
        self._awake.discard(self)

    async def die(self) -> None:
        """Kills it from within. Does not return."""
        self.kill()
        await self.create_future()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints.append(f"{context.get('message')}: {error!r}" if error else str(context))

    def bury(self, tasks: Iterable["asyncio.Task[Any]"]) -> None:
        """Lets go of its tasks. What they still say on their way out is kept apart."""
        self.kill()
        for task in tasks:
            silenced: Any = task
            silenced._log_destroy_pending = False
            running: Any = task.get_coro()
            if running is not None and not task.done():
                self._close(running)
        self.close()

    def _close(self, running: Any) -> None:
        _set_running_loop(self)
        try:
            running.close()
        except BaseException as error:
            self.last_words.append(error)
        finally:
            _set_running_loop(None)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        raise RuntimeError(
            "something in a simulated world asks for a thread, for a host's address perhaps: real "
            "time does not pass there; give the activity a fake that needs none"
        )

    # What a bare loop has no use for

    def _write_to_self(self) -> None:
        """Another process has called; it has its turn anyhow."""

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""


def microseconds(seconds: float) -> int:
    """Whole ones; what is nearer than half of one to a whole one is that."""
    return round(seconds * 1_000_000)


async def pause(seconds: float) -> None:
    """Waits so long in the world's time; for one turn at least."""
    if seconds <= 0:
        await one_turn()
        return
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, _resolve, over)
    await over


@coroutine
def one_turn() -> Generator[None, None, None]:
    """Lets everybody else who is ready go first."""
    yield


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def tasks_by_loop(loops: Iterable[ProcessLoop]) -> dict[ProcessLoop, list["asyncio.Task[Any]"]]:
    """Those that are under way in each of these."""
    if sys.version_info >= (3, 14):
        return {loop: list(asyncio.all_tasks(loop)) for loop in loops}
    tasks: Any = asyncio.tasks
    everywhere = tasks._scheduled_tasks if sys.version_info >= (3, 12) else tasks._all_tasks
    found: dict[ProcessLoop, list[asyncio.Task[Any]]] = {loop: [] for loop in loops}
    for task in list(everywhere):  # one look for all of them: there are many loops, and more tasks
        if not task.done() and (own := found.get(task.get_loop())) is not None:
            own.append(task)
    return found
