"""The port to the log: append submissions, read streams, find executions that need somebody.

It speaks of events; how they become rows, and in which thread, is the adapter's matter. Joining
submissions into flushes, bisecting, and going on after an error are the committer's, above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.lease import Lease
from perdure.domain.mailbox import Mailbox, Settlement

# States of the index that an engine takes up when it is due: what goes on by itself, and what is
# blocked by code that may have been exchanged since.
OPEN_STATES = ("running", "compensating", "blocked")
PARKED_STATES = ("suspended", "stuck")
ENDED_STATES = ("succeeded", "failed", "compensated", "cancelled")
STATES = OPEN_STATES + PARKED_STATES + ENDED_STATES

# What one flush joins; a submission that is larger than this goes alone.
FLUSH_EVENTS_LIMIT = 2_000
FLUSH_BYTES_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One execution in the `executions` index, as of its last change of state.

    `due` (microseconds since 1970) is when somebody has to look at it, at the latest: the earliest
    timer or next attempt, now for one that is recorded but not begun, None while its owner holds
    it. It may be too early, never too late. `reason` says why it is suspended, blocked or stuck.
    `tags` are written at the start and stay; None for none.
    """

    execution_id: str
    shard: int
    workflow: str
    state: str
    due: int | None
    started: int
    changed: int
    reason: str = ""
    tags: Mapping[str, str] | None = None

    @property
    def begun(self) -> bool:
        """Whether it is more than a start that waits, for room or for its time."""
        return self.due != self.started


@dataclass(slots=True)
class Submission:
    """What one execution appends at once: all of it is stored, or nothing.

    `expected` is the version that the stream must be at. A start (expected 0) claims its row of
    the index; if the id is taken it alone is refused. Without events only the index is written.
    `settles` are the envelopes that it carries out; one that is not open is a VersionConflict.
    """

    execution_id: str
    shard: int
    expected: int
    events: list[Event] = field(default_factory=list)
    index: IndexRow | None = None
    settles: Sequence[Settlement] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """Which executions to find, in the order of (due, id); `after` is where the last page ended.

    With `due_until` those whose due is not later; without, those that have none. `states` limits
    the states, `workflow` the workflow, `tags` are those they have to bear; `everything` ignores
    dues and orders by (started, id), newest first. `begun` False: only starts that wait for room,
    due since they were recorded; True: only others.
    """

    states: tuple[str, ...] = OPEN_STATES
    due_until: int | None = None
    workflow: str | None = None
    everything: bool = False
    begun: bool | None = None
    tags: Mapping[str, str] | None = None
    after: tuple[int, str] | None = None
    limit: int = 512


class Journal(Mailbox, Protocol):
    """An append-only log of executions, its index and its mailbox. A shard has one writer."""

    @property
    def lease(self) -> Lease:
        """Whether the shards are this engine's."""
        ...

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        """Stores all of them in one transaction; durable when it returns.

        False stands for a start that was refused because its id is taken; the others are stored.
        Raises VersionConflict (nothing of the batch is stored), JournalUnavailable (nothing is
        stored; try again), LostLease (nothing is stored).
        """
        ...

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        """The whole streams of these; ids without events are absent."""
        ...

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        """The index rows of these; ids without one are absent."""
        ...

    async def scan(self, scan: Scan) -> Sequence[IndexRow]:
        """One page of the index."""
        ...

    async def close(self) -> None:
        """Lets go of threads and files. What was appended stays; idempotent."""
        ...
