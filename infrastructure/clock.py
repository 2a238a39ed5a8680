"""The machine's clock and randomness: the adapters of perdure.domain.clock."""

import random
import time
import uuid

# Goes on while the machine sleeps, where the system can tell; never jumps.
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The system's time, advanced by a clock that does not jump; never falls.

    CLOCK_BOOTTIME goes on while the machine sleeps; where it is missing the monotonic clock does.
    Every ten seconds the wall clock is looked at, and followed if it was set forward. If it was set
    back, time goes on as before, ahead of it, until an engine opens anew: a stop would hold up
    everything that waits.
    """

    LOOK_NANOSECONDS = 10_000_000_000

    __slots__ = ("_ahead", "_looked")

    def __init__(self) -> None:
        self._looked, self._ahead = self._look()

    def now(self) -> int:
        ticks = time.clock_gettime_ns(STEADY)
        if ticks - self._looked > self.LOOK_NANOSECONDS:
            self._looked, ahead = self._look()
            self._ahead = max(self._ahead, ahead)
        return (ticks + self._ahead) // 1000

    def _look(self) -> tuple[int, int]:
        """The ticks, and how far the wall clock is ahead of them.

        It is read first: what passes in between makes it less, so that the greatest of many looks
        is the truth, and not the one that was interrupted longest.
        """
        wall = time.time_ns()
        ticks = time.clock_gettime_ns(STEADY)
        return ticks, wall - ticks


class ServerClock:
    """The time of a server that is asked now and then, advanced by this machine's own clock.

    Whatever the wall clock here says. What was told was true before it arrived, so it makes the
    time too early, never too late, and the greatest of many answers is the truth. It never falls.
    """

    __slots__ = ("_ahead",)

    def __init__(self) -> None:
        self._ahead: int | None = None

    def told(self, now: int) -> None:
        """The server has just said that it is so many microseconds after 1970."""
        ahead = now * 1000 - time.clock_gettime_ns(STEADY)
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def now(self) -> int:
        assert self._ahead is not None, "nobody has told the time"
        return (time.clock_gettime_ns(STEADY) + self._ahead) // 1000


class SteadyClock:
    """Seconds since some moment, for what lasts a while: leases, waits. It never jumps.

    Unlike an event loop's time it goes on while the machine sleeps, where the system can tell.
    """

    __slots__ = ()

    def seconds(self) -> float:
        return time.clock_gettime(STEADY)


class SystemIds:
    """Random ids of 128 bits."""

    __slots__ = ()

    def new(self) -> str:
        return uuid.uuid4().hex


class SystemRandomness:
    """The interpreter's generator, seeded by the system."""

    __slots__ = ()

    def fraction(self) -> float:
        return random.random()
