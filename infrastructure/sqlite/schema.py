"""The tables of a journal in SQLite, decided once: what is stored today is read for ever.

`shard` is the first column of every key, as in every other store, so that tables can be placed by
it. The position of an event is its `notification_id`, that of an envelope its `arrival`: one writer
at a time gives a total order, rising, with gaps where a transaction was rolled back. Reading and
writing rows is log's matter, and mailbox's.
"""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from textwrap import dedent

from perdure.domain.errors import JournalUnavailable, NotAJournal
from perdure.domain.identity import DEFAULT_SHARDS
from perdure.domain.journal import ENDED_STATES
from perdure.infrastructure.errors import DamagedJournal, OutdatedJournal, no_keys
from perdure.infrastructure.sqlite.translation import NEXT_STEP_WHEN_FOREIGN

SCHEMA_VERSION = 2
# What leads from each version to the next.
MIGRATIONS = {1: ("ALTER TABLE journal ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0",)}
HASH = "blake2b-64"
APPLICATION_ID = 0x50657264  # "Perd", in the header of the file, where `file` and others find it

OPEN_ONLY = f"state NOT IN ({', '.join(repr(state) for state in ENDED_STATES)})"

TABLES = (
    """
    CREATE TABLE journal (
        journal_id TEXT NOT NULL,
        shards INTEGER NOT NULL,
        hash TEXT NOT NULL,
        schema_version INTEGER NOT NULL,
        encrypted INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    """
    CREATE TABLE events (
        notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
        shard INTEGER NOT NULL,
        execution_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        topic TEXT NOT NULL,
        body BLOB NOT NULL,
        epoch INTEGER NOT NULL,
        format INTEGER NOT NULL,
        key_id TEXT,
        UNIQUE (shard, execution_id, version)
    ) STRICT
    """,
    """
    CREATE TABLE executions (
        shard INTEGER NOT NULL,
        execution_id TEXT NOT NULL,
        workflow TEXT NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        due INTEGER,
        started INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        reason TEXT NOT NULL,
        tags TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (shard, execution_id)
    ) STRICT, WITHOUT ROWID
    """,
    # What somebody may have to look at. An execution is in it from its start to its end.
    f"CREATE INDEX executions_open ON executions (due, execution_id, state) WHERE {OPEN_ONLY}",
    # For lists, newest first. Written once a start, at its end.
    "CREATE INDEX executions_started ON executions (started, execution_id)",
    # Orders of clients; settled ones stay for a while, so that none is carried out twice.
    """
    CREATE TABLE mailbox (
        arrival INTEGER PRIMARY KEY AUTOINCREMENT,
        shard INTEGER NOT NULL,
        envelope_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        sent INTEGER NOT NULL,
        settled_at INTEGER,
        reply TEXT,
        UNIQUE (shard, envelope_id)
    ) STRICT
    """,
    "CREATE INDEX mailbox_open ON mailbox (arrival) WHERE settled_at IS NULL",
)


def create(connection: sqlite3.Connection, path: Path) -> None:
    """Makes an empty file a journal, in one transaction; nothing if it is one already.

    Raises NotAJournal before anything is written to another program's file.
    """
    connection.execute("BEGIN EXCLUSIVE")
    try:
        if application_of(connection) != APPLICATION_ID:
            if application_of(connection) != 0 or tables_of(connection):
                raise foreign(path)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in TABLES:
                connection.execute(dedent(statement).strip())
            connection.execute(
                "INSERT INTO journal VALUES (lower(hex(randomblob(16))), ?, ?, ?, 0)",
                (DEFAULT_SHARDS, HASH, SCHEMA_VERSION),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def script() -> str:
    """What `create` does to an empty file, as SQL for a shell."""
    parts = [
        f"PRAGMA application_id = {APPLICATION_ID}",
        *(dedent(each).strip() for each in TABLES),
    ]
    parts.append(
        "INSERT INTO journal VALUES "
        f"(lower(hex(randomblob(16))), {DEFAULT_SHARDS}, '{HASH}', {SCHEMA_VERSION}, 0)"
    )
    return "".join(f"{each};\n" for each in ("BEGIN EXCLUSIVE", *parts, "COMMIT"))


def migration(version: int) -> list[str]:
    """The statements that bring a journal of this version to ours."""
    statements = []
    for each in range(version, SCHEMA_VERSION):
        statements += [*MIGRATIONS[each], f"UPDATE journal SET schema_version = {each + 1}"]
    return statements


def version_of(connection: sqlite3.Connection) -> int:
    """Of a file that is a journal."""
    row = connection.execute("SELECT schema_version FROM journal").fetchone()
    return 0 if row is None else int(row[0])


def application_of(connection: sqlite3.Connection) -> int:
    [number] = connection.execute("PRAGMA application_id").fetchone()
    return int(number)


def tables_of(connection: sqlite3.Connection) -> frozenset[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return frozenset(name for (name,) in found)


def journal_id(connection: sqlite3.Connection) -> str:
    """The one that this journal was given when it was made."""
    [(found,)] = connection.execute("SELECT journal_id FROM journal").fetchall()
    return str(found)


def foreign(path: Path | str) -> NotAJournal:
    return NotAJournal(f"{path}: a SQLite file of another program; {NEXT_STEP_WHEN_FOREIGN}")


def nothing_there(path: Path | str) -> NotAJournal:
    return NotAJournal(f"{path}: no journal is there; an engine makes it when it opens")


def unfinished(path: Path) -> bool:
    """Whether the making of the file was interrupted: a journal has no rollback file otherwise."""
    rollback = path.with_name(path.name + "-journal")
    return rollback.exists() and rollback.stat().st_size > 0


def check_header(path: Path) -> bool:
    """Whether there is a journal to open; reads the file's first page only. Raises NotAJournal.

    Before a connection is on it: one could already write to another program's file. By SQLite all
    the same, as a file that nobody changes: if anything else in this process closed a handle to the
    file, the locks of a connection that an engine or client here has on it would be gone.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unreadable(path, str(error.strerror)) from error
    if stat.S_ISDIR(found.st_mode):
        raise unreadable(path, "it is a directory")
    if found.st_size == 0:
        return False
    try:
        uri = f"{path.as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            if application_of(connection) != APPLICATION_ID:
                raise foreign(path)
    except sqlite3.OperationalError as error:
        raise unreadable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            return True  # ours or not, it will be told when it is opened
        if not unfinished(path):  # else SQLite has to roll that back first
            raise NotAJournal(f"{path}: not a SQLite file; {NEXT_STEP_WHEN_FOREIGN}") from error
    return True


def unreadable(path: Path, why: str) -> JournalUnavailable:
    return JournalUnavailable(f"{path}: cannot be read ({why}); check the file and its rights")


def check(connection: sqlite3.Connection, path: Path | str) -> None:
    """Raises NotAJournal unless the tables are those of this version."""
    tables = tables_of(connection)
    if application_of(connection) != APPLICATION_ID:
        raise foreign(path) if tables else nothing_there(path)
    lost = {"journal", "events", "executions"} - tables
    if lost:
        raise DamagedJournal(
            f"{path}: damaged (no table {', '.join(sorted(lost))}); restore it from a backup"
        )
    row = connection.execute("SELECT shards, hash, schema_version FROM journal").fetchone()
    expected = (DEFAULT_SHARDS, HASH, SCHEMA_VERSION)
    if row is None:
        raise NotAJournal(f"{path}: its journal table is empty; {NEXT_STEP_WHEN_FOREIGN}")
    for name, found, known in zip(("shards", "hash", "schema version"), row, expected, strict=True):
        if name == "schema version" and found in MIGRATIONS:
            raise OutdatedJournal(
                f"{path}: a journal of version {found}, this Perdure needs {known}; nothing was "
                "changed; stop what runs on it, then run perdure migrate --journal with its address"
            )
        if found != known:
            raise NotAJournal(
                f"{path}: a journal with {name} {found}, this version of Perdure reads {known}; "
                f"{NEXT_STEP_WHEN_FOREIGN}, or use the version that made it"
            )


def admit(connection: sqlite3.Connection, path: Path | str, *, seals: bool) -> None:
    """Raises NoKeys where keys have to be: once some were given, they always have to be."""
    [encrypted] = connection.execute("SELECT encrypted FROM journal").fetchone()
    if encrypted and not seals:
        raise no_keys(path)
    if seals and not encrypted:
        connection.execute("UPDATE journal SET encrypted = 1")
