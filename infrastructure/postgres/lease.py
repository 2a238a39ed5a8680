"""Leases: which runner owns the shards, by rows that appends prove and the database's clock ends.

A runner's lease is one row that it renews; which shards it owns, and since when (their epochs),
stands apart, so that renewing is in no append's way. Whoever takes over first waits for the appends
that are under way, since each holds its writer's row, and raises the epochs: later ones are fenced.
All functions take a connection and work in the thread that calls them.
"""

import os
import socket
from dataclasses import dataclass

from perdure.infrastructure.clock import SystemIds
from perdure.infrastructure.postgres import neighbour, schema
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.tenure import Tenure

TAKING = 0x50657265  # the advisory lock of whoever takes shards

ENTER = """
    INSERT INTO {schema}.runner (runner, place, lease_seconds, process, expires_at)
    VALUES (%s, %s, %s, %s, clock_timestamp() + make_interval(secs => %s))
"""
# So that others see whether the server has a connection of it.
NAME = "SELECT set_config('application_name', %s, false)"
ENTER_WRITER = "INSERT INTO {schema}.runner_writer VALUES (%s, 0)"
OWNERS = "SELECT DISTINCT owner FROM {schema}.shard_lease WHERE owner IS NOT NULL"
# Locked, so that it cannot be renewed meanwhile; a renewal that was first is seen.
OWNER = """
    SELECT runner, place, extract(epoch FROM expires_at - clock_timestamp())::float8,
        lease_seconds, (extract(epoch FROM expires_at) * 1000000)::bigint, process
    FROM {schema}.runner WHERE runner = %s FOR UPDATE
"""
IS_CONNECTED = "SELECT FROM pg_catalog.pg_stat_activity WHERE application_name = %s"
MOVE = "UPDATE {schema}.runner_writer SET moves = moves + 1 WHERE runner = %s"
TAKE = """
    UPDATE {schema}.shard_lease SET owner = %s, epoch = epoch + 1
    WHERE owner IS NOT DISTINCT FROM %s
"""
CHANGE_WRITER = """
    UPDATE {schema}.runner_writer SET writer = writer + 1 WHERE runner = %s RETURNING writer
"""
LEAVE_WRITERS = "DELETE FROM {schema}.runner_writer WHERE runner = %s"
LEAVE = "DELETE FROM {schema}.runner WHERE runner = %s"
FREE = "UPDATE {schema}.shard_lease SET owner = NULL WHERE owner = %s"
RENEW = """
    UPDATE {schema}.runner SET expires_at = clock_timestamp() + make_interval(secs => %s)
    WHERE runner = %s AND expires_at > clock_timestamp()
    RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
"""
OWNED = """
    SELECT shard, epoch, (
        SELECT coalesce(max(position), 0) FROM {schema}.events AS event
        WHERE event.shard = lease.shard
    )
    FROM {schema}.shard_lease AS lease WHERE owner = %s
"""
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


@dataclass(frozen=True, slots=True)
class Occupied:
    """The shards are somebody else's, for so many seconds more unless that one renews.

    `lease_seconds` is how long that one's lease is, `expires_at` its end in microseconds since
    1970 by the database's clock, which may be set while the lease runs.
    """

    runner: str
    place: str
    seconds: float
    lease_seconds: float
    expires_at: int
    process: str | None  # see neighbour


def take(
    connection: Connection,
    statements: Statements,
    lease_seconds: float,
    where: str,
    *,
    kind: str = "engine",
    given_up: Occupied | None = None,
) -> Tenure | Occupied:
    """All shards for a new runner, those of owners whose lease is over too; or whose they are.

    An owner that was `given_up` has lost them if it has not renewed since it was seen so. All of it
    is one transaction: of a runner that takes nothing there is no row. Raises NotAJournal when the
    journal was migrated while somebody waited for it.
    """
    runner, place = SystemIds().new(), f"{kind}, {socket.gethostname()}, process {os.getpid()}"
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))",
            (TAKING, statements.schema),
        )
        schema.check(connection, where, statements.schema)
        owners = cursor.execute(statements.of(OWNERS)).fetchall()
        for (owner,) in owners:
            row = cursor.execute(statements.of(OWNER), (owner,)).fetchone()
            if row is not None and (found := Occupied(*row)).seconds > 0:
                waits = given_up is None or renewed(given_up, found)
                if waits and not is_dead(connection, found):
                    return found
        for (owner,) in owners:
            cursor.execute(statements.of(MOVE), (owner,))
            cursor.execute(statements.of(TAKE), (runner, owner))
            cursor.execute(statements.of(LEAVE_WRITERS), (owner,))
            cursor.execute(statements.of(LEAVE), (owner,))
        cursor.execute(statements.of(TAKE), (runner, None))
        process = neighbour.this_process()
        entry = (runner, place, lease_seconds, process, lease_seconds)
        cursor.execute(statements.of(ENTER), entry)
        cursor.execute(statements.of(ENTER_WRITER), (runner,))
        cursor.execute(NAME, (connection_of(runner),))
    # From here on nobody else appends to them: their last positions stay.
    owned = connection.execute(statements.of(OWNED), (runner,)).fetchall()
    epochs = {shard: epoch for shard, epoch, _ in owned}
    heads = {shard: head for shard, _, head in owned}
    return Tenure(where, runner, epochs, heads)


def renewed(before: Occupied, now: Occupied) -> bool:
    """Whether the owner gave a sign of life between two looks."""
    return (before.runner, before.expires_at) != (now.runner, now.expires_at)


def change_writer(connection: Connection, statements: Statements, tenure: Tenure) -> None:
    """Lets the runner write under another number: after this, nothing of the last one is stored.

    Waits for an append that is under way. A runner that was taken over has no writer any more, and
    nothing of it comes either.
    """
    row = connection.execute(statements.of(CHANGE_WRITER), (tenure.runner,)).fetchone()
    if row is not None:
        tenure.writer = int(row[0])


def is_dead(connection: Connection, owner: Occupied) -> bool:
    """Whether nobody has to wait for its lease: its process was here and ended.

    Asked of the server too, since copies of a virtual machine can take each other for the same.
    """
    if owner.process is None or not neighbour.is_gone(owner.process):
        return False
    return connection.execute(IS_CONNECTED, (connection_of(owner.runner),)).fetchone() is None


def connection_of(runner: str) -> str:
    """The name of the connections that hold its lease."""
    return f"perdure lease {runner}"


def renew(
    connection: Connection, statements: Statements, runner: str, lease_seconds: float
) -> int | None:
    """The database's time; None when the lease was over already, or taken."""
    done = connection.execute(statements.of(RENEW), (lease_seconds, runner), prepare=True)
    row = done.fetchone()
    return None if row is None else int(row[0])


def leave(connection: Connection, statements: Statements, runner: str) -> None:
    """Gives the shards up; whoever waits for them may have them at once.

    Locks rows in the order of `take`: runner, writers, shards.
    """
    with connection.transaction():
        connection.execute(statements.of(LEAVE), (runner,))
        connection.execute(statements.of(MOVE), (runner,))
        connection.execute(statements.of(FREE), (runner,))
        connection.execute(statements.of(LEAVE_WRITERS), (runner,))


def now(connection: Connection) -> int:
    """The database's time in microseconds since 1970."""
    [(time,)] = connection.execute(NOW, prepare=True).fetchall()
    return int(time)
