"""Whether a connection is a session: a pooler in transaction mode lends out a server's process.

Behind one, hints are heard by nobody, prepared statements and settings turn up with somebody else.
It shows in no setting, so two connections ask again and again which process answers them.
"""

from contextlib import closing

from perdure.infrastructure.errors import TransactionPooling
from perdure.infrastructure.postgres.connection import Connection, Database

WHO = "SELECT pg_backend_pid(), pg_postmaster_start_time()"
# Whether what was given back last is lent first, or last: one of two that ask so is found out. More
# than once, since a pooler that is slow to take one back lends another meanwhile.
ORDER = "abaabb" * 4


def check(database: Database) -> None:
    """Raises TransactionPooling, and psycopg's errors. For opening: it makes two connections."""
    with closing(database.plain("opening")) as one, closing(database.plain("opening")) as other:
        asking: dict[str, Connection] = {"a": one, "b": other}
        answers = {(name, asked(asking[name])) for name in ORDER}
        processes = {process for _, process in answers}
        if len(answers) > len(asking) or len(processes) < len(asking):
            raise TransactionPooling(
                f"{database.shown}: a pooler in transaction mode stands before the server; Perdure "
                "needs sessions of its own: name the server itself, or a pool in session mode"
            )


def asked(connection: Connection) -> tuple[object, ...]:
    """The process behind it just now. Not prepared, which a pooler may take badly."""
    [who] = connection.execute(WHO, prepare=False).fetchall()
    return who
