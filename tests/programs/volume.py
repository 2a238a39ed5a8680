"""Many seeded programs, checked one after another; whatever is wrong is told with its seed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.programs.drivers import seeded
from tests.programs.steadiness import steady
from tests.properties.checks import KINDS, check_faults

ONCE_MORE = "PROGRAM={} .venv/bin/python -m pytest tests/programs -m soak -k by_hand -s"


@dataclass
class Tally:
    """What was checked."""

    programs: int = 0
    plays: int = 0
    steady: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in self.ends.most_common())
        return f"{self.programs} programs in {self.plays} plays, {self.steady} steady; {ends}"


def check_seeds(seeds: Iterable[int]) -> Tally:
    """Each undisturbed, then with each fault at each of its appends."""
    tally = Tally()
    for seed in seeds:
        program, day = seeded(seed)
        alike = steady(program, day)
        try:
            plays, end = check_faults(program, day, KINDS, steady=alike)
        except Exception as error:
            error.add_note(f"program {program}\non {day}\nonce more: {ONCE_MORE.format(seed)}")
            raise
        tally.programs += 1
        tally.plays += plays
        tally.steady += alike
        tally.ends[end] += 1
    return tally
