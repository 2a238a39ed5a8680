"""An ear: a thread that listens to hints on a connection of its own, and tells the news.

Hints are sent on a channel for each kind. One may be lost, with the connection or before it was
there: whoever listens looks again after a while all the same.
"""

import threading
from collections.abc import Callable

import psycopg
from psycopg import sql

from perdure.infrastructure.postgres.connection import Connection, Database

LOOK_SECONDS = 0.5  # for the end of the thread
AGAIN_SECONDS = 0.5
CONNECTED = "connected"  # what is heard when it begins to listen, now or again
QUIET_LOOKS = 20  # without a hint, after which the server is asked whether it is there


class Ear:
    """Started when made. `heard` is called in the thread, with the channel's kind.

    `call` is the kind of a hint that it sends itself when it begins to listen.
    """

    def __init__(
        self,
        database: Database,
        kinds: tuple[str, ...],
        heard: Callable[[str], None],
        *,
        call: str | None = None,
    ) -> None:
        self._ended = threading.Event()
        arguments = (database, kinds, heard, call, self._ended)
        name = f"{database.shown} (hints)"
        self._thread = threading.Thread(target=listen, args=arguments, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Lets the thread end soon. Idempotent."""
        self._ended.set()

    def __del__(self) -> None:
        self._ended.set()


def channel(schema: str, kind: str) -> str:
    return f"{schema}.{kind}"[:63]


def listen(
    database: Database,
    kinds: tuple[str, ...],
    heard: Callable[[str], None],
    call: str | None,
    ended: threading.Event,
) -> None:
    """The body of the thread."""
    by_channel = {channel(database.schema, kind): kind for kind in kinds}
    while not ended.is_set():
        try:
            with database.connect("hints") as connection:
                for name in by_channel:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(name)))
                if call is not None:
                    hint(connection, database.schema, call)
                heard(CONNECTED)  # something may have been sent before
                quiet = 0
                while not ended.is_set():
                    quiet += 1
                    for notified in connection.notifies(timeout=LOOK_SECONDS):
                        quiet = 0
                        heard(by_channel[notified.channel])
                        if ended.is_set():
                            break
                    if quiet == QUIET_LOOKS:
                        connection.execute("SELECT")
                        quiet = 0
        except psycopg.Error:  # it comes back; until then the net below is enough
            ended.wait(AGAIN_SECONDS)


def hint(connection: Connection, schema: str, kind: str) -> None:
    """Sends one; in no transaction, since it takes a lock of the whole database at its commit."""
    connection.execute("SELECT pg_notify(%s, '')", (channel(schema, kind),), prepare=True)
