"""A day of the demo: a shop, a worker that is killed and started again, the audit in the evening.

It decides when to kill and what was seen; how orders are placed is `placing`, how the processes run
`processes`, what is printed the command line's matter. It reads the journal as any visitor does.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from perdure.domain.errors import NotAJournal
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.domain.journal import ENDED_STATES, Journal
from perdure.domain.states import Compensating, Running, state_of
from perdure.infrastructure.credentials import without_password
from perdure.infrastructure.demo.audit import Audit, audit
from perdure.infrastructure.demo.facts import read_books
from perdure.infrastructure.demo.journal_facts import all_rows, facts_of, streams_of
from perdure.infrastructure.demo.kills import Kill
from perdure.infrastructure.demo.placing import Placing
from perdure.infrastructure.demo.processes import Child, Processes, processes
from perdure.infrastructure.errors import BadAddress
from perdure.infrastructure.journals import open_journal

KILLS = 2
POLL_SECONDS = 0.02
STALL_SECONDS = 15.0
AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the day is to be; the folder takes the shop's books and the logs."""

    orders: int
    seed: int
    journal: str
    folder: Path

    @property
    def books(self) -> Path:
        """The file of the shop's books."""
        return self.folder / "shop.db"

    @property
    def at_once(self) -> int:
        """Orders that run at one time: few enough that there is something left to kill."""
        return max(2, min(AT_ONCE, self.orders // 3))


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the orders are. `undone` ended undone or with nothing to undo."""

    fulfilled: int
    undone: int
    open: int

    @property
    def ended(self) -> int:
        """Fulfilled or undone."""
        return self.fulfilled + self.undone


@dataclass(frozen=True, kw_only=True)
class Evening:
    """What the day came to; `streams` is the whole journal by execution id."""

    audit: Audit
    kills: Sequence[Kill]
    streams: Mapping[str, Sequence[Event]]
    seconds: float


class Watcher(Protocol):
    """Who is told, while it happens."""

    def progressed(self, progress: Progress) -> None:
        """The counts, several times a second."""
        ...

    def killed(self, kill: Kill) -> None:
        """A worker is dead, the next one not yet started."""
        ...

    def recovered(self, kill: Kill) -> None:
        """Everything that it left unfinished has gone on."""
        ...


async def a_day(plan: Plan, watcher: Watcher) -> Evening:
    """Runs the whole demo on a journal that is new; leaves no process. Raises DemoFailed."""
    began = time.monotonic()
    async with processes(plan.folder) as started:
        shop = await started.shop(books=plan.books, seed=plan.seed, orders=plan.orders)
        url = f"http://127.0.0.1:{shop.said['port']}"
        work = Work(plan, url, started, watcher)
        kills = await work.through_the_day()
    seconds = time.monotonic() - began
    async with reading(plan.journal) as journal:
        streams = await streams_of(journal, [row.execution_id for row in await all_rows(journal)])
    return Evening(
        audit=audited(plan.books, streams), kills=kills, streams=streams, seconds=seconds
    )


async def refuse_a_used_journal(url: str) -> None:
    """The demo's worker must not meet executions that are not its own."""
    shown = without_password(url)
    if url.partition(":")[0] == "memory":
        raise BadAddress(
            f"{shown}: the demo's worker is a process that gets killed, and memory goes with it; "
            "name a file like sqlite:///demo.db"
        )
    try:
        async with reading(url) as journal:
            used = await all_rows(journal)
    except NotAJournal:
        return  # a new one, or what the worker will refuse with its reason
    if used:
        raise BadAddress(
            f"{shown}: {len(used)} executions are in this journal; the demo wants a new one"
        )


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Journal]:
    """The journal as a visitor sees it."""
    journal = await open_journal(url, read_only=True)
    try:
        yield journal
    finally:
        await journal.close()


def audited(books: Path, streams: Mapping[str, Sequence[Event]]) -> Audit:
    """The shop's books held against the journal."""
    return audit(read_books(books), [facts_of(each, streams[each]) for each in sorted(streams)])


class Work:
    """The working hours: one worker at a time, until every order has ended."""

    def __init__(self, plan: Plan, shop: str, started: Processes, watcher: Watcher) -> None:
        self._plan = plan
        self._shop = shop
        self._started = started
        self._watcher = watcher
        self._placing = Placing(plan.orders)
        self._kills: list[Kill] = []
        self._ended = 0
        self._moved = time.monotonic()
        self._progress = Progress(fulfilled=0, undone=0, open=0)

    async def through_the_day(self) -> Sequence[Kill]:
        """Returns when all orders are placed and have ended, or nothing moves any more."""
        async with self._placing.under_way(self._plan.journal, self._shop):
            worker = await self._worker()
            async with reading(self._plan.journal) as journal:
                while not (await self._look(journal) and self._placing.done):
                    if self._kill_is_due():
                        worker = await self._kill(journal, worker)
                    if worker.status is not None:
                        raise worker.failed(f"ended by itself, with status {worker.status}")
                    if time.monotonic() - self._moved > STALL_SECONDS:
                        return self._kills  # the audit tells what is left open
                    await asyncio.sleep(POLL_SECONDS)
                await self._follow(journal, to_the_end=True)
            await worker.end()
        return self._kills

    async def _worker(self) -> Child:
        return await self._started.worker(
            journal=self._plan.journal, shop=self._shop, at_once=self._plan.at_once
        )

    async def _look(self, journal: Journal) -> bool:
        """Whether everything that was placed so far has ended."""
        counts = Counter(row.state for row in await all_rows(journal))
        fulfilled = counts["succeeded"]
        ended = sum(counts[state] for state in ENDED_STATES)
        progress = Progress(
            fulfilled=fulfilled, undone=ended - fulfilled, open=counts.total() - ended
        )
        if ended != self._ended:
            self._ended, self._moved = ended, time.monotonic()
        self._watcher.progressed(progress)
        await self._follow(journal, to_the_end=False)
        self._progress = progress
        return ended == self._placing.placed

    async def _follow(self, journal: Journal, *, to_the_end: bool) -> None:
        """Looks after what the kills left; each is told of once, when all of it has gone on."""
        for kill in self._kills:
            if kill.waits_for or to_the_end:
                told = not kill.waits_for
                kill.look(await streams_of(journal, list(kill.unfinished)))
                if not told and not kill.waits_for:
                    self._watcher.recovered(kill)

    def _kill_is_due(self) -> bool:
        """At 1/3 and 2/3, when something runs and the last kill is got over."""
        done, progress = len(self._kills), self._progress
        share = self._plan.orders * (done + 1) // (KILLS + 1)
        return done < KILLS and progress.open > 0 and progress.ended >= share

    async def _kill(self, journal: Journal, worker: Child) -> Child:
        await worker.kill()
        placed = self._placing.placed
        rows = await all_rows(journal)
        unfinished = [row.execution_id for row in rows if row.state not in ENDED_STATES]
        streams = await streams_of(journal, unfinished)
        states = [state_of(fold(each, list(stream))) for each, stream in streams.items()]
        kill = Kill(
            pid=worker.pid,
            unfinished={each: len(stream) for each, stream in streams.items()},
            in_flight=sum(isinstance(state, Running | Compensating) for state in states),
        )
        self._kills.append(kill)
        self._watcher.killed(kill)
        kill.started = time.time_ns() // 1000
        successor = await self._worker()
        kill.opened_seconds = time.time_ns() / 1e9 - kill.started / 1e6
        kill.placed = self._placing.placed - placed
        return successor
