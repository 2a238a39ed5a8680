"""A stream for people and programs: one flat view of each event, payloads as JSON values.

`history()` gives these; the command line prints them, tests compare them. Nothing here needs the
code that ran.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.states import instant


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEvent:
    """An event of an execution. Fields that its kind does not have are None.

    `arguments`, `result` and `failure` are JSON values as recorded; `error` is type and text.
    `undoes` is the ordinal of the activity that a compensation event is about. A start tells its
    `tags`, and the id of the run before it, `previous`.
    """

    version: int
    time: datetime
    kind: str
    activity: str | None = None
    ordinal: int | None = None
    attempt: int | None = None
    arguments: Any = None
    result: Any = None
    failure: Any = None
    error: str | None = None
    due: datetime | None = None
    reason: str | None = None
    undoes: int | None = None
    tags: Mapping[str, str] | None = None
    previous: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What is not None, with times as ISO 8601 text."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
            if value is not None
        }


def history_of(stream: list[Event]) -> list[HistoryEvent]:
    """The view of a whole stream; later events of an activity bear its name too."""
    names: dict[int, str] = {}
    view = []
    for version, event in enumerate(stream, 1):
        if isinstance(event, events.ActivityStarted):
            names[event.ordinal] = event.activity
        view.append(_seen(version, event, names))
    return view


def _seen(version: int, event: Event, names: dict[int, str]) -> HistoryEvent:
    ordinal = getattr(event, "ordinal", None) or None
    undoes = getattr(event, "undoes", None)
    end = getattr(event, "end", None)
    failure = getattr(event, "failure", None) or getattr(end, "failure", None)
    error = getattr(event, "error", None) or getattr(end, "error", None)
    result = getattr(event, "result", None)
    arguments: Raw | None = getattr(event, "arguments", None)
    if isinstance(event, events.ExecutionStarted):
        arguments = event.request
    due = getattr(event, "due", None)
    return HistoryEvent(
        version=version,
        time=instant(event.time),
        kind=type(event).__name__,
        activity=names.get(undoes or ordinal or 0),
        ordinal=ordinal,
        attempt=getattr(event, "attempt", None),
        arguments=_value(arguments),
        result=_value(result),
        failure=None if failure is None else {"name": failure.name, **_fields(failure.data)},
        error=None if error is None else str(error),
        due=None if due is None else instant(due),
        reason=getattr(event, "reason", None) or getattr(end, "reason", None) or None,
        undoes=undoes,
        tags=getattr(event, "tags", None) or None,
        previous=getattr(event, "previous", None) or None,
    )


def _value(data: Raw | None) -> Any:
    return json.loads(bytes(data)) if data else None


def _fields(data: Raw) -> dict[str, Any]:
    value = _value(data)
    return {"fields": value} if value else {}
