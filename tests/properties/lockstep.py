"""Threads for sync activities on a virtual loop: one runs at a time, while the loop waits for it.

A thread runs until it ends or pauses, so that a play goes alike whenever it is repeated. Stands for
perdure.sagas.threads.Threads, whose own tests are the engine's.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]


class Left(BaseException):
    """In a thread that pauses for ever, since its process has ended."""


class LockstepThreads:
    """See the module. `limit` is of no matter: one runs at a time."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._paused: dict[_Thread, None] = {}
        self._closed = False

    def run(self, work: Work, done: Done, begun: Callable[[], None] | None = None) -> None:
        self._loop.call_soon(self._begin, work, done, begun)

    def close(self) -> None:
        self._closed = True
        for thread in self._paused:
            thread.left = True
            thread.go_on()

    def _begin(self, work: Work, done: Done, begun: Callable[[], None] | None) -> None:
        if self._closed:
            return
        if begun is not None:
            begun()
        self._go_on(_Thread(work), done)

    def _go_on(self, thread: "_Thread", done: Done) -> None:
        if self._closed:
            return
        self._paused.pop(thread, None)
        seconds = thread.go_on()
        if seconds is None:
            done(thread.result, thread.error)
        else:
            self._paused[thread] = None
            self._loop.call_later(seconds, self._go_on, thread, done)


class _Thread(threading.Thread):
    """Runs while `go_on` waits."""

    def __init__(self, work: Work) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._own_turn, self._other_turn = threading.Semaphore(0), threading.Semaphore(0)
        self._seconds: float | None = None
        self.left = False
        self.result: Any = None
        self.error: BaseException | None = None

    def go_on(self) -> float | None:
        """Until it pauses, for so many seconds, or ends: None."""
        if self.ident is None:
            self.start()
        else:
            self._own_turn.release()
        self._other_turn.acquire()
        return self._seconds

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # handed on whole: the engine records it
            self.error = error
        self._seconds = None
        self._other_turn.release()

    def pause(self, seconds: float) -> None:
        self._seconds = seconds
        self._other_turn.release()
        self._own_turn.acquire()
        if self.left:
            raise Left


def pause(seconds: float) -> None:
    """Called in such a thread: its play goes on for so long."""
    thread = threading.current_thread()
    assert isinstance(thread, _Thread)
    thread.pause(seconds)
