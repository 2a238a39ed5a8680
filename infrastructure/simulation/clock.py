"""Clocks, chance and ids of the simulated world: the ports that an engine and a client take."""

from collections.abc import Callable

START = 1_800_000_000_000_000  # 2027-01-15T08:00:00Z, in microseconds since 1970
MASK = (1 << 64) - 1


class SimulatedClock:
    """The journal's time as one process knows it; `ahead` of the world's by so many microseconds.

    Implements perdure.domain.clock.Clock. It may be set forward, and never falls.
    """

    __slots__ = ("_now", "ahead")

    def __init__(self, now: Callable[[], int], ahead: int = 0) -> None:
        self._now = now
        self.ahead = ahead

    def now(self) -> int:
        return START + self._now() + self.ahead


class SeededChance:
    """Implements perdure.domain.clock.Randomness: the same numbers for the same seed, for ever.

    Steele, Lea and Flood's SplitMix64 (2014).
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int = 0) -> None:
        self._state = seed & MASK

    def fraction(self) -> float:
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
        mixed = self._state
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & MASK
        return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)


class CountedIds:
    """Implements perdure.domain.clock.Ids: no two alike in one world."""

    __slots__ = ("_count", "_prefix")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"{self._prefix}-{self._count}"
