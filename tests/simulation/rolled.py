"""A schedule of faults that is rolled by a seed, and heals.

Each seed turns on some of the faults, at rates of its own, so that quiet and wild worlds both
occur. After so many moments nothing goes wrong any more. What happened can be listed and repeated.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

from perdure.infrastructure.simulation.schedule import MOMENTS, Fault

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)  # of the faults that are turned on
RATES = (0.01, 0.03, 0.1, 0.3)
MOST = 0.6  # of the moments of one kind, so that something is stored at last
MOMENTS_UNTIL_HEALED = (5, 10, 20, 40, 80, 160)

Roll: TypeAlias = Callable[[], float]


class Rolled:
    """Implements perdure.infrastructure.simulation.schedule.Schedule."""

    __slots__ = ("_left", "_roll", "_tables", "counts", "happened")

    def __init__(self, seed: int) -> None:
        roll = self._roll = Random(seed).random  # which alone is promised to stay the same
        share = SHARES[int(roll() * len(SHARES))]
        self._tables = {moment: table(faults, share, roll) for moment, faults in MOMENTS.items()}
        self._left = MOMENTS_UNTIL_HEALED[int(roll() * len(MOMENTS_UNTIL_HEALED))]
        self.happened: list[Fault] = []
        self.counts: Counter[str] = Counter()

    def at(self, moment: str, possible: Sequence[str]) -> str:
        number = self.counts[moment] = self.counts[moment] + 1
        if self._left <= 0:
            return ""
        self._left -= 1
        rolled = self._roll()
        for rate, what in self._tables[moment]:
            if what in possible:
                rolled -= rate
                if rolled < 0:
                    self.happened.append((moment, number, what))
                    return what
        return ""


def table(faults: Sequence[str], share: float, roll: Roll) -> list[tuple[float, str]]:
    """Faults that are turned on, each with its rate."""
    on = [(what, RATES[int(roll() * len(RATES))]) for what in faults if roll() < share]
    scale = min(1.0, MOST / (sum(rate for _, rate in on) or 1.0))
    return [(rate * scale, what) for what, rate in on]
