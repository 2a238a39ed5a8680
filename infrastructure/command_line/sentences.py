"""An event in words: a mark, a colour and a short sentence, values cut to what fits a line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.execution import skipped_of, undone_of
from perdure.domain.states import reason_of
from perdure.infrastructure.command_line.terminal import printable

VALUE_LENGTH = 40
VALUES_LENGTH = 90
TEXT_LENGTH = 160


RESOLVED = {
    "retry": "the undo of {} is tried again",
    "replace": "the undo of {} is tried again with other arguments",
    "skip": "the undo of {} is skipped",
    "by_hand": "{} was undone by hand",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a line of the timeline says."""

    mark: str
    style: str
    text: str


class Narrator:
    """Tells the events of one stream; later events of an activity are told by its name."""

    def __init__(self, stream: Sequence[Event]) -> None:
        self._began = stream[0].time
        self._names: dict[int, str] = {}
        self._retried: set[int] = set()
        for event in stream:
            if isinstance(event, events.ActivityStarted):
                self._names[event.ordinal] = event.activity
                if event.attempt > 1:
                    self._retried.add(event.ordinal)

    def tell(self, event: Event) -> Sentence:
        """The event in words."""
        return self._forward(event) or self._backward(event) or self._other(event)

    def _forward(self, event: Event) -> Sentence | None:
        match event:
            case events.ActivityStarted():
                asked = f"{event.activity}({values(event.arguments)})"
                again = f"{event.activity}, attempt {event.attempt}"
                return Sentence("▶", "cyan", asked if event.arguments else again)
            case events.ActivitySucceeded():
                return Sentence("✔", "green", f"{self._attempt(event)} → {values(event.result)}")
            case events.ActivityFailed():
                why = told_end(event.failure, event.error)
                return Sentence("✘", "red", f"{self._attempt(event)} failed: {short(why)}")
            case events.AttemptFailed():
                text = f"{self._name(event.ordinal)}, attempt {event.attempt}: {event.kind}"
                return Sentence("✘", "yellow", self._with_error(text, event.error, event.due))
            case events.ActivityVerified():
                text = f"{self._name(event.ordinal)}, attempt {event.attempt}: its probe says "
                following = "" if event.due is None else f"; goes on at +{self._at(event.due)} s"
                return Sentence("?", "yellow", f"{text}{event.answer}{following}")
            case events.ActivityAbandoned():
                return Sentence("∅", "dim", f"{self._name(event.ordinal)} is not waited for")
            case events.TimerSet():
                due = seconds(event.due - self._began)
                return Sentence("◷", "cyan", f"timer {event.ordinal}, due at +{due} s")
            case events.TimerFired():
                return Sentence("◷", "green", f"timer {event.ordinal} fired")
            case events.TimerCancelled():
                return Sentence("◷", "dim", f"timer {event.ordinal} is not waited for")
        return None

    def _backward(self, event: Event) -> Sentence | None:
        match event:
            case events.CompensationBegan():
                steps = ", ".join(
                    each.activity + (" (outcome unknown)" if each.outcome == "unknown" else "")
                    for each in event.plan
                )
                text = f"{short(why(event.end))}; to undo: {steps or 'nothing'}"
                return Sentence("↶", "yellow", text)
            case events.CompensationStarted():
                undoes = f"{event.compensation} undoes {self._name(event.undoes)}"
                again = f", attempt {event.attempt}" if event.attempt > 1 else ""
                return Sentence("▶", "cyan", undoes + again)
            case events.ActivityCompensated():
                return Sentence("✔", "green", f"{self._name(event.undoes)} is undone")
            case events.CompensationAttemptFailed():
                text = f"undo of {self._name(event.undoes)}, attempt {event.attempt}: {event.kind}"
                return Sentence("✘", "yellow", self._with_error(text, event.error, event.due))
            case events.CompensationFailed():
                told = short(told_end(event.failure, event.error))
                text = f"{self._name(event.undoes)} could not be undone: {told}"
                return Sentence("✘", "red", text)
            case events.CompensationResolved():
                told = RESOLVED[event.how].format(self._name(event.undoes))
                reason = f": {short(event.reason)}" if event.reason else ""
                return Sentence("●", "cyan", told + reason)
        return None

    def _other(self, event: Event) -> Sentence:
        match event:
            case events.ExecutionStarted():
                return Sentence("●", "bold", f"started with {values(event.request)}")
            case events.ExecutionSuspended():
                return Sentence("‖", "red", f"suspended: {short(event.reason)}")
            case events.ExecutionResumed():
                reason = f": {short(event.reason)}" if event.reason else ""
                return Sentence("●", "cyan", f"resumed{reason}")
            case events.CancellationRequested():
                return Sentence("✘", "yellow", f"asked to cancel: {short(event.reason)}")
            case events.VersionRecorded():
                return Sentence("●", "dim", f"version of {short(event.change)}: {event.number}")
            case events.ExecutionSucceeded():
                return Sentence("●", "green", f"succeeded → {values(event.result)}")
            case events.ExecutionFailed():
                text = f"failed with nothing to undo: {short(why(event.end))}"
                return Sentence("●", "yellow", text)
            case events.ExecutionCompensated() | events.ExecutionCancelled():
                word = (
                    "cancelled" if isinstance(event, events.ExecutionCancelled) else "compensated"
                )
                undone = ", ".join(undone_of(event)) or "nothing"
                skipped = ", ".join(skipped_of(event))
                text = f"{word}: {short(why(event.end))}; undone: {undone}"
                return Sentence("●", "yellow", text + (f"; skipped: {skipped}" if skipped else ""))
            case _:
                return Sentence("●", "dim", type(event).__name__)

    def _at(self, time: int) -> str:
        return seconds(time - self._began)

    def _name(self, ordinal: int) -> str:
        return self._names.get(ordinal, f"activity {ordinal}")

    def _attempt(self, event: events.ActivitySucceeded | events.ActivityFailed) -> str:
        """The name, and which attempt it was if there were several."""
        retried = event.ordinal in self._retried
        name = self._name(event.ordinal)
        return f"{name}, attempt {event.attempt}" if retried else name

    def _with_error(self, text: str, error: events.RecordedError, due: int | None) -> str:
        following = "" if due is None else f"; next due at +{seconds(due - self._began)} s"
        told = error.text if text.endswith(": crash") else told_error(error)
        return f"{text}: {short(told)}{following}"


