"""Checks of what is stored: whole tables and indexes, positions and streams without gaps, sizes.

A shard's events have positions from 1, a stream's have versions from 1 (or 0, by a recorder of
`eventsourcing`). The newest of them are looked at, or all.
"""

from collections.abc import Iterator

from psycopg import sql

from perdure.infrastructure.keeping import Finding, failed, ok, warning
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.unfinished import bytes_written

LAST = 100  # events of each shard, and streams in all
RESTORE = "what is lost is in a backup: docs/how_to/restore_a_backup.md"
INDEXES = frozenset(
    {
        *("events_pkey", "events_shard_position_key", "events_notification_id"),
        *("executions_pkey", "executions_open", "executions_started"),
        *("mailbox_pkey", "mailbox_open", "mailbox_settled"),
        *("runner_pkey", "runner_writer_pkey", "shard_lease_pkey"),
    }
)
VALID = """
    SELECT c.relname FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c
    ON c.oid = i.indexrelid WHERE c.relnamespace = %s::regnamespace AND i.indisvalid
"""
APPEND = (
    "SELECT FROM pg_catalog.pg_proc WHERE proname = 'append' AND pronamespace = %s::regnamespace"
)
VACUUM = """
    SELECT current_setting('autovacuum') = 'on' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_class WHERE relnamespace = %s::regnamespace
            AND 'autovacuum_enabled=false' = ANY (reloptions)
    )
"""
SIZES = """
    SELECT sum(pg_catalog.pg_total_relation_size(oid)),
        sum(pg_catalog.pg_total_relation_size(oid)) FILTER (WHERE relname = 'events')
    FROM pg_catalog.pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'
"""
LAST_POSITIONS = """
    SELECT lease.shard FROM {schema}.shard_lease AS lease
    CROSS JOIN LATERAL (
        SELECT count(*) AS many, max(position) AS last, min(position) AS first FROM (
            SELECT position FROM {schema}.events AS event WHERE event.shard = lease.shard
            ORDER BY position DESC LIMIT %s
        ) AS newest
    ) AS seen
    WHERE many > 0 AND (last - first + 1 <> many OR (many < %s AND first <> 1))
"""
ALL_POSITIONS = """
    SELECT shard FROM {schema}.events GROUP BY shard
    HAVING min(position) <> 1 OR max(position) <> count(*) ORDER BY shard
"""
GAP = "min(version) > 1 OR max(version) - min(version) + 1 <> count(*)"
LAST_STREAMS = f"""
    SELECT execution_id FROM {{schema}}.events JOIN (
        SELECT shard, execution_id FROM {{schema}}.executions
        ORDER BY started DESC, execution_id DESC LIMIT %s
    ) AS newest USING (shard, execution_id)
    GROUP BY shard, execution_id HAVING {GAP}
"""
ALL_STREAMS = f"""
    SELECT execution_id FROM {{schema}}.events GROUP BY shard, execution_id HAVING {GAP}
"""
ALL_ROWS = """
    SELECT execution_id FROM {schema}.executions AS execution WHERE NOT EXISTS (
        SELECT FROM {schema}.events AS event
        WHERE event.shard = execution.shard AND event.execution_id = execution.execution_id
    )
"""


def objects(connection: Connection, statements: Statements) -> Iterator[Finding]:
    """Tables were looked at with the version; what else belongs to them."""
    schema = quoted(statements)
    lost = sorted(INDEXES - {str(name) for (name,) in connection.execute(VALID, (schema,))})
    if connection.execute(APPEND, (schema,)).fetchone() is None:
        lost.append("append")
    if lost:
        yield failed("tables", f"lost or not valid: {', '.join(lost)}", RESTORE)
    else:
        yield ok("tables", "complete, with their indexes and the function")


def vacuum(connection: Connection, statements: Statements) -> Iterator[Finding]:
    [(on,)] = connection.execute(VACUUM, (quoted(statements),)).fetchall()
    if on:
        yield ok("autovacuum", "on")
    else:
        yield warning("autovacuum", "off, for the server or a table", "turn it on: tables swell")


def size(connection: Connection, statements: Statements) -> Iterator[Finding]:
    [(whole, events)] = connection.execute(SIZES, (quoted(statements),)).fetchall()
    told = f"{bytes_written(int(whole))}, of which events {bytes_written(int(events))}"
    yield ok("size on disk", told)


def last_positions(connection: Connection, statements: Statements) -> Iterator[Finding]:
    found = connection.execute(statements.of(LAST_POSITIONS), (LAST, LAST)).fetchall()
    yield gaps("positions", f"the last {LAST} events of each shard", "shard", found)


def all_positions(connection: Connection, statements: Statements) -> Iterator[Finding]:
    found = connection.execute(statements.of(ALL_POSITIONS)).fetchall()
    yield gaps("positions", "all events", "shard", found)


def last_streams(connection: Connection, statements: Statements) -> Iterator[Finding]:
    found = connection.execute(statements.of(LAST_STREAMS), (LAST,)).fetchall()
    yield gaps("streams", f"the newest {LAST} executions", "execution", found)


def all_streams(connection: Connection, statements: Statements) -> Iterator[Finding]:
    found = connection.execute(statements.of(ALL_STREAMS)).fetchall()
    yield gaps("streams", "all executions", "execution", found)


def all_rows(connection: Connection, statements: Statements) -> Iterator[Finding]:
    found = connection.execute(statements.of(ALL_ROWS)).fetchall()
    if found:
        told = f"{len(found):,} executions have no event, as {found[0][0]}"
        yield failed("index", told, RESTORE)
    else:
        yield ok("index", "each execution in it has its events")


def gaps(check: str, seen: str, what: str, found: list[tuple[object, ...]]) -> Finding:
    if not found:
        return ok(check, f"no gap in {seen}")
    return failed(check, f"gaps in {len(found):,}, as in {what} {found[0][0]}", RESTORE)


def quoted(statements: Statements) -> str:
    return sql.Identifier(statements.schema).as_string(None)
