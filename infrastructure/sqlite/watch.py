"""Whether others write to the file: what its data version tells the connection that writes.

It is asked in the writer's thread, after every flush, and in between when there is none for a
while. Others get their turn: while one has been seen lately, a flush begins a moment after the one
before. Without that moment clients starve: SQLite's lock is handed to nobody, it is only free.
"""

import sqlite3
import threading

from perdure.infrastructure.clock import SystemClock
from perdure.infrastructure.news import News

LOOK_SECONDS = 0.02
SEEN_MICROSECONDS = 1_000_000
PAUSE_MICROSECONDS = 500


def data_version(connection: sqlite3.Connection) -> int:
    """Another number whenever another connection has written since."""
    [version] = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


class Watch:
    """For one connection; `news` tells when somebody else has written."""

    __slots__ = ("_clock", "_flushed", "_looked", "_never", "_seen", "_version", "news")

    def __init__(self) -> None:
        self.news = News()
        self._clock = SystemClock()
        self._version: int | None = None
        self._looked = self._flushed = self._seen = 0
        self._never = threading.Event()

    def look(self, connection: sqlite3.Connection) -> None:
        """Asks for the version; in the thread of the connection."""
        version, self._looked = data_version(connection), self._clock.now()
        if version != self._version:
            if self._version is not None:
                self._seen = self._looked
            self._version = version
            self.news.tell()

    def flushed(self, connection: sqlite3.Connection) -> None:
        """To be called after every flush."""
        self.look(connection)
        self._flushed = self._looked

    def give_way(self) -> None:
        """To be called before every flush."""
        if self._seen:
            now = self._clock.now()
            if now - self._seen > SEEN_MICROSECONDS:
                self._seen = 0
            elif (left := self._flushed + PAUSE_MICROSECONDS - now) > 0:
                self._never.wait(left / 1_000_000)

    @property
    def is_due(self) -> bool:
        """Whether nobody has looked for a while."""
        return self._clock.now() - self._looked > LOOK_SECONDS * 900_000
