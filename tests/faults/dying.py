"""Plays whose processes die at an append: before it, inside it, after it; wherever journals lie.

What is stored in the end is compared with what the play was told, row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from perdure.domain.journal import Journal, Submission
from perdure.infrastructure.entry import encoded
from tests.faults.places import Place, StoredRow
from tests.programs.stored import Call, WaitedFor
from tests.properties.day import Day
from tests.properties.interpreter import Program
from tests.properties.plays import STORED, Fault, Play, Process, play


@dataclass
class Dying(WaitedFor):
    """A journal that is left as it is when its process dies."""

    place: Place
    torn: int = 0  # transactions

    async def cut_off(self, submissions: Sequence[Submission], kind: str) -> None:
        self.torn += self.call(self.place.cut(self.journal, submissions, kind))
        if kind == STORED:
            self.played.log.append([encoded(each) for each in submissions])
            self.process.note(submissions)

    async def close(self) -> None:
        if not self.process.died.done():
            self.call(self.journal.close())


@dataclass
class Graveyard:
    """All incarnations of one play, at one place."""

    place: Place
    call: Call
    journals: list[Dying] = field(default_factory=list)

    async def opened(self, played: Play, process: Process, day: Day) -> Journal:
        self._bury()
        journal = self.call(self.place.open())
        seconds = day.commit_milliseconds / 1000
        self.journals.append(Dying(journal, self.call, played, process, seconds, self.place))
        return self.journals[-1]

    def _bury(self) -> None:
        if self.journals:
            self.call(self.place.bury(self.journals[-1].journal))


def play_at(
    place: Place, call: Call, program: Program, day: Day, faults: Sequence[Fault] = ()
) -> tuple[Play, int]:
    """As `play`, there; how many transactions were torn besides. What is stored is checked."""
    graveyard = Graveyard(place, call)
    try:
        played = play(program, day, faults, graveyard.opened)
        check_stored(call(place.rows()), played)
    finally:
        call(place.close())
    return played, sum(each.torn for each in graveyard.journals)


def check_stored(stored: list[StoredRow], played: Play) -> None:
    """All that was answered for is there, and nothing else, each at the next version."""
    expected = [(row.execution_id, row.version, row.topic, row.body) for row in played.log.events]
    told = [(row.execution_id, row.version, row.topic, row.body) for row in stored]
    assert told == expected, "what is stored is not what was told"
    assert [row.version for row in stored] == [*range(1, len(stored) + 1)]
    positions = [row.position for row in stored]
    assert positions == sorted(set(positions)), "a position is there twice"
    epochs = [row.epoch for row in stored]
    assert epochs == sorted(epochs), "two owners wrote by turns"
