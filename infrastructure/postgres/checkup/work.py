"""Checks of the work: who holds the journal until when, and what waits for somebody."""

from collections.abc import Iterator

from psycopg import sql

from perdure.infrastructure import unfinished
from perdure.infrastructure.keeping import Finding, ok, warning
from perdure.infrastructure.postgres import lease
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.unfinished import Work, written

LEASES = """
    SELECT runner.place, count(*), min(lease.epoch), max(lease.epoch),
        (extract(epoch FROM runner.expires_at) * 1000000)::bigint,
        runner.expires_at > clock_timestamp()
    FROM {schema}.shard_lease AS lease LEFT JOIN {schema}.runner AS runner ON owner = runner
    GROUP BY runner.runner, runner.place, runner.expires_at ORDER BY 1
"""
INCARNATION = "SELECT incarnation FROM {schema}.journal"


def leases(connection: Connection, statements: Statements) -> Iterator[Finding]:
    [(incarnation,)] = connection.execute(statements.of(INCARNATION)).fetchall()
    yield ok("incarnation", str(incarnation) if incarnation else "the first")
    for place, shards, low, high, expires, lives in connection.execute(statements.of(LEASES)):
        epochs = f"epoch {low}" if low == high else f"epochs {low} to {high}"
        if place is None:
            told = f"nobody holds {shards} shards ({epochs})"
            yield warning("lease", told, "open an engine on the journal, if there is work for it")
            continue
        told = f"{place} holds {shards} shards ({epochs}) until {written(expires)}"
        if lives:
            yield ok("lease", told)
        else:
            yield warning("lease", f"{told}, which is over", "open an engine: it takes over")


def unfinished_work(connection: Connection, statements: Statements) -> Iterator[Finding]:
    schema = f"{sql.Identifier(statements.schema).as_string(None)}."

    def rows(statement: str) -> list[tuple[object, ...]]:
        return connection.execute(statement.format(schema=schema).encode()).fetchall()

    work = Work.of(rows)
    yield from unfinished.told(work, lease.now(connection))
