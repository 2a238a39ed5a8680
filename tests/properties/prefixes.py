"""Replays of a play from any prefix that its journal could have held, compared with what followed.

A submission is stored as a whole or not at all, so a prefix ends where a submission did.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias
from unittest.mock import patch

from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.execution import Execution, fold
from perdure.sagas import replay as replaying
from perdure.sagas.body import FED, BodyRun
from perdure.sagas.replay import Replay
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from tests.properties.interpreter import interpret
from tests.properties.plays import Play, order_of
from tests.properties.world import EXECUTION, world

Asked: TypeAlias = tuple[object, ...]
# What follows from them may be stored later: a parked execution is read again first.
ORDERS = (events.ExecutionResumed, events.CancellationRequested)


@dataclass(frozen=True)
class Recorded:
    """A request as recorded: where, after the feeding of which event, and what."""

    version: int
    fed: int
    what: Asked


def check_every_prefix(play: Play) -> int:
    """Replays what was stored after each submission; how many prefixes there were.

    Those up to the first fault were checked without it; behind it, recovery has replayed one, and
    the first and the last two are looked at. In a rollback they are all alike to the body, which
    goes no further: one of them is enough.
    """
    stream = play.stream()
    first = -1 if play.disturbed is None else play.disturbed
    kinds = [type(event) for event in stream]
    last = len(stream)
    if events.CompensationBegan in kinds:
        last = min(end for end in play.ends if end > kinds.index(events.CompensationBegan))
    ends = sorted({end for end in play.ends if first < end <= last} - unsettled(stream))
    if play.disturbed is not None:
        ends = sorted({*ends[:1], *ends[-2:]})
    recorded = recorded_requests(stream)
    for end in ends:
        asked = replayed_requests(stream[:end], mended=not ended_by_defect(stream))
        check_prefix(end, asked, recorded)
    return len(ends)


def check_prefix(end: int, asked: dict[int, Asked], recorded: dict[int, Recorded]) -> None:
    """What this prefix records of it is asked for again, number by number.

    What had no slot yet has no event there: of that only the whole is certain, since asyncio's
    as_completed begins coroutines in the order of a set.
    """
    assert sorted(asked) == list(range(1, len(asked) + 1))
    for ordinal, request in recorded.items():
        told = "too early" if ordinal in asked else "not"
        assert (request.fed <= end) == (ordinal in asked), f"{ordinal}: asked {told} in {end}"
        if request.version <= end:
            assert asked[ordinal] == request.what, f"request {ordinal} of the prefix of {end}"
    later = Counter(r.what for o, r in recorded.items() if r.version > end and o in asked)
    known = {ordinal for ordinal, request in recorded.items() if request.version <= end}
    assert later <= Counter(what for ordinal, what in asked.items() if ordinal not in known)


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


def ended_by_defect(stream: list[Event]) -> bool:
    """Whether a cancel came upon the body's defect, so that no other code decided the end."""
    ends = (getattr(event, "end", None) for event in stream)
    return any(end.error is not None for end in ends if end is not None)


def replayed_requests(stream: list[Event], *, mended: bool = True) -> dict[int, Asked]:
    """What a replay asks for, by ordinal; heard where the requests get their ordinals."""
    asked: dict[int, Asked] = {}

    class Heard(BodyRun):
        __slots__ = ()

        def number(self, request: Request, ordinal: int) -> None:
            assert ordinal not in asked
            super().number(request, ordinal)
            asked[ordinal] = what_is_asked(request)

    state = fold(EXECUTION, stream)
    with patch.object(replaying, "BodyRun", Heard), patch.object(world, "mended", mended):
        replayed = replaying.replay(interpret, EXECUTION, order_of(stream), stream, state.versions)
    try:
        if not isinstance(stream[-1], ORDERS):
            check_what_it_waits_for(replayed, state)
    finally:
        assert replayed.body.dismiss()
    return asked


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
    assert waiting == recorded, f"it waits for {waiting}, recorded as open are {recorded}"
