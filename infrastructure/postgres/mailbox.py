"""Rows in and out of the mailbox: posted by clients, read and deleted by the owner.

An owner settles with its flush, in the same transaction as the events. Functions take a connection
and work in the thread that calls them, as those of log.
"""

from collections.abc import Iterable
from typing import Any

from perdure.domain.identity import shard_of
from perdure.domain.mailbox import FORGET_PAGE, Envelope
from perdure.infrastructure.postgres.arrays import int4s, int8s, texts
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.log import Statements

COLUMNS = "envelope_id, shard, execution_id, kind, body, sent"
# An id that is there stays as it is: whoever posts again does so after an ambiguous commit.
INSERT = f"""
    INSERT INTO {{schema}}.mailbox ({COLUMNS})
    SELECT * FROM unnest(%s, %s, %s, %s, %s, %s)
    ON CONFLICT (shard, envelope_id) DO NOTHING
"""
OPEN = f"""
    SELECT {COLUMNS}, arrival FROM {{schema}}.mailbox
    WHERE settled_at IS NULL AND arrival > %s ORDER BY arrival LIMIT %s
"""
WAITING = f"""
    SELECT {COLUMNS}, arrival FROM {{schema}}.mailbox
    WHERE settled_at IS NULL AND execution_id = %s AND shard = %s ORDER BY arrival
"""
REPLIES = """
    SELECT m.envelope_id, m.reply FROM unnest(%s, %s) AS wanted (shard, envelope_id)
    JOIN {schema}.mailbox AS m USING (shard, envelope_id) WHERE m.settled_at IS NOT NULL
"""
FORGET = """
    DELETE FROM {schema}.mailbox WHERE (shard, envelope_id) IN (
        SELECT shard, envelope_id FROM {schema}.mailbox WHERE settled_at < %s
        ORDER BY settled_at LIMIT %s
    )
"""


def insert(connection: Connection, statements: Statements, envelopes: Iterable[Envelope]) -> None:
    """All of them, in one transaction and in their order."""
    rows = list(envelopes)
    columns = (
        texts([each.id for each in rows]),
        int4s([each.shard for each in rows]),
        texts([each.execution_id for each in rows]),
        texts([each.kind for each in rows]),
        texts([each.body.decode() for each in rows]),
        int8s([each.sent for each in rows]),
    )
    connection.execute(statements.of(INSERT), columns, prepare=True)


def select_open(
    connection: Connection, statements: Statements, after: int, limit: int
) -> list[Envelope]:
    """Open ones, in the order of their coming."""
    found = connection.execute(statements.of(OPEN), (after, limit), prepare=True)
    return [envelope(row) for row in found]


def select_waiting(
    connection: Connection, statements: Statements, execution_id: str
) -> list[Envelope]:
    """Open ones of one execution."""
    values = (execution_id, shard_of(execution_id))
    return [envelope(row) for row in connection.execute(statements.of(WAITING), values)]


def select_replies(
    connection: Connection, statements: Statements, envelopes: Iterable[Envelope]
) -> dict[str, bytes]:
    """The replies to those of these that are settled."""
    wanted = list(envelopes)
    columns = int4s([each.shard for each in wanted]), texts([each.id for each in wanted])
    found = connection.execute(statements.of(REPLIES), columns, prepare=True)
    return {name: reply.encode() for name, reply in found}


def delete_settled(connection: Connection, statements: Statements, settled_before: int) -> int:
    """How many of the oldest ones were deleted."""
    return connection.execute(statements.of(FORGET), (settled_before, FORGET_PAGE)).rowcount


def envelope(row: tuple[Any, ...]) -> Envelope:
    envelope_id, shard, execution_id, kind, body, sent, arrival = row
    return Envelope(envelope_id, shard, execution_id, kind, body.encode(), sent, arrival)
