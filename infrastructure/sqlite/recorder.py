"""The journal's file for readers of `eventsourcing`: its application recorder on our tables.

Notifications are the events in the order of the whole; originators are executions, by their ids.
Inserting goes through the append of the journal's writer, so that the library's test cases try
that one. Beside an engine it is for reading: an execution that finds an event of somebody else in
its stream stops.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    ProgrammingError,
    StoredEvent,
    Subscription,
)
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor, SQLiteDatastore

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import shard_of
from perdure.infrastructure.mapper import entries, readable
from perdure.infrastructure.sqlite import flush, log, schema
from perdure.infrastructure.subscription import LookingSubscription

EVENT = "format, key_id, execution_id, version, topic, body"
LAST_NOTIFICATION = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"


class SQLiteRecorder(SQLiteApplicationRecorder):
    """On a datastore with text ids, whose file a journal has made."""

    def __init__(self, datastore: SQLiteDatastore) -> None:
        if datastore.originator_id_type != "text":
            raise ProgrammingError("execution ids are text: give originator_id_type='text'")
        super().__init__(datastore, events_table_name="events")

    def create_table(self) -> None:
        """Checks the tables; making them is the journal's matter."""
        with self.datastore.transaction(commit=False) as cursor:
            schema.check(raw(cursor), self.datastore.pool.db_name)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        with self.datastore.get_connection(commit=True) as connection:
            flush.prepare(raw(connection.cursor()))
            with connection.transaction(commit=True) as cursor:
                return self._insert_events(cursor, stored_events, **kwargs)

    def _insert_events(
        self, c: SQLiteCursor | sqlite3.Cursor, stored_events: Sequence[StoredEvent], **_: Any
    ) -> Sequence[int]:
        if not stored_events:
            return []
        connection, found = raw(c), entries(stored_events)
        try:
            # No stream of the journal's own begins with 0, so its append does not look there.
            conflict = log.first_conflict(connection, [each for each in found if each.expected < 0])
            if conflict is not None:
                raise conflict
            log.append(connection, found)
        except VersionConflict as conflict:
            raise IntegrityError(str(conflict)) from conflict
        c.execute(LAST_NOTIFICATION)
        last: int = c.fetchone()[0]
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
        where = ["shard = ?", "execution_id = ?"]
        values: list[object] = [shard_of(str(originator_id)), str(originator_id)]
        if gt is not None:
            where.append("version > ?")
            values.append(gt)
        if lte is not None:
            where.append("version <= ?")
            values.append(lte)
        values.append(-1 if limit is None else limit)
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(
                f"SELECT {EVENT} FROM events WHERE {' AND '.join(where)} "
                f"ORDER BY version {'DESC' if desc else 'ASC'} LIMIT ?",
                values,
            )
            return [StoredEvent(*readable(row)) for row in cursor.fetchall()]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        where = ["TRUE"]
        values: list[object] = []
        if start is not None:
            where.append(f"notification_id {'>=' if inclusive_of_start else '>'} ?")
            values.append(start)
        if stop is not None:
            where.append("notification_id <= ?")
            values.append(stop)
        if topics:
            where.append(f"topic IN ({', '.join('?' * len(topics))})")
            values.extend(topics)
        values.append(limit)
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(
                f"SELECT {EVENT}, notification_id FROM events WHERE {' AND '.join(where)} "
                "ORDER BY notification_id LIMIT ?",
                values,
            )
            return [Notification(*readable(row)) for row in cursor.fetchall()]

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return LookingSubscription(self, gt, topics)


def raw(cursor: SQLiteCursor | sqlite3.Cursor) -> sqlite3.Connection:
    """The connection below the library's cursor, which it wraps in one of two ways."""
    return (cursor.sqlite_cursor if isinstance(cursor, SQLiteCursor) else cursor).connection
