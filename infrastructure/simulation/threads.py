"""Threads that take no real time: a sync function runs at once, and ends when the world says so."""

import asyncio
from typing import Any

from perdure.infrastructure.simulation.process import ProcessLoop
from perdure.sagas.threads import Begun, Done, Work


class NoThreads:
    """Implements perdure.sagas.stage.Pool in one process. `last_seconds` is set by what runs."""

    def __init__(self, process: ProcessLoop) -> None:
        self._process = process
        self._closed = False
        self.last_seconds = 0.0

    def run(self, work: Work, done: Done, begun: Begun | None = None) -> None:
        self._process.call_soon(self._run, work, done, begun)

    def close(self) -> None:
        self._closed = True

    def _run(self, work: Work, done: Done, begun: Begun | None) -> None:
        if self._closed:
            return
        if begun is not None:
            begun()
        self.last_seconds = 0.0
        result: Any = None
        failed: BaseException | None = None
        asyncio._set_running_loop(None)  # as in a thread of its own
        try:
            result = work()
        except BaseException as error:  # handed on whole: the engine records it
            failed = error
        finally:
            asyncio._set_running_loop(self._process)
        if self._process.alive:
            self._process.call_later(self.last_seconds, done, result, failed)
