"""Rows in and out of the tables: the append that journal and recorder share, and the reads.

All functions take a connection and work in the thread that calls them. Transactions are theirs;
threads, locks and translation of errors belong to the journal.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import Identity, shard_of
from perdure.domain.journal import ENDED_STATES, IndexRow, Scan
from perdure.infrastructure.codec import FORMAT
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.sqlite.schema import OPEN_ONLY

EPOCH = 0  # of the writer; leases, which raise it, need a store that several processes share

INSERT_EVENT = (
    "INSERT INTO events (shard, execution_id, version, topic, body, epoch, format) "
    f"VALUES (?, ?, ?, ?, ?, {EPOCH}, {FORMAT})"
)
CLAIM = (
    "INSERT INTO executions "
    "(shard, execution_id, workflow, key, state, due, started, changed, reason) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
UPDATE = (
    "UPDATE executions SET state = ?, due = ?, changed = ?, reason = ? "
    "WHERE shard = ? AND execution_id = ?"
)
STORED = "SELECT 1 FROM events WHERE shard = ? AND execution_id = ? AND version = ?"
COLUMNS = "execution_id, shard, workflow, state, due, started, changed, reason"


def append(connection: sqlite3.Connection, entries: Sequence[Entry]) -> tuple[list[bool], int]:
    """Stores all entries in one transaction; whether each was, and the last notification id.

    Raises VersionConflict for the first stream that is not where its entry expects it.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        answer = [insert(connection, entry) for entry in entries]
        last = connection.execute("SELECT max(notification_id) FROM events").fetchone()[0]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return answer, last or 0


def insert(connection: sqlite3.Connection, entry: Entry) -> bool:
    execution_id, shard, expected, index = (
        entry.execution_id,
        entry.shard,
        entry.expected,
        entry.index,
    )
    if entry.claims:
        assert index is not None
        claim = (
            shard,
            execution_id,
            index.workflow,
            Identity.of(execution_id).key,
            index.state,
            index.due,
            index.started,
            index.changed,
            index.reason,
        )
        if connection.execute(CLAIM, claim).rowcount == 0:
            return False
    elif index is not None:
        connection.execute(
            UPDATE, (index.state, index.due, index.changed, index.reason, shard, execution_id)
        )
    if entry.rows and expected > 0:
        found = connection.execute(STORED, (shard, execution_id, expected)).fetchone()
        if found is None:
            raise VersionConflict(execution_id, expected)
    try:
        connection.executemany(
            INSERT_EVENT,
            [
                (shard, execution_id, version, topic, body)
                for version, (topic, body) in enumerate(entry.rows, expected + 1)
            ],
        )
    except sqlite3.IntegrityError as error:
        raise VersionConflict(execution_id, expected) from error
    return True


def select_streams(
    connection: sqlite3.Connection, execution_ids: Iterable[str]
) -> list[tuple[str, int, str, bytes]]:
    """Rows of these streams, stream by stream, in the order of versions."""
    wanted = json.dumps([(shard_of(each), each) for each in execution_ids])
    return connection.execute(
        "SELECT e.execution_id, e.version, e.topic, e.body FROM json_each(?) AS wanted "
        "CROSS JOIN events AS e ON e.shard = json_extract(wanted.value, '$[0]') "
        "AND e.execution_id = json_extract(wanted.value, '$[1]') "
        "ORDER BY wanted.key, e.version",
        (wanted,),
    ).fetchall()


def select_rows(
    connection: sqlite3.Connection, execution_ids: Iterable[str]
) -> dict[str, IndexRow]:
    """The index rows of these."""
    wanted = json.dumps([(shard_of(each), each) for each in execution_ids])
    found = connection.execute(
        f"SELECT {COLUMNS} FROM executions WHERE (shard, execution_id) IN "
        "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))",
        (wanted,),
    )
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
