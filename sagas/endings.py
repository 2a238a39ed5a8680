"""How a body ended: with a result, a failure, a cancellation, or a defect of its own.

A Failure, or a group of nothing else, is an end; so is RetriesExhausted, which an activity's policy
raises on purpose. Anything else is a defect: by default nobody is refunded for a bad deploy.
"""

import asyncio
import math
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from perdure.domain.errors import PerdureError, RetriesExhausted
from perdure.domain.events import End, RecordedError, RecordedFailure
from perdure.sagas.failure import Failure, decode_failure
from perdure.sagas.outcomes import recorded_error, recorded_failure
from perdure.sagas.workflow import Workflow

EXHAUSTED = "RetriesExhausted"  # the recorded name; a Failure class cannot take its place

Ending: TypeAlias = End | RecordedError
"""An end, or the defect for which the execution is suspended."""


def end_of_body(
    workflow: Workflow[Any, Any], cancellation: str | None, main: asyncio.Task[Any]
) -> Ending:
    """What the main task's end means. A defect after a request to cancel ends in the rollback."""
    if main.cancelled():
        if cancellation is not None:
            return End(kind="cancelled", reason=cancellation)
        text = "the body raised CancelledError without a request to cancel"
        return _defect(workflow, None, RecordedError(type="CancelledError", text=text))
    error = main.exception()
    if error is None:
        try:
            data, _ = workflow.encode_result(main.result())
        except Exception as unfit:  # validators and serializers are the user's code
            return _defect(workflow, cancellation, recorded_error(unfit))
        return End(kind="succeeded", result=Raw(data))
    leaves = _leaves(error)
    if all(isinstance(leaf, Failure | RetriesExhausted) for leaf in leaves):
        try:
            first, *also = [_recorded(leaf) for leaf in leaves]
        except Exception as unfit:  # validators and serializers are the user's code
            return _defect(workflow, cancellation, recorded_error(unfit))
        return End(kind="failed", failure=first, also=tuple(also))
    return _defect(workflow, cancellation, recorded_error(error))


def as_error(end: End) -> RecordedError:
    """An end that is none, as what went wrong."""
    if end.error is not None:
        return end.error
    if end.failure is not None:
        return RecordedError(type=end.failure.name, text=end.failure.text)
    return RecordedError(type="CancelledError", text=end.reason)


def _defect(workflow: Workflow[Any, Any], cancellation: str | None, error: RecordedError) -> Ending:
    if cancellation is not None:
        return End(kind="cancelled", reason=cancellation, error=error)
    return End(kind="defect", error=error) if workflow.on_defect == "compensate" else error


def _leaves(error: BaseException) -> list[BaseException]:
    """The exceptions of a group, in the order of the requests that ended with them.

    What the body raised itself comes last, as it was raised.
    """
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    leaves = [leaf for part in error.exceptions for leaf in _leaves(part)]
    return sorted(leaves, key=lambda leaf: getattr(leaf, "request_ordinal", math.inf))


def _recorded(error: BaseException) -> RecordedFailure:
    if isinstance(error, Failure):
        return recorded_failure(error)
    assert isinstance(error, RetriesExhausted)
    data = msgspec.json.encode([error.activity, error.attempts, error.error])
    return RecordedFailure(name=EXHAUSTED, data=Raw(data), text=str(error))


def restored(recorded: RecordedFailure, workflow: Workflow[Any, Any]) -> Exception:
    """The exception that a body ended with, as the same class with the same fields.

    A class that is not imported here gives a plain Failure that tells its name and fields.
    """
    if recorded.name == EXHAUSTED:
        return RetriesExhausted(*msgspec.json.decode(bytes(recorded.data)))
    try:
        return decode_failure(recorded.name, bytes(recorded.data), workflow.raises)
    except (LookupError, ValueError, PerdureError):
        return Failure(f"{recorded.name}: {recorded.text}")
