"""The mailroom: takes open envelopes from the journal and carries them out, as handles' orders are.

An envelope is settled in the same transaction as the events that it causes. One that cannot be
carried out is settled with a reply that says why, and harms nobody else; one that meets a journal
or an engine in trouble stays open, and is taken again. Those of one execution keep their order.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from perdure.domain.clock import Clock
from perdure.domain.errors import (
    BadIdentity,
    EngineStopped,
    JournalUnavailable,
    LostLease,
    PerdureError,
    Undecodable,
    UnknownCode,
    VersionConflict,
)
from perdure.domain.identity import Identity, check_tags, without_run
from perdure.domain.journal import Journal, Submission
from perdure.domain.mailbox import (
    KEPT_SECONDS,
    OPEN_PAGE,
    Envelope,
    PlainOrder,
    Refused,
    Reply,
    ResolveOrder,
    Settlement,
    StartOrder,
    Taken,
    body_of,
    encoded,
    refusal,
)
from perdure.domain.refusals import OrderWithheld
from perdure.sagas.committer import Committer
from perdure.sagas.inquiry import Inquiry
from perdure.sagas.log_fields import about_execution, escaped
from perdure.sagas.start import Start
from perdure.sagas.workflow import Workflow

FORGET_MICROSECONDS = 3_600_000_000
AGAIN_SECONDS = 0.5
TAKEN = encoded(Taken())

# Not the order's fault: it stays open, and is taken again here or by the next engine.
LEFT_OPEN = (EngineStopped, JournalUnavailable, LostLease, OrderWithheld, VersionConflict)

log = logging.getLogger("perdure")


class Starter(Protocol):
    """The engine's way to start."""

    async def __call__(
        self, workflow: Workflow[Any, Any], start: Start, settles: tuple[Settlement, ...]
    ) -> tuple[str, bool]:
        """The run; True: started, and settled with it. False: joined, and not settled."""
        ...


