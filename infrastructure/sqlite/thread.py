"""A thread with one connection: does one job after another, away from the event loop.

A job is a function of the connection; its answer comes back to the loop that asked, in one call.
The thread refers to its queue only: an abandoned one ends with the last reference to it.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from perdure.infrastructure.errors import JournalClosed

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
Task = tuple[Job | None, asyncio.AbstractEventLoop, "asyncio.Future[Any]"]  # no job: the end


class ConnectionThread:
    """Started with `start`; jobs are done in the order in which they were asked."""

    __slots__ = ("_closed", "_name", "_process", "_queue", "_thread")

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._closed = False
        self._process = os.getpid()
        self._thread: threading.Thread | None = None

    async def start(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Connects, in the thread; raises what `connect` raises, and is closed then."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(
            target=serve, args=(connect, self._queue, loop, ready), name=self._name, daemon=True
        )
        self._thread.start()
        try:
            await ready
        except BaseException:
            self._closed = True
            self._queue.put(None)
            raise

    def run(self, job: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
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

    async def close(self) -> None:
        """Takes no more jobs; returns when those it has are done and the connection is closed."""
        thread = self._thread
        if self._closed or thread is None or os.getpid() != self._process:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        closed: asyncio.Future[None] = loop.create_future()
        self._queue.put((None, loop, closed))
        await closed

    def __del__(self) -> None:
        if not self._closed:
            self._queue.put(None)


def serve(
    connect: Callable[[], sqlite3.Connection],
    queue: "SimpleQueue[Task | None]",
    loop: asyncio.AbstractEventLoop,
    ready: "asyncio.Future[None]",
) -> None:
    """The body of the thread."""
    try:
        connection = connect()
    except BaseException as error:
        answer(loop, ready, None, error)
        return
    answer(loop, ready, None, None)
    del loop, ready
    while (task := queue.get()) is not None:
        job, loop, future = task
        if job is None:
            connection.close()
            answer(loop, future, None, None)
            return
        perform(job, connection, loop, future)
        del task, job, loop, future  # what was asked may be large
    connection.close()


def perform(
    job: Job,
    connection: sqlite3.Connection,
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
