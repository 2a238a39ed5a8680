"""The residents: which executions are in memory, and when they leave.

Starts beyond `max_in_flight` are recorded alone and stay rows of the index; what waits for long,
is parked or has ended leaves. The keeper brings rows back when they are due, through the loader.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from perdure.domain.errors import EngineStopped, ExecutionParked, LostLease
from perdure.domain.identity import shard_of
from perdure.domain.journal import PARKED_STATES, Journal, Submission
from perdure.domain.mailbox import Settlement
from perdure.sagas.deadlines import watch
from perdure.sagas.index import index_row, leaving_due, parked_reason
from perdure.sagas.keeper import Keeper
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.loading import Loader
from perdure.sagas.log_fields import about_execution, escaped
from perdure.sagas.recorded_start import NOBODY, RecordedStart
from perdure.sagas.settings import EngineSettings
from perdure.sagas.start import Start
from perdure.sagas.surroundings import Surroundings
from perdure.sagas.waiters import Waiters
from perdure.sagas.workflow import Workflow

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
        self.on_lease: Callable[[], None] = lambda: None  # hears when it was lost, or taken
        self.around: Surroundings  # set by the engine before anything is started
        self._settings = settings
        self._shards = shards
        self.room = settings.max_in_flight * 3 // 4  # from here on rows are brought back
        self.keeper = Keeper(self, journal, settings)
        self.loader = Loader(self, journal, workflows)
        self._idle: dict[str, LiveExecution] = {}  # may leave, the one that waits longest first
        self._drained: asyncio.Future[None] | None = None

    def begin(
        self,
        workflow: Workflow[Any, Any],
        start: Start,
        settles: tuple[Settlement, ...] = (),
    ) -> "asyncio.Future[bool]":
        """Starts an execution, from a plain callback. True: it is durable; False: id is taken."""
        started: asyncio.Future[bool] = self.around.loop.create_future()
        execution_id = start.execution_id
        shard = shard_of(execution_id, self._shards)
        execution = LiveExecution(execution_id, shard, workflow, self.around)
        later = start.at > self.around.clock.now()
        if later or self.in_flight >= self._settings.max_in_flight:
            execution.record_start(start)
            now = execution.state.time
            row = index_row(execution, "running", now)
            submission = Submission(execution_id, shard, 0, execution.events, row, settles)
            stored = partial(self.keeper.begin_at, start.at) if later else self.recorded_alone
            self.around.committer.submit(submission, RecordedStart(stored, started))
            return started
        self.move_in(execution)
        try:
            execution.start(start)
        except BaseException:  # not of the body: nothing of this start goes any further
            self._forget(execution)
            raise
        execution.starting = started
        execution.settles = settles
        watch(execution)
        execution.submit()
        return started

    async def decided(self, execution_id: str) -> None:
        """Returns when no start of this id is under way.

        Until the journal has refused it, the start of an id that is taken stands in memory before
        the execution that is recorded.
        """
        while (there := self.live.get(execution_id)) is not None and there.starting is not None:
            await asyncio.wait([there.starting])

    def move_in(self, execution: LiveExecution) -> None:
        """It is in memory from now on."""
        self.live[execution.id] = execution
        self._count(execution, busy=True)

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
        state = execution.state
        word, due = execution.index or ("running", None)
        parked = word == "blocked" or word in PARKED_STATES
        if parked:
            if execution.pending == 0:
                error = ExecutionParked(execution.id, word, parked_reason(execution))
                self.waiters.parked(error)
        elif self.waiters.any_parked:
            self.waiters.goes_on(execution.id)
        if self.waiters.any_watched:
            self.waiters.changed(execution.id)
        if execution.body is None and execution.lacks_body and execution.pending == 0:
            self.loader.read_body(execution)
            return
        if busy or not execution.quiet:
            return
        if state.end is not None:
            self._forget(execution)
            self.waiters.ended(execution.id, state.end)
        elif parked or due is not None:
            self._forget(execution)
            if word != "blocked" and execution.blocked is not None:  # its body would not leave
                self.loader.block(index_row(execution, word, due), execution.blocked)
            elif due is not None and parked:
                self.keeper.expires_at(due)
            elif due is not None:
                self.keeper.due_at(due)
        else:
            self._stay(execution)

    def _stay(self, execution: LiveExecution) -> None:
        """It waits in memory, and the one that has waited longest leaves if there are too many."""
        self._idle.pop(execution.id, None)
        self._idle[execution.id] = execution
        if not self.crowded:
            return
        while self._idle:
            oldest = self._idle.pop(next(iter(self._idle)))
            oldest.crowded = True
            if leaving_due(oldest) is not None:  # otherwise nothing would ever bring it back
                oldest.submit()
                return

    @property
    def spare(self) -> int:
        """How many more may wait in memory."""
        return max(0, self._settings.resident_limit - len(self.live))

    @property
    def crowded(self) -> bool:
        """Whether more are in memory than should be."""
        return len(self.live) > self._settings.resident_limit

    async def mind_the_lease(self) -> None:
        """Lets go of everything when the lease is lost, and looks again when it is taken."""
        lease = self.around.lease
        while True:
            await lease.changed()
            if not lease.held:
                error = LostLease("the lease is lost; whoever has it now goes on")
                for execution in list(self.live.values()):
                    execution.lost_by = error
                    self._forget(execution)
                    execution.fail_waiters(error)
                self.keeper.lease_lost()
            self.look()
            self.on_lease()

    def lost(self, execution: LiveExecution, error: Exception) -> None:
        log.warning(
            "%s: dismissed, to be read again: %s",
            escaped(execution.id),
            escaped(error),
            extra=about_execution(execution.id, execution.stored_version),
        )
        execution.lost_by = error
        self._forget(execution)
        execution.fail_waiters(error)
        self.keeper.read_again(execution.id)

    def _forget(self, execution: LiveExecution) -> None:
        if self.live.get(execution.id) is execution:
            del self.live[execution.id]
            self._idle.pop(execution.id, None)
        self._count(execution, busy=False)
        execution.dismiss()

    def _count(self, execution: LiveExecution, *, busy: bool) -> None:
        self.in_flight += busy - execution.counted
        execution.counted = busy
        if busy:
            self._idle.pop(execution.id, None)
        else:
            if self.keeper.backlog and self.in_flight <= self.room:
                self.look()
            if self.in_flight == 0 and self._drained is not None and not self._drained.done():
                self._drained.set_result(None)

    def look(self) -> None:
        """Lets the keeper look through the journal at once."""
        self.keeper.look()

    def recorded_alone(self) -> None:
        """A start waits in the journal for room."""
        self.keeper.backlog = True
        if self.in_flight <= self.room:
            self.look()

    @property
    def limit(self) -> int:
        """How many executions may be in flight."""
        return self._settings.max_in_flight

    @property
    def free(self) -> int:
        """How many more may be."""
        return self.limit - self.in_flight

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

    def let_go(self) -> None:
        """Says in the index of what is in flight still that it was let go, and did not crash.

        Due since ever: the next clock may be behind this one.
        """
        for execution in self.live.values():
            if execution.busy and not execution.parked:
                word = execution.status_word
                row = index_row(execution, word, 0)
                submission = Submission(execution.id, execution.shard, -1, [], row)
                self.around.committer.submit(submission, NOBODY)

    def hurry(self) -> None:
        """Lets `drain` end at once."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def dismiss_all(self) -> None:
        for execution in list(self.live.values()):
            self._forget(execution)
            execution.fail_waiters(EngineStopped(execution.id, self.broken_by))
        self.waiters.stop(self.broken_by)
