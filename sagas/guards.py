"""Which guard mends a divergence: a branch on version(), an alias, or a default, said in code.

It judges by what was recorded, what is asked for instead, and which activities the body of today
can call, as far as its code names them. It is advice: people decide.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any, Literal, TypeAlias

from perdure.domain import events
from perdure.domain.errors import Blocked, UnknownCode
from perdure.sagas.activity import Activity
from perdure.sagas.body import RequestEvent
from perdure.sagas.errors import PayloadError
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from perdure.sagas.workflow import Workflow

Change: TypeAlias = Literal[
    "added",
    "removed",
    "changed",
    "moved",
    "replaced",
    "renamed",
    "waits otherwise",
    "field added",
    "name gone",
]
FUNCTIONS_READ = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Where a replay and a recording part.

    `missing` is recorded and not asked for, `extra` is asked for and not recorded there;
    `unrecorded` was asked for before and is not recorded at all. `later` is what is recorded of
    later feeds.
    """

    workflow: Workflow[Any, Any]
    missing: RequestEvent | None
    extra: Request | None
    unrecorded: Sequence[Request]
    later: Sequence[RequestEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What was changed, and the code that keeps recorded executions going."""

    change: Change
    code: str
    told: str


def guard_for(departure: Departure) -> Guard:
    """The guard for the likeliest change."""
    missing, extra = departure.missing, departure.extra
    if missing is None:
        if extra is None:
            return waits_otherwise()
        return added(name_of(extra))
    name = name_recorded(missing)
    if extra is None:
        return removed(name)
    new = name_of(extra)
    if _same_call(missing, extra):
        if not _same(missing, extra):
            return changed(missing, extra)
        shifted = next(iter(departure.unrecorded), None)  # asked for before, so it took a place
        return waits_otherwise() if shifted is None else added(name_of(shifted))
    if isinstance(missing, events.ActivityStarted):
        return _by_code(departure, missing, new)
    comes_later = any(name_recorded(each) == new for each in departure.later)
    return removed(name) if comes_later else added(new)


def guard_against(error: Blocked) -> Guard | None:
    """What mends that a name is gone or a payload cannot be read; None where nobody can tell."""
    cause = error.__cause__
    if isinstance(cause, PayloadError) and cause.problem == "Field required":
        return Guard(
            change="field added",
            code=f"{cause.path or '...'}: ... = DEFAULT",
            told="the new field has to have a default, for recorded payloads are without it",
        )
    if not isinstance(error, UnknownCode):
        return None
    name = error.name.partition(" of ")[0].removesuffix(".compensate")
    match error.kind:
        case "workflow":
            code = f'@workflow(..., aliases=["{name}"])'
        case "declared failure":
            code = f'class ...(Failure, name="{name}")'
        case _:
            code = f"open_engine(..., activities=[{name}])"
    return Guard(
        change="name gone",
        code=code,
        told=f"{name} is recorded: keep the old name if it was renamed, else keep its code for as "
        "long as executions may need it",
    )


def _by_code(departure: Departure, missing: events.ActivityStarted, new: str) -> Guard:
    """Added, removed, moved or renamed: as the body still calls the recorded one, or does not."""
    name, extra = missing.activity, departure.extra
    called = called_names(departure.workflow)
    comes_later = any(name_recorded(each) == new for each in departure.later)
    if name in called:
        return moved(name, new) if comes_later else added(new)
    if comes_later:
        return removed(name)
    if isinstance(extra, ActivityRequest) and extra.arguments == bytes(missing.arguments):
        return renamed(name, extra.activity)
    if not isinstance(extra, ActivityRequest):
        return removed(name)
    return replaced(name, new)


def added(name: str) -> Guard:
    return Guard(
        change="added",
        code=f'if version("{name}-added", 2) >= 2:',
        told=f"{name} was added: put the new call under this branch",
    )


def removed(name: str) -> Guard:
    return Guard(
        change="removed",
        code=f'if version("{name}-removed", 2) < 2:',
        told=f"{name} was removed, or is not reached any more: keep the old call under this branch",
    )


def moved(name: str, new: str) -> Guard:
    return Guard(
        change="moved",
        code=f'if version("{new}-before-{name}", 2) >= 2:',
        told=f"{new} now comes before {name}: the new order under this branch, the old one else",
    )


def replaced(name: str, new: str) -> Guard:
    return Guard(
        change="replaced",
        code=f'if version("{new}-instead-of-{name}", 2) >= 2:',
        told=f"{new} stands where {name} stood: the new call under this branch, the old one else; "
        "if it is the same activity, renamed, give it the old name as an alias: "
        f'@activity(aliases=["{name}"])',
    )


def renamed(name: str, activity: Activity[..., Any]) -> Guard:
    names = ", ".join(f'"{each}"' for each in (*activity.aliases, name))
    return Guard(
        change="renamed",
        code=f"@activity(aliases=[{names}])",
        told=f"{name} was renamed to {activity.name}: keep the old name as an alias of it",
    )


def waits_otherwise() -> Guard:
    return Guard(
        change="waits otherwise",
        code='if version("waits-otherwise", 2) >= 2:',
        told="the body stops waiting at another place (a timeout, a race, an end): "
        "the new way under this branch, the old one else",
    )


def changed(missing: RequestEvent, extra: Request) -> Guard:
    """Of one call: its arguments, or when a timer is due."""
    name = name_of(extra)
    fields = _fields_changed(missing, extra)
    fresh = _fields_added(missing, extra)
    told = f"other values are given to {name}"
    if isinstance(extra, TimerRequest):
        told = "the timer is due at another time"
    elif fields:
        told = f"{name} is given another {', '.join(fields)}"
    default = ""
    if fresh:
        plural = f"the new parameter {fresh[0]}" if len(fresh) == 1 else "the new parameters"
        default = f"; or give {plural} a default that is what is passed"
    return Guard(
        change="changed",
        code=f'if version("{name}-changed", 2) >= 2:',
        told=f"{told}: the new values under this branch, the old ones else{default}",
    )


def name_of(request: Request) -> str:
    """What a body calls to ask for it."""
    match request:
        case ActivityRequest():
            return request.activity.name
        case TimerRequest():
            return "sleep"
        case SuspendRequest():
            return "suspend"


def name_recorded(event: RequestEvent) -> str:
    """As `name_of` of the request that it was."""
    match event:
        case events.ActivityStarted():
            return event.activity
        case events.TimerSet():
            return "sleep"
        case events.ExecutionSuspended():
            return "suspend"


def called_names(workflow: Workflow[Any, Any]) -> set[str]:
    """Names and aliases of the activities that the body's code names, and what it calls of ours."""
    return {name for each in _named(workflow) for name in (each.name, *each.aliases)}


def _named(workflow: Workflow[Any, Any]) -> Iterator[Activity[..., Any]]:
    waiting: list[Callable[..., Any]] = [inspect.unwrap(workflow.function)]
    read: set[int] = set()
    while waiting and len(read) < FUNCTIONS_READ:
        function = waiting.pop()
        if id(function) in read or not isinstance(function, FunctionType):
            continue
        read.add(id(function))
        for value in _values(function):
            if isinstance(value, Activity):
                yield value
            elif isinstance(value, FunctionType) and value.__module__ == function.__module__:
                waiting.append(value)


def _values(function: FunctionType) -> Iterator[Any]:
    """What a function's code names: globals, what it closes over, and attributes of modules."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    closed = inspect.getclosurevars(function).nonlocals.values()
    values = [function.__globals__[name] for name in names if name in function.__globals__]
    yield from closed
    for value in values:
        yield value
        if isinstance(value, ModuleType | type):
            yield from (vars(value)[name] for name in names if name in vars(value))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _same_call(missing: RequestEvent, extra: Request) -> bool:
    if isinstance(extra, ActivityRequest):
        names = (extra.activity.name, *extra.activity.aliases)
        return name_recorded(missing) in names and isinstance(missing, events.ActivityStarted)
    return name_recorded(missing) == name_of(extra)


def _same(missing: RequestEvent, extra: Request) -> bool:
    match missing, extra:
        case events.ActivityStarted(), ActivityRequest():
            return bytes(missing.arguments) == extra.arguments
        case events.TimerSet(), TimerRequest():
            return missing.due == extra.due
        case _:
            return True


def _fields_changed(missing: RequestEvent, extra: Request) -> list[str]:
    old, new = _arguments(missing, extra)
    return [name for name in new if new[name] != old.get(name, new) or name not in old]


def _fields_added(missing: RequestEvent, extra: Request) -> list[str]:
    old, new = _arguments(missing, extra)
    return [name for name in new if name not in old]


def _arguments(missing: RequestEvent, extra: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    if isinstance(missing, events.ActivityStarted) and isinstance(extra, ActivityRequest):
        return json.loads(bytes(missing.arguments)), json.loads(extra.arguments)
    return {}, {}
