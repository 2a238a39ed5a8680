"""What a role that runs engines and clients needs of a journal in PostgreSQL, and nothing more.

Events can be read and appended by it, never changed or removed. `checkup` looks whether a role has
it; who makes and migrates journals is their owner.
"""

from psycopg import sql

from perdure.domain.errors import JournalError
from perdure.infrastructure.postgres.connection import Connection, Database

# By table, as PostgreSQL names rights. A lock of a row needs the right to change it.
RIGHTS = {
    "journal": ("SELECT",),
    "events": ("SELECT", "INSERT"),
    "executions": ("SELECT", "INSERT", "UPDATE"),
    "mailbox": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "runner": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "runner_writer": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "shard_lease": ("SELECT", "UPDATE"),
}
MARK = ("journal", "encrypted")  # the one column there that engines and clients with keys set
FORBIDDEN = ("UPDATE", "DELETE", "TRUNCATE")  # on events
SEQUENCE = "events_notification_id_seq"  # whose last number the readers of `eventsourcing` ask for


def granting(database: Database, role: str) -> list[str]:
    """The statements that give the role its rights, and take what else it was given before."""
    schema = sql.Identifier(database.schema).as_string(None)
    name = sql.Identifier(role).as_string(None)
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}",
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
    ]
    for table, rights in RIGHTS.items():
        statements.append(f"GRANT {', '.join(rights)} ON {schema}.{table} TO {name}")
    table, column = MARK
    statements.append(f"GRANT UPDATE ({column}) ON {schema}.{table} TO {name}")
    statements.append(f"GRANT SELECT ON SEQUENCE {schema}.{SEQUENCE} TO {name}")
    statements.append(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {name}")
    return statements


def grant(connection: Connection, database: Database, role: str) -> None:
    """In one transaction. Raises JournalError when there is no such role."""
    check_role(connection, database, role)
    with connection.transaction():
        for statement in granting(database, role):
            connection.execute(statement.encode())


def check_role(connection: Connection, database: Database, role: str) -> None:
    found = connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,))
    if found.fetchone() is None:
        raise JournalError(
            f"{database.shown}: there is no role {role!r}; make it (CREATE ROLE), then grant again"
        )
