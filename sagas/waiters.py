"""Who waits for the end of which execution, in this process."""

import asyncio
from typing import TypeAlias

from perdure.domain.errors import EngineStopped, ExecutionParked
from perdure.domain.events import Terminal

Waiter: TypeAlias = asyncio.Future[Terminal]


class Waiters:
    """Futures by execution id; each is told once, when the end is durable."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[str, list[tuple[Waiter, bool]]] = {}

    def add(self, execution_id: str, *, raise_when_parked: bool) -> Waiter:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._by_id.setdefault(execution_id, []).append((waiter, raise_when_parked))
        return waiter

    def remove(self, execution_id: str, waiter: Waiter) -> None:
        kept = [entry for entry in self._by_id.get(execution_id, ()) if entry[0] is not waiter]
        if kept:
            self._by_id[execution_id] = kept
        else:
            self._by_id.pop(execution_id, None)

    def has(self, execution_id: str) -> bool:
        """Whether somebody waits for this one."""
        return execution_id in self._by_id

    def ended(self, execution_id: str, end: Terminal) -> None:
        for waiter, _ in self._by_id.pop(execution_id, ()):
            if not waiter.done():
                waiter.set_result(end)

    def parked(self, execution_id: str, error: ExecutionParked) -> None:
        for waiter, raise_when_parked in list(self._by_id.get(execution_id, ())):
            if raise_when_parked and not waiter.done():
                waiter.set_exception(error)

    def stop(self) -> None:
        for execution_id, entries in self._by_id.items():
            for waiter, _ in entries:
                if not waiter.done():
                    waiter.set_exception(EngineStopped(execution_id))
        self._by_id.clear()