class Mailroom:
    """See the module. One for an engine."""

    def __init__(
        self,
        journal: Journal,
        committer: Committer,
        inquiry: Inquiry,
        workflows: Mapping[str, Workflow[Any, Any]],
        *,
        start: Starter,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._committer = committer
        self._inquiry = inquiry
        self._workflows = workflows
        self._start = start
        self._clock = clock
        self._after = 0  # the last arrival that was read
        self._under_way: dict[str, asyncio.Future[None]] = {}  # by envelope: told when settled
        self._last: dict[str, asyncio.Task[None]] = {}  # by key: runs wait for what starts them
        self._meanwhile: set[str] = set()  # settled while a page was read, which may still have it
        self._withheld: set[str] = set()  # envelopes whose key is not given, told of once
        self._room: asyncio.Future[None] | None = None
        self._waiting: asyncio.Timeout | None = None
        self._again = False  # something stays open, and is to be read again
        self._forgot = 0
        committer.on_settled = self._settled
        committer.on_unsettled = self._unsettled

    async def serve(self) -> None:
        """Takes envelopes as they come; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._mail()
                    await self._take(tasks)
                    await self._forget()
                except JournalUnavailable as error:
                    log.error("%s; the mailbox is looked through again soon", error)
                    self._again = True

    def look(self) -> None:
        """Lets all that is open be looked through again: the lease may be held from now on."""
        self._again = True
        self._hurry(0.0)

    def _hurry(self, seconds: float) -> None:
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time() + seconds)

    async def _mail(self) -> None:
        """Waits for news; what stays open is looked for again after a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_SECONDS if self._again else None) as self._waiting:
                await self._journal.mail()
        self._waiting = None
        if self._again:
            self._again = False
            self._after = 0

    async def _take(self, tasks: asyncio.TaskGroup) -> None:
        if not self._journal.lease.held:  # whoever has it takes them
            return
        while True:
            self._meanwhile.clear()
            page = await self._journal.envelopes(self._after, OPEN_PAGE)
            for envelope in page:
                self._after = envelope.arrival
                if envelope.id not in self._under_way and envelope.id not in self._meanwhile:
                    self._under_way[envelope.id] = asyncio.get_running_loop().create_future()
                    key = without_run(envelope.execution_id)
                    before = self._last.get(key)
                    task = tasks.create_task(self._carry_out(envelope, before))
                    self._last[key] = task
            if len(page) < OPEN_PAGE:
                return
            if len(self._under_way) >= OPEN_PAGE:
                self._room = asyncio.get_running_loop().create_future()
                await self._room

    async def _carry_out(self, envelope: Envelope, before: asyncio.Task[None] | None) -> None:
        stored = self._under_way[envelope.id]
        try:
            if before is not None and not before.done():
                await asyncio.wait([before])
            reply = await self._reply(envelope)
            if reply is not None:
                settlement = self._settlement(envelope, encoded(reply))
                alone = Submission(envelope.execution_id, envelope.shard, -1, [], None, settlement)
                self._committer.submit(alone, ALONE)
            await stored
            self._withheld.discard(envelope.id)
        except LEFT_OPEN as error:
            if envelope.id not in self._withheld:
                log.warning(
                    "%s: an order to %s stays open: %s",
                    *named(envelope),
                    escaped(error),
                    extra=about_execution(envelope.execution_id),
                )
            if isinstance(error, OrderWithheld):
                self._withheld.add(envelope.id)
            self._again = True
            self._hurry(AGAIN_SECONDS)
        finally:
            self._put_away(envelope)

    def _put_away(self, envelope: Envelope) -> None:
        stored = self._under_way.pop(envelope.id)
        if stored.done() and not stored.cancelled():
            stored.exception()  # it was told, or has come too late
        self._meanwhile.add(envelope.id)
        key = without_run(envelope.execution_id)
        if self._last.get(key) is asyncio.current_task():
            del self._last[key]
        room = self._room
        if room is not None and not room.done() and len(self._under_way) < OPEN_PAGE // 2:
            room.set_result(None)

    async def _reply(self, envelope: Envelope) -> Reply | None:
        """Carries it out. None: it is settled with what it caused; otherwise the reply to it."""
        settles = self._settlement(envelope, TAKEN)
        try:
            return await self._performed(envelope, settles)
        except LEFT_OPEN:
            raise
        except PerdureError as error:
            return refusal(error)
        except Exception as bug:
            log.exception(
                "%s: an order to %s could not be carried out",
                *named(envelope),
                extra=about_execution(envelope.execution_id),
            )
            return refusal(bug)

    async def _performed(self, envelope: Envelope, settles: tuple[Settlement, ...]) -> Reply | None:
        workflow = self._workflow(envelope)
        execution_id = envelope.execution_id
        if envelope.kind == "start":
            order = body_of(envelope, StartOrder)
            payload = bytes(order.request)
            request = decoded_request(workflow, envelope, payload)
            tags = check_tags(order.tags)
            start = Start(execution_id, payload, request, at=order.start_at, tags=tags)
            run, begun = await self._start(workflow, start, settles)
            return None if begun else Taken(joined=True, run=Identity.of(run).run)
        inquiry = self._inquiry.settling(settles)
        match envelope.kind:
            case "cancel":
                await inquiry.cancel(execution_id, body_of(envelope, PlainOrder).reason)
            case "resume":
                await inquiry.resume(execution_id, body_of(envelope, PlainOrder).reason)
            case "resolve":
                decision = body_of(envelope, ResolveOrder)
                arguments = json.loads(bytes(decision.arguments))
                await inquiry.resolve(execution_id, decision.how, decision.reason, arguments)
            case other:
                why = f"this engine knows no order of the kind {other!r}"
                return Refused(error="OrderRefused", fields={}, text=why)
        return None if inquiry.has_settled else Taken()  # otherwise there was nothing to do

    def _workflow(self, envelope: Envelope) -> Workflow[Any, Any]:
        name = Identity.of(envelope.execution_id).name
        found = self._workflows.get(name)
        if found is None:
            raise UnknownCode(envelope.execution_id, "workflow", name)
        return found

    def _settlement(self, envelope: Envelope, reply: bytes) -> tuple[Settlement, ...]:
        return (Settlement(envelope.id, envelope.shard, self._clock.now(), reply),)

    def _settled(self, settlements: Iterable[Settlement]) -> None:
        for each in settlements:
            stored = self._under_way.get(each.envelope_id)
            if stored is not None and not stored.done():
                stored.set_result(None)

    def _unsettled(self, settlements: Iterable[Settlement], error: PerdureError) -> None:
        for each in settlements:
            stored = self._under_way.get(each.envelope_id)
            if stored is not None and not stored.done():
                stored.set_exception(error)

    async def _forget(self) -> None:
        """Deletes what was settled long ago, once an hour at most."""
        now = self._clock.now()
        if now - self._forgot > FORGET_MICROSECONDS:
            while await self._journal.forget(now - KEPT_SECONDS * 1_000_000):
                log.debug("old envelopes were deleted")
            self._forgot = now


def decoded_request(workflow: Workflow[Any, Any], envelope: Envelope, payload: bytes) -> Any:
    """The request of a start, which has to belong to its execution. Raises PerdureError."""
    execution_id = envelope.execution_id
    try:
        request = workflow.decode_request(payload)
    except (ValueError, PerdureError) as error:
        raise Undecodable(execution_id, "the request", str(error)) from error
    key = workflow.key_of(request)
    if key != Identity.of(execution_id).key:
        raise BadIdentity(f"{execution_id}: the key of this request is {key!r} for this engine")
    return request


def named(envelope: Envelope) -> tuple[str, str]:
    return escaped(envelope.execution_id), escaped(envelope.kind)


class Alone:
    """Who submits a settlement that nothing follows from; the mailroom hears of it anyway."""

    gone = False

    def stored(self, submission: Submission) -> None:
        """Nothing follows."""

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        """The envelope stays open."""


ALONE = Alone()
