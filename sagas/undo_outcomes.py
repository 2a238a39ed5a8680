"""What follows from the end of a compensation's attempt, as a pure decision.

Done, another attempt at a recorded time, or stuck. What follows on the way forward is `outcomes`'
matter.
"""

from typing import Any

from perdure.domain import events
from perdure.domain.events import Event, RecordedError, RecordedFailure
from perdure.domain.records import CompensationRecord
from perdure.sagas.attempts import ActivitySuspended, Ended, Raised, Returned, TimedOut
from perdure.sagas.compensation import Compensation
from perdure.sagas.failure import Failure
from perdure.sagas.outcomes import (
    CRASHED,
    STOPPED,
    Kind,
    Trouble,
    late,
    recorded_error,
    recorded_failure,
    retry_after,
)
from perdure.sagas.suspects import is_guilty, verdict


def after_compensation(
    compensation: Compensation[..., Any],
    record: CompensationRecord,
    ended: Ended | None,
    now: int,
    fraction: float,
    *,
    stopped: bool = False,
) -> Event:
    """What follows from the end of a compensation's attempt; None stands for a crash, or a stop."""
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
                failure=_declared_by(compensation, failure),
            )
        case Raised(ActivitySuspended() as suspension):
            error = RecordedError(type="Suspended", text=suspension.reason)
            return events.CompensationFailed(time=now, undoes=undoes, attempt=attempt, error=error)
        case Raised(raised):
            error, after = recorded_error(raised), retry_after(raised)
        case TimedOut():
            kind, error = "timeout", late(ended)
        case _ if stopped:
            kind, error, after = "stopped", STOPPED, 0.0
        case _ if is_guilty(record):
            error = verdict(record.undo.compensation, record)
            return events.CompensationFailed(time=now, undoes=undoes, attempt=attempt, error=error)
        case _:
            kind, error, after = "crash", CRASHED, 0.0
    trouble = Trouble(kind, error, now, fraction, after)
    due = trouble.due(compensation.retry, attempt, record.started_at)
    if due is None:
        return events.CompensationFailed(time=now, undoes=undoes, attempt=attempt, error=error)
    return events.CompensationAttemptFailed(
        time=now, undoes=undoes, attempt=attempt, kind=kind, error=error, due=due
    )


def _declared_by(compensation: Compensation[..., Any], failure: Failure) -> RecordedFailure | None:
    """The failure with its fields, if it was to be expected."""
    if not isinstance(failure, compensation.raises):
        return None
    try:
        return recorded_failure(failure)
    except Exception:  # told as an error alone: stuck it is either way
        return None
