"""A thread with one connection: does one job after another, away from the event loop.

A job is a function of the connection; its answer comes back to the loop that asked, in one call.
The thread refers to its queue only: an abandoned one ends with the last reference to it.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from perdure.domain.errors import JournalUnavailable
from perdure.infrastructure.errors import JournalClosed

T = TypeVar("T")


class Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)
Task = tuple[Callable[[C], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class ConnectionThread(Generic[C]):
    """Started with `start`; jobs are done in the order in which they were asked.

    `ended` is settled by the thread itself, when its connection is closed: what has to wait for
    that must not depend on somebody who waits, and may be cancelled.
    """

    __slots__ = ("_closed", "_name", "_process", "_queue", "ended")

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Task[C] | None] = SimpleQueue()  # None: the end
        self._closed = False
        self._process = os.getpid()
        self.ended: Future[None] = Future()
        self.ended.set_running_or_notify_cancel()  # it cannot be cancelled

    async def start(self, connect: Callable[[], C]) -> None:
        """Connects, in the thread; raises what `connect` raises, and has ended then."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        work = (connect, self._queue, self.ended, loop, ready)
        thread = threading.Thread(target=serve, args=work, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._closed = True
            self.ended.set_result(None)
            raise JournalUnavailable(
                f"{self._name}: {error}; let the process have more threads, or use fewer"
            ) from error
        try:
            await ready
        except BaseException:
            self.stop()
            await asyncio.wait([asyncio.wrap_future(self.ended)])
            raise

    def run(self, job: Callable[[C], T]) -> "asyncio.Future[T]":
        """The job's answer, once it is done. Abandoning the future does not stop the job."""
        if self._closed:
            raise JournalClosed(f"{self._name}: the journal is closed; open it again")
        if os.getpid() != self._process:
            raise JournalClosed(
                f"{self._name}: opened in process {self._process}, used in its child "
                f"{os.getpid()}; a child opens no journal, or another one"
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put((job, loop, future))
        return future

    def stop(self) -> None:
        """Takes no more jobs; the thread ends when those it has are done. Idempotent."""
        if not self._closed and os.getpid() == self._process:  # a child has no thread to end
            self._closed = True
            self._queue.put(None)

    async def close(self) -> None:
        """Stops, and returns when the connection is closed; raises what that raised."""
        self.stop()
        if self._closed:
            await asyncio.wrap_future(self.ended)

    def __del__(self) -> None:
        self.stop()


def serve(
    connect: Callable[[], C],
    queue: "SimpleQueue[Task[C] | None]",
    ended: "Future[None]",
    loop: asyncio.AbstractEventLoop,
    ready: "asyncio.Future[None]",
) -> None:
    """The body of the thread."""
    try:
        connection = connect()
    except BaseException as error:
        ended.set_result(None)
        answer(loop, ready, None, error)
        return
    answer(loop, ready, None, None)
    del loop, ready
    while (task := queue.get()) is not None:
        perform(connection, *task)
        del task  # what was asked may be large
    try:
        connection.close()
    except BaseException as error:
        ended.set_exception(error)
    else:
        ended.set_result(None)


def perform(
    connection: C,
    job: Callable[[C], Any],
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[Any]",
) -> None:
    try:
        result = job(connection)
    except BaseException as error:  # to whoever asked, not to the thread
        answer(loop, future, None, error)
    else:
        answer(loop, future, result, None)


def answer(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[Any]",
    result: Any,
    error: BaseException | None,
) -> None:
    try:
        loop.call_soon_threadsafe(settle, future, result, error)
    except RuntimeError:
        if not loop.is_closed():
            raise
        # The loop is closed: nobody waits any more.


def settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
