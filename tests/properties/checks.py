"""What holds for every play: its end, its calls, its undoing, and its replay from any prefix."""

from typing import TypeAlias
from unittest.mock import patch

import msgspec
from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.sagas import replay as replaying
from perdure.sagas.body import BodyRun
from perdure.sagas.requests import ActivityRequest, Request, TimerRequest
from tests.properties.interpreter import UNDOABLE, Program, interpret
from tests.properties.plays import Fault, Play, order_of, play
from tests.properties.strategies import Day
from tests.properties.world import EXECUTION, forward_keys

Asked: TypeAlias = tuple[object, ...]
KINDS = ("crash before", "crash after", "unavailable")


def check_end(play: Play) -> None:
    """One terminal event, the last; nothing recorded ran again; one key for each activity."""
    stream = play.stream()
    terminal = [version for version, e in enumerate(stream, 1) if isinstance(e, events.TERMINAL)]
    assert terminal == [len(stream)], "there is to be one terminal event, at the end"
    assert not play.world.offences, play.world.offences
    assert not play.world.running
    assert all(len(keys) == 1 for keys in play.world.keys.values()), play.world.keys
    times = [event.time for event in stream]
    assert times == sorted(times)
    outcomes = [e.ordinal for e in stream if isinstance(e, events.Outcome)]
    assert len(outcomes) == len(set(outcomes)), "an activity has one outcome"


def check_all_or_nothing(play: Play) -> None:
    """The world is as if the execution had been done, or as if it had not."""
    stream, world = play.stream(), play.world
    keys, names = forward_keys(stream), names_of(stream)
    undoable = {keys[ordinal] for ordinal, name in names.items() if name in UNDOABLE}
    succeeded = {keys[e.ordinal]: e for e in stream if isinstance(e, events.ActivitySucceeded)}
    done = world.effects.keys() & undoable
    assert succeeded.keys() <= world.effects.keys(), "what succeeded was done"
    if isinstance(stream[-1], events.ExecutionSucceeded):
        kept = done & succeeded.keys()
        assert not kept & world.undone.keys(), "what succeeded is kept"
        assert done - kept <= world.undone.keys(), "what nobody knows of is undone"
    else:
        assert done <= world.undone.keys(), f"left done: {done - world.undone.keys()}"
    assert world.undone.keys() <= undoable
    for key, result in world.undone.items():
        known = succeeded.get(key)
        assert result == (f"booked {world.effects[key]}" if known else None)


def check_order_of_undoing(play: Play) -> None:
    """Unknown ones first, latest start first; then the others, last completed first; each once."""
    stream = play.stream()
    names, keys = names_of(stream), forward_keys(stream)
    started = [e.ordinal for e in stream if isinstance(e, events.ActivityStarted) if e.attempt == 1]
    completed = [e.ordinal for e in stream if isinstance(e, events.ActivitySucceeded)]
    refused = {e.ordinal for e in stream if isinstance(e, events.ActivityFailed) if e.failure}
    first = [e for e in stream if isinstance(e, events.AttemptFailed) if e.attempt == 1]
    unissued = {e.ordinal for e in first if e.kind == "unissued"}
    unknown = [o for o in started if o not in {*completed, *refused, *unissued}]
    expected = unknown[::-1]
    if not isinstance(stream[-1], events.ExecutionSucceeded):
        expected += completed[::-1]
    expected = [ordinal for ordinal in expected if names[ordinal] in UNDOABLE]
    undone = [e.undoes for e in stream if isinstance(e, events.ActivityCompensated)]
    assert undone == expected
    assert play.world.undo_order == [keys[ordinal] for ordinal in expected]


def names_of(stream: list[Event]) -> dict[int, str]:
    return {
        event.ordinal: event.activity
        for event in stream
        if isinstance(event, events.ActivityStarted) and event.attempt == 1
    }


def check_every_prefix(play: Play) -> int:
    """Replays what was stored after each submission; how many prefixes there were."""
    stream = play.stream()
    ends = sorted({end for end in play.ends if end <= len(stream)})
    recorded = recorded_requests(stream)
    for end in ends:
        asked = replayed_requests(stream[:end])
        expected = {o: what for o, (feed, what) in recorded.items() if feed <= end}
        for ordinal, what in expected.items():
            assert asked.get(ordinal) == what, f"request {ordinal} of the prefix of {end} events"
        more = asked.keys() - expected.keys()
        assert not more & recorded.keys(), f"asked too early in the prefix of {end}: {more}"
        assert sorted(asked) == list(range(1, len(asked) + 1))
    return len(ends)


def recorded_requests(stream: list[Event]) -> dict[int, tuple[int, Asked]]:
    """By ordinal: after which feed it was asked for, and what."""
    found: dict[int, tuple[int, Asked]] = {}
    for event in stream:
        match event:
            case events.ActivityStarted() if event.attempt == 1:
                what = ("activity", event.activity, bytes(event.arguments))
                found[event.ordinal] = (event.feed, what)
            case events.TimerSet():
                found[event.ordinal] = (event.feed, ("timer", event.due))
    return found


def replayed_requests(stream: list[Event]) -> dict[int, Asked]:
    """What a replay asks for, by ordinal; heard where the requests get their ordinals."""
    asked: dict[int, Asked] = {}

    class Heard(BodyRun):
        __slots__ = ()

        def number(self, request: Request, ordinal: int) -> None:
            assert ordinal not in asked
            super().number(request, ordinal)
            match request:
                case ActivityRequest():
                    asked[ordinal] = ("activity", request.activity.name, request.arguments)
                case TimerRequest():
                    asked[ordinal] = ("timer", request.due)

    versions = fold(EXECUTION, stream).versions
    with patch.object(replaying, "BodyRun", Heard):
        replayed = replaying.replay(interpret, EXECUTION, order_of(stream), stream, versions)
    assert replayed.body.dismiss()
    return asked


def check_refuses_other_arguments(play: Play) -> None:
    """Raises what a replay raises when the first activity had recorded another site."""
    stream = play.stream()
    first = next(v for v, e in enumerate(stream) if isinstance(e, events.ActivityStarted))
    started = stream[first]
    assert isinstance(started, events.ActivityStarted)
    other = bytes(started.arguments).replace(b'"site":', b'"site":9')
    assert other != bytes(started.arguments)
    stream[first] = msgspec.structs.replace(started, arguments=Raw(other))
    replayed_requests(stream)


def check_play(play: Play) -> None:
    check_end(play)
    check_all_or_nothing(play)
    check_order_of_undoing(play)
    assert check_every_prefix(play) > 0


def check_with_every_fault(program: Program, day: Day) -> int:
    """Plays it undisturbed, then with each fault at each of its appends; how many plays."""
    undisturbed = play(program, day)
    check_play(undisturbed)
    for append in range(undisturbed.appends):
        for kind in KINDS:
            check_play(play(program, day, [Fault(append, kind)]))
    return 1 + undisturbed.appends * len(KINDS)
