"""Slots: how many attempts run at once, in the engine and of one activity.

A slot is taken before the start is recorded, so that what is recorded as started runs. Who finds
none waits in line, first come first served within its activity; the lines take turns.
Compensations have lines of their own; nothing that holds a slot waits for another one.
"""

from collections import deque
from collections.abc import Callable

from perdure.sagas.stage import Runnable

Granted = Callable[[], bool]


class Slots:
    """Bounded concurrency. `grant` of a waiting one is called from `release`, in line.

    Counted by object: an activity's compensation has a concurrency of its own.
    """

    __slots__ = ("_free", "_lines", "_running", "closed")

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._running: dict[Runnable, int] = {}
        self._lines: dict[Runnable, deque[Granted]] = {}
        self.closed = False

    def take(self, wanted: Runnable) -> bool:
        """Takes a slot if one is free and nobody waits for it before us."""
        if wanted in self._lines or not self._fits(wanted):
            return False
        self._occupy(wanted)
        return True

    def wait(self, wanted: Runnable, granted: Granted) -> None:
        """Calls `granted` with the slot taken, later; it answers False if it has no use for it."""
        line = self._lines.get(wanted)
        if line is None:
            self._lines[wanted] = line = deque()
        line.append(granted)

    def release(self, holder: Runnable) -> None:
        """Gives a slot back, without handing it on yet: see `hand_on`."""
        self._free += 1
        if holder.concurrency is not None:
            self._running[holder] -= 1

    def hand_on(self) -> None:
        """Gives free slots to those that wait. After `release`, once its holder has gone on."""
        served = bool(self._lines)
        while served and self._free > 0:
            served = False
            for wanted in list(self._lines):
                served |= self._serve(wanted)

    def _serve(self, wanted: Runnable) -> bool:
        """Grants one slot to a line, which then goes behind the others."""
        line, granted = self._lines[wanted], False
        while line and not granted and self._fits(wanted):
            self._occupy(wanted)
            granted = line.popleft()()
            if not granted:
                self.release(wanted)
        if not line:
            del self._lines[wanted]
        elif granted:
            self._lines[wanted] = self._lines.pop(wanted)
        return granted

    def _fits(self, wanted: Runnable) -> bool:
        if self.closed or self._free <= 0:
            return False
        limit = wanted.concurrency
        return limit is None or self._running.get(wanted, 0) < limit

    def _occupy(self, wanted: Runnable) -> None:
        self._free -= 1
        if wanted.concurrency is not None:
            self._running[wanted] = self._running.get(wanted, 0) + 1
