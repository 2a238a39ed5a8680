"""Timers of all live executions: one heap, one scheduled call of the outer loop.

They fire in the order (due, ordinal), never early. Dues are the journal's time; the loop only
decides when to look. A timer that is no longer set is skipped by who set it, and keeps nobody in
memory: the heap refers weakly, and is swept when half of it may be of no use any more.
"""

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, Protocol, TypeAlias, cast
from weakref import ref

from perdure.domain.clock import Clock
from perdure.sagas.callbacks import call_safely

FIRST_SWEEP = 1_024


class Sleeper(Protocol):
    """Who sets timers."""

    def waits_for(self, ordinal: int, due: int) -> bool:
        """Whether it still has a use for this timer."""
        ...


Entry: TypeAlias = tuple[int, int, int, "ref[Sleeper]", Callable[[Any, int], None]]


class Timers:
    """Calls back at dues. No cancelling: the one called knows whether it still matters."""

    __slots__ = ("_clock", "_heap", "_longest", "_loop", "_next", "_serial", "_sweep_at")

    def __init__(
        self, clock: Clock, loop: asyncio.AbstractEventLoop, look_seconds: float = 30.0
    ) -> None:
        self._clock = clock
        self._loop = loop
        self._longest = look_seconds  # the clock may be set forward meanwhile
        self._heap: list[Entry] = []
        self._serial = 0
        self._next: asyncio.TimerHandle | None = None
        self._sweep_at = FIRST_SWEEP

    def add(self, due: int, ordinal: int, callback: Callable[[int], None]) -> None:
        """Calls `callback(ordinal)` at `due` (microseconds since 1970) or soon after.

        It is a method of a Sleeper, which is not called when it is gone by then.
        """
        self._serial += 1
        method = cast("Any", callback)
        sleeper: Sleeper = method.__self__
        heappush(self._heap, (due, ordinal, self._serial, ref(sleeper), method.__func__))
        if self._heap[0][2] == self._serial:
            self._schedule()
        if len(self._heap) > self._sweep_at:
            self._sweep()

    def close(self) -> None:
        self._heap.clear()
        if self._next is not None:
            self._next.cancel()

    def _sweep(self) -> None:
        # At twice what the last sweep left: it costs each timer a constant, however long it waits.
        self._heap = [entry for entry in self._heap if _matters(entry)]
        heapify(self._heap)
        self._sweep_at = max(FIRST_SWEEP, 2 * len(self._heap))

    def _schedule(self) -> None:
        if self._next is not None:
            self._next.cancel()
        left = (self._heap[0][0] - self._clock.now()) / 1_000_000
        self._next = self._loop.call_later(min(max(left, 0.0), self._longest), self._fire)

    def _fire(self) -> None:
        self._next = None
        now = self._clock.now()
        try:
            while self._heap and self._heap[0][0] <= now:
                _, ordinal, _, sleeper, callback = heappop(self._heap)
                there = sleeper()
                if there is not None:
                    call_safely(self._loop, callback, there, ordinal)
        finally:
            if self._heap and self._next is None:
                self._schedule()


def _matters(entry: Entry) -> bool:
    due, ordinal, _, sleeper, _ = entry
    there = sleeper()
    return there is not None and there.waits_for(ordinal, due)
