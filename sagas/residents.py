"""The residents: which executions are in memory, how they come and when they leave.

Starts beyond `max_in_flight` are recorded alone and stay rows of the index; what waits for long,
is parked or has ended leaves. `keep` brings rows back: at open what was in flight, then whatever is
due, told by starts and dues, with a repeated scan as the net below.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from perdure.domain.errors import (
    Blocked,
    EngineStopped,
    ExecutionParked,
    PerdureError,
    Undecodable,
    UnknownCode,
    UnknownExecution,
)
from perdure.domain.events import Event
from perdure.domain.identity import Identity, shard_of
from perdure.domain.journal import IndexRow, Journal, Scan, Submission
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.recovery import load
from perdure.sagas.settings import EngineSettings
from perdure.sagas.surroundings import LEAVES_WHEN_DUE_AFTER, Surroundings
from perdure.sagas.waiters import Waiters
from perdure.sagas.workflow import Workflow

LOAD_AT_ONCE = 64  # replays in one go; between portions the loop serves others
NEVER = 1 << 62
GOING = ("running", "compensating")

log = logging.getLogger("perdure")


class Residents:
    """See the module. Implements `surroundings.Residence`."""

    def __init__(
        self,
        journal: Journal,
        workflows: Mapping[str, Workflow[Any, Any]],
        settings: EngineSettings,
        shards: int,
    ) -> None:
        self.live: dict[str, LiveExecution] = {}
        self.waiters = Waiters()
        self.in_flight = 0
        self.stopping = False
        self.around: Surroundings  # set by the engine before anything is started
        self._journal = journal
        self._workflows = workflows
        self._settings = settings
        self._shards = shards
        self._room = max(1, settings.max_in_flight * 3 // 4)
        self._backlog = True  # rows may be waiting for room
        self._loading: dict[str, asyncio.Future[None]] = {}
        self._wake: asyncio.Future[None] | None = None
        self._next_due = NEVER
        self._drained: asyncio.Future[None] | None = None

    # Starting

    def begin(
        self, workflow: Workflow[Any, Any], execution_id: str, payload: bytes, request: Any
    ) -> "asyncio.Future[bool]":
        """Starts an execution, from a plain callback. True: it is durable; False: id is taken."""
        started: asyncio.Future[bool] = self.around.loop.create_future()
        shard = shard_of(execution_id, self._shards)
        execution = LiveExecution(execution_id, shard, workflow, self.around)
        if self.in_flight >= self._settings.max_in_flight:
            execution.record_start(payload)
            now = execution.state.time
            row = execution.row("running", now)
            submission = Submission(execution_id, shard, 0, execution.events, row)
            self.around.committer.submit(submission, RecordedStart(self, started))
            return started
        self.live[execution_id] = execution
        self._count(execution, busy=True)
        execution.start(payload, request)
        execution.starting = started
        execution.submit()
        return started

    def refused_start(self, execution: LiveExecution) -> None:
        self._forget(execution)
        if execution.starting is not None and not execution.starting.done():
            execution.starting.set_result(False)

    # Leaving

    def settled(self, execution: LiveExecution) -> None:
        """Stored and performed: tells who waits, and lets it leave when nothing of it runs."""
        starting = execution.starting
        if starting is not None:
            execution.starting = None
            if not starting.done():
                starting.set_result(True)
        busy = execution.busy
        if busy is not execution.counted:
            self._count(execution, busy)
        if busy or not execution.quiet:
            return
        state = execution.state
        if state.end is not None:
            self._forget(execution)
            self.waiters.ended(execution.id, state.end)
            return
        word, due = execution.index or ("running", None)
        if word in ("suspended", "blocked", "stuck"):
            self._forget(execution)
            self._parked(execution, word)
        elif due is not None:
            self._forget(execution)
            self._due_at(due)
        elif len(self.live) > self._settings.resident_limit:
            execution.crowded = True
            execution.submit()

    def lost(self, execution: LiveExecution, error: Exception) -> None:
        log.warning("%s: dismissed, to be read again: %s", execution.id, error)
        self._forget(execution)
        execution.fail_waiters(error)
        if execution.starting is not None and not execution.starting.done():
            execution.starting.set_exception(error)
        self.look()

    def _parked(self, execution: LiveExecution, word: str) -> None:
        error = ExecutionParked(execution.id, word, execution.reason())
        log.warning("%s", error)
        self.waiters.parked(execution.id, error)
        if self._settings.on_parked is not None:
            self._settings.on_parked(error)

    def _forget(self, execution: LiveExecution) -> None:
        if self.live.get(execution.id) is execution:
            del self.live[execution.id]
        if execution.counted:
            self._count(execution, busy=False)
        execution.dismiss()
        if not self.live and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _count(self, execution: LiveExecution, busy: bool) -> None:
        execution.counted = busy
        self.in_flight += 1 if busy else -1
        if not busy:
            if self._backlog and self.in_flight <= self._room:
                self.look()
            if self.in_flight == 0 and self._drained is not None and not self._drained.done():
                self._drained.set_result(None)

    # Coming

    async def bring(self, execution_id: str) -> LiveExecution | None:
        """The execution in memory, loaded if need be; None when it has ended."""
        while True:
            if self.stopping:
                raise EngineStopped(execution_id)
            found = self.live.get(execution_id)
            if found is not None:
                return found
            loading = self._loading.get(execution_id)
            if loading is not None:
                await asyncio.shield(loading)
                continue
            rows = await self._journal.rows([execution_id])
            if execution_id not in rows:
                raise UnknownExecution(execution_id)
            if rows[execution_id].state not in (*GOING, "blocked", "suspended", "stuck"):
                return None
            found = (await self.load([rows[execution_id]])).get(execution_id)
            if found is None:
                continue
            return found

    async def load(self, rows: Sequence[IndexRow]) -> dict[str, LiveExecution]:
        """Reads these and lets them go on; those that are in memory already are left out."""
        loop = self.around.loop
        wanted = {
            row.execution_id: row
            for row in rows
            if row.execution_id not in self.live and row.execution_id not in self._loading
        }
        loaded: asyncio.Future[None] = loop.create_future()
        self._loading.update(dict.fromkeys(wanted, loaded))
        found: dict[str, LiveExecution] = {}
        try:
            streams = await self._journal.read(list(wanted))
            items = list(streams.items())
            for first in range(0, len(items), LOAD_AT_ONCE):
                portion = items[first : first + LOAD_AT_ONCE]
                await in_callback(loop, lambda portion=portion: self._load(portion, wanted, found))  # type: ignore[misc]
        finally:
            for execution_id in wanted:
                del self._loading[execution_id]
            loaded.set_result(None)
        return found

    def _load(
        self,
        portion: Sequence[tuple[str, list[Event] | Undecodable]],
        rows: Mapping[str, IndexRow],
        found: dict[str, LiveExecution],
    ) -> None:
        """From a plain callback: bodies cannot be entered from within a task."""
        if self.stopping:
            return
        for execution_id, stream in portion:
            row = rows[execution_id]
            try:
                if isinstance(stream, Undecodable):
                    raise stream
                workflow = self._workflow(execution_id)
            except Blocked as error:
                self._block(row, error)
                continue
            execution = LiveExecution(execution_id, row.shard, workflow, self.around)
            execution.index = (row.state, row.due)
            self.live[execution_id] = found[execution_id] = execution
            load(execution, stream)
            self._count(execution, busy=True)
            execution.submit()
            execution.perform()
            self.settled(execution)

    def _workflow(self, execution_id: str) -> Workflow[Any, Any]:
        name = Identity.of(execution_id).name
        found = self._workflows.get(name)
        if found is None:
            raise UnknownCode(execution_id, "workflow", name)
        return found

    def _block(self, row: IndexRow, error: Blocked) -> None:
        """What cannot even be read or named here is blocked in the index, its data intact."""
        parked = ExecutionParked(row.execution_id, "blocked", str(error))
        self.waiters.parked(row.execution_id, parked)
        if (row.state, row.reason) != ("blocked", str(error)):
            log.warning("%s", parked)
            changed = replace(row, state="blocked", due=None, reason=str(error))
            submission = Submission(row.execution_id, row.shard, -1, [], changed)
            self.around.committer.submit(submission, NOBODY)
            if self._settings.on_parked is not None:
                self._settings.on_parked(parked)

    async def reload(self, execution: LiveExecution) -> None:
        """Reads a resident again, with other code or after a resumption, and lets it go on."""
        streams = await self._journal.read([execution.id])
        stream = streams[execution.id]
        if isinstance(stream, Undecodable):
            raise stream

        def again() -> None:
            if not execution.gone and len(stream) == execution.state.version:
                load(execution, stream)
                execution.submit()
                execution.perform()
                self.settled(execution)

        await in_callback(self.around.loop, again)

    # Keeping

    def look(self) -> None:
        """Lets `keep` look through the journal at once."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def recorded_alone(self) -> None:
        """A start waits in the journal for room."""
        self._backlog = True
        if self.in_flight <= self._room:
            self.look()

    def _due_at(self, due: int) -> None:
        if due < self._next_due:
            self._next_due = due
            self.look()

    async def keep(self) -> None:
        """Brings rows back to memory when there is room and they are due; until cancelled."""
        loop = self.around.loop
        await self._sweep()
        while True:
            self._wake = loop.create_future()
            await self._scan()
            if self._backlog and self.in_flight <= self._room:
                continue
            seconds = (self._next_due - LEAVES_WHEN_DUE_AFTER - self.around.clock.now()) / 1e6
            seconds = min(max(seconds, 0.05), self._settings.scan_seconds)
            timer = loop.call_later(seconds, self.look)
            await self._wake
            timer.cancel()

    async def _sweep(self) -> None:
        """What was in flight, or blocked, when the last engine ended."""
        after = None
        opened = self.around.clock.now()
        while True:
            limit = max(self._settings.max_in_flight - self.in_flight, LOAD_AT_ONCE)
            page = await self._journal.scan(
                Scan(states=(*GOING, "blocked"), after=after, limit=limit)
            )
            await self.load([row for row in page if row.started <= opened])
            if len(page) < limit:
                return
            after = (page[-1].due or 0, page[-1].execution_id)
            await self._until_room()

    async def _until_room(self) -> None:
        while self.in_flight > self._room:
            self._wake = self.around.loop.create_future()
            timer = self.around.loop.call_later(self._settings.scan_seconds, self.look)
            await self._wake
            timer.cancel()

    async def _scan(self) -> None:
        """What is due soon, in the order of dues, as far as there is room."""
        after: tuple[int, str] | None = None
        while True:
            room = self._settings.max_in_flight - self.in_flight
            if room <= 0:
                self._backlog = True
                return
            page = await self._journal.scan(
                Scan(states=GOING, due_until=NEVER, after=after, limit=max(room, LOAD_AT_ONCE))
            )
            soon = self.around.clock.now() + LEAVES_WHEN_DUE_AFTER
            due = [row for row in page if row.due is not None and row.due <= soon]
            await self.load(due)
            if len(due) < len(page) or len(page) < max(room, LOAD_AT_ONCE):
                self._backlog = False
                later = page[len(due)].due if len(due) < len(page) else None
                self._next_due = NEVER if later is None else later
                return
            last = page[-1]
            after = (last.due or 0, last.execution_id)

    # Stopping

    async def drain(self, seconds: float) -> None:
        """Takes nothing new; gives attempts in flight this long to end."""
        self.stopping = True
        self.around.slots.closed = True
        if self.in_flight:
            self._drained = self.around.loop.create_future()
            timer = self.around.loop.call_later(seconds, self._drained.cancel)
            await asyncio.wait([self._drained])
            timer.cancel()

    def dismiss_all(self) -> None:
        for execution in list(self.live.values()):
            self._forget(execution)
            execution.fail_waiters(EngineStopped(execution.id))
        self.waiters.stop()


class RecordedStart:
    """A start beyond the limit: recorded alone, its execution begins when there is room."""

    __slots__ = ("_residents", "_started")

    def __init__(self, residents: Residents, started: "asyncio.Future[bool]") -> None:
        self._residents = residents
        self._started = started

    def stored(self, submission: Submission) -> None:
        if not self._started.done():
            self._started.set_result(True)
        self._residents.recorded_alone()

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        if self._started.done():
            return
        if error is None:
            self._started.set_result(False)
        else:
            self._started.set_exception(error)


class Nobody:
    """For changes of the index that nobody waits for; the next scan tries again."""

    def stored(self, submission: Submission) -> None:
        """Nothing follows."""

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        log.warning("%s: its state could not be noted: %s", submission.execution_id, error)


NOBODY = Nobody()


async def in_callback(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """Runs `work` in a plain callback of the loop: no task is being run meanwhile."""
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            if not done.done():
                done.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            if not done.done():
                done.set_result(None)

    loop.call_soon(run)
    await done
