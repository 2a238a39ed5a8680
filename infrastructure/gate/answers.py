"""What a worker says of one execution, and what it is told: the lines between the processes.

JSON, one object a line. Who writes which is `worker` and `processes`.
"""

import hashlib
from collections.abc import Iterable

from msgspec import Struct

from perdure.domain import events
from perdure.domain.events import Event
from perdure.sagas.examination import Verdict

LONGEST = 2_000  # characters of one text
SAFE = "safe"
OTHERWISE = "depends on the process"  # another PYTHONHASHSEED, another replay
HANGS = "hangs"
UNTRIED = "not replayed"  # since too many have hung before it
CRASHES = "ends its process"


class Task(Struct, kw_only=True):
    """The first line to a worker: where to read, what to import, and how long one may take."""

    url: str
    modules: list[str]
    seconds_each: float


class Answer(Struct, kw_only=True, omit_defaults=True):
    """One execution against the code. See perdure.sagas.examination.Verdict for the fields.

    `code` are the fingerprints of the bodies that wrote it, `shape` stands for the sequence of its
    requests.
    """

    id: str
    kind: str
    code: tuple[str, ...] = ()
    shape: str = ""
    event: int = 0
    position: str = ""
    expected: str = ""
    actual: str = ""
    where: str = ""
    why: str = ""
    change: str = ""
    guard: str = ""
    advice: str = ""

    @property
    def safe(self) -> bool:
        return self.kind == SAFE


class Notice(Struct, kw_only=True, omit_defaults=True):
    """Any other line of a worker: it is ready, has read what it was given, or cannot go on."""

    workflows: list[str] = []  # the names that its code answers to, once it is ready
    read: bool = False
    code_error: str = ""
    error: str = ""


def answer_of(execution_id: str, stream: Iterable[Event], verdict: Verdict) -> Answer:
    """Cut to what people read."""
    stream, guard = list(stream), verdict.guard
    return Answer(
        id=execution_id,
        kind=verdict.kind,
        code=codes_of(stream),
        shape=shape_of(stream),
        event=verdict.event,
        position=verdict.position,
        expected=cut(verdict.expected),
        actual=cut(verdict.actual),
        where=verdict.where,
        why=cut(verdict.why),
        change="" if guard is None else guard.change,
        guard="" if guard is None else guard.code,
        advice="" if guard is None else guard.told,
    )


def codes_of(stream: Iterable[Event]) -> tuple[str, ...]:
    """The fingerprints of the code that wrote it, in order."""
    return tuple(dict.fromkeys(code for each in stream if (code := getattr(each, "code", ""))))


def shape_of(stream: Iterable[Event]) -> str:
    """8 hex digits for what was asked for, in order, whatever the arguments."""
    told = []
    for event in stream:
        match event:
            case events.ActivityStarted(attempt=1):
                told.append(f"{event.feed}:{event.activity}")
            case events.TimerSet():
                told.append(f"{event.feed}:sleep")
            case events.ExecutionSuspended(cause="asked"):
                told.append(f"{event.feed}:suspend")
            case events.VersionRecorded():
                told.append(f"{event.change}={event.number}")
            case events.CompensationBegan():
                told.append("rollback")
    return hashlib.blake2b("\n".join(told).encode(), digest_size=4).hexdigest()


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
