"""The journal for plays on a file or a server, in virtual time.

Each call is made on a loop of its own in another thread, and waited for without a turn of the loop
of the play: to that, they are as quick as the memory, and a play goes alike on all.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow, Journal, Scan, Submission
from perdure.domain.lease import Lease
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.infrastructure.entry import encoded
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.journal import PostgresJournal
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from tests.properties.day import Day
from tests.properties.plays import Opened, Play, Process
from tests.properties.world import EXECUTION

Call: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass
class WaitedFor:
    """A journal on another thread's loop; what it stores is noted in the play as well."""

    journal: Journal
    call: Call
    played: Play
    process: Process
    seconds: float

    @property
    def lease(self) -> Lease:
        return self.journal.lease

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if kind := self.process.inside():
            await self.cut_off(submissions, kind)
            await self.process.die_inside(kind)
        self.process.before_append(submissions)
        answer: Sequence[bool] = self.call(self.journal.append(submissions))
        self.played.log.append([encoded(each) for each in submissions])
        self.process.after_append(submissions)
        return answer

    async def cut_off(self, submissions: Sequence[Submission], kind: str) -> None:
        """The answer of this append never comes; whether it is stored is told by its kind."""
        raise NotImplementedError("tests.faults.dying does that")

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        return self.call(self.journal.read(execution_ids))

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        return self.call(self.journal.rows(execution_ids))

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        return self.call(self.journal.scan(scan))

    async def envelopes(self, after: int = 0, limit: int = OPEN_PAGE) -> list[Envelope]:
        return self.call(self.journal.envelopes(after, limit))

    async def mail(self) -> None:
        await asyncio.get_running_loop().create_future()  # nobody posts anything here

    async def forget(self, settled_before: int) -> int:
        return self.call(self.journal.forget(settled_before))

    async def close(self) -> None:
        self.call(self.journal.close())


@contextmanager
def elsewhere() -> Iterator[Call]:
    """Runs coroutines on a loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    try:
        yield call
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass(frozen=True)
class Stored:
    """A place for the journal of one play. `open` opens it, to write or only to read."""

    open: Callable[[bool], Coroutine[Any, Any, Journal]]
    call: Call

    def opened(self) -> Opened:
        """For plays. The death of a process is seen when the next one opens it."""
        before: list[Journal] = []

        async def opened(played: Play, process: Process, day: Day) -> Journal:
            while before:
                self.call(before.pop().close())
            before.append(self.call(self.open(False)))
            seconds = day.commit_milliseconds / 1000
            return WaitedFor(before[0], self.call, played, process, seconds)

        return opened

    def stream(self) -> list[Event]:
        """What it says of the play's execution."""
        journal = self.call(self.open(True))
        stream = self.call(journal.read([EXECUTION]))[EXECUTION]
        self.call(journal.close())
        assert isinstance(stream, list), stream
        return stream


def in_file(path: Path, call: Call) -> Stored:
    return Stored(lambda read_only: SQLiteJournal.open(path, read_only=read_only), call)


def in_schema(database: str, schema: str, call: Call) -> Stored:
    place = database_of(f"{database}?schema={schema}")
    return Stored(lambda read_only: PostgresJournal.open(place, read_only=read_only), call)
