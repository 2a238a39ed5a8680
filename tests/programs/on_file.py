"""The journal for plays on a SQLite file, in virtual time.

Each call is made on a loop of its own in another thread, and waited for without a turn of the loop
of the play: to that, the file is as quick as the memory, and a play goes alike on both.
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
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.infrastructure.entry import encoded
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

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        self.process.before_append(submissions)
        answer: Sequence[bool] = self.call(self.journal.append(submissions))
        self.played.log.append([encoded(each) for each in submissions])
        self.process.after_append(submissions)
        return answer

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


def opened_on(path: Path, call: Call) -> Opened:
    async def opened(played: Play, process: Process, day: Day) -> Journal:
        journal = call(SQLiteJournal.open(path))
        return WaitedFor(journal, call, played, process, day.commit_milliseconds / 1000)

    return opened


def stream_on(path: Path, call: Call) -> list[Event]:
    """What the file says of the play's execution."""
    journal = call(SQLiteJournal.open(path, read_only=True))
    stream = call(journal.read([EXECUTION]))[EXECUTION]
    call(journal.close())
    assert isinstance(stream, list), stream
    return stream
