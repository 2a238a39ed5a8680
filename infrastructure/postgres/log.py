"""Rows in and out of the tables: the append that journal and recorder share, and the reads.

All functions take a connection and work in the thread that calls them. What a batch is made of is
batch's matter, what one call does with it flush's; threads, leases and translation of errors are
the journal's.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import shard_of
from perdure.domain.journal import ENDED_STATES, IndexRow, Scan
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.postgres import flush
from perdure.infrastructure.postgres.arrays import int4s, int8s, texts
from perdure.infrastructure.postgres.batch import ARGUMENTS, Batch
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.tenure import Tenure

COLUMNS = "execution_id, shard, workflow, state, due, started, changed, reason, tags"
OPEN_ONLY = f"state NOT IN ({', '.join(repr(state) for state in ENDED_STATES)})"
CONFLICTS = (flush.GAP, flush.NOT_OPEN, "23505")  # and a version or position that is there

APPEND = f"SELECT {{schema}}.append({', '.join(['%s'] * ARGUMENTS)})"
STREAMS = """
    SELECT event.execution_id, event.version, event.topic, event.body, event.format, event.key_id
    FROM unnest(%s, %s) WITH ORDINALITY AS wanted (shard, execution_id, place)
    CROSS JOIN LATERAL (
        SELECT * FROM {schema}.events AS event
        WHERE event.shard = wanted.shard AND event.execution_id = wanted.execution_id
        ORDER BY event.version
    ) AS event
    ORDER BY wanted.place, event.version
"""
ROWS = f"""
    SELECT {", ".join(f"e.{name}" for name in COLUMNS.split(", "))}
    FROM unnest(%s, %s) AS wanted (shard, execution_id)
    JOIN {{schema}}.executions AS e USING (shard, execution_id)
"""
LAST_VERSIONS = """
    SELECT wanted.execution_id, (
        SELECT max(event.version) FROM {schema}.events AS event
        WHERE event.shard = wanted.shard AND event.execution_id = wanted.execution_id
    )
    FROM unnest(%s, %s) AS wanted (shard, execution_id)
"""
ARE_OPEN = """
    SELECT envelope.envelope_id FROM unnest(%s, %s) AS wanted (shard, envelope_id)
    JOIN {schema}.mailbox AS envelope USING (shard, envelope_id)
    WHERE envelope.settled_at IS NULL
"""
STORED = """
    SELECT event.execution_id, event.version, event.position
    FROM unnest(%s, %s, %s, %s) AS wanted (shard, execution_id, version, epoch)
    JOIN {schema}.events AS event USING (shard, execution_id, version, epoch)
"""


class Statements:
    """The statements of one schema, each composed once."""

    __slots__ = ("_composed", "_quoted", "schema")

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self._quoted = sql.Identifier(schema).as_string(None)
        self._composed: dict[str, bytes] = {}

    def of(self, statement: str) -> bytes:
        """A statement with the schema's name in it."""
        found = self._composed.get(statement)
        if found is None:
            found = self._composed[statement] = statement.format(schema=self._quoted).encode()
        return found


def append(
    connection: Connection, statements: Statements, tenure: Tenure, entries: Sequence[Entry]
) -> list[bool]:
    """Stores all entries or none, in one call; says whether each was stored.

    False stands for a start whose id is taken. Raises VersionConflict when a stream is not where
    its entry expects it, or an envelope is not open, LostLease, and psycopg's errors.
    """
    batch = Batch(tenure)
    answer = [batch.add(entry) for entry in entries]
    if batch.torn or batch.doubtful:  # by a start whose id is taken perhaps
        claims = [entry.execution_id for entry in entries if entry.claims]
        batch = Batch(tenure, frozenset(select_rows(connection, statements, claims)))
        answer = [batch.add(entry) for entry in entries]
    if batch.torn:
        raise first_conflict(connection, statements, entries) or entries[0].conflict
    try:
        [taken] = connection.execute(
            statements.of(APPEND),
            batch.arguments(tenure.runner, tenure.writer),
            binary=True,
            prepare=True,
        ).fetchone() or ([],)
    except psycopg.DatabaseError as error:
        if error.sqlstate not in CONFLICTS:
            raise
        conflict = first_conflict(connection, statements, entries)
        if conflict is None:
            raise
        raise conflict from error
    batch.stored(taken)
    if taken:
        refused = set(taken)
        return [
            is_in and not (entry.claims and entry.execution_id in refused)
            for entry, is_in in zip(entries, answer, strict=True)
        ]
    return answer


