"""What holds for the history of any execution, whatever happened to it: I2 to I7 and I13.

The rules are told here once more, from the events alone: not by the code that made them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.identity import idempotency_key
from perdure.infrastructure.simulation.performing import Call
from perdure.infrastructure.simulation.violation import Violation, demand
from perdure.sagas.activity import Activity


@dataclass(frozen=True)
class History:
    """One execution: its events, the calls that were made for it, and its activities by name."""

    execution_id: str
    stream: Sequence[Event]
    calls: Sequence[Call]
    declared: Mapping[str, Activity[..., Any]]

    @cached_property
    def names(self) -> dict[int, str]:
        """Recorded activities by ordinal."""
        return {
            event.ordinal: event.activity
            for event in self.stream
            if isinstance(event, events.ActivityStarted) and event.attempt == 1
        }

    @cached_property
    def keys(self) -> dict[str, int]:
        """Ordinals by the idempotency key of their activity."""
        return {
            idempotency_key(self.execution_id, "activity", ordinal, name): ordinal
            for ordinal, name in self.names.items()
        }


def check_history(history: History) -> None:
    """Raises Violation."""
    check_events(history.stream)
    check_calls(history)
    check_results(history)
    check_undone(history)


def check_events(stream: Sequence[Event]) -> None:
    """One start and at most one end, one outcome an activity, time and timers never early."""
    started = [v for v, e in enumerate(stream, 1) if isinstance(e, events.ExecutionStarted)]
    demand(started == [1], f"it was started at {started}, and not once, as its first event")
    ended = [v for v, e in enumerate(stream, 1) if isinstance(e, events.TERMINAL)]
    demand(ended in ([], [len(stream)]), f"it ended at {ended}, and {len(stream)} are recorded")
    times = [event.time for event in stream]
    demand(times == sorted(times), f"its time goes back: {times}")
    outcomes = [e.ordinal for e in stream if isinstance(e, events.Outcome)]
    twice = sorted({each for each in outcomes if outcomes.count(each) > 1})
    demand(not twice, f"activities {twice} have more than one outcome")
    dues: dict[int, int] = {}
    for event in stream:
        if isinstance(event, events.TimerSet):
            dues[event.ordinal] = event.due
        elif isinstance(event, events.TimerFired):
            early = dues[event.ordinal] - event.time
            demand(early <= 0, f"timer {event.ordinal} fired {early / 1e6:g} s early")


def check_calls(history: History) -> None:
    """Each call was that of an attempt that was stored, and current, when it was made; once.

    A process that somebody was helped to overtake may call in between: it has to have a key for it.
    """
    keys, made = history.keys, set[tuple[str, int]]()
    for call in history.calls:
        if call.kind == "probe":
            continue
        told = f"{call.name}, attempt {call.attempt},"
        demand((call.key, call.attempt) not in made, f"{told} was called twice")
        made.add((call.key, call.attempt))
        forward = call.key if call.undoes is None else call.undoes
        demand(forward in keys, f"{told} was called with a key that is of no recorded activity")
        ordinal = keys[forward]
        field = "ordinal" if call.kind == "activity" else "undoes"
        kind = events.ActivityStarted if call.kind == "activity" else events.CompensationStarted
        before = history.stream[: call.stored]
        about = [event for event in before if getattr(event, field, None) == ordinal]
        last = about[-1] if about else None
        current = isinstance(last, kind) and last.attempt == call.attempt
        stored = f"{last_words(last)} was the last that was stored"
        demand(current or call.robbed, f"{told} was called while {stored}")


def check_results(history: History) -> None:
    """What is recorded as a result was returned by that very attempt."""
    returned = {
        (call.key, call.attempt): call
        for call in history.calls
        if call.kind == "activity" and call.returned
    }
    keys = {ordinal: key for key, ordinal in history.keys.items()}
    for event in history.stream:
        if not isinstance(event, events.ActivitySucceeded):
            continue
        name = history.names[event.ordinal]
        activity = history.declared.get(name)
        if activity is None or activity.probe is not None:  # which may have found the result
            continue
        call = returned.get((keys[event.ordinal], event.attempt))
        if call is None:
            raise Violation(f"{name} is recorded as done, and attempt {event.attempt} was not")
        given = activity.encode_result(call.result)[0]
        same = given == bytes(event.result)
        demand(same, f"{name} gave {given!r}, and {bytes(event.result)!r} is recorded")


def check_undone(history: History) -> None:
    """All that has to be undone is, in the order that is promised, and nothing else. I6."""
    stream = history.stream
    began = [event for event in stream if isinstance(event, events.CompensationBegan)]
    demand(len(began) <= 1, "its rollback began more than once")
    ended = isinstance(stream[-1], events.TERMINAL)
    if not began and not ended:
        return
    kept = isinstance(stream[-1], events.ExecutionSucceeded) or (
        bool(began) and began[0].end.kind == "succeeded"
    )
    expected = expected_undoing(history, keep_completed=kept)
    planned = [undo.undoes for undo in began[0].plan] if began else []
    demand(
        planned == expected,
        f"{told(history, planned)} was planned to be undone, and it is {told(history, expected)} "
        "that has to be, in this order",
    )
    undone = [
        event.undoes
        for event in stream
        if isinstance(event, events.ActivityCompensated)
        or (isinstance(event, events.CompensationResolved) and event.how in ("skip", "by_hand"))
    ]
    wanted = expected if ended else expected[: len(undone)]
    demand(undone == wanted, f"{told(history, undone)} was undone, not {told(history, wanted)}")
    check_what_compensations_knew(history)


def expected_undoing(history: History, *, keep_completed: bool) -> list[int]:
    """Ordinals: unknown outcomes, latest start first; then what was done, last done first."""
    stream = history.stream
    began = next((v for v, e in enumerate(stream) if isinstance(e, events.CompensationBegan)), None)
    before = stream[:began]
    started = [e for e in before if isinstance(e, events.ActivityStarted) and e.attempt == 1]
    done = [e.ordinal for e in before if isinstance(e, events.ActivitySucceeded)]
    abandoned = {e.ordinal for e in before if isinstance(e, events.ActivityAbandoned)}
    if any(e.pivot and e.ordinal in done and e.ordinal not in abandoned for e in started):
        return []
    unknown = [
        event.ordinal
        for event in started
        if event.ordinal not in done and not known_as_not_done(before, event.ordinal)
    ]
    expected = [*unknown[::-1], *([] if keep_completed else done[::-1])]
    names = history.names
    return [ordinal for ordinal in expected if has_compensation(history, names[ordinal])]


def known_as_not_done(stream: Sequence[Event], ordinal: int) -> bool:
    """Whether it is certain that this activity, which did not succeed, had no effect."""
    about = [event for event in stream if getattr(event, "ordinal", None) == ordinal]
    certain = False
    for event in about:
        match event:
            case events.ActivityStarted():
                certain = False
            case events.AttemptFailed(kind="unissued"):
                certain = event.attempt == 1
            case events.ActivityVerified():
                certain = event.answer == "not done"
            case events.ActivityFailed():
                certain = certain or event.failure is not None
    return certain


def has_compensation(history: History, name: str) -> bool:
    activity = history.declared.get(name)
    return activity is not None and activity.compensation is not None


def check_what_compensations_knew(history: History) -> None:
    """A compensation is told truly whether the outcome of what it undoes is known."""
    succeeded = {e.ordinal for e in history.stream if isinstance(e, events.ActivitySucceeded)}
    keys = history.keys
    for call in history.calls:
        if call.kind == "compensation" and call.undoes is not None:
            known = "succeeded" if keys[call.undoes] in succeeded else "unknown"
            told_of = f"{call.name} was told that the outcome is {call.outcome}, and it is {known}"
            demand(call.outcome == known, told_of)


def told(history: History, ordinals: Sequence[int]) -> str:
    """Activities in words."""
    names = history.names
    return ", ".join(f"{names.get(each, '?')} ({each})" for each in ordinals) or "nothing"


def last_words(event: Event | None) -> str:
    return "nothing" if event is None else type(event).__name__
