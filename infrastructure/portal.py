"""A portal: one client on an event loop in a thread of its own, for callers without a loop.

Any thread may go through it. What a caller waits for is cancelled when the wait is interrupted; the
client's orders stand all the same.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeVar

from perdure.domain.errors import ClientClosed
from perdure.infrastructure.composition import connect
from perdure.infrastructure.keys import KeyRing
from perdure.sagas.client import Client
from perdure.sagas.lookout import CLOSED

T = TypeVar("T")

Connected = tuple[Client, asyncio.AbstractEventLoop, asyncio.Event]
Connecting = Callable[[], AbstractAsyncContextManager[Client]]


class Portal:
    """Connects when it is made; raises what connecting raises."""

    def __init__(self, url: str, reply_timeout: float | None, keys: KeyRing | None) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        ready: Future[Connected] = Future()
        connecting = partial(connect, url, reply_timeout=reply_timeout, keys=keys)
        self._thread = threading.Thread(target=serve, args=(connecting, ready), daemon=True)
        self._thread.start()
        self.client, self._loop, self._stop = ready.result()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What this coroutine of the client returns or raises."""
        try:
            self._check()
            with self._lock:  # what is handed in before the stop is done or cancelled by it
                if self._closed:
                    raise ClientClosed(CLOSED)
                done = asyncio.run_coroutine_threadsafe(work, self._loop)
        except BaseException:
            work.close()
            raise
        try:
            return done.result()
        except CancelledError as error:
            raise ClientClosed(CLOSED) from error
        except BaseException:
            done.cancel()  # a KeyboardInterrupt, say: nobody waits any more
            raise

    def close(self) -> None:
        """Closes the client, and ends the thread. Idempotent."""
        with self._lock:
            if not self._closed and os.getpid() == self._process:
                self._loop.call_soon_threadsafe(self._stop.set)
            self._closed = True
        if os.getpid() == self._process:
            self._thread.join()

    def _check(self) -> None:
        if os.getpid() != self._process:
            raise ClientClosed(
                f"the client was connected in process {self._process} and is used in its child "
                f"{os.getpid()}, where its thread is not; connect in the child"
            )
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # as it should be
        raise RuntimeError(
            "perdure.blocking would stop the event loop that runs in this thread; use "
            "perdure.connect there"
        )


def serve(connecting: Connecting, ready: "Future[Connected]") -> None:
    """The body of the thread."""
    try:
        asyncio.run(stay_connected(connecting, ready))
    except BaseException as error:
        if ready.done():
            raise
        ready.set_exception(error)


async def stay_connected(connecting: Connecting, ready: "Future[Connected]") -> None:
    """Until it is told to stop."""
    async with connecting() as client:
        stop = asyncio.Event()
        ready.set_result((client, asyncio.get_running_loop(), stop))
        await stop.wait()
