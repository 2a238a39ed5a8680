"""The aggregate: what a stream of events amounts to. One pure fold, no decisions, no I/O.

`Execution.apply` takes the events in order; `rollback` decides what is to be undone, `states` says
in one word how an execution is. Replaying the body is not done here.
"""

from collections.abc import Mapping

from perdure.domain import events
from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.records import ActivityRecord, CompensationRecord, Phase, Rollback


class Execution:
    """An execution as of its last event. `apply` mutates it; nothing else does."""

    __slots__ = (
        "activities",
        "cancellation",
        "code",
        "end",
        "id",
        "open",
        "pivot",
        "pivots",
        "request",
        "rollback",
        "started",
        "suspended",
        "tags",
        "time",
        "timers",
        "version",
        "versions",
    )

    def __init__(self, execution_id: str) -> None:
        self.id = execution_id
        self.version = 0
        self.time = 0
        self.started = 0
        self.request = b""
        self.code = ""
        self.tags: Mapping[str, str] | None = None
        self.activities: dict[int, ActivityRecord] = {}
        self.open: dict[int, ActivityRecord] = {}
        self.timers: dict[int, int] = {}
        self.versions: dict[str, int] = {}
        self.cancellation: str | None = None
        self.pivot: str | None = None  # the activity after which nothing is rolled back
        self.pivots: tuple[int, ...] = ()  # ordinals of those that are one once they succeed
        self.suspended: list[events.ExecutionSuspended] = []
        self.rollback: Rollback | None = None
        self.end: events.Terminal | None = None

    def apply(self, event: Event) -> None:
        """Takes the next event of the stream."""
        self.version += 1
        self.time = event.time
        match event:
            case events.ActivityStarted():
                self._started(event)
            case events.ActivitySucceeded():
                record = self._closed(event.ordinal, Phase.SUCCEEDED)
                record.result = bytes(event.result)
                if event.ordinal in self.pivots and not record.abandoned:
                    self.pivot = record.name
            case events.ActivityFailed():
                had_effect = event.error is not None and event.ordinal in self.open
                had_effect = had_effect and self.open[event.ordinal].verify != "not done"
                self._closed(event.ordinal, Phase.GIVEN_UP if had_effect else Phase.FAILED)
            case events.ActivityVerified():
                self._verified(event)
            case events.AttemptFailed(kind="unissued"):  # the attempts before it were issued
                first = event.attempt == 1
                self._closed(event.ordinal, Phase.FAILED if first else Phase.GIVEN_UP)
            case events.AttemptFailed():
                record = self.activities[event.ordinal]
                record.failed_attempt(event)
                if record.phase is Phase.GIVEN_UP and record.abandoned:
                    self._closed(event.ordinal, Phase.GIVEN_UP)
            case events.ActivityAbandoned():
                self._abandoned(event)
            case events.TimerSet():
                self.timers[event.ordinal] = event.due
            case events.TimerFired() | events.TimerCancelled():
                self.timers.pop(event.ordinal, None)
            case events.VersionRecorded():
                self.versions[event.change] = event.number
            case events.ExecutionSuspended():
                self.suspended.append(event)
            case events.ExecutionResumed():
                self._resumed()
            case events.CancellationRequested():
                if self.cancellation is None:
                    self.cancellation = event.reason
                    self._unparked()
            case events.ExecutionStarted():
                self.started = event.time
                self.request = bytes(event.request)
                self.code = event.code
                self.tags = event.tags or None
            case _:
                self._apply_to_end(event)

    @property
    def goes_forward(self) -> bool:
        """Whether its body has something left to do: neither a rollback nor the end has come."""
        return self.rollback is None and self.end is None

    def _apply_to_end(self, event: Event) -> None:
        match event:
            case events.CompensationBegan():
                self.rollback = Rollback(event)
                self.timers.clear()
            case (
                events.ExecutionSucceeded()
                | events.ExecutionFailed()
                | events.ExecutionCompensated()
                | events.ExecutionCancelled()
            ):
                self.end = event
                self.timers.clear()
            case _:
                self._apply_to_rollback(event)

    def _apply_to_rollback(self, event: Event) -> None:
        rollback = self.rollback
        assert rollback is not None, f"{self.id}: {event} outside a rollback"
        match event:
            case events.CompensationStarted():
                undo = rollback.next()
                assert undo is not None, f"{self.id}: {event} after the last one"
                assert undo.undoes == event.undoes, f"{self.id}: {event}, not {undo}"
                if rollback.current is None:
                    rollback.current = CompensationRecord(undo, event.time)
                rollback.current.attempt = event.attempt
                rollback.current.alone = event.alone
                rollback.current.phase = Phase.IN_FLIGHT
                rollback.current.due = None
                return
            case events.CompensationResolved():
                self._resolved(event, rollback)
                return
        current = rollback.current
        assert current is not None, f"{self.id}: {event} before its start"
        match event:
            case events.CompensationAttemptFailed():
                current.phase = Phase.BACKING_OFF
                current.due = event.due
                if event.kind != "stopped":
                    current.crashes = current.crashes + 1 if event.kind == "crash" else 0
            case events.CompensationFailed():
                current.phase = Phase.FAILED
                current.due = None
                current.failed = event
            case events.ActivityCompensated():
                rollback.undone.append(current.undo)
                rollback.current = None
            case _:
                raise AssertionError(f"{self.id}: the fold knows no {type(event).__name__}")

    def _resolved(self, event: events.CompensationResolved, rollback: Rollback) -> None:
        undo, current = rollback.next(), rollback.current
        assert undo is not None, f"{self.id}: {event} after the last one"
        assert undo.undoes == event.undoes, f"{self.id}: {event}, not {undo}"
        if event.how in ("skip", "by_hand"):
            done = rollback.undone if event.how == "by_hand" else rollback.skipped
            done.append(undo)
            rollback.current = None
        elif current is not None:  # otherwise it was never started: that comes next anyway
            current.failed, current.phase, current.due = None, Phase.BACKING_OFF, self.time
            current.crashes = 0
            if event.how == "replace":
                current.arguments = bytes(event.arguments)

    def _started(self, event: events.ActivityStarted) -> None:
        if event.attempt == 1:
            record = ActivityRecord(event, self.version)
            if event.pivot:
                self.pivots = (*self.pivots, event.ordinal)
            self.activities[event.ordinal] = self.open[event.ordinal] = record
        else:
            record = self.activities[event.ordinal]
            record.attempt = event.attempt
            record.phase = Phase.IN_FLIGHT
            record.due, record.verify, record.alone = None, "", event.alone

    def _closed(self, ordinal: int, phase: Phase) -> ActivityRecord:
        record = self.open.pop(ordinal)
        record.phase = phase
        record.due = None
        record.ended_version = self.version
        return record

    def _verified(self, event: events.ActivityVerified) -> None:
        record = self.activities[event.ordinal]
        record.probes += 1
        record.due = event.due
        if event.answer == "not done":
            record.phase, record.verify = Phase.BACKING_OFF, "not done"
            if event.due is None and record.abandoned:
                self._closed(event.ordinal, Phase.FAILED)
        elif event.due is None and record.abandoned:
            self._closed(event.ordinal, Phase.GIVEN_UP)

    def _abandoned(self, event: events.ActivityAbandoned) -> None:
        record = self.activities[event.ordinal]
        record.abandoned = True
        ended = event.ordinal not in self.open  # held, and dropped by the code that came after
        if event.verify:
            record.phase, record.due, record.verify = Phase.VERIFYING, event.time, "end"
        elif not ended and record.phase not in (Phase.IN_FLIGHT, Phase.VERIFYING):
            self._closed(event.ordinal, Phase.GIVEN_UP)

    def _unparked(self) -> None:
        self.suspended.clear()
        for record in self.open.values():
            record.crashes = 0
            if record.phase is Phase.PARKED:
                record.phase, record.due = Phase.BACKING_OFF, self.time

    def _resumed(self) -> None:
        self._unparked()
        rollback = self.rollback
        if rollback is not None and rollback.current is not None and rollback.current.failed:
            rollback.current.failed = None
            rollback.current.crashes = 0
            rollback.current.phase = Phase.BACKING_OFF
            rollback.current.due = self.time


def fold(execution_id: str, stream: list[Event]) -> Execution:
    """The execution that these events, from the first on, amount to.

    Raises Undecodable when one does not follow from those before it.
    """
    execution = Execution(execution_id)
    for event in stream:
        try:
            execution.apply(event)
        except (LookupError, AssertionError, AttributeError) as error:
            what = f"event {execution.version} ({type(event).__name__})"
            reason = f"it does not follow from the events before it: {error!r}"
            raise Undecodable(execution_id, what, reason) from error
    return execution


def skipped_of(terminal: events.Terminal) -> tuple[str, ...]:
    """The activities that stay done because somebody has decided so."""
    match terminal:
        case events.ExecutionCompensated() | events.ExecutionCancelled():
            return terminal.skipped
        case _:
            return ()


def undone_of(terminal: events.Terminal) -> tuple[str, ...]:
    """The activities that were undone before this end, in that order."""
    match terminal:
        case events.ExecutionCompensated() | events.ExecutionCancelled():
            return terminal.undone
        case _:
            return ()
