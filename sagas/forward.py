"""The way forward of one live execution: its activities' attempts, their slots and retries.

It records starts and what follows from ends; feeding the body is the execution's matter, the
rollback `backward`'s.
"""

from typing import TYPE_CHECKING, Any

from msgspec import Raw

from perdure.domain import events
from perdure.domain.errors import AmbiguousCode, Undecodable, UnknownCode
from perdure.domain.identity import idempotency_key
from perdure.domain.records import ActivityRecord, Phase
from perdure.sagas.activity import Activity
from perdure.sagas.attempts import Attempt, Ended, deadline
from perdure.sagas.body import NOTHING
from perdure.sagas.context import ActivityContext
from perdure.sagas.outcomes import after_attempt, cancelled, kept_trying
from perdure.sagas.requests import ActivityRequest
from perdure.sagas.settling import Settling, asked_first
from perdure.sagas.suspects import is_suspect

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution


class Forward:
    """See the module."""

    __slots__ = (
        "__weakref__",
        "activities",
        "attempts",
        "execution",
        "launches",
        "lingering",
        "settling",
        "unstarted",
        "withdrawals",
    )

    def __init__(self, execution: "LiveExecution") -> None:
        self.execution = execution
        self.attempts: dict[int, Attempt] = {}
        self.launches: list[tuple[int, int]] = []  # (version of the start, ordinal): to launch
        self.unstarted: dict[int, tuple[ActivityRequest, int, int]] = {}  # without a slot yet
        self.withdrawals: list[tuple[int, int]] = []  # likewise: to cancel
        self.settling: Settling | None = None  # once a probe has to be asked
        self.lingering = 0  # timed-out sync attempts whose threads still run
        self.activities: dict[str, Activity[..., Any]] = {}  # seen by the body, by name

    @property
    def busy(self) -> bool:
        """Whether something runs, is to be launched, or waits for a slot that it can get."""
        execution = self.execution
        if self.unstarted and not execution.around.slots.closed and not execution.parked:
            return True
        if self.settling is not None and self.settling.attempts:
            return True
        return bool(self.attempts or self.launches or self.lingering)

    def activity(self, name: str) -> Activity[..., Any]:
        """The activity recorded under this name. UnknownCode when no open code defines it."""
        found = self.activities.get(name) or self.execution.around.activities.get(name)
        if found is None:
            raise UnknownCode(self.execution.id, "activity", name)
        return found

    def see(self, activity: Activity[..., Any]) -> None:
        """Remembers what a body calls by this name. AmbiguousCode when that is not one thing here.

        Aliases do not count: whoever renames one of two has to keep its old name. Nor do rollbacks.
        """
        name, execution = activity.name, self.execution
        if self.activities.get(name) is activity:
            return
        other = self.activities.setdefault(name, activity)
        if other is activity and execution.state.goes_forward:
            other = execution.around.names.setdefault(name, activity)
        if other is not activity:
            raise AmbiguousCode(execution.id, name, f"{other.where} and {activity.where}")
        for alias in activity.aliases:
            self.activities.setdefault(alias, activity)

    # Starting

    def ask(self, request: ActivityRequest, feed: int, among: int) -> None:
        """Starts the activity in this submission if a slot is free, later otherwise."""
        execution = self.execution
        if execution.parked:  # in no line: it would hold up others, and is asked for again
            self.unstarted[request.ordinal] = (request, feed, among)
        elif execution.around.slots.take(request.activity):
            self._first(request, feed, among)
        else:
            self.wait(request, feed, among)

    def wait(self, request: ActivityRequest, feed: int, among: int) -> None:
        """Lets the activity wait for a slot. A start needs no event to be asked for again."""
        ordinal = request.ordinal
        self.unstarted[ordinal] = (request, feed, among)

        def granted() -> bool:
            execution = self.execution
            if execution.parked or self.unstarted.get(ordinal, (None,))[0] is not request:
                return False
            del self.unstarted[ordinal]
            self._first(request, feed, among)
            execution.submit()
            return True

        self.execution.around.slots.wait(request.activity, granted)

    def _first(self, request: ActivityRequest, feed: int, among: int) -> None:
        execution = self.execution
        started = events.ActivityStarted(
            time=execution.now(),
            ordinal=request.ordinal,
            activity=request.activity.name,
            attempt=1,
            arguments=Raw(request.arguments),
            feed=feed,
            among=among,
            code=execution.workflow.code_fingerprint,
            pivot=request.activity.pivot,
        )
        execution.record(started)
        request.arguments = execution.state.activities[request.ordinal].arguments  # one copy
        self.launches.append((execution.state.version, request.ordinal))

    def due(self, ordinal: int) -> None:
        """The next attempt is due."""
        record = self._next_attempt(ordinal)
        if record is not None and is_suspect(record):
            key = (self.execution.id, ordinal)
            self.execution.around.suspects.line_up(key, lambda: self._try(ordinal, alone=True))
        elif record is not None:
            self._try(ordinal, alone=False)

    def _try(self, ordinal: int, *, alone: bool) -> bool:
        record = self._next_attempt(ordinal)
        if record is None:
            return False
        slots, activity = self.execution.around.slots, self.activity(record.name)
        if slots.take(activity):
            return self._next(ordinal, alone=alone)
        slots.wait(activity, lambda: self._next(ordinal, alone=alone))
        return True

    def _next_attempt(self, ordinal: int) -> ActivityRecord | None:
        """What is to be tried again now. It may have been begun, or put off, since it was asked."""
        execution = self.execution
        record = execution.state.open.get(ordinal)
        if execution.parked or record is None or record.phase is not Phase.BACKING_OFF:
            return None
        return record if record.due is not None and record.due <= execution.now() else None

    def _next(self, ordinal: int, *, alone: bool) -> bool:
        execution = self.execution
        record = self._next_attempt(ordinal)
        if record is None:
            return False
        started = events.ActivityStarted(
            time=execution.now(),
            ordinal=ordinal,
            activity=record.name,
            attempt=record.attempt + 1,
            code=execution.workflow.code_fingerprint,
            alone=alone,
        )
        execution.record(started)
        self.launches.append((execution.state.version, ordinal))
        execution.submit()
        return True

    def rearm(self) -> None:
        """After a resumption or a load: what is parked or waits goes on."""
        execution = self.execution
        for ordinal in list(execution.state.open):
            self.schedule(ordinal)
        for ordinal, asked in list(self.unstarted.items()):
            if self.unstarted.pop(ordinal, None) is not None:
                self.ask(*asked)

    def waits_for(self, ordinal: int, due: int) -> bool:
        """Whether a timer is still of use. Implements `timers.Sleeper`."""
        record = self.execution.state.open.get(ordinal)
        return not self.execution.gone and record is not None and record.due == due

    def schedule(self, ordinal: int) -> None:
        """Sets the timer of the next attempt, or of the next question to the probe, if any."""
        record = self.execution.state.open.get(ordinal)
        if record is None or record.due is None:
            return
        callback = self.due
        if record.phase is Phase.VERIFYING:
            if self.settling is None:
                self.settling = Settling(self.execution)
            callback = self.settling.due
        self.execution.around.timers.add(record.due, ordinal, callback)

    # Running

    def launch(self, stored_version: int) -> None:
        """Launches what is started, stored, still current, and not launched.

        Before that it cancels what the body waits for no longer, where that is stored.
        """
        if self.withdrawals:
            for version, ordinal in self.withdrawals:
                if version <= stored_version and ordinal in self.attempts:
                    self.attempts[ordinal].cancel()
            self.withdrawals = [entry for entry in self.withdrawals if entry[0] > stored_version]
        while self.launches and self.launches[0][0] <= stored_version:
            _, ordinal = self.launches.pop(0)
            if self.execution.state.open[ordinal].abandoned:
                self._unissued(ordinal)
            else:
                assert ordinal not in self.attempts, f"{self.execution.id}: {ordinal} runs"
                self._launch(ordinal)

    def _unissued(self, ordinal: int) -> None:
        """The body stopped waiting before the attempt was issued: it had no effect."""
        execution = self.execution
        slots, record = execution.around.slots, execution.state.open[ordinal]
        slots.release(self.activity(record.name))
        execution.take(cancelled(record, execution.now(), "unissued"))
        execution.submit()
        slots.hand_on()

    def _launch(self, ordinal: int) -> None:
        execution = self.execution
        record = execution.state.open[ordinal]
        activity, around = self.activity(record.name), execution.around
        try:
            arguments = activity.decode_arguments(record.arguments)
        except Exception as error:  # validators are the user's code
            around.slots.release(activity)
            around.slots.hand_on()
            what = f"the arguments of {record.name} (request {ordinal})"
            raise Undecodable(execution.id, what, str(error)) from error
        attempt = self.attempts[ordinal] = Attempt(activity, ordinal, record.attempt)
        context = ActivityContext(
            execution_id=execution.id,
            idempotency_key=idempotency_key(execution.id, "activity", ordinal, record.name),
            attempt=record.attempt,
            deadline=deadline(execution.around.clock, activity.timeout),
        )
        attempt.launch(context, arguments, around, self)
        if record.alone:
            around.suspects.begun((execution.id, ordinal))

    def leave(self) -> None:
        """Cancels every async attempt, and gives back slots; nothing of it is recorded."""
        for attempt in self.attempts.values():
            attempt.leave()
        if self.settling is not None:
            self.settling.leave()
        launches, self.launches = self.launches, []
        slots = self.execution.around.slots
        for _, ordinal in launches:
            slots.release(self.activity(self.execution.state.activities[ordinal].name))
        if launches:
            slots.hand_on()

    def ended(self, attempt: Attempt, how: Ended) -> None:
        """An attempt is over: records what follows, or lets go of a thread that lingered."""
        execution = self.execution
        slots = execution.around.slots
        activity = attempt.runnable
        assert isinstance(activity, Activity)
        if self.attempts.get(attempt.ordinal) is attempt:
            del self.attempts[attempt.ordinal]
            self.lingering += attempt.lingers
            if not attempt.lingers:
                slots.release(activity)
            if not execution.gone:
                self._follow(activity, attempt, how)
        else:  # a thread that lingered is through
            self.lingering -= 1
            slots.release(activity)
        if not execution.gone:
            execution.conclude()
            execution.submit()
        slots.hand_on()

    def _follow(self, activity: Activity[..., Any], attempt: Attempt, how: Ended) -> None:
        execution = self.execution
        record = execution.state.activities[attempt.ordinal]
        if record.alone:
            execution.around.suspects.through((execution.id, attempt.ordinal))
        assert (record.attempt, record.phase) == (attempt.number, Phase.IN_FLIGHT), execution.id
        fraction = execution.around.randomness.fraction()
        following, value = after_attempt(activity, record, how, execution.now(), fraction)
        if execution.state.pivot is not None:
            following = kept_trying(record, following)
        for event in asked_first(activity, record, following):
            decoded = value if isinstance(event, events.ActivitySucceeded) else NOTHING
            execution.take(event, decoded)
        self.schedule(attempt.ordinal)
