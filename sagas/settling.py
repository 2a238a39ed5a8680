"""Settling by probe: what became of an attempt whose answer is not known is asked, not guessed.

`asked_first` puts the question before what would otherwise follow, `after_probe` says what follows
from the answer; both are pure. `Settling` asks, as often as the probe's policy says. A probe only
looks, so its being asked is not recorded, only what it answers.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from perdure.domain import events
from perdure.domain.errors import Undecodable
from perdure.domain.events import Event, RecordedError
from perdure.domain.identity import idempotency_key
from perdure.domain.records import ActivityRecord, Phase
from perdure.sagas.activity import Activity
from perdure.sagas.attempts import Attempt, Ended, Raised, Returned, TimedOut, Withdrawn, deadline
from perdure.sagas.body import NOTHING
from perdure.sagas.context import ActivityContext
from perdure.sagas.outcomes import Trouble, recorded_error
from perdure.sagas.probe import Done, NotDone, Unknown

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution

UNISSUED = ("unissued", "suspended")  # the first had no effect, the second is tried again
NO_PROBE = RecordedError(type="NoProbe", text="this code has no probe for it any more")
NOT_DONE = RecordedError(type="NotDone", text="its probe found it not done, and it is given up")


def asked_first(
    activity: Activity[..., Any], record: ActivityRecord, following: list[Event]
) -> list[Event]:
    """What follows from the end of an attempt, with the probe asked before it if there is one."""
    failed = following[0]
    if activity.probe is None or not isinstance(failed, events.AttemptFailed):
        return following
    if failed.kind in UNISSUED:
        return following
    if record.abandoned:
        if activity.compensation is None:
            return following
        return [msgspec.structs.replace(failed, verify="end", due=failed.time)]
    if len(following) > 1:  # it would be given up
        return [msgspec.structs.replace(failed, verify="end", due=failed.time)]
    if failed.kind == "defect":  # tried again: the attempts have one key
        return following
    return [msgspec.structs.replace(failed, verify="retry", due=failed.time)]


def after_probe(
    activity: Activity[..., Any], record: ActivityRecord, how: Ended, now: int, fraction: float
) -> tuple[list[Event], Any]:
    """The events that follow from a probe's answer, and the decoded result if it was done."""
    error: RecordedError | None = None
    match how:
        case Returned(Done(result)):
            try:
                data, decoded = activity.encode_result(result)
            except Exception as unfit:  # validators and serializers are the user's code
                error = recorded_error(unfit)
            else:
                succeeded = events.ActivitySucceeded(
                    time=now, ordinal=record.ordinal, attempt=record.attempt, result=Raw(data)
                )
                return [succeeded], decoded
        case Returned(NotDone()):
            return _not_done(activity, record, now, fraction), None
        case Returned(Unknown()):
            pass
        case Returned(other):
            text = f"the probe answered {type(other).__qualname__}, not Done, NotDone or Unknown"
            error = RecordedError(type="TypeError", text=text)
        case Raised(raised):
            error = recorded_error(raised)
        case TimedOut(seconds=seconds):
            error = RecordedError(type="TimeoutError", text=f"no answer within {seconds:g} s")
        case Withdrawn():
            return [], None
    trouble = Trouble("defect", error or NO_ANSWER, now, fraction)
    probe = activity.probe
    due = None
    if probe is not None:
        due = trouble.due(probe.retry, record.probes + 1, record.started_at)
    return unknown(record, now, error, due), None


NO_ANSWER = RecordedError(type="Unknown", text="the probe could not tell")


def unknown(
    record: ActivityRecord, now: int, error: RecordedError | None, due: int | None
) -> list[Event]:
    """It is asked again at `due`; without one it stays unknown."""
    told = events.ActivityVerified(
        time=now,
        ordinal=record.ordinal,
        attempt=record.attempt,
        answer="unknown",
        error=error,
        due=due,
    )
    if due is not None or record.abandoned:
        return [told]
    return [told, _given_up(record, now, error or NO_ANSWER)]


