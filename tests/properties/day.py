"""The day that a program is run on: what else may happen, besides faults of the journal."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Day:
    """How long a commit takes, how many attempts run at once, and when somebody cancels.

    And how long it takes until somebody sees to what is parked, and how long each call of the world
    takes at least.
    """

    commit_milliseconds: int = 0
    slots: int = 4_096
    cancel_after_milliseconds: int | None = None
    resume_after_milliseconds: int = 0
    call_milliseconds: float = 0
