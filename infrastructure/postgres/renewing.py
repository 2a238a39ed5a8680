"""Renewing: keeps a lease in a thread of its own, however long the event loop is busy.

It says until when the lease is ours for sure; an engine looks at that before it does anything.
"""

import threading
from collections.abc import Callable

import psycopg

from perdure.infrastructure.clock import ServerClock
from perdure.infrastructure.postgres import lease
from perdure.infrastructure.postgres.connection import Database
from perdure.infrastructure.postgres.link import Link
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.translation import translation

AGAIN_SECONDS = 0.5


class Renewing:
    """Of one tenure; started when made. `until` is by `now`, a clock that does not jump."""

    def __init__(
        self,
        database: Database,
        runner: str,
        lease_seconds: float,
        *,
        begun: float,
        now: Callable[[], float],
        clock: ServerClock,
    ) -> None:
        self.until = begun + lease_seconds * 2 / 3
        self.over = False  # the database says so
        self.trouble = ""  # why it could not be renewed last time
        self._database = database
        self._runner = runner
        self._seconds = lease_seconds
        self._now = now
        self._clock = clock
        self._ended = threading.Event()
        name = f"{database.shown} (renewing)"
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def close(self) -> None:
        """Lets the thread end. Idempotent."""
        self._ended.set()

    def _serve(self) -> None:
        pause = self._seconds / 3
        purpose = lease.connection_of(self._runner).removeprefix("perdure ")
        link = Link(self._database.with_patience(pause), purpose)
        statements = Statements(self._database.schema)
        while not self._ended.wait(pause) and not self.over:
            begun = self._now()
            try:
                told = lease.renew(link.connection(), statements, self._runner, self._seconds)
            except psycopg.Error as error:  # until it is over, which the engine tells of
                self.trouble = str(translation(self._database.shown, "renewing the lease", error))
                pause = min(AGAIN_SECONDS, self._seconds / 10)
                continue
            pause, self.trouble = self._seconds / 3, ""
            if told is None or self._now() >= self.until:
                # Also when the answer comes too late: what was not begun meanwhile, since the lease
                # was not held, is begun by nobody unless its loss is told.
                self.over = True
            else:
                self._clock.told(told)
                self.until = begun + self._seconds * 2 / 3
        link.close()
