"""What is stored is read for ever: these pins change with a migration, or not at all."""

import re

from perdure.domain import events
from perdure.domain.journal import STATES, Scan
from perdure.infrastructure import codec
from perdure.infrastructure.sqlite import log
from perdure.infrastructure.sqlite.connection import connect_writer
from tests.journals.stores import SQLiteStore
from tests.journals.submissions import NOON

TOPICS = """
ExecutionStarted ActivityStarted AttemptFailed ActivitySucceeded ActivityFailed ActivityAbandoned
TimerSet TimerFired TimerCancelled VersionRecorded CancellationRequested ExecutionSuspended
ExecutionResumed CompensationBegan CompensationStarted CompensationAttemptFailed ActivityCompensated
ActivityVerified CompensationFailed CompensationResolved ExecutionSucceeded ExecutionFailed
ExecutionCompensated ExecutionCancelled
"""

SCHEMA = {
    "journal": "CREATE TABLE journal ( journal_id TEXT NOT NULL, shards INTEGER NOT NULL, "
    "hash TEXT NOT NULL, schema_version INTEGER NOT NULL, "
    "encrypted INTEGER NOT NULL DEFAULT 0 ) STRICT",
    "events": "CREATE TABLE events ( notification_id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "shard INTEGER NOT NULL, execution_id TEXT NOT NULL, version INTEGER NOT NULL, "
    "topic TEXT NOT NULL, body BLOB NOT NULL, epoch INTEGER NOT NULL, format INTEGER NOT NULL, "
    "key_id TEXT, UNIQUE (shard, execution_id, version) ) STRICT",
    "executions": "CREATE TABLE executions ( shard INTEGER NOT NULL, execution_id TEXT NOT NULL, "
    "workflow TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, due INTEGER, "
    "started INTEGER NOT NULL, changed INTEGER NOT NULL, reason TEXT NOT NULL, "
    "tags TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (shard, execution_id) ) STRICT, WITHOUT ROWID",
    "executions_open": "CREATE INDEX executions_open ON executions (due, execution_id, state) "
    "WHERE state NOT IN ('succeeded', 'failed', 'compensated', 'cancelled')",
    "executions_started": "CREATE INDEX executions_started ON executions (started, execution_id)",
    "mailbox": "CREATE TABLE mailbox ( arrival INTEGER PRIMARY KEY AUTOINCREMENT, "
    "shard INTEGER NOT NULL, envelope_id TEXT NOT NULL, execution_id TEXT NOT NULL, "
    "kind TEXT NOT NULL, body TEXT NOT NULL, sent INTEGER NOT NULL, settled_at INTEGER, "
    "reply TEXT, UNIQUE (shard, envelope_id) ) STRICT",
    "mailbox_open": "CREATE INDEX mailbox_open ON mailbox (arrival) WHERE settled_at IS NULL",
}


def test_topics_are_the_pinned_ones() -> None:
    assert set(events.TOPICS) == set(TOPICS.split())
    assert codec.FORMAT == 1


async def test_tables_are_the_pinned_ones(sqlite: SQLiteStore) -> None:
    await (await sqlite.open()).close()
    found = sqlite.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    assert {name: re.sub(r"\s+", " ", str(sql)) for name, sql in found} == SCHEMA


async def test_a_journal_says_what_it_is(sqlite: SQLiteStore) -> None:
    await (await sqlite.open()).close()
    [(journal_id, *told)] = sqlite.execute("SELECT * FROM journal")
    assert re.fullmatch("[0-9a-f]{32}", str(journal_id))
    assert told == [256, "blake2b-64", 2, 0]
    assert sqlite.execute("PRAGMA application_id") == [(0x50657264,)]
    assert sqlite.execute("PRAGMA journal_mode") == [("wal",)]


def test_commits_are_synchronous_unless_told_otherwise(sqlite: SQLiteStore) -> None:
    for option, level in (("full", 2), ("normal", 1)):
        connection = connect_writer(sqlite.path, option, seals=False)  # type: ignore[arg-type]
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        connection.close()


def test_scans_walk_along_an_index(sqlite: SQLiteStore) -> None:
    """The number of executions that have ended does not slow a scan of those that have not."""
    connection = connect_writer(sqlite.path, "full", seals=False)
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    after = (NOON, "a")
    for scan, index in (
        (Scan(), "executions_open"),
        (Scan(after=after), "executions_open"),
        (Scan(due_until=NOON), "executions_open"),
        (Scan(due_until=NOON, after=after, workflow="Pay"), "executions_open"),
        (Scan(states=STATES, everything=True), "executions_started"),
        (Scan(states=STATES, everything=True, after=after), "executions_started"),
    ):
        statements.clear()
        log.select_page(connection, scan)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}").fetchall()
        details = [detail for *_, detail in plan]
        assert index in details[0], details
        assert not any("TEMP B-TREE" in detail for detail in details), details
    connection.close()
