"""The engine: starts executions, answers for them, and is opened and closed.

Everything durable happens in `residents` and below; this is the face that users see. It is opened
by the composition root, since it knows ports only.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping
from contextvars import copy_context
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar

from perdure.domain.clock import Clock, Randomness
from perdure.domain.errors import EngineStopped, UnknownCode
from perdure.domain.identity import DEFAULT_SHARDS, Identity, check_tags, execution_id, normal
from perdure.domain.journal import Journal
from perdure.domain.states import moment
from perdure.sagas.activity import Activity
from perdure.sagas.committer import Committer
from perdure.sagas.forbidden import refuse_in_body
from perdure.sagas.handle import Handle
from perdure.sagas.inquiry import Inquiry
from perdure.sagas.leaks import Leaks
from perdure.sagas.mailroom import Mailroom
from perdure.sagas.naming import check_distinct
from perdure.sagas.residents import Residents
from perdure.sagas.settings import EngineSettings
from perdure.sagas.slots import Slots
from perdure.sagas.stage import Stage
from perdure.sagas.start import Start
from perdure.sagas.starts import Starts
from perdure.sagas.surroundings import Surroundings
from perdure.sagas.suspects import Suspects
from perdure.sagas.timers import Timers
from perdure.sagas.watchdog import watchdog
from perdure.sagas.workflow import Workflow

Q = TypeVar("Q")
R = TypeVar("R")
WhenFull: TypeAlias = Literal["wait", "raise"]

log = logging.getLogger("perdure")


class WorkflowEngine:
    """Runs workflows on a journal. Use it as an async context manager, from `open_engine`."""

    def __init__(
        self,
        journal: Journal,
        workflows: Iterable[Workflow[Any, Any]],
        *,
        activities: Iterable[Activity[..., Any]] = (),
        settings: EngineSettings | None = None,
        clock: Clock,
        randomness: Randomness,
        stage: Stage | None = None,
    ) -> None:
        self.settings = settings or EngineSettings()
        self._journal = journal
        self._clock = clock
        self._randomness = randomness
        self._stage = stage or Stage()
        self._workflows = by_name(workflows)
        self._activities = activities_by_name(activities)
        self._residents = Residents(journal, self._workflows, self.settings, DEFAULT_SHARDS)
        self._inquiry = Inquiry(journal, self._residents, self._workflows)
        self._starts = Starts(journal, self._residents, self._inquiry)
        self._committer = Committer(journal)
        self._tasks: list[asyncio.Task[None]] = []
        self._opened = False
        self._closing: asyncio.Task[None] | None = None
        self._failed: BaseException | None = None

    async def open(self) -> Self:
        """Takes up what is unfinished in the journal. Idempotent."""
        if self._closing is not None:
            raise EngineStopped(None, self._residents.broken_by)
        if self._opened:
            return self
        self._opened = True
        loop = asyncio.get_running_loop()
        self._threads = self._stage.pool(self.settings.activity_threads, loop)
        self._timers = Timers(self._clock, loop, self.settings.scan_seconds)
        self._residents.around = Surroundings(
            loop=loop,
            clock=self._clock,
            randomness=self._randomness,
            committer=self._committer,
            timers=self._timers,
            slots=Slots(self.settings.activity_slots),
            suspects=Suspects(loop),
            threads=self._threads,
            stand_in=self._stage.stand_in,
            lease=self._journal.lease,
            residence=self._residents,
            activities=self._activities,
            names=dict(self._activities),
            context=copy_context(),
            leaks=Leaks(),
        )
        watchdog.open()
        self._run("committer", self._committer.run())
        self._run("keeper", self._residents.keeper.keep())
        self._run("lease", self._residents.mind_the_lease())
        mailroom = Mailroom(
            self._journal,
            self._committer,
            self._inquiry,
            self._workflows,
            start=self._starts.begin,
            clock=self._clock,
        )
        self._residents.on_lease = mailroom.look
        self._run("mailroom", mailroom.serve())
        return self

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A background loop of the engine: when it breaks, so does everything that waits."""
        task = asyncio.get_running_loop().create_task(work, name=f"perdure-{name}")
        self._tasks.append(task)
        task.add_done_callback(self._broke)

    def _broke(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("the engine broke and is stopped", exc_info=error)
            self._failed = error
            self._residents.broken_by = repr(error)
            self._residents.stopping = True
            self._residents.dismiss_all()

    async def close(self) -> None:
        """Stops within `stop_seconds`: nothing new begins, attempts in flight may end. Idempotent.

        What is unfinished goes on when an engine opens the journal again. Cancelled while it waits
        for attempts in flight, it waits for them no longer, closes, and raises CancelledError.
        """
        if not self._opened:
            return
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            self._residents.hurry()
            await asyncio.wait([self._closing])
            raise

    async def _close(self) -> None:
        committer, keeper, lease, mailroom = self._tasks
        mailroom.cancel()  # what comes from now on is for the next engine
        try:
            if not committer.done():
                await self._residents.drain(self.settings.stop_seconds)
            self._residents.let_go()
            keeper.cancel()
            lease.cancel()
            self._timers.close()
            self._committer.close()
            await asyncio.wait([committer, keeper, lease, mailroom])
            self._residents.dismiss_all()
            self._threads.close()
        finally:
            watchdog.close()
            await self._journal.close()
        if self._failed is not None:
            raise self._failed

    def abandon(self) -> None:
        """Leaves everything in memory without effect, as the end of its process would.

        For simulated worlds, where a process dies and the memory that it had does not.
        """
        self._residents.stopping = True
        self._residents.dismiss_all()
        watchdog.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(
        self,
        workflow: Workflow[Q, R],
        request: Q,
        *,
        tags: Mapping[str, str] | None = None,
        start_at: datetime | None = None,
        when_full: WhenFull = "wait",
    ) -> Handle[R]:
        """Starts an execution and returns when its start is durable (the talk's sendDiscard).

        The same id again joins the execution that is there: running, parked or ended; or it is the
        next run of an ended one, where the workflow's `run_again` says so. Raises DifferentRequest
        when the one that is joined was started with another request. `tags` are texts by name to
        find it by. With `start_at` it is durable now and begins then; one that is there already
        keeps its time. Where `max_in_flight` executions are in flight it waits in the journal, or
        raises Busy with `when_full="raise"`.

        >>> handle = await engine.start(process_payment, request)
        >>> tracking_id = await handle.result()
        """
        start = self._prepared(workflow, request, tags, moment(start_at))
        await self._check_room(workflow, start, when_full)
        run, _ = await self._starts.begin(workflow, start)
        return Handle(run, workflow, self._inquiry)

    async def execute(
        self,
        workflow: Workflow[Q, R],
        request: Q,
        *,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
        when_full: WhenFull = "wait",
    ) -> R:
        """Starts an execution and waits for its result (the talk's send).

        See `start` and Handle.result.
        """
        start = self._prepared(workflow, request, tags)
        if when_full != "wait":
            await self._check_room(workflow, start, when_full)
        first, waiters = start.execution_id, self._residents.waiters
        waiter = waiters.add(first, raise_when_parked=True)
        run = ""
        try:
            run, fresh = await self._starts.begin(workflow, start)
        finally:
            if run != first:
                waiters.remove(first, waiter)
        if run != first:
            return await self._inquiry.result(workflow, run, timeout=timeout)
        return await self._inquiry.result(
            workflow, run, waiter=waiter, fresh=fresh, timeout=timeout
        )

    def handle(self, execution_id: str) -> Handle[Any]:
        """The handle of an execution by its id, whether or not there is one.

        Without a run, the last one of the key is meant; `Pay@7~1` means the first. Raises
        BadIdentity for what is no id, UnknownCode when no open workflow has the id's name.
        """
        identity = Identity.of(execution_id)
        workflow = self._workflows.get(identity.name)
        if workflow is None:
            raise UnknownCode(execution_id, "workflow", identity.name)
        return Handle(normal(execution_id), workflow, self._inquiry)

    def _prepared(
        self,
        workflow: Workflow[Q, R],
        request: Q,
        tags: Mapping[str, str] | None,
        at: int = 0,
    ) -> Start:
        if self._workflows.get(workflow.name) is not workflow:
            raise UnknownCode(f"{workflow.name}@…", "workflow of this engine", workflow.name)
        refuse_in_body(f"starting {workflow.name}")
        payload, decoded = workflow.encode_request(request)
        identity = execution_id(workflow.name, workflow.key_of(request))
        if not self._opened:
            raise EngineStopped(identity, self._residents.broken_by)
        return Start(identity, payload, decoded, at=at, tags=check_tags(tags))

    async def _check_room(self, workflow: Workflow[Any, Any], start: Start, when_full: str) -> None:
        if when_full not in ("wait", "raise"):
            raise ValueError(f'when_full={when_full!r}: say "wait" or "raise"')
        if when_full == "raise":
            await self._starts.check_room(workflow, start.execution_id)


def by_name(workflows: Iterable[Workflow[Any, Any]]) -> dict[str, Workflow[Any, Any]]:
    """Workflows by name and alias; two under one name are an error."""
    found = list(workflows)
    check_distinct(found)
    return {name: workflow for workflow in found for name in (workflow.name, *workflow.aliases)}


def activities_by_name(
    activities: Iterable[Activity[..., Any]],
) -> dict[str, Activity[..., Any]]:
    """Activities by name and alias; two under one name are an error."""
    found = list(activities)
    check_distinct(found)
    return {name: activity for activity in found for name in (activity.name, *activity.aliases)}
