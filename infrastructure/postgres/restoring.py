"""A new incarnation of a journal that was restored from a backup: every runner of before is fenced.

Its number is the database's time, so that the epochs that are given from it are greater than all
that were given before, also in what happened after the backup and is lost: nobody knows how many
those were, and another restore of the same backup gets others.
"""

from perdure.infrastructure.postgres import schema
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.lease import TAKING
from perdure.infrastructure.postgres.log import Statements

EPOCH_BITS = 28  # so many takeovers fit in one second's number, and numbers for 1,000 years

# As a takeover: who appends now is waited for, since it holds its writer's row.
MOVE = "UPDATE {schema}.runner_writer SET moves = moves + 1"
BEGIN = """
    UPDATE {schema}.journal
    SET incarnation = greatest(incarnation + 1, extract(epoch FROM clock_timestamp())::bigint)
    RETURNING incarnation
"""
FREE = f"""
    UPDATE {{schema}}.shard_lease
    SET owner = NULL, epoch = greatest(epoch + 1, %s::bigint << {EPOCH_BITS})
"""
RUNNERS = "DELETE FROM {schema}.runner RETURNING place"
WRITERS = "DELETE FROM {schema}.runner_writer"


def begin_anew(connection: Connection, database: Database) -> tuple[int, list[str]]:
    """The new incarnation, and who the fenced runners were. Raises NotAJournal."""
    statements = Statements(database.schema)
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (TAKING, database.schema)
        )
        schema.check(connection, database.shown, database.schema)
        connection.execute(statements.of(MOVE))
        [(incarnation,)] = connection.execute(statements.of(BEGIN)).fetchall()
        connection.execute(statements.of(FREE), (incarnation,))
        places = connection.execute(statements.of(RUNNERS)).fetchall()
        connection.execute(statements.of(WRITERS))
    return int(incarnation), [str(place) for (place,) in places]
