"""The journal's log for readers of `eventsourcing`: its application recorder on our rows.

The same as the one on SQLite, without a file. The library's lock keeps threads of readers apart;
the journal itself is used from one thread.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
    Subscription,
)
from eventsourcing.popo import POPOApplicationRecorder

from perdure.domain.errors import VersionConflict
from perdure.infrastructure.mapper import entries
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.subscription import LookingSubscription


class MemoryRecorder(POPOApplicationRecorder):
    """On the log of a MemoryJournal, or on one of its own."""

    def __init__(self, log: Log | None = None) -> None:
        super().__init__()
        self.log = Log() if log is None else log

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        with self._database_lock:
            try:
                _, last = self.log.append(entries(stored_events))
            except VersionConflict as conflict:
                raise IntegrityError(str(conflict)) from conflict
            return [*range(last - len(stored_events) + 1, last + 1)]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        with self._database_lock:
            found = [
                StoredEvent(*row)
                for row in self.log.streams.get(str(originator_id), ())
                if (gt is None or row.version > gt) and (lte is None or row.version <= lte)
            ]
            return (found[::-1] if desc else found)[:limit]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 1 if start is None else max(1, start if inclusive_of_start else start + 1)
        with self._database_lock:
            found = [
                Notification(*row, position)
                for position, row in enumerate(self.log.events[first - 1 : stop], first)
                if not topics or row.topic in topics
            ]
            return found[:limit]

    def max_notification_id(self) -> int | None:
        with self._database_lock:
            return len(self.log.events) or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return LookingSubscription(self, gt, topics)
