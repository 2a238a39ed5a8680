"""The keeper: the loop that brings executions back to memory.

At open what was in flight, or blocked, when the last engine ended; then whatever is due, as far as
there is room. Starts and dues wake it; the repeated scan is only the net below.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from perdure.domain.errors import JournalUnavailable, Undecodable
from perdure.domain.events import TERMINAL
from perdure.domain.journal import ENDED_STATES, IndexRow, Journal, Scan
from perdure.sagas.settings import EngineSettings
from perdure.sagas.surroundings import LEAVES_WHEN_DUE_AFTER

if TYPE_CHECKING:
    from perdure.sagas.residents import Residents

NEVER = 1 << 62
GOING = ("running", "compensating")

log = logging.getLogger("perdure")


class Keeper:
    """See the module. `backlog` says that rows may be waiting for room."""

    def __init__(self, residents: "Residents", journal: Journal, settings: EngineSettings) -> None:
        self._residents = residents
        self._journal = journal
        self._settings = settings
        self._wake: asyncio.Future[None] | None = None
        self._next_due = NEVER
        self._doubtful: list[str] = []
        self.backlog = True

    def look(self) -> None:
        """Lets `keep` look through the journal at once."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def read_again(self, execution_id: str) -> None:
        """What is stored of this one is not what an execution in memory believed.

        Its row may have no due although nobody holds it: a start that was stored although the
        journal said that it was not, an append that somebody else was ahead of.
        """
        self._doubtful.append(execution_id)
        self.look()

    def due_at(self, due: int) -> None:
        """An execution has left memory until this time."""
        if due < self._next_due:
            self._next_due = due
            self.look()

    async def keep(self) -> None:
        """Brings rows back to memory when there is room and they are due; until cancelled."""
        loop = self._residents.around.loop
        await self._sweep()
        while True:
            self._wake = loop.create_future()
            try:
                await self._read_doubtful()
                await self._scan()
            except JournalUnavailable as error:
                log.error("%s; looked through again in a second", error)
                soon = self._residents.around.clock.now() + 1_000_000
                self._next_due = soon + LEAVES_WHEN_DUE_AFTER
            if self.backlog and self._residents.in_flight <= self._residents.room:
                continue
            seconds = (
                self._next_due - LEAVES_WHEN_DUE_AFTER - self._residents.around.clock.now()
            ) / 1e6
            seconds = min(max(seconds, 0.05), self._settings.scan_seconds)
            timer = loop.call_later(seconds, self.look)
            await self._wake
            timer.cancel()

    async def _sweep(self) -> None:
        """What was in flight, or blocked, when the last engine ended."""
        after = None
        opened = self._residents.around.clock.now()
        while True:
            limit = max(self._residents.free, 1)
            page = await self._journal.scan(
                Scan(states=(*GOING, "blocked"), after=after, limit=limit)
            )
            await self._decided(page)
            await self._residents.load([row for row in page if row.started <= opened])
            if len(page) < limit:
                return
            after = (page[-1].due or 0, page[-1].execution_id)
            await self._until_room()

    async def _read_doubtful(self) -> None:
        """Takes up those that nobody holds, and tells of those that have ended."""
        while doubtful := list(self._doubtful):
            rows = await self._journal.rows(doubtful)
            await self._residents.load(
                [row for row in rows.values() if row.state in GOING and row.due is None]
            )
            waiters = self._residents.waiters
            ended = [row.execution_id for row in rows.values() if row.state in ENDED_STATES]
            streams = await self._journal.read([one for one in ended if waiters.has(one)])
            for execution_id, stream in streams.items():
                if not isinstance(stream, Undecodable) and isinstance(stream[-1], TERMINAL):
                    waiters.ended(execution_id, stream[-1])
            self._doubtful = self._doubtful[len(doubtful) :]

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

    async def _until_room(self) -> None:
        while self._residents.in_flight > self._residents.room:
            self._wake = self._residents.around.loop.create_future()
            timer = self._residents.around.loop.call_later(self._settings.scan_seconds, self.look)
            await self._wake
            timer.cancel()

    async def _scan(self) -> None:
        """What is due soon, in the order of dues, as far as there is room."""
        after: tuple[int, str] | None = None
        while True:
            room = self._residents.free
            if room <= 0:
                self.backlog = True
                return
            page = await self._journal.scan(
                Scan(states=GOING, due_until=NEVER, after=after, limit=room)
            )
            soon = self._residents.around.clock.now() + LEAVES_WHEN_DUE_AFTER
            due = [row for row in page if row.due is not None and row.due <= soon]
            await self._decided(due)
            await self._residents.load(due)
            if len(due) < len(page) or len(page) < room:
                self.backlog = False
                later = page[len(due)].due if len(due) < len(page) else None
                self._next_due = NEVER if later is None else later
                return
            last = page[-1]
            after = (last.due or 0, last.execution_id)
