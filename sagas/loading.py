"""How executions come to memory: read from the journal, replayed, and let go on.

Several may ask for one at a time; it is read once. What cannot be read, named or replayed here is
blocked in the index, its data intact, and harms nobody else.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from perdure.domain.errors import (
    Blocked,
    EngineStopped,
    ExecutionParked,
    Undecodable,
    UnknownCode,
    UnknownExecution,
    VersionConflict,
)
from perdure.domain.events import Event
from perdure.domain.identity import Identity
from perdure.domain.journal import OPEN_STATES, PARKED_STATES, IndexRow, Journal, Submission
from perdure.domain.states import BlockedByCode
from perdure.sagas.callbacks import in_callback
from perdure.sagas.deadlines import expire, watch
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.recorded_start import Noted
from perdure.sagas.recovery import load
from perdure.sagas.workflow import Workflow

if TYPE_CHECKING:
    from perdure.sagas.residents import Residents

LOAD_AT_ONCE = 64  # replays in one go; between portions the loop serves others

Order = Callable[[LiveExecution], None]


class Loader:
    """See the module. The residents' own."""

    def __init__(
        self, residents: "Residents", journal: Journal, workflows: Mapping[str, Workflow[Any, Any]]
    ) -> None:
        self._residents = residents
        self._journal = journal
        self._workflows = workflows
        self._loading: dict[str, asyncio.Future[None]] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self._noting: set[asyncio.Future[None]] = set()  # rows of what was blocked, on their way

    async def bring(self, execution_id: str, order: Order) -> LiveExecution | None:
        """The execution in memory; None when it has ended. `order` is for one that is loaded.

        Raises UnknownExecution, UnknownCode, Undecodable, EngineStopped.
        """
        residents = self._residents
        while True:
            await residents.decided(execution_id)
            if residents.stopping:
                raise EngineStopped(execution_id, residents.broken_by)
            found = residents.live.get(execution_id)
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
            loaded = (await self.load([rows[execution_id]], order)).get(execution_id)
            if isinstance(loaded, Blocked):
                raise loaded
            if loaded is not None:
                return loaded

    async def load(
        self, rows: Sequence[IndexRow], order: Order | None = None
    ) -> dict[str, LiveExecution | Blocked]:
        """Reads these and lets them go on, or says why not; leaves out what is in memory already.

        An `order` is carried out at once: what is parked leaves memory again right after.
        """
        loop, live = self._residents.around.loop, self._residents.live
        wanted = {
            row.execution_id: row
            for row in rows
            if row.execution_id not in live and row.execution_id not in self._loading
        }
        loaded: asyncio.Future[None] = loop.create_future()
        self._loading.update(dict.fromkeys(wanted, loaded))
        found: dict[str, LiveExecution | Blocked] = {}
        try:
            streams = await self._journal.read(list(wanted))
            items = [(each, streams.get(each) or without_events(each)) for each in wanted]
            for first in range(0, len(items), LOAD_AT_ONCE):
                portion = items[first : first + LOAD_AT_ONCE]
                work = partial(self._load, portion, wanted, found, order)
                await in_callback(loop, work)
            await self._noted()
        finally:
            for execution_id in wanted:
                del self._loading[execution_id]
            loaded.set_result(None)
        return found

    def _load(
        self,
        portion: Sequence[tuple[str, list[Event] | Undecodable]],
        rows: Mapping[str, IndexRow],
        found: dict[str, LiveExecution | Blocked],
        order: Order | None,
    ) -> None:
        # From a plain callback: bodies cannot be entered from within a task.
        residents = self._residents
        if residents.stopping:
            return
        for execution_id, stream in portion:
            row = rows[execution_id]
            try:
                if isinstance(stream, Undecodable):
                    raise stream
                workflow = self._workflow(execution_id)
                execution = LiveExecution(execution_id, row.shard, workflow, residents.around)
                load(execution, stream, stopped=row.due is not None)
            except Blocked as error:
                found[execution_id] = error
                self.block(row, error)
                continue
            blocked = row.state == "blocked"  # written anew with its reason, if it still is
            execution.index = None if blocked else (row.state, row.due)
            found[execution_id] = execution
            residents.move_in(execution)
            if order is not None:
                order(execution)
            if not expire(execution):
                watch(execution)
            execution.submit()
            execution.perform()
            residents.settled(execution)

    def _workflow(self, execution_id: str) -> Workflow[Any, Any]:
        name = Identity.of(execution_id).name
        found = self._workflows.get(name)
        if found is None:
            raise UnknownCode(execution_id, "workflow", name)
        return found

    def block(self, row: IndexRow, error: Blocked) -> None:
        """Told of once it is durable: whoever hears of it and asks, is to read the same."""
        residents = self._residents
        workflow = self._workflows.get(row.workflow)
        code = workflow.code_fingerprint if workflow is not None else ""
        reason = str(BlockedByCode(str(error), code))
        parked = ExecutionParked(row.execution_id, "blocked", reason)
        if (row.state, row.reason) == ("blocked", reason):
            residents.waiters.parked(parked)
            return
        changed = replace(row, state="blocked", due=None, reason=reason)
        submission = Submission(row.execution_id, row.shard, -1, [], changed)
        noted: asyncio.Future[None] = residents.around.loop.create_future()
        self._noting.add(noted)
        noted.add_done_callback(self._noting.discard)
        tell = partial(residents.waiters.parked, parked)
        residents.around.committer.submit(submission, Noted(tell, noted))

    async def _noted(self) -> None:
        """Returns when the index says of each that was blocked until now that it is."""
        if self._noting:
            await asyncio.wait(list(self._noting))

    def read_body(self, execution: LiveExecution) -> None:
        """Gives a resident that goes on after it was parked a body again; soon, not at once."""
        if execution.reading or self._residents.stopping:
            return
        execution.reading = True
        task = self._residents.around.loop.create_task(self._read_body(execution))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_body(self, execution: LiveExecution) -> None:
        residents = self._residents
        try:
            stream = (await self._journal.read([execution.id]))[execution.id]
            if isinstance(stream, Undecodable):
                raise stream
        except Exception as error:  # read again by the keeper, with everything that goes with it
            if not execution.gone:
                residents.lost(execution, error)
            return

        def again() -> None:
            execution.reading = False
            if execution.gone:
                return
            known = execution.state.version
            if len(stream) > known:  # somebody else appends to it, and we have not heard of that
                residents.lost(execution, VersionConflict(execution.id, known))
                return
            if len(stream) == known:  # otherwise what came meanwhile settles it
                load(execution, stream)
                execution.submit()
                execution.perform()
            residents.settled(execution)

        await in_callback(residents.around.loop, again)


def without_events(execution_id: str) -> Undecodable:
    """What is said of a row of the index whose stream is gone."""
    return Undecodable(execution_id, "its stream", "the index has it, and no event is stored")
