"""What follows from the end of an attempt: the events to record, as pure decisions.

An outcome, another attempt at a recorded time, giving up, or suspension. The counter and the
back-off are in the events, so they survive a crash. `CRASHED` is the end of an attempt that was in
flight when its runner died.
"""

import traceback
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import Event, RecordedError, RecordedFailure
from perdure.domain.records import ActivityRecord
from perdure.domain.retry import LONGEST_DELAY_SECONDS, Retry
from perdure.sagas.activity import Activity
from perdure.sagas.attempts import ActivitySuspended, Ended, Raised, Returned, TimedOut, Withdrawn
from perdure.sagas.failure import Failure, encode_failure
from perdure.sagas.suspects import is_guilty, verdict

TEXT_LIMIT = 2_000
TRACEBACK_LIMIT = 16_000

CRASHED = RecordedError(type="Crash", text="the runner ended while this attempt was in flight")
STOPPED = RecordedError(type="Stopped", text="the engine stopped while this attempt was in flight")
Kind: TypeAlias = Literal["defect", "timeout", "crash", "stopped"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What ended an attempt without an outcome, when, and the randomness drawn for its retry."""

    kind: Kind
    error: RecordedError
    now: int
    fraction: float
    retry_after: float | None = None

    def due(self, retry: Retry, attempt: int, started_at: int) -> int | None:
        """When the next attempt begins; None when the policy gives up."""
        elapsed = (self.now - started_at) / 1_000_000
        delay = retry.next_delay(attempt, elapsed, self.fraction, self.retry_after)
        return None if delay is None else self.now + round(delay * 1_000_000)


def recorded_error(error: BaseException) -> RecordedError:
    """An exception as it is recorded; long texts are cut. Raises nothing, whatever it is given."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    try:
        trace = "".join(without_carets(traceback.TracebackException.from_exception(error)).format())
    except Exception:  # its texts are the user's code
        trace = ""
    return RecordedError(
        type=module + kind.__qualname__,
        text=_cut(text_of(error), TEXT_LIMIT),
        traceback=trace if len(trace) <= TRACEBACK_LIMIT else "…" + trace[-TRACEBACK_LIMIT:],
    )


def without_carets(told: traceback.TracebackException) -> traceback.TracebackException:
    """The same, without the marks under its lines: to find them takes longer than all the rest."""
    for frame in told.stack:
        frame.colno = None
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if other is not None:
            without_carets(other)
    return told


def text_of(error: BaseException) -> str:
    """What it says; a group says what is in it, for nobody looks into a traceback first."""
    try:
        if not isinstance(error, BaseExceptionGroup):
            return str(error)
        parts = (f"{type(part).__qualname__}: {text_of(part)}" for part in error.exceptions)
        return f"{error.message}: {'; '.join(parts)}"
    except Exception as defect:
        return f"(its text cannot be told: str() of it raised {type(defect).__name__})"


def recorded_failure(failure: Failure) -> RecordedFailure:
    encoded = encode_failure(failure)
    text = _cut(text_of(failure), TEXT_LIMIT)
    return RecordedFailure(name=encoded.name, data=Raw(encoded.data), text=text)


def after_attempt(
    activity: Activity[..., Any], record: ActivityRecord, ended: Ended, now: int, fraction: float
) -> tuple[list[Event], Any]:
    """The events that follow, and the decoded result where there is one."""
    match ended:
        case Returned(value):
            try:
                data, decoded = activity.encode_result(value)
            except Exception as unfit:  # validators and serializers are the user's code
                return _suspended(record, now, recorded_error(unfit), text_of(unfit)), None
            succeeded = events.ActivitySucceeded(
                time=now, ordinal=record.ordinal, attempt=record.attempt, result=Raw(data)
            )
            return [succeeded], decoded
        case Raised(Failure() as failure):
            return _declared(activity, record, failure, now), None
        case Raised(ActivitySuspended() as suspension):
            error = RecordedError(type="Suspended", text=suspension.reason)
            return _suspended(record, now, error, suspension.reason), None
        case Withdrawn():
            return [cancelled(record, now)], None
        case TimedOut():
            return _failed(activity, record, Trouble("timeout", late(ended), now, fraction)), None
        case Raised(error):
            recorded = recorded_error(error)
            trouble = Trouble("defect", recorded, now, fraction, retry_after(error))
            if isinstance(error, activity.non_retryable):
                return _given_up(activity, record, trouble), None
            return _failed(activity, record, trouble), None


def after_crash(
    activity: Activity[..., Any],
    record: ActivityRecord,
    now: int,
    fraction: float,
    *,
    stopped: bool = False,
) -> list[Event]:
    """As after_attempt, for an attempt that was in flight when its runner ended: no back-off.

    `stopped`: the runner has not died but was stopped.
    """
    if stopped:
        return _failed(activity, record, Trouble("stopped", STOPPED, now, fraction, 0.0))
    if is_guilty(record) and not record.abandoned:
        error = verdict(record.name, record)
        return _suspended(record, now, error, error.text)
    return _failed(activity, record, Trouble("crash", CRASHED, now, fraction, 0.0))


def cancelled(
    record: ActivityRecord, now: int, kind: Literal["cancelled", "unissued"] = "cancelled"
) -> Event:
    """An attempt that the body waits for no longer, ended without an outcome or never issued."""
    text = "the body waits for it no longer"
    return events.AttemptFailed(
        time=now,
        ordinal=record.ordinal,
        attempt=record.attempt,
        kind=kind,
        error=RecordedError(type="Cancelled", text=text),
    )


def _declared(
    activity: Activity[..., Any], record: ActivityRecord, failure: Failure, now: int
) -> list[Event]:
    name = type(failure).failure_name
    if not isinstance(failure, activity.raises):
        hint = f"{name} is not declared: add it to raises=[...] of {activity.name}, then resume"
        return _suspended(record, now, recorded_error(failure), hint)
    try:
        encoded = recorded_failure(failure)
    except Exception as error:  # as above
        return _suspended(record, now, recorded_error(error), text_of(error))
    failed = events.ActivityFailed(
        time=now, ordinal=record.ordinal, attempt=record.attempt, failure=encoded
    )
    return [failed]


def _failed(activity: Activity[..., Any], record: ActivityRecord, trouble: Trouble) -> list[Event]:
    if trouble.kind != "defect" and activity.on_unknown == "compensate":
        return _given_up(activity, record, trouble)
    due = None
    if not record.abandoned:
        due = trouble.due(activity.retry, record.attempt, record.started_at)
        if due is None:
            return _given_up(activity, record, trouble)
    return [_attempt_failed(record, trouble, due)]


def _given_up(
    activity: Activity[..., Any], record: ActivityRecord, trouble: Trouble
) -> list[Event]:
    if record.abandoned:
        return [_attempt_failed(record, trouble)]
    if activity.on_exhausted == "suspend":
        hint = f"{activity.name} gave up after {record.attempt} attempts: {trouble.error}"
        return _suspended(record, trouble.now, trouble.error, hint)
    given_up = events.ActivityFailed(
        time=trouble.now, ordinal=record.ordinal, attempt=record.attempt, error=trouble.error
    )
    return [_attempt_failed(record, trouble), given_up]


def kept_trying(record: ActivityRecord, following: list[Event]) -> list[Event]:
    """Past the pivot what is given up suspends instead: it can only go forward."""
    failed = following[-1]
    if not isinstance(failed, events.ActivityFailed) or failed.error is None:
        return following
    hint = f"{record.name} gave up after {record.attempt} attempts, past the pivot: {failed.error}"
    return _suspended(record, failed.time, failed.error, hint)


def _attempt_failed(record: ActivityRecord, trouble: Trouble, due: int | None = None) -> Event:
    return events.AttemptFailed(
        time=trouble.now,
        ordinal=record.ordinal,
        attempt=record.attempt,
        kind=trouble.kind,
        error=trouble.error,
        due=due,
    )


def _suspended(record: ActivityRecord, now: int, error: RecordedError, reason: str) -> list[Event]:
    if record.abandoned:  # nobody waits for it any more, so nobody has to see to it
        return [_attempt_failed(record, Trouble("defect", error, now, 0.0))]
    ordinal, attempt = record.ordinal, record.attempt
    return [
        events.AttemptFailed(
            time=now, ordinal=ordinal, attempt=attempt, kind="suspended", error=error
        ),
        events.ExecutionSuspended(
            time=now,
            cause="activity",
            ordinal=ordinal,
            reason=f"{record.name}: {_cut(reason, TEXT_LIMIT)}",
            error=error,
        ),
    ]


def late(ended: TimedOut) -> RecordedError:
    text = f"no answer within {ended.seconds:g} s"
    if ended.error is None:
        return RecordedError(type="TimeoutError", text=text)
    raised = recorded_error(ended.error)
    return RecordedError(
        type="TimeoutError",
        text=_cut(f"{text}; told so, it raised {raised}", TEXT_LIMIT),
        traceback=raised.traceback,
    )


def retry_after(error: BaseException) -> float | None:
    try:
        after = getattr(error, "retry_after", None)
        if isinstance(after, int) and not isinstance(after, bool):
            return float(min(max(after, 0), LONGEST_DELAY_SECONDS))
        if isinstance(after, float):
            return after
    except Exception:  # it may be the user's code
        return None
    return None


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "…"
