"""The checks of a journal in PostgreSQL: of its server, the way there, its tables, and the work.

Read-only by the session itself, so that they may run beside an engine. A check that cannot be done
says so as its finding, and the others go on; only a server that is not reached ends them all.
"""

from collections.abc import Callable, Iterator

import psycopg

from perdure.domain.errors import JournalError, NotAJournal
from perdure.infrastructure.keeping import Finding, failed, ok
from perdure.infrastructure.postgres import schema
from perdure.infrastructure.postgres.checkup import access, contents, server, work
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.translation import translated, translation

Check = Callable[[Connection, Statements], Iterator[Finding]]

OF_SERVER: tuple[Check, ...] = (server.version, server.settings, server.connections, server.clock)
OF_JOURNAL: tuple[Check, ...] = (
    access.rights,
    contents.objects,
    contents.vacuum,
    work.leases,
    work.unfinished_work,
    contents.size,
)
PARTS: tuple[Check, ...] = (contents.last_positions, contents.last_streams)
WHOLE: tuple[Check, ...] = (contents.all_positions, contents.all_streams, contents.all_rows)


def examination(database: Database, *, everything: bool) -> list[Finding]:
    """All findings. Raises JournalUnavailable when there is no connection."""
    statements = Statements(database.schema)
    with (
        translated(database.shown, "examining"),
        database.connect("doctor") as connection,
    ):
        connection.execute("SET default_transaction_read_only = on")
        found = [access.pooler(database)]
        found += findings(OF_SERVER, connection, statements, database)
        current = version(connection, database)
        found.append(current)
        if not current.next_step:
            checks = (*OF_JOURNAL, *(WHOLE if everything else PARTS))
            found += findings(checks, connection, statements, database)
    return found


def findings(
    checks: tuple[Check, ...], connection: Connection, statements: Statements, database: Database
) -> Iterator[Finding]:
    for check in checks:
        try:
            yield from check(connection, statements)
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise
            name = check.__name__.replace("_", " ")
            told = str(translation(database.shown, f"looking at {name}", error))
            yield failed(name, "could not be looked at", told)


def version(connection: Connection, database: Database) -> Finding:
    name = "schema version"
    try:
        schema.check(connection, database.shown, database.schema)
    except NotAJournal as error:
        return failed(name, "not the one that this Perdure needs", str(error))
    except psycopg.Error as error:
        told: JournalError = translation(database.shown, "looking at its version", error)
        return failed(name, "could not be looked at", str(told))
    return ok(name, str(schema.SCHEMA_VERSION))