def told_error(error: events.RecordedError) -> str:
    """A defect: its class without the module, and its text."""
    kind = error.type.rpartition(".")[2]
    return f"{kind}: {error.text}" if error.text else kind


def why(end: events.End) -> str:
    """What led to this end; of a cancel who asked for it, whatever the cleanup raised then."""
    if end.kind != "cancelled":
        return reason_of(end)
    return f"{end.reason}, then {end.error}" if end.error is not None else end.reason


def told_end(failure: events.RecordedFailure | None, error: events.RecordedError | None) -> str:
    """Why an activity or a compensation has failed for good."""
    if failure is not None:
        return told_failure(failure)
    return told_error(error) if error is not None else "it is not known why"


def told_failure(failure: events.RecordedFailure) -> str:
    """A declared failure: its class, and its fields or text."""
    return f"{failure.name}: {failure.text}" if failure.text else failure.name


def values(data: Raw) -> str:
    """A payload on a line: an object as name=value, anything else as JSON, cut where too long."""
    content = bytes(data)
    if not content:
        return ""
    value = json.loads(content)
    if isinstance(value, Mapping):
        text = ", ".join(
            f"{name}={short(as_json(each), VALUE_LENGTH)}" for name, each in value.items()
        )
    else:
        text = as_json(value)
    return short(text, VALUES_LENGTH)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def short(text: str, length: int = TEXT_LENGTH) -> str:
    """One line of at most so many characters, none of which a terminal would obey."""
    line = " ".join(printable(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def seconds(microseconds: int) -> str:
    """Seconds with milliseconds, as the timeline counts."""
    return f"{microseconds / 1_000_000:,.3f}"
