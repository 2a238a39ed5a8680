"""A connection that comes back: what a thread holds where the server may go away and return."""

from collections.abc import Callable

import psycopg

from perdure.infrastructure.postgres import pooling
from perdure.infrastructure.postgres.connection import Connection, Database


class Link:
    """For one thread. `prepare` is done with every new connection."""

    __slots__ = ("_connection", "_database", "_prepare", "_purpose")

    def __init__(
        self,
        database: Database,
        purpose: str,
        prepare: Callable[[Connection], None] | None = None,
    ) -> None:
        self._database = database
        self._purpose = purpose
        self._prepare = prepare
        self._connection: Connection | None = None

    def opened(self) -> "Link":
        """The same, for the first of those who open a journal. Raises TransactionPooling too."""
        pooling.check(self._database)
        return self.connected()

    def connected(self) -> "Link":
        """The same, with a connection. Raises psycopg's errors."""
        self.connection()
        return self

    def connection(self) -> Connection:
        """The connection, a new one if the last was lost. Raises psycopg's errors."""
        known = self._connection
        if known is not None and not known.closed and not known.broken:
            return known
        self.close()
        connection = self._database.connect(self._purpose)
        try:
            if self._prepare is not None:
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def is_lost(self, error: psycopg.Error) -> bool:
        """Whether the connection went with this error: nobody can say what was done."""
        known = self._connection
        gone = known is None or known.closed or known.broken
        return gone or (error.sqlstate or "08")[:2] in ("08", "57")

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of it. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
