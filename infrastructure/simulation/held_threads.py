"""Threads for sync activities beside jumping time, which does not jump while one of them works."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from perdure.infrastructure.simulation.jumping import Jumping
from perdure.sagas.threads import Begun, Done, Threads, Work


class HeldThreads:
    """Implements perdure.sagas.stage.Pool on threads of production."""

    def __init__(self, jumping: Jumping, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._jumping = jumping
        self._threads = Threads(limit, loop)
        self._waiting: set[Callable[[], None]] = set()  # holds of what has not begun

    def run(self, work: Work, done: Done, begun: Begun | None = None) -> None:
        release = self._jumping.hold()
        self._waiting.add(release)
        self._threads.run(
            work, partial(self._done, release, done), partial(self._begun, release, begun)
        )

    def close(self) -> None:
        self._threads.close()
        for release in self._waiting:
            release()

    def _begun(self, release: Callable[[], None], begun: Begun | None) -> None:
        self._waiting.discard(release)
        if begun is not None:
            begun()

    def _done(
        self, release: Callable[[], None], done: Done, result: Any, error: BaseException | None
    ) -> None:
        release()
        self._waiting.discard(release)
        done(result, error)
