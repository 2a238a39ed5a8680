"""The keeper: the loop that brings executions back to memory.

At open what was in flight, or blocked, when the last engine ended; then whatever is due, and starts
as far as there is room. Starts and dues wake it; the repeated scan is only the net below.
"""

import asyncio
import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from perdure.domain.errors import ExecutionParked, JournalUnavailable, Undecodable
from perdure.domain.events import TERMINAL
from perdure.domain.journal import ENDED_STATES, PARKED_STATES, IndexRow, Journal, Scan
from perdure.sagas.settings import EngineSettings
from perdure.sagas.surroundings import LEAVES_WHEN_DUE_AFTER

if TYPE_CHECKING:
    from perdure.sagas.residents import Residents

NEVER = 1 << 62
GOING = ("running", "compensating")
FORGET_DOUBT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
DOUBLINGS = 10  # more than it takes from one to the other
OTHERS_SHARE = 1 / 30  # of the time between scans: looks for ends while another has the lease

log = logging.getLogger("perdure")


class Keeper:
    """See the module. `backlog` says that rows may be waiting for room."""

    def __init__(self, residents: "Residents", journal: Journal, settings: EngineSettings) -> None:
        self._residents = residents
        self._journal = journal
        self._settings = settings
        self._wake: asyncio.Future[None] | None = None
        self._next_due = NEVER  # of those that have begun
        self._next_begin = NEVER  # of those that are to begin later
        self._next_look = 0  # at them, whether or not one is known to be due
        self._swept = False
        self._away = False  # somebody else had the lease
        self._losses = 0  # of the lease
        self._doubtful: list[str] = []
        self._doubts: Counter[str] = Counter()  # how often, lately
        self.backlog = True

    def look(self) -> None:
        """Lets `keep` look through the journal at once."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def lease_lost(self) -> None:
        """Nothing is in memory any more: all of it is looked for once the lease is held again."""
        self._losses += 1
        self._swept, self._next_look, self.backlog, self._away = False, 0, True, True

    def read_again(self, execution_id: str) -> None:
        """What is stored of this one is not what an execution in memory believed.

        Its row may have no due although nobody holds it: a start that was stored although the
        journal said that it was not, an append that somebody else was ahead of. One that comes back
        again and again is let wait.
        """
        loop = self._residents.around.loop
        doubts = self._doubts[execution_id]
        self._doubts[execution_id] += 1
        loop.call_later(FORGET_DOUBT_SECONDS, self._forget_doubt, execution_id)
        doubled = 2 ** min(doubts, DOUBLINGS)
        pause = min(FIRST_PAUSE_SECONDS * doubled, LONGEST_PAUSE_SECONDS) if doubts else 0.0
        loop.call_later(pause, self._doubt, execution_id)

    def _doubt(self, execution_id: str) -> None:
        self._doubtful.append(execution_id)
        self.look()

    def _forget_doubt(self, execution_id: str) -> None:
        self._doubts[execution_id] -= 1
        if not self._doubts[execution_id]:
            del self._doubts[execution_id]

    def due_at(self, due: int) -> None:
        """An execution has left memory until this time."""
        if due < self._next_due:
            self._next_due = due
            self.look()

    def expires_at(self, due: int) -> None:
        """A suspended execution has a deadline then; it is not brought back before."""
        self.due_at(due + self._horizon)

    def begin_at(self, due: int) -> None:
        """A start is recorded for this time."""
        if due < self._next_begin:
            self._next_begin = due
            self.look()

    @property
    def _horizon(self) -> int:
        """How long before its due an execution comes back to memory."""
        return LEAVES_WHEN_DUE_AFTER if self._residents.spare else 0

    async def keep(self) -> None:
        """Brings rows back to memory when they are due and there is room; until cancelled."""
        loop, clock = self._residents.around.loop, self._residents.around.clock
        while True:
            self._wake = loop.create_future()
            pause = self._settings.scan_seconds
            try:
                if self._residents.around.lease.held:
                    if await self._look():
                        continue
                else:
                    pause *= OTHERS_SHARE
                    self.lease_lost()
                    await self._hear_of_others()
            except JournalUnavailable as error:
                log.error("%s; looked through again in a second", error)
                pause = min(pause, 1.0)
                self._next_look, self.backlog = 0, True  # what was to be found is there still
            next_one = min(self._next_due - self._horizon, self._next_begin)
            until_due = (next_one - clock.now()) / 1e6
            if not self._swept:
                until_due = pause
            timer = loop.call_later(min(max(until_due, 0.05), pause), self.look)
            await self._wake
            timer.cancel()

    async def _look(self) -> bool:
        """Takes up what needs somebody. Whether to look again at once: there is room for more."""
        if not self._swept:
            losses = self._losses
            await self._sweep()
            if self._away:  # what another engine ended since the last look
                await self._tell_awaited()
            if losses == self._losses:  # otherwise what was found is gone again
                self._swept, self._away = True, False
        await self._read_doubtful()
        await self._wake_sleepers()
        await self._begin_waiting()
        return self.backlog and self._residents.in_flight <= self._residents.room

    async def _sweep(self) -> None:
        """What was in flight, or blocked, when the last engine ended.

        All of it, whether or not there is room: it had begun, and only starts wait for that.
        """
        scan = Scan(states=(*GOING, "blocked"))
        while True:
            page = await self._journal.scan(scan)
            await self._decided(page)
            await self._residents.loader.load(page)
            if len(page) < scan.limit:
                return
            scan = replace(scan, after=(page[-1].due or 0, page[-1].execution_id))

    async def _read_doubtful(self) -> None:
        """Takes up those that nobody holds, and tells of those that have ended."""
        while doubtful := list(self._doubtful):
            rows = await self._journal.rows(doubtful)
            await self._residents.loader.load(
                [row for row in rows.values() if row.state in GOING and row.due is None]
            )
            for row in rows.values():
                self._wait_for(row)
            await self._tell(rows.values())
            self._doubtful = self._doubtful[len(doubtful) :]

    def _wait_for(self, row: IndexRow) -> None:
        """What is stored was perhaps never told of: the time that somebody has to look at it."""
        if row.due is None:
            return
        if row.state == "suspended":
            self.expires_at(row.due)
        elif row.state in GOING and row.begun:
            self.due_at(row.due)
        elif row.state in GOING:
            self.begin_at(row.due)

    async def _hear_of_others(self) -> None:
        """What is waited for here goes on elsewhere while somebody else has the lease."""
        self._doubtful.clear()
        await self._tell_awaited()

    async def _tell_awaited(self) -> None:
        """Of what is not in memory: what is tells by itself, and its row may be of before."""
        awaited = self._residents.waiters.awaited
        if awaited:
            rows = (await self._journal.rows(awaited)).values()
            await self._tell([row for row in rows if row.execution_id not in self._residents.live])

    async def _tell(self, rows: Iterable[IndexRow]) -> None:
        """Tells whoever waits of those that are parked or have ended."""
        waiters, ended = self._residents.waiters, []
        for row in rows:
            if row.state == "blocked" or row.state in PARKED_STATES:
                waiters.parked(ExecutionParked(row.execution_id, row.state, row.reason))
            elif row.state in ENDED_STATES and waiters.has(row.execution_id):
                ended.append(row.execution_id)
        for execution_id, stream in (await self._journal.read(ended)).items():
            if not isinstance(stream, Undecodable) and isinstance(stream[-1], TERMINAL):
                waiters.ended(execution_id, stream[-1])

    async def _decided(self, rows: Sequence[IndexRow]) -> None:
        """Waits until no start of theirs is under way.

        A start of an id that is taken is in memory until the journal refuses it. It must not hide
        the recorded execution from a sweep, which comes by only once.
        """
        while undecided := [
            there.starting
            for row in rows
            if (there := self._residents.live.get(row.execution_id)) and there.starting
        ]:
            await asyncio.wait(undecided)

    async def _wake_sleepers(self) -> None:
        """What has begun and is due soon, whether or not there is room: only starts wait for that.

        Looked for when one is known to be due, and from time to time as the net below.
        """
        now = self._residents.around.clock.now()
        if now < min(self._next_due - self._horizon, self._next_look):
            return
        self._next_due = NEVER
        self.backlog = True  # the net below is spread for starts too
        self._next_look = now + round(self._settings.scan_seconds * 1_000_000)
        scan = Scan(states=GOING, due_until=NEVER, begun=True)
        while True:
            page = await self._journal.scan(scan)
            due = self._due_soon(page)
            await self._residents.loader.load(due)
            if len(due) < len(page):
                later = page[len(due)].due
                assert later is not None
                self._next_due = min(self._next_due, later)
            if len(due) < scan.limit:
                break
            scan = replace(scan, after=(due[-1].due or 0, due[-1].execution_id))
        await self._expire()

    async def _expire(self) -> None:
        """What is suspended and whose deadline has passed."""
        scan = Scan(states=("suspended",), due_until=NEVER, begun=True)
        while True:
            page = await self._journal.scan(scan)
            now = self._residents.around.clock.now()
            due = [row for row in page if row.due is not None and row.due <= now]
            await self._residents.loader.load(due)
            if len(due) < len(page):
                self.expires_at(page[len(due)].due or 0)
            if len(due) < scan.limit:
                return
            scan = replace(scan, after=(due[-1].due or 0, due[-1].execution_id))

    def _due_soon(self, page: Sequence[IndexRow]) -> list[IndexRow]:
        """The first rows of a page: what is due, and early as many as there is memory for."""
        now = self._residents.around.clock.now()
        dues = [row.due or 0 for row in page]
        early = bisect_right(dues, now) + self._residents.spare
        return list(page[: min(early, bisect_right(dues, now + self._horizon))])

    async def _begin_waiting(self) -> None:
        """Starts that wait in the journal, the oldest first, as far as there is room.

        Those for a later time are due then.
        """
        if not self.backlog and self._residents.around.clock.now() < self._next_begin:
            return
        after: tuple[int, str] | None = None
        while True:
            room = self._residents.free
            if room <= 0:
                return
            now = self._residents.around.clock.now()
            page = await self._journal.scan(
                Scan(states=GOING, due_until=now, begun=False, after=after, limit=room)
            )
            await self._decided(page)
            await self._residents.loader.load(page)
            if len(page) < room:
                self.backlog, self._next_begin = False, NEVER
                later = Scan(states=GOING, due_until=NEVER, begun=False, limit=1)
                for row in await self._journal.scan(later):
                    self._next_begin = min(self._next_begin, row.due or 0)
                return
            after = (page[-1].due or 0, page[-1].execution_id)
