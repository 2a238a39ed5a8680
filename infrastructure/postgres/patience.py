"""Connections that wait for a server, but not for ever: one that falls silent is closed.

TCP notices a peer that is gone, not one that takes everything and says nothing: a proxy whose other
side is lost, a server whose disk stands still. What was asked then counts as not acknowledged.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

RV = TypeVar("RV")

SILENCE_SECONDS = 10.0  # where nothing else is said
LOOK_SECONDS = 0.1


class Silent(psycopg.OperationalError):
    """The server has said nothing for too long; the connection is closed."""


class PatientConnection(psycopg.Connection[tuple[Any, ...]]):
    """`silence_seconds` is how long a statement may go without a word from the server."""

    silence_seconds = SILENCE_SECONDS

    def wait(
        self, gen: PQGen[RV], interval: float = LOOK_SECONDS, timeout: float | None = None
    ) -> RV:
        """As psycopg's, which looks up at each interval. Raises Silent.

        Who waits for hints has a timeout of their own: silence is as it should be then.
        """
        if timeout is not None:
            return super().wait(gen, interval, timeout=timeout)
        try:
            return super().wait(within(gen, self.silence_seconds, interval), interval)
        except Silent:
            self.close()
            raise


def within(gen: PQGen[RV], silence_seconds: float, interval: float) -> PQGen[RV]:
    """The same, until so many looks in a row found nothing.

    Looks are counted and no clock is asked: that costs nothing where the server answers, and a
    process that was frozen meanwhile does not take its own silence for the server's.
    """
    looks = 0
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            looks = 0 if ready else looks + 1
            if looks * interval >= silence_seconds:
                raise Silent(f"the server has said nothing for {silence_seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        value: RV = done.value
        return value