def _not_done(
    activity: Activity[..., Any], record: ActivityRecord, now: int, fraction: float
) -> list[Event]:
    due = None
    if record.verify == "retry" and not record.abandoned:
        trouble = Trouble("defect", NOT_DONE, now, fraction)
        due = trouble.due(activity.retry, record.attempt, record.started_at)
    told = events.ActivityVerified(
        time=now, ordinal=record.ordinal, attempt=record.attempt, answer="not done", due=due
    )
    if due is not None or record.abandoned:
        return [told]
    return [told, _given_up(record, now, NOT_DONE)]


def _given_up(record: ActivityRecord, now: int, error: RecordedError) -> Event:
    return events.ActivityFailed(
        time=now, ordinal=record.ordinal, attempt=record.attempt, error=error
    )


class Settling:
    """Asks the probes of one live execution. Implements `attempts.Owner` and `timers.Sleeper`."""

    __slots__ = ("__weakref__", "attempts", "execution")

    def __init__(self, execution: "LiveExecution") -> None:
        self.execution = execution
        self.attempts: dict[int, Attempt] = {}

    def waits_for(self, ordinal: int, due: int) -> bool:
        """Whether a timer is still of use."""
        return self._record(ordinal) is not None

    def _record(self, ordinal: int) -> ActivityRecord | None:
        execution = self.execution
        record = execution.state.open.get(ordinal)
        if execution.parked or record is None or record.phase is not Phase.VERIFYING:
            return None
        return record if ordinal not in self.attempts else None

    def due(self, ordinal: int) -> None:
        """The probe is to be asked now."""
        record = self._record(ordinal)
        if record is None:
            return
        execution = self.execution
        slots, activity = execution.around.slots, execution.forward.activity(record.name)
        if slots.take(activity):
            self._ask(ordinal)
        else:
            slots.wait(activity, lambda: self._ask(ordinal))

    def _ask(self, ordinal: int) -> bool:
        record, execution = self._record(ordinal), self.execution
        if record is None:
            return False
        activity, around = execution.forward.activity(record.name), execution.around
        probe = activity.probe
        if probe is None:
            around.slots.release(activity)
            self._take(ordinal, unknown(record, execution.now(), NO_PROBE, None), NOTHING)
            execution.conclude()
            execution.submit()
            around.slots.hand_on()
            return True
        try:
            arguments = probe.bind(activity.decode_arguments(record.arguments))
        except Exception as error:  # validators are the user's code
            what = f"the arguments of {record.name} (request {ordinal})"
            execution.block(Undecodable(execution.id, what, str(error)))
            execution.submit()
            return False
        attempt = self.attempts[ordinal] = Attempt(probe, ordinal, record.attempt)
        context = ActivityContext(
            execution_id=execution.id,
            idempotency_key=idempotency_key(execution.id, "activity", ordinal, record.name),
            attempt=record.attempt,
            deadline=deadline(execution.around.clock, probe.timeout),
        )
        attempt.launch(context, arguments, around, self)
        return True

    def ended(self, attempt: Attempt, how: Ended) -> None:
        """The probe has answered, or has not."""
        execution, ordinal = self.execution, attempt.ordinal
        slots, state = execution.around.slots, execution.state
        activity = execution.forward.activity(state.activities[ordinal].name)
        if not attempt.lingers:
            slots.release(activity)
        if self.attempts.get(ordinal) is attempt:
            del self.attempts[ordinal]
            record = state.open.get(ordinal)
            if not execution.gone and record is not None and record.phase is Phase.VERIFYING:
                fraction = execution.around.randomness.fraction()
                self._take(ordinal, *after_probe(activity, record, how, execution.now(), fraction))
        if not execution.gone:
            execution.conclude()
            execution.submit()
        slots.hand_on()

    def _take(self, ordinal: int, following: list[Event], value: Any) -> None:
        execution = self.execution
        for event in following:
            decoded = value if isinstance(event, events.ActivitySucceeded) else NOTHING
            execution.take(event, decoded)
        execution.forward.schedule(ordinal)

    def leave(self) -> None:
        """Cancels what is asked; nothing of it is recorded."""
        for attempt in self.attempts.values():
            attempt.leave()
