"""Daemon threads of our own for sync activities, so that a stop ends within its deadline.

A thread of the standard pool that hangs keeps the interpreter from exiting; these do not. What is
to be told comes back to the loop in batches: one wake-up for all that began or ended meanwhile.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from perdure.sagas.callbacks import call_safely

Work: TypeAlias = Callable[[], Any]
Done: TypeAlias = Callable[[Any, BaseException | None], None]
Begun: TypeAlias = Callable[[], None]


class Threads:
    """Runs functions; `begun()` and then `done(result, error)` are called on the loop."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = limit
        self._loop = loop
        self._work: SimpleQueue[tuple[Work, Done, Begun | None] | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards the two below
        self._news: list[Callable[[], None]] = []
        self._delivering = False
        self._threads = 0
        self._busy = 0

    def run(self, work: Work, done: Done, begun: Begun | None = None) -> None:
        """Runs `work` as soon as a thread is free. `begun` tells when that is."""
        self._busy += 1
        if self._busy > self._threads < self._limit:
            name = f"perdure-activity-{self._threads + 1}"
            try:
                threading.Thread(target=self._serve, name=name, daemon=True).start()
            except RuntimeError as error:  # the system gives no more; those that are there serve
                if not self._threads:
                    self._loop.call_soon(self._end, done, None, error)
                    return
            else:
                self._threads += 1
        self._work.put((work, done, begun))

    def close(self) -> None:
        """What waits for a thread never begins. Idle threads end; busy ones run out."""
        try:
            while True:
                self._work.get_nowait()
        except Empty:
            for _ in range(self._threads):
                self._work.put(None)

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            work, done, begun = item
            result, error = None, None
            try:
                if begun is not None:
                    self._tell(begun)
                try:
                    result = work()
                except BaseException as raised:  # handed on whole: the engine records it
                    error = raised
                self._tell(partial(self._end, done, result, error))
            except RuntimeError:
                return  # the loop is closed: the attempt counts as crashed
            del item, work, done, begun, result, error

    def _tell(self, news: Callable[[], None]) -> None:
        with self._lock:
            self._news.append(news)
            wake, self._delivering = not self._delivering, True
        if wake:
            self._loop.call_soon_threadsafe(self._deliver)

    def _end(self, done: Done, result: Any, error: BaseException | None) -> None:
        self._busy -= 1
        done(result, error)

    def _deliver(self) -> None:
        while True:
            with self._lock:
                news, self._news = self._news, []
                if not news:
                    self._delivering = False
                    return
            news.reverse()
            try:
                while news:
                    call_safely(self._loop, news.pop())
            finally:
                if news:  # the process is being interrupted: nothing of it is lost
                    news.reverse()
                    with self._lock:
                        self._news[:0] = news
                    self._loop.call_soon(self._deliver)
