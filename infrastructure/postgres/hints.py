"""Hints to others: that something was stored. Sent rarely, and only while others may be waiting.

NOTIFY takes a lock of the whole database when it commits, so it is in no transaction of the
journal's: a thread of its own sends one for many changes.
"""

import threading
from contextlib import suppress

import psycopg

from perdure.infrastructure.clock import SteadyClock
from perdure.infrastructure.postgres.connection import Database
from perdure.infrastructure.postgres.ear import hint
from perdure.infrastructure.postgres.link import Link

NEVER = float("-inf")
VISIT_SECONDS = 30.0
RECENT_SECONDS = 2.0  # longer than a visit takes to be heard
APART_SECONDS = 0.003


class Hints:
    """Told of visits and of changes from any thread; the first change after a visit starts it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = SteadyClock()
        self._visited = self._stored = NEVER
        self._starting = threading.Lock()
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def visited(self) -> None:
        """Somebody is there who may wait for news; of what was stored just now too."""
        now = self._clock.seconds()
        before, self._visited = self._visited, now
        if now - before >= VISIT_SECONDS and now - self._stored < RECENT_SECONDS:
            self._tell()

    def changed(self) -> None:
        """Something was stored that others may wait for."""
        self._stored = self._clock.seconds()
        if self._stored - self._visited < VISIT_SECONDS:
            self._tell()

    def _tell(self) -> None:
        with self._starting:
            if self._thread is None:
                name = f"{self._database.shown} (telling)"
                self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
                self._thread.start()
        self._changed.set()

    def _serve(self) -> None:
        link = Link(self._database, "telling")
        while True:
            self._changed.wait()
            if self._ended.is_set():
                link.close()
                return
            self._changed.clear()
            with suppress(psycopg.Error):  # others look after a while all the same
                hint(link.connection(), self._database.schema, "news")
            self._ended.wait(APART_SECONDS)

    def close(self) -> None:
        """Lets the thread end. Idempotent."""
        self._ended.set()
        self._changed.set()
