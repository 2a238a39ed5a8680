"""The journal's database for readers of `eventsourcing`: its application recorder on our tables.

Notifications are the events in the order of their ids, which come from one sequence; originators
are executions, by their ids. Inserting goes through the append of the journal's writer: it takes
the shards for that moment, as an engine does for long. Beside an engine it is for reading.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    StoredEvent,
    Subscription,
)

from perdure.domain.errors import JournalError, VersionConflict
from perdure.domain.identity import shard_of
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.mapper import entries, readable
from perdure.infrastructure.postgres import lease, log, schema
from perdure.infrastructure.postgres.arrays import int4s, int8s, texts
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.lease import Occupied
from perdure.infrastructure.postgres.link import Link
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.tenure import Tenure
from perdure.infrastructure.postgres.translation import translated
from perdure.infrastructure.subscription import LookingSubscription

T = TypeVar("T")

KIND = "recorder"
LEASE_SECONDS = 10.0
TRIES, PAUSE_SECONDS = 500, 0.01  # while another recorder inserts just now
WINDOW = 10_000  # ids that are looked at in one go: the index only knows ranges of pages

EVENT = "format, key_id, execution_id, version, topic, body"
INSERTED = """
    SELECT event.notification_id FROM unnest(%s, %s, %s) WITH ORDINALITY
        AS wanted (shard, execution_id, version, place)
    JOIN {schema}.events AS event USING (shard, execution_id, version) ORDER BY wanted.place
"""
STREAM = f"""
    SELECT {EVENT} FROM {{schema}}.events
    WHERE shard = %s AND execution_id = %s AND version > %s AND version <= %s
    ORDER BY version {{{{order}}}} LIMIT %s
"""
NOTIFICATIONS = f"""
    SELECT {EVENT}, notification_id FROM {{schema}}.events
    WHERE notification_id > %s AND notification_id <= %s
        AND (cardinality(%s::text[]) = 0 OR topic = ANY (%s::text[]))
    ORDER BY notification_id LIMIT %s
"""
GREATEST = """
    SELECT max(notification_id) FROM {schema}.events
    WHERE notification_id > %s AND notification_id <= %s
"""
LAST_GIVEN = """
    SELECT coalesce(last_value, 0) FROM pg_catalog.pg_sequences
    WHERE schemaname = %s AND sequencename = 'events_notification_id_seq'
"""
LATEST = 2**63 - 1


class PostgresRecorder(ApplicationRecorder):
    """On a database in which a journal was made. Threads take turns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = Statements(database.schema)
        self._link = Link(database, "recorder")
        self._lock = threading.RLock()
        self._closed = False
        with self._lock, translated(database.shown, "opening"):
            self._link.opened()
            schema.check(self._link.connection(), database.shown, database.schema)

    def close(self) -> None:
        """Lets go of the connection, for good. Idempotent."""
        with self._lock:
            self._closed = True
            self._link.close()

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        found = entries(stored_events)
        return self._do(lambda it: self._insert(it, stored_events, found)) if found else []

    def _insert(
        self, connection: Connection, stored: Sequence[StoredEvent], found: list[Entry]
    ) -> list[int]:
        tenure = self._taken(connection)
        try:
            # No stream of the journal's own begins with 0, so its append does not look there.
            first = [each for each in found if each.expected < 0]
            conflict = log.first_conflict(connection, self._statements, first)
            if conflict is not None:
                raise conflict
            log.append(connection, self._statements, tenure, found)
        finally:
            lease.leave(connection, self._statements, tenure.runner)
        columns = (
            int4s([shard_of(str(each.originator_id)) for each in stored]),
            texts([str(each.originator_id) for each in stored]),
            int8s([each.originator_version for each in stored]),
        )
        return [number for (number,) in connection.execute(self._of(INSERTED), columns)]

    def _taken(self, connection: Connection) -> Tenure:
        """All shards; waits for another recorder, and for no engine."""
        pause, place = threading.Event(), ""
        for _ in range(TRIES):
            taken = lease.take(
                connection, self._statements, LEASE_SECONDS, self._database.shown, kind=KIND
            )
            if not isinstance(taken, Occupied):
                return taken
            place = taken.place
            if not place.startswith(KIND):
                break
            pause.wait(PAUSE_SECONDS)
        raise OperationalError(
            f"{self._database.shown}: {place} owns the journal; beside an engine a recorder "
            "is for reading"
        )

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        name = str(originator_id)
        after, until = -1 if gt is None else gt, LATEST if lte is None else lte
        statement = self._of(STREAM).replace(b"{order}", b"DESC" if desc else b"ASC")
        values = (shard_of(name), name, after, until, limit)
        rows = self._do(lambda it: it.execute(statement, values, binary=True).fetchall())
        return [StoredEvent(*readable(row)) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        low = 0 if start is None else start - inclusive_of_start
        last = self._do(self._last_given)
        end = last if stop is None else min(stop, last)
        found: list[Notification] = []
        while low < end and len(found) < limit:
            values = (low, min(low + WINDOW, end), list(topics), list(topics), limit - len(found))
            rows = self._do(partial(self._page, values))
            found += [Notification(*readable(row)) for row in rows]
            low += WINDOW
        return found

    def _page(self, values: tuple[Any, ...], connection: Connection) -> list[tuple[Any, ...]]:
        return connection.execute(self._of(NOTIFICATIONS), values, binary=True).fetchall()

    def max_notification_id(self) -> int | None:
        return self._do(self._greatest)

    def _greatest(self, connection: Connection) -> int | None:
        """The last id may have been given to a flush that was rolled back."""
        high, window = self._last_given(connection), WINDOW
        while high > 0:
            low = max(0, high - window)
            [(greatest,)] = connection.execute(self._of(GREATEST), (low, high)).fetchall()
            if greatest is not None:
                return int(greatest)
            high, window = low, window * 2
        return None

    def _last_given(self, connection: Connection) -> int:
        row = connection.execute(LAST_GIVEN, (self._database.schema,)).fetchone()
        return 0 if row is None else int(row[0])

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return LookingSubscription(self, gt, topics)

    def _of(self, statement: str) -> bytes:
        return self._statements.of(statement)

    def _do(self, job: Callable[[Connection], T]) -> T:
        """In this thread; every error leaves it as one of the library's."""
        try:
            with self._lock, translated(self._database.shown, "recording"):
                if self._closed:  # a subscription may still look for events
                    raise OperationalError(f"{self._database.shown}: the recorder is closed")
                return job(self._link.connection())
        except VersionConflict as conflict:
            raise IntegrityError(str(conflict)) from conflict
        except JournalError as error:
            if isinstance(error.__cause__, psycopg.IntegrityError):
                raise IntegrityError(str(error)) from error
            raise OperationalError(str(error)) from error
