"""What the fold keeps of activities, compensations and the rollback: one record for each.

They say how things stand; `execution` is what changes them, event by event.
"""

from enum import Enum, auto

from perdure.domain import events
from perdure.domain.events import Undo


class Phase(Enum):
    """Where an activity, or a compensation, is."""

    IN_FLIGHT = auto()
    BACKING_OFF = auto()  # the next attempt begins at `due`
    VERIFYING = auto()  # its probe is asked at `due` what became of the last attempt
    PARKED = auto()  # asked for suspension; the next attempt begins on resume
    SUCCEEDED = auto()
    FAILED = auto()  # with a declared failure: it has no effect to undo
    GIVEN_UP = auto()  # no further attempt; whether it had an effect is unknown


class ActivityRecord:
    """One activity of an execution, by its ordinal."""

    __slots__ = (
        "abandoned",
        "alone",
        "arguments",
        "attempt",
        "crashes",
        "due",
        "ended_version",
        "name",
        "ordinal",
        "phase",
        "probes",
        "result",
        "started_at",
        "started_version",
        "verify",
    )

    def __init__(self, started: events.ActivityStarted, version: int) -> None:
        self.ordinal = started.ordinal
        self.name = started.activity
        self.arguments = bytes(started.arguments)
        self.attempt = started.attempt
        self.phase = Phase.IN_FLIGHT
        self.started_at = started.time
        self.started_version = version
        self.ended_version = 0
        self.result: bytes | None = None
        self.due: int | None = None
        self.abandoned = False
        self.crashes = 0  # in a row, each of them the runner's
        self.alone = started.alone
        self.verify = ""  # what the probe's answer is to decide: "retry", "end"
        self.probes = 0  # how often the probe was asked about the last attempt

    def failed_attempt(self, event: events.AttemptFailed) -> None:
        self.due, self.verify, self.probes = event.due, event.verify, 0
        if event.kind != "stopped":
            self.crashes = self.crashes + 1 if event.kind == "crash" else 0
        if event.verify:
            self.phase = Phase.VERIFYING
        elif event.due is not None:
            self.phase = Phase.BACKING_OFF
        elif event.kind == "suspended":
            self.phase = Phase.PARKED
        else:
            self.phase = Phase.GIVEN_UP


class CompensationRecord:
    """The compensation that is being performed: there is one at a time."""

    __slots__ = (
        "alone",
        "arguments",
        "attempt",
        "crashes",
        "due",
        "failed",
        "phase",
        "started_at",
        "undo",
    )

    def __init__(self, undo: Undo, started_at: int) -> None:
        self.undo = undo
        self.attempt = 0
        self.phase = Phase.IN_FLIGHT
        self.started_at = started_at
        self.due: int | None = None
        self.failed: events.CompensationFailed | None = None
        self.crashes = 0  # as of an activity
        self.alone = False
        self.arguments = b""  # instead of those that are recorded of the activity, if any


class Rollback:
    """How the execution is brought to its end, once CompensationBegan has fixed it."""

    __slots__ = ("current", "end", "plan", "skipped", "undone")

    def __init__(self, began: events.CompensationBegan) -> None:
        self.end = began.end
        self.plan = began.plan
        self.undone: list[Undo] = []
        self.skipped: list[Undo] = []
        self.current: CompensationRecord | None = None

    def next(self) -> Undo | None:
        """What is to be undone next; None when all of it is."""
        return self.plan[self.done] if self.done < len(self.plan) else None

    @property
    def done(self) -> int:
        """How many steps of the plan are behind."""
        return len(self.undone) + len(self.skipped)
