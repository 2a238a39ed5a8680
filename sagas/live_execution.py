"""A live execution, and the one attempt by which it goes on.

Start, outcome, timer, cancel, resume and recovery all come through `take`: record an event, feed it
to the body, record what the body asks for. `submit` appends that as one submission; when it is
stored, `perform` does what the *state* asks for: launch attempts that are current and not launched,
set timers that are still set. Nothing is performed that is not stored.
"""

import asyncio
from typing import Any

from msgspec import Raw

from perdure.domain import events
from perdure.domain.errors import Blocked, PerdureError
from perdure.domain.events import End, Event
from perdure.domain.execution import Execution
from perdure.domain.journal import Submission
from perdure.domain.mailbox import Settlement
from perdure.domain.states import State
from perdure.sagas.asking import collect
from perdure.sagas.backward import Backward
from perdure.sagas.body import NOTHING, BodyRun
from perdure.sagas.concluding import conclude
from perdure.sagas.forward import Forward
from perdure.sagas.index import delayed, index_change
from perdure.sagas.replay import Feeding
from perdure.sagas.standing import standing
from perdure.sagas.start import Start
from perdure.sagas.surroundings import Surroundings
from perdure.sagas.workflow import Workflow


class LiveExecution:
    """One execution in memory, between its start or its load and its end or its leaving."""

    __slots__ = (
        "__weakref__",
        "around",
        "backward",
        "blocked",
        "body",
        "counted",
        "crowded",
        "deadline",
        "end",
        "events",
        "feeding",
        "forward",
        "gone",
        "id",
        "index",
        "loaded",
        "lost_by",
        "pending",
        "reading",
        "settles",
        "shard",
        "starting",
        "state",
        "stored_version",
        "timers",
        "waiters",
        "workflow",
    )

    def __init__(
        self, execution_id: str, shard: int, workflow: Workflow[Any, Any], around: Surroundings
    ) -> None:
        self.id = execution_id
        self.shard = shard
        self.workflow = workflow
        self.around = around
        self.state = Execution(execution_id)
        self.body: BodyRun | None = None
        self.feeding = Feeding()
        self.forward = Forward(self)
        self.backward: Backward | None = None
        self.events: list[Event] = []  # recorded, not submitted yet
        self.timers: list[tuple[int, int]] = []  # (version, ordinal): set when that is stored
        self.stored_version = 0
        self.pending = 0  # submissions that are not stored yet
        self.index: tuple[str, int | None] | None = None  # state and due, as submitted last
        self.end: End | None = None  # as the body has it, while outcomes are still to settle
        self.blocked: Blocked | None = None
        self.waiters: list[tuple[int, asyncio.Future[None]]] = []  # until a version is stored
        self.counted = False  # among those in flight; the residents' mark
        self.deadline: object = None  # its timer's; held here only
        self.crowded = False  # memory is short: it is to leave even for a near due
        self.starting: asyncio.Future[bool] | None = None  # who waits for the start to be durable
        self.settles: tuple[Settlement, ...] = ()  # with what is submitted next
        self.loaded = False  # from the journal, and not begun here
        self.reading = False  # its stream is being read again, for a body
        self.lost_by: Exception | None = None  # why it was dismissed, if its append was refused
        self.gone = False  # dismissed: nothing of it may be recorded any more

    def now(self) -> int:
        """The journal's time, never before the last event of this stream."""
        now = self.around.clock.now()
        return now if now > self.state.time else self.state.time

    @property
    def parked(self) -> bool:
        """Whether nothing new may be started: left, blocked or suspended."""
        return self.gone or self.blocked is not None or bool(self.state.suspended) or delayed(self)

    @property
    def lacks_body(self) -> bool:
        """Whether it goes forward without one: it was parked, and is no longer."""
        if self.body is not None or self.parked or self.end is not None:
            return False
        return self.state.goes_forward

    def start(self, start: Start) -> None:
        """Records the start and feeds it."""
        self.record_start(start)
        self.body = BodyRun(self.workflow, self.id)
        self.body.loop.feed = 1
        try:
            self.body.begin(start.request, self.state.time)
            collect(self, 1)
        except Blocked as error:
            self.block(error)
        self.conclude()

    def record_start(self, start: Start) -> None:
        """The start alone, for an execution that waits for room, or for a time to start at."""
        self.record(
            events.ExecutionStarted(
                time=max(start.at, self.now()),
                request=Raw(start.payload),
                code=self.workflow.code_fingerprint,
                tags=dict(start.tags or {}),
                previous=start.previous,
            )
        )

    def take(self, event: Event, value: Any = NOTHING) -> None:
        """Records an event, feeds what is to be fed now, and records what follows."""
        self.record(event)
        try:
            for feed, fed, decoded in self.feeding.take(self.state.version, event, value):
                if self.body is not None and self.state.rollback is None:
                    self.body.loop.feed = feed
                    self.body.feed(fed, decoded)
                    collect(self, feed)
        except Blocked as error:
            self.block(error)
        self.conclude()

    def record(self, event: Event) -> None:
        self.state.apply(event)
        self.feeding.note(event)
        self.events.append(event)

    def waits_for(self, ordinal: int, due: int) -> bool:
        """Whether a timer is still of use. Implements `timers.Sleeper`."""
        return not self.gone and self.state.timers.get(ordinal) == due

    def timer_due(self, ordinal: int) -> None:
        if not self.parked and ordinal in self.state.timers:
            self.take(events.TimerFired(time=self.now(), ordinal=ordinal))
            self.submit()

    def block(self, error: Blocked) -> None:
        """This code cannot go on: nothing is appended for it, the index says so."""
        self.blocked = error
        self.leave_body()

    def leave_body(self) -> None:
        """Dismisses the body, without effect. One that will not leave is not run again here.

        That blocks what is stored and has something left for its body to do.
        """
        body, self.body = self.body, None
        self.forward.unstarted.clear()
        if body is None or body.dismiss():
            return
        error, leaks = self.around.leaks.keep(body), self.around.leaks
        over = self.end is not None or not self.state.goes_forward
        if not over and not (self.gone and self.stored_version == 0):
            self.blocked = self.blocked or error
            leaks.blocked[self.id] = self.blocked

    def conclude(self) -> None:
        """See `concluding`."""
        body = self.body
        if self.end is not None or (body is not None and body.ending is not None):
            conclude(self)

    # Appending, and what is done once that is stored

    def submit(self) -> None:
        """Appends what was recorded, with the row of the index where it changes."""
        changed = index_change(self)
        if self.events or changed is not None or self.settles:
            recorded, self.events = self.events, []
            settles, self.settles = self.settles, ()
            expected = self.state.version - len(recorded)
            submission = Submission(self.id, self.shard, expected, recorded, changed, settles)
            self.pending += 1
            self.around.committer.submit(submission, self)

    def status(self) -> State:
        return standing(self)

    @property
    def status_word(self) -> str:
        """The word of the index, as it was submitted last."""
        return self.index[0] if self.index is not None else "running"

    def stored(self, submission: Submission) -> None:
        """What was submitted is durable: perform it."""
        self.pending -= 1
        self.stored_version = max(self.stored_version, submission.expected + len(submission.events))
        if self.waiters:
            for version, future in self.waiters:
                if version <= self.stored_version and not future.done():
                    future.set_result(None)
            self.waiters = [entry for entry in self.waiters if entry[0] > self.stored_version]
        if not self.gone:
            self.perform()
            self.around.residence.settled(self)

    def perform(self) -> None:
        """What the state asks for, as far as it is stored, and while the lease is held."""
        if not self.around.lease.held:
            return
        stored = self.stored_version
        if self.timers:
            for version, ordinal in self.timers:
                if version <= stored and ordinal in self.state.timers:
                    due = self.state.timers[ordinal]
                    self.around.timers.add(due, ordinal, self.timer_due)
            self.timers = [entry for entry in self.timers if entry[0] > stored]
        try:
            self.forward.launch(stored)
            if self.backward is not None:
                self.backward.launch(stored)
        except Blocked as error:
            self.block(error)
            self.submit()

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        """It is not stored: nothing may go on from it."""
        if self.gone:
            return
        if error is None:
            self.around.residence.refused_start(self)
        else:
            self.around.residence.lost(self, error)

    @property
    def busy(self) -> bool:
        """Whether it takes one of the places in flight: something of it runs."""
        if self.state.end is not None or self.blocked is not None:
            return False
        backward = self.backward
        return self.forward.busy or (backward is not None and backward.busy)

    @property
    def quiet(self) -> bool:
        """Whether nothing of it runs and everything is stored: it may leave memory."""
        backward = self.backward
        return (
            self.pending == 0  # the row of the index too, for those who ask after it has left
            and not self.events
            and not self.forward.busy
            and (backward is None or not backward.busy)
        )

    def fail_waiters(self, error: Exception) -> None:
        """Tells those who wait for something to be stored that it will not be."""
        waiters, self.waiters = self.waiters, []
        for future in (*(future for _, future in waiters), self.starting):
            if future is not None and not future.done():
                future.set_exception(error)

    def dismiss(self) -> None:
        """Leaves memory without effect. Async attempts under way are cancelled, unrecorded."""
        self.gone = True
        self.forward.leave()
        if self.backward is not None:
            self.backward.cancel_all()
        self.leave_body()
