"""Daemon threads of our own for sync activities, so that a stop ends within its deadline.

A thread of the standard pool that hangs keeps the interpreter from exiting; these do not. Results
come back to the loop in batches: one wake-up for all that ended meanwhile.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]


class Threads:
    """Runs functions; `done(result, error)` is called on the loop."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = limit
        self._loop = loop
        self._work: SimpleQueue[tuple[Work, Done] | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards the two below
        self._ended: list[tuple[Done, Any, BaseException | None]] = []
        self._delivering = False
        self._threads = 0
        self._busy = 0

    def run(self, work: Work, done: Done) -> None:
        self._busy += 1
        if self._busy > self._threads < self._limit:
            self._threads += 1
            name = f"perdure-activity-{self._threads}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        self._work.put((work, done))

    def close(self) -> None:
        """Idle threads end; busy ones are left to themselves."""
        for _ in range(self._threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            work, done = item
            result, error = None, None
            try:
                result = work()
            except BaseException as raised:  # handed on whole: the engine records it
                error = raised
            with self._lock:
                self._ended.append((done, result, error))
                wake, self._delivering = not self._delivering, True
            del item, work, done, result, error
            if wake:
                try:
                    self._loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:
                    return  # the loop is closed: the attempt counts as crashed

    def _deliver(self) -> None:
        while True:
            with self._lock:
                ended, self._ended = self._ended, []
                if not ended:
                    self._delivering = False
                    return
            for done, result, error in ended:
                self._busy -= 1
                done(result, error)
