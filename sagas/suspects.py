"""Suspects: attempts that were in flight at two deaths of their runner in a row.

Each may be what kills it, or only have been beside it. They are tried again one at a time, so that
only the one that kills its runner alone is parked; all others go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from perdure.domain.events import RecordedError
from perdure.domain.records import ActivityRecord, CompensationRecord

SUSPECT_AFTER_CRASHES = 2
INNOCENT_AFTER_SECONDS = 1.0  # one that runs for longer no longer keeps the others waiting
FORGOTTEN_AFTER_SECONDS = 5.0  # nor does one that has not been issued by then

Key: TypeAlias = tuple[str, int]
Begin: TypeAlias = Callable[[], bool]


def is_suspect(record: ActivityRecord | CompensationRecord) -> bool:
    """Whether its next attempt is to run as the only one of its kind."""
    return record.crashes >= SUSPECT_AFTER_CRASHES


def is_guilty(record: ActivityRecord | CompensationRecord) -> bool:
    """Whether the attempt that has just crashed was the only suspect in flight."""
    return record.alone and is_suspect(record)


def verdict(name: str, record: ActivityRecord | CompensationRecord) -> RecordedError:
    """Why it is parked."""
    text = (
        f"its runner died {record.crashes + 1} times in a row while {name} was in flight, the last "
        "time with no other suspect beside it; see to what it does to its process, then resume"
    )
    return RecordedError(type="Crash", text=text)


class Suspects:
    """Lets one suspect of an engine begin at a time."""

    __slots__ = ("_current", "_line", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._current: Key | None = None
        self._line: deque[tuple[Key, Begin]] = deque()

    def line_up(self, key: Key, begin: Begin) -> None:
        """Calls `begin` when it is its turn; it answers False if it has no use for it any more."""
        self._line.append((key, begin))
        if self._current is None:
            self._next()

    def begun(self, key: Key) -> None:
        """It was issued: if it kills its runner, it does so now."""
        self._loop.call_later(INNOCENT_AFTER_SECONDS, self.through, key)

    def through(self, key: Key) -> None:
        """It has ended, or runs for long: the next one."""
        if self._current == key:
            self._current = None
            self._next()

    def _next(self) -> None:
        while self._line and self._current is None:
            key, begin = self._line.popleft()
            self._current = key
            # It may wait for a slot, or be dismissed before it is issued.
            self._loop.call_later(FORGOTTEN_AFTER_SECONDS, self.through, key)
            if not begin():
                self._current = None
