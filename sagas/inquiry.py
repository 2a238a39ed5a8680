"""What handles ask of an engine: results, states, histories, and orders to an execution.

What is in memory is asked there, the rest is read from the journal; both say the same.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

from perdure.domain import events
from perdure.domain.errors import (
    DifferentRequest,
    EngineStopped,
    ExecutionParked,
    Undecodable,
    UnknownExecution,
    VersionConflict,
)
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.domain.identity import Identity
from perdure.domain.journal import ENDED_STATES, OPEN_STATES, PARKED_STATES, IndexRow, Journal
from perdure.domain.mailbox import Settlement
from perdure.domain.refusals import CannotCancel, CannotResolve
from perdure.domain.states import BlockedByCode, State, state_at, word_of
from perdure.sagas import resolving
from perdure.sagas.answers import difference, outcome, same
from perdure.sagas.callbacks import in_callback
from perdure.sagas.errand import Errand
from perdure.sagas.history import HistoryEvent, history_of
from perdure.sagas.index import index_word
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.loading import Order
from perdure.sagas.recovery import activities_of, cancel, rearm
from perdure.sagas.residents import Residents
from perdure.sagas.runs import run_meant
from perdure.sagas.waiters import Waiter
from perdure.sagas.workflow import Workflow

R = TypeVar("R")


class Inquiry:
    """See the module."""

    __slots__ = ("_journal", "_residents", "_settles", "_workflows")

    def __init__(
        self,
        journal: Journal,
        residents: Residents,
        workflows: Mapping[str, Workflow[Any, Any]],
        settles: tuple[Settlement, ...] = (),
    ) -> None:
        self._settles = settles
        self._journal = journal
        self._residents = residents
        self._workflows = workflows

    def settling(self, settles: tuple[Settlement, ...]) -> "Inquiry":
        """The same, for one order that also settles these with what it records."""
        return Inquiry(self._journal, self._residents, self._workflows, settles)

    @property
    def has_settled(self) -> bool:
        """Whether it has handed over what it was to settle."""
        return not self._settles

    async def run(self, execution_id: str) -> str:
        """The run that is meant by this id, as it is recorded."""
        recorded = str(Identity.of(execution_id))
        await self._residents.decided(recorded)
        if recorded in self._residents.live:  # the first one, and no other before it has ended
            return recorded
        return (await run_meant(self._journal, execution_id))[0]

    async def stream(self, execution_id: str) -> list[Event]:
        """All events of a run. Raises UnknownExecution, Undecodable."""
        stream = (await self._journal.read([execution_id])).get(execution_id)
        if stream is None:
            raise UnknownExecution(execution_id)
        if isinstance(stream, Undecodable):
            raise stream
        return stream

    async def accepted(self, execution_id: str) -> None:
        """At once: whoever has a handle of an engine has been answered."""

    async def status(self, execution_id: str) -> State:
        """How it is, as far as that is durable."""
        execution_id = await self.run(execution_id)
        while True:
            await self._residents.decided(execution_id)
            live = self._residents.live.get(execution_id)
            if live is not None:
                state, version = live.status(), live.state.version
                with suppress(VersionConflict):  # it was lost: it is read anew
                    await self._durable(live, version)
                    return state
                continue
            row = (await self._journal.rows([execution_id])).get(execution_id)
            if row is not None and row.state == "blocked":
                parked = await self._still_parked(row)
                if parked is not None:
                    return BlockedByCode.read(parked.reason)
            if execution_id not in self._residents.live:
                execution = fold(execution_id, await self.stream(execution_id))
                return state_at(execution, self._residents.around.clock.now(), row)

    async def wait(
        self, execution_id: str, states: Collection[str], timeout: float | None
    ) -> State:
        """The state, once it is one of these or an end."""
        execution_id = await self.run(execution_id)
        residents = self._residents
        async with asyncio.timeout(timeout):
            while True:
                if residents.stopping:
                    raise EngineStopped(execution_id, residents.broken_by)
                with residents.waiters.watching(execution_id) as changed:
                    state = await self.status(execution_id)
                    if word_of(state) in (*states, *ENDED_STATES):
                        return state
                    await changed

    async def history(self, execution_id: str, workflow: Workflow[Any, Any]) -> list[HistoryEvent]:
        return history_of(await self.stream(await self.run(execution_id)))

    async def result(
        self,
        workflow: Workflow[Any, R],
        execution_id: str,
        *,
        waiter: Waiter | None = None,
        fresh: bool = False,
        timeout: float | None = None,
        wait_when_parked: bool = False,
    ) -> R:
        """The result, or the end raised; `fresh`: nothing of it can be in the journal already."""
        if not fresh and waiter is None:
            execution_id = await self.run(execution_id)
        waiters = self._residents.waiters
        if waiter is None:
            if self._residents.stopping:
                raise EngineStopped(execution_id, self._residents.broken_by)
            waiter = waiters.add(execution_id, raise_when_parked=not wait_when_parked)
        try:
            async with asyncio.timeout(timeout):
                if not fresh:
                    await self._tell_if_over(execution_id, waiter, wait_when_parked)
                end = await waiter
        finally:
            waiters.remove(execution_id, waiter)
        return outcome(workflow, execution_id, end)

    async def _tell_if_over(
        self,
        execution_id: str,
        waiter: Waiter,
        wait_when_parked: bool,  # noqa: FBT001
    ) -> None:
        """Tells the waiter what is known already."""
        await self._residents.decided(execution_id)
        parked: ExecutionParked | None = None
        live = self._residents.live.get(execution_id)
        if live is None:
            row = (await self._journal.rows([execution_id])).get(execution_id)
            if row is None:
                raise UnknownExecution(execution_id)
            if row.state == "blocked":
                parked = await self._still_parked(row)
            elif row.state in PARKED_STATES:
                parked = ExecutionParked(execution_id, row.state, row.reason)
            elif row.state not in OPEN_STATES:
                last = (await self.stream(execution_id))[-1]
                if isinstance(last, events.TERMINAL) and not waiter.done():
                    waiter.set_result(last)
            else:  # its row may not be stored yet, and nobody would tell it once more
                parked = self._residents.waiters.why_parked(execution_id)
        elif live.parked or live.status_word in PARKED_STATES:
            parked = self._residents.waiters.why_parked(execution_id)
        if parked is not None and not wait_when_parked and not waiter.done():
            waiter.set_exception(parked)

    async def _still_parked(self, row: IndexRow) -> ExecutionParked | None:
        """Whether this engine's code blocks it too: other code may have written the row."""
        waiters = self._residents.waiters
        if (known := waiters.why_parked(row.execution_id)) is None:
            await self._residents.loader.load([row])
            return waiters.why_parked(row.execution_id)
        ahead = known.state != row.state  # it is blocked since, and nobody was told of that yet
        return ExecutionParked(row.execution_id, row.state, row.reason) if ahead else known

    async def joined(self, workflow: Workflow[Any, Any], execution_id: str, payload: bytes) -> None:
        """Returns when a start of this id is durable; raises DifferentRequest."""
        await self._residents.decided(execution_id)
        live = self._residents.live.get(execution_id)
        if live is not None:
            recorded = live.state.request
        else:
            first = (await self.stream(execution_id))[0]
            assert isinstance(first, events.ExecutionStarted)
            recorded = bytes(first.request)
        if recorded != payload and not same(workflow, recorded, payload):
            raise DifferentRequest(execution_id, difference(recorded, payload))

    async def _durable(self, live: LiveExecution, version: int) -> None:
        """Returns when this version is stored. Raises why it will not be."""
        if live.stored_version >= version:
            return
        if live.gone:
            raise live.lost_by or EngineStopped(live.id, self._residents.broken_by)
        stored: asyncio.Future[None] = self._residents.around.loop.create_future()
        live.waiters.append((version, stored))
        await stored

    async def cancel(self, execution_id: str, reason: str) -> None:
        """Records the request to cancel; durable when it returns. No effect after the end."""
        check_reason(reason)

        def order(live: LiveExecution) -> None:
            if live.state.pivot is not None and live.state.end is None:
                raise CannotCancel(execution_id, live.state.pivot)
            if live.state.end is None:
                cancel(live, reason)

        await self._order(execution_id, order)

    async def resume(self, execution_id: str, reason: str) -> None:
        """Lets a parked execution go on; durable when it returns. No effect on others."""
        check_reason(reason)

        def order(live: LiveExecution) -> None:
            if live.state.end is None and index_word(live) in PARKED_STATES:
                live.take(events.ExecutionResumed(time=live.now(), reason=reason))
                if live.body is not None or live.backward is not None:
                    rearm(live)

        await self._order(execution_id, order)

    async def resolve(
        self, execution_id: str, how: str, reason: str, arguments: Mapping[str, Any] | None
    ) -> None:
        """Records a decision on a compensation; durable when it returns. Raises CannotResolve."""
        resolving.check(how, reason, arguments)

        def order(live: LiveExecution) -> None:
            resolving.resolve(live, cast("resolving.How", how), reason, arguments)
            rearm(live)

        if not await self._order(execution_id, order):
            raise CannotResolve(execution_id, "it has ended")

    async def plan(
        self, execution_id: str, workflow: Workflow[Any, Any]
    ) -> list[resolving.PlannedUndo]:
        """What a rollback would undo, from what is recorded and this code; nothing is done."""
        execution_id = await self.run(execution_id)
        stream = await self.stream(execution_id)
        state = fold(execution_id, stream)
        found = dict(self._residents.around.activities)
        live = self._residents.live.get(execution_id)
        if live is not None:
            found |= live.forward.activities
        elif state.goes_forward:
            around = self._residents.around
            found |= await activities_of(workflow, state, stream, around.loop, around.leaks)
        return resolving.planned(state, resolving.known(execution_id, found))

    async def _order(self, execution_id: str, order: Order) -> bool:
        """Whether it was carried out: not when the execution has ended."""
        execution_id = await self.run(execution_id)
        mailed = bool(self._settles)
        errand = Errand(order, self._settles)
        while True:
            while errand.execution is None:  # again when it ended, or was lost, just before
                live = await self._residents.loader.bring(execution_id, errand.carry_out)
                if live is None:
                    return False
                await in_callback(self._residents.around.loop, partial(errand.carry_out, live))
                self._settles = errand.settles
            if errand.refusal is not None:
                raise errand.refusal
            try:
                await self._durable(errand.execution, errand.version)
            except VersionConflict:
                if mailed:  # its envelope says whether it is settled
                    raise
                if errand.is_among(await self.stream(execution_id)):
                    return True
            else:
                return True


def check_reason(reason: object) -> None:
    """TypeError for what could not be recorded as a reason."""
    if not isinstance(reason, str):
        raise TypeError(f"a reason is a str, not {type(reason).__qualname__}: {reason!r}")
