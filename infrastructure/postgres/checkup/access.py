"""Checks of the way to the journal: whether a session lasts, and what the role may do."""

from collections.abc import Iterator

from psycopg import sql

from perdure.infrastructure.errors import TransactionPooling
from perdure.infrastructure.keeping import Finding, failed, ok, warning
from perdure.infrastructure.postgres import pooling
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.granting import FORBIDDEN, MARK, RIGHTS
from perdure.infrastructure.postgres.log import Statements

MAY = "SELECT has_table_privilege(%s::regclass, %s)"
MAY_MARK = "SELECT has_column_privilege(%s::regclass, %s, 'UPDATE')"
FUNCTIONS = """
    SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_catalog.pg_proc
    WHERE proname = 'append' AND pronamespace = %s::regnamespace
"""


def pooler(database: Database) -> Finding:
    """Whether its connections are sessions, as whoever opens the journal looks."""
    try:
        pooling.check(database)
    except TransactionPooling:
        return failed(
            "connection",
            "a pooler stands between, and shares sessions out: hints get lost",
            "set the pooler to session mode, or name the server itself",
        )
    return ok("connection", "a session of its own")


def rights(connection: Connection, statements: Statements) -> Iterator[Finding]:
    """What an engine needs, for the role that is connected; and that events stay as they are."""
    missing = [
        f"{right} on {table}"
        for table, needed in RIGHTS.items()
        for right in needed
        if not may(connection, statements, table, right)
    ]
    quoted = sql.Identifier(statements.schema).as_string(None)
    table, column = MARK
    marked = connection.execute(MAY_MARK, (f"{quoted}.{table}", column)).fetchall()
    if marked != [(True,)]:
        missing.append(f"UPDATE ({column}) on {table}")
    [(callable_,)] = connection.execute(FUNCTIONS, (quoted,)).fetchall()
    if callable_ is False:
        missing.append("EXECUTE on append")
    [(role,)] = connection.execute("SELECT current_user").fetchall()
    if missing:
        yield failed(
            "rights",
            f"{role} lacks {', '.join(missing)}, as an engine needs it",
            f"by the owner of the journal: perdure migrate --grant {role}",
        )
    else:
        yield ok("rights", f"{role} has what an engine needs")
    beyond = [right for right in FORBIDDEN if may(connection, statements, "events", right)]
    if beyond:
        yield warning(
            "events are safe",
            f"{role} may {', '.join(beyond)} what has happened",
            "run engines and clients by a role of their own: perdure migrate --grant ROLE",
        )
    else:
        yield ok("events are safe", f"{role} can neither change nor remove one")


def may(connection: Connection, statements: Statements, table: str, right: str) -> bool:
    name = sql.Identifier(statements.schema, table).as_string(None)
    [(answer,)] = connection.execute(MAY, (name, right)).fetchall()
    return bool(answer)
