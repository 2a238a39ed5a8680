"""Plays of the random tests on a SQLite file, in real time, with a copy in memory to look at."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from perdure.domain.events import Event
from perdure.domain.journal import Journal, Submission
from perdure.infrastructure.entry import encoded
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from tests.journals.wrapped import WrappedJournal
from tests.properties.interpreter import Program
from tests.properties.plays import Fault, Play, Process, incarnation
from tests.properties.strategies import Day
from tests.properties.world import EXECUTION


class CopiedJournal(WrappedJournal):
    """A file whose appends meet the faults of a process, and are copied to the log of a play."""

    def __init__(self, journal: Journal, played: Play, process: Process) -> None:
        super().__init__(journal)
        self._log = played.log
        self._process = process

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        self._process.before_append(submissions)
        answer = await super().append(submissions)
        self._log.append([encoded(each) for each in submissions])
        self._process.after_append(submissions)
        return answer


def play_on_file(program: Program, day: Day, path: Path, faults: Sequence[Fault] = ()) -> Play:
    """As `play`; each incarnation opens the file anew."""
    played = Play()
    played.world.begin(played.stream)
    opened = partial(open_copied, path)
    with asyncio.Runner() as runner:
        while not runner.run(incarnation(played, program, day, faults, opened)):
            assert played.incarnations <= len(faults), "it died without a fault"
        runner.run(check_copy(path, played))
    return played


async def open_copied(path: Path, played: Play, process: Process, day: Day) -> Journal:
    return CopiedJournal(await SQLiteJournal.open(path), played, process)


async def check_copy(path: Path, played: Play) -> None:
    journal = await SQLiteJournal.open(path, read_only=True)
    streams = await journal.read([EXECUTION])
    await journal.close()
    stream = streams[EXECUTION]
    assert isinstance(stream, list)
    assert list(map(repr_of, stream)) == list(map(repr_of, played.stream()))


def repr_of(event: Event) -> tuple[str, int, object]:
    return type(event).__name__, event.time, getattr(event, "ordinal", None)
