"""Rows in and out of the tables: the append that journal and recorder share, and the reads.

All functions take a connection and work in the thread that calls them. What one statement does for
a whole batch is flush's matter; threads, locks and translation of errors are the journal's.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import Identity, shard_of
from perdure.domain.journal import ENDED_STATES, IndexRow, Scan
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.sqlite.flush import STORE
from perdure.infrastructure.sqlite.schema import OPEN_ONLY

COLUMNS = "execution_id, shard, workflow, state, due, started, changed, reason"
TAKEN = (
    "SELECT e.execution_id FROM json_each(?) AS claim CROSS JOIN executions AS e "
    "ON e.shard = json_extract(claim.value, '$[0]') "
    "AND e.execution_id = json_extract(claim.value, '$[1]')"
)
LAST_VERSION = "SELECT max(version) FROM events WHERE shard = ? AND execution_id = ?"
STREAMS = (
    "SELECT e.execution_id, e.version, e.topic, e.body FROM json_each(?) AS wanted "
    "CROSS JOIN events AS e ON e.shard = json_extract(wanted.value, '$[0]') "
    "AND e.execution_id = json_extract(wanted.value, '$[1]') ORDER BY wanted.key, e.version"
)
ROWS = (
    f"SELECT {COLUMNS} FROM executions WHERE (shard, execution_id) IN "
    "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
)


def append(connection: sqlite3.Connection, entries: Sequence[Entry]) -> list[bool]:
    """Stores all entries or none, in one statement; says whether each was stored.

    False stands for a start whose id is taken. Raises VersionConflict for the first stream that is
    not where its entry expects it. The connection has to be `flush.prepare`d, and be the only one
    that claims: between asking which ids are taken and storing, no transaction is held.
    """
    taken = taken_ids(connection, entries)
    batch = Batch()
    answer = [batch.add(entry, taken) for entry in entries]
    try:
        batch.store(connection)
    except sqlite3.IntegrityError as error:
        accepted = (entry for entry, stored in zip(entries, answer, strict=True) if stored)
        conflict = first_conflict(connection, accepted)
        if conflict is None:
            raise
        raise conflict from error
    return answer


class Batch:
    """The lists that a flush takes, as they grow entry by entry."""

    __slots__ = ("bodies", "claims", "ends", "events", "expected", "offset", "torn", "updates")

    def __init__(self) -> None:
        self.claims: list[tuple[object, ...]] = []
        self.updates: dict[str, tuple[object, ...]] = {}  # of two in one batch the last holds
        self.events: list[tuple[int, str, int, str, int, int]] = []
        self.expected: list[tuple[int, str, int]] = []
        self.bodies: list[bytes] = []
        self.offset = 1
        self.ends: dict[str, int] = {}  # the versions that this batch brings its streams to
        self.torn = False

    def add(self, entry: Entry, taken: set[str]) -> bool:
        """Whether the entry is in; a start whose id is taken is not."""
        index = entry.index
        if index is not None:
            if not entry.claims:
                self.updates[entry.execution_id] = update(index)
            elif entry.execution_id in taken:
                return False
            else:
                taken.add(entry.execution_id)
                self.claims.append(claim(index))
                self.updates.pop(entry.execution_id, None)  # which came before, and found no row
        if entry.rows:
            self._add_rows(entry)
        return True

    def _add_rows(self, entry: Entry) -> None:
        execution_id, shard, version = entry.execution_id, entry.shard, entry.expected
        end = self.ends.get(execution_id)
        if end is not None:
            self.torn |= end != version
        elif version > 0:
            self.expected.append((shard, execution_id, version))
        offset = self.offset
        for topic, body in entry.rows:
            version += 1
            length = len(body)
            self.events.append((shard, execution_id, version, topic, offset, length))
            self.bodies.append(body)
            offset += length
        self.offset = offset
        self.ends[execution_id] = version

    def store(self, connection: sqlite3.Connection) -> None:
        """Raises sqlite3.IntegrityError if a stream is not where an entry expects it."""
        if self.torn:
            raise sqlite3.IntegrityError("two entries of one stream do not join")
        if self.claims or self.updates or self.events:
            updates = as_json([*self.updates.values()])
            lists = (as_json(self.claims), updates, as_json(self.events))
            connection.execute(STORE, (*lists, b"".join(self.bodies), as_json(self.expected)))


def claim(row: IndexRow) -> tuple[object, ...]:
    return (
        row.shard,
        row.execution_id,
        row.workflow,
        Identity.of(row.execution_id).key,
        row.state,
        row.due,
        row.started,
        row.changed,
        row.reason,
    )


def update(row: IndexRow) -> tuple[object, ...]:
    return (row.state, row.due, row.changed, row.reason, row.shard, row.execution_id)


def as_json(elements: Sequence[object]) -> str | None:
    """The elements for json_each; None, of which it makes no rows, if there are none."""
    return msgspec.json.encode(elements).decode() if elements else None


def taken_ids(connection: sqlite3.Connection, entries: Iterable[Entry]) -> set[str]:
    """Which ids of these starts are taken."""
    starts = as_json([(entry.shard, entry.execution_id) for entry in entries if entry.claims])
    if starts is None:
        return set()
    return {name for (name,) in connection.execute(TAKEN, (starts,))}


def first_conflict(
    connection: sqlite3.Connection, entries: Iterable[Entry]
) -> VersionConflict | None:
    """Which stream is not where its entry expects it; a slow look after the fact."""
    versions: dict[str, int | None] = {}
    for entry in entries:
        name = entry.execution_id
        if not entry.rows:
            continue
        if name not in versions:
            versions[name] = connection.execute(LAST_VERSION, (entry.shard, name)).fetchone()[0]
        version = versions[name]
        if version != entry.expected and not (version is None and entry.expected <= 0):
            return VersionConflict(name, entry.expected)
        versions[name] = entry.expected + len(entry.rows)
    return None


def wanted(execution_ids: Iterable[str]) -> str:
    return msgspec.json.encode([(shard_of(each), each) for each in execution_ids]).decode()


def select_streams(
    connection: sqlite3.Connection, execution_ids: Iterable[str]
) -> list[tuple[str, int, str, bytes]]:
    """Rows of these streams, stream by stream, in the order of versions."""
    return connection.execute(STREAMS, (wanted(execution_ids),)).fetchall()


def select_rows(
    connection: sqlite3.Connection, execution_ids: Iterable[str]
) -> dict[str, IndexRow]:
    """The index rows of these."""
    found = connection.execute(ROWS, (wanted(execution_ids),))
    return {row[0]: IndexRow(*row) for row in found}


def select_page(connection: sqlite3.Connection, scan: Scan) -> list[IndexRow]:
    """One page of the index, in the order that `Scan` promises."""
    conditions = [f"state IN ({', '.join('?' * len(scan.states))})"]
    values: list[object] = [*scan.states]
    if not set(scan.states) & set(ENDED_STATES):
        conditions.append(OPEN_ONLY)
    if scan.workflow is not None:
        conditions.append("workflow = ?")
        values.append(scan.workflow)
    if scan.everything:
        order = "started DESC, execution_id DESC"
        if scan.after is not None:
            conditions.append("(started, execution_id) < (?, ?)")
            values.extend(scan.after)
    elif scan.due_until is None:
        order = "execution_id"
        conditions.append("due IS NULL")
        if scan.after is not None:
            conditions.append("execution_id > ?")
            values.append(scan.after[1])
    else:
        order = "due, execution_id"
        conditions.append("due <= ?")
        values.append(scan.due_until)
        if scan.after is not None:
            conditions.append("(due, execution_id) > (?, ?)")
            values.extend(scan.after)
    found = connection.execute(
        f"SELECT {COLUMNS} FROM executions WHERE {' AND '.join(conditions)} "
        f"ORDER BY {order} LIMIT ?",
        (*values, scan.limit),
    )
    return [IndexRow(*row) for row in found]
