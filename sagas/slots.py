"""Slots: how many attempts run at once, in the engine and of one activity.

A slot is taken before ActivityStarted is recorded, so that what is recorded as started runs. Who
finds none waits in line, first come first served within its activity.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from perdure.sagas.activity import Activity

Granted = Callable[[], bool]


class Slots:
    """Bounded concurrency. `grant` of a waiting one is called from `release`, in line."""

    __slots__ = ("_free", "_lines", "_running", "closed")

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._running: dict[str, int] = {}
        self._lines: dict[str, tuple[Activity[..., Any], deque[Granted]]] = {}
        self.closed = False

    def take(self, activity: Activity[..., Any]) -> bool:
        """Takes a slot if one is free and nobody waits for it before us."""
        if activity.name in self._lines or not self._fits(activity):
            return False
        self._occupy(activity)
        return True

    def wait(self, activity: Activity[..., Any], granted: Granted) -> None:
        """Calls `granted` with the slot taken, later; it answers False if it has no use for it."""
        line = self._lines.get(activity.name)
        if line is None:
            self._lines[activity.name] = line = (activity, deque())
        line[1].append(granted)

    def release(self, activity: Activity[..., Any]) -> None:
        """Gives a slot back, without handing it on yet: see `hand_on`."""
        self._free += 1
        if activity.concurrency is not None:
            self._running[activity.name] -= 1

    def hand_on(self) -> None:
        """Gives free slots to those that wait. After `release`, once its holder has gone on."""
        if not self._lines:
            return
        for name in list(self._lines):
            activity, line = self._lines[name]
            while line and self._fits(activity):
                self._occupy(activity)
                if not line.popleft()():
                    self.release(activity)
            if not line:
                del self._lines[name]

    def _fits(self, activity: Activity[..., Any]) -> bool:
        if self.closed or self._free <= 0:
            return False
        limit = activity.concurrency
        return limit is None or self._running.get(activity.name, 0) < limit

    def _occupy(self, activity: Activity[..., Any]) -> None:
        self._free -= 1
        if activity.concurrency is not None:
            self._running[activity.name] = self._running.get(activity.name, 0) + 1