def first_conflict(
    connection: Connection, statements: Statements, entries: Sequence[Entry]
) -> VersionConflict | None:
    """Which entry does not fit what is stored; a slow look after the fact."""
    streams = {entry.execution_id: entry.shard for entry in entries if entry.rows}
    columns = int4s(list(streams.values())), texts(streams)
    found = connection.execute(statements.of(LAST_VERSIONS), columns).fetchall()
    versions: dict[str, int | None] = dict(found)
    claims = [entry.execution_id for entry in entries if entry.claims]
    taken = set(select_rows(connection, statements, claims))
    envelopes = [each for entry in entries for each in entry.settles]
    columns = int4s([it.shard for it in envelopes]), texts([it.envelope_id for it in envelopes])
    are_open = {name for (name,) in connection.execute(statements.of(ARE_OPEN), columns)}
    for entry in entries:
        if entry.claims and entry.execution_id in taken:
            continue
        if entry.claims:
            taken.add(entry.execution_id)
        for each in entry.settles:
            if each.envelope_id not in are_open:
                return entry.conflict
            are_open.discard(each.envelope_id)
        if not entry.rows:
            continue
        version = versions.get(entry.execution_id)
        if version != entry.expected and not (version is None and entry.expected <= 0):
            return entry.conflict
        versions[entry.execution_id] = entry.expected + len(entry.rows)
    return None


def read_back(
    connection: Connection, statements: Statements, tenure: Tenure, entries: Sequence[Entry]
) -> list[bool] | None:
    """What became of a batch whose commit nobody acknowledged; None when nothing was stored.

    Nobody else writes under our epochs, and what we wrote before lies before the heads.
    """
    rows = [entry for entry in entries if entry.rows]
    columns = (
        int4s([entry.shard for entry in rows]),
        texts([entry.execution_id for entry in rows]),
        int8s([entry.expected + 1 for entry in rows]),
        int8s([tenure.epoch(entry.shard) for entry in rows]),
    )
    found = connection.execute(statements.of(STORED), columns, binary=True).fetchall()
    stored = {
        (name, version)
        for name, version, position in found
        if position > tenure.head(shard_of(name))
    }
    if not stored:
        return None
    answer = [
        not entry.rows or (entry.execution_id, entry.expected + 1) in stored for entry in entries
    ]
    events = (
        [entry.shard] * len(entry.rows)
        for entry, is_in in zip(entries, answer, strict=True)
        if is_in
    )
    tenure.moved([shard for shards in events for shard in shards])
    return answer


def wanted(execution_ids: Iterable[str]) -> tuple[object, object]:
    names = list(execution_ids)
    return int4s([shard_of(each) for each in names]), texts(names)


def select_streams(
    connection: Connection, statements: Statements, execution_ids: Iterable[str]
) -> list[tuple[Any, ...]]:
    """Rows of these streams for `stream.decoded`, stream by stream, in the order of versions."""
    return connection.execute(
        statements.of(STREAMS), wanted(execution_ids), binary=True, prepare=True
    ).fetchall()


def select_rows(
    connection: Connection, statements: Statements, execution_ids: Iterable[str]
) -> dict[str, IndexRow]:
    """The index rows of these."""
    found = connection.execute(
        statements.of(ROWS), wanted(execution_ids), binary=True, prepare=True
    )
    return {row[0]: index_row(*row) for row in found}


def select_page(connection: Connection, statements: Statements, scan: Scan) -> list[IndexRow]:
    """One page of the index, in the order that `Scan` promises."""
    conditions = ["state = ANY (%s)"]
    given: list[object] = [list(scan.states)]
    if not set(scan.states) & set(ENDED_STATES):
        conditions.append(OPEN_ONLY)
    if scan.begun is not None:
        conditions.append("due IS DISTINCT FROM started" if scan.begun else "due = started")
    if scan.workflow is not None:
        conditions.append("workflow = %s")
        given.append(scan.workflow)
    if scan.tags:
        conditions.append("tags @> %s")
        given.append(Jsonb(dict(scan.tags)))
    if scan.everything:
        order, key = "started DESC, execution_id DESC", "(started, execution_id) < (%s, %s)"
    elif scan.due_until is None:
        conditions.append("due IS NULL")
        order, key = "execution_id", "(0, execution_id) > (%s * 0, %s)"
    else:
        conditions.append("due <= %s")
        given.append(scan.due_until)
        order, key = "due, execution_id", "(due, execution_id) > (%s, %s)"
    if scan.after is not None:
        conditions.append(key)
        given.extend(scan.after)
    statement = (
        f"SELECT {COLUMNS} FROM {{schema}}.executions WHERE {' AND '.join(conditions)} "
        f"ORDER BY {order} LIMIT %s"
    )
    found = connection.execute(statements.of(statement), (*given, scan.limit), binary=True)
    return [index_row(*row) for row in found]


def index_row(*row: Any) -> IndexRow:
    *columns, tags = row
    columns.append(tags or None)
    return IndexRow(*columns)
