"""What follows from the end of an attempt: the events to record, as pure decisions.

An outcome, another attempt at a recorded time, giving up, or suspension. The counter and the
back-off are in the events, so they survive a crash. `CRASHED` is the end of an attempt that was in
flight when its runner died.
"""

import traceback
from typing import Any, Literal, TypeAlias

from msgspec import Raw

from perdure.domain import events
from perdure.domain.errors import PerdureError
from perdure.domain.events import Event, RecordedError, RecordedFailure
from perdure.domain.execution import ActivityRecord, CompensationRecord
from perdure.domain.retry import Retry
from perdure.sagas.activity import Activity
from perdure.sagas.attempts import ActivitySuspended, Ended, Raised, Returned, TimedOut, Withdrawn
from perdure.sagas.compensation import Compensation
from perdure.sagas.failure import Failure, encode_failure

TEXT_LIMIT = 2_000
TRACEBACK_LIMIT = 16_000

CRASHED = RecordedError(type="Crash", text="the runner ended while this attempt was in flight")
Kind: TypeAlias = Literal["defect", "timeout", "crash"]


def recorded_error(error: BaseException) -> RecordedError:
    """An exception as it is recorded; long texts are cut."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    trace = "".join(traceback.format_exception(error))
    return RecordedError(
        type=module + kind.__qualname__,
        text=_cut(str(error), TEXT_LIMIT),
        traceback=trace if len(trace) <= TRACEBACK_LIMIT else "…" + trace[-TRACEBACK_LIMIT:],
    )


def recorded_failure(failure: Failure) -> RecordedFailure:
    encoded = encode_failure(failure)
    text = _cut(str(failure), TEXT_LIMIT)
    return RecordedFailure(name=encoded.name, data=Raw(encoded.data), text=text)


def after_attempt(
    activity: Activity[..., Any], record: ActivityRecord, ended: Ended, now: int, fraction: float
) -> tuple[list[Event], Any]:
    """The events that follow, and the decoded result where there is one."""
    match ended:
        case Returned(value):
            try:
                data, decoded = activity.encode_result(value)
            except (PerdureError, ValueError, TypeError) as error:
                return _suspended(record, now, recorded_error(error), str(error)), None
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
        case TimedOut(seconds):
            error = RecordedError(type="TimeoutError", text=f"no answer within {seconds:g} s")
            return _failed(activity, record, "timeout", error, now, fraction), None
        case Raised(error):
            recorded = recorded_error(error)
            if isinstance(error, activity.non_retryable):
                return _given_up(activity, record, "defect", recorded, now), None
            after = _retry_after(error)
            return _failed(activity, record, "defect", recorded, now, fraction, after), None


def after_crash(
    activity: Activity[..., Any], record: ActivityRecord, now: int, fraction: float
) -> list[Event]:
    """As after_attempt, for an attempt that was in flight when its runner ended: no back-off."""
    return _failed(activity, record, "crash", CRASHED, now, fraction, 0.0)


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
    except (PerdureError, ValueError, TypeError) as error:
        return _suspended(record, now, recorded_error(error), str(error))
    failed = events.ActivityFailed(
        time=now, ordinal=record.ordinal, attempt=record.attempt, failure=encoded
    )
    return [failed]


def _failed(
    activity: Activity[..., Any],
    record: ActivityRecord,
    kind: Kind,
    error: RecordedError,
    now: int,
    fraction: float,
    retry_after: float | None = None,
) -> list[Event]:
    if kind != "defect" and activity.on_unknown == "compensate":
        return _given_up(activity, record, kind, error, now)
    due = None
    if not record.abandoned:
        due = _due(activity.retry, record.attempt, record.started_at, now, fraction, retry_after)
        if due is None:
            return _given_up(activity, record, kind, error, now)
    failed = events.AttemptFailed(
        time=now, ordinal=record.ordinal, attempt=record.attempt, kind=kind, error=error, due=due
    )
    return [failed]


def _given_up(
    activity: Activity[..., Any], record: ActivityRecord, kind: Kind, error: RecordedError, now: int
) -> list[Event]:
    if activity.on_exhausted == "suspend" and not record.abandoned:
        hint = f"{activity.name} gave up after {record.attempt} attempts: {error}"
        return _suspended(record, now, error, hint)
    ordinal, attempt = record.ordinal, record.attempt
    failed = events.AttemptFailed(
        time=now, ordinal=ordinal, attempt=attempt, kind=kind, error=error
    )
    if record.abandoned:
        return [failed]
    return [
        failed,
        events.ActivityFailed(time=now, ordinal=ordinal, attempt=attempt, error=error),
    ]


def _suspended(
    record: ActivityRecord, now: int, error: RecordedError, reason: str
) -> list[Event]:
    if record.abandoned:
        return [cancelled(record, now)]
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


def after_compensation(
    compensation: Compensation,
    record: CompensationRecord,
    ended: Ended | None,
    now: int,
    fraction: float,
) -> Event:
    """What follows from the end of a compensation's attempt; None stands for a crash."""
    undoes, attempt = record.undo.undoes, record.attempt
    after: float | None = None
    kind: Kind = "defect"
    match ended:
        case Returned():
            return events.ActivityCompensated(time=now, undoes=undoes, attempt=attempt)
        case Raised(Failure() as failure):
            return events.CompensationFailed(
                time=now,
                undoes=undoes,
                attempt=attempt,
                error=recorded_error(failure),
            )
        case Raised(ActivitySuspended() as suspension):
            error = RecordedError(type="Suspended", text=suspension.reason)
            return events.CompensationFailed(time=now, undoes=undoes, attempt=attempt, error=error)
        case Raised(raised):
            error, after = recorded_error(raised), _retry_after(raised)
        case TimedOut(seconds):
            kind = "timeout"
            error = RecordedError(type="TimeoutError", text=f"no answer within {seconds:g} s")
        case _:
            kind, error, after = "crash", CRASHED, 0.0
    due = _due(compensation.retry, attempt, record.started_at, now, fraction, after)
    if due is None:
        return events.CompensationFailed(time=now, undoes=undoes, attempt=attempt, error=error)
    return events.CompensationAttemptFailed(
        time=now, undoes=undoes, attempt=attempt, kind=kind, error=error, due=due
    )


def _due(
    retry: Retry,
    attempt: int,
    started_at: int,
    now: int,
    fraction: float,
    retry_after: float | None,
) -> int | None:
    elapsed = (now - started_at) / 1_000_000
    delay = retry.next_delay(attempt, elapsed, fraction, retry_after)
    return None if delay is None else now + round(delay * 1_000_000)


def _retry_after(error: BaseException) -> float | None:
    after = getattr(error, "retry_after", None)
    if isinstance(after, int | float) and not isinstance(after, bool):
        return float(after)
    return None


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "…"

