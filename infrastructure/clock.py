"""The machine's clock and randomness: the adapters of perdure.domain.clock."""

import random
import time


class SystemClock:
    """The system's time, advanced by a clock that does not jump; never falls.

    CLOCK_BOOTTIME goes on while the machine sleeps; where it is missing the monotonic clock does.
    The wall clock is read anew every ten seconds, so that a corrected clock is followed.
    """

    SYNC_NANOSECONDS = 10_000_000_000

    __slots__ = ("_clock", "_last", "_offset", "_synced")

    def __init__(self) -> None:
        self._clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        self._synced = time.clock_gettime_ns(self._clock)
        self._offset = time.time_ns() - self._synced
        self._last = 0

    def now(self) -> int:
        ticks = time.clock_gettime_ns(self._clock)
        if ticks - self._synced > self.SYNC_NANOSECONDS:
            self._offset = time.time_ns() - ticks
            self._synced = ticks
        now = (ticks + self._offset) // 1000
        self._last = max(self._last, now)
        return self._last


class SystemRandomness:
    """The interpreter's generator, seeded by the system."""

    __slots__ = ()

    def fraction(self) -> float:
        return random.random()
