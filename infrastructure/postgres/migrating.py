"""Migrations carried out: from whatever version a journal is of to this one, in one transaction.

Whoever makes or migrates a journal holds a lock, so that several may begin at once: one does it,
the others find it done. No engine may own the journal meanwhile. Imported only when something is
to be done, for the sake of what Alembic takes to import.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from perdure.domain.errors import JournalInUse
from perdure.infrastructure.postgres import schema
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.lease import TAKING
from perdure.infrastructure.postgres.patience import PatientConnection

FOLDER = Path(__file__).parent / "migrations"
MAKING = 0x50657264  # "Perd": the advisory lock of whoever makes or migrates a journal
LOCK = "SELECT pg_advisory_xact_lock({key}, hashtext({schema}))"
TABLE = "migration"  # Alembic's own, beside the journal's

# A journal that was made before Alembic kept account, in a dry run.
COUNTED = """\
CREATE TABLE {schema}.{table} (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO {schema}.{table} VALUES ('{version:04}');

"""
OWNER = """
    SELECT place FROM {schema}.runner JOIN {schema}.shard_lease ON owner = runner
    WHERE expires_at > clock_timestamp() LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which version to which; 0 is an empty schema. `sql` is what a dry run would do."""

    before: int
    after: int
    sql: str = ""


def migrate(
    database: Database, *, to: int = schema.SCHEMA_VERSION, only_new: bool = False
) -> Migrated:
    """Brings the schema to a version, or with `only_new` makes a journal where nothing is.

    Raises NotAJournal, JournalInUse while an engine owns the journal, and psycopg's errors.
    """
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: _connection(database), poolclass=NullPool
    )
    try:
        with engine.begin() as ours:
            raw = ours.connection.driver_connection
            assert isinstance(raw, PatientConnection)
            raw.execute(_lock(MAKING, database))
            before = schema.version_of(raw, database.shown, database.schema)
            if before >= to or (only_new and before):
                return Migrated(before, before)
            if before:
                _check_free(raw, database)
            elif not schema.is_there(raw, database.schema):
                raw.execute(f"CREATE SCHEMA {_quoted(database)}".encode())
            _run(database, before, to, MigrationContext.configure, connection=ours)
            return Migrated(before, to)
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise


def planned(database: Database) -> Migrated:
    """What `migrate` would do, as SQL for a shell. Changes nothing. Raises as it does."""
    connection = database.connect("migration")
    try:
        before = schema.version_of(connection, database.shown, database.schema)
        made = schema.is_there(connection, database.schema)
        counted = TABLE in schema.tables_of(connection, database.schema)
    finally:
        connection.close()
    if before == schema.SCHEMA_VERSION:
        return Migrated(before, before)
    buffer = StringIO()
    buffer.write(f"BEGIN;\n\n{_lock(MAKING, database).decode()};\n\n")
    if not made:
        buffer.write(f"CREATE SCHEMA {_quoted(database)};\n\n")
    if before and not counted:
        buffer.write(COUNTED.format(schema=_quoted(database), table=TABLE, version=before))
    _run(
        database,
        before,
        schema.SCHEMA_VERSION,
        MigrationContext.configure,
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        as_sql=buffer,
    )
    buffer.write("COMMIT;\n")
    return Migrated(before, schema.SCHEMA_VERSION, buffer.getvalue())


def _run(
    database: Database,
    before: int,
    to: int,
    configure: Callable[..., MigrationContext],
    *,
    as_sql: StringIO | None = None,
    **place: Any,
) -> None:
    scripts = ScriptDirectory(str(FOLDER), version_locations=[str(FOLDER / "versions")])
    options: dict[str, Any] = {
        "version_table": TABLE,
        "version_table_schema": database.schema,
        "on_version_apply": (_tell_version,),
        "fn": lambda heads, _: scripts._upgrade_revs(_revision(to), heads),
        "script": scripts,
    }
    if as_sql is not None:
        options |= {"as_sql": True, "output_buffer": as_sql, "transactional_ddl": False}
        options |= {"starting_rev": _revision(before)} if before else {}
    context = configure(**place, opts=options)
    with Operations.context(context):
        if before and as_sql is None and not context.get_current_heads():
            context.stamp(scripts, _revision(before))  # made before Alembic kept account
        context.run_migrations(schema=_quoted(database))


def _tell_version(*, ctx: MigrationContext, step: Any, run_args: dict[str, str], **_: Any) -> None:
    """In the journal's own table too, which every version of Perdure reads."""
    number = int(step.up_revision_id)
    ctx.impl.execute(f"UPDATE {run_args['schema']}.journal SET schema_version = {number}")


def _revision(version: int) -> str:
    return f"{version:04}"


def _check_free(connection: Connection, database: Database) -> None:
    """No engine owns the journal, and none takes it before this transaction ends."""
    connection.execute(_lock(TAKING, database))
    query = OWNER.format(schema=_quoted(database)).encode()
    row = connection.execute(query).fetchone()
    if row is not None:
        raise JournalInUse(
            f"{database.shown}: {row[0]} owns the journal; stop every engine on it, then migrate; "
            "nothing was changed"
        )


def _connection(database: Database) -> Connection:
    connection = database.connect("migration")
    connection.autocommit = False
    return connection


def _quoted(database: Database) -> str:
    return sql.Identifier(database.schema).as_string(None)


def _lock(key: int, database: Database) -> bytes:
    name = sql.Literal(database.schema).as_string(None)
    return LOCK.format(key=key, schema=name).encode()
