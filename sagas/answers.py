"""What callers are told of an execution: its outcome, and how two requests of it differ."""

import difflib
import json
from typing import Any, TypeVar

from perdure.domain import events
from perdure.domain.errors import (
    CancelledExecution,
    PerdureError,
    Undecodable,
    WorkflowDefect,
)
from perdure.domain.events import Terminal
from perdure.domain.execution import skipped_of, undone_of
from perdure.sagas.endings import restored
from perdure.sagas.workflow import Workflow

R = TypeVar("R")


def outcome(workflow: Workflow[Any, R], execution_id: str, end: Terminal) -> R:
    """The decoded result, or the end raised as its error."""
    match end:
        case events.ExecutionSucceeded():
            try:
                return workflow.decode_result(bytes(end.result))
            except (ValueError, PerdureError) as error:
                raise Undecodable(execution_id, "the result", str(error)) from error
        case events.ExecutionCancelled():
            raise CancelledExecution(execution_id, end.end.reason, end.undone)
    undone = undone_of(end)
    if end.end.failure is None:
        raise WorkflowDefect(execution_id, str(end.end.error), undone)
    failure = restored(end.end.failure, workflow)
    for also in end.end.also:
        failure.add_note(f"together with {also.name}: {also.text}")
    told = ", ".join(undone) if undone else "nothing had to be undone"
    skipped = skipped_of(end)
    more = f"; skipped: {', '.join(skipped)}" if skipped else ""
    failure.add_note(f"{execution_id} failed with this; undone: {told}{more}")
    raise failure


def same(workflow: Workflow[Any, Any], recorded: bytes, payload: bytes) -> bool:
    try:
        return workflow.request.canonical(recorded) == workflow.request.canonical(payload)
    except (ValueError, PerdureError):
        return False


def difference(recorded: bytes, given: bytes) -> str:
    """Two encoded requests, line by line: - is recorded, + is given."""
    before, after = (
        json.dumps(json.loads(data), indent=2, ensure_ascii=False).splitlines()
        for data in (recorded, given)
    )
    compared = difflib.unified_diff(before, after, "recorded", "given", lineterm="", n=1)
    return "\n".join(compared)
