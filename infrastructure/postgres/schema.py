"""What a schema has to hold to be a journal of this version, and how it becomes one.

Everything lies in a schema of its own, decided once: what is stored today is read for ever. The
tables stand in migrations/versions, and `migrating` carries those out. What is done with rows is
log's, mailbox's and lease's matter; the function that stores a flush stands in flush.
"""

import importlib
from typing import Any

from psycopg import sql

from perdure.domain.errors import NotAJournal
from perdure.domain.identity import DEFAULT_SHARDS
from perdure.infrastructure.errors import DamagedJournal, OutdatedJournal, no_keys
from perdure.infrastructure.postgres.connection import Connection, Database

SCHEMA_VERSION = 2
HASH = "blake2b-64"

NAMES = frozenset(
    {"journal", "events", "executions", "mailbox", "runner", "runner_writer", "shard_lease"}
)


def create(connection: Connection, database: Database) -> None:
    """Makes an empty schema a journal, in one transaction; nothing if anything is there."""
    if not tables_of(connection, database.schema):
        migrating().migrate(database, only_new=True)


def migrating() -> Any:
    """Imported only where something is to be done: its library takes half a second."""
    return importlib.import_module("perdure.infrastructure.postgres.migrating")


def is_there(connection: Connection, schema: str) -> bool:
    """Asked first, since IF NOT EXISTS wants the right to make schemas even where there is one."""
    found = connection.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
    return found.fetchone() is not None


def tables_of(connection: Connection, schema: str) -> frozenset[str]:
    found = connection.execute(
        "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = %s", (schema,)
    )
    return frozenset(str(name) for (name,) in found)


def journal_id(connection: Connection, schema: str) -> str:
    """The one that this journal was given when it was made."""
    table = sql.Identifier(schema, "journal").as_string(None)
    [(found,)] = connection.execute(f"SELECT journal_id FROM {table}".encode()).fetchall()
    return str(found)


def version_of(connection: Connection, where: str, schema: str) -> int:
    """The version of the journal's tables, 0 where nothing is. Raises NotAJournal."""
    tables = tables_of(connection, schema)
    if not tables:
        return 0
    if "journal" not in tables:
        raise NotAJournal(
            f"{where}: schema {schema!r} holds tables of another program; name another one "
            "with ?schema=..."
        )
    lost = NAMES - tables
    if lost:
        raise DamagedJournal(
            f"{where}: damaged (no table {', '.join(sorted(lost))}); restore it from a backup"
        )
    journal = sql.Identifier(schema, "journal").as_string(None)
    query = f"SELECT shards, hash, schema_version FROM {journal}"
    row = connection.execute(query.encode()).fetchone()
    if row is None:
        raise DamagedJournal(f"{where}: damaged (its journal table is empty); restore it")
    *found, version = row
    for name, value, known in zip(("shards", "hash"), found, (DEFAULT_SHARDS, HASH), strict=True):
        if value != known:
            raise NotAJournal(
                f"{where}: a journal with {name} {value}, this version of Perdure reads {known}; "
                "nothing was changed; use the version that made it"
            )
    if version > SCHEMA_VERSION:
        raise NotAJournal(
            f"{where}: a journal of version {version}, newer than this Perdure, which knows "
            f"{SCHEMA_VERSION}; nothing was changed; use a newer Perdure"
        )
    return int(version)


def check(connection: Connection, where: str, schema: str) -> None:
    """Raises NotAJournal unless the tables are those of this version."""
    version = version_of(connection, where, schema)
    if version == 0:
        raise NotAJournal(f"{where}: no journal is there; an engine makes it when it opens")
    if version < SCHEMA_VERSION:
        raise OutdatedJournal(
            f"{where}: a journal of version {version}, this Perdure needs {SCHEMA_VERSION}; "
            "nothing was changed; stop what runs on it, then run perdure migrate --journal "
            "with its address"
        )


def admit(connection: Connection, where: str, schema: str, *, seals: bool) -> None:
    """Raises NoKeys where keys have to be: once some were given, they always have to be."""
    journal = sql.Identifier(schema, "journal").as_string(None)
    [(encrypted,)] = connection.execute(f"SELECT encrypted FROM {journal}".encode()).fetchall()
    if encrypted and not seals:
        raise no_keys(where)
    if seals and not encrypted:
        connection.execute(f"UPDATE {journal} SET encrypted = true".encode())
