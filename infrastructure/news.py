"""News: something may have changed. Told from any thread, heard on a loop; forgets how often."""

import asyncio
import threading
from contextlib import suppress


class News:
    """For one listener at a time. The first `heard` returns at once: what was before counts."""

    __slots__ = ("__weakref__", "_listening", "_lock", "_told")

    def __init__(self) -> None:
        self._told = True
        self._listening: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self._lock = threading.Lock()

    def tell(self) -> None:
        """Lets `heard` return, now or when it is called next."""
        with self._lock:
            self._told = True
            listening, self._listening = self._listening, None
        if listening is not None:
            loop, future = listening
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(resolve, future)

    async def heard(self) -> None:
        """Returns once something was told since it last did."""
        loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                if self._told:
                    self._told = False
                    return
                future: asyncio.Future[None] = loop.create_future()
                self._listening = loop, future
            await future


def resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
