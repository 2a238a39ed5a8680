"""Rows in and out of the tables: the append that journal and recorder share, and the reads.

All functions take a connection and work in the thread that calls them. What a batch is made of is
batch's matter, what one statement does with it flush's; threads, locks and translation of errors
are the journal's.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import shard_of
from perdure.domain.journal import ENDED_STATES, IndexRow, Scan
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.sqlite import mailbox
from perdure.infrastructure.sqlite.batch import Batch, as_json
from perdure.infrastructure.sqlite.schema import OPEN_ONLY

COLUMNS = "execution_id, shard, workflow, state, due, started, changed, reason, tags"
TAKEN = (
    "SELECT e.execution_id FROM json_each(?) AS claim CROSS JOIN executions AS e "
    "ON e.shard = json_extract(claim.value, '$[0]') "
    "AND e.execution_id = json_extract(claim.value, '$[1]')"
)
LAST_VERSION = "SELECT max(version) FROM events WHERE shard = ? AND execution_id = ?"
STREAMS = (
    "SELECT e.execution_id, e.version, e.topic, e.body, e.format, e.key_id "
    "FROM json_each(?) AS wanted "
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
    not where its entry expects it, or whose entry settles an envelope that is not open. The
    connection has to be `flush.prepare`d, and be the only one that claims. Which ids are taken is
    asked only after one was: every step of SQLite that is saved is one wait less for Python's lock.
    """
    taken: frozenset[str] = frozenset()
    while True:
        batch = Batch(taken)
        answer = [batch.add(entry) for entry in entries]
        try:
            batch.store(connection)
        except sqlite3.IntegrityError as error:
            if not taken and (taken := taken_ids(connection, entries)):
                continue
            accepted = (entry for entry, is_in in zip(entries, answer, strict=True) if is_in)
            conflict = first_conflict(connection, accepted)
            if conflict is None:
                raise
            raise conflict from error
        return answer


def taken_ids(connection: sqlite3.Connection, entries: Iterable[Entry]) -> frozenset[str]:
    """Which ids of these starts are taken."""
    starts = as_json([(entry.shard, entry.execution_id) for entry in entries if entry.claims])
    return frozenset(name for (name,) in connection.execute(TAKEN, (starts,)))


def first_conflict(
    connection: sqlite3.Connection, entries: Iterable[Entry]
) -> VersionConflict | None:
    """Which entry does not fit what is stored; a slow look after the fact."""
    versions: dict[str, int | None] = {}
    settled: set[str] = set()
    for entry in entries:
        name = entry.execution_id
        for each in entry.settles:
            here = each.envelope_id in settled
            if here or not mailbox.is_open(connection, each.shard, each.envelope_id):
                return VersionConflict(name, entry.expected)
            settled.add(each.envelope_id)
        if not entry.rows:
            continue
        if name not in versions:
            versions[name] = connection.execute(LAST_VERSION, (entry.shard, name)).fetchone()[0]
        version = versions[name]
        if version != entry.expected and not (version is None and entry.expected <= 0):
            return VersionConflict(name, entry.expected)
        versions[name] = entry.expected + len(entry.rows)
    return None


def wanted(execution_ids: Iterable[str]) -> str | None:
    return as_json([(shard_of(each), each) for each in execution_ids])


def select_streams(
    connection: sqlite3.Connection, execution_ids: Iterable[str]
) -> list[tuple[str, int, str, bytes, int, str | None]]:
    """Rows of these streams for `stream.decoded`, stream by stream, in the order of versions."""
    return connection.execute(STREAMS, (wanted(execution_ids),)).fetchall()


def select_rows(
    connection: sqlite3.Connection, execution_ids: Iterable[str]
) -> dict[str, IndexRow]:
    """The index rows of these."""
    found = connection.execute(ROWS, (wanted(execution_ids),))
    return {row[0]: index_row(*row) for row in found}


def select_page(connection: sqlite3.Connection, scan: Scan) -> list[IndexRow]:
    """One page of the index, in the order that `Scan` promises."""
    conditions = [f"state IN ({', '.join('?' * len(scan.states))})"]
    values: list[object] = [*scan.states]
    if not set(scan.states) & set(ENDED_STATES):
        conditions.append(OPEN_ONLY)
    if scan.begun is not None:
        conditions.append("due IS NOT started" if scan.begun else "due = started")
    if scan.workflow is not None:
        conditions.append("workflow = ?")
        values.append(scan.workflow)
    for tag in (scan.tags or {}).items():
        conditions.append("json_extract(tags, '$.\"' || ? || '\"') = ?")
        values.extend(tag)
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
    return [index_row(*row) for row in found]


def index_row(*row: Any) -> IndexRow:
    tags = None if row[-1] == "{}" else msgspec.json.decode(row[-1])
    columns: tuple[Any, ...] = (*row[:-1], tags)
    return IndexRow(*columns)
