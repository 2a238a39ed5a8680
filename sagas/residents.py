"""The residents: which executions are in memory, how they come and when they leave.

Starts beyond `max_in_flight` are recorded alone and stay rows of the index; what waits for long,
is parked or has ended leaves. The keeper brings rows back when they are due and there is room.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from perdure.domain.errors import (
    Blocked,
    EngineStopped,
    ExecutionParked,
    Undecodable,
    UnknownCode,
    UnknownExecution,
)
from perdure.domain.events import Event
from perdure.domain.identity import Identity, shard_of
from perdure.domain.journal import OPEN_STATES, PARKED_STATES, IndexRow, Journal, Submission
from perdure.sagas.callbacks import in_callback
from perdure.sagas.index import index_row, parked_reason
from perdure.sagas.keeper import Keeper
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.recorded_start import NOBODY, RecordedStart
from perdure.sagas.recovery import load
from perdure.sagas.settings import EngineSettings
from perdure.sagas.surroundings import Surroundings
from perdure.sagas.waiters import Waiters
from perdure.sagas.workflow import Workflow

LOAD_AT_ONCE = 64  # replays in one go; between portions the loop serves others

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
        self.waiters = Waiters(settings.on_parked)
        self.in_flight = 0
        self.stopping = False
        self.broken_by = ""  # what broke the engine, if something did
        self.around: Surroundings  # set by the engine before anything is started
        self._journal = journal
        self._workflows = workflows
        self._settings = settings
        self._shards = shards
        self.room = settings.max_in_flight * 3 // 4  # from here on rows are brought back
        self.keeper = Keeper(self, journal, settings)
        self._loading: dict[str, asyncio.Future[None]] = {}
        self._drained: asyncio.Future[None] | None = None

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
            row = index_row(execution, "running", now)
            submission = Submission(execution_id, shard, 0, execution.events, row)
            self.around.committer.submit(submission, RecordedStart(self.recorded_alone, started))
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
        self.keeper.read_again(execution.id)

    def settled(self, execution: LiveExecution) -> None:
        """Stored and performed: tells who waits, and lets it leave when nothing of it runs."""
        starting = execution.starting
        if starting is not None:
            execution.starting = None
            if not starting.done():
                starting.set_result(True)
        busy = execution.busy
        if busy is not execution.counted:
            self._count(execution, busy=busy)
        if busy or not execution.quiet:
            return
        state = execution.state
        if state.end is not None:
            self._forget(execution)
            self.waiters.ended(execution.id, state.end)
            return
        word, due = execution.index or ("running", None)
        if word == "blocked" or word in PARKED_STATES:
            self._forget(execution)
            self.waiters.parked(ExecutionParked(execution.id, word, parked_reason(execution)))
        elif due is not None:
            self._forget(execution)
            self.keeper.due_at(due)
        elif len(self.live) > self._settings.resident_limit:
            execution.crowded = True
            execution.submit()

    def lost(self, execution: LiveExecution, error: Exception) -> None:
        log.warning("%s: dismissed, to be read again: %s", execution.id, error)
        self._forget(execution)
        execution.fail_waiters(error)
        self.keeper.read_again(execution.id)

    def _forget(self, execution: LiveExecution) -> None:
        if self.live.get(execution.id) is execution:
            del self.live[execution.id]
        self._count(execution, busy=False)
        execution.dismiss()

    def _count(self, execution: LiveExecution, *, busy: bool) -> None:
        self.in_flight += busy - execution.counted
        execution.counted = busy
        if not busy:
            if self.keeper.backlog and self.in_flight <= self.room:
                self.look()
            if self.in_flight == 0 and self._drained is not None and not self._drained.done():
                self._drained.set_result(None)

    async def bring(
        self, execution_id: str, order: Callable[[LiveExecution], None]
    ) -> LiveExecution | None:
        """The execution in memory; None when it has ended. `order` is for one that is loaded."""
        while True:
            if self.stopping:
                raise EngineStopped(execution_id, self.broken_by)
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
            if rows[execution_id].state not in OPEN_STATES + PARKED_STATES:
                return None
            found = (await self.load([rows[execution_id]], order)).get(execution_id)
            if found is not None:
                return found
            stream = (await self._journal.read([execution_id])).get(execution_id)
            if isinstance(stream, Undecodable):
                raise stream

    async def load(
        self, rows: Sequence[IndexRow], order: Callable[[LiveExecution], None] | None = None
    ) -> dict[str, LiveExecution]:
        """Reads these and lets them go on; those that are in memory already are left out.

        An `order` is carried out at once: what is parked leaves memory again right after.
        """
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
                work = partial(self._load, portion, wanted, found, order)
                await in_callback(loop, work)
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
        order: Callable[[LiveExecution], None] | None,
    ) -> None:
        # From a plain callback: bodies cannot be entered from within a task.
        if self.stopping:
            return
        for execution_id, stream in portion:
            row = rows[execution_id]
            try:
                if isinstance(stream, Undecodable):
                    raise stream
                workflow = self._workflow(execution_id)
                execution = LiveExecution(execution_id, row.shard, workflow, self.around)
                load(execution, stream)
            except Blocked as error:
                self._block(row, error)
                continue
            blocked = row.state == "blocked"  # written anew with its reason, if it still is
            execution.index = None if blocked else (row.state, row.due)
            self.live[execution_id] = found[execution_id] = execution
            self._count(execution, busy=True)
            if order is not None:
                self.waiters.goes_on(execution_id)
                order(execution)
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
        if (row.state, row.reason) == ("blocked", str(error)):
            self.waiters.parked(parked)
            return
        changed = replace(row, state="blocked", due=None, reason=str(error))
        self.around.committer.submit(
            Submission(row.execution_id, row.shard, -1, [], changed), NOBODY
        )
        self.waiters.parked(parked)

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

    def look(self) -> None:
        """Lets the keeper look through the journal at once."""
        self.keeper.look()

    def recorded_alone(self) -> None:
        """A start waits in the journal for room."""
        self.keeper.backlog = True
        if self.in_flight <= self.room:
            self.look()

    @property
    def free(self) -> int:
        """How many executions more may be in flight."""
        return self._settings.max_in_flight - self.in_flight

    async def drain(self, seconds: float) -> None:
        """Takes nothing new; gives attempts in flight this long to end."""
        self.stopping = True
        self.around.slots.closed = True
        for execution in self.live.values():  # what waits for a slot will get none
            self._count(execution, busy=execution.counted and execution.busy)
        if self.in_flight:
            self._drained = self.around.loop.create_future()
            timer = self.around.loop.call_later(seconds, self._drained.cancel)
            await asyncio.wait([self._drained])
            timer.cancel()

    def hurry(self) -> None:
        """Lets `drain` end at once."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def dismiss_all(self) -> None:
        for execution in list(self.live.values()):
            self._forget(execution)
            execution.fail_waiters(EngineStopped(execution.id, self.broken_by))
        self.waiters.stop(self.broken_by)
