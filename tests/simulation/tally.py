"""What was met in many worlds: every fault, and in which state of an execution it came.

A simulator that is content may have tried nothing: the counters show that it has.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from perdure.infrastructure.simulation.schedule import MOMENTS
from tests.simulation.playing import Playing, play
from tests.simulation.rolled import Rolled
from tests.simulation.setting import drawn

ONCE_MORE = "python -m tests.simulation --seed {}"
SHOWN = 120


@dataclass
class Tally:
    """`failures`: seed, check and words of what was wrong."""

    worlds: int = 0
    executions: int = 0
    appends: int = 0
    met: Counter[tuple[str, str]] = field(default_factory=Counter)  # "append: slow", "undoing"
    ends: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.worlds += other.worlds
        self.executions += other.executions
        self.appends += other.appends
        self.met += other.met
        self.ends += other.ends
        self.failures += other.failures

    def note(self, seed: int, playing: Playing) -> None:
        """Takes one world in."""
        log = playing.world.storage.log
        self.worlds += 1
        self.executions += len(log.executions)
        self.appends += len(playing.world.storage.appends)
        self.met.update(playing.met)
        self.ends.update(row.state for row in log.executions.values())
        if playing.problem is not None:
            told = f"{type(playing.problem).__name__}: {playing.problem}"
            self.failures.append((seed, playing.check, told))

    @property
    def faults(self) -> Counter[str]:
        """How often each fault was met, in any state."""
        found: Counter[str] = Counter()
        for (fault, state), count in self.met.items():
            found[fault] += count * (state == "")
        return found

    @property
    def never(self) -> list[str]:
        """Faults that were not met at all."""
        return [each for each in every_fault() if not self.faults[each]]

    def __str__(self) -> str:
        ends = ", ".join(f"{count:,} {state}" for state, count in self.ends.most_common())
        faults = sum(self.faults.values())
        return (
            f"{self.worlds:,} worlds, {self.executions:,} executions ({ends}), "
            f"{self.appends:,} appends, {faults:,} faults, {len(self.failures)} failures"
        )


def every_fault() -> list[str]:
    return [f"{moment}: {fault}" for moment, faults in MOMENTS.items() for fault in faults]


def tally_of(seeds: Iterable[int]) -> Tally:
    """Plays these."""
    tally = Tally()
    for seed in seeds:
        tally.note(seed, play(drawn(seed), Rolled(seed)))
    return tally


def check_tally(tally: Tally) -> None:
    """Nothing was wrong in any of them."""
    told = [
        f"seed {seed}: {check}: {text[:SHOWN]}; once more: {ONCE_MORE.format(seed)}"
        for seed, check, text in tally.failures[:5]
    ]
    assert not told, "\n".join(told)
