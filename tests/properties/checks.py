"""What holds for every play: its end, its calls, its undoing. `prefixes` goes on with replays."""

import json
from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import Event
from tests.properties.day import Day
from tests.properties.interpreter import UNDOABLE, Program
from tests.properties.plays import Fault, Play, play
from tests.properties.prefixes import check_every_prefix, replayed_requests
from tests.properties.world import World, forward_keys


class Played(Protocol):
    """One execution that has come to its end, in whichever world."""

    @property
    def world(self) -> World:
        """Its own."""
        ...

    def stream(self) -> list[Event]:
        """What is stored of it."""
        ...


KINDS = ("crash before", "crash after", "unavailable", "unsure")


def check_end(play: Played) -> None:
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


def check_all_or_nothing(play: Played) -> None:
    """The world is as if the execution had been done, or as if it had not."""
    stream, world = play.stream(), play.world
    keys, names = forward_keys(stream, world.execution_id), names_of(stream)
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


def check_results(play: Played) -> None:
    """What is recorded as a result is what an attempt has returned."""
    stream, world = play.stream(), play.world
    keys, names = forward_keys(stream, world.execution_id), names_of(stream)
    for event in stream:
        if isinstance(event, events.ActivitySucceeded):
            said = "saw" if names[event.ordinal] == "look" else "booked"
            returned = f"{said} {world.effects[keys[event.ordinal]]}"
            assert json.loads(bytes(event.result)) == returned


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
    check_results(play)
    check_order_of_undoing(play)
    check_every_prefix(play)


def end_as_seen(play: Play) -> object:
    """How it ended, and which sites are left done in the world."""
    last = play.stream()[-1]
    left = {s for key, s in play.world.effects.items() if key not in play.world.undone}
    if isinstance(last, events.ExecutionSucceeded):
        return "succeeded", sorted(json.loads(bytes(last.result)).split(", ")), left
    failure = last.end.failure  # type: ignore[attr-defined]
    told = None if failure is None else (failure.name, bytes(failure.data))
    return last.end.kind, told, left  # type: ignore[attr-defined]


def check_with_every_fault(program: Program, day: Day) -> int:
    """Plays it undisturbed, then with each fault at each of its appends; how many plays."""
    return check_faults(program, day, KINDS)[0]


def check_faults(
    program: Program, day: Day, kinds: Sequence[str], *, steady: bool = False
) -> tuple[int, str]:
    """How many plays, and how the undisturbed one ended. The end of a steady one never differs."""
    undisturbed = play(program, day)
    check_play(undisturbed)
    stream = undisturbed.stream()
    seen = end_as_seen(undisturbed)
    for append in range(undisturbed.appends):
        for kind in kinds:
            disturbed = play(program, day, [Fault(append, kind)])
            check_play(disturbed)
            assert not steady or end_as_seen(disturbed) == seen, "a fault changed the end"
    ended = type(stream[-1]).__name__.removeprefix("Execution").lower()
    return 1 + undisturbed.appends * len(kinds), ended
