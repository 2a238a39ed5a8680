"""Timers of all live executions: one heap, one scheduled call of the outer loop.

They fire in the order (due, ordinal), never early. Dues are the journal's time; the loop only
decides when to look. A timer that is no longer set is skipped by who set it.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from perdure.domain.clock import Clock

LONGEST_LOOK_SECONDS = 30.0


class Timers:
    """Calls back at dues. No cancelling: the one called knows whether it still matters."""

    __slots__ = ("_clock", "_heap", "_loop", "_next", "_serial")

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._heap: list[tuple[int, int, int, Callable[[int], None]]] = []
        self._serial = 0
        self._next: asyncio.TimerHandle | None = None

    def add(self, due: int, ordinal: int, callback: Callable[[int], None]) -> None:
        """Calls `callback(ordinal)` at `due` (microseconds since 1970) or soon after."""
        self._serial += 1
        heappush(self._heap, (due, ordinal, self._serial, callback))
        if self._heap[0][2] == self._serial:
            self._schedule()

    def close(self) -> None:
        self._heap.clear()
        if self._next is not None:
            self._next.cancel()

    def _schedule(self) -> None:
        if self._next is not None:
            self._next.cancel()
        left = (self._heap[0][0] - self._clock.now()) / 1_000_000
        self._next = self._loop.call_later(min(max(left, 0.0), LONGEST_LOOK_SECONDS), self._fire)

    def _fire(self) -> None:
        self._next = None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            _, ordinal, _, callback = heappop(self._heap)
            callback(ordinal)
        if self._heap and self._next is None:
            self._schedule()
