"""Rows in and out of the mailbox: posted by clients, read and deleted by the owner.

An owner settles with its flush, in the same transaction as the events. Functions take a connection
and work in the thread that calls them, as those of log.
"""

import sqlite3
from collections.abc import Iterable

from perdure.domain.identity import shard_of
from perdure.domain.mailbox import FORGET_PAGE, Envelope
from perdure.infrastructure.sqlite.batch import as_json

COLUMNS = "envelope_id, shard, execution_id, kind, body, sent"
# An id that is there stays as it is: whoever posts again does so after an ambiguous commit.
INSERT = f"""
    INSERT INTO mailbox ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (shard, envelope_id) DO NOTHING
"""
OPEN = (
    f"SELECT {COLUMNS}, arrival FROM mailbox WHERE settled_at IS NULL AND arrival > ? "
    "ORDER BY arrival LIMIT ?"
)
WAITING = (
    f"SELECT {COLUMNS}, arrival FROM mailbox WHERE settled_at IS NULL "
    "AND shard = ? AND execution_id = ? ORDER BY arrival"
)
REPLIES = (
    "SELECT m.envelope_id, m.reply FROM json_each(?) AS wanted CROSS JOIN mailbox AS m "
    "ON m.shard = json_extract(wanted.value, '$[0]') "
    "AND m.envelope_id = json_extract(wanted.value, '$[1]') WHERE m.settled_at IS NOT NULL"
)
# The oldest ones only, so that it takes no index of its own: what is left comes next time.
FORGET = """
    DELETE FROM mailbox WHERE settled_at < ?
    AND arrival IN (SELECT arrival FROM mailbox ORDER BY arrival LIMIT ?)
"""
IS_OPEN = "SELECT 1 FROM mailbox WHERE shard = ? AND envelope_id = ? AND settled_at IS NULL"


def insert(connection: sqlite3.Connection, envelopes: Iterable[Envelope]) -> None:
    """Within the transaction of the caller."""
    connection.executemany(
        INSERT,
        [
            (each.id, each.shard, each.execution_id, each.kind, each.body.decode(), each.sent)
            for each in envelopes
        ],
    )


def select_open(connection: sqlite3.Connection, after: int, limit: int) -> list[Envelope]:
    """Open ones, in the order of their coming."""
    return [envelope(row) for row in connection.execute(OPEN, (after, limit))]


def select_waiting(connection: sqlite3.Connection, execution_id: str) -> list[Envelope]:
    """Open ones of one execution."""
    found = connection.execute(WAITING, (shard_of(execution_id), execution_id))
    return [envelope(row) for row in found]


def select_replies(
    connection: sqlite3.Connection, envelopes: Iterable[Envelope]
) -> dict[str, bytes]:
    """The replies to those of these that are settled."""
    wanted = as_json([(each.shard, each.id) for each in envelopes])
    return {name: reply.encode() for name, reply in connection.execute(REPLIES, (wanted,))}


def delete_settled(connection: sqlite3.Connection, settled_before: int) -> int:
    """How many of the oldest ones were deleted."""
    return connection.execute(FORGET, (settled_before, FORGET_PAGE)).rowcount


def is_open(connection: sqlite3.Connection, shard: int, envelope_id: str) -> bool:
    """Whether it is there and not settled."""
    return connection.execute(IS_OPEN, (shard, envelope_id)).fetchone() is not None


def envelope(row: tuple[str, int, str, str, str, int, int]) -> Envelope:
    envelope_id, shard, execution_id, kind, body, sent, arrival = row
    return Envelope(envelope_id, shard, execution_id, kind, body.encode(), sent, arrival)
