"""What handles ask of a client: the same as of an engine, by reading the journal and by envelopes.

Results, states and histories are read from what is recorded; orders are posted, and their replies
waited for. An order stays when nobody waits for it any more: an engine will carry it out.
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from msgspec import Raw, Struct

from perdure.domain import events, rollback
from perdure.domain.clock import Clock, Ids
from perdure.domain.errors import ExecutionParked, Undecodable, UnknownExecution
from perdure.domain.events import Event, Terminal
from perdure.domain.execution import fold
from perdure.domain.identity import DEFAULT_SHARDS, Identity, shard_of
from perdure.domain.journal import ENDED_STATES, OPEN_STATES
from perdure.domain.mailbox import (
    KEPT_SECONDS,
    Envelope,
    PlainOrder,
    Refused,
    ResolveOrder,
    Taken,
    encoded,
    error_of,
    reply_of,
    storable,
)
from perdure.domain.post_office import PostOffice
from perdure.domain.states import ORDERED, BlockedByCode, State, state_at, word_of
from perdure.sagas import resolving
from perdure.sagas.answers import outcome
from perdure.sagas.errors import NoWorkflowGiven
from perdure.sagas.history import HistoryEvent, history_of
from perdure.sagas.inquiry import check_reason
from perdure.sagas.leaks import Leaks
from perdure.sagas.lookout import Lookout
from perdure.sagas.posting import Posting
from perdure.sagas.recovery import activities_of
from perdure.sagas.runs import run_meant
from perdure.sagas.workflow import Workflow

R = TypeVar("R")

GOING_ON = tuple(state for state in OPEN_STATES if state != "blocked")


class Unwritten:
    """Stands for the workflow of a handle that was given none: results are plain JSON data."""

    raises = ()

    def decode_result(self, data: bytes) -> Any:
        return json.loads(data)


UNWRITTEN = cast("Workflow[Any, Any]", Unwritten())


@dataclass(frozen=True, slots=True)
class Letters:
    """What a client posts and waits with; `reply_timeout`: how long for an engine, in seconds."""

    office: PostOffice
    lookout: Lookout
    posting: Posting
    clock: Clock
    ids: Ids
    reply_timeout: float | None
    leaks: Leaks = field(default_factory=Leaks)

    async def post(
        self, execution_id: str, kind: str, body: Struct, within: object = None
    ) -> Envelope:
        """Returns when it is durable, or part of the transaction that it is to be within."""
        shard = shard_of(execution_id, DEFAULT_SHARDS)
        now = self.clock.now()
        envelope = Envelope(self.ids.new(), shard, execution_id, kind, encoded(body), now)
        if within is None:
            await self.posting.post(envelope)
        else:
            await self.posting.post_within(within, envelope)
        return envelope

    async def answered(self, envelope: Envelope, timeout: float | None) -> Taken:
        """Returns when it is carried out. Raises why it is not."""
        try:
            async with asyncio.timeout(timeout):
                data = await self.lookout.reply(envelope)
        except TimeoutError:
            raise TimeoutError(
                f"{envelope.execution_id}: no engine has taken the order to {envelope.kind} within "
                f"{timeout} s; it stands, and will be carried out when one runs"
            ) from None
        reply = reply_of(envelope.execution_id, data)
        if isinstance(reply, Refused):
            raise error_of(envelope.execution_id, reply)
        return reply


class Correspondence:
    """See the module. `start` is the envelope that gave the handle, if one did."""

    __slots__ = ("_letters", "_lookout", "_office", "_start", "_taken")

    def __init__(self, letters: Letters, start: Envelope | None = None) -> None:
        self._letters = letters
        self._office = letters.office
        self._lookout = letters.lookout
        self._start = start
        self._taken: Taken | None = None  # the reply to it

    async def begun(self, execution_id: str, body: Struct, within: object) -> "Correspondence":
        """Posts a start; the correspondence about it."""
        start = await self._letters.post(execution_id, "start", body, within)
        return Correspondence(self._letters, start)

    async def accepted(self, execution_id: str) -> None:
        """Returns when an engine has taken the start. Raises what a start of the engine would."""
        if self._start is not None:
            await self._run_begun(execution_id, self._letters.reply_timeout)

    async def result(
        self,
        workflow: Workflow[Any, R],
        execution_id: str,
        *,
        timeout: float | None = None,
        wait_when_parked: bool = False,
    ) -> R:
        async with asyncio.timeout(timeout):
            execution_id = await self._run_begun(execution_id, None)
            end = await self._end(execution_id, wait_when_parked=wait_when_parked)
        return outcome(workflow, execution_id, end)

    async def _end(self, execution_id: str, *, wait_when_parked: bool) -> Terminal:
        while True:
            looks = self._lookout.looks
            row = (await self._office.rows([execution_id])).get(execution_id)
            if row is None:  # not taken yet; it may be refused, which changes no row
                await self._check_posted(execution_id)
                await self._lookout.tick(looks)
                continue
            if row.state in ENDED_STATES:
                last = (await self._stream(execution_id))[-1]
                if isinstance(last, events.TERMINAL):
                    return last
                raise Undecodable(execution_id, "the last event", "it is no end")
            if row.state not in GOING_ON and not wait_when_parked:
                raise ExecutionParked(execution_id, row.state, row.reason)
            await self._lookout.row(execution_id, row)

    async def _run_begun(self, execution_id: str, timeout: float | None) -> str:
        """The run that the start has begun or joined, whichever followed; without one the last.

        The reply that tells is kept in the mailbox for some days only.
        """
        if self._start is None:
            return await self._run(execution_id)
        if self._taken is None:
            age = self._letters.clock.now() - self._start.sent
            if age > KEPT_SECONDS * 1_000_000 and await self._is_forgotten(self._start):
                run = await self._run(execution_id)
                await self._check_posted(run)
                return run
            self._taken = await self._letters.answered(self._start, timeout)
        return str(Identity.of(execution_id).at(self._taken.run))

    async def _is_forgotten(self, envelope: Envelope) -> bool:
        waiting = await self._office.waiting(envelope.execution_id)
        open_still = any(each.id == envelope.id for each in waiting)
        return not open_still and not await self._office.replies([envelope])

    async def _run(self, execution_id: str) -> str:
        """The run that is meant by this id, as it is recorded."""
        return (await run_meant(self._office, execution_id))[0]

    async def status(self, execution_id: str) -> State:
        execution_id = await self._run(execution_id)
        row = (await self._office.rows([execution_id])).get(execution_id)
        if row is None:
            await self._check_posted(execution_id)
            return ORDERED
        if row.state == "blocked":
            return BlockedByCode.read(row.reason)
        execution = fold(execution_id, await self._stream(execution_id))
        return state_at(execution, self._letters.clock.now(), row)

    async def wait(
        self, execution_id: str, states: Collection[str], timeout: float | None
    ) -> State:
        async with asyncio.timeout(timeout):
            while True:
                looks = self._lookout.looks
                state = await self.status(execution_id)
                if word_of(state) in (*states, *ENDED_STATES):
                    return state
                await self._lookout.tick(looks)

    async def history(self, execution_id: str, workflow: Workflow[Any, Any]) -> list[HistoryEvent]:
        execution_id = await self._run(execution_id)
        stream = await self._recorded(execution_id)
        if stream is None:
            await self._check_posted(execution_id)
        return history_of(stream or [])

    async def plan(
        self, execution_id: str, workflow: Workflow[Any, Any]
    ) -> list[resolving.PlannedUndo]:
        """As the engine's, from what is recorded and the workflow that the handle was given.

        NoWorkflowGiven where what is recorded does not tell without it.
        """
        execution_id = await self._run(execution_id)
        stream = await self._stream(execution_id)
        state = fold(execution_id, stream)
        found = {}
        if state.goes_forward and workflow is UNWRITTEN:
            if rollback.plan(state, resolving.ANYBODY, lambda name: name):
                raise NoWorkflowGiven(execution_id, execution_id.partition("@")[0])
        elif state.goes_forward:
            loop = asyncio.get_running_loop()
            found = await activities_of(workflow, state, stream, loop, self._letters.leaks)
        return resolving.planned(state, resolving.known(execution_id, found))

    async def cancel(self, execution_id: str, reason: str) -> None:
        check_reason(reason)
        await self._order(execution_id, "cancel", PlainOrder(reason=storable(reason)))

    async def resume(self, execution_id: str, reason: str) -> None:
        check_reason(reason)
        await self._order(execution_id, "resume", PlainOrder(reason=storable(reason)))

    async def resolve(
        self, execution_id: str, how: str, reason: str, arguments: Mapping[str, Any] | None
    ) -> None:
        """As the engine's; the arguments have to be JSON data here."""
        resolving.check(how, reason, arguments)
        data = Raw(json.dumps(arguments, allow_nan=False).encode())
        order = ResolveOrder(how=how, reason=storable(reason), arguments=data)
        await self._order(execution_id, "resolve", order)

    async def _order(self, execution_id: str, kind: str, body: Struct) -> None:
        run, row = await run_meant(self._office, execution_id)
        if row is None:
            await self._check_posted(run)
        envelope = await self._letters.post(execution_id, kind, body)
        await self._letters.answered(envelope, self._letters.reply_timeout)

    async def _check_posted(self, execution_id: str) -> None:
        """Raises UnknownExecution unless a start of this one waits in the mailbox."""
        waiting = await self._office.waiting(execution_id)
        if not any(envelope.kind == "start" for envelope in waiting):
            # It may have been taken just now, between the two looks.
            if not await self._office.rows([execution_id]):
                raise UnknownExecution(execution_id)

    async def _stream(self, execution_id: str) -> list[Event]:
        stream = await self._recorded(execution_id)
        if stream is None:
            raise UnknownExecution(execution_id)
        return stream

    async def _recorded(self, execution_id: str) -> list[Event] | None:
        stream = (await self._office.read([execution_id])).get(execution_id)
        if isinstance(stream, Undecodable):
            raise stream
        return stream
