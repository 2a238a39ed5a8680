"""The journal of a simulated process: the log in memory, with commits that take time and go wrong.

What goes wrong is the schedule's. Everything else is as production has it: entries are encoded, a
start claims its row, an epoch that is over is fenced.
"""

from collections.abc import Callable, Mapping, Sequence

from perdure.domain.errors import JournalUnavailable, LostLease, Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow, Scan, Submission
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.infrastructure.entry import encoded
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.simulation.lease import FROZEN_SECONDS, SimulatedLease
from perdure.infrastructure.simulation.process import ProcessLoop, pause
from perdure.infrastructure.simulation.schedule import APPEND, READ, Schedule
from perdure.infrastructure.simulation.storage import Storage

SLOW_SECONDS = 0.25

Surprise = Callable[[str, Sequence[Submission]], None]  # what is not the journal's matter
Tell = Callable[[str, str, str, str], None]  # who, what, moment, fault


class SimulatedJournal(MemoryJournal):
    """Of one process. `commit_seconds` is what a commit takes; `surprise` does the rest."""

    __slots__ = ("_commit", "_lease", "_process", "_schedule", "_storage", "_surprise", "_tell")

    def __init__(
        self,
        storage: Storage,
        process: ProcessLoop,
        lease: SimulatedLease,
        schedule: Schedule,
        *,
        commit_seconds: float,
        tell: Tell,
        surprise: Surprise,
    ) -> None:
        super().__init__(storage.log)
        self._storage = storage
        self._process = process
        self._lease = lease
        self._schedule = schedule
        self._commit = commit_seconds
        self._tell = tell
        self._surprise = surprise

    @property
    def lease(self) -> SimulatedLease:
        return self._lease

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        self._check_writable()
        entries = [encoded(each) for each in submissions]
        what = self._schedule.at("append", APPEND)
        if what:
            self._surprise(what, submissions)
        match what:
            case "crash before":
                await self._process.die()
            case "unavailable":
                raise JournalUnavailable("the storage does not answer; nothing is stored")
        if not self._lease.held:
            self._lease.lost()
            raise LostLease(f"{self._process.name}: the lease is over; nothing is appended")
        await pause(SLOW_SECONDS if what == "slow" else self._commit / 2)
        if what == "crash within, not stored":
            await self._process.die()
        try:
            answer = self._storage.append(entries, self._lease.epoch, self._process.name)
        except LostLease:
            self._lease.lost()
            raise
        if what == "frozen after":
            self._lease.not_renewed(FROZEN_SECONDS)
            self._process.freeze(FROZEN_SECONDS)
        if what == "crash within, stored":
            await self._process.die()
        await pause(self._commit / 2)
        if what == "crash after":
            await self._process.die()
        if what == "unsure":
            raise JournalUnavailable("the storage gave no answer; it may be stored or not")
        return answer

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        await self._reading()
        return await super().read(execution_ids)

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        await self._reading()
        return await super().rows(execution_ids)

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        await self._reading()
        return await super().scan(scan)

    async def envelopes(self, after: int = 0, limit: int = OPEN_PAGE) -> list[Envelope]:
        await self._reading()
        return await super().envelopes(after, limit)

    async def close(self) -> None:
        await super().close()
        self._lease.close()

    async def _reading(self) -> None:
        what = self._schedule.at("read", READ)
        if what:
            self._tell(self._process.name, "", "read", what)
        match what:
            case "unavailable":
                raise JournalUnavailable("the storage does not answer")
            case "slow":
                await pause(SLOW_SECONDS)
