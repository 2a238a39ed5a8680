"""Whether the code of today fits one recorded execution: a replay that nothing comes of, and why.

It goes further than a replay: what is left to undo has to be known, and take what is recorded. It
tells, and decides nothing; which guard would mend a divergence is `guards`' matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from perdure.domain.errors import (
    AmbiguousCode,
    Blocked,
    NonDeterministicWorkflow,
    PerdureError,
    Undecodable,
    UnknownCode,
)
from perdure.domain.events import Event, RecordedError
from perdure.domain.execution import Execution, fold
from perdure.sagas.activity import Activity
from perdure.sagas.body import BodyRun
from perdure.sagas.guards import Departure, Guard, guard_against, guard_for
from perdure.sagas.leaks import Leaks
from perdure.sagas.replay import Recorded, Replay, feed_all
from perdure.sagas.whereabouts import line_of_task
from perdure.sagas.workflow import Workflow

Kind: TypeAlias = Literal[
    "safe", "diverges", "raises", "unknown code", "unreadable", "ambiguous", "does not rest"
]
Known: TypeAlias = Mapping[str, Activity[..., Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a replay came to. All but `kind` is empty where it is safe.

    `event` is the version of the recorded event that does not fit, 0 where it is none in
    particular. `expected` is what is recorded, `actual` what the code of today does instead, at the
    line `where`. `position` and `why` are for people.
    """

    kind: Kind
    event: int = 0
    position: str = ""
    expected: str = ""
    actual: str = ""
    where: str = ""
    why: str = ""
    guard: Guard | None = None

    @property
    def safe(self) -> bool:
        return self.kind == "safe"


SAFE = Verdict(kind="safe")
KINDS: Mapping[type[Blocked], Kind] = {
    NonDeterministicWorkflow: "diverges",
    UnknownCode: "unknown code",
    Undecodable: "unreadable",
    AmbiguousCode: "ambiguous",
}


def examine(
    workflow: Workflow[Any, Any], execution_id: str, stream: list[Event], known: Known
) -> Verdict:
    """Replays it, and looks at what is left to do. `known` are the activities there are, by name.

    Call it from a plain callback, or where no loop runs: bodies cannot be entered within a task.
    """
    replayed: Replay | None = None
    try:
        state = fold(execution_id, stream)
        body = BodyRun(workflow, execution_id)
        body.loop.versions.update(state.versions)
        replayed = Replay(body)
        verdict = _replayed(replayed, state, stream)
        if state.rollback is None:
            if verdict.safe:
                _check_names(execution_id, replayed, known)
            return verdict
        seen = {**known, **_by_name(replayed.body.activities.values())}
        _check_rollback(state, seen)  # a body is not run in a rollback: what it would do is no harm
    except Blocked as error:
        return _blocked(error)
    finally:
        if replayed is not None and not replayed.body.dismiss():
            Leaks().keep(replayed.body)
    return SAFE


def _replayed(replayed: Replay, state: Execution, stream: list[Event]) -> Verdict:
    body = replayed.body
    try:
        request = body.workflow.decode_request(state.request)
    except (ValueError, PerdureError) as error:
        told = Undecodable(state.id, "the request", str(error))
        told.__cause__ = error
        return _blocked(told, 1)
    try:
        feed_all(replayed, request, stream)
    except NonDeterministicWorkflow as error:
        if isinstance(body.ending, RecordedError):
            return _raising(replayed, body.ending)
        return _diverging(replayed, stream, error)
    except Blocked as error:
        return _blocked(error, replayed.last_feed)
    before = any(each.cause == "defect" for each in state.suspended)
    if isinstance(body.ending, RecordedError) and not before and state.goes_forward:
        return _raising(replayed, body.ending)
    return SAFE


def _blocked(error: Blocked, event: int = 0) -> Verdict:
    kind = KINDS.get(type(error), "does not rest")
    return Verdict(kind=kind, event=event, why=str(error), guard=guard_against(error))


def _raising(replayed: Replay, error: RecordedError) -> Verdict:
    """The body has a defect where it had none."""
    feed = replayed.last_feed
    lines = [line.strip() for line in error.traceback.splitlines() if line.startswith("  File ")]
    return Verdict(
        kind="raises",
        event=feed,
        position=f"event {feed}",
        expected="a body that goes on",
        actual=f"it raises {error}",
        where=_place(lines[-1]) if lines else "",
        why=f"{replayed.body.loop.execution_id}: fed event {feed}, the body raises {error}: "
        "the execution would be suspended; mend the body",
    )


def _place(line: str) -> str:
    """`File "shop.py", line 3, in body` as shop.py:3."""
    _, file, rest = line.split('"', 2)
    return f"{file}:{rest.split(',')[1].removeprefix(' line ')}"


def _diverging(replayed: Replay, stream: list[Event], error: NonDeterministicWorkflow) -> Verdict:
    recorded, feed, body = Recorded(stream), replayed.last_feed, replayed.body
    taken = {request.ordinal for request in replayed.asked if request.ordinal}
    missing = [event for event in recorded.asked.get(feed, []) if event.ordinal not in taken]
    departure = Departure(
        workflow=body.workflow,
        missing=missing[0] if missing else None,
        extra=next((each for each in replayed.asked if not each.ordinal), None),
        unrecorded=[request for request, _, _ in replayed.unrecorded.values()],
        later=[e for fed, asked in recorded.asked.items() if fed > feed for e in asked],
    )
    main = body.main
    where = error.where
    if not where and main is not None and not main.done():
        where = line_of_task(main)
    actual = error.actual
    if actual == "nothing" and main is not None and main.done():
        actual = "nothing: the body had ended"
    verdict = Verdict(
        kind="diverges",
        event=next((v for v, each in enumerate(stream, 1) if missing and each is missing[0]), feed),
        position=error.position,
        expected=error.expected,
        actual=actual,
        where=where,
        why=str(error),
    )
    return replace(verdict, guard=guard_for(departure))


def _by_name(activities: Any) -> dict[str, Activity[..., Any]]:
    """By name, and by the names they had before."""
    found: dict[str, Activity[..., Any]] = {}
    for activity in activities:
        for name in (*activity.aliases, activity.name):
            found[name] = activity
    return found


def _check_names(execution_id: str, replayed: Replay, known: Known) -> None:
    """Raises AmbiguousCode, as the engine would."""
    for name, activity in replayed.body.activities.items():
        other = known.get(name, activity)
        if other is not activity and other.name == name:
            raise AmbiguousCode(execution_id, name, f"{other.where} and {activity.where}")


def _check_rollback(state: Execution, known: Known) -> None:
    """What is left to undo has to have a compensation that takes what is recorded.

    Raises UnknownCode, Undecodable.
    """
    rollback = state.rollback
    assert rollback is not None
    for undo in rollback.plan[rollback.done :] if state.end is None else ():
        activity = known.get(undo.activity)
        if activity is None:
            raise UnknownCode(state.id, "activity", undo.activity)
        if activity.compensation is None:
            raise UnknownCode(state.id, "compensation", f"{undo.activity}.compensate")
        record = state.activities[undo.undoes]
        try:
            activity.compensation.bind(record.arguments, record.result)
        except Exception as error:  # validators are the user's code
            what = f"what {record.name} (request {undo.undoes}) leaves to its compensation"
            raise Undecodable(state.id, what, str(error)) from error
