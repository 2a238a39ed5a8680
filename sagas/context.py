"""What an activity can learn about the attempt that runs it: `current_activity()`.

The engine sets `current` around every attempt; user code only reads it.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from perdure.sagas.errors import NotInActivity


@dataclass(frozen=True, slots=True)
class Undoes:
    """In a compensation: the activity that it undoes.

    `outcome` is "unknown" when the activity may or may not have had its effect.
    """

    idempotency_key: str
    outcome: Literal["succeeded", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityContext:
    """One attempt of one activity or compensation.

    `idempotency_key` is the same on every attempt and after a crash; give it to the service that is
    called. `attempt` counts from 1, crashes included. `deadline` is when this attempt times out.
    """

    execution_id: str
    idempotency_key: str
    attempt: int
    deadline: datetime | None = None
    undoes: Undoes | None = None


current: ContextVar[ActivityContext] = ContextVar("perdure_current_activity")


def current_activity() -> ActivityContext:
    """The attempt that runs this code. NotInActivity where none does.

    >>> key = current_activity().idempotency_key  # in an activity
    """
    try:
        return current.get()
    except LookupError:
        raise NotInActivity(
            "current_activity() works only while the engine runs an activity or a compensation; "
            "in a unit test, set perdure.sagas.context.current to an ActivityContext, and read it "
            "in the activity itself, not in a thread or process that it starts"
        ) from None
