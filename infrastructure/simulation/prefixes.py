"""Replays of a history from any prefix that its journal could have held, compared with the rest.

A submission is stored as a whole or not at all, so a prefix ends where a submission did. What the
body asks for in a replay of a prefix has to be what was recorded after it, number by number.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.execution import Execution, fold
from perdure.infrastructure.simulation.violation import demand
from perdure.sagas.activity import Activity
from perdure.sagas.body import FED, BodyRun
from perdure.sagas.replay import Replay, replay
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from perdure.sagas.workflow import Workflow

Asked: TypeAlias = tuple[object, ...]
Replayed: TypeAlias = Callable[[list[Event]], dict[int, Asked]]
# What follows from them may be stored later: a parked execution is read again first.
ORDERS = (events.ExecutionResumed, events.CancellationRequested)


@dataclass(frozen=True)
class Recorded:
    """A request as recorded: where, after the feeding of which event, and what."""

    version: int
    fed: int
    what: Asked


def check_prefixes(stream: list[Event], ends: Collection[int], replayed: Replayed) -> int:
    """Replays each prefix that ends at one of `ends`; how many there were. Raises Violation.

    Where a rollback has begun the body goes no further: all later prefixes are alike to it.
    """
    last = len(stream)
    began = [v for v, e in enumerate(stream, 1) if isinstance(e, events.CompensationBegan)]
    if began:
        last = min((end for end in ends if end >= began[0]), default=last)
    chosen = sorted({end for end in ends if 0 < end <= last} - unsettled(stream))
    recorded = recorded_requests(stream)
    for end in chosen:
        check_prefix(end, replayed(stream[:end]), recorded)
    return len(chosen)


def check_prefix(end: int, asked: dict[int, Asked], recorded: dict[int, Recorded]) -> None:
    """What this prefix records of it is asked for again, number by number.

    What had no slot yet has no event there: of that only the whole is certain, since asyncio's
    as_completed begins coroutines in the order of a set.
    """
    first = f"a replay of the first {end} events"
    demand(sorted(asked) == list(range(1, len(asked) + 1)), f"{first} leaves numbers out")
    for ordinal, request in recorded.items():
        told = "too early" if ordinal in asked else "not"
        right = (request.fed <= end) == (ordinal in asked)
        demand(right, f"{first} asks for request {ordinal} {told}: {request.what}")
        if request.version <= end:
            same = asked[ordinal] == request.what
            demand(same, f"{first} asks for {asked[ordinal]} as {ordinal}, not {request.what}")
    later = Counter(r.what for o, r in recorded.items() if r.version > end and o in asked)
    known = {ordinal for ordinal, request in recorded.items() if request.version <= end}
    open_ = Counter(what for ordinal, what in asked.items() if ordinal not in known)
    demand(later <= open_, f"{first} does not ask for {later - open_}")


def recorded_requests(stream: list[Event]) -> dict[int, Recorded]:
    """By ordinal."""
    found: dict[int, Recorded] = {}
    fed = feeding_versions(stream)
    for version, event in enumerate(stream, 1):
        what: Asked
        match event:
            case events.ActivityStarted() if event.attempt == 1:
                what = ("activity", event.activity, bytes(event.arguments))
            case events.TimerSet():
                what = ("timer", event.due)
            case events.ExecutionSuspended() if event.cause == "asked":
                what = ("suspend", event.reason)
            case _:
                continue
        found[event.ordinal] = Recorded(version, fed[event.feed], what)
    return found


def feeding_versions(stream: list[Event]) -> dict[int, int]:
    """For each event that is fed: the event that it was fed after, itself unless it was held."""
    fed: dict[int, int] = {}
    held: list[int] = []
    suspended = False
    for version, event in enumerate(stream, 1):
        if isinstance(event, events.ExecutionSuspended):
            suspended = True
            if event.cause == "asked":  # in the midst of what was released; the rest is held
                held = [v for v, at in fed.items() if v > event.feed and at != v]
        elif isinstance(event, events.ExecutionResumed | events.CancellationRequested):
            suspended = False
            fed.update(dict.fromkeys([*held, version], version))
            held = []
        elif isinstance(event, FED):
            fed[version] = version
            if suspended:
                held.append(version)
    return fed


def unsettled(stream: list[Event]) -> set[int]:
    """Where a replay may rightly go another way than what was recorded then.

    The code that has been mended since goes on behind a defect; and what came behind an order that
    another one followed at once was asked for when both were recorded.
    """
    found = {
        version
        for version, pair in enumerate(pairwise(stream), 1)
        if all(isinstance(event, ORDERS) for event in pair)
    }
    waiting = False
    for version, event in enumerate(stream, 1):
        if isinstance(event, events.ExecutionSuspended):
            waiting |= event.cause == "defect"
        if waiting:
            found.add(version)
        waiting &= not isinstance(event, ORDERS)
    return found


class Heard(BodyRun):
    """A body that tells of its requests where they get their ordinals."""

    __slots__ = ("heard",)

    def __init__(self, workflow: Workflow[Any, Any], execution_id: str) -> None:
        super().__init__(workflow, execution_id)
        self.heard: dict[int, Asked] = {}

    def number(self, request: Request, ordinal: int) -> None:
        super().number(request, ordinal)
        self.heard[ordinal] = what_is_asked(request)


def replayed_requests(
    workflow: Workflow[Any, Any],
    execution_id: str,
    stream: list[Event],
    declared: dict[str, Activity[..., Any]] | None = None,
) -> dict[int, Asked]:
    """What a replay of this stream asks for, by ordinal. Raises Blocked and Violation.

    The activities that it has met are added to `declared`, by name.
    """
    state = fold(execution_id, stream)
    started = stream[0]
    assert isinstance(started, events.ExecutionStarted)
    request = workflow.decode_request(bytes(started.request))
    replayed = replay(workflow, execution_id, request, stream, state.versions, run=Heard)
    body = replayed.body
    assert isinstance(body, Heard)
    try:
        if not isinstance(stream[-1], ORDERS):
            check_what_it_waits_for(replayed, state)
    finally:
        left = body.dismiss()
    demand(left, "the body would not be left")
    if declared is not None:
        declared.update(body.activities)
    return body.heard


class Replays:
    """What replays asked for, remembered for as long as many worlds have prefixes in common.

    `declared` are the activities that they have met, by name.
    """

    def __init__(self) -> None:
        self.declared: dict[str, Activity[..., Any]] = {}
        self._known: dict[tuple[str, bytes], dict[int, Asked]] = {}

    def of(
        self, workflow: Workflow[Any, Any], execution_id: str, stream: list[Event], rows: bytes
    ) -> dict[int, Asked]:
        """As `replayed_requests`; `rows` stands for the prefix, as it is stored."""
        known = self._known.get((execution_id, rows))
        if known is None:
            known = replayed_requests(workflow, execution_id, stream, self.declared)
            self._known[execution_id, rows] = known
        return known


def digests(bodies: Iterable[bytes]) -> list[bytes]:
    """One for each prefix of rows, the empty one first."""
    hashed = hashlib.blake2b(digest_size=16)
    found = [hashed.digest()]
    for body in bodies:
        hashed.update(len(body).to_bytes(8))
        hashed.update(body)
        found.append(hashed.digest())
    return found


def what_is_asked(request: Request) -> Asked:
    match request:
        case ActivityRequest():
            return "activity", request.activity.name, request.arguments
        case TimerRequest():
            return "timer", request.due
        case SuspendRequest():
            return "suspend", request.reason


def check_what_it_waits_for(replayed: Replay, state: Execution) -> None:
    """What is recorded as open, and what is not recorded yet."""
    body = replayed.body
    if state.suspended or state.rollback is not None or body.ending is not None:
        return
    open_activities = {o for o, record in state.open.items() if not record.abandoned}
    suspensions = {o for o, each in body.open.items() if isinstance(each, SuspendRequest)}
    waiting = body.open.keys() - replayed.unrecorded.keys() - suspensions
    recorded = open_activities | state.timers.keys()
    told = f"after a replay it waits for {waiting}, and recorded as open are {recorded}"
    demand(waiting == recorded, told)
