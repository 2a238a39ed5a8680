"""The settings of an engine, frozen, with defaults that suit production."""

from collections.abc import Callable
from dataclasses import dataclass

from perdure.domain.errors import ExecutionParked


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What can be set when an engine is opened.

    `max_in_flight`: executions that run at once; further starts are recorded, return, and wait in
    the journal. `resident_limit`: executions that wait in memory for a near due.
    `activity_slots`: attempts that run at once; `activity_threads`: threads for sync activities.
    `lease_seconds`: on PostgreSQL, how long nobody else takes over after the engine's last sign of
    life; it stops by itself after two thirds of that.
    `stop_seconds`: how long a stop lets attempts in flight end. `scan_seconds`: how often the
    journal is looked through for work that nobody told of, and the clock for having been set
    forward; without the lease, thirty times as often for what others ended. `on_parked` is called
    on the engine's loop with an ExecutionParked whenever an execution becomes suspended, blocked
    or stuck.
    """

    max_in_flight: int = 512
    resident_limit: int = 10_000
    activity_slots: int = 4_096
    activity_threads: int = 64
    lease_seconds: float = 15.0
    stop_seconds: float = 15.0
    scan_seconds: float = 30.0
    on_parked: Callable[[ExecutionParked], None] | None = None

    def __post_init__(self) -> None:
        for name in ("max_in_flight", "resident_limit", "activity_slots", "activity_threads"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"EngineSettings: {name}={value!r} must be an int from 1 on")
        if not self.lease_seconds >= 1:
            raise ValueError(
                f"EngineSettings: lease_seconds={self.lease_seconds!r} has to be 1 or more"
            )
        if not self.stop_seconds >= 0 or not self.scan_seconds > 0:
            raise ValueError(
                "EngineSettings: stop_seconds and scan_seconds are seconds, not below 0"
            )
